"""A report says "proved" of nothing that was not checked: rows, lines and tokens that somebody wrote are told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from evidence import clock
from evidence.bootstrap import House
from evidence.completeness import fsck
from evidence.completeness.claims import Verdict
from evidence.completeness.recordings import verify_recording
from evidence.continuity.gather import Wanted
from evidence.continuity.report import make
from evidence.continuity.said import FactList, Report
from evidence.embedded import EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.incidents import Trouble, open_incident
from evidence.models import Master, Recording
from evidence.outside import book
from evidence.outside.stamping import Stamping
from evidence.package.check import check
from evidence.package.make import Order
from evidence.package.make import make as make_package
from evidence.sequencing.reading import log_head
from evidence.store import StoreKey
from evidence.store.s3 import connect
from evidence.tlog.checkpoint import parse_checkpoint
from evidence.tlog.note import Algorithm, parse_note
from evidence.tlog.policy import parse_policy
from evidence.tlog.signing import SigningKey, cosign
from evidence.vocabulary import IncidentKind
from tests.integration.evidence.package.conftest import MAKER, Scene
from tests.integration.evidence.package.test_commands import continuity
from tests.integration.evidence.package.test_reports import section, words
from tests.support.authority import Authority, served

REWRITE = """
ALTER TABLE custody.event DISABLE TRIGGER insert_only; ALTER TABLE custody.leaf DISABLE TRIGGER insert_only;
UPDATE custody.event SET leaf = :leaf, leaf_hash = :hash WHERE id = :id;
UPDATE custody.leaf SET leaf_hash = :hash WHERE ingest_no = (SELECT ingest_no FROM custody.event WHERE id = :id);
UPDATE custody.head SET leaf_hash = :hash WHERE subject = :subject AND n = :n;
ALTER TABLE custody.event ENABLE TRIGGER insert_only; ALTER TABLE custody.leaf ENABLE TRIGGER insert_only
"""
AT_ONCE = timedelta(0)
RUN = "SELECT id, leaf FROM custody.event WHERE subject = :subject ORDER BY subject_no"


def said_of(house: House, recording: UUID) -> Report:
    """The report as somebody gets it."""
    return make(house, Wanted(recording=recording, force="Testshire Police"), by=MAKER)


def bytes_of(report: Report) -> dict[str, str]:
    found = section(report, "The master: the bytes as they were received")
    assert isinstance(found, FactList)
    return dict(found.rows)


def doctor(scene: Scene, statement: str, **values: object) -> None:
    """Somebody with the database's password does this."""
    with scene.world.house.writing() as session:
        session.execute(text(statement), values)


def rewrite_history(scene: Scene, recording: UUID) -> None:
    """Whoever owns the tables gives the last event another actor, with every hash in the database beside it."""
    with scene.world.house.reading() as session:
        event, leaf = session.execute(text(RUN), {"subject": recording}).all()[-1]
    members = json.loads(bytes(leaf))
    members["actor"]["ref"] = "somebody else"
    body = json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    values = {"leaf": body, "hash": hashlib.sha256(b"\0" + body).digest(), "id": event, "subject": recording}
    for statement in REWRITE.split(";"):
        named = {name: value for name, value in {**values, "n": members["n"]}.items() if f":{name}" in statement}
        doctor(scene, statement, **named)


def test_a_sound_report_contradicts_nothing_and_tells_the_bytes_of_the_log(scene: Scene) -> None:
    report = said_of(scene.world.house, scene.recording())
    assert report.contradicted == ()
    assert "CONTRADICTED" not in words(report)
    assert "5 of the 5 lines above are events of the log" in words(report)
    assert "locked until" in bytes_of(report)["In the store now"]


def test_a_name_that_came_in_other_code_points_is_the_same_name(scene: Scene, tmp_path: Path) -> None:
    name = "Cafe\u0301 Zoe\u0308.mp4"  # as some file systems write it: letters and accents apart
    recording = scene.recording(name=name)
    with scene.world.house.reading() as session:
        assert session.get_one(Recording, recording).name_shown == name
    assert said_of(scene.world.house, recording).contradicted == ()
    out = tmp_path / "package"
    make_package(scene.world.house, Order(recordings=(recording,)), out, by=MAKER)
    assert check(out, policy=parse_policy(scene.policy())).holds
    doctor(scene, "UPDATE recording SET name_shown = 'Cafe.mp4'")
    assert any("another name" in each for each in said_of(scene.world.house, recording).contradicted)


