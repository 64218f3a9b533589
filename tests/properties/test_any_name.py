"""What holds for every name there can be."""

from __future__ import annotations

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from ingest.camera_names import CAMERAS
from ingest.names import READABLE_NAME, facts_from_name, shown

ESCAPE = re.compile(r"\\(?:\\|[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
SHORT = {"\\\\": b"\\", "\\n": b"\n", "\\r": b"\r", "\\t": b"\t"}

PATHS = st.lists(st.binary(max_size=80), max_size=5).map(b"/".join)
ODD_TEXT = st.text(st.characters(categories=("Cc", "Cf", "Zs", "Zl", "Zp", "Co", "Cn", "Lo", "Mn")), max_size=40)
CAMERA_LIKE = st.one_of([st.from_regex(camera.shape, fullmatch=True) for camera in CAMERAS if not camera.folder])
NAMES = st.one_of(
    PATHS, st.text(max_size=300).map(str.encode), ODD_TEXT.map(str.encode), CAMERA_LIKE.map(lambda name: name.encode())
)


def bytes_of(display: str) -> bytes:
    """Undo `shown`, written apart from it."""
    name, at = b"", 0
    for escape in ESCAPE.finditer(display):
        name += display[at : escape.start()].encode()
        code, at = escape[0], escape.end()
        if code in SHORT:
            name += SHORT[code]
        elif code[1] == "x":
            name += bytes.fromhex(code[2:])
        else:
            name += chr(int(code[2:], 16)).encode()
    return name + display[at:].encode()


@given(NAMES)
def test_no_byte_of_a_name_is_lost_when_it_is_shown(name: bytes) -> None:
    assert bytes_of(shown(name)) == name


@given(NAMES)
def test_a_shown_name_is_printable_and_bounded(name: bytes) -> None:
    display = shown(name)
    assert display.isprintable()
    assert len(display) <= 6 * len(name)
    display.encode()


@given(NAMES)
def test_every_name_can_be_read(name: bytes) -> None:
    facts = facts_from_name(name)
    assert facts.name == name
    for hint in (facts.make, facts.model, facts.serial, facts.officer, facts.officer_id, facts.reference, facts.clip):
        assert hint is None or hint.isprintable()
    for moment in (facts.stated, facts.trigger):
        assert moment is None or (moment.at.utcoffset() is not None and moment.text.isprintable())
    assert len(facts.findings) <= 20
    assert all(finding.sentence.isprintable() and len(finding.sentence) <= 300 for finding in facts.findings)


@given(CAMERA_LIKE)
def test_a_name_in_a_known_shape_is_recognised(name: str) -> None:
    assume("/" not in name and len(name.encode()) <= READABLE_NAME)
    assert facts_from_name(name.encode()).pattern is not None
