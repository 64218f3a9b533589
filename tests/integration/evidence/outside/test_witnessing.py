"""Witnesses on a real log: asked with proofs, believed only where they signed, never in the way."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import text
from typing_extensions import override

from evidence import clock
from evidence.errors import SettingsRefused
from evidence.incidents import settle_incident
from evidence.outside.duties import Duties
from evidence.outside.witnessing import Witnessing
from evidence.sequencing.reading import published_note, subtree_reader
from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.note import parse_note, signature_line
from evidence.tlog.policy import parse_policy
from evidence.tlog.signing import cosign
from evidence.vocabulary import IncidentKind
from evidence.witness.submission import Seen
from tests.support.house import until
from tests.support.log import WHO, published_size, sequencing, write_events
from tests.support.outside import Neighbour, OwnLog, neighbour

REFUSES, SILENT = IncidentKind.WITNESS_REFUSES, IncidentKind.WITNESS_SILENT
MINUTE = timedelta(minutes=1)


def under(own_log: OwnLog, folder: Path, witnesses: Sequence[str], quorum: str) -> OwnLog:
    """The log under a policy file."""
    logs = [f"log {key.text()}" for key in own_log.keys.vkeys()]
    policy = folder / "policy"
    policy.write_text("\n".join([*logs, *witnesses, f"quorum {quorum}", ""]))
    return own_log.with_settings(witness_policy=policy)


def duty(own_log: OwnLog) -> Witnessing:
    """The duty."""
    return Witnessing(own_log.house, own_log.house.settings, subtree_reader)


def witnessed(own_log: OwnLog) -> int:
    """Up to which size the log is witnessed."""
    with own_log.house.reading() as session:
        return int(session.execute(text("SELECT witnessed_size FROM custody.state")).scalar_one())


@pytest.fixture
def north(own_log: OwnLog, tmp_path: Path) -> Iterator[Neighbour]:
    """A witness that knows the log."""
    with neighbour("north", tmp_path / "north", own_log.keys) as made:
        yield made


@contextmanager
def answering(status: int, body: bytes = b"", content_type: str = "text/plain") -> Iterator[str]:
    """The address of somebody who answers everything in the same way."""

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Desk) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_checkpoints_are_witnessed_as_the_log_grows(own_log: OwnLog, north: Neighbour, tmp_path: Path) -> None:
    log = under(own_log, tmp_path, [*north.lines, "group both all north-ed25519 north-ml-dsa"], "both")
    asking, now = duty(log), clock.now()
    asking.tick(now)  # there is nothing to witness
    for turn, many in enumerate((1, 4, 300)):
        log.grow(many, unwitnessed=False)
        size = published_size(log.house)
        asking.tick(now + turn * MINUTE)
        assert witnessed(log) == size
        with log.house.reading() as session:
            judged = parse_policy(log.house.settings.witness_policy.read_bytes()).judge(published_note(session, size))
        assert judged.witnessed
        assert set(judged.witnesses) == {"north-ed25519", "north-ml-dsa"}
    # Between its turns it is not asked; while nothing happens, each hour.
    log.grow(1, unwitnessed=False)
    asking.tick(now + 2.5 * MINUTE)
    assert witnessed(log) == size
    asking.tick(now + 4 * MINUTE)
    rows = "SELECT count(*) FROM custody.cosignature WHERE size = (SELECT published_size FROM custody.state)"
    for later, signed in ((30, 2), (64, 4)):
        asking.tick(now + later * MINUTE)
        with log.house.reading() as session:
            assert session.execute(text(rows)).scalar_one() == signed
    assert log.incidents() == set()


def test_a_package_s_checkpoint_is_witnessed_at_once_between_the_turns(
    own_log: OwnLog, north: Neighbour, tmp_path: Path
) -> None:
    with neighbour("away", tmp_path / "away", own_log.keys) as away:
        lines = [*north.lines, *away.lines, "group both all north-ed25519 north-ml-dsa"]
        log = under(own_log, tmp_path, lines, "both")
    asking, now = duty(log), clock.now()
    log.grow(1, unwitnessed=False)
    asking.tick(now)
    before = published_size(log.house)
    log.grow(3, unwitnessed=False)
    size = published_size(log.house)
    asking.tick(now + MINUTE / 6)
    assert witnessed(log) == before, "its turn has not come"
    duty(log).ask_now(size)
    assert witnessed(log) == size > before
    duty(log).ask_now(before)  # signed already, and more
    duty(log).ask_now(size + 1)  # no such checkpoint
    assert witnessed(log) == size


def test_a_witness_that_knows_another_size_is_asked_again_with_that(
    own_log: OwnLog, north: Neighbour, tmp_path: Path
) -> None:
    log = under(own_log, tmp_path, north.lines, "north-ed25519")
    for _ in range(2):
        log.grow(5, unwitnessed=False)
        duty(log).tick(clock.now())
    # Our database forgot; the witness did not.
    with log.house.sessions.engine.begin() as connection:
        connection.execute(text("ALTER TABLE custody.cosignature DISABLE TRIGGER USER"))
        connection.execute(text("DELETE FROM custody.cosignature"))
    log.grow(5, unwitnessed=False)
    duty(log).tick(clock.now())
    assert witnessed(log) == published_size(log.house)
    assert north.witness.memory.known()[log.keys.origin].size == published_size(log.house)


def test_a_witness_that_knows_the_log_otherwise_is_an_incident_and_no_halt(
    own_log: OwnLog, north: Neighbour, tmp_path: Path
) -> None:
    log = under(own_log, tmp_path, north.lines, "north-ed25519")
    log.grow(5, unwitnessed=False)
    size = published_size(log.house)
    others = [
        Seen(size + 1, bytes(32)),  # further than we are: we were rolled back
        Seen(size, bytes(32)),  # another root: a fork
        Seen(size - 1, bytes(32)),  # a fork before: our proof fails there
    ]
    for seen in others:
        with north.witness.memory.turn() as turn:
            turn.remember(log.keys.origin, seen)
        duty(log).tick(clock.now())
        assert log.incidents() == {(REFUSES, "north.example.test/witness")}
        assert witnessed(log) == 0
    log.grow(1, unwitnessed=False)
    assert published_size(log.house) > size
    with north.witness.memory.turn() as turn:
        turn.remember(log.keys.origin, Seen())
    duty(log).tick(clock.now())
    assert log.incidents() == set()


def test_what_others_answer_is_believed_only_with_a_good_signature(
    own_log: OwnLog, north: Neighbour, tmp_path: Path
) -> None:
    log = under(own_log, tmp_path, north.lines, "north-ed25519")
    log.grow(5, unwitnessed=False)
    vkey, key = north.lines[0].split()[2], north.witness.keys[0]
    with log.house.reading() as session:
        note = parse_note(published_note(session, 5))
    now = int(clock.now().timestamp())
    bent = cosign(parse_checkpoint(note.text), key, now + 3600)
    refused = {
        "a signature of something else": (200, signature_line(cosign(Checkpoint(key.name, 5, bytes(32)), key, now))),
        "a signature of tomorrow": (200, signature_line(bent)),
        "signatures by nobody known": (200, b"".join(map(signature_line, note.signatures))),
        "a page": (200, b"<html>Sign in</html>"),
        "nothing": (200, b""),
        "not known there": (404, b""),
        "not trusted there": (403, b"\xff\xff"),
    }
    for what, (status, body) in refused.items():
        with answering(status, body) as url:
            duty(under(own_log, tmp_path, [f"witness liar {vkey} {url}"], "liar")).tick(clock.now())
        assert log.incidents() == {(REFUSES, key.name)}, what
        with log.house.writing() as session:
            settle_incident(session, kind=REFUSES, subject=key.name, because="looked at", by=WHO)
            assert session.execute(text("SELECT count(*) FROM custody.cosignature")).scalar_one() == 0
    good = signature_line(cosign(parse_checkpoint(note.text), key, now))
    with answering(200, signature_line(note.signatures[0]) + good) as url:
        duty(under(own_log, tmp_path, [f"witness honest {vkey} {url}"], "honest")).tick(clock.now())
    assert witnessed(log) == 5


def test_witnesses_that_are_away_cost_a_time_out_and_an_incident_after_hours(
    own_log: OwnLog, north: Neighbour, tmp_path: Path
) -> None:
    vkeys = [line.split()[2] for line in north.lines]
    log = own_log
    log.grow(5, unwitnessed=False)
    for answer in ((500, b""), (302, b""), (409, b"what?\n"), (409, b"0\n")):
        with answering(*answer, content_type="text/x.tlog.size") as url:
            duty(under(log, tmp_path, [f"witness away {vkeys[0]} {url}"], "away")).tick(clock.now())
        assert log.incidents() == set()
    with socket.create_server(("127.0.0.1", 0)) as hanging, ExitStack() as stack:
        south = stack.enter_context(neighbour("south", tmp_path / "south", log.keys))
        hang = f"witness hang {vkeys[0]} http://127.0.0.1:{hanging.getsockname()[1]}"
        gone = f"witness gone {vkeys[1]} http://127.0.0.1:9"
        lines = [hang, gone, *south.lines, "group one any hang gone south-ed25519"]
        asking, now = duty(under(log, tmp_path, lines, "one")), clock.now()
        began = time.monotonic()
        asking.tick(now)
        assert time.monotonic() - began < 8
        assert witnessed(log) == published_size(log.house)
        assert log.incidents() == set()
        asking.tick(now + timedelta(hours=3, minutes=1))
        assert log.incidents() == {(SILENT, "north.example.test/witness")}
    with log.house.reading() as session:
        kinds = session.execute(text("SELECT type FROM custody.event WHERE type = 'witness.silent'")).all()
    assert len(kinds) == 1


def test_a_policy_that_cannot_be_read_is_refused_at_the_start(own_log: OwnLog, tmp_path: Path) -> None:
    for given in (None, b"", b"quorum some\n", b"quorum none"):
        policy = tmp_path / "policy"
        policy.unlink(missing_ok=True)
        if given is not None:
            policy.write_bytes(given)
        changed = own_log.with_settings(witness_policy=policy)
        if given == b"quorum none":
            assert duty(changed).desks == []
            continue
        with pytest.raises(SettingsRefused, match="CONTINUITY_WITNESS_POLICY"):
            duty(changed)


def test_the_sequencer_waits_for_nobody_outside(stamped_log: OwnLog, north: Neighbour, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        vkey = north.lines[0].split()[2]
        lines = [f"witness hang {vkey} http://127.0.0.1:{hanging.getsockname()[1]}"]
        log = under(stamped_log, tmp_path, lines, "hang").with_settings(outside_seconds=60.0)
        duties = Duties(log.house, log.house.settings, subtree_reader)
        write_events(log.house, 1)
        with sequencing(log.sequencer(unwitnessed=False)) as raised:
            until(lambda: published_size(log.house) >= 1, what="the first checkpoint")
            beside = threading.Thread(target=duties.tick, daemon=True)
            beside.start()
            for _ in range(3):
                size = published_size(log.house)
                write_events(log.house, 1)
                until(lambda size=size: published_size(log.house) > size, within=20, what="a checkpoint")
            assert beside.is_alive(), "the duty should still hang"
        assert raised == []
