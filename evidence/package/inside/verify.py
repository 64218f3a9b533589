#!/usr/bin/env python3
"""Checks a Continuity package without Continuity: one file, Python 3.9 or later, nothing to install.

    python3 verify.py PACKAGE [--policy FILE] [--tsa-roots FILE] [--json]

PACKAGE is the folder or the .zip file. FILE of --policy says whose signatures you trust; get it from somewhere other
than the package. FILE of --tsa-roots holds the root certificates (PEM) of time-stamp authorities that you trust.

For each claim it says proved, NOT proved or CONTRADICTED, and why. It ends with 0 when nothing is contradicted and
something is proved for each exhibit, with 1 when not, and with 2 when it cannot read the package or its arguments.

Written from the format's description alone (docs/package-format.md, RFC 6962, RFC 8032, RFC 8785, and the C2SP texts
signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof and tlog-policy). It shares no line with the product.
"""

from __future__ import annotations

import argparse
import base64
import calendar
import collections
import contextlib
import functools
import hashlib
import hmac
import json
import os
import re
import shlex
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

PROVED, NOT_PROVED, CONTRADICTED = "proved", "not_proved", "contradicted"
WHOLE = "package"  # the subject of claims about the package
LARGEST = 2**53 - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()
# Limits: a package beyond them is refused before it can fill a memory or a day.
MAX_FILES, MAX_DEPTH, MAX_JSON, MAX_PACKETS, MAX_NOTE, MAX_LEAF = 200_000, 16, 64 << 20, 256 << 20, 1_000_000, 65_535
MAX_SIGNATURES, MAX_PROOF, MAX_POLICY_LINES, MAX_NESTED, MAX_INFO = 64, 64, 1000, 64, 65_536


class Contradicted(Exception):
    """Something in the package contradicts what it claims."""


class NotShown(Exception):
    """What would prove a claim is not here."""


class Unreadable(Exception):
    """The arguments or the package cannot be read as such."""


# Whatever else bytes from a stranger can set off in the standard library.
UNFORESEEN = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError,
    struct.error, zipfile.BadZipFile,
)  # fmt: skip


def shown(text: object, longest: int = 200) -> str:
    """Text from a package as a terminal may print it: no control or direction characters, not too long."""
    said = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)[: longest + 1])
    return said if len(said) <= longest else said[:longest] + "..."


# --- canonical JSON: RFC 8785, narrowed (format, section 1) ---------------------------------------------------------


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    if not all(map(str.isascii, members)):
        raise ValueError("a member's name is not ASCII")
    return members


def _whole(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > LARGEST:
        raise ValueError("a number beyond 2^53-1")
    return int(digits)


def _no_number(digits: str) -> None:
    raise ValueError("a number that is not an integer")


def read_json(data: bytes) -> Any:
    """The value of canonical bytes. Raises Contradicted for bytes that are not their own canonical form."""
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_members_once, parse_int=_whole, parse_float=_no_number, parse_constant=_no_number
        )
        again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise Contradicted(f"not canonical JSON: {shown(error)}") from error
    if again != text:
        raise Contradicted("JSON, but not in its canonical form")
    # In canonical text only a quotation mark and a backslash are escaped; any other escape is a control character.
    if "\\" in re.sub(r'\\["\\]', "", text) or re.search("[\x00-\x1f\x7f-\x9f]", text):
        raise Contradicted("a control character in JSON text")
    if not _no_deeper(value, MAX_NESTED):
        raise Contradicted(f"JSON with more than {MAX_NESTED} objects and lists in one another")
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        raise Contradicted("text that is not in Unicode normal form C")
    return value


def _no_deeper(value: Any, levels: int) -> bool:
    members = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list)):
        return True
    return levels > 0 and all(_no_deeper(each, levels - 1) for each in members if isinstance(each, (dict, list)))


HEX = re.compile("[0-9a-f]{64}")
HEX512 = re.compile("[0-9a-f]{128}")
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{6}Z",
)
TEXT = re.compile("(?s:.)+")
TOP = re.compile(r'(?! )[^/\\:*?"<>|]+(?<![ .])')
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # kinds of characters that turn, hide or break a line
WORD = re.compile("[^ ]{1,200}")
SHORT = re.compile("(?s:.){1,200}")
HASH64 = re.compile("[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")  # 32 bytes in base64, in the one form
PEM = re.compile(b"-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----")
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
STATED_PATH = re.compile(rf"(?=.{{1,400}}\Z){PATH.pattern}")
REFERENCE = re.compile(rf"(?!package\Z){NAME.pattern}")  # that name is the whole package's
EXTENSION = re.compile("[A-Za-z0-9]{1,8}")
S62 = re.compile("collection|alteration|consultation|disclosure|combination|erasure|none")
COUNT, FROM_ONE, TIMES = range(LARGEST + 1), range(1, LARGEST + 1), range(-LARGEST, LARGEST + 1)

# Shapes. A dict is an object with exactly these members ("?": may be absent, "*": any other), a list holds any number
# of one shape, a tuple names alternatives, a range is for integers, a pattern for whole texts.
LEAF = {
    "v": 1, "log": TEXT, "id": UUID7, "type": TEXT, "at": TIME, "subj": UUID, "n": FROM_ONE, "prev": HEX,
    "seen": {"size": COUNT, "root": HEX}, "s62": S62, "actor": {"kind": TEXT, "ref": str},
    "auth": {"method": TEXT, "*": object}, "facts": {"*": object}, "sealed": {"*": HEX},
    "obj": [{"role": TEXT, "sha256": HEX, "size": COUNT, "sha512?": HEX512, "tree?": HEX, "version_id?": str,
             "packets?": HEX}],
}  # fmt: skip
WORKING = {
    "path": STATED_PATH, "kind": SHORT, "method": SHORT, "sha256": HEX, "size": COUNT,
    "packets": (None, {"master": HEX, "copy": HEX}),
}  # fmt: skip
EXHIBIT = {
    "recording": UUID, "reference": REFERENCE, "working": [WORKING],
    "master": {"path": STATED_PATH, "sha256": HEX, "sha512": HEX512, "size": COUNT},
}  # fmt: skip
CONTENTS = {"v": 1, "log": WORD, "made": TIME, "size": COUNT, "complete_at": COUNT, "exhibits": [EXHIBIT]}
REVEALED = {"*": {"*": {"salt": HEX, "value": str}}}
SEEN = [{"proof": [HASH64], "root": HEX, "size": FROM_ONE}]
HEADMAP = {
    "event": COUNT, "key": HEX, "size": COUNT, "entries": COUNT,
    "proofs": [{"recording": UUID, "n": FROM_ONE, "seq": COUNT, "leaf_hash": HEX, "index": COUNT, "proof": [HASH64]}],
}  # fmt: skip
STREAM = {
    "kind": re.compile("video|audio"), "codec": SHORT, "config": HEX, "width?": COUNT, "height?": COUNT, "rate?": COUNT,
    "channels?": COUNT, "matrix": (None, [TIMES]), "packets": COUNT, "payload": HEX, "neutral": HEX, "timed": HEX,
    "hashes": [HEX], "neutral_hashes": (None, [HEX]), "dts": [TIMES], "pts": [TIMES], "keys": [COUNT],
}  # fmt: skip
PACKETS = {"v": 1, "streams": [STREAM]}
UPRIGHT = [65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30]  # the display matrix that turns nothing


def fits(value: Any, shape: Any) -> bool:
    """Whether a JSON value has a shape."""
    if isinstance(shape, dict):
        return isinstance(value, dict) and _members_fit(value, shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(each, shape[0]) for each in value)
    if isinstance(shape, tuple):
        return any(fits(value, each) for each in shape)
    return _plain_fits(value, shape)


def _plain_fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    if isinstance(shape, range):
        return type(value) is int and value in shape
    if isinstance(shape, type):
        return isinstance(value, shape)
    return type(value) is type(shape) and bool(value == shape)


def _members_fit(value: dict[str, Any], shape: dict[str, Any]) -> bool:
    if any(name not in value for name in shape if not name.endswith(("?", "*"))):
        return False
    for name, member in value.items():
        plain = "" if name.endswith(("?", "*")) else name  # those two are the shape's own, and no names
        allowed = shape.get(plain, shape.get(name + "?", shape.get("*")))
        if allowed is None or not fits(member, allowed):
            return False
    return True


def _is_day(moment: str) -> bool:
    try:
        return calendar.timegm(time.strptime(moment[:10], "%Y-%m-%d")) is not None
    except ValueError:
        return False


def unbase64(text: str, size: int | None = None) -> bytes:
    """Bytes of standard base64 in its one form. Raises Contradicted."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Contradicted("not base64") from error
    if base64.b64encode(data).decode() != text or (size is not None and len(data) != size):
        raise Contradicted("base64 of another length or form than its own")
    return data


# --- Merkle trees: RFC 6962, checked as in RFC 9162 2.1.3.2 and 2.1.4.2 ---------------------------------------------


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf's bytes."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root of the tree over leaves (their bytes, not their hashes)."""
    perfect: list[tuple[int, bytes]] = []  # roots of perfect subtrees with their sizes, the largest first
    for leaf in leaves:
        size, tip = 1, leaf_hash(leaf)
        while perfect and perfect[-1][0] == size:
            size, tip = size * 2, node_hash(perfect.pop()[1], tip)
        perfect.append((size, tip))
    if not perfect:
        return EMPTY_ROOT
    return functools.reduce(lambda right, left: node_hash(left, right), [tip for _, tip in reversed(perfect)])


def check_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> None:
    """That the leaf with this hash is number `index` of the `size` leaves under `root`. Raises Contradicted."""
    if not 0 <= index < size or any(len(each) != 32 for each in (leaf, root, *proof)):
        raise Contradicted("an inclusion proof with impossible numbers")
    place, last, tip = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Contradicted("an inclusion proof that is too long")
        if place & 1 or place == last:
            tip = node_hash(sibling, tip)
            place, last = _skip_levels(place, last)
        else:
            tip = node_hash(tip, sibling)
        place, last = place >> 1, last >> 1
    if last != 0 or tip != root:
        raise Contradicted("an inclusion proof that does not lead to the root")


