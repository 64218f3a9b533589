"""The agent's settings: from the environment (CONTINUITY_AGENT_*) and explicit arguments; arguments win.

A name that is not known, a value that is not understood and a combination that could lose evidence are refused
with a sentence. Nothing is read from anywhere else.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ingest.agent.errors import SettingsRefused

PREFIX = "CONTINUITY_AGENT_"
MIB = 1 << 20


class Kind(StrEnum):
    """What sort of place recordings are taken from."""

    DOCK = "dock"
    SUITE = "suite"
    WORKSTATION = "workstation"


class Release(StrEnum):
    """What becomes of the source once a receipt for exactly these bytes is kept."""

    KEEP = "keep"
    DELETE = "delete"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Dock:
    """One folder whose first-level subfolders are devices, and the kind of place it is."""

    folder: Path
    kind: Kind = Kind.DOCK


def state_folder() -> Path:
    """Where the agent keeps its key, journal and status unless told otherwise."""
    if home := os.environ.get("STATE_DIRECTORY"):  # set by systemd for a unit with StateDirectory=
        return Path(home)
    if base := os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA"):
        return Path(base) / "continuity-agent"
    return Path.home() / ".local" / "state" / "continuity-agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything one agent needs to know. Make it with `from_environment` or check it with `checked`."""

    server: str = ""
    """Base address of the server, such as https://evidence.example.police.uk."""
    state: Path = field(default_factory=state_folder)
    """Folder of the agent's own: key, identity, journal, status."""
    docks: tuple[Dock, ...] = ()
    """Folders to watch."""
    allow_plain_http: bool = False
    """Speak http to a server that is not this host. The network in between can then read and change evidence."""
    ca_file: Path | None = None
    """PEM file of the authorities trusted for the server and the store, where the system's are not the ones."""
    settle_seconds: float = 2.0
    """A file whose size and time have not changed for this long, and that nobody writes to, has settled."""
    sure_after_seconds: float = 120.0
    """A file last written this long ago by its own time needs no second look."""
    settle_markers: tuple[str, ...] = ("complete",)
    """A file of this name in a folder says that the folder's other files are whole."""
    sweep_seconds: float = 5.0
    """Time between full listings; stretched where one listing takes long."""
    concurrent_files: int = 6
    """Files under way at once."""
    upload_threads: int = 4
    """Parts under way at once, over all files."""
    buffer_mib: int = 64
    """Memory for file bytes, over all files, in MiB."""
    bandwidth_mib_per_second: float | None = None
    """Upper limit on what is sent to the store, in MiB a second; none by default."""
    release: Release = Release.KEEP
    """What becomes of the source after its receipt."""
    released_to: Path | None = None
    """Where the source goes when `release` is `move`."""
    patience_seconds: float = 300.0
    """`ingest`: how long to wait with nothing moving before a file is reported as waiting."""
    log_level: str = "info"
    """debug, info, warning or error."""

    def __post_init__(self) -> None:
        check(self)

    def enrolled_server(self) -> str:
        """The server's address without a trailing slash. Raises SettingsRefused where none was given."""
        if not self.server:
            raise SettingsRefused(f"No server is named: set {PREFIX}SERVER or give --server.")
        return self.server.rstrip("/")


def _whole(text: str) -> int:
    return int(text, 10)


def _yes(text: str) -> bool:
    answers = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    return answers[text.strip().lower()]


def _folders(kind: Kind) -> Callable[[str], tuple[Dock, ...]]:
    def read(text: str) -> tuple[Dock, ...]:
        return tuple(Dock(Path(part), kind) for part in text.split(os.pathsep) if part)

    return read


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


READERS: Mapping[str, Callable[[str], Any]] = {
    "server": str.strip,
    "state": Path,
    "docks": _folders(Kind.DOCK),
    "suites": _folders(Kind.SUITE),
    "allow_plain_http": _yes,
    "ca_file": Path,
    "settle_seconds": float,
    "sure_after_seconds": float,
    "settle_markers": _words,
    "sweep_seconds": float,
    "concurrent_files": _whole,
    "upload_threads": _whole,
    "buffer_mib": _whole,
    "bandwidth_mib_per_second": float,
    "release": Release,
    "released_to": Path,
    "patience_seconds": float,
    "log_level": str.lower,
}


