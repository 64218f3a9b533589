"""Holds a rendition against its master: pictures, times, sound, length, packets. Pure.

What does not agree on a sound master is a failure and nothing is kept. On a damaged master a shorter copy is what
can be had, and what is missing is said.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from evidence.vocabulary import Condition, RenditionMethod
from transcode.errors import OutputUntrue
from transcode.matching import AGREE, Finding, Kind, compare
from transcode.media import MediaFacts
from transcode.packets import UNSAID, Manifest, Track
from transcode.plan import Plan
from transcode.said import ReadingSaid
from transcode.timing import Agreement, Span, agreement, span

LEAST_TOLERANCE_MS: Final = 500
LATE_MS: Final = 1000
"""What begins no later than this in the player is not said to begin late."""
GOES_ON_MS: Final = 2000
"""Sound that goes on for less than this behind the pictures is how recorders stop."""
ALLOWED: Final = AGREE | {Kind.NOT_COMPARED}
"""Of a stream whose packets are proven, times may be too many to be compared one by one: pictures' are, above."""


@dataclass(slots=True)
class Checked:
    """What was compared. `findings` forbid the rendition, `remarks` are shown with it.

    `ending` is the word for how the child that made it ended; `quality` what was measured of it, where it was;
    `recovered` what there is of a master that is not whole; `plays_ms` how long the copy plays; `clock` what the copy
    made of a clock that starts again.
    """

    agreement: Agreement
    packets_proven: bool = False
    packets: list[Finding] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    ending: str = ""
    quality: dict[str, object] = field(default_factory=dict)
    recovered: dict[str, object] = field(default_factory=dict)
    plays_ms: int = 0
    clock: str = ""

    def as_facts(self) -> dict[str, object]:
        """For the rendition's row."""
        return {
            "frames": self.agreement.copy_frames,
            "master_frames": self.agreement.master_frames,
            "frames_exact": self.agreement.exact,
            "worst_us": self.agreement.worst_us,
            "packets_proven": self.packets_proven,
            "packets": [finding.as_facts() for finding in self.packets],
            "remarks": list(self.remarks),
            "plays_ms": self.plays_ms,
            "ending": self.ending,
            **({"quality": self.quality} if self.quality else {}),
            **({"recovered": self.recovered} if self.recovered else {}),
            **({"clock": self.clock} if self.clock else {}),
        }


