"""The witness's answers, status by status, as C2SP tlog-witness says them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from evidence import clock
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.keys import VerifierKey
from evidence.tlog.note import Note, NoteSignature, parse_note, parse_signatures, verify
from evidence.tlog.signing import cosign
from evidence.witness.desk import SIZE, Reply, Witness
from evidence.witness.memory import Memory
from evidence.witness.submission import Seen
from tests.support.logs import FORKED, LEAVES, SmallLog, prove, submission


def signed(witness: Witness, reply: Reply, text: bytes) -> None:
    """The reply bears a good signature of each of the witness's keys, made now."""
    assert reply.status == 200
    lines = parse_signatures(reply.body)
    assert len(lines) == len(witness.keys)
    for line, key in zip(lines, witness.keys, strict=True):
        assert abs((verify(text, line, key.vkey()) or 0) - clock.now().timestamp()) < 10


def knows(witness: Witness, small_log: SmallLog) -> Seen:
    """What the witness remembers."""
    return witness.memory.known().get(small_log.origin, Seen())


def test_it_signs_a_log_that_grows_and_the_same_size_again(witness: Witness, small_log: SmallLog) -> None:
    old = 0
    for size in (1, 2, 7, 8, 8, 64, 65, 300):
        signed(witness, witness.add_checkpoint(small_log.submission(old, size)), small_log.note(size).text)
        old = size
        assert knows(witness, small_log) == Seen(size, small_log.checkpoint(size).root)


def test_an_empty_log_may_be_shown_first(witness: Witness, small_log: SmallLog) -> None:
    signed(witness, witness.add_checkpoint(small_log.submission(0, 0)), small_log.note(0).text)
    signed(witness, witness.add_checkpoint(small_log.submission(0, 5)), small_log.note(5).text)


def test_another_old_size_is_answered_409_with_the_size_that_is_known(witness: Witness, small_log: SmallLog) -> None:
    assert witness.add_checkpoint(small_log.submission(3, 5)) == Reply(409, b"0\n", SIZE)
    witness.add_checkpoint(small_log.submission(0, 20))
    for old, size in ((0, 30), (19, 30), (21, 30), (0, 10), (10, 10)):
        assert witness.add_checkpoint(small_log.submission(old, size)) == Reply(409, b"20\n", SIZE)
    assert knows(witness, small_log).size == 20


def test_another_root_for_the_same_size_is_answered_409(witness: Witness, small_log: SmallLog) -> None:
    witness.add_checkpoint(small_log.submission(0, 20))
    assert witness.add_checkpoint(small_log.submission(20, 20, FORKED)) == Reply(409, b"20\n", SIZE)
    empty = Checkpoint(small_log.origin, 0, bytes(32))
    other = SmallLog()
    fresh = Witness(
        witness.keys, [VerifierKey.parse(each) for each in other.vkeys()], Memory(_folder(witness) / "other")
    )
    note = Note(empty.text(), tuple(cosign(empty, key, 1000) for key in other.keys)).encode()
    assert fresh.add_checkpoint(submission(0, [], note)).status == 409


def test_a_fork_is_answered_422_and_changes_nothing(witness: Witness, small_log: SmallLog) -> None:
    witness.add_checkpoint(small_log.submission(0, 20))
    forked = small_log.note(30, FORKED).encode()
    for proof in ([], prove(20, 30), prove(20, 30, FORKED), prove(8, 30, FORKED), [*prove(20, 30), bytes(32)]):
        assert witness.add_checkpoint(submission(20, proof, forked)).status == 422
    assert witness.add_checkpoint(submission(20, prove(20, 30)[1:], small_log.note(30).encode())).status == 422
    assert knows(witness, small_log) == Seen(20, small_log.checkpoint(20).root)
    signed(witness, witness.add_checkpoint(small_log.submission(20, 30)), small_log.note(30).text)


def test_a_proof_where_none_belongs_is_answered_422(witness: Witness, small_log: SmallLog) -> None:
    assert witness.add_checkpoint(submission(0, [bytes(32)], small_log.note(5).encode())).status == 422
    witness.add_checkpoint(small_log.submission(0, 20))
    assert witness.add_checkpoint(submission(20, [bytes(32)], small_log.note(20).encode())).status == 422


def test_a_log_that_is_not_known_is_answered_404(witness: Witness) -> None:
    assert witness.add_checkpoint(SmallLog("custody.example.test/other").submission(0, 5)).status == 404


