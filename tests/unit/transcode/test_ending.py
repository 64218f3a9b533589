"""What a person is told of how a child ended."""

from __future__ import annotations

import pytest

from transcode.ending import Ending, How, placeless
from transcode.errors import RenderFailed


def test_what_a_child_found_is_told_without_the_code_of_a_good_end() -> None:
    ending = Ending(how=How.EXIT_CODE, messages=("what the master says of itself cannot be",))
    assert ending.in_words() == "what the master says of itself cannot be"


def test_an_end_with_a_code_is_told_with_it_and_the_last_words() -> None:
    ending = Ending(how=How.EXIT_CODE, code=234, messages=("first", "Invalid argument"))
    assert ending.in_words() == "the work ended with code 234 (technical detail: Invalid argument)"


def test_the_words_of_a_clean_end_are_left_out() -> None:
    assert Ending(how=How.CLEAN, messages=("nothing",)).in_words() == "the work ended well"


def test_a_person_reads_a_sentence_first_and_never_where_we_work() -> None:
    said = "[Errno 1094995529] Invalid data found when processing input: 'file:/tmp/continuity-scratch-0/x1/master.bin'"
    told = str(RenderFailed("making the clip", Ending(how=How.EXIT_CODE, messages=(said,))))
    assert told.startswith("making the clip did not succeed: some of its bytes make no sense as pictures or sound")
    assert told.endswith("'master.bin')")
    assert "scratch" not in told
    assert "Errno" not in told


def test_no_words_of_a_library_reach_a_person() -> None:
    said = "InvalidDataError: [Errno 1094995529] Invalid data found when processing input: 'avcodec_send_packet()'"
    told = str(RenderFailed("making the clip", Ending(how=How.EXIT_CODE, messages=(said,))))
    assert told.endswith("not complete (technical detail: Invalid data found when processing input)")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("No such file: '/tmp/scratch/out.mp4'", "No such file: 'out.mp4'"),
        ("cannot open file:/var/lib/scratch/told.json", "cannot open told.json"),
        ("12/24 pictures at 25/1, see https://ffmpeg.org/a/b", "12/24 pictures at 25/1, see https://ffmpeg.org/a/b"),
    ],
)
def test_only_folders_of_whole_paths_are_left_out(words: str, left: str) -> None:
    assert placeless(words) == left
