"""Decides how a master becomes playable, and says why. Pure: facts in, a plan in words and numbers out.

Playable first: what a browser plays is served as it is; what only sits in the wrong container is copied packet by
packet; only the rest is encoded again, by the one recipe that keeps every frame where it was. What browsers play
was measured in Chromium 156 and narrowed to what others play too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from evidence.vocabulary import Condition, RenditionMethod
from transcode.media import MediaFacts, StreamFacts
from transcode.storyboard import Storyboard, storyboard

RECIPE: Final = "playback-2"
"""Changes when the same master would come out differently."""
MIB: Final = 1 << 20
SHORT_SIDE: Final = 720
FULL_HD_30: Final = 1920 * 1080 * 30
H264_PROFILES: Final = ("Baseline", "Constrained Baseline", "Main", "High", "Constrained High", "Progressive High")
EIGHT_BIT_420: Final = ("yuv420p", "yuvj420p")
LARGEST_H264: Final = 4096 * 2304
MP4_SOUND: Final = ("aac", "mp3")
WEBM_PICTURE: Final = ("vp8", "vp9", "av1")
WEBM_SOUND: Final = ("opus", "vorbis")
WAV_SOUND: Final = ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_alaw", "pcm_mulaw")
SLOWEST_STORE: Final = 5_000_000
"""Bytes a second that a store gives at least."""
LARGEST_FILE: Final = 256 << 30
STREAMED: Final = frozenset({"mpegts", "mpeg"})
SLOW_MS: Final = 1000
"""Pictures of a stream further apart than this: FFmpeg takes how they are put in order for a clock that jumps."""
GAP_BOMB_MS: Final = 30 * 60 * 1000
"""Pictures further apart than this are not filled in between, whatever asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the work may use: wall and CPU seconds, bytes of one output file.

    `ahead`: a track of the master begins late, or its pictures are few: FFmpeg may read far ahead to know it, and
    leaves its clock alone.
    """

    seconds: float
    cpu_seconds: int
    file_size: int
    ahead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one master becomes playable. `reason` is for a person. Stream numbers are the master's.

    `filters` are FFmpeg's, in order. `clock` is what moves each stream's times before it is decoded, where a master's
    own do not go on. `pictures` is nothing where they are made later, from key frames.
    """

    method: RenditionMethod
    reason: str
    content_type: str
    file_name: str = ""
    picture: int | None = None
    sounds: tuple[int, ...] = ()
    encode_sound: bool = False
    fragmented: bool = True
    filters: tuple[tuple[str, str], ...] = ()
    sound_filters: tuple[tuple[int, str], ...] = ()
    waveform_channels: int = 0
    clock: tuple[tuple[int, str], ...] = ()
    pictures: Storyboard | None = None
    limits: Limits
    recipe: str = RECIPE

    @property
    def with_ffmpeg(self) -> bool:
        """The work is FFmpeg's, on a scratch copy; otherwise PyAV copies packets from ranges, or nothing is made."""
        return self.method is RenditionMethod.TRANSCODE or self.encode_sound


@dataclass(frozen=True, slots=True)
class Unplayable:
    """Nothing can be made of this master that a person could watch or hear, and why."""

    reason: str


def decide(facts: MediaFacts | None, condition: Condition, *, longest_hours: float = 12) -> Plan | Unplayable:
    """How to make a master playable. A damaged one is encoded again, so that no player stops at the damage."""
    if facts is None or not facts.has_media:
        return Unplayable("there is nothing in it that can be decoded")
    limits = limits_for(facts, longest_hours=longest_hours)
    if not facts.pictures:
        return _sound_only(facts, limits)
    picture = facts.pictures[0]
    hindrance = _why_not_copied(facts, picture, condition)
    if hindrance:
        return transcode(facts, hindrance, limits)
    sound_fits = all(sound.codec in MP4_SOUND and not sound.timeless for sound in facts.sounds[:1])
    if facts.is_mp4 and sound_fits and not (facts.fragmented and picture.reordered):
        return Plan(
            method=RenditionMethod.DIRECT,
            reason=f"{picture.codec} in MP4 plays in a browser as it is; nothing is copied",
            content_type="video/mp4",
            limits=limits,
        )
    return _copied(facts, picture, limits)


def fallback(facts: MediaFacts, because: str, *, longest_hours: float = 12) -> Plan:
    """What to do when a copy did not succeed: encode."""
    limits = limits_for(facts, longest_hours=longest_hours)
    return transcode(facts, because, limits) if facts.pictures else _encoded_sound(facts, because, limits)


