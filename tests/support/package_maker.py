"""Makes small, complete packages straight from docs/package-format.md, and nothing else of the product.

    made = make(Order(exhibits=2), authority=Authority(folder))
    write(made.files, folder)            # or zipped(made.files, path)
    made.policy                          # the bytes of a policy that accepts it

The same order gives the same keys, identifiers and events every time. To spoil a package as somebody who knows the
format would, change `files` and `seal` them again.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support.authority import Authority, openssl
from tests.support.package_log import (
    ORIGIN,
    Log,
    Signer,
    b64,
    canonical,
    digest,
    headmap_of,
    leaf_hash,
    made_up,
    note_of,
    path_of,
    proof_of,
    proof_text,
    tree_hash,
    uuid,
)

ALGORITHMS = ("sha256", "sha512")
INSIDE = Path(__file__).resolve().parents[2] / "evidence" / "package" / "inside"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a package is to hold. `events` of each exhibit stand below the head map, `later` ones after it."""

    exhibits: int = 1
    events: int = 7
    later: int = 1
    others: int = 2  # events of other subjects after each of ours: in the log, not in the package
    witnesses: int = 2
    quorum: str = "all"  # `all`, `any` or `none`
    headmap: bool = True
    packets: bool = True
    # Packet manifests of master and copy, where they are not to be alike; how the copy was made; what ends their files.
    manifests: tuple[Any, Any] | None = None
    method: str = "remux"
    ending: bytes = b""
    ml_dsa: bool = True
    programs: bool = True  # the real verify.py and page rather than a line in their place


# --- an exhibit -------------------------------------------------------------------------------------------------------


def packet_manifest(what: str, *, packets: int = 4, step: int = 40_000, config: str = "sps") -> dict[str, Any]:
    """A manifest of one video stream. The same words give the same packets; `step` is in microseconds."""
    when = [number * step for number in range(packets)]
    return {"v": 1, "streams": [stream_of([f"{what} {number}" for number in range(packets)], when, config=config)]}


def stream_of(packets: list[str], pts: list[int], *, form: str = "", **said: Any) -> dict[str, Any]:
    """A stream of a manifest. `packets`: words that stand for each; `form`: how its container writes them."""
    kind, config = said.pop("kind", "video"), said.pop("config", "sps")
    neutral, dts = [made_up(each) for each in packets], said.pop("dts", pts)
    hashes = [made_up(each + form) for each in packets]
    timed = [each + struct.pack(">qq", *at) for each, *at in zip(hashes, dts, pts, strict=True)]
    roots = [tree_hash([leaf_hash(one) for one in each]).hex() for each in (hashes, neutral, timed)]
    shape = {"width": 160, "height": 120} if kind == "video" else {"rate": 48_000, "channels": 2}
    return {
        "kind": kind, "codec": "h264" if kind == "video" else "aac", "config": made_up(config).hex(), **shape,
        "matrix": None, "packets": len(packets), **dict(zip(("payload", "neutral", "timed"), roots, strict=True)),
        "hashes": [each.hex() for each in hashes], "neutral_hashes": [e.hex() for e in neutral] if form else None,
        "dts": dts, "pts": pts, "keys": [0], **said,
    }  # fmt: skip


