"""The embedded S3 server: killed, orphaned, its back doors tried, and it keeps its objects."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import urllib3

from evidence.embedded import EmbeddedS3
from evidence.embedded.certificates import make_certificates
from evidence.embedded.errors import AlreadySupervised, NotStarted, PlaceRefused
from evidence.embedded.identities import Identity
from evidence.embedded.ports import GRPC_STEP
from evidence.embedded.process import find, wait_until
from evidence.embedded.seaweed import SOCKETS
from evidence.identifiers import new_id
from evidence.store import Lock, SentPart
from evidence.store.custody import S3CustodyStore
from evidence.store.errors import RenditionMissing
from evidence.store.keys import master_key
from evidence.store.masters import S3MasterStore
from evidence.store.renditions import S3RenditionStore
from evidence.store.s3 import connect

START_AND_DIE = """
import os, signal, sys
from pathlib import Path
from evidence.embedded import EmbeddedS3
EmbeddedS3(Path(sys.argv[1])).start()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def data_dir(servers_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A data directory of the test's own, which the server's account can reach."""
    return servers_folder / request.node.name


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedS3]:
    with EmbeddedS3(data_dir) as running:
        yield running


def keep(server: EmbeddedS3, name: str) -> None:
    S3RenditionStore(server.store_settings()).put_bytes(f"kept/{name}", b"x" * 70_000, content_type="text/plain")


def keeps(server: EmbeddedS3, name: str) -> bool:
    return b"".join(S3RenditionStore(server.store_settings()).read(f"kept/{name}")) == b"x" * 70_000


def ports_of(server: EmbeddedS3) -> dict[str, int]:
    chosen = json.loads((server.home / "server.json").read_text())["ports"]
    return dict(zip(("master", "volume", "filer", "s3", "admin"), chosen, strict=True))


def sockets_of(server: EmbeddedS3) -> list[Path]:
    numbers = [number for port in ports_of(server).values() for number in (port, port + GRPC_STEP)]
    return [path for number in numbers for path in SOCKETS.glob(f"seaweedfs-*-{number}.sock")]


def test_killed_it_is_noticed_and_comes_back_where_it_was(server: EmbeddedS3) -> None:
    keep(server, "before")
    endpoint = server.endpoint
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_running(), within=5)
    assert sockets_of(server), "a killed server leaves its sockets in the common folder"
    server.start()
    assert server.endpoint == endpoint
    assert keeps(server, "before")
    keep(server, "after")
    server.stop()
    assert not server.is_running()
    assert sockets_of(server) == []


def test_an_upload_goes_on_after_its_server_was_killed(server: EmbeddedS3, lock: Lock) -> None:
    masters, key = S3MasterStore(server.store_settings()), master_key(new_id())
    bodies = [b"1" * (5 << 20), b"the end"]
    upload = masters.begin(key, lock=lock)
    parts = []
    with urllib3.PoolManager() as dock:
        for number, body in enumerate(bodies, 1):
            digest = hashlib.sha256(body).hexdigest()
            signed = masters.sign_part(
                key, upload, number=number, size=len(body), sha256=digest, expires=timedelta(hours=1)
            )
            answer = dock.request("PUT", signed.url, body=body, headers=dict(signed.headers))
            parts.append(SentPart(number=number, etag=answer.headers["ETag"], sha256=digest))
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            assert wait_until(lambda: not server.is_running(), within=5)
            server.start()
    assert [part.number for part in masters.stored_parts(key, upload)] == [1, 2]
    stored = masters.complete(key, upload, parts=parts, size=sum(map(len, bodies)), lock=lock)
    assert b"".join(masters.read(key, version_id=stored.version_id)) == b"".join(bodies)


def test_what_was_kept_can_be_read_as_soon_as_a_killed_server_is_back(server: EmbeddedS3) -> None:
    """Its health page is green before it knows its volumes; reads then failed with an internal error."""
    keep(server, "before")
    for _ in range(3):
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert wait_until(lambda: not server.is_running(), within=5)
        server.start()
        reader = connect(server.endpoint, key=server.store_settings().renditions, region="us-east-1")
        url = reader.generate_presigned_url("get_object", Params={"Bucket": server.renditions, "Key": "kept/before"})
        asked_once = urllib3.request("GET", url, retries=False)
        assert (asked_once.status, asked_once.data) == (200, b"x" * 70_000)


def test_the_server_of_a_killed_supervisor_is_adopted(data_dir: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", START_AND_DIE, data_dir], check=False, cwd=Path.cwd())
    assert ended.returncode == -signal.SIGKILL
    asking = EmbeddedS3(data_dir)
    assert asking.is_running()
    keep(asking, "meanwhile")
    with EmbeddedS3(data_dir) as server:
        assert server.pid is not None
        assert psutil.Process(server.pid).ppid() != os.getpid()
        assert keeps(server, "meanwhile")
    assert not asking.is_running()
    assert find("weed", below=data_dir) == []


def forget_custody(server: EmbeddedS3) -> None:
    """The data as an older version left them: without the log's identity, in the record and in what servers read."""
    for path, within in ((server.home / "server.json", "keys"), (server.home / "config" / "s3.json", "identities")):
        if not path.exists():
            continue
        said = json.loads(path.read_text())
        if within == "keys":
            del said["keys"]["custody"]
        else:
            said["identities"] = [each for each in said["identities"] if each["name"] != "custody"]
        path.write_text(json.dumps(said))


def keeps_a_log(server: EmbeddedS3) -> bool:
    custody = S3CustodyStore(server.store_settings())
    custody.put_new("checkpoints/1", b"signed", locked=True)
    return custody.get("checkpoints/1") == b"signed"


def test_data_of_an_older_version_get_the_bucket_and_the_identity_that_they_lack(data_dir: Path) -> None:
    with EmbeddedS3(data_dir) as old:
        keep(old, "before")
        ingest = old.credentials(Identity.INGEST)
    forget_custody(old)
    with EmbeddedS3(data_dir) as new:
        assert new.credentials(Identity.INGEST) == ingest
        assert keeps(new, "before")
        assert keeps_a_log(new)


def test_a_left_server_that_does_not_know_an_identity_is_not_adopted(data_dir: Path) -> None:
    subprocess.run([sys.executable, "-c", START_AND_DIE, data_dir], check=False, timeout=60)
    (left,) = find("weed", below=data_dir)
    forget_custody(EmbeddedS3(data_dir))
    with EmbeddedS3(data_dir) as server:
        assert server.pid != left.pid
        assert keeps_a_log(server)


def test_a_port_that_somebody_took_costs_no_object(server: EmbeddedS3) -> None:
    keep(server, "before")
    before = server.endpoint
    server.stop()
    # The master keeps its own notes in a folder named after its port: they must not be needed.
    with socket.create_server(("127.0.0.1", ports_of(server)["master"])):
        server.start()
        assert server.endpoint != before
        assert keeps(server, "before")
        keep(server, "after")


def test_one_supervisor_at_a_time(server: EmbeddedS3, data_dir: Path) -> None:
    with pytest.raises(AlreadySupervised):
        EmbeddedS3(data_dir).start()
    assert server.is_running()


def test_it_listens_on_loopback_only(server: EmbeddedS3) -> None:
    assert server.pid is not None
    connections = psutil.Process(server.pid).net_connections(kind="inet")
    listening = {each.laddr for each in connections if each.status == psutil.CONN_LISTEN}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    known = {number for port in ports_of(server).values() for number in (port, port + GRPC_STEP)}
    assert {address.port for address in listening} <= known


def ask(port: int, method: str, path: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as door:
        door.request(method, path)
        return door.getresponse().status


def test_no_back_door_destroys_or_shows_an_object(server: EmbeddedS3) -> None:
    """Each of these worked, without any key, on the server as it comes."""
    keep(server, "proof")
    ports = ports_of(server)
    assert ask(ports["filer"], "DELETE", "/buckets/renditions/kept/proof") in {401, 403, 404, 405}
    assert ask(ports["filer"], "GET", "/buckets/renditions/kept/proof") in {401, 403, 404, 405}
    assert ask(ports["master"], "GET", "/col/delete?collection=renditions") in {401, 403, 404, 405}
    for volume in range(1, 9):
        assert ask(ports["volume"], "GET", f"/{volume},0100000001") in {401, 404}
        assert ask(ports["volume"], "DELETE", f"/{volume},0100000001") in {401, 404}
    assert ask(ports["s3"], "GET", "/renditions/kept/proof") == 403
    assert ask(ports["s3"], "GET", "/renditions/") == 403
    assert keeps(server, "proof")


def remove_by_shell(server: EmbeddedS3, config: Path) -> None:
    """What the server's own administration shell does past the S3 door, with the certificates of `config`."""
    ports = ports_of(server)
    shell = [
        psutil.Process(server.pid).exe(), f"-config_dir={config}", "shell",
        f"-master=127.0.0.1:{ports['master']}", f"-filer=127.0.0.1:{ports['filer']}",
    ]  # fmt: skip
    with subprocess.Popen(
        shell, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as attack:
        assert attack.stdin is not None
        attack.stdin.write(b"fs.rm -r /buckets/renditions/kept\nexit\n")
        attack.stdin.flush()
        wait_until(lambda: attack.poll() is not None, within=4)
        attack.kill()


def test_no_stranger_s_certificate_opens_the_inner_doors(server: EmbeddedS3, tmp_path: Path) -> None:
    keep(server, "proof")
    stranger = make_certificates()
    for name, text in (("ca", stranger.authority), ("cert", stranger.certificate), ("key", stranger.key)):
        (tmp_path / name).write_text(text)
    own = f'cert = "{tmp_path / "cert"}"\nkey = "{tmp_path / "key"}"\n'
    (tmp_path / "security.toml").write_text(f'[grpc]\nca = "{tmp_path / "ca"}"\n[grpc.client]\n{own}')
    remove_by_shell(server, tmp_path)
    assert keeps(server, "proof")
    # The same words with the server's own certificates: what the stranger tried would have worked.
    remove_by_shell(server, server.home / "config")
    with pytest.raises(RenditionMissing):
        keeps(server, "proof")


def test_secrets_are_their_owner_s_alone(server: EmbeddedS3) -> None:
    private = [server.home / "server.json", *(server.home / "config").iterdir()]
    assert len(private) == 6
    for path in private:
        assert path.stat().st_mode & 0o077 == 0, path
    keys = [server.credentials(identity) for identity in Identity]
    assert len({each.secret_key for each in keys}) == len(Identity)
    assert server.pid is not None
    shown = " ".join(psutil.Process(server.pid).cmdline())
    assert not any(each.secret_key in shown for each in keys)


def test_the_environment_changes_nothing(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET", "surprise")
    monkeypatch.setenv("WEED_JWT_SIGNING_KEY", "known")
    with EmbeddedS3(data_dir) as server:
        assert server.pid is not None
        inside = Path(f"/proc/{server.pid}/environ").read_bytes()
    assert b"surprise" not in inside
    assert b"known" not in inside


def test_a_folder_that_it_would_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlaceRefused, match="comma"):
        EmbeddedS3(tmp_path / "a,b").start()


def test_a_folder_with_an_odd_name_will_do(servers_folder: Path) -> None:
    with EmbeddedS3(servers_folder / 'odd "name" \\ ü') as server:
        keep(server, "here")
        assert keeps(server, "here")


def test_a_server_that_never_started_has_no_address(tmp_path: Path) -> None:
    server = EmbeddedS3(tmp_path)
    assert not server.is_running()
    with pytest.raises(NotStarted):
        _ = server.endpoint
    with pytest.raises(NotStarted):
        server.credentials(Identity.INGEST)
    server.stop()
