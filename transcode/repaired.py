"""Makes a repaired playback copy: pictures out of the master into a file with an index, then a copy of that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evidence.vocabulary import Condition
from transcode.ending import Ending, How
from transcode.errors import RenderFailed
from transcode.making import Made, Source, Work, ask, make
from transcode.probe import examine
from transcode.ranges import FileRanges
from transcode.repair import REPAIRED, Repair, WrittenSaid, encoding, outcome, sound_is_believed

PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Repaired:
    """The copy and what belongs to it, and what was recovered."""

    made: Made
    outcome: Mapping[str, Any]


def make_repaired(work: Work, repair: Repair) -> Repaired:
    """Take out what can be found, and make a copy of it that is held against what was found.

    Raises what `making.make` raises.
    """
    path = work.folder / REPAIRED
    said = _written(work, repair, path)
    if repair.sound is not None and not sound_is_believed(repair, said):
        # Samples without a form of their own decode out of anything: without evidence they are none.
        repair = repair.model_copy(update={"sound": None, "sound_from": ""})
        said = _written(work, repair, path)
    with FileRanges(path) as ranges:
        found = examine(ranges, work.settings, stopping=work.stopping)
        if found.ending.from_outside:
            raise RenderFailed("repairing", found.ending)
        if found.facts is None or not found.facts.has_media:
            raise RenderFailed("repairing", Ending(how=How.EXIT_CODE, messages=(found.verdict.sentence,)))
        plan = encoding(found.facts, repair, longest_hours=work.settings.longest_hours)
        source = Source(ranges=ranges, stream=lambda: _pieces(path), sha256=_digest(path), size=path.stat().st_size)
        made = make(replace(work, plan=plan, facts=found.facts, condition=Condition.DAMAGED, source=source))
    # The copy was held against the pictures that were found, not against the master, which nothing can read.
    made.checked.packets.clear()
    told = outcome(repair, said, made.checked.agreement.copy_frames)
    return Repaired(replace(made, packets=None), told)


def _written(work: Work, repair: Repair, path: Path) -> WrittenSaid:
    """Let a child write what can be found into a file with an index."""
    options = {
        "do": "write",
        "codec": repair.codec,
        "sets": repair.sets,
        "rate": repair.rate,
        "sound": repair.sound.model_dump() if repair.sound else None,
    }
    room = work.plan.limits.file_size
    return ask(work, WrittenSaid, task="repair", phase="looking for pictures", other=path, options=options, write=room)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
