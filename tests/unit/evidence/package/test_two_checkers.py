"""Two verifiers, written apart from one format, say the same: on clean packages, flipped bytes, and resealed lies."""

from __future__ import annotations

import base64
import importlib.util
import json
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509

from evidence.completeness.claims import Verdict
from evidence.package.check import Checked, check
from evidence.package.errors import NotAPackage
from evidence.tlog.policy import parse_policy
from tests.support.authority import Authority
from tests.support.package_lists import SPOILT
from tests.support.package_log import ORIGIN, Signer
from tests.support.package_maker import Made, Order, canonical, make, policy_of, seal, smaller, write
from tests.support.packet_cases import BROKEN, CASES, package_of

INSIDE = Path(__file__).resolve().parents[4] / "evidence" / "package" / "inside"
Files = dict[str, bytes]
Verdicts = dict[tuple[str, str], str]


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_in_a_package", INSIDE / "verify.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


VERIFY: Any = _loaded()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One whole package, time-stamped."""
    return make(Order(exhibits=2), authority=Authority(tmp_path_factory.mktemp("authority")))


@pytest.fixture(scope="module")
def small() -> Made:
    """The smallest package that proves every claim that needs no authority."""
    return make(smaller(Order(witnesses=1)))


def ours(made: Made, folder: Path, *, own: bool = True) -> Verdicts | None:
    """What the product's verifier says; None where it is no package."""
    roots = tuple(x509.load_pem_x509_certificates(made.roots.read_bytes())) if made.roots else ()
    try:
        checked = check(folder, policy=parse_policy(made.policy) if own else None, tsa_roots=roots)
    except NotAPackage:
        return None
    return {(each.claim, each.subject): each.verdict.value for each in checked.claims}


def theirs(made: Made, folder: Path, *, own: bool = True) -> Verdicts | None:
    """What verify.py says."""
    try:
        package = VERIFY.open_package(str(folder))
    except VERIFY.Unreadable:
        return None
    policy = VERIFY.read_policy(made.policy) if own else None
    checking = VERIFY.Check(package, policy, str(made.roots) if made.roots else None)
    return {(each.claim, each.subject): each.verdict for each in checking.run()}


def test_a_clean_package_is_proved_by_both(made: Made, tmp_path: Path) -> None:
    folder = write(made.files, tmp_path / "package")
    found = ours(made, folder)
    assert found is not None
    assert set(found.values()) == {"proved"}, found
    assert found == theirs(made, folder)


@pytest.mark.parametrize("name", SPOILT)
def test_lists_and_names_that_no_package_has_are_judged_alike(name: str, small: Made, tmp_path: Path) -> None:
    folder = write(SPOILT[name].change(small.files), tmp_path / "package")
    found = ours(small, folder)
    assert found is not None
    assert found["files", "package"] == "contradicted"
    proved = {claim for (claim, _), verdict in found.items() if verdict == "proved"}
    assert not proved & SPOILT[name].unproved
    assert found == theirs(small, folder)


@pytest.mark.parametrize("order", [Order(), Order(quorum="none"), Order(headmap=False, packets=False), Order(later=0)])
@pytest.mark.parametrize("own", [True, False])
def test_what_is_absent_is_not_proved_by_either(order: Order, own: bool, tmp_path: Path) -> None:
    made = make(order)
    folder = write(made.files, tmp_path / "package")
    found = ours(made, folder, own=own)
    assert found == theirs(made, folder, own=own)
    assert found is not None
    assert "contradicted" not in found.values()


def test_no_flipped_byte_is_overlooked(small: Made, tmp_path: Path) -> None:
    """A few bytes of each file; all of them are flipped in the property test."""
    folder = write(small.files, tmp_path / "package")
    clean, draw = ours(small, folder), random.Random("flipped")  # noqa: S311 - not for keys
    for path, data in sorted(small.files.items()):
        for place in draw.sample(range(len(data)), min(4, len(data))):
            spoilt = bytes([*data[:place], data[place] ^ 1 << draw.randrange(8), *data[place + 1 :]])
            (folder / path).write_bytes(spoilt)
            found = ours(small, folder)
            assert found is None or "contradicted" in found.values(), (path, place)
            assert found == theirs(small, folder), (path, place)
        (folder / path).write_bytes(data)
    assert ours(small, folder) == clean


