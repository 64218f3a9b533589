"""What a child may not ask of the kernel, compiled for this machine.

A decoder reads, computes and writes. It makes no connection, looks into no other process and starts none (threads it
may), goes into no session where its parent's kill would not find it, loosens nothing of its wall, and marks, locks and
watches no file: Landlock says nothing of a file's mode, owner, times, attributes and locks.
"""

from __future__ import annotations

import base64
import errno
import functools
import tempfile
from typing import Any, Final

# execve stays open: a child becomes FFmpeg through it, and Landlock already says which programs those may be.
DENIED_CALLS: Final = (
    "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg",
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
    "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "open_tree", "move_mount", "fsopen", "fsmount",
    "io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "perf_event_open", "userfaultfd",
    "keyctl", "add_key", "request_key", "open_by_handle_at", "name_to_handle_at",
    "init_module", "finit_module", "delete_module", "kexec_load", "reboot", "swapon", "swapoff",
    "settimeofday", "clock_settime", "adjtimex", "acct", "quotactl", "personality",
    "fork", "vfork", "setsid", "setpgid",
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
    "utime", "utimes", "futimesat", "utimensat", "file_setattr",
    "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat",
    "setpriority", "ioprio_set", "process_madvise", "migrate_pages", "move_pages",
    "flock", "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "fanotify_init", "fanotify_mark",
)  # fmt: skip
ITS_OWN_ALONE: Final = (
    "prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
)  # fmt: skip
"""What it may ask for itself, by the number 0, and for no process by its number."""
NEWER: Final = {"clone3": 435, "fchmodat2": 452, "setxattrat": 463, "removexattrat": 466, "file_setattr": 469}
"""Calls that an older libseccomp does not know by name. One number on every machine (kernel, scripts/syscall.tbl)."""
CLONE_THREAD: Final = 0x0001_0000
NAME_OF_A_THREAD: Final = (15, 16)
"""PR_SET_NAME and PR_GET_NAME, all that a child asks of prctl. The rest could take back what the wall has set, such as
whose death it follows and to whom what it leaves behind falls (prctl(2)); the wall sets it before the filter stands."""
DENIED_COMMANDS: Final = {
    "F_SETLK": 6, "F_SETLKW": 7, "F_SETOWN": 8, "F_SETSIG": 10, "F_SETOWN_EX": 15, "F_OFD_SETLK": 37,
    "F_OFD_SETLKW": 38, "F_SETLEASE": 1024, "F_NOTIFY": 1026, "F_CANCELLK": 1029,
}  # fmt: skip
"""Of fcntl: locks, leases and watches on files that may be read, and signals to whatever process (fcntl(2))."""
LAST_COMMAND: Final = 1034
"""F_GET_SEALS. What comes after it are hints that are kept with a file, delegations, and what is not known yet."""
OF_A_TERMINAL: Final = 0x54
"""The kind of the ioctls that all descriptors share: a terminal or not, close on exec, do not wait (ioctl_list(2))."""
DENIED_OF_A_TERMINAL: Final = {"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C, "FIOASYNC": 0x5452}
OF_FILES: Final = {
    "attributes": 0x66, "extended attributes": 0x58, "version": 0x76, "FAT": 0x72, "clones, Btrfs": 0x94, "F2FS": 0xF5,
    "blocks": 0x12, "Ceph": 0x97, "SMB": 0xCF, "OCFS2": 0x6F, "ReiserFS": 0xCD, "owner of a socket": 0x89,
}  # fmt: skip
"""The kinds by which file systems are asked to change a file, however it was opened (kernel documentation,
userspace-api/ioctl/ioctl-number). A driver's own are of others."""
KIND: Final = 0xFF00
WHOLE: Final = 0xFFFF_FFFF
"""The kernel looks at the lower half of such an argument alone: so must a rule, or the upper half leads past it."""


@functools.cache
def seccomp_program(*, has_devices: bool = False) -> str:
    """The filter, compiled for this machine and encoded for a Wall; empty where libseccomp is missing.

    A child that has devices may ask their drivers, in whatever numbers they have.
    """
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):
        return ""
    rules = pyseccomp.SyscallFilter(defaction=pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(errno.EPERM)
    for call in DENIED_CALLS:
        _add(rules, refused, call)
    for call in ITS_OWN_ALONE:
        _add(rules, refused, call, pyseccomp.Arg(0, pyseccomp.NE, 0))
    _add(rules, refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, 0))
    # Its flags lie in memory, where a filter cannot look: as if the kernel had none, so that the C library asks clone.
    _add(rules, pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    _shut_options(rules, refused, has_devices=has_devices)
    with tempfile.TemporaryFile() as kept:
        rules.export_bpf(kept)
        kept.seek(0)
        return base64.b64encode(kept.read()).decode()


def _shut_options(rules: Any, refused: int, *, has_devices: bool) -> None:
    """Of the calls that are many calls in one: what a child needs of each, or all but what it must not."""
    from pyseccomp import GE, GT, LT, MASKED_EQ, Arg

    first, last = NAME_OF_A_THREAD
    _add(rules, refused, "prctl", Arg(0, LT, first))
    _add(rules, refused, "prctl", Arg(0, GT, last))
    for command in DENIED_COMMANDS.values():
        _add(rules, refused, "fcntl", Arg(1, MASKED_EQ, WHOLE, command))
    _add(rules, refused, "fcntl", Arg(1, GE, LAST_COMMAND + 1))
    for request in DENIED_OF_A_TERMINAL.values():
        _add(rules, refused, "ioctl", Arg(1, MASKED_EQ, WHOLE, request))
    if has_devices:
        for kind in OF_FILES.values():
            _add(rules, refused, "ioctl", Arg(1, MASKED_EQ, KIND, kind << 8))
        return
    for bit in (1 << place for place in range(8, 16)):  # each kind that differs in any of its bits
        _add(rules, refused, "ioctl", Arg(1, MASKED_EQ, bit, ~(OF_A_TERMINAL << 8) & bit))


def _add(rules: Any, action: int, call: str, *arguments: Any) -> None:  # pyseccomp says nothing of its types
    """One rule, where this machine has such a call."""
    import pyseccomp

    number = NEWER.get(call, -1)
    if number < 0:
        try:
            number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, call)
        except (ValueError, OSError):
            return
    if number >= 0:
        rules.add_rule(action, number, *arguments)
