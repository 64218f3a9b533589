"""The witness as a process of its own: over HTTP, hurried, killed at the worst moments, and started again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from evidence.tlog.note import parse_signatures
from evidence.witness.keys import make_keys
from tests.support.house import until
from tests.support.logs import FORKED, SmallLog

NAME = "witness.example.test/w1"
ROOT = Path(__file__).resolve().parents[3]

# The real program, which stops for good at one place: after the look at its memory, or before the answer.
STUCK = """
import sys, threading
from pathlib import Path
from evidence.witness import __main__, desk, server
where, reached = sys.argv[1], Path(sys.argv[2])
def stop(*_):
    reached.touch()
    threading.Event().wait()
if where == "signing":
    desk.cosign = stop
else:
    server.Desk._give = stop
raise SystemExit(__main__.main(sys.argv[3:]))
"""


@pytest.fixture(scope="module")
def small_log() -> SmallLog:
    """A log that the witness knows."""
    return SmallLog()


@pytest.fixture
def command(small_log: SmallLog, tmp_path: Path) -> list[str]:
    """The arguments of a witness."""
    make_keys(tmp_path / "keys", NAME)
    (tmp_path / "logs").write_text("\n".join(small_log.vkeys()) + "\n")
    keys = [word for file in ("ed25519.pem", "ml-dsa-44.pem") for word in ("--key", str(tmp_path / "keys" / file))]
    return ["--name", NAME, *keys, "--log", str(tmp_path / "logs"), "--state", str(tmp_path / "state"), "--port", "0"]


@contextmanager
def running(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A witness and its address while the block lasts."""
    started = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert started.stdout is not None
        url = started.stdout.readline().strip()
        assert url.startswith("http://"), "the witness did not start"
        yield started, url
    finally:
        started.kill()
        started.wait(20)
        if started.stdout is not None:
            started.stdout.close()


def witness(command: list[str]) -> AbstractContextManager[tuple[subprocess.Popen[str], str]]:
    """The program as whoever runs one starts it."""
    return running("-m", "evidence.witness", *command)


def ask(url: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
    """One request on a connection of its own."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(method, path, body, {"Content-Type": "text/plain", **headers})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def submit(url: str, body: bytes) -> tuple[int, bytes]:
    """A submission; status and answer."""
    response, answer = ask(url, "POST", "/add-checkpoint", body)
    return response.status, answer


def test_statuses_travel(command: list[str], small_log: SmallLog) -> None:
    with witness(command) as (process, url):
        status, lines = submit(url, small_log.submission(0, 20))
        assert (status, len(parse_signatures(lines))) == (200, 2)
        response, size = ask(url, "POST", "/add-checkpoint", small_log.submission(0, 30))
        assert (response.status, response.headers["Content-Type"], size) == (409, "text/x.tlog.size", b"20\n")
        assert submit(url, small_log.submission(20, 30, FORKED))[0] == 422
        assert submit(url, SmallLog().submission(20, 30))[0] == 403
        assert submit(url, SmallLog("custody.example.test/other").submission(0, 3))[0] == 404
        assert submit(url, b"old x\n\n")[0] == 400
        response, said = ask(url, "GET", "/")
        assert response.status == 200
        assert json.loads(said)["logs"] == [{"origin": small_log.origin, "size": 20}]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_requests_that_are_none_cost_nothing(command: list[str], small_log: SmallLog) -> None:
    with witness(command) as (_, url):
        assert ask(url, "POST", "/elsewhere", b"x")[0].status == 404
        assert ask(url, "POST", "/add-checkpoint", b"x" * 200_000)[0].status == 413
        chunked = ask(url, "POST", "/add-checkpoint", None, **{"Transfer-Encoding": "chunked"})
        assert chunked[0].status == 411
        assert ask(url, "DELETE", "/add-checkpoint")[0].status == 501
        # One that promises a body and hangs up, many that say nothing: others are served.
        address = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
        silent = [socket.create_connection(address) for _ in range(20)]
        silent[0].sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9\r\n\r\nold")
        assert submit(url, small_log.submission(0, 20))[0] == 200
        for each in silent:
            each.close()


def test_connections_are_kept(command: list[str], small_log: SmallLog) -> None:
    with witness(command) as (_, url):
        connection = HTTPConnection(urlsplit(url).netloc, timeout=20)
        old = 0
        for size in (3, 5, 9):
            connection.request("POST", "/add-checkpoint", small_log.submission(old, size))
            response = connection.getresponse()
            assert response.status == 200
            response.read()
            old = size
        connection.close()


def test_two_submissions_at_once_are_one_after_the_other(command: list[str], small_log: SmallLog) -> None:
    answers: list[int] = []
    with witness(command) as (_, url):
        submit(url, small_log.submission(0, 20))
        bodies = [small_log.submission(20, size) for size in (21, 25, 30, 40) for _ in range(3)]
        threads = [threading.Thread(target=lambda body=body: answers.append(submit(url, body)[0])) for body in bodies]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
        assert sorted(answers) == [200] + [409] * (len(bodies) - 1)


@pytest.mark.parametrize(("where", "kept"), [("signing", 20), ("answering", 30)])
def test_killed_between_look_and_answer_it_can_be_asked_again(
    command: list[str], small_log: SmallLog, tmp_path: Path, where: str, kept: int
) -> None:
    with witness(command) as (_, url):
        assert submit(url, small_log.submission(0, 20))[0] == 200
    reached = tmp_path / "reached"
    with running("-c", STUCK, where, str(reached), *command) as (process, url):

        def ask_in_vain() -> None:
            with pytest.raises(OSError, match=r".*"):
                submit(url, small_log.submission(20, 30))

        asking = threading.Thread(target=ask_in_vain)
        asking.start()
        until(reached.exists, what="the worst moment")
        process.kill()
        asking.join(30)
    with witness(command) as (_, url):
        assert submit(url, small_log.submission(0, 30)) == (409, f"{kept}\n".encode())
        assert submit(url, small_log.submission(kept, 30, FORKED))[0] in {409, 422}
        assert submit(url, small_log.submission(kept, 30))[0] == 200
        assert submit(url, small_log.submission(30, 31))[0] == 200
