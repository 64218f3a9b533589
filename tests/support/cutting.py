"""Clips asked for as the desk asks for them, and their pictures and sound looked at from outside."""

from __future__ import annotations

import hashlib
import io
from fractions import Fraction
from typing import Any
from uuid import UUID

import av
import numpy as np

from evidence.custody.events import Actor
from evidence.models import Clip, Master
from evidence.vocabulary import RenditionState
from tests.support.house import until
from tests.support.workroom import Workroom
from transcode import clip_records
from transcode.clip_recipe import Recipe

PERSON = Actor.system("a supervisor of the test")


def recipe_for(workroom: Workroom, recording: UUID, **told: Any) -> Recipe:
    """A recipe for a recording that was examined; its first sound is in it, where it has one and none is named."""
    found = workroom.recording(recording)
    with workroom.house.reading() as session:
        sha256 = session.get_one(Master, recording).sha256
    sounds = tuple(each["index"] for each in found.media_facts["streams"] if each["kind"] == "audio")[:1]
    told = {"kind": "clip", "sounds": sounds, **told}
    return Recipe.model_validate({"recording": str(recording), "master_sha256": sha256, **told})


def asked(workroom: Workroom, recipe: Recipe) -> UUID:
    """Ask for it; the clip's id."""
    with workroom.house.writing() as session:
        return clip_records.ask(session, recipe, by=PERSON, person=None)[0].id


def clip_of(workroom: Workroom, clip: UUID) -> Clip:
    """The clip as it is now."""
    with workroom.house.reading() as session:
        return session.get_one(Clip, clip)


def made(workroom: Workroom, clip: UUID, *, within: float = 90) -> Clip:
    """Wait until it is ready or has failed."""

    def look() -> Clip | None:
        found = clip_of(workroom, clip)
        return found if found.state in (RenditionState.READY, RenditionState.FAILED) else None

    return until(look, within=within, what="the clip")


def body_of(workroom: Workroom, row: Clip) -> bytes:
    """The clip's own file; its digest is the one that was recorded."""
    assert row.key is not None, row.reason
    body = b"".join(workroom.house.renditions.read(row.key))
    assert hashlib.sha256(body).hexdigest() == row.sha256
    return body


def pictures(body: bytes) -> list[tuple[Fraction, Any]]:
    """Each decoded picture with its time in seconds, in showing order."""
    with av.open(io.BytesIO(body), mode="r") as container:
        stream = container.streams.video[0]
        decoded: Any = container.decode(stream)
        return [(frame.pts * frame.time_base, frame.to_ndarray(format="yuv420p")) for frame in decoded]


def likeness(mine: Any, theirs: Any) -> float:
    """Peak signal-to-noise ratio in dB; 100 where there is no difference at all."""
    error = float(np.mean((mine.astype(float) - theirs.astype(float)) ** 2))
    return 100.0 if error == 0 else float(10 * np.log10(255**2 / error))


def samples(body: bytes, track: int = 0) -> Any:
    """The sound of one track as players hear it, from zero on: samples left out at the edges are left out."""
    with av.open(io.BytesIO(body), mode="r") as container:
        decoded: Any = container.decode(container.streams.audio[track])
        parts = [frame.to_ndarray() for frame in decoded]
    return np.concatenate(parts, axis=1)
