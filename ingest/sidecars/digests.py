"""Lists of digests that travel beside files. Pure.

Read: the GNU form (`digest  name`, with its escapes), the BSD form (`SHA256 (name) = digest`) and a bare digest.
A claim is only a claim: it is compared with what was measured, and shown.
"""

from __future__ import annotations

import re
from typing import Final

from ingest.findings import FindingCode
from ingest.sidecars.kinds import folder_and_file
from ingest.sidecars.statement import ClaimedDigest, Sheet, SidecarFacts

CLAIMS_LIMIT: Final = 10_000
LINE_LENGTH_LIMIT: Final = 4_500
_ALGORITHMS: Final = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_HEX: Final = rb"([0-9A-Fa-f]{128}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32})"
_GNU = re.compile(rb"(\\?)" + _HEX + rb"(?:[ \t]+\*?(.+))?", re.DOTALL)
_BSD = re.compile(rb"(\\?)(?:SHA512|SHA256|SHA1|MD5) ?\((.+)\) ?= ?" + _HEX, re.DOTALL | re.IGNORECASE)
_ESCAPES: Final = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}
_ESCAPE = re.compile(rb"\\[\\nr]")


def read_digests(sheet: Sheet) -> SidecarFacts:
    """Read every claim in the list, names byte for byte."""
    claims: list[ClaimedDigest] = []
    lines = sheet.body.removeprefix(b"\xef\xbb\xbf").split(b"\n", CLAIMS_LIMIT)
    if len(lines) > CLAIMS_LIMIT and lines[-1].strip():
        sheet.findings.add(FindingCode.TOO_MANY, f"more than {CLAIMS_LIMIT} lines; the first were read")
    for line in lines[:CLAIMS_LIMIT]:
        words = line.rstrip(b"\r \t")
        if not words or words.startswith((b"#", b";")):
            continue
        claim = _claim(words) if len(words) <= LINE_LENGTH_LIMIT else None
        if claim is None:
            sheet.findings.add(FindingCode.LINE_UNREADABLE, "a line is no digest and name; passed over")
        else:
            claims.append(claim)
    if not claims:
        sheet.findings.add(FindingCode.EMPTY, "no digest was found in it")
    _compare_with_ending(sheet, claims)
    return sheet.states(digests=tuple(claims))


def _claim(line: bytes) -> ClaimedDigest | None:
    gnu, bsd = _GNU.fullmatch(line), _BSD.fullmatch(line)
    if gnu:
        escaped, digits, name = gnu[1], gnu[2], gnu[3]
    elif bsd:
        escaped, name, digits = bsd[1], bsd[2], bsd[3]
    else:
        return None
    if name and escaped:
        name = _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], name)
    return ClaimedDigest(algorithm=_ALGORITHMS[len(digits)], hex=digits.decode("ascii").lower(), name=name or None)


def _compare_with_ending(sheet: Sheet, claims: list[ClaimedDigest]) -> None:
    ending = folder_and_file(sheet.name)[1].rpartition(".")[2].lower()
    found = {claim.algorithm for claim in claims}
    if ending in _ALGORITHMS.values() and found - {ending}:
        sheet.findings.add(
            FindingCode.VALUES_DISAGREE, f"the name says {ending}, the digests are {', '.join(sorted(found))}"
        )
