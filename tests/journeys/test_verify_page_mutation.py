"""`verify.html` on packages that were changed: never "proved" for a claim that changed, and never another word than
verify.py's, which was written by other hands from the same page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.package_log import ORIGIN, Signer, b64, canonical, made_up, note_of, uuid
from tests.support.package_maker import Made, Order, make, packet_manifest, policy_of, seal, signers
from tests.support.package_spoiling import again, changed, events, judged, with_events, with_note, without
from tests.support.packet_cases import BROKEN, CASES, package_of
from tests.support.verify_page import Files, Verdicts, VerifyPage

pytestmark = pytest.mark.browser

PACKAGE = "package"
LOG = {"included", "history", "master", "working", "complete", "not_before"}
RESTS_ON_FILE = {
    r"data/.*/master\..*": {"master"},
    r"data/.*": {"working"},
    r"custody/contents\.json": {"master", "working", "history", "complete"},
    r"custody/events\.jsonl|custody/revealed\.json": {"events", *LOG},
    r"custody/proofs/.*": LOG,
    r"custody/checkpoint\.txt": {"checkpoint", "witnessed", *LOG},
    r"custody/seen\.json": {"not_before"},
    r"custody/headmap\.json": {"complete"},
    r"custody/packets/.*": {"working"},
    r".*": set(),
}
OF_THE_BAG = re.compile(r"bagit\.txt|bag-info\.txt|(tag)?manifest-.*")
ORDER = Order(ml_dsa=False, witnesses=1, events=5, later=0, others=1, programs=False)


@pytest.fixture(scope="module")
def made() -> Made:
    """A small package that proves every claim but the time-stamp, which it has not."""
    return make(ORDER)


@pytest.fixture(scope="module")
def checker(browser: Browser, made: Made) -> Iterator[VerifyPage]:
    """The page, opened once; the sound package is handed to it first."""
    opened = VerifyPage(browser)
    clean = opened.verdicts(made.files, made.policy)
    assert {claim for (claim, _), verdict in clean.items() if verdict != "proved"} == {"not_after"}
    yield opened
    complaints = opened.visit.complaints
    opened.close()
    assert complaints == []


def rests_on(path: str) -> set[str]:
    """The claims that must not be proved when a file was changed."""
    return next(claims for pattern, claims in RESTS_ON_FILE.items() if re.fullmatch(pattern, path))


def proved(verdicts: Verdicts) -> set[str]:
    """The claims that are proved."""
    return {claim for (claim, _), verdict in verdicts.items() if verdict == "proved"}


def places(path: str, size: int, count: int) -> list[int]:
    """As many places in a file, the same each time."""
    return [int.from_bytes(made_up(f"{path} {number}", 4), "big") % size for number in range(count)]


def flipped(files: Files, path: str, place: int) -> Files:
    """One bit of one byte changed."""
    data = bytearray(files[path])
    data[place] ^= 1 << place % 8
    return {**files, path: bytes(data)}


def kinds(files: Files) -> list[str]:
    """One file of each kind: of proofs the first and the last."""
    proofs = sorted((path for path in files if "/proofs/" in path), key=lambda path: int(re.findall(r"\d+", path)[0]))
    return [path for path in sorted(files) if path not in proofs[1:-1]]


def test_a_flipped_byte_is_never_proved(checker: VerifyPage, made: Made) -> None:
    clean, count = checker.verdicts(made.files, made.policy), 0
    for path in kinds(made.files):
        for place in places(path, len(made.files[path]), 4):
            found, count = checker.verdicts(flipped(made.files, path, place), made.policy), count + 1
            assert found["files", PACKAGE] == "contradicted", (path, place)
            assert not proved(found) & rests_on(path), (path, place)
            if not OF_THE_BAG.fullmatch(path) and path != "custody/contents.json":
                untouched = {"files", *rests_on(path)}
                assert {key: found.get(key) for key in clean if key[0] not in untouched} == {
                    key: verdict for key, verdict in clean.items() if key[0] not in untouched
                }, (path, place)
    assert count >= 80


def telling(files: Files) -> dict[str, int]:
    """How many bytes at the beginning of which files prove something by themselves.

    Left out: signature lines, for names of signers are nobody's when changed, and contents.json, part of which only
    says so.
    """
    found = {}
    for path in kinds(files):
        if rests_on(path) and path != "custody/contents.json":
            signed = path.startswith("custody/proofs/") or path == "custody/checkpoint.txt"
            found[path] = files[path].index("\n\n—".encode()) if signed else len(files[path])
    return found


def test_a_flipped_byte_in_a_package_that_was_sealed_again_is_never_proved(checker: VerifyPage, made: Made) -> None:
    for path, end in telling(made.files).items():
        for place in places(f"sealed {path}", end, 10):
            found = checker.verdicts(seal(flipped(made.files, path, place)), made.policy)
            assert not proved(found) & (rests_on(path) - {"events"}), (path, place)


def test_lines_removed_doubled_or_swapped_are_noticed(checker: VerifyPage, made: Made) -> None:
    for path in kinds(made.files):
        if not re.fullmatch(r".*\.(txt|json|jsonl|tlog-proof|copy)", path):
            continue
        lines = made.files[path].splitlines(keepends=True)
        middle = len(lines) // 2
        spoilt = [
            lines[:middle] + lines[middle + 1 :],
            lines[: middle + 1] + lines[middle:],
            lines[1:],
            [*lines, lines[-1]],
        ]
        if len(lines) > 1:
            spoilt.append([lines[1], lines[0], *lines[2:]])
        for each in spoilt:
            if (data := b"".join(each)) != made.files[path]:
                found = checker.verdicts({**made.files, path: data}, made.policy)
                assert found["files", PACKAGE] == "contradicted", path
                assert not proved(found) & rests_on(path), path


def test_files_that_are_missing_or_too_many_are_noticed(checker: VerifyPage, made: Made) -> None:
    for path in made.files.keys() - {"bagit.txt", "custody/contents.json"}:  # without these it is no package
        found = checker.verdicts({name: data for name, data in made.files.items() if name != path}, made.policy)
        assert found["files", PACKAGE] == "contradicted", path
        assert not proved(found) & rests_on(path), path
    for path in ("data/more.mp4", "custody/more", "more.txt", "custody/proofs/0.tlog-proof", "custody/a b", "data/ü"):
        found = checker.verdicts({**made.files, path: b"more"}, made.policy)
        assert found["files", PACKAGE] == "contradicted", path
    half = made.files["tagmanifest-sha512.txt"].replace(b"custody/seen.json", b"custody/seen.jsoN")
    found = checker.verdicts({**made.files, "tagmanifest-sha512.txt": half}, made.policy)
    assert found["files", PACKAGE] == "contradicted"


JUNK = [
    b"", b"\n", b"null\n", b"[]\n", b"{}\n", b"[null]\n", b'{"v":1}\n', b"\xff\xfe\n", b"[" * 100_000,
    b"9" * 70_000 + b"\n", b"\x00" * 100, b'"\xed\xa0\x80"\n', b'{"__proto__":{"v":1}}\n', b'{"constructor":1}\n',
    "— a AAAA\n".encode(),
    "a\n1\n\n— a AAAAAAAA\n".encode(), b"c2sp.org/tlog-proof@v1\nindex 0\n\n", b"0" * 64 + b"  ../x\n",
]  # fmt: skip


def test_nothing_makes_it_crash(checker: VerifyPage, made: Made) -> None:
    """Whatever stands in a file, every claim gets a verdict; what stands there is proved of nothing."""
    for path in kinds(made.files):
        if not (rests_on(path) or OF_THE_BAG.fullmatch(path)) or path.startswith("data/"):
            continue
        for junk in JUNK:
            spoilt = {**made.files, path: junk}
            found = checker.verdicts(spoilt, made.policy)
            assert found["files", PACKAGE] == "contradicted", (path, junk)
            assert not proved(found) & rests_on(path), (path, junk)
            sealed = checker.verdicts(seal(spoilt), made.policy)
            assert {*found.values(), *sealed.values()} <= {"proved", "not_proved", "contradicted"}
            if path != "custody/revealed.json":  # nothing revealed is nothing wrong
                assert not proved(sealed) & (rests_on(path) - {"events"}), (path, junk)


# --- what verify.py says of the same ----------------------------------------------------------------------------------


def forged(made: Made, key: Signer) -> Files:
    """A checkpoint by somebody else under the log's name."""
    size = len(made.log.leaves)
    return with_note(made, note_of(size, made.log.root(size), [key]))


