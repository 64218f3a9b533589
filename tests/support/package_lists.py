"""Packages whose lists, or whose names, are not those of any package: what every checker must say of them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.support.package_maker import seal

Files = dict[str, bytes]
CHECKPOINT = "custody/checkpoint.txt"


@dataclass(frozen=True, slots=True)
class Spoilt:
    """What was done, and the claims that must not be proved any more; `files` is contradicted in each case."""

    change: Callable[[Files], Files]
    unproved: frozenset[str] = frozenset()


def _a_proof(files: Files) -> str:
    return min(path for path in files if path.startswith("custody/proofs/"))


def _line(files: Files, listed: str, path: str) -> bytes:
    (found,) = [line for line in files[listed].split(b"\n") if line.endswith(b"  " + path.encode())]
    return found


def _respelt(
    algorithm: str, which: Callable[[Files], str], spell: Callable[[bytes], bytes]
) -> Callable[[Files], Files]:
    """One line of a list of tags written otherwise."""

    def change(files: Files) -> Files:
        listed = f"tagmanifest-{algorithm}.txt"
        line = _line(files, listed, which(files))
        return {**files, listed: files[listed].replace(line + b"\n", spell(line) + b"\n")}

    return change


def _with(path: str) -> Callable[[Files], Files]:
    return lambda files: seal({**files, path: b"of no account\n"})


def _without(path: str) -> Callable[[Files], Files]:
    return lambda files: {each: data for each, data in files.items() if each != path}


def _with_mark(files: Files) -> Files:
    listed = "tagmanifest-sha256.txt"
    return {**files, listed: b"\xef\xbb\xbf" + files[listed]}


def _cut(files: Files) -> Files:
    listed = "tagmanifest-sha512.txt"
    return {**files, listed: files[listed][:-1]}


def _twice(line: bytes) -> bytes:
    return line + b"\n" + b"0" * 64 + line[64:]


def _twice_the_other_way(line: bytes) -> bytes:
    return b"0" * 64 + line[64:] + b"\n" + line


def _one_checkpoint(_: Files) -> str:
    return CHECKPOINT


LOG = frozenset({"checkpoint", "included", "history", "master", "complete", "working"})
PLACE = frozenset({"included", "history", "master", "complete", "working"})
SPOILT: Mapping[str, Spoilt] = {
    "a proof's digest in capitals": Spoilt(
        _respelt("sha256", _a_proof, lambda line: line[:64].upper() + line[64:]), PLACE
    ),
    "one space before a proof's name": Spoilt(
        _respelt("sha512", _a_proof, lambda line: line.replace(b"  ", b" ")), PLACE
    ),
    "a proof's line with a return at its end": Spoilt(_respelt("sha256", _a_proof, lambda line: line + b"\r"), PLACE),
    "a proof's line with a byte that is no text": Spoilt(
        _respelt("sha256", _a_proof, lambda line: line + b"\xff"), PLACE
    ),
    "a proof's line with a star, as other tools write": Spoilt(
        _respelt("sha256", _a_proof, lambda line: line.replace(b"  ", b" *")), PLACE
    ),
    "the checkpoint listed twice, the second time otherwise": Spoilt(_respelt("sha256", _one_checkpoint, _twice), LOG),
    "the checkpoint listed twice, the first time otherwise": Spoilt(
        _respelt("sha256", _one_checkpoint, _twice_the_other_way), LOG
    ),
    "a mark before the first line": Spoilt(_with_mark),
    "no line feed at the end": Spoilt(_cut),
    "a list that is gone": Spoilt(_without("tagmanifest-sha512.txt"), LOG),
    "a list of the exhibits that is gone": Spoilt(_without("manifest-sha256.txt"), frozenset({"master", "working"})),
    "a note beside the report": Spoilt(_with("custody/notes.txt")),
    "another program beside the checkers": Spoilt(_with("custody/verify.exe")),
    "a packet manifest with a name of its own": Spoilt(_with("custody/packets/better.json")),
    "a page beside the exhibits": Spoilt(_with("open-me.html")),
    "a folder that nobody knows": Spoilt(_with("custody/extra/checkpoint.txt")),
}
