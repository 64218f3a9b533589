"""Writes words into pictures: light letters on a dark bar at the lower edge, by pixels and by no filter's language.

Words come from people and devices. Here they are only ever drawn.
"""

from __future__ import annotations

from typing import Any, Final

import av
from PIL import Image, ImageDraw, ImageFile, ImageFont

LOADED = (ImageFile,)
"""What Pillow would load when it first turns a picture into bytes: behind the wall it could not."""
DARK, LIGHT, GREY = 24, 230, 128
SMALLEST = 10
SHARE = 28
"""One line of letters to so many of its height in the picture."""


COLOURS: Final = ("color_range", "color_primaries", "color_trc", "colorspace")
"""What pictures say of their colours: without it players give full-range samples false contrast."""


class Lettering:
    """Draws lines into frames of yuv420p. The face is a file that the wall names."""

    def __init__(self, face: str, height: int) -> None:
        self.size = max(SMALLEST, height // SHARE)
        self.font = ImageFont.truetype(face, self.size, layout_engine=ImageFont.Layout.BASIC)
        self.margin = max(2, self.size // 3)

    def drawn(self, frame: Any, lines: list[str]) -> Any:
        """A frame of its own with the lines in it, the last one lowest: decoders go on using theirs."""
        tall = (self.size + self.margin) * len(lines) + self.margin
        wide = max(int(self.font.getlength(line)) for line in lines) + 2 * self.margin
        box = (0, max(0, frame.height - tall), min(frame.width, wide), frame.height)
        made = av.VideoFrame(frame.width, frame.height, frame.format.name)
        for name in COLOURS:
            setattr(made, name, getattr(frame, name))
        light, *colours = [_plane(plane) for plane in frame.planes]
        on = ImageDraw.Draw(light)
        on.rectangle(box, fill=DARK)
        for number, line in enumerate(lines):
            on.text((self.margin, box[1] + self.margin + number * (self.size + self.margin)), line, LIGHT, self.font)
        for colour in colours:
            ImageDraw.Draw(colour).rectangle([each // 2 for each in box], fill=GREY)
        for plane, drawn in zip(made.planes, (light, *colours), strict=True):
            _write(plane, drawn)
        return made


def _plane(plane: Any) -> Any:
    wide = Image.frombytes("L", (plane.line_size, plane.height), bytes(plane)[: plane.line_size * plane.height])
    return wide.crop((0, 0, plane.width, plane.height))


def _write(plane: Any, drawn: Any) -> None:
    wide = Image.new("L", (plane.line_size, plane.height))
    wide.paste(drawn, (0, 0))
    plane.update(wide.tobytes().ljust(plane.buffer_size, b"\0"))
