"""The agent's log: one JSON object a line to standard error, every name on one line whatever is in it."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from ingest.agent import clock, names

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class OneLine(logging.Formatter):
    """A record as one line of JSON; names in bytes are shown as people see them elsewhere."""

    def format(self, record: logging.LogRecord) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """The line."""
        facts: dict[str, Any] = {
            "time": clock.now_as_text(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        for key, value in vars(record).items():
            if key not in STANDARD:
                facts[key] = names.as_text(value) if isinstance(value, bytes) else value
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        # Plain ASCII: no name, however odd, breaks the line or the terminal.
        return json.dumps(facts, ensure_ascii=True, default=str)


def begin(level: str) -> None:
    """Send the agent's records to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    root = logging.getLogger("ingest.agent")
    root.handlers[:] = [handler]
    root.propagate = False
    root.setLevel(level.upper())
