"""How many encodes at once: from cores and memory, whatever grants them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from evidence.identifiers import new_id
from evidence.jobs.upkeep import AGE_CAP
from evidence.vocabulary import RenditionMethod
from transcode.machine import look
from transcode.nudges import RENDER_PRIORITY, STEPS, longest_first, render_request
from transcode.room import ENCODE, GIB, MIB, Room, bytes_for, left_for_encodes, slots_for
from transcode.urgency import BY_REASON, DOCKED_LIVE, INTERVIEW

HOUR = 3600 * 30 * 1920 * 1080


def slots(cores: float, memory: int, asked: int | None = None) -> tuple[int, str]:
    """Count and reason."""
    found = slots_for(cores=cores, cores_by="its affinity", memory=memory, memory_by="the machine", asked=asked)
    return found.count, found.because


@pytest.mark.parametrize(
    ("cores", "memory", "count"),
    [
        (2, 24 * GIB, 2),
        (0.5, 24 * GIB, 1),
        (2.5, 24 * GIB, 2),
        (64, 256 * GIB, 64),
        (64, 8 * GIB, 12),
        (8, GIB, 1),
        (1024, 1 << 50, 256),
    ],
)
def test_one_a_core_as_far_as_memory_carries_them(cores: float, memory: int, count: int) -> None:
    assert slots(cores, memory)[0] == count


def test_the_reason_names_what_limits() -> None:
    assert slots(64, 8 * GIB)[1] == (
        "one for each of 64 cores (its affinity) would be 64, and memory (8.0 GiB by the machine) carries 12"
    )
    assert slots(2, 24 * GIB)[1].startswith("one for each of 2 cores (its affinity); memory")


def test_what_a_setting_says_is_done() -> None:
    assert slots(2, GIB, asked=7)[0] == 7
    assert "CONTINUITY_TRANSCODE_SLOTS says 7" in slots(2, GIB, asked=7)[1]


def test_the_rest_of_the_system_keeps_its_memory() -> None:
    assert left_for_encodes(16 * GIB) == 12 * GIB
    assert left_for_encodes(2 * GIB) == GIB
    assert left_for_encodes(0) == ENCODE


def test_larger_pictures_are_counted_with_more() -> None:
    assert bytes_for(320, 240) == ENCODE
    assert bytes_for(7680, 4320) > 2 * GIB


# --- what the machine grants


def tree(root: Path, **files: str) -> Path:
    """A /proc and /sys of its own: underscores in a name stand for slashes, doubled ones for one."""
    for name, body in {"proc/meminfo": "MemTotal:       16777216 kB\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    return root


def test_without_control_groups_it_is_the_machine(tmp_path: Path) -> None:
    found = look(tree(tmp_path))
    assert (found.memory, found.memory_by) == (16 * GIB, "the machine")
    assert found.cores_by == "its affinity"
    assert found.cores >= 1


def test_version_2_limits_at_any_height_count(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/kube/pod/box\n",
        "sys/fs/cgroup/kube/pod/box/cpu.max": "max 100000\n",
        "sys/fs/cgroup/kube/pod/cpu.max": "50000 100000\n",
        "sys/fs/cgroup/kube/pod/box/memory.max": "max\n",
        "sys/fs/cgroup/kube/memory.max": f"{3 * GIB}\n",
        "sys/fs/cgroup/kube/pod/box/memory.high": f"{2 * GIB}\n",
    }
    found = look(tree(tmp_path, **files))
    assert found.cores == 0.5
    assert found.cores_by == "the quota of its control group (50000/100000)"
    assert (found.memory, found.memory_by) == (2 * GIB, "memory.high of its control group")


def test_version_1_limits_count_where_the_path_is_the_host_s(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "25000\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
    }
    found = look(tree(tmp_path, **files))
    assert found.cores == 0.25
    assert (found.memory, found.memory_by) == (GIB, "memory.limit_in_bytes of its control group")


def test_version_1_without_limits(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/\n3:cpu,cpuacct:/\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    found = look(tree(tmp_path, **files))
    assert (found.memory, found.cores_by) == (16 * GIB, "its affinity")


# --- memory is shared


def test_encodes_wait_for_each_other_s_memory() -> None:
    room, entered, leave = Room(100 * MIB), threading.Event(), threading.Event()

    def other() -> None:
        with room.of(60 * MIB, threading.Event()) as let_in:
            assert let_in
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(10)
    called_off = threading.Event()
    called_off.set()
    with room.of(60 * MIB, called_off) as let_in:
        assert not let_in, "there is no room, and it was called off"
    with room.of(40 * MIB, threading.Event()) as let_in:
        assert let_in
    leave.set()
    with room.of(200 * MIB, threading.Event()) as let_in:
        assert let_in, "larger than the whole room, and alone"
    thread.join(10)
    assert room.taken == 0


def test_encodes_take_turns_and_what_is_urgent_waits_for_none() -> None:
    room, called_off, never = Room(GIB, seats=1), threading.Event(), threading.Event()
    called_off.set()
    with room.of(MIB, never) as first:
        assert first
        with room.of(MIB, called_off) as second:
            assert not second, "the only seat is taken, and it was called off"
        with room.of(MIB, never, at_once=True) as urgent:
            assert urgent
    with room.of(MIB, called_off) as last:
        assert last, "both seats are given back"
    with room.of(MIB, never, at_once=True), room.of(MIB, never, at_once=True), room.of(MIB, called_off) as own:
        assert own, "one seat is bulk's own"
        with room.of(MIB, called_off) as second:
            assert not second
    assert (room.waited, room.unasked, room.taken) == (0, 0, 0)


def test_others_stand_aside_until_encodes_pause_or_have_run_for_long() -> None:
    room, never = Room(GIB, seats=2), threading.Event()
    with room.of(MIB, never):
        room.stand_aside(never, most=60)  # a seat is free
    with room.of(MIB, never), room.of(MIB, never):
        room.stand_aside(never, most=0)
        called_off = threading.Event()
        called_off.set()
        room.stand_aside(called_off, most=60)
        aside = threading.Thread(target=lambda: room.stand_aside(never, most=60))
        aside.start()
        aside.join(0.5)
        assert aside.is_alive()
    aside.join(10)
    assert not aside.is_alive()


# --- longest first


def test_the_longest_goes_first_within_its_class() -> None:
    sizes = [0, HOUR // 3600, HOUR // 60, HOUR // 4, HOUR, 12 * HOUR, 10**18]
    steps = [longest_first(size) for size in sizes]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, STEPS)
    assert len(set(steps)) >= 5


def test_no_length_reaches_another_class_or_outlives_ageing() -> None:
    wanted = render_request(new_id(), method=RenditionMethod.TRANSCODE, urgent=0, pixels=10**18)
    assert wanted.priority == RENDER_PRIORITY + STEPS < AGE_CAP
    least = min(priority for priority, _ in (*BY_REASON.values(), DOCKED_LIVE, INTERVIEW))
    urgent = render_request(new_id(), method=RenditionMethod.TRANSCODE, urgent=least, pixels=0)
    assert urgent.priority > wanted.priority
