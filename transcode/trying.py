"""Tries hardware encoders once for each process, by really encoding some pictures behind the wall."""

from __future__ import annotations

import functools
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Final

import ffmpeg as graph

from transcode import child, ffmpeg, machine, room
from transcode.child import Command
from transcode.hardware import KNOWN, LIBX264, STRIKES, Choice, Encoder, Tried, choose, wanted
from transcode.room import Room
from transcode.sandbox import Wall
from transcode.settings import TranscodeSettings

PICTURES: Final = 30
"""More than one group of pictures, so that a second key frame is among them."""
SECONDS: Final = 20
NAL_START: Final = b"\x00\x00\x01"


def try_encoder(word: str, encoder: Encoder, settings: TranscodeSettings) -> Tried:
    """Encode made-up pictures with it, as a plan would. Raises SettingsRefused where FFmpeg itself does not run."""
    missing = [each for each in encoder.devices[:1] if not Path(each).exists()]
    if missing:
        return Tried(word, works=False, reason=f"there is no {missing[0]} on this host")
    using = ffmpeg.tool(settings)
    wall = Wall(
        cpu_seconds=SECONDS,
        address_space=settings.encoder_memory,
        file_size=0,
        may_run=ffmpeg.programs(using.path),
    )
    command = Command(argv=(using.path, *_arguments(encoder)), wall=ffmpeg.opened_for(encoder, wall), seconds=SECONDS)
    ending = child.run(command)
    if not ending.usable:
        # The first line says what was missing, the last only that nothing came of it.
        said = ending.messages[0] if ending.messages else ending.in_words()
        return Tried(word, works=False, reason=f"{encoder.name} did not encode: {said}")
    if ending.output.count(NAL_START) < PICTURES:
        return Tried(word, works=False, reason=f"{encoder.name} ended well and gave too few pictures")
    return Tried(word, works=True, reason=f"{encoder.name} encoded {PICTURES} pictures in {ending.seconds:.1f} s")


def _arguments(encoder: Encoder) -> list[str]:
    stream = graph.input(f"testsrc2=s=640x360:r=25:d={PICTURES / 25}", f="lavfi").filter("format", "yuv420p")
    for name, told in encoder.filters:
        stream = stream.filter(name, told) if told else stream.filter(name)
    options = {**encoder.options, **ffmpeg.PICTURE_RECIPE}
    whole = graph.output(stream, "pipe:1", format="h264", **options)
    told_all = list(whole.global_args("-hide_banner", "-nostdin", "-loglevel", "error").compile(cmd="ffmpeg"))[1:]
    return [*encoder.before, *told_all]


class Bench:
    """What the encodes of one process share: the encoder that they use, and the memory that carries them."""

    def __init__(self, choice: Choice, shared: Room) -> None:
        self.choice, self.room = choice, shared
        self._struck, self._door = 0, threading.Lock()

    @property
    def encoder(self) -> Encoder:
        """The encoder to begin with: software once hardware has failed several times in a row."""
        with self._door:
            return LIBX264 if self._struck >= STRIKES else self.choice.encoder

    def note(self, *, worked: bool) -> None:
        """How the hardware did."""
        with self._door:
            self._struck = 0 if worked else self._struck + 1


def bench(settings: TranscodeSettings) -> Bench:
    """The bench of this process under these settings; hardware is tried the first time it is asked for."""
    return _bench(settings.encoder, settings.model_dump_json())


@functools.lru_cache(maxsize=8)
def _bench(setting: str, told: str) -> Bench:
    settings = TranscodeSettings.model_validate_json(told)
    choice = choose(setting, [try_encoder(word, KNOWN[word], settings) for word in wanted(setting)])
    here = machine.look()
    seats = room.slots_for(**asdict(here), asked=settings.slots).count
    return Bench(choice, Room(room.left_for_encodes(here.memory), seats))
