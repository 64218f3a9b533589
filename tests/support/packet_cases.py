"""Packet manifests of masters and of copies that were made of them in many ways, and what each is worth.

docs/package-format.md, end of section 5. Every verifier is held to the same table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.package_maker import Made, Order, make, smaller, stream_of

PICTURES, SOUNDS = [f"picture {number}" for number in range(10)], [f"sound {number}" for number in range(10)]
WHEN, HEARD = [number * 40_000 for number in range(10)], [number * 21_333 for number in range(10)]
UPRIGHT = [65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30]
TURNED = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]


def seen(packets: list[str] = PICTURES, pts: list[int] = WHEN, **said: Any) -> dict[str, Any]:
    """Pictures."""
    return stream_of(packets, pts, **said)


def heard(packets: list[str] = SOUNDS, pts: list[int] = HEARD, **said: Any) -> dict[str, Any]:
    """Sound."""
    return stream_of(packets, pts, kind="audio", **said)


MASTER = [seen(), heard()]
OTHER = [f"other {number}" for number in range(10)]
Case = tuple[list[dict[str, Any]], list[dict[str, Any]], bool]
# The master's streams, the copy's, and whether a copy of the method `remux` is contradicted by them.
CASES: dict[str, Case] = {
    "the same": (MASTER, MASTER, False),
    "streams in another order": (MASTER, MASTER[::-1], False),
    "a second angle first": ([seen(), seen(OTHER)], [seen(OTHER), seen()], False),
    "one angle left out": ([seen(), seen(OTHER)], [seen(OTHER)], False),
    "another container": (MASTER, [seen(form="annex b", config="none"), heard(form="adts", config="none")], False),
    "another container, and cropped": (MASTER, [seen(form="annex b", config="cut", width=120)], False),
    "cropped": (MASTER, [seen(config="cut"), heard()], True),
    "another size": (MASTER, [seen(width=120), heard()], True),
    "turned": (MASTER, [seen(matrix=TURNED), heard()], True),
    "upright in words": (MASTER, [seen(matrix=UPRIGHT), heard()], False),
    "rounded to a millisecond": (MASTER, [seen(pts=[at + at // 40_000 % 2 * 1000 for at in WHEN])], False),
    "a little more than a millisecond": (MASTER, [seen(pts=[*WHEN[:-1], WHEN[-1] + 1001])], True),
    "one shift": (MASTER, [seen(pts=[at + 5_000_000 for at in WHEN])], False),
    "other times of decoding": (MASTER, [seen(dts=[at - 80_000 for at in WHEN])], False),
    "half as fast": (MASTER, [seen(pts=[2 * at for at in WHEN])], True),
    "a packet less": (MASTER, [seen(PICTURES[:4] + PICTURES[5:], WHEN[:4] + WHEN[5:])], True),
    "a part": (MASTER, [seen(PICTURES[3:7], WHEN[:4])], True),
    "two packets swapped": (MASTER, [seen([*PICTURES[:8], PICTURES[9], PICTURES[8]])], True),
    "encoded again": (MASTER, [seen(OTHER), heard()], True),
    "another codec": (MASTER, [seen(OTHER, codec="hevc"), heard()], True),
    "another codec by name alone": (MASTER, [seen(codec="hevc"), heard()], True),
    "sound of another codec": (MASTER, [seen(), heard(OTHER, codec="opus")], False),
    "sound encoded again": (MASTER, [seen(), heard(OTHER)], False),
    "sound set up otherwise": (MASTER, [seen(), heard(config="other")], False),
    "sound alone": ([heard()], [heard()], False),
    "sound alone, encoded again": ([heard()], [heard(OTHER, codec="opus")], True),
    "sound alone, set up otherwise": ([heard()], [heard(config="other")], True),
    "sound alone, its beginning moved": ([heard()], [heard(pts=[0, 0, 0, *HEARD[3:]])], False),
    "sound alone, the fourth moved": ([heard()], [heard(pts=[*HEARD[:3], 0, *HEARD[4:]])], True),
    "three sounds": ([heard(SOUNDS[:3], HEARD[:3])], [heard(SOUNDS[:3], [0, 0, 0])], False),
    "a stream of its own": ([heard()], MASTER, True),
    "a sound of its own": ([seen()], MASTER, False),
    "nothing": (MASTER, [], False),
    "no packets": ([seen([], [], keys=[])], [seen([], [], keys=[])], False),
    "packets of none": (MASTER, [seen([], [], keys=[])], True),
    "another root": (MASTER, [seen(payload="0" * 64)], True),
    "a key that is not there": (MASTER, [seen(keys=[10])], True),
    "keys in disorder": (MASTER, [seen(keys=[2, 1])], True),
    "half a matrix": (MASTER, [seen(matrix=[1])], True),
    "no matrix": (MASTER, [seen(matrix=[])], True),
    "a width of nothing": (MASTER, [seen(width=None)], True),
    "a member with a question mark": (MASTER, [{**seen(), "rate?": 1}], True),
    "a codec of nothing": (MASTER, [seen(codec="")], True),
    "a codec of too many letters": (MASTER, [seen(codec="x" * 201)], True),
}
# Where a manifest is not one: contradicted whatever the method.
BROKEN = {
    "another root", "a key that is not there", "keys in disorder", "half a matrix", "no matrix", "a width of nothing",
    "a member with a question mark", "a codec of nothing", "a codec of too many letters",
}  # fmt: skip


def package_of(name: str, *, method: str = "remux") -> Made:
    """A whole package whose copy has these packets, as the log has them."""
    ours, theirs, _ = CASES[name]
    order = smaller(Order(witnesses=0, quorum="none", ml_dsa=False))
    manifests = ({"v": 1, "streams": ours}, {"v": 1, "streams": theirs})
    return make(replace(order, manifests=manifests, method=method))
