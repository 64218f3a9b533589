"""Runs the revisions on one connection, in one transaction each."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

import evidence.custody.rows  # noqa: F401 - registers its tables
import evidence.jobs.rows  # noqa: F401 - registers its tables
import evidence.models  # noqa: F401 - registers its tables
from evidence.database import Base


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
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
