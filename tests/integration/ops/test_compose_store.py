"""The store of docker-compose.yml, run for real: the same commands, each on a loopback address of its own.

Containers cannot be run everywhere; the server inside them can. What a container would call `master` or `filer`
is an address here, and nothing else of the commands is changed.
"""

from __future__ import annotations

import http.client
import os
import re
import secrets as random_words
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql

from evidence.embedded import EmbeddedPostgres
from evidence.store import StoreKey, StoreSettings
from evidence.store.buckets import make_buckets
from evidence.store.probe import Promise, probe
from tests.support.servers import folder_for_servers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
ADDRESSES = {"master": "127.77.0.1", "volume-1": "127.77.0.2", "volume-2": "127.77.0.3", "filer": "127.77.0.4",
             "s3": "127.77.0.5"}  # fmt: skip
WEED = Path(sys.prefix) / "bin" / "weed"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where this store's secrets and data lie; gone afterwards."""
    with folder_for_servers() as made:
        yield made


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """docker-compose.yml."""
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8")))


@pytest.fixture(scope="module")
def secrets(folder: Path) -> Path:
    """What the `secrets` job makes."""
    made = folder / "secrets"
    command = [sys.executable, "ops/compose/make_secrets.py", str(made)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=60)
    return made


@pytest.fixture(scope="module")
def names_database(postgres_server: EmbeddedPostgres, secrets: Path) -> Iterator[None]:
    """The filer's role and database, as PostgreSQL makes them from 10-databases.sql, and filer.toml aimed at them."""
    role = f"filer_{random_words.token_hex(4)}"
    said = (secrets / "database" / "10-databases.sql").read_text("utf-8")
    password = re.findall(r"CREATE ROLE filer LOGIN PASSWORD '([\w-]+)';", said)[0]
    name = sql.Identifier(role)
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(password)))
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
        port = connection.info.port
        toml = secrets / "store" / "filer.toml"
        text = toml.read_text("utf-8").replace('"postgres"', '"127.0.0.1"').replace("5432", str(port))
        replace(toml, text.replace('"filer"', f'"{role}"'))
        yield
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


def replace(path: Path, text: str) -> None:
    """Write over a file that was made read-only."""
    path.chmod(0o600)
    path.write_text(text, "utf-8")


def command_of(service: dict[str, Any], address: str, *, config: Path, data: Path) -> list[str]:
    """A service's command, with addresses for names and folders of ours for the container's."""
    words = [str(WEED), *service["entrypoint"][1:], *service["command"]]
    line = shlex.join(words).replace("/etc/seaweedfs", str(config)).replace("/srv/store", str(data))
    line = line.replace("0.0.0.0", address)  # noqa: S104 - taken away, not bound
    for name, other in ADDRESSES.items():
        line = re.sub(rf"(?<==){name}(?=:|$| )", other, line)
    return shlex.split(line)


@pytest.fixture(scope="module")
def store(folder: Path, compose: dict[str, Any], secrets: Path, names_database: None) -> Iterator[StoreSettings]:
    """The five servers, started in their order, each when the health check of those before it says so."""
    security = secrets / "store" / "security.toml"
    replace(security, security.read_text("utf-8").replace("/etc/seaweedfs", str(secrets / "store")))
    with ExitStack() as running:
        for name, address in ADDRESSES.items():
            service = compose["services"][name]
            data = folder / name
            data.mkdir()
            command = command_of(service, address, config=secrets / "store", data=data)
            log = running.enter_context((folder / f"{name}.log").open("wb"))
            env = {"PATH": "/usr/bin:/bin", "HOME": str(data), **service["environment"]}
            server = subprocess.Popen(command, cwd=data, env=env, stdout=log, stderr=subprocess.STDOUT)
            running.callback(end, server)
            wait_until_healthy(service, address, server, folder / f"{name}.log")
        for _ in range(2):  # the job may run again at each start of the whole
            make_buckets(settings(secrets), admin=key_of(secrets / "keeper", "admin-key", "admin-secret"))
        yield settings(secrets)


