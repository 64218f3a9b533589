"""Live verification: whatever is changed in the database or in the store is found, and its claim named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from evidence.bootstrap import House
from evidence.completeness import fsck
from evidence.completeness.claims import Verdict, Verification
from evidence.embedded import EmbeddedPostgres, EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.identifiers import new_id
from evidence.sequencing.publishing import checkpoint_key
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreKey, StoreSettings
from evidence.store.custody import PARTIAL
from evidence.store.s3 import connect
from evidence.tlog.signing import KeyPair
from evidence.tlog.tiles import entries_path, tile_path
from tests.support import servers
from tests.support.log import enter_keys, log_house, log_keys, write_events

EVENTS = 700  # two full tiles and a part of a third


def enter(house: House, keys: KeyPair) -> None:
    """Put the keys into the log, and into its own list."""
    enter_keys(house, keys)


@dataclass(frozen=True)
class Original:
    """A log of 700 events about seven subjects, all signed for: its database, which tests clone, and its bucket."""

    database: str
    store: StoreSettings
    keys: KeyPair


@pytest.fixture(scope="module")
def original(
    database_template: EmbeddedPostgres, s3_server: EmbeddedS3, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Original]:
    """The log that every test spoils in a way of its own."""
    store = servers.with_own_custody(s3_server, s3_server.store_settings())
    with servers.fresh_database(database_template) as url:
        house = log_house(url, store)
        keys = log_keys(house, tmp_path_factory.mktemp("keys"))
        subjects = [new_id() for _ in range(7)]
        write_events(house, EVENTS - 70 - len(keys.vkeys()), subjects=subjects)
        enter(house, keys)
        Sequencer(house, keys).lead_once()
        write_events(house, 70, subjects=subjects)
        Sequencer(house, keys).lead_once()
        house.sessions.engine.dispose()
        yield Original(make_url(url).database or "", store, keys)


@pytest.fixture
def filled(database_template: EmbeddedPostgres, original: Original) -> Iterator[House]:
    """A clone of that log's database over the same bucket."""
    with servers.fresh_database(database_template, original.database) as url:
        house = log_house(url, original.store)
        yield house
        house.sessions.engine.dispose()


def both_ways(house: House, **more: Any) -> Verification:
    """Condensed by the database in several ranges, and with every leaf read as well: both break the same claims."""
    quickly, closely = (_one_way(house, limit, **more) for limit in (0, 20_000))
    assert broken(quickly) == broken(closely)
    return quickly


def _one_way(house: House, limit: int, **more: Any) -> Verification:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fsck, "SPAN", 512)
        patch.setattr(fsck, "LOOKED_AT", limit)
        return fsck.verify(house, **more)


@contextmanager
def replaced(house: House, server: EmbeddedS3, key: str, change: Callable[[bytes], bytes | None]) -> Iterator[None]:
    """Somebody with the store's master key replaces an object, or hides it; put right afterwards for the next test."""
    before = house.custody.get(key)
    put_in_store(house, server, key, change(before))
    try:
        yield
    finally:
        put_in_store(house, server, key, before)


def put_in_store(house: House, server: EmbeddedS3, key: str, body: bytes | None) -> None:
    """Somebody with the store's master key replaces an object, or hides it."""
    admin = server.credentials(Identity.ADMIN)
    client: Any = connect(server.endpoint, key=StoreKey(admin.access_key, admin.secret_key), region="us-east-1")
    if body is None:
        client.delete_object(Bucket=house.custody.bucket, Key=key)
    else:
        client.put_object(Bucket=house.custody.bucket, Key=key, Body=body)


def tamper(house: House, *statements: str) -> None:
    """The owner of the tables sets the triggers aside, does this, and puts them back."""
    tables = ("event", "leaf", "checkpoint")
    with house.sessions.engine.begin() as connection:
        for table in tables:
            connection.execute(text(f"ALTER TABLE custody.{table} DISABLE TRIGGER USER"))
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0, statement
        for table in tables:
            connection.execute(text(f"ALTER TABLE custody.{table} ENABLE TRIGGER USER"))


def broken(found: Verification) -> set[str]:
    return {claim.claim for claim in found.contradicted}


OF_300 = "ingest_no = (SELECT ingest_no FROM custody.leaf WHERE seq = 300)"
FORGED = "convert_to(replace(convert_from(leaf, 'UTF8'), 'playback', 'storyboard'), 'UTF8')"


def test_a_sound_log_is_proved_claim_by_claim(filled: House) -> None:
    found = both_ways(filled)
    verdicts = {claim.claim: claim.verdict for claim in found.claims}
    assert found.holds, found.contradicted
    assert found.size == EVENTS
    assert verdicts.pop("witnessed") is Verdict.NOT_PROVED
    assert set(verdicts.values()) == {Verdict.PROVED}
    of_events = {"events", "numbers", "history", "not_before", "tiles"}
    assert set(verdicts) == {*of_events, "checkpoint", "keys", "sequencing", "personal"}


