"""Schema history: one revision a change, applied by `upgrade`, never on the way to something else."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from evidence.database import psycopg_url


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = psycopg_url(url)
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to a revision. Repeating it changes nothing."""
    command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database back to a revision; for tests and for a person who knows why."""
    command.downgrade(_config(url), revision)


def standing(url: str) -> tuple[str | None, str | None]:
    """The revision that the database is at, and the newest that this build knows."""
    newest = ScriptDirectory.from_config(_config(url)).get_current_head()
    engine = create_engine(psycopg_url(url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision(), newest
    finally:
        engine.dispose()
