"""Hostile files through the whole path while strace looks on: nothing outside the input, no connection, no fall."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import hostile
from tests.support.media import POINTERS, Footage

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
BOMBS = ("picture-bomb.mov", "gap.mov", "many-streams.ts", "sealed.mkv", "zeros.mp4", "damaged.mp4", "truncated.ts")
FEW_POINTERS = ("hls.mp4", "hls-late.mp4", "concat-plain.mkv")


@pytest.mark.timeout(600)
def test_no_bomb_and_no_pointer_does_harm(footage: Footage, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in (*BOMBS, *FEW_POINTERS):
        shutil.copy(footage.of(name), folder / name)
    shutil.copy(footage.of("mpeg2.ts"), folder / "neighbour.ts")
    assert set(FEW_POINTERS) <= set(POINTERS)
    outcomes = hostile.watched(folder)
    assert [each.name for each in outcomes if each.faults()] == [], hostile.table(outcomes)
    found = {each.name: each for each in outcomes}
    assert found["neighbour.ts"].plan == "transcode"
    assert found["picture-bomb.mov"].condition == "hostile"
    assert all(found[name].plan == "none" for name in FEW_POINTERS)
    assert all(each.sentence for each in outcomes)


def test_what_must_not_be_is_seen_in_a_trace(tmp_path: Path) -> None:
    """The watcher itself can fail: a neighbour that is read, a connection, a bind, a process."""
    mine = hostile.Outcome("mine.mp4", 1, sentence="x")
    trace = [
        f'7 openat(AT_FDCWD, "{hostile.MARK}0", O_RDONLY) = -1 ENOENT',
        '8 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3',
        '8 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3',
        f'7 openat(AT_FDCWD, "{tmp_path}/mine.mp4", O_RDONLY) = 4',
        "8 prctl(PR_SET_PDEATHSIG, SIGKILL) = 0",
        "8 landlock_restrict_self(5, 0) = 0",
        "8 prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, {len=170, filter=0x7f}) = 0",
        '8 prctl(PR_SET_NAME, "av:h264:df0") = 0',
        '8 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3',
        f'8 openat(AT_FDCWD, "{tmp_path}/neighbour.ts", O_RDONLY) = 3',
        f'8 openat(AT_FDCWD, "{tmp_path}/other.ts", O_RDONLY) = -1 EACCES',
        "8 connect(3, {sa_family=AF_INET, sin_port=htons(8099)}, 16) = -1 EPERM",
        "8 bind(3, {sa_family=AF_INET6, sin6_port=htons(0)}, 28) = 0",
        "8 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_THREAD|CLONE_SETTLS, tls=0x7f) = 9",
        "9 prlimit64(0, RLIMIT_NOFILE, NULL, {rlim_cur=64, rlim_max=64}) = 0",
        "9 prlimit64(4711, RLIMIT_NOFILE, {rlim_cur=7, rlim_max=7}, NULL) = 0",
        "9 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f) = 10",
        "8 setsid() = -1 EPERM",
        '8 chmod("/srv/neighbour.ts", 0777) = 0',
        "8 prctl(PR_SET_PDEATHSIG, 0) = 0",
        "8 flock(3, LOCK_EX) = 0",
        "7 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f) = 11",
    ]
    hostile.judge([mine], iter(trace), tmp_path, ())
    assert mine.opened == ["/etc/passwd", f"{tmp_path}/neighbour.ts"]
    assert len(mine.network) == 2
    assert mine.outside == ["prlimit64", "clone", "chmod", "prctl", "flock"]
    assert len(mine.faults()) == 9
    fallen = hostile.Outcome("a", 1, children=[{"task": "probe", "how": "signal", "peak": 2, "limit": 1}])
    assert fallen.faults() == ["probe fell over", "probe held 2 bytes"]


def test_a_call_during_which_others_call_is_seen_as_any_other(tmp_path: Path) -> None:
    mine = hostile.Outcome("mine.mp4", 1, sentence="x")
    trace = [
        f'7 openat(AT_FDCWD, "{hostile.MARK}0", O_RDONLY <unfinished ...>\n',
        '8 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC <unfinished ...>\n',
        "7 <... openat resumed>) = -1 ENOENT (No such file or directory)\n",
        "8 <... openat resumed>) = 3\n",
        '8 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3\n',
        "8 landlock_restrict_self(5, 0 <unfinished ...>\n",
        "7 setsid() = 7\n",
        "8 <... landlock_restrict_self resumed>) = 0\n",
        f'8 openat(AT_FDCWD, "{tmp_path}/neighbour.ts", O_RDONLY <unfinished ...>\n',
        "7 setsid() = 7\n",
        "8 <... openat resumed>) = 3\n",
    ]
    hostile.judge([mine], iter(trace), tmp_path, ())
    assert mine.opened == [f"{tmp_path}/neighbour.ts"]
    assert mine.outside == []


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.timeout(3600)
def test_no_hostile_file_does_harm(shared_media: Path) -> None:
    outcomes = hostile.watched(shared_media / "hostile")
    print(hostile.table(outcomes))  # noqa: T201 - the table is the point
    assert len(outcomes) > 100
    assert [each.name for each in outcomes if each.faults()] == []
