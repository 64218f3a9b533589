"""The wall around every process that reads media bytes.

A child puts these on itself, from outside in, before it opens anything: a network namespace with nothing in it, no
capabilities, its life bound to its parent's, resource limits, no new privileges, Landlock (files, TCP, signals) and
a seccomp filter (transcode/calls.py). Each works without the others, and a layer that the host does not have is named,
never passed over.

Run as a program (`python -I -S sandbox.py --own-network`) it says whether a child gets a network of its own here. It
uses the standard library alone; the seccomp program is compiled by whoever wants a child.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import functools
import json
import os
import platform
import resource
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

LANDLOCK_CREATE_RULESET: Final = 444
LANDLOCK_ADD_RULE: Final = 445
LANDLOCK_RESTRICT_SELF: Final = 446
IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}
BEST_EFFORT_LAST: Final = (2 << 13) | 7
PR_SET_PDEATHSIG: Final = 1
PR_SET_SECCOMP: Final = 22
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWNET: Final = 0x4000_0000
CLONE_NEWIPC: Final = 0x0800_0000
CAPABILITY_VERSION_3: Final = 0x2008_0522
NAMESPACE_QUESTION: Final = "--own-network"
CHILDREN: Final = Path("/proc/thread-self/children")
"""Where the kernel names a thread's children: by it the starter finds what a dead child left behind."""

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
REMOVE_FILE: Final = 1 << 5
MAKE_REG: Final = 1 << 8
REFER: Final = 1 << 13
TRUNCATE: Final = 1 << 14
IOCTL_DEV: Final = 1 << 15
RIGHTS_OF_A_FILE: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
TCP_BIND_AND_CONNECT: Final = 0b11
ABSTRACT_SOCKETS_AND_SIGNALS: Final = 0b11

SYSTEM_FOLDERS: Final = ("/usr", "/lib", "/lib64", "/bin")
SYSTEM_FILES: Final = ("/etc/ld.so.cache", "/etc/alternatives")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """What one child may use. Sizes in bytes, times in seconds; a path not named here is closed to it.

    `may_use` are devices. `nice` is how far it stands back behind others, from 0 to 19.
    """

    cpu_seconds: int
    address_space: int
    file_size: int
    open_files: int = 64
    may_read: tuple[str, ...] = ()
    may_write: tuple[str, ...] = ()
    may_run: tuple[str, ...] = ()
    may_use: tuple[str, ...] = ()
    nice: int = 0
    parent: int = 0
    report_fd: int = -1
    seccomp_program: str = ""

    def as_json(self) -> str:
        """The wall as the child reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Wall:
        """Read what the parent wrote."""
        told: dict[str, Any] = json.loads(text)
        for paths in ("may_read", "may_write", "may_run", "may_use"):
            told[paths] = tuple(told[paths])
        return cls(**told)


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of the wall: whether it stands, and in words what it does or why it is missing."""

    name: str
    stands: bool
    detail: str


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _SeccompProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, doing: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")
    return result


def landlock_version() -> int:
    """The Landlock ABI that the running kernel offers; 0 where it has none."""
    if sys.platform != "linux":
        return 0
    version: int = _libc().syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return max(version, 0)


def _rights_known(version: int) -> int:
    """Every file right that this ABI can refuse (kernel documentation, userspace-api/landlock)."""
    rights = (1 << 13) - 1
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        rights |= right if version >= since else 0
    return rights


