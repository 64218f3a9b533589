"""The starter: loads everything once and forks for each child that it is asked for: DESCRIPTOR-OF-ITS-LINE.

A child walls itself in before it opens anything. Everything is imported first; once the wall stands, no further
module can be opened. It becomes a program, or does one task and answers on standard output.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

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
LENGTH: Final = struct.Struct("<I")
MOST_DESCRIPTORS: Final = 8
ABOVE: Final = 32
"""A number above those at which a child finds its descriptors."""


def main(descriptor: int) -> None:
    """Serve until the line is closed: then nobody is left who wants children."""
    opening.prepare()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Meant for the one who starts them: it decides what becomes of its children.
        signal.signal(number, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # or each child would copy the pages that its collector walks over
    sandbox.adopt_orphans()
    line = socket.socket(fileno=descriptor)
    living: set[int] = set()
    while asked := _receive(line):
        answer = json.dumps(_answer(*asked, living)).encode()
        line.sendall(LENGTH.pack(len(answer)) + answer)
    _end_all_but(set())


def _receive(line: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    head, descriptors, _, _ = socket.recv_fds(line, LENGTH.size, MOST_DESCRIPTORS)
    head += _exactly(line, LENGTH.size - len(head)) if head else b""
    data = _exactly(line, LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
    return (json.loads(data), descriptors) if data else None


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = line.recv(size - len(data))
        if not more:
            return b""
        data += more
    return data


def _answer(asked: dict[str, Any], descriptors: Sequence[int], living: set[int]) -> dict[str, Any]:
    try:
        if "start" in asked:
            living.add(pid := _start(asked["start"], descriptors))
            return {"pid": pid}
        if "ended" in asked:
            found = os.waitid(os.P_PID, asked["ended"], os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return {"ended": found is not None}
        return _take(asked["take"], living)
    except OSError as error:
        return {"error": [error.errno, error.strerror]}
    finally:
        for each in descriptors:
            os.close(each)


def _take(pid: int, living: set[int]) -> dict[str, Any]:
    found, status, used = os.wait4(pid, os.WNOHANG)
    if not found:
        return {"status": None}
    living.discard(pid)
    _end_all_but(living)
    return {"status": status, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}


def _end_all_but(living: set[int]) -> None:
    """End what dead children left behind, however they forked: it is ours now, and when it is dead so is what it left.

    Nobody else takes children of ours away, so a number read here is still that process's when it is killed.
    """
    while orphans := sandbox.own_children() - living:
        for each in orphans:
            os.kill(each, signal.SIGKILL)
        for each in orphans:
            os.waitpid(each, 0)


def _start(told: dict[str, Any], descriptors: Sequence[int]) -> int:
    parent = os.getpid()
    leads, leads_child = os.pipe()
    try:
        pid = os.fork()
        if pid == 0:
            _be_child(told, descriptors, parent, leads_child)
    finally:
        os.close(leads_child)
    # Whoever ends it ends its group: it must be its own before anybody knows of it.
    os.read(leads, 1)
    os.close(leads)
    return pid


def _be_child(told: dict[str, Any], descriptors: Sequence[int], parent: int, leads: int) -> NoReturn:
    code = 1
    try:
        os.setsid()
        os.write(leads, b"1")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _take_places(descriptors)
        _work(told, replace(sandbox.Wall.from_json(told["wall"]), parent=parent))
        code = 0
    except BaseException:  # noqa: BLE001 - as Python itself would, and nothing of the starter's runs on
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        os._exit(code)


def _take_places(descriptors: Sequence[int]) -> None:
    """Put what was handed over at 1, 2, 3 and so on, and close everything else."""
    above = [fcntl.fcntl(each, fcntl.F_DUPFD, ABOVE) for each in descriptors]
    for place, each in enumerate(above, start=1):
        os.dup2(each, place)
    os.closerange(len(above) + 1, os.sysconf("SC_OPEN_MAX"))


def _work(told: dict[str, Any], wall: sandbox.Wall) -> None:
    if told["argv"]:
        sandbox.become(told["argv"], wall)
    name = told["inside"]
    task = importlib.import_module(LATE[name]).run if name in LATE else TASKS[name]
    sandbox.put_on(wall)
    sys.stdout.write(json.dumps(task(opening.Task(**told["task"]))))
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
