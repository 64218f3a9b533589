"""What verify.py says of each claim: of whole packages, and of packages that somebody forged who knows the format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asn1crypto import tsp

from evidence.package.inside import verify
from tests.support.authority import Authority
from tests.support.package_log import ORIGIN, Signer, canonical, digest, made_up, note_of
from tests.support.package_maker import Made, Order, make, policy_of, seal, signers
from tests.support.package_spoiling import again, but, changed, events, judged, said, with_events, with_note, without


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A whole package, time-stamped."""
    return make(authority=Authority(tmp_path_factory.mktemp("tsa")))


def test_a_whole_package_proves_every_claim(made: Made) -> None:
    assert judged(made) == but()


def test_without_a_policy_nobody_is_believed(made: Made) -> None:
    found = said(made, own=False)
    assert {claim: verdict for claim, (verdict, _) in found.items()} == but(
        checkpoint="not_proved", witnessed="not_proved", not_after="not_proved"
    )
    assert "--policy" in found["checkpoint"][1]
    assert "openssl ts -verify" in found["not_after"][1]


def test_without_cryptography_ml_dsa_is_not_checked(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ml_dsa_good", lambda *_: None)
    found = said(made)
    assert found["checkpoint"][0] == "proved"
    assert "not checked" in found["checkpoint"][1]
    assert found["witnessed"][0] == "not_proved"  # one of the two witnesses signs with ML-DSA


@pytest.mark.parametrize(
    ("order", "claims"),
    [
        (Order(headmap=False), {"complete": "not_proved"}),
        (Order(quorum="none"), {"witnessed": "not_proved"}),
        (Order(quorum="any", ml_dsa=False), {}),
        (Order(packets=False), {}),
        (Order(later=0, events=5, others=0), {}),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value),
)
def test_a_claim_without_its_material_is_not_proved(order: Order, claims: dict[str, str]) -> None:
    assert judged(make(order)) == but(**{"not_after": "not_proved", **claims})


def test_a_package_without_events_or_exhibits_is_a_failure(made: Made) -> None:
    for files in (
        with_events(made.files, []),
        without(made.files, "custody/events.jsonl"),
        changed(made.files, "custody/contents.json", lambda contents: {**contents, "exhibits": []}),
    ):
        assert "contradicted" in judged(made, files).values()


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_a_forged_checkpoint_is_contradicted(made: Made) -> None:
    """The forger has a key of his own under the log's name, and the rest is in order."""
    forger = Signer(ORIGIN, 1, owner="the forger")
    note = note_of(len(made.log.leaves), made.log.root(len(made.log.leaves)), [forger])
    found = said(made, with_note(made, note))
    assert found["checkpoint"][0] == "contradicted"
    assert found["witnessed"][0] == "not_proved"
    assert "no key that your policy names" in found["checkpoint"][1]
    found = said(made, with_note(made, note), own=False)
    assert found["checkpoint"][0] == "not_proved"
    assert "not even signed by a key" in found["checkpoint"][1]


def test_a_bad_signature_under_a_listed_key_contradicts(made: Made) -> None:
    [log, *_], witnesses = signers(Order())
    size = len(made.log.leaves)
    for signer in (log, *witnesses):
        note = note_of(size, made.log.root(size), [log, *witnesses]).decode()
        line = signer.line(size, made.log.root(size - 1), 1)  # over another root
        bad = "".join(line if one.startswith(f"— {signer.name} ") and len(one) == len(line) else one
                      for one in note.splitlines(keepends=True))  # fmt: skip
        found = judged(made, with_note(made, bad.encode()))
        assert found["checkpoint"] == "contradicted"
        assert "proved" not in {found[claim] for claim in found if claim not in {"files", "events"}}


def test_a_fork_is_contradicted(made: Made) -> None:
    """The log signed another tree of the same size; the proofs in the package lead to the first."""
    logs, witnesses = signers(Order())
    note = note_of(len(made.log.leaves), made_up("another root"), [*logs, *witnesses])
    found = judged(made, seal({**made.files, "custody/checkpoint.txt": note}))
    assert found["checkpoint"] == "proved"  # it is one: that is what makes it a fork
    assert found["included"] == "contradicted"
    assert "proved" not in {found[claim] for claim in ("history", "master", "working", "complete", "not_before")}


def test_a_time_stamp_over_a_fork_is_contradicted(made: Made) -> None:
    logs, _ = signers(Order())
    fork = note_of(len(made.log.leaves), made_up("another root"), logs)
    found = judged(made, seal({**made.files, "custody/tst/test.note": fork}))
    assert found == but(not_after="contradicted")


@pytest.mark.parametrize(
    "words", ["\nTime stamp: Jan  1 00:00:00 2020 GMT", "\nStatus: Granted.\nTime stamp: Jan  1 2020"]
)
def test_words_beside_a_time_stamp_name_no_time(made: Made, words: str) -> None:
    """The text of an answer's status is signed by nobody; openssl prints it before the token, line feeds and all."""
    path = "custody/tst/test.tsr"
    answer = tsp.TimeStampResp.load(made.files[path])
    answer["status"]["status_string"] = tsp.PKIFreeText([words])
    files = seal({**made.files, path: answer.dump(force=True)})
    assert files[path] != made.files[path]
    verdict, said_of_it = said(made, files)["not_after"]
    assert verdict == "proved"  # the token itself is as it was
    assert said_of_it == said(made)["not_after"][1]
    assert "2020" not in said_of_it


def test_a_time_stamp_over_an_earlier_checkpoint_covers_only_what_was_there(made: Made) -> None:
    assert made.roots is not None
    logs, _ = signers(Order())
    earlier = make(Order(), authority=None).log
    note = note_of(24, earlier.root(24), logs)
    found = said(made, seal({**made.files, "custody/tst/test.note": note}))
    assert found["not_after"][0] == "contradicted"  # its token is over other bytes
    assert "does not ask about" in found["not_after"][1]


def test_a_policy_of_another_log_contradicts_the_checkpoint(made: Made) -> None:
    policy = policy_of([Signer("elsewhere.example", 1)], [], "none")
    found = judged(made, policy=policy)
    assert found["checkpoint"] == "contradicted"
    assert {claim for claim, verdict in found.items() if verdict == "proved"} == {"files", "events"}
    assert "contradicted" not in {verdict for claim, verdict in found.items() if claim != "checkpoint"}


# --- events -----------------------------------------------------------------------------------------------------------


def test_a_dropped_last_event_is_shown_by_the_head_map() -> None:
    made = make(Order(later=0))
    rows = events(made.files)
    last = [made.exhibits[0].seqs[-1], rows[-1]["seq"]]  # and that the package was made, which came after
    files = with_events(made.files, [row for row in rows if row["seq"] not in last])
    found = judged(made, without(files, *(f"custody/proofs/{each}.tlog-proof" for each in last)))
    assert found == but(complete="contradicted", not_before=found["not_before"], not_after="not_proved")


def test_a_dropped_event_in_the_middle_breaks_the_history(made: Made) -> None:
    middle = made.exhibits[0].seqs[2]
    files = with_events(made.files, [row for row in events(made.files) if row["seq"] != middle])
    found = judged(made, without(files, f"custody/proofs/{middle}.tlog-proof"))
    assert found["history"] == "contradicted"
    assert found["master"] == found["complete"] == "not_proved"


def test_a_proof_without_its_event_is_contradicted(made: Made) -> None:
    assert judged(made, with_events(made.files, events(made.files)[:-1]))["included"] == "contradicted"


def test_an_event_that_is_told_otherwise_is_not_in_the_log(made: Made) -> None:
    rows = events(made.files)
    rows[3]["leaf"] = rows[3]["leaf"].replace(b'"method":"session"', b'"method":"nothing"')
    found = judged(made, with_events(made.files, rows))
    assert found["included"] == "contradicted"
    assert found["history"] != "proved"


def test_two_events_with_one_number_are_contradicted(made: Made) -> None:
    rows = events(made.files)
    assert judged(made, with_events(made.files, [*rows[:3], rows[2], *rows[3:]]))["events"] == "contradicted"
    one, two = rows[2], {**rows[3], "leaf": rows[3]["leaf"].replace(b'"n":4', b'"n":3')}
    assert judged(made, with_events(made.files, [*rows[:2], one, two, *rows[4:]]))["included"] == "contradicted"


def test_a_log_that_gives_one_exhibit_two_events_of_one_number_is_contradicted() -> None:
    """The keeper of the log himself numbered twice, and everything is signed."""
    made = make(Order())
    log, who = made.log, made.exhibits[0]
    n, seq, tip = log.heads[who.recording]
    log.heads[who.recording] = (n - 1, seq, tip)
    log.add("rendition.viewed", who.recording, s62="consultation")
    size, rows = len(log.leaves), events(made.files)
    rows.append({"seq": size - 1, "leaf": log.leaves[-1]})
    files = with_events({**made.files, **again(made, [row["seq"] for row in rows])}, rows)
    found = judged(made, files)
    assert found["included"] == "proved"
    assert found["history"] == "contradicted"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1}', b'"v":1,"v":1}'),  # a member twice
        (b'"n":3', b'"n":3.0'),
        (b'"n":3', b'"n":' + b"3" * 400),  # beyond 2^53-1
        (b'"n":3', b'"n":' + b"3" * 6000),  # and beyond what Python converts
        (b'"n":3', b'"n":-0'),
        (b'"n":3', b'"n":NaN'),
        (b'"n":3', b'"n":true'),
        (b'"n":3', b'"n": 3'),
        (b'"method":"session"', b'"method":"\\ud800"'),  # a surrogate by itself
        (b'"method":"session"', b'"method":"\xed\xa0\x80"'),
        (b'"method":"session"', b'"method":"A\xcc\x8a"'),  # not in normal form C
        (b'"method":"session"', b'"method":"a\\u0007b"'),
        (b'"method":"session"', b'"method":"a\x7fb"'),
        (b'"method":"session"', b'"method":"\\u0041"'),
        (b'"auth":{', b'"auth":' + b"[" * 20_000 + b"]" * 20_000 + b',"b":{'),  # deep
        (b'"kind":"person"', b'"kind":null'),
        (b'"sealed":{}', b'"sealed":{},"sw":"x"'),  # a member that no leaf has
        (b'"s62":"collection"', b'"s62":"collecting"'),
    ],
)
def test_a_leaf_that_is_not_in_its_one_form_is_contradicted(made: Made, old: bytes, new: bytes) -> None:
    rows = events(made.files)
    row = next(row for row in rows if json.loads(row["leaf"])["n"] == 3)
    assert old in row["leaf"]
    row["leaf"] = row["leaf"].replace(old, new)
    found = judged(made, with_events(made.files, rows))
    assert found["events"] == "contradicted"
    assert "proved" not in {found[claim] for claim in found if claim not in {"files", "checkpoint", "witnessed"}}


