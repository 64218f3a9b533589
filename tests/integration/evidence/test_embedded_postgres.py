"""The embedded PostgreSQL: killed, orphaned, fooled by pid files, run as root and not, and it keeps its rows."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from evidence.embedded import EmbeddedPostgres
from evidence.embedded.account import account_for
from evidence.embedded.errors import AlreadySupervised, NotStarted, PlaceRefused, WrongMajor
from evidence.embedded.process import find_in, wait_until
from tests.support.servers import QUICK

START_AND_DIE = """
import os, signal, sys
from pathlib import Path
from evidence.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), settings=dict(zip(sys.argv[2::2], sys.argv[3::2])))
server.start()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def data_dir(servers_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A data directory of the test's own, which the server's account can reach."""
    return servers_folder / request.node.name


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(data_dir, settings=QUICK) as running:
        yield running


def note(server: EmbeddedPostgres, text: str) -> None:
    """Commit a row."""
    with psycopg.connect(server.ensure_database("notes")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", [text])


def notes(server: EmbeddedPostgres) -> list[str]:
    with psycopg.connect(server.url("notes")) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM note ORDER BY text")]


def has_ended(pid: int) -> bool:
    """No such process, or one that only waits to be reaped."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def cluster(server: EmbeddedPostgres) -> Path:
    record = json.loads((server.home / "server.json").read_text())
    return Path(record["staged"] or server.home) / "cluster"


def test_it_stops_and_comes_back_where_it_was(server: EmbeddedPostgres) -> None:
    note(server, "kept")
    url = server.url("notes")
    server.stop()
    assert not server.is_running()
    assert find_in("postgres", cwd=cluster(server)) == []
    server.start()
    assert server.url("notes") == url
    assert notes(server) == ["kept"]


def test_a_killed_server_is_noticed_and_brought_back(server: EmbeddedPostgres) -> None:
    note(server, "kept")
    with closing(psycopg.connect(server.url("notes"))):
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert wait_until(lambda: not server.is_running(), within=5)
        server.start()
        assert notes(server) == ["kept"]


def test_backends_that_outlive_their_postmaster_do_not_stand_in_the_way(server: EmbeddedPostgres) -> None:
    note(server, "kept")
    # A stopped process is one that cannot notice the death of its postmaster.
    with closing(psycopg.connect(server.url("notes"))) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        backend.suspend()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.start()
        assert notes(server) == ["kept"]
        assert has_ended(backend.pid)


def test_a_pid_file_that_names_a_stranger_fools_nobody(server: EmbeddedPostgres) -> None:
    note(server, "kept")
    pid_file = cluster(server) / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    # The same account as the server's: of another one, PostgreSQL itself would tell the difference.
    account = account_for(cluster(server))
    with subprocess.Popen(["sleep", "60"], **account.for_popen()) as stranger:
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            server.start()
            assert notes(server) == ["kept"]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def supervisor_that_dies(data_dir: Path, **settings: str) -> None:
    words = [word for setting in settings.items() for word in setting]
    ended = subprocess.run([sys.executable, "-c", START_AND_DIE, data_dir, *words], check=False, cwd=Path.cwd())
    assert ended.returncode == -signal.SIGKILL


def test_the_server_of_a_killed_supervisor_is_adopted(data_dir: Path) -> None:
    supervisor_that_dies(data_dir, **QUICK)
    asking = EmbeddedPostgres(data_dir, settings=QUICK)
    assert asking.is_running()
    note(asking, "from outside")

    with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        adopted = server.pid
        assert adopted is not None
        assert psutil.Process(adopted).ppid() != os.getpid()
        assert notes(server) == ["from outside"]
    assert not asking.is_running()
    assert has_ended(adopted)


def test_an_orphan_with_other_settings_is_replaced(data_dir: Path) -> None:
    supervisor_that_dies(data_dir, **{**QUICK, "work_mem": "5MB"})
    note(EmbeddedPostgres(data_dir), "kept")
    with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        assert server.pid is not None
        assert psutil.Process(server.pid).ppid() == os.getpid()
        assert notes(server) == ["kept"]


def test_one_supervisor_at_a_time(server: EmbeddedPostgres, data_dir: Path) -> None:
    second = EmbeddedPostgres(data_dir, settings=QUICK)
    with pytest.raises(AlreadySupervised):
        second.start()
    assert server.is_running()
    assert second.url("notes") == server.url("notes")


def test_its_port_is_kept_unless_somebody_else_has_it(server: EmbeddedPostgres) -> None:
    note(server, "kept")
    before = server.url("notes")
    server.stop()
    port = psycopg.conninfo.conninfo_to_dict(before)["port"]
    with socket.create_server(("127.0.0.1", int(port))):
        server.start()
        assert server.url("notes") != before
        assert notes(server) == ["kept"]


def test_it_listens_on_loopback_only_and_asks_for_a_password(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    listening = [each for each in psutil.Process(server.pid).net_connections() if each.status == "LISTEN"]
    assert [each.laddr.ip for each in listening] == ["127.0.0.1"]
    stranger = psycopg.conninfo.make_conninfo(server.url("postgres"), password="guess")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(stranger)
    assert stat.S_IMODE((server.home / "server.json").stat().st_mode) == 0o600


def test_our_own_role_is_no_superuser_and_may_still_build_a_schema(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.ensure_database("schema"), autocommit=True) as connection:
        assert connection.execute("SELECT current_setting('is_superuser')").fetchone() == ("off",)
        for extension in ("pg_trgm", "btree_gist"):
            connection.execute(f"CREATE EXTENSION {extension}")
        connection.execute("CREATE ROLE reader_of_this_test")
        connection.execute("DROP ROLE reader_of_this_test")


def test_dead_clients_are_noticed(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        shown = {name: connection.execute(f"SHOW {name}").fetchone() for name in (
            "tcp_keepalives_idle", "tcp_user_timeout", "idle_in_transaction_session_timeout",
            "client_connection_check_interval", "timezone",
        )}  # fmt: skip
    assert shown == {
        "tcp_keepalives_idle": ("30",),
        "tcp_user_timeout": ("60000",),
        "idle_in_transaction_session_timeout": ("1min",),
        "client_connection_check_interval": ("10s",),
        "timezone": ("UTC",),
    }


def test_data_of_another_major_version_are_refused_with_advice(server: EmbeddedPostgres) -> None:
    server.stop()
    (cluster(server) / "PG_VERSION").write_text("15\n")
    with pytest.raises(WrongMajor, match="dump it"):
        server.start()
    (cluster(server) / "PG_VERSION").write_text("18\n")
    server.start()


def test_an_interrupted_first_start_is_begun_again(data_dir: Path) -> None:
    unfinished = data_dir / "postgres" / "cluster.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        note(server, "begun")
        assert notes(server) == ["begun"]


def test_a_database_that_is_gone_is_not_replaced_by_an_empty_one(server: EmbeddedPostgres) -> None:
    server.stop()
    cluster(server).rename(cluster(server).with_name("elsewhere"))
    with pytest.raises(PlaceRefused, match="gone"):
        server.start()


def test_a_database_without_its_passwords_is_not_touched(server: EmbeddedPostgres) -> None:
    data = cluster(server)
    server.stop()
    (server.home / "server.json").unlink()
    if data.parent == server.home:
        with pytest.raises(PlaceRefused, match="passwords"):
            server.start()
    assert (data / "PG_VERSION").exists()


def test_a_server_that_never_started_has_no_address(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    assert not server.is_running()
    with pytest.raises(NotStarted):
        server.url("continuity")
    server.stop()
