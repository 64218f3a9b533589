"""Gives exactly the wanted pictures of a master, each with its time, and makes them ready to be encoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import islice
from typing import Any, Final

import av
import av.filter

from transcode.inside.guards import MAX_PIXELS
from transcode.inside.lettering import Lettering
from transcode.inside.packets import every_packet

TURNS = {90: ("cclock",), 180: ("clock", "clock"), 270: ("clock",)}
"""Filters that set a picture upright, by its rotation in degrees counter-clockwise."""


LOOK_ON: Final = 16
"""Pictures that a decoder may hold back to put them in order (ITU-T H.264, A.3.1; H.265, A.4.2): no later one belongs
before the last wanted one.
"""


SCREEN: Final = "rgb24"
RANGES: Final = {1: "tv", 2: "pc"}
SPACES: Final = {
    1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c",
}  # fmt: skip
"""FFmpeg's words for what a picture says of its colours (ITU-T H.273). Whoever says nothing has samples converted."""
UNSAID_SPACE: Final = 2
NEVER: Final = -(1 << 63)


class NotFound(ValueError):
    """A wanted picture did not come out of the decoder."""


class Disordered(ValueError):
    """The decoder gives pictures in another order than their times have, or not one of each packet."""


def reading_from(container: Any, stream: Any, start: int | None) -> None:
    """Let reading begin at the key picture of this tick, or at the beginning."""
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    stream.codec_context.thread_count = 1
    if start is not None:
        container.seek(start, stream=stream, backward=True)


def by_ticks(container: Any, stream: Any, ticks: Sequence[int], start: int | None) -> Iterator[Any]:
    """The pictures that are shown at these ticks, in order. Raises NotFound, Disordered."""
    reading_from(container, stream, start)
    wanted = iter(ticks)
    due, beyond = next(wanted, None), 0
    try:
        for frame in _in_order(_read(container, stream), ticks):
            if frame.pts == due:
                yield frame
                due = next(wanted, None)
            elif due is None or frame.pts > due:
                beyond += 1
            if beyond == LOOK_ON:
                break
    except av.FFmpegError:
        if due is not None:  # what breaks behind the last wanted picture is none of this clip's
            raise
    if due is not None:
        raise NotFound(f"the picture at tick {due} of its stream did not come out of the decoder")


def _in_order(frames: Iterator[Any], ticks: Sequence[int]) -> Iterator[Any]:
    """The same pictures, as long as none from between the first and the last wanted one comes late."""
    latest = NEVER
    for frame in frames:
        if frame.pts is None:
            continue
        if ticks[0] <= latest > frame.pts <= ticks[-1]:
            raise Disordered(f"the picture at tick {frame.pts} of its stream comes after that at {latest}")
        latest = max(latest, frame.pts)
        yield frame


