"""A dock as the protocol sees one: it enrols, proves its key, offers files and sends their bytes. No agent code."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from starlette.testclient import TestClient

from evidence.custody.events import Actor
from evidence.vocabulary import AgentKind
from ingest.agent.digests import Digester
from ingest.enrolment import offer_enrolment
from tests.support.house import World, until

BASE = "/api/dock/v1"
_clock = itertools.count(1_700_000_000_000_000_000, 1_000_000_000)


def b64(raw: bytes) -> str:
    """Base64 as the protocol writes it."""
    return base64.b64encode(raw).decode()


@dataclass
class Dock:
    """One enrolled dock of a test."""

    world: World
    client: TestClient
    name: str = "Dock 1"
    kind: AgentKind = AgentKind.DOCK
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    agent_id: str = ""
    token: str = ""
    receipt_keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)
    store: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)

    def enrol(self) -> Dock:
        """Enrol with a fresh code and get a token."""
        with self.world.house.writing() as session:
            code = offer_enrolment(session, kind=self.kind, label=self.name, hours=1, by=Actor.system("test"))
        answer = self.client.post(f"{BASE}/enrol", json=self.enrolling(code))
        assert answer.status_code == 201, answer.text
        self.agent_id = answer.json()["agent_id"]
        for key in answer.json()["receipt_keys"]:
            raw = base64.b64decode(key["public_key"])
            self.receipt_keys[key["key_id"]] = Ed25519PublicKey.from_public_bytes(raw)
        self.sign_in()
        return self

    def enrolling(self, code: str) -> dict[str, str]:
        """The message that enrols this dock."""
        public = b64(self.private.public_key().public_bytes_raw())
        return {"code": code, "name": self.name, "kind": self.kind.value, "public_key": public, "software": "test"}

    def sign_in(self) -> None:
        """Prove the key, get a token."""
        nonce = self.client.post(f"{BASE}/challenge", json={"agent_id": self.agent_id}).json()["nonce"]
        said = b"continuity-dock-v1\n" + self.agent_id.encode() + b"\n" + nonce.encode()
        proof = {"agent_id": self.agent_id, "nonce": nonce, "signature": b64(self.private.sign(said))}
        answer = self.client.post(f"{BASE}/token", json=proof)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]

    def say(self, method: str, path: str, said: Any | None = None, *, status: int = 200) -> Any:
        """Say something; expect this status; the answer."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.client.request(method, f"{BASE}{path}", json=said, headers=headers)
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        return answer.json()

    def sees(
        self, files: dict[bytes, bytes], *, label: str = "cam-1", session: UUID | None = None, **more: Any
    ) -> UUID:
        """A device is connected that holds these files (name: content)."""
        session = session or uuid4()
        listing = [
            {"name_b64": b64(name), "size": len(body), "mtime_ns": modified(name)} for name, body in files.items()
        ]
        said = {"bay": "Bay 1", "kind": self.kind.value, "device": {"label": label}, "listing": listing, **more}
        self.say("PUT", f"/sessions/{session}", {**said, "listing_complete": True})
        return session

    def offers(self, session: UUID, name: bytes, body: bytes, *, with_digests: bool = True, status: int = 200) -> Any:
        """Offer one file."""
        said: dict[str, Any] = {"session_id": str(session), "name_b64": b64(name), "size": len(body)}
        said["mtime_ns"] = modified(name)
        if with_digests:
            said |= digests_of(body)
        return self.say("POST", "/arrivals", said, status=status)

    def sends(self, answer: Any, body: bytes, *, claims: bytes | None = None, status: int = 200) -> Any:
        """Send every part to the store and say so. `claims`: the digests of other bytes are claimed."""
        arrival, size = answer["arrival_id"], answer["part_size"]
        pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        sent = [self.puts(arrival, number, piece) for number, piece in enumerate(pieces, start=1)]
        done = {"size": len(body), **digests_of(body if claims is None else claims), "parts": sent}
        return self.say("POST", f"/arrivals/{arrival}/complete", done, status=status)

    def puts(self, arrival: str, number: int, piece: bytes) -> dict[str, Any]:
        """Send one part to the store through the address that the server signs."""
        sha256 = hashlib.sha256(piece).hexdigest()
        wanted = {"parts": [{"number": number, "size": len(piece), "sha256": sha256}]}
        url = self.say("POST", f"/arrivals/{arrival}/parts", wanted)["urls"][0]
        answer = self.store.request("PUT", url["url"], body=piece, headers=url["headers"])
        assert answer.status == 200, answer.data
        return {"number": number, "etag": answer.headers["ETag"], "sha256": sha256}

    def delivers(self, session: UUID, name: bytes, body: bytes) -> Any:
        """Offer, send, and wait for the receipt; workers must be running."""
        answer = self.offers(session, name, body)
        if answer["state"] == "sending":
            self.sends(answer, body)
        return self.receipted(answer["arrival_id"])

    def standing(self, arrival: str) -> Any:
        """How far an arrival is."""
        return self.say("POST", "/arrivals/status", {"ids": [arrival]})["arrivals"][0]

    def receipted(self, arrival: str) -> Any:
        """Wait for the receipt, check its signature, and give back what it says."""

        def look() -> Any:
            now = self.standing(arrival)
            assert now["state"] not in ("failed", "withdrawn"), now
            return now if now["receipt"] else None

        receipt = until(look, what="the receipt")["receipt"]
        body = base64.b64decode(receipt["body_b64"])
        self.receipt_keys[receipt["key_id"]].verify(base64.b64decode(receipt["signature_b64"]), body)
        return json.loads(body)


_modified: dict[bytes, int] = {}


def modified(name: bytes) -> int:
    """One file's time, the same each time it is asked for."""
    return _modified.setdefault(name, next(_clock))


def digests_of(body: bytes) -> dict[str, str]:
    """The three digests of some bytes."""
    digester = Digester()
    digester.update(body)
    found = digester.digests()
    return {"sha256": found.sha256, "sha512": found.sha512, "tree": found.tree}
