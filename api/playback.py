"""Media bytes for one who may watch: by ranges, through an address of ours, after the view has been recorded.

The custody event is committed before the first byte leaves, once for each viewing (one person, one sign-in, one
opened page), not once for each range. Bytes come from the store in pieces and are never whole in memory, and no
address of the store is ever shown.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from threading import Lock
from typing import Final
from uuid import UUID

import anyio
from anyio import to_thread
from sqlalchemy import select, text
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.authentication import Caller
from api.enquiries.dossier import newest_beginning
from api.errors import RangeRefused
from evidence import clock
from evidence.access import Action, Resource, decide
from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.events import Event, EventType, Object
from evidence.database import ReadSession, WriteSession
from evidence.errors import NotFound, NotPermitted
from evidence.models import Master, PartialCopy, Recording, Rendition
from evidence.store.errors import ObjectMissing
from evidence.vocabulary import RenditionKind, RenditionMethod, RenditionState

# The name of the unit is read in any case (RFC 9110, 14.1); a number of any length is one.
ONE_RANGE: Final = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE)
BEYOND_ALL: Final = 1 << 62  # stands for every position that no object reaches
VIEW_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
SHEET_SHAPE: Final = re.compile(r"storyboard(-\d{3,5}\.jpg|\.vtt)")
# What a browser is ever told that bytes from outside are. Anything else is offered as plain bytes.
SERVED_AS: Final = re.compile(r"(video|audio)/[a-z0-9.+-]+|image/jpeg|text/vtt|application/json")
MEDIA_THREADS: Final = 32  # reads of the store at one moment; each is a piece of one object
VIEWED: Final = (EventType.RENDITION_VIEWED, EventType.RENDITION_PART_VIEWED, EventType.MASTER_VIEWED)
# No sign-in lasts longer than a day, and its number is in the key of the viewing; an hour more for two clocks. A
# program that names the same page again after that is recorded again.
ONE_VIEWING: Final = timedelta(hours=25)
# Bytes from outside may carry script for whatever would run it; this lets none run.
MEDIA_POLICY: Final = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where some bytes lie, and what they are. `version_id` is given for masters alone."""

    recording: UUID
    kind: RenditionKind
    key: str
    version_id: str | None
    size: int
    sha256: str
    content_type: str
    beginning_s: int | None = None
    """Where the bytes are only the beginning of a copy: how many seconds of it."""

    @property
    def etag(self) -> str:
        """A strong validator: the digest itself."""
        return f'"{self.sha256}"'


class Views:
    """The viewings that this process has seen recorded, so that ranges do not ask the log each time."""

    def __init__(self, most: int = 20_000) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def knows(self, view: str) -> bool:
        """Whether this viewing is recorded already."""
        with self._lock:
            return view in self._known

    def learn(self, view: str) -> None:
        """Remember it; the oldest is forgotten, and would be found in the log again."""
        with self._lock:
            self._known[view] = None
            while len(self._known) > self._most:
                self._known.popitem(last=False)


def watchable(caller: Caller, recording: Recording | None) -> Recording:
    """Raises NotFound where the caller may not even see the recording, NotPermitted where they may not watch it."""
    if recording is None:
        raise NotFound("the recording")
    resource = Resource(officer=recording.officer_id)
    if not decide(caller.asker, Action.SEE_RECORDING, resource).allow:
        raise NotFound("the recording")
    decision = decide(caller.asker, Action.WATCH, resource)
    if not decision.allow:
        raise NotPermitted(decision.reason)
    return recording


