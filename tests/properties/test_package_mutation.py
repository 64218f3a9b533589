"""A package that was changed anywhere is never said to be proved where it was changed.

The quick suite flips a sample of bytes; `slow` flips each one. A change is made in two ways: as an accident or a
clumsy hand would (the manifests still list the old digests), and as somebody would who knows the format and writes
the manifests anew.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.package.inside import verify
from tests.support.authority import Authority
from tests.support.package_maker import Made, Order, make, seal, smaller

LOG = {"included", "history", "master", "working", "complete", "not_before", "not_after"}
# The claims that rest on a file, `files` itself left out; the first pattern that matches counts.
RESTS_ON_FILE = {
    r"data/.*/master\..*": {"master"},
    r"data/.*": {"working"},
    r"custody/contents\.json": {"master", "working", "history", "complete"},
    r"custody/events\.jsonl|custody/revealed\.json": {"events", *LOG},
    r"custody/proofs/.*": LOG,
    r"custody/checkpoint\.txt": {"checkpoint", "witnessed", *LOG},
    r"custody/seen\.json": {"not_before"},
    r"custody/headmap\.json": {"complete"},
    r"custody/tst/.*": {"not_after"},
    r"custody/packets/.*": {"working"},
    r".*": set(),
}
EXHIBIT = {"master", "working", "history", "complete"}
OF_THE_BAG = re.compile(r"bagit\.txt|bag-info\.txt|(tag)?manifest-.*")
# Programs and pages are checked by nothing but their digests: a sample of their bytes says as much as all.
BODIES = re.compile(r".*\.(py|html|pdf)|.*/by-hand\.txt")
Verdicts = dict[tuple[str, str], str]


@dataclass
class Subject:
    """A package to be spoilt, and how it is judged."""

    made: Made
    policy: verify.Policy

    @functools.cached_property
    def clean(self) -> Verdicts:
        """Every claim's verdict before anything is changed."""
        return self.verdicts(self.made.files)

    def verdicts(self, files: dict[str, bytes]) -> Verdicts:
        """Every claim's verdict for these files, without a disk between."""
        sizes = {path: len(data) for path, data in files.items()}
        package = verify.Package(sizes, lambda path: io.BytesIO(files[path]))
        check = verify.Check(package, self.policy, str(self.made.roots))
        return {(each.claim, each.subject): each.verdict for each in check.run()}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A small package that proves every claim. Equal time-stamps are judged by openssl once."""
    authority = Authority(tmp_path_factory.mktemp("tsa"))
    made = make(smaller(Order(ml_dsa=False, witnesses=1)), authority=authority)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "stamped_at", _remembered(verify.stamped_at))
        subject = Subject(made, verify.read_policy(made.policy))
        assert set(subject.clean.values()) == {"proved"}
        yield subject


def _remembered(judge: Callable[[bytes, bytes, bytes, str], str]) -> Callable[[bytes, bytes, bytes, str], str]:
    return functools.lru_cache(maxsize=4)(judge)


def rests_on(path: str) -> set[str]:
    """The claims that must not be proved when a file was changed."""
    return next(claims for pattern, claims in RESTS_ON_FILE.items() if re.fullmatch(pattern, path))


def flipped(files: dict[str, bytes], path: str, place: int) -> dict[str, bytes]:
    """The files with one bit of one byte changed; which bit depends on the place."""
    data = bytearray(files[path])
    data[place] ^= 1 << place % 8
    return {**files, path: bytes(data)}


def hold(subject: Subject, path: str, files: dict[str, bytes], what: str) -> None:
    """After an unsealed change of one file: `files` is contradicted, what rests on it unproved, the rest as before."""
    before, after = subject.clean, subject.verdicts(files)
    assert after["files", "package"] == "contradicted", what
    proved = {claim for (claim, _), verdict in after.items() if verdict == "proved"}
    assert not proved & rests_on(path), f"{what}: {proved & rests_on(path)} still proved"
    if not OF_THE_BAG.fullmatch(path):
        others = {key: verdict for key, verdict in before.items() if key[0] not in {"files", *rests_on(path)}}
        assert {key: after.get(key) for key in others} == others or path == "custody/contents.json", what


def places(files: dict[str, bytes], path: str, step: int) -> range:
    """Every `step`th byte of a file, beginning somewhere that depends on the file."""
    sample = max(step, len(files[path]) // 40) if BODIES.fullmatch(path) else step
    return range(hashlib.sha256(path.encode()).digest()[0] % min(sample, len(files[path])), len(files[path]), sample)


def sweep(subject: Subject, step: int) -> int:
    """Flip bytes of every file, one at a time; how many."""
    files, count = subject.made.files, 0
    for path in sorted(files):
        for place in places(files, path, step):
            hold(subject, path, flipped(files, path, place), f"{path} byte {place}")
            count += 1
    return count


def test_a_flipped_byte_is_never_proved(subject: Subject) -> None:
    assert sweep(subject, step=97) > 200


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_flipped_byte_at_all_is_proved(subject: Subject) -> None:
    assert sweep(subject, step=1) > 20_000


# --- by somebody who writes the manifests anew ------------------------------------------------------------------------


def telling(files: dict[str, bytes]) -> dict[str, tuple[range, set[str]]]:
    """Which bytes of which files prove something by themselves, and what.

    Left out: names of the checkpoint's signers (a line of nobody's is ignored), what time-stamp tokens carry beside
    what is signed, and what only says so (contents.json's kind and method, policy.copy).
    """
    found = {}
    for path, data in files.items():
        claims = rests_on(path) - {"events"}
        end = len(data)
        if path == "custody/checkpoint.txt":
            end = data.index("\n\n—".encode())
        elif path in {"custody/contents.json", "custody/tst/test.pem", "custody/tst/test.tsr"}:
            continue
        elif path in {"custody/tst/test.note", "custody/tst/test.tsq"}:
            end = 0
        if claims and end:
            found[path] = (range(end), claims)
    return found


def sweep_sealed(subject: Subject, step: int) -> int:
    """Flip bytes that prove something, write the manifests anew; how many."""
    count = 0
    for path, (where, claims) in telling(subject.made.files).items():
        for place in where[hashlib.sha256(path.encode()).digest()[0] % step :: step]:
            after = subject.verdicts(seal(flipped(subject.made.files, path, place)))
            still = {claim for (claim, _), verdict in after.items() if verdict == "proved"} & claims
            assert not still, f"{path} byte {place}, sealed again: {still} still proved"
            count += 1
    return count


def test_a_flipped_byte_in_a_package_that_was_sealed_again_is_never_proved(subject: Subject) -> None:
    assert sweep_sealed(subject, step=53) > 150


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_flipped_byte_at_all_is_proved_in_a_package_that_was_sealed_again(subject: Subject) -> None:
    assert sweep_sealed(subject, step=1) > 10_000


@pytest.mark.parametrize("step", [211, pytest.param(3, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_a_flipped_byte_of_a_time_stamp_never_gives_another_time(subject: Subject, step: int) -> None:
    note, token, chain = (subject.made.files[f"custody/tst/test.{kind}"] for kind in ("note", "tsr", "pem"))
    roots = str(subject.made.roots)
    at = verify.stamped_at(note, token, chain, roots)
    for place in range(0, len(token), step):
        changed = flipped({"tsr": token}, "tsr", place)["tsr"]
        try:
            said = verify.stamped_at(note, changed, chain, roots)
        except (verify.Contradicted, verify.NotShown):
            continue
        assert said == at


# --- lines ------------------------------------------------------------------------------------------------------------

TEXTS = re.compile(r".*\.(txt|json|jsonl|tlog-proof|note|pem|copy)")


def spoilt_lines(data: bytes) -> Iterator[tuple[str, bytes]]:
    """A text with each line removed, doubled, and swapped with the next."""
    lines = data.splitlines(keepends=True)
    for i in range(len(lines)):
        yield f"line {i} removed", b"".join(lines[:i] + lines[i + 1 :])
        yield f"line {i} doubled", b"".join([*lines[: i + 1], *lines[i:]])
        if i + 1 < len(lines) and lines[i] != lines[i + 1]:
            yield f"lines {i} and {i + 1} swapped", b"".join([*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]])


def test_every_line_that_is_removed_doubled_or_swapped_is_noticed(subject: Subject) -> None:
    files = subject.made.files
    for path in sorted(files):
        if TEXTS.fullmatch(path):
            for what, data in spoilt_lines(files[path]):
                hold(subject, path, {**files, path: data}, f"{path}: {what}")


@pytest.mark.parametrize("path", ["custody/events.jsonl", "custody/proofs/1.tlog-proof", "custody/checkpoint.txt"])
def test_lines_spoilt_by_somebody_who_seals_again_prove_nothing_new(subject: Subject, path: str) -> None:
    files = subject.made.files
    for what, data in spoilt_lines(files[path]):
        assert subject.verdicts(seal({**files, path: data})) != subject.clean, f"{path}: {what}"


def test_every_file_that_is_left_out_is_noticed(subject: Subject) -> None:
    files = subject.made.files
    for path in sorted(set(files) - {"bagit.txt", "custody/contents.json"}):
        after = subject.verdicts({name: data for name, data in files.items() if name != path})
        assert after["files", "package"] == "contradicted", path
        proved = {claim for (claim, _), verdict in after.items() if verdict == "proved"}
        assert not proved & rests_on(path), path


# --- anything at all --------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_bytes_make_it_crash(subject: Subject, data: st.DataObject) -> None:
    files = subject.made.files
    path = data.draw(st.sampled_from(sorted(files)))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(files[path]))] * 2)))
    put = data.draw(st.binary(max_size=60) | JSON.map(lambda value: repr(value).encode("utf-8", "replace")))
    after = subject.verdicts({**files, path: files[path][:start] + put + files[path][end:]})
    sealed = subject.verdicts(seal({**files, path: files[path][:start] + put + files[path][end:]}))
    assert set(after.values()) | set(sealed.values()) <= {"proved", "not_proved", "contradicted"}
    if put != files[path][start:end]:
        assert after["files", "package"] == "contradicted"
