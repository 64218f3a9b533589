"""Packages of a log into whose tables somebody wrote signatures and head maps of sizes to come."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from evidence.completeness import fsck
from evidence.completeness.claims import Verdict
from evidence.custody import ledger
from evidence.custody.rows import LogKey
from evidence.identifiers import new_id
from evidence.package.check import check
from evidence.package.errors import DoesNotHold
from evidence.package.make import Order, make
from evidence.sequencing.reading import await_size
from evidence.tlog.note import Algorithm
from evidence.tlog.policy import parse_policy
from evidence.tlog.signing import SigningKey
from evidence.vocabulary import LogKeyState
from tests.integration.evidence.package.conftest import MAKER, Scene
from tests.support.stray import doubled

LINE = text("INSERT INTO custody.cosignature (size, key_id, key_name, line) VALUES (:size, :key_id, :name, :line)")
MAP = text(
    "INSERT INTO custody.headmap (size, entries, root, key, event_id) VALUES (:size, 1, sha256(''), sha256(''), :event)"
)


def test_a_key_that_no_event_names_is_told_beside_a_recording_too(scene: Scene) -> None:
    recording, house = scene.recording(), scene.world.house
    assert fsck.verify_recording(house, recording).contradicted == ()
    with house.writing() as session:
        session.execute(text("SET LOCAL ROLE continuity_service"))
        key = SigningKey.make(house.settings.log_origin, Algorithm.ED25519).vkey()
        row = LogKey(key_id=key.key_id, name=key.name, alg=int(key.algorithm), vkey=key.text(), from_size=0)
        row.handle, row.state = "a stranger's", LogKeyState.RETIRED
        session.add(row)
    found = fsck.verify_recording(house, recording)
    assert [each.claim for each in found.contradicted] == ["keys"]
    assert "no event of the log names that key" in found.of("keys").words


def test_rows_for_sizes_to_come_spoil_no_package_and_no_claim(scene: Scene, tmp_path: Path) -> None:
    recording, house = scene.recording(), scene.world.house
    with house.writing() as session:
        session.execute(text("SET LOCAL ROLE continuity_service"))
        for size in range(1, 120):
            session.execute(MAP, {"size": size, "event": new_id()})
            for key in scene.keys.vkeys():
                line = f"— {key.name} {'A' * 88}\n".encode()
                session.execute(LINE, {"size": size, "key_id": key.key_id, "name": key.name, "line": line})
    out = tmp_path / "package"
    make(house, Order(recordings=(recording,)), out, by=MAKER)
    checked = check(out, policy=parse_policy(scene.policy()))
    assert checked.holds, checked.claims
    of_recording = {each.claim: each.verdict for each in fsck.verify_recording(house, recording).claims}
    assert of_recording["complete"] is Verdict.PROVED
    log = fsck.verify(house)
    assert log.contradicted == ()
    assert "rows of custody.cosignature that nothing rests on" in log.of("witnessed").words


def test_an_event_under_the_order_of_writing_of_another_is_named_where_no_package_is_made(
    scene: Scene, tmp_path: Path
) -> None:
    recording, house = scene.recording(), scene.world.house
    await_size(house, timedelta(seconds=30))
    with house.reading() as session:
        *_, last = ledger.history(session, recording)
        first = session.execute(text("SELECT ingest_no FROM custody.leaf WHERE seq = 0")).scalar_one()
    forged = doubled(house, last.id, id=str(new_id()), ingest_no=first)
    named = f"event {first} (its id is {forged.id}) has no number and waits for none"
    with pytest.raises(DoesNotHold, match=re.escape(named)) as refused:
        make(house, Order(recordings=(recording,)), tmp_path / "package", by=MAKER)
    assert "Not in the log that was signed" not in str(refused.value), "its own events are where they were"
    [history] = fsck.verify_recording(house, recording).contradicted
    assert history.claim == "history"
    assert named in history.words
