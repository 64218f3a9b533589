"""Runs Unmanic on a folder until everything in it is done: `python -m tests.benchmarks.unmanic_folder PROGRAM FOLDER`.

PROGRAM is `unmanic` as its package installs it, in an environment of its own: it is no dependency of this project.
Settings: one library, one worker a core, no file watcher, one plugin of ours that takes every file and encodes it by
the recipe's own options with the same FFmpeg. Each step goes through its command line and its JSON API.
The last line printed has the wall seconds from the scan to the last finished file.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.benchmarks.pool_sides import CORES, plain_encode

WITHIN = 1800.0
PLUGIN = """
import json
LINE = json.loads({line!r})

def on_library_management_file_test(data):
    data["add_file_to_pending_tasks"] = True
    return data

def on_worker_process(data):
    data["file_out"] = data["file_out"].rsplit(".", 1)[0] + ".mp4"
    data["exec_command"] = [each.replace("IN", data["file_in"], 1) if each == "IN" else each for each in LINE]
    data["exec_command"][-1] = data["file_out"]
    return data
"""
RUNNERS = ("on_library_management_file_test", "on_worker_process")
KINDS = ("library_management.file_test", "worker.process")


def main(program: str, folder: Path) -> float:
    """Set it up, let it work, stop it. Seconds that the work took."""
    with tempfile.TemporaryDirectory() as home:
        own = {"HOME_DIR": home, "library_path": str(folder), "cache_path": f"{home}/cache"}
        own["enable_library_scanner"] = "true"
        environment = {**os.environ, **own}
        made = ["--manage-plugins", "--create-plugin", "--plugin-id", "recipe", "--plugin-name", "Recipe"]
        made += ["--plugin-runners", *RUNNERS]
        subprocess.run([program, *made], env=environment, check=True, capture_output=True, timeout=300)
        line = json.dumps(plain_encode(Path("IN"), Path("OUT.mp4")))
        (Path(home) / ".unmanic/plugins/recipe/plugin.py").write_text(PLUGIN.format(line=line), "utf-8")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = int(taken.getsockname()[1])
        command = [program, "--port", str(port), "--address", "127.0.0.1"]
        with (Path(home) / "said").open("wb") as said:
            process = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
        try:
            return _work(f"http://127.0.0.1:{port}/unmanic/api/v2", folder)
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _work(url: str, folder: Path) -> float:
    _await(lambda: _ask(url, "settings/libraries"), 120, "its API")
    plugin = {"plugin_id": "recipe", "name": "Recipe", "author": "", "description": "", "version": "0.0.1", "icon": ""}
    library = {"id": 1, "name": "Default", "path": str(folder), "enable_scanner": True, "enable_inotify": False,
               "priority_score": 0, "tags": [], "enable_remote_only": False}  # fmt: skip
    _ask(url, "settings/library/write", {
        "library_config": library, "plugins": {"enabled_plugins": [{**plugin, "library_id": 1}]},
    })  # fmt: skip
    for kind in KINDS:
        _ask(url, "plugins/flow/save", {"library_id": 1, "plugin_type": kind, "plugin_flow": [plugin]})
    group = {
        "id": 0,
        "locked": False,
        "name": "Cores",
        "number_of_workers": CORES,
        "worker_event_schedules": [],
        "tags": [],
    }
    _ask(url, "settings/worker_group/write", group)
    wanted = sum(1 for each in folder.iterdir() if each.is_file())
    began = time.monotonic()
    _ask(url, "pending/rescan", {})
    _await(lambda: _done(url) >= wanted, WITHIN, f"{wanted} finished files")
    return time.monotonic() - began


def _done(url: str) -> int:
    found = _ask(url, "history/tasks", {"start": 0, "length": 1, "search_value": "", "status": "all",
                                        "after": None, "before": None, "order_by": "finish_time",
                                        "order_direction": "desc"})  # fmt: skip
    return int(found["recordsTotal"])


def _ask(url: str, path: str, told: Any = None) -> Any:
    body = None if told is None else json.dumps(told).encode()
    words = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/{path}", data=body, headers=words)  # noqa: S310 - an address of loopback
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.load(answer)


def _await(look: Any, within: float, what: str) -> None:
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if look():
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.5)
    raise AssertionError(f"{what} did not come about within {within:.0f} s")


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"wall": main(sys.argv[1], Path(sys.argv[2]))}) + "\n")
