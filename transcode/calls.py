"""What a child may not ask of the kernel, compiled for this machine.

A decoder reads, computes and writes. It makes no connection, looks into no other process and starts none (threads it
may), goes into no session where its parent's kill would not find it, and marks no file that it did not make: Landlock
says nothing of a file's mode, owner, times and attributes.
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
)  # fmt: skip
ITS_OWN_ALONE: Final = (
    "prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
)  # fmt: skip
"""What it may ask for itself, by the number 0, and for no process by its number."""
NEWER: Final = {"clone3": 435, "fchmodat2": 452, "setxattrat": 463, "removexattrat": 466, "file_setattr": 469}
"""Calls that an older libseccomp does not know by name. One number on every machine (kernel, scripts/syscall.tbl)."""
CLONE_THREAD: Final = 0x0001_0000


@functools.cache
def seccomp_program() -> str:
    """The filter, compiled for this machine and encoded for a Wall; empty where libseccomp is missing."""
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
    with tempfile.TemporaryFile() as kept:
        rules.export_bpf(kept)
        kept.seek(0)
        return base64.b64encode(kept.read()).decode()


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
