"""Files handed in by name, over the real front desk, into the real store, to their receipts."""

from __future__ import annotations

import hashlib
import os

from ingest.agent.once import Event, ingest_once
from tests.integration.ingest.agent.bench import Bench


def test_files_of_every_size_get_their_receipts(bench: Bench) -> None:
    bodies = {
        "empty.mp4": b"",
        "one.mp4": b"x",
        "small.mp4": os.urandom(200_000),
        "one-part.mp4": os.urandom(16 << 20),
        "parts.mp4": os.urandom((33 << 20) + 17),
    }
    for name, body in bodies.items():
        bench.put(name, body)
    events: list[Event] = []
    with bench.desk.world.working():
        results = ingest_once([bench.dock / "cam-1"], bench.settings, events.append)
    found = {result.name: result for result in results}
    assert found.keys() == bodies.keys()
    for name, body in bodies.items():
        assert (found[name].state, found[name].reason) == ("receipted", None)
        assert found[name].sha256 == hashlib.sha256(body).hexdigest()
        assert found[name].recording_id
    assert max(event.bytes_sent for event in events if event.name == "parts.mp4") == len(bodies["parts.mp4"])
