"""Worker hosts on cables: each has a network and a space of process numbers of its own, and one way to the servers.

Database and store stay on this side, at the near end of each cable. Where the machine allows no namespaces a host
is a plain process: it can be killed, and not cut off.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
BRISK = {"beat": 0.5, "stall": 4.0, "poll": 0.5, "progress": 0.2}
"""Seconds of a host that is missed soon: for a test that kills one and waits for what becomes of its work."""
NET = ipaddress.IPv4Network("10.213.78.0/24")


def ip(*words: str) -> None:
    """Run `ip`; raises CalledProcessError."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Cable:
    """A network namespace behind one cable, a /30 of its own."""

    def __init__(self, number: int) -> None:
        near, far = list(list(NET.subnets(new_prefix=30))[number].hosts())
        self.near, self.far = str(near), str(far)
        self.space = f"continuity-{os.getpid()}-{number}"
        self.link = f"ct{os.getpid() % 10**7}h{number}"

    def lay(self) -> None:
        """Raises CalledProcessError where this machine allows no namespaces."""
        ip("netns", "add", self.space)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        ip("address", "add", f"{self.near}/30", "dev", self.link)
        ip("link", "set", self.link, "up")
        ip("-n", self.space, "address", "add", f"{self.far}/30", "dev", "eth0")
        ip("-n", self.space, "link", "set", "eth0", "up")
        ip("-n", self.space, "link", "set", "lo", "up")

    def cut(self) -> None:
        """Neither side hears anything any more, not even an end of its connections."""
        ip("link", "set", self.link, "down")

    def mend(self) -> None:
        """Put the plug back."""
        ip("link", "set", self.link, "up")

    def take_up(self) -> None:
        """Leave nothing behind."""
        for words in (("netns", "delete", self.space), ("link", "delete", self.link)):
            with suppress(subprocess.CalledProcessError, FileNotFoundError):
                ip(*words)


def cables(count: int) -> list[Cable]:
    """Cables laid, or none, with one line that says why."""
    laid: list[Cable] = []
    because = ""
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("unshare") is None:
        because, count = "it needs root, `ip` and `unshare`", 0
    try:
        for number in range(count):
            laid.append(Cable(number))
            laid[-1].lay()
    except subprocess.CalledProcessError as error:
        because = error.stderr.decode().strip()
        for each in laid:
            each.take_up()
        laid.clear()
    if because:
        sys.stderr.write(f"hosts are plain processes here, and none is cut off: {because}\n")
    return laid


class Door:
    """Carries TCP from the near end of a cable to a server that listens on loopback only."""

    def __init__(self, address: str, port: int) -> None:
        self._port = port
        self._socket = socket.create_server((address, 0), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._port)) as server:
            back = threading.Thread(target=_pour, args=(server, client), daemon=True)
            back.start()
            _pour(client, server)
            back.join()


def _pour(source: socket.socket, into: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            into.sendall(data)
    with suppress(OSError):
        into.shutdown(socket.SHUT_WR)


class Host:
    """One worker host: `continuity worker` behind a cable, or beside us where there is none."""

    def __init__(self, name: str, cable: Cable | None, environment: Mapping[str, str], folder: Path) -> None:
        self.name, self.cable = name, cable
        self._log = folder / f"{name}.log"
        own = {"CONTINUITY_HOST_NAME": name, "CONTINUITY_TRANSCODE_SCRATCH": str(folder / f"scratch-{name}")}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CONTINUITY_")}
        self._environment = {**kept, **environment, **own}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **pace: float) -> None:
        """Start its worker."""
        # Its own space of process numbers: no neighbour on this kernel may see its death but by its silence.
        apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        prefix = ["ip", "netns", "exec", self.cable.space, *apart] if self.cable else []
        program = [sys.executable, "-m", "tests.faults.host_program", json.dumps(pace)]
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [*prefix, *program], cwd=REPOSITORY, env=self._environment, stdout=out, stderr=out
            )

    def family(self) -> list[psutil.Process]:
        """Its processes that live, the worker itself and the encoders among them."""
        if self._process is None:
            return []
        with suppress(psutil.NoSuchProcess):
            above = psutil.Process(self._process.pid)
            return [each for each in [above, *above.children(recursive=True)] if each.is_running()]
        return []

    def encoders(self) -> list[psutil.Process]:
        """Those of its processes that encode."""
        found = []
        for each in self.family():
            with suppress(psutil.NoSuchProcess):
                if "ffmpeg" in each.name():
                    found.append(each)
        return found

    def kill(self) -> None:
        """kill -9, the worker first, and wait for the corpse."""
        assert self._process is not None
        for each in [each for each in self.family() if "host_program" in " ".join(each.cmdline())][::-1]:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGKILL)
        self._process.wait(30)

    def stop(self) -> None:
        """End whatever is left of it."""
        if self._process is not None and self._process.poll() is None:
            for each in self.family()[::-1]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            self._process.wait(30)

    def last_words(self) -> str:
        """The end of its log, for a person."""
        return self._log.read_text("utf-8", "replace")[-3000:] if self._log.exists() else ""
