"""Makes the secrets of an installation once, each into the folder of those who need it. Nothing is overwritten.

Run again by a newer version, it adds what the version that made them did not know: identities of the store, and the
custody log's keys.

    python ops/compose/make_secrets.py /secrets

`docker compose run --rm secrets` runs it; each folder below is a volume of its own, mounted only where named:
store (SeaweedFS), database (PostgreSQL), product (api, worker), proof (migrate, which tries the store out and so
also speaks as one who may delete), keeper (the job that makes the buckets), log (the sequencer: the log's keys).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from evidence.database import for_services
from evidence.embedded.certificates import make_certificates
from evidence.embedded.identities import Credentials, Identity, identities_file
from evidence.outside import rotating
from evidence.settings import EvidenceSettings
from ingest.receipt import ReceiptKey

# The account that the image runs as. PostgreSQL and SeaweedFS read their folders as whoever they start as.
PRODUCT_UID = 10001
FILER = Path(__file__).with_name("filer.toml")
MASTERS, RENDITIONS, CUSTODY = "masters", "renditions", "custody"
PARTS = ("master", "volume", "filer", "s3", "client", "admin", "worker")
# Whom our own processes speak to the store as. The administrator and the disposer are not among them.
WHOLE = frozenset({Identity.INGEST, Identity.READER, Identity.RENDITIONS, Identity.CUSTODY})
TOKENS = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")


def make(root: Path) -> bool:
    """Make everything; False where it had been made before. Write order: the mark of completion goes last."""
    done = root / "product" / "complete"
    if done.exists():
        return False
    passwords = {role: secrets.token_urlsafe(32) for role in ("postgres", "continuity", "filer")}
    keys = {who: Credentials(f"continuity-{who}", secrets.token_urlsafe(32)) for who in Identity}
    database(root / "database", passwords)
    store(root / "store", keys, filer_password=passwords["filer"])
    proof = {who: pair for who, pair in keys.items() if who in WHOLE | {Identity.DISPOSER}}
    settings(root / "proof", proof, password=passwords["continuity"])
    keeper(root / "keeper", keys[Identity.ADMIN])
    settings(
        root / "product", {who: pair for who, pair in keys.items() if who in WHOLE}, password=passwords["continuity"]
    )
    receipt_key(root / "product")
    log_keys(root / "log")
    done.touch()
    return True


def add_missing(root: Path) -> list[str]:
    """What an installation of an older version lacks, made now and named; nothing that is there is made anew.

    Write order: the store's list of identities goes last, so that a run that was killed is simply done again.
    """
    listed = root / "store" / "s3.json"
    keys = {
        Identity(each["name"]): Credentials(each["credentials"][0]["accessKey"], each["credentials"][0]["secretKey"])
        for each in json.loads(listed.read_text("utf-8"))["identities"]
        if each["name"] in set(Identity)
    }
    fresh = {who: Credentials(f"continuity-{who}", secrets.token_urlsafe(32)) for who in Identity if who not in keys}
    if fresh:
        for folder, known in (("proof", WHOLE | {Identity.DISPOSER}), ("product", WHOLE)):
            store_keys(root / folder, {who: pair for who, pair in fresh.items() if who in known})
        everybody = identities_file({**keys, **fresh}, masters=MASTERS, renditions=RENDITIONS, custody=CUSTODY)
        write(listed, everybody, mode=0o444)
    added = [f"the store's identity {who}" for who in fresh]
    log = root / "log"
    # A folder with anything in it has had keys: where they are lost, a person decides (docs/keys.md).
    if not log.exists() or not any(log.iterdir()):
        log_keys(log)
        added.append("the keys of the custody log")
    return added


def database(folder: Path, passwords: Mapping[str, str]) -> None:
    """The superuser's password, and the roles and databases that PostgreSQL makes at its first start."""
    roles = [
        f"CREATE ROLE {role} LOGIN PASSWORD '{passwords[role]}';\nCREATE DATABASE {role} OWNER {role};"
        for role in ("continuity", "filer")
    ]
    write(folder / "password", passwords["postgres"], mode=0o444)
    write(folder / "10-databases.sql", "\n".join(roles) + "\n", mode=0o444)


