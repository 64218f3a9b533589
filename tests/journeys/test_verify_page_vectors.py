"""The parts of `verify.html` against public vectors and known answers: digests, trees, notes, signatures, JSON."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from playwright.sync_api import Browser

from tests.support.package_log import b64, leaf_hash, made_up, path_of, proof_of, tree_hash
from tests.support.verify_page import VerifyPage
from transcode.counting import count
from transcode.plan import Limits
from transcode.ranges import FileRanges
from transcode.settings import TranscodeSettings

pytestmark = pytest.mark.browser

# A root there is shorter than a hash. The page refuses every hash that is not of 32 bytes, and means to.
SHORT_ROOTS = {"consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"}
TREE = """cases => cases.map(([name, ...args]) => {
    const bytes = each => Array.isArray(each) ? each.map(bytes) : typeof each === "string"
        ? Uint8Array.from(atob(each), c => c.charCodeAt(0)) : each;
    try { verifier[name](...args.map(bytes)); return true; }
    catch (error) { if (error instanceof verifier.Refused) return false; throw error; }
})"""


@pytest.fixture(scope="module")
def checker(browser: Browser) -> Iterator[VerifyPage]:
    """The page, opened once."""
    opened = VerifyPage(browser)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def folder() -> Path:
    """The public vectors, where they are there."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    found = Path(os.environ.get("CONTINUITY_SHARED", beside)) / "vectors"
    if not found.is_dir():
        pytest.skip("no shared vectors here (CONTINUITY_SHARED)")
    return found


def cases(folder: Path, name: str) -> list[dict[str, Any]]:
    """The cases of one file."""
    found: list[dict[str, Any]] = json.loads((folder / name).read_bytes())
    return found


# --- digests ----------------------------------------------------------------------------------------------------------

LENGTHS = [*range(260), 511, 512, 513, 1023, 1024, 1025, 65_535, 65_537, 300_001]


@pytest.mark.parametrize("name", ["sha256", "sha512"])
def test_digests_are_right_at_every_edge_of_a_block(checker: VerifyPage, name: str) -> None:
    body = made_up("digests", LENGTHS[-1])
    ours = checker.page.evaluate(
        """([name, text, lengths]) => {
            const body = Uint8Array.from(atob(text), each => each.charCodeAt(0));
            return lengths.map(length => verifier.hex(verifier[name](body.subarray(0, length))));
        }""",
        [name, b64(body), LENGTHS],
    )
    assert ours == [hashlib.new(name, body[:length]).hexdigest() for length in LENGTHS]


def test_digests_agree_with_the_browsers_own(checker: VerifyPage) -> None:
    wrong = checker.page.evaluate(
        """async () => {
            const wrong = [];
            for (let length = 0; length < 400; length += 3) {
                const body = crypto.getRandomValues(new Uint8Array(length));
                for (const [name, long] of [["sha256", "SHA-256"], ["sha512", "SHA-512"]]) {
                    const theirs = new Uint8Array(await crypto.subtle.digest(long, body));
                    if (verifier.hex(verifier[name](body)) !== verifier.hex(theirs)) wrong.push([name, length]);
                }
            }
            return wrong;
        }"""
    )
    assert wrong == []


@pytest.mark.parametrize("piece", [1, 63, 64, 65, 127, 128, 129, 1000])
def test_a_large_file_is_digested_piece_by_piece(checker: VerifyPage, piece: int) -> None:
    body = made_up("pieces", 3_001)
    found = checker.page.evaluate(
        """([text, piece]) => verifier.digestsByPieces(
            new Blob([Uint8Array.from(atob(text), each => each.charCodeAt(0))]), async () => undefined, piece)""",
        [b64(body), piece],
    )
    expected = {name: hashlib.new(name, body).hexdigest() for name in ("sha256", "sha512")}
    assert found == {"size": len(body), **expected}


