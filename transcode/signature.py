"""What a file seems to be by its first bytes, before any tool has opened it. Pure.

This names what is *not* a recording, for a sentence that a person understands; it never calls anything sound.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

HEAD: Final = 4096
"""Bytes of the beginning that are enough."""


class Seems(StrEnum):
    """What the first bytes look like."""

    EMPTY = "empty"
    MEDIA = "media"
    POINTER = "pointer"
    KEY = "key"
    TEXT = "text"
    PACKED = "packed"
    PROGRAM = "program"
    DOCUMENT = "document"
    PICTURE = "picture"
    BLANK = "blank"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signature:
    """What it seems to be, and its name with an article, to put into a sentence."""

    seems: Seems
    name: str
    ends_early: bool = False


POINTERS: Final = (
    (rb"\s*#EXTM3U", "an HLS or M3U playlist"),
    (rb"\s*ffconcat\s+version", "a concat script"),
    (rb"\s*file\s+['\"]?[^\n]{1,500}\n(file|duration|inpoint)", "a concat script"),
    (rb"v=0\r?\n[a-z]=", "an SDP session description"),
    (rb"# VobSub index file", "a VobSub index"),
    (rb";FFMETADATA", "an FFmpeg metadata script"),
    (rb"\s*<asx[\s>]", "an ASX playlist"),
    (rb"\[Reference\]", "an ASF reference"),
    (rb"\[playlist\]", "a PLS playlist"),
    (rb"RTSPtext|rtsptext|SMILtext", "a streaming reference"),
    (rb"[\s\S]{0,1500}<MPD[\s>]", "a DASH manifest"),
    (rb"[\s\S]{0,1500}<smil[\s>]", "a SMIL playlist"),
    (rb"[\s\S]{0,1500}<(CompositionPlaylist|AssetMap|PackingList)[\s>]", "an IMF playlist"),
    (rb"[\s\S]{0,1500}<svg[\s>]", "an SVG drawing"),
    (rb"[\s\S]{0,24}rmra", "a QuickTime reference movie"),
)

MEDIA: Final = (
    (rb"[\s\S]{4}(ftyp|moov|mdat|free|skip|wide|pnot|styp|sidx|moof|uuid)", "an MP4 or QuickTime file"),
    (rb"RIFF[\s\S]{4}AVI ", "an AVI file"),
    (rb"(RIFF|RF64|BW64)[\s\S]{4}WAVE", "a WAV file"),
    (rb"\x1aE\xdf\xa3", "a Matroska file"),
    (rb"G[\s\S]{187}G[\s\S]{187}G", "a transport stream"),
    (rb"[\s\S]{4}G[\s\S]{191}G[\s\S]{191}G", "a transport stream"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "an ASF file"),
    (rb"FLV\x01", "an FLV file"),
    (rb"\x00\x00\x01[\xb3\xba]", "an MPEG programme"),
    (rb"\x00{0,1}\x00\x00\x01[\x09\x27\x40\x46\x67]", "a raw video stream"),
    (rb"ID3|\xff[\xe2-\xff]", "a raw sound stream"),
    (rb"OggS", "an Ogg file"),
    (rb"fLaC", "a FLAC file"),
    (rb"#!AMR", "an AMR file"),
    (rb"\x06\x0e\x2b\x34", "an MXF file"),
    (rb"caff\x00", "a CAF file"),
    (rb"riff\x2e\x91\xcf\x11", "a Wave64 file"),
)

OTHERS: Final = (
    (rb"\x1f\x8b", Seems.PACKED, "a gzip archive"),
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", Seems.PACKED, "a ZIP archive"),
    (rb"7z\xbc\xaf|Rar!|\xfd7zXZ|BZh[1-9]|\x28\xb5\x2f\xfd", Seems.PACKED, "an archive"),
    (rb"MZ", Seems.PROGRAM, "a Windows program"),
    (rb"\x7fELF", Seems.PROGRAM, "a Linux program"),
    (rb"#!", Seems.PROGRAM, "a script"),
    (rb"%PDF-", Seems.DOCUMENT, "a PDF document"),
    (rb"\s*<(!doctype html|html|head|body|script)", Seems.DOCUMENT, "a web page"),
    (rb"\s*<\?xml", Seems.DOCUMENT, "an XML document"),
    (rb"\xff\xd8\xff|\x89PNG|GIF8|BM[\s\S]{4}\x00\x00\x00\x00", Seems.PICTURE, "a still picture"),
)


SHAPES: Final = (
    *((re.compile(shape, re.IGNORECASE), Seems.POINTER, name) for shape, name in POINTERS),
    *((re.compile(shape), Seems.MEDIA, name) for shape, name in MEDIA),
    *((re.compile(shape, re.IGNORECASE), seems, name) for shape, seems, name in OTHERS),
)


def signature(head: bytes, size: int) -> Signature:
    """Look at the first HEAD bytes of a file of `size` bytes."""
    if size == 0:
        return Signature(Seems.EMPTY, "an empty file")
    if is_axis_key(head, size):
        return Signature(Seems.KEY, "the key of an encrypted clip")
    head = head.removeprefix(b"\xef\xbb\xbf")
    for shape, seems, name in SHAPES:
        if shape.match(head):
            return Signature(seems, name, ends_early=_ends_early(head, size))
    return _shapeless(head)


def _shapeless(head: bytes) -> Signature:
    if not head.strip(b"\x00"):
        return Signature(Seems.BLANK, "nothing but zeros")
    if _is_text(head):
        return Signature(Seems.TEXT, "plain text")
    return Signature(Seems.UNKNOWN, "a file of no known kind")


def is_axis_key(head: bytes, size: int) -> bool:
    """The JSON that Axis lays beside a clip that its system has encrypted."""
    if size > HEAD or not head.lstrip().startswith(b"{"):
        return False
    try:
        told = json.loads(head)
    except ValueError:
        return False
    return isinstance(told, dict) and {"EncryptedKey", "ContentEncryptionIV"} <= set(told)


def _ends_early(head: bytes, size: int) -> bool:
    """A WAV header that promises more than there is. Recorders that stream promise all there could ever be."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return False
    promised = int.from_bytes(head[4:8], "little") + 8
    return size + 1 < promised < 0x7FFF_0000


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8", "strict" if len(head) < HEAD else "ignore")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\r\n\t\f\x1b" for character in text)