def other(member: str, value: Any) -> Any:
    """Change one member of a JSON file."""
    return lambda whole: {**whole, member: value}


def told_otherwise(made: Made) -> Files:
    """An event whose words were changed."""
    rows = events(made.files)
    rows[2]["leaf"] = rows[2]["leaf"].replace(b'"method":"session"', b'"method":"nothing"')
    return with_events(made.files, rows)


def repacked(made: Made, change: dict[str, Any]) -> Files:
    """The copy's packets changed, and everything that names them written anew, the log's events apart."""
    manifest = packet_manifest("packet 1")
    manifest["streams"][0] |= change
    body = canonical(manifest)
    name = hashlib.sha256(body).hexdigest()
    files = {**made.files, f"custody/packets/{name}.json": body}

    def fit(contents: Any) -> Any:
        contents["exhibits"][0]["working"][0]["packets"]["copy"] = name
        return contents

    return changed(files, "custody/contents.json", fit)


def dropped(made: Made, which: int) -> Files:
    """One of the exhibit's events left out, with its proof."""
    seq = made.exhibits[0].seqs[which]
    files = with_events(made.files, [row for row in events(made.files) if row["seq"] != seq])
    return without(files, f"custody/proofs/{seq}.tlog-proof")


def numbered_twice(made: Made) -> Files:
    """The keeper of the log himself numbered an event twice, and everything is signed."""
    fresh = make(ORDER)
    log, who = fresh.log, fresh.exhibits[0]
    n, seq, tip = log.heads[who.recording]
    log.heads[who.recording] = (n - 1, seq, tip)
    log.add("rendition.viewed", who.recording, s62="consultation")
    rows = [*events(made.files), {"seq": len(log.leaves) - 1, "leaf": log.leaves[-1]}]
    return with_events({**fresh.files, **again(fresh, [row["seq"] for row in rows])}, rows)