@pytest.mark.slow
def test_lengths_beyond_32_bits_are_counted(checker: VerifyPage) -> None:
    """A digest ends in the length in bits: above 512 MB that needs more than 32 of them."""
    found = checker.page.evaluate(
        """() => {
            const made = [verifier.Digest.sha256(), verifier.Digest.sha512()], piece = new Uint8Array(4 << 20);
            for (let count = 0; count < 130; count++) for (const each of made) each.update(piece);
            return made.map(each => verifier.hex(each.finish()));
        }"""
    )
    expected = [hashlib.sha256(), hashlib.sha512()]
    for each in expected:
        for _ in range(130):
            each.update(bytes(4 << 20))
    assert found == [each.hexdigest() for each in expected]


# --- trees ------------------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_public_proofs_of_inclusion_and_consistency(checker: VerifyPage, folder: Path) -> None:
    inside = cases(folder, "rfc6962-merkle/inclusion.json")
    asked: list[list[Any]] = [
        ["verifyInclusion", each["leafHash"], each["leafIdx"], each["treeSize"], each["proof"] or [], each["root"]]
        for each in inside
    ]
    along = [each for each in cases(folder, "rfc6962-merkle/consistency.json") if each["file"] not in SHORT_ROOTS]
    asked += [
        ["verifyConsistency", each["size1"], each["size2"], each["proof"] or [], each["root1"], each["root2"]]
        for each in along
    ]
    found = checker.page.evaluate(TREE, asked)
    wrong = [
        each["file"] for each, good in zip([*inside, *along], found, strict=True) if good == bool(each.get("wantErr"))
    ]
    assert wrong == []
    assert len(asked) == 195


@pytest.mark.shared
def test_the_public_tree_of_eight(checker: VerifyPage, folder: Path) -> None:
    tree = json.loads((folder / "rfc6962-merkle" / "tree8.json").read_bytes())
    roots = checker.page.evaluate(
        """inputs => Array.from({ length: inputs.length + 1 }, (_, size) => verifier.hex(
            verifier.rootOf(inputs.slice(0, size).map(each => verifier.leafHash(verifier.unhex(each))))))""",
        tree["leaf_inputs_hex"],
    )
    assert roots == tree["roots_hex_by_size"]


def test_every_proof_of_small_trees_and_no_other(checker: VerifyPage) -> None:
    """All proofs of all trees of up to twelve leaves; with a hash left out, added or changed none holds."""
    hashes = [leaf_hash(bytes([number])) for number in range(12)]
    good: list[list[Any]] = []
    for size in range(1, 13):
        root = b64(tree_hash(hashes[:size]))
        for index in range(size):
            proof = [b64(each) for each in path_of(index, hashes[:size])]
            good.append(["verifyInclusion", b64(hashes[index]), index, size, proof, root])
        for old in range(1, size + 1):
            proof = [b64(each) for each in proof_of(old, hashes[:size])]
            good.append(["verifyConsistency", old, size, proof, b64(tree_hash(hashes[:old])), root])
    assert all(checker.page.evaluate(TREE, good))
    bad = [[*each[:place], other, *each[place + 1 :]] for each in good for place, other in spoilt_proofs(each)]
    assert not any(checker.page.evaluate(TREE, bad))


def spoilt_proofs(call: list[Any]) -> Iterator[tuple[int, Any]]:
    """Where a call's argument is changed, and to what."""
    place = next(number for number, each in enumerate(call) if isinstance(each, list))
    proof, stranger = call[place], b64(made_up("a stranger"))
    yield place, [*proof, stranger]
    yield place, [stranger, *proof]
    for number in range(len(proof)):
        yield place, proof[:number] + proof[number + 1 :]
        yield place, [*proof[:number], stranger, *proof[number + 1 :]]
    yield len(call) - 1, stranger


# --- notes and signatures ---------------------------------------------------------------------------------------------

