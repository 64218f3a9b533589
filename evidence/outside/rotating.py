"""Makes, replaces and revokes log keys, and keeps the history of them that proofs of all times need.

keys.json in the folder of the keys is what decides; `enter` brings the table `custody.log_key` and the log into
agreement with it, and may be repeated. A public key stays in the history for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.custody.rows import LogKey, LogState
from evidence.database import WriteSession
from evidence.errors import NotFound
from evidence.outside.errors import KeyUnusable
from evidence.outside.keys import LIST, LogKeys, Pair, PairList, device_of, make_pair, write_list
from evidence.outside.remembering import MEMORY, begin_memory
from evidence.settings import EvidenceSettings
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.vocabulary import LogKeyState

if TYPE_CHECKING:
    from evidence.bootstrap import House
    from evidence.outside.hardware import Device

WORDS = {Algorithm.ED25519: "ed25519", Algorithm.ML_DSA_44: "ml-dsa-44"}
WHO = Actor.system("log-keys")


def make(folder: Path, origin: str, device: Device | None = None) -> LogKeys:
    """The first pair of keys of a log, and the memory of a signer that has signed nothing.

    Raises KeyUnusable where the folder has keys already, or the device makes none.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / LIST).exists():
        raise KeyUnusable(f"{folder} has keys already: `continuity custody keys rotate` replaces them")
    first = make_pair(folder / "1", origin, device)
    begin_memory(folder / MEMORY, origin)
    write_list(folder, PairList(origin=origin, pairs=(first,)))
    return LogKeys(folder, device)


def rotate(house: House, keys: LogKeys, *, settings: EvidenceSettings, by: Actor) -> list[VerifierKey]:
    """Put a new pair in force; the old one signs beside it for the days that the settings say. The new public keys."""
    until = clock.now() + timedelta(days=settings.log_keys_overlap_days)
    with keys.changing() as write:
        listed = keys.listed().pairs
        name = str(max(int(pair.name) for pair in listed) + 1)
        new = make_pair(keys.folder / name, keys.origin, device_of(settings))
        write([*(_ending(pair, until) for pair in listed), new])
    enter(house, keys, by=by)
    return keys.pair(name).vkeys()


def revoke(house: House, keys: LogKeys, key_id: str, *, because: str, by: Actor) -> None:
    """Trust a pair no more, from now on. Raises NotFound, or KeyUnusable where no other pair would be left to sign."""
    enter(house, keys, by=by)
    handles = {row.handle for row in history(house) if bytes(row.key_id).hex() == key_id}
    with keys.changing() as write:
        listed = keys.listed().pairs
        found = [pair for pair in listed if handles & {pair.handle(algorithm) for algorithm in WORDS}]
        if not found:
            raise NotFound(f"a log key {key_id}")
        if not any(pair.signs(clock.now()) for pair in listed if pair not in found):
            raise KeyUnusable("no other pair signs: `continuity custody keys rotate` first, and then revoke")
        gone = {"state": "revoked", "because": because}
        write([pair.model_copy(update=gone) if pair in found else pair for pair in listed])
    enter(house, keys, by=by)


def enter(house: House, keys: LogKeys, *, by: Actor = WHO, now: datetime | None = None) -> None:
    """Bring table and log into agreement with keys.json: new keys, keys whose time is over, keys that were revoked."""
    moment = now or clock.now()
    with keys.changing() as write:
        listed = tuple(_retired(pair, moment) for pair in keys.listed().pairs)
        if listed != keys.listed().pairs:
            write(listed)
    # A revoked or retired key may be gone from folder and device; its history is in the table since it came.
    public = {pair.name: keys.pair(pair.name).vkeys() for pair in listed if pair.state == "in_force"}
    with house.writing() as session:
        size = session.get_one(LogState, 1).published_size
        for pair in listed:
            for key in public.get(pair.name, []):
                _enter_new(session, key, handle=pair.handle(key.algorithm), size=size, by=by)
        for pair in listed:
            if pair.state != "in_force":
                _enter_end(session, pair, size=size, by=by)


def history(house: House) -> list[LogKey]:
    """Every key of the log there ever was, oldest first."""
    with house.reading() as session:
        return list(session.scalars(select(LogKey).order_by(LogKey.from_size, LogKey.alg, LogKey.key_id)))


def trusted_keys(house: House, keys: LogKeys) -> list[VerifierKey]:
    """Every key whose signature counts: those in force, and those that were retired, but for the revoked."""
    kept = [VerifierKey.parse(row.vkey) for row in history(house) if row.state is not LogKeyState.REVOKED]
    return list({(key.name, key.key_id): key for key in (*kept, *keys.vkeys())}.values())


def revoked_keys(house: House) -> list[VerifierKey]:
    """Every key that was revoked: no policy of this log lists it."""
    return [VerifierKey.parse(row.vkey) for row in history(house) if row.state is LogKeyState.REVOKED]


def _enter_new(session: WriteSession, key: VerifierKey, *, handle: str, size: int, by: Actor) -> None:
    before = session.scalars(
        select(LogKey.key_id)
        .where(LogKey.name == key.name, LogKey.alg == key.algorithm, LogKey.state == LogKeyState.IN_FORCE)
        .order_by(LogKey.from_size.desc())
    ).first()
    values = {
        "key_id": key.key_id,
        "name": key.name,
        "alg": int(key.algorithm),
        "vkey": key.text(),
        "from_size": size if before is not None else 0,
        "handle": handle,
        "state": LogKeyState.IN_FORCE,
    }
    made = session.scalars(insert(LogKey).values(values).on_conflict_do_nothing().returning(LogKey.key_id))
    if made.one_or_none() is None:
        return
    facts = {"key": key.key_id.hex(), "from_size": values["from_size"], "algorithm": WORDS[key.algorithm]}
    if before is not None:
        facts["old"] = bytes(before).hex()
    event = Event(type=EventType.KEY_ROTATED, subject=SYSTEM, actor=by, facts={**facts, "vkey": key.text()})
    ledger.record(session, event)


def _enter_end(session: WriteSession, pair: Pair, *, size: int, by: Actor) -> None:
    wanted = LogKeyState(pair.state)
    in_pair = [
        row
        for row in session.scalars(select(LogKey).where(LogKey.state != wanted).with_for_update())
        if pair.handle(Algorithm(row.alg)) == row.handle
    ]
    for row in in_pair:
        row.state = wanted
        row.to_size = row.to_size if row.to_size is not None else size
        if wanted is LogKeyState.REVOKED:
            facts = {"key": bytes(row.key_id).hex(), "to_size": row.to_size, "algorithm": WORDS[Algorithm(row.alg)]}
            event = Event(
                type=EventType.KEY_REVOKED, subject=SYSTEM, actor=by, facts=facts, personal={"because": pair.because}
            )
            ledger.record(session, event)
    session.flush()


def _ending(pair: Pair, until: datetime) -> Pair:
    """A pair that signs, with the moment from which it no longer does; any other as it is."""
    goes_on = pair.state == "in_force" and pair.until is None
    return pair.model_copy(update={"until": until}) if goes_on else pair


def _retired(pair: Pair, now: datetime) -> Pair:
    is_over = pair.state == "in_force" and not pair.signs(now)
    return pair.model_copy(update={"state": "retired"}) if is_over else pair
