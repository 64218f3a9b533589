"""What is known of a master's bytes: containers, streams, times. Pure.

A walled-in child says these things about untrusted bytes, so they are checked here before anything is decided by
them: numbers within reason, words short and printable, lists bounded.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from transcode.ending import printable, words_placeless

DAY_MS = 24 * 3600 * 1000
LONGEST_MS = 40 * DAY_MS
MOST_FRAMES = 1_000_000_000
FRAMES_FOR_STREAMS_WITHOUT_A_RATE = 30


def _tidy(value: object) -> object:
    return printable(value)[:1000] if isinstance(value, str) else value


def _within(value: object) -> object:
    """A time that no recording can have is no time: hostile headers name centuries."""
    return value if isinstance(value, int) and abs(value) <= LONGEST_MS else None


Word = Annotated[str, BeforeValidator(_tidy)]
Milliseconds = Annotated[int | None, BeforeValidator(_within)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
"""How many there are of something: no more than FFmpeg itself can count, so that it can be reckoned with."""
Term = Annotated[int, Field(gt=-(1 << 63), lt=1 << 63)]
Ratio = tuple[Term, Term] | None


class Facts(BaseModel):
    """Checked, and never changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StreamFacts(Facts):
    """One stream. Times in milliseconds, sizes in pixels, `rotation` in degrees counter-clockwise as FFmpeg says it."""

    index: int = Field(ge=0, lt=10_000)
    kind: Literal["video", "audio", "data", "subtitle", "attachment", "unknown"] = "unknown"
    codec: Word | None = None
    profile: Word | None = None
    time_base: Ratio = None
    duration_ms: Milliseconds = None
    first_ms: Milliseconds = None
    frames: Count = 0
    language: Word | None = None
    attached_picture: bool = False
    decoded: bool = False
    fault: Annotated[Word | None, BeforeValidator(words_placeless)] = None
    untimed: bool = False

    width: int = Field(default=0, ge=0, le=1_000_000)
    height: int = Field(default=0, ge=0, le=1_000_000)
    pixel_format: Word | None = None
    sample_aspect: Ratio = None
    rate: Ratio = None
    rotation: Term = 0
    interlaced: bool = False
    reordered: bool = False
    uneven: bool = False
    widest_gap_ms: Milliseconds = None

    channels: int = Field(default=0, ge=0, le=100_000)
    sample_rate: int = Field(default=0, ge=0, le=100_000_000)
    layout: Word | None = None

    indexed: Count = 0
    beyond_end: Count = 0

    @property
    def frames_a_second(self) -> float:
        """The mean frame rate, or a guess where the header's is missing or absurd."""
        if self.rate and self.rate[1] and 0 < self.rate[0] / self.rate[1] <= 240:
            return self.rate[0] / self.rate[1]
        if self.frame_count and self.duration_ms:
            return min(240.0, self.frame_count * 1000 / self.duration_ms)
        return FRAMES_FOR_STREAMS_WITHOUT_A_RATE

    @property
    def timeless(self) -> bool:
        """Coded sound whose packets all claim the same moment: what the index says of its times is worth nothing."""
        return (
            self.kind == "audio" and self.indexed > 10 and self.widest_gap_ms == 0 and "pcm" not in (self.codec or "")
        )

    @property
    def frame_count(self) -> int:
        """Frames by the index, else by the header; 0 where neither says."""
        return min(self.indexed or self.frames, MOST_FRAMES)

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height as a person sees the picture: turned, before pixels are made square."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)

    @property
    def shown_aspect(self) -> Fraction:
        """Width over height as a person sees the picture, pixels made square."""
        width, height = self.shown_size
        if not width or not height:
            return Fraction(16, 9)
        pixel = Fraction(*self.sample_aspect) if self.sample_aspect and all(self.sample_aspect) else Fraction(1)
        aspect = Fraction(width, height) * (1 / pixel if self.rotation % 180 else pixel)
        return min(max(aspect, Fraction(1, 20)), Fraction(20))


UNTIMED: Final = frozenset({"avi", "h264", "hevc", "m4v", "mpegvideo"})
"""Containers without times of their own: with reordered pictures, what is shown after a seek is some other one."""


class MediaFacts(Facts):
    """A master as its container describes it. Sizes in bytes, times in milliseconds.

    `late`: one of its tracks begins so late that it is known only to whoever reads far ahead.
    """

    container: Word
    size: Count
    duration_ms: Milliseconds = None
    start_ms: Milliseconds = None
    streams: tuple[StreamFacts, ...] = Field(default=(), max_length=1000)
    tags: dict[Word, Word] = Field(default_factory=dict, max_length=200)
    chapters: Count = 0
    index_first: bool = False
    fragmented: bool = False
    late: bool = False
    messages: tuple[Word, ...] = ()

    @property
    def pictures(self) -> tuple[StreamFacts, ...]:
        """The moving pictures, leaving out covers and tracks without a sample."""
        found = [s for s in self.streams if s.kind == "video" and s.codec and not s.attached_picture]
        return tuple(s for s in found if s.decoded) or tuple(s for s in found if s.frame_count)

    @property
    def sounds(self) -> tuple[StreamFacts, ...]:
        """The sound tracks that something can decode."""
        return tuple(s for s in self.streams if s.kind == "audio" and s.codec and (s.decoded or s.frame_count))

    @property
    def picture(self) -> StreamFacts | None:
        """The first moving picture, which is the one that players show."""
        return self.pictures[0] if self.pictures else None

    @property
    def length_ms(self) -> int:
        """How long it plays, by the best word there is; 0 where none is."""
        lengths = [s.duration_ms for s in (*self.pictures, *self.sounds) if s.duration_ms]
        return max(self.duration_ms or 0, 0) or max([0, *lengths])

    @property
    def is_mp4(self) -> bool:
        """The container is of the MP4 and QuickTime family."""
        return "mp4" in self.container.split(",")

    @property
    def seeks(self) -> bool:
        """The container says when each picture is shown, so that it can be entered in its middle without a doubt."""
        return not UNTIMED.intersection(self.container.split(","))

    @property
    def has_media(self) -> bool:
        """There is something that a person could see or hear."""
        return any(s.decoded for s in (*self.pictures, *self.sounds))