def store(folder: Path, keys: Mapping[Identity, Credentials], *, filer_password: str) -> None:
    """What SeaweedFS reads: who may speak to it, how its parts know each other, where the filer keeps names."""
    made = make_certificates()
    pair = 'cert = "/etc/seaweedfs/server.pem"\nkey = "/etc/seaweedfs/server.key"'
    lines = [f'[{name}]\nkey = "{secrets.token_hex(32)}"' for name in TOKENS]
    lines += ['[grpc]\nca = "/etc/seaweedfs/authority.pem"', *(f"[grpc.{part}]\n{pair}" for part in PARTS)]
    lines.append(f'[s3.sse]\nkek = "{secrets.token_hex(32)}"')
    texts = {
        "authority.pem": made.authority,
        "server.pem": made.certificate,
        "server.key": made.key,
        "s3.json": identities_file(keys, masters=MASTERS, renditions=RENDITIONS, custody=CUSTODY),
        "security.toml": "\n".join(lines) + "\n",
        "filer.toml": FILER.read_text("utf-8").replace("@PASSWORD@", filer_password),
    }
    for name, text in texts.items():
        write(folder / name, text, mode=0o444)


def settings(folder: Path, keys: Mapping[Identity, Credentials], *, password: str) -> None:
    """What our own processes are told: a file for each secret setting."""
    url = for_services(f"postgresql://continuity:{password}@postgres:5432/continuity")
    write(folder / "CONTINUITY_DATABASE_URL", url)
    store_keys(folder, keys)


def store_keys(folder: Path, keys: Mapping[Identity, Credentials]) -> None:
    """The keys to the store that our own processes have."""
    for who, pair in keys.items():
        write(folder / f"CONTINUITY_S3_{who.name}_KEY", pair.access_key)
        write(folder / f"CONTINUITY_S3_{who.name}_SECRET", pair.secret_key)


def receipt_key(folder: Path) -> None:
    """The key that signs receipts. There is one for ever: what it has signed must stay checkable."""
    path = folder / "receipt-key.pem"
    path.unlink(missing_ok=True)
    ReceiptKey.make(path)
    give(path)


def log_keys(folder: Path) -> None:
    """The keys that sign the custody log, and what remembers the last that they signed; for the sequencer alone."""
    origin = os.environ.get("CONTINUITY_LOG_ORIGIN", EvidenceSettings.model_fields["log_origin"].default)
    keys = folder / "keys"
    # A half-made set from a killed run has signed nothing yet.
    shutil.rmtree(keys, ignore_errors=True)
    rotating.make(keys, origin)
    for path in (folder, keys, *keys.rglob("*")):
        give(path)


def keeper(folder: Path, admin: Credentials) -> None:
    """The store's administrator, for the one job that makes the buckets; the product runs without it."""
    write(folder / "admin-key", admin.access_key)
    write(folder / "admin-secret", admin.secret_key)


def write(path: Path, text: str, *, mode: int = 0o400) -> None:
    """Write one file with its rights from the first moment. A half-made set from a killed run is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    if mode == 0o400:
        give(path)


def give(path: Path) -> None:
    """Let the product's account have a file, where we may."""
    if os.geteuid() == 0:
        os.chown(path, PRODUCT_UID, PRODUCT_UID)


def main() -> int:
    """Make them and say so."""
    if len(sys.argv) != 2:
        sys.stderr.write("say where, such as: make_secrets.py /secrets\n")
        return 2
    root = Path(sys.argv[1])
    if make(root):
        sys.stdout.write("Secrets made. Back up the volumes.\n")
        return 0
    added = add_missing(root)
    if added:
        said = (
            f"Added for this version: {', '.join(added)}. Back up the volumes, and have the store read its list anew."
        )
    else:
        said = "The secrets are there; nothing is changed."
    sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
