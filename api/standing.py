"""What the command line asks of a system that runs: how it stands, tokens, codes, accounts, the schema."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, select

from api.counting import standing_of_count
from api.numbering import standing_of_log
from api.sweeping import late_sweeps
from api.system import DATABASE, Embedded
from api.trouble import KnownTrouble
from api.unheard import unheard_agents
from api.up import running_at
from evidence import clock, migrations
from evidence.bootstrap import House, open_house, store_settings
from evidence.custody.events import Actor
from evidence.database import ReadSession, for_owner
from evidence.embedded.cluster import installed_programs
from evidence.jobs import waiting
from evidence.models import Incident, Person, Quarantine, Recording
from evidence.settings import EvidenceSettings, secrets_folder
from evidence.store.probe import probe
from evidence.vocabulary import ActorKind, AgentKind, Role
from ingest.enrolment import offer_enrolment

CODE_HOURS = 24
SHOWN = 20  # open incidents in words
Word = TypeVar("Word", bound=StrEnum)


def names_a_database() -> bool:
    """Whether settings name a database, in the environment or in a file: then no embedded one is meant."""
    name, folder = "CONTINUITY_DATABASE_URL", secrets_folder()
    files = [path.name.upper() for path in folder.iterdir()] if folder is not None and folder.is_dir() else []
    return name in os.environ or name in files


def house_at(data: Path) -> House:
    """The records room: the one that settings name, or the embedded one of this folder. Raises KnownTrouble."""
    if names_a_database():
        return open_house(EvidenceSettings.read(), pool_size=2)
    if not (data / "postgres").exists():
        raise KnownTrouble(f"There is no system in {data}: start one with `continuity up`, or name it with --data.")
    embedded = Embedded.of(data)
    if not embedded.postgres.is_running():
        raise KnownTrouble(f"The system in {data} does not run: start it with `continuity up --data {data}`.")
    return embedded.house()


def standing(data: Path) -> dict[str, Any]:
    """What runs, what waits and why."""
    url = running_at(data)
    if url is None and not names_a_database():
        return {"running": False, "data": str(data)}
    with house_at(data).reading() as session:
        work = waiting(session)
        log = standing_of_log(session)
        unheard = unheard_agents(session)
        counted = standing_of_count(session)
        late = late_sweeps(session)
        open_now = {
            "recordings": session.scalar(select(func.count()).select_from(Recording)),
            "quarantined": session.scalar(select(func.count()).where(Quarantine.closed_at.is_(None))),
            "incidents": session.scalar(select(func.count()).where(Incident.closed_at.is_(None))),
            "open_incidents": _open_incidents(session),
        }
    queues = [
        {
            "queue": line.queue,
            "waiting": line.waiting,
            "later": line.later,
            "running": line.running,
            "failed": line.failed,
            "oldest_seconds": line.oldest_age,
        }
        for line in work.queues
    ]
    workers = [{"host": each.host, "pid": each.pid, "running": each.running, "age": each.age} for each in work.workers]
    found = {
        "running": True,
        "url": url,
        "data": str(data),
        "queues": queues,
        "workers": workers,
        "log": log,
        "unheard": unheard,
        "census": counted,
        "late_sweeps": late,
    }
    return {**found, **open_now}


def _open_incidents(session: ReadSession) -> list[dict[str, str]]:
    """The newest open incidents in words, as many as a person reads."""
    from api.enquiries import incidents

    newest = (
        select(Incident).where(Incident.closed_at.is_(None)).order_by(Incident.opened_at.desc(), Incident.id.desc())
    )
    return [
        {
            "kind": each.kind.value,
            "title": incidents.TITLES[each.kind],
            "reason": each.reason,
            "advice": each.advice,
            "opened_at": clock.as_text(each.opened_at),
        }
        for each in session.scalars(newest.limit(SHOWN))
    ]


def database_access(data: Path) -> dict[str, str]:
    """What pg_dump and its like need to reach the embedded database. Raises KnownTrouble where there is none."""
    if names_a_database():
        raise KnownTrouble("The settings name a database of your own: its programs are beside it, not here.")
    if not (data / "postgres").exists():
        raise KnownTrouble(f"There is no system in {data}: name its folder with --data.")
    postgres = Embedded.of(data).postgres
    if not postgres.is_running():
        raise KnownTrouble(f"The database in {data} does not run: start `continuity up --data {data}`.")
    return {
        "PATH": f"{installed_programs()}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        **postgres.client(DATABASE),
    }


def make_token(data: Path, *, role: str, label: str, days: int) -> str:
    """A token for a program. Raises KnownTrouble for a role that does not exist."""
    from api.authentication import make_token as new_token

    with house_at(data).writing() as session:
        return new_token(session, label=label, role=_word(Role, role), days=days, by=operator())[0]


def make_code(data: Path, *, kind: str, label: str) -> str:
    """A code that enrols one agent."""
    with house_at(data).writing() as session:
        return offer_enrolment(session, kind=_word(AgentKind, kind), label=label, hours=CODE_HOURS, by=operator())


def make_account(data: Path, *, name: str, shown: str, role: str, collar: str | None) -> str:
    """An account; its generated password."""
    from api.accounts import NewPerson, create_person
    from api.errors import BadRequest

    wanted = NewPerson(sign_in_name=name, display_name=shown, role=_word(Role, role), collar_number=collar)
    try:
        with house_at(data).writing() as session:
            return create_person(session, wanted, by=operator())[1]
    except BadRequest as refused:
        raise KnownTrouble(str(refused)) from refused


def accounts_at(data: Path) -> list[dict[str, Any]]:
    """Every account, by name, and whether its person can sign in."""
    from api.accounts import people

    with house_at(data).reading() as session:
        return [
            {
                "name": each.sign_in_name,
                "shown": each.display_name,
                "collar_number": each.collar_number,
                "role": each.role.value,
                "state": _state_of(each),
                "disabled_at": clock.as_text(each.disabled_at) if each.disabled_at else None,
            }
            for each in people(session)
        ]


def _state_of(person: Person) -> str:
    if person.disabled_at is not None:
        return "disabled"
    return "first_sign_in_to_come" if person.password_must_change else "in_use"


def migrate() -> dict[str, Any]:
    """Bring the schema up to date and put the store to the proof."""
    settings = EvidenceSettings.read()
    url = for_owner(settings.database_url.get_secret_value())
    before, _ = migrations.standing(url)
    migrations.upgrade(url)
    probe(store_settings(settings), mode=settings.lock_mode)
    return {"before": before, "now": migrations.standing(url)[0]}


def operator() -> Actor:
    """Whoever has this machine's files: known by the account of the operating system, and recorded as such."""
    account = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "unknown")
    return Actor(ActorKind.SYSTEM, "command-line", f"command line (account {account})", "operating-system")


def _word(closed: type[Word], text: str) -> Word:
    try:
        return closed(text)
    except ValueError as error:
        known = ", ".join(each.value for each in closed)
        raise KnownTrouble(f"{text!r} is not one of {known}") from error
