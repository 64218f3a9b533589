"""Footage for the demonstration: a morning's cameras and interviews, made by FFmpeg from its own test pictures.

Nothing here is evidence and nothing comes from outside, so FFmpeg runs without the sandbox. Every clip has its running
time and frame number in the picture, tones like speech in its sound, and the names and sidecars of its maker, so
that each path of the product is walked: played as it is, repacked, transcoded, damaged, empty, interview.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Final

import ffmpeg as graph

from transcode.errors import TranscodeError

TIME_LIMIT_S: Final = 120
_DAY: Final = datetime(2026, 3, 14, tzinfo=UTC)
_USER: Final = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"

# A voice of 140 Hz with two overtones, four syllables a second, a breath every five seconds.
_SPEECH: Final = (
    "0.2*(sin(2*PI*140*t)+0.5*sin(2*PI*280*t)+0.3*sin(2*PI*560*t))*pow(abs(sin(2*PI*2*t)),2)*lt(mod(t,5),4)"
)
# The second channel of an interview recorder announces the time: here a pip every ten seconds.
_ANNOUNCEMENT: Final = "0.3*sin(2*PI*1000*t)*lt(mod(t,10),0.2)"

_Coding = Mapping[str, str | int]
_H264: Final[_Coding] = {"vcodec": "libx264", "preset": "veryfast", "crf": 28, "g": 50, "pix_fmt": "yuv420p"}
_HEVC: Final[_Coding] = {
    "vcodec": "libx265",
    "preset": "ultrafast",
    "crf": 30,
    "tag:v": "hvc1",
    "pix_fmt": "yuv420p",
    "x265-params": "log-level=error:pools=1:frame-threads=1",
}
_ASP: Final[_Coding] = {"vcodec": "mpeg4", "vtag": "XVID", "qscale:v": 5, "g": 50, "bf": 1}
_AAC: Final[_Coding] = {"acodec": "aac", "audio_bitrate": "64k"}


class FootageNotMade(TranscodeError):
    """FFmpeg could not make a clip of the demonstration; its own last words are in the sentence."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(f"{name} was not made: {words}")
        self.name, self.words = name, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One file to make: where, how long, what picture and sound, and how it is coded. No `size`: sound only."""

    path: PurePosixPath
    seconds: int
    begins: datetime
    coding: _Coding
    size: tuple[int, int] | None = (1280, 720)
    colours: tuple[str, str] = ("0x3c5a78", "0x0b1a2b")
    sound: str = _SPEECH
    rate: int = 48_000


_AXON: Final = Clip(
    path=PurePosixPath("axon-body-4-D01A1234X/Axon_Body_4_Video_2026-03-14_0907_D01A1234X.mp4"),
    seconds=14,
    begins=_DAY.replace(hour=9, minute=7),
    coding={**_H264, **_AAC, "movflags": "+faststart"},
)
_AXON_LATER: Final = Clip(
    path=PurePosixPath("axon-body-4-D01A1234X/Axon_Body_4_Video_2026-03-14_0931_D01A1234X.mp4"),
    seconds=10,
    begins=_DAY.replace(hour=9, minute=31),
    coding={**_H264, **_AAC},
    size=(848, 480),
    colours=("0x5a4b3c", "0x1b1512"),
)
_MOTOROLA: Final = Clip(
    path=PurePosixPath("motorola-v300-BWL9999999/JaneSmith_202603140912_BWL9999999-0.mp4"),
    seconds=12,
    begins=_DAY.replace(hour=9, minute=12),
    coding={**_H264, **_AAC},
    size=(960, 540),
    colours=("0x3f6b52", "0x0f1f17"),
)
_AXIS_FOLDER: Final = PurePosixPath(f"axis-w120-B8A44F000001/{_USER}_B8A44F000001_20260314T091500Z")
_AXIS: Final = Clip(
    path=_AXIS_FOLDER / "20260314_091430_a1b2.mkv",
    seconds=12,
    begins=_DAY.replace(hour=9, minute=14, second=30),
    coding={**_H264, **_AAC},
    size=(960, 540),
    colours=("0x6a5a7a", "0x1a1424"),
)
_RECORDER: Final = Clip(
    path=PurePosixPath("recorder-A1B2C3D/20260314/A1B2C3D_001234_20260314084500_0001.AVI"),
    seconds=12,
    begins=_DAY.replace(hour=8, minute=45),
    coding={**_ASP, "acodec": "libmp3lame", "audio_bitrate": "64k"},
    size=(640, 480),
    colours=("0x77705c", "0x2a2822"),
    rate=44_100,
)
_PHONE: Final = Clip(
    path=PurePosixPath("phone-of-a-witness/DCIM/Camera/VID_20260314_090215.mp4"),
    seconds=8,
    begins=_DAY.replace(hour=9, minute=2, second=15),
    coding={**_HEVC, **_AAC},
    size=(640, 360),
    colours=("0x9a7b5a", "0x33261a"),
)
_DAMAGED: Final = Clip(
    path=PurePosixPath("axon-body-4-D01A5678K/Axon_Body_4_Video_2026-03-13_2231_D01A5678K.mp4"),
    seconds=8,
    begins=_DAY - timedelta(hours=1, minutes=29),
    coding={**_H264, **_AAC},
    size=(640, 360),
    colours=("0x6b3f3f", "0x1f0f0f"),
)
_EMPTY: Final = PurePosixPath("axon-body-4-D01A5678K/Axon_Body_4_Video_2026-03-13_2240_D01A5678K.mp4")
_INTERVIEW_SOUND: Final = Clip(
    path=PurePosixPath("interview-suite-2/INT-2026-0042.wav"),
    seconds=16,
    begins=_DAY.replace(hour=11),
    coding={"acodec": "pcm_s16le"},
    size=None,
    sound=f"{_SPEECH}|{_ANNOUNCEMENT}",
    rate=22_050,
)
_INTERVIEW_PICTURE: Final = Clip(
    path=PurePosixPath("interview-suite-2/INT-2026-0043.mp4"),
    seconds=14,
    begins=_DAY.replace(hour=13, minute=30),
    coding={**_H264, **_AAC},
    size=(768, 432),
    colours=("0x8a94a0", "0x4a5560"),
    sound=f"{_SPEECH}|{_ANNOUNCEMENT}",
)


# The slowest first, so that two at a time end together.
_CLIPS: Final = (
    _AXON,
    _PHONE,
    _MOTOROLA,
    _AXIS,
    _INTERVIEW_PICTURE,
    _AXON_LATER,
    _RECORDER,
    _DAMAGED,
    _INTERVIEW_SOUND,
)


def make_footage(folder: Path, ffmpeg: Path) -> list[Path]:
    """Make the whole set below `folder`, one folder for each device, and name every file made.

    The same files come of every run with one build of FFmpeg. Raises FootageNotMade.
    """
    for path in (*(clip.path for clip in _CLIPS), _EMPTY):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=2) as two:
        made = list(two.map(lambda clip: _make(clip, folder / clip.path, ffmpeg), _CLIPS))
    _cut_short(folder / _DAMAGED.path)
    for path, body in (*_sidecars(folder), (_EMPTY, b"")):
        (folder / path).write_bytes(body)
        made.append(folder / path)
    return made


def _make(clip: Clip, path: Path, ffmpeg: Path) -> Path:
    command = graph.output(
        *_sources(clip),
        str(path),
        t=clip.seconds,
        ar=clip.rate,
        threads=1,
        fflags="+bitexact",
        **{"flags:v": "+bitexact", "flags:a": "+bitexact"},
        metadata=f"creation_time={_iso(clip.begins)}",
        **clip.coding,
    )
    arguments = command.compile(cmd=[str(ffmpeg), "-nostdin", "-loglevel", "error"], overwrite_output=True)
    try:
        ended = subprocess.run(  # noqa: S603 - our own FFmpeg, our own arguments
            arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FootageNotMade(path.name, str(error)) from error
    if ended.returncode:
        raise FootageNotMade(path.name, ended.stderr.decode("utf-8", "replace")[-500:].strip())
    return path


def _sources(clip: Clip) -> Iterator[graph.nodes.FilterableStream]:
    if clip.size:
        yield _picture(clip, clip.size)
    yield graph.input(f"aevalsrc=exprs='{clip.sound}':sample_rate={clip.rate}", f="lavfi").audio


def _picture(clip: Clip, size: tuple[int, int]) -> graph.nodes.FilterableStream:
    """A dusk with two people walking, and the running time and frame number that FFmpeg's test picture draws.

    That needs no font. The dusk is made small and enlarged: it is smooth, and a sixteenth of the work.
    """
    width, height = size
    light, dark = clip.colours
    dusk = graph.input(
        f"gradients=size=160x90:rate=25:n=3:c0={dark}:c1={light}:c2={dark}:speed=0.004:seed=7", f="lavfi"
    )
    tall, small = (
        graph.input(f"color=color={colour}:size={height // 20}x{height // part}:rate=25", f="lavfi")
        for colour, part in (("0x8fb3c9", 5), ("0xd8b36a", 8))
    )
    counter = graph.input("testsrc2=size=320x180:rate=25", f="lavfi").filter("crop", 100, 30, 2, 2)
    counter = counter.filter("hue", s=0).filter("scale", width // 4, -2, flags="neighbor")
    return (
        dusk.filter("scale", width, height)
        .overlay(tall, x=f"W-mod({width // 6}+t*{width // 12},W+w)", y="H*0.5")
        .overlay(small, x=f"mod({width // 20}+t*{width // 18},W+w)-w", y="H*0.55")
        .overlay(counter, x="W*0.02", y="H-h-W*0.02")
    )


def _cut_short(path: Path) -> None:
    """Leave a file as a camera does that lost power: half the media, and no index, which is written last."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _sidecars(folder: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    digest = hashlib.sha256((folder / _AXON.path).read_bytes()).hexdigest()
    yield _beside(_AXON, ".mp4.sha256"), f"{digest}  {_AXON.path.name}\n".encode()
    yield from _motorola(_MOTOROLA)
    yield _beside(_INTERVIEW_SOUND, ".xml"), _interview(_INTERVIEW_SOUND, "Audio", "AB/0042/26", "1234")
    yield _beside(_INTERVIEW_PICTURE, ".xml"), _interview(_INTERVIEW_PICTURE, "ABE", "AB/0043/26", "5678")
    yield from _axis(_AXIS)


