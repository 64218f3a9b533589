"""Puts the files of one attempt where they lie, under a key that names the attempt, and says what they are."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from evidence.bootstrap import House
from evidence.jobs import RunningJob
from evidence.store import StoredRendition
from evidence.store.errors import StoreError
from evidence.store.keys import packets_key, rendition_key
from evidence.vocabulary import RenditionKind, RenditionMethod
from transcode.check import Manifests
from transcode.packets import Manifest, digest_of
from transcode.results import Result, StoredManifests

CONTENT_TYPES = {
    RenditionKind.POSTER: "image/jpeg",
    RenditionKind.STORYBOARD: "text/vtt",
    RenditionKind.WAVEFORM: "application/json",
    RenditionKind.FRAMES: "application/json",
}


@dataclass(frozen=True, slots=True)
class Keeper:
    """Puts one attempt's files where they lie, and says what they are."""

    house: House
    master_id: UUID
    job: RunningJob

    def put(self, kind: RenditionKind, path: Path, content_type: str) -> StoredRendition:
        """Store one file under this attempt's own key."""
        key = rendition_key(
            self.master_id, kind=kind.value, job_id=self.job.held.id, attempt=self.job.held.attempt, file=path.name
        )
        return self.house.renditions.put_file(key, path, content_type=content_type)

    def part(self, path: Path, name: str) -> StoredRendition:
        """Store a part of a copy, or its beginning, under this attempt's own key."""
        held = self.job.held
        key = rendition_key(self.master_id, kind="parts", job_id=held.id, attempt=held.attempt, file=name)
        return self.house.renditions.put_file(key, path, content_type="application/octet-stream")

    def manifest(self, manifest: Manifest) -> StoredRendition | None:
        """Store a packet manifest under its own digest; nothing where there is none to store."""
        if not (manifest.listed and manifest.packets):
            return None
        body = manifest.as_bytes()
        key = packets_key(self.master_id, digest_of(body))
        return self.house.renditions.put_bytes(key, body, content_type="application/json")

    def manifests(self, both: Manifests) -> StoredManifests:
        """Store those of master and copy."""
        return StoredManifests(of_master=both.master, master=self.manifest(both.master), copy=self.manifest(both.copy))

    def kept(self, kind: RenditionKind, path: Path, *, sheets: tuple[Path, ...], tool: dict[str, str]) -> Result:
        """Store what is shown beside the recording. Sheets lie beside their list, under the names it gives them."""
        content_type = CONTENT_TYPES[kind]
        facts: dict[str, object] = {}
        if kind is RenditionKind.STORYBOARD:
            put = [self.put(kind, sheet, "image/jpeg") for sheet in sheets]
            facts["sheets"] = [{"key": each.key, "size": each.size, "sha256": each.sha256} for each in put]
        return Result(
            kind=kind,
            method=RenditionMethod.PICTURES,
            content_type=content_type,
            stored=self.put(kind, path, content_type),
            bucket=self.house.renditions.bucket,
            facts=facts,
            tool=tool,
        )


def forget(house: House, keys: Iterable[str]) -> None:
    """Remove objects that nothing points at any more. What the store refuses now, it may keep."""
    for key in keys:
        with suppress(StoreError):
            house.renditions.delete(key)
