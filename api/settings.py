"""Settings of the front desk, from `CONTINUITY_WEB_*` in the environment."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from ipaddress import IPv4Network, IPv6Network, ip_network
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from evidence.errors import SettingsRefused
from evidence.settings import in_words


class WebSettings(BaseSettings):
    """How pages are served and how long a sign-in lasts."""

    model_config = SettingsConfigDict(env_prefix="CONTINUITY_WEB_", extra="ignore")

    hosts: list[str] = Field(
        default=["*"], description='Host names that pages are served under, as a JSON list; ["*"]: any'
    )
    idle_minutes: int = Field(default=15, ge=1, le=60, description="A sign-in ends after this long without a request")
    session_hours: int = Field(default=12, ge=1, le=24, description="A sign-in ends after this long in any case")
    attempts: int = Field(
        default=5,
        ge=3,
        le=20,
        description="Failed sign-ins under one name, from one address or known browser, in 15 minutes before it waits",
    )
    attempts_from_strangers: int = Field(
        default=100,
        ge=20,
        le=1000,
        description="Failed sign-ins under one name, from browsers that are not known for it, in an hour before these "
        "wait; known ones do not",
    )
    attempts_from_address: int = Field(
        default=200,
        ge=5,
        le=5000,
        description="Failed sign-ins from one address in 15 minutes before browsers that are not known wait there",
    )
    trusted_proxies: list[str] = Field(
        default=[],
        description="Addresses or networks of the proxies before the front desk, as a JSON list; only what these say "
        "in X-Forwarded-For and X-Forwarded-Proto counts",
    )
    classification: str = Field(
        default="OFFICIAL-SENSITIVE", max_length=40, description="Protective marking in the foot of each page"
    )
    time_zone: str = Field(default="Europe/London", description="Time zone that pages show; records are kept in UTC")
    metrics_on_loopback: bool = Field(
        default=False, description="Whether /metrics answers requests from this machine without a token"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, names: list[str]) -> list[str]:
        for name in names:
            try:
                ip_network(name)
            except ValueError as error:
                raise ValueError(f"{name!r} is neither an address nor a network, such as 10.0.0.0/8") from error
        return names

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of the proxies that are believed."""
        return tuple(ip_network(name) for name in self.trusted_proxies)

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is not a time zone that this machine knows") from error
        return name

    @classmethod
    def read(cls) -> WebSettings:
        """Read and check. Raises SettingsRefused with a sentence that names the variable."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsRefused(in_words(error, prefix="CONTINUITY_WEB_")) from error


def software_version() -> str:
    """The version that is installed; "unpackaged" where the product runs from its source folder."""
    try:
        return version("continuity")
    except PackageNotFoundError:
        return "unpackaged"
