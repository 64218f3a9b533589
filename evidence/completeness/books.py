"""What the custody tables say of each other: every event numbered or waiting, every head at its subject's end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import text

from evidence.custody.places import PAST, beyond
from evidence.database import ReadSession

# Each question is one statement, so that what commits meanwhile is in both of its sides or in neither.
QUESTIONS: Mapping[str, str] = {
    "event {} has no number and waits for none": f"""
        SELECT e.ingest_no || ' (by the order of writing; its id is ' || e.id || ')' FROM custody.event e
        WHERE {PAST} LIMIT 1000""",  # noqa: S608 - put together of our own constants
    "event {} (by the order of writing) has a number, and waits for one": """
        SELECT q.ingest_no FROM custody.queue q JOIN custody.leaf l ON l.ingest_no = q.ingest_no LIMIT 1000""",
    "event {} (by the order of writing) waits for a number, and is gone": """
        SELECT q.ingest_no FROM custody.queue q LEFT JOIN custody.event e ON e.ingest_no = q.ingest_no AND e.at = q.at
        WHERE e.ingest_no IS NULL LIMIT 1000""",
    "the id {} stands for more than one event": """
        SELECT id FROM custody.event GROUP BY id HAVING count(*) > 1 LIMIT 1000""",
    "the log's state does not say {} events, as many as have a number": """
        SELECT count(*) FROM custody.leaf HAVING count(*) <> (SELECT size FROM custody.state)""",
}
OF_SUBJECTS: Mapping[str, str] = {
    "the head of subject {} is not its last event": """
        SELECT h.subject FROM custody.head h
        LEFT JOIN custody.event e ON e.subject = h.subject AND e.subject_no = h.n
        WHERE e.leaf_hash IS DISTINCT FROM h.leaf_hash LIMIT 1000""",
    "subject {} has events beyond its head": """
        SELECT DISTINCT e.subject FROM custody.event e LEFT JOIN custody.head h ON h.subject = e.subject
        WHERE h.n IS NULL OR e.subject_no > h.n LIMIT 1000""",
    "the register gives the recording {} another reference than its event does": """
        SELECT r.id FROM recording r
        JOIN LATERAL (
          SELECT bool_or(position(convert_to(
            format('"reference":"R%s"', lpad(r.number::text, greatest(7, length(r.number::text)), '0')), 'UTF8'
          ) IN e.leaf) > 0) AS agrees
          FROM custody.event e WHERE e.subject = r.id AND e.type = 'recording.registered') AS said ON true
        WHERE NOT said.agrees LIMIT 1000""",
}


def of_numbers(session: ReadSession, *, signed: int) -> list[str]:
    """What is wrong with numbers, queue and state, of a log of which so many events were signed for."""
    return [*beyond(session, signed=signed), *_asked(session, QUESTIONS)]


def of_subjects(session: ReadSession) -> list[str]:
    """What is wrong with the heads of subjects."""
    return list(_asked(session, OF_SUBJECTS))


def _asked(session: ReadSession, questions: Mapping[str, str]) -> Iterator[str]:
    for words, question in questions.items():
        for found in session.scalars(text(question)):
            yield words.format(found)