def source_of(session: ReadSession, recording: Recording, kind: RenditionKind) -> Source:
    """The bytes to serve: the copy of this kind, or the master's own where it plays as it is. Raises NotFound."""
    rendition = session.scalars(
        select(Rendition)
        .where(Rendition.recording_id == recording.id, Rendition.kind == kind, Rendition.state == RenditionState.READY)
        .order_by(Rendition.made_at.desc())
        .limit(1)
    ).one_or_none()
    if rendition is None:
        raise NotFound(f"a {kind.value} copy of this recording")
    if rendition.method is RenditionMethod.DIRECT or rendition.key is None:
        return master_source(session.get_one(Master, recording.id), rendition.content_type, kind)
    return Source(
        recording=recording.id,
        kind=kind,
        key=rendition.key,
        version_id=None,
        size=rendition.size or 0,
        sha256=rendition.sha256 or "",
        content_type=_served_as(rendition.content_type),
    )


def beginning_source(session: ReadSession, recording: Recording, made: UUID | None) -> Source:
    """The beginning of a copy: the one named by `made`, or the longest. Raises NotFound.

    One that is named is served also when the whole is there: a page that shows it has not changed over yet.
    """
    found = newest_beginning(session, recording.id) if made is None else session.get(PartialCopy, made)
    if found is None or session.get_one(Rendition, found.rendition_id).recording_id != recording.id:
        raise NotFound("the beginning of a copy of this recording")
    return Source(
        recording=recording.id,
        kind=RenditionKind.PLAYBACK,
        key=found.key,
        version_id=None,
        size=found.size,
        sha256=found.sha256,
        content_type=_served_as(found.content_type),
        beginning_s=found.covered_us // 1_000_000,
    )


def master_source(master: Master, content_type: str | None, kind: RenditionKind) -> Source:
    """The master's own bytes."""
    return Source(
        recording=master.id,
        kind=kind,
        key=master.key,
        version_id=master.version_id,
        size=master.size,
        sha256=master.sha256,
        content_type=_served_as(content_type),
    )


def beside(house: House, source: Source, file: str) -> Source:
    """Another file of the same rendition: the sheets lie beside their list. Raises NotFound for any other name."""
    if not SHEET_SHAPE.fullmatch(file):
        raise NotFound("that file")
    key = f"{source.key.rpartition('/')[0]}/{file}"
    if key == source.key:
        return source
    try:
        size = house.renditions.head(key).size
    except ObjectMissing as error:
        raise NotFound("that file") from error
    return replace(source, key=key, size=size, sha256="", content_type="image/jpeg")


def view_key(caller: Caller, recording: UUID, view: str | None, *, of: str = "") -> str:
    """What tells one viewing from another: who, which sign-in, which recording, which opened page, and `of` what where
    that is not the copy itself.

    The page's own word is mixed with the sign-in's, so it cannot be passed on. A program names no page; its
    reads within one hour are one viewing.
    """
    page = view if view and VIEW_SHAPE.fullmatch(view) else f"hour {clock.now():%Y-%m-%dT%H}"
    said = b"\0".join((caller.key, recording.bytes, page.encode(), *((of.encode(),) if of else ())))
    return hashlib.sha256(said).hexdigest()[:32]


