"""Who may do what in the embedded S3 server: six identities, each with its own key. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Identity(StrEnum):
    """A party that speaks to the store. The product itself never speaks as ADMIN after the buckets exist."""

    ADMIN = "admin"
    INGEST = "ingest"
    READER = "reader"
    RENDITIONS = "renditions"
    CUSTODY = "custody"
    DISPOSER = "disposer"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key and its secret."""

    access_key: str
    secret_key: str


LOOK = ("ListBucket", "ListBucketVersions", "GetBucketVersioning", "GetBucketObjectLockConfiguration")
READ = ("GetObject", "GetObjectVersion", "GetObjectRetention", "GetObjectLegalHold", *LOOK)
UPLOAD = ("PutObject", "AbortMultipartUpload", "ListMultipartUploadParts", "ListBucketMultipartUploads")
# Neither DeleteObject nor DeleteObjectVersion, nor BypassGovernanceRetention: intake cannot unmake what it made.
INGEST = (*UPLOAD, "PutObjectRetention", "PutObjectTagging", *READ)
# May remove a version once its lock has run out; the store itself refuses before, as there is no bypass.
DISPOSE = ("DeleteObjectVersion", *READ)


# Writes the custody log, and cannot remove it: only what is partial, and what was the newest checkpoint before.
KEEP = ("PutObject", "PutObjectRetention", *READ)
REPLACE = ("DeleteObjectVersion",)
REPLACED = ("partial/*", "checkpoint")


def identities_file(credentials: Mapping[Identity, Credentials], *, masters: str, renditions: str, custody: str) -> str:
    """The JSON text of `-s3.config`: each identity with its key and its policy."""
    policies = {
        Identity.INGEST: _policy(_may(INGEST, masters)),
        Identity.READER: _policy(_may(READ, masters, renditions, custody)),
        Identity.RENDITIONS: _policy(_may((*UPLOAD, "DeleteObject", *READ), renditions)),
        Identity.CUSTODY: _policy(_may(KEEP, custody), _may(REPLACE, custody, below=REPLACED)),
        Identity.DISPOSER: _policy(_may(DISPOSE, masters)),
    }
    admin = _identity(Identity.ADMIN, credentials)
    admin["actions"] = ["Admin", "Read", "List", "Tagging", "Write"]
    others = [{**_identity(who, credentials), "policyNames": [f"continuity-{who}"]} for who in policies]
    texts = [{"name": f"continuity-{who}", "content": text} for who, text in policies.items()]
    return json.dumps({"identities": [admin, *others], "policies": texts}, indent=1)


def _identity(who: Identity, credentials: Mapping[Identity, Credentials]) -> dict[str, object]:
    keys = credentials[who]
    return {"name": str(who), "credentials": [{"accessKey": keys.access_key, "secretKey": keys.secret_key}]}


def _policy(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _may(actions: Sequence[str], *buckets: str, below: Sequence[str] = ("", "*")) -> dict[str, object]:
    """What may be done, in these buckets; `below`: to the bucket itself and to everything in it."""
    resources = [f"arn:aws:s3:::{bucket}{'/' if place else ''}{place}" for bucket in buckets for place in below]
    return {"Effect": "Allow", "Action": [f"s3:{name}" for name in actions], "Resource": resources}