def _skip_levels(place: int, last: int) -> tuple[int, int]:
    """Past the levels on which a node at the right edge has no sibling."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def check_consistency(old: int, new: int, proof: list[bytes], old_root: bytes, new_root: bytes) -> None:
    """That the tree of size `new` begins with the tree of size `old`. Raises Contradicted."""
    if not 0 < old <= new or any(len(each) != 32 for each in (old_root, new_root, *proof)):
        raise Contradicted("a consistency proof with impossible numbers")
    if old == new:
        if proof or old_root != new_root:
            raise Contradicted("two different roots for one size")
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else proof
    if not path:
        raise Contradicted("a consistency proof that is empty")
    if _two_roots(old - 1, new - 1, path) != (old_root, new_root):
        raise Contradicted("a consistency proof that does not lead to both roots")


def _two_roots(place: int, last: int, path: list[bytes]) -> tuple[bytes, bytes]:
    """Roots of the smaller and the larger tree by a consistency proof; the numbers are those of their last leaves."""
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Contradicted("a consistency proof that is too long")
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            place, last = _skip_levels(place, last)
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise Contradicted("a consistency proof that is too short")
    return first, second


# --- Ed25519: RFC 8032 5.1.7 without cofactor -----------------------------------------------------------------------
# Strict: S below the group's order, R compared as bytes, the key in canonical form and not of low order. Signatures
# that OpenSSL accepts under odd keys are refused here; no honest key or signature is touched by that.

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_Point = tuple[int, int, int, int]  # X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(p: _Point) -> _Point:
    a, b = p[0] * p[0] % _P, p[1] * p[1] % _P
    h, g = a + b, a - b
    e, f = h - (p[0] + p[1]) ** 2 % _P, 2 * p[2] * p[2] + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _point(data: bytes) -> _Point | None:
    """The point that 32 bytes stand for in canonical form."""
    sign, y = data[31] >> 7, int.from_bytes(data, "little") & (2**255 - 1)
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if (v * x * x + u) % _P == 0:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if y >= _P or (v * x * x - u) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def ed25519_key(public: bytes) -> _Point | None:
    """The point of a public key; None for bytes that are no key, or one of low order."""
    point = _point(public) if len(public) == 32 else None
    if point is None:
        return None
    eight = _double(_double(_double(point)))
    return None if eight[0] % _P == 0 and (eight[1] - eight[2]) % _P == 0 else point


@functools.lru_cache(maxsize=256)  # one checkpoint stands in every proof
def ed25519_good(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature is good."""
    key = ed25519_key(public)
    if key is None or _BASE is None or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= _ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    minus = (_P - key[0], key[1], 1, _P - key[3])
    both, total = _add(_BASE, minus), (0, 1, 1, 0)
    for bit in range(252, -1, -1):
        total = _double(total)
        pick = (s >> bit & 1) + 2 * (k >> bit & 1)
        if pick:
            total = _add(total, (_BASE, minus, both)[pick - 1])
    inverse = pow(total[2], _P - 2, _P)
    x, y = total[0] * inverse % _P, total[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


@functools.lru_cache(maxsize=256)
def ml_dsa_good(public: bytes, signature: bytes, message: bytes) -> bool | None:
    """Whether an ML-DSA-44 signature is good; None where this Python has no `cryptography` to ask."""
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
    except ImportError:
        return None
    try:
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
    except UnsupportedAlgorithm:
        return None
    except (InvalidSignature, ValueError):
        return False
    return True


# --- notes, checkpoints, proofs, policies: C2SP ---------------------------------------------------------------------

ED25519, COSIGNATURE, ML_DSA_44 = 1, 4, 6
KEY_SIZES = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}


class Key(NamedTuple):
    """A verifier key."""

    name: str
    kind: int
    public: bytes

    def key_id(self) -> bytes:
        """The four bytes that stand before its signatures."""
        name = self.name.encode("utf-8", "surrogateescape")
        return hashlib.sha256(name + b"\n" + bytes([self.kind]) + self.public).digest()[:4]


class Note(NamedTuple):
    """A signed note: text, and (name, key ID, signature) of each line."""

    text: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]


class Head(NamedTuple):
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes


def read_key(text: str) -> Key:
    """A verifier key from its text. Raises ValueError."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not parts[0] or re.search(r"\s", parts[0]):
        raise ValueError(f"not a verifier key: {shown(text, 60)}")
    try:
        data = unbase64(parts[2])
    except Contradicted as error:
        raise ValueError(f"the key {shown(parts[0])}: {error}") from error
    key = Key(parts[0], data[0] if data else 0, data[1:])
    if KEY_SIZES.get(key.kind) != len(key.public):
        raise ValueError(f"the key {shown(key.name)} is of a kind or size that logs and witnesses do not have")
    if key.key_id().hex() != parts[1]:
        raise ValueError(f"the key {shown(key.name)} does not have the key ID that stands in it")
    if key.kind != ML_DSA_44 and ed25519_key(key.public) is None:
        raise ValueError(f"the key {shown(key.name)} is no Ed25519 key, or one of low order")
    return key


def read_note(data: bytes) -> Note:
    """A signed note. Raises Contradicted."""
    try:
        text = data.decode("utf-8")
    except ValueError as error:
        raise Contradicted("a note that is not UTF-8") from error
    body, blank, lines = text.rpartition("\n\n")
    if len(data) > MAX_NOTE or re.search("[\x00-\x09\x0b-\x1f]", text) or not blank or not text.endswith("\n"):
        raise Contradicted("not a signed note")
    found = [re.fullmatch(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)", line) for line in lines[:-1].split("\n")]
    if len(found) > MAX_SIGNATURES or not all(found):
        raise Contradicted("a note with a line that is no signature, or with too many")
    signatures = [(each[1], unbase64(each[2])) for each in found if each]
    if any(len(blob) < 5 or len(name.encode()) > 255 for name, blob in signatures):
        raise Contradicted("a note with a signature that is too short, or a name that is too long")
    return Note((body + "\n").encode(), tuple((name, blob[:4], blob[4:]) for name, blob in signatures))


def read_head(text: bytes) -> Head:
    """A checkpoint from a note's text. Raises Contradicted."""
    lines = text.decode("utf-8").split("\n")
    if len(lines) != 4 or lines[3] or not lines[0] or not re.fullmatch("0|[1-9][0-9]{0,15}", lines[1]):
        raise Contradicted("not the three lines of a checkpoint")
    return Head(lines[0], int(lines[1]), unbase64(lines[2], 32))


def read_proof(data: bytes) -> tuple[int, list[bytes], bytes]:
    """Index, hashes and checkpoint note of a tlog-proof. Raises Contradicted."""
    start, blank, note = data.partition(b"\n\n")
    lines = start.decode("ascii", "replace").split("\n")
    if lines.pop(0) != "c2sp.org/tlog-proof@v1" or not blank or len(lines) > MAX_PROOF + 2:
        raise Contradicted("not a tlog-proof")
    if lines and lines[0].startswith("extra ") and not unbase64(lines.pop(0)[len("extra ") :]):
        raise Contradicted("a tlog-proof with extra data that is none")
    index = re.fullmatch("index (0|[1-9][0-9]{0,15})", lines.pop(0)) if lines else None
    if not index:
        raise Contradicted("a tlog-proof without an index")
    return int(index[1]), [unbase64(line, 32) for line in lines], note


class Policy(NamedTuple):
    """Whose signatures count."""

    logs: list[Key]
    witnesses: dict[str, Key]
    groups: dict[str, tuple[int, list[str]]]
    quorums: list[str]  # exactly one, once it is read

    def met(self, name: str, signed: Iterable[str]) -> bool:
        """Whether a witness or group has witnessed, when these witnesses have signed."""
        if name in self.groups:
            needed, members = self.groups[name]
            return sum(self.met(each, signed) for each in members) >= needed
        return name in signed


def read_policy(data: bytes) -> Policy:
    """A policy file. Raises ValueError."""
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data) or (data and not data.endswith(b"\n")):
        raise ValueError("a policy with a control character, or that stops in the middle of a line")
    lines = [re.split("[ \t]+", line.strip(" \t")) for line in data.decode("utf-8", "surrogateescape").split("\n")]
    if len(lines) > MAX_POLICY_LINES:
        raise ValueError("a policy that is too long")
    policy = Policy([], {}, {}, [])
    for words in lines:
        if words != [""] and not words[0].startswith("#"):
            _policy_line(policy, words)
    if len(policy.quorums) != 1:
        raise ValueError("a policy needs exactly one quorum line")
    return policy


def _policy_line(policy: Policy, words: list[str]) -> None:
    if words[0] == "log" and len(words) in (2, 3):
        policy.logs.append(_new_key(words[1], policy.logs, (ED25519, ML_DSA_44)))
    elif words[0] == "witness" and len(words) in (3, 4):
        _check_new(policy, words[1])
        policy.witnesses[words[1]] = _new_key(words[2], policy.witnesses.values(), (COSIGNATURE, ML_DSA_44))
    elif words[0] == "group" and len(words) > 3:
        _check_new(policy, words[1])
        policy.groups[words[1]] = _group(policy, words[2], words[3:])
    elif words[0] == "quorum" and len(words) == 2 and (words[1] == "none" or _known(policy, words[1])):
        policy.quorums.append(words[1])
    else:
        raise ValueError(f"a line of the policy is not understood: {shown(' '.join(words), 80)}")


def _known(policy: Policy, name: str) -> bool:
    return name in policy.witnesses or name in policy.groups


def _check_new(policy: Policy, name: str) -> None:
    if name == "none" or _known(policy, name):
        raise ValueError(f"the policy names {shown(name)} twice, or by a name that is not free")


def _new_key(text: str, others: Iterable[Key], kinds: tuple[int, ...]) -> Key:
    key = read_key(text)
    if key.kind not in kinds or any(each.public == key.public for each in others):
        raise ValueError(f"the policy gives the key {shown(key.name)} twice, or a key of the wrong kind")
    return key