@dataclass(frozen=True, slots=True)
class Manifests:
    """What the packets of master and copy are."""

    master: Manifest
    copy: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Everything that is held against each other. `decoded_ms`: what the decoder made of the first sound track.

    `lapped`: that the master's clock starts again, and what that is for the copy; empty where it goes on. The times of
    `master` are then those of its laps one after the other, where they could be laid so; `lost` where they could not.
    """

    plan: Plan
    facts: MediaFacts
    condition: Condition
    master: ReadingSaid
    copy: ReadingSaid
    output: MediaFacts | None
    packets: Manifests
    decoded_ms: int = 0
    lapped: str = ""
    lost: bool = False


def check(compared: Compared, *, complaints: bool = False) -> Checked:
    """Compare. Raises OutputUntrue with every finding.

    `complaints`: FFmpeg had some about the master, which then counts as damaged.
    """
    times = agreement(
        compared.master.times_us, compared.copy.times_us, start=compared.master.start_us - compared.copy.start_us
    )
    ends = max([*compared.copy.times_us, *compared.copy.sound_us], default=compared.copy.start_us)
    checked = Checked(times, plays_ms=(ends - min(compared.copy.start_us, 0)) // 1000, clock=compared.lapped)
    damaged = complaints or compared.condition is not Condition.SOUND
    if compared.lapped:
        checked.remarks.append(compared.lapped)
    if compared.master.ended_early:
        checked.remarks.append(f"a part of the master is not shown: {compared.master.ended_early}")
    checked.remarks += [compared.master.beside] if compared.master.beside else []
    checked.remarks += _not_shown(compared)
    _check_output(compared, checked)
    _check_pictures(compared, checked, damaged=damaged)
    _check_sounds(compared, checked, damaged=damaged or bool(compared.lapped))
    _check_packets(compared, checked)
    if damaged:
        checked.recovered = _recovered(compared)
    if checked.findings:
        raise OutputUntrue(tuple(checked.findings))
    return checked


def _not_shown(compared: Compared) -> list[str]:
    """Other pictures of the master than those that the copy is of: a second camera, or what somebody joined to it.

    Where the copy is of sound alone, a stream that begins as sound may go on with pictures: only they have times.
    """
    picture, times = compared.plan.picture, compared.master.times_us
    found = [each for each in compared.master.counted if each.kind == "video" and each.packets]
    spans = [(_span(compared.master, each.index), each.packets) for each in found if each.index != picture]
    spans += [(span(times, 1, 1_000_000), len(times))] if picture is None and times else []
    other = "pictures" if picture is None else "other pictures"
    return [_others(lasting.lasts if lasting is not None else 0, count, other) for lasting, count in spans]


def not_shown_of(facts: MediaFacts) -> list[str]:
    """Other pictures of a master that is served as it is, as far as its container says: players show but the first."""
    if not facts.pictures:
        return []
    found = [each for each in facts.streams if each.kind == "video" and not each.attached_picture]
    others = [each for each in found if each.index != facts.pictures[0].index and (each.decoded or each.frame_count)]
    return [_others(max(each.duration_ms or 0, 0) * 1000, each.frame_count) for each in others]


def _others(lasts_us: int, count: int, other: str = "other pictures") -> str:
    told = f": {lasts_us / 1e6:.1f} s of them" if lasts_us else f": {count:,} of them" if count else ""
    return f"the master has {other}, too, which are not shown here{told}"


def _recovered(compared: Compared) -> dict[str, object]:
    """What there is of a master that is damaged or was cut off: how many pictures, from when to when in the player,
    and how much sound.
    """
    shown = sorted(compared.copy.times_us)
    first, last = (max(0, shown[0]) // 1000, max(0, shown[-1]) // 1000) if shown else (0, 0)
    heard, sound = _heard(compared)
    promised = max((stream.indexed for stream in compared.facts.pictures), default=0)
    of = f" of the {promised:,} that its index names" if promised > len(shown) else ""
    pictures = (
        f"{len(shown):,} pictures{of}, from {first / 1000:.1f} to {last / 1000:.1f} s" if shown else "no pictures"
    )
    return {
        "pictures": len(shown),
        "from_ms": first,
        "to_ms": last,
        "sound_ms": heard,
        "indexed": promised,
        "says": f"Recovered from a master that is not whole: {pictures}; {sound}",
    }


def _heard(compared: Compared) -> tuple[int, str]:
    """How much sound the copy has, in milliseconds and in words: of the track that has most of it."""
    copy, places = compared.copy, range(len(compared.copy.sound_us))
    spans = [each for place in places if (each := _span(copy, _place(compared.plan, place))) is not None]
    if len(spans) < len(copy.sound_us):
        heard = max(((ends - copy.start_us) // 1000 for ends in copy.sound_us), default=0)
        return heard, f"{heard / 1000:.1f} s of sound" if heard else "no sound"
    most = max(spans, key=lambda each: each.lasts, default=None)
    if most is None or most.lasts < 1000:
        return 0, "no sound"
    where = f", from {most.first / 1e6:.1f} to {most.ends / 1e6:.1f} s" if most.first >= LATE_MS * 1000 else ""
    return most.lasts // 1000, f"{most.lasts / 1e6:.1f} s of sound{where}"


def _place(plan: Plan, number: int) -> int:
    """The copy's stream that is the plan's sound of this number."""
    return number + (plan.picture is not None)


def _span(said: ReadingSaid, index: int) -> Span | None:
    """How long a stream's packets last in all; nothing where they were too many to be listed, or say no time."""
    track = next((each for each in said.counted if each.index == index and each.listed), None)
    if track is None or len(track.pts) % 8 or len(track.dts) != len(track.pts):
        return None
    shown = zip(array("q", track.pts), array("q", track.dts), strict=True)
    return span([at for pts, dts in shown if (at := pts if pts != UNSAID else dts) != UNSAID], *track.base)


