"""Open formats for where a camera was: GPX and NMEA. Pure.

A trail that a stranger wrote is read as far as it is good: a bad point or sentence costs a finding, not the rest.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import reduce
from operator import xor
from typing import Final

from ingest.findings import FindingCode
from ingest.sidecars.guarded_xml import guarded_xml, local_name
from ingest.sidecars.statement import Position, Sheet, SidecarFacts, TrackMaker
from ingest.sidecars.words import position
from ingest.stated import ZoneSource, is_believable, stated_iso

LINES_LIMIT: Final = 200_000
# NMEA 0183 says 82; recorders that add their own sentences write longer ones.
LINE_LENGTH_LIMIT: Final = 200
_GPX_POINTS: Final = frozenset({"trkpt", "rtept", "wpt"})
_SENTENCE = re.compile(r"\$([A-Z]{2}RMC,[^*\r\n]*)(?:\*([0-9A-Fa-f]{2}))?\s*", re.ASCII)
_DEGREES = re.compile(r"(\d{2,3})(\d\d(?:\.\d{1,10})?)", re.ASCII)
_MOMENT = re.compile(r"(\d\d)(\d\d)(\d\d)(?:\.\d{1,9})?,(\d\d)(\d\d)(\d\d)", re.ASCII)


def read_gpx(sheet: Sheet) -> SidecarFacts:
    """Read every point of a GPX file; a file without times is said to be without."""
    root = guarded_xml(sheet.body, sheet.findings)
    track, timed = TrackMaker(), 0
    if root is not None and local_name(root) != "gpx":
        sheet.findings.add(FindingCode.WRONG_SHAPE, "the outermost element is not gpx")
        root = None
    for point in root.iter() if root is not None else ():
        if local_name(point) not in _GPX_POINTS:
            continue
        words = next((child.text for child in point if local_name(child) == "time"), None)
        moment = stated_iso(words, otherwise=ZoneSource.UTC, force_zone=UTC) if words else None
        if words and moment is None:
            sheet.findings.add(FindingCode.TIME_IMPOSSIBLE, "the time of a point is no time a set clock shows")
        timed += moment is not None
        track.add(position(point.get("lat"), point.get("lon"), sheet.findings, at=moment.at if moment else None))
    if track.count > timed:
        sheet.findings.add(FindingCode.WRONG_SHAPE, f"{track.count - timed} of {track.count} points have no time")
    return sheet.states(positions=track.track())


def read_nmea(sheet: Sheet) -> SidecarFacts:
    """Read the RMC sentences, which carry place and moment; other sentences are passed over."""
    track = TrackMaker()
    lines = sheet.body.split(b"\n", LINES_LIMIT)
    capped = len(lines) > LINES_LIMIT and lines[-1].strip() != b""
    if capped:
        sheet.findings.add(FindingCode.TOO_MANY, f"more than {LINES_LIMIT} lines; the first were read")
    for line in lines[:LINES_LIMIT]:
        if len(line) > LINE_LENGTH_LIMIT:
            sheet.findings.add(FindingCode.LINE_UNREADABLE, f"a line is {len(line)} bytes long; passed over")
        elif line[3:6] == b"RMC":
            track.add(_sentence(sheet, line.decode("ascii", "replace")))
        elif line.strip() and not line.startswith((b"$", b"!", b"#")):
            sheet.findings.add(FindingCode.LINE_UNREADABLE, "a line is no NMEA sentence; passed over")
    return sheet.states(positions=track.track(capped=capped))


def _sentence(sheet: Sheet, line: str) -> Position | None:
    match = _SENTENCE.fullmatch(line)
    fields = match[1].split(",") if match else []
    if match is None or len(fields) < 10:
        sheet.findings.add(FindingCode.LINE_UNREADABLE, "an RMC sentence is cut short or garbled")
        return None
    if match[2] and int(match[2], 16) != reduce(xor, match[1].encode("ascii", "replace"), 0):
        sheet.findings.add(FindingCode.CHECKSUM_WRONG, "an RMC sentence does not match its checksum; passed over")
        return None
    if fields[2] != "A":  # the receiver itself says that it has no fix
        return None
    moment = _moment(f"{fields[1]},{fields[9]}")
    if moment is None:
        sheet.findings.add(FindingCode.TIME_IMPOSSIBLE, "an RMC sentence gives no time a set clock shows")
    latitude, longitude = _degrees(fields[3], fields[4]), _degrees(fields[5], fields[6])
    return position(latitude, longitude, sheet.findings, at=moment)


def _degrees(figures: str, side: str) -> float | None:
    match = _DEGREES.fullmatch(figures)
    if match is None or side not in {"N", "S", "E", "W"}:
        return None
    degrees = int(match[1]) + float(match[2]) / 60
    return -degrees if side in {"S", "W"} else degrees


def _moment(words: str) -> datetime | None:
    match = _MOMENT.fullmatch(words)
    if match is None:
        return None
    hour, minute, second, day, month, year = map(int, match.groups())
    try:
        moment = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return moment if is_believable(moment) else None
