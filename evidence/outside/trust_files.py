"""Files that say whom the log believes (witnesses, time-stamp authorities), read again when somebody changes them.

A file that can no longer be read, or no longer means anything, changes nothing: what was read last stays in force,
and an incident says so. It is looked at twice, so that one that is just being written is not judged by its half.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from evidence.custody.events import Actor
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.tlog.errors import Malformed
from evidence.vocabulary import IncidentKind

if TYPE_CHECKING:
    from evidence.bootstrap import House

SETTLED = 1.0  # seconds for which a file must be the same before it is read
ADVICE = (
    "Mend the file, or put the old one back: docs/runbooks/trust-file-refused.md. What was in force stays in force."
)
NOBODY = (-1, -1, -1)
log = structlog.get_logger()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Seen:
    stamp: tuple[int, int, int]
    since: float


class TrustFile(Generic[T]):
    """One such file and what it says. May be asked from several threads.

    `read` makes a value of its bytes. Raises OSError, ValueError or Malformed where the file is of no use at the start.
    """

    def __init__(self, path: Path, read: Callable[[bytes], T], *, settled: float = SETTLED) -> None:
        self.path, self._read, self._settled = path, read, settled
        self._lock = Lock()
        self._stamp = _stamp_of(path)
        self._value = read(path.read_bytes())
        self._seen: _Seen | None = None
        self._fault: str | None = None

    @property
    def fault(self) -> str | None:
        """Why the file as it lies there is not in force; None where it is."""
        return self._fault

    def now(self) -> T:
        """What is in force: read again, once a change has settled."""
        with self._lock:
            stamp = _stamp_of(self.path)
            if stamp == self._stamp:
                self._seen = None
            elif self._seen is None or self._seen.stamp != stamp:
                self._seen = _Seen(stamp, time.monotonic())
            elif time.monotonic() - self._seen.since >= self._settled:
                self._take(stamp)
            return self._value

    def _take(self, stamp: tuple[int, int, int]) -> None:
        try:
            self._value = self._read(self.path.read_bytes())
        except (OSError, ValueError, Malformed) as error:
            self._fault = f"{self.path}: {error}"
            log.warning("a changed file is not in force", path=str(self.path), error=str(error))
        else:
            self._fault = None
            log.warning("a changed file is in force", path=str(self.path))
        # Judged, either way, until it changes again.
        self._stamp, self._seen = stamp, None


def tell(house: House, file: TrustFile[T], *, by: Actor) -> None:
    """Open the incident of a file that is not in force, or settle it where the file is."""
    kind, subject = IncidentKind.TRUST_FILE_REFUSED, str(file.path)
    with house.writing() as session:
        if file.fault is None:
            settle_incident(session, kind=kind, subject=subject, because="the file is in force as it lies there", by=by)
            return
        trouble = Trouble(kind=kind, subject=subject, reason=file.fault, advice=ADVICE)
        open_incident(session, trouble, by=by)


def _stamp_of(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return NOBODY
    return found.st_mtime_ns, found.st_size, found.st_ino