def test_events_that_were_rewritten_are_not_said_to_be_proved(scene: Scene, tmp_path: Path) -> None:
    recording = scene.recording()
    said_of(scene.world.house, recording)  # published
    rewrite_history(scene, recording)
    report = said_of(scene.world.house, recording)
    assert report.sections[0].title == "CONTRADICTED"
    assert any("Not in the log that was signed: event" in each for each in report.contradicted), report.contradicted
    assert "lines above are events of the log of" not in words(report)
    out = tmp_path / "report.pdf"
    done = continuity(scene, "report", "R0000001", "--out", out)
    assert done.returncode == 1
    assert "CONTRADICTED" in done.stderr
    assert out.read_bytes().startswith(b"%PDF-")


@pytest.fixture
def stamped(scene: Scene, tmp_path: Path) -> Iterator[House]:
    """The scene's house with an authority and a witness in its settings."""
    authority = Authority(tmp_path / "authority")
    chain, policy = tmp_path / "chain.pem", tmp_path / "policy"
    chain.write_bytes(authority.chain())
    witness = SigningKey.make("witness.example", Algorithm.COSIGNATURE).vkey().text()
    policy.write_bytes(scene.policy().replace(b"quorum none", f"witness w {witness}\nquorum w".encode()))
    with served(authority) as url:
        named = {"time_authorities": [{"name": "north", "url": url, "certificates": chain}], "witness_policy": policy}
        settings = type(scene.world.settings).model_validate(scene.world.settings.model_dump() | named)
        yield replace(scene.world.house, settings=settings)


def test_a_witness_and_a_stamp_that_never_were_are_not_named(scene: Scene, stamped: House) -> None:
    recording = scene.recording()
    said_of(stamped, recording)
    doctor(
        scene,
        "INSERT INTO custody.tst (size, authority, query, token, gen_time)"
        " VALUES (100000000, 'freetsa', '\\x00', '\\x00', '2024-02-02')",
    )
    with scene.world.house.reading() as session:
        head = log_head(session)
    assert head is not None
    stranger = SigningKey.make("witness.cps.gov.uk/w1", Algorithm.COSIGNATURE)
    with scene.world.house.writing() as session:
        book.keep_cosignatures(session, head.size, [cosign(head, stranger, 1_700_000_000)])
    report = make(stamped, Wanted(recording=recording, force="x", size=head.size), by=MAKER, within=AT_ONCE)
    said = words(report)
    assert "cps.gov.uk" not in said
    assert "The time-stamp authority" not in said
    assert "by nobody whom the policy names as a witness" in said
    assert "no checkpoint of 100000000 events was published" in said
    # Whoever may add a row there makes no exhibit a doubtful one.
    assert report.contradicted == ()
    found = fsck.verify(stamped).of("stamped")
    assert found.verdict is Verdict.CONTRADICTED
    assert "freetsa" in found.words


def test_nothing_rests_on_a_line_that_a_listed_witness_did_not_sign(scene: Scene, stamped: House) -> None:
    recording = scene.recording()
    said_of(stamped, recording)
    assert stamped.settings.witness_policy is not None
    [line] = [each for each in stamped.settings.witness_policy.read_text().splitlines() if each.startswith("witness")]
    name, key_id = line.split()[2].split("+")[:2]
    with scene.world.house.reading() as session:
        head = log_head(session)
    assert head is not None
    other = SigningKey.make(name, Algorithm.COSIGNATURE)
    forged = replace(cosign(head, other, 1_700_000_000), key_id=bytes.fromhex(key_id))
    with scene.world.house.writing() as session:
        book.keep_cosignatures(session, head.size, [forged])
    report = make(stamped, Wanted(recording=recording, force="x", size=head.size), by=MAKER, within=AT_ONCE)
    said = words(report)
    assert "that do not hold, or are by nobody whom the policy names as a witness: 1." in said
    assert f"The witness {name}" not in said
    assert "does not hold" in fsck.verify(stamped).of("witnessed").words


