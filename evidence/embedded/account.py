"""Whose rights a server runs with, and where its files must lie so that those rights reach them.

An ordinary user runs the servers as itself, on the data directory as it stands. Root does not: PostgreSQL
refuses to run as root, and nothing that listens should. Root lends the server an account without rights
(`continuity` where somebody has made it, else `nobody`). That account cannot pass through a private
folder such as /root. We never open such a folder, change its mode or create an account: we put a copy of
the programs, and where need be the data, under STAGED, which belongs to root and may be passed through.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from evidence.embedded.errors import PlaceRefused

STAGED = Path("/var/lib/continuity")
ACCOUNTS = ("continuity", "nobody")


class PopenAccount(TypedDict, total=False):
    """What subprocess.Popen needs to run a child as someone else; empty for ourselves."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the operating system that a server runs as."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """The account is the one that this process runs as."""
        return self.uid == os.geteuid()

    def for_popen(self) -> PopenAccount:
        """Arguments for subprocess.Popen. The child also loses every supplementary group."""
        return {} if self.is_ours else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def may_enter(self, folder: Path) -> bool:
        """The account can pass through to the folder. Asked of the kernel, so that ACLs count too."""
        return self._asks('cd -- "$1"', folder)

    def may_run(self, program: Path) -> bool:
        """The account can run the program and read it."""
        return self._asks('test -x "$1" && test -r "$1"', program)

    def _asks(self, question: str, path: Path) -> bool:
        answer = subprocess.run(  # noqa: S603 - the path is an argument, never part of the question
            ["/bin/sh", "-c", question, "sh", os.fspath(path)],
            check=False, capture_output=True, cwd="/", **self.for_popen(),
        )  # fmt: skip
        return answer.returncode == 0

    def own(self, *paths: Path) -> None:
        """Give these files and folders, not what is in them, to the account."""
        for path in paths:
            if path.stat().st_uid != self.uid:
                os.chown(path, self.uid, self.gid)

    def own_tree(self, top: Path) -> None:
        """Give a folder and all in it to the account: it may have been used by another one before."""
        self.own(top)
        for folder, inner, files in os.walk(top):
            self.own(*(Path(folder, name) for name in (*inner, *files)))


def give_to_owner_of_folder(path: Path) -> None:
    """Where root works in somebody's folder, leave new files to that somebody, who must go on without root."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def make_home(home: Path) -> None:
    """Make the folder of a server. Raises PlaceRefused."""
    try:
        for missing in reversed([folder for folder in (home, *home.parents) if not folder.exists()]):
            missing.mkdir()
            give_to_owner_of_folder(missing)
    except OSError as error:
        raise PlaceRefused(home, because=f"it cannot be made ({error.strerror})") from error


def ourselves() -> Account:
    """The account that this process runs as."""
    return Account(os.geteuid(), os.getegid())


def account_for(data: Path) -> Account:
    """The account for a server: ourselves; for root, the owner of data that exist, else one without rights."""
    if os.geteuid() != 0:
        return ourselves()
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_uid, found.pw_gid)
    raise PlaceRefused(data, because="root must lend the server an account, and there is no account `nobody`")


def staged_for(data_dir: Path) -> Path:
    """The folder under STAGED that belongs to one data directory; made where it is missing."""
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    return _passable(STAGED / name)


def staged_programs(*sources: Path, name: str) -> Path:
    """A folder with copies of programs, or folders of them, that any account can run; made once.

    `name` must change with the version, because a folder that exists is used as it is.
    """
    finished = _passable(STAGED / "programs") / name
    if finished.exists():
        return finished
    unfinished = Path(tempfile.mkdtemp(dir=finished.parent, prefix=f".{name}-"))
    try:
        for source in sources:
            if source.is_dir():
                shutil.copytree(source, unfinished / source.name, symlinks=True)
            else:
                shutil.copy2(source, unfinished / source.name)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                _let_all_read(path)
        if not finished.exists():
            unfinished.rename(finished)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return finished


def _passable(folder: Path) -> Path:
    """A folder of root's under STAGED that every account may pass through, and none but root write in."""
    for made in (STAGED, folder):
        try:
            made.mkdir(parents=True, exist_ok=True)
            made.chmod(0o755)
        except OSError as error:
            raise PlaceRefused(made, because=f"root needs it for a server's files, and {error.strerror}") from error
    return folder


def _let_all_read(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    runs = 0o555 if path.is_dir() or mode & 0o100 else 0o444
    path.chmod(mode & 0o700 | runs)
    os.chown(path, 0, 0)
