"""Says of each claim of a package whether it is proved, not proved or contradicted: docs/package-format.md, section 5.

A verifier of its own: it shares the tree and the notes with the product, and nothing with the two that travel in
each package. Tests hold the three against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from evidence.completeness.claims import Claim, Verdict
from evidence.package import exhibits, outsiders, testimony
from evidence.package.bagged import hold_against_manifests
from evidence.package.errors import NotAPackage
from evidence.package.inquiry import WHOLE, Contradicted, Inquiry
from evidence.package.outsiders import Roots
from evidence.package.reading import Package, opened
from evidence.package.stated import StatedExhibit
from evidence.package.testimony import Testimony
from evidence.tlog.policy import Policy

ORDER = ("files", "events", "included", "checkpoint", "witnessed", "not_before", "not_after")


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

    @property
    def open_ended(self) -> tuple[str, ...]:
        """The exhibits of which nothing shows that their history is whole: its last events may have been left out."""
        ends = [each for each in self.claims if each.claim == "complete"]
        unproved = {each.subject for each in ends if each.verdict is Verdict.NOT_PROVED}
        return tuple(name for name in self.exhibits if name in unproved)

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
        return check_files(package, str(path), policy=policy, tsa_roots=tsa_roots)


def check_files(package: Package, name: str, *, policy: Policy | None = None, tsa_roots: Roots = ()) -> Checked:
    """Check the files of a package, wherever they lie. Raises NotAPackage."""
    if not {"bagit.txt", testimony.CONTENTS_FILE} <= package.files.keys():
        raise NotAPackage(name, because="bagit.txt or custody/contents.json is not there")
    return judge(Inquiry(package, hold_against_manifests(package)), name, policy=policy, tsa_roots=tsa_roots)


def judge(inquiry: Inquiry, name: str, *, policy: Policy | None, tsa_roots: Roots) -> Checked:
    """Judge every claim of a package whose files have been looked at."""
    told = Testimony()
    log = _judge_log(inquiry, told, policy)
    included = _judge_place(inquiry, told, log, tsa_roots)
    stated = told.contents.exhibits if told.contents is not None else []
    for exhibit in stated:
        _judge_exhibit(inquiry, told, exhibit, included)
    claims = sorted(inquiry.claims, key=lambda each: ORDER.index(each.claim) if each.claim in ORDER else len(ORDER))
    return Checked(name, tuple(claims), tuple(each.reference for each in stated))


@dataclass(frozen=True, slots=True)
class _Log:
    """The two claims that everything else rests on."""

    events: Claim
    signed: bool


def _judge_log(inquiry: Inquiry, told: Testimony, policy: Policy | None) -> _Log:
    inquiry.judge("files", WHOLE, partial(_files, inquiry, told))
    signed = inquiry.judge("checkpoint", WHOLE, partial(outsiders.checkpoint, inquiry, told, policy))
    holds = signed.verdict is not Verdict.CONTRADICTED
    inquiry.judge("witnessed", WHOLE, partial(outsiders.witnessed, told, policy), signed=holds)
    return _Log(inquiry.judge("events", WHOLE, partial(testimony.whole_events, inquiry, told)), holds)


def _judge_place(inquiry: Inquiry, told: Testimony, log: _Log, tsa_roots: Roots) -> Claim:
    look = partial(testimony.included, inquiry, told)
    included = inquiry.judge("included", WHOLE, look, rests_on=(log.events,), signed=log.signed)
    inquiry.judge("not_before", WHOLE, partial(testimony.not_before, inquiry, told), rests_on=(included,))
    inquiry.judge("not_after", WHOLE, partial(outsiders.not_after, inquiry, told, tsa_roots), rests_on=(included,))
    return included


def _judge_exhibit(inquiry: Inquiry, told: Testimony, exhibit: StatedExhibit, included: Claim) -> None:
    name = exhibit.reference
    history = inquiry.judge("history", name, partial(exhibits.history, inquiry, told, exhibit), rests_on=(included,))
    inquiry.judge("master", name, partial(exhibits.master, inquiry, told, exhibit), rests_on=(history,))
    inquiry.judge("complete", name, partial(exhibits.complete, inquiry, told, exhibit), rests_on=(history,))
    for copy in exhibit.working:
        inquiry.judge(
            "working", copy.path, partial(exhibits.working, inquiry, told, exhibit, copy), rests_on=(history,)
        )


def _files(inquiry: Inquiry, told: Testimony) -> str:
    bagged = inquiry.bagged
    try:
        told.contents = testimony.read_contents(inquiry)
        if not told.contents.exhibits:
            bagged.findings.append("contents.json names no exhibit: there is nothing to verify")
        bagged.findings += [f"{each} is no file of contents.json" for each in testimony.strays(inquiry, told.contents)]
        gone = testimony.missing(inquiry, told.contents)
        bagged.findings += [f"{each} is named by contents.json, and is missing" for each in gone]
    except Contradicted as error:
        bagged.findings.append(str(error))
    if bagged.findings:
        more = f" ({len(bagged.findings)} findings)" if len(bagged.findings) > 1 else ""
        raise Contradicted(f"{bagged.findings[0]}{more}")
    return (
        f"all {bagged.listed} files are those of the manifests, in SHA-256 and SHA-512, and there are no others but the"
        " two tagmanifest files, which no list names"
    )
