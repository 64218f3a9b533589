"""Policies: who counts, how many, and what a checker is told of a checkpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import BadSignature, Malformed, NotProved
from evidence.tlog.note import Algorithm, Note, VerifierKey
from evidence.tlog.policy import KnownLog, Policy, Witness, parse_policy
from evidence.tlog.signing import KeyPair, SigningKey, cosign


def policy(lines: list[str], *more: str) -> Policy:
    """A policy of these lines."""
    return parse_policy("".join(f"{line}\n" for line in (*lines, *more)).encode())


def test_a_checkpoint_is_judged_with_all_that_stands_under_it(
    policy_lines: list[str], note: Note, checkpoint: Checkpoint, log_keys: KeyPair
) -> None:
    judged = policy(policy_lines, "group both 2 W1 W2", "group all-of-them all both W3", "quorum all-of-them").judge(
        note.encode()
    )
    assert judged.checkpoint == checkpoint
    assert list(judged.log_keys) == log_keys.vkeys()
    assert judged.ml_dsa is True
    assert judged.witnesses == {"W1": 1001, "W2": 1002, "W3": 1003}
    assert judged.quorum_met
    assert judged.witnessed


@pytest.mark.parametrize(
    ("lines", "present", "met"),
    [
        (["quorum none"], [], True),
        (["quorum W1"], [1], True),
        (["quorum W1"], [2, 3], False),
        (["group g any W1 W2 W3", "quorum g"], [3], True),
        (["group g any W1 W2 W3", "quorum g"], [], False),
        (["group g all W1 W2 W3", "quorum g"], [1, 2], False),
        (["group g all W1 W2 W3", "quorum g"], [1, 2, 3], True),
        (["group g 2 W1 W2 W3", "quorum g"], [1], False),
        (["group g 2 W1 W2 W3", "quorum g"], [1, 3], True),
        (["group g any W1 W2", "group h all g W3", "quorum h"], [2, 3], True),
        (["group g any W1 W2", "group h all g W3", "quorum h"], [1, 2], False),
    ],
)
def test_a_quorum_is_met_or_not(
    policy_lines: list[str], note: Note, lines: list[str], present: list[int], met: bool
) -> None:
    under = (*note.signatures[:2], *(note.signatures[1 + number] for number in present))
    judged = policy(policy_lines, *lines).judge(Note(note.text, under).encode())
    assert judged.quorum_met is met
    assert judged.witnessed is (met and lines != ["quorum none"])
    assert sorted(judged.witnesses) == [f"W{number}" for number in present]


def test_ml_dsa_is_reported_beside_and_not_needed(policy_lines: list[str], note: Note) -> None:
    without = Note(note.text, (note.signatures[0],)).encode()
    assert policy(policy_lines, "quorum none").judge(without).ml_dsa is False
    only_ed25519 = [policy_lines[0], *policy_lines[2:]]
    assert policy(only_ed25519, "quorum none").judge(note.encode()).ml_dsa is None


def test_ml_dsa_alone_does_not_make_a_checkpoint_the_log_s(policy_lines: list[str], note: Note) -> None:
    with pytest.raises(NotProved):
        policy(policy_lines, "quorum none").judge(Note(note.text, note.signatures[1:]).encode())


def test_keys_that_nobody_listed_are_ignored(policy_lines: list[str], note: Note, checkpoint: Checkpoint) -> None:
    strangers = [SigningKey.make("stranger.example", kind) for kind in Algorithm]
    more = note.signed_also(cosign(checkpoint, key, 7) for key in strangers)
    judged = policy(policy_lines, "quorum W1").judge(more.encode())
    assert judged.witnesses == {"W1": 1001, "W2": 1002, "W3": 1003}


@pytest.mark.parametrize("place", range(5))
def test_one_bad_signature_of_a_listed_key_is_enough_to_refuse(policy_lines: list[str], note: Note, place: int) -> None:
    spoilt = list(note.signatures)
    blob = spoilt[place].blob
    spoilt[place] = replace(spoilt[place], blob=blob[:-1] + bytes([blob[-1] ^ 1]))
    with pytest.raises(BadSignature):
        policy(policy_lines, "quorum none").judge(Note(note.text, tuple(spoilt)).encode())
    with pytest.raises(BadSignature):
        policy(policy_lines, "quorum none").judge(note.signed_also([spoilt[place]]).encode())


def test_of_two_cosignatures_of_a_witness_the_earlier_counts(
    policy_lines: list[str], note: Note, checkpoint: Checkpoint, witnesses: list[SigningKey]
) -> None:
    again = note.signed_also([cosign(checkpoint, witnesses[0], at) for at in (3000, 900)])
    assert policy(policy_lines, "quorum W1").judge(again.encode()).witnesses["W1"] == 900


def test_a_log_s_key_does_not_sign_for_another_log(policy_lines: list[str], log_keys: KeyPair) -> None:
    # The signature is good, but the log that it names is not the one whose key this is.
    other = Checkpoint("custody.example.test/other", 5, bytes(32))
    note = Note(other.text(), (cosign(other, log_keys.ed25519, 5),))
    with pytest.raises(NotProved):
        policy(policy_lines, "quorum none").judge(note.encode())


def test_what_is_no_checkpoint_is_refused(policy_lines: list[str], log_keys: KeyPair) -> None:
    with pytest.raises(Malformed):
        policy(policy_lines, "quorum none").judge(b"no note at all")
    signed = Note(b"any text\n", (log_keys.sign(Checkpoint(log_keys.ed25519.name, 1, bytes(32)), at=1)[0],))
    with pytest.raises(Malformed):
        policy(policy_lines, "quorum none").judge(signed.encode())


def test_addresses_comments_tabs_and_names_in_any_letters_are_kept_as_they_are(
    log_keys: KeyPair, witnesses: list[SigningKey]
) -> None:
    kelvin = "\u212a"
    text = (
        f"# who we believe\n\n \t log\t{log_keys.vkeys()[0].text()}  https://log.example\t\n"
        f"witness K {witnesses[0].vkey().text()} https://w.example/\n"
        f"  # a name that only looks the same\nwitness {kelvin} {witnesses[1].vkey().text()}\nquorum {kelvin}"
    )
    read = parse_policy(text.encode())
    assert read.logs == (KnownLog(log_keys.vkeys()[0], "https://log.example"),)
    assert read.witnesses[0] == Witness("K", witnesses[0].vkey(), "https://w.example/")
    assert read.quorum == kelvin
    assert not read.is_quorum({"K"})
    assert read.is_quorum({kelvin})


def test_a_name_that_is_no_unicode_is_still_a_name(witnesses: list[SigningKey]) -> None:
    vkey = witnesses[0].vkey().text().encode()
    read = parse_policy(b"witness \xff " + vkey + b"\nquorum \xff\n")
    assert read.is_quorum({read.witnesses[0].name})


def test_a_policy_without_logs_judges_nothing_the_log_s(note: Note) -> None:
    with pytest.raises(NotProved):
        parse_policy(b"quorum none\n").judge(note.encode())


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["quorum"],
        ["quorum W1 W2"],
        ["quorum W4"],
        ["quorum none", "quorum none"],
        ["quorum g", "group g any W1"],
        ["group g any", "quorum none"],
        ["group g 0 W1", "quorum g"],
        ["group g 2 W1", "quorum g"],
        ["group g 01 W1", "quorum g"],
        ["group g some W1", "quorum g"],
        ["group g any W4", "quorum g"],
        ["group g any none", "quorum g"],
        ["group g any g", "quorum g"],
        ["group g any W1 W1", "quorum g"],
        ["group g any W1", "group h any W1", "quorum h"],
        ["group W1 any W2", "quorum W1"],
        ["group none any W2", "quorum none"],
        ["group g any W1", "group g any W2", "quorum g"],
        ["quorum none", "witness"],
        ["quorum none", "Log x"],
        ["quorum none", "log not-a-key"],
        ["quorum none\r"],
        ["quorum\x0bnone"],
        ["quorum none", "# bell\x07"],
        ["quorum none\x7f"],
    ],
)
def test_what_is_no_policy_is_refused(policy_lines: list[str], more: list[str]) -> None:
    with pytest.raises(Malformed):
        policy(policy_lines, *more)


def test_a_refusal_names_the_line(policy_lines: list[str]) -> None:
    with pytest.raises(Malformed, match="line 6"):
        policy(policy_lines, "nonsense")


def test_keys_belong_on_their_own_lines(log_keys: KeyPair, witnesses: list[SigningKey]) -> None:
    with pytest.raises(Malformed):
        policy([f"witness W {log_keys.vkeys()[0].text()}"], "quorum none")
    with pytest.raises(Malformed):
        policy([f"log {witnesses[0].vkey().text()}"], "quorum none")


@pytest.mark.parametrize("place", range(5))
def test_no_line_stands_twice(policy_lines: list[str], place: int) -> None:
    with pytest.raises(Malformed):
        policy(policy_lines, policy_lines[place].replace("witness W", "witness V"), "quorum none")


def test_a_key_under_another_name_is_still_the_same_key(policy_lines: list[str], witnesses: list[SigningKey]) -> None:
    renamed = replace(witnesses[0], name="another.example")
    with pytest.raises(Malformed, match="twice"):
        policy(policy_lines, f"witness V {renamed.vkey().text()}", "quorum none")


def test_a_log_is_not_its_own_witness(policy_lines: list[str], log_keys: KeyPair) -> None:
    as_witness = VerifierKey("w.example", Algorithm.COSIGNATURE, log_keys.vkeys()[0].public)
    with pytest.raises(Malformed, match="twice"):
        policy(policy_lines, f"witness V {as_witness.text()}", "quorum none")


def test_a_very_long_policy_is_refused() -> None:
    with pytest.raises(Malformed):
        parse_policy(b"#" * 1_000_001)
