"""Puts hostile files through the product while the system's own calls are watched: `python -m tests.support.hostile`.

Each file is examined, planned, copied or encoded, and looked through for pictures, as the product does it. From
outside, strace sees every file that any process opens, every connection that it tries, and what a child does to other
processes and files once it is walled in. A table is printed and build/hostile.json written; the exit code is 1 where
anything was found that must not be.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from evidence.vocabulary import RenditionMethod
from transcode import child
from transcode.child import Command, Listener
from transcode.ending import Ending, How
from transcode.errors import OutputUntrue, RenderFailed
from transcode.making import Source, Work, make
from transcode.pictures import survey
from transcode.plan import Plan, decide, fallback
from transcode.probe import Examination, examine
from transcode.ranges import FileRanges
from transcode.scratch import scratch
from transcode.settings import TranscodeSettings
from transcode.starter import starter
from transcode.storyboard import storyboard

REPOSITORY: Final = Path(__file__).resolve().parents[2]
RESULT: Final = REPOSITORY / "build" / "hostile.json"
MARK: Final = "/hostile-file-number/"
"""Opened, and never there: so the trace knows which file the calls behind it belong to."""
WATCHED: Final = (
    "strace",
    "-f",
    "-qq",
    "-s",
    "400",
    "-e",
    "trace=openat,open,openat2,connect,bind,landlock_restrict_self,clone,?fork,?vfork,clone3,setsid,setpgid,prlimit64,"
    "?chmod,fchmod,fchmodat,?chown,fchown,fchownat,utimensat,setxattr,fsetxattr,removexattr,fremovexattr,"
    "prctl,flock,?inotify_init,inotify_init1,fanotify_init",
)
HARMLESS: Final[dict[str, str | tuple[str, ...]]] = {
    "prlimit64": "0,", "prctl": ("PR_SET_NAME,", "PR_GET_NAME,", "PR_SET_SECCOMP,"),
}  # fmt: skip
OPENING: Final = ("openat", "open", "openat2")
CALL: Final = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<told>.*)\) += (?P<result>-?\d+)")
UNFINISHED: Final = re.compile(r"^(?P<pid>\d+) +(?P<begun>\w+\(.*) <unfinished \.\.\.>$")
RESUMED: Final = re.compile(r"^(?P<pid>\d+) +<\.\.\. \w+ resumed>(?P<rest>.*)$")
OPENED: Final = re.compile(r'"(?P<path>(?:[^"\\]|\\.)*)"')
SYSTEM: Final = ("/usr/", "/lib", "/bin/", "/proc/", "/sys/", "/dev/null", "/dev/urandom")
SYSTEM_FILES: Final = ("/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/openssl.cnf", "/dev/null")
STARTING: Final = ("/etc/nsswitch.conf", "/etc/passwd", str(REPOSITORY))
"""What Python opens while it starts, before a child is walled in and long before it sees a master."""
LONGEST_HOURS: Final = 0.02
"""A bomb of hours of genuine video is worth a minute: that its time is up is a result too."""


@dataclass(slots=True)
class Outcome:
    """What became of one file. `children`: task, how it ended, most memory and its limit (bytes), seconds."""

    name: str
    size: int
    condition: str = ""
    sentence: str = ""
    plan: str = "–"
    made: str = "–"
    pictures: str = "–"
    children: list[dict[str, Any]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    network: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    left: int = 0

    def faults(self) -> list[str]:
        """What must not be."""
        found = [f"{each['task']} fell over" for each in self.children if each["how"] == How.SIGNAL]
        found += [
            f"{each['task']} held {each['peak']:,} bytes" for each in self.children if each["peak"] > each["limit"]
        ]
        found += [f"opened {path}" for path in self.opened] + [f"tried {call}" for call in self.network]
        found += [f"did {call} behind the wall" for call in self.outside]
        found += [f"left {self.left} processes"] if self.left else []
        return found if self.children or self.sentence else [*found, "nothing is known of it"]


def put_through(folder: Path, result: Path, scratch_folder: Path) -> None:
    """Every file of a folder through the product, in this process; outcomes into `result`."""
    settings = TranscodeSettings(scratch=scratch_folder, longest_hours=LONGEST_HOURS)
    outcomes = []
    for number, path in enumerate(sorted(each for each in folder.iterdir() if each.is_file())):
        outcome = Outcome(path.name, path.stat().st_size)
        listen_to(outcome)
        with_mark(number)
        one(path, outcome, settings)
        outcome.left = len(Path(f"/proc/{(pid := starter().pid)}/task/{pid}/children").read_text("ascii").split())
        outcomes.append(asdict(outcome))
        result.write_text(json.dumps(outcomes), encoding="utf-8")


def with_mark(number: int) -> None:
    """Leave a mark in the trace."""
    try:
        os.close(os.open(f"{MARK}{number}", os.O_RDONLY))
    except FileNotFoundError:
        return


REAL: Final = child.run


def listen_to(outcome: Outcome) -> None:
    """Write down every child from now on with this outcome, and let it do what it does."""

    def run(command: Command, listener: Listener | None = None) -> Ending:
        ending = REAL(command, listener)
        limit = command.wall.address_space
        told = {"task": command.doing, "how": ending.how.value, "peak": ending.peak_memory, "limit": limit}
        outcome.children.append({**told, "seconds": round(ending.seconds, 2)})
        return ending

    child.run = run


def one(path: Path, outcome: Outcome, settings: TranscodeSettings) -> None:
    """One file: examined, planned, copied or encoded, and looked through."""
    with FileRanges(path) as ranges:
        found = examine(ranges, settings)
        plan = decide(found.facts, found.verdict.condition, longest_hours=settings.longest_hours)
        outcome.condition, outcome.sentence = found.verdict.condition.value, found.verdict.sentence
        outcome.plan = plan.method.value if isinstance(plan, Plan) else "none"
        if found.facts is None or not isinstance(plan, Plan):
            return
        if plan.method is not RenditionMethod.DIRECT:
            outcome.made = made(path, found, plan, settings)
        with scratch(settings, needed=0) as folder:
            board = storyboard(found.facts) if found.facts.pictures else None
            outcome.pictures = child.run(
                survey(ranges, found.facts, folder, settings, board=board, count=True)
            ).how.value


def made(path: Path, found: Examination, plan: Plan, settings: TranscodeSettings) -> str:
    """Make the copy as the story would, with its one fall-back; in words what came of it."""
    assert found.facts is not None
    body, said = path.read_bytes(), ""
    again = fallback(found.facts, "copying did not succeed", longest_hours=settings.longest_hours)
    for attempt in (plan, again) if plan.method is RenditionMethod.REMUX else (plan,):
        with scratch(settings, needed=0) as folder, FileRanges(path) as ranges:
            digest = hashlib.sha256(body).hexdigest()
            source = Source(ranges=ranges, stream=lambda: iter([body]), sha256=digest, size=len(body))
            work = Work(
                plan=attempt,
                facts=found.facts,
                condition=found.verdict.condition,
                source=source,
                folder=folder,
                settings=settings,
                look=True,
            )
            try:
                return f"{attempt.method.value}, {make(work).checked.agreement.copy_frames} frames"
            except RenderFailed as error:
                said = f"{attempt.method.value} not made: {error.ending.how.value}"
            except OutputUntrue as error:
                said = f"{attempt.method.value} not kept: {error}"
    return said


def watched(folder: Path) -> list[Outcome]:
    """Put a folder through in a process that strace watches. Raises CalledProcessError where that process fell."""
    with tempfile.TemporaryDirectory() as place:
        trace, result, rooms = Path(place, "trace"), Path(place, "result.json"), Path(place, "scratch")
        told = [sys.executable, "-m", "tests.support.hostile", "--inside", str(folder), str(result), str(rooms)]
        subprocess.run(
            [*WATCHED, "-o", str(trace), *told], check=True, cwd=REPOSITORY, env={**os.environ, "TMPDIR": place}
        )
        outcomes = [Outcome(**each) for each in json.loads(result.read_text("utf-8"))]
        with trace.open(encoding="utf-8", errors="replace") as lines:
            judge(outcomes, lines, folder, (place, *ours()))
    return outcomes


def ours() -> tuple[str, ...]:
    """Where our own code and what it imports lie."""
    found = (sys.prefix, sys.base_prefix, os.path.realpath(sys.prefix), *(str(REPOSITORY / room) for room in ROOMS))
    return tuple(dict.fromkeys(found))


ROOMS: Final = ("transcode", "evidence", "tests", ".venv", "ffmpeg", "av")


def judge(outcomes: list[Outcome], lines: Iterator[str], folder: Path, allowed: tuple[str, ...]) -> None:
    """Write into each outcome what its processes opened outside their input, and every connection that was tried."""
    number, marks = -1, 0
    starting: set[str] = set()
    walled: set[str] = set()
    for line in in_one(lines):
        call = CALL.match(line)
        if call is None:
            continue
        pid, told = call["pid"], call["told"]
        path = OPENED.search(told)
        where = path["path"] if path else ""
        walled |= {pid} if call["call"] == "landlock_restrict_self" else set()
        starting = starting - walled | ({pid} if where == "/etc/ld.so.cache" else set())
        if where.startswith(MARK):
            number, marks = int(where.removeprefix(MARK)), marks + 1
        elif number < 0 or (where in STARTING and pid in starting):
            continue
        elif call["call"] in ("connect", "bind"):
            outcomes[number].network += [call[0]] if "AF_INET" in told else []
        elif call["call"] not in OPENING:
            outcomes[number].outside += reached_out(call, walled)
        elif is_read(call) and not is_allowed(where, folder / outcomes[number].name, allowed):
            outcomes[number].opened.append(where)
    assert marks == len(outcomes), "the trace saw nothing"


def in_one(lines: Iterable[str]) -> Iterator[str]:
    """Each call on one line: where another process calls meanwhile, strace writes its beginning and its end apart."""
    begun: dict[str, str] = {}
    for line in map(str.rstrip, lines):
        if unfinished := UNFINISHED.match(line):
            begun[unfinished["pid"]] = unfinished["begun"]
        elif (resumed := RESUMED.match(line)) and resumed["pid"] in begun:
            yield f"{resumed['pid']} {begun.pop(resumed['pid'])}{resumed['rest']}"
        else:
            yield line


def reached_out(call: re.Match[str], walled: set[str]) -> list[str]:
    """A call of a walled process that succeeded: no thread, name of one, last layer, or look at its own limits."""
    if call["pid"] not in walled or int(call["result"]) < 0 or call["call"] == "landlock_restrict_self":
        return []
    if "CLONE_THREAD" in call["told"]:
        walled.add(call["result"])
        return []
    its_own = call["told"].startswith(HARMLESS.get(call["call"], "\0"))
    return [] if its_own else [call["call"]]


def is_read(call: re.Match[str]) -> bool:
    """It succeeded, and can be read: O_PATH is a place for a rule of Landlock, and gives no byte."""
    return int(call["result"]) >= 0 and "O_PATH" not in call["told"]


def is_allowed(where: str, mine: Path, allowed: tuple[str, ...]) -> bool:
    """The input, the system's libraries, our own code, and the scratch folder of this work."""
    if where in (str(mine), *SYSTEM_FILES) or not where.startswith("/"):
        return True
    return where.startswith(SYSTEM) or any(where == each or where.startswith(f"{each}/") for each in allowed)


