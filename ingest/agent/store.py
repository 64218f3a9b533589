"""Puts parts into the store, at the addresses the server signed, from memory and without copying.

The part's SHA-256 is in the signature: the store itself refuses other bytes than those the agent hashed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import urllib3
from urllib3.exceptions import HTTPError

from ingest.agent import patience
from ingest.agent.bandwidth import Throttle
from ingest.agent.errors import Stopping, StoreAway
from ingest.agent.protocol import PartUrl
from ingest.agent.settings import Settings
from ingest.agent.wire import cause_of, host_of, pool

TRIES = 4
ALREADY_THERE = 412  # an earlier try arrived after all: only its answer was lost


class AddressRefused(StoreAway):
    """The signed address is no longer good: ask the server for another."""


class UploadUnknown(StoreAway):
    """The store knows nothing of this upload: offer the file again."""


class PartStore:
    """The store as the agent sees it: somewhere to PUT."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._pool = pool(settings, timeout=60)
        self._throttle = Throttle(
            settings.bandwidth_mib_per_second and settings.bandwidth_mib_per_second * (1 << 20), stop
        )
        self._stop = stop

    def put(self, body: memoryview, address: Callable[[], PartUrl], progress: Callable[[int], None]) -> str:
        """Put one part and give back the store's ETag; an empty one where it was there already.

        `address` is asked for a signed address at each try, so that one that ran out is replaced; `progress` is told
        bytes as they go, and takes them back where a try fails. Raises StoreAway and its kinds, Stopping.
        """
        for failures in range(1, TRIES + 1):
            sent = _Counter(progress)
            try:
                return self._once(address(), body, sent)
            except UploadUnknown:
                sent.take_back()
                raise
            except StoreAway:
                sent.take_back()
                if failures == TRIES:
                    raise
            except BaseException:
                sent.take_back()
                raise
            if self._stop.wait(patience.pause_after(failures, most=10.0)):
                raise Stopping
        raise StoreAway("The store was not asked.")

    def _once(self, target: PartUrl, body: memoryview, sent: _Counter) -> str:
        try:
            answer = self._pool.request(
                "PUT",
                target.url,
                body=self._pieces(body, sent),  # type: ignore[arg-type]  # stubs know only bytes; sent as they are
                # Its length is known: named here, nothing is sent in chunks and nothing is gathered up first.
                headers={**target.headers, "Content-Length": str(len(body))},
                redirect=False,
                preload_content=False,
            )
            try:
                words = answer.read(4096)
                answer.drain_conn()
            finally:
                answer.release_conn()
        except HTTPError as error:
            raise StoreAway(f"The store at {host_of(target.url)} does not answer ({cause_of(error)}).") from error
        return _etag_of(answer, words, target)

    def _pieces(self, body: memoryview, sent: _Counter) -> Iterator[memoryview]:
        for piece in self._throttle.paced(body):
            if self._stop.is_set():
                raise Stopping
            yield piece
            sent.add(len(piece))


class _Counter:
    """What one try has sent so far."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress, self._octets = progress, 0

    def add(self, octets: int) -> None:
        self._octets += octets
        self._progress(octets)

    def take_back(self) -> None:
        self._progress(-self._octets)
        self._octets = 0


def _etag_of(answer: urllib3.BaseHTTPResponse, words: bytes, target: PartUrl) -> str:
    if answer.status == ALREADY_THERE:
        return ""
    if answer.status == 200:
        if etag := answer.headers.get("ETag"):
            return etag
        raise StoreAway(f"The store at {host_of(target.url)} took a part without naming it.")
    code = _between(words, b"<Code>", b"</Code>")
    if code == "NoSuchUpload":
        raise UploadUnknown("The store no longer knows this upload; the file is offered again.")
    message = f"The store at {host_of(target.url)} does not take parts (HTTP {answer.status} {code})."
    raise (AddressRefused if answer.status in {401, 403} else StoreAway)(message.replace(" )", ")"))


def _between(words: bytes, before: bytes, after: bytes) -> str:
    _, found, rest = words.partition(before)
    return rest.partition(after)[0][:80].decode("ascii", "replace") if found else ""
