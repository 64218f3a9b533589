"""The sequencer's process, and what the command line asks of the custody log."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from api.standing import house_at, operator
from api.starting import say_started
from api.trouble import KnownTrouble
from api.up import HALTED, stop_on_signals
from evidence.bootstrap import House, open_house
from evidence.database import for_owner
from evidence.errors import EvidenceError
from evidence.logs import start_logging
from evidence.outside.duties import Duties
from evidence.outside.giving import Given, policy_to_give
from evidence.outside.keys import open_keys
from evidence.outside.remembering import MEMORY, RememberingSigner
from evidence.outside.rotating import handles
from evidence.outside.witnessing import read_policy
from evidence.sequencing.errors import MustHalt
from evidence.sequencing.exporting import export_log
from evidence.sequencing.reading import (
    await_size,
    consistency_prover,
    log_head,
    log_standing,
    published_note,
    subtree_reader,
)
from evidence.sequencing.rollforward import roll_forward
from evidence.sequencing.sequencer import Sequencer
from evidence.settings import EvidenceSettings
from evidence.tlog.signing import Signer

BEHIND = 60.0  # seconds for which an event may wait for its number before the log counts as behind
LOOK = 5.0  # seconds between two looks whether a halt has been lifted
TURN = 1.0  # seconds between two looks at what is owed to those outside

log = structlog.get_logger()


def run(*, wait: bool) -> int:
    """Sequence until told to stop. The exit code: 0 stopped, HALTED where a person must look.

    `wait`: stay, and go on when the log has been rolled forward; for supervisors that start again whatever ends.
    """
    start_logging(process="sequencer")
    settings = EvidenceSettings.read()
    house = open_house(settings, pool_size=8)
    say_started(house, "sequencer")
    stop = threading.Event()
    stop_on_signals(stop)
    duties = Duties(house, settings, subtree_reader)
    # The policy that the duties go by: a file that was spoilt since the start must not stop the signing.
    sequencer = Sequencer(house, signer_of(house), unwitnessed=duties.is_unwitnessed)
    beside = threading.Thread(target=_turn, args=(duties, sequencer, stop), name="duties outside")
    beside.start()
    try:
        while not stop.is_set():
            try:
                sequencer.run(stop)
            except MustHalt as reason:
                log.critical("the custody log is halted", reason=str(reason))
                if not wait:
                    return HALTED
                _wait_for_a_person(house, stop)
    finally:
        stop.set()
        beside.join()
    return 0


def signer_of(house: House) -> Signer:
    """The signer that the settings name: it remembers what it signed last. Raises KeyUnusable."""
    keys = open_keys(house.settings)
    return RememberingSigner(keys, keys.folder / MEMORY, consistency_prover(house.custody))


def is_unwitnessed(settings: EvidenceSettings) -> bool:
    """Whether a checkpoint counts as soon as it is published: no policy is named, or it asks for nobody."""
    policy = read_policy(settings)
    return policy is None or policy.quorum is None


def head(data: Path) -> dict[str, Any]:
    """How the log stands, and its newest checkpoint with all signatures."""
    with house_at(data).reading() as session:
        found = log_standing(session)
        newest = log_head(session)
        note = published_note(session, newest.size).decode() if newest else ""
    return {
        "waiting": found.waiting,
        "oldest_seconds": round(found.oldest, 3),
        "size": found.size,
        "published": found.published,
        "root": newest.root.hex() if newest else None,
        "witnessed": found.witnessed,
        "halted": found.halted,
        "behind": found.oldest > BEHIND,
        "note": note,
    }


def export(data: Path, folder: Path) -> dict[str, Any]:
    """Copy the whole log into a folder, checked."""
    done = export_log(house_at(data), folder)
    return {"size": done.checkpoint.size, "root": done.checkpoint.root.hex(), "files": done.files}


def policy(data: Path) -> Given:
    """The policy to give out: the keys that count now, under the witnesses of the file that the settings name."""
    house = house_at(data)
    return policy_to_give(house, open_keys(house.settings))


def publish(data: Path, within: timedelta) -> dict[str, Any]:
    """Ask for a checkpoint over everything that has been recorded, and wait for it."""
    try:
        return {"size": await_size(house_at(data), within).size}
    except EvidenceError as error:
        raise KnownTrouble(f"{error}: see `continuity custody head`") from error


def rollforward(data: Path) -> dict[str, Any]:
    """Bring the database to the newest signed checkpoint, and let the log go on."""
    house = _as_owner(house_at(data))
    done = roll_forward(
        house,
        signer_of(house),
        by=operator(),
        unwitnessed=is_unwitnessed(house.settings),
        handles=handles(house, open_keys(house.settings)),
    )
    return {
        "from_size": done.from_size,
        "to_size": done.to_size,
        "sealed_missing": done.sealed_missing,
        "moved": done.moved,
        "doubled": list(done.doubled),
    }


def _as_owner(house: House) -> House:
    """The same house with the owner's rights: services may not put events back."""
    owner = SecretStr(for_owner(house.settings.database_url.get_secret_value()))
    return open_house(house.settings.model_copy(update={"database_url": owner}), pool_size=2)


def _turn(duties: Duties, sequencer: Sequencer, stop: threading.Event) -> None:
    """Only who leads speaks to those outside: two would ask everything twice."""
    while not stop.wait(TURN):
        if sequencer.leading.is_set():
            duties.tick()


def _wait_for_a_person(house: House, stop: threading.Event) -> None:
    """Return when the log is no longer halted, or this process is to stop."""
    while not stop.wait(LOOK):
        try:
            with house.reading() as session:
                if log_standing(session).halted is None:
                    return
        except SQLAlchemyError as error:
            log.warning("the database is away", error=str(error))
