"""Whether a key of the log signed every checkpoint that the database has, and not only the newest."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, text

from evidence.completeness.claims import MOST_FINDINGS
from evidence.jobs import JobStopped
from evidence.sequencing.errors import StrangeCheckpoint
from evidence.sequencing.publishing import checkpoint_key, listed_keys, read_signed
from evidence.tlog.keys import VerifierKey

if TYPE_CHECKING:
    from evidence.bootstrap import House

NEWEST = 2000  # checkpoints that are looked at in any verification
DRAWN = 2000  # those drawn by lot among the others, where not every one is looked at
AT_ONCE = 500  # rows fetched together
EVERY = text("SELECT size, root, note FROM custody.checkpoint WHERE size > :above AND size < :below ORDER BY size DESC")
SOME = text("""
WITH newest AS (
  SELECT size FROM custody.checkpoint WHERE size > :above AND size < :below ORDER BY size DESC LIMIT :newest),
drawn AS (
  SELECT size FROM custody.checkpoint WHERE size > :above AND size < (SELECT min(size) FROM newest)
  ORDER BY random() LIMIT :drawn)
SELECT c.size, c.root, c.note FROM custody.checkpoint c
WHERE c.size IN (SELECT size FROM newest UNION ALL SELECT size FROM drawn) ORDER BY c.size DESC
""")


def unsigned(
    house: House, *, above: int, below: int, every: bool, stopping: threading.Event | None = None
) -> list[str]:
    """Each recorded checkpoint over more than `above` and fewer than `below` events that no key of the log signed.

    Those of keys that were revoked since are the log's own. Where no event of the log names a key, nobody can tell.
    Without `every`, of a long log the newest are looked at and some drawn by lot: a signature takes its time.
    Raises JobStopped.
    """
    found: list[str] = []
    with house.reading() as session:
        keys, origin = listed_keys(session), house.settings.log_origin
        if not keys:
            return []
        words = {"above": above, "below": below}
        asked = (EVERY, words) if every else (SOME, {**words, "newest": NEWEST, "drawn": DRAWN})
        with closing(session.execute(*asked, execution_options={"yield_per": AT_ONCE})) as rows:
            for row in rows:
                if stopping is not None and stopping.is_set():
                    raise JobStopped("the verification of the log")
                if _is_signed(row, origin=origin, keys=keys):
                    continue
                found.append(
                    f"no key of the log signed the checkpoint over {row.size} events as the database has it: somebody"
                    " wrote that row past the sequencer"
                )
                if len(found) == MOST_FINDINGS:
                    break
    return found


def _is_signed(row: Row[Any], *, origin: str, keys: Sequence[VerifierKey]) -> bool:
    """Whether a key of the log signed what the row says: by the first line under the note where that tells, by all of
    them else. An Ed25519 key signs first, and the lines after it are long.
    """
    note = bytes(row.note)
    first = note[: note.find(b"\n", note.find(b"\n\n") + 2) + 1]
    for lines in (first, note):
        with suppress(StrangeCheckpoint):
            signed = read_signed(checkpoint_key(row.size), lines, origin=origin, keys=keys)
            return signed.checkpoint.root == bytes(row.root)
    return False
