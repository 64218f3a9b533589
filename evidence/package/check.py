"""Says of each claim of a package whether it is proved, not proved or contradicted: docs/package-format.md, section 5.

A verifier of its own: it shares the tree and the notes with the product, and nothing with the two that travel in
each package. Tests hold the three against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from evidence.completeness.claims import Claim, Verdict
from evidence.package import exhibits, outsiders, testimony
from evidence.package.bagged import Bagged, hold_against_manifests
from evidence.package.errors import NotAPackage
from evidence.package.inquiry import WHOLE, Contradicted, Inquiry
from evidence.package.outsiders import Roots
from evidence.package.reading import opened
from evidence.package.stated import StatedExhibit
from evidence.package.testimony import Testimony
from evidence.tlog.policy import Policy


@dataclass(frozen=True, slots=True)
class Checked:
    """Every claim of one package, in the order of the format."""

    package: str
    claims: tuple[Claim, ...]
    exhibits: tuple[str, ...]

    @property
    def contradicted(self) -> int:
        """How many claims are contradicted."""
        return sum(each.verdict is Verdict.CONTRADICTED for each in self.claims)

    @property
    def holds(self) -> bool:
        """No contradiction, and at least one claim proved for each exhibit: no exhibit is a failure."""
        proved = [each.subject for each in self.claims if each.verdict is Verdict.PROVED]
        each_has = all(any(_of(subject, name) for subject in proved) for name in self.exhibits)
        return not self.contradicted and bool(self.exhibits) and each_has

    def as_json(self) -> dict[str, Any]:
        """The form that all verifiers print."""
        claims = [
            {"claim": each.claim, "subject": each.subject, "verdict": each.verdict.value, "words": each.words}
            for each in self.claims
        ]
        return {"package": self.package, "claims": claims, "contradicted": self.contradicted}


def _of(subject: str, reference: str) -> bool:
    return subject == reference or subject.startswith(f"data/exhibits/{reference}/")


def check(path: Path, *, policy: Policy | None = None, tsa_roots: Roots = ()) -> Checked:
    """Check a package. Without a policy of the checker's own, nobody's signature proves anything.

    Raises NotAPackage for what is no package at all.
    """
    with opened(path) as package:
        if not {"bagit.txt", "custody/contents.json", "custody/events.jsonl"} & package.files.keys():
            raise NotAPackage(
                str(path), because="it holds neither bagit.txt nor anything in custody/ that says what it is"
            )
        inquiry = Inquiry(package, hold_against_manifests(package))
        told = Testimony()
        _judge_log(inquiry, told, policy)
        stated = told.contents.exhibits if told.contents is not None else []
        for exhibit in stated:
            _judge_exhibit(inquiry, told, exhibit)
        _judge_times(inquiry, told, tsa_roots)
    return Checked(str(path), tuple(inquiry.claims), tuple(each.reference for each in stated))


def _judge_log(inquiry: Inquiry, told: Testimony, policy: Policy | None) -> None:
    inquiry.judge("files", WHOLE, partial(_files, inquiry.bagged))
    events = inquiry.judge("events", WHOLE, partial(testimony.whole_events, inquiry, told))
    signed = inquiry.judge("checkpoint", WHOLE, partial(outsiders.checkpoint, inquiry, told, policy))
    inquiry.judge("included", WHOLE, partial(testimony.included, inquiry, told), rests_on=(events, signed))
    inquiry.judge("witnessed", WHOLE, partial(outsiders.witnessed, inquiry, told, policy), rests_on=(signed,))


def _files(bagged: Bagged) -> str:
    if bagged.findings:
        more = f" ({len(bagged.findings)} findings)" if len(bagged.findings) > 1 else ""
        raise Contradicted(f"{bagged.findings[0]}{more}")
    return f"all {len(bagged.files)} files are those of the manifests, in SHA-256 and SHA-512, and there are no others"


def _judge_exhibit(inquiry: Inquiry, told: Testimony, exhibit: StatedExhibit) -> None:
    log = _named(inquiry, "events", "included")
    name = exhibit.reference
    inquiry.judge("master", name, partial(exhibits.master, inquiry, told, exhibit), rests_on=log)
    for copy in exhibit.working:
        look: Callable[[], str] = partial(exhibits.working, inquiry, told, exhibit, copy)
        inquiry.judge("working", copy.path, look, rests_on=log)
    history = inquiry.judge("history", name, partial(exhibits.history, told, exhibit), rests_on=log)
    inquiry.judge("complete", name, partial(exhibits.complete, inquiry, told, exhibit), rests_on=(*log, history))


def _judge_times(inquiry: Inquiry, told: Testimony, tsa_roots: Roots) -> None:
    log = _named(inquiry, "events", "included")
    inquiry.judge("not_before", WHOLE, partial(testimony.not_before, inquiry, told), rests_on=log)
    inquiry.judge("not_after", WHOLE, partial(outsiders.not_after, inquiry, told, tsa_roots), rests_on=log)


def _named(inquiry: Inquiry, *names: str) -> Iterable[Claim]:
    return tuple(each for each in inquiry.claims if each.claim in names)
