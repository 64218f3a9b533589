"""Starts one task behind the wall: WALL-AS-JSON TASK ARGUMENTS-AS-JSON.

Everything is imported first. Once the wall stands, no further module can be opened.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from transcode import sandbox
from transcode.inside import cut, join, opening, packets, probe, remux, repair, survey, tables

TASKS = {
    "probe": probe.run,
    "remux": remux.run,
    "repair": repair.run,
    "survey": survey.run,
    "tables": tables.run,
    "packets": packets.run,
    "cut": cut.run,
    "look": join.look,
    "join": join.run,
}
LATE = {"clips": "transcode.inside.clips"}
"""Tasks that load more than the others need, before the wall: drawing letters."""


def main(arguments: list[str]) -> None:
    """Wall in, work, answer on standard output."""
    wall, name, told = sandbox.Wall.from_json(arguments[0]), arguments[1], json.loads(arguments[2])
    task = importlib.import_module(LATE[name]).run if name in LATE else TASKS[name]
    opening.prepare()
    sandbox.put_on(wall)
    sys.stdout.write(json.dumps(task(opening.Task(**told))))
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
