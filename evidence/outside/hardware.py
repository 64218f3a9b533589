"""Ed25519 keys that never leave a device: the one door to PKCS#11."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pkcs11
from asn1crypto.core import OctetString, PrintableString
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, Session
from pkcs11.exceptions import PKCS11Error
from pkcs11.types import SignMixin

from evidence.outside.errors import KeyUnusable

# The device's library counts sessions for the whole process; one at a time is enough for a checkpoint a second.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Device:
    """A token in a device, as the settings name it."""

    module: Path
    token: str
    pin: str

    def make(self, label: str) -> bytes:
        """Generate an Ed25519 key pair in the device; the public half, 32 bytes. Raises KeyUnusable."""
        with self._session(writing=True) as session:
            if list(session.get_objects({Attribute.LABEL: label})):
                raise KeyUnusable(f"the token {self.token} has something of the name {label} already")
            # Named by its printable string: that is the form which SoftHSM and OpenSC understand.
            curve = {Attribute.EC_PARAMS: PrintableString("edwards25519").dump()}
            domain = session.create_domain_parameters(KeyType.EC_EDWARDS, curve, local=True)
            domain.generate_keypair(
                mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                store=True,
                label=label,
                private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
        return self.public(label)

    def public(self, label: str) -> bytes:
        """The public half of a key, 32 bytes. Raises KeyUnusable."""
        with self._session() as session:
            key = session.get_key(object_class=ObjectClass.PUBLIC_KEY, key_type=KeyType.EC_EDWARDS, label=label)
            point = bytes(key[Attribute.EC_POINT])
        try:
            raw = bytes(OctetString.load(point, strict=True).native) if len(point) != 32 else point
        except ValueError as error:
            raise KeyUnusable(f"the device gives no Ed25519 public key for {label}: {error}") from error
        if len(raw) != 32:
            raise KeyUnusable(f"the device gives a public key of {len(raw)} bytes for {label}")
        return raw

    def sign(self, label: str, message: bytes) -> bytes:
        """An Ed25519 signature, 64 bytes. Raises KeyUnusable."""
        with self._session() as session:
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC_EDWARDS, label=label)
            if not isinstance(key, SignMixin):
                raise KeyUnusable(f"{label} of the token {self.token} is no private key")
            return bytes(key.sign(message, mechanism=Mechanism.EDDSA))

    @contextmanager
    def _session(self, *, writing: bool = False) -> Iterator[Session]:
        with _ONE_AT_A_TIME:
            try:
                token = pkcs11.lib(str(self.module)).get_token(token_label=self.token)
                with token.open(user_pin=self.pin, rw=writing) as session:
                    yield session
            except (PKCS11Error, RuntimeError) as error:
                words = f"{type(error).__name__} {error}".strip()
                raise KeyUnusable(f"the token {self.token} of {self.module} cannot be used: {words}") from error
