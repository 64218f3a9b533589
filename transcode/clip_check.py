"""Holds a clip against its master: as many pictures as were asked for, each at its time, copied packets the same. Pure.

What does not agree is a failure with its reason, and no clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from evidence.tlog.errors import NotProved
from transcode.clip_plan import Cut, Pictures, Sound
from transcode.clip_said import ClipSaid
from transcode.errors import OutputUntrue
from transcode.packets import Manifest, Track, range_proof

HASH: Final = 32
SLACK: Final = Fraction(1, 10)
"""Seconds by which encoded sound may miss the out point: the encoder fills up its last frame."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found, for the clip's row; how many of its packets are the master's own, and how many encoded."""

    facts: Mapping[str, Any]
    copied: int
    encoded: int


def check(cut: Cut, clip: ClipSaid, made: Manifest, master: Manifest, hashes: Mapping[int, bytes]) -> Proof:
    """Compare. `hashes`: neutral hashes of the master's packets that were to be copied, by stream.

    Raises OutputUntrue with every finding.
    """
    findings: list[str] = []
    facts: dict[str, Any] = {"remarks": list(cut.remarks)}
    tracks = list(made.tracks)
    if cut.pictures is not None:
        facts["pictures"] = _pictures(cut.pictures, clip, _taken(tracks, "video"), master, hashes, findings)
    facts["sounds"] = [
        _sound(each, cut, clip, _taken(tracks, "audio"), master, hashes, findings, place)
        for place, each in enumerate(cut.sounds)
    ]
    if tracks:
        findings.append(f"the clip has {len(tracks)} tracks more than were asked for")
    if findings:
        raise OutputUntrue(tuple(findings))
    copied = sum(each.get("copied", 0) for each in [facts.get("pictures", {}), *facts["sounds"]])
    return Proof(facts, copied, made.packets - copied)


def _taken(tracks: list[Track], kind: str) -> Track | None:
    found = next((each for each in tracks if each.header.kind == kind), None)
    if found is not None:
        tracks.remove(found)
    return found


def _pictures(
    plan: Pictures,
    clip: ClipSaid,
    track: Track | None,
    master: Manifest,
    hashes: Mapping[int, bytes],
    findings: list[str],
) -> dict[str, Any]:
    asked = len(plan.ticks)
    counts = {"in the clip": len(clip.ticks), "decoded of it": clip.decoded, "packets": track.packets if track else 0}
    findings += [
        f"{asked} pictures were asked for, {found} are {what}" for what, found in counts.items() if found != asked
    ]
    if clip.faults:
        findings.append(f"the clip's own decoder failed {clip.faults} times")
    due = [(tick - plan.ticks[0]) * plan.base for tick in plan.ticks]
    shown = [Fraction(tick, clip.timescale) for tick in sorted(clip.ticks)] if clip.timescale else []
    wrong = next((n for n, (mine, theirs) in enumerate(zip(due, shown, strict=False)) if mine != theirs), None)
    if wrong is not None:
        findings.append(
            f"picture {plan.number + wrong} is shown {float(shown[wrong] - due[wrong]):+.6f} s off its time"
        )
    run = Run(plan.index, plan.first_packet, plan.copied, plan.head)
    return {
        "asked": asked,
        "first": plan.number,
        "times_exact": wrong is None,
        "encoded_before": plan.head,
        "encoded_after": plan.tail,
        "why": plan.why,
        **run.compared(track, master, hashes, findings),
    }


def _sound(  # noqa: PLR0913, PLR0917 - one comparison, with all that it compares
    plan: Sound,
    cut: Cut,
    clip: ClipSaid,
    track: Track | None,
    master: Manifest,
    hashes: Mapping[int, bytes],
    findings: list[str],
    place: int,
) -> dict[str, Any]:
    facts: dict[str, Any] = {"stream": plan.index, "why": plan.why}
    if track is None or not track.packets:
        findings.append(f"the sound of stream {plan.index} is not in the clip")
        return facts
    ends = Fraction(clip.sound_us[place], 1_000_000) if place < len(clip.sound_us) else Fraction(0)
    due = min(cut.stops, plan.ends) - cut.begins
    if ends < due - SLACK or ends <= 0:
        findings.append(f"the sound of stream {plan.index} ends after {float(ends):.3f} s, not {float(due):.3f} s")
    if plan.copied:
        count = plan.end - plan.first
        if track.packets != count:
            findings.append(f"{count} packets of sound were to be copied, {track.packets} are there")
        return facts | Run(plan.index, plan.first, count, 0).compared(track, master, hashes, findings)
    if ends > cut.stops - cut.begins + SLACK:
        findings.append(f"the sound of stream {plan.index} goes on for {float(ends):.3f} s")
    return {**facts, "copied": 0}


@dataclass(frozen=True, slots=True)
class Run:
    """Packets of the master's stream `index` from `first` on, that stand in the clip's track from `at` on."""

    index: int
    first: int
    count: int
    at: int

    def compared(
        self, track: Track | None, master: Manifest, hashes: Mapping[int, bytes], findings: list[str]
    ) -> dict[str, Any]:
        """Hold them against each other, hash by hash."""
        if not self.count or track is None:
            return {"copied": 0}
        mine = hashes.get(self.index, b"")
        theirs = track.compared[HASH * self.at : HASH * (self.at + self.count)]
        if len(mine) != HASH * self.count or mine != theirs:
            findings.append(f"copied packets of stream {self.index} are not the master's")
        return {
            "copied": self.count,
            "copied_at": self.at,
            "master_first": self.first,
            "range_proof": self._proof(track, master),
        }

    def _proof(self, track: Track, master: Manifest) -> list[str] | None:
        """What shows that they stand there under the master's payload root, without the rest of the master.

        Nothing where the clip has them in another form than the master, or the master's are too many to be listed.
        """
        theirs = master.of(self.index)
        if theirs is None or not theirs.listed:
            return None
        raw = theirs.hashes[HASH * self.first : HASH * (self.first + self.count)]
        if raw != track.hashes[HASH * self.at : HASH * (self.at + self.count)]:
            return None
        try:
            return [each.hex() for each in range_proof(theirs, self.first, self.first + self.count)]
        except NotProved:
            return None
