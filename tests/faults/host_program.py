"""A worker as `continuity worker` runs it, at a test's pace: `python -m tests.faults.host_program '<pace as JSON>'`."""

from __future__ import annotations

import json
import sys
from functools import partial

from api import worker
from evidence.jobs.crew import Pace

if __name__ == "__main__":
    worker.Pace = partial(Pace, **json.loads(sys.argv[1]))  # type: ignore[misc,assignment] # made once, at the start
    sys.exit(worker.run())
