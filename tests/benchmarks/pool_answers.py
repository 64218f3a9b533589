"""How fast a real API process answers a person who is signed in and a program with a token, one question at a time."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from evidence.vocabulary import Role
from tests.faults.system import REPOSITORY
from tests.support.cast import PASSWORD, Cast
from tests.support.house import World, until

PAGES = ("/recordings", "/status")
QUESTIONS = ("/api/v1/recordings", "/api/v1/jobs", "/api/v1/hosts")


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to ask, and as whom."""

    url: str
    http: urllib3.PoolManager
    cookie: Mapping[str, str]
    token: Mapping[str, str]

    def once(self, path: str) -> float:
        """Milliseconds of one answer, its body read."""
        headers = self.token if path.startswith("/api/") else self.cookie
        began = time.perf_counter()
        answer = self.http.request("GET", self.url + path, headers=headers, redirect=False, retries=False)
        took = (time.perf_counter() - began) * 1000
        assert answer.status == 200, (path, answer.status)
        return took


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds, from the quickest to the slowest."""

    each: tuple[float, ...]

    def __add__(self, other: Times) -> Times:
        """Those of both."""
        return Times(tuple(sorted(self.each + other.each)))

    @property
    def median(self) -> float:
        """Of the one in the middle."""
        return round(self.each[len(self.each) // 2], 2)

    @property
    def p99(self) -> float:
        """Of the quickest of the slowest hundredth."""
        return round(self.each[min(len(self.each) - 1, len(self.each) * 99 // 100)], 2)


def times_of(asked: Asked, count: int) -> Times:
    """Ask so many times, in turns."""
    paths = [*PAGES, *QUESTIONS]
    return Times(tuple(sorted(asked.once(paths[number % len(paths)]) for number in range(count))))


@contextmanager
def desk(world: World, people: Cast, environment: Mapping[str, str], folder: Path) -> Iterator[Asked]:
    """The API as a process of its own, with a supervisor signed in."""
    port = _free_port()
    words = [sys.executable, "-m", "api", "api", "--port", str(port)]
    with (folder / "api.log").open("ab") as log:
        process = subprocess.Popen(words, cwd=REPOSITORY, env=dict(environment), stdout=log, stderr=log)
    try:
        url, http = f"http://127.0.0.1:{port}", urllib3.PoolManager()
        until(lambda: _answers(http, url), within=90, what="the pages")
        yield Asked(url, http, _signed_in(http, url), people.token(Role.SUPERVISOR))
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _answers(http: urllib3.PoolManager, url: str) -> bool:
    try:
        return http.request("GET", f"{url}/health/live", retries=False, timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _signed_in(http: urllib3.PoolManager, url: str) -> dict[str, str]:
    """Sign in as a browser does; the cookie for later."""
    plain = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    told = {"name": "supervisor", "password": PASSWORD}
    answer = http.request_encode_body(
        "POST", f"{url}/sign-in", fields=told, headers=plain, encode_multipart=False, redirect=False
    )
    assert answer.status == 303, answer.data
    cookies = [each.partition(";")[0] for each in answer.headers.getlist("Set-Cookie")]
    return {**plain, "Cookie": "; ".join(cookies)}