def table(outcomes: list[Outcome]) -> str:
    """One line for each file."""
    lines = [f"{'file':38} {'condition':9} {'plan':9} {'most memory':>11}  {'what was made':44} faults"]
    for each in outcomes:
        peak = max((told["peak"] for told in each.children), default=0) >> 20
        faults = "; ".join(each.faults()) or "none"
        lines.append(f"{each.name[:38]:38} {each.condition:9} {each.plan:9} {peak:7} MiB  {each.made[:44]:44} {faults}")
    ends: dict[str, int] = {}
    for told in (told for each in outcomes for told in each.children):
        ends[told["how"]] = ends.get(told["how"], 0) + 1
    faulty = sum(bool(each.faults()) for each in outcomes)
    lines.append(f"{len(outcomes)} files, {sum(ends.values())} children ({ends}), {faulty} files with faults")
    return "\n".join(lines)


def main() -> int:
    """The command."""
    if sys.argv[1:2] == ["--inside"]:
        put_through(*(Path(each) for each in sys.argv[2:5]))
        return 0
    if shutil.which("strace") is None:
        sys.exit("strace is not on this machine: without it nobody sees what is opened (apt-get install strace)")
    shared = Path(os.environ.get("CONTINUITY_SHARED", REPOSITORY.parent / "shared"))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else shared / "media" / "hostile"
    if not folder.is_dir():
        sys.exit(f"there are no hostile files at {folder} (CONTINUITY_SHARED, or ARGS=FOLDER)")
    outcomes = watched(folder)
    RESULT.parent.mkdir(exist_ok=True)
    written = [{**asdict(each), "faults": each.faults()} for each in outcomes]
    RESULT.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(outcomes))  # noqa: T201 - a program speaks by printing
    return int(any(each.faults() for each in outcomes))


if __name__ == "__main__":
    sys.exit(main())
