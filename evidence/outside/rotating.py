"""Makes, replaces and revokes log keys, and keeps the history of them that proofs of all times need.

keys.json in the folder of the keys is what decides; `enter` brings the table `custody.log_key` and the log into
agreement with it, and may be repeated. A public key stays in the history for ever, and in public.json beside the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from evidence import clock
from evidence.custody import ledger, log_keys
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
    public = _public(house, keys)
    with keys.changing() as write:
        listed = keys.listed().pairs
        found = [pair for pair in listed if key_id in {key.key_id.hex() for key in public.get(pair.name, ())}]
        if not found:
            raise NotFound(f"a log key {key_id}")
        if not any(pair.signs(clock.now()) for pair in listed if pair not in found):
            raise KeyUnusable("no other pair signs: `continuity custody keys rotate` first, and then revoke")
        gone = {"state": "revoked", "because": because}
        write([pair.model_copy(update=gone) if pair in found else pair for pair in listed])
    enter(house, keys, by=by)


def enter(house: House, keys: LogKeys, *, by: Actor = WHO, now: datetime | None = None) -> None:
    """Bring table and log into agreement with keys.json: new keys, keys whose time is over, keys that were revoked.

    A halted log is left as it is: events may be missing that say what is entered here, until it is rolled forward.
    """
    moment = now or clock.now()
    with keys.changing() as write:
        listed = tuple(_retired(pair, moment) for pair in keys.listed().pairs)
        if listed != keys.listed().pairs:
            write(listed)
        public = _public(house, keys)
        keys.write_down(public)
    with house.writing() as session:
        state = session.get_one(LogState, 1)
        if state.halted is not None:
            return
        size = state.published_size
        for pair in listed:
            for key in public.get(pair.name, []) if pair.state == "in_force" else ():
                _enter_new(session, key, handle=pair.handle(key.algorithm), size=size, by=by)
        for pair in listed:
            if pair.state != "in_force":
                _enter_end(session, pair, public.get(pair.name, []), size=size, by=by)


def history(house: House) -> list[LogKey]:
    """Every key of the log that the table has, oldest first."""
    with house.reading() as session:
        return list(session.scalars(select(LogKey).order_by(LogKey.from_size, LogKey.alg, LogKey.key_id)))


@dataclass(frozen=True, slots=True)
class Trusted:
    """The keys whose signature counts, and a sentence for each key that is left out though something names it."""

    keys: tuple[VerifierKey, ...]
    doubts: tuple[str, ...]


def judge_keys(house: House, keys: LogKeys) -> Trusted:
    """The keys that the folder names, in force or retired, but for those that an event of the log revoked.

    Nothing rests on what the table of keys has. Raises KeyUnusable.
    """
    public = _public(house, keys)
    ours = [key for pair in keys.listed().pairs if pair.state != "revoked" for key in public.get(pair.name, [])]
    known = {key for each in public.values() for key in each}
    with house.reading() as session:
        named, doubts = log_keys.named_keys(session), log_keys.faults(session)
    ended = {each.key for each in named if each.is_revoked}
    for each in named:
        shown = f"the log key {each.key.key_id.hex()}"
        if each.counts and each.key not in known:
            doubts.append(f"an event of the log names {shown}, and {keys.folder / LIST} does not: it is left out")
    for key in ours:
        if key in ended:
            shown = f"the log key {key.key_id.hex()}"
            doubts.append(f"an event of the log revoked {shown}, and {keys.folder / LIST} does not: it is left out")
    return Trusted(tuple(key for key in ours if key not in ended), tuple(doubts))


def trusted_keys(house: House, keys: LogKeys) -> list[VerifierKey]:
    """Every key whose signature counts: those in force, and those that were retired, but for the revoked."""
    return list(judge_keys(house, keys).keys)


def revoked_keys(house: House) -> list[VerifierKey]:
    """Every key that an event of the log revoked: no policy of this log lists it."""
    with house.reading() as session:
        return [each.key for each in log_keys.named_keys(session) if each.is_revoked]


def handles(house: House, keys: LogKeys) -> dict[str, str]:
    """Where each key of the folder is kept, by the key's text."""
    public = _public(house, keys)
    listed = {pair.name: pair for pair in keys.listed().pairs}
    return {key.text(): listed[name].handle(key.algorithm) for name, each in public.items() for key in each}


def _public(house: House, keys: LogKeys) -> dict[str, list[VerifierKey]]:
    """The public halves of every pair. Those of a pair that was gone before public.json came are the log's to tell."""
    public = keys.public()
    gone = [pair for pair in keys.listed().pairs if pair.name not in public]
    if gone:
        rows = {row.vkey: row.handle for row in history(house)}
        with house.reading() as session:
            told = [each.key for each in log_keys.named_keys(session) if each.has_signed]
        known = {key for each in public.values() for key in each}
        for pair in gone:
            of_pair = [key for key in told if rows.get(key.text()) == pair.handle(key.algorithm) and key not in known]
            if of_pair:
                public[pair.name] = of_pair
    return public


def _enter_new(session: WriteSession, key: VerifierKey, *, handle: str, size: int, by: Actor) -> None:
    named = log_keys.named_keys(session)
    told = next((each for each in named if each.key == key), None)
    before = [
        each.key for each in named if each.key != key and each.key.algorithm is key.algorithm and not each.is_revoked
    ]
    begins = size if before else 0
    row = session.get(LogKey, key.key_id, with_for_update=True)
    if row is None:
        row = LogKey(key_id=key.key_id, name=key.name, alg=int(key.algorithm), vkey=key.text())
        row.from_size = told.from_sizes[0] if told else begins
        row.handle, row.state = handle, LogKeyState.IN_FORCE
        session.add(row)
        session.flush()
    if told is not None:
        return
    facts = {"key": key.key_id.hex(), "from_size": row.from_size, "algorithm": WORDS[key.algorithm]}
    if before:
        facts["old"] = before[-1].key_id.hex()
    event = Event(type=EventType.KEY_ROTATED, subject=SYSTEM, actor=by, facts={**facts, "vkey": key.text()})
    ledger.record(session, event)


def _enter_end(session: WriteSession, pair: Pair, public: Sequence[VerifierKey], *, size: int, by: Actor) -> None:
    """End a pair's keys in the table, and say in the log that they were revoked, where it does not say so yet."""
    wanted = LogKeyState(pair.state)
    told = {each.key: each for each in log_keys.named_keys(session)}
    for key in public:
        row = session.get(LogKey, key.key_id, with_for_update=True)
        if row is None or row.vkey != key.text():
            continue
        if row.state is not wanted:
            row.state = wanted
            if row.to_size is None:
                last = log_keys.last_signed(session, key) if wanted is LogKeyState.RETIRED else None
                row.to_size = size if last is None else last
        if wanted is LogKeyState.REVOKED and (key not in told or not told[key].is_revoked):
            facts = {"key": key.key_id.hex(), "to_size": row.to_size, "algorithm": WORDS[key.algorithm]}
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
