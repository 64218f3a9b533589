"""Runs the revisions on one connection, in one transaction each."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

import evidence.custody.rows
import evidence.jobs.rows
import evidence.models  # noqa: F401 - registers its tables
from evidence.database import Base


def ours(name: str | None, kind: str, parents: object) -> bool:
    """Leave out of comparisons what no model names: the engine's own tables and the log's monthly partitions."""
    del parents
    return not (kind == "table" and name is not None and name.startswith(("procrastinate_", "event_")))


def run() -> None:
    """Connect to the URL that the caller gave and run what it asked for."""
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_schemas=True,
            transaction_per_migration=True,
            compare_type=True,
            include_name=ours,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
