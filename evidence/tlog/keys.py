"""Public keys as C2SP writes them down: verifier keys (`name+id+base64`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from hashlib import sha256

from evidence.tlog.errors import Malformed
from evidence.tlog.strict import base64_of, read_base64

LONGEST_NAME = 255  # bytes; a cosigned message gives the length one byte
FIELD = 2**255 - 19
# The heights of the eight points of low order: under such a key many signatures are good for any text.
LOW_ORDER = {
    0,
    1,
    FIELD - 1,
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
}


class Algorithm(IntEnum):
    """What a key signs with, and what it signs: the signature types of C2SP signed-note."""

    ED25519 = 1  # over the note's text
    COSIGNATURE = 4  # Ed25519 over the note's text and a time
    ML_DSA_44 = 6  # over what a checkpoint says, and a time


PUBLIC_SIZES = {Algorithm.ED25519: 32, Algorithm.COSIGNATURE: 32, Algorithm.ML_DSA_44: 1312}  # bytes


@dataclass(frozen=True)
class VerifierKey:
    """A public key with the name that it signs under. Raises Malformed for a name or key that cannot be one."""

    name: str
    algorithm: Algorithm
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != PUBLIC_SIZES[self.algorithm]:
            raise Malformed(f"a public key of {len(self.public)} bytes for {self.algorithm.name}")
        if self.algorithm is not Algorithm.ML_DSA_44:
            _check_point(self.public)

    @cached_property
    def key_id(self) -> bytes:
        """Four bytes that, with the name, tell which key signed. Not a proof of anything."""
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    def text(self) -> str:
        """The key as it is written in policies and answers."""
        return f"{self.name}+{self.key_id.hex()}+{base64_of(bytes([self.algorithm]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a verifier key. Raises Malformed, also where the id does not belong to the key."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        material = read_base64(encoded)
        if not material or material[0] not in set(Algorithm):
            raise Malformed(f"{text[:120]!r} is a key of a type that is not known here")
        key = cls(name, Algorithm(material[0]), material[1:])
        if key.key_id.hex() != key_id:
            raise Malformed(f"{text[:120]!r} bears the id {key_id[:16]!r}, but its own is {key.key_id.hex()}")
        return key


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a key. Raises Malformed."""
    if not name or "+" in name or any(character < " " or character.isspace() for character in name):
        raise Malformed(f"{name[:120]!r} is not the name of a key")
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise Malformed("the name of a key is not Unicode text") from error
    if length > LONGEST_NAME:
        raise Malformed(f"the name of a key is {length} bytes long")


def _check_point(public: bytes) -> None:
    height = int.from_bytes(public, "little") & (2**255 - 1)
    if height >= FIELD:
        raise Malformed("the Ed25519 public key is not written in the one way that RFC 8032 allows")
    if height in LOW_ORDER:
        raise Malformed("the Ed25519 public key is of low order: anybody can sign under it")
