"""Other docks of the same system: an agent process more, enrolled with a code, perhaps with a clock of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.agent.journal_rows import JOURNAL_FILE
from tests.faults.system import REPOSITORY, System


@dataclass(frozen=True, slots=True)
class OtherDock:
    """A running agent that the system's supervisor knows nothing of."""

    process: subprocess.Popen[bytes]

    def set_clock_back(self) -> None:
        """From now on its clock is two hours slow; only for one that runs on `another_clock`."""
        self.process.send_signal(signal.SIGUSR1)


@contextmanager
def other_dock(system: System, name: str, *, folder: Path, program: str = "ingest.agent") -> Iterator[OtherDock]:
    """Enrol an agent, run it over a folder, stop it. Its journal counts in the reckoning from then on."""
    state = system.data.with_name(f"state-of-{name.lower().replace(' ', '-')}")
    folder.mkdir(parents=True, exist_ok=True)
    environment = system.environment(
        CONTINUITY_AGENT_SERVER=system.url,
        CONTINUITY_AGENT_STATE=os.fspath(state),
        CONTINUITY_AGENT_DOCKS=os.fspath(folder),
    )
    code = system.command("dock", "code", "--label", name)["code"]
    enrol = [sys.executable, "-m", "ingest.agent", "enrol", "--code", code, "--name", name]
    done = subprocess.run(enrol, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    system.journals.append(state / JOURNAL_FILE)
    with (system.data / "logs" / f"{state.name}.log").open("ab") as log:
        run = [sys.executable, "-m", program, "run"]
        process = subprocess.Popen(run, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
    try:
        yield OtherDock(process)
        assert process.poll() is None, f"{name} ended with {process.returncode}:\n{system.last_words()}"
    finally:
        process.terminate()
        process.wait(60)
