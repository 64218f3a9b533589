"""Log keys that come, sign beside each other, and go; and a signer whose database was put back behind its back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor
from evidence.embedded import EmbeddedPostgres, EmbeddedS3
from evidence.errors import NotFound
from evidence.outside import rotating
from evidence.outside.duties import Duties
from evidence.outside.errors import KeyUnusable
from evidence.outside.keys import LogKeys, open_keys
from evidence.sequencing.errors import SignerRefuses
from evidence.sequencing.reading import published_note, subtree_reader
from evidence.store import StoreSettings
from evidence.tlog.keys import VerifierKey
from evidence.tlog.policy import Policy, parse_policy
from evidence.vocabulary import LogKeyState
from tests.support import servers
from tests.support.log import log_house, published_size
from tests.support.outside import OwnLog

WHO = Actor.system("test of the keys")
IN_FORCE, RETIRED, REVOKED = LogKeyState.IN_FORCE, LogKeyState.RETIRED, LogKeyState.REVOKED


def note_of(own_log: OwnLog) -> bytes:
    """The newest checkpoint."""
    with own_log.house.reading() as session:
        return published_note(session, published_size(own_log.house))


def policy_of(keys: list[VerifierKey]) -> Policy:
    """A policy that lists these keys and needs no witness."""
    return parse_policy("".join([*(f"log {key.text()}\n" for key in keys), "quorum none\n"]).encode())


def key_events(own_log: OwnLog) -> list[tuple[str, str]]:
    """What the log says of its keys."""
    with own_log.house.reading() as session:
        lines = ledger.history(session, SYSTEM)
    return [(line.type.value, str(line.facts["key"])) for line in lines if line.type.value.startswith("key.")]


def ids(keys: list[VerifierKey]) -> list[str]:
    """Key ids in hex."""
    return [key.key_id.hex() for key in keys]


def test_old_proofs_hold_when_keys_are_rotated(own_log: OwnLog) -> None:
    house, keys = own_log.house, own_log.keys
    rotating.enter(house, keys)
    old = keys.vkeys()
    own_log.grow()
    before = note_of(own_log)
    assert policy_of(old).judge(before).log_keys == tuple(old)

    new = rotating.rotate(house, keys, settings=house.settings, by=WHO)
    rotated_at = published_size(house)
    assert key_events(own_log) == [("key.rotated", each) for each in ids([*old, *new])]
    own_log.grow()
    between = note_of(own_log)
    both = policy_of([*old, *new])
    assert set(both.judge(between).log_keys) == {*old, *new}
    assert policy_of(old).judge(between).log_keys == tuple(old)

    rotating.enter(house, keys, now=clock.now() + timedelta(days=31))
    own_log.grow()
    after = note_of(own_log)
    assert set(both.judge(after).log_keys) == set(new)
    assert [set(both.judge(note).log_keys) for note in (before, between)] == [set(old), {*old, *new}]
    kept = {bytes(row.key_id).hex(): row for row in rotating.history(house)}
    assert [(kept[each].state, kept[each].from_size) for each in ids(old)] == [(RETIRED, 0)] * 2
    assert [(kept[each].state, kept[each].from_size) for each in ids(new)] == [(IN_FORCE, rotated_at)] * 2
    assert all(kept[each].to_size is not None for each in ids(old))
    assert [VerifierKey.parse(kept[each].vkey) for each in ids(old)] == old
    # What became of the private halves is nobody's concern any more.
    for file in (keys.folder / "1").iterdir():
        file.unlink()
    rotating.enter(house, LogKeys(keys.folder))
    own_log.grow()


def test_a_key_is_revoked_only_where_another_signs(own_log: OwnLog) -> None:
    house, keys = own_log.house, own_log.keys
    [stolen, beside] = keys.vkeys()
    own_log.grow()
    with pytest.raises(KeyUnusable, match="no other pair signs"):
        rotating.revoke(house, keys, stolen.key_id.hex(), because="the disk was stolen", by=WHO)
    new = rotating.rotate(house, keys, settings=house.settings, by=WHO)
    with pytest.raises(NotFound):
        rotating.revoke(house, keys, "00000000", because="?", by=WHO)
    rotating.revoke(house, keys, stolen.key_id.hex(), because="the disk was stolen", by=WHO)
    assert keys.vkeys() == new
    revoked = [("key.revoked", each) for each in ids([stolen, beside])]
    assert sorted(key_events(own_log)[-2:]) == sorted(revoked)
    rotating.enter(house, keys)
    assert len(key_events(own_log)) == 6
    own_log.grow()
    states = {bytes(row.key_id).hex(): row.state for row in rotating.history(house)}
    assert states == dict.fromkeys(ids([stolen, beside]), REVOKED) | dict.fromkeys(ids(new), IN_FORCE)


def test_what_a_crash_left_out_is_entered_by_the_next_duty(own_log: OwnLog) -> None:
    house = own_log.house
    with own_log.keys.changing() as write:
        [first] = own_log.keys.listed().pairs
        ending = first.model_copy(update={"until": clock.now()})
        write([ending, rotating.make_pair(own_log.keys.folder / "2", own_log.keys.origin, None)])
    Duties(house, house.settings, subtree_reader).tick()
    assert key_events(own_log) == [("key.rotated", each) for each in ids(open_keys(house.settings).vkeys())]
    assert [pair.state for pair in own_log.keys.listed().pairs] == ["retired", "in_force"]


def test_a_history_of_keys_cannot_be_rewritten(own_log: OwnLog) -> None:
    rotating.enter(own_log.house, own_log.keys)
    for statement in (
        "DELETE FROM custody.log_key",
        "UPDATE custody.log_key SET vkey = 'x'",
        "TRUNCATE custody.log_key",
    ):
        with (
            pytest.raises(Exception, match=r"(?i)kept|refuse|insert only|may not|never"),
            own_log.house.writing() as session,
        ):
            session.execute(text(statement))


def test_the_signer_refuses_a_log_that_was_put_back(
    own_log: OwnLog,
    database_template: EmbeddedPostgres,
    s3_server: EmbeddedS3,
    store_settings: StoreSettings,
    tmp_path: Path,
) -> None:
    own_log.grow(7)
    # Database and store from before the log began: all that a thief could put back, but for the signer's memory.
    with servers.fresh_database(database_template) as url:
        house = log_house(url, servers.with_own_custody(s3_server, store_settings))
        put_back = OwnLog(house, own_log.keys).with_settings(log_keys_dir=own_log.keys.folder)
        for many in (3, 10):
            with pytest.raises(SignerRefuses, match="last signed the log at 7 events"):
                put_back.grow(many)
        house.sessions.engine.dispose()
    own_log.grow(1)
