"""One look at one path on a device: what the watcher and the sweep both give, and how a source is opened.

The device is not trusted. No link is followed below its folder, nothing but an ordinary file is opened, and what is
opened is looked at again through its handle. Nothing is ever written to it, and where the host allows it not even
the time of last access changes.
"""

from __future__ import annotations

import errno
import getpass
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ingest.agent import names
from ingest.agent.errors import NotAFile, SourceChanged, SourceError, SourceGone, SourceUnreadable

NOT_PERMITTED = (
    "The agent's account ({account}) may not read it. Let it: on Linux chmod a+r for the file and chmod a+rx for its "
    "folders, on Windows the right Read; or run the agent under the account that owns it. It is then tried again by "
    "itself within a minute."
)
GONE = {errno.ENOENT, errno.ENOTDIR}
FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe put in a file's place must not hold the agent
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
NO_ATIME = getattr(os, "O_NOATIME", 0)
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)

SIGNED = (1 << 63) - 1  # some systems number and date files beyond what journal and server hold


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one state of one file from another: size in bytes, times in ns, device and inode number.

    The time of last change (`ctime_ns`) cannot be set by a program: it tells a file from another that was given the
    same name, size and time, and the same inode number again.
    """

    size: int
    mtime_ns: int
    dev: int
    ino: int
    ctime_ns: int = 0

    def has_bytes_of(self, other: Identity) -> bool:
        """Whether nothing was written, as far as all but the time of last change tell."""
        return (self.size, self.mtime_ns, self.dev, self.ino) == (other.size, other.mtime_ns, other.dev, other.ino)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at one path; `refused` says why it can never be read as it stands."""

    name: bytes
    identity: Identity
    refused: str | None = None


def identity_of(facts: os.stat_result) -> Identity:
    """The identity in what the system says of a file."""
    written, changed = (max(-SIGNED, min(SIGNED, moment)) for moment in (facts.st_mtime_ns, facts.st_ctime_ns))
    return Identity(facts.st_size, written, facts.st_dev & SIGNED, facts.st_ino & SIGNED, changed)


def refusal_of(facts: os.stat_result) -> str | None:
    """Why this is not an ordinary file, or None."""
    if stat.S_ISLNK(facts.st_mode) or is_reparse_point(facts):
        return "It is a link, which can point anywhere; hand in the file it names."
    if stat.S_ISREG(facts.st_mode):
        return None
    kinds = [
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
        (stat.S_ISDIR, "a folder"),
    ]
    what = next((word for is_kind, word in kinds if is_kind(facts.st_mode)), "something unknown")
    return f"It is {what}, not a file."


def is_reparse_point(facts: os.stat_result) -> bool:
    """Whether Windows says that what is here is really elsewhere: a link or a junction."""
    attributes: int = getattr(facts, "st_file_attributes", 0)
    return bool(attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)


def look(root: bytes, name: bytes) -> Sighting | None:
    """Look at one path below a device's folder; None where no file is there. Raises SourceUnreadable."""
    try:
        facts = os.lstat(path_of(root, name))
    except OSError as error:
        if error.errno in GONE:
            return None
        raise _fault(error) from error
    return None if stat.S_ISDIR(facts.st_mode) and not is_reparse_point(facts) else sighting_of(name, facts)


def sighting_of(name: bytes, facts: os.stat_result) -> Sighting:
    """The sighting that one answer of the system makes."""
    return Sighting(name, identity_of(facts), refusal_of(facts))


def path_of(root: bytes, name: bytes) -> bytes:
    """The path on this host of a name below a device's folder."""
    return os.path.join(root, names.to_path(name))  # noqa: PTH118 - Path cannot hold raw bytes


