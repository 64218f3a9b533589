"""RFC 3161 tokens: asks for one, and judges one. Holds certificates and bytes only; opens nothing.

The authority's own certificate is pinned, not only its root: whoever else holds a certificate under that root is
somebody else. Whether the certificates were valid is judged at the token's own time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerifierBuilder,
    decode_timestamp_response,
)

from evidence.outside.errors import TokenRefused

LARGEST = 64 * 1024
DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "2.16.840.1.101.3.4.2.1": lambda data: hashlib.sha256(data).digest(),
    "2.16.840.1.101.3.4.2.2": lambda data: hashlib.sha384(data).digest(),
    "2.16.840.1.101.3.4.2.3": lambda data: hashlib.sha512(data).digest(),
}


@dataclass(frozen=True, slots=True)
class Chain:
    """An authority's certificates: those it signs with, those between, those at the root."""

    signers: tuple[x509.Certificate, ...]
    between: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]

    @classmethod
    def read(cls, pem: bytes) -> Chain:
        """Sort the certificates of one PEM text by what each is for. Raises ValueError with a sentence."""
        found = x509.load_pem_x509_certificates(pem)
        roots = tuple(each for each in found if each.issuer == each.subject)
        signers = tuple(each for each in found if each not in roots and signs_time(each))
        between = tuple(each for each in found if each not in roots and each not in signers)
        if not signers:
            raise ValueError("it holds no certificate for time-stamping: the authority's own must be in it")
        if not roots:
            raise ValueError("it holds no root: the authority's chain must be whole")
        return cls(signers, between, roots)

    def pem(self) -> bytes:
        """The same certificates as PEM, the authority's own first, the root last."""
        everyone = (*self.signers, *self.between, *self.roots)
        return b"".join(each.public_bytes(Encoding.PEM) for each in everyone)


@dataclass(frozen=True, slots=True)
class Stamped:
    """What a good token says."""

    at: datetime
    serial: int
    policy: str


def signs_time(certificate: x509.Certificate) -> bool:
    """Whether this is a certificate of a time-stamp authority, and not one above it. Raises ValueError."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    if ExtendedKeyUsageOID.TIME_STAMPING not in usage:
        return False
    try:
        return not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return True


def ask_for(message: bytes) -> TimeStampRequest:
    """A query over SHA-512 of the message, with a nonce, that wants the certificates back."""
    asked = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA512)
    return asked.nonce(nonce=True).cert_request(cert_request=True).build()


def judge(response: bytes, message: bytes, chain: Chain, *, query: TimeStampRequest | None = None) -> Stamped:
    """What the token says, if it is one over this message by this authority. Raises TokenRefused.

    With the query, nonce and digest must be those that were asked for.
    """
    read = read_response(response)
    try:
        return _judge(read, message, chain, query)
    except TokenRefused:
        raise
    except Exception as error:  # whatever a parser of others' bytes raises, the token is not good
        raise TokenRefused(f"{type(error).__name__}: {str(error)[:300]}") from error


@lru_cache(maxsize=512)
def kept(response: bytes, query: bytes, message: bytes, chain: Chain) -> Stamped | None:
    """What a token that lies in the table says of this message; None where it or its query is not about it, or is bad.

    Asked again and again of the same bytes: what was found is remembered.
    """
    if not any(digest(message) in query for digest in DIGESTS.values()):
        return None
    try:
        return judge(response, message, chain)
    except TokenRefused:
        return None


def is_about(response: bytes, message: bytes) -> bool:
    """Whether it can be read as a token over this message, whoever signed it."""
    try:
        imprint = read_response(response).tst_info.message_imprint
        return imprint.message == DIGESTS[imprint.hash_algorithm.dotted_string](message)
    except Exception:  # noqa: BLE001 - whatever a parser of others' bytes raises, it is none
        return False


def read_response(response: bytes) -> TimeStampResponse:
    """Read an answer, also one whose set of certificates is not in DER order. Raises TokenRefused."""
    if len(response) > LARGEST:
        raise TokenRefused(f"it is longer than {LARGEST} bytes")
    try:
        return decode_timestamp_response(response)
    except ValueError as error:
        try:
            return decode_timestamp_response(with_sorted_certificates(response))
        except Exception:  # noqa: BLE001 - as above; what the first reader said is what counts
            raise TokenRefused(f"it cannot be read: {str(error)[:300]}") from error


def with_sorted_certificates(response: bytes) -> bytes:
    """The same answer with its certificates in DER order. They are outside of what is signed.

    `openssl ts` writes them in the order of its file; the library reads a SET only in its one order.
    Raises ValueError, TypeError or KeyError where the bytes are no answer with a token.
    """
    answer = tsp.TimeStampResp.load(response, strict=True)
    signed = answer["time_stamp_token"]["content"]
    if not isinstance(signed, cms.SignedData):
        raise TypeError("the answer holds no signed data")
    each_der = sorted(each.dump() for each in signed["certificates"])
    signed["certificates"] = cms.CertificateSet([cms.CertificateChoices.load(der) for der in each_der])
    sorted_again: bytes = answer.dump()
    return sorted_again


def _judge(read: TimeStampResponse, message: bytes, chain: Chain, query: TimeStampRequest | None) -> Stamped:
    if PKIStatus(read.status) != PKIStatus.GRANTED:
        raise TokenRefused(f"the authority answered {PKIStatus(read.status).name}: {'; '.join(read.status_string)}")
    info = read.tst_info
    imprint = info.message_imprint
    algorithm = imprint.hash_algorithm.dotted_string
    if algorithm not in DIGESTS:
        raise TokenRefused(f"it is over a digest of the kind {algorithm}")
    if query is not None and query.message_imprint.hash_algorithm != imprint.hash_algorithm:
        raise TokenRefused("it is over another kind of digest than was asked for")
    signer = _signer(read, chain)
    nonce = query.nonce if query is not None else None
    verifier = VerifierBuilder(
        tsa_certificate=signer, intermediates=list(chain.between), roots=list(chain.roots), nonce=nonce
    ).build()
    verifier.verify(read, DIGESTS[algorithm](message))
    return Stamped(info.gen_time.astimezone(UTC), info.serial_number, info.policy.dotted_string)


def _signer(read: TimeStampResponse, chain: Chain) -> x509.Certificate:
    """The pinned certificate that the token names. Raises TokenRefused where it names or shows another."""
    shown = [x509.load_der_x509_certificate(der) for der in read.signed_data.certificates]
    if any(signs_time(each) and each not in chain.signers for each in shown):
        raise TokenRefused("it shows a certificate for time-stamping that is not the authority's")
    [named] = list(read.signed_data.signer_infos)
    for each in chain.signers:
        if (each.issuer, each.serial_number) == (named.issuer, named.serial_number):
            return each
    raise TokenRefused("it is signed by another than the authority that was asked")
