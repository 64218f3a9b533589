"""The product's verifier and the one that travels in packages, over the same spoilt packages: never another verdict.

The quick suite flips a sample of bytes; `slow` flips each one. A flip is tried as an accident, which the manifests
show, and as somebody would make it who writes the manifests anew.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from cryptography import x509

from evidence.package.check import check_files
from evidence.package.errors import NotAPackage
from evidence.package.inside import verify
from evidence.tlog.policy import parse_policy
from tests.properties.package_values import told_otherwise
from tests.support.authority import Authority
from tests.support.package_maker import Made, Order, listed, make, seal, smaller

# A flipped certificate may have any serial number; the library says what it thinks of it, and reads it.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
Verdicts = dict[tuple[str, str], str]
# Judged by nothing but their digests: a sample of their bytes says as much as all.
BODIES = re.compile(r".*\.(py|html|pdf)|.*/by-hand\.txt|data/.*")


@dataclass
class Held:
    """The files of a package in memory, as the product's verifier asks for them."""

    held: dict[str, bytes]
    odd: list[str] = field(default_factory=list)

    @property
    def files(self) -> dict[str, int]:
        """Path and size."""
        return {path: len(data) for path, data in self.held.items()}

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes of one file."""
        yield self.held[path]


@dataclass
class Both:
    """One package, and what each verifier says of it."""

    made: Made

    def ours(self, files: dict[str, bytes]) -> Verdicts | None:
        """The product's; None where it is no package."""
        assert self.made.roots is not None
        roots = tuple(x509.load_pem_x509_certificates(self.made.roots.read_bytes()))
        try:
            checked = check_files(Held(files), "held", policy=parse_policy(self.made.policy), tsa_roots=roots)
        except NotAPackage:
            return None
        return {(each.claim, each.subject): each.verdict.value for each in checked.claims}

    def theirs(self, files: dict[str, bytes]) -> Verdicts:
        """The one that travels."""
        sizes = {path: len(data) for path, data in files.items()}
        package = verify.Package(sizes, lambda path: io.BytesIO(files[path]))
        check = verify.Check(package, verify.read_policy(self.made.policy), str(self.made.roots))
        return {(each.claim, each.subject): each.verdict for each in check.run()}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A small package that proves every claim. Equal time-stamps are judged by openssl once."""
    made = make(smaller(Order(ml_dsa=False, witnesses=1)), authority=Authority(tmp_path_factory.mktemp("tsa")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "stamped_at", functools.lru_cache(maxsize=4)(verify.stamped_at))
        found = Both(made)
        assert found.ours(made.files) == found.theirs(made.files)
        yield found


def flips(files: dict[str, bytes], step: int) -> Iterator[tuple[str, int, bytes]]:
    """A path, a place, and the file with one bit of that byte flipped."""
    for path, data in sorted(files.items()):
        each = max(step, len(data) // 10) if BODIES.fullmatch(path) else step
        first = hashlib.sha256(path.encode()).digest()[0] % min(each, len(data))
        for place in range(first, len(data), each):
            spoilt = bytearray(data)
            spoilt[place] ^= 1 << place % 8
            yield path, place, bytes(spoilt)


def alike(path: str, one: Verdicts | None, other: Verdicts | None) -> bool:
    """Whether two verdicts over a package with new manifests are the same for whoever asks.

    Which claim a contradiction is first met in may differ. Two libraries read a broken token or certificate, and may
    give up at different places; and where no key of the log signed, one verifier still counts its witnesses.
    """
    one, other = one or {("", ""): "contradicted"}, other or {}
    if "contradicted" in one.values() and "contradicted" in other.values():
        return True
    beside = path.startswith("custody/tst/") and not path.endswith(".note")
    unsigned = one.get(("checkpoint", "package")) == "not_proved"
    left_out = {"not_after"} if beside else {"witnessed"} if unsigned else set[str]()
    told = [{key: verdict for key, verdict in each.items() if key[0] not in left_out} for each in (one, other)]
    return told[0] == told[1]


def hold(both: Both, step: int) -> int:
    """Flip, judge twice, compare; how often."""
    files, count = both.made.files, 0
    for path, place, spoilt in flips(files, step):
        accident = {**files, path: spoilt}
        found = both.ours(accident)
        assert found is not None
        assert found["files", "package"] == "contradicted", (path, place)
        assert found == both.theirs(accident), (path, place)
        if "manifest" not in path:
            meant = listed(accident) if path.startswith("bag") else seal(accident)
            assert alike(path, both.ours(meant), both.theirs(meant)), (path, place)
        count += 1
    return count


def test_files_are_counted_alike(both: Both) -> None:
    """The two tagmanifests are in no list, and in no count of listed files."""
    files = both.made.files
    held = check_files(Held(files), "held", policy=parse_policy(both.made.policy), tsa_roots=())
    package = verify.Package({path: len(data) for path, data in files.items()}, lambda path: io.BytesIO(files[path]))
    check = verify.Check(package, verify.read_policy(both.made.policy), str(both.made.roots))
    [ours] = [each.words for each in held.claims if each.claim == "files"]
    [theirs] = [each.words for each in check.run() if each.claim == "files"]
    assert ours.startswith(f"all {len(files) - 2} files ")
    assert theirs.startswith(f"{len(files) - 2} files, ")


def test_a_flipped_bit_here_and_there_is_judged_alike(both: Both) -> None:
    assert hold(both, 97) > 200


def hold_values(both: Both, step: int) -> int:
    """Put one value otherwise, seal, judge twice, compare; how often."""
    count = 0
    for path, data in itertools.islice(told_otherwise(both.made.files), 0, None, step):
        files = seal({**both.made.files, path: data})
        assert both.ours(files) == both.theirs(files), (path, data)
        count += 1
    return count


def test_a_value_put_otherwise_here_and_there_is_judged_alike(both: Both) -> None:
    assert hold_values(both, 53) > 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_value_put_otherwise_is_judged_alike(both: Both) -> None:
    assert hold_values(both, 1) > 5_000


@pytest.mark.parametrize("day", ["2026-15-02", "2026-02-30", "0000-01-01"])
def test_a_package_made_on_a_day_that_is_none_is_judged_alike(both: Both, day: str) -> None:
    path = "custody/contents.json"
    body = re.sub(rb'"made":"[0-9-]{10}', f'"made":"{day}'.encode(), both.made.files[path])
    assert body != both.made.files[path]
    for files in ({**both.made.files, path: body}, seal({**both.made.files, path: body})):
        found = both.ours(files)
        assert found is not None
        assert found == both.theirs(files)
        assert found["files", "package"] == "contradicted"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_flipped_byte_is_judged_alike(both: Both) -> None:
    assert hold(both, 1) > 10_000