def _motorola(clip: Clip) -> Iterator[tuple[PurePosixPath, bytes]]:
    moments = [
        {"Time": f"{clip.begins + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}.000000Z"} for second in _seconds(clip)
    ]
    cues = ["WEBVTT"]
    for second in _seconds(clip):
        latitude, longitude = _place(second)
        words = {"officer": "Jane Smith", "gpsCoordinates": f"N{latitude:.6f} W{-longitude:.6f}"}
        cues.append(f"00:00:{second:02}.000 --> 00:00:{second:02}.999\n{json.dumps(words)}")
    yield _beside(clip, ".json"), _json({"DataPoints": moments})
    yield _beside(clip, ".vtt"), "\n\n".join(cues).encode()


def _axis(clip: Clip) -> Iterator[tuple[PurePosixPath, bytes]]:
    """What an Axis system hands over beside a clip; the empty `complete` comes last, as it does there."""
    folder, container = clip.path.parent, clip.path.parent.name
    begins, ends = _iso(clip.begins), _iso(clip.begins + timedelta(seconds=clip.seconds))
    trail, bookmark = f"{clip.path.stem}_B8A44F000001_gpstrail.json", "bookmark_20260314T091436Z_1"
    recording = {
        "ContainerName": container,
        "BWCSerialNumber": "B8A44F000001",
        "FirmwareVersion": "11.9.60",
        "UserID": _USER,
        "TriggerOn": "Button",
        "TriggerOff": "Button",
        "TriggerOnTimeISO": "2026-03-14T09:15:00Z",
        "StartTimeISO": begins,
        "StopTimeISO": ends,
        "TimeZone": "Europe/London",
        "BWCModel": "AXIS W120",
        "Status": "Complete",
    }
    entries = [
        {
            "LocationWKT": "POINT({1:.6f} {0:.6f})".format(*_place(second)),
            "SecondsFromStart": float(second),
            "Timestamp": _iso(clip.begins + timedelta(seconds=second)),
        }
        for second in _seconds(clip)
    ]
    objects: dict[str, object] = {
        f"{container}.{clip.path.name}.metadata.json": {
            "StartTimeISO": begins,
            "StopTimeISO": ends,
            "ContainerType": "mkv",
        },
        trail: {"CoordinateEntries": entries},
        f"{container}.{trail}.metadata.json": {"FileType": "json"},
        f"{container}.{bookmark}.metadata.json": {
            "CategoryID": "7",
            "CategoryName": "Arrest",
            "Tags": "TriggerOn:Button",
        },
        f"{container}.metadata.json": recording,
    }
    yield folder / bookmark, "Handed to custody – “no reply” to caution".encode()
    for name, values in objects.items():
        yield folder / name, _json(values)
    yield folder / "complete", b""


def _interview(clip: Clip, sort: str, reference: str, collar: str) -> bytes:
    """An interview's sidecar in our own invented layout: no maker publishes its own."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Interview><Type>{sort}</Type><Reference>{reference}</Reference><Custody>YR/000123/26</Custody>"
        f'<Present><Person role="Interviewer" collar="{collar}"/><Person role="Solicitor"/></Present>'
        f"<Start>{_iso(clip.begins)}</Start><End>{_iso(clip.begins + timedelta(seconds=clip.seconds))}</End>"
        '<Channels><Channel n="1">Interview</Channel><Channel n="2">Time announcements</Channel></Channels>'
        "</Interview>\n"
    ).encode()


def _beside(clip: Clip, ending: str) -> PurePosixPath:
    return clip.path.with_name(clip.path.stem + ending)


def _seconds(clip: Clip) -> range:
    return range(clip.seconds)


def _place(second: int) -> tuple[float, float]:
    """Latitude and longitude of somebody walking north-east from Charing Cross."""
    return 51.5072 + second * 1.2e-5, -0.1276 + second * 1.5e-5


def _json(values: object) -> bytes:
    return json.dumps(values, indent=1).encode()


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
