"""The media of a package: which files, where they lie in the store, and that they are what the register says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sqlalchemy import select

from evidence.continuity.gather import CONDITIONS
from evidence.custody.events import Actor
from evidence.database import ReadSession
from evidence.errors import NotFound
from evidence.identifiers import recording_reference
from evidence.incidents import Trouble, open_incident
from evidence.models import Master, Quarantine, Recording, Rendition
from evidence.package.bag import Bag
from evidence.package.contents import Exhibit, MasterFile, WorkingFile
from evidence.package.errors import BytesDiffer
from evidence.store.errors import ObjectMissing
from evidence.vocabulary import IncidentKind, RenditionKind, RenditionState

if TYPE_CHECKING:
    from evidence.bootstrap import House

WHO: Final = Actor.system("package")
ADVICE: Final = "Do not hand this recording out. See docs/runbooks/fixity-failed.md."
EXTENSION: Final = re.compile(r"\.([A-Za-z0-9]{1,8})$")
COPIES: Final = {"video/mp4": "mp4", "audio/mp4": "m4a", "audio/mpeg": "mp3", "video/webm": "webm", "audio/wav": "wav"}


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the store that goes into a package. `version` is None for a working copy. SHA-512 of masters only."""

    recording: UUID
    path: str
    key: str
    version: str | None
    sha256: str
    sha512: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """One exhibit, its files in the store, and the title that people know it by."""

    exhibit: Exhibit
    sources: tuple[Source, ...]


def find(session: ReadSession, recording: UUID) -> Found:
    """The files of one recording: the master, and its copy for playing unless it is in quarantine. Raises NotFound."""
    row = session.get(Recording, recording)
    if row is None:
        raise NotFound(f"recording {recording}")
    master = session.get_one(Master, recording)
    reference = recording_reference(row.number)
    folder = f"data/exhibits/{reference}"
    stated = MasterFile(
        path=f"{folder}/master.{_extension(row.name_shown)}",
        sha256=master.sha256,
        sha512=master.sha512,
        size=master.size,
    )
    first = Source(recording, stated.path, master.key, master.version_id, master.sha256, master.sha512, master.size)
    aside = session.scalars(
        select(Quarantine.reason).where(Quarantine.recording_id == recording, Quarantine.closed_at.is_(None))
    ).first()
    condition = CONDITIONS[row.condition] + (f"; in quarantine: {aside}" if aside else "")
    copies = [] if aside else list(_copies(session, recording, folder))
    exhibit = Exhibit(
        recording=recording,
        reference=reference,
        condition=condition,
        master=stated,
        working=tuple(each for each, _ in copies),
    )
    return Found(exhibit, (first, *(source for _, source in copies)))


def _extension(name: str) -> str:
    """What a name ends in, where that can stand in a package."""
    match = EXTENSION.search(name)
    return match[1].lower() if match else "bin"


def _copies(session: ReadSession, recording: UUID, folder: str) -> Iterator[tuple[WorkingFile, Source]]:
    """The newest copy for playing that has bytes of its own."""
    row = session.scalars(
        select(Rendition)
        .where(
            Rendition.recording_id == recording,
            Rendition.kind == RenditionKind.PLAYBACK,
            Rendition.state == RenditionState.READY,
            Rendition.key.is_not(None),
        )
        .order_by(Rendition.made_at.desc())
        .limit(1)
    ).one_or_none()
    if row is None or row.key is None or row.sha256 is None or row.size is None:
        return
    path = f"{folder}/working-{row.kind.value}.{COPIES.get((row.content_type or '').partition(';')[0], 'bin')}"
    stated = WorkingFile(path=path, kind=row.kind.value, method=row.method.value, sha256=row.sha256, size=row.size)
    yield stated, Source(recording, path, row.key, None, row.sha256, None, row.size)


def copy_into(house: House, bag: Bag, source: Source) -> Iterator[int]:
    """Stream one file into the bag, hashed on its way; yields the size of each piece.

    Raises BytesDiffer where it is not what was registered, ObjectMissing where it is not there, both after an
    incident was opened; StoreAway and ShortRead, which may be tried again.
    """
    try:
        yield from bag.add(source.path, _pieces(house, source))
    except ObjectMissing as error:
        _open_incident(house, source, f"the store does not have {source.path}: {error}")
        raise
    is_ = bag.written(source.path)
    facts = [("size", source.size, is_.size), ("SHA-256", source.sha256, is_.sha256)]
    if source.sha512 is not None:
        facts.append(("SHA-512", source.sha512, is_.sha512))
    for what, expected, found in facts:
        if expected != found:
            differs = BytesDiffer(source.path, what=what, expected=expected, found=found)
            _open_incident(house, source, str(differs))
            raise differs


def _pieces(house: House, source: Source) -> Iterator[bytes]:
    if source.version is None:
        return house.renditions.read(source.key)
    return house.masters.read(source.key, version_id=source.version)


def _open_incident(house: House, source: Source, reason: str) -> None:
    trouble = Trouble(
        kind=IncidentKind.FIXITY_FAILED,
        subject=source.key,
        reason=reason,
        advice=ADVICE,
        recording_id=source.recording,
    )
    with house.writing() as session:
        open_incident(session, trouble, by=WHO)