def end(server: subprocess.Popen[bytes]) -> None:
    """Stop one server; killed after a while, as nothing of this store is kept."""
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    # Left behind, they would stand in the way of another account's run.
    port = int(next(word for word in server.args if word.startswith("-port=")).partition("=")[2])
    for twin in (port, port + 10_000):
        for left in Path("/tmp").glob(f"seaweedfs-*-{twin}.sock"):  # noqa: S108
            left.unlink(missing_ok=True)


def wait_until_healthy(service: dict[str, Any], address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Ask as the health check asks, until it is answered."""
    until = time.monotonic() + 60
    while not is_healthy(service["healthcheck"]["test"], address):
        assert server.poll() is None, log.read_text("utf-8", "replace")[-3000:]
        assert time.monotonic() < until, log.read_text("utf-8", "replace")[-3000:]
        server_may_need_a_moment = 0.1
        time.sleep(server_may_need_a_moment)


def is_healthy(test: list[str], address: str) -> bool:
    """`nc -z` and `wget` in our own words."""
    try:
        if test[1] == "nc":
            socket.create_connection((address, int(test[-1])), timeout=2).close()
            return True
        port, path = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/.*)", test[-1]).groups()  # type: ignore[union-attr]
        return answer(address, int(port), "GET", path) == http.HTTPStatus.OK
    except OSError:
        return False


def answer(address: str, port: int, method: str, path: str) -> int:
    """What a server says to a plain request: the status of its answer."""
    with closing(http.client.HTTPConnection(address, port, timeout=10)) as door:
        door.request(method, path)
        return door.getresponse().status


def key_of(folder: Path, name: str, secret: str) -> StoreKey:
    """An access key out of the files that the `secrets` job made."""
    return StoreKey((folder / name).read_text("utf-8"), (folder / secret).read_text("utf-8"))


def settings(secrets: Path) -> StoreSettings:
    """How the product speaks to this store."""
    product = {
        who: key_of(secrets / "product", f"CONTINUITY_S3_{who.upper()}_KEY", f"CONTINUITY_S3_{who.upper()}_SECRET")
        for who in ("ingest", "reader", "renditions", "custody")
    }
    disposer = key_of(secrets / "proof", "CONTINUITY_S3_DISPOSER_KEY", "CONTINUITY_S3_DISPOSER_SECRET")
    return StoreSettings(endpoint=f"http://{ADDRESSES['s3']}:8333", disposer=disposer, **product)


def test_the_store_keeps_every_promise(store: StoreSettings) -> None:
    assert set(probe(store, mode="COMPLIANCE").kept) == set(Promise)


@pytest.mark.parametrize(
    ("server", "port", "method", "path"),
    [
        ("master", 9333, "GET", "/col/delete?collection=masters"),
        ("master", 9333, "GET", "/dir/assign"),
        ("filer", 8888, "DELETE", "/buckets/masters?recursive=true"),
        ("filer", 8888, "GET", "/buckets/"),
    ],
)
def test_the_doors_without_a_lock_are_shut(
    store: StoreSettings, server: str, port: int, method: str, path: str
) -> None:
    try:
        assert answer(ADDRESSES[server], port, method, path) == http.HTTPStatus.NOT_FOUND
    except ConnectionRefusedError:
        return  # nobody listens at all


def test_a_stranger_without_a_certificate_cannot_ask_the_parts_for_anything(
    store: StoreSettings, tmp_path: Path
) -> None:
    shell = [str(WEED), f"-config_dir={tmp_path}", "shell", f"-master={ADDRESSES['master']}:9333"]
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(shell, input=b"fs.rm -r /buckets/masters\n", capture_output=True, check=False, timeout=8)
    assert probe(store, mode="COMPLIANCE").kept
