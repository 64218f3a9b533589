"""Rows that the service's password can write beside what those outside said: none silences, vouches or spoils."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from evidence import clock
from evidence.completeness import fsck
from evidence.models import Incident
from evidence.outside.duties import Duties
from evidence.outside.rotating import enter
from evidence.outside.stamping import Stamping, stamps_now
from evidence.sequencing.reading import published_note, subtree_reader
from evidence.tlog.checkpoint import parse_checkpoint
from evidence.tlog.note import parse_note, signature_line
from evidence.tlog.policy import parse_policy
from evidence.tlog.signing import cosign
from evidence.vocabulary import IncidentKind
from tests.integration.evidence.outside.test_stamping import names, newest_note, stamping
from tests.integration.evidence.outside.test_witnessing import duty, under, witnessed
from tests.support.authority import Authority
from tests.support.log import published_size
from tests.support.outside import Neighbour, OwnLog, neighbour

MISSING, SILENT = IncidentKind.TIMESTAMP_MISSING, IncidentKind.WITNESS_SILENT
LATER = datetime.fromisoformat("2099-01-01T00:00:00+00:00")
FAR = 100_000_000
STAMP = text(
    "INSERT INTO custody.tst (size, authority, query, token, gen_time, received_at)"
    " VALUES (:size, :authority, :query, :token, :said, :at)"
)
LINE = text(
    "INSERT INTO custody.cosignature (size, key_id, key_name, line, received_at)"
    " VALUES (:size, :key_id, :name, :line, :at)"
)


@pytest.fixture
def north(own_log: OwnLog, tmp_path: Path) -> Iterator[Neighbour]:
    """A witness that knows the log."""
    with neighbour("north", tmp_path / "north", own_log.keys) as made:
        yield made


def as_service(log: OwnLog, statement: object, **values: object) -> None:
    with log.house.writing() as session:
        session.execute(text("SET LOCAL ROLE continuity_service"))
        session.execute(statement, values)  # type: ignore[call-overload]


def stamp(log: OwnLog, size: int, at: datetime, *, token: bytes = b"", query: bytes = b"") -> None:
    for name in ("north", "south"):
        as_service(log, STAMP, size=size, authority=name, query=query, token=token, said=at, at=at)


def reasons(log: OwnLog) -> dict[str, str]:
    with log.house.reading() as session:
        open_now = session.scalars(select(Incident).where(Incident.closed_at.is_(None))).all()
        return {each.subject: each.reason for each in open_now}


def note_of(log: OwnLog, size: int) -> bytes:
    with log.house.reading() as session:
        return published_note(session, size)


def test_a_forged_time_stamp_puts_no_authority_off_and_silences_no_alarm(
    stamped_log: OwnLog, authorities: dict[str, Authority]
) -> None:
    stamped_log.grow()
    size, now = published_size(stamped_log.house), clock.now()
    for at in (now, LATER):
        stamp(stamped_log, FAR, at)
        stamp(stamped_log, size, at)
    for each in authorities.values():
        each.misbehaves = "error"
    dead = stamping(stamped_log)
    assert dead.tick(now) == []
    dead.tick(now + timedelta(hours=3, minutes=1))
    assert stamped_log.incidents() == {(MISSING, "north"), (MISSING, "south")}
    for each in authorities.values():
        each.misbehaves = None
    assert names(stamping(stamped_log).tick(now)) == ["north", "south"]
    assert stamping(stamped_log).tick(now) == [], "what is good counts, among the forged"


def test_a_good_token_under_another_size_or_a_later_time_silences_nothing(stamped_log: OwnLog) -> None:
    stamped_log.grow()
    duty, now = stamping(stamped_log), clock.now()
    made = {each.authority: each for each in duty.tick(now)}
    stamped_log.grow()
    newer, token = published_size(stamped_log.house), made["north"]
    for size, at in ((newer, LATER), (newer, now), (token.size, now + timedelta(hours=5))):
        stamp(stamped_log, size, at, token=token.response, query=token.query)
    assert names(stamping(stamped_log).tick(now + timedelta(days=1, hours=2))) == ["north", "south"]


def test_a_forged_time_stamp_goes_into_no_package(stamped_log: OwnLog) -> None:
    stamped_log.grow()
    note, size = newest_note(stamped_log), published_size(stamped_log.house)
    stamp(stamped_log, size, clock.now() - timedelta(days=1))
    made = {each.authority: each for each in stamps_now(stamped_log.house, note)}
    assert sorted(made) == ["north", "south"]
    north = made["north"]
    early = clock.now() - timedelta(days=2)
    as_service(
        stamped_log, STAMP, size=size, authority="north", query=b"other", token=north.response, said=early, at=early
    )
    again = {each.authority: each for each in stamps_now(stamped_log.house, note)}
    assert again["north"].query == north.query
    assert {each.size for each in Stamping(stamped_log.house, stamped_log.house.settings).at_or_before(FAR)} == {size}


def test_a_forged_signature_puts_no_witness_off_silences_no_alarm_and_makes_no_quorum(
    own_log: OwnLog, north: Neighbour, tmp_path: Path
) -> None:
    log = under(own_log, tmp_path, [*north.lines, "group both all north-ed25519 north-ml-dsa"], "both")
    log.grow(5, unwitnessed=False)
    size, now = published_size(log.house), clock.now()
    for key in north.witness.keys:
        vkey = key.vkey()
        for at_size, at in ((size, now), (FAR, LATER)):
            line = f"— {vkey.name} {'A' * 40}\n".encode()
            as_service(log, LINE, size=at_size, key_id=vkey.key_id, name=vkey.name, line=line, at=at)
    away = under(own_log, tmp_path, [line.rpartition(" ")[0] + " http://127.0.0.1:9" for line in north.lines], "none")
    duty(away).tick(now + timedelta(hours=3, minutes=1))
    assert away.incidents() == {(SILENT, "north.example.test/witness")}
    log = under(own_log, tmp_path, [*north.lines, "group both all north-ed25519 north-ml-dsa"], "both")
    duty(log).tick(now)
    assert witnessed(log) == size
    assert {each.name for each in parse_note(note_of(log, size)).signatures[-2:]} == {"north.example.test/witness"}
    judged = parse_policy((tmp_path / "policy").read_bytes()).judge(note_of(log, size))
    assert judged.witnessed


def test_a_replayed_signature_silences_no_alarm(own_log: OwnLog, north: Neighbour, tmp_path: Path) -> None:
    log = under(own_log, tmp_path, north.lines, "north-ed25519")
    log.grow(5, unwitnessed=False)
    now = clock.now()
    duty(log).tick(now)
    last = parse_note(note_of(log, 5)).signatures[-1]
    again = {"size": 5, "key_id": last.key_id, "name": last.name, "line": signature_line(last)}
    as_service(log, LINE, **again, at=now + timedelta(hours=4))
    log.grow(5, unwitnessed=False)
    away = under(own_log, tmp_path, [each.rpartition(" ")[0] + " http://127.0.0.1:9" for each in north.lines], "none")
    duty(away).tick(now + timedelta(hours=4))
    assert away.incidents() == {(SILENT, "north.example.test/witness")}


def test_signatures_that_do_not_hold_are_in_no_note_and_contradict_nothing(
    own_log: OwnLog, north: Neighbour, tmp_path: Path
) -> None:
    log = under(own_log, tmp_path, north.lines, "north-ed25519")
    enter(log.house, log.keys)
    log.grow(5, unwitnessed=False)
    size = published_size(log.house)
    own, witness = log.keys.vkeys()[0], north.witness.keys[0].vkey()
    for at_size in range(size, size + 20):
        for key_id, name in ((own.key_id, own.name), (b"\x01\x02\x03\x04", "x.example/w"), (witness.key_id, "y")):
            as_service(log, LINE, size=at_size, key_id=key_id, name=name, line=b"\xff\n", at=clock.now())
    assert [each.name for each in parse_note(note_of(log, size)).signatures] == [own.name] * 2
    duty(log).tick(clock.now())
    log.grow(3, unwitnessed=False)
    duty(log).tick(clock.now())
    found = fsck.verify(log.house)
    assert found.contradicted == (), found.contradicted
    assert found.of("witnessed").verdict.value == "proved"


def test_a_package_s_own_policy_says_whose_signatures_are_in_its_note(own_log: OwnLog, north: Neighbour) -> None:
    own_log.grow(5)
    size = published_size(own_log.house)
    note = parse_note(note_of(own_log, size))
    key = north.witness.keys[0]
    good = signature_line(cosign(parse_checkpoint(note.text), key, int(clock.now().timestamp())))
    as_service(own_log, LINE, size=size, key_id=key.vkey().key_id, name=key.vkey().name, line=good, at=clock.now())
    lines = [*(f"log {each.text()}" for each in own_log.keys.vkeys()), north.lines[0], "quorum north-ed25519", ""]
    policy = parse_policy("\n".join(lines).encode())
    assert good not in note_of(own_log, size)
    with own_log.house.reading() as session:
        assert policy.judge(published_note(session, size, under=policy)).witnessed


def test_forged_rows_are_named_once(stamped_log: OwnLog, authorities: dict[str, Authority]) -> None:
    enter(stamped_log.house, stamped_log.keys)
    stamped_log.grow()
    size = published_size(stamped_log.house)
    own = stamped_log.keys.vkeys()[0]
    Duties(stamped_log.house, stamped_log.house.settings, subtree_reader).tick()
    assert reasons(stamped_log) == {}
    stamp(stamped_log, FAR, clock.now())
    stamp(stamped_log, size, clock.now(), token=b"\0")
    for at_size, at in ((size, clock.now()), (FAR, LATER)):
        as_service(stamped_log, LINE, size=at_size, key_id=own.key_id, name="\x1b[31m", line=b"", at=at)
    for _ in range(2):
        Duties(stamped_log.house, stamped_log.house.settings, subtree_reader).tick()
        said = reasons(stamped_log)
        assert sorted(said) == ["rows of custody.cosignature", "rows of custody.tst"]
    assert said["rows of custody.tst"].startswith("4 rows of custody.tst that nothing rests on")
    assert f"over {FAR} events: no checkpoint of this size was published" in said["rows of custody.tst"]
    assert f"over {size} events: it is not about the checkpoint of this size" in said["rows of custody.tst"]
    assert "it is that of a key of the log, and no witness's" in said["rows of custody.cosignature"]
    with stamped_log.house.writing() as session:
        session.execute(text("UPDATE incident SET closed_at = now(), closed_because = 'seen'"))
    Duties(stamped_log.house, stamped_log.house.settings, subtree_reader).tick()
    assert reasons(stamped_log) == {}


def test_a_checkpoint_that_was_never_published_is_shown_to_nobody(stamped_log: OwnLog) -> None:
    stamped_log.grow()
    size = published_size(stamped_log.house)
    forged = text("INSERT INTO custody.checkpoint (size, root, note) VALUES (:size, '', 'x')")
    as_service(stamped_log, forged, size=FAR)
    made = stamping(stamped_log).tick(clock.now())
    assert {each.size for each in made} == {size}
    assert names(made) == ["north", "south"]
