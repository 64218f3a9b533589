"""What a check says of each thing that it was asked to prove. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from evidence.tlog.merkle import EMPTY_ROOT

LOG = "log"  # the subject of a claim about the whole log


class Verdict(StrEnum):
    """NOT_PROVED: the material is absent, or rests on something contradicted. Nothing to verify is a failure."""

    PROVED = "proved"
    NOT_PROVED = "not_proved"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One thing that was to be proved: its name, of what (LOG, or the id of a recording), and how it stands.

    `findings` name what contradicts it, one sentence each, at most as many as a person reads.
    """

    claim: str
    subject: str
    verdict: Verdict
    words: str
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Every claim of one check of `size` events, whose tree has this root; those from `start` on were read again."""

    size: int
    claims: tuple[Claim, ...]
    root: bytes = EMPTY_ROOT
    start: int = 0

    @property
    def contradicted(self) -> tuple[Claim, ...]:
        """The claims that are shown to be untrue."""
        return tuple(claim for claim in self.claims if claim.verdict is Verdict.CONTRADICTED)

    @property
    def proved(self) -> tuple[Claim, ...]:
        """The claims that hold."""
        return tuple(claim for claim in self.claims if claim.verdict is Verdict.PROVED)

    @property
    def holds(self) -> bool:
        """No contradiction, and something proved: nothing to verify is a failure."""
        return bool(self.proved) and not self.contradicted

    def of(self, claim: str) -> Claim:
        """The one claim of that name. Raises KeyError where it was not made."""
        for each in self.claims:
            if each.claim == claim:
                return each
        raise KeyError(claim)


MOST_FINDINGS = 20  # of one claim; the sentence tells how many there are


def judged(claim: str, subject: str, findings: Iterable[str], *, holds: str, fails: str) -> Claim:
    """A claim from what was found against it: proved with the words `holds` where nothing was."""
    found = list(findings)
    if not found:
        return Claim(claim=claim, subject=subject, verdict=Verdict.PROVED, words=holds)
    words = f"{fails}: {found[0]}" + (f" ({len(found)} findings)" if len(found) > 1 else "")
    return Claim(
        claim=claim,
        subject=subject,
        verdict=Verdict.CONTRADICTED,
        words=words,
        findings=tuple(found[:MOST_FINDINGS]),
    )


def not_proved(claim: str, subject: str, words: str) -> Claim:
    """A claim whose material is absent."""
    return Claim(claim=claim, subject=subject, verdict=Verdict.NOT_PROVED, words=words)
