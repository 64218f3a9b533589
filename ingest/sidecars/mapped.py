"""XML, JSON and CSV whose layout a force has described. Pure; `mapping.py` has the words."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final
from xml.etree.ElementTree import Element

from ingest.findings import FindingCode
from ingest.sidecars import axis, motorola
from ingest.sidecars.guarded_json import guarded_json
from ingest.sidecars.guarded_xml import guarded_xml, local_name
from ingest.sidecars.kinds import folder_and_file
from ingest.sidecars.mapping import SidecarMapping
from ingest.sidecars.statement import Sheet, SidecarFacts
from ingest.sidecars.words import NOTE_LIMIT, TEXT_LIMIT, decoded, field_of, plain
from ingest.stated import StatedTime, stated_in_formats

ROWS_LIMIT: Final = 20_000
MANY_LIMIT: Final = 32
COLUMNS_LIMIT: Final = 500
_JSON_STEP = re.compile(r"([^.\[\]]+)(\[\d{0,4}\])?")
_XML_STEP = re.compile(r"([A-Za-z_][\w.-]*)(?:\[@([A-Za-z_][\w.-]*)='([^'\]]*)'\])?", re.ASCII)

# Finds every value at a path; a field takes the first of them, a list field all.
Finder = Callable[[str], Iterable[object]]


def read_mapped_xml(sheet: Sheet, mappings: Sequence[SidecarMapping]) -> SidecarFacts:
    """Read XML by the first mapping whose name pattern and outermost element fit."""
    root = guarded_xml(sheet.body, sheet.findings)
    if root is None:
        return sheet.states()
    named = local_name(root)
    mapping = _mapping_for(sheet, mappings, "xml", root=named)
    if mapping is None:
        return _without_mapping(sheet, f"no mapping is set for XML beginning with <{named[:40]}>")
    return _filled(sheet, mapping, lambda path: _in_xml(root, path))


def read_mapped_json(sheet: Sheet, mappings: Sequence[SidecarMapping]) -> SidecarFacts:
    """Read JSON by mapping; without one, by the keys of a dialect that we know."""
    mapping = _mapping_for(sheet, mappings, "json")
    if mapping is None:
        return _known_dialect(sheet)
    document = guarded_json(sheet.body, sheet.findings)
    return _filled(sheet, mapping, lambda path: _in_json(document, path))


def read_mapped_csv(sheet: Sheet, mappings: Sequence[SidecarMapping]) -> SidecarFacts:
    """Read the CSV row of one recording, or the only row."""
    mapping = _mapping_for(sheet, mappings, "csv")
    if mapping is None:
        return _without_mapping(sheet, "no mapping is set for this CSV file")
    row = _row_of(sheet, mapping)
    return _filled(sheet, mapping, lambda path: [row[path]] if path in row else [])


def _mapping_for(
    sheet: Sheet, mappings: Sequence[SidecarMapping], form: str, *, root: str | None = None
) -> SidecarMapping | None:
    file = folder_and_file(sheet.name)[1]
    fitting = (mapping for mapping in mappings if mapping.format == form and mapping.is_for(file))
    return next((mapping for mapping in fitting if mapping.root in {None, root}), None)


def _without_mapping(sheet: Sheet, sentence: str) -> SidecarFacts:
    sheet.findings.add(FindingCode.NO_MAPPING, f"{sentence}; kept, not read")
    return sheet.states()


def _known_dialect(sheet: Sheet) -> SidecarFacts:
    document = guarded_json(sheet.body, sheet.findings)
    keys = {key.lower() for key in document} if isinstance(document, dict) else set()
    if "coordinateentries" in keys:
        return axis.read_trail(sheet)
    if "datapoints" in keys:
        return motorola.read_points(sheet)
    if keys & {"bwcserialnumber", "scuserialnumber", "triggerontime", "triggerontimeiso"}:
        return axis.read_metadata(sheet)
    return _without_mapping(sheet, "no mapping is set for this JSON file") if document is not None else sheet.states()


def _filled(sheet: Sheet, mapping: SidecarMapping, find: Finder) -> SidecarFacts:
    values: dict[str, Any] = {}
    for name, path in mapping.fields.given().items():
        if name == "channels":
            values[name] = _many(sheet, name, find(path))
        elif name in {"started", "stopped"}:
            values[name] = _time(sheet, mapping, name, next(iter(find(path)), None))
        else:
            limit = NOTE_LIMIT if name == "note" else TEXT_LIMIT
            values[name] = plain(next(iter(find(path)), None), sheet.findings, what=name, limit=limit)
    if not any(values.values()):
        sheet.findings.add(FindingCode.NO_MAPPING, f"the mapping “{mapping.name}” found none of its fields here")
        return sheet.states()
    return sheet.states(describes=mapping.describes, **values)


def _many(sheet: Sheet, name: str, found: Iterable[object]) -> tuple[str, ...]:
    few = list(islice(found, MANY_LIMIT + 1))
    if len(few) > MANY_LIMIT:
        sheet.findings.add(FindingCode.TOO_MANY, f"{name}: more than {MANY_LIMIT}; the first were read")
    words = (plain(value, sheet.findings, what=name) for value in few[:MANY_LIMIT])
    return tuple(word for word in words if word)


def _time(sheet: Sheet, mapping: SidecarMapping, name: str, value: object) -> StatedTime | None:
    words = plain(value, sheet.findings, what=name)
    if words is None:
        return None
    moment = stated_in_formats(words, mapping.times, otherwise=mapping.zone_source, force_zone=sheet.force_zone)
    if moment is None:
        sheet.findings.add(
            FindingCode.TIME_IMPOSSIBLE, f"{name} says “{words}”, which the mapping's forms of time do not fit"
        )
    elif moment.doubt:
        sheet.findings.add(FindingCode.TIME_DOUBTFUL, f"{name} says “{words}”: {moment.doubt}")
    return moment


def _in_xml(root: Element, path: str) -> Iterable[object]:
    steps = path.split("/")
    attribute = steps.pop()[1:] if steps[-1].startswith("@") else None
    met: Iterable[Element] = [root]
    for step in steps:
        match = _XML_STEP.fullmatch(step)
        met = _children(met, match) if match else ()
    return (element.get(attribute) if attribute else "".join(element.itertext()) for element in met)


def _children(parents: Iterable[Element], step: re.Match[str]) -> Iterable[Element]:
    for parent in parents:
        for child in parent:
            if local_name(child) == step[1] and (step[2] is None or child.get(step[2]) == step[3]):
                yield child


def _in_json(document: object, path: str) -> Iterable[object]:
    met: list[object] = [document]
    for name, index in _JSON_STEP.findall(path):
        inside = [field_of(value, name) for value in met if isinstance(value, dict)]
        met = [item for value in inside for item in _items(value, index)]
    return met


def _items(value: object, index: str) -> Sequence[object]:
    """`[]` is every item, `[2]` the third; without either the value itself."""
    if not index or not isinstance(value, list):
        return [value]
    return value if index == "[]" else value[int(index[1:-1]) :][:1]


def _row_of(sheet: Sheet, mapping: SidecarMapping) -> dict[str, str]:
    text = decoded(sheet.body, sheet.findings).removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        headings = next(reader, [])[:COLUMNS_LIMIT]
        rows = [dict(zip(headings, row, strict=False)) for row in islice(reader, ROWS_LIMIT + 1)]
    except csv.Error as error:
        sheet.findings.add(FindingCode.MALFORMED, f"not CSV: {error}")
        return {}
    if len(rows) > ROWS_LIMIT:
        sheet.findings.add(FindingCode.TOO_MANY, f"more than {ROWS_LIMIT} rows; the first were read")
    return _row_meant(sheet, mapping, [row for row in rows if row])


def _row_meant(sheet: Sheet, mapping: SidecarMapping, rows: list[dict[str, str]]) -> dict[str, str]:
    if mapping.row and sheet.recording is not None:
        file = folder_and_file(sheet.recording)[1]
        rows = [row for row in rows if row.get(mapping.row) == file]
    if len(rows) > 1:
        sheet.findings.add(FindingCode.VALUES_DISAGREE, f"{len(rows)} rows could be meant; none was taken")
        return {}
    return rows[0] if rows else {}