class Exhibit:
    """One recording: its files, its events, and what contents.json says of it."""

    def __init__(self, number: int, order: Order) -> None:
        self.reference, self.recording = f"R{number:07}", uuid(f"recording {number}")
        self.order, self.seqs = order, list[int]()
        where = f"data/exhibits/{self.reference}"
        self.master, self.copy = f"{where}/master.mp4", f"{where}/working-player.mp4"
        self.files = {self.master: made_up(f"master {number}", 700), self.copy: made_up(f"copy {number}", 500)}
        values = order.manifests or (packet_manifest(f"packet {number}"),) * 2
        self.manifests = [canonical(each) + order.ending for each in values] if order.packets else []
        self.files |= {f"custody/packets/{digest(each)}.json": each for each in self.manifests}

    def begin(self, log: Log) -> None:
        """The first five events."""
        master, copy = self.files[self.master], self.files[self.copy]
        facts = {"kind": "player", "method": self.order.method, "recipe": "player-1"}
        stored = {**thing("master", master), "sha512": digest(master, "sha512"), "version_id": "v1"}
        roles = zip(("packets.master", "packets.copy"), self.manifests, strict=False)
        made = [thing("rendition", copy), *(thing(role, each) for role, each in roles)]
        self._tell(log, "master.stored", facts={"size": len(master), "lock": "COMPLIANCE"}, obj=[stored])
        self._tell(
            log, "recording.registered", facts={"reference": self.reference, "kind": "body_worn"}, personal="Åsa"
        )
        self._tell(log, "recording.examined", facts={"condition": "sound"})
        self._tell(log, "rendition.planned", facts=facts)
        made_facts = {**facts, "tool": "ffmpeg 5.1", "master_sha256": digest(master)}
        self._tell(log, "rendition.made", s62="alteration", facts=made_facts, obj=made)

    def go_on(self, log: Log, count: int) -> None:
        """As many viewings."""
        for _ in range(count):
            facts = {"kind": "player", "view": made_up(f"view {len(log.leaves)}", 16).hex()}
            self._tell(log, "rendition.viewed", s62="consultation", facts=facts)

    def _tell(self, log: Log, kind: str, *, s62: str = "collection", **said: Any) -> None:
        self.seqs.append(log.add(kind, self.recording, s62=s62, **said))
        for _ in range(self.order.others):
            log.add("signed.in", uuid(f"somebody {len(log.leaves) % 3}"))

    def stated(self) -> dict[str, Any]:
        """Its part of contents.json."""
        master, copy = self.files[self.master], self.files[self.copy]
        both = [digest(each) for each in self.manifests]
        packets = {"master": both[0], "copy": both[1]} if both else None
        return {
            "recording": self.recording,
            "reference": self.reference,
            "master": {"path": self.master, "sha512": digest(master, "sha512"), **of_file(master)},
            "working": [
                {"path": self.copy, "kind": "player", "method": self.order.method, "packets": packets, **of_file(copy)},
            ],
        }


def of_file(data: bytes) -> dict[str, Any]:
    """SHA-256 and size."""
    return {"sha256": digest(data), "size": len(data)}


def thing(role: str, data: bytes) -> dict[str, Any]:
    """An entry of an event's `obj`."""
    return {"role": role, **of_file(data)}


# --- the package ------------------------------------------------------------------------------------------------------


@dataclass
class Made:
    """A package, a policy that accepts it, and the file of the time-stamp authority's root."""

    files: dict[str, bytes]
    policy: bytes
    roots: Path | None
    log: Log
    exhibits: list[Exhibit]


def make(order: Order | None = None, *, authority: Authority | None = None) -> Made:
    """A valid package; with an authority it is time-stamped."""
    order = order or Order()
    log, system = Log(), uuid("system")
    exhibits = [Exhibit(number, order) for number in range(1, order.exhibits + 1)]
    log.add("system.started", system, facts={"process": "server", "build": "test"})
    for each in exhibits:
        each.begin(log)
        each.go_on(log, order.events - 5)
    files, told = {path: data for each in exhibits for path, data in each.files.items()}, list[int]()
    complete_at, key, entries = len(log.leaves), made_up("head map"), headmap_of(log, made_up("head map"))
    heads = dict(log.heads)
    leaves = [leaf_hash(each) for each in entries.values()]
    if order.headmap:
        facts = {"size": complete_at, "entries": len(entries), "root": tree_hash(leaves).hex()}
        told.append(log.add("log.headmap", system, facts=facts))
    for each in exhibits:
        each.go_on(log, order.later)
    facts = {"package": uuid("package"), "exhibits": order.exhibits}
    told += [log.add("package.made", each.recording, s62="disclosure", facts=facts) for each in exhibits]
    if order.headmap:
        ends = [(each.recording, list(entries).index(each.recording), *heads[each.recording]) for each in exhibits]
        proofs = [
            {"recording": who, "n": n, "seq": seq, "leaf_hash": tip.hex(), "index": index}
            | {"proof": [b64(each) for each in path_of(index, leaves)]}
            for who, index, n, seq, tip in ends
        ]
        headmap = {"event": told[0], "key": key.hex(), "size": complete_at, "entries": len(entries), "proofs": proofs}
        files["custody/headmap.json"] = canonical(headmap) + b"\n"
    shown = sorted([*told, *(seq for each in exhibits for seq in each.seqs)])
    files |= _log_files(log, shown, order)
    contents = {
        "v": 1, "log": ORIGIN, "made": "2026-11-02T10:00:00.000000Z", "size": len(log.leaves),
        "complete_at": complete_at if order.headmap else 0, "exhibits": [each.stated() for each in exhibits],
    }  # fmt: skip
    files["custody/contents.json"] = canonical(contents) + b"\n"
    files |= _beside(order) | (_stamped(files["custody/checkpoint.txt"], authority) if authority else {})
    roots = authority.folder / "root.pem" if authority else None
    return Made(seal(files), files["custody/policy.copy"], roots, log, exhibits)