def _why_not_copied(facts: MediaFacts, picture: StreamFacts, condition: Condition) -> str:
    """Why the pictures cannot be used as they are; empty where they can."""
    if condition is Condition.DAMAGED:
        return "the master is damaged, and a player would stop at the damage"
    if picture.codec in WEBM_PICTURE and _is_web(facts, picture):
        return ""
    shape, size = f"H.264 {picture.profile} with {picture.pixel_format} pictures", (picture.width, picture.height)
    plain = picture.profile in H264_PROFILES and picture.pixel_format in EIGHT_BIT_420
    moved = not facts.is_mp4
    hindrances = (
        (picture.codec != "h264", f"browsers do not all play {picture.codec}"),
        (not plain, f"browsers do not all play {shape}"),
        (size[0] * size[1] > LARGEST_H264, f"pictures of {size[0]} by {size[1]} are more than browsers play"),
        (not facts.length_ms or not picture.widest_gap_ms, "its pictures have no times that a player could go by"),
        (moved and picture.interlaced, f"interlaced pictures cannot be copied from {facts.container} field by field"),
        (
            moved and picture.untimed and picture.reordered,
            f"{facts.container} does not say when its reordered pictures are shown",
        ),
    )
    return next((reason for hinders, reason in hindrances if hinders), "")


def _is_web(facts: MediaFacts, picture: StreamFacts) -> bool:
    if picture.pixel_format not in EIGHT_BIT_420:
        return False
    return "webm" in facts.container or (facts.is_mp4 and picture.codec == "av1")


def _copied(facts: MediaFacts, picture: StreamFacts, limits: Limits) -> Plan:
    """Packets into a container that browsers play. Reordered pictures go into a plain file with the index first:
    in fragments Chromium shows each of them two frames off.
    """
    if picture.codec in WEBM_PICTURE and all(sound.codec in WEBM_SOUND for sound in facts.sounds[:1]):
        return Plan(
            method=RenditionMethod.DIRECT,
            reason=f"{picture.codec} in WebM plays in a browser as it is; nothing is copied",
            content_type="video/webm",
            limits=limits,
        )
    foreign = [sound.codec for sound in facts.sounds if sound.codec not in MP4_SOUND or sound.timeless]
    why = "fragments and reordered pictures do not go together" if facts.is_mp4 and not foreign else ""
    why = why or f"{picture.codec} is fine, {'its sound' if facts.is_mp4 else facts.container} is not"
    said = f"packets are copied: {why}"
    return Plan(
        method=RenditionMethod.REMUX,
        reason=f"{said}; the sound ({', '.join(map(str, foreign))}) is encoded again" if foreign else said,
        content_type="video/mp4",
        file_name="playback.mp4",
        picture=picture.index,
        sounds=tuple(sound.index for sound in facts.sounds),
        encode_sound=bool(foreign),
        sound_filters=_sound_filters(facts) if foreign else (),
        fragmented=not picture.reordered,
        limits=limits,
    )


def transcode(facts: MediaFacts, because: str, limits: Limits) -> Plan:
    """Encode by the recipe: every frame kept, at its own time."""
    picture = facts.pictures[0]
    gap = max((stream.widest_gap_ms or 0) for stream in facts.pictures)
    return Plan(
        method=RenditionMethod.TRANSCODE,
        reason=f"encoded again: {because}",
        content_type="video/mp4",
        file_name="playback.mp4",
        picture=picture.index,
        sounds=tuple(sound.index for sound in facts.sounds),
        encode_sound=bool(facts.sounds),
        filters=(*_clock(facts, picture), *_picture_filters(picture)),
        sound_filters=_sound_filters(facts),
        waveform_channels=_waveform_channels(facts),
        pictures=storyboard(facts) if facts.length_ms and gap < GAP_BOMB_MS else None,
        limits=limits,
    )


def lasting(plan: Plan, facts: MediaFacts, length_ms: int, *, longest_hours: float) -> Plan:
    """The plan for a master that is found to last for another time than its container says: with pictures for all of
    that time, and with limits by it. Gaps that nobody fills in are none of a clock that was followed packet by packet.
    """
    told = facts.model_copy(update={"duration_ms": length_ms})
    pictures = storyboard(told) if plan.filters else plan.pictures
    return replace(plan, pictures=pictures, limits=limits_for(told, longest_hours=longest_hours))


def _sound_only(facts: MediaFacts, limits: Limits) -> Plan:
    sound = facts.sounds[0]
    direct = {
        "wav": ("audio/wav", WAV_SOUND),
        "mp3": ("audio/mpeg", ("mp3",)),
        "flac": ("audio/flac", ("flac",)),
        "ogg": ("audio/ogg", WEBM_SOUND),
        "matroska,webm": ("audio/webm", WEBM_SOUND),
    }
    content_type, codecs = direct.get(facts.container, ("audio/mp4", MP4_SOUND if facts.is_mp4 else ()))
    if sound.codec in codecs and sound.channels <= 8 and not (facts.is_mp4 and facts.fragmented):
        why = f"{sound.codec} sound in {content_type.partition('/')[2]} plays in a browser as it is; nothing is copied"
        return Plan(method=RenditionMethod.DIRECT, reason=why, content_type=content_type, limits=limits)
    if all(each.codec == "aac" for each in facts.sounds):
        return Plan(
            method=RenditionMethod.REMUX,
            reason=f"packets are copied: aac sound is fine, {facts.container} is not",
            content_type="audio/mp4",
            file_name="playback.m4a",
            sounds=tuple(each.index for each in facts.sounds),
            fragmented=False,
            limits=limits,
        )
    return _encoded_sound(facts, f"browsers do not all play {sound.codec} in {facts.container}", limits)