def record_view(session: WriteSession, caller: Caller, source: Source, view: str) -> None:
    """Write the viewing down, unless another of our processes has."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": int(view[:15], 16)})
    since = clock.now() - ONE_VIEWING
    if ledger.has_said(session, source.recording, kinds=VIEWED, fact=("view", view), since=since):
        return
    facts: dict[str, str | int] = {"kind": source.kind.value, "view": view}
    if source.beginning_s is not None:
        facts["seconds"] = source.beginning_s
    role = source.kind.value if source.beginning_s is None else "beginning"
    seen = Object(role=role, sha256=source.sha256, size=source.size, version_id=source.version_id)
    what = EventType.RENDITION_VIEWED if source.version_id is None else EventType.MASTER_VIEWED
    what = what if source.beginning_s is None else EventType.RENDITION_PART_VIEWED
    event = Event(type=what, subject=source.recording, actor=caller.actor, facts=facts, objects=[seen])
    ledger.record(session, event)


def _has_it(known: str, etag: str) -> bool:
    """Whether If-None-Match names these bytes (RFC 9110, 13.1.2): one of a list, weak or not, or any at all."""
    return known.strip() == "*" or etag in {each.strip().removeprefix("W/") for each in known.split(",")}


def answer(request: Request, house: House, source: Source, *, name: str | None = None) -> Response:
    """The bytes, or the range of them that was asked for. Raises RangeRefused, StoreError before the first byte."""
    headers = _headers(source, name)
    if source.sha256 and _has_it(request.headers.get("if-none-match", ""), source.etag):
        return Response(status_code=304, headers=headers)
    wanted = _range(request, source)
    first, stop = wanted or (0, source.size)
    if wanted:
        headers["Content-Range"] = f"bytes {first}-{stop - 1}/{source.size}"
    headers["Content-Length"] = str(stop - first)
    status = 206 if wanted else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    pieces = _read(house, source, first, stop)
    # The first piece is fetched here: a store that is away is an answer of its own and not half a file.
    begun = next(pieces, b"")
    return StreamingResponse(_flow(begun, pieces), status, headers)


def _read(house: House, source: Source, first: int, stop: int) -> Iterator[bytes]:
    if first == stop:
        return iter(())
    if source.version_id is not None:
        return house.masters.read(source.key, version_id=source.version_id, start=first, stop=stop)
    return house.renditions.read(source.key, start=first, stop=stop)


async def _flow(begun: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces as they come, the next one fetched while this one is sent."""
    ahead: asyncio.Task[bytes] | None = None
    try:
        piece = begun
        while piece:
            ahead = asyncio.create_task(_next(pieces))
            yield piece
            piece = await ahead
    finally:
        # A viewer who goes away must not leave a read of the store behind.
        with anyio.CancelScope(shield=True):
            if ahead is not None:
                await asyncio.wait([ahead])
            close = getattr(pieces, "close", None)
            if close is not None:
                await to_thread.run_sync(close)


async def _next(pieces: Iterator[bytes]) -> bytes:
    # Threads of their own: a slow store must not keep pages waiting.
    return await to_thread.run_sync(next, pieces, b"", limiter=_media_threads())


@cache
def _media_threads() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(MEDIA_THREADS)


def _range(request: Request, source: Source) -> tuple[int, int] | None:
    """From and to before which byte; None for all of them.

    Words that are no single byte range are passed over, as RFC 9110 14.2 allows; so is a range of another
    version (If-Range).
    """
    said = request.headers.get("range", "").replace(" ", "")
    condition = request.headers.get("if-range")
    found = ONE_RANGE.fullmatch(said)
    if found is None or not (found[1] or found[2]) or (condition and condition != source.etag):
        return None
    if not found[1]:
        first, stop = max(0, source.size - _position(found[2])), source.size
    else:
        first, stop = _position(found[1]), min(source.size, _position(found[2]) + 1 if found[2] else source.size)
    if found[1] and found[2] and _is_less(found[2], found[1]):
        return None
    if first >= stop:
        raise RangeRefused(source.size)
    return first, stop


def _position(digits: str) -> int:
    """A position, however long it is written: none is refused for its length, and none costs more than its worth."""
    meant = digits.lstrip("0")
    return BEYOND_ALL if len(meant) > 18 else int(meant or "0")


def _is_less(one: str, other: str) -> bool:
    """Whether the first of two numbers is the smaller."""
    one, other = one.lstrip("0"), other.lstrip("0")
    return (len(one), one) < (len(other), other)


def _headers(source: Source, name: str | None) -> dict[str, str]:
    headers = {
        "Content-Type": source.content_type,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Security-Policy": MEDIA_POLICY,
    }
    if source.sha256:
        digest = base64.b64encode(bytes.fromhex(source.sha256)).decode()
        headers |= {"ETag": source.etag, "Repr-Digest": f"sha-256=:{digest}:"}
    if name is not None:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return headers


def _served_as(content_type: str | None) -> str:
    plain = (content_type or "").partition(";")[0].strip().lower()
    return plain if SERVED_AS.fullmatch(plain) else "application/octet-stream"
