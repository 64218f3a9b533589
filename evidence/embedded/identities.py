"""Who may do what in the embedded S3 server: five identities, each with its own key. Pure."""

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


def identities_file(credentials: Mapping[Identity, Credentials], *, masters: str, renditions: str) -> str:
    """The JSON text of `-s3.config`: each identity with its key and its policy."""
    policies = {
        Identity.INGEST: _policy(INGEST, masters),
        Identity.READER: _policy(READ, masters, renditions),
        Identity.RENDITIONS: _policy((*UPLOAD, "DeleteObject", *READ), renditions),
        Identity.DISPOSER: _policy(DISPOSE, masters),
    }
    admin = _identity(Identity.ADMIN, credentials)
    admin["actions"] = ["Admin", "Read", "List", "Tagging", "Write"]
    others = [{**_identity(who, credentials), "policyNames": [f"continuity-{who}"]} for who in policies]
    texts = [{"name": f"continuity-{who}", "content": text} for who, text in policies.items()]
    return json.dumps({"identities": [admin, *others], "policies": texts}, indent=1)


def _identity(who: Identity, credentials: Mapping[Identity, Credentials]) -> dict[str, object]:
    keys = credentials[who]
    return {"name": str(who), "credentials": [{"accessKey": keys.access_key, "secretKey": keys.secret_key}]}


def _policy(actions: Sequence[str], *buckets: str) -> str:
    resources = [f"arn:aws:s3:::{bucket}{tail}" for bucket in buckets for tail in ("", "/*")]
    statement = {"Effect": "Allow", "Action": [f"s3:{name}" for name in actions], "Resource": resources}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
