"""A line between agent and store that can be made bad: a process of its own that carries TCP and is told by words.

`python -m tests.faults.bad_line` prints its port, then obeys one line at a time on its standard input and answers
each with a count of the connections that it has spoilt so far. Lines: `to HOST PORT`, `calm`, `answer STATUS`
(after the body has come), `answer-early STATUS` (before it has), `slow BYTES_PER_SECOND`, `cut BYTES` (that far, then
a reset), `refuse` (closed at once), `hang` (taken, never answered). Each change breaks the connections that are open.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PIECE = 64 << 10
LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


class Line:
    """The process's own side."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._door.getsockname()[1]
        self._to: tuple[str, int] | None = None
        self._weather: tuple[str, int] = ("calm", 0)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.spoilt = 0

    def obey(self, words: str) -> None:
        """Do what one line says."""
        order, *rest = words.split()
        if order == "to":
            self._to = (rest[0], int(rest[1]))
            return
        self._weather = (order, int(rest[0]) if rest else 0)
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        """Take connections for ever."""
        while True:
            client, _ = self._door.accept()
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
        try:
            with client:
                self._spoil_or_pass(client, *self._weather)
        except OSError:
            return  # one end has gone: there is nobody to tell
        finally:
            with self._lock:
                self._open.discard(client)

    def _spoil_or_pass(self, client: socket.socket, weather: str, much: int) -> None:
        if weather not in {"calm", "slow", "cut"}:
            self._count()
        if weather == "hang":
            client.recv(1)
            threading.Event().wait(600)
        elif weather in {"answer", "answer-early"}:
            self._answer(client, much, drain=weather == "answer")
        elif weather != "refuse":
            self._pass(client, weather, much)

    def _count(self) -> None:
        with self._lock:
            self.spoilt += 1

    def _answer(self, client: socket.socket, status: int, *, drain: bool) -> None:
        heard = b""
        while b"\r\n\r\n" not in heard:
            piece = client.recv(PIECE)
            if not piece:
                return
            heard += piece
        head, _, body = heard.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        left = int(length[1]) - len(body) if length and drain else 0
        while left > 0 and (piece := client.recv(PIECE)):
            left -= len(piece)
        words = b"<Error><Code>SlowDown</Code></Error>"
        said = f"HTTP/1.1 {status} Trouble\r\nContent-Length: {len(words)}\r\nConnection: close\r\n\r\n"
        client.sendall(said.encode() + words)

    def _pass(self, client: socket.socket, weather: str, much: int) -> None:
        if self._to is None:
            return
        with socket.create_connection(self._to, timeout=30) as server:
            server.settimeout(None)
            back = threading.Thread(target=_pump, args=(server, client, 0), daemon=True)
            back.start()
            if weather == "slow":
                self._count()
            limit = much if weather == "cut" else None
            carried = _pump(client, server, much if weather == "slow" else 0, limit)
            if limit is not None and carried >= limit:
                self._count()
                for end in (client, server):  # a reset, not a farewell
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            back.join(60)


def _pump(source: socket.socket, target: socket.socket, rate: int, limit: int | None = None) -> int:
    """Carry bytes one way until the source ends or the limit is reached; how many were carried."""
    carried = 0
    with suppress(OSError):
        while limit is None or carried < limit:
            piece = source.recv(PIECE if limit is None else min(PIECE, limit - carried))
            if not piece:
                break
            target.sendall(piece)
            carried += len(piece)
            if rate:
                time.sleep(len(piece) / rate)
        if limit is None or carried < limit:
            target.shutdown(socket.SHUT_WR)
    return carried


class BadLine:
    """The test's side: starts the process, tells it what to do, ends it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.bad_line"],
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._heard())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    @property
    def url(self) -> str:
        """The store's address as the agent is to see it."""
        return f"http://127.0.0.1:{self.port}"

    def tell(self, words: str) -> int:
        """Change the weather; the number of connections spoilt so far."""
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        return int(self._heard())

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def main() -> None:
    """Serve until the standard input ends."""
    line = Line()
    threading.Thread(target=line.serve, daemon=True).start()
    sys.stdout.write(f"{line.port}\n")
    sys.stdout.flush()
    for words in sys.stdin:
        if words.strip() != "count":
            line.obey(words)
        sys.stdout.write(f"{line.spoilt}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