def test_no_file_is_missed_or_added_unseen(small: Made, tmp_path: Path) -> None:
    for number, path in enumerate(sorted(small.files)):
        left_out = {name: data for name, data in small.files.items() if name != path}
        folder = write(left_out, tmp_path / f"{number}")
        found = ours(small, folder)
        assert found is None or "contradicted" in found.values(), path
        assert found == theirs(small, folder), path
    folder = write({**small.files, "data/extra.bin": b"?"}, tmp_path / "extra")
    assert ours(small, folder) == theirs(small, folder)


@pytest.mark.parametrize("path", ["master", "copy", "custody/headmap.json", "packets"])
def test_what_contents_names_cannot_be_taken_out_though_the_manifests_are_made_anew(path: str, tmp_path: Path) -> None:
    made = make(Order(exhibits=2))
    exhibit = made.exhibits[1]
    packets = next(name for name in made.files if name.startswith("custody/packets/"))
    gone = {"master": exhibit.master, "copy": exhibit.copy, "packets": packets}.get(path, path)
    folder = write(seal({name: data for name, data in made.files.items() if name != gone}), tmp_path / "package")
    found = ours(made, folder)
    assert found is not None
    assert found["files", "package"] == "contradicted"
    assert found == theirs(made, folder)


def lines(path: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Files], None]:
    """Change the lines of one file."""

    def spoil(files: Files) -> None:
        files[path] = b"".join(change(files[path].splitlines(keepends=True)))

    return spoil


def value(path: str, change: Callable[[Any], Any]) -> Callable[[Files], None]:
    """Change the value in one JSON file."""

    def spoil(files: Files) -> None:
        files[path] = canonical(change(json.loads(files[path]))) + b"\n"

    return spoil


def leaf(number: int, **said: Any) -> Callable[[Files], None]:
    """Change what one event says."""

    def spoil(files: Files) -> None:
        rows = [json.loads(line) for line in files["custody/events.jsonl"].splitlines()]
        told = {**json.loads(base64.b64decode(rows[number]["leaf"])), **said}
        rows[number]["leaf"] = base64.b64encode(canonical(told)).decode()
        files["custody/events.jsonl"] = b"".join(canonical(row) + b"\n" for row in rows)

    return spoil


def gone(*paths: str) -> Callable[[Files], None]:
    """Leave files out."""

    def spoil(files: Files) -> None:
        for path in paths:
            del files[path]

    return spoil


def put(path: str, data: bytes) -> Callable[[Files], None]:
    """Put other bytes there."""

    def spoil(files: Files) -> None:
        files[path] = data

    return spoil


def nested(levels: int) -> Any:
    """So many lists in one another."""
    return [nested(levels - 1)] if levels > 1 else []


