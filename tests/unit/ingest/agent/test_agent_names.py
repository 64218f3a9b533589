"""Names as the device wrote them, shown on one line, no two alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.agent import names


def test_plain_names_are_shown_as_they_are() -> None:
    assert names.as_text("Überwachung 01 – Büro.mp4".encode()) == "Überwachung 01 – Büro.mp4"


def test_what_cannot_be_shown_is_spelt() -> None:
    assert names.as_text(b"a\xff\n.mp4") == "a\\xff\\n.mp4"
    assert names.as_text("\u202egnp.exe".encode()) == "\\U0000202egnp.exe"
    assert names.as_text(b"a\\b") == "a\\\\b"


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_no_two_names_look_alike(one: bytes, other: bytes) -> None:
    assert (names.as_text(one) == names.as_text(other)) == (one == other)
    assert (names.as_label(one) == names.as_label(other)) == (one == other)


@given(st.binary(max_size=4000))
def test_a_name_is_one_line_of_letters_and_survives_travelling(name: bytes) -> None:
    assert names.as_text(name).isprintable()
    assert len(names.as_label(name)) <= 200
    assert names.from_b64(names.as_b64(name)) == name
