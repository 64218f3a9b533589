"""Packages whose files, or whose exhibits, go by names that they do not have: manifests written anew each time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.package_spoiling import Files, changed, events, with_events

CONTENTS, HEAD_MAP = "custody/contents.json", "custody/headmap.json"
MASTER, COPY = "master.mp4", "working-player.mp4"


@dataclass(frozen=True, slots=True)
class Misnamed:
    """New names for the files of each exhibit, and the claims that are contradicted then; no other is."""

    names: Mapping[str, str]
    contradicted: frozenset[str]

    def change(self, files: Files) -> Files:
        """The package with these names, on the disk and in contents.json."""
        return renamed(files, self.names)


def renamed(files: Files, names: Mapping[str, str]) -> Files:
    """The package with other names for files in the folders of exhibits."""

    def other(path: str) -> str:
        folder, _, name = path.rpartition("/")
        return f"{folder}/{names.get(name, name)}"

    def rename(contents: Any) -> Any:
        for each in contents["exhibits"]:
            for file in (each["master"], *each["working"]):
                file["path"] = other(file["path"])
        return contents

    moved = {other(path) if path.startswith("data/") else path: data for path, data in files.items()}
    return changed(moved, CONTENTS, rename)


def _master(name: str) -> Misnamed:
    return Misnamed({MASTER: name}, frozenset({"master"}))


def _copy(name: str) -> Misnamed:
    return Misnamed({COPY: name}, frozenset({"working"}))


MISNAMED: Mapping[str, Misnamed] = {
    "master and copy change places": Misnamed(
        {MASTER: "working-player.mkv", COPY: MASTER}, frozenset({"master", "working"})
    ),
    "a master as a copy of another kind": _master("working-browser.mkv"),
    "a master in a folder of its own": _master("original/master.mp4"),
    "a master without an ending": _master("master"),
    "a master with a dot and nothing after it": _master("master."),
    "a master with two endings": _master("master.mp4.exe"),
    "a master with an ending that is a sentence": _master("master.not-the-original"),
    "a master with too long an ending": _master("master.mp4mp4mp4"),
    "a second master": _master("master-2.mp4"),
    "a master in capitals": _master("MASTER.mp4"),
    "a copy as the master, with another ending": _copy("master.mkv"),
    "a copy in a folder of its own": _copy("copies/working-player.mp4"),
    "a copy of another kind": _copy("working-original.mp4"),
    "a copy of a longer kind": _copy("working-player-original.mp4"),
    "a copy of no kind": _copy("working-.mp4"),
    "a copy with another beginning": _copy("player.mp4"),
    "a copy with two endings": _copy("working-player.mp4.exe"),
    "a copy without an ending": _copy("working-player"),
}
# Endings that the maker gives: those of names on devices, short, long, with digits, and the one where there is none.
ENDINGS = ("bin", "a", "m2ts", "mp4", "3gp", "MKV", "abcd1234")


def ending(files: Files, which: str) -> Files:
    """The package with another ending for master and copy."""
    return renamed(files, {MASTER: f"master.{which}", COPY: f"working-player.{which}"})


def beginning(files: Files, count: int, reference: str | None = None) -> Files:
    """The package with the first `count` events of each exhibit alone, no head map, and no working copy that no event
    made; its exhibit may go by another reference."""
    contents = json.loads(files[CONTENTS])
    rows = _first(files, {each["recording"] for each in contents["exhibits"]}, count)
    for each in contents["exhibits"]:
        each["working"] = [] if count < 5 else each["working"]  # the fifth event says that it was made
        _refer(each, reference or each["reference"])
    kept = {
        other: data
        for path, data in files.items()
        if (other := _kept(path, rows, contents["exhibits"], reference)) is not None
    }
    kept = changed(kept, CONTENTS, lambda _: {**contents, "complete_at": 0})
    seen = {json.loads(row["leaf"])["seen"]["size"] for row in rows}
    kept = changed(kept, "custody/seen.json", lambda was: [each for each in was if each["size"] in seen])
    ids = {json.loads(row["leaf"])["id"] for row in rows}
    kept = changed(kept, "custody/revealed.json", lambda was: {key: each for key, each in was.items() if key in ids})
    return with_events(kept, rows)


def _first(files: Files, recordings: set[str], count: int) -> list[dict[str, Any]]:
    told = [(row, json.loads(row["leaf"])) for row in events(files)]
    return [row for row, leaf in told if leaf["subj"] in recordings and leaf["n"] <= count]


def _refer(exhibit: Any, reference: str) -> None:
    exhibit["reference"] = reference
    for file in (exhibit["master"], *exhibit["working"]):
        file["path"] = f"data/exhibits/{reference}/{file['path'].rpartition('/')[2]}"


def _kept(path: str, rows: list[dict[str, Any]], exhibits: list[Any], reference: str | None) -> str | None:
    """The name of a file in the package that is cut short; None where it is left out."""
    named = {file["path"] for each in exhibits for file in (each["master"], *each["working"])}
    if path.startswith("custody/proofs/"):
        return path if any(path == f"custody/proofs/{row['seq']}.tlog-proof" for row in rows) else None
    if path == HEAD_MAP or (path.startswith("custody/packets/") and not any(each["working"] for each in exhibits)):
        return None
    if not path.startswith("data/"):
        return path
    _, _, was, name = path.split("/")
    moved = f"data/exhibits/{reference or was}/{name}"
    return moved if moved in named else None
