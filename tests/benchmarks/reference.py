"""What is measured against: openssl, s5cmd and plain S3 reads, each a process with its own account of time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from evidence.embedded import EmbeddedS3
from evidence.embedded.identities import Identity

S5CMD = Path(sys.prefix) / "bin" / "s5cmd"


@dataclass(frozen=True, slots=True)
class Spent:
    """Wall seconds, and processor seconds of the process itself."""

    wall: float
    cpu: float

    def __add__(self, other: Self) -> Self:
        return type(self)(self.wall + other.wall, self.cpu + other.cpu)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Spent:
    """Run a program to its end, its words thrown away. Raises where it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        list(command), env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {said.decode('utf-8', 'replace')[-500:]}")
    return Spent(time.perf_counter() - began, used.ru_utime + used.ru_stime)


class Store:
    """The same S3 server as ours, spoken to by s5cmd as its administrator, in the bucket without locks."""

    def __init__(self, data: Path) -> None:
        self._server = EmbeddedS3(data)
        keys = self._server.credentials(Identity.ADMIN)
        self.bucket = self._server.renditions
        self.environment = {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_REGION": "us-east-1",
            "S3_ENDPOINT_URL": self._server.endpoint,
        }

    def put(self, sources: str, prefix: str) -> Spent:
        """`s5cmd cp` of one file, or of all that a pattern names."""
        return run([os.fspath(S5CMD), "cp", sources, f"s3://{self.bucket}/{prefix}/"], self.environment)

    def read(self, bucket: str, key: str) -> Spent:
        """`s5cmd cat`, thrown away."""
        return run([os.fspath(S5CMD), "cat", f"s3://{bucket}/{key}"], self.environment)

    def clear(self, prefix: str) -> None:
        """Give the room back."""
        run([os.fspath(S5CMD), "rm", f"s3://{self.bucket}/{prefix}/*"], self.environment)


def openssl_sha256(files: Sequence[Path]) -> Spent:
    """`openssl dgst -sha256` over all files, one after the other."""
    return run(["openssl", "dgst", "-sha256", *map(os.fspath, files)])


def spent_by(*pids: int | None) -> float:
    """Processor seconds that living processes, their families and those that these have seen end have used so far."""
    spent = 0.0
    for pid in pids:
        assert pid is not None
        family = psutil.Process(pid)
        spent += sum(family.cpu_times()[:4])
        spent += sum(sum(child.cpu_times()[:4]) for child in family.children(recursive=True))
    return spent
