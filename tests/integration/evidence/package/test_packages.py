"""Packages as a stranger gets them: made over real servers, accepted by foreign tools, refused where they must be."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography import x509
from sqlalchemy import select, text

from evidence import clock
from evidence.completeness.claims import Verdict
from evidence.custody import ledger
from evidence.errors import NoFolder, NotFound
from evidence.identifiers import new_id
from evidence.models import Incident, Rendition
from evidence.outside import book
from evidence.package.check import check
from evidence.package.errors import BytesDiffer, DoesNotHold, NameTaken, NothingToPackage, NotWritten, NotYetInLog
from evidence.package.make import Order, begin, make, stream
from evidence.sequencing.numbering import halt
from evidence.tlog.checkpoint import parse_checkpoint
from evidence.tlog.note import Algorithm, parse_note
from evidence.tlog.policy import parse_policy
from evidence.tlog.signing import SigningKey, cosign
from evidence.vocabulary import IncidentKind
from tests.integration.evidence.package.conftest import COPY, MAKER, MASTER, Scene
from tests.integration.evidence.package.test_reports_held import rewrite_history
from tests.support.authority import Authority, served

NOTHING_OF_OURS = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}


def run(*words: str | Path, cwd: Path | None = None) -> str:
    """Run a program that is not ours; what it said, when it said yes."""
    done = subprocess.run(
        [*map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=60, check=False, env=NOTHING_OF_OURS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_package_is_proved_and_foreign_tools_accept_it(scene: Scene, tmp_path: Path) -> None:
    first, second = scene.recording(), scene.recording()
    out = tmp_path / "package"
    made = make(scene.world.house, Order(recordings=(first, second)), out, by=MAKER)

    checked = check(out, policy=parse_policy(scene.policy()))
    verdicts = {(each.claim, each.subject): each.verdict for each in checked.claims}
    not_proved = {claim for (claim, _), verdict in verdicts.items() if verdict is not Verdict.PROVED}
    assert not_proved == {"witnessed", "not_after"}, [each for each in checked.claims if each.claim in not_proved]
    assert checked.holds
    assert {each.exhibit.recording for each in made.found} == {first, second}

    assert (out / "data/exhibits/R0000001/master.mp4").read_bytes().startswith(MASTER)
    assert (out / "data/exhibits/R0000001/working-playback.mp4").read_bytes() == COPY
    run("sha256sum", "-c", "manifest-sha256.txt", cwd=out)
    run("sha512sum", "-c", "manifest-sha512.txt", "tagmanifest-sha512.txt", cwd=out)
    run(sys.executable, "-m", "bagit", "--validate", out)
    run(Path(sys.executable).parent / "case_validate", out / "custody" / "case.jsonld")
    policy = tmp_path / "policy"
    policy.write_bytes(scene.policy())
    told = json.loads(run("python3", "-I", out / "custody/verify.py", "--json", "--policy", policy, out))
    assert {(each["claim"], each["subject"]): each["verdict"] for each in told["claims"]} == {
        key: verdict.value for key, verdict in verdicts.items()
    }


def test_a_zip_file_and_a_stream_hold_what_a_folder_holds(scene: Scene, tmp_path: Path) -> None:
    recording = scene.recording()
    house = scene.world.house
    make(house, Order(recordings=(recording,)), tmp_path / "package", by=MAKER)
    make(house, Order(recordings=(recording,)), tmp_path / "package.zip", by=MAKER)
    streamed = tmp_path / "streamed.zip"
    streamed.write_bytes(b"".join(stream(house, begin(house, Order(recordings=(recording,)), by=MAKER))))
    policy = parse_policy(scene.policy())
    for path in (tmp_path / "package", tmp_path / "package.zip", streamed):
        assert check(path, policy=policy).holds, path
    with zipfile.ZipFile(streamed) as file:
        assert file.testzip() is None
    run("unzip", "-q", streamed, "-d", tmp_path / "out")
    [top] = (tmp_path / "out").iterdir()
    # Each making is an event: the later package has one proof more.
    assert {name for name in names_in(top) if "/proofs/" not in name} == {
        name for name in names_in(tmp_path / "package") if "/proofs/" not in name
    }


def test_others_vouch_for_it(scene: Scene, tmp_path: Path) -> None:
    """With an authority and a witness each claim is proved, and openssl says the same of the token."""
    authority, witness = Authority(tmp_path / "authority"), SigningKey.make("witness.example", Algorithm.COSIGNATURE)
    policy = scene.policy().replace(b"quorum none", f"witness w {witness.vkey().text()}\nquorum w".encode())
    chain = tmp_path / "chain.pem"
    chain.write_bytes(authority.chain())
    out, recording = tmp_path / "package", scene.recording()
    with served(authority) as url, witnessing(scene, witness):
        named = [{"name": "north", "url": url, "certificates": chain}]
        settings = type(scene.world.settings).model_validate(
            scene.world.settings.model_dump() | {"time_authorities": named}
        )
        house = replace(scene.world.house, settings=settings)
        make(house, Order(recordings=(recording,), policy=policy), out, by=MAKER)
    roots = tmp_path / "authority" / "root.pem"
    trusted = tuple(x509.load_pem_x509_certificates(roots.read_bytes()))
    checked = check(out, policy=parse_policy(policy), tsa_roots=trusted)
    found = {each.claim: (each.verdict, each.words) for each in checked.claims}
    assert found["witnessed"][0] is Verdict.PROVED, found
    assert found["not_after"][0] is Verdict.PROVED, found
    said = ("-data", "north.note", "-in", "north.tsr", "-untrusted", "north.pem", "-CAfile", roots)
    assert "Verification: OK" in run("openssl", "ts", "-verify", *said, cwd=out / "custody" / "tst")
    (tmp_path / "policy").write_bytes(policy)
    options = ("--policy", tmp_path / "policy", "--tsa-roots", roots, "--json")
    told = json.loads(run("python3", "-I", out / "custody/verify.py", *options, out))
    assert {each["claim"]: each["verdict"] for each in told["claims"]} == {
        claim: verdict.value for claim, (verdict, _) in found.items()
    }


@contextmanager
def witnessing(scene: Scene, key: SigningKey) -> Iterator[None]:
    """Somebody signs every new checkpoint, as the witnesses' thread would have it signed."""
    stop = threading.Event()

    def sign() -> None:
        signed: set[int] = set()
        while not stop.wait(0.1):
            with scene.world.house.writing() as session:
                newest = book.newest(session)
                if newest is not None and newest.size not in signed:
                    head = parse_checkpoint(parse_note(newest.note).text)
                    at = int(clock.now().timestamp())
                    book.keep_cosignatures(session, newest.size, [cosign(head, key, at)])
                    signed.add(newest.size)

    thread = threading.Thread(target=sign, name="witness of the test")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def test_it_is_recorded_before_anything_is_handed_out(scene: Scene, tmp_path: Path) -> None:
    recording = scene.recording()
    ready = begin(scene.world.house, Order(recordings=(recording,)), by=MAKER)
    with scene.world.house.reading() as session:
        last = ledger.history(session, recording)[-1]
    assert (last.type.value, last.facts) == ("package.made", {"package": str(ready.id), "exhibits": 1})
    shown = {json.loads(line)["seq"] for line in (b"".join(_events(ready))).splitlines()}
    assert len(shown) == last.subject_no + 1  # all of its events, and the head map's


