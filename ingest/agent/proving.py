"""Fetches what proves kept receipts: that they stand in the custody log. An errand: done now and then, a page a time.

The log's keys are asked for with a signature by a receipt key that was pinned at enrolment, when they are first
needed and when a proof is signed with one that is not known: keys of a log are changed in their time. A key that the
answer did not hold is asked for again only after a while, and a proof that is wrong in any other way never asks.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ingest.agent import clock
from ingest.agent.client import Server
from ingest.agent.errors import ReceiptRefused, Refused
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import Unproven
from ingest.agent.log_proofs import KeyUnknown, LogKeys, LogProof, check, log_keys_in
from ingest.agent.protocol import STATUS_PAGE, SignedStatement

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two questions while proofs are coming
ASK_AGAIN = 600.0  # seconds before a key that the server did not name is asked for again
QUIET = 30.0  # seconds after an answer without one: the log publishes when it can


class Proving:
    """Asks for proofs of receipts that have none, checks them, keeps them."""

    def __init__(self, server: Server, journal: Journal, receipt_keys: Mapping[str, bytes]) -> None:
        self._server, self._journal, self._receipt_keys = server, journal, receipt_keys
        self._log: LogKeys | None = None
        self._asked: dict[bytes, float] = {}
        self._may_ask = True
        self._not_before = 0.0
        self._quiet = EVERY

    def run(self) -> None:
        """One page, where it is time. Raises Away, Stopping, JournalAway."""
        now = clock.monotonic()
        if now < self._not_before:
            return
        self._may_ask = True
        unproven = self._journal.unproven(STATUS_PAGE)
        found = self._ask(unproven) if unproven else {}
        kept = sum(self._keep(one, found[one.arrival_id]) for one in unproven if one.arrival_id in found)
        self._quiet = EVERY if kept or not unproven else min(QUIET, self._quiet * 2)
        self._not_before = clock.monotonic() + self._quiet

    def _ask(self, unproven: list[Unproven]) -> Mapping[str, LogProof]:
        try:
            return self._server.proofs([one.arrival_id for one in unproven])
        except Refused as refused:
            log.warning("the server shows no proofs of receipts", extra={"reason": refused.reason})
            return {}

    def _keep(self, one: Unproven, proof: LogProof) -> bool:
        try:
            self._check(proof, one.body)
        except ReceiptRefused as refused:
            self._journal.open_incident("proof-refused", refused.reason, session_id=one.session_id, name=one.name)
            log.warning("the proof of a receipt is not believed: %s", refused.reason)
            return False
        self._journal.keep_proof(one.file_id, proof)
        return True

    def _check(self, proof: LogProof, body: bytes) -> None:
        """Check with the keys that are known; where it needs others, once more with those that hold now."""
        if self._log is None:
            self._log = self._keys_of(self._server.log_keys())
            self._may_ask = False
        try:
            return check(proof, body, self._log)
        except KeyUnknown as unknown:
            if not self._is_worth_asking(unknown.ids):
                raise
            log.info("the log's keys are asked for again", extra={"reason": unknown.reason})
            self._log = self._keys_of(self._server.log_keys())
        return check(proof, body, self._log)

    def _is_worth_asking(self, ids: frozenset[bytes]) -> bool:
        """Once in a round, and for keys that were not asked for a short while ago."""
        now = clock.monotonic()
        self._asked = {key: at for key, at in self._asked.items() if now - at < ASK_AGAIN}
        if not self._may_ask or ids <= self._asked.keys():
            return False
        self._may_ask = False
        self._asked.update(dict.fromkeys(ids, now))
        return True

    def _keys_of(self, said: SignedStatement) -> LogKeys:
        key = self._receipt_keys.get(said.key_id)
        if key is None:
            raise ReceiptRefused("The log's keys are signed with a key this agent was not given: enrol it again.")
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(said.signature, said.body)
        except (InvalidSignature, ValueError) as error:
            raise ReceiptRefused("The signature over the log's keys is not the server's.") from error
        return log_keys_in(said.body)
