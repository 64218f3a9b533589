"""StoreError
├── StoreAway           the store does not answer, or answers with its own failure   try again
├── StoreRefused        the store says no                                           mend rights or settings
├── ObjectMissing       nothing is kept under that key and version
│   ├── MasterMissing   ... of a master                                             an incident
│   └── RenditionMissing  ... of a rendition                                        make it again
├── ShortRead           the store gave fewer bytes than it keeps                    try again; then an incident
├── UploadGone          the store does not know the multipart upload                begin again
├── PartsMissing        parts that were named are not in the store                  send those parts again
├── ChecksumRefused     the bytes are not those that were announced                 send them again
├── CustodyObjectDiffers  the custody log has other bytes under that key            an incident; the log is halted
├── NotAsAgreed         what is stored differs from what was agreed                 an incident, never "stored"
└── PromiseBroken       the store fails the probe                                   do not start
"""

from __future__ import annotations

from collections.abc import Sequence


class StoreError(Exception):
    """Something is wrong with the object store or with what it keeps."""

    try_again = False


class StoreAway(StoreError):
    """The store cannot be reached, does not answer in time, or reports a failure of its own."""

    try_again = True

    def __init__(self, doing: str, *, because: str) -> None:
        super().__init__(f"the store is away ({doing}): {because}")
        self.doing, self.because = doing, because


class StoreRefused(StoreError):
    """The store refuses; `code` is its word for it, such as AccessDenied."""

    def __init__(self, doing: str, *, code: str, status: int, message: str) -> None:
        super().__init__(f"the store refused ({doing}): {code}, {message}")
        self.doing, self.code, self.status, self.message = doing, code, status, message


class ObjectMissing(StoreError):
    """Nothing is kept under that key (and version)."""

    def __init__(self, doing: str) -> None:
        super().__init__(f"the store does not have it ({doing})")
        self.doing = doing


class MasterMissing(ObjectMissing):
    """A master is not where it should be."""


class RenditionMissing(ObjectMissing):
    """A rendition is not there; it can be made again."""


class ShortRead(StoreError):
    """A read ended before the last byte that was asked for."""

    try_again = True

    def __init__(self, key: str, *, expected: int, got: int) -> None:
        super().__init__(f"{key}: the store gave {got} of {expected} bytes")
        self.key, self.expected, self.got = key, expected, got


class UploadGone(StoreError):
    """The multipart upload was completed, aborted, or never begun."""

    def __init__(self, doing: str) -> None:
        super().__init__(f"the store does not know the upload ({doing})")
        self.doing = doing


class PartsMissing(StoreError):
    """Parts of an upload are not in the store as they were named; `numbers` says which."""

    def __init__(self, key: str, numbers: Sequence[int]) -> None:
        super().__init__(f"{key}: parts {', '.join(map(str, numbers)) or '(all)'} are not in the store")
        self.key, self.numbers = key, tuple(numbers)


class ChecksumRefused(StoreError):
    """The store computed another checksum than the one announced, and kept nothing."""

    try_again = True

    def __init__(self, doing: str) -> None:
        super().__init__(f"the store computed another checksum than the one announced ({doing})")
        self.doing = doing


class NotAsAgreed(StoreError):
    """What is stored differs from what was agreed: another size, no lock, a shorter lock."""

    def __init__(self, key: str, *, fact: str, expected: object, found: object) -> None:
        super().__init__(f"{key}: {fact} should be {expected} and is {found}")
        self.key, self.fact, self.expected, self.found = key, fact, expected, found


class CustodyObjectDiffers(StoreError):
    """An object of the custody log that can be written only once is there already, with other bytes."""

    def __init__(self, key: str, *, there: int, ours: int) -> None:
        super().__init__(f"{key} is in the store already, with other bytes ({there}) than those to be written ({ours})")
        self.key = key


class PromiseBroken(StoreError):
    """The store fails the start-up probe; `promise` is the sentence that it does not keep."""

    def __init__(self, promise: str, *, bucket: str, found: str) -> None:
        super().__init__(
            f"the store must not be used: bucket {bucket} does not keep the promise that {promise}: {found}"
        )
        self.promise, self.bucket, self.found = promise, bucket, found
