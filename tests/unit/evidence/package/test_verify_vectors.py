"""verify.py's own functions against public vectors: trees, real logs' notes, odd signatures, JSON, tokens."""

from __future__ import annotations

import base64
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from evidence.package.inside import verify
from evidence.package.packets import compared
from evidence.package.stated import PACKETS
from transcode.counting import count
from transcode.plan import Limits
from transcode.ranges import FileRanges
from transcode.settings import TranscodeSettings

pytestmark = pytest.mark.shared

# The odd signatures that are accepted, of 914: `cryptography` accepts these and 122 more, all of those under keys of
# low order or in a form that is not canonical, which no honest key is. A change to this list is a change of the rules.
ACCEPTED = [
    5, 7, 27, 29, 48, 50, 115, 117, 137, 139, 159, 161, 180, 182, 247, 249, 304, 305, 409, 411, 423, 425, 436, 438,
    463, 465, 471, 473, 479, 481, 487, 489, 495, 497, 509, 511, 523, 525, 536, 538, 563, 565, 571, 573, 579, 581, 587,
    589, 595, 597, 609, 611, 623, 625, 636, 638, 663, 665, 671, 673, 679, 681, 687, 689, 695, 697, 709, 711, 723, 725,
    736, 738, 763, 765, 771, 773, 779, 781, 787, 789, 795, 797, 830, 832, 897, 899,
]  # fmt: skip
# Roots there are shorter than a hash. We refuse every hash that is not of 32 bytes, and mean to.
SHORT_ROOTS = {"consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"}


@pytest.fixture(scope="module")
def folder() -> Path:
    """The public vectors, where they are there."""
    beside = Path(__file__).resolve().parents[5] / "shared"
    found = Path(os.environ.get("CONTINUITY_SHARED", beside)) / "vectors"
    if not found.is_dir():
        pytest.skip("no shared vectors here (CONTINUITY_SHARED)")
    return found


def cases(folder: Path, name: str) -> list[dict[str, Any]]:
    """The cases of one file."""
    found: list[dict[str, Any]] = json.loads((folder / name).read_bytes())
    return found


def hashes(texts: list[str] | None) -> list[bytes]:
    """Hashes from base64."""
    return [base64.b64decode(each) for each in texts or []]


def refused(case: dict[str, Any], prove: Any) -> bool:
    """Whether a check refuses a case."""
    try:
        prove(case)
    except verify.Contradicted:
        return True
    return False


def included(case: dict[str, Any]) -> None:
    leaf, root = hashes([case["leafHash"], case["root"]])
    verify.check_inclusion(leaf, case["leafIdx"], case["treeSize"], hashes(case["proof"]), root)


def consistent(case: dict[str, Any]) -> None:
    old, new = hashes([case["root1"], case["root2"]])
    verify.check_consistency(case["size1"], case["size2"], hashes(case["proof"]), old, new)


def test_inclusion_proofs(folder: Path) -> None:
    found = cases(folder, "rfc6962-merkle/inclusion.json")
    assert len(found) == 98
    assert [each["file"] for each in found if refused(each, included) != each["wantErr"]] == []


def test_consistency_proofs(folder: Path) -> None:
    found = cases(folder, "rfc6962-merkle/consistency.json")
    assert len(found) == 98
    wrong = {each["file"] for each in found if refused(each, consistent) != each["wantErr"]}
    assert wrong == SHORT_ROOTS


def test_the_reference_tree(folder: Path) -> None:
    tree = json.loads((folder / "rfc6962-merkle/tree8.json").read_bytes())
    leaves = [bytes.fromhex(each) for each in tree["leaf_inputs_hex"]]
    assert [verify.root_of(leaves[:size]).hex() for size in range(9)] == tree["roots_hex_by_size"]


def test_notes_of_other_programs(folder: Path) -> None:
    found = cases(folder, "tlog-notes/notes.json")
    for each in found:
        key, note = verify.read_key(each["vkeys"][0]), verify.read_note(each["note"].encode())
        good = [verify.ed25519_good(key.public, blob, note.text) for _, key_id, blob in note.signatures]
        assert good == [True], each["name"]
        assert note.signatures[0][:2] == (key.name, key.key_id())


def real_log(case: dict[str, Any]) -> None:
    """A Sigstore log's checkpoint under its key, and its leaf under that checkpoint."""
    note = case["checkpoint"].encode()
    policy = verify.read_policy("".join([*(f"log {key}\n" for key in case["vkeys"]), "quorum none\n"]).encode())
    if not verify.judge(note, policy).logs:
        raise verify.Contradicted("no listed log signed it")
    head = verify.read_head(verify.read_note(note).text)
    leaf = verify.leaf_hash(base64.b64decode(case["leaf_base64"]))
    verify.check_inclusion(leaf, case["index"], head.size, hashes(case["hashes"]), head.root)


def test_checkpoints_and_proofs_of_a_real_sigstore_log(folder: Path) -> None:
    found = cases(folder, "tlog-notes/rekor2-checkpoints.json")
    assert len(found) == 12
    assert {each["name"]: refused(each, real_log) for each in found} == {
        each["name"]: each["want"] == "refuse" for each in found
    }


def test_odd_ed25519_signatures(folder: Path) -> None:
    found = cases(folder, "ed25519-cctv/ed25519vectors.json")
    assert len(found) == 914
    accepted = [
        each["number"]
        for each in found
        if verify.ed25519_good(bytes.fromhex(each["key"]), bytes.fromhex(each["sig"]), each["msg"].encode())
    ]
    assert accepted == ACCEPTED


