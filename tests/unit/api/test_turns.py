"""How much may be checked at once, and who is told to come again."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from api.turns import Busy, Turns


def test_beyond_the_bound_one_waits_and_is_then_told_to_come_again() -> None:
    turns = Turns(at_once=2, queue=1, patience=0.01)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(turns.one())
        with pytest.raises(Busy, match="Try again"), turns.one():
            pass
    with turns.one():
        pass


def test_a_full_queue_does_not_even_wait() -> None:
    turns = Turns(at_once=1, queue=0, patience=3600)
    with turns.one(), pytest.raises(Busy), turns.one():
        pass


def test_a_turn_that_ends_in_an_error_is_given_back() -> None:
    turns = Turns(at_once=1, queue=0, patience=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="inside"), turns.one():
            raise ValueError("inside")
