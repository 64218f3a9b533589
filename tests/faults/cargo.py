"""What a test's cameras hold: files of bytes that nothing can compress, known by digests of the test's own.

Files are made outside the dock and moved in whole. Their time of last writing lies in the past, so that they are
settled when they are first seen; the tests of settling make their own.
"""

from __future__ import annotations

import copy
import hashlib
import os
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

MIB = 1 << 20
LONG_AGO = 3600  # seconds


@dataclass(frozen=True, slots=True)
class Article:
    """One file as it is on its camera. `size` in bytes, `sha256` in lower-case hex; `plays`: true footage;
    `gone`: no longer on the camera by the test's own doing, and expected all the same."""

    device: str
    name: bytes
    path: Path
    size: int
    sha256: str
    mtime_ns: int
    plays: bool = False
    gone: bool = False

    def is_untouched(self) -> bool:
        """Whether the source is still there, as it was."""
        if self.gone:
            return True
        try:
            facts = self.path.stat()
        except FileNotFoundError:
            return False
        return (facts.st_size, facts.st_mtime_ns) == (self.size, self.mtime_ns)


class Cargo:
    """The files that one system is to take in."""

    def __init__(self, dock: Path, workshop: Path, seed: int) -> None:
        self.dock, self._workshop, self._random = dock, workshop, chance_of(seed)
        self.articles: list[Article] = []
        workshop.mkdir(parents=True, exist_ok=True)

    def make(self, name: str, size: int) -> tuple[Path, str]:
        """A file of so many bytes outside the dock, and its SHA-256."""
        path = self._workshop / name
        return path, write_noise(path, size, self._random)

    def dock_file(self, device: str, name: str, size: int) -> Article:
        """A new file appears whole on a camera."""
        made, sha256 = self.make(name, size)
        return self.put(device, made, sha256)

    def dock_footage(self, device: str, footage: Path, name: str) -> Article:
        """A copy of true footage appears on a camera; it is expected to become playable."""
        made = Path(shutil.copy(footage, self._workshop / name))
        return self.put(device, made, digest_of(made), plays=True)

    def put(self, device: str, made: Path, sha256: str, *, plays: bool = False) -> Article:
        """A file from the workshop appears on a camera."""
        place_long_ago(made, self._random)
        folder = self.dock / device
        folder.mkdir(parents=True, exist_ok=True)
        path = made.rename(folder / made.name)
        return self.count(device, path, sha256, plays=plays)

    def count(self, device: str, path: Path, sha256: str, *, plays: bool = False) -> Article:
        """From now on this file, as it stands, is to arrive."""
        facts = path.stat()
        article = Article(device, os.fsencode(path.name), path, facts.st_size, sha256, facts.st_mtime_ns, plays)
        self.articles.append(article)
        return article

    def elsewhere(self, dock: Path) -> Cargo:
        """The same cargo, as far as another dock folder goes."""
        other = copy.copy(self)
        other.dock = dock
        return other

    def forget(self, article: Article) -> None:
        """This file's bytes are not expected to arrive: it became another before it was whole."""
        self.articles.remove(article)

    def is_gone(self, article: Article) -> None:
        """This file is no longer on its camera, and its bytes are expected all the same."""
        self.articles[self.articles.index(article)] = replace(article, gone=True)

    @property
    def octets(self) -> int:
        """Bytes in all."""
        return sum(article.size for article in self.articles)


def chance_of(seed: int) -> random.Random:
    """Chance that can be repeated."""
    return random.Random(seed)  # noqa: S311 - nothing here is a secret


def write_noise(path: Path, size: int, chance: random.Random) -> str:
    """Write random bytes; their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for at in range(0, size, MIB):
            block = chance.randbytes(min(MIB, size - at))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def place_long_ago(path: Path, chance: random.Random) -> None:
    """Let a file look as if it had been recorded an hour ago."""
    then = time.time_ns() - LONG_AGO * 1_000_000_000 - chance.randrange(1_000_000_000)
    os.utime(path, ns=(then, then))


def sizes(total: int, count: int) -> Sequence[int]:
    """A total split into so many files that are not all alike and do not end on a part's border."""
    even = total // count
    return [even + (number % 3 - 1) * (even // 10) + number for number in range(count)]
