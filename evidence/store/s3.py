"""The only module that imports the S3 library: its clients, their settings, and its errors in our words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
)

from evidence.store import StoreKey
from evidence.store.errors import ChecksumRefused, ObjectMissing, StoreAway, StoreError, StoreRefused, UploadGone

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MISSING = {"NoSuchKey", "NoSuchVersion", "NotFound", "404"}
WRONG_CHECKSUM = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}
PASSING = {"RequestTimeout", "SlowDown", "Throttling", "OperationAborted", "RequestTimeTooSkewed"}

# Never "auto": that picks the CRT client on some machines, which ignores the endpoint and speaks to AWS.
TRANSFER = TransferConfig(
    preferred_transfer_client="classic", multipart_threshold=32 << 20, multipart_chunksize=16 << 20, max_concurrency=4
)


def connect(endpoint: str, *, key: StoreKey, region: str) -> S3Client:
    """A client, made once and shared by threads. Nothing is sent yet.

    Payloads are not signed: each carries a checksum of its own, and a signature over the bytes would
    read them twice. Checksums are added only where we name one: some stores refuse the library's own.
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path", "payload_signing_enabled": False},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=32,
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 4},
    )
    with _one_at_a_time:
        return _library().client(
            "s3",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
            config=config,
        )


# Clients are shared by threads, but the library makes them for one thread at a time.
_one_at_a_time = threading.Lock()


@cache
def _library() -> boto3.Session:
    """The library's description of S3, read once a process: it costs more than all the rest of a client.

    It holds nobody's key; each client is made with its own.
    """
    return boto3.Session()


def upload_file(client: S3Client, path: Path, *, bucket: str, key: str, content_type: str) -> None:
    """Send a file, in parts where it is large; the store checks a CRC-64 of each."""
    extra = {"ContentType": content_type, "ChecksumAlgorithm": "CRC64NVME"}
    client.upload_file(str(path), bucket, key, ExtraArgs=extra, Config=TRANSFER)


@contextmanager
def speaking(doing: str, *, missing: type[ObjectMissing] = ObjectMissing) -> Iterator[None]:
    """Turn the library's exceptions into ours. `doing` says what was wanted, for the sentence."""
    try:
        yield
    except ClientError as error:
        raise _in_our_words(error, doing, missing) from error
    except (BotoCoreError, boto3.exceptions.Boto3Error) as error:
        raise StoreAway(doing, because=str(error)) from error


def _in_our_words(error: ClientError, doing: str, missing: type[ObjectMissing]) -> StoreError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = str(error.response.get("Error", {}).get("Message", ""))
    if code in MISSING:
        return missing(doing)
    if code == "NoSuchUpload":
        return UploadGone(doing)
    if code in WRONG_CHECKSUM:
        return ChecksumRefused(doing)
    if status >= 500 or code in PASSING:
        return StoreAway(doing, because=f"{status} {code} {message}".strip())
    return StoreRefused(doing, code=code, status=status, message=message)


# What a stream may raise while its bytes are on their way.
BROKEN_STREAM = (IncompleteReadError, ReadTimeoutError, HTTPClientError)
