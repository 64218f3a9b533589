"""What contents.json says is held against the events: it and the manifests are unsigned, and were written anew.

Both verifiers in Python are asked, and must say the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence.package.check import check
from evidence.package.inside import verify
from evidence.tlog.policy import parse_policy
from tests.support.package_maker import Made, Order, make, seal, write
from tests.support.package_spoiling import Files, changed, events, opened, with_events, without

CONTENTS = "custody/contents.json"
ONE, TWO = "R0000001", "R0000002"
COPY = f"data/exhibits/{ONE}/working-player.mp4"
Said = dict[tuple[str, str], tuple[str, str]]


@pytest.fixture(scope="module")
def made() -> Made:
    """A whole package of two exhibits."""
    return make(Order(exhibits=2))


def both(made: Made, files: Files, folder: Path) -> tuple[Said, Said]:
    """Verdict and words of each claim: of the product's verifier, and of the one in each package."""
    ours = check(write(files, folder / "package"), policy=parse_policy(made.policy)).claims
    theirs = verify.Check(opened(files), verify.read_policy(made.policy)).run()
    return (
        {(each.claim, each.subject): (each.verdict.value, each.words) for each in ours},
        {(each.claim, each.subject): (each.verdict, each.words) for each in theirs},
    )


def contradicted(made: Made, files: Files, folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """The claims that are contradicted, with the words of both; on every verdict they agree."""
    ours, theirs = both(made, files, folder)
    assert {claim: verdict for claim, (verdict, _) in ours.items()} == {
        claim: verdict for claim, (verdict, _) in theirs.items()
    }
    return {claim: (words, theirs[claim][1]) for claim, (verdict, words) in ours.items() if verdict == "contradicted"}


def moved(files: Files, names: dict[str, str]) -> Files:
    """The package with exhibits under other names: folders, contents.json and manifests."""

    def other(path: str) -> str:
        top, of, name, *rest = path.split("/")
        return "/".join([top, of, names.get(name, name), *rest])

    def rename(contents: Any) -> Any:
        for each in contents["exhibits"]:
            each["reference"] = names.get(each["reference"], each["reference"])
            for file in (each["master"], *each["working"]):
                file["path"] = other(file["path"])
        return contents

    data = {other(path) if path.startswith("data/") else path: body for path, body in files.items()}
    return changed(data, CONTENTS, rename)


def of_copy(files: Files, **said: Any) -> Files:
    """The package with something else said of the first exhibit's copy."""

    def change(contents: Any) -> Any:
        contents["exhibits"][0]["working"][0].update(said)
        return contents

    return changed(files, CONTENTS, change)


def left_out(files: Files, *, events_too: bool = False) -> Files:
    """The package without its second exhibit, as if there had never been one."""
    second = json.loads(files[CONTENTS])["exhibits"][1]["recording"].encode()
    kept = {path: data for path, data in files.items() if not path.startswith(f"data/exhibits/{TWO}/")}
    kept = changed(kept, CONTENTS, lambda contents: {**contents, "exhibits": contents["exhibits"][:1]})
    if not events_too:
        return kept
    gone = [row["seq"] for row in events(kept) if second in row["leaf"]]
    rows = [row for row in events(kept) if row["seq"] not in gone]
    sizes = {json.loads(row["leaf"])["seen"]["size"] for row in rows}
    kept = changed(kept, "custody/seen.json", lambda seen: [each for each in seen if each["size"] in sizes])
    proofs = (f"custody/proofs/{seq}.tlog-proof" for seq in gone)
    return without(with_events(kept, rows), "custody/revealed.json", *proofs)


def test_a_clean_package_contradicts_nothing(made: Made, tmp_path: Path) -> None:
    assert contradicted(made, made.files, tmp_path) == {}


def test_swapped_references_are_contradicted(made: Made, tmp_path: Path) -> None:
    found = contradicted(made, moved(made.files, {ONE: TWO, TWO: ONE}), tmp_path)
    assert set(found) == {("history", ONE), ("history", TWO)}
    assert all(ONE in words and TWO in words for each in found.values() for words in each)


def test_nothing_is_proved_of_an_exhibit_under_another_s_reference(made: Made, tmp_path: Path) -> None:
    ours, _ = both(made, moved(made.files, {ONE: TWO, TWO: ONE}), tmp_path)
    of_exhibits = {claim: verdict for claim, (verdict, _) in ours.items() if claim[1] != "package"}
    assert len(of_exhibits) >= 8
    assert "proved" not in of_exhibits.values()


def test_an_invented_reference_is_contradicted(made: Made, tmp_path: Path) -> None:
    found = contradicted(made, moved(made.files, {ONE: "INVENTED"}), tmp_path)
    assert set(found) == {("history", "INVENTED")}
    assert all(ONE in words and "INVENTED" in words for words in found["history", "INVENTED"])


@pytest.mark.parametrize("events_too", [False, True])
def test_an_exhibit_that_is_left_out_is_contradicted(made: Made, events_too: bool, tmp_path: Path) -> None:
    found = contradicted(made, left_out(made.files, events_too=events_too), tmp_path)
    assert set(found) == {("events", "package")}
    assert all("2 exhibits" in words and "lists 1" in words for words in found["events", "package"])


def test_an_exhibit_put_in_the_place_of_another_is_contradicted(tmp_path: Path) -> None:
    """The number is right; a recording of which the package was made is not listed."""
    made = make(Order(exhibits=3))
    last = made.exhibits[2].recording

    def exchange(contents: Any) -> Any:
        contents["exhibits"][2]["recording"] = made.exhibits[2].recording[:-1] + "0"
        return contents

    assert not last.endswith("0")
    found = contradicted(made, changed(made.files, CONTENTS, exchange), tmp_path)
    assert set(found) == {("events", "package")}
    assert all(last in words for words in found["events", "package"])


@pytest.mark.parametrize(("name", "was", "value"), [("kind", "player", "analysis"), ("method", "remux", "transcode")])
def test_another_kind_or_method_of_a_copy_is_contradicted(
    made: Made, name: str, was: str, value: str, tmp_path: Path
) -> None:
    # Its name goes with its kind, or that alone would contradict.
    copy = COPY.replace(was, value)
    files = {copy if path == COPY else path: data for path, data in made.files.items()}
    files = of_copy(files, **{name: value, "path": copy})
    found = contradicted(made, files, tmp_path)
    assert set(found) == {("working", copy)}
    assert all(name in words and was in words and value in words for words in found["working", copy])


@pytest.mark.parametrize("change", [lambda _: None, lambda was: {**was, "copy": "ab" * 32}], ids=["none", "others"])
def test_packets_left_out_or_exchanged_are_contradicted(
    made: Made, change: Callable[[Any], Any], tmp_path: Path
) -> None:
    was = json.loads(made.files[CONTENTS])["exhibits"][0]["working"][0]["packets"]
    found = contradicted(made, of_copy(made.files, packets=change(was)), tmp_path)
    # A manifest that is named and is not there is missed in the files too.
    missed = {("files", "package")} if change(was) is not None else set()
    assert set(found) == {("working", COPY), *missed}
    assert all("packets" in words or "packet manifests" in words for words in found["working", COPY])


@pytest.mark.parametrize("path", ["data/stray.mp4", f"data/exhibits/{ONE}/another.mp4"])
def test_a_stray_file_under_data_is_contradicted(made: Made, path: str, tmp_path: Path) -> None:
    found = contradicted(made, seal({**made.files, path: b"?"}), tmp_path)
    assert set(found) == {("files", "package")}
    assert all(path in words for words in found["files", "package"])
