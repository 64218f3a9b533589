"""How claims are judged: each by one function that says in words why it holds, or raises what stands against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from evidence.completeness.claims import Claim, Verdict
from evidence.errors import NotALeaf
from evidence.package.bagged import Bagged, Hashed
from evidence.package.reading import Package, Unreadable, read
from evidence.package.stated import Misstated, Stated, read_stated
from evidence.tlog.errors import TlogError

WHOLE = "package"  # the subject of a claim about the whole package
LARGEST_FILE = 512 << 20  # bytes, of a file in custody/


class Contradicted(Exception):
    """What a claim rests on has been looked at, and is not so."""


class Unproved(Exception):
    """The material for a claim is absent, or says nothing of it."""


@dataclass(slots=True)
class Inquiry:
    """One package, what was found of its files, and the claims judged so far."""

    package: Package
    bagged: Bagged
    claims: list[Claim] = field(default_factory=list)

    def read(self, path: str) -> bytes:
        """A file in `custody/`. Raises Unproved where it is absent, Contradicted where it is not the listed one."""
        if path in self.bagged.differs:
            raise Contradicted(f"{path} is not the file that the manifests list")
        if path not in self.package.files:
            raise Unproved(f"{path} is not in the package")
        try:
            return read(self.package, path, most=LARGEST_FILE)
        except Unreadable as error:
            raise Contradicted(str(error)) from error

    def holds(self, path: str) -> bool:
        """Whether there is, or should be, such a file."""
        return path in self.package.files or path in self.bagged.differs

    def stated(self, path: str, shape: TypeAdapter[Stated]) -> Stated:
        """A JSON file in `custody/`. Raises as `read`; Contradicted where it is not of its shape."""
        try:
            return read_stated(self.read(path), shape)
        except Misstated as error:
            raise Contradicted(f"{path}: {error}") from error

    def media(self, path: str) -> Hashed:
        """What was found of a media file. Raises as `read`."""
        if path in self.bagged.differs:
            raise Contradicted(f"{path} is not the file that the manifests list")
        if path not in self.bagged.files:
            raise Unproved(f"{path} is not in the package")
        return self.bagged.files[path]

    def judge(
        self, name: str, subject: str, look: Callable[[], str], *, rests_on: Iterable[Claim | None] = ()
    ) -> Claim:
        """Judge one claim and keep it. What it rests on is looked at last: its own contradiction weighs more."""
        verdict, words = _look(look)
        fallen = [each for each in rests_on if each is None or each.verdict is Verdict.CONTRADICTED]
        if fallen and verdict is Verdict.PROVED:
            on = ", ".join(each.claim if each else "what is contradicted" for each in fallen)
            verdict, words = Verdict.NOT_PROVED, f"it rests on a claim that is contradicted: {on}"
        claim = Claim(claim=name, subject=subject, verdict=verdict, words=words)
        self.claims.append(claim)
        return claim


def _look(look: Callable[[], str]) -> tuple[Verdict, str]:
    try:
        return Verdict.PROVED, look()
    except Unproved as error:
        return Verdict.NOT_PROVED, str(error)
    except (Contradicted, Misstated, NotALeaf, TlogError) as error:
        return Verdict.CONTRADICTED, str(error)