NOTE = """async ([text, keys, leaf, index, path]) => {
    const known = keys.map(each => verifier.readKey(each, [1]));
    const bytes = each => Uint8Array.from(atob(each), c => c.charCodeAt(0));
    try {
        const note = verifier.readNote(verifier.encoded(text), "the note");
        let good = 0;
        for (const each of note.signatures) for (const key of known) if (each.name === key.name && each.id === key.id) {
            if (!await verifier.ed25519(key.public, verifier.encoded(note.text), each.blob)) return false;
            good++;
        }
        if (!good) return false;
        if (leaf === null) return true;
        const { size, root } = verifier.readCheckpoint(note.text, "it", { extensions: true });
        verifier.verifyInclusion(verifier.leafHash(bytes(leaf)), index, size, path.map(bytes), root);
        return true;
    } catch (error) {
        if (error instanceof verifier.Refused) return false;
        throw error;
    }
}"""


@pytest.mark.shared
@pytest.mark.parametrize("name", ["notes.json", "rekor2-checkpoints.json"])
def test_notes_of_real_logs(checker: VerifyPage, folder: Path, name: str) -> None:
    for case in cases(folder, f"tlog-notes/{name}"):
        text = case.get("note", case.get("checkpoint"))
        asked = [text, case["vkeys"], case.get("leaf_base64"), case.get("index", 0), case.get("hashes", [])]
        assert checker.page.evaluate(NOTE, asked) == (case["want"] == "ok"), case["name"]


def accepted_elsewhere(case: dict[str, Any]) -> bool:
    """What the library of the server says."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["key"]))
        key.verify(bytes.fromhex(case["sig"]), case["msg"].encode())
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.mark.shared
def test_odd_signatures(checker: VerifyPage, folder: Path) -> None:
    """The page accepts what the server's library accepts, but for keys of low order: with those anybody can sign."""
    odd = cases(folder, "ed25519-cctv/ed25519vectors.json")
    found = checker.page.evaluate(
        """cases => Promise.all(cases.map(each => verifier.ed25519(
            verifier.unhex(each.key), verifier.encoded(each.msg), verifier.unhex(each.sig))))""",
        odd,
    )
    low = [each for each, good in zip(odd, found, strict=True) if good and "low_order_A" in (each["flags"] or [])]
    assert low == []
    told = [accepted_elsewhere(each) and "low_order_A" not in (each["flags"] or []) for each in odd]
    assert [each["number"] for each, good in zip(odd, found, strict=True) if good] == [
        each["number"] for each, good in zip(odd, told, strict=True) if good
    ]


# --- packets ----------------------------------------------------------------------------------------------------------

PACKETS = """texts => {
    const read = text => verifier.canonicalJson(Uint8Array.from(atob(text), each => each.charCodeAt(0)), "it");
    const both = texts.map(read);
    for (const each of both) for (const stream of each.streams) verifier.holdTogether(stream, "it");
    return verifier.compared(...both);
}"""
ALTERED = {
    "cropped.mp4": "the settings that the decoder is given are not the same, size, direction",
    "slowed.mp4": "shown at other times",
    "dropped.mp4": "46 of the original’s 50 packets; missing, counted from 0: 30 to 33",
    "reencoded.mp4": "0 of 50 occur in the original",
    "clip.mp4": "packets 25 to 49 of 50",
}


def packets_of(path: Path, scratch: Path) -> str:
    """The packet manifest of a file, as it goes into a package, for the page."""
    with FileRanges(path) as ranges:
        said = count(ranges, Limits(seconds=60, cpu_seconds=30, file_size=0), TranscodeSettings(scratch=scratch))
    return b64(said.as_bytes().rstrip(b"\n"))


