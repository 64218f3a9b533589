"""Every setting that any part of the product reads; a name that nobody reads is refused at start.

A setting with a spelling mistake would otherwise be a setting that silently does not hold.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping

from pydantic_settings import BaseSettings

from api.settings import WebSettings
from evidence.errors import SettingsRefused
from evidence.settings import EvidenceSettings
from ingest.settings import IngestSettings
from transcode.settings import TranscodeSettings

PREFIX = "CONTINUITY_"
CLASSES: tuple[type[BaseSettings], ...] = (EvidenceSettings, IngestSettings, TranscodeSettings, WebSettings)
# Read by the command line itself, by tests, or by the agent, which refuses its own unknown names.
BESIDE = {
    "CONTINUITY_DATA_DIR": "Folder that holds everything of an embedded system",
    "CONTINUITY_SECRETS_DIR": "Folder of files, each named like a setting in small letters and holding its value",
    "CONTINUITY_SHARED": "Folder of the shared test media and vectors; tests only",
}
ELSEWHERE = ("CONTINUITY_AGENT_",)


def names_of(settings: type[BaseSettings]) -> dict[str, str]:
    """The variables that one class reads, each with its description."""
    prefix = settings.model_config.get("env_prefix", "")
    found = {}
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        found[alias if isinstance(alias, str) else f"{prefix}{name}".upper()] = field.description or ""
    return found


def known() -> dict[str, str]:
    """Every variable that is read, with its description."""
    return {name: words for each in CLASSES for name, words in names_of(each).items()} | BESIDE


def refuse_unknown(environment: Mapping[str, str] = os.environ) -> None:
    """Raise SettingsRefused for a CONTINUITY_* variable that nothing reads, with the nearest that something does."""
    names = known()
    for given in sorted(environment):
        if not given.startswith(PREFIX) or given in names or given.startswith(ELSEWHERE):
            continue
        near = difflib.get_close_matches(given, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SettingsRefused(f"{given} is set, and nothing reads a setting of that name{hint}")
