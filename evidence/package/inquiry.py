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

    def undoubted(self, path: str) -> None:
        """Raises Contradicted where a file is not the one that the manifests list."""
        if path in self.bagged.differs:
            raise Contradicted(f"{path} is not the file that the manifests list")

    def read(self, path: str) -> bytes:
        """A file in `custody/`. Raises Unproved where it is absent, Contradicted where it is not the listed one."""
        self.undoubted(path)
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
        self.undoubted(path)
        if path not in self.bagged.files:
            raise Unproved(f"{path} is not in the package")
        return self.bagged.files[path]

    def judge(
        self, name: str, subject: str, look: Callable[[], str], *, rests_on: Iterable[Claim] = (), signed: bool = True
    ) -> Claim:
        """Judge one claim and keep it. It is proved only where all that it rests on is proved.

        `signed`: whether the checkpoint is not contradicted. That nobody vouches for it leaves what follows from it
        proved of a log that may be anybody's, as its own line says.
        """
        verdict, words = _look(look)
        open_ones = [each.claim for each in rests_on if each.verdict is not Verdict.PROVED]
        if not signed:
            open_ones.append("checkpoint")
        if open_ones and verdict is Verdict.PROVED:
            verdict, words = Verdict.NOT_PROVED, f"it rests on a claim that is not proved: {', '.join(open_ones)}"
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
