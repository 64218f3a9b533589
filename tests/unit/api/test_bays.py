"""What the wall says of a bay. Green is the one word that must never be wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from api.enquiries.docks import BayFacts, Look, stand_of
from evidence.vocabulary import ListedState

FULL = BayFacts(
    files=3, receipted=3, by_state={ListedState.RECEIPTED: 3}, bytes_total=30, bytes_sent=30, listing_complete=True,
    closed=False,
)  # fmt: skip

counts = st.dictionaries(st.sampled_from(ListedState), st.integers(1, 5), max_size=6)


@given(by_state=counts, complete=st.booleans(), closed=st.booleans(), silent=st.none() | st.just(timedelta(minutes=9)))
def test_safe_is_said_only_when_every_listed_file_has_its_receipt(
    by_state: dict[ListedState, int], complete: bool, closed: bool, silent: timedelta | None
) -> None:
    receipted = by_state.get(ListedState.RECEIPTED, 0)
    files = sum(by_state.values())
    facts = replace(
        FULL, files=files, receipted=receipted, by_state=by_state, listing_complete=complete, closed=closed,
        agent_silent_for=silent,
    )  # fmt: skip
    safe = stand_of(facts).look is Look.SAFE
    assert safe == (0 < files == receipted and complete and not closed and silent is None)


def test_a_device_that_holds_nothing_is_not_called_safe() -> None:
    assert stand_of(replace(FULL, files=0, receipted=0, by_state={})).word == "Nothing on it"


def test_a_listing_still_being_read_is_not_called_safe() -> None:
    assert stand_of(replace(FULL, listing_complete=False)).word == "Reading"


def test_a_device_that_was_taken_out_too_early_says_what_to_do() -> None:
    stand = stand_of(replace(FULL, receipted=2, closed=True))
    assert (stand.word, stand.look) == ("Taken out too early", Look.STOP)
    assert "Put the camera back" in stand.advice


def test_a_device_that_went_before_it_was_listed_is_not_called_stored() -> None:
    stand = stand_of(replace(FULL, listing_complete=False, closed=True))
    assert (stand.word, stand.look) == ("Taken out too early", Look.STOP)
    assert "Put the camera back" in stand.advice


def test_a_device_that_held_nothing_is_not_said_to_have_been_emptied() -> None:
    stand = stand_of(replace(FULL, files=0, receipted=0, by_state={}, closed=True))
    assert stand.detail == "The last camera held no files."


def test_a_silent_dock_is_not_believed() -> None:
    assert stand_of(replace(FULL, agent_silent_for=timedelta(minutes=3))).look is Look.STOP


def test_uploading_says_how_far_and_how_long() -> None:
    states = {ListedState.RECEIPTED: 1, ListedState.SENDING: 2}
    stand = stand_of(replace(FULL, receipted=1, by_state=states, bytes_sent=13, seconds_left=90))
    assert stand.word == "Uploading 43 %"
    assert stand.percent == 43
    assert "about 2 minutes left" in stand.detail


def test_a_percentage_is_shown_and_not_read_out() -> None:
    states = {ListedState.RECEIPTED: 1, ListedState.SENDING: 2}
    assert stand_of(replace(FULL, receipted=1, by_state=states)).said == "Uploading"


def test_all_sent_and_not_all_receipted_is_checking_and_never_a_hundred_per_cent() -> None:
    states = {ListedState.RECEIPTED: 1, ListedState.CHECKING: 2}
    assert stand_of(replace(FULL, receipted=1, by_state=states)).word == "Checking"
    sending = {ListedState.RECEIPTED: 1, ListedState.SENDING: 2}
    assert stand_of(replace(FULL, receipted=1, by_state=sending, bytes_sent=30)).percent == 99


def test_waiting_says_why() -> None:
    facts = replace(FULL, receipted=0, by_state={ListedState.WAITING: 3}, waiting_because="The store is away.")
    stand = stand_of(facts)
    assert stand.word == "Waiting"
    assert "The store is away." in stand.detail


def test_a_file_that_cannot_be_taken_in_keeps_the_camera_in_its_bay() -> None:
    states = {ListedState.RECEIPTED: 2, ListedState.REFUSED: 1}
    stand = stand_of(replace(FULL, receipted=2, by_state=states, trouble="It is a link to another file."))
    assert stand.look is Look.STOP
    assert stand.detail.endswith("1 file could not be taken in: It is a link to another file.")
