"""The wall around children, and every way in which one can end. Real kernels, real processes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.vocabulary import Condition
from tests.support.media import POINTERS, Footage
from tests.support.walls import PYTHON, wall_for_python
from transcode import calls, child, ffmpeg, sandbox
from transcode.child import Command, Listener
from transcode.ending import How
from transcode.errors import ChildBroke, SandboxRefused
from transcode.probe import examine
from transcode.ranges import FileRanges
from transcode.sandbox import Wall
from transcode.settings import TranscodeSettings

REPOSITORY = Path(__file__).resolve().parents[3]
WALL = Wall(cpu_seconds=20, address_space=2 << 30, file_size=1 << 20, may_run=sandbox.SYSTEM_FOLDERS)
HAS_LANDLOCK = sandbox.landlock_version() >= 1

needs_landlock = pytest.mark.skipif(not HAS_LANDLOCK, reason="this kernel offers no Landlock")


def shell(script: str, *, wall: Wall = WALL, seconds: float = 20, listener: Listener | None = None) -> child.Ending:
    """Run a script behind the wall, as FFmpeg would run."""
    command = Command(argv=("/bin/sh", "-c", script), wall=wall, seconds=seconds)
    return child.run(command, listener)


needs_filter = pytest.mark.skipif(not calls.seccomp_program(), reason="libseccomp is not here")


@pytest.fixture
def without_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where libseccomp is missing: the other layers by themselves, and a shell may start programs."""
    monkeypatch.setattr(calls, "seccomp_program", lambda **_: "")


def test_each_layer_is_named_whether_it_stands_or_not() -> None:
    names = {layer.name for layer in sandbox.layers()}
    assert {"landlock-files", "landlock-tcp", "seccomp", "rlimits", "no-new-privileges", "parent-death"} <= names


def test_a_child_reports_the_layers_that_it_really_put_on() -> None:
    ending = shell("exit 0")
    reported = {layer.name: layer.stands for layer in ending.layers}
    assert reported == {layer.name: layer.stands for layer in sandbox.layers()}


def test_settings_can_demand_the_wall(settings: TranscodeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    from transcode.probe import insist_on_wall

    monkeypatch.setattr(sandbox, "landlock_version", lambda: 0)
    insist_on_wall(settings)
    with pytest.raises(SandboxRefused) as refused:
        insist_on_wall(settings.model_copy(update={"sandbox": "required"}))
    assert "landlock-files" in refused.value.missing


@needs_landlock
@pytest.mark.usefixtures("without_filter")
def test_a_neighbour_cannot_be_read(tmp_path: Path) -> None:
    mine, neighbour = tmp_path / "mine", tmp_path / "neighbour"
    mine.write_text("mine")
    neighbour.write_text("another officer's")
    ending = shell(f"cat {mine}; cat {neighbour}; ls {tmp_path}", wall=replace(WALL, may_read=(str(mine),)))
    assert ending.output == b"mine"
    assert sum("ermission denied" in line for line in ending.messages) == 2


@needs_landlock
def test_only_the_output_folder_can_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    script = f"echo a > {folder}/a; echo b > {tmp_path}/b; ln -s /etc/passwd {folder}/link"
    shell(script, wall=replace(WALL, may_write=(str(folder),)))
    assert [each.name for each in tmp_path.rglob("*") if not each.is_dir()] == ["a"]


@needs_filter
def test_no_socket_of_any_kind_can_be_made() -> None:
    program = "import socket\nfor kind in (1, 2):\n  try: socket.socket(2, kind)\n  except OSError as e: print(e.errno)"
    wall = wall_for_python(file_size=1 << 20)
    ending = child.run(Command(argv=(PYTHON, "-I", "-c", program), wall=wall, seconds=20))
    assert ending.output.split() == [b"1", b"1"], ending


def test_the_child_knows_nothing_of_its_parent_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUITY_S3_INGEST_SECRET", "hidden")
    assert b"hidden" not in shell("env").output


@pytest.mark.usefixtures("without_filter")
def test_a_child_that_takes_too_long_is_killed_with_all_its_children(tmp_path: Path) -> None:
    ending = shell("sleep 60 & sleep 60", seconds=0.5)
    assert ending.how is How.TIMED_OUT
    assert ending.seconds < 5


def test_a_child_that_lets_go_of_its_pipes_is_still_stopped() -> None:
    ending = shell("exec >/dev/null 2>/dev/null; exec sleep 60", seconds=0.5)
    assert ending.how is How.TIMED_OUT


def test_work_that_is_called_off_ends_at_once() -> None:
    stopping = threading.Event()
    threading.Timer(0.3, stopping.set).start()
    ending = shell("exec sleep 60", listener=Listener(stopping=stopping))
    assert ending.how is How.STOPPED
    assert ending.seconds < 5


def test_a_child_dies_with_its_parent() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from transcode import child, sandbox\n"
        "wall = sandbox.Wall(cpu_seconds=20, address_space=2 << 30, file_size=0, may_run=sandbox.SYSTEM_FOLDERS)\n"
        "say = child.Listener(output=lambda data: print(data.decode().strip(), flush=True))\n"
        "child.run(child.Command(argv=('/bin/sh', '-c', 'echo $$; exec sleep 60'), wall=wall, seconds=60), say)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(REPOSITORY)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    number = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    end = time.monotonic() + 10
    while _lives(number):
        assert time.monotonic() < end, "the child outlived its parent"
        time.sleep(0.02)
    parent.stdout.close()


def _lives(number: int) -> bool:
    status = Path(f"/proc/{number}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("exit 0", How.CLEAN),
        ("echo trouble >&2", How.WITH_MESSAGES),
        ("exit 3", How.EXIT_CODE),
        ("kill -SEGV $$", How.SIGNAL),
        ("kill -XFSZ $$", How.FILE_LIMIT),
    ],
)
def test_every_ending_is_told_apart(script: str, how: How) -> None:
    assert shell(script).how is how


