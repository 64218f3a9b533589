"""Every setting there is, read off the classes that read them."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from api.settings import WebSettings
from evidence.settings import EvidenceSettings
from ingest.agent import settings as agent
from ingest.settings import IngestSettings
from tests.house import tree
from transcode.settings import TranscodeSettings

CLASSES: dict[str, type[BaseSettings]] = {
    "The records room": EvidenceSettings,
    "Intake": IngestSettings,
    "Making copies": TranscodeSettings,
    "Pages and API": WebSettings,
}

# Read where they are needed, by no class.
BESIDE = {
    "CONTINUITY_SECRETS_DIR": "Folder in which a secret may stand as a file named like its variable",
    "CONTINUITY_DATA_DIR": "Folder of `continuity up` and of the commands that look at it; the option `--data` wins",
}
# Ours alone: passed between our own processes, or read by tests.
INSIDE = {"CONTINUITY_SUPERVISED_BY", "CONTINUITY_SHARED"}


@dataclass(frozen=True)
class Setting:
    """One variable as the documentation shows it."""

    variable: str
    default: str
    meaning: str
    needed: bool
    secret: bool


def of(settings: type[BaseSettings]) -> Iterator[Setting]:
    """The variables of one class, in its order."""
    prefix = str(settings.model_config["env_prefix"])
    for name, field in settings.model_fields.items():
        variable = str(field.validation_alias or prefix + name.upper())
        assert field.description, f"{variable} says nothing of what it is for"
        secret = "Secret" in str(field.annotation)
        yield Setting(variable, default_of(field), field.description, needed=field.is_required(), secret=secret)


def default_of(field: FieldInfo) -> str:
    """A default as a person would type it."""
    if field.is_required():
        return "must be set"
    if field.default is PydanticUndefined:
        return "depends on the machine"
    return typed(field.default)


def typed(value: Any) -> str:
    """A value as it stands in the environment."""
    if value is None or value in ("", ()) or (isinstance(value, SecretStr) and not value.get_secret_value()):
        return "none"
    if isinstance(value, list):
        return "`" + str(value).replace("'", '"') + "`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`" + ",".join(map(str, value)) + "`"
    return f"`{value}`"


def of_the_agent() -> Iterator[Setting]:
    """The agent's variables: a dataclass, whose fields say below them what they are for."""
    module = ast.parse(Path(agent.__file__).read_text("utf-8"))
    [named] = [node for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Settings"]
    said = dict(explained(named.body))
    said["suites"] = "Folders to watch that belong to interview suites: what is in them goes first."
    defaults = {each.name: each for each in dataclasses.fields(agent.Settings)}
    for key in agent.READERS:
        default = defaults.get(key)
        depends = default is not None and default.default is dataclasses.MISSING
        value = default.default if default is not None and not depends else None
        shown = "depends on the machine" if depends else typed(value)
        yield Setting(agent.PREFIX + key.upper(), shown, said[key].rstrip("."), needed=False, secret=False)


def explained(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Each field of a class with the text that stands below it."""
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            yield ast.unparse(field.target), " ".join(str(below.value.value).split())


def every_variable() -> set[str]:
    """The name of each variable that something reads."""
    named = {each.variable for settings in CLASSES.values() for each in of(settings)}
    return named | {each.variable for each in of_the_agent()} | set(BESIDE) | INSIDE


def read_somewhere() -> set[str]:
    """Each whole variable name that stands in our code."""
    found = set()
    for path in tree.modules():
        found |= set(re.findall(r"\bCONTINUITY_[A-Z0-9]+(?:_[A-Z0-9]+)*\b(?!_)", tree.text(path)))
    return found