def from_environment(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Read the environment, let what was given explicitly win, and check the whole.

    Raises SettingsRefused with the setting's name, what was found and what is expected.
    """
    source = os.environ if environment is None else environment
    found: dict[str, Any] = {}
    for name in sorted(source):
        if name.upper().startswith(PREFIX) and source[name] != "":
            key = name[len(PREFIX) :].lower()
            found[key] = _read(key, source[name])
    suites = found.pop("suites", ())
    if suites:
        found["docks"] = (*found.get("docks", ()), *suites)
    known = {entry.name for entry in fields(Settings)}
    for key in given:
        if key not in known:
            raise SettingsRefused(f"{key} is not a setting of the agent.")
    return Settings(**{**found, **given})


def changed(settings: Settings, **given: Any) -> Settings:
    """The same settings with some of them replaced, checked again."""
    return replace(settings, **given)


def _read(key: str, text: str) -> Any:
    if key not in READERS:
        close = difflib.get_close_matches(key, READERS, n=1)
        hint = f" Did you mean {PREFIX}{close[0].upper()}?" if close else ""
        raise SettingsRefused(f"{PREFIX}{key.upper()} is not a setting of the agent.{hint}")
    try:
        return READERS[key](text)
    except (KeyError, ValueError) as error:
        raise SettingsRefused(f"{PREFIX}{key.upper()}={text!r} is not understood: {_expected(key)}.") from error


def _expected(key: str) -> str:
    if key == "release":
        return "say keep, delete or move"
    if READERS[key] is _yes:
        return "say yes or no"
    return "give a whole number" if READERS[key] is _whole else "give a number"


LIMITS: Mapping[str, tuple[float, float]] = {
    "settle_seconds": (0.1, 3600),
    "sure_after_seconds": (1, 86400 * 365),
    "sweep_seconds": (0.2, 3600),
    "concurrent_files": (1, 64),
    "upload_threads": (1, 32),
    "buffer_mib": (32, 65536),
    "bandwidth_mib_per_second": (0.01, 1e6),
    "patience_seconds": (1, 86400 * 365),
}


def check(settings: Settings) -> None:
    """Raise SettingsRefused for the first value that is out of bounds or unsafe."""
    for key, (least, most) in LIMITS.items():
        value = getattr(settings, key)
        if value is not None and not least <= value <= most:
            raise SettingsRefused(f"{PREFIX}{key.upper()}={value} is out of bounds: from {least} to {most}.")
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise SettingsRefused(f"{PREFIX}LOG_LEVEL={settings.log_level!r}: say debug, info, warning or error.")
    _check_server(settings)
    _check_folders(settings)
    _check_release(settings)


def _check_server(settings: Settings) -> None:
    if not settings.server:
        return
    address = urlsplit(settings.server)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise SettingsRefused(f"{settings.server!r} is not an address of a server: give http(s)://host[:port].")
    if address.username or address.query or address.fragment:
        raise SettingsRefused("The server's address must hold no user name, query or fragment.")
    if address.scheme == "http" and not settings.allow_plain_http and not _is_this_host(address.hostname):
        raise SettingsRefused(
            f"http to {address.hostname} would send evidence over the network unprotected: use https, "
            f"or set {PREFIX}ALLOW_PLAIN_HTTP=yes where the network in between is itself protected."
        )


def _is_this_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or _is_own(address)


def _is_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Only a host's own addresses can be bound on it; nothing is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((str(address), 0))
        except OSError:
            return False
    return True


def _check_folders(settings: Settings) -> None:
    state = settings.state.resolve()
    docks = [dock.folder.resolve() for dock in settings.docks]
    for number, dock in enumerate(docks):
        if state.is_relative_to(dock):
            raise SettingsRefused(
                f"The state folder {state} lies inside the dock {dock}: it would be taken in as evidence."
            )
        for other in docks[number + 1 :]:
            if other.is_relative_to(dock) or dock.is_relative_to(other):
                raise SettingsRefused(f"The docks {dock} and {other} lie one inside the other.")


def _check_release(settings: Settings) -> None:
    if settings.release is not Release.MOVE:
        if settings.released_to is not None:
            raise SettingsRefused(f"{PREFIX}RELEASED_TO is set, but {PREFIX}RELEASE is not `move`.")
        return
    if settings.released_to is None:
        raise SettingsRefused(f"{PREFIX}RELEASE=move needs {PREFIX}RELEASED_TO, the folder to move to.")
    target = settings.released_to.resolve()
    for dock in settings.docks:
        if target.is_relative_to(dock.folder.resolve()):
            raise SettingsRefused(f"{target} lies inside the dock {dock.folder}: released files would come back.")
