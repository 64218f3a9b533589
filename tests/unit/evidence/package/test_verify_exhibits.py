"""What verify.py says of exhibits: files that were exchanged, and working copies by their packets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evidence.package.inside import verify
from tests.support.authority import Authority
from tests.support.package_log import canonical, digest
from tests.support.package_maker import Made, Order, make, of_file, packet_manifest, seal
from tests.support.package_spoiling import but, changed, judged, opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A whole package, time-stamped."""
    return make(authority=Authority(tmp_path_factory.mktemp("tsa")))


def test_another_master_in_a_package_made_to_fit_it_is_contradicted(made: Made) -> None:
    """Everything that the maker of a package says is changed to fit; the log is not."""
    fake = b"another film"
    path = made.exhibits[0].master

    def fit(contents: Any) -> Any:
        contents["exhibits"][0]["master"].update(of_file(fake), sha512=digest(fake, "sha512"))
        return contents

    files = changed({**made.files, path: fake}, "custody/contents.json", fit)
    assert judged(made, files) == but(master="contradicted")


def test_a_copy_that_nobody_recorded_is_contradicted(made: Made) -> None:
    def fit(contents: Any) -> Any:
        contents["exhibits"][0]["working"][0].update(of_file(b"another copy"))
        return contents

    files = changed({**made.files, made.exhibits[0].copy: b"another copy"}, "custody/contents.json", fit)
    assert judged(made, files) == but(working="contradicted")


STREAM = packet_manifest("film", packets=50)


def stream(**changes: Any) -> dict[str, Any]:
    """The master's stream with something changed; only what a comparison reads is kept in order."""
    return {**STREAM["streams"][0], **changes}


def part(places: list[int]) -> dict[str, Any]:
    """A stream of some of the master's packets, its times from its own first packet."""
    one = STREAM["streams"][0]
    when = [one["pts"][i] - one["pts"][places[0]] for i in places]
    kept = [one["hashes"][i] for i in places]
    return stream(hashes=kept, packets=len(kept), pts=when, dts=when, payload="part", neutral="part")


SLOW = [2 * each for each in STREAM["streams"][0]["pts"]]
COMPARED = {
    "the same": (stream(), True, "all 50 packets of the master, byte for byte, timing equal within 1 ms, conf"),
    "Matroska, rounded to 1 ms": (stream(pts=[at + at % 3 * 400 for at in STREAM["streams"][0]["pts"]]), True, "equal"),
    "MPEG-TS": (
        stream(payload="annex b", config="annex b"),
        True,
        "all 50 packets of the master, but for what the cont",
    ),
    "half speed": (stream(pts=SLOW, dts=SLOW), False, "timing NOT equal"),
    "cropped": (stream(config="cut", width=120), False, "decoder configuration NOT equal, width 160 became 120"),
    "turned": (stream(matrix=[0] * 9), False, "1073741824] became [0, 0"),
    "clip": (part(list(range(25, 50))), False, "packets 25 to 49 of the master's 50, timing equal"),
    "packets dropped": (
        part([*range(10), *range(14, 50)]),
        False,
        "46 of the master's 50 packets; missing: 10-13, tim",
    ),
    "encoded again": (
        packet_manifest("other", packets=50)["streams"][0],
        False,
        "NOT the master's packets (50 packets",
    ),
}


@pytest.mark.parametrize("name", COMPARED)
def test_packets_are_compared_with_the_master_s(name: str) -> None:
    copy, same, words = COMPARED[name]
    found = verify.compare_packets(STREAM, {"v": 1, "streams": [copy]})
    assert words in found.words
    assert found.same is same


def test_a_manifest_whose_roots_are_not_its_packets_is_contradicted() -> None:
    good = packet_manifest("film")
    assert verify.read_packets(canonical(good)) == good
    for member in ("payload", "neutral", "timed"):
        bad = {**good["streams"][0], member: "0" * 64}
        with pytest.raises(verify.Contradicted, match="roots"):
            verify.read_packets(canonical({"v": 1, "streams": [bad]}))


def test_two_exhibits_are_judged_apart() -> None:
    made = make(replace(Order(exhibits=2), packets=False))
    files = seal({**made.files, made.exhibits[0].master: b"gone"})
    check = verify.Check(opened(files), verify.read_policy(made.policy))
    masters = {each.subject: each.verdict for each in check.run() if each.claim == "master"}
    assert masters == {"R0000001": "contradicted", "R0000002": "proved"}
    assert verify.failed(check)


def test_what_people_read_names_the_exhibit_and_what_is_not_shown(made: Made) -> None:
    check = verify.Check(opened(made.files))
    check.run()
    words = verify.report("a package", check)
    assert "Exhibit R0000001" in words
    assert "What this does not show" in words
    assert "Nothing here is tied to a log that you trust" in words
    for name in ("report.pdf", "READ-ME-FIRST.txt", "by-hand.txt", "case.jsonld", "verify.py", "verify.html"):
        assert name in words
    assert "held by the manifests alone, which anyone can write anew" in words