def _read(container: Any, stream: Any) -> Iterator[Any]:
    for packet in every_packet(container, [stream]):
        yield from packet.decode()


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Every picture that comes out of the decoder, past whatever does not decode: working copies are made so."""
    reading_from(container, stream, None)
    try:
        for packet in every_packet(container, [stream]):
            with suppress(av.FFmpegError):
                yield from packet.decode()
    except av.FFmpegError:
        return  # what lies behind cannot be reached by anybody


def by_sight(container: Any, stream: Any, told: dict[str, Any], base: Fraction) -> Iterator[Any]:
    """The pictures from number `number` on that the decoder gave at the ticks `seen` when they were counted, each to
    be shown at one of `ticks`. Raises NotFound where it gives others.
    """
    ticks, seen, number = told["ticks"], told["seen"], int(told["number"])
    for place, frame in enumerate(islice(decoded(container, stream), number, number + len(ticks))):
        if (NEVER if frame.pts is None else frame.pts) != seen[place]:
            raise NotFound(f"picture {number + place + 1} came out of the decoder at another time than before")
        frame.pts, frame.time_base = ticks[place], base
        yield frame
        if place + 1 == len(ticks):
            return
    raise NotFound(f"not all of {len(ticks)} pictures from number {number + 1} on came out of the decoder")


def by_count(container: Any, stream: Any, told: dict[str, Any], base: Fraction) -> Iterator[Any]:
    """As many pictures as there are `ticks`, from picture `number` of the whole recording on. `hidden`: packets that
    give none. Raises Disordered where another packet before gave none, or one gave two; NotFound.
    """
    ticks, number = told["ticks"], int(told["number"])
    reading_from(container, stream, None)
    end, feeding = number + len(ticks), _Feeding(container, stream, set(told["hidden"]))
    for place, frame in enumerate(feeding.frames(end)):
        if number <= place < end:
            frame.pts, frame.time_base = ticks[place - number], base
            yield frame
    if feeding.given != feeding.fed:
        raise Disordered(f"{feeding.fed} packets gave {feeding.given} pictures")
    if feeding.given < end:
        raise NotFound(f"only {feeding.given} pictures came out of the decoder")


class _Feeding:
    """A decoder fed until it has given enough, then emptied. `fed`: packets that should have given one."""

    def __init__(self, container: Any, stream: Any, hidden: set[int]) -> None:
        self.container, self.stream, self.hidden = container, stream, hidden
        self.fed = self.given = 0

    def frames(self, most: int) -> Iterator[Any]:
        for frame in self._frames(most):
            self.given += 1
            yield frame

    def _frames(self, most: int) -> Iterator[Any]:
        for place, packet in enumerate(each for each in every_packet(self.container, [self.stream]) if each.size):
            if place not in self.hidden and self.given >= most:
                break
            self.fed += place not in self.hidden
            yield from packet.decode()
        yield from self.stream.codec_context.decode(None)


def _range(frame: Any) -> str:
    return RANGES.get(int(frame.color_range), "unknown")


def _space(frame: Any) -> str:
    return "gbr" if frame.format.is_rgb else SPACES.get(int(frame.colorspace), "unknown")


def _kept(frame: Any) -> str:
    """What a clip's pictures are to say of their colours: what the master's say. Those of a screen are converted."""
    if frame.format.is_rgb:
        return ":color_ranges=tv:color_spaces=smpte170m"
    known = int(frame.color_range) in RANGES
    return f":color_spaces={_space(frame)}" + (f":color_ranges={_range(frame)}" if known else "")


class Dressing:
    """Pictures as they are encoded: deinterlaced, upright, of even sides, in one format, with words where wanted.

    `base`: seconds of a tick; `origin`: when the recording begins on the master's clock, in seconds.
    """

    def __init__(self, told: dict[str, Any], base: Fraction) -> None:
        self.told, self.base = told, base
        self.origin = Fraction(*told.get("origin") or (0, 1))
        self.burn: dict[str, Any] = told.get("burn") or {}
        self._graph: Any = None
        self._lettering: Lettering | None = None

    def of(self, frames: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        """Each picture with its tick. A filter may hold one back, and gives one for each that it gets."""
        waiting: deque[int] = deque()
        for frame in frames:
            waiting.append(frame.pts)
            for ready in self._through(frame):
                yield self._finished(waiting.popleft(), ready)
        if self._graph is not None:
            self._graph.push(None)
            for ready in self._pulled():
                yield self._finished(waiting.popleft(), ready)

    def _through(self, frame: Any) -> list[Any]:
        if self._graph is None:
            self._graph = self._made(frame)
        if not frame.format.is_rgb and int(frame.colorspace) not in SPACES:
            frame.colorspace = UNSAID_SPACE  # filters refuse pictures that claim what nobody can convert
        self._graph.push(frame)
        return self._pulled()

    def _pulled(self) -> list[Any]:
        found = []
        while True:
            try:
                found.append(self._graph.pull())
            except (av.BlockingIOError, av.EOFError):
                return found

    def _made(self, frame: Any) -> Any:
        graph = av.filter.Graph()
        size, base = f"{frame.width}x{frame.height}", f"{self.base.numerator}/{self.base.denominator}"
        told = f"video_size={size}:pix_fmt={frame.format.name}:time_base={base}"
        last = graph.add("buffer", f"{told}:range={_range(frame)}:colorspace={_space(frame)}")
        for name, told in (*self._filters(frame), ("buffersink", "")):
            following = graph.add(name, told)
            last.link_to(following)
            last = following
        graph.configure()
        return graph

    def _filters(self, frame: Any) -> list[tuple[str, str]]:
        found = [("yadif", "mode=send_frame:deint=interlaced")] if self.told.get("interlaced") else []
        found += [("transpose", turn) for turn in TURNS.get(int(self.told.get("rotation") or 0) % 360, ())]
        if self.told.get("odd"):
            found.append(("scale", "max(2\\,trunc(iw/2)*2):max(2\\,trunc(ih/2)*2)"))
        wanted = str(self.told.get("format") or "yuv420p")
        return [*found, ("format", f"pix_fmts={wanted}{'' if wanted == SCREEN else _kept(frame)}")]

    def _finished(self, tick: int, frame: Any) -> tuple[int, Any]:
        lines = self._lines(tick)
        if lines:
            if self._lettering is None:
                self._lettering = Lettering(str(self.told["face"]), frame.height)
            frame = self._lettering.drawn(frame, lines)
        return tick, frame

    def _lines(self, tick: int) -> list[str]:
        lines = [str(self.burn[name]) for name in ("reference", "collar") if self.burn.get(name)]
        if self.burn.get("time"):
            lines.append(moment(tick * self.base - self.origin, str(self.burn.get("begins") or "")))
        return lines


def moment(seconds: Fraction, begins: str) -> str:
    """A picture's time to the millisecond, cut off: in UTC where it is known when the recording began, else elapsed."""
    whole = int(seconds * 1_000_000)
    if begins:
        at = datetime.fromisoformat(begins).astimezone(UTC) + timedelta(microseconds=whole)
        return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"
    thousandths = whole // 1000
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d} from the beginning"
