"""Reads a master through once: when each frame is shown, small pictures from key frames, the waveform, damage."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
from av.stream import Discard

from transcode.inside.guards import MAX_PIXELS
from transcode.inside.opening import Master, Task
from transcode.inside.packets import Counter, every_packet, is_whole, length_size
from transcode.inside.remux import first_start
from transcode.storyboard import ACROSS, DOWN, POSTER, POSTER_HEIGHT, SHEET
from transcode.timing import FRAMES, frame_table
from transcode.waveform import FILE as WAVEFORM
from transcode.waveform import RATE, Waveform

TELL_EVERY = 500
TURNS = {-90: "clock", 90: "cclock", 270: "clock", -270: "cclock"}
CONTRAST = 150
"""Variance of brightness below which a picture says nothing: a covered lens, a black first frame."""
POSTER_TRIES = 20


def run(task: Task) -> dict[str, Any]:
    """Look at the streams that `options` names; files go into `folder`. `refused` where it cannot be opened."""
    survey = Survey(task)
    try:
        with Master(task).opened() as container:
            survey.read(container)
    except av.FFmpegError as error:
        return {"refused": str(error)[:500]}
    return survey.told()


class Survey:
    """One pass over one master. What cannot be decoded is counted and left out."""

    def __init__(self, task: Task) -> None:
        self.task, options = task, task.options
        self.picture: Any = options.get("picture")
        self.sound: Any = options.get("sound")
        self.whole = bool(options.get("whole"))
        self.counter: Counter | None = None
        self.faults = self.broken = self.sound_frames = 0
        self.ticks: list[int] = []
        self.timescale = 0
        self.origin = 0.0
        self.pictures = Pictures(task) if options.get("board") else None
        # Of sound that begins late nobody knows beforehand how many channels it has: it is drawn as one.
        channels = 2 if options.get("channels") == 2 else 1
        self.waveform = Waveform(channels) if isinstance(self.sound, int) else None
        self._sampler = av.AudioResampler(format="s16", layout="stereo" if channels == 2 else "mono", rate=RATE)

    def read(self, container: Any) -> None:
        """Read every packet of the wanted streams, once and in order."""
        if self.pictures is None or self.pictures.from_zero:
            # Sound without pictures is played from its beginning, whenever that is.
            self.origin = float(first_start([*container.streams.video, *container.streams.audio]))
        if self.pictures is not None:
            self.pictures.origin = self.origin
        for number, packet in enumerate(every_packet(container, self._streams(container))):
            if number % TELL_EVERY == 0 and packet.dts is not None:
                self.task.tell(int(packet.dts * packet.time_base * 1_000_000))
            if self.counter is not None:
                self.counter.take(packet, look=packet.stream_index != self.picture)
            if packet.stream_index == self.picture:
                self._take_picture(packet)
            elif packet.stream_index == self.sound and self.waveform is not None:
                self._take_sound(packet)

    def _streams(self, container: Any) -> list[Any]:
        """The streams to look at, and those that are only counted."""
        streams = [container.streams[index] for index in (self.picture, self.sound) if isinstance(index, int)]
        if self.task.options.get("count"):
            self.counter = Counter(container)
            streams += [stream for stream in self.counter.streams if stream not in streams]
        for stream in container.streams:
            stream.discard = Discard.default if stream in streams else Discard.all
        for stream in streams:
            if stream.type == "video":
                stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
                stream.codec_context.thread_count = 1
        return streams

    def _take_picture(self, packet: Any) -> None:
        if packet.size:
            self._take_time(packet)
            codec = packet.stream.codec_context
            lengths = length_size(codec.codec.canonical_name, codec.extradata)
            self.broken += bool(lengths) and not is_whole(bytes(packet), lengths)
        if self.whole:
            self._show(self._decoded(packet))
        elif packet.size and self.pictures is not None and packet.is_keyframe and self.pictures.wants(packet):
            frames = [*self._decoded(packet), *self._decoded(None, packet.stream)]
            for frame in frames:
                # What comes out at the end is told no base of its time.
                frame.time_base = packet.time_base
            packet.stream.codec_context.flush_buffers()
            self._show(frames)

    def _take_time(self, packet: Any) -> None:
        moment = packet.pts if packet.pts is not None else packet.dts
        if moment is not None and not packet.is_discard:
            self.ticks.append(moment * packet.time_base.numerator)
            self.timescale = packet.time_base.denominator

    def _decoded(self, packet: Any, stream: Any = None) -> list[Any]:
        try:
            return list(packet.decode() if stream is None else stream.codec_context.decode(None))
        except (av.FFmpegError, ValueError):
            self.faults += 1
            return []

    def _show(self, frames: list[Any]) -> None:
        for frame in frames:
            if self.counter is not None:
                self.counter.saw(self.picture, frame)
            if self.pictures is not None:
                self.pictures.take(frame)

    def _take_sound(self, packet: Any) -> None:
        assert self.waveform is not None  # noqa: S101 - for the type checker; the caller looked
        for frame in self._decoded(packet):
            self.sound_frames += 1
            if frame.time is not None:
                self.waveform.place(round((frame.time - self.origin) * 1000))
            for part in self._sampler.resample(frame):
                size = part.samples * 2 * self.waveform.channels
                self.waveform.take(bytes(part.planes[0])[:size])

    def told(self) -> dict[str, Any]:
        """Write the files and say what there is."""
        folder = Path(self.task.folder)
        if self.waveform is not None and self.sound_frames:
            (folder / WAVEFORM).write_text(self.waveform.as_json(), encoding="utf-8")
        if self.ticks:
            (folder / FRAMES).write_text(frame_table(self.ticks, self.timescale), encoding="utf-8")
        starts = self.pictures.finish() if self.pictures is not None else []
        return {
            "frames": len(self.ticks),
            "faults": self.faults,
            "broken": self.broken,
            "sound_frames": self.sound_frames,
            "starts": starts,
            "counted": self.counter.told() if self.counter is not None else [],
        }


class Pictures:
    """The storyboard and the poster, made of one picture for each stretch of time, which is told from `origin` on."""

    def __init__(self, task: Task) -> None:
        board: Any = task.options["board"]
        self.folder, self.interval, self.most = Path(task.folder), float(board["interval"]), int(board["count"]) + 1
        self.size = (int(board["width"]), int(board["height"]))
        self.poster_size = (int(board["poster_width"]), POSTER_HEIGHT)
        self.starts: list[float] = []
        self.next: Fraction | float = -1e9
        self.from_zero, self.origin = bool(board["from_zero"]), 0.0
        self._tiles: Any = None
        self._sheets = 0
        self._best = -1.0
        self._turn: int | None = None

    def wants(self, packet: Any) -> bool:
        """Whether a picture is due at this packet's time."""
        moment = packet.pts if packet.pts is not None else packet.dts
        return moment is not None and self._due(float(moment * packet.time_base) - self.origin)

    def _due(self, seconds: float) -> bool:
        return seconds >= self.next and len(self.starts) < self.most

    def take(self, frame: Any) -> None:
        """Put a picture on the sheet, and make it the poster where it shows more than those before."""
        seconds = float(frame.time or 0.0) - self.origin
        if not self._due(seconds):
            return
        if self._turn is None:
            self._turn = int(frame.rotation)
        self.next = seconds + self.interval
        self.starts.append(max(0.0, round(seconds, 3)))
        self._consider_as_poster(frame)
        self._push(_turned(frame, self.size, self._turn))

    def _consider_as_poster(self, frame: Any) -> None:
        if self._best >= CONTRAST or len(self.starts) > POSTER_TRIES:
            return
        contrast = _contrast(frame)
        if contrast > self._best:
            self._best = contrast
            picture = _turned(frame, self.poster_size, self._turn or 0)
            (self.folder / POSTER).write_bytes(_jpeg(picture))

    def _push(self, picture: Any) -> None:
        if self._tiles is None:
            self._tiles = _graph(picture, ("tile", f"{ACROSS}x{DOWN}"))
        # Tiles are counted, not timed: equal times would make the filter drop some.
        picture.pts, picture.time_base = len(self.starts), Fraction(1, 25)
        self._tiles.push(picture)
        self._pull()

    def _pull(self) -> None:
        while True:
            try:
                sheet = self._tiles.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            self._sheets += 1
            (self.folder / (SHEET % self._sheets)).write_bytes(_jpeg(sheet))

    def finish(self) -> list[float]:
        """Write the last sheet; when each picture begins to be shown, in seconds."""
        if self._tiles is not None:
            self._tiles.push(None)
            self._pull()
        return self.starts