def _events(ready: object) -> list[bytes]:
    from evidence.package.contents import events_jsonl

    return [events_jsonl(ready.contents.events)]  # type: ignore[attr-defined]


def test_an_erased_value_is_stated_as_erased_and_everything_else_holds(scene: Scene, tmp_path: Path) -> None:
    recording, out, policy = scene.recording(), tmp_path / "package", tmp_path / "policy"
    with scene.world.house.writing() as session:
        first = ledger.history(session, recording)[0]
        erased = ledger.erase_sealed(session, first.id, "actor", MAKER, because="DP/14/26")
    make(scene.world.house, Order(recordings=(recording,), names=True), out, by=MAKER)
    policy.write_bytes(scene.policy())
    said = (out / "custody/READ-ME-FIRST.txt").read_text("utf-8")
    assert f"the actor of event {first.id}, as event number" in said
    revealed = json.loads((out / "custody/revealed.json").read_bytes())
    assert "actor" not in revealed.get(str(first.id), {})
    assert revealed[str(erased.id)]["because"]["value"] == "DP/14/26"
    run("python3", "-I", out / "custody/verify.py", "--policy", policy, out)


def test_names_may_stay_sealed(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "sealed"
    make(scene.world.house, Order(recordings=(scene.recording(),), names=False), out, by=MAKER)
    assert json.loads((out / "custody/revealed.json").read_bytes()) == {}
    for path in ("custody/case.jsonld", "custody/READ-ME-FIRST.txt", "custody/contents.json"):
        assert b"CLIP0001" not in (out / path).read_bytes(), path
    assert check(out, policy=parse_policy(scene.policy())).holds


def test_a_recording_in_quarantine_goes_out_as_it_came(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "damaged"
    make(scene.world.house, Order(recordings=(scene.recording(quarantine="it ends early"),)), out, by=MAKER)
    assert names_in(out / "data") == {"exhibits/R0000001/master.mp4"}
    assert "it ends early" in (out / "custody/READ-ME-FIRST.txt").read_text()
    assert check(out, policy=parse_policy(scene.policy())).holds


def test_bytes_that_are_not_the_registered_ones_go_nowhere(scene: Scene, tmp_path: Path) -> None:
    recording, out = scene.recording(), tmp_path / "package"
    with scene.world.house.reading() as session:
        copy = session.scalars(select(Rendition).where(Rendition.recording_id == recording)).one()
    key = str(copy.key)
    scene.world.house.renditions.put_bytes(key, b"x" * int(copy.size or 0), content_type="video/mp4")
    with pytest.raises(BytesDiffer, match="SHA-256"):
        make(scene.world.house, Order(recordings=(recording,)), out, by=MAKER)
    _nothing_there(tmp_path)
    with scene.world.house.reading() as session:
        [incident] = session.scalars(select(Incident)).all()
    assert (incident.kind, incident.recording_id, incident.subject) == (IncidentKind.FIXITY_FAILED, recording, key)


def _nothing_there(folder: Path) -> None:
    assert list(folder.glob("*package*")) == []
    assert list(folder.glob(".*unfinished")) == []


@pytest.mark.parametrize(
    ("statement", "because"),
    [
        ("UPDATE master SET sha512 = repeat('ab', 64) WHERE id = :id", "master"),
        ("UPDATE rendition SET sha256 = repeat('ab', 32) WHERE recording_id = :id", "working"),
        ("UPDATE recording SET number = number + 7 WHERE id = :id", "registered it as"),
    ],
)
def test_a_package_that_would_contradict_itself_is_not_made(
    scene: Scene, tmp_path: Path, statement: str, because: str
) -> None:
    sound, recording, out = scene.recording(), scene.recording(), tmp_path / "package"
    with scene.world.house.writing() as session:
        session.execute(text(statement), {"id": recording})
    with pytest.raises(DoesNotHold, match=because):
        make(scene.world.house, Order(recordings=(sound, recording)), out, by=MAKER)
    _nothing_there(tmp_path)
    with scene.world.house.reading() as session:
        [incident] = session.scalars(select(Incident)).all()
    assert (incident.kind, incident.recording_id) == (IncidentKind.LOG_DISAGREES, recording)
    assert because in incident.reason
    with pytest.raises(DoesNotHold):
        begin(scene.world.house, Order(recordings=(recording,)), by=MAKER)
    make(scene.world.house, Order(recordings=(sound,)), out, by=MAKER)
    assert check(out, policy=parse_policy(scene.policy())).holds


def test_a_package_of_events_that_were_rewritten_is_not_made(scene: Scene, tmp_path: Path) -> None:
    recording = scene.recording()
    make(scene.world.house, Order(recordings=(recording,)), tmp_path / "before", by=MAKER)
    rewrite_history(scene, recording)
    with pytest.raises(DoesNotHold, match="included"):
        make(scene.world.house, Order(recordings=(recording,)), tmp_path / "package", by=MAKER)
    _nothing_there(tmp_path)


def test_what_cannot_be_made_is_said_in_a_sentence(scene: Scene, tmp_path: Path) -> None:
    house, recording = scene.world.house, scene.recording()
    with pytest.raises(NothingToPackage):
        make(house, Order(recordings=()), tmp_path / "a", by=MAKER)
    with pytest.raises(NothingToPackage):
        make(house, Order(recordings=(recording, recording)), tmp_path / "a", by=MAKER)
    with pytest.raises(NotFound):
        make(house, Order(recordings=(recording, new_id())), tmp_path / "a", by=MAKER)
    (tmp_path / "there.zip").write_bytes(b"mine")
    with pytest.raises(NameTaken):
        make(house, Order(recordings=(recording,)), tmp_path / "there.zip", by=MAKER)
    assert (tmp_path / "there.zip").read_bytes() == b"mine"
    with pytest.raises(NoFolder):
        make(house, Order(recordings=(recording,)), tmp_path / "no" / "such" / "folder", by=MAKER)
    with house.reading() as session:
        types = [each.type.value for each in ledger.history(session, recording)]
    assert "package.made" not in types


def test_a_full_disk_leaves_nothing(scene: Scene, small_disk: Path) -> None:
    recording = scene.recording()
    for name in ("package", "package.zip"):
        with pytest.raises(NotWritten, match="No space left"):
            make(scene.world.house, Order(recordings=(recording,)), small_disk / name, by=MAKER)
        assert list(small_disk.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 16 KiB, where this machine lets us have one."""
    where = tmp_path / "disk"
    where.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", where], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no file system of our own here")
    yield where  # type: ignore[misc]
    subprocess.run(["umount", where], check=True)


def test_without_a_sequencer_it_says_so(unkept: Scene, tmp_path: Path) -> None:
    order = Order(recordings=(unkept.recording(),), within=timedelta(seconds=0.5))
    with pytest.raises(NotYetInLog, match="continuity sequencer"):
        make(unkept.world.house, order, tmp_path / "package", by=MAKER)
    assert not (tmp_path / "package").exists()
    with unkept.world.house.writing() as session:
        halt(session, "the database holds 2 events of the log, and the store a signed checkpoint over 5")
    with pytest.raises(NotYetInLog, match="The log is halted: the database holds 2 events"):
        make(unkept.world.house, order, tmp_path / "package", by=MAKER)


def test_an_interrupted_stream_cannot_be_opened(scene: Scene) -> None:
    house = scene.world.house
    pieces = stream(house, begin(house, Order(recordings=(scene.recording(),)), by=MAKER))
    begun = b"".join(next(pieces) for _ in range(3))
    pieces.close()  # type: ignore[attr-defined]
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(begun))


def test_packages_that_are_made_at_once_are_all_whole(scene: Scene, tmp_path: Path) -> None:
    recording = scene.recording()
    failed: list[BaseException] = []

    def one(number: int, about: UUID) -> None:
        try:
            make(scene.world.house, Order(recordings=(about,)), tmp_path / f"{number}.zip", by=MAKER)
        except BaseException as error:  # noqa: BLE001 - told to the test, below
            failed.append(error)

    threads = [threading.Thread(target=one, args=(number, recording)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert not failed, failed
    for number in range(4):
        assert check(tmp_path / f"{number}.zip", policy=parse_policy(scene.policy())).holds
