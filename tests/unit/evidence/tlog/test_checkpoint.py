"""Checkpoints: one text for each, and nothing else is one."""

from __future__ import annotations

import pytest

from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import Malformed

ROOT = b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


def test_the_specification_s_example_is_read_and_written() -> None:
    text = b"example.com/behind-the-sofa\n20852163\n" + ROOT + b"\n"
    checkpoint = parse_checkpoint(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.text() == text


@pytest.mark.parametrize("size", [b"0", b"1", b"9223372036854775807"])
def test_sizes_that_can_be(size: bytes) -> None:
    assert parse_checkpoint(b"log\n" + size + b"\n" + ROOT + b"\n").size == int(size)


@pytest.mark.parametrize(
    "size", [b"", b"-1", b"+1", b"01", b"1.0", b"1e3", b" 1", b"9223372036854775808", "٣".encode()]
)
def test_sizes_that_cannot_be(size: bytes) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(b"log\n" + size + b"\n" + ROOT + b"\n")


@pytest.mark.parametrize(
    "root",
    [
        b"",
        ROOT.rstrip(b"="),
        ROOT + b"=",
        ROOT.replace(b"I=", b"J="),  # other last bits, the same bytes
        ROOT.replace(b"/", b"_"),
        ROOT[:-4],
        b" " + ROOT,
        ROOT[:20] + b"\r" + ROOT[20:],
        "é".encode(),
    ],
)
def test_roots_that_cannot_be(root: bytes) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(b"log\n1\n" + root + b"\n")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"log\n1\n",
        b"log\n1\n" + ROOT,
        b"\n1\n" + ROOT + b"\n",
        b"log\n1\n" + ROOT + b"\nan extension\n",
        b"log\n1\n" + ROOT + b"\n\n",
        b"l\xffg\n1\n" + ROOT + b"\n",
        b"l\tg\n1\n" + ROOT + b"\n",
        b"log\r\n1\r\n" + ROOT + b"\r\n",
    ],
)
def test_other_texts_are_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [("", 1, bytes(32)), ("a\nb", 1, bytes(32)), ("a", -1, bytes(32)), ("a", 2**63, bytes(32)), ("a", 1, bytes(31))],
)
def test_a_checkpoint_that_could_not_be_read_back_is_not_made(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(Malformed):
        Checkpoint(origin, size, root)