def by_bad_witness(made: Made) -> Files:
    """The witness's line is over another root."""
    logs, [witness] = signers(ORDER)
    size = len(made.log.leaves)
    good = note_of(size, made.log.root(size), logs)
    return with_note(made, good + witness.line(size, made.log.root(size - 1), 1).encode())


SPOILT: dict[str, Callable[[Made], Files]] = {
    "nothing": lambda made: made.files,
    "no events": lambda made: with_events(made.files, []),
    "no exhibit": lambda made: changed(made.files, "custody/contents.json", other("exhibits", [])),
    "another log in contents": lambda made: changed(made.files, "custody/contents.json", other("log", "x.example")),
    "another size in contents": lambda made: changed(made.files, "custody/contents.json", other("size", 3)),
    "another completeness": lambda made: changed(made.files, "custody/contents.json", other("complete_at", 3)),
    "forged": lambda made: forged(made, Signer(ORIGIN, 1, owner="the forger")),
    "bad witness": by_bad_witness,
    "told otherwise": told_otherwise,
    "first dropped": lambda made: dropped(made, 0),
    "middle dropped": lambda made: dropped(made, 2),
    "last dropped": lambda made: dropped(made, -1),
    "numbered twice": numbered_twice,
    "no head map": lambda made: without(made.files, "custody/headmap.json"),
    "no seen": lambda made: without(made.files, "custody/seen.json"),
    "empty seen": lambda made: changed(made.files, "custody/seen.json", lambda _: []),
    "no checkpoint": lambda made: without(made.files, "custody/checkpoint.txt"),
    "no proofs": lambda made: without(made.files, *(path for path in made.files if "/proofs/" in path)),
    "one proof less": lambda made: without(made.files, f"custody/proofs/{made.exhibits[0].seqs[1]}.tlog-proof"),
    "no packets": lambda made: without(made.files, *(path for path in made.files if "/packets/" in path)),
    "nothing revealed": lambda made: without(made.files, "custody/revealed.json"),
    "other key of the map": lambda made: changed(made.files, "custody/headmap.json", other("key", "0" * 64)),
    "other event of the map": lambda made: changed(made.files, "custody/headmap.json", other("event", 1)),
    "map of nobody": lambda made: changed(made.files, "custody/headmap.json", other("proofs", [])),
    "other packets": lambda made: repacked(made, {"config": "0" * 64}),
}