def test_events_that_still_wait_break_nothing(filled: House) -> None:
    write_events(filled, 3)
    assert both_ways(filled).holds


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM custody.sealed", "UPDATE custody.sealed SET value_enc = convert_to('\"else\"', 'UTF8')"],
)
def test_personal_values_that_are_gone_or_changed_are_found(filled: House, statement: str) -> None:
    tamper(filled, statement)
    found = fsck.verify(filled)
    assert broken(found) == {"personal"}
    assert any("sealed actor" in words for claim in found.contradicted for words in claim.findings)


def test_checkpoints_that_the_database_has_lost_are_named(filled: House) -> None:
    tamper(filled, "DELETE FROM custody.checkpoint WHERE size < (SELECT max(size) FROM custody.checkpoint)")
    found = fsck.verify(filled)
    assert broken(found) == {"checkpoint"}
    assert any("that the database has not" in words for claim in found.contradicted for words in claim.findings)


def test_an_empty_log_proves_nothing(database_url: str, own_custody: StoreSettings) -> None:
    house = log_house(database_url, own_custody)
    found = fsck.verify(house)
    house.sessions.engine.dispose()
    assert not found.holds
    assert {claim.verdict for claim in found.claims} == {Verdict.NOT_PROVED}


@pytest.mark.parametrize(
    ("statement", "claims", "names"),
    [
        pytest.param(
            f"UPDATE custody.event SET leaf = {FORGED}, leaf_hash = sha256('\\x00'::bytea || {FORGED}) WHERE {OF_300}",
            {"events"}, "event 300: its bytes are not those that were given this number", id="bytes and hash",
        ),
        pytest.param(
            "UPDATE custody.event SET leaf = '\\x7b', leaf_hash = sha256('\\x007b'::bytea)"
            f" WHERE {OF_300}", {"events"}, "event 300: these bytes are no leaf", id="no leaf",
        ),
        pytest.param(
            f"UPDATE custody.event SET type = 'master.viewed' WHERE {OF_300}", {"events"},
            "event 300: its leaf has the type rendition.viewed, and the row beside it master.viewed", id="type",
        ),
        pytest.param(
            f"UPDATE custody.event SET id = gen_random_uuid() WHERE {OF_300}", {"events"},
            "event 300: its leaf has the id", id="id",
        ),
        pytest.param(
            f"DELETE FROM custody.event WHERE {OF_300}", {"events"}, "event 300 is gone", id="event gone",
        ),
        pytest.param(
            "DELETE FROM custody.leaf WHERE seq = 300", {"numbers", "checkpoint"}, "no event has the number 300",
            id="number gone",
        ),
        pytest.param(
            "UPDATE custody.leaf SET leaf_hash = sha256('other') WHERE seq = 300",
            {"events", "history", "tiles", "checkpoint"}, "event 300: its bytes are not", id="numbered hash",
        ),
        pytest.param(
            "DELETE FROM custody.leaf WHERE seq = 699", {"numbers", "checkpoint"}, "no event has the number 699",
            id="last number gone",
        ),
        pytest.param(
            "UPDATE custody.head SET n = n + 1 WHERE subject = (SELECT min(subject::text)::uuid FROM custody.head)",
            {"history"}, "is not its last event", id="head",
        ),
        pytest.param("UPDATE custody.state SET size = 701", {"numbers"}, "no event has the number 700", id="state"),
        pytest.param(
            "UPDATE custody.checkpoint SET root = sha256('other')", {"checkpoint"}, "has another root", id="root",
        ),
        pytest.param("DELETE FROM custody.checkpoint", {"checkpoint"}, "has no checkpoint over 700", id="checkpoint"),
        pytest.param(
            "UPDATE custody.checkpoint SET note = convert_to(replace(convert_from(note, 'UTF8'), chr(10) || '700',"
            " chr(10) || '701'), 'UTF8')", {"checkpoint"}, "checkpoint over 700 events", id="note",
        ),
    ],
)  # fmt: skip
def test_what_is_changed_in_the_database_is_found(filled: House, statement: str, claims: set[str], names: str) -> None:
    tamper(filled, statement)
    found = both_ways(filled)
    said = " / ".join(words for claim in found.contradicted for words in claim.findings)
    assert names in said
    assert broken(found) >= claims, said
    assert "events" in claims or "events" not in broken(found)


def test_two_events_that_changed_places_are_found(filled: House) -> None:
    tamper(
        filled,
        "CREATE TEMP TABLE swapped ON COMMIT DROP AS SELECT * FROM custody.leaf WHERE seq IN (300, 301)",
        "DELETE FROM custody.leaf WHERE seq IN (300, 301)",
        "INSERT INTO custody.leaf SELECT 601 - seq, ingest_no, at, leaf_hash FROM swapped",
    )
    found = both_ways(filled)
    assert broken(found) == {"events", "tiles", "checkpoint"}
    assert found.of("events").findings == (other_in_store(300), other_in_store(301))


def other_in_store(seq: int) -> str:
    return f"event {seq}: the store has another event under this number"


