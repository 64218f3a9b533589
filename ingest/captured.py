"""When a recording began, chosen from all that say so. Pure; `ingest.facts` asks.

A source that knows its zone goes before one that does not, and one that speaks of this clip before one that
speaks of a recording in several clips. The others are compared with it, and a difference becomes a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from ingest.findings import FindingCode, FindingList
from ingest.names import NameFacts
from ingest.sidecars import SidecarFacts
from ingest.sidecars.words import number, plain
from ingest.stated import Precision, StatedTime, ZoneSource, stated_iso

_SURE_ZONES: Final = frozenset({ZoneSource.STATED, ZoneSource.UTC})
_TIME_TAGS: Final = ("com.apple.quicktime.creationdate", "creation_time")
# Two clocks of one camera may differ by this much before a person is told.
_LEEWAY: Final = timedelta(seconds=60)
_LEEWAY_OF_MINUTES: Final = timedelta(seconds=120)


class CapturedSource(StrEnum):
    """Where the time of capture was read."""

    SIDECAR = "sidecar"
    NAME = "name"
    FOLDER = "folder"
    MEDIA = "media"


@dataclass(frozen=True, slots=True)
class TimeClaim:
    """One source's word for when the recording began. `of_this_clip`: it speaks of this very file's beginning."""

    source: CapturedSource
    stated: StatedTime
    of_this_clip: bool = True

    @property
    def rank(self) -> int:
        """The smaller, the better the source."""
        sure = self.stated.zone in _SURE_ZONES
        order = (
            self.source is CapturedSource.SIDECAR and sure and self.of_this_clip,
            self.source is CapturedSource.NAME and sure,
            self.source is CapturedSource.SIDECAR and sure,
            self.source is CapturedSource.SIDECAR,
            self.source is CapturedSource.NAME,
            self.source is CapturedSource.MEDIA,
        )
        return order.index(True) if any(order) else len(order)


def choose_time(
    name: NameFacts, sidecars: Sequence[SidecarFacts], media: Mapping[str, object], findings: FindingList
) -> TimeClaim | None:
    """The best claim there is; every other that differs from it becomes a finding."""
    claims = sorted(_claims(name, sidecars, media), key=lambda claim: claim.rank)
    if not claims:
        return None
    chosen = claims[0]
    duration = timedelta(seconds=min(abs(number(media.get("duration_s")) or 0), 1e6))
    for other in claims[1:]:
        if other.of_this_clip and chosen.of_this_clip and not _agree(chosen, other, duration):
            findings.add(
                FindingCode.TIME_DISAGREES,
                f"the {chosen.source} says “{chosen.stated.text}” and the {other.source} “{other.stated.text}” "
                f"({_apart(chosen.stated, other.stated)} apart); the {chosen.source} is shown",
            )
    return chosen


def _claims(name: NameFacts, sidecars: Sequence[SidecarFacts], media: Mapping[str, object]) -> Iterator[TimeClaim]:
    for sidecar in sidecars:
        if sidecar.started:
            yield TimeClaim(CapturedSource.SIDECAR, sidecar.started, not sidecar.whole_recording)
    if name.stated:
        yield TimeClaim(CapturedSource.NAME, name.stated)
    if name.trigger:
        yield TimeClaim(CapturedSource.FOLDER, name.trigger, of_this_clip=False)
    for tag in _TIME_TAGS:
        words = plain(media.get(tag), FindingList(), what=tag)
        stated = stated_iso(words) if words else None
        if stated:
            yield TimeClaim(CapturedSource.MEDIA, stated)


def _agree(chosen: TimeClaim, other: TimeClaim, duration: timedelta) -> bool:
    minutes = Precision.MINUTE in {chosen.stated.precision, other.stated.precision}
    leeway = _LEEWAY_OF_MINUTES if minutes else _LEEWAY
    late = other.stated.at - chosen.stated.at
    if other.source is CapturedSource.MEDIA:
        # Many cameras write the container's tag when they close the file.
        return -leeway <= late <= duration + leeway
    return abs(late) <= leeway


def _apart(one: StatedTime, other: StatedTime) -> str:
    seconds = round(abs((one.at - other.at).total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
