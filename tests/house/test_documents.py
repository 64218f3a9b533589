"""The documents say what is: links lead somewhere, commands and files exist, tables are those of the code."""

from __future__ import annotations

import inspect
import re
import shlex
from enum import StrEnum
from pathlib import Path

import pytest

from api import known_settings, worker
from evidence import vocabulary
from tests.house import commands, settings, tables, tree
from transcode.settings import TranscodeSettings

PAGES = [path for path in tree.named("*.md") if path.relative_to(tree.ROOT).parts[0] not in {"tests"}]
DOCS = tree.ROOT / "docs"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
IN_CODE = re.compile(r"`([^`\n]+)`")
SHELL = re.compile(r"^```(?:\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FRAGMENT = re.compile(r"\d+\.(added|changed|fixed|removed|security)(-\d+)?\.md")


def shown(path: Path) -> str:
    return tree.shown(path)


def anchors(path: Path) -> set[str]:
    """The places in a page that a link may name."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_file_that_is_named_exists(page: Path) -> None:
    tops = {*tree.ROOMS, "tests", "docs", "ops", "requirements"}
    named = [word for word in IN_CODE.findall(page.read_text("utf-8")) if word.partition("/")[0] in tops]
    paths = [word for word in named if "/" in word and re.fullmatch(r"[\w./*-]+", word)]
    assert [word for word in paths if not list(tree.ROOT.glob(word.rstrip("/")))] == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_would_be_understood(page: Path) -> None:
    text = page.read_text("utf-8")
    lines = [line for block in SHELL.findall(text) for line in commands.in_lines(block)]
    lines += [shlex.split(word) for word in IN_CODE.findall(text) if re.match(r"continuity(-agent)? [a-z]", word)]
    faults = {" ".join(words): fault for words in lines if (fault := commands.fault_in(words))}
    # A sentence may name a command without what it must be given.
    assert {line: fault for line, fault in faults.items() if "Missing" not in fault and "required" not in fault} == {}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_make_target_exists(page: Path) -> None:
    makefile = (tree.ROOT / "Makefile").read_text("utf-8")
    there = set(re.findall(r"^([\w%-]+):", makefile, re.MULTILINE))
    text = page.read_text("utf-8")
    named = set(re.findall(r"`make ([\w-]+)(?: ARGS=[^`]*)?`", text))
    for block in SHELL.findall(text):
        named |= set(re.findall(r"^make ([\w-]+)", block, re.MULTILINE))
    assert {name for name in named - there if not name.startswith("bench-")} == set()


def test_the_readme_has_the_two_commands() -> None:
    text = (tree.ROOT / "README.md").read_text("utf-8")
    assert re.search(r"^make run\b", text, re.MULTILINE)
    assert re.search(r"^make test\b", text, re.MULTILINE)


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_table_that_is_made_from_the_code_is_current(name: str) -> None:
    text = (DOCS / tables.TABLES[name][0]).read_text("utf-8")
    assert tables.written(name, text) == text, "run `make docs`"


def test_every_variable_that_is_read_is_a_setting_somebody_can_find() -> None:
    assert settings.read_somewhere() - settings.every_variable() == set()


def test_what_is_refused_as_unknown_is_just_what_nothing_reads() -> None:
    inside = settings.INSIDE - {"CONTINUITY_SHARED"}
    agents = {each.variable for each in settings.of_the_agent()}
    assert set(known_settings.known()) == settings.every_variable() - agents - inside


def test_every_variable_that_a_document_names_is_read() -> None:
    for page in [*PAGES, *tree.named("ops/**/*"), *tree.named("ops/*/*")]:
        named = set(re.findall(r"\bCONTINUITY_[A-Z0-9]+(?:_[A-Z0-9]+)*\b(?!_)", tree.text(page)))
        assert named - settings.every_variable() - {"CONTINUITY_S3"} == set(), tree.shown(page)


def test_the_glossary_has_every_word_that_is_stored() -> None:
    glossary = set(IN_CODE.findall((DOCS / "glossary.md").read_text("utf-8")))
    lists = [
        each
        for _, each in inspect.getmembers(vocabulary, inspect.isclass)
        if issubclass(each, StrEnum) and each is not StrEnum
    ]
    words = {each.__name__ for each in lists} | {word.value for each in lists for word in each}
    assert words - glossary == set()


def test_every_run_book_and_every_decision_is_on_its_list() -> None:
    for folder in ("runbooks", "decisions"):
        listed = set(LINK.findall((DOCS / folder / "README.md").read_text("utf-8")))
        there = {path.name for path in (DOCS / folder).glob("*.md")} - {"README.md"}
        assert there == {name for name in listed if "/" not in name}


def test_the_architecture_names_every_queue_that_workers_take() -> None:
    taken = {queue for lane in worker.lanes(TranscodeSettings()) for queue in lane.queues}
    text = (DOCS / "architecture.md").read_text("utf-8")
    assert {f"| `{queue}` |" for queue in taken} <= set(re.findall(r"^\| `\w+` \|", text, re.MULTILINE))


def test_decisions_are_numbered_without_gap_and_say_what_was_refused() -> None:
    pages = sorted(path for path in (DOCS / "decisions").glob("0*.md"))
    assert [int(path.name[:4]) for path in pages] == list(range(1, len(pages) + 1))
    for path in pages:
        text = path.read_text("utf-8")
        for part in ("**Context.**", "**Decision.** *", "**Consequences.**", "**Refused.**"):
            assert part in text, f"{path.name}: {part}"


def test_a_change_is_one_sentence_in_a_file_of_its_own() -> None:
    fragments = list((DOCS / "changes" / "unreleased").iterdir())
    assert fragments
    for path in fragments:
        assert FRAGMENT.fullmatch(path.name), path.name
        text = path.read_text("utf-8")
        assert text.count("\n") == 1, path.name
        assert re.fullmatch(r"[A-Z][^\n]*\.\n", text), path.name
