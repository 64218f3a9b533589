"""The count of the store: every master that is missing, unknown or changed is named, and a short list is no count."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from api.custody_commands import custody_app
from evidence import clock
from evidence.bootstrap import store_settings
from evidence.completeness import census, counted
from evidence.completeness.census import Census
from evidence.completeness.matching import Gap
from evidence.custody import ledger, rows
from evidence.custody.events import SYSTEM, EventType
from evidence.identifiers import new_id
from evidence.models import Incident, Master
from evidence.store.masters import S3MasterStore
from evidence.tlog.merkle import leaf_hash, root_of
from evidence.vocabulary import ArrivalState
from tests.integration.evidence.completeness.conftest import Vandal
from tests.support.hosts import environment_of
from tests.support.house import World
from tests.support.recordings import Shelf
from tests.support.servers import Faults, lossy_door


def masters_of(world: World) -> list[Master]:
    with world.house.reading() as session:
        return list(session.scalars(select(Master).order_by(Master.id)))


def incidents(world: World) -> dict[str, Incident]:
    with world.house.reading() as session:
        return {each.subject: each for each in session.scalars(select(Incident).where(Incident.closed_at.is_(None)))}


def kept(world: World, taken: Census) -> tuple[rows.Census, Mapping[str, Any]]:
    with world.house.reading() as session:
        row = session.get_one(rows.Census, taken.id)
        return row, row.report


def found(taken: Census) -> set[tuple[Gap, str]]:
    return {(each.gap, each.key) for each in taken.gaps}


def test_a_store_that_holds_every_master_and_no_more_agrees(world: World, vandal: Vandal, shelf: Shelf) -> None:
    for body in (b"one", b"two and more", b""):
        shelf.recording(body)
    taken = census.take(world.house)
    assert taken.holds, taken.words
    assert (taken.expected, taken.found, taken.versions, taken.locks_asked) == (3, 3, 3, 3)
    lines = [f"{each.key}\0{each.version_id}\0{each.size}\0".encode() for each in masters_of(world)]
    assert taken.root == root_of([leaf_hash(line) for line in lines])
    row, report = kept(world, taken)
    assert (row.root, row.expected, report["gaps"]) == (taken.root, 3, [])
    with world.house.reading() as session:
        last = ledger.history(session, SYSTEM)[-1]
    assert (last.id, last.type, last.facts["root"]) == (row.event_id, EventType.CENSUS_TAKEN, taken.root.hex())
    assert incidents(world) == {}


def test_every_object_that_differs_is_named(world: World, vandal: Vandal, shelf: Shelf) -> None:
    references = [shelf.recording(body) for body in (b"whole", b"gone", b"hidden", b"replaced", b"unlocked")]
    whole, gone, hidden, replaced, unlocked = masters_of(world)
    vandal.remove(gone.key, gone.version_id)
    vandal.hide(hidden.key)
    vandal.remove(replaced.key, replaced.version_id)
    vandal.put(replaced.key, b"something else")
    vandal.shorten(unlocked.key, unlocked.version_id)
    stranger, deep = f"masters/{new_id()}", "masters/deep/er"
    for key in (stranger, deep, "beside"):
        vandal.put(key, b"from elsewhere")

    taken = census.take(world.house)

    assert found(taken) == {
        (Gap.MISSING, gone.key),
        (Gap.CHANGED, hidden.key),
        (Gap.MISSING, replaced.key),
        (Gap.EXTRA, replaced.key),
        (Gap.CHANGED, unlocked.key),
        (Gap.EXTRA, stranger),
        (Gap.EXTRA, deep),
        (Gap.EXTRA, "beside"),
    }
    assert whole.key not in {each.key for each in taken.gaps}
    assert (taken.expected, taken.found, taken.missing, taken.extra, taken.changed) == (5, 3, 2, 4, 2)
    named = {each.reference for each in taken.gaps if each.gap is not Gap.EXTRA}
    assert named == set(references[1:])
    opened = incidents(world)
    assert len(opened) == 8
    assert all(each.reason and each.advice for each in opened.values())
    with world.house.reading() as session:
        history = ledger.history(session, gone.id)
    assert history[-1].type is EventType.CENSUS_GAP
    assert gone.key in history[-1].sentence


def test_a_gap_is_told_once_and_settles_when_it_closes(world: World, vandal: Vandal, shelf: Shelf) -> None:
    shelf.recording(b"there")
    stranger = f"masters/{new_id()}"
    version = vandal.put(stranger, b"unknown")
    for _ in range(2):
        assert census.take(world.house).extra == 1
    assert len(incidents(world)) == 1
    with world.house.reading() as session:
        events = [line.type for line in ledger.history(session, SYSTEM)]
    assert events.count(EventType.CENSUS_GAP) == 1
    assert events.count(EventType.CENSUS_TAKEN) == 2
    vandal.remove(stranger, version)
    assert census.take(world.house).holds
    assert incidents(world) == {}


def gaps_told(world: World) -> list[str | None]:
    with world.house.reading() as session:
        lines = [*ledger.history(session, SYSTEM)]
        for master in masters_of(world):
            lines += ledger.history(session, master.id)
    return [line.facts["version_id"] for line in lines if line.type is EventType.CENSUS_GAP]


def test_each_of_more_gaps_than_the_report_names_is_told_once(world: World, vandal: Vandal, shelf: Shelf) -> None:
    for body in (b"there", b"gone"):
        shelf.recording(body)
    lost = masters_of(world)[1]
    vandal.remove(lost.key, lost.version_id)
    keys = [f"masters/{new_id()}" for _ in range(4)]
    versions = [vandal.put(each, b"unknown") for each in keys]
    for _ in range(3):
        taken = census.take(world.house, most_kept=1)
        assert (taken.missing, taken.extra, len(taken.gaps)) == (1, 4, 1)
    assert sorted(map(str, gaps_told(world))) == sorted([*versions, lost.version_id])
    vandal.remove(keys[-1], versions[-1])
    assert census.take(world.house, most_kept=1).extra == 3
    again = vandal.put(keys[-1], b"unknown")
    for _ in range(2):
        assert census.take(world.house, most_kept=1).extra == 4
    assert sorted(map(str, gaps_told(world))) == sorted([*versions, again, lost.version_id]), "what is new, and once"


def test_what_a_newer_count_found_in_order_is_told_again_though_its_row_is_lost(
    world: World, vandal: Vandal, shelf: Shelf
) -> None:
    shelf.recording(b"there")
    [only] = masters_of(world)
    vandal.hide(only.key)
    mark = next(version for key, version in vandal.versions() if key == only.key and version != only.version_id)
    assert census.take(world.house).changed == 1
    vandal.remove(only.key, mark)
    newer = census.take(world.house)
    assert newer.holds, newer.words
    with world.house.writing() as session:  # as a roll-forward leaves it: the event came back, and the row did not
        session.execute(text("DELETE FROM custody.census WHERE id = :id"), {"id": newer.id})
    vandal.hide(only.key)
    assert census.take(world.house).changed == 1
    assert gaps_told(world) == [only.version_id] * 2


def test_what_an_arrival_has_stored_is_not_unknown(world: World, vandal: Vandal, shelf: Shelf) -> None:
    shelf.recording(b"registered")
    docking = shelf.docking("bay 9")
    with world.house.writing() as session:
        for number, state in enumerate((ArrivalState.STORED, ArrivalState.FAILED)):
            arrival = shelf._stored(docking, f"CLIP{number}.MP4", b"not yet a master")
            arrival.state, arrival.mtime_ns = state, number
            session.add(arrival)
    taken = census.take(world.house)
    assert taken.holds, taken.gaps
    assert (taken.versions, taken.unfinished) == (3, 2)


def test_an_empty_store_with_masters_expected_is_a_gap(world: World, vandal: Vandal, shelf: Shelf) -> None:
    shelf.recording(b"everything")
    [only] = masters_of(world)
    vandal.remove(only.key, only.version_id)
    taken = census.take(world.house)
    assert (taken.expected, taken.found, taken.missing) == (1, 0, 1)
    assert not taken.holds


def test_nothing_to_verify_is_said_and_is_no_success(world: World, vandal: Vandal) -> None:
    taken = census.take(world.house)
    assert not taken.holds
    assert taken.words.startswith("Nothing to verify")
    _, report = kept(world, taken)
    assert report["words"] == taken.words


def test_a_list_that_breaks_off_is_a_census_that_failed(world: World, vandal: Vandal, shelf: Shelf) -> None:
    shelf.recording(b"cannot be counted")
    store = vandal.client.meta.endpoint_url
    faults = Faults(refuses="GET /masters?versions", times=1000)
    with lossy_door(store, faults) as endpoint:
        behind = S3MasterStore(replace(store_settings(world.settings), endpoint=endpoint))
        taken = census.take(replace(world.house, masters=behind))
    assert taken.failed is not None
    assert not taken.holds
    assert taken.missing == 0
    row, report = kept(world, taken)
    assert report["failed"] == taken.failed
    [trouble] = incidents(world).values()
    assert "could not be counted" in trouble.reason
    with world.house.reading() as session:
        assert ledger.history(session, trouble.id)[0].id == row.event_id
    again = census.take(world.house)
    assert again.holds
    assert incidents(world) == {}


@pytest.mark.parametrize("name", ["a\tb", "ümläut", "x" * 300])
def test_a_strange_key_is_named_and_breaks_nothing(world: World, vandal: Vandal, shelf: Shelf, name: str) -> None:
    shelf.recording(b"there")
    vandal.put(f"masters/{name}", b"strange")
    taken = census.take(world.house)
    assert taken.extra == 1
    _, report = kept(world, taken)
    assert json.dumps(report["gaps"])


MANY = """
INSERT INTO master (id, role, identity, sha256, sha512, tree, size, bucket, key, version_id, lock_mode, lock_until,
  stored_at, verified_at)
