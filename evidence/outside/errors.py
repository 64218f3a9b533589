"""OutsideError
├── KeyUnusable       a log key is missing, open to others or of the wrong kind   mend the key
├── WouldFork         the signer was asked for what does not extend its last      stop, call someone
├── Unreachable       somebody outside did not answer in time                     try again
├── TokenRefused      a time-stamp does not say what was asked                    do not rely on it
├── NoTimeStamp       no authority gave a time-stamp                              try again, look at why
└── WitnessRefuses    a witness says that this is not the log it knows            stop, call someone
"""

from __future__ import annotations

from collections.abc import Sequence

from evidence.errors import EvidenceError


class OutsideError(EvidenceError):
    """Something between the log and those outside is not as it must be."""


class KeyUnusable(OutsideError):
    """A log key cannot be used; the sentence says which and what to do."""


class WouldFork(OutsideError):
    """The signer has signed something that this does not extend."""

    def __init__(self, *, last: int, asked: int, because: str) -> None:
        super().__init__(f"the signer last signed the log at {last} events and was asked for {asked}: {because}")
        self.last = last
        self.asked = asked


class Unreachable(OutsideError):
    """Somebody outside did not answer, or not in time."""

    def __init__(self, url: str, because: str) -> None:
        super().__init__(f"{url}: {because}")
        self.url = url
        self.because = because


class TokenRefused(OutsideError):
    """A time-stamp token is not one for what was asked, by whom it was asked."""

    def __init__(self, because: str) -> None:
        super().__init__(f"the time-stamp is refused: {because}")
        self.because = because


class NoTimeStamp(OutsideError):
    """No authority gave a time-stamp that holds."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons) or "no time-stamp authority is named in the settings")
        self.reasons = tuple(reasons)


class WitnessRefuses(OutsideError):
    """A witness knows this log otherwise than we show it: a fork, a log gone back, or a key it does not know."""

    def __init__(self, witness: str, because: str) -> None:
        super().__init__(f"the witness {witness} refuses: {because}")
        self.witness = witness
        self.because = because