def test_a_child_that_works_without_end_meets_its_cpu_limit() -> None:
    ending = shell("while :; do :; done", wall=replace(WALL, cpu_seconds=1), seconds=90)
    assert ending.how is How.CPU_LIMIT
    assert 0.9 < ending.cpu_seconds < 4


def test_a_child_cannot_write_more_than_the_plan_allows(tmp_path: Path) -> None:
    ending = shell(
        f"exec cat /dev/zero > {tmp_path}/a", wall=replace(WALL, may_write=(str(tmp_path),), may_read=("/dev/zero",))
    )
    assert ending.how is How.FILE_LIMIT
    assert (tmp_path / "a").stat().st_size == WALL.file_size


def test_a_child_that_talks_without_end_is_stopped() -> None:
    command = Command(argv=("/bin/sh", "-c", "exec yes"), wall=WALL, seconds=20, output_limit=100_000)
    assert child.run(command).how is How.TOO_MUCH_OUTPUT


def test_a_child_gets_no_more_of_the_master_than_its_budget(footage: Footage) -> None:
    with FileRanges(footage.of("plain.mp4")) as ranges:
        command = Command(inside="probe", wall=replace(WALL, file_size=0), seconds=20, reads=ranges, read_budget=1000)
        assert child.run(command).how is How.TOO_MUCH_READ


def test_a_master_that_cannot_be_read_ends_the_child_and_is_said(footage: Footage) -> None:
    class Away:
        size = 1 << 20

        def read_at(self, offset: int, length: int) -> bytes:
            raise ConnectionError("the store is away")

    command = Command(inside="probe", wall=replace(WALL, file_size=0), seconds=20, reads=Away(), read_budget=1 << 30)
    with pytest.raises(ConnectionError):
        child.run(command)


def test_a_master_is_examined_by_ranges_and_not_downloaded(settings: TranscodeSettings, footage: Footage) -> None:
    class Large:
        """The film, followed by three gigabytes that nobody should ask for."""

        def __init__(self, path: Path) -> None:
            self.head, self.size = path.read_bytes(), 3 << 30

        def read_at(self, offset: int, length: int) -> bytes:
            length = min(length, self.size - offset)
            return self.head[offset : offset + length].ljust(length, b"\x00")

    found = examine(Large(footage.of("index-first.mp4")), settings)
    assert found.facts is not None
    assert found.facts.pictures
    assert found.ending.bytes_served < 64 << 20


def test_nonsense_is_not_an_ffmpeg(settings: TranscodeSettings, tmp_path: Path) -> None:
    from transcode.errors import SettingsRefused

    for path in (str(tmp_path / "missing"), shutil.which("true") or "/bin/true"):
        with pytest.raises(SettingsRefused, match="CONTINUITY_FFMPEG"):
            ffmpeg.tool(settings.model_copy(update={"ffmpeg": path}))


