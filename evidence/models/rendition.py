"""One technical form made from a master: a cache that can always be made again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import RenditionKind, RenditionMethod, RenditionState


class Rendition(Base):
    """Wanted, being made, ready or failed; names the master's digest, the tool build and the full argument list.

    `packets_sha256` names the manifest of its own packets.
    A DIRECT playback rendition has no object of its own: the master's bytes are served.
    """

    __tablename__ = "rendition"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    recording_id: Mapped[UUID] = mapped_column(ForeignKey("recording.id"), index=True)
    master_sha256: Mapped[str]
    kind: Mapped[RenditionKind] = mapped_column(word(RenditionKind))
    recipe: Mapped[str]
    method: Mapped[RenditionMethod] = mapped_column(word(RenditionMethod))
    why: Mapped[str]
    state: Mapped[RenditionState] = mapped_column(word(RenditionState), default=RenditionState.WANTED)
    reason: Mapped[str | None]
    bucket: Mapped[str | None]
    key: Mapped[str | None]
    size: Mapped[int | None]
    sha256: Mapped[str | None]
    content_type: Mapped[str | None]
    packets_sha256: Mapped[str | None]
    packets_size: Mapped[int | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    argv: Mapped[list[Any]] = mapped_column(default=list)
    tool: Mapped[dict[str, Any]] = mapped_column(default=dict)
    job_id: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    made_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("recording_id", "kind", "recipe"),
        Index("ix_rendition_unmade", "state", "asked_at", postgresql_where=text("state IN ('wanted', 'making')")),
        Index("ix_rendition_measured", "recipe", "made_at", postgresql_where=text("facts ? 'quality'")),
        Index("ix_rendition_failed", "asked_at", postgresql_where=text("state = 'failed'")),
    )
