"""What must be in the store, out of a row and its events: the event is right, and each way to differ is said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from evidence.completeness.expected import Recorded, expect
from evidence.store import Lock

ID = UUID("01923c5e-7b1a-7cc0-8000-0123456789ab")
KEY = f"masters/{ID}"
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
ROW = Recorded(
    bucket="masters", key=KEY, version_id="v1", size=5, sha256="aa", sha512="bb", tree="cc",
    lock=Lock("GOVERNANCE", UNTIL), verified_at=UNTIL, recording=ID, reference="R0000001",
)  # fmt: skip


def event(name: str = "e1", **different: Any) -> bytes:
    held = {"role": "master", "sha256": "aa", "sha512": "bb", "tree": "cc", "size": 5, "version_id": "v1", **different}
    said = {"id": name, "at": "2026-01-02T03:04:05.000000Z", "facts": {"lock": "GOVERNANCE"}, "obj": [held]}
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    ("row", "events", "version", "disputes"),
    [
        (ROW, [event()], "v1", []),
        (ROW, [event(), event("e2")], "v1", []),
        (replace(ROW, version_id="v2"), [event()], "v1", ["its record has the version v2, not v1 of event e1"]),
        (replace(ROW, bucket="else"), [event()], "v1", ["its record has the bucket else, not masters"]),
        (ROW, [event(version_id=None)], "v1", []),
        (ROW, [], "v1", ["it is recorded as a master, and no event of the log says that it was stored"]),
        (None, [event()], "v1", ["no record of the master is there, and event e1 says it was stored"]),
        (
            ROW, [event(), event("e2", size=6)], "v1",
            ["2 events of the log say that it was stored, and differ; the first is e1"],
        ),
        (ROW, [b"{}", event()], "v1", ["1 events that say that it was stored cannot be read"]),
        (
            None, [b"\xff"], "unknown",
            ["1 events that say that it was stored cannot be read", "no record of the master is there"],
        ),
    ],
)  # fmt: skip
def test_the_event_is_right_and_what_differs_is_said(
    row: Recorded | None, events: list[bytes], version: str, disputes: list[str]
) -> None:
    found = expect(ID, row, events, bucket="masters")
    assert (found.key, found.version_id, list(found.disputes)) == (KEY, version, disputes)
    assert bool(found.said) is (row is None and b"e1" in events[0])
