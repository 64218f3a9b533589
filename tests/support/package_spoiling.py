"""Verdicts of verify.py on packages in memory, and ways to spoil a package as somebody would who knows its format."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

from evidence.package.inside import verify
from tests.support.package_log import canonical, note_of, path_of, proof_text
from tests.support.package_maker import Made, Order, seal, signers

Files = dict[str, bytes]


def opened(files: Files) -> verify.Package:
    """The files as a package, without a disk between."""
    return verify.Package({path: len(data) for path, data in files.items()}, lambda path: io.BytesIO(files[path]))


def said(
    made: Made, files: Files | None = None, *, policy: bytes | None = None, own: bool = True
) -> dict[str, tuple[str, str]]:
    """Claim to verdict and words, for a package of one exhibit with one copy."""
    roots = str(made.roots) if made.roots and own else None
    trusted = verify.read_policy(policy or made.policy) if own else None
    check = verify.Check(opened(made.files if files is None else files), trusted, roots)
    return {each.claim: (each.verdict, each.words) for each in check.run()}


def judged(made: Made, files: Files | None = None, *, policy: bytes | None = None, own: bool = True) -> dict[str, str]:
    """Claim to verdict."""
    return {claim: verdict for claim, (verdict, _) in said(made, files, policy=policy, own=own).items()}


def but(**others: str) -> dict[str, str]:
    """Every claim proved but these."""
    return dict.fromkeys([*verify.ORDER, "history", "master", "complete", "working"], "proved") | others


def changed(files: Files, path: str, change: Callable[[Any], Any]) -> Files:
    """One JSON file changed, the manifests written anew."""
    return seal({**files, path: canonical(change(json.loads(files[path]))) + b"\n"})


def events(files: Files) -> list[dict[str, Any]]:
    """The lines of events.jsonl, leaves opened."""
    rows = [json.loads(line) for line in files["custody/events.jsonl"].splitlines()]
    return [{"seq": row["seq"], "leaf": base64.b64decode(row["leaf"])} for row in rows]


def with_events(files: Files, rows: list[dict[str, Any]]) -> Files:
    """The package with these events in place of its own; each keeps the proof of its number."""
    lines = [canonical({"leaf": base64.b64encode(row["leaf"]).decode(), "seq": row["seq"]}) + b"\n" for row in rows]
    return seal({**files, "custody/events.jsonl": b"".join(lines)})


def without(files: Files, *paths: str) -> Files:
    """The package without some files, sealed again."""
    return seal({path: data for path, data in files.items() if path not in paths})


def with_note(made: Made, note: bytes) -> Files:
    """The package with another checkpoint, in the proofs too."""
    old = made.files["custody/checkpoint.txt"]
    kept = {path: data for path, data in made.files.items() if not path.startswith("custody/tst/")}
    return seal({path: data.replace(old, note) if path.startswith("custody/") else data for path, data in kept.items()})


def again(made: Made, seqs: list[int]) -> Files:
    """Checkpoint, proofs and contents for the log as it has become."""
    logs, witnesses = signers(Order())
    size, hashes = len(made.log.leaves), made.log.hashes
    note = note_of(size, made.log.root(size), [*logs, *witnesses])
    contents = json.loads(made.files["custody/contents.json"]) | {"size": size}
    proofs = {f"custody/proofs/{seq}.tlog-proof": proof_text(seq, path_of(seq, hashes), note) for seq in seqs}
    return {"custody/checkpoint.txt": note, "custody/contents.json": canonical(contents) + b"\n", **proofs}
