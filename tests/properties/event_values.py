"""Events of every kind, with facts that nobody thought of, drawn from the models themselves."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from evidence import clock
from evidence.custody.events import Actor, Event, EventType, Object
from evidence.custody.facts import FACTS
from evidence.vocabulary import ActorKind

hexadecimal = st.text("0123456789abcdef", min_size=64, max_size=64)
text = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30).map(
    lambda drawn: unicodedata.normalize("NFC", drawn)
)
ids = st.uuids(version=4)


def of_schema(schema: Mapping[str, Any], named: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a JSON schema of ours describes: those that pydantic makes of our models, and no others."""
    values: st.SearchStrategy[Any]
    match schema:
        case {"$ref": str(ref)}:
            values = of_schema(named[ref.rpartition("/")[2]], named)
        case {"anyOf": list(choices)}:
            values = st.one_of([of_schema(each, named) for each in choices])
        case {"enum": list(words)}:
            values = st.sampled_from(words)
        case {"const": word}:
            values = st.just(word)
        case {"type": "integer", "minimum": int(least), "maximum": int(most)}:
            values = st.integers(least, most)
        case {"type": "string", "pattern": str(pattern)}:
            values = of_pattern(pattern, is_a_time=schema.get("format") == "date-time")
        case {"type": "null"}:
            values = st.none()
        case _:
            raise AssertionError(f"no values are known for {schema}")
    return values


def of_pattern(pattern: str, *, is_a_time: bool) -> st.SearchStrategy[str]:
    """Text of a form. Not every text of the form of a time is one."""
    if is_a_time:
        # Years of fewer than four digits are written with as few.
        return st.datetimes(min_value=datetime(1000, 1, 2), timezones=st.just(UTC)).map(clock.as_text)  # noqa: DTZ001 - its zone comes from beside
    inner = pattern.removeprefix("^").removesuffix("$")
    return st.from_regex(inner, fullmatch=True, alphabet=st.characters(codec="ascii"))


def facts_of(kind: EventType) -> st.SearchStrategy[dict[str, Any]]:
    """Facts that an event of this kind may have."""
    schema = FACTS[kind].model_json_schema()
    members = {name: of_schema(each, schema.get("$defs", {})) for name, each in schema.get("properties", {}).items()}
    needed = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: values for name, values in members.items() if name in needed},
        optional={name: values for name, values in members.items() if name not in needed},
    )


objects = st.builds(
    Object,
    role=st.sampled_from(["master", "rendition", "packets.master"]),
    sha256=hexadecimal,
    size=st.integers(0, 2**53 - 1),
    sha512=st.none() | st.tuples(hexadecimal, hexadecimal).map("".join),
    tree=st.none() | hexadecimal,
    version_id=st.none() | text,
    packets=st.none() | hexadecimal,
)
actors = st.builds(
    Actor, kind=st.sampled_from(ActorKind), id=text, shown=text, method=st.sampled_from(["none", "token"])
)


def events_of(kind: EventType, subject: UUID | None = None) -> st.SearchStrategy[Event]:
    """Events of one kind."""
    return st.builds(
        Event,
        type=st.just(kind),
        subject=ids if subject is None else st.just(subject),
        actor=actors,
        facts=facts_of(kind),
        personal=st.dictionaries(st.sampled_from(["note", "device", "address"]), text, max_size=2),
        objects=st.lists(objects, max_size=3),
    )
