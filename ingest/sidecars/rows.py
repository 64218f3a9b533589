"""A sidecar's facts as a row of JSON, and back. Pure.

The row outlives the code that wrote it: a field that is missing takes its default, and one that is no longer
known is passed over. Bytes of names travel as base64.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from ingest.sidecars.statement import SidecarFacts

_ROW: Final = TypeAdapter(SidecarFacts)


def as_row(facts: SidecarFacts) -> dict[str, Any]:
    """What a sidecar states as plain JSON values; what it does not state is left out."""
    row: dict[str, Any] = _ROW.dump_python(facts, mode="json", exclude_defaults=True)
    return row


def from_row(row: Mapping[str, Any]) -> SidecarFacts:
    """The facts of such a row. Raises pydantic's ValidationError on one that `as_row` did not write."""
    return _ROW.validate_json(json.dumps(dict(row)))