MASTER = "data/exhibits/R0000001/master.mp4"
COPY = "data/exhibits/R0000001/working-player.mp4"
EVENTS, CONTENTS = "custody/events.jsonl", "custody/contents.json"
LIES = {
    "another master": put(MASTER, b"other"),
    "another copy": put(COPY, b"other"),
    "no master": gone(MASTER),
    "no copy": gone(COPY),
    "no proofs": lambda files: [files.pop(path) for path in list(files) if path.startswith("custody/proofs/")],
    "no checkpoint": gone("custody/checkpoint.txt"),
    "no events": put(EVENTS, b""),
    "events away": gone(EVENTS),
    "an event less": lines(EVENTS, lambda rows: rows[:3] + rows[4:]),
    "an event twice": lines(EVENTS, lambda rows: [*rows[:3], rows[2], *rows[3:]]),
    "two events swapped": lines(EVENTS, lambda rows: [rows[1], rows[0], *rows[2:]]),
    "the last event less": lines(EVENTS, lambda rows: rows[:-1]),
    "half a line": lines(EVENTS, lambda rows: [*rows[:-1], rows[-1][:-1]]),
    "an event changed": leaf(2, facts={"condition": "damaged"}),
    "an event of another log": leaf(2, log="elsewhere.example"),
    "an event as deep as may be": leaf(2, facts={"deep": nested(62)}),
    "an event that is too deep": leaf(2, facts={"deep": nested(63)}),
    "an event on no day": leaf(2, at="2026-02-30T10:00:00.000000Z"),
    "an event of another kind of id": leaf(2, id="018f0000-0000-4000-8000-000000000000"),
    "an event that saw an impossible nothing": leaf(0, seen={"size": 0, "root": "ab" * 32}),
    "an event that saw the future": leaf(0, seen={"size": 40, "root": "ab" * 32}),
    "no head map": gone("custody/headmap.json"),
    "another key of the head map": value("custody/headmap.json", lambda was: {**was, "key": "00" * 32}),
    "an earlier end": value(
        "custody/headmap.json", lambda was: {**was, "proofs": [{**was["proofs"][0], "n": 2}, *was["proofs"][1:]]}
    ),
    "no end": value("custody/headmap.json", lambda was: {**was, "proofs": []}),
    "two ends": value("custody/headmap.json", lambda was: {**was, "proofs": was["proofs"] * 2}),
    "another size of the head map": value("custody/headmap.json", lambda was: {**was, "size": was["size"] - 1}),
    "no seen": gone("custody/seen.json"),
    "an empty seen": put("custody/seen.json", b"[]\n"),
    "another seen": value("custody/seen.json", lambda was: [{**was[0], "root": "ab" * 32}, *was[1:]]),
    "seen in disorder": value("custody/seen.json", lambda was: was[::-1]),
    "seen without proof": value("custody/seen.json", lambda was: [{**was[0], "proof": []}, *was[1:]]),
    "nothing revealed": gone("custody/revealed.json"),
    "something else revealed": value(
        "custody/revealed.json",
        lambda was: {
            key: {name: {**each, "value": "Nobody"} for name, each in fields.items()} for key, fields in was.items()
        },
    ),
    "no policy": gone("custody/policy.copy"),
    "a policy that is none": put("custody/policy.copy", b"what\n"),
    "another size": value(CONTENTS, lambda was: {**was, "size": was["size"] + 1}),
    "another log": value(CONTENTS, lambda was: {**was, "log": "elsewhere.example"}),
    "no exhibits": value(CONTENTS, lambda was: {**was, "exhibits": []}),
    "an exhibit twice": value(CONTENTS, lambda was: {**was, "exhibits": was["exhibits"] * 2}),
    "no head map's size": value(CONTENTS, lambda was: {**was, "complete_at": None}),
    "a member more": value(CONTENTS, lambda was: {**was, "more": 1}),
    "contents in another form": lambda files: files.update({CONTENTS: files[CONTENTS].replace(b",", b", ", 1)}),
    "contents not JSON": put(CONTENTS, b"[" * 5000),
    "no packets": lambda files: [files.pop(path) for path in list(files) if path.startswith("custody/packets/")],
    "a proof more": lambda files: files.update({"custody/proofs/999.tlog-proof": files["custody/checkpoint.txt"]}),
    "a signature changed": lambda files: files.update(
        {"custody/checkpoint.txt": files["custody/checkpoint.txt"].replace(b"A", b"B", 30)}
    ),
    "a stamp less": lambda files: [files.pop(path) for path in list(files) if path.startswith("custody/tst/")],
    "no query": lambda files: [files.pop(path) for path in list(files) if path.endswith(".tsq")],
    "no answer": lambda files: [files.pop(path) for path in list(files) if path.endswith(".tsr")],
    "an answer that is none": lambda files: files.update(
        {path: b"nothing" for path in list(files) if path.endswith(".tsr")}
    ),
    "a note that was not stamped": lambda files: files.update(
        {path: files[path].replace(b"\n\n", b"\n\n", 1)[:-30] + b"\n" for path in list(files) if path.endswith(".note")}
    ),
}
# What nobody's own policy rests on, and what may be left out.
HARMLESS = {"no policy", "a policy that is none", "nothing revealed"}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_with_new_manifests_is_judged_alike(lie: str, made: Made, tmp_path: Path) -> None:
    files = dict(made.files)
    LIES[lie](files)
    folder = write(seal(files), tmp_path / "package")
    clean = ours(made, write(made.files, tmp_path / "clean"))
    found = ours(made, folder)
    assert (found == clean) == (lie in HARMLESS)
    assert found == theirs(made, folder)