TRACED = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from pathlib import Path\n"
    "from transcode.probe import examine\n"
    "from transcode.ranges import FileRanges\n"
    "from transcode.settings import TranscodeSettings\n"
    "settings = TranscodeSettings.read()\n"
    "for name in sys.argv[2:]:\n"
    "    with FileRanges(Path(name)) as ranges:\n"
    "        print(examine(ranges, settings).verdict.condition)\n"
)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_no_pointer_leads_anywhere(footage: Footage, tmp_path: Path) -> None:
    """Watched from outside: no neighbour is opened, nothing is connected to."""
    shutil.copy(footage.of("mpeg2.ts"), tmp_path / "neighbour.ts")
    for name in POINTERS:
        shutil.copy(footage.of(name), tmp_path / name)
    log = tmp_path / "trace"
    watched = ["strace", "-f", "-o", str(log), "-e", "trace=openat,open,connect,bind"]
    told = [sys.executable, "-c", TRACED, str(REPOSITORY), *(str(tmp_path / name) for name in POINTERS)]
    done = subprocess.run([*watched, *told], capture_output=True, text=True, timeout=120, check=True)
    assert len(done.stdout.split()) == len(POINTERS)
    calls = log.read_text().splitlines()
    assert any(str(tmp_path / "hls.mp4") in call for call in calls), "the trace saw nothing"
    assert not [call for call in calls if "neighbour.ts" in call and " = -1 " not in call]
    assert not [call for call in calls if "etc/issue" in call]
    assert not [call for call in calls if "connect(" in call and "AF_INET" in call]
    assert not [call for call in calls if "bind(" in call and "AF_INET" in call]


def test_the_format_list_refuses_scripts_that_the_first_bytes_do_not_show(
    settings: TranscodeSettings, footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second line of defence, tried with the first one taken away."""
    from transcode import probe
    from transcode.signature import Seems, Signature

    monkeypatch.setattr(probe, "signature", lambda *_: Signature(Seems.TEXT, "plain text"))
    for name in POINTERS:
        with FileRanges(footage.of(name)) as ranges:
            found = examine(ranges, settings)
        assert found.facts is None, name


def test_the_memory_of_every_examination_is_bounded(settings: TranscodeSettings, footage: Footage) -> None:
    for name in ("picture-bomb.mov", "plain.mp4", "gap.mov"):
        with FileRanges(footage.of(name)) as ranges:
            assert examine(ranges, settings).ending.peak_memory < 512 << 20, name


def test_what_a_child_held_is_not_what_its_parent_holds(settings: TranscodeSettings, footage: Footage) -> None:
    """The kernel's account of a dead child begins at its parent's: a large worker must not make each child large."""
    held = bytes(400 << 20)
    with FileRanges(footage.of("plain.mp4")) as ranges:
        ending = examine(ranges, settings).ending
    assert 1 << 20 < ending.peak_memory < len(held) // 2


def test_an_examination_that_is_starved_is_no_verdict(settings: TranscodeSettings, footage: Footage) -> None:
    class Slow(FileRanges):
        def read_at(self, offset: int, length: int) -> bytes:
            time.sleep(0.2)
            return super().read_at(offset, length)

    hurried = settings.model_copy(update={"probe_seconds": 0.02})
    with Slow(footage.of("plain.mp4")) as ranges, pytest.raises(ChildBroke) as broke:
        examine(ranges, hurried)
    assert broke.value.try_again


def test_a_child_that_is_held_up_is_waited_for(footage: Footage) -> None:
    """A busy host may stop it in the middle of a request and of an answer: only its deadline ends it."""
    program = (
        "import os, struct, sys, time\n"
        "channel = int(sys.argv[1])\n"
        "asked = struct.pack('<QI', 0, 4 << 20)\n"
        "os.write(channel, asked[:5]); time.sleep(1.2); os.write(channel, asked[5:]); time.sleep(1.2)\n"
        "got = 0\n"
        "while got < (4 << 20) + 4: got += len(os.read(channel, 1 << 16))\n"
        "print(got)\n"
    )

    class Large:
        size = 4 << 20

        def read_at(self, offset: int, length: int) -> bytes:
            return bytes(length)

    wall = wall_for_python(file_size=1 << 20)
    command = Command(
        argv=(PYTHON, "-I", "-c", program, str(child.READS)), wall=wall, seconds=20, reads=Large(), read_budget=1 << 30
    )
    ending = child.run(command)
    assert (ending.how, ending.output.strip()) == (How.CLEAN, b"4194308"), ending
    assert child.run(replace(command, seconds=0.6)).how is How.TIMED_OUT


def test_an_examination_that_breaks_is_a_word_about_that_file_and_no_crash(
    settings: TranscodeSettings, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "run", lambda *_: child.Ending(how=How.EXIT_CODE, code=1, messages=("KeyError: 7",)))
    with FileRanges(footage.of("plain.mp4")) as ranges:
        verdict = examine(ranges, settings).verdict
    assert verdict.condition is Condition.UNKNOWN
    assert "KeyError: 7" in verdict.sentence
