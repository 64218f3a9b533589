"""Keys that somebody wrote into the database: none is trusted, and each is named."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from evidence.completeness import fsck
from evidence.completeness.claims import Claim, Verdict
from evidence.continuity.vouchers import log_vkeys
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.custody.rows import LogKey
from evidence.outside import rotating
from evidence.outside.giving import Given, policy_to_give
from evidence.sequencing.publishing import listed_keys
from evidence.sequencing.reading import log_keys
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.policy import parse_policy
from evidence.tlog.signing import SigningKey
from evidence.vocabulary import LogKeyState
from tests.support.log import published_size
from tests.support.outside import OwnLog

WHO = Actor.system("test of the keys")


@pytest.fixture
def log(own_log: OwnLog) -> OwnLog:
    """A log whose keys are in force and have signed."""
    rotating.enter(own_log.house, own_log.keys)
    own_log.grow()
    return own_log


def strange(log: OwnLog) -> VerifierKey:
    """Somebody's own key under the log's name, in the table of keys from the beginning."""
    key = SigningKey.make(log.keys.origin, Algorithm.ED25519).vkey()
    with log.house.writing() as session:
        row = LogKey(key_id=key.key_id, name=key.name, alg=int(key.algorithm), vkey=key.text(), from_size=0)
        row.handle, row.state = "file 1", LogKeyState.IN_FORCE
        session.add(row)
    return key


def about_keys(log: OwnLog) -> Claim:
    return fsck.verify(log.house).of("keys")


def given(log: OwnLog) -> tuple[set[VerifierKey], Given]:
    """The keys in the policy that is given out, and all that is said of it."""
    found = policy_to_give(log.house, log.keys)
    return {each.key for each in parse_policy(found.text).logs}, found


def told(log: OwnLog) -> list[VerifierKey]:
    """The keys that agents are told, that packages bear, and that a checkpoint in the store may be signed with."""
    with log.house.reading() as session:
        agents, listed = log_keys(session), listed_keys(session)
        packages = [VerifierKey.parse(each) for each in log_vkeys(session, size=published_size(log.house))]
    return [*agents, *packages, *listed]


def test_the_keys_of_a_log_are_proved(log: OwnLog) -> None:
    assert about_keys(log).verdict is Verdict.PROVED
    keys, found = given(log)
    assert (keys, found.doubts) == (set(log.keys.vkeys()), ())
    assert set(told(log)) == keys


def test_a_row_that_no_event_accounts_for_is_not_trusted(log: OwnLog) -> None:
    key = strange(log)
    keys, found = given(log)
    assert key not in keys
    assert key not in told(log)
    [doubt] = found.doubts
    assert key.key_id.hex() in doubt
    assert "no event of the log names that key" in doubt
    claim = about_keys(log)
    assert claim.verdict is Verdict.CONTRADICTED
    assert claim.findings == (doubt,)


def test_nor_is_one_whose_event_was_forged_with_it(log: OwnLog) -> None:
    key = strange(log)
    facts = {"key": key.key_id.hex(), "from_size": 0, "algorithm": "ed25519", "vkey": key.text()}
    with log.house.writing() as session:
        ledger.record(session, Event(type=EventType.KEY_ROTATED, subject=SYSTEM, actor=WHO, facts=facts))
    with log.house.reading() as session:
        assert key not in log_keys(session)
    log.grow()
    keys, found = given(log)
    assert key not in keys
    assert key not in told(log)
    assert "did not sign the first checkpoint over that event" in about_keys(log).words
    assert any(key.key_id.hex() in each for each in found.doubts)


def test_a_row_of_a_checkpoint_that_nobody_signed_ends_no_key(own_log: OwnLog) -> None:
    rotating.enter(own_log.house, own_log.keys)
    with own_log.house.writing() as session:
        junk = text("INSERT INTO custody.checkpoint (size, root, note) VALUES (:size, :root, 'junk')")
        session.execute(junk, {"size": 3, "root": bytes(32)})
    own_log.grow(6)
    assert published_size(own_log.house) > 3
    keys, found = given(own_log)
    assert (keys, found.doubts) == (set(own_log.keys.vkeys()), ())
    assert set(told(own_log)) == keys
    assert about_keys(own_log).verdict is Verdict.PROVED


def test_an_event_that_has_no_number_and_waits_for_none_ends_no_key(log: OwnLog) -> None:
    [key, _] = log.keys.vkeys()
    facts = {"key": key.key_id.hex(), "to_size": 1}
    with log.house.writing() as session:
        event = ledger.record(session, Event(type=EventType.KEY_REVOKED, subject=SYSTEM, actor=WHO, facts=facts))
        taken = text("DELETE FROM custody.queue q USING custody.event e WHERE q.ingest_no = e.ingest_no AND e.id = :id")
        session.execute(taken, {"id": event.id})
    keys, _found = given(log)
    assert key in keys
    assert key in told(log)


def test_a_revoked_key_does_not_come_back(log: OwnLog) -> None:
    [stolen, beside] = log.keys.vkeys()
    new = rotating.rotate(log.house, log.keys, settings=log.house.settings, by=WHO)
    rotating.revoke(log.house, log.keys, stolen.key_id.hex(), because="the disk was stolen", by=WHO)
    log.grow()
    assert about_keys(log).verdict is Verdict.PROVED
    with log.house.writing() as session:
        session.execute(text("UPDATE custody.log_key SET state = 'in_force', to_size = NULL WHERE state = 'revoked'"))
    keys, found = given(log)
    assert keys == set(new)
    assert any(stolen.key_id.hex() in each and "revoked it" in each for each in found.doubts)
    with log.house.reading() as session:
        assert set(log_keys(session)) == set(new)
        assert not {stolen.text(), beside.text()} & set(log_vkeys(session, size=published_size(log.house)))
    assert set(rotating.revoked_keys(log.house)) == {stolen, beside}
    assert about_keys(log).verdict is Verdict.CONTRADICTED
    # The next duty puts the table right, and has nothing new to say in the log.
    with log.house.reading() as session:
        before = len(ledger.history(session, SYSTEM))
    rotating.enter(log.house, log.keys)
    with log.house.reading() as session:
        assert len(ledger.history(session, SYSTEM)) == before


def test_a_row_that_says_revoked_takes_no_key_away(log: OwnLog) -> None:
    ours = set(log.keys.vkeys())
    with log.house.writing() as session:
        session.execute(text("UPDATE custody.log_key SET state = 'revoked', to_size = 1"))
    assert given(log)[0] == ours
    assert set(told(log)) == ours
    assert "no event of the log revoked it" in about_keys(log).words


def test_a_revocation_is_logged_though_the_table_has_it_already(log: OwnLog) -> None:
    [stolen, _] = log.keys.vkeys()
    rotating.rotate(log.house, log.keys, settings=log.house.settings, by=WHO)
    with log.house.writing() as session:
        session.execute(text("UPDATE custody.log_key SET state = 'revoked', to_size = 1 WHERE from_size = 0"))
    rotating.revoke(log.house, log.keys, stolen.key_id.hex(), because="the disk was stolen", by=WHO)
    assert stolen in rotating.revoked_keys(log.house)


def test_a_retired_key_whose_files_are_gone_is_still_given(log: OwnLog) -> None:
    old = log.keys.vkeys()
    settings = log.house.settings.model_copy(update={"log_keys_overlap_days": 0})
    new = rotating.rotate(log.house, log.keys, settings=settings, by=WHO)
    log.grow()
    for file in (log.keys.folder / "1").iterdir():
        file.unlink()
    log.keys = type(log.keys)(log.keys.folder)
    keys, found = given(log)
    assert (keys, found.doubts) == ({*old, *new}, ())
    # As it was before the public halves were written down: then the log's events tell whose they were.
    (log.keys.folder / "public.json").unlink()
    keys, found = given(log)
    assert (keys, found.doubts) == ({*old, *new}, ())
    assert about_keys(log).verdict is Verdict.PROVED


def test_a_log_goes_on_whose_only_pair_was_lost_and_its_old_key_is_still_given(log: OwnLog) -> None:
    lost, folder = log.keys.vkeys(), log.keys.folder
    for file in (*(folder / "1").iterdir(), folder / "public.json"):
        file.unlink()
    # As docs/keys.md has it: the list says that the lost pair signs no more, and a new one is made.
    origin = log.house.settings.log_origin
    (folder / "keys.json").write_text(f'{{"origin": "{origin}", "pairs": [{{"name": "1", "state": "retired"}}]}}')
    log.keys = type(log.keys)(folder)
    new = rotating.rotate(log.house, log.keys, settings=log.house.settings, by=WHO)
    log.grow()
    keys, found = given(log)
    assert (keys, found.doubts) == ({*lost, *new}, ())
    assert about_keys(log).verdict is Verdict.PROVED