@pytest.mark.parametrize("levels", [62, 63])
def test_a_leaf_is_no_deeper_than_64(levels: int, small: Made, tmp_path: Path) -> None:
    """The leaf itself and its facts are two of them."""
    files = dict(small.files)
    leaf(2, facts={"deep": nested(levels)})(files)
    folder = write(seal(files), tmp_path / "package")
    found = ours(small, folder)
    assert found == theirs(small, folder)
    assert found is not None
    assert found["events", "package"] == ("proved" if levels == 62 else "contradicted")


def test_a_policy_whose_keys_did_not_sign_contradicts(small: Made, tmp_path: Path) -> None:
    """A key of another log, or another key under the name of this one; witnesses make no difference."""
    folder = write(small.files, tmp_path / "package")
    for signer in (Signer("elsewhere.example", 1), Signer(ORIGIN, 1, owner="another")):
        small = replace(small, policy=policy_of([signer], [], "none"))
        found = ours(small, folder)
        assert found == theirs(small, folder)
        assert found is not None
        assert found["checkpoint", "package"] == "contradicted"
        assert {claim for (claim, _), verdict in found.items() if verdict == "proved"} == {"files", "events"}
        assert list(found.values()).count("contradicted") == 1
    alone = ours(small, folder, own=False)
    assert alone == theirs(small, folder, own=False)
    assert alone is not None
    assert alone["checkpoint", "package"] == "not_proved"


def working(verdicts: Verdicts | None) -> str:
    """The verdict on the one copy."""
    assert verdicts is not None
    [found] = [verdict for (claim, _), verdict in verdicts.items() if claim == "working"]
    return found


@pytest.mark.parametrize("name", CASES)
def test_packets_are_compared_alike(name: str, tmp_path: Path) -> None:
    for method in ("remux", "direct", "transcode"):
        made = package_of(name, method=method)
        folder = write(made.files, tmp_path / method)
        found = ours(made, folder)
        assert found == theirs(made, folder)
        wrong = CASES[name][2] if method in ("remux", "direct") else name in BROKEN
        assert working(found) == ("contradicted" if wrong else "proved"), method


def test_a_packet_manifest_ends_where_its_json_ends(tmp_path: Path) -> None:
    made = make(smaller(Order(witnesses=1, ending=b"\n")))
    folder = write(made.files, tmp_path / "package")
    found = ours(made, folder)
    assert found == theirs(made, folder)
    assert working(found) == "contradicted"


def test_the_form_of_the_verdicts_is_that_of_the_format(made: Made, tmp_path: Path) -> None:
    checked: Checked = check(write(made.files, tmp_path / "package"), policy=parse_policy(made.policy))
    told = checked.as_json()
    assert set(told) == {"package", "claims", "contradicted"}
    assert {frozenset(each) for each in told["claims"]} == {frozenset({"claim", "subject", "verdict", "words"})}
    assert checked.holds
    assert [each.verdict for each in checked.claims if each.claim == "not_after"] == [Verdict.NOT_PROVED]
