"""Whether sources may go: an open incident keeps those of every master that it is about, metadata files too."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from evidence.completeness.counted import MORE
from evidence.custody.events import Actor
from evidence.embedded import EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.incidents import Trouble, open_incident
from evidence.models import Agent, Master, Receipt, Sidecar
from evidence.store import StoreKey
from evidence.store.keys import master_key
from evidence.store.s3 import connect
from evidence.vocabulary import IncidentKind
from ingest.letting_go import DIFFERS, MISSING, OPEN, UNLOCKED, UNSIGNED, may_go
from tests.support.dock import Dock
from tests.support.house import World

FILES = {b"INT-7_cam1.mp4": os.urandom(3000), b"INT-7_cam2.mp4": os.urandom(3000), b"INT-7.xml": b"<Interview/>"}
Says = Callable[[UUID, UUID], tuple[str, UUID | None]]


@pytest.mark.parametrize(
    ("says", "kept"),
    [
        (lambda _, recording: ("missing it", recording), "all but the other clip"),
        (lambda sidecar, _: (f"extra {master_key(sidecar)} v1", None), "the metadata file"),
        (lambda sidecar, _: (str(sidecar), None), "the metadata file"),
        (lambda _, recording: (f"changed {master_key(recording)} v1", None), "all but the other clip"),
        (lambda *_: (MORE, None), "everything"),
        (lambda *_: ("extra masters/00000000-0000-7000-8000-000000000000 v1", None), "nothing"),
    ],
    ids=["its recording", "its own key", "its own id", "its recording's key", "more than are named", "another's"],
)
@pytest.mark.parametrize("kind", [IncidentKind.CENSUS_GAP, IncidentKind.FIXITY_FAILED])
def test_an_open_incident_keeps_the_sources_of_all_that_it_is_about(
    world: World, dock: Dock, says: Says, kept: str, kind: IncidentKind
) -> None:
    session = dock.sees(FILES)
    with world.working():
        for name in sorted(FILES):
            dock.delivers(session, name, FILES[name])
    with world.house.reading() as reading:
        sidecar = reading.scalars(select(Sidecar)).one()
        agent = reading.get_one(Agent, UUID(dock.agent_id))
        receipts = {each.master_id: each.id for each in reading.scalars(select(Receipt))}
    assert sidecar.recording_id is not None
    assert dict(may_go(world.house, agent, list(receipts.values()), key=world.key).withheld) == {}
    subject, recording = says(sidecar.master_id, sidecar.recording_id)
    trouble = Trouble(kind=kind, subject=subject, reason="look", advice="look", recording_id=recording)
    with world.house.writing() as writing:
        open_incident(writing, trouble, by=Actor.system("test"))

    held = may_go(world.house, agent, list(receipts.values()), key=world.key).withheld

    own = {sidecar.master_id} if kept == "the metadata file" else {sidecar.master_id, sidecar.recording_id}
    expected = {"everything": set(receipts), "nothing": set()}.get(kept, own)
    assert dict(held) == {receipts[each]: OPEN for each in expected}
    with world.house.writing() as writing:
        writing.execute(text("UPDATE incident SET closed_at = now()"))
    assert dict(may_go(world.house, agent, list(receipts.values()), key=world.key).withheld) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE master SET key = :key, version_id = :version, size = :size WHERE id = :id", DIFFERS),
        ("UPDATE master SET sha256 = :sha WHERE id = :id", DIFFERS),
        ("UPDATE arrival SET master_id = :other WHERE master_id = :id", DIFFERS),
        ("UPDATE receipt SET body = body || '\\x20'::bytea WHERE master_id = :id", UNSIGNED),
        (
            "UPDATE receipt SET body = o.body, signature = o.signature FROM receipt o"
            " WHERE o.master_id = :other AND receipt.master_id = :id",
            UNSIGNED,
        ),
        (None, MISSING),
    ],
    ids=["another object", "other bytes", "another master", "its words", "another receipt", "as it was"],
)
def test_a_record_that_names_another_object_than_the_signed_receipt_lets_nothing_go(
    world: World, dock: Dock, s3_server: EmbeddedS3, change: str | None, reason: str
) -> None:
    session = dock.sees(FILES)
    with world.working():
        for name in sorted(FILES):
            dock.delivers(session, name, FILES[name])
    with world.house.reading() as reading:
        agent = reading.get_one(Agent, UUID(dock.agent_id))
        gone, other = reading.execute(select(Receipt, Master).join(Master, Master.id == Receipt.master_id)).all()[:2]
    master, held = gone.Master, other.Master
    _destroy(s3_server, master)
    if change is not None:
        values = {"key": held.key, "version": held.version_id, "size": held.size, "sha": "0" * 64}
        with world.house.writing() as writing:
            writing.execute(text("UPDATE master SET key = 'aside' WHERE id = :other"), {"other": held.id})
            writing.execute(text(change), {"id": master.id, "other": held.id} | values)

    kept = may_go(world.house, agent, [gone.Receipt.id], key=world.key)

    assert (kept.unknown, dict(kept.withheld)) == ((), {gone.Receipt.id: reason})


def test_a_lock_that_was_shortened_or_has_run_out_lets_nothing_go(
    world: World, dock: Dock, s3_server: EmbeddedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = dock.sees(FILES)
    with world.working():
        dock.delivers(session, b"INT-7_cam1.mp4", FILES[b"INT-7_cam1.mp4"])
    with world.house.reading() as reading:
        agent, receipt = reading.get_one(Agent, UUID(dock.agent_id)), reading.scalars(select(Receipt)).one()
        master = reading.get_one(Master, receipt.master_id)

    def withheld() -> dict[UUID, str]:
        return dict(may_go(world.house, agent, [receipt.id], key=world.key).withheld)

    assert withheld() == {}
    with monkeypatch.context() as later:
        later.setattr("ingest.letting_go.clock.now", lambda: master.lock_until + timedelta(seconds=1))
        assert withheld() == {receipt.id: UNLOCKED}
    shorter: Any = {"Mode": "GOVERNANCE", "RetainUntilDate": master.lock_until - timedelta(seconds=2)}
    _admin(s3_server).put_object_retention(
        Bucket=master.bucket, Key=master.key, VersionId=master.version_id, Retention=shorter,
        BypassGovernanceRetention=True,
    )  # fmt: skip
    assert withheld() == {receipt.id: UNLOCKED}


def _admin(s3_server: EmbeddedS3) -> Any:
    admin = s3_server.credentials(Identity.ADMIN)
    return connect(s3_server.endpoint, key=StoreKey(admin.access_key, admin.secret_key), region="us-east-1")


def _destroy(s3_server: EmbeddedS3, master: Master) -> None:
    _admin(s3_server).delete_object(
        Bucket=master.bucket, Key=master.key, VersionId=master.version_id, BypassGovernanceRetention=True
    )