def _allow(ruleset: int, path: str, rights: int) -> None:
    """Open one path. A path that is not there needs no rule: what it names cannot be opened either."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        allowed = rights if Path(path).is_dir() else rights & RIGHTS_OF_A_FILE
        rule = _PathBeneath(allowed, handle)
        _checked(
            _libc().syscall(LANDLOCK_ADD_RULE, ruleset, 1, ctypes.byref(rule), ctypes.c_uint32(0)), f"Landlock {path}"
        )
    finally:
        os.close(handle)


def _rules(wall: Wall, known: int) -> list[tuple[str, int]]:
    """Each path with the rights it gets, cut down to those the kernel knows."""
    reading, running = READ_FILE | READ_DIR, READ_FILE | READ_DIR | EXECUTE
    writing = READ_FILE | READ_DIR | WRITE_FILE | MAKE_REG | REMOVE_FILE | TRUNCATE
    rules = [(path, running) for path in wall.may_run]
    rules += [(path, reading) for path in wall.may_read]
    rules += [(path, writing) for path in wall.may_write]
    rules += [(path, READ_FILE | WRITE_FILE | IOCTL_DEV) for path in wall.may_use]
    rules.append(("/dev/null", READ_FILE | WRITE_FILE))
    return [(path, rights & known) for path, rights in rules]


def _shut_files_and_network(wall: Wall) -> list[Layer]:
    version = landlock_version()
    if version < 1:
        return [Layer("landlock-files", stands=False, detail="the kernel offers no Landlock"), *_older_than(version)]
    known = _rights_known(version)
    attributes = _RulesetAttributes(
        known, TCP_BIND_AND_CONNECT if version >= 4 else 0, ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0
    )
    size = ctypes.sizeof(attributes) if version >= 6 else 16 if version >= 4 else 8
    ruleset = _checked(
        _libc().syscall(LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0)),
        "Landlock ruleset",
    )
    for path, rights in _rules(wall, known):
        _allow(ruleset, path, rights)
    _checked(_libc().syscall(LANDLOCK_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)), "Landlock restrict")
    os.close(ruleset)
    return [Layer("landlock-files", stands=True, detail=f"ABI {version}"), *_older_than(version)]


def _older_than(version: int) -> list[Layer]:
    layers = []
    for name, since in (("landlock-tcp", 4), ("landlock-scopes", 6)):
        said = f"ABI {version}" if version >= since else f"needs Landlock ABI {since}, the kernel offers {version}"
        layers.append(Layer(name, stands=version >= since, detail=said))
    return layers


def _leave_network() -> Layer:
    """Go where there is no network at all, and no shared memory of others.

    Root needs no more than the right it has; anybody else a user namespace around it, which distributions and
    container engines may forbid (moby/moby#42441): then the layer is missing, and the others stand without it.
    """
    libc, kinds = _libc(), CLONE_NEWNET | CLONE_NEWIPC
    for flags, how in ((kinds, "of its own"), (kinds | CLONE_NEWUSER, "within a user namespace")):
        if libc.unshare(ctypes.c_int(flags)) == 0:
            return Layer("own-network", stands=True, detail=how)
    said = os.strerror(ctypes.get_errno())
    return Layer("own-network", stands=False, detail=f"this host gives no network namespace: {said}")


def _drop_capabilities() -> Layer:
    """Give back what root, or the first process of a user namespace, may do beyond everybody else."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _checked(_libc().capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())), "capset")
    return Layer("no-capabilities", stands=True, detail="none are left")


def _limit_resources(wall: Wall) -> Layer:
    # FFmpeg catches SIGXCPU and ends as if nothing had happened: the hard limit follows two seconds behind.
    # A limit of none at all would end it at the kernel's next tick, before it could say what it is.
    most = max(1, wall.cpu_seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 2))
    resource.setrlimit(resource.RLIMIT_AS, (wall.address_space, wall.address_space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (wall.file_size, wall.file_size))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wall.open_files, wall.open_files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = f"{wall.cpu_seconds} CPU seconds, {wall.address_space:,} bytes of memory, {wall.file_size:,} a file"
    return Layer("rlimits", stands=True, detail=said)


def stand_back(nice: int) -> None:
    """Let others of the host go first: for the processor, and for its disks.

    A child has a session of its own, and where the kernel groups by session a value for one process says nothing
    to the others: the group's own is set as well (sched(7), "The autogroup feature"). What stands back is also told
    to be work that nobody waits for from one moment to the next (SCHED_BATCH): its threads then interrupt each other
    less, which cost an encode up to one processor second in fifty. A host that knows none of this is only slower.
    """
    if not nice:
        return
    os.nice(nice)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    for _ in range(5):
        try:
            Path("/proc/self/autogroup").write_text(str(nice), "ascii")
        except BlockingIOError:
            # The kernel takes one such wish in a tenth of a second from those who are not root.
            time.sleep(0.11)
        except OSError:
            break
        else:
            break
    call = IOPRIO_SET.get(platform.machine())
    if call is not None:
        _libc().syscall(call, 1, 0, BEST_EFFORT_LAST)


def _die_with_parent(wall: Wall) -> Layer:
    _checked(_libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "parent death signal")
    if wall.parent and os.getppid() != wall.parent:
        # The parent died between starting us and the call above: nobody is waiting.
        os.kill(os.getpid(), signal.SIGKILL)
    return Layer("parent-death", stands=True, detail="ends with the process that started it")


def _no_new_privileges() -> Layer:
    _checked(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    return Layer("no-new-privileges", stands=True, detail="for good")


def adopt_orphans() -> None:
    """From now on whatever a descendant of this process leaves behind becomes a child of it, not of the host's."""
    _checked(_libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "child subreaper")


def own_children() -> set[int]:
    """The numbers of this thread's children, dead ones too; none where the kernel does not name them."""
    try:
        return {int(each) for each in CHILDREN.read_text("ascii").split()}
    except FileNotFoundError:
        return set()


def _no_orphans() -> Layer:
    """Whatever a child leaves behind becomes the starter's (transcode/inside/__main__.py), which ends it."""
    found = CHILDREN.exists()
    said = "what it leaves behind is ended" if found else "this kernel does not name the children of a process"
    return Layer("no-orphans", stands=found, detail=said)


def _filter_calls(wall: Wall) -> Layer:
    if not wall.seccomp_program:
        return Layer("seccomp", stands=False, detail="libseccomp was not found when the parent started")
    program = base64.b64decode(wall.seccomp_program)
    kept = ctypes.create_string_buffer(program, len(program))
    header = _SeccompProgram(len(program) // 8, ctypes.cast(kept, ctypes.c_void_p))
    _checked(_libc().prctl(PR_SET_SECCOMP, 2, ctypes.byref(header), 0, 0), "seccomp")
    return Layer("seccomp", stands=True, detail=f"{len(program) // 8} instructions")


def put_on(wall: Wall) -> list[Layer]:
    """Wall this process in and tell the parent, over `report_fd`, which layers stand.

    Raises OSError where a layer that the host has cannot be put on: then nothing may be opened.
    """
    if sys.platform != "linux":
        raise OSError(f"no sandbox is known for {platform.system()}")
    stand_back(wall.nice)
    # A new namespace is new credentials, and those forget whose death they follow: it comes first.
    layers = [_leave_network(), _drop_capabilities()]
    layers += [_die_with_parent(wall), _no_orphans(), _limit_resources(wall), _no_new_privileges()]
    layers += _shut_files_and_network(wall)
    layers.append(_filter_calls(wall))
    if wall.report_fd >= 0:
        os.write(wall.report_fd, json.dumps([asdict(layer) for layer in layers]).encode())
        os.close(wall.report_fd)
    return layers


@functools.cache
def own_network() -> Layer:
    """Whether a child gets a network namespace here: tried once, by a process that does nothing else."""
    asked = [sys.executable, "-I", "-S", "-B", str(Path(__file__).resolve()), NAMESPACE_QUESTION]
    _, status = os.waitpid(os.posix_spawn(sys.executable, asked, {}), 0)
    number = os.waitstatus_to_exitcode(status)
    said = "tried at the start" if number == 0 else f"this host gives no network namespace: {os.strerror(abs(number))}"
    return Layer("own-network", stands=number == 0, detail=said)


def layers() -> list[Layer]:
    """What a child started now would stand behind, for the health page and the log. Starts no child."""
    from transcode.calls import seccomp_program  # not above: this file is a program that stands alone, too

    version = landlock_version()
    linux = sys.platform == "linux"
    found = [
        own_network() if linux else Layer("own-network", stands=False, detail=platform.system()),
        Layer("landlock-files", stands=version >= 1, detail=f"ABI {version}" if version else "not in this kernel"),
        *_older_than(version),
        Layer("seccomp", stands=bool(seccomp_program()), detail="libseccomp" if seccomp_program() else "not found"),
        _no_orphans(),
    ]
    plain = ("no-capabilities", "rlimits", "no-new-privileges", "parent-death", "own-session", "own-environment")
    found += [Layer(name, stands=linux, detail="Linux" if linux else platform.system()) for name in plain]
    return found


def missing(found: Iterable[Layer]) -> tuple[str, ...]:
    """The names of the layers that do not stand."""
    return tuple(layer.name for layer in found if not layer.stands)


def become(program: Sequence[str], wall: Wall) -> NoReturn:
    """Wall this process in and become a program."""
    put_on(wall)
    for number in (signal.SIGXFSZ, signal.SIGPIPE):
        # Python ignores both and a program would inherit that: it must die of them instead.
        signal.signal(number, signal.SIG_DFL)
    os.execv(program[0], list(program))  # noqa: S606 - no shell; Landlock has named the programs


def main(arguments: Sequence[str]) -> None:
    """Say by the exit code whether there is a network namespace to go into."""
    if arguments == [NAMESPACE_QUESTION]:
        sys.exit(0 if _leave_network().stands else ctypes.get_errno())


if __name__ == "__main__":
    main(sys.argv[1:])
