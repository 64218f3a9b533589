"""The control channel: every message of the dock protocol as one call.

A token is fetched when there is none, when it is about to run out, and when the server says 401; the agent's clock
plays no part in it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ingest.agent import clock
from ingest.agent.digests import Digests
from ingest.agent.errors import ServerAway
from ingest.agent.journal_rows import LostReceipt
from ingest.agent.log_proofs import LogProof
from ingest.agent.names import as_b64
from ingest.agent.protocol import (
    BASE,
    Enrolled,
    FileReport,
    Offer,
    Offered,
    PartUrl,
    SignedStatement,
    Standing,
    completion,
    list_in,
    octets_in,
    text_in,
    whole_in,
)
from ingest.agent.settings import Kind, Settings
from ingest.agent.wire import SOFTWARE, Unauthorised, Wire

if TYPE_CHECKING:
    from ingest.agent.identity import AgentIdentity

Json = Mapping[str, Any]


def ask_to_enrol(settings: Settings, *, code: str, name: str, kind: Kind, public_key: str) -> Enrolled:
    """Hand in the one-time code and the public key. Raises Refused or ServerAway."""
    request = {"code": code, "name": name, "kind": kind.value, "public_key": public_key, "software": SOFTWARE}
    return Enrolled.read(Wire(settings, threading.Event()).ask("POST", f"{BASE}/enrol", request, tries=1))


class Server:
    """The server, as one enrolled agent sees it. All calls may be made from any thread."""

    def __init__(self, settings: Settings, identity: AgentIdentity, stop: threading.Event) -> None:
        self._wire, self._identity = Wire(settings, stop), identity
        self._lock = threading.Lock()
        self._token, self._good_until = "", 0.0

    # --- who is speaking

    def _call(self, method: str, path: str, body: Json | None = None, *, tries: int = 3) -> Json:
        token = self._current_token()
        try:
            return self._wire.ask(method, BASE + path, body, token=token, tries=tries)
        except Unauthorised:
            fresh = self._current_token(instead_of=token)
        try:
            return self._wire.ask(method, BASE + path, body, token=fresh, tries=tries)
        except Unauthorised as error:
            raise ServerAway(f"The server does not take the token it has just given ({error.detail}).") from error

    def _current_token(self, instead_of: str | None = None) -> str:
        with self._lock:
            if not self._token or self._token == instead_of or clock.monotonic() >= self._good_until:
                self._token = self._new_token()
            return self._token

    def _new_token(self) -> str:
        agent_id = self._identity.agent_id
        try:
            nonce = text_in(self._wire.ask("POST", f"{BASE}/challenge", {"agent_id": agent_id}), "nonce")
            proof = {"agent_id": agent_id, "nonce": nonce, "signature": self._identity.answer(nonce)}
            answer = self._wire.ask("POST", f"{BASE}/token", proof)
        except Unauthorised as error:
            raise ServerAway(
                f"The server does not accept this agent's key ({error.detail}): enrol it again."
            ) from error
        # Renewed a little early, so that a token does not run out between two messages.
        self._good_until = clock.monotonic() + max(1.0, 0.9 * whole_in(answer, "expires_in"))
        return text_in(answer, "token")

    # --- sessions

    def time(self) -> str:
        """The server's time, as text."""
        return text_in(self._call("GET", "/clock", tries=1), "now")

    def put_session(self, session_id: str, session: Json) -> None:
        """Tell of a docking session and one page of its listing."""
        self._call("PUT", f"/sessions/{session_id}", session)

    def post_state(self, session_id: str, *, state: str, reason: str | None, files: Sequence[FileReport]) -> None:
        """Tell where a session and some of its files stand."""
        reports = [report.as_json() for report in files]
        self._call("POST", f"/sessions/{session_id}/state", {"state": state, "reason": reason, "files": reports})

    # --- arrivals

    def offer(self, offer: Offer) -> Offered:
        """Offer one file; the same offer again finds the same arrival."""
        return Offered.read(self._call("POST", "/arrivals", offer.as_json()))

    def part_urls(self, arrival_id: str, parts: Sequence[tuple[int, int, str]]) -> dict[int, PartUrl]:
        """Addresses for parts given as (number, size, SHA-256 in hex)."""
        wanted = [{"number": number, "size": size, "sha256": sha256} for number, size, sha256 in parts]
        answer = self._call("POST", f"/arrivals/{arrival_id}/parts", {"parts": wanted})
        urls = {url.number: url for url in map(PartUrl.read, list_in(answer, "urls"))}
        if missing := [number for number, _, _ in parts if number not in urls]:
            raise ServerAway(f"The server gave no address for part {missing[0]}.")
        return urls

    def complete(self, arrival_id: str, digests: Digests, sent: Mapping[int, tuple[str, str]]) -> Standing:
        """Say that everything is sent, and what it must be. Raises PartsMissing, ArrivalGone."""
        answer = self._call("POST", f"/arrivals/{arrival_id}/complete", completion(digests, sent))
        return Standing.read(answer, arrival_id)

    def standings(self, arrival_ids: Sequence[str], *, wait: int) -> list[Standing]:
        """Where arrivals stand; the server may hold its answer for `wait` seconds until one has changed."""
        answer = self._call("POST", "/arrivals/status", {"ids": list(arrival_ids), "wait": wait})
        return [Standing.read(entry) for entry in list_in(answer, "arrivals")]

    def proofs(self, arrival_ids: Sequence[str]) -> dict[str, LogProof]:
        """Proofs that receipts stand in the log, by arrival, as far as there are any yet."""
        answer = self._call("POST", "/arrivals/proofs", {"ids": list(arrival_ids)})
        return {
            text_in(entry, "arrival_id"): LogProof(octets_in(entry, "leaf_b64"), octets_in(entry, "proof_b64"))
            for entry in list_in(answer, "proofs")
        }

    def unknown_receipts(self, receipt_ids: Sequence[str]) -> frozenset[str]:
        """Those of these receipts that the server does not know as this agent's."""
        answer = self._call("POST", "/receipts/unknown", {"ids": list(receipt_ids)})
        named = answer.get("unknown")
        if not isinstance(named, list) or not set(named) <= set(receipt_ids):
            raise ServerAway("The server's answer is not one this agent understands (unknown).")
        return frozenset(named)

    def may_let_go(self, receipt_id: str) -> tuple[bool, str]:
        """Whether the server knows this receipt, and why its source is to be kept; no reason where it may go."""
        answer = self._call("POST", "/receipts/let-go", {"ids": [receipt_id]})
        unknown, withheld = answer.get("unknown"), answer.get("withheld")
        if not isinstance(unknown, list) or not isinstance(withheld, dict):
            raise ServerAway("The server's answer is not one this agent understands (unknown, withheld).")
        return receipt_id not in unknown, str(withheld.get(receipt_id, ""))

    def tell_lost(self, lost: LostReceipt) -> bool:
        """Show a receipt that the server no longer knew. Whether it knows it after all."""
        said = {
            "body_b64": as_b64(lost.signed.body),
            "signature_b64": as_b64(lost.signed.signature),
            "key_id": lost.signed.key_id,
            "device": lost.label,
            "let_go": lost.let_go,
        }
        return self._call("POST", "/receipts/lost", said).get("known") is True

    def log_keys(self) -> SignedStatement:
        """The custody log's keys, signed as a receipt is."""
        return SignedStatement.read(self._call("GET", "/log-keys"))

    def withdraw(self, arrival_id: str, reason: str) -> None:
        """Say that these bytes will not come as announced."""
        self._call("POST", f"/arrivals/{arrival_id}/withdraw", {"reason": reason})

    def released(self, arrival_id: str, action: str) -> None:
        """Say that the source was let go, which its receipt allowed."""
        self._call("POST", f"/arrivals/{arrival_id}/released", {"action": action})
