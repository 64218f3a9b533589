"""Settings of the records room: read from the environment and from files, refused with a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evidence.errors import SettingsRefused
from evidence.settings import EvidenceSettings

NEEDED = {
    "CONTINUITY_DATABASE_URL": "postgresql://continuity:a-secret-word@127.0.0.1:5432/continuity",
    "CONTINUITY_S3_ENDPOINT": "http://127.0.0.1:8333",
    "CONTINUITY_S3_INGEST_KEY": "ingest",
    "CONTINUITY_S3_INGEST_SECRET": "ingest-secret-word",
    "CONTINUITY_S3_READER_KEY": "reader",
    "CONTINUITY_S3_READER_SECRET": "reader-secret-word",
    "CONTINUITY_S3_RENDITIONS_KEY": "renditions",
    "CONTINUITY_S3_RENDITIONS_SECRET": "renditions-secret-word",
    "CONTINUITY_S3_CUSTODY_KEY": "custody",
    "CONTINUITY_S3_CUSTODY_SECRET": "custody-secret-word",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CONTINUITY_* of the machine that runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith("CONTINUITY_"):
            monkeypatch.delenv(name)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Just what is needed and no more."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_the_defaults_are_the_strict_ones() -> None:
    settings = EvidenceSettings.read()
    assert settings.lock_mode == "COMPLIANCE"
    assert settings.lock_days == 31
    assert (settings.s3_masters_bucket, settings.s3_renditions_bucket) == ("masters", "renditions")
    assert settings.s3_public_endpoint == ""


def test_all_that_is_missing_is_named_in_one_go() -> None:
    with pytest.raises(SettingsRefused) as refused:
        EvidenceSettings.read()
    assert all(name in str(refused.value) for name in NEEDED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONTINUITY_LOCK_MODE", "NONE"),
        ("CONTINUITY_LOCK_MODE", "governance"),
        ("CONTINUITY_LOCK_DAYS", "0"),
        ("CONTINUITY_LOCK_DAYS", "36501"),
        ("CONTINUITY_LOCK_DAYS", "a month"),
        ("CONTINUITY_FORCE_NAME", "x" * 61),
    ],
)
def test_a_value_that_is_unsafe_or_not_understood_is_refused(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsRefused, match=name):
        EvidenceSettings.read()


def test_a_secret_may_stand_in_a_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.delenv("CONTINUITY_S3_INGEST_SECRET")
    (tmp_path / "continuity_s3_ingest_secret").write_text("from a file\n", "utf-8")
    environment.setenv("CONTINUITY_SECRETS_DIR", str(tmp_path))
    assert EvidenceSettings.read().s3_ingest_secret.get_secret_value() == "from a file"


def test_a_file_may_be_named_exactly_like_its_variable(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.delenv("CONTINUITY_DATABASE_URL")
    (tmp_path / "CONTINUITY_DATABASE_URL").write_text(NEEDED["CONTINUITY_DATABASE_URL"], "utf-8")
    environment.setenv("CONTINUITY_SECRETS_DIR", str(tmp_path))
    assert EvidenceSettings.read().database_url.get_secret_value() == NEEDED["CONTINUITY_DATABASE_URL"]


@pytest.mark.usefixtures("environment")
def test_no_secret_shows_when_settings_are_printed() -> None:
    settings = EvidenceSettings.read()
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "secret-word" not in shown


def test_a_refusal_does_not_repeat_a_secret(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CONTINUITY_LOCK_DAYS", "0")
    with pytest.raises(SettingsRefused) as refused:
        EvidenceSettings.read()
    assert "secret-word" not in str(refused.value)
