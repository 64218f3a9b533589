"""Packages whose small files say what the format does not let them say, or just lets them: manifests written anew.

`odd` is what every checker must contradict, claim by claim, and nothing else; where it is empty, all of it is good.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.package_log import b64, canonical, uuid
from tests.support.package_maker import listed, seal
from tests.support.package_spoiling import changed, events, with_events

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


def _copy(contradicted: str, **said: Any) -> Odd:
    """Something else said of the first working copy."""

    def change(contents: Any) -> Any:
        contents["exhibits"][0]["working"][0] |= said
        return contents

    return _json("contents.json", change, contradicted)


def _other(*contradicted: str, **said: Any) -> Odd:
    return _json("contents.json", lambda was: {**was, **said}, *contradicted)


def _named(contents: Any) -> Any:
    contents["exhibits"][0]["reference"] = "package"
    return contents


CONTENTS: Mapping[str, Odd] = {
    "a kind of 200 letters": _copy("working", kind="\U0001d11e" * 200),
    "a kind of 201 letters": _copy("files", kind="x" * 201),
    "a kind of nothing": _copy("files", kind=""),
    "a kind with a line feed": _copy("files", kind="player\n"),
    "a kind in another normal form": _copy("files", kind="A\u030a"),
    "a method of 201 letters": _copy("files", method="x" * 201),
    "a method of nothing": _copy("files", method=""),
    "a path that begins with a dot": _copy("files", path=".copy.mp4"),
    "a path of more than 400 letters": _copy("files", path="data/" + "x" * 400),
    "a member with a question mark": _copy("files", **{"size?": 1}),
    "a log with a space": _other("files", log="a b"),
    "a log of nothing": _other("files", log=""),
    "a log of too many letters": _other("files", log="x" * 201),
    "no exhibit, of another log": _other("files", "checkpoint", exhibits=[], log="x.example"),
    "an exhibit with the name of the whole": _json("contents.json", _named, "files"),
    "a name that is not ASCII": _other("files", größe=1),
}


def _ends(change: Callable[[dict[str, Any]], dict[str, Any]], *contradicted: str) -> Odd:
    """Another end in the head map, of a recording that is not in the package."""

    def more(headmap: Any) -> Any:
        other = {**headmap["proofs"][0], "recording": uuid("nobody")}
        return {**headmap, "proofs": [*headmap["proofs"], change(other)]}

    return _json("headmap.json", more, *contradicted)


def _noted(text: Callable[[str], str], *contradicted: str) -> Odd:
    """Another checkpoint, in the proofs as well."""

    def change(files: Files) -> Files:
        old = files["custody/checkpoint.txt"]
        new = text(old.decode()).encode()
        return seal({path: data.replace(old, new) for path, data in files.items()})

    return Odd(change, frozenset(contradicted))


def _signed(name: str, count: int) -> Callable[[str], str]:
    return lambda was: was + f"— {name} {b64(bytes(68))}\n" * count


def _extra(said: str, *contradicted: str) -> Odd:
    """A line of extra data in each proof."""

    def change(files: Files) -> Files:
        begins = b"c2sp.org/tlog-proof@v1\n"
        proofs = {
            path: data.replace(begins, begins + said.encode(), 1)
            for path, data in files.items()
            if path.startswith("custody/proofs/")
        }
        return seal({**files, **proofs})

    return Odd(change, frozenset(contradicted))


def _seeing(size: int, *contradicted: str, rows: bool = False) -> Odd:
    """The last event has seen another checkpoint; `seen.json` is left out unless `rows`."""

    def change(files: Files) -> Files:
        *kept, last = events(files)
        leaf = json.loads(last["leaf"]) | {"seen": {"size": size, "root": "ab" * 32}}
        told = with_events(files, [*kept, {"seq": last["seq"], "leaf": canonical(leaf)}])
        return seal({path: data for path, data in told.items() if rows or path != "custody/seen.json"})

    return Odd(change, frozenset(contradicted))


def _leaf(*contradicted: str, **said: Any) -> Odd:
    """Something else in the last event, whose proof is then another's."""

    def change(files: Files) -> Files:
        *kept, last = events(files)
        return with_events(files, [*kept, {"seq": last["seq"], "leaf": canonical(json.loads(last["leaf"]) | said)}])

    return Odd(change, frozenset(contradicted))


THING = {"role": "x", "sha256": "0" * 64, "size": 1}
LEAVES: Mapping[str, Odd] = {
    "a thing": _leaf("included", obj=[THING]),
    "a thing with a member that has a question mark": _leaf("events", obj=[{**THING, "sha512?": "ab" * 64}]),
    "a thing with a star": _leaf("events", obj=[{**THING, "*": 1}]),
    "a member with a question mark": _leaf("events", **{"obj?": []}),
    "a way of signing in with a question mark and a star": _leaf(
        "included", auth={"method": "x", "method?": None, "*": 1, "?": 2, "": 3}
    ),
    "a commitment that is a star": _leaf("events", sealed={"*": "x"}),
}


def _stamped_otherwise(files: Files) -> Files:
    """A checkpoint of another root was stamped, and the stamp is not there."""
    origin, size, *_ = files["custody/checkpoint.txt"].decode().split("\n")
    note = f"{origin}\n{size}\n{b64(bytes(32))}\n\n— nobody {b64(bytes(68))}\n"
    return seal({**files, "custody/tst/other.note": note.encode()})


def _in_two_sizes(files: Files) -> Files:
    note = files["custody/checkpoint.txt"]
    return seal({**files, "custody/tst/one.note": note, "custody/tst/ONE.note": note})


PROOFS: Mapping[str, Odd] = {
    "an end of nobody": _ends(lambda was: was),
    "an end of nobody with no number": _ends(lambda was: {**was, "n": 0}, "complete"),
    "an end of nobody with half a hash": _ends(lambda was: {**was, "proof": ["AAAA"]}, "complete"),
    "an end of nobody with stray bits": _ends(lambda was: {**was, "proof": ["A" * 42 + "B="]}, "complete"),
    "as many signatures as may be": _noted(_signed("nobody", 61)),
    "too many signatures": _noted(_signed("nobody", 65), "checkpoint"),
    "a name as long as may be": _noted(_signed("n" * 255, 1)),
    "a name that is too long": _noted(_signed("ö" * 128, 1), "checkpoint"),
    "extra data": _extra("extra AAAA\n"),
    "extra data of nothing": _extra("extra \n", "included"),
    "an earlier checkpoint that is not shown": _json("seen.json", lambda was: was[1:]),
    "an earlier checkpoint that is wrong, and one not shown": _json(
        "seen.json", lambda was: [*was[1:-1], {**was[-1], "root": "ab" * 32}], "not_before"
    ),
    "a checkpoint of the future, and none shown": _seeing(10_000, "included", "not_before"),
    "another checkpoint was stamped": Odd(_stamped_otherwise, frozenset({"not_after"})),
    "two files that differ in capitals only": Odd(_in_two_sizes, frozenset({"files"})),
}
TABLES = {
    "bag-info.txt": INFOS, "revealed.json": REVEALED, "contents.json": CONTENTS, "proofs": PROOFS, "a leaf": LEAVES,
}  # fmt: skip
ODD: Mapping[str, Odd] = {f"{path}: {name}": each for path, cases in TABLES.items() for name, each in cases.items()}
