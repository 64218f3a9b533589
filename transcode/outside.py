"""What follows where a child was ended from outside: it is tried once more, the second time is the verdict."""

from __future__ import annotations

from evidence.bootstrap import House
from evidence.jobs import RunningJob, ended_before
from transcode.ending import Ending
from transcode.errors import ChildKilled


def try_once_more(house: House, job: RunningJob, doing: str, ending: Ending) -> None:
    """Raise ChildKilled where this ending came from outside for the first time in this job, which comes round again.

    What counts is on record with the job: attempts that ended otherwise do not, nor those before a person acted.
    """
    if not ending.from_outside:
        return
    with house.reading() as session:
        again = ended_before(session, job.held.id, ChildKilled)
    if not again:
        raise ChildKilled(doing, ending)