def test_a_stamp_that_holds_is_named_and_proved(scene: Scene, stamped: House) -> None:
    recording = scene.recording()
    said_of(stamped, recording)
    [token] = Stamping(stamped, stamped.settings).tick(clock.now())
    assert parse_checkpoint(parse_note(token.note).text).size == token.size
    report = make(stamped, Wanted(recording=recording, force="x", size=token.size), by=MAKER, within=AT_ONCE)
    assert report.contradicted == ()
    assert f"The time-stamp authority north saw the log at {token.size} events" in words(report)
    assert fsck.verify(stamped).of("stamped").verdict is Verdict.PROVED
    # A system that names no authority any more: the token holds by what was kept with it, and proves nothing.
    assert fsck.verify(scene.world.house).of("stamped").verdict is Verdict.NOT_PROVED
    doctor(
        scene,
        "INSERT INTO custody.tst (size, authority, query, token, gen_time)"
        " SELECT size, 'south', query, token, gen_time FROM custody.tst",
    )
    assert "south" in fsck.verify(stamped).of("stamped").words


def test_the_facts_of_a_master_are_those_of_its_event(scene: Scene) -> None:
    recording = scene.recording()
    before = bytes_of(said_of(scene.world.house, recording))
    doctor(
        scene,
        "UPDATE master SET sha256 = repeat('ab', 32), verified_at = '2020-01-01', lock_until = '2099-01-01'"
        " WHERE id = :id",
        id=recording,
    )
    report = said_of(scene.world.house, recording)
    after = bytes_of(report)
    assert {**after, "Reached the store": ""} == {**before, "Reached the store": ""}
    against = " ".join(report.contradicted)
    assert "The register says of the master's SHA-256 abab" in against
    assert "until 2099-01-01" in against


def test_a_master_that_is_gone_is_told_and_so_is_an_open_incident(scene: Scene, s3_server: EmbeddedS3) -> None:
    recording = scene.recording()
    trouble = Trouble(
        kind=IncidentKind.FIXITY_FAILED, subject="x", reason="its bytes differ", advice="", recording_id=recording
    )
    with scene.world.house.writing() as session:
        open_incident(session, trouble, by=MAKER)
        master = session.get_one(Master, recording)
    report = said_of(scene.world.house, recording)
    assert report.contradicted == ()
    assert "its bytes differ" in words(report)
    admin = s3_server.credentials(Identity.ADMIN)
    client = connect(s3_server.endpoint, key=StoreKey(admin.access_key, admin.secret_key), region="us-east-1")
    client.delete_object(
        Bucket=master.bucket, Key=master.key, VersionId=master.version_id, BypassGovernanceRetention=True
    )
    report = said_of(scene.world.house, recording)
    assert bytes_of(report)["In the store now"] == "NOT FOUND"
    assert any("not where the register says" in each for each in report.contradicted)


def test_two_recordings_that_changed_their_numbers_are_contradicted(scene: Scene) -> None:
    one, two = scene.recording(), scene.recording()
    assert fsck.verify(scene.world.house).contradicted == ()
    doctor(scene, "UPDATE recording SET number = number + 100")
    doctor(scene, "UPDATE recording SET number = 2 WHERE id = :id", id=one)
    doctor(scene, "UPDATE recording SET number = 1 WHERE id = :id", id=two)
    report = said_of(scene.world.house, one)
    assert any("The register calls it R0000002" in each for each in report.contradicted), report.contradicted
    history = verify_recording(scene.world.house, one).of("history")
    assert history.verdict is Verdict.CONTRADICTED
    assert "registered it as R0000001, and the register calls it R0000002" in history.words
    assert str(one) in " ".join(fsck.verify(scene.world.house).of("history").findings)


@pytest.mark.parametrize(
    ("statement", "because"),
    [
        (
            "UPDATE rendition SET sha256 = repeat('ab', 32) WHERE recording_id = :id",
            "No event says that the playback copy",
        ),
        ("UPDATE recording SET device_label = 'another' WHERE id = :id", "another device than event"),
        ("UPDATE provenance SET device_label = 'another' WHERE master_id = :id", "another device of the arrival"),
        ("UPDATE provenance SET name_shown = 'OTHER.MP4' WHERE master_id = :id", "another name of the arrival"),
        (
            "UPDATE arrival SET released_at = now(), released_how = 'deleted' WHERE id = :id",
            "was deleted; no event does",
        ),
        ("UPDATE master SET version_id = 'other' WHERE id = :id", "version other"),
    ],
)
def test_a_register_that_says_otherwise_than_the_log_is_told(scene: Scene, statement: str, because: str) -> None:
    recording = scene.recording()
    doctor(scene, statement, id=recording)
    found = " ".join(said_of(scene.world.house, recording).contradicted)
    assert because in found