def test_a_checkpoint_that_the_log_did_not_sign_is_answered_403(witness: Witness, small_log: SmallLog) -> None:
    stranger = SmallLog()
    note = small_log.note(5)
    bent = NoteSignature(
        note.signatures[0].name, note.signatures[0].key_id, bytes([note.signatures[0].blob[0] ^ 1]) + bytes(63)
    )
    for signatures in (stranger.note(5).signatures, (bent,), (bent, note.signatures[1]), small_log.note(6).signatures):
        reply = witness.add_checkpoint(submission(0, [], Note(note.text, signatures).encode()))
        assert reply.status == 403
    assert knows(witness, small_log).size == 0


def test_signatures_of_strangers_are_passed_over(witness: Witness, small_log: SmallLog) -> None:
    both = small_log.note(5).signed_also(SmallLog().note(5).signatures)
    signed(witness, witness.add_checkpoint(submission(0, [], both.encode())), both.text)
    one = Note(small_log.note(6).text, small_log.note(6).signatures[1:])
    signed(witness, witness.add_checkpoint(submission(5, prove(5, 6), one.encode())), one.text)


def test_an_old_size_above_the_new_one_is_answered_400(witness: Witness, small_log: SmallLog) -> None:
    assert witness.add_checkpoint(submission(6, [], small_log.note(5).encode())).status == 400


def _malformed() -> dict[str, bytes]:
    good = SmallLog().submission(0, 5)
    note = good.partition(b"\n\n")[2]
    return {
        "nothing": b"",
        "no old size": b"\n" + note,
        "a nought before": b"old 00\n\n" + note,
        "a sign": b"old +1\n\n" + note,
        "two blanks": b"old  0\n\n" + note,
        "a huge size": b"old 99999999999999999999\n\n" + note,
        "CRLF": good.replace(b"\n", b"\r\n"),
        "no empty line": b"old 0\n" + note,
        "a hash that is too short": b"old 1\nAAAA\n\n" + note,
        "base64 that could be written otherwise": b"old 1\n" + b"A" * 42 + b"B=\n\n" + note,
        "sixty-four hashes": submission(1, [bytes(32)] * 64, note),
        "no signatures": good.rpartition(b"\n\n")[0],
        "an extension line": good.replace(b"=\n\n", b"=\nmore\n\n", 1),
        "not UTF-8": good + b"\xff\n",
        "too long": b"old 0\n\n" + b"x" * 200_000,
    }


@pytest.mark.parametrize("what", _malformed())
def test_what_is_no_submission_is_answered_400(witness: Witness, what: str) -> None:
    assert witness.add_checkpoint(_malformed()[what]).status == 400


def test_of_many_submissions_at_once_each_extends_the_one_before(witness: Witness, small_log: SmallLog) -> None:
    replies: list[tuple[int, int, Reply]] = []

    def submit(size: int) -> None:
        for _ in range(40):
            old = knows(witness, small_log).size
            if old > size:
                return
            replies.append((old, size, witness.add_checkpoint(small_log.submission(old, size))))

    threads = [threading.Thread(target=submit, args=(size,)) for size in (20, 21, 22, 23)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert {reply.status for _, _, reply in replies} <= {200, 409}
    steps = [(old, size) for old, size, reply in replies if reply.status == 200 and old != size]
    # Nothing was signed from one size twice, and the last step leads to where the memory is.
    assert len({old for old, _ in steps}) == len(steps)
    assert knows(witness, small_log).size == max(size for _, size in steps)


def test_it_remembers_after_a_new_start(witness: Witness, small_log: SmallLog) -> None:
    witness.add_checkpoint(small_log.submission(0, 20))
    logs = [key for keys in witness.logs.values() for key in keys]
    again = Witness(witness.keys, logs, Memory(_folder(witness)))
    assert again.add_checkpoint(small_log.submission(0, 5)) == Reply(409, b"20\n", SIZE)
    signed(again, again.add_checkpoint(small_log.submission(20, 30)), small_log.note(30).text)


def test_what_comes_back_makes_a_whole_note(witness: Witness, small_log: SmallLog) -> None:
    reply = witness.add_checkpoint(small_log.submission(0, len(LEAVES)))
    whole = parse_note(small_log.note(len(LEAVES)).encode() + reply.body)
    assert len(whole.signatures) == 4


def _folder(witness: Witness) -> Path:
    return witness.memory.folder
