"""What a person is told of how a child ended."""

from __future__ import annotations

from transcode.ending import Ending, How


def test_what_a_child_found_is_told_without_the_code_of_a_good_end() -> None:
    ending = Ending(how=How.EXIT_CODE, messages=("what the master says of itself cannot be",))
    assert ending.in_words() == "what the master says of itself cannot be"


def test_an_end_with_a_code_is_told_with_it_and_the_last_words() -> None:
    ending = Ending(how=How.EXIT_CODE, code=234, messages=("first", "Invalid argument"))
    assert ending.in_words() == "the child ended with code 234 (Invalid argument)"


def test_the_words_of_a_clean_end_are_left_out() -> None:
    assert Ending(how=How.CLEAN, messages=("nothing",)).in_words() == "the child ended well"
