"""Erasing personal values: only what was looked at, only for the reason that was given, with an event for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from api import erasing
from api.cli import app as commands
from api.trouble import KnownTrouble
from evidence.custody import ledger
from evidence.custody.sealing import revealed
from evidence.identifiers import new_id
from tests.support.house import World
from tests.support.logbook import viewed, write
from tests.support.recordings import Shelf

WHY = "Request DP/14/26, decided by the DPO"


def test_nothing_is_erased_without_the_word_for_just_that(world: World) -> None:
    subject = new_id()
    one, _ = write(world.house.sessions, viewed(subject, personal={"note": "Jo Bloggs"}), viewed(subject))
    doomed = erasing.look(world.house, str(one.id), "note")
    assert [(each.event, each.field, each.value) for each in doomed] == [(one.id, "note", "Jo Bloggs")]
    word = erasing.confirmation(doomed, WHY)
    for reason, said in ((WHY, "0" * 12), ("another reason", word), (WHY, ""), (" ", word)):
        with pytest.raises(KnownTrouble):
            erasing.erase(world.house, str(one.id), "note", because=reason, confirmed=said)
    with world.house.reading() as session:
        assert revealed(session, [one.id])[one.id]["note"].value == "Jo Bloggs"
    [done] = erasing.erase(world.house, str(one.id), "note", because=WHY, confirmed=word)
    with world.house.reading() as session:
        assert "note" not in revealed(session, [one.id])[one.id]
        assert ledger.check_subject(session, subject) == 3
        last = ledger.history(session, subject)[-1]
        assert (str(last.id), last.operation) == (done["erased_by"], "erasure")
        assert revealed(session, [last.id])[last.id]["because"].value == WHY


def test_a_recording_s_values_of_one_name_go_together(world: World) -> None:
    reference = Shelf(world).recording(b"bytes")
    doomed = erasing.look(world.house, reference, "actor")
    assert doomed
    assert all(each.sentence and each.at for each in doomed)
    done = erasing.erase(world.house, reference, "actor", because=WHY, confirmed=erasing.confirmation(doomed, WHY))
    assert {each["event"] for each in done} == {str(each.event) for each in doomed}
    # The events of the erasing have an actor of their own, the account on the host, and that is all that is left.
    left = erasing.look(world.house, reference, "actor")
    assert {str(each.event) for each in left} == {each["erased_by"] for each in done}


@pytest.mark.parametrize("subject", ["nonsense", "R9999999", "0192f0c1-7a30-7c3e-9d2f-5b1e6a7c8d90"])
def test_what_is_not_there_is_said(world: World, subject: str) -> None:
    with pytest.raises(KnownTrouble, match=r"no recording|no personal value"):
        erasing.look(world.house, subject, "actor")


@pytest.mark.parametrize("reason", ["", "  \t", "x" * 501])
@pytest.mark.parametrize("confirm", [[], ["--confirm", "0" * 12]])
def test_without_a_reason_nothing_is_even_looked_at(tmp_path: Path, reason: str, confirm: list[str]) -> None:
    words = ["custody", "erase", "R0000001", "--value", "actor", "--because", reason, "--data", str(tmp_path), *confirm]
    done = CliRunner().invoke(commands, words)
    assert isinstance(done.exception, KnownTrouble)
    assert "Say with --because why this is erased" in str(done.exception)
    assert "0000" not in done.output