def _check_output(compared: Compared, checked: Checked) -> None:
    output, plan = compared.output, compared.plan
    if output is None or not output.has_media:
        checked.findings.append("the copy itself cannot be opened and decoded")
        return
    if output.messages:
        checked.findings.append(f"the copy decodes with errors: {output.messages[0]}")
    if bool(output.pictures) != (plan.picture is not None):
        checked.findings.append("of copy and master only one has pictures")


def _check_pictures(compared: Compared, checked: Checked, *, damaged: bool) -> None:
    if compared.plan.picture is None:
        return
    times = checked.agreement
    expected = times.master_frames
    if not expected:
        checked.remarks.append("the master gives its pictures no times; they are shown at the decoder's rate")
        return
    picture = compared.facts.picture
    if picture is not None and picture.interlaced and times.copy_frames <= expected * 0.6:
        expected = (expected + 1) // 2  # two fields of the master are one picture of the copy
    missing = expected - times.copy_frames
    if missing and (damaged or abs(missing) <= max(2, expected // 100)):
        told = f"{times.copy_frames} of the master's {expected} pictures could be decoded"
        if missing < 0:
            told = f"{times.copy_frames} pictures could be decoded, the master says that it has {expected}"
        checked.remarks.append(told + _first_shown(compared))
    elif missing:
        checked.findings.append(f"the copy has {times.copy_frames} pictures, the master {expected}")
    if times.strangers:
        many = f"{times.strangers} pictures are shown at other times"
        told = ("1 picture is shown at another time" if times.strangers == 1 else many) + " than the master says"
        by_how_much = times.worst_us and not compared.lost
        checked.remarks.append(f"{told}, {times.worst_us / 1000:.0f} ms at most" if by_how_much else told)
    checked.remarks += _apart(compared) + _ends_before_sound(compared)


def _ends_before_sound(compared: Compared) -> list[str]:
    """That sound goes on when the last picture has been shown for as long as any: there may have been more of them,
    which came to nothing and of which no packet tells.
    """
    shown, heard = sorted(compared.copy.times_us), max(compared.copy.sound_us, default=0)
    if len(shown) < 2:
        return []
    ends = shown[-1] + max(later - earlier for earlier, later in pairwise(shown))
    told = f"the pictures end at {ends / 1e6:.1f} s, and sound goes on to {heard / 1e6:.1f} s"
    return [told] if heard - ends >= GOES_ON_MS * 1000 else []


def _apart(compared: Compared) -> list[str]:
    """That pictures and sound of the copy lie otherwise to one another than the master's, which its own times of
    pictures cannot tell: where every picture is there, and the master's clock goes on.
    """
    master, copy = compared.master, compared.copy
    if compared.lapped or not copy.sound_us or not master.times_us or len(copy.times_us) != len(master.times_us):
        return []
    late = (min(copy.times_us) - copy.start_us - min(master.times_us) + master.start_us) // 1000
    which = "later" if late > 0 else "sooner"
    told = f"the pictures stand {abs(late) / 1000:.1f} s {which} to the sound than in the master"
    return [told] if abs(late) >= LATE_MS else []


def _first_shown(compared: Compared) -> str:
    """That the first picture of the copy stands later in the player than the master's first does, if it does."""
    first = min(compared.copy.times_us, default=0) // 1000
    late = first - (min(compared.master.times_us) - compared.master.start_us) // 1000
    return f"; the first of them stands at {first / 1000:.1f} s" if late >= LATE_MS else ""


def _check_sounds(compared: Compared, checked: Checked, *, damaged: bool) -> None:
    """Each sound track ends when the master's packets do, or when its decoded samples say, whichever is later; and
    there is as much of it as of them. Where a clock starts again and its laps are not laid, packets say no such end.
    """
    mine = [max(0, ends - compared.master.start_us) // 1000 for ends in compared.master.sound_us]
    if mine and compared.decoded_ms:
        mine[0] = max(mine[0], compared.decoded_ms)
    timeless = {sound.index for sound in compared.facts.sounds if sound.timeless}
    for number, (expected, ends) in enumerate(zip(mine, compared.copy.sound_us, strict=False)):
        found = max(0, ends - compared.copy.start_us) // 1000
        off = abs(found - expected) > _tolerance(expected)
        if compared.plan.sounds[number] in timeless and found >= expected:
            checked.remarks.append(f"sound track {number + 1} has no times of its own and is played without gaps")
        elif off and not damaged:
            checked.findings.append(_another_length(number, found, expected))
        elif lacking := _lacking(compared, number):
            checked.remarks.append(lacking)
        elif off and not compared.lost:
            checked.remarks.append(_another_length(number, found, expected))
    if len(mine) != len(compared.copy.sound_us):
        checked.findings.append(f"the copy has {len(compared.copy.sound_us)} sound tracks of {len(mine)}")


def _tolerance(expected: int) -> int:
    return max(LEAST_TOLERANCE_MS, expected // 100)


def _another_length(number: int, found: int, expected: int) -> str:
    return f"sound track {number + 1} is {found / 1000:.1f} s long, the master's {expected / 1000:.1f} s"


def _lacking(compared: Compared, number: int) -> str:
    """How much of a sound track is not in the copy, in words; nothing where all of it is. Where the master is silent
    nothing is lacking: only the time of packets counts.
    """
    mine = _span(compared.master, compared.plan.sounds[number])
    theirs = _span(compared.copy, _place(compared.plan, number))
    if mine is None or theirs is None or (mine.lasts - theirs.lasts) // 1000 <= _tolerance(mine.lasts // 1000):
        return ""
    told = f"only {theirs.lasts / 1e6:.1f} of {mine.lasts / 1e6:.1f} s of sound track {number + 1} could be decoded"
    return told + (f"; it begins at {theirs.first / 1e6:.1f} s" if theirs.first >= LATE_MS * 1000 else "")


def _check_packets(compared: Compared, checked: Checked) -> None:
    """What the packets of copy and master have in common. Where they were to be copied, it is proof or it is nothing:
    the same packets in the same order, shown at the same times by a decoder that is set up alike.
    """
    plan, both = compared.plan, compared.packets
    streams = ([plan.picture] if plan.picture is not None else []) + list(plan.sounds)
    checked.packets = compare(both.master, both.copy, list(_pairs(both, streams)))
    if plan.method is not RenditionMethod.REMUX:
        return
    copied = set(range(len(streams) - (len(plan.sounds) if plan.encode_sound else 0)))
    same = {each.stream for each in checked.packets if each.kind is Kind.SAME_PACKETS}
    untrue = [each.says for each in checked.packets if each.stream in copied and each.kind not in ALLOWED]
    if not copied or copied - same or untrue:
        missing = ", ".join(map(str, sorted(copied - same)))
        checked.findings += untrue or [f"packets of stream {missing} are not the master's"]
    else:
        checked.packets_proven = True


def _pairs(both: Manifests, streams: list[int]) -> Iterator[tuple[Track, Track]]:
    """The copy's streams in the order in which the plan names those of the master."""
    for place, index in enumerate(streams):
        mine, theirs = both.master.of(index), both.copy.of(place)
        if mine is not None and theirs is not None:
            yield mine, theirs