@pytest.mark.parametrize("name", SPOILT)
def test_both_verifiers_say_the_same(checker: VerifyPage, made: Made, name: str) -> None:
    files = SPOILT[name](made)
    ours = {claim: verdict for (claim, _), verdict in checker.verdicts(files, made.policy).items()}
    theirs = judged(made, files)
    differing = {claim: (verdict, theirs.get(claim)) for claim, verdict in ours.items() if theirs.get(claim) != verdict}
    assert differing == {}


def by_page(checker: VerifyPage, made: Made, *, own: bool = True) -> dict[str, str]:
    """Claim to what the page says."""
    found = checker.verdicts(made.files, made.policy if own else None)
    return {claim: verdict for (claim, _), verdict in found.items()}


@pytest.mark.parametrize("method", ["remux", "transcode"])
def test_packets_are_compared_as_by_the_programs(checker: VerifyPage, method: str) -> None:
    for name, (_, _, wrong) in CASES.items():
        made = package_of(name, method=method)
        found, contradicted = by_page(checker, made), wrong if method == "remux" else name in BROKEN
        assert found["working"] == ("contradicted" if contradicted else "proved"), name
        assert found == judged(made), name
    spoilt = make(replace(ORDER, ending=b"\n"))
    assert by_page(checker, spoilt)["working"] == judged(spoilt)["working"] == "contradicted"


def test_a_policy_whose_keys_did_not_sign_contradicts(checker: VerifyPage, made: Made) -> None:
    other_log = replace(made, policy=policy_of([Signer("elsewhere.example", 1)], [], "none"))
    other_key = replace(made, policy=policy_of([Signer(ORIGIN, 1, owner="another")], [], "none"))
    for each in (other_log, other_key):
        found = by_page(checker, each)
        assert found == judged(each, policy=each.policy)
        assert found["checkpoint"] == "contradicted"
    alone = by_page(checker, made, own=False)
    assert alone == judged(made, own=False)
    assert alone["checkpoint"] == "not_proved"


def deep(levels: int) -> Callable[[Made], Files]:
    """The third event with facts that are so many lists in one another, and one mapping, and the event."""

    def spoil(made: Made) -> Files:
        rows = events(made.files)
        facts = {"deep": json.loads("[" * levels + "]" * levels)}
        rows[2]["leaf"] = canonical(json.loads(rows[2]["leaf"]) | {"facts": facts})
        return with_events(made.files, rows)

    return spoil


@pytest.mark.parametrize("levels", [62, 63])
def test_a_leaf_is_no_deeper_than_64(checker: VerifyPage, made: Made, levels: int) -> None:
    files = deep(levels)(made)
    found = {claim: verdict for (claim, _), verdict in checker.verdicts(files, made.policy).items()}
    assert found == judged(made, files)
    assert found["events"] == ("proved" if levels == 62 else "contradicted")


METHOD = b'"method":"session"'
LEAVES = [
    (b'"v":1}', b'"v":1,"v":1}'), (b'"n":3', b'"n":3.0'), (b'"n":3', b'"n":' + b"3" * 400), (b'"n":3', b'"n":-0'),
    (b'"n":3', b'"n":true'), (b'"n":3', b'"n": 3'), (b'"n":3', b'"n":0'), (METHOD, b'"method":"\\ud800"'),
    (METHOD, b'"method":"\xed\xa0\x80"'), (METHOD, b'"method":"A\xcc\x8a"'), (METHOD, b'"method":"a\\u0007b"'),
    (METHOD, b'"method":"a\x7fb"'), (b'"auth":{', b'"auth":' + b"[" * 20_000 + b"]" * 20_000 + b',"b":{'),
    (b'"kind":"person"', b'"kind":null'), (b'"sealed":{}', b'"sealed":{},"sw":"x"'), (METHOD, b'"methoe":"session"'),
    (b'"s62":"collection"', b'"s62":"collecting"'), (b'"at":"2026-11', b'"at":"2026-13'),
    (b'"sealed":{}', b'"sealed":{"x":"y"}'),
    (b'"at":"2026-11-02', b'"at":"2026-02-30'), (b'"obj":[]', b'"obj":[{"role":"x"}]'), (b'"obj":[]', b'"obj":{}'),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), LEAVES)
