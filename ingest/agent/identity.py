"""Who this agent is: its Ed25519 key, made here and never sent, and what the server said at enrolment.

The key proves the agent anew for every token, so a stolen token ends soon and cannot speak for another dock.
The server's receipt keys are pinned at enrolment: a receipt signed with any other is not believed.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ingest.agent.client import ask_to_enrol
from ingest.agent.errors import IdentityUnsafe, NotEnrolled
from ingest.agent.protocol import SIGN_IN_PREFIX, Enrolled
from ingest.agent.settings import Kind, Settings

KEY_FILE, IDENTITY_FILE = "agent.key", "identity.json"


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """The enrolled agent: its id and name, its server, its key, and the pinned receipt keys by id."""

    agent_id: str
    name: str
    server: str
    key: Ed25519PrivateKey
    receipt_keys: Mapping[str, bytes]

    def answer(self, nonce: str) -> str:
        """The signature that turns a challenge into a token, in base64."""
        words = SIGN_IN_PREFIX + self.agent_id.encode() + b"\n" + nonce.encode()
        return base64.b64encode(self.key.sign(words)).decode("ascii")


def prepare(state: Path) -> None:
    """Make the state folder, readable by this account alone. Raises IdentityUnsafe where it cannot be."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise IdentityUnsafe(f"The state folder {state} cannot be used: {error.strerror}.") from error


def device_key(state: Path) -> Ed25519PrivateKey:
    """This host's key, made at first use and kept from then on. Raises IdentityUnsafe."""
    prepare(state)
    path = state / KEY_FILE
    if not path.exists():
        _write_privately(path, Ed25519PrivateKey.generate())
    return _read_key(path)


def _write_privately(path: Path, key: Ed25519PrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        mode, pem = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise IdentityUnsafe(f"The agent's key {path} cannot be read: {error.strerror}.") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise IdentityUnsafe(f"The agent's key {path} is open to other accounts: chmod 600, and enrol with a new key.")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise IdentityUnsafe(f"The agent's key {path} is damaged: remove it and enrol again.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise IdentityUnsafe(f"The agent's key {path} is not an Ed25519 key: remove it and enrol again.")
    return key


def public_key_b64(key: Ed25519PrivateKey) -> str:
    """The public half, 32 raw bytes in base64, as enrolment sends it."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode("ascii")


def is_enrolled(state: Path) -> bool:
    """Whether there is an identity in the state folder; whether it is good, `load` says."""
    return (state / IDENTITY_FILE).exists()


def enrol(settings: Settings, *, code: str, name: str, kind: Kind) -> AgentIdentity:
    """Make a key if there is none, hand in the one-time code, and keep what the server answers.

    Raises IdentityUnsafe, Refused (the code is unknown or used), ServerAway.
    """
    key = device_key(settings.state)
    enrolled = ask_to_enrol(settings, code=code, name=name, kind=kind, public_key=public_key_b64(key))
    return keep(settings.state, server=settings.enrolled_server(), name=name, enrolled=enrolled)


def enrol_here(server: str, *, state: Path, code: str, name: str, kind: Kind = Kind.WORKSTATION) -> AgentIdentity:
    """Enrol an agent that lives on the server's own machine."""
    return enrol(Settings(server=server, state=state), code=code, name=name, kind=kind)


def keep(state: Path, *, server: str, name: str, enrolled: Enrolled) -> AgentIdentity:
    """Write down what the server said at enrolment, whole or not at all."""
    identity = {
        "agent_id": enrolled.agent_id,
        "name": name,
        "server": server,
        "receipt_keys": {key.key_id: base64.b64encode(key.public_key).decode("ascii") for key in enrolled.receipt_keys},
    }
    write_whole(state / IDENTITY_FILE, json.dumps(identity, indent=1).encode() + b"\n", durable=True)
    return load(state)


def load(state: Path) -> AgentIdentity:
    """The identity kept in the state folder. Raises NotEnrolled or IdentityUnsafe."""
    try:
        found = json.loads((state / IDENTITY_FILE).read_bytes())
    except FileNotFoundError:
        raise NotEnrolled(f"This host is not enrolled (no {IDENTITY_FILE} in {state}): run `enrol` first.") from None
    except (OSError, ValueError) as error:
        raise IdentityUnsafe(f"{state / IDENTITY_FILE} cannot be read ({error}): enrol again.") from error
    try:
        return AgentIdentity(
            agent_id=found["agent_id"],
            name=found["name"],
            server=found["server"],
            key=_read_key(state / KEY_FILE),
            receipt_keys={key_id: base64.b64decode(key) for key_id, key in found["receipt_keys"].items()},
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise IdentityUnsafe(f"{state / IDENTITY_FILE} is not an agent's identity: enrol again.") from error


def write_whole(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Put a small file in place so that a reader sees the old one or the new one, never half."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    beside.replace(path)