def test_a_value_revealed_otherwise_is_contradicted(made: Made) -> None:
    def other(revealed: Any) -> Any:
        [fields] = revealed.values()
        fields["note"]["value"] = "Asa"
        return revealed

    assert judged(made, changed(made.files, "custody/revealed.json", other))["events"] == "contradicted"


def test_a_seen_checkpoint_from_the_future_is_contradicted() -> None:
    made = make(Order())
    log, who = made.log, made.exhibits[0].recording
    log.add("rendition.viewed", who, s62="consultation")
    leaf = json.loads(log.leaves[-1])
    leaf["seen"] = {"size": len(log.leaves), "root": made_up("a guess").hex()}
    log.leaves[-1] = canonical(leaf)
    rows = [*events(made.files), {"seq": len(log.leaves) - 1, "leaf": log.leaves[-1]}]
    files = with_events({**made.files, **again(made, [row["seq"] for row in rows])}, rows)
    assert judged(made, files)["not_before"] == "contradicted"


# --- a bag that is odd in itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "info",
    [
        b"",
        b"A: x\n" * 60 + b"no colon\n",  # must not take for ever
        b"A: " + b" " * 50_000 + b"\r\n",
        b"A: b\n" * 100_000,  # too large
        b"A: b",
        b"A: \xff\n",
        b"Payload-Oxum: 1.1\n",
    ],
    ids=range(7),
)
def test_an_odd_bag_info_contradicts_and_leaves_the_other_claims_alone(made: Made, info: bytes) -> None:
    files = seal(made.files)
    for algorithm in ("sha256", "sha512"):
        name = f"tagmanifest-{algorithm}.txt"
        old, new = (digest(each, algorithm).encode() for each in (files["bag-info.txt"], info))
        files[name] = files[name].replace(old, new)
    assert judged(made, {**files, "bag-info.txt": info}) == but(files="contradicted")


def test_a_bag_that_is_odd_still_contradicts_the_files_that_differ(made: Made) -> None:
    found = judged(made, {**made.files, "bag-info.txt": b"A: b\n" * 100_000, made.exhibits[0].master: b"another"})
    assert found == but(files="contradicted", master="contradicted")


@pytest.mark.parametrize("name", sorted(verify.TAGMANIFESTS | {"manifest-sha256.txt", "manifest-sha512.txt"}))
def test_a_manifest_out_of_order_or_with_a_line_twice_contradicts(made: Made, name: str) -> None:
    lines = made.files[name].splitlines(keepends=True)
    for spoilt in ([lines[-1], *lines[:-1]], [*lines, lines[-1]], [lines[0].upper(), *lines[1:]], lines[:-1]):
        assert judged(made, {**made.files, name: b"".join(spoilt)})["files"] == "contradicted"
