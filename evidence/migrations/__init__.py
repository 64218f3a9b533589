"""Schema history: one revision a change, applied by `upgrade`, never on the way to something else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text

from evidence.database import psycopg_url

if TYPE_CHECKING:
    from alembic.config import Config

MONTHS_AHEAD = 3  # partitions of the custody log that are made in advance


# Alembic is loaded where it is asked for something: every command imports this module, and few move a schema.


def _config(url: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = psycopg_url(url)
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to a revision. Repeating it changes nothing but the months that have come near."""
    from alembic import command

    command.upgrade(_config(url), revision)
    if revision == "head":
        _make_months(url)


def _make_months(url: str) -> None:
    """A machine that is off at night misses the nightly sweep that would make them."""
    engine = create_engine(psycopg_url(url))
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT custody.make_months(:ahead)"), {"ahead": MONTHS_AHEAD})
    finally:
        engine.dispose()


def downgrade(url: str, revision: str) -> None:
    """Take the database back to a revision; for tests and for a person who knows why."""
    from alembic import command

    command.downgrade(_config(url), revision)


def standing(url: str) -> tuple[str | None, str | None]:
    """The revision that the database is at, and the newest that this build knows."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory.from_config(_config(url)).get_current_head()
    engine = create_engine(psycopg_url(url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision(), newest
    finally:
        engine.dispose()
