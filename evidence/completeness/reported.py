"""What differed in a count, as its row says it. The services may change the row: what cannot be one is none. Pure."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from evidence.completeness.matching import Gap
from evidence.completeness.packed import Packed, digest_of


class Listed(BaseModel):
    """A difference that the row names, and the event that told of it."""

    model_config = ConfigDict(frozen=True)

    gap: Gap
    subject: str | None = None
    event: UUID | None = None


class Report(BaseModel):
    """All that a count says of what differed; its words, and what it says of each key beside that, are not read."""

    model_config = ConfigDict(frozen=True)

    gaps: tuple[Listed, ...] = ()
    rest: str = ""

    @property
    def packed(self) -> Packed:
        """Those beyond the ones that are named."""
        return Packed.read(self.rest)

    def named(self) -> dict[str, UUID]:
        """The event of each difference that is named, by the difference's subject."""
        return {each.subject: each.event for each in self.gaps if each.subject is not None and each.event is not None}

    def told_by(self) -> str:
        """The digest of the events that it names, each as often as it stands there."""
        return digest_of(chain((each.event.bytes for each in self.gaps if each.event), self.packed.events()))

    def fits(self, *, missing: int, extra: int, changed: int) -> bool:
        """Whether a count that found so many differences can have written this: no more of any kind, and none torn."""
        most = {Gap.MISSING: missing, Gap.EXTRA: extra, Gap.CHANGED: changed}
        kinds, packed = Counter(each.gap for each in self.gaps), len(self.packed)
        if self.rest and not packed:
            return False
        return all(many <= most[kind] for kind, many in kinds.items()) and len(self.gaps) + packed <= sum(most.values())


def read_report(said: str) -> Report | None:
    """A row's report out of its JSON; None where it is no report, however deep or odd it is."""
    try:
        return Report.model_validate_json(said)
    except ValidationError:
        return None
