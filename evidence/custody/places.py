"""Which events the log has: those that have their number, and those that wait for one. One door to that question.

Whoever holds the service's password can write an event past the ledger, and a row of `custody.leaf` at a number that
the log has not reached; neither can be taken away again. So such a row is the number of an event only where it has
that event's hash and stands below the end of the log. What has no number must wait for one in the queue.

Such an event can also borrow the order of writing, the id or the counter of another: the months of the table keep
each of them single only together with `at`. So an event is known by `ingest_no` and `at`, never by one alone; where
two events of the log have one id, the one that came first has it.

The end is `custody.state.size`: a number is given, the state moved and the queue emptied in one transaction
(evidence.sequencing.numbering), so one statement sees an event on either side and never on neither. The recorded
checkpoints will not do: an event has its number a while before it is signed for, and that table too can be added to for
good. The state's row can be changed, and put right; set forward it points at numbers that nobody has, at which the
sequencer halts and verification says so. Where an event must not be lost sight of while the row is set back, signed
checkpoints count as well: evidence.custody.log_keys.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from evidence.database import ReadSession

END = "(SELECT size FROM custody.state)"
# Parts of a statement that calls an event `e`. The row `l` of custody.leaf of this very event, wherever it stands:
OWN_ROW = "custody.leaf l ON l.ingest_no = e.ingest_no AND l.at = e.at AND l.leaf_hash = e.leaf_hash AND l.seq >= 0"
# the same, where it is the event's number;
NUMBER = f"{OWN_ROW} AND l.seq < {END}"
# the place that the log gave to an event, whatever has become of its bytes since: for those who hold the two together;
PLACE = f"custody.leaf l ON l.ingest_no = e.ingest_no AND l.at = e.at AND l.seq >= 0 AND l.seq < {END}"
# whether the event waits for one;
WAITS = "EXISTS (SELECT 1 FROM custody.queue q WHERE q.ingest_no = e.ingest_no AND q.at = e.at)"
# whether it has no row of custody.leaf, wherever that stands, and waits for none;
HAS_ROW = "EXISTS (SELECT 1 FROM custody.leaf l WHERE l.ingest_no = e.ingest_no AND l.at = e.at)"
PAST = f"NOT {HAS_ROW} AND NOT {WAITS}"
# and, after a LEFT JOIN of its number, whether the log has it, or will.
IN_LOG = f"(l.seq IS NOT NULL OR {WAITS})"

# Rows in the way of the next numbers: by their own number, by an event that waits for another, or by waiting for a
# number without an event.
IN_THE_WAY = text("""
(SELECT l.seq, l.ingest_no,
  (SELECT e.id FROM custody.event e WHERE e.ingest_no = l.ingest_no AND e.at = l.at) AS event
FROM custody.leaf l
WHERE l.seq >= :start AND l.seq < :end OR l.ingest_no IN (SELECT ingest_no FROM custody.queue)
ORDER BY l.seq LIMIT 1)
UNION ALL
(SELECT NULL, q.ingest_no, NULL FROM custody.queue q
WHERE NOT EXISTS (SELECT 1 FROM custody.event e WHERE e.ingest_no = q.ingest_no AND e.at = q.at)
ORDER BY q.ingest_no LIMIT 1)
LIMIT 1
""")
# Where the numbers end that stand without a gap from `start` on: nobody has those beyond, whatever the state says.
NUMBERS_END = text(f"""
SELECT CAST(:start AS bigint) + count(*) FROM (
  SELECT seq, CAST(:start AS bigint) - 1 + row_number() OVER (ORDER BY seq) AS place
  FROM custody.leaf WHERE seq >= :start AND seq < {END}) AS each
WHERE seq = place
""")  # noqa: S608 - put together of our own constants
BEYOND = text(f"""
SELECT l.seq, (SELECT e.id FROM custody.event e WHERE e.ingest_no = l.ingest_no AND e.at = l.at) AS event
FROM custody.leaf l WHERE l.seq < 0 OR l.seq >= greatest({END}, :signed) ORDER BY l.seq LIMIT 1000
""")  # noqa: S608 - put together of our own constants
SET_BACK = text(f"""
SELECT {END} AS size, count(*) AS many FROM custody.leaf WHERE seq >= {END} AND seq < :signed
""")  # noqa: S608 - as above
PAST_THE_LOG = text(
    f"SELECT e.ingest_no, e.id FROM custody.event e WHERE e.subject = :subject AND {PAST}"  # noqa: S608 - as above
    " ORDER BY e.subject_no LIMIT 1"
)


def in_the_way(session: ReadSession, start: int, end: int) -> Row[Any] | None:
    """The first row that keeps the numbers `start` to `end` from being given: `seq` and `event` (an id, None where it
    is gone) of one of custody.leaf; of one of custody.queue that waits for no event `seq` is None. And its `ingest_no`.

    The state must be locked: then no honest row stands from its size on.
    """
    return session.execute(IN_THE_WAY, {"start": start, "end": end}).first()


def numbers_end(session: ReadSession, start: int) -> int:
    """Where the log's numbers from `start` on end: at its size, or before it at the first that nothing has."""
    return int(session.execute(NUMBERS_END, {"start": start}).scalar_one())


def beyond(session: ReadSession, *, signed: int) -> list[str]:
    """Each row of custody.leaf that stands where the log has no numbers, in words.

    `signed`: the size of the newest signed checkpoint. What stands below it may be the log's own, though the state says
    that the log ends before it.
    """
    size, many = session.execute(SET_BACK, {"signed": signed}).one()
    back = (
        f"custody.state says that the log has {size} events, a signed checkpoint is over {signed}, and {many} rows of"
        " custody.leaf stand between: no number there is to be taken away, `continuity custody rollforward` holds each"
        " against what was signed"
    )
    return ([back] if many else []) + [
        f"a row of custody.leaf stands beyond the log's end, at number {seq},"
        f" {'of no event that is there' if event is None else f'of event {event}'}: somebody wrote it past the"
        " sequencer, or set custody.state back; nothing rests on it"
        for seq, event in session.execute(BEYOND, {"signed": signed})
    ]


def past_the_log(session: ReadSession, subject: UUID) -> str:
    """The first event of a subject that somebody wrote past the log, in words to be put after others; else nothing."""
    found = session.execute(PAST_THE_LOG, {"subject": subject}).first()
    if found is None:
        return ""
    return f"; event {found.ingest_no} (its id is {found.id}) has no number and waits for none"