class Source:
    """An open file on a device, and what it was when it was opened."""

    def __init__(self, root: bytes, name: bytes, handle: int) -> None:
        self.root, self.name, self.handle = root, name, handle
        self.identity = identity_of(os.fstat(handle))

    def check_is(self, expected: Identity) -> None:
        """Raise SourceChanged unless the handle is still the expected file, unchanged.

        Only the handle counts. A file that was taken away or replaced while it was read stays whole behind its
        handle until it is closed: its bytes are kept, and what came in its place is another file.
        """
        try:
            facts = os.fstat(self.handle)
        except OSError as error:
            raise _fault(error) from error
        found = identity_of(facts)
        was_taken_away = facts.st_nlink == 0 and found.has_bytes_of(expected)
        if found != expected and not was_taken_away:
            raise SourceChanged(f"The file is not as it was: {_difference(expected, found)}.")

    def has_writer(self) -> bool | None:
        """Whether a program on this host has the file open for writing; None where that cannot be known."""
        return has_writer(self.handle)


def _difference(expected: Identity, found: Identity) -> str:
    if found.size != expected.size:
        verb = "grew" if found.size > expected.size else "shrank"
        return f"it {verb} from {expected.size} to {found.size} bytes"
    if (found.dev, found.ino) != (expected.dev, expected.ino):
        return "another file was put in its place"
    return "it was written to again" if found.mtime_ns != expected.mtime_ns else "it was renamed, written or marked"


@contextmanager
def opened(root: bytes, name: bytes) -> Iterator[Source]:
    """Open one file below a device's folder for reading.

    Raises NotAFile, SourceGone or SourceUnreadable with a sentence, never OSError.
    """
    try:
        handle = _open_windows(root, name) if sys.platform == "win32" else _open_beneath(root, name)
    except OSError as error:
        raise _fault(error) from error
    try:
        if refusal := refusal_of(os.fstat(handle)):
            raise NotAFile(refusal)
        yield Source(root, name, handle)
    finally:
        os.close(handle)


def _open_beneath(root: bytes, name: bytes) -> int:
    """Walk down one folder at a time, following no link, so that nothing can be swapped in on the way."""
    *folders, last = _parts(name)
    here = os.open(root, FOLDER)
    try:
        for folder in folders:
            below = os.open(folder, FOLDER | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        # Looked at before it is opened: opening a device can already have an effect.
        if refusal := refusal_of(os.stat(last, dir_fd=here, follow_symlinks=False)):
            raise NotAFile(refusal)
        return _open_file(last, here)
    finally:
        os.close(here)


def _open_file(last: bytes, folder: int) -> int:
    try:
        return os.open(last, FLAGS | NO_ATIME, dir_fd=folder)
    except PermissionError:
        # Only a file's owner may read it without marking the access.
        return os.open(last, FLAGS, dir_fd=folder)


def _open_windows(root: bytes, name: bytes) -> int:
    _parts(name)
    path = path_of(root, name)
    if refusal := refusal_of(os.lstat(path)):
        raise NotAFile(refusal)
    return os.open(path, FLAGS)


def _parts(name: bytes) -> list[bytes]:
    parts = name.split(b"/")
    if any(part in {b"", b".", b".."} for part in parts):
        raise NotAFile("Its name leads out of the device's folder.")
    return parts


def has_writer(handle: int) -> bool | None:
    """Ask the kernel for a read lease, which it grants only where nobody has the file open for writing.

    None where it cannot be known: another system than Linux, another owner, a file system without leases.
    """
    if sys.platform != "linux":
        return None
    import fcntl
    import signal

    try:
        # A writer that comes in the instant between the two calls is announced by a signal; the usual one would
        # end the process, this one is ignored unless asked for.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    with suppress(OSError):
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _fault(error: OSError) -> SourceError:
    """The system's error as one of ours, in words."""
    if error.errno in GONE:
        return SourceGone("The file is no longer on the device.")
    if error.errno == errno.ELOOP:
        return NotAFile("It is a link, which can point anywhere; hand in the file it names.")
    return unreadable(error)


def _account() -> str:
    """The account under which this runs, as the system calls it; its number where it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def unreadable(error: OSError) -> SourceUnreadable:
    """A sentence for a device that will not give its bytes."""
    if error.errno in {errno.EACCES, errno.EPERM}:
        return SourceUnreadable(NOT_PERMITTED.format(account=_account()))
    if error.errno in {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN}:
        return SourceUnreadable(f"The device stopped answering ({error.strerror}): check its cable, dock it again.")
    return SourceUnreadable(f"It cannot be read: {error.strerror or error}.")
