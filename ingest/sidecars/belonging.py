"""Which recordings a sidecar lies beside, by names within one device's listing. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from ingest.names import axis_container
from ingest.sidecars.kinds import TRANSCRIPT, SidecarKind, axis_object, folder_and_file, kind_of

_AXIS_WHOLE: Final = frozenset({SidecarKind.AXIS_BOOKMARK, SidecarKind.AXIS_COMPLETE})
_MAPPED: Final = frozenset({SidecarKind.XML, SidecarKind.JSON, SidecarKind.CSV})
# date_time_id, before the camera's serial in the name of a trail or its key
_CLIP_STEM = re.compile(r"(\d{8}[T_]\d{6}Z?_[A-Za-z0-9]{1,16})(?:_[A-Za-z0-9]{1,32})?(?:_gpstrail)?", re.ASCII)
# One interview in several files: INT-0001_cam1, INT-0001-2, INT-0001 part 3
_PART = re.compile(r"(.+?)[ _-](?:cam|camera|mic|part|channel|ch|disc)?[ _-]?\d{1,3}", re.ASCII | re.IGNORECASE)


class Listing:
    """The recordings of one device, indexed so that each sidecar finds its own at once."""

    def __init__(self, names: Iterable[bytes]) -> None:
        self._recordings = sorted(name for name in set(names) if kind_of(name) is None)
        self._exact = frozenset(self._recordings)
        self._by_folder: dict[str, list[bytes]] = defaultdict(list)
        self._by_stem: dict[tuple[str, str], list[bytes]] = defaultdict(list)
        self._by_family: dict[tuple[str, str], list[bytes]] = defaultdict(list)
        for name in self._recordings:
            folder, file = folder_and_file(name)
            stem = _stem(file)
            self._by_folder[folder].append(name)
            self._by_stem[folder, stem.lower()].append(name)
            part = _PART.fullmatch(stem[:255])
            if part:
                self._by_family[folder, part[1].lower()].append(name)

    def recordings_of(self, sidecar: bytes) -> tuple[bytes, ...]:
        """Every recording that a sidecar speaks of, in name order; none where the names do not say."""
        kind = kind_of(sidecar)
        if kind is None:
            return ()
        folder, file = folder_and_file(sidecar)
        if axis_container(folder.rpartition("/")[2]):
            found = self._in_container(kind, folder, file)
        elif kind is SidecarKind.AXON_TRANSCRIPT:
            match = TRANSCRIPT.fullmatch(file)
            found = self._beside(folder, (match["before"] or match["after"]) if match else "")
        else:
            found = self._beside(folder, _stem(file)) or self._beside(folder, file)
            found = found or (self._by_family.get((folder, _stem(file).lower()), []) if kind in _MAPPED else [])
        return tuple(found)

    def _in_container(self, kind: SidecarKind, folder: str, file: str) -> list[bytes]:
        if kind is SidecarKind.AXIS_METADATA:
            inside = axis_object(file)[1]
            return self._of_object(folder, inside) if inside else self._by_folder.get(folder, [])
        if kind in _AXIS_WHOLE:
            return self._by_folder.get(folder, [])
        return self._of_object(folder, file)

    def _of_object(self, folder: str, inside: str) -> list[bytes]:
        """The clips of one object in a container: itself, its clip, or all where it belongs to the whole."""
        if kind_of(_name(folder, inside)) in _AXIS_WHOLE:
            return self._by_folder.get(folder, [])
        clip = _CLIP_STEM.fullmatch(_stem(inside))
        return self._beside(folder, clip[1] if clip else _stem(inside))

    def _beside(self, folder: str, stem: str) -> list[bytes]:
        """`clip.mp4.sha256` beside `clip.mp4`; `clip.gpx` beside `clip.mp4`, the same case first."""
        whole = _name(folder, stem)
        if whole in self._exact:
            return [whole]
        alike = self._by_stem.get((folder, stem.lower()), [])
        same_case = [name for name in alike if _stem(folder_and_file(name)[1]) == stem]
        return same_case or alike


def belongs_to(sidecar: bytes, candidates: Iterable[bytes]) -> bytes | None:
    """The recording that a sidecar lies beside: the first, in name order, of those it speaks of.

    For many sidecars of one device make one `Listing` and ask it.
    """
    return next(iter(Listing(candidates).recordings_of(sidecar)), None)


def _stem(file: str) -> str:
    stem, _, _ = file.rpartition(".")
    return stem or file


def _name(folder: str, file: str) -> bytes:
    return (f"{folder}/{file}" if folder else file).encode("utf-8", "surrogateescape")