def test_canonical_json(folder: Path) -> None:
    texts = {path.stem: path.read_bytes() for path in (folder / "rfc8785-jcs/output").glob("*.json")}
    read = [name for name, data in texts.items() if not refused({}, lambda _, data=data: verify.read_json(data))]
    # The others hold what RFC 8785 allows and our profile does not: numbers with a fraction, control characters, text
    # that is not in normal form C, member names beyond ASCII.
    assert read == ["arrays"]
    for path in (folder / "rfc8785-jcs/input").glob("*.json"):
        if path.read_bytes() != texts[path.stem]:
            with pytest.raises(verify.Contradicted):
                verify.read_json(path.read_bytes())


TOKENS = {  # message, chain, and whether the token stands
    "sigstage/response-sha256.tsr": (b"hello", "sigstage/ts_chain.pem", True),
    "sigstage/response-sha384.tsr": (b"hello", "sigstage/ts_chain.pem", True),
    "sigstage/response-sha512.tsr": (b"hello", "sigstage/ts_chain.pem", True),
    "sigstage/response-no-embedded-cert.tsr": (b"hello", "sigstage/ts_chain.pem", True),
    "sigstage/response-invalid-signature.tsr": (b"hello", "sigstage/ts_chain.pem", False),
    "sigstore.mock/response-expired.tsr": ("sigstore.mock/payload", "sigstore.mock/ts_chain.pem", True),
    "test_tsa/response.tsr": (b"hello", "test_tsa/ts_chain.pem", True),
    "test_tsa/other_response.tsr": (b"hello", "test_tsa/ts_chain.pem", False),
    "local/response-unsorted-certs.tsr": ("local/message", "local/root.pem", True),
}


@pytest.mark.parametrize("name", TOKENS)
def test_tokens(folder: Path, name: str) -> None:
    said, chain, good = TOKENS[name]
    at = folder / "rfc3161"
    note = said if isinstance(said, bytes) else (at / said).read_bytes()
    token, roots = (at / name).read_bytes(), at / chain
    if good:
        assert "GMT" in verify.stamped_at(note, token, roots.read_bytes(), str(roots))
        with pytest.raises(verify.Contradicted):
            verify.stamped_at(note + b"!", token, roots.read_bytes(), str(roots))
    else:
        with pytest.raises((verify.Contradicted, verify.NotShown)):
            verify.stamped_at(note, token, roots.read_bytes(), str(roots))


def test_an_unknown_authority_is_no_contradiction(folder: Path) -> None:
    at = folder / "rfc3161"
    token, chain = (at / "local/response-unsorted-certs.tsr").read_bytes(), (at / "local/tsa.pem").read_bytes()
    with pytest.raises(verify.NotShown, match="not under your roots"):
        verify.stamped_at((at / "local/message").read_bytes(), token, chain, str(at / "test_tsa/ts_chain.pem"))


def test_an_ml_dsa_signature_is_over_the_message_of_the_text() -> None:
    key = verify.Key("name", verify.ML_DSA_44, bytes(1312))
    head = verify.Head("origin", 7, bytes(32))
    assert verify.signature_good(key, head, b"", struct.pack(">Q", 1) + bytes(2420)) is False
    assert verify.signature_good(key, head, b"", struct.pack(">Q", 2**63) + bytes(2420)) is False
    assert verify.signature_good(key, head, b"", bytes(64)) is False


FILMS = {  # whether the copy is the master's own packets, times and configuration; and what is said of its pictures
    "remux.mp4": (True, "video: all 50 packets of the master, byte for byte, timing equal within 1 ms, conf"),
    "fragmented.mp4": (
        True,
        "audio: all 88 packets of the master, byte for byte, timing equal within 1 ms but for the",
    ),
    "remux.mkv": (True, "video: all 50 packets of the master, byte for byte, timing equal within 1 ms, conf"),
    "remux.ts": (True, "video: all 50 packets of the master, but for what the container adds, timing equal within 1"),
    "slowed.mp4": (False, "video: all 50 packets of the master, byte for byte, timing NOT equal"),
    "cropped.mp4": (False, "decoder configuration NOT equal, width 160 became 120"),
    "dropped.mp4": (False, "video: 46 of the master's 50 packets; missing: 30-33"),
    "reencoded.mp4": (False, "video: NOT the master's packets"),
    "clip.mp4": (False, "video: packets 25 to 49 of the master's 50, timing equal within 1 ms, configuration equal"),
}


OURS = {  # what the product says of them
    "slowed.mp4": "video: all 50 packets are the master's, timing NOT equal",
    "cropped.mp4": "decoder configuration NOT equal, size of the picture NOT equal",
    "dropped.mp4": "video: 46 of the master's 50 packets, counted from 0; missing: 30 to 33",
    "reencoded.mp4": "video: NOT the master's packets",
    "clip.mp4": "video: packets 25 to 49 of the master's 50, counted from 0, timing equal",
}


def test_packets_of_real_films(folder: Path) -> None:
    at, settings = folder / "packet-hash", TranscodeSettings()
    assert {path.name for path in at.iterdir()} == {*FILMS, "master.mp4", "README.md"}
    master = packets(at / "master.mp4", settings)
    for name, (same, words) in FILMS.items():
        copy = packets(at / name, settings)
        found = verify.compare_packets(master, copy)
        assert (found.same, words in found.words) == (same, True), found.words
        ours = compared(PACKETS.validate_python(master), PACKETS.validate_python(copy))
        assert (not ours.contradicts, OURS.get(name, "packets are the master's") in ours.words) == (same, True), (
            ours.words
        )


def packets(path: Path, settings: TranscodeSettings) -> dict[str, Any]:
    """A film's packet manifest, as the product counts it."""
    with FileRanges(path) as ranges:
        counted = count(ranges, Limits(seconds=60, cpu_seconds=30, file_size=0), settings)
    return verify.read_packets(counted.as_bytes())