def test_a_leaf_that_is_not_in_its_one_form_is_contradicted(
    checker: VerifyPage, made: Made, old: bytes, new: bytes
) -> None:
    rows = events(made.files)
    row = next(row for row in rows if json.loads(row["leaf"])["n"] == 3)
    assert old in row["leaf"]
    row["leaf"] = row["leaf"].replace(old, new)
    found = checker.verdicts(with_events(made.files, rows), made.policy)
    assert found["events", PACKAGE] == "contradicted"
    assert proved(found) == {"files", "checkpoint", "witnessed"}


def test_a_line_of_events_has_one_form_as_well(checker: VerifyPage, made: Made) -> None:
    first, *rest = made.files["custody/events.jsonl"].splitlines(keepends=True)
    body = json.loads(first)["leaf"]
    spoilt = [
        canonical({"seq": 0, "leaf": body + "="}), canonical({"seq": -1, "leaf": body}), canonical({"leaf": body}),
        canonical({"seq": "1", "leaf": body}), canonical({"seq": 1, "leaf": b64(base64.b64decode(body) + b"\n")}),
        b" " + first[:-1], first[:-1].replace(b'","', b'", "'), first[:-1] + b"\r", b"\n" + first[:-1],
    ]  # fmt: skip
    for line in (first[:-1], *(each + b"\n" for each in spoilt)):
        files = seal({**made.files, "custody/events.jsonl": line + b"".join(rest)})
        assert checker.verdicts(files, made.policy)["events", PACKAGE] == "contradicted", line[:80]


FIRST, SECOND = (f"data/exhibits/R000000{each}/working-player.mp4" for each in (1, 2))
SOUND = {each.replace("player", "sound") for each in (FIRST, SECOND)}
# What of a package of two is changed in contents.json and in paths; which claims that contradicts, and what is said.
AGAINST_EVENTS: list[tuple[dict[str, str], set[str], str]] = [
    ({}, set(), ""),
    ({"R0000001": "R0000002", "R0000002": "R0000001"}, {"R0000001", "R0000002"}, "registered as “R000000"),
    ({"R0000002": "R9"}, {"R9"}, "registered as “R0000002”; contents.json calls it “R9”"),
    ({uuid("recording 2"): uuid("nobody")}, {PACKAGE}, f"of the recording {uuid('recording 2')} too"),
    ({'"remux"': '"direct"'}, {FIRST, SECOND}, "player.mp4 is “remux”; contents.json says “direct”"),
    ({'(?<=[-"])player(?=[."])': "sound"}, SOUND, "working-sound.mp4 is “player”; contents.json says “sound”"),
    ({r'"packets":{[^}]*}': '"packets":null'}, {FIRST, SECOND}, "names the packet manifests of data/"),
    ({r',{"master":{"path":"data/exhibits/R0000002.*(?=],"log")|^data.*2/.*': ""}, {PACKAGE}, "is 2; contents.json"),
    ({"^custody/report.pdf": "data/stray.pdf"}, {PACKAGE}, "data/stray.pdf is neither an original nor a copy"),
]


@pytest.mark.parametrize(("turns", "subjects", "words"), AGAINST_EVENTS)
def test_contents_against_events(checker: VerifyPage, turns: dict[str, str], subjects: set[str], words: str) -> None:
    def turned(text: str) -> str:
        one = re.compile("|".join(f"({each})" for each in turns) or "(?!)")
        return one.sub(lambda found: list(turns.values())[(found.lastindex or 1) - 1], text)

    two = make(replace(ORDER, exhibits=2))
    files = {turned(path): data for path, data in two.files.items()}
    files["custody/contents.json"] = turned(files["custody/contents.json"].decode()).encode()
    claims = checker.result(seal({path: data for path, data in files.items() if path}), two.policy)["claims"]
    wrong = {each["subject"]: each["words"] for each in claims if each["verdict"] == "contradicted"}
    assert set(wrong) == subjects
    assert all(words in each for each in wrong.values())
