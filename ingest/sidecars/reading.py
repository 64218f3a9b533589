"""Reading one sidecar: the story of this folder. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Final

from ingest.findings import FindingCode
from ingest.sidecars import axis, digests, mapped, motorola, trails
from ingest.sidecars.kinds import SidecarKind
from ingest.sidecars.mapping import EXAMPLES, SidecarMapping
from ingest.sidecars.statement import Sheet, SidecarFacts
from ingest.stated import LONDON

# Ten hours of positions, one a second, are under this; a longer sidecar is kept as evidence and not read.
BODY_LIMIT: Final = 4 * 1024 * 1024

_READERS: Final[dict[SidecarKind, Callable[[Sheet], SidecarFacts]]] = {
    SidecarKind.AXIS_METADATA: axis.read_metadata,
    SidecarKind.AXIS_GPSTRAIL: axis.read_trail,
    SidecarKind.AXIS_BOOKMARK: axis.read_bookmark,
    SidecarKind.AXIS_KEY: axis.read_key,
    SidecarKind.AXIS_COMPLETE: axis.read_complete,
    SidecarKind.MOTOROLA_JSON: motorola.read_points,
    SidecarKind.MOTOROLA_VTT: motorola.read_cues,
    SidecarKind.WEBVTT: motorola.read_cues,
    SidecarKind.GPX: trails.read_gpx,
    SidecarKind.NMEA: trails.read_nmea,
    SidecarKind.HASH_LIST: digests.read_digests,
}
_MAPPED: Final[dict[SidecarKind, Callable[[Sheet, Sequence[SidecarMapping]], SidecarFacts]]] = {
    SidecarKind.XML: mapped.read_mapped_xml,
    SidecarKind.JSON: mapped.read_mapped_json,
    SidecarKind.CSV: mapped.read_mapped_csv,
}


def read(
    kind: SidecarKind,
    name: bytes,
    body: bytes,
    mappings: Sequence[SidecarMapping] = EXAMPLES,
    *,
    recording: bytes | None = None,
    force_zone: tzinfo = LONDON,
) -> SidecarFacts:
    """Read what a sidecar states. Never raises; takes a second or so for the worst of bytes.

    `name` and `recording` are relative to the device; `recording` picks the row of a CSV that speaks of many.
    Of a body longer than BODY_LIMIT nothing is read: hand over no more than BODY_LIMIT + 1 bytes of it.
    """
    sheet = Sheet(kind=kind, name=name, body=body, recording=recording, force_zone=force_zone)
    if len(body) > BODY_LIMIT:
        sheet.findings.add(FindingCode.TOO_LARGE, f"larger than {BODY_LIMIT} bytes; kept, not read")
        return sheet.states(encrypted=kind is SidecarKind.AXIS_KEY)
    try:
        if kind in _MAPPED:
            return _MAPPED[kind](sheet, mappings)
        return _READERS.get(kind, _not_read)(sheet)
    except Exception as error:  # noqa: BLE001 - a fault of ours in a reader must not stop intake: it is shown
        sheet.findings.add(
            FindingCode.READER_FAILED, f"our reader failed on it ({type(error).__name__}); kept, not read"
        )
        return sheet.states(encrypted=kind is SidecarKind.AXIS_KEY)


def _not_read(sheet: Sheet) -> SidecarFacts:
    sheet.findings.add(FindingCode.NOT_READ, "files of this kind are kept as evidence and not read")
    return sheet.states(make="Axon")