def _log_files(log: Log, shown: list[int], order: Order) -> dict[str, bytes]:
    size, hashes = len(log.leaves), log.hashes
    logs, witnesses = signers(order)
    note = note_of(size, log.root(size), [*logs, *witnesses])
    lines = [canonical({"leaf": b64(log.leaves[seq]), "seq": seq}) + b"\n" for seq in shown]
    sizes = sorted({seq // 4 * 4 for seq in shown} - {0, size})
    seen = [
        {"size": each, "root": log.root(each).hex(), "proof": [b64(one) for one in proof_of(each, hashes)]}
        for each in sizes
    ]
    files = {
        "custody/events.jsonl": b"".join(lines),
        "custody/revealed.json": canonical(log.revealed) + b"\n",
        "custody/checkpoint.txt": note,
        "custody/seen.json": canonical(seen) + b"\n",
        "custody/policy.copy": policy_of(logs, witnesses, order.quorum),
    }
    proofs = {f"custody/proofs/{seq}.tlog-proof": proof_text(seq, path_of(seq, hashes), note) for seq in shown}
    return files | proofs


def signers(order: Order) -> tuple[list[Signer], list[Signer]]:
    """The log's keys and the witnesses'."""
    logs = [Signer(ORIGIN, kind) for kind in ((1, 6) if order.ml_dsa else (1,))]
    kinds = [6 if order.ml_dsa and number % 2 else 4 for number in range(order.witnesses)]
    return logs, [Signer(f"witness-{number}.example", kind) for number, kind in enumerate(kinds)]


def policy_of(logs: list[Signer], witnesses: list[Signer], quorum: str) -> bytes:
    """A policy of these keys; every witness, any witness or none must have signed."""
    lines = [f"log {each.vkey}" for each in logs]
    names = [f"w{number}" for number in range(len(witnesses))]
    lines += [f"witness {name} {each.vkey}" for name, each in zip(names, witnesses, strict=True)]
    grouped = quorum != "none" and names
    lines += [f"group enough {quorum} {' '.join(names)}", "quorum enough"] if grouped else ["quorum none"]
    return ("\n".join(lines) + "\n").encode()


def _beside(order: Order) -> dict[str, bytes]:
    """Files that prove nothing."""
    programs = {name: INSIDE / name for name in ("verify.py", "verify.html", "by-hand.txt")}
    real = {name for name, path in programs.items() if order.programs and path.exists()}
    files = {f"custody/{name}": programs[name].read_bytes() if name in real else b"see there\n" for name in programs}
    return files | {
        "custody/READ-ME-FIRST.txt": b"Begin with report.pdf.\n",
        "custody/report.pdf": b"%PDF-1.4\n%%EOF\n",
        "custody/case.jsonld": b'{"@context": {}, "@graph": []}\n',
    }


def _stamped(note: bytes, authority: Authority) -> dict[str, bytes]:
    (authority.folder / "stamped.note").write_bytes(note)
    query = openssl("ts", "-query", "-data", authority.folder / "stamped.note", "-sha512", "-cert")
    kinds = {"note": note, "tsq": query, "tsr": authority.reply(query), "pem": authority.chain()}
    return {f"custody/tst/test.{kind}": data for kind, data in kinds.items()}


def seal(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with the bag's own files written anew around them."""
    kept = {path: data for path, data in files.items() if "manifest-" not in path and not path.startswith("bag")}
    payload = [data for path, data in kept.items() if path.startswith("data/")]
    kept["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    kept["bag-info.txt"] = f"Bagging-Date: 2026-11-02\nPayload-Oxum: {sum(map(len, payload))}.{len(payload)}\n".encode()
    return listed(kept)


def listed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with their lists written anew, and `bagit.txt` and `bag-info.txt` as they are."""
    kept = {path: data for path, data in files.items() if "manifest-" not in path}
    payload = {path: data for path, data in kept.items() if path.startswith("data/")}
    kept |= {f"manifest-{algorithm}.txt": _manifest(payload, algorithm) for algorithm in ALGORITHMS}
    tags = {path: data for path, data in kept.items() if not path.startswith("data/")}
    return kept | {f"tagmanifest-{algorithm}.txt": _manifest(tags, algorithm) for algorithm in ALGORITHMS}


def _manifest(files: dict[str, bytes], algorithm: str) -> bytes:
    return "".join(f"{digest(data, algorithm)}  {path}\n" for path, data in sorted(files.items())).encode()


def write(files: dict[str, bytes], folder: Path) -> Path:
    """The package as a folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def zipped(files: dict[str, bytes], path: Path, *, top: str = "package") -> Path:
    """The package as a ZIP file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(f"{top}/{name}", data)
    return path


def smaller(order: Order) -> Order:
    """The same with as little in it as proves every claim."""
    return replace(order, events=5, later=0, others=1, programs=False)