def _group(policy: Policy, threshold: str, members: list[str]) -> tuple[int, list[str]]:
    fixed = {"all": len(members), "any": 1}
    needed = fixed.get(threshold, int(threshold) if re.fullmatch("[1-9][0-9]{0,3}", threshold) else 0)
    grouped = {each for _, others in policy.groups.values() for each in others}
    if not 1 <= needed <= len(members) or len(set(members)) != len(members) or grouped & set(members):
        raise ValueError("a group of the policy has a member twice, or an impossible threshold")
    if not all(_known(policy, each) for each in members):
        raise ValueError("a group of the policy names somebody who is not defined before it")
    return needed, members


class Judged(NamedTuple):
    """Whose signatures on a checkpoint were found good, under one policy."""

    logs: list[str]
    ml_dsa: str
    witnesses: dict[str, int]
    unchecked: list[str]


def signature_good(key: Key, head: Head, text: bytes, blob: bytes) -> bool | None:
    """Whether a key made this signature over a checkpoint; None where it cannot be checked here."""
    if key.kind == ED25519:
        return ed25519_good(key.public, blob, text)
    when = int.from_bytes(blob[:8], "big")
    if when >= 2**63:
        return False
    if key.kind == COSIGNATURE:
        return ed25519_good(key.public, blob[8:], b"cosignature/v1\ntime %d\n" % when + text)
    name, origin = key.name.encode("utf-8", "surrogateescape"), head.origin.encode()
    if len(name) > 255 or len(origin) > 255 or len(blob) != 8 + 2420:
        return False
    message = b"subtree/v1\n\0" + bytes([len(name)]) + name + blob[:8] + bytes([len(origin)]) + origin
    return ml_dsa_good(key.public, blob[8:], message + struct.pack(">QQ", 0, head.size) + head.root)


def judge(data: bytes, policy: Policy) -> Judged:
    """Check every signature of a checkpoint under a known key. Raises Contradicted for a bad one."""
    note = read_note(data)
    head = read_head(note.text)
    known = {(key.name, key.key_id()): (key, "") for key in policy.logs if key.name == head.origin}
    known.update({(key.name, key.key_id()): (key, name) for name, key in policy.witnesses.items()})
    judged = Judged([], "", {}, [])
    for name, key_id, blob in note.signatures:
        key, witness = known.get((name, key_id), (None, ""))
        if key is None:
            continue
        good = signature_good(key, head, note.text, blob)
        if good is False:
            raise Contradicted(f"the checkpoint bears a bad signature under the key {shown(name)}+{key_id.hex()}")
        if good is None:
            judged.unchecked.append(witness or name)
        elif witness:
            judged.witnesses[witness] = int.from_bytes(blob[:8], "big")
        else:
            judged = _log_signed(judged, key)
    return judged


def _log_signed(judged: Judged, key: Key) -> Judged:
    if key.kind == ML_DSA_44:
        return judged._replace(ml_dsa="good")
    return judged._replace(logs=[*judged.logs, f"{key.name}+{key.key_id().hex()}"])


# --- the package's files --------------------------------------------------------------------------------------------


class Package:
    """The files of a package by their path inside it, however they are kept."""

    def __init__(self, sizes: dict[str, int], opener: Callable[[str], BinaryIO], odd: Iterable[str] = ()) -> None:
        self.sizes, self.opener, self.odd = sizes, opener, list(odd)
        self.close: Callable[[], None] = lambda: None

    def read(self, path: str, limit: int = MAX_JSON) -> bytes:
        """All bytes of a small file."""
        if self.sizes[path] > limit:
            raise Contradicted(f"{path} is larger than {limit} bytes")
        with self.opener(path) as stream:
            data = stream.read(limit + 1)
        if len(data) != self.sizes[path]:
            raise Contradicted(f"{path} changed while it was read")
        return data

    def digests(self, path: str) -> tuple[str, str, int]:
        """SHA-256, SHA-512 and size of a file of any size."""
        one, two, size = hashlib.sha256(), hashlib.sha512(), 0
        with self.opener(path) as stream:
            while piece := stream.read(1 << 20):
                one.update(piece)
                two.update(piece)
                size += len(piece)
        return one.hexdigest(), two.hexdigest(), size


def open_package(path: str) -> Package:
    """A folder or a ZIP file as a package. Raises Unreadable."""
    try:
        kind = Path(path).stat().st_mode
        if not stat.S_ISDIR(kind) and not stat.S_ISREG(kind):  # a pipe or a device would be read without end
            raise Unreadable(f"{shown(path)} is neither a folder nor a plain file")
        package = open_folder(path) if stat.S_ISDIR(kind) else open_zip(path)
    except UNFORESEEN as error:
        raise Unreadable(f"{shown(path)} cannot be read as a package: {shown(error)}") from error
    if "bagit.txt" not in package.sizes or "custody/contents.json" not in package.sizes:
        raise Unreadable(f"{shown(path)} is not a package: it needs bagit.txt and custody/contents.json")
    return package


def open_folder(path: str) -> Package:
    """A package in a folder. Links are not followed, and nothing that is not a file is opened."""
    sizes, odd = {}, []
    for inside, entry in _walk(path, ""):
        if not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            odd.append(f"{shown(inside)} is neither a file nor a folder")
        elif not PATH.fullmatch(inside):
            odd.append(f"{shown(inside)} has a name that no package has")
        else:
            sizes[inside] = entry.stat(follow_symlinks=False).st_size
        if len(sizes) + len(odd) > MAX_FILES:
            raise Unreadable(f"more than {MAX_FILES} files")
    return Package(sizes, lambda inside: Path(path, inside).open("rb"), odd)