SELECT id, 'media', sha256(id::text::bytea), '', '', '', 1, :bucket, 'masters/' || id, 'v', 'GOVERNANCE',
  :now, :now, :now
FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 650)) AS made
"""


def test_hundreds_that_are_missing_are_all_named_and_do_not_flood_the_list(world: World, vandal: Vandal) -> None:
    with world.house.writing() as session:
        session.execute(text(MANY), {"bucket": vandal.bucket, "now": clock.now()})
    taken = census.take(world.house)
    assert (taken.expected, taken.found, taken.missing) == (650, 0, 650)
    assert len({each.key for each in taken.gaps}) == 650
    assert len(incidents(world)) == counted.MOST_INCIDENTS + 1


def test_the_command_names_what_differs_and_says_so_by_its_exit(
    world: World, vandal: Vandal, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(world).items():
        monkeypatch.setenv(name, value)
    reference = shelf.recording(b"there for now")
    whole = CliRunner().invoke(custody_app, ["census"])
    assert (whole.exit_code, whole.stdout.strip()) == (0, "1 of 1 masters are there; 0 missing, 0 unknown, 0 changed.")
    [only] = masters_of(world)
    vandal.remove(only.key, only.version_id)
    gap = CliRunner().invoke(custody_app, ["census", "--json"])
    said = json.loads(gap.stdout)
    assert gap.exit_code == 1
    assert (said["missing"], said["gaps"][0]["key"], said["gaps"][0]["recording"]) == (1, only.key, reference)


def test_the_command_prints_no_key_that_acts_on_the_screen(
    world: World, vandal: Vandal, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(world).items():
        monkeypatch.setenv(name, value)
    shelf.recording(b"there")
    vandal.put("masters/\u202e4pm.x\ty", b"strange")
    said = CliRunner().invoke(custody_app, ["census"])
    assert "\u202e" not in said.output
    assert "\t" not in said.output
    assert "masters/\\u202e4pm.x\\ty" in said.output
