"""Packages whose small files say what the format does not let them say, or just lets them: manifests written anew.

`odd` is what every checker must contradict, claim by claim, and nothing else; where it is empty, all of it is good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.package_log import uuid
from tests.support.package_maker import listed
from tests.support.package_spoiling import changed

Files = dict[str, bytes]
INFO = "bag-info.txt"


@dataclass(frozen=True, slots=True)
class Odd:
    """What was done, and the claims that are contradicted by it."""

    change: Callable[[Files], Files]
    contradicted: frozenset[str] = frozenset()


def _info(change: Callable[[bytes], bytes], *contradicted: str) -> Odd:
    """Another bag-info.txt; what it counts is what is there."""

    def changed(files: Files) -> Files:
        return listed({**files, INFO: change(files[INFO])})

    return Odd(changed, frozenset(contradicted))


def _said(text: str, *contradicted: str) -> Odd:
    """A bag-info.txt of these lines and the true count."""
    return _info(lambda was: text.encode() + was[was.index(b"Payload-Oxum") :], *contradicted)


INFOS: Mapping[str, Odd] = {
    "another organisation": _said("Source-Organization: Heddlu Tŷ: y pencadlys \n"),
    "only the count": _said(""),
    "nothing at all": _info(lambda _: b"", "files"),
    "an empty line": _said("\n", "files"),
    "a line without a colon": _said("no colon here\n", "files"),
    "no space behind the colon": _said("A:b\n", "files"),
    "a tab behind the colon": _said("A:\tb\n", "files"),
    "a space before the colon": _said("A : b\n", "files"),
    "a value of nothing": _said("A: \n", "files"),
    "a line that is continued": _said("A: b\n continued\n", "files"),
    "a line that continues nothing": _said(" continued\n", "files"),
    "a label twice": _said("A: b\na: c\n", "files"),
    "a label of other letters": _said("Ä: b\n", "files"),
    "a return at the end of a line": _said("A: b\r\n", "files"),
    "a control character": _said("A: b\x85c\n", "files"),
    "a mark before the first line": _said("\ufeffA: b\n", "files"),
    "no text": _info(lambda was: b"A: \xff\n" + was, "files"),
    "no end of the last line": _info(lambda was: was[:-1], "files"),
    "too much": _said("A: " + "b" * 65_536 + "\n", "files"),
    "no count": _info(lambda was: was[: was.index(b"Payload-Oxum")], "files"),
    "a count in other letters": _info(lambda was: was.replace(b"Payload-Oxum", b"payload-oxum"), "files"),
    "a wrong count in other letters": _info(lambda _: b"payload-oxum: 9.9\n", "files"),
    "two counts": _said("payload-oxum: 9.9\n", "files"),
    "a count with a nought before it": _info(lambda was: was.replace(b"Oxum: ", b"Oxum: 0"), "files"),
    "a count with a space behind it": _info(lambda was: was[:-1] + b" \n", "files"),
    "another count": _info(lambda was: was[:-1] + b"1\n", "files"),
}


def _json(path: str, change: Callable[[Any], Any], *contradicted: str) -> Odd:
    """Another value in a JSON file of `custody/`."""
    return Odd(lambda files: changed(files, f"custody/{path}", change), frozenset(contradicted))


def _revealed(change: Callable[[dict[str, Any]], dict[str, Any]], *contradicted: str) -> Odd:
    return _json("revealed.json", change, *contradicted)


def _an_event(revealed: dict[str, Any]) -> str:
    return next(iter(revealed))


REVEALED: Mapping[str, Odd] = {
    "nobody": _revealed(lambda was: {**was, "nobody": {}}, "events"),
    "an event without a name": _revealed(lambda was: {**was, "": {}}, "events"),
    "an event that is not there": _revealed(lambda was: {**was, uuid("not there"): {}}, "events"),
    "an event in capitals": _revealed(lambda was: {**was, _an_event(was).upper(): {}}, "events"),
    "nothing of an event": _revealed(lambda was: {_an_event(was): {}}),
    "nothing": _revealed(lambda _: {}),
    "a list": _revealed(lambda _: [], "events"),  # type: ignore[arg-type,return-value]
    "a field that was not sealed": _revealed(
        lambda was: {_an_event(was): {"toString": next(iter(was[_an_event(was)].values()))}}, "events"
    ),
}
ODD: Mapping[str, Odd] = {
    f"{path}: {name}": each
    for path, cases in (("bag-info.txt", INFOS), ("revealed.json", REVEALED))
    for name, each in cases.items()
}
