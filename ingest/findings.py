"""What a parser found odd, as a record for a person. Pure.

A name or a sidecar never stops intake: whatever is wrong with it becomes a finding, is shown beside the
recording and is settled by nobody but a person.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from ingest.display import shown_text

SENTENCE_LIMIT = 300
EACH_CODE_LIMIT = 5


class FindingCode(StrEnum):
    """Every odd thing a name or a sidecar can show; docs/sidecars.md says what each asks of a person."""

    NAME_NOT_UTF8 = "name-not-utf8"
    NAME_HIDES_CHARACTERS = "name-hides-characters"
    REJECTED_BY_SOURCE = "rejected-by-source"
    TIME_IMPOSSIBLE = "time-impossible"
    TIME_DOUBTFUL = "time-doubtful"

    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    TOO_DEEP = "too-deep"
    EMPTY = "empty"
    ENCODING = "encoding"
    MALFORMED = "malformed"
    WRONG_SHAPE = "wrong-shape"
    ENTITIES_REFUSED = "entities-refused"
    KEY_REPEATED = "key-repeated"
    TRAILING_DATA = "trailing-data"
    NUMBER_TOO_LONG = "number-too-long"
    NUMBER_NOT_FINITE = "number-not-finite"
    TEXT_UNSAFE = "text-unsafe"
    TEXT_SHORTENED = "text-shortened"
    FORMULA_TEXT = "formula-text"
    POSITION_IMPOSSIBLE = "position-impossible"
    CUE_UNREADABLE = "cue-unreadable"
    LINE_UNREADABLE = "line-unreadable"
    CHECKSUM_WRONG = "checksum-wrong"
    VALUES_DISAGREE = "values-disagree"
    TRANSFER_UNFINISHED = "transfer-unfinished"
    NO_MAPPING = "no-mapping"
    NOT_READ = "not-read"
    READER_FAILED = "reader-failed"

    SERIAL_DISAGREES = "serial-disagrees"
    OFFICER_DISAGREES = "officer-disagrees"
    OFFICER_ID_DISAGREES = "officer-id-disagrees"
    MODEL_DISAGREES = "model-disagrees"
    TIME_DISAGREES = "time-disagrees"
    DIGEST_DISAGREES = "digest-disagrees"


@dataclass(frozen=True, slots=True)
class Finding:
    """One odd thing, with a sentence a person can act on. The sentence is safe to show."""

    code: FindingCode
    sentence: str

    def as_row(self) -> dict[str, str]:
        """The finding as it is kept beside a recording."""
        return {"code": self.code.value, "sentence": self.sentence}


class FindingList:
    """Collects findings and stays small: a file with a million faults gives a handful and a count."""

    def __init__(self) -> None:
        self._kept: dict[tuple[FindingCode, str], Finding] = {}
        self._met: Counter[FindingCode] = Counter()

    def add(self, code: FindingCode, sentence: str) -> None:
        """Keep a finding, its sentence made safe to show; beyond a few of one code only their number is kept."""
        if (code, sentence) in self._kept:
            return
        self._met[code] += 1
        if self._met[code] <= EACH_CODE_LIMIT:
            self._kept[code, sentence] = Finding(code, shown_text(sentence)[:SENTENCE_LIMIT])

    def settled(self) -> tuple[Finding, ...]:
        """All that was kept, in the order met, then how many more of a code there were."""
        more = [
            Finding(code, f"{met - EACH_CODE_LIMIT} more findings of this sort were not listed")
            for code, met in self._met.items()
            if met > EACH_CODE_LIMIT
        ]
        return (*self._kept.values(), *more)
