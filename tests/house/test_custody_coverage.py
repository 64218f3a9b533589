"""Whatever changes state writes down that it did, and whatever shows a recording writes down who looked.

The application's own list of routes, the workers' own list of jobs and every transaction that may write are each held
against the source: from each of them the calls must lead to `ledger.record`. What writes nothing stands in a list
below with its reason, and a line of such a list that is not needed fails as well.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.settings import WebSettings
from evidence.bootstrap import House
from evidence.completeness import rounds
from ingest import tasks as ingest_tasks
from ingest.receipt import ReceiptKey
from ingest.settings import IngestSettings
from tests.house import calls, tree
from transcode import tasks as transcode_tasks
from transcode.settings import TranscodeSettings

RECORD = "evidence.custody.ledger:record"
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
JOBS_COME_FROM = ("tasks", "periodics")

# Routes that change nothing, though their method could.
CHANGES_NOTHING = {
    "POST /api/v1/receipts/verify": "checks a receipt that it is sent",
    "POST /api/dock/v1/challenge": "a nonce for two minutes; nothing is granted by it",
    "POST /api/dock/v1/token": "proof of a key that is enrolled: the agent's acts are recorded, each by its agent",
    "POST /api/dock/v1/arrivals/status": "reads how far arrivals are",
    "POST /api/dock/v1/receipts/unknown": "reads which receipts are committed",
    "POST /api/dock/v1/receipts/let-go": "reads which receipts are committed, and whether their masters are in doubt",
    "POST /api/dock/v1/arrivals/proofs": "reads proofs of receipts that were issued and recorded",
    "POST /api/dock/v1/arrivals/{arrival_id}/parts": "signs addresses of an arrival whose offer was recorded",
}

# Routes that show nothing of one recording, or only what was recorded when its page or list was shown.
SHOWS_NO_RECORDING = {
    "/": "leads on to another page",
    "/static/{release}/{name:path}": "style, scripts and pictures of the product",
    "/accessibility": "words about the product",
    "/api": "words about the product",
    "/api/v1/openapi.json": "words about the product",
    "/health/live": "whether the process lives",
    "/health/ready": "whether its servers answer",
    "/metrics": "counts and durations",
    "/sign-in": "a form",
    "/account": "one's own account",
    "/account/password": "a form",
    "/docks": "what stands in each bay; no recording's details",
    "/docks/wall": "what stands in each bay; no recording's details",
    "/docks/events": "what stands in each bay; no recording's details",
    "/incidents": "what is wrong and what to do",
    "/incidents/{incident}": "what is wrong and what to do",
    "/quarantine": "what was set aside and why; the recording itself is opened by its own page",
    "/status": "work and workers",
    "/people": "accounts, for administrators",
    "/people/{identifier}": "an account, for administrators",
    "/agents": "agents",
    "/tokens": "tokens, without their text",
    "/recordings/{name}/standing": "a part of the page that was recorded when it was opened: how far its copies are",
    "/recordings/{name}/clips": "a part of the page that was recorded when it was opened: how far clips are",
    "/recordings/{name}/poster": "the still picture of a page or list that was recorded when it was shown",
    "/recordings/{name}/waveform": "how loud it is when, of a page that was recorded when it was opened",
    "/recordings/{name}/frames": "when each frame is shown, of a page that was recorded when it was opened",
    "/api/v1/docks": "what stands in each bay; no recording's details",
    "/api/v1/incidents": "what is wrong and what to do",
    "/api/v1/quarantine": "what was set aside and why",
    "/api/v1/jobs": "work",
    "/api/v1/hosts": "work",
    "/api/v1/jobs/{job_id}": "work",
    "/api/v1/health": "whether the system is well",
    "/api/v1/tokens": "tokens, without their text",
    "/api/dock/v1/clock": "the time",
    "/api/dock/v1/log-keys": "public keys",
}

# Jobs that change nothing of evidence.
JOBS_WITHOUT_EVENT = {
    "evidence.months": "makes empty partitions for the coming months",
}

# The rooms of the log itself: they give events their places, and an event about each of these would never end.
LOG_ITSELF = ("evidence.sequencing.",)

# Transactions that may write and that write no event.
WRITES_WITHOUT_EVENT = {
    "api.dependencies:signed_in": "when a sign-in or a token was last used; its acts are recorded, each by its actor",
    "api.displays:display_or_person": "when a wall display was last used",
    "api.dock_protocol.routes:challenge": "a nonce for two minutes",
    "api.dock_protocol.routes:token": "a nonce is used up for a token of some minutes",
    "api.dock_protocol.routes:unknown_receipts": "when an agent was last heard of, as a report does",
    "ingest.offer:_open_upload": "the store's name for an upload whose offer was recorded",
    "ingest.reconcile:renudge": "asks again for a job that was lost; the job records what it does",
    "transcode.parts:clear_away": "rows of parts whose objects are removed; the copy that was made of them is recorded",
    "transcode.render:Renderer._is_due_again": "that a waiting copy was tried; its job keeps the failure",
    "transcode.segmenting:SegmentMaker._is_due_again": "that a waiting part was tried; its job keeps the failure",
    "ingest.reconcile:make_months": "makes empty partitions for the coming months",
    "transcode.accounts:_add": "counts how children ended, by the hour; what they did is recorded with their job",
    "transcode.accounts:forget_old": "removes such counts once nobody compares with them",
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A receipt key, without which neither desk nor worker is put together."""
    path = tmp_path_factory.mktemp("custody") / "receipt.key"
    ReceiptKey.make(path)
    return path