def _encoded_sound(facts: MediaFacts, because: str, limits: Limits) -> Plan:
    return Plan(
        method=RenditionMethod.TRANSCODE,
        reason=f"encoded again: {because}",
        content_type="audio/mp4",
        file_name="playback.m4a",
        sounds=tuple(sound.index for sound in facts.sounds),
        encode_sound=True,
        sound_filters=_sound_filters(facts),
        waveform_channels=_waveform_channels(facts),
        limits=limits,
    )


def _clock(facts: MediaFacts, picture: StreamFacts) -> tuple[tuple[str, str], ...]:
    """Pictures of a bare stream have no times: the rate that it states, else the decoder's, gives them theirs."""
    bare = picture.untimed and not facts.length_ms and not picture.widest_gap_ms
    return (("setpts", "N/FRAME_RATE/TB"),) if bare else ()


def _picture_filters(picture: StreamFacts) -> tuple[tuple[str, str], ...]:
    """Deinterlace frame by frame, bring the short side to 720 or less, make sides even. FFmpeg turns by itself."""
    filters: list[tuple[str, str]] = []
    if picture.interlaced:
        filters.append(("yadif", "mode=send_frame:deint=interlaced"))
    width, height = picture.shown_size
    if min(width, height) > SHORT_SIDE:
        filters.append(("scale", f"-2:{SHORT_SIDE}" if width >= height else f"{SHORT_SIDE}:-2"))
    elif width % 2 or height % 2:
        filters.append(("scale", "max(2\\,trunc(iw/2)*2):max(2\\,trunc(ih/2)*2)"))
    filters.append(("format", "yuv420p"))
    return tuple(filters)


def _sound_filters(facts: MediaFacts) -> tuple[tuple[int, str], ...]:
    """Four channels keep their order only when they are called quad; more than two others are mixed to two."""
    told = [(sound.index, "asetpts=N/SR/TB") for sound in facts.sounds if sound.timeless]
    for sound in facts.sounds:
        if sound.channels == 4:
            told.append((sound.index, "channelmap=map=0|1|2|3:channel_layout=quad"))
        elif sound.channels > 2:
            told.append((sound.index, "aformat=channel_layouts=stereo"))
    return tuple(told)


def _waveform_channels(facts: MediaFacts) -> int:
    """How many channels are drawn: one where a look at the beginning did not find out how many there are."""
    return max(1, min(facts.sounds[0].channels, 2)) if facts.sounds else 0


def pixels_of(facts: MediaFacts) -> int:
    """Pixels of all pictures of the master together: what encoding it costs, as far as anybody knows before."""
    if not facts.pictures:
        return 0
    picture = facts.pictures[0]
    return int(_frames(facts, picture)) * picture.width * picture.height


def _seconds(facts: MediaFacts) -> float:
    return facts.length_ms / 1000 or min(facts.size / 50_000, 12 * 3600)


def _frames(facts: MediaFacts, picture: StreamFacts) -> float:
    """A header that claims more frames than its bytes or its length can hold is not believed."""
    seconds = _seconds(facts)
    claimed = picture.frame_count or seconds * picture.frames_a_second
    return min(claimed, facts.size / 8, 1000 + 240 * seconds)


def limits_for(facts: MediaFacts, *, longest_hours: float) -> Limits:
    """Time and room by what is in the master: 30 s and four times its length at 1080p30, and more with more pixels."""
    seconds = _seconds(facts)
    frames = 0.0
    load = out = 0.1
    if facts.pictures:
        picture = facts.pictures[0]
        frames = _frames(facts, picture)
        # A gap in time costs no work: what counts is frames, not the length that they are spread over.
        seconds = min(seconds, max(frames / picture.frames_a_second, 1.0)) if picture.frame_count else seconds
        load = picture.width * picture.height * picture.frames_a_second / FULL_HD_30
        out = min(load, 0.5)
    reading = facts.size / SLOWEST_STORE
    allowed = min(60 + reading + seconds * (4 * load + 6 * out + 1), longest_hours * 3600)
    room = 64 * MIB + int(frames * 120_000 + seconds * 64_000) + facts.size // 8
    copied = 32 * MIB + facts.size + facts.size // 8
    size = min(max(room, copied), LARGEST_FILE)
    return Limits(seconds=allowed, cpu_seconds=int(allowed * 4) + 10, file_size=size, ahead=_is_sparse(facts))


def _is_sparse(facts: MediaFacts) -> bool:
    """Its sound runs far ahead of its pictures in the file, or the other way round."""
    slow = any((picture.widest_gap_ms or 0) >= SLOW_MS for picture in facts.pictures)
    return facts.late or (slow and not STREAMED.isdisjoint(facts.container.split(",")))
