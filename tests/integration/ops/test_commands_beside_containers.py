"""Commands run inside a container, where every secret stands in a file and none in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def secrets(database_url: str, tmp_path: Path) -> Path:
    """The folder that a container mounts, with the test's database in it."""
    made = tmp_path / "made"
    command = [sys.executable, "ops/compose/make_secrets.py", str(made)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=60)
    url = made / "product" / "CONTINUITY_DATABASE_URL"
    url.chmod(0o600)
    url.write_text(database_url, "utf-8")
    return made / "product"


def continuity(secrets: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as `docker compose exec api continuity …` would."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CONTINUITY_")}
    env = {
        **bare,
        "PYTHONPATH": str(ROOT),
        "CONTINUITY_SECRETS_DIR": str(secrets),
        "CONTINUITY_S3_ENDPOINT": "http://127.0.0.1:9",
        "CONTINUITY_INGEST_RECEIPT_KEY_FILE": str(secrets / "receipt-key.pem"),
    }
    return subprocess.run(
        [sys.executable, "-m", "api", *words], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=60
    )


def test_an_account_is_made_in_the_database_that_a_file_names(secrets: Path, tmp_path: Path) -> None:
    made = continuity(
        secrets,
        "account",
        "create",
        "--json",
        "--shown",
        "Amara Osei",
        "--role",
        "administrator",
        "amara",
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["name"] == "amara"


def test_status_speaks_of_the_database_that_a_file_names(secrets: Path, tmp_path: Path) -> None:
    found = continuity(secrets, "status", "--json", cwd=tmp_path)
    assert json.loads(found.stdout)["recordings"] == 0, found.stderr


def test_status_says_that_nobody_numbers_events(secrets: Path, tmp_path: Path) -> None:
    found = continuity(secrets, "status", cwd=tmp_path)
    assert found.returncode == 4, found.stderr
    assert "No sequencer runs, and nobody numbers events." in found.stdout
    assert "Start one: `continuity sequencer`" in found.stdout


def test_nothing_of_a_system_is_made_where_the_command_runs(secrets: Path, tmp_path: Path) -> None:
    continuity(secrets, "status", "--json", cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"made"}