# Routes and jobs are only listed here, never run: no house stands behind them.
NO_HOUSE = cast("House", object())


@pytest.fixture(scope="module")
def routes(key: Path) -> list[tuple[str, str, str]]:
    """Every route of the application: method, path, and the function that answers."""
    app = create_app(NO_HOUSE, web=WebSettings(), ingest=IngestSettings(receipt_key_file=key))
    found = [
        (method, str(route.path), _name(cast("Callable[..., Any]", route.endpoint)))
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or ())
    ]
    assert len(found) > 60, "the application's routes were not found"
    return found


@pytest.fixture(scope="module")
def jobs(key: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every kind of job and every round by the clock, with the function that does it."""
    ingest = IngestSettings(receipt_key_file=key)
    transcode = TranscodeSettings(scratch=tmp_path_factory.mktemp("scratch"))
    by_request = [*ingest_tasks.tasks(NO_HOUSE, ingest), *transcode_tasks.tasks(NO_HOUSE, transcode)]
    by_the_clock = [*ingest_tasks.periodics(NO_HOUSE, ingest), *transcode_tasks.periodics(NO_HOUSE, transcode)]
    by_the_clock += rounds.periodics(NO_HOUSE)
    return {each.name: _name(each.run) for each in by_request} | {each.name: _name(each.run) for each in by_the_clock}


def test_every_route_that_changes_something_writes_an_event(routes: list[tuple[str, str, str]]) -> None:
    silent = {
        f"{method} {path}"
        for method, path, name in routes
        if method in CHANGING and not calls.ours().reaches(name, RECORD)
    }
    assert silent == set(CHANGES_NOTHING)


def test_every_route_that_shows_a_recording_writes_down_who_looked(routes: list[tuple[str, str, str]]) -> None:
    silent = {path for method, path, name in routes if method == "GET" and not calls.ours().reaches(name, RECORD)}
    assert silent == set(SHOWS_NO_RECORDING)


def test_a_view_is_written_down_before_the_first_byte(routes: list[tuple[str, str, str]]) -> None:
    answering = 0
    for name in {name for method, path, name in routes if method == "GET" and path not in SHOWS_NO_RECORDING}:
        node, place = calls.ours().functions[name], calls.ours().place(name)
        answers = [each for each in node.body if "api.playback:answer" in calls.ours().named_in(each, place)]
        recorded = [each for each in node.body if calls.ours().leads(calls.ours().named_in(each, place), RECORD)]
        assert recorded, name
        if answers:
            answering += 1
            assert recorded[0].lineno < answers[0].lineno, name
    assert answering >= 3, "nothing that answers with media was looked at"


def test_every_job_writes_an_event(jobs: dict[str, str]) -> None:
    silent = {job for job, name in jobs.items() if not calls.ours().reaches(name, RECORD)}
    assert silent == set(JOBS_WITHOUT_EVENT)
    assert {"ingest.verify", "transcode.probe", "transcode.render", "transcode.pictures"} <= set(jobs)


def test_every_transaction_that_may_write_writes_an_event() -> None:
    found = list(transactions(calls.ours()))
    assert len(found) > 40, "the transactions were not found"
    silent = {name for name, block in found if not _records(calls.ours(), name, block)}
    silent -= {name for name in silent if name.startswith(LOG_ITSELF)}
    assert silent == set(WRITES_WITHOUT_EVENT)


def transactions(of: calls.Calls) -> Iterator[tuple[str, ast.With]]:
    """Each block that opens a session for writing, and the function it stands in."""
    for name, node in of.functions.items():
        for each in ast.walk(node):
            if isinstance(each, ast.With) and any(_opens_writing(item.context_expr) for item in each.items):
                yield name, each


def _opens_writing(opened: ast.expr) -> bool:
    return isinstance(opened, ast.Call) and isinstance(opened.func, ast.Attribute) and opened.func.attr == "writing"


def _records(of: calls.Calls, name: str, block: ast.With) -> bool:
    place = of.place(name)
    return of.leads((each for statement in block.body for each in of.named_in(statement, place)), RECORD)


def _name(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    return f"{function.__module__}:{function.__qualname__}"


PLANTED = """
from evidence.bootstrap import House
from evidence.completeness import rounds
from evidence.custody import ledger
from evidence.incidents import close_incident
from evidence.models import Recording

class Room:
    house: House
    def keep(self, recording: Recording) -> None:
        with self.house.writing() as session:
            session.add(recording)
            self._said(session)
    def _said(self, session) -> None:
        {said}

def change(house: House, room: Room) -> None:
    {does}
"""


@pytest.mark.parametrize(
    ("said", "does", "found"),
    [
        ("pass", "room.keep(None)", False),
        ("ledger.history(session, None)", "room.keep(None)", False),
        ("ledger.record(session, None)", "room.keep(None)", True),
        ("ledger.record(session, None)", "Room().keep(None)", True),
        ("ledger.record(session, None)", "house.reading()", False),
        ("pass", "close_incident(None, None)", True),
        ("pass", "house.each(close_incident)", True),
        ("pass", "close_incident_of_another_name(None)", False),
    ],
)
def test_a_change_without_an_event_is_seen(said: str, does: str, *, found: bool) -> None:
    planted = calls.Calls()
    for path in tree.modules():
        calls.learn(planted, path)
    calls.learn_source(planted, "api.planted", ast.parse(PLANTED.format(said=said, does=does)))
    assert planted.reaches("api.planted:change", RECORD) is found
    if does == "room.keep(None)":
        blocks = [(name, block) for name, block in transactions(planted) if name.startswith("api.planted")]
        assert [_records(planted, *each) for each in blocks] == [found]


def test_a_worker_does_no_jobs_that_are_not_looked_at_here() -> None:
    made = {
        ast.unparse(each.func)
        for each in ast.walk(tree.parsed(tree.ROOT / "api" / "worker.py"))
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in JOBS_COME_FROM
    }
    looked_at = {f"{room}_tasks.{what}" for room in ("ingest", "transcode") for what in JOBS_COME_FROM}
    assert made == looked_at | {"rounds.periodics"}


def test_only_the_edge_ends_a_transaction() -> None:
    """An event is in the connection's transaction before the session is: what the session undoes is not the whole."""
    ends = re.compile(r"\bsession\.(commit|rollback|close)\(")
    rooms = [
        path for path in tree.files() if path.suffix == ".py" and path.relative_to(tree.ROOT).parts[0] in tree.ROOMS
    ]
    found = [str(path.relative_to(tree.ROOT)) for path in rooms if ends.search(path.read_text("utf-8"))]
    assert found == ["evidence/database.py"]
