"""Time-stamps on a real log: kept as they came, refused where they do not hold, never in the way."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import SYSTEM
from evidence.errors import SettingsRefused
from evidence.outside import tokens
from evidence.outside.errors import NoTimeStamp
from evidence.outside.stamping import Stamping, Token, stamp_now, stamps_now
from evidence.sequencing.reading import published_note
from evidence.vocabulary import IncidentKind
from tests.support.authority import Authority, openssl
from tests.support.outside import OwnLog

REFUSED, MISSING = IncidentKind.TIMESTAMP_REFUSED, IncidentKind.TIMESTAMP_MISSING


def newest_note(own_log: OwnLog) -> bytes:
    """The newest checkpoint as it is handed out."""
    with own_log.house.reading() as session:
        size = session.execute(text("SELECT published_size FROM custody.state")).scalar_one()
        return published_note(session, size)


def stamping(own_log: OwnLog) -> Stamping:
    """The duty."""
    return Stamping(own_log.house, own_log.house.settings)


def names(made: list[Token]) -> list[str]:
    """Whose tokens they are."""
    return sorted(each.authority for each in made)


def test_a_checkpoint_is_stamped_by_each_authority_and_kept_as_it_came(
    stamped_log: OwnLog, authorities: dict[str, Authority], tmp_path: Path
) -> None:
    assert stamping(stamped_log).tick(clock.now()) == []  # there is nothing to stamp
    stamped_log.grow()
    made = stamping(stamped_log).tick(clock.now())
    assert names(made) == ["north", "south"]
    stored = {key.rpartition(".")[2] for key in stamped_log.house.custody.list("tst/")}
    assert stored == {"tsq", "tsr", "pem"}
    assert len(list(stamped_log.house.custody.list(f"tst/{made[0].size:020d}-"))) == 4
    for each in made:
        tokens.judge(each.response, each.note, tokens.Chain.read(each.chain))
        (tmp_path / "note").write_bytes(each.note)
        (tmp_path / "tsr").write_bytes(each.response)
        (tmp_path / "pem").write_bytes(each.chain)
        said = openssl(
            "ts", "-verify", "-data", tmp_path / "note", "-in", tmp_path / "tsr", "-CAfile", tmp_path / "pem"
        )
        assert b"OK" in said
    with stamped_log.house.reading() as session:
        lines = ledger.history(session, SYSTEM)
    assert [line.type.value for line in lines] == ["timestamp.received"] * 2
    assert stamped_log.incidents() == set()


def test_the_next_hour_and_midnight_bring_the_next_time_stamp(stamped_log: OwnLog) -> None:
    stamped_log.grow()
    duty = stamping(stamped_log)
    now = clock.now()
    assert names(duty.tick(now)) == ["north", "south"]
    stamped_log.grow()
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    # Within the hour, and on the same day whenever this is run.
    assert duty.tick(min(now + timedelta(minutes=50), midnight - timedelta(seconds=1))) == []
    assert names(duty.tick(midnight + timedelta(minutes=6))) == ["north", "south"]
    assert duty.tick(midnight + timedelta(hours=30)) == []  # nothing has been published since
    stamped_log.grow()
    assert names(duty.tick(now + timedelta(hours=1, minutes=1, days=2))) == ["north", "south"]


def test_tokens_that_do_not_hold_are_refused_with_an_incident(
    stamped_log: OwnLog, authorities: dict[str, Authority]
) -> None:
    stamped_log.grow()
    south = authorities["south"]
    for how in ("wrong_nonce", "wrong_message", "injected", "refusal", "nonsense", "ahead"):
        south.misbehaves = how
        assert "south" not in names(stamping(stamped_log).tick(clock.now()))
        assert stamped_log.incidents() == {(REFUSED, "south")}, how
        assert [key for key in stamped_log.house.custody.list("tst/") if "south" in key] == []
    # Its certificates in the wrong order are nobody's fault.
    south.misbehaves = "unsorted"
    assert names(stamping(stamped_log).tick(clock.now())) == ["south"]
    assert stamped_log.incidents() == set()
    assert stamped_log.incidents(open_now=False) == {(REFUSED, "south")}


def test_an_authority_that_is_away_is_an_incident_when_it_lasts(
    stamped_log: OwnLog, authorities: dict[str, Authority]
) -> None:
    stamped_log.grow()
    authorities["north"].misbehaves, authorities["south"].misbehaves = "error", "hanging"
    duty = stamping(stamped_log)
    began, now = time.monotonic(), clock.now()
    assert duty.tick(now) == []
    assert time.monotonic() - began < 8
    assert stamped_log.incidents() == set()
    asked = authorities["north"].asked
    duty.tick(now + timedelta(minutes=1))
    assert authorities["north"].asked == asked  # not again at once
    duty.tick(now + timedelta(hours=3, minutes=1))
    assert stamped_log.incidents() == {(MISSING, "north"), (MISSING, "south")}


def test_an_export_is_stamped_at_once_and_only_once(stamped_log: OwnLog, authorities: dict[str, Authority]) -> None:
    stamped_log.grow()
    note = newest_note(stamped_log)
    made = stamps_now(stamped_log.house, note)
    assert names(made) == ["north", "south"]
    asked = authorities["north"].asked
    again = stamps_now(stamped_log.house, note)
    assert authorities["north"].asked == asked
    assert {(each.query, each.response, each.at.replace(microsecond=0)) for each in again} == {
        (each.query, each.response, each.at.replace(microsecond=0)) for each in made
    }
    assert stamp_now(stamped_log.house, note).note == made[0].note
    size = made[0].size
    stamped_log.grow()
    assert {each.size for each in stamping(stamped_log).at_or_before(size + 3)} == {size}
    assert stamping(stamped_log).at_or_before(size - 1) == []


def test_an_export_that_nobody_stamps_is_told_why(
    stamped_log: OwnLog, authorities: dict[str, Authority], tmp_path: Path
) -> None:
    stamped_log.grow()
    for each in authorities.values():
        each.misbehaves = "error"
    with pytest.raises(NoTimeStamp, match="HTTP status 500"):
        stamp_now(stamped_log.house, newest_note(stamped_log))
    with pytest.raises(NoTimeStamp, match="no time-stamp authority"):
        stamp_now(stamped_log.with_settings(time_authorities=[]).house, newest_note(stamped_log))
    with pytest.raises(NoTimeStamp, match="no such checkpoint"):
        stamp_now(stamped_log.house, newest_note(stamped_log).replace(b"\n3\n", b"\n2\n"))
    # Settings that name no whole chain are refused at the start.
    [north, _] = stamped_log.house.settings.time_authorities
    for given in (None, b"", b"nonsense"):
        path = tmp_path / f"chain-{given!r}"
        if given is not None:
            path.write_bytes(given)
        changed = stamped_log.with_settings(time_authorities=[north.model_copy(update={"certificates": path})])
        with pytest.raises(SettingsRefused, match="CONTINUITY_TIME_AUTHORITIES"):
            stamping(changed)
