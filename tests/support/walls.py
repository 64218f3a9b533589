"""The limits that tests give to a Python of their own: what it may run to start at all, and little else."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from transcode import sandbox
from transcode.sandbox import Wall

PYTHON = os.path.realpath(sys.executable)


def wall_for_python(*, file_size: int = 0, may_read: Sequence[str] = ()) -> Wall:
    """A wall behind which Python starts; files of `file_size` bytes may be written, and nothing by default."""
    return Wall(
        cpu_seconds=20,
        address_space=2 << 30,
        file_size=file_size,
        may_run=(*sandbox.SYSTEM_FOLDERS, sys.base_prefix, PYTHON),
        may_read=tuple(may_read),
    )
