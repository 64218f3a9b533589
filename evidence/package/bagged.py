"""Whether the files of a package are those that its manifests list: every one, in both algorithms, and no other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from evidence.package.bag import ALGORITHMS, BAGIT, NAME
from evidence.package.reading import Package, Unreadable, read

LARGEST_MANIFEST = 256 << 20  # bytes
LINES = {"sha256": re.compile(r"([0-9a-f]{64})  (\S+)"), "sha512": re.compile(r"([0-9a-f]{128})  (\S+)")}
LARGEST_INFO = 1 << 16  # bytes
INFO_LINE = re.compile(r"([A-Za-z][A-Za-z0-9-]*): ([^\x00-\x1f\x7f-\x9f]+)")


@dataclass(frozen=True, slots=True)
class Hashed:
    """What was read of one file: digests in hex, size in bytes."""

    sha256: str
    sha512: str
    size: int


# Every name that a package may have beside its exhibits (docs/package-format.md, section 3).
KNOWN = re.compile(
    r"bagit\.txt|bag-info\.txt|(tag)?manifest-sha(256|512)\.txt|custody/(READ-ME-FIRST\.txt|report\.pdf|verify\.py"
    r"|verify\.html|by-hand\.txt|contents\.json|events\.jsonl|revealed\.json|checkpoint\.txt|seen\.json|headmap\.json"
    r"|case\.jsonld|policy\.copy|proofs/(0|[1-9][0-9]*)\.tlog-proof|tst/[A-Za-z0-9._-]+\.(note|tsq|tsr|pem)"
    r"|packets/[0-9a-f]{64}\.json)"
)


@dataclass(slots=True)
class Bagged:
    """The files as they are, what was found against the bag, and the paths that it was found against."""

    files: dict[str, Hashed] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    differs: set[str] = field(default_factory=set)

    @property
    def listed(self) -> int:
        """How many files there are that a manifest must list: all but the lists of lists, which none can name."""
        return sum(_listed_in(path) is not None for path in self.files)

    def against(self, path: str, words: str) -> None:
        """Something is wrong with one file."""
        self.findings.append(f"{path} {words}")
        self.differs.add(path)


def hold_against_manifests(package: Package) -> Bagged:
    """Read every file once and hold it against the manifests."""
    found = Bagged(findings=list(package.odd))
    for path in sorted(package.files):
        _take(found, package, path)
    for name in ("manifest", "tagmanifest"):
        _hold_listed(found, package, name)
    _hold_form(found, package)
    return found


def _take(found: Bagged, package: Package, path: str) -> None:
    digests = [hashlib.new(name) for name in ALGORITHMS]
    size = 0
    try:
        for piece in package.pieces(path):
            size += len(piece)
            for digest in digests:
                digest.update(piece)
    except Unreadable as error:
        found.findings.append(str(error))
        found.differs.add(path)
        return
    found.files[path] = Hashed(digests[0].hexdigest(), digests[1].hexdigest(), size)
    if not NAME.fullmatch(path):
        found.against(path[:200], "is not a name that a package holds")
    elif not path.startswith("data/") and not KNOWN.fullmatch(path):
        found.findings.append(f"{path} is no file of such a package: nothing says what it is")


def _hold_listed(found: Bagged, package: Package, name: str) -> None:
    listed = {algorithm: _manifest(found, package, name, algorithm) for algorithm in ALGORITHMS}
    there = {path for path in package.files if _listed_in(path) == name}
    for path in sorted(there.union(*listed.values())):
        digests = [listed[algorithm].get(path) for algorithm in ALGORITHMS]
        if path not in package.files:
            found.against(path, "is listed and not there")
        elif None in digests:
            found.against(path, "is not listed in both algorithms" if any(digests) else "is listed in no manifest")
        elif (is_ := found.files.get(path)) is not None and [is_.sha256, is_.sha512] != digests:
            found.against(path, "is not the file that was listed: its digest is another")


def _listed_in(path: str) -> str | None:
    """The kind of manifest that must list a path."""
    if path.startswith("tagmanifest-") and path.removeprefix("tagmanifest-") in {f"{each}.txt" for each in ALGORITHMS}:
        return None
    return "manifest" if path.startswith("data/") else "tagmanifest"


def _manifest(found: Bagged, package: Package, name: str, algorithm: str) -> dict[str, str]:
    path = f"{name}-{algorithm}.txt"
    try:
        # A line that is not UTF-8 matches nothing below; the lines beside it still count.
        text = read(package, path, most=LARGEST_MANIFEST).decode("utf-8", "replace")
    except Unreadable as error:
        found.against(path, f"cannot be read: {error}")
        return {}
    *lines, rest = text.split("\n")
    if rest:
        found.against(path, "does not end in a line feed")
    listed: dict[str, str] = {}
    twice: set[str] = set()
    for line in lines:
        match = LINES[algorithm].fullmatch(line)
        if match is None or _listed_in(match[2]) != name:
            found.against(path, f"has a line that does not belong there: {line[:120]!r}")
            continue
        if match[2] in listed:
            found.against(path, f"lists {match[2]} twice")
            twice.add(match[2])
        listed[match[2]] = match[1]
    if list(listed) != sorted(listed):
        found.against(path, "is not in the order of its paths")
    # What is listed twice is listed as nothing: two readers could take two digests for the one.
    return {each: digest for each, digest in listed.items() if each not in twice}


def _hold_form(found: Bagged, package: Package) -> None:
    for path, words in _form(found, package):
        found.against(path, words)


def _form(found: Bagged, package: Package) -> Iterator[tuple[str, str]]:
    try:
        if read(package, "bagit.txt", most=1000) != BAGIT:
            yield "bagit.txt", "does not say BagIt 1.0 and UTF-8"
        info = read(package, "bag-info.txt", most=LARGEST_INFO).decode("utf-8")
    except (Unreadable, UnicodeDecodeError) as error:
        yield "bagit.txt", f"and bag-info.txt make no bag: {error}"
        return
    if len({path.lower() for path in package.files}) != len(package.files):
        yield "data", "or another folder holds two names that differ in capital letters only"
    payload = [each.size for path, each in found.files.items() if path.startswith("data/")]
    if not payload:
        yield "data", "holds no file"
    said = _info(info)
    if said is None:
        yield "bag-info.txt", "is not a list of labels and values, each label once"
    elif said.get("Payload-Oxum") != f"{sum(payload)}.{len(payload)}":
        yield "bag-info.txt", "does not count the bytes and files that there are under data/ (Payload-Oxum)"


def _info(text: str) -> dict[str, str] | None:
    """The labels of bag-info.txt with their values; None where it is not in its one form (the format, section 3)."""
    *lines, rest = text.split("\n")
    found = [match for line in lines if (match := INFO_LINE.fullmatch(line))]
    labels = {match[1].lower() for match in found}
    if rest or len(found) != len(lines) or len(labels) != len(lines):
        return None
    return {match[1]: match[2] for match in found}