@pytest.mark.parametrize("seq", [300, 650], ids=["in a full tile", "in the last part"])
def test_an_event_rewritten_with_all_its_hashes_is_named(filled: House, seq: int) -> None:
    which = OF_300.replace("300", str(seq))
    tamper(
        filled,
        f"UPDATE custody.event SET leaf = {FORGED}, leaf_hash = sha256('\\x00'::bytea || {FORGED}) WHERE {which}",
        f"UPDATE custody.leaf SET leaf_hash = (SELECT leaf_hash FROM custody.event WHERE {which}) WHERE seq = {seq}",
    )
    found = both_ways(filled)
    assert broken(found) >= {"events", "tiles", "checkpoint"}
    assert found.of("events").findings == (other_in_store(seq),)


def test_an_event_taken_out_of_the_queue_is_found(filled: House) -> None:
    write_events(filled, 2)
    tamper(filled, "DELETE FROM custody.queue WHERE ingest_no = (SELECT min(ingest_no) FROM custody.queue)")
    found = fsck.verify(filled)
    assert broken(found) == {"numbers"}
    assert "has no number and waits for none" in found.of("numbers").words


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        (tile_path(0, 0), lambda body: bytes([body[0] ^ 1]) + body[1:], "does not hold the hashes"),
        (tile_path(0, 1), lambda _: None, "is not in the store"),
        (entries_path(1), lambda body: body.replace(b"playback", b"payblack", 1), "event 256"),
        (entries_path(0), lambda body: body[:-1], "does not end with a leaf"),
        (entries_path(0), lambda _: None, "is not in the store"),
        (PARTIAL + tile_path(0, 2, 188), lambda body: body[:-1] + bytes([body[-1] ^ 1]), "event 699"),
        (PARTIAL + tile_path(0, 2, 188), lambda body: body[:-32], "187 leaves instead of 188"),
        (PARTIAL + entries_path(2, 188), lambda body: body.replace(b"playback", b"payblack", 1), "event 512"),
        (PARTIAL + entries_path(2, 188), lambda _: None, "is not in the store"),
    ],
    ids=[
        "tile bit",
        "tile hidden",
        "bundle leaf",
        "bundle short",
        "bundle hidden",
        "part bit",
        "part short",
        "part's leaf",
        "part hidden",
    ],
)
def test_what_is_changed_in_the_store_is_found(
    filled: House, s3_server: EmbeddedS3, key: str, change: Callable[[bytes], bytes | None], words: str
) -> None:
    with replaced(filled, s3_server, key, change):
        found = both_ways(filled)
    assert "tiles" in broken(found)
    assert "events" not in broken(found)
    assert key in found.of("tiles").words
    assert words in found.of("tiles").words


def test_a_checkpoint_replaced_in_the_store_is_found(filled: House, s3_server: EmbeddedS3) -> None:
    with replaced(filled, s3_server, checkpoint_key(EVENTS), lambda note: note.replace(b"\n700\n", b"\n600\n")):
        assert broken(fsck.verify(filled)) == {"checkpoint"}


@pytest.mark.parametrize("left", [0, 256, 500])
def test_a_database_that_was_rolled_back_is_told_with_both_sizes(filled: House, left: int) -> None:
    empty = "sha256(''::bytea)"
    tamper(
        filled,
        f"UPDATE custody.state SET size = {left}, integrated_size = 0, published_size = 0, published_root = {empty},"
        f" witnessed_size = 0, witnessed_root = {empty}",
        f"DELETE FROM custody.leaf WHERE seq >= {left}",
        "DELETE FROM custody.checkpoint",
    )
    found = fsck.verify(filled)
    assert "checkpoint" in broken(found)
    assert f"over {EVENTS} events and the database has {left}" in found.of("checkpoint").words


def test_only_what_is_new_is_read_again(filled: House) -> None:
    assert both_ways(filled, since=600).holds
    tamper(filled, f"UPDATE custody.event SET type = 'master.viewed' WHERE {OF_300}")
    assert both_ways(filled, since=600).holds
    tamper(filled, f"UPDATE custody.event SET type = 'master.viewed' WHERE {OF_300.replace('300', '650')}")
    found = both_ways(filled, since=600)
    assert broken(found) == {"events"}
    assert "event 650" in found.of("events").words


def test_a_changed_beginning_shows_in_the_root_also_when_only_the_end_is_read(
    filled: House, s3_server: EmbeddedS3
) -> None:
    edge = PARTIAL + tile_path(1, 0, EVENTS // 256)
    with replaced(filled, s3_server, edge, lambda tile: bytes(32) + tile[32:]):
        assert broken(fsck.verify(filled, since=600)) == {"checkpoint"}


def test_a_witness_policy_is_what_proves_that_somebody_outside_signed(
    filled: House, original: Original, tmp_path: Path
) -> None:
    policy = tmp_path / "policy"
    policy.write_text("".join(f"log {key.text()}\n" for key in original.keys.vkeys()) + "quorum none\n", "utf-8")
    asked = replace(filled, settings=filled.settings.model_copy(update={"witness_policy": policy}))
    assert fsck.verify(asked).of("witnessed").verdict is Verdict.NOT_PROVED