def _graph(frame: Any, *filters: tuple[str, str]) -> Any:
    graph = av.filter.Graph()
    last = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25))
    for name, told in (*filters, ("buffersink", "")):
        following = graph.add(name, told)
        last.link_to(following)
        last = following
    graph.configure()
    return graph


def _turned(frame: Any, size: tuple[int, int], turn: int) -> Any:
    """The picture as a person sees it, at this size."""
    lying = turn % 180 != 0
    width, height = reversed(size) if lying else size
    small = frame.reformat(width=width, height=height, format="yuvj420p")
    small.pts, small.time_base = 0, Fraction(1, 25)
    filters = (
        (("hflip", ""), ("vflip", "")) if turn % 360 == 180 else (("transpose", TURNS[turn]),) if turn in TURNS else ()
    )
    if not filters:
        return small
    graph = _graph(small, *filters)
    graph.push(small)
    return graph.pull()


def _contrast(frame: Any) -> float:
    grey = bytes(frame.reformat(width=32, height=18, format="gray").planes[0])
    mean = sum(grey) / len(grey)
    return sum((each - mean) ** 2 for each in grey) / len(grey)


def _jpeg(frame: Any) -> bytes:
    coder = av.CodecContext.create("mjpeg", "w")
    coder.width, coder.height, coder.pix_fmt = frame.width, frame.height, "yuvj420p"
    coder.time_base = Fraction(1, 25)
    coder.options = {"qmin": "2", "qmax": "5"}
    picture = frame if frame.format.name == "yuvj420p" else frame.reformat(format="yuvj420p")
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*coder.encode(picture), *coder.encode(None)])
