"""The digests of one read: published vectors, any way of feeding, nothing copied."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.agent.digests import CHUNK, Digester, leaf_of, root_of

# RFC 6962 roots of the first eight leaves of transparency-dev/merkle's reference tree.
LEAVES = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_the_tree_is_the_one_of_rfc_6962(size: int) -> None:
    leaves = [leaf_of(bytes.fromhex(leaf)) for leaf in LEAVES[:size]]
    assert root_of(leaves).hex() == ROOTS[size]


@pytest.mark.shared
def test_the_shared_vectors_agree() -> None:
    beside = Path(__file__).resolve().parents[5] / "shared"
    vectors = Path(os.environ.get("CONTINUITY_SHARED", beside)) / "vectors" / "rfc6962-merkle" / "tree8.json"
    if not vectors.is_file():
        pytest.skip("no shared vectors here (CONTINUITY_SHARED)")
    tree = json.loads(vectors.read_text())
    leaves = [bytes.fromhex(leaf) for leaf in tree["leaf_inputs_hex"]]
    for size, root in enumerate(tree["roots_hex_by_size"]):
        assert root_of(map(leaf_of, leaves[:size])).hex() == root


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 7])
def test_every_size_around_a_chunk(size: int) -> None:
    body = os.urandom(size)
    digester = Digester()
    digester.update(body)
    found = digester.digests()
    leaves = [leaf_of(body[start : start + CHUNK]) for start in range(0, size, CHUNK)]
    assert (found.size, found.tree) == (size, root_of(leaves).hex())
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    assert found.sha512 == hashlib.sha512(body).hexdigest()


@given(st.lists(st.integers(min_value=0, max_value=CHUNK + 5), max_size=5))
def test_how_it_is_fed_does_not_matter(pieces: list[int]) -> None:
    body = bytes(range(256)) * (sum(pieces) // 256 + 1)
    whole, piecewise, start = Digester(), Digester(), 0
    for piece in pieces:
        piecewise.update(body[start : start + piece])
        start += piece
        piecewise.digests()
    whole.update(body[:start])
    assert piecewise.digests() == whole.digests()


def test_two_threads_find_the_same() -> None:
    body = os.urandom(3 * CHUNK + 7)
    alone = Digester()
    alone.update(body)
    with ThreadPoolExecutor(1) as aside:
        helped = Digester(aside)
        for start in range(0, len(body), CHUNK // 2):
            helped.update(memoryview(body)[start : start + CHUNK // 2])
    assert helped.digests() == alone.digests()


def test_what_was_fed_may_be_overwritten_and_given_back() -> None:
    memory = mmap.mmap(-1, 2 * CHUNK)
    digester = Digester()
    with memoryview(memory) as view:
        digester.update(view)
        view[:4] = b"gone"
    memory.close()
    assert digester.digests().sha256 == hashlib.sha256(bytes(2 * CHUNK)).hexdigest()
