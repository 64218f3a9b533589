"""A row that says less than was signed, a halt, a sequencer at work: what the store has signed for decides."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.completeness import audit, fsck, headmap
from evidence.completeness.claims import Verdict, Verification
from evidence.custody.events import Actor
from evidence.incidents import Trouble, open_incident
from evidence.models import Master
from evidence.sequencing.errors import HistoryDiffers, StillHalted
from evidence.sequencing.opening import look
from evidence.sequencing.sequencer import Sequencer
from evidence.vocabulary import IncidentKind
from tests.integration.evidence.completeness.conftest import sequence
from tests.integration.evidence.completeness.test_fsck import broken, tamper
from tests.integration.evidence.completeness.test_rounds import only_master, open_incidents
from tests.support.house import World, until
from tests.support.log import QUICK, log_keys, published_size, sequencing, write_events
from tests.support.recordings import Shelf

FORGED = "convert_to(replace(convert_from(leaf, 'UTF8'), 'playback', 'storyboard'), 'UTF8')"
SET_BACK = (
    "UPDATE custody.state SET published_size = {0}, integrated_size = {0}, witnessed_size = {0},"
    " published_root = (SELECT root FROM custody.checkpoint WHERE size = {0}),"
    " witnessed_root = (SELECT root FROM custody.checkpoint WHERE size = {0})"
)
TO_NOTHING = (
    "UPDATE custody.state SET published_size = 0, integrated_size = 0, witnessed_size = 0,"
    " witnessed_root = sha256(''::bytea)"
)


class Died(BaseException):
    """The process ends here."""


@pytest.fixture
def grown(kept: World) -> World:
    """A log with checkpoints over 230, 300 and 600 events: three subjects, one after another."""
    for many in (228, 70, 300):  # beside two events that name the keys
        write_events(kept.house, many)
        sequence(kept)
    return kept


def forge(house: House, seq: int) -> None:
    """Change the last event of its subject with every hash beside it, as whoever owns the tables can."""
    of_it = f"ingest_no = (SELECT ingest_no FROM custody.leaf WHERE seq = {seq})"
    made = f"(SELECT leaf_hash FROM custody.event WHERE {of_it})"
    tamper(
        house,
        f"UPDATE custody.event SET leaf = {FORGED}, leaf_hash = sha256('\\x00'::bytea || {FORGED}) WHERE {of_it}",
        f"UPDATE custody.leaf SET leaf_hash = {made} WHERE seq = {seq}",
        f"UPDATE custody.head SET leaf_hash = {made} WHERE subject = (SELECT subject FROM custody.event WHERE {of_it})",
    )


def said(found: Verification, claim: str) -> str:
    return " / ".join(found.of(claim).findings)


@pytest.mark.parametrize(("size", "seq"), [(230, 299), (300, 599)])
def test_a_changed_event_is_found_though_the_row_was_set_back_below_it(grown: World, size: int, seq: int) -> None:
    house = grown.house
    forge(house, seq)
    tamper(house, f"DELETE FROM custody.checkpoint WHERE size > {size}", SET_BACK.format(size))
    for since in (None, size):
        found = fsck.verify(house, since=since)
        assert not found.holds
        assert "checkpoint" in broken(found)
        assert "two histories" in said(found, "checkpoint")
        assert {"tiles", "events"} <= broken(found), (
            "a tile that was signed for must be the database's, the last part too"
        )
        assert f"event {seq}: the store has another" in said(found, "events")
    with pytest.raises(HistoryDiffers):
        look(house, log_keys(house, grown.folder))
    audit.audit(house)
    assert "two histories" in open_incidents(grown)["log checkpoint"]


def test_nor_does_it_help_to_take_the_keys_away(grown: World) -> None:
    forge(grown.house, 299)
    tamper(grown.house, "DELETE FROM custody.checkpoint", TO_NOTHING)
    with grown.house.sessions.engine.begin() as connection:
        connection.execute(text("ALTER TABLE custody.log_key DISABLE TRIGGER USER"))
        connection.execute(text("DELETE FROM custody.log_key"))
    assert "two histories" in said(fsck.verify(grown.house), "checkpoint")


def test_a_row_that_says_that_nothing_was_published_contradicts_its_checkpoints_and_the_store(grown: World) -> None:
    tamper(grown.house, TO_NOTHING)
    found = fsck.verify(grown.house)
    assert not found.holds
    assert "has a checkpoint over 600 events, and says that 0 were published" in said(found, "checkpoint")
    tamper(grown.house, "DELETE FROM custody.checkpoint")
    found = fsck.verify(grown.house)
    assert broken(found) == {"checkpoint"}
    assert "the store has 3 checkpoints over more events than the 0" in said(found, "checkpoint")


def test_a_full_tile_beyond_what_is_said_to_be_integrated_may_be_there_and_not_be_another(kept: World) -> None:
    def die(step: str) -> None:
        if step == "tiles stored":
            raise Died

    write_events(kept.house, 300)
    with pytest.raises(Died):
        Sequencer(kept.house, log_keys(kept.house, kept.folder), at_step=die).lead_once()
    assert fsck.verify(kept.house).holds, "a tile in flight is right"
    forge(kept.house, 255)
    found = fsck.verify(kept.house)
    assert "tile/0/000 does not hold" in said(found, "tiles")


def test_a_halt_is_said_with_its_reason_and_is_an_incident_until_it_is_lifted(grown: World) -> None:
    reason = "a reason that a person reads"
    tamper(grown.house, f"UPDATE custody.state SET halted = '{reason}'")
    found = fsck.verify(grown.house)
    assert broken(found) == {"sequencing"}
    assert reason in found.of("sequencing").words
    with pytest.raises(StillHalted):
        sequence(grown)
    audit.audit(grown.house)
    assert reason in open_incidents(grown)["log sequencing"]
    tamper(grown.house, "UPDATE custody.state SET halted = NULL")
    audit.audit(grown.house)
    assert open_incidents(grown) == {}


def test_an_empty_log_that_is_halted_says_so(kept: World) -> None:
    tamper(kept.house, "UPDATE custody.state SET halted = 'a reason'")
    assert broken(fsck.verify(kept.house)) == {"sequencing"}


def test_a_sequencer_between_any_two_writes_contradicts_nothing(grown: World) -> None:
    passed: dict[str, set[str]] = {}

    def verified(step: str) -> None:
        passed[step] = broken(fsck.verify(grown.house))

    write_events(grown.house, 300)
    Sequencer(grown.house, log_keys(grown.house, grown.folder), at_step=verified).lead_once()
    assert {"numbered", "tiles stored", "integrated", "checkpoint stored", "latest stored", "published"} <= set(passed)
    assert set().union(*passed.values()) == set()


@pytest.mark.parametrize("size", [256, 512, 768, 1024, 1536])
def test_a_checkpoint_over_whole_tiles_is_verified_as_any_other(kept: World, size: int) -> None:
    write_events(kept.house, size - len(log_keys(kept.house, kept.folder).vkeys()))
    sequence(kept)
    assert published_size(kept.house) == size
    assert fsck.verify(kept.house).holds
    write_events(kept.house, 5)
    sequence(kept)
    assert fsck.verify(kept.house).holds
    assert fsck.verify(kept.house, since=size).holds


@pytest.mark.parametrize("step", ["tiles stored", "checkpoint stored", "latest stored"])
def test_what_a_sequencer_leaves_where_it_dies_contradicts_nothing(grown: World, step: str) -> None:
    def die(reached: str) -> None:
        if reached == step:
            raise Died

    write_events(grown.house, 300)
    with pytest.raises(Died):
        Sequencer(grown.house, log_keys(grown.house, grown.folder), at_step=die).lead_once()
    assert fsck.verify(grown.house).holds
    sequence(grown)
    assert fsck.verify(grown.house).holds


def test_a_running_sequencer_is_never_taken_for_a_row_that_was_set_back(grown: World) -> None:
    with sequencing(Sequencer(grown.house, log_keys(grown.house, grown.folder), QUICK)) as raised:
        for _ in range(15):
            write_events(grown.house, 40)
            assert fsck.verify(grown.house, since=600).contradicted == ()
        until(lambda: published_size(grown.house) == 1200, what="the last checkpoint")
    assert raised == []


@pytest.fixture
def recorded(kept: World) -> Master:
    """A recording whose log holds, proved to the end; no checkpoint was there when its events were written."""
    Shelf(kept).recording(b"what the camera saw")
    sequence(kept)
    headmap.make(kept.house)
    sequence(kept)
    found = only_master(kept)
    held = fsck.verify_recording(kept.house, found.id)
    assert {claim.claim for claim in held.claims if claim.verdict is not Verdict.PROVED} == {"not_before"}
    return found


@pytest.mark.parametrize(
    ("statements", "claim", "words"),
    [
        (("DELETE FROM custody.checkpoint", TO_NOTHING), "checkpoint", "the store has 2 checkpoints"),
        (("UPDATE custody.state SET halted = 'a reason'",), "sequencing", "a reason"),
    ],
)
def test_nothing_is_proved_of_a_recording_in_a_log_that_is_contradicted(
    kept: World, recorded: Master, statements: tuple[str, ...], claim: str, words: str
) -> None:
    tamper(kept.house, *statements)
    found = fsck.verify_recording(kept.house, recorded.id)
    assert not found.holds
    assert broken(found) == {claim}
    assert words in found.of(claim).words
    assert {each.claim for each in found.proved} == {"master"}


def test_open_incidents_about_a_recording_are_said(kept: World, recorded: Master) -> None:
    for kind, subject, about in (
        (IncidentKind.CENSUS_GAP, f"{recorded.key} of some version", None),
        (IncidentKind.FIXITY_FAILED, "something", recorded.id),
    ):
        trouble = Trouble(kind=kind, subject=subject, reason=f"why {kind}", advice="-", recording_id=about)
        with kept.house.writing() as session:
            open_incident(session, trouble, by=Actor.system("test"))
    found = fsck.verify_recording(kept.house, recorded.id)
    assert found.holds
    for word in ("census_gap: why", "fixity_failed: why"):
        assert word in found.of("incidents").words
    with kept.house.writing() as session:
        session.execute(text("UPDATE incident SET closed_at = now()"))
    assert {each.claim for each in fsck.verify_recording(kept.house, recorded.id).claims} >= {"master"}
