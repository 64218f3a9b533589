"""Bringing together what a name, the sidecars and the media say of one recording. Pure.

Where they disagree the better source is shown and the disagreement becomes a finding with both sides in it:
nothing is settled silently. What each source stated stays with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final

from evidence.vocabulary import RecordingKind
from ingest.captured import CapturedSource, choose_time
from ingest.display import shown
from ingest.findings import Finding, FindingCode, FindingList
from ingest.names import NameFacts
from ingest.sidecars import SidecarFacts, Track
from ingest.sidecars.words import plain
from ingest.stated import LONDON, ZoneSource

__all__ = ["CapturedSource", "RecordingFacts", "settle_facts"]

TITLE_LIMIT: Final = 120
_MAKE_TAGS: Final = ("make", "com.apple.quicktime.make", "com.android.manufacturer")
_MODEL_TAGS: Final = ("model", "com.apple.quicktime.model", "com.android.model")
# An identity is the same or it is not; names and models have spellings.
_EXACT: Final = frozenset({FindingCode.SERIAL_DISAGREES, FindingCode.OFFICER_ID_DISAGREES})
_UUID_LENGTH: Final = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFacts:
    """One recording as its name, sidecars and tags describe it.

    `captured_at` is aware UTC, read from `captured_as_stated`; `captured_zone` says how its zone is known and
    `captured_doubt` why it may be an hour out. `complete`: whether the source said it had handed everything over.
    """

    kind: RecordingKind
    title: str
    make: str | None = None
    model: str | None = None
    camera_serial: str | None = None
    officer_as_stated: str | None = None
    officer_id: str | None = None
    reference: str | None = None
    captured_at: datetime | None = None
    captured_as_stated: str | None = None
    captured_source: CapturedSource | None = None
    captured_zone: ZoneSource | None = None
    captured_doubt: str | None = None
    encrypted: bool = False
    complete: bool | None = None
    positions: Track | None = None
    findings: tuple[Finding, ...] = ()


def settle_facts(
    name: NameFacts,
    sidecars: Sequence[SidecarFacts] = (),
    media: Mapping[str, object] | None = None,
    *,
    measured: Mapping[str, str] | None = None,
    force_zone: tzinfo = LONDON,
) -> RecordingFacts:
    """Merge all that is said of one recording. Never raises.

    `media` are the container's tags and `duration_s`; `measured` our own digests, algorithm to hex;
    `force_zone` is the zone of the time in the title.
    """
    findings = FindingList()
    for finding in name.findings:
        findings.add(finding.code, finding.sentence)
    for sidecar in sidecars:
        _carry_over(sidecar, findings)
        _compare_digests(sidecar, name.name, measured or {}, findings)
    tags = media or {}
    captured = choose_time(name, sidecars, tags, findings)
    told = _Told(name, sidecars, tags, findings)
    officer_id = told.officer_id()
    tracks = [sidecar.positions for sidecar in sidecars if sidecar.positions]
    facts = RecordingFacts(
        kind=told.kind(),
        title="",
        make=told.make(),
        model=told.model(),
        camera_serial=told.serial(),
        officer_as_stated=told.officer() or _collar(officer_id),
        officer_id=officer_id,
        reference=_first([sidecar.reference for sidecar in sidecars]) or name.reference,
        captured_at=captured.stated.at if captured else None,
        captured_as_stated=captured.stated.text if captured else None,
        captured_source=captured.source if captured else None,
        captured_zone=captured.stated.zone if captured else None,
        captured_doubt=captured.stated.doubt if captured else None,
        encrypted=any(sidecar.encrypted for sidecar in sidecars),
        complete=_complete(sidecars),
        positions=max(tracks, key=lambda track: track.count, default=None),
    )
    title = _title(name, _what(facts, sidecars), facts.captured_at, force_zone)
    return replace(facts, title=title, findings=findings.settled())


@dataclass(frozen=True, slots=True)
class _Told:
    """Everything that is said, asked one thing at a time; each answer compares its sources."""

    name: NameFacts
    sidecars: Sequence[SidecarFacts]
    media: Mapping[str, object]
    findings: FindingList

    def kind(self) -> RecordingKind:
        described = {sidecar.describes for sidecar in self.sidecars}
        for kind in (RecordingKind.INTERVIEW, RecordingKind.BODY_WORN):
            if kind in described:
                return kind
        return self.name.kind

    def make(self) -> str | None:
        return self._agreed(
            FindingCode.MODEL_DISAGREES, "maker", [each.make for each in self.sidecars], self.name.make, _MAKE_TAGS
        )

    def model(self) -> str | None:
        return self._agreed(
            FindingCode.MODEL_DISAGREES, "model", [each.model for each in self.sidecars], self.name.model, _MODEL_TAGS
        )

    def serial(self) -> str | None:
        serials = [each.serial for each in self.sidecars]
        return self._agreed(FindingCode.SERIAL_DISAGREES, "camera serial", serials, self.name.serial)

    def officer(self) -> str | None:
        officers = [each.officer for each in self.sidecars]
        return self._agreed(FindingCode.OFFICER_DISAGREES, "officer", officers, self.name.officer)

    def officer_id(self) -> str | None:
        identities = [each.officer_id for each in self.sidecars]
        return self._agreed(FindingCode.OFFICER_ID_DISAGREES, "officer's identity", identities, self.name.officer_id)

    def _agreed(
        self,
        code: FindingCode,
        what: str,
        in_sidecars: Sequence[str | None],
        in_name: str | None,
        tags: Sequence[str] = (),
    ) -> str | None:
        """The first value, sidecars before name before tags; each that differs becomes a finding."""
        in_tags = [plain(self.media.get(tag), self.findings, what=f"the tag {tag}") for tag in tags]
        claims = [("sidecar", value) for value in in_sidecars if value]
        claims += [("name", in_name)] if in_name else []
        claims += [("file’s tags", value) for value in in_tags if value]
        if not claims:
            return None
        source, chosen = claims[0]
        for other_source, other in claims[1:]:
            if not (_same(chosen, other) if code in _EXACT else _alike(chosen, other)):
                self.findings.add(
                    code,
                    f"{what}: the {source} says “{chosen}”, the {other_source} “{other}”; the {source}’s is shown",
                )
        return chosen


def _carry_over(sidecar: SidecarFacts, findings: FindingList) -> None:
    file = shown(sidecar.name.rpartition(b"/")[2])[:80]
    for finding in sidecar.findings:
        findings.add(finding.code, f"{file}: {finding.sentence}")


def _compare_digests(sidecar: SidecarFacts, name: bytes, measured: Mapping[str, str], findings: FindingList) -> None:
    file = name.rpartition(b"/")[2]
    for claim in sidecar.digests:
        about = file if claim.name is None else claim.name.replace(b"\\", b"/").rpartition(b"/")[2]
        ours = measured.get(claim.algorithm)
        if about == file and ours and ours.lower() != claim.hex:
            findings.add(
                FindingCode.DIGEST_DISAGREES,
                f"{shown(sidecar.name)[-80:]} claims {claim.algorithm} {claim.hex[:16]}…, measured {ours[:16]}…",
            )


def _complete(sidecars: Sequence[SidecarFacts]) -> bool | None:
    words = [sidecar.complete for sidecar in sidecars if sidecar.complete is not None]
    return all(words) if words else None


def _alike(one: str, other: str) -> bool:
    """Whether two spellings are of one thing: `JaneSmith` and `Jane Smith`, `W120` and `AXIS W120`."""
    first, second = (_squeezed(value) for value in (one, other))
    if not first or not second:
        return one == other
    return first == second or (min(len(first), len(second)) >= 3 and (first in second or second in first))


def _same(one: str, other: str) -> bool:
    """Whether two identities are the same, letter for letter but for their case."""
    return one.casefold() == other.casefold()


def _squeezed(value: str) -> str:
    return "".join(letter for letter in value.casefold() if letter.isalnum())


def _collar(officer_id: str | None) -> str | None:
    """A collar number stands for the officer; a system's own UUID says nothing to people."""
    return officer_id if officer_id and len(officer_id) < _UUID_LENGTH else None


def _first(values: Sequence[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _what(facts: RecordingFacts, sidecars: Sequence[SidecarFacts]) -> str:
    """Words by which people know the recording; none where nothing is known but its name."""
    stated = _first([sidecar.title for sidecar in sidecars])
    if stated:
        return stated
    if facts.kind is RecordingKind.INTERVIEW:
        sort = _first([sidecar.interview_type for sidecar in sidecars])
        words = [f"{sort} interview" if sort else "Interview", facts.reference]
    elif facts.make and facts.model and _alike(facts.make, facts.model):
        words = [facts.model]
    else:
        words = [facts.make, facts.model]
    return " ".join(word for word in words if word)


def _title(name: NameFacts, what: str, captured_at: datetime | None, force_zone: tzinfo) -> str:
    if not what:
        return shown(name.name.rpartition(b"/")[2] or name.name)[:TITLE_LIMIT] or "(no name)"
    if captured_at is None:
        return what[:TITLE_LIMIT]
    local = captured_at.astimezone(force_zone)
    when = f", {local.day} {local:%B %Y %H:%M}"
    return what[: TITLE_LIMIT - len(when)] + when