@pytest.mark.shared
def test_what_was_done_to_a_copy_is_told(checker: VerifyPage, folder: Path, tmp_path: Path) -> None:
    files = [each for each in sorted((folder / "packet-hash").iterdir()) if each.suffix != ".md"]
    assert {*ALTERED, "master.mp4", "remux.ts", "remux.mkv"} <= {path.name for path in files}
    master = packets_of(folder / "packet-hash" / "master.mp4", tmp_path)
    for path in files:
        found = checker.page.evaluate(PACKETS, [master, packets_of(path, tmp_path)])
        assert found["wrong"] == (path.name in ALTERED), (path.name, found)
        assert ALTERED.get(path.name, "are the original’s") in found["words"], (path.name, found)


# --- JSON -------------------------------------------------------------------------------------------------------------

CANONICAL = """([body, narrow]) => {
    try { verifier.canonicalJson(Uint8Array.from(atob(body), c => c.charCodeAt(0)), "it", { narrow }); return true; }
    catch (error) { if (error instanceof verifier.Refused) return false; throw error; }
}"""


def is_canonical(checker: VerifyPage, body: bytes, *, narrow: bool = False) -> bool:
    """Whether the page takes it."""
    found: bool = checker.page.evaluate(CANONICAL, [b64(body), narrow])
    return found


@pytest.mark.shared
@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "weird"])
def test_public_canonical_json(checker: VerifyPage, folder: Path, name: str) -> None:
    body = (folder / "rfc8785-jcs" / "output" / f"{name}.json").read_bytes()
    assert is_canonical(checker, body)
    given = (folder / "rfc8785-jcs" / "input" / f"{name}.json").read_bytes()
    assert not is_canonical(checker, given)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}', b'{"b":1,"a":1}', b'{"a": 1}', b' {"a":1}', b'{"a":1}\n', b'{"a":1,}', b"[1,]", b"[,1]",
        b'{"a"}', b"{a:1}", b"{'a':1}", b"01", b"-0", b"1.0", b"1e3", b"1E3", b"+1", b"-", b"NaN", b"Infinity",
        b"9007199254740992", b"-9007199254740992", b"3" * 6000, b"tru", b"nul", b"truefalse", b'"a', b'"', b"",
        b'"\\u0041"', b'"\\u000A"', b'"\\u000a"', b'"\\/"', b'"\\x41"', b'"\\ud800"', b'"\xed\xa0\x80"', b'"\xff"',
        b'"\\u001F"', b'"\xc0\x80"', b"[" * 200 + b"]" * 200, b"[" * 200_000, b'{"\\u0061":1}', b"[1 ]", b"1 2",
        b"\xef\xbb\xbf1", b'"\n"', b"-Infinity",
    ],
)  # fmt: skip
def test_what_is_not_canonical_is_refused(checker: VerifyPage, body: bytes) -> None:
    assert not is_canonical(checker, body)
    assert not is_canonical(checker, body, narrow=True)


def test_a_leaf_is_narrower_than_canonical_json(checker: VerifyPage) -> None:
    for body in (b'"\\n"', b'"\\u0007"', b'"a\x7f"', '"\u0085"'.encode(), '"A\u030a"'.encode(), '{"é":1}'.encode()):
        assert is_canonical(checker, body)
        assert not is_canonical(checker, body, narrow=True)
    for body in (b'{"__proto__":1,"a":[{},[],null,true,-9007199254740991]}', '"Å \\" \\\\ 😀"'.encode()):
        assert is_canonical(checker, body, narrow=True)


def test_base64_has_one_form(checker: VerifyPage) -> None:
    ask = """text => { try { return Array.from(verifier.base64(text, "it")); } catch (error) { return null; } }"""
    for size in range(40):
        assert bytes(checker.page.evaluate(ask, b64(made_up("b", size)))) == made_up("b", size)
    for text in ("QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "QQ==QQ==", "Q-==", "QUE", "QUF=", "====", "=", "Q"):
        assert checker.page.evaluate(ask, text) is None, text
    assert base64.b64decode("QR==") == b"A"  # elsewhere stray bits are let through
