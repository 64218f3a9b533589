"""Makes one clip, still picture or sound in a scratch folder, and holds it against the master. Knows no database.

The whole master is fetched and its digest checked first: what is cut is known to come of exactly those bytes.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

from evidence.jobs import JobStopped
from evidence.vocabulary import ClipKind, Condition
from transcode import child, clip_numbers, clip_plan
from transcode.child import Command, Listener
from transcode.clip_check import HASH, SLACK, Proof, check
from transcode.clip_numbers import PASSED_OVER, Numbers, Shown
from transcode.clip_plan import Cut, Line, NoClip, Pictures, Sound
from transcode.clip_recipe import Recipe
from transcode.clip_said import ClipSaid, DecodedSaid, HashesSaid, IndexSaid, WrittenSaid
from transcode.ending import How
from transcode.errors import OutputUntrue, RenderFailed, SettingsRefused
from transcode.laps import starts_of
from transcode.making import Work, fetch
from transcode.packets import Manifest
from transcode.progress import ProgressReader
from transcode.said import Saying, understood
from transcode.sandbox import Wall

FACE: Final = ("reportlab", "fonts/Vera.ttf")
"""Bitstream Vera, which comes with the writer of our PDF reports."""
FORMS: Final = {"pcm_u8": "u8", "pcm_s24le": "s32", "pcm_s32le": "s32", "pcm_s24be": "s32", "pcm_s32be": "s32"}
"""How samples are kept in sound alone; those of every other codec as 16 bits."""
LEAST_COPIED: Final = 4
"""Packets of AAC: of fewer, players may leave out all as run-in, and samples are given instead."""
SAMPLES: Final = "samples, decoded exactly"
TOOL: Final = "pyav"
TOLD: Final = "told.json"
SaidT = TypeVar("SaidT", bound=Saying)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeClip:
    """What was made, in the scratch folder. `packets` is nothing for a still picture."""

    path: Path
    content_type: str
    master: Manifest
    packets: Manifest | None
    proof: Proof
    argv: list[str]
    tool: dict[str, str] = field(default_factory=dict)


def make(work: Work, recipe: Recipe, shown: Shown | None) -> MadeClip:
    """Fetch, index, plan, make, check. Every step may be repeated. `shown`: the working copy's pictures, where it is
    made: what people ask for is what it shows.

    Raises NoClip where the recipe asks for what is not there, RenderFailed and OutputUntrue where no true clip came
    of it, MasterChanged, ChildBroke, JobStopped, and what the store raises.
    """
    maker = _Maker(work, recipe, fetch(work), shown)
    maker.index()
    try:
        return maker.make()
    except (RenderFailed, OutputUntrue) as error:
        if error.how not in (None, How.EXIT_CODE):
            raise
    maker.go_past_damage()
    return maker.make()


class _Maker:
    """One recipe carried out on one master that lies in the scratch folder."""

    def __init__(self, work: Work, recipe: Recipe, path: Path, shown: Shown | None) -> None:
        self.work, self.recipe, self.path, self.shown = work, recipe, path, shown
        self.facts = work.facts
        # What a child may write in: not where the master and its own instructions lie.
        self.output = work.folder / "output"
        self.output.mkdir(exist_ok=True)
        self.seeks = self.facts.is_mp4 or "matroska" in self.facts.container
        self.picture: Line | None = None
        self.lines: dict[int, Line] = {}
        self.manifest = Manifest(())
        self.starts: dict[int, tuple[int, ...]] = {}
        self.origin = Fraction(0)
        self.numbers: Numbers | None = None
        # Sounds that cannot be laid beside anything, and why.
        self.adrift: dict[int, str] = {}
        # Whatever does not decode is passed over, pictures are counted, and nothing is copied.
        self.past_damage = False

    def make(self) -> MadeClip:
        """What the recipe asks for."""
        return {ClipKind.CLIP: self.clip, ClipKind.STILL: self.still, ClipKind.SOUND: self.sound}[self.recipe.kind]()

    def index(self) -> None:
        """Read the master through once."""
        found = self.facts.picture
        said = self._ask(IndexSaid, "looking for places to cut", do="index", picture=found.index if found else None)
        self.manifest, self.starts = said.manifest(), starts_of(said.counted)
        self.picture = clip_plan.with_times(said.picture.as_line()) if said.picture is not None else None
        self.lines = {each.index: each.as_line() for each in said.sounds}
        self.origin = clip_plan.begins_at([*([self.picture] if self.picture else []), *self.lines.values()])
        again = any(map(clip_numbers.goes_back, self.lines.values()))
        if self.picture is not None and (self.recipe.unit == "frame" or again):
            if self.shown is None or not clip_numbers.one_to_one(self.picture, self.shown):
                self._number(self.picture)
            elif self.work.condition is not Condition.SOUND:
                # However well times fit: in a damaged master no packet is a picture until it has given one.
                self._number(self.picture, unless_proven=True)
        elif again:
            self._lay(clip_numbers.following(next(iter(self.lines.values()))))
        for index, line in self.lines.items():
            if clip_numbers.goes_back(line):
                self.adrift.setdefault(
                    index, f"the clock of sound track {index} goes back where that of pictures does not"
                )

    def go_past_damage(self) -> None:
        """Some of its bytes make no sense, though nothing may have said so: decode, as for a working copy."""
        self.past_damage = True
        if self.picture is not None and self.recipe.unit == "frame" and (self.numbers is None or not self.numbers.why):
            self._number(self.picture)

    def _number(self, line: Line, *, unless_proven: bool = False) -> None:
        """Count the pictures that the decoder gives; what has which number is then what the working copy shows."""
        said = self._ask(DecodedSaid, "counting its pictures", do="decoded", picture=line.index)
        decoded, damaged = said.as_ticks(), self.past_damage or unless_proven
        if unless_proven and clip_numbers.proven(line, decoded):
            return
        self.numbers = clip_numbers.numbers(line, decoded, self.shown, self.origin, damaged=damaged)
        self.origin = self.numbers.origin
        if self.numbers.offsets is not None:
            self._lay(self.numbers.offsets)

    def _lay(self, offsets: Sequence[Fraction]) -> None:
        """Put sounds onto the clock that goes on where the master's starts again."""
        self.origin = Fraction(0)
        for index, line in self.lines.items():
            try:
                self.lines[index] = clip_numbers.moved(line, offsets, self.starts.get(index, ()))
            except NoClip as refused:
                self.adrift[index] = str(refused)

    def clip(self) -> MadeClip:
        """Pictures, and the sound beside them."""
        pictures = self._pictures(whole="words are written into them" if self.recipe.burn.lines else "")
        cut = self._cut(pictures.begins, pictures.stops, pictures)
        told = {**self._places(cut), "pictures": self._film(pictures), "sounds": self._sounds(cut)}
        output = self.output / "clip.mp4"
        if self._write(output, do="clip", **told).disordered:
            pictures = self._renumbered()
            cut = self._cut(pictures.begins, pictures.stops, pictures)
            told = {**self._places(cut), "pictures": self._film(pictures), "sounds": self._sounds(cut)}
            self._write(output, do="clip", **told)
        return self._checked(cut, output, "video/mp4", told)

    def still(self) -> MadeClip:
        """One picture."""
        pictures = self._pictures(whole="a still picture is decoded")
        told = {"pictures": self._film(pictures)}
        output = self.output / "still.png"
        said = self._write(output, do="still", **told)
        if said.disordered:
            pictures = self._renumbered()
            told = {"pictures": self._film(pictures)}
            said = self._write(output, do="still", **told)
        found = self.facts.picture
        shown = found.shown_size if found is not None else (0, 0)
        if (said.width, said.height) != shown:
            raise OutputUntrue((f"the still is {said.width} by {said.height}, the picture {shown[0]} by {shown[1]}",))
        aspect = found.shown_aspect if found is not None else Fraction(1)
        facts = {
            "frame": pictures.number,
            "time_us": int((pictures.begins - self.origin) * 1_000_000),
            "width": said.width,
            "height": said.height,
            "shown_aspect": [aspect.numerator, aspect.denominator],
            "why": "the decoded picture, upright and in full size, without loss",
        }
        return self._made(output, "image/png", None, Proof(facts, 0, 1), told)

    def sound(self) -> MadeClip:
        """Sound alone."""
        begins, stops = self._stretch()
        cut = self._cut(begins, stops, None)
        if not cut.sounds:
            raise NoClip("the recording has no sound there")
        if any((stops - begins) * each.rate < 1 for each in cut.sounds):
            raise NoClip("there is not one sample of sound between the in and the out point")
        copied = all(each.copied and each.end - each.first >= LEAST_COPIED for each in cut.sounds)
        container, name, kind = _container(copied=copied, tracks=len(cut.sounds))
        told = {**self._places(cut), "container": container, "copied": copied, "sounds": self._sounds(cut)}
        output = self.output / name
        self._write(output, do="sound", **told)
        if not copied and not self.past_damage:
            cut = replace(cut, sounds=tuple(replace(each, copied=False, why=SAMPLES) for each in cut.sounds))
        return self._checked(cut, output, kind, told)

    def _pictures(self, *, whole: str) -> Pictures:
        if self.picture is None:
            raise NoClip("the recording has no pictures: its sound can be taken out alone")
        if self.numbers is not None and self.numbers.why:
            return clip_numbers.taken(self.picture, self.numbers, self.recipe.start, self.recipe.end)
        return clip_plan.pictures(self.picture, self.recipe.start, self.recipe.end, self.facts, whole=whole)

    def _renumbered(self) -> Pictures:
        """The wanted pictures where neither their times nor their packets have told them apart."""
        if self.picture is None or self.numbers is not None:
            raise NoClip("the master's decoder does not give its pictures twice alike")
        self._number(self.picture)
        return self._pictures(whole="")

    def _stretch(self) -> tuple[Fraction, Fraction]:
        if self.recipe.unit == "frame":
            pictures = self._pictures(whole="only its times are wanted")
            return pictures.begins, pictures.stops
        return tuple(self.origin + Fraction(each, 1_000_000) for each in (self.recipe.start, self.recipe.end))  # type: ignore[return-value]

    def _cut(self, begins: Fraction, stops: Fraction, pictures: Pictures | None) -> Cut:
        sounds, remarks = [], []
        for index in self.recipe.sounds:
            line = self.lines.get(index)
            if line is None:
                raise NoClip(f"the recording has no sound track {index}")
            if index in self.adrift:
                raise NoClip(self.adrift[index])
            found = clip_plan.sound(line, begins, stops, self.facts)
            if found is None:
                remarks.append(f"sound track {index} has nothing between the in and the out point")
                continue
            sounds.append(replace(found, copied=False, why=PASSED_OVER) if self.past_damage else found)
            if stops - found.ends > SLACK:
                remarks.append(f"sound track {index} ends {float(stops - found.ends):.3f} s before the out point")
        if sounds and self.past_damage:
            remarks.append("where sound could not be decoded, there is silence")
        return Cut(begins=begins, stops=stops, pictures=pictures, sounds=tuple(sounds), remarks=tuple(remarks))

    def _places(self, cut: Cut) -> dict[str, Any]:
        return {"begins": _pair(cut.begins), "stops": _pair(cut.stops)}

    def _film(self, plan: Pictures) -> dict[str, Any]:
        line, found = self.picture, self.facts.picture
        if line is None or found is None:
            raise NoClip("the recording has no pictures")
        width, height = found.shown_size
        rate = Fraction(found.frames_a_second).limit_denominator(100_000)
        aspect = Fraction(*found.sample_aspect) if found.sample_aspect and all(found.sample_aspect) else None
        if aspect is not None and found.rotation % 180:
            aspect = 1 / aspect
        return {
            "index": plan.index,
            "base": _pair(plan.base),
            "ticks": list(plan.ticks),
            "ends": plan.ends,
            "number": plan.number,
            "head": plan.head,
            "tail": plan.tail,
            "middle": [line.pts[place] for place in range(plan.first_packet, plan.end_packet)],
            "start": plan.start if self.seeks else None,
            "tail_start": plan.tail_start if self.seeks else None,
            "counted": plan.counted,
            "seen": list(plan.seen),
            "hidden": clip_numbers.hidden(line) if plan.counted else [],
            "set_number": plan.set_number,
            "sets": [each.hex() for each in line.sets],
            "lengths": line.lengths,
            "profile": next((each[1] for each in line.sets if each[0] & 31 == 7), 100),
            "rate": _pair(rate),
            "aspect": _pair(aspect) if aspect else None,
            "interlaced": found.interlaced,
            "rotation": found.rotation,
            "odd": self.recipe.kind is ClipKind.CLIP and bool(width % 2 or height % 2),
            "origin": _pair(self.origin),
            "burn": self.recipe.burn.model_dump() if self.recipe.burn.lines else None,
            "face": str(face()),
        }

    def _sounds(self, cut: Cut) -> list[dict[str, Any]]:
        return [self._sound(each) for each in cut.sounds]

    def _sound(self, plan: Sound) -> dict[str, Any]:
        stream = next(each for each in self.facts.streams if each.index == plan.index)
        return {
            "index": plan.index,
            "copied": plan.copied,
            "packets": plan.end - plan.first,
            "first_tick": plan.first_tick,
            "rate": plan.rate,
            "channels": stream.channels,
            "form": FORMS.get(stream.codec or "", "s16"),
            "timeless": stream.timeless,
            "laps": self.lines[plan.index].laps,
            "seeks": self.seeks and not self.lines[plan.index].laps,
            "ends": _pair(plan.ends) if self.past_damage else None,
        }

    def _checked(self, cut: Cut, output: Path, content_type: str, told: Mapping[str, Any]) -> MadeClip:
        said = self._ask(ClipSaid, "checking the clip", path=output, do="read")
        made = said.manifest()
        if made.ended_early:
            raise OutputUntrue((f"the clip could not be read to its end: {made.ended_early}",))
        proof = check(cut, said, made, self.manifest, self._hashes(cut))
        return self._made(output, content_type, made, proof, told)

    def _hashes(self, cut: Cut) -> dict[int, bytes]:
        """Neutral hashes of the master's packets that were copied; read once more where they are too many to list."""
        runs = {each.index: (each.first, each.end) for each in cut.sounds if each.copied}
        if cut.pictures is not None and cut.pictures.copied:
            runs[cut.pictures.index] = (cut.pictures.first_packet, cut.pictures.end_packet)
        if not self.manifest.listed:
            wanted = {str(index): list(run) for index, run in runs.items()}
            return self._ask(HashesSaid, "reading the master again", do="hashes", wanted=wanted).hashes if runs else {}
        tracks = {index: self.manifest.of(index) for index in runs}
        return {
            index: track.compared[HASH * runs[index][0] : HASH * runs[index][1]]
            for index, track in tracks.items()
            if track is not None
        }

    def _made(
        self, output: Path, content_type: str, packets: Manifest | None, proof: Proof, told: Mapping[str, Any]
    ) -> MadeClip:
        words = [f"{name}={told[name]}" for name in ("begins", "stops", "container") if name in told]
        return MadeClip(
            path=output,
            content_type=content_type,
            master=self.manifest,
            packets=packets,
            proof=proof,
            argv=[str(self.recipe.kind), f"recipe={self.recipe.digest}", *words],
            tool={"name": TOOL, "version": version("av"), "build": "the wheel's own libraries"},
        )

    def _write(self, output: Path, **told: Any) -> WrittenSaid:
        return self._ask(WrittenSaid, "making the clip", other=output, **told)

    def _ask(
        self, kind: type[SaidT], phase: str, *, path: Path | None = None, other: Path | None = None, **told: Any
    ) -> SaidT:
        """Let a child work on the master (or on the file at `path`), and believe its answer as far as it checks."""
        work, read, limits = self.work, path or self.path, self.work.plan.limits
        # Thousands of ticks: more than an argument holds.
        said = work.folder / TOLD
        said.write_text(json.dumps(told), encoding="utf-8")
        wall = Wall(
            cpu_seconds=limits.cpu_seconds,
            address_space=work.settings.encoder_memory,
            file_size=limits.file_size if other else 0,
            may_read=(str(read), str(said), str(face())),
            may_write=(str(self.output),) if other else (),
            nice=work.settings.nice,
        )
        task: dict[str, object] = {
            "path": str(read),
            "other": str(other or ""),
            "options": {"told": str(said)},
            "size": 0,
        }
        command = Command(inside="clips", task=task, wall=wall, seconds=limits.seconds, output_limit=512 << 20)
        ending = child.run(command, Listener(stopping=work.stopping, progress=self._progress(phase)))
        if ending.how is How.STOPPED:
            raise JobStopped(f"called off while {phase}")
        return understood(ending, kind, phase)

    def _progress(self, phase: str) -> Callable[[str], None]:
        reader = ProgressReader(self.facts.length_ms)

        def take(line: str) -> None:
            if reader.take(line):
                self.work.report(phase, reader.fraction, reader.speed)

        return take


def face() -> Path:
    """The file of the letters that are written into pictures. Raises SettingsRefused where it is not installed."""
    found = importlib.util.find_spec(FACE[0])
    if found is None or found.origin is None:
        raise SettingsRefused(f"{FACE[0]} is not installed: there are no letters to write with")
    return Path(found.origin).parent / FACE[1]


def _container(*, copied: bool, tracks: int) -> tuple[str, str, str]:
    """Copied AAC goes into MP4; samples into WAV, which holds one track, or into QuickTime, which holds several."""
    if copied:
        return "mp4", "sound.m4a", "audio/mp4"
    return ("wav", "sound.wav", "audio/wav") if tracks == 1 else ("mov", "sound.mov", "video/quicktime")


def _pair(value: Fraction) -> list[int]:
    return [value.numerator, value.denominator]
