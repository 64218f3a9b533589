"""Messages: what an answer must hold, and how large parts are."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.agent.errors import AgentRevoked, ArrivalGone, PartsMissing, Refused, ServerAway, ServerFault
from ingest.agent.protocol import MOST_PARTS, SMALLEST_PART, Offered, Standing, part_size_for
from ingest.agent.wire import Unauthorised, understand

OFFERED: dict[str, Any] = {
    "arrival_id": "a", "state": "sending", "reason": None, "part_size": SMALLEST_PART, "single": False,
    "stored_parts": [{"number": 1, "size": SMALLEST_PART, "etag": "e"}], "receipt": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "size", [0, 1, SMALLEST_PART, SMALLEST_PART * MOST_PARTS, SMALLEST_PART * MOST_PARTS + 1, 1 << 40]
)
def test_parts_are_whole_mib_and_never_too_many(size: int) -> None:
    part = part_size_for(size)
    assert part >= SMALLEST_PART
    assert part % (1 << 20) == 0
    assert -(-size // part) <= MOST_PARTS


def test_an_offer_is_answered() -> None:
    offered = Offered.read(OFFERED)
    assert offered.stored[1].etag == "e"
    assert not offered.is_whole
    assert Offered.read({**OFFERED, "stored_parts": [{"number": 1, "size": 5, "etag": ""}]}).is_whole


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "lost"}, {"state": None}, {"arrival_id": 7}, {"part_size": 0}, {"part_size": 1000},
        {"part_size": True},
        {"stored_parts": None}, {"stored_parts": ["x"]}, {"stored_parts": [{"number": -1, "size": 1, "etag": "e"}]},
        {"receipt": {"body_b64": "*", "signature_b64": "", "key_id": ""}}, {"receipt": {"key_id": "k"}},
    ],
)  # fmt: skip
def test_nonsense_is_no_answer(wrong: dict[str, Any]) -> None:
    with pytest.raises(ServerAway):
        Offered.read({**OFFERED, **wrong})


def test_a_standing_takes_its_id_from_the_question_where_it_must() -> None:
    assert Standing.read({"state": "stored"}, "a").arrival_id == "a"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b'{"type":"/problems/x","detail":"no"}', Unauthorised),
        (403, b'{"type":"/problems/agent-revoked","detail":"no"}', AgentRevoked),
        (409, b'{"type":"/problems/arrival-gone","detail":"no"}', ArrivalGone),
        (409, b'{"type":"/problems/parts-missing","detail":"no","missing":[2,"x"]}', PartsMissing),
        (422, b'{"type":"/problems/invalid","detail":"no"}', Refused),
        (500, b'{"type":"/problems/fault","detail":"no"}', ServerFault),
        (503, b'{"detail":"no"}', ServerAway),
        (502, b"<html>", ServerAway),
        (200, b"<html>", ServerAway),
        (200, b"[]", ServerAway),
    ],
)
def test_answers_that_are_problems(status: int, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        understand(status, body)
    if isinstance(raised.value, PartsMissing):
        assert raised.value.missing == (2,)


def test_an_answer_is_an_answer() -> None:
    assert understand(200, b'{"a":1}') == {"a": 1}
    assert understand(204, b"") == {}
