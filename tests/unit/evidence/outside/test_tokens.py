"""Time-stamp tokens: the shared vectors as their README says, and an authority that does everything wrong in turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from rfc3161_client import decode_timestamp_response

from evidence import clock
from evidence.outside import tokens
from evidence.outside.errors import TokenRefused
from evidence.outside.tokens import Chain, Stamped
from tests.support.authority import Authority, openssl

HELLO = b"hello"
Judge = Callable[..., Stamped]


@pytest.fixture
def judge(tokens_folder: Path) -> Judge:
    """Judge a token of the vectors with a chain of the vectors."""

    def judge(token: str, chain: str | Chain, message: bytes = HELLO) -> Stamped:
        trusted = chain if isinstance(chain, Chain) else Chain.read((tokens_folder / chain).read_bytes())
        return tokens.judge((tokens_folder / token).read_bytes(), message, trusted)

    return judge


@pytest.mark.shared
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_tokens_over_each_digest_are_accepted(judge: Judge, digest: str) -> None:
    assert judge(f"sigstage/response-{digest}.tsr", "sigstage/ts_chain.pem").at.date().isoformat() == "2025-05-09"


@pytest.mark.shared
def test_a_token_without_certificates_is_accepted_under_the_pinned_one(judge: Judge) -> None:
    assert judge("sigstage/response-no-embedded-cert.tsr", "sigstage/ts_chain.pem").policy == "1.3.6.1.4.1.57264.2"


@pytest.mark.shared
def test_a_wrong_signature_is_refused(judge: Judge) -> None:
    with pytest.raises(TokenRefused):
        judge("sigstage/response-invalid-signature.tsr", "sigstage/ts_chain.pem")


@pytest.mark.shared
def test_a_token_is_judged_at_its_own_time(judge: Judge, tokens_folder: Path) -> None:
    payload = (tokens_folder / "sigstore.mock/payload").read_bytes()
    stamped = judge("sigstore.mock/response-expired.tsr", "sigstore.mock/ts_chain.pem", payload)
    assert stamped.at == datetime(2023, 2, 1, tzinfo=UTC)


@pytest.mark.shared
def test_a_token_of_a_commercial_authority_is_accepted(judge: Judge, tokens_folder: Path) -> None:
    token = decode_timestamp_response((tokens_folder / "identrust/issue-104.tsr").read_bytes())
    shown = [x509.load_der_x509_certificate(each) for each in token.signed_data.certificates]
    root = x509.load_der_x509_certificate((tokens_folder / "identrust/ts_chain.pem").read_bytes())
    pinned = Chain(tuple(each for each in shown if tokens.signs_time(each)), (), (root,))
    assert judge("identrust/issue-104.tsr", pinned).at.date().isoformat() == "2025-03-11"


@pytest.mark.shared
def test_a_token_for_something_else_is_refused(judge: Judge) -> None:
    judge("test_tsa/response.tsr", "test_tsa/ts_chain.pem")
    with pytest.raises(TokenRefused):
        judge("test_tsa/other_response.tsr", "test_tsa/ts_chain.pem")


@pytest.mark.shared
def test_an_injected_certificate_is_refused_whoever_is_pinned(judge: Judge, tokens_folder: Path) -> None:
    pinned = Chain.read((tokens_folder / "test_tsa/ts_chain.pem").read_bytes())
    injected = "test_tsa/response-injected-certs.tsr"
    shown = decode_timestamp_response((tokens_folder / injected).read_bytes()).signed_data.certificates
    others = [x509.load_der_x509_certificate(each) for each in shown]
    decoys = tuple(each for each in others if tokens.signs_time(each) and each not in pinned.signers)
    assert decoys
    for signers in (pinned.signers, decoys):
        with pytest.raises(TokenRefused):
            judge(injected, Chain(signers, pinned.between, pinned.roots))


@pytest.mark.shared
def test_certificates_in_any_order_are_read(judge: Judge, tokens_folder: Path) -> None:
    token = (tokens_folder / "local/response-unsorted-certs.tsr").read_bytes()
    with pytest.raises(ValueError, match="InvalidSetOrdering"):
        decode_timestamp_response(token)
    chain = Chain.read((tokens_folder / "local/tsa.pem").read_bytes() + (tokens_folder / "local/root.pem").read_bytes())
    message = (tokens_folder / "local/message").read_bytes()
    assert judge("local/response-unsorted-certs.tsr", chain, message).serial == 5


def test_a_token_says_when(authority: Authority) -> None:
    query = tokens.ask_for(HELLO)
    stamped = tokens.judge(authority.reply(query.as_bytes()), HELLO, Chain.read(authority.chain()), query=query)
    assert abs(stamped.at - clock.now()) < timedelta(seconds=30)
    assert stamped.policy == "1.2.3.4.1"


def test_openssl_accepts_what_we_asked_for(authority: Authority, tmp_path: Path) -> None:
    query = tokens.ask_for(HELLO)
    (tmp_path / "query.tsq").write_bytes(query.as_bytes())
    (tmp_path / "reply.tsr").write_bytes(authority.reply(query.as_bytes()))
    verify = ("ts", "-verify", "-queryfile", tmp_path / "query.tsq", "-in", tmp_path / "reply.tsr")
    assert b"OK" in openssl(
        *verify, "-CAfile", authority.folder / "root.pem", "-untrusted", authority.folder / "tsa.pem"
    )


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("wrong_nonce", "Nonce"),
        ("wrong_message", "messages"),
        ("injected", "not the authority's"),
        ("refusal", "REJECTION"),
        ("nonsense", "cannot be read"),
        ("error", "cannot be read"),
    ],
)
def test_what_is_not_the_answer_to_what_was_asked_is_refused(authority: Authority, how: str, words: str) -> None:
    authority.misbehaves = how
    query = tokens.ask_for(HELLO)
    _, answer = authority.answer(query.as_bytes())
    with pytest.raises(TokenRefused, match=words):
        tokens.judge(answer, HELLO, Chain.read(authority.chain()), query=query)


def test_another_authority_under_another_root_is_refused(authority: Authority, tmp_path: Path) -> None:
    other = Chain.read(Authority(tmp_path, name="Other TSA").chain())
    ours = Chain.read(authority.chain())
    answer = authority.reply(tokens.ask_for(HELLO).as_bytes())
    for trusted in (other, Chain(ours.signers, (), other.roots), Chain(other.signers, (), ours.roots)):
        with pytest.raises(TokenRefused):
            tokens.judge(answer, HELLO, trusted)


def test_no_byte_of_a_token_can_be_changed_to_another_time(authority: Authority) -> None:
    query = tokens.ask_for(HELLO)
    chain, answer = Chain.read(authority.chain()), authority.reply(query.as_bytes())
    said = tokens.judge(answer, HELLO, chain, query=query).at
    for place in range(len(answer)):
        changed = bytearray(answer)
        changed[place] ^= 1
        try:
            assert tokens.judge(bytes(changed), HELLO, chain, query=query).at == said
        except TokenRefused:
            continue


@pytest.mark.parametrize("given", [b"", b"\x30\x00", b"\x30\x80\x00\x00", b"x" * 70_000, b"\x30\x03\x30\x01\x02"])
def test_what_is_no_token_is_refused(authority: Authority, given: bytes) -> None:
    with pytest.raises(TokenRefused):
        tokens.judge(given, HELLO, Chain.read(authority.chain()))


def test_a_chain_must_be_whole(authority: Authority) -> None:
    signer, root = (authority.folder / "tsa.pem").read_bytes(), (authority.folder / "root.pem").read_bytes()
    with pytest.raises(ValueError, match="no root"):
        Chain.read(signer)
    with pytest.raises(ValueError, match="no certificate for time-stamping"):
        Chain.read(root)
    assert Chain.read(Chain.read(root + signer).pem()) == Chain.read(signer + root)
