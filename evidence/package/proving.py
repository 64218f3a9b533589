"""Holds a package together before anything of it is handed out: with the checks that whoever gets it will make.

Media are not there yet. Their digests are those that the package will state, and that writing holds them against; here
they are held against the events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from evidence.completeness.claims import Claim, Verdict
from evidence.custody.events import Actor
from evidence.incidents import Trouble, open_incident
from evidence.outside.stamping import Token
from evidence.outside.tokens import Chain
from evidence.package.bagged import Bagged, Hashed
from evidence.package.check import judge
from evidence.package.errors import DoesNotHold
from evidence.package.inquiry import WHOLE, Inquiry
from evidence.package.media import Found
from evidence.package.outsiders import COPY, Roots
from evidence.tlog.policy import parse_policy
from evidence.vocabulary import IncidentKind

if TYPE_CHECKING:
    from evidence.bootstrap import House

WHO: Final = Actor.system("package")
ADVICE: Final = (
    "Do not hand this recording out. See docs/runbooks/chain-does-not-verify.md: `continuity verify --recording` names"
    " what differs."
)


class Gathered:
    """The files of a package that is not written yet: those in `custody/` as they will be, of the media their sizes."""

    def __init__(self, bodies: Mapping[str, bytes], media: Mapping[str, Hashed]) -> None:
        self._bodies = bodies
        self.files = {path: len(body) for path, body in bodies.items()} | {path: it.size for path, it in media.items()}
        self.odd: list[str] = []

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes of one file in `custody/`."""
        yield self._bodies[path]


def contradictions(bodies: Mapping[str, bytes], found: Sequence[Found], tokens: Sequence[Token]) -> list[Claim]:
    """The claims that the package would contradict by itself, judged by the policy in it and the tokens' own roots."""
    media = {
        source.path: Hashed(source.sha256, source.sha512 or "", source.size)
        for each in found
        for source in each.sources
    }
    inquiry = Inquiry(Gathered(bodies, media), Bagged(files=dict(media)))
    checked = judge(inquiry, "the package", policy=parse_policy(bodies[COPY]), tsa_roots=_roots(tokens))
    return [each for each in checked.claims if each.verdict is Verdict.CONTRADICTED]


def refuse(house: House, found: Sequence[Found], faults: Sequence[tuple[str, str]]) -> DoesNotHold:
    """Open an incident about each exhibit concerned, and give the error to be raised.

    `faults`: what it is about (the reference of an exhibit, a path of one of its files, or all) and what does not hold.
    """
    with house.writing() as session:
        for exhibit in (each.exhibit for each in found):
            folder = f"data/exhibits/{exhibit.reference}/"
            theirs = [
                words for about, words in faults if about in {WHOLE, exhibit.reference} or about.startswith(folder)
            ]
            if theirs:
                trouble = Trouble(
                    kind=IncidentKind.LOG_DISAGREES,
                    subject=f"package of {exhibit.recording}",
                    reason=f"No package of {exhibit.reference} was made, as it would contradict itself: {theirs[0]}",
                    advice=ADVICE,
                    recording_id=exhibit.recording,
                )
                open_incident(session, trouble, by=WHO)
    return DoesNotHold([words for _, words in faults])


def _roots(tokens: Sequence[Token]) -> Roots:
    return tuple(dict.fromkeys(chain.from_iterable(Chain.read(each.chain).roots for each in tokens)))
