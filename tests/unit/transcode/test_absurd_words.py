"""What children say that no honest one would: it is refused as other nonsense is, and nothing else is raised."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evidence.vocabulary import Condition
from transcode.condition import judge
from transcode.ending import Ending, How
from transcode.errors import RenderFailed
from transcode.media import MediaFacts
from transcode.plan import decide, pixels_of
from transcode.probe import facts_of
from transcode.repair import LookSaid
from transcode.said import ReadingSaid, SurveySaid, understood, words
from transcode.signature import Seems, Signature

MP4 = Signature(Seems.MEDIA, "an MP4 or QuickTime file")
DEEP = (b"[" * 200_000, b'{"a":' * 200_000)
HUGE = 10**400
FILM: dict[str, Any] = {"index": 0, "kind": "video", "codec": "h264", "decoded": True, "width": 64, "height": 48}


def clean(output: bytes) -> Ending:
    return Ending(how=How.CLEAN, output=output)


@pytest.mark.parametrize("output", DEEP)
def test_words_nested_deeper_than_anybody_can_follow_are_nonsense(output: bytes) -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        words(output)
    for kind in (ReadingSaid, SurveySaid, LookSaid):
        with pytest.raises(RenderFailed, match="what the master says of itself cannot be"):
            understood(clean(output), kind, "reading")


@pytest.mark.parametrize("huge", [HUGE, str(HUGE)])
@pytest.mark.parametrize(("kind", "name"), [(SurveySaid, "broken"), (LookSaid, "pictures"), (LookSaid, "sound_taken")])
def test_counts_beyond_counting_are_nonsense(kind: type[SurveySaid], name: str, huge: int | str) -> None:
    with pytest.raises(RenderFailed):
        understood(clean(json.dumps({name: huge}).encode()), kind, "reading")


@pytest.mark.parametrize("huge", [HUGE, str(HUGE)])
@pytest.mark.parametrize("name", ["rate", "sample_aspect", "frames", "indexed", "beyond_end", "rotation"])
def test_facts_beyond_reckoning_are_nonsense(name: str, huge: int | str) -> None:
    absurd = [huge, 1] if name in ("rate", "sample_aspect") else huge
    with pytest.raises(ValueError, match=name):
        facts_of({"container": "mp4", "size": 1, "streams": [{**FILM, name: absurd}]}, ())
    with pytest.raises(ValueError, match="size"):
        facts_of({"container": "mp4", "size": huge, "streams": [FILM]}, ())


def test_the_largest_facts_that_are_believed_can_be_reckoned_with() -> None:
    most = (1 << 63) - 1
    large = {"rate": [most, 1], "sample_aspect": [most, 1], "frames": most, "indexed": most, "beyond_end": most}
    facts = MediaFacts.model_validate({"container": "mp4", "size": most, "streams": [{**FILM, **large}]})
    assert judge(MP4, clean(b""), facts).condition is Condition.DAMAGED
    assert decide(facts, Condition.DAMAGED)
    assert pixels_of(facts)
    assert facts.streams[0].shown_aspect
