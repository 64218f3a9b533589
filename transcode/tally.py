"""Counts how this process's children ended, until somebody writes the counts down."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from transcode.ending import How

_counts: Final[Counter[tuple[str, How]]] = Counter()
_lock: Final = threading.Lock()


def count(task: str, how: How, number: int = 1) -> None:
    """One child of this task (or so many) ended this way."""
    with _lock:
        _counts[task, how] += number


def take() -> dict[tuple[str, How], int]:
    """All that was counted since the last time. Whoever cannot keep it counts it again."""
    with _lock:
        taken = dict(_counts)
        _counts.clear()
        return taken
