"""`python -m api`: the same as the command `continuity`; the way in which our own processes are started."""

from __future__ import annotations

import os
import sys

from api.children import end_with_supervisor

end_with_supervisor()
if sys.argv[1:2] == ["agent"]:
    # The agent needs nothing of the desk: it starts over as itself, and keeps the word to end with its supervisor.
    os.execv(sys.executable, [sys.executable, "-m", "ingest.agent", *sys.argv[2:]])  # noqa: S606 - our own program

from api.cli import main  # noqa: E402 - after the agent has gone its own way

main()