def _walk(folder: str, above: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    if above.count("/") > MAX_DEPTH:
        raise Unreadable("folders that are nested too deep")
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{above}{entry.name}/")
            else:
                yield above + entry.name, entry


def open_zip(path: str) -> Package:
    """A package in a ZIP file: one top folder, every file stored as it is."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise Unreadable(f"{shown(path)} cannot be read as a package: it is no whole ZIP file ({error})") from error
    try:
        package = _zipped(archive, Path(path).stat().st_size)
        with Path(path).open("rb") as stream:
            _nothing_between(archive, stream)
    except (Unreadable, *UNFORESEEN):
        archive.close()
        raise
    return package


def _nothing_between(archive: zipfile.ZipFile, stream: BinaryIO) -> None:
    """That the ZIP file is its files, one after another, its list and its end, and no byte more. Raises Unreadable."""
    where, entries = 0, archive.infolist()
    for each in sorted(entries, key=lambda entry: entry.header_offset):
        if each.header_offset != where:
            raise _no_package(f"the ZIP file holds bytes that belong to none, or to two, of its files, at byte {where}")
        where = _past(stream, each)
    size = sum(46 + len(_raw_name(each)) + len(each.extra) for each in entries)
    if _list_until(stream, len(entries), where, size) != where + size:
        raise _no_package("the ZIP file holds bytes that belong to none of its files, between its list and its end")


def _no_package(words: str) -> Unreadable:
    return Unreadable(f"it cannot be read as a package: {words}")


def _unpacked(stream: BinaryIO, at: int, form: str) -> tuple[Any, ...]:
    stream.seek(at)
    data = stream.read(struct.calcsize(form))
    if len(data) != struct.calcsize(form):
        raise _no_package("the ZIP file is cut off")
    return struct.unpack(form, data)


def _raw_name(entry: zipfile.ZipInfo) -> bytes:
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")


def _list_until(stream: BinaryIO, count: int, start: int, size: int) -> int:
    """Where the list of a ZIP file ends: at its end, or at the longer end before that. Raises Unreadable."""
    at = stream.seek(0, os.SEEK_END) - 22
    end = _unpacked(stream, at, "<4s4H2LH")
    if end[0] != b"PK\5\6" or end[-1]:
        raise _no_package("the ZIP file has a comment, or something follows after it")
    found, true = (end[1:7], at), (0, 0, count, count, size, start)
    if at >= 76 and (locator := _unpacked(stream, at - 20, "<4sLQL"))[0] == b"PK\6\7":
        long = _unpacked(stream, at - 76, "<4sQ2H2L4Q")
        full = (0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)  # numbers that are only in the longer end
        told = all(short in (most, true) for short, most, true in zip(end[1:7], full, long[4:]))
        if not told or locator[1:] != (0, at - 76, 1) or long[:2] != (b"PK\6\6", 44):
            raise _no_package("the ZIP file has two ends that differ")
        found = (long[4:], at - 76)
    if found[0] != true:
        raise _no_package("the ZIP file holds bytes that belong to none of its files, or its end names another list")
    return found[1]


def _past(stream: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """The place behind a file whose own header says the same of it as the list. Raises Unreadable."""
    at, name, true = entry.header_offset, _raw_name(entry), (entry.CRC, entry.compress_size, entry.file_size)
    head = _unpacked(stream, at, "<4s5H3L2H")
    own, extra = _unpacked(stream, at + 30, f"{head[9]}s{head[10]}s")
    fields, later = _fields(extra), bool(entry.flag_bits & 8)
    _fields(entry.extra)
    said = [(head[6], *_header_sizes(head[7:9], fields.get(1))), (head[0], head[2], head[3], own)]
    if said[1] != (b"PK\3\4", entry.flag_bits, entry.compress_type, name) or entry.comment:
        raise _two_things(entry)
    if (said[0] != true and not (later and said[0] == (0, 0, 0))) or (name.endswith(b"/") and entry.file_size):
        raise _two_things(entry)
    end = at + 30 + len(own) + len(extra) + entry.compress_size
    if later:  # a file that was written before its size was known: that follows after it
        form = "<4sL2Q" if 1 in fields else "<4s3L"
        if _unpacked(stream, end, form) != (b"PK\7\x08", *true):
            raise _two_things(entry)
        end += struct.calcsize(form)
    return end


def _two_things(entry: zipfile.ZipInfo) -> Unreadable:
    return _no_package(
        f"the ZIP file says two different things of {shown(entry.filename)}, or more than a name and bytes"
    )


def _header_sizes(short: tuple[int, ...], field: bytes | None) -> tuple[int, ...]:
    """Packed and true size by a file's own header; none where its two places for them differ."""
    if field is None:
        return short
    long: tuple[int, ...] = struct.unpack("<QQ", field)[::-1] if len(field) == 16 else ()
    return long if all(each in (0xFFFFFFFF, true) for each, true in zip(short, long)) else ()


def _fields(extra: bytes) -> dict[int, bytes]:
    """What stands beside a file in a ZIP file, by kind: long sizes, times, owners, and nothing else."""
    found: dict[int, bytes] = {}
    while extra:
        kind, size = struct.unpack("<HH", extra[:4]) if len(extra) >= 4 else (0, 0)
        if kind not in (0x0001, 0x000A, 0x5455, 0x7875) or kind in found or len(extra) < 4 + size:
            raise _no_package(
                "the ZIP file holds something beside a file that is neither its size, a time nor an owner"
            )
        found[kind], extra = extra[4 : 4 + size], extra[4 + size :]
    return found


def _hold_folders(archive: zipfile.ZipFile, files: set[str]) -> None:
    """That there is one top folder with a plain name, and that each entry for a folder is one that files lie in."""
    names = [each.orig_filename for each in archive.infolist()]
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 1 or len(names) > MAX_FILES or archive.comment or len({*names}) != len(names):
        raise Unreadable("a package in a ZIP file has one top folder and no comment, and no name in it stands twice")
    top = min(tops)
    if not TOP.fullmatch(top) or len(top.encode()) > 255 or any(unicodedata.category(c) in UNSEEN for c in top):
        raise Unreadable(f"the ZIP file's top folder has a name that no folder should have: {shown(top)}")
    above = {name[: at.start() + 1] for name in files for at in re.finditer("/", name)}
    for each in archive.infolist():
        ascii_or_said = each.orig_filename.isascii() or each.flag_bits & 0x800
        folder = each.orig_filename not in files
        odd = folder and (each.orig_filename not in above or each.external_attr >> 28 not in (0, 4))
        if odd or not ascii_or_said or each.flag_bits & ~0x808:
            raise Unreadable(f"the ZIP file holds {shown(each.orig_filename)}, which is nothing that a package holds")


def _zipped(archive: zipfile.ZipFile, size: int) -> Package:
    entries = [each for each in archive.infolist() if not each.orig_filename.endswith("/")]
    _hold_folders(archive, {each.orig_filename for each in entries})
    if sum(each.file_size for each in entries) > size:
        raise Unreadable("the ZIP file claims to hold more bytes than it has")
    found: dict[str, zipfile.ZipInfo] = {}
    for each in entries:
        inside = each.orig_filename.partition("/")[2]
        if each.compress_type != zipfile.ZIP_STORED or each.flag_bits & ~0x808 or each.file_size != each.compress_size:
            raise Unreadable(f"{shown(each.orig_filename)} is compressed or encrypted; a package's files are stored")
        if not PATH.fullmatch(inside) or inside in found or each.external_attr >> 28 not in (0, 8):
            name = shown(each.orig_filename)
            raise Unreadable(f"in the ZIP file, {name} stands twice, is no plain file, or has a name that no file has")
        found[inside] = each

    def opener(inside: str) -> BinaryIO:
        return archive.open(found[inside])  # type: ignore[return-value]

    package = Package({inside: each.file_size for inside, each in found.items()}, opener)
    package.close = archive.close
    return package


# --- time-stamps: RFC 3161, by openssl ------------------------------------------------------------------------------


def openssl(*arguments: str) -> tuple[bool, str]:
    """Run openssl; whether it said yes, and its words."""
    program = shutil.which("openssl")
    if program is None:
        raise NotShown("openssl is not on this machine's PATH")
    try:
        done = subprocess.run([program, *arguments], capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotShown("openssl did not answer within 30 seconds") from error
    return done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")


def stamped_at(note: bytes, token: bytes, chain: bytes, roots: str) -> str:
    """The time in a token over these bytes, if it verifies under the roots. Raises Contradicted or NotShown."""
    with tempfile.TemporaryDirectory() as folder:
        names = {name: str(Path(folder, name)) for name in ("note", "tsr", "pem", "token")}
        for name, data in (("note", note), ("tsr", token), ("pem", chain)):
            Path(names[name]).write_bytes(data)
        # Only what the authority signed is asked for its time: the answer around it holds words that anybody may write.
        taken, _ = openssl("ts", "-reply", "-in", names["tsr"], "-token_out", "-out", names["token"])
        read, said = openssl("ts", "-reply", "-in", names["token"], "-token_in", "-text")
        when = re.search(r"^Time stamp: (.+)$", said, re.MULTILINE)
        if not taken or not read or not when:
            raise Contradicted("a time-stamp token that openssl cannot read, or that was refused")
        arguments = ["ts", "-verify", "-data", names["note"], "-in", names["tsr"], "-CAfile", roots]
        arguments += ["-untrusted", names["pem"]] if b"BEGIN CERTIFICATE" in chain else []
        good, said = openssl(*arguments)
        if not good and (attime := _seconds(when[1])) is not None:  # a chain that has run out since counts as it was
            good, said = openssl(*arguments, "-attime", str(attime))
    if good and "Verification: OK" in said:
        return when[1].strip()
    if "certificate verify error" in said or "unable to get" in said:
        raise NotShown("the time-stamp authority's certificate is not under your roots")
    raise Contradicted(f"openssl refuses the time-stamp: {shown(' '.join(said.split()), 300)}")


def _seconds(words: str) -> int | None:
    """POSIX time of a time as openssl writes it, such as `Aug 23 10:12:06.5 2026 GMT`."""
    try:
        return calendar.timegm(time.strptime(re.sub(r"[.]\d+", "", words.strip()), "%b %d %H:%M:%S %Y %Z"))
    except ValueError:
        return None


# --- packet manifests -----------------------------------------------------------------------------------------------


def read_packets(data: bytes) -> dict[str, Any]:
    """A packet manifest whose roots are those of its lists. Raises Contradicted."""
    manifest = read_json(data)
    if not fits(manifest, PACKETS) or any(
        len(each["matrix"]) != 9 for each in manifest["streams"] if each["matrix"] is not None
    ):
        raise Contradicted("not a packet manifest")
    for stream in manifest["streams"]:
        hashes = [bytes.fromhex(each) for each in stream["hashes"]]
        neutral = hashes if stream["neutral_hashes"] is None else [bytes.fromhex(h) for h in stream["neutral_hashes"]]
        if not len(hashes) == len(neutral) == len(stream["dts"]) == len(stream["pts"]) == stream["packets"]:
            raise Contradicted("a packet manifest whose lists differ in length")
        if stream["keys"] != sorted(set(stream["keys"])) or any(each >= len(hashes) for each in stream["keys"]):
            raise Contradicted("a packet manifest that names key pictures which are not there")
        timed = [each + struct.pack(">qq", *when) for each, *when in zip(hashes, stream["dts"], stream["pts"])]
        roots = [root_of(each).hex() for each in (hashes, neutral, timed)]
        if roots != [stream["payload"], stream["neutral"], stream["timed"]]:
            raise Contradicted("a packet manifest whose roots are not those of its packets")
    return dict(manifest)


class Compared(NamedTuple):
    """What was found of a copy's packets, and whether a copy that nobody encoded anew can be so."""

    words: str
    same: bool


def compare_packets(master: dict[str, Any], copy: dict[str, Any]) -> Compared:
    """What two packet manifests say of each other, stream by stream of the copy.

    The copy's pictures decide; its sound only where it has no pictures.
    """
    left, said = list(master["streams"]), []
    decides = "video" if any(each["kind"] == "video" for each in copy["streams"]) else "audio"
    same = True
    for one, two in pair_streams(left, copy["streams"]):
        found = compare_stream(f"{two['kind']}: ", one, two)
        said.append(found.words)
        same = same and (found.same or two["kind"] != decides)
    if left:
        said.append(f"not in the copy: {', '.join(each['kind'] for each in left)}")
    return Compared("; ".join(said) or "no streams", same)


_Pairs = list[tuple[dict[str, Any] | None, dict[str, Any]]]


def pair_streams(left: list[dict[str, Any]], copy: list[dict[str, Any]]) -> _Pairs:
    """The copy's streams, each with its own of the master: by neutral root, then by kind and order.

    Takes those out of `left`.
    """
    pairs: dict[int, dict[str, Any]] = {}
    for members in (("kind", "neutral"), ("kind",)):
        for number, two in enumerate(copy):
            one = next((one for one in left if all(one[each] == two[each] for each in members)), None)
            if number not in pairs and one is not None:
                pairs[number] = left.pop([each is one for each in left].index(True))
    return [(pairs.get(number), two) for number, two in enumerate(copy)]


def compare_stream(words: str, one: dict[str, Any] | None, two: dict[str, Any]) -> Compared:
    """Packets, timing and configuration of a copy's stream beside the master's."""
    if one is None:
        return Compared(words + "the master has no such stream", same=False)
    if one["codec"] != two["codec"]:
        return Compared(
            words + f"encoded again, {shown(one['codec'], 40)} became {shown(two['codec'], 40)}", same=False
        )
    pairs, said = match_packets(one, two)
    whole = one["neutral"] == two["neutral"]
    if not pairs and not whole:
        return Compared(words + said, same=False)
    on_time, timing = match_times(one, two, pairs)
    changed = ["decoder configuration NOT equal"] if one["config"] != two["config"] else []
    for name in ("width", "height", "rate", "channels", "matrix"):
        was, now = (each.get(name) or (UPRIGHT if name == "matrix" else None) for each in (one, two))
        if was != now:
            changed.append(f"{name} {was} became {now}")
    # Where the container writes the packets in another way, it writes the configuration in another way too.
    shape = not changed or one["payload"] != two["payload"]
    notes = [said, timing, *(changed or ["configuration equal"])]
    return Compared(words + ", ".join(notes), whole and on_time and shape)


def match_times(one: dict[str, Any], two: dict[str, Any], pairs: list[tuple[int, int]]) -> tuple[bool, str]:
    """Whether packets are shown as far from each other as the master's; a clip begins elsewhere. In microseconds."""
    apart = [two["pts"][j] - one["pts"][i] for i, j in pairs]
    shift = sorted(apart)[(len(apart) - 1) // 2] if apart else 0
    off = [abs(each - shift) > 1000 for each in apart]
    if not any(off):
        return True, "timing equal within 1 ms"
    if one["kind"] == "audio" and not any(off[3:]):  # an edit list moves them, and nobody hears it
        return True, "timing equal within 1 ms but for the first packets, which only fill the decoder"
    return False, f"timing NOT equal ({off.count(True)} of {len(off)} packets)"


def match_packets(one: dict[str, Any], two: dict[str, Any]) -> tuple[list[tuple[int, int]], str]:
    """Which packets of a copy are which of the master's, and how to say it."""
    count = two["packets"]
    whole = [(i, i) for i in range(count)]
    if one["payload"] == two["payload"]:
        return whole, f"all {count} packets of the master, byte for byte"
    if one["neutral"] == two["neutral"]:
        return whole, f"all {count} packets of the master, but for what the container adds"
    ours, theirs = ("".join(each["neutral_hashes"] or each["hashes"]) for each in (one, two))
    start = ours.find(theirs) if theirs else -1
    while start % 64 and start > 0:
        start = ours.find(theirs, start + 1)
    if start >= 0:
        first, last = start // 64, start // 64 + count - 1
        return [(first + j, j) for j in range(count)], f"packets {first} to {last} of the master's {one['packets']}"
    return _match_some(ours, theirs)


def _match_some(ours: str, theirs: str) -> tuple[list[tuple[int, int]], str]:
    """The same, for a copy that some packets are missing from."""
    wanted, count = [theirs[i : i + 64] for i in range(0, len(theirs), 64)], len(ours) // 64
    pairs: list[tuple[int, int]] = []
    for i in range(count):
        if len(pairs) < len(wanted) and ours[64 * i : 64 * i + 64] == wanted[len(pairs)]:
            pairs.append((i, len(pairs)))
    if wanted and len(pairs) == len(wanted):
        missing = sorted(set(range(count)) - {i for i, _ in pairs})
        return pairs, f"{len(pairs)} of the master's {count} packets; missing: {_ranges(missing)}"
    return [], f"NOT the master's packets ({len(wanted)} packets, the master has {count})"


def _ranges(numbers: list[int]) -> str:
    having = set(numbers)
    starts, ends = [n for n in numbers if n - 1 not in having], [n for n in numbers if n + 1 not in having]
    said = [str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends)]
    return ", ".join(said[:5]) + (" ..." if len(said) > 5 else "")


# --- the claims -----------------------------------------------------------------------------------------------------


class Claim(NamedTuple):
    """One verdict."""

    claim: str
    subject: str
    verdict: str
    words: str


class Event(NamedTuple):
    """One event of the package."""

    seq: int
    leaf: dict[str, Any]
    hash: bytes

    def objects(self, role: str) -> list[dict[str, Any]]:
        """The things that play a role in it."""
        return [each for each in self.leaf["obj"] if each["role"] == role]


# A claim is proved only when what it rests on is proved. The checkpoint alone may be unproved (nobody gave a policy):
# what is then proved is proved of a log that may be anybody's, which is what that line says.
RESTS_ON = {
    "included": ("events", "checkpoint"), "witnessed": ("checkpoint",), "history": ("included",),
    "master": ("history",), "working": ("history",), "complete": ("history",), "not_before": ("included",),
    "not_after": ("included",),
}  # fmt: skip
ORDER = ("files", "events", "included", "checkpoint", "witnessed", "not_before", "not_after")
ALGORITHMS = ("sha256", "sha512")
# Every name that a package may have beside its exhibits (docs/package-format.md, section 3).
KNOWN = re.compile(
    r"bagit\.txt|bag-info\.txt|(tag)?manifest-sha(256|512)\.txt|custody/(READ-ME-FIRST\.txt|report\.pdf|verify\.py"
    r"|verify\.html|by-hand\.txt|contents\.json|events\.jsonl|revealed\.json|checkpoint\.txt|seen\.json|headmap\.json"
    r"|case\.jsonld|policy\.copy|proofs/(0|[1-9][0-9]*)\.tlog-proof|tst/[A-Za-z0-9._-]+\.(note|tsq|tsr|pem)"
    r"|packets/[0-9a-f]{64}\.json)"
)
INFO_LINE = re.compile(r"([A-Za-z][A-Za-z0-9-]*): ([^\x00-\x1f\x7f-\x9f]+)")
TAGMANIFESTS = {f"tagmanifest-{each}.txt" for each in ALGORITHMS}
AS_THEY_WERE = {"remux", "direct"}  # methods of copies for which nothing is encoded anew
CONTENTS_FILE, STAMPS = "custody/contents.json", "custody/tst/"


class Check:
    """One run over one package. `claims` holds the verdicts when `run` has ended."""

    def __init__(self, package: Package, policy: Policy | None = None, tsa_roots: str | None = None) -> None:
        self.package, self.policy, self.tsa_roots = package, policy, tsa_roots
        self.own = policy is not None
        self.digests: dict[str, tuple[str, str, int]] = {}
        self.differing: set[str] = set()
        self.contents: dict[str, Any] = {"exhibits": []}
        self.events: list[Event] | None = None
        self.note: bytes = b""
        self.head: Head | None = None
        self.judged: Judged | None = None
        self.claims: list[Claim] = []
        self.verdicts: dict[tuple[str, str], str] = {}
        self.values: dict[str, Any] = {}
        self.by_subject: dict[str, list[Event]] = {}

    def run(self) -> list[Claim]:
        """All claims, those about the package first."""
        self.claim("files", WHOLE, self.files)
        self.claim("checkpoint", WHOLE, self.checkpoint)
        self.claim("events", WHOLE, self.read_events)
        self.claim("included", WHOLE, self.included)
        self.claim("witnessed", WHOLE, self.witnessed)
        self.claim("not_before", WHOLE, self.not_before)
        self.claim("not_after", WHOLE, self.not_after)
        self.claims.sort(key=lambda each: ORDER.index(each.claim))
        for exhibit in self.contents["exhibits"]:
            for name, prove in (("history", self.history), ("master", self.master), ("complete", self.complete)):
                self.claim(name, exhibit["reference"], functools.partial(prove, exhibit))
            for copy in exhibit["working"]:
                self.claim(
                    "working", copy["path"], functools.partial(self.working, exhibit, copy), exhibit["reference"]
                )
        return self.claims

    def claim(self, name: str, subject: str, prove: Callable[[], str], exhibit: str = "") -> None:
        """Settle one claim. What stands in its own way contradicts it; what it rests on leaves it unproved."""
        try:
            verdict, words = PROVED, prove()
        except Contradicted as error:
            verdict, words = CONTRADICTED, str(error)
        except NotShown as error:
            verdict, words = NOT_PROVED, str(error)
        except UNFORESEEN as error:
            verdict, words = CONTRADICTED, f"its material cannot be read: {shown(error) or type(error).__name__}"
        below = self.lacking(name, exhibit or subject)
        if verdict == PROVED and below:
            verdict, words = NOT_PROVED, f"it rests on the claim `{below}`, which is not proved"
        self.claims.append(Claim(name, subject, verdict, words))
        self.verdicts[name, subject] = verdict

    def lacking(self, name: str, exhibit: str) -> str:
        """The first claim below this one that keeps it from being proved."""
        for below in RESTS_ON.get(name, ()):
            verdict = self.verdicts.get((below, WHOLE if below in ORDER else exhibit))
            if verdict == CONTRADICTED or (verdict == NOT_PROVED and below != "checkpoint"):
                return below
        return ""

    # What claims take from the package.

    def undoubted(self, path: str) -> None:
        """That a file is the one that the manifests list."""
        if path in self.differing:
            raise Contradicted(f"{path} is not the file that the manifests list")
        if path not in self.package.sizes:
            raise NotShown(f"{path} is not in the package")

    def take(self, path: str, limit: int = MAX_JSON) -> bytes:
        """The bytes of a file that a claim is made of."""
        self.undoubted(path)
        data = self.package.read(path, limit)
        if hashlib.sha256(data).hexdigest() != self.digests[path][0]:
            raise Contradicted(f"{path} changed while it was read")
        return data

    def take_json(self, path: str, shape: Any) -> Any:
        """The value of a JSON file in `custody/`."""
        if path not in self.values:
            data = self.take(path)
            value = read_json(data[:-1]) if data.endswith(b"\n") else None
            if not fits(value, shape):
                raise Contradicted(f"{path} does not have the form of such a file")
            self.values[path] = value
        return self.values[path]

    def known(self) -> tuple[list[Event], Head]:
        """Events and checkpoint, for the claims that rest on both."""
        if self.events is None:
            raise NotShown("it rests on the claim `events`, which is not proved")
        if self.head is None:
            raise NotShown("it rests on the claim `checkpoint`, and there is no checkpoint that can be read")
        return self.events, self.head

    def of_exhibit(self, exhibit: dict[str, Any]) -> list[Event]:
        """The events of an exhibit, in the log's order."""
        self.undoubted(CONTENTS_FILE)
        self.known()
        if exhibit["recording"] not in self.by_subject:
            raise NotShown("the package holds no event of this exhibit")
        return self.by_subject[exhibit["recording"]]

    # The package as a bag of files.

    def files(self) -> str:
        """Claim `files`."""
        problems = list(self.package.odd)
        listed = [self._listed(algorithm, problems) for algorithm in ALGORITHMS]
        paths = {*self.package.sizes, *listed[0], *listed[1]} - TAGMANIFESTS
        for path in sorted(paths):
            if wrong := self._wrong(path, listed):
                self.differing.add(path)
                problems.append(f"{path} {wrong}")
        unknown = sorted(
            path for path in self.package.sizes if not path.startswith("data/") and not KNOWN.fullmatch(path)
        )
        problems += [f"{path} is no file of such a package: nothing says what it is" for path in unknown]
        if len({path.lower() for path in paths}) != len(paths):
            problems.append("two files differ in capital letters only")
        problems += [*self._declaration(), *self._contents()]
        if problems:
            more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
            raise Contradicted("; ".join(problems[:5]) + more)
        return (
            f"{len(paths)} files, each listed twice and with both digests as listed; none missing, none extra."
            " Beside them are the two tagmanifest files, which no list names"
        )

    def _whole(self, path: str, limit: int = MAX_JSON) -> bytes:
        """The bytes of one of the bag's own files; none where they cannot be had, which no such file is without."""
        try:
            return self.package.read(path, limit)
        except (Contradicted, *UNFORESEEN):
            return b""

    def _declaration(self) -> Iterator[str]:
        if self._whole("bagit.txt", 1000) != b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n":
            yield "bagit.txt does not declare BagIt 1.0 in UTF-8"
        try:
            lines = self._whole("bag-info.txt", MAX_INFO).decode("utf-8").split("\n")
        except ValueError:
            lines = ["not text"]
        good = [found for line in lines[:-1] if (found := INFO_LINE.fullmatch(line))]
        if lines[-1] or len({found[1].lower() for found in good}) != len(lines) - 1:
            yield "bag-info.txt is missing or malformed"
        payload = [size for path, size in self.package.sizes.items() if path.startswith("data/")]
        if [f[2] for f in good if f[1] == "Payload-Oxum"] != [f"{sum(payload)}.{len(payload)}"]:
            yield "bag-info.txt does not count the files that are under data/ (Payload-Oxum)"

    def _listed(self, algorithm: str, problems: list[str]) -> dict[str, str]:
        """What the two manifests of one algorithm list; what is wrong with their lines goes to `problems`."""
        listed: dict[str, str] = {}
        line_form = re.compile(f"([0-9a-f]{{{hashlib.new(algorithm).digest_size * 2}}})  ({PATH.pattern})")
        for name, payload in ((f"manifest-{algorithm}.txt", True), (f"tagmanifest-{algorithm}.txt", False)):
            lines = self._whole(name).decode("ascii", "replace").split("\n")
            found = [line_form.fullmatch(line) for line in lines[:-1]]
            good = [m for m in found if m and m[2].startswith("data/") == payload and m[2] not in TAGMANIFESTS]
            paths = [m[2] for m in good]
            # What is listed twice is listed as nothing: two readers could take two digests for the one.
            times = collections.Counter(paths)
            listed.update({m[2]: m[1] for m in good if times[m[2]] == 1})
            if lines[-1] or len(good) != len(lines) - 1 or not good:
                problems.append(f"{name} is missing, or has lines that no manifest has")
            elif paths != sorted(set(paths)):
                problems.append(f"{name} lists a file twice or is not sorted")
        return listed

    def _wrong(self, path: str, listed: list[dict[str, str]]) -> str:
        if path not in self.package.sizes:
            return "is listed and missing"
        if any(path not in each for each in listed):
            return "is not listed in both manifests"
        try:
            self.digests[path] = self.package.digests(path)
        except UNFORESEEN as error:
            return f"cannot be read: {shown(error)}"
        one, two, size = self.digests[path]
        if size != self.package.sizes[path] or (one, two) != (listed[0][path], listed[1][path]):
            return "does not have the digests that are listed"
        return ""

    def _contents(self) -> Iterator[str]:
        data = self._whole(CONTENTS_FILE)
        try:
            contents = read_json(data[:-1])
        except Contradicted as error:
            contents = shown(error)
        if not data.endswith(b"\n") or not fits(contents, CONTENTS) or not _is_day(contents["made"]):
            yield f"{CONTENTS_FILE} does not have the form of such a file"
            return
        exhibits = contents["exhibits"]
        if any(len({each[name] for each in exhibits}) != len(exhibits) for name in ("recording", "reference")):
            yield f"{CONTENTS_FILE} lists an exhibit twice"
            return
        paths = [file["path"] for each in exhibits for file in (each["master"], *each["working"])]
        if len(set(paths)) != len(paths):
            yield f"{CONTENTS_FILE} lists a file twice"
            return
        self.contents = contents
        if not exhibits:
            yield "there are no exhibits: nothing to verify"
            return
        for path in sorted({path for path in self.package.sizes if path.startswith("data/")} - set(paths)):
            yield f"{path} is neither a master nor a copy of {CONTENTS_FILE}"
        for path in sorted({*paths, *_named(contents)} - set(self.package.sizes)):
            yield f"{path} is named by {CONTENTS_FILE}, and is missing"

    # The package as a part of a log.

    def checkpoint(self) -> str:
        """Claim `checkpoint`."""
        self.note = self.take("custody/checkpoint.txt", MAX_NOTE)
        self.head = read_head(read_note(self.note).text)
        said = (self.contents.get("log", self.head.origin), self.contents.get("size", self.head.size))
        if said != (self.head.origin, self.head.size):
            raise Contradicted("contents.json names another log or size than the checkpoint")
        if self.policy is None:
            try:
                self.policy = read_policy(self.take("custody/policy.copy", MAX_NOTE))
            except ValueError as error:
                raise Contradicted(f"custody/policy.copy: {error}") from error
        self.judged = judge(self.note, self.policy)
        if not self.own:
            signed = "signed by the keys" if self.judged.logs else "not even signed by a key"
            raise NotShown(
                f"{signed} in custody/policy.copy; a package cannot vouch for itself: get the log's policy from "
                "elsewhere (--policy)"
            )
        if not self.judged.logs:
            raise Contradicted(
                f"no key that your policy names for the log {shown(self.head.origin)} has signed it: this is not that "
                "log's checkpoint, or your policy is older than the log's key"
            )
        second = (
            "not checked (needs the Python package cryptography)" if self.judged.unchecked else "none by a key listed"
        )
        return f"signed by {shown(', '.join(self.judged.logs))}; ML-DSA-44: {self.judged.ml_dsa or second}"

    def witnessed(self) -> str:
        """Claim `witnessed`."""
        if self.policy is None or self.judged is None or not self.own:
            raise NotShown("without a policy of your own nobody is a witness (--policy)")
        if self.policy.quorums[0] == "none":
            raise NotShown("your policy asks for no witness (quorum none)")
        times = [f"{shown(name)} at {moment(at)}" for name, at in sorted(self.judged.witnesses.items())]
        said = ", ".join(times) or "no witness that your policy names"
        if not self.policy.met(self.policy.quorums[0], self.judged.witnesses):
            skipped = f"; not checked here: {shown(', '.join(self.judged.unchecked))}" if self.judged.unchecked else ""
            raise NotShown(f"the quorum {shown(self.policy.quorums[0])} is not met; signed by {said}{skipped}")
        return f"the quorum {shown(self.policy.quorums[0])} is met: {said}"

    def read_events(self) -> str:
        """Claim `events`."""
        if not self.package.sizes.get("custody/events.jsonl"):
            raise Contradicted("the package has no events: nothing to verify")
        lines = self.take("custody/events.jsonl").split(b"\n")
        if lines.pop():
            raise Contradicted("custody/events.jsonl stops in the middle of a line")
        events = [self._event(number, line) for number, line in enumerate(lines, start=1)]
        if any(later.seq <= earlier.seq for earlier, later in zip(events, events[1:])):
            raise Contradicted("the events are not in the order of the log, or two have one number")
        if len({each.leaf["id"] for each in events}) != len(events):
            raise Contradicted("two events have one id")
        origins = {each.leaf["log"] for each in events} | ({self.head.origin} if self.head else set())
        if len(origins) != 1:
            raise Contradicted("an event belongs to another log than the checkpoint")
        revealed = self._revealed(events)
        self.events = events
        for event in events:
            self.by_subject.setdefault(event.leaf["subj"], []).append(event)
        self._all_listed([each for each in events if each.leaf["type"] == "package.made"])
        return f"{len(events)} events, each in its one form; {revealed} personal values match their commitments"

    def _all_listed(self, made: list[Event]) -> None:
        """That contents.json lists the exhibits that the package was made of, says the newest event of each."""
        listed = {each["recording"] for each in self.contents["exhibits"]}
        newest = {each.leaf["subj"]: each for each in made if each.leaf["subj"] in listed}
        for seq, leaf, _ in newest.values():
            count = leaf["facts"].get("exhibits")
            if count is not None and (type(count) is not int or count != len(listed)):
                raise Contradicted(
                    f"event {seq} says that the package was made of {shown(count)} exhibits, and {CONTENTS_FILE} lists "
                    f"{len(listed)}"
                )
            package = leaf["facts"].get("package")
            for each in made:
                also = each.leaf["facts"].get("package")
                same = package is not None and json.dumps(also, sort_keys=True) == json.dumps(package, sort_keys=True)
                if same and each.leaf["subj"] not in listed:
                    raise Contradicted(
                        f"event {each.seq} says that the package was made of recording {each.leaf['subj']} too, and "
                        f"{CONTENTS_FILE} does not list it"
                    )

    def _event(self, number: int, line: bytes) -> Event:
        row: Any = None
        try:
            row = read_json(line)
            data = unbase64(row["leaf"]) if fits(row, {"leaf": str, "seq": COUNT}) else b""
            leaf = read_json(data)
        except Contradicted as error:
            raise Contradicted(f"line {number} of custody/events.jsonl: {error}") from error
        if len(data) > MAX_LEAF or not fits(leaf, LEAF) or (leaf["n"] == 1) != (leaf["prev"] == "0" * 64):
            raise Contradicted(f"event {row['seq']} does not have the members of an event")
        if not _is_day(leaf["at"]) or (leaf["seen"]["size"] == 0 and leaf["seen"]["root"] != EMPTY_ROOT.hex()):
            raise Contradicted(f"event {row['seq']} names a day that is none, or a root that an empty log has not")
        return Event(row["seq"], leaf, leaf_hash(data))

    def _revealed(self, events: list[Event]) -> int:
        if "custody/revealed.json" not in self.package.sizes and "custody/revealed.json" not in self.differing:
            return 0
        revealed = self.take_json("custody/revealed.json", REVEALED)
        sealed = {each.leaf["id"]: each.leaf["sealed"] for each in events}
        for event_id, fields in revealed.items():
            if event_id not in sealed:
                raise Contradicted(f"custody/revealed.json names {shown(event_id)}, which is no event of the package")
            for field, opened in fields.items():
                value = json.dumps(opened["value"], ensure_ascii=False).encode()
                message = b"continuity-sealed-v1\0" + field.encode() + b"\0" + value
                commitment = hmac.new(bytes.fromhex(opened["salt"]), message, hashlib.sha256).hexdigest()
                if sealed[event_id].get(field) != commitment:
                    raise Contradicted(
                        f"the value revealed for {shown(field)} of event {event_id} is not what was sealed"
                    )
        return sum(map(len, revealed.values()))

    def included(self) -> str:
        """Claim `included`."""
        events, head = self.known()
        names = {f"custody/proofs/{each.seq}.tlog-proof": each for each in events}
        beside = {path for path in self.package.sizes if path.startswith("custody/proofs/")} - set(names)
        if beside:
            raise Contradicted(f"{sorted(beside)[0]} proves an event that is not here")
        for path, event in names.items():
            index, hashes, note = read_proof(self.take(path, 2 * MAX_NOTE))
            if index != event.seq:
                raise Contradicted(f"{path} is about another event")
            if note != self.note:  # the very bytes: else its signatures would be judged by whoever has the means
                raise Contradicted(f"the checkpoint in {path} is not custody/checkpoint.txt, byte for byte")
            try:
                check_inclusion(event.hash, index, head.size, hashes, head.root)
            except Contradicted as error:
                raise Contradicted(f"{path}: {error}") from error
        return f"each of the {len(events)} events has its place in the log of {head.size} events under the checkpoint"

    # Time.

    def _seen(self, head: Head) -> dict[int, bytes]:
        """The root at each size that custody/seen.json leads from to the checkpoint; every row must lead there."""
        if not {"custody/seen.json"} & {*self.package.sizes, *self.differing}:
            return {}
        rows = self.take_json("custody/seen.json", SEEN)
        sizes = [each["size"] for each in rows]
        if sizes != sorted({*sizes} - {head.size}):
            raise Contradicted("custody/seen.json is not in the order of sizes, or has one twice, or the checkpoint's")
        for each in rows:
            proof = [unbase64(one, 32) for one in each["proof"]]
            check_consistency(each["size"], head.size, proof, bytes.fromhex(each["root"]), head.root)
        return {each["size"]: bytes.fromhex(each["root"]) for each in rows}

    def _earlier(self, size: int, root: bytes, roots: dict[int, bytes]) -> None:
        """That a tree of this size and root is the one that leads to the checkpoint, where there is one of the size."""
        if roots.get(size, root) != root:
            raise Contradicted(f"the checkpoint comes from another root of {size} events: the log has forked")

    def not_before(self) -> str:
        """Claim `not_before`."""
        events, head = self.known()
        rows, named = self._seen(head), {each.leaf["seen"]["size"] for each in events} - {0}
        for event in events:  # what is wrong is said before what is not shown
            size, root = event.leaf["seen"]["size"], bytes.fromhex(event.leaf["seen"]["root"])
            if size > event.seq:
                raise Contradicted(f"event {event.seq} names a checkpoint that it cannot have seen")
            self._earlier(size, root, {**rows, head.size: head.root})
        if set(rows) - named:
            raise Contradicted("custody/seen.json proves a checkpoint that no event names")
        if unshown := named - {*rows, head.size}:
            raise NotShown(f"custody/seen.json has no proof from {min(unshown)} events to the checkpoint")
        if not named:
            raise NotShown("no event names a checkpoint that it was made after")
        return f"each event was made after the checkpoint that it names, the newest of them of {max(named)} events"

    def not_after(self) -> str:
        """Claim `not_after`."""
        self.known()
        inside = {path for path in {*self.package.sizes, *self.differing} if path.startswith(STAMPS)}
        stamps = [self._stamp(stem) for stem in sorted({path.rpartition(".")[0] for path in inside})]
        words = "; ".join(said for _, said in sorted(stamps, reverse=True))
        if not any(good for good, _ in stamps):
            raise NotShown(words or "the package holds no time-stamp")
        return words

    def _stamp(self, stem: str) -> tuple[bool, str]:
        try:
            return True, self._stamped(stem)
        except NotShown as error:
            return False, f"{stem}.tsr: {error}"

    def _stamped(self, stem: str) -> str:
        note, (events, mine) = self.take(f"{stem}.note", MAX_NOTE), self.known()
        head = read_head(read_note(note).text)
        if head.origin != mine.origin:
            raise Contradicted(f"{stem}.note is a checkpoint of another log")
        if self.policy is not None:
            judge(note, self.policy)
        roots = {**(self._seen(mine) if head != mine else {}), mine.size: mine.root}
        self._earlier(head.size, head.root, roots)
        if head.size not in roots:
            raise NotShown(f"nothing here leads from the checkpoint of {head.size} events to the package's")
        token, query, chain = (self.take(f"{stem}.{kind}", MAX_NOTE) for kind in ("tsr", "tsq", "pem"))
        if not any(hashlib.new(each, note).digest() in query for each in ("sha256", "sha384", "sha512")):
            raise Contradicted(f"{stem}.tsq does not ask about {stem}.note")
        if self.tsa_roots is None:
            words = ("-data", f"{stem}.note", "-in", f"{stem}.tsr", "-untrusted", f"{stem}.pem", "-CAfile", "ROOTS.pem")
            raise NotShown(f"give roots that you trust (--tsa-roots), or run: openssl ts -verify {shlex.join(words)}")
        at = stamped_at(note, token, chain, self.tsa_roots)
        ours = {each["recording"] for each in self.contents["exhibits"]}
        late = [each.seq for each in events if each.seq >= head.size and each.leaf["subj"] in ours]
        if late:
            raise NotShown(
                f"of the exhibits' events, those before event {late[0]} were in the log by {at}; no later one"
            )
        return f"{stem}.tsr: all events of the exhibits were in the log by {at}"

    # Exhibits.

    def history(self, exhibit: dict[str, Any]) -> str:
        """Claim `history`."""
        events, before = self.of_exhibit(exhibit), "0" * 64
        for number, event in enumerate(events, start=1):
            if event.leaf["n"] != number:
                raise Contradicted(
                    f"where its event {number} should stand, the log's {event.seq} says {event.leaf['n']}"
                )
            if event.leaf["prev"] != before:
                raise Contradicted(f"its event {number} does not follow on the one before")
            before = event.hash.hex()
        registered = [each for each in events if each.leaf["type"] == "recording.registered"]
        names = {each.seq: each.leaf["facts"].get("reference") for each in registered}
        for seq, said in names.items():
            if said not in (None, exhibit["reference"]):
                raise Contradicted(
                    f"event {seq} registered it as {shown(said)}, and {CONTENTS_FILE} calls it {exhibit['reference']}"
                )
        if exhibit["reference"] not in names.values():
            raise NotShown(
                f"no event shown names this exhibit's reference, {exhibit['reference']}: it could be given any"
            )
        return f"its events 1 to {len(events)} without a gap, each naming the one before; one names its reference"

    def master(self, exhibit: dict[str, Any]) -> str:
        """Claim `master`."""
        stored = [each for each in self.of_exhibit(exhibit) if each.leaf["type"] == "master.stored"]
        said = exhibit["master"]
        self.undoubted(said["path"])
        self._in_its_place(said["path"], exhibit, "master")
        if self.digests[said["path"]] != (said["sha256"], said["sha512"], said["size"]):
            raise Contradicted(f"{said['path']} is not the file that contents.json names")
        masters = stored[0].objects("master") if stored else []
        if len(masters) != 1 or "sha512" not in masters[0]:
            raise NotShown("no event of this exhibit says which master was stored")
        if (masters[0]["sha256"], masters[0]["sha512"], masters[0]["size"]) != self.digests[said["path"]]:
            raise Contradicted(f"{said['path']} is not the file that was stored, says event {stored[0].seq}")
        return f"{said['path']} is bit for bit the file that was stored, says event {stored[0].seq}"

    def _in_its_place(self, path: str, exhibit: dict[str, Any], name: str) -> None:
        parts = path.split("/")
        if parts[:-1] != ["data", "exhibits", exhibit["reference"]]:
            raise Contradicted(f"{path} does not lie in the exhibit's folder")
        if not parts[-1].startswith(f"{name}.") or not EXTENSION.fullmatch(parts[-1][len(name) + 1 :]):
            raise Contradicted(f"{path} is not called what it is said to be: {shown(name)}.<extension>")

    def working(self, exhibit: dict[str, Any], copy: dict[str, Any]) -> str:
        """Claim `working`."""
        made = [each for each in self.of_exhibit(exhibit) if each.leaf["type"] == "rendition.made"]
        self.undoubted(copy["path"])
        self._in_its_place(copy["path"], exhibit, f"working-{copy['kind']}")
        one, _, size = self.digests[copy["path"]]
        if (one, size) != (copy["sha256"], copy["size"]):
            raise Contradicted(f"{copy['path']} is not the file that contents.json names")
        if not made:
            raise NotShown("no event of this exhibit says that a working copy was made")
        found = [e for e in made if any((o["sha256"], o["size"]) == (one, size) for o in e.objects("rendition"))]
        if not found:
            raise Contradicted(f"no event of this exhibit says that {copy['path']} was made")
        found = self._as_stated(found, copy)
        packets = self._packets(found, copy["packets"])
        if not packets.same and copy["method"] in AS_THEY_WERE:
            raise Contradicted(f"{copy['path']} is said to hold the master's own packets, and yet: {packets.words}")
        return f"{copy['path']} is bit for bit the file that was made, says event {found[0].seq}; {packets.words}"

    def _as_stated(self, found: list[Event], copy: dict[str, Any]) -> list[Event]:
        """Those of the events that made the copy in which contents.json says nothing else of it than the event."""
        differences = {each.seq: self._otherwise(each, copy) for each in found}
        if all(differences.values()):
            seq, words = next(iter(differences.items()))
            raise Contradicted(f"of {copy['path']}, event {seq} says {words} in {CONTENTS_FILE}")
        return [each for each in found if not differences[each.seq]]

    def _otherwise(self, event: Event, copy: dict[str, Any]) -> str:
        for name in ("kind", "method"):
            said = event.leaf["facts"].get(name)
            if said not in (None, copy[name]):
                return f"that its {name} is {shown(said)}, which is {shown(copy[name])}"
        roles = {name: {each["sha256"] for each in event.objects(f"packets.{name}")} for name in ("master", "copy")}
        if all(roles.values()):
            for name, digests in roles.items():
                if copy["packets"] is None:
                    return "which packets it has, which are left out"
                if digests != {copy["packets"][name]}:
                    return f"that the packets of the {name} are {', '.join(sorted(digests))}, which are others"
        return ""

    def _packets(self, found: list[Event], named: dict[str, str] | None) -> Compared:
        if named is None:
            return Compared("its packets were not compared with the master's", same=True)
        for event in found:
            roles = {name: event.objects(f"packets.{name}") for name in named}
            if all(each["sha256"] == named[name] for name in named for each in roles[name]) and all(roles.values()):
                both = [self._manifest(named[name], roles[name][0]["size"]) for name in ("master", "copy")]
                return compare_packets(*both)
        raise Contradicted("the packet manifests that contents.json names are not those of the event")

    def _manifest(self, digest: str, size: int) -> dict[str, Any]:
        path = f"custody/packets/{digest}.json"
        data = self.take(path, MAX_PACKETS)
        if (hashlib.sha256(data).hexdigest(), len(data)) != (digest, size):
            raise Contradicted(f"{path} is not the packet manifest that the event names")
        try:
            return read_packets(data)
        except Contradicted as error:
            raise Contradicted(f"{path}: {error}") from error

    def complete(self, exhibit: dict[str, Any]) -> str:
        """Claim `complete`."""
        events = self.of_exhibit(exhibit)
        headmap = self.take_json("custody/headmap.json", HEADMAP)
        root = self._map_root(headmap)
        proofs = [each for each in headmap["proofs"] if each["recording"] == exhibit["recording"]]
        if not proofs:
            raise NotShown("custody/headmap.json has no proof for this exhibit")
        said, size = proofs[0], headmap["size"]
        subject = bytes.fromhex(exhibit["recording"].replace("-", ""))
        blinded = hmac.new(bytes.fromhex(headmap["key"]), subject, hashlib.sha256).digest()
        entry = blinded + struct.pack(">QQ", said["n"], said["seq"]) + bytes.fromhex(said["leaf_hash"])
        hashes = [unbase64(each, 32) for each in said["proof"]]
        check_inclusion(leaf_hash(entry), said["index"], headmap["entries"], hashes, root)
        mine = [(each.leaf["n"], each.seq, each.hash.hex()) for each in events if each.seq < size]
        if len(proofs) > 1 or mine[-1:] != [(said["n"], said["seq"], said["leaf_hash"])]:
            raise Contradicted(
                f"the log says that {said['n']} was this exhibit's last event; the package ends elsewhere"
            )
        later = len(events) - len(mine)
        beyond = f"; the {later} shown after that are not covered" if later else ""
        return f"event {said['n']} was its last when the log held {size} events{beyond}"

    def _map_root(self, headmap: dict[str, Any]) -> bytes:
        if self.contents["complete_at"] != headmap["size"]:
            raise Contradicted("contents.json names another size of the head map")
        found = [each for each in self.known()[0] if each.seq == headmap["event"]]
        if not found:
            raise NotShown("the event of the head map is not in the package")
        facts = found[0].leaf["facts"]
        if found[0].leaf["type"] != "log.headmap" or not fits(facts, {"size": COUNT, "entries": COUNT, "root": HEX}):
            raise Contradicted(f"event {found[0].seq} is not that of a head map")
        size = headmap["size"]
        if (facts["size"], facts["entries"]) != (size, headmap["entries"]) or size > found[0].seq:
            raise Contradicted("custody/headmap.json is not the head map that the log holds")
        return bytes.fromhex(facts["root"])


def _named(contents: dict[str, Any]) -> set[str]:
    """What `contents.json` names under `custody/`: packet manifests, and the head map where there is one."""
    pairs = [copy["packets"] or {} for each in contents["exhibits"] for copy in each["working"]]
    named = {f"custody/packets/{digest}.json" for each in pairs for digest in each.values()}
    return named | ({"custody/headmap.json"} if contents["complete_at"] else set())


# --- what people read -----------------------------------------------------------------------------------------------


def moment(seconds: int) -> str:
    """A POSIX time as people write it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds)) if seconds < 2**36 else f"second {seconds}"


LIMITS = (
    "That what was recorded is true. Records and files are as they were logged; what was logged may be wrong.",
    "That nothing happened outside the system: an act that left no event is in no log.",
    "The time of an event (`at`): it is the system's own clock. `not_before` and `not_after` are what bounds it.",
    "What happened to an exhibit after the size of the log that `complete` names.",
    "Whose log it is, where `checkpoint` is not proved under a policy that you got from elsewhere than this package.",
    "That report.pdf, READ-ME-FIRST.txt, by-hand.txt and case.jsonld say the same as the events, and that verify.py "
    "and verify.html there are those of whoever published them; and whose package bag-info.txt says it is: they are "
    "held by the manifests alone, which anyone can write anew.",
    "That pictures are unedited, where `working` does not say that packets, timing and configuration are the master's.",
)
SAID = {PROVED: "proved", NOT_PROVED: "NOT proved", CONTRADICTED: "CONTRADICTED"}


def failed(check: Check) -> str:
    """Why the result is a failure; nothing when it is not."""
    wrong = sum(each.verdict == CONTRADICTED for each in check.claims)
    if wrong:
        return f"{wrong} CONTRADICTED. Do not rely on this package before that is explained."
    proved = {each.subject for each in check.claims if each.verdict == PROVED}
    for exhibit in check.contents["exhibits"]:
        if not proved & {exhibit["reference"], *(each["path"] for each in exhibit["working"])}:
            return f"Nothing is proved of {shown(exhibit['reference'])}."
    return ""


def open_ended(check: Check) -> str:
    """A sentence about the exhibits of which nothing shows where their history ends; nothing where there are none."""
    names = [shown(each.subject) for each in check.claims if (each.claim, each.verdict) == ("complete", NOT_PROVED)]
    if not names:
        return ""
    listed = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    return f" That the history shown is whole is not proved for {listed}: later events may be missing."


def report(path: str, check: Check) -> str:
    """The result for people."""
    lines = [f"Package {shown(path)}"]
    if check.head:
        lines.append(f"Log     {shown(check.head.origin)}, checkpoint of {check.head.size} events")
    exhibits = {each["reference"]: each["recording"] for each in check.contents["exhibits"]}
    place = ""
    for each in check.claims:
        heading = "The whole package" if each.claim in ORDER else place
        if each.claim == "history":
            heading = f"Exhibit {shown(each.subject)} (recording {exhibits[each.subject]})"
        if heading != place:
            place = heading
            lines += ["", place]
        start = f"  {each.claim:<10}  {SAID[each.verdict]:<12}  "
        words = textwrap.wrap(shown(each.words, 1000), 110 - len(start), break_on_hyphens=False)
        lines.append(start + f"\n{' ' * len(start)}".join(words))
    lines += ["", "What this does not show", *(f"  - {line}" for line in LIMITS), ""]
    counts = [f"{sum(each.verdict == verdict for each in check.claims)} {SAID[verdict]}" for verdict in SAID]
    lines.append(f"Result: {', '.join(counts)}. {failed(check) or 'Nothing is contradicted.'}{open_ended(check)}")
    if not any(each.claim == "checkpoint" and each.verdict == PROVED for each in check.claims):
        lines.append("Nothing here is tied to a log that you trust: `checkpoint` is not proved.")
    return "\n".join(lines)


def read_arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Checks a Continuity package.", allow_abbrev=False)
    parser.add_argument("package", help="the folder or the .zip file")
    parser.add_argument("--policy", metavar="FILE", help="whose signatures you trust; not the copy in the package")
    parser.add_argument(
        "--tsa-roots", metavar="FILE", help="root certificates (PEM) of time-stamp authorities you trust"
    )
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    return parser.parse_args(words)


def from_elsewhere(path: str | None, package: str, what: str) -> str | None:
    """A file of the checker's own: it must be there, and not inside the package. Raises Unreadable."""
    if path is None:
        return None
    real = Path(os.path.realpath(path))
    if not real.is_file():
        raise Unreadable(f"there is no file {shown(path)} for {what}")
    if Path(os.path.realpath(package)) in real.parents:
        raise Unreadable(f"{shown(path)} lies in the package, which cannot vouch for itself; get {what} elsewhere")
    return str(real)


def _need_certificates(roots: str, name: str) -> None:
    """That openssl, where it is here, can load the roots: else it would refuse every token. Raises Unreadable."""
    if not PEM.search(Path(roots).read_bytes()):
        raise Unreadable(f"{shown(name)} holds no certificate in PEM form")
    with contextlib.suppress(NotShown):
        loaded, _ = openssl("crl2pkcs7", "-nocrl", "-certfile", roots)
        if not loaded:
            raise Unreadable(f"{shown(name)} holds something in PEM form that cannot be read as a certificate")


def examined(arguments: argparse.Namespace) -> Check:
    """Read what the arguments name and settle every claim. Raises Unreadable."""
    policy_file = from_elsewhere(arguments.policy, arguments.package, "the policy")
    roots = from_elsewhere(arguments.tsa_roots, arguments.package, "the roots")
    if roots is not None:
        _need_certificates(roots, arguments.tsa_roots)
    try:
        policy = None
        if policy_file is not None:
            policy = read_policy(Path(policy_file).read_bytes())
    except (OSError, ValueError) as error:
        raise Unreadable(f"the policy {shown(arguments.policy)} cannot be read: {error}") from error
    package = open_package(arguments.package)
    with contextlib.closing(package):
        check = Check(package, policy, roots)
        check.run()
    return check


def main(words: list[str] | None = None) -> int:
    """Check one package; the exit code."""
    arguments = read_arguments(words)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        check = examined(arguments)
    except Unreadable as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        wrong = sum(each.verdict == CONTRADICTED for each in check.claims)
        claims = [each._asdict() for each in check.claims]
        print(json.dumps({"package": arguments.package, "claims": claims, "contradicted": wrong}))
    else:
        print(report(arguments.package, check))
    return 1 if failed(check) else 0


if __name__ == "__main__":
    sys.exit(main())
