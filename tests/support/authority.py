"""A throw-away time-stamp authority: `openssl ts` behind HTTP, which can be told to misbehave."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from asn1crypto import cms, tsp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typing_extensions import override

CONFIG = """
[tsa]
default_tsa = tsa_config
[tsa_config]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
{certs}
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[ext]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
"""


def openssl(*words: str | Path, given: bytes | None = None) -> bytes:
    """Run openssl and give back what it prints; what it says beside goes into the failure."""
    done = subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Authority:
    """An authority of its own: a root, a certificate for time-stamping, a serial file."""

    def __init__(self, folder: Path, *, name: str = "Test TSA") -> None:
        self.folder = folder
        self.misbehaves: str | None = None  # one of the methods below that begin with `answer_`
        self.asked = 0
        self.release = threading.Event()  # ends every hang
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "serial").write_text("01\n")
        self._configure("tsa.cnf", digests="sha256, sha512")
        self._configure("refuses.cnf", digests="sha256")
        self._configure("unsorted.cnf", digests="sha512", certs=f"certs = {folder}/root.pem")
        self._make_certificates(name)

    def chain(self) -> bytes:
        """What the settings of whoever asks must hold: the authority's own certificate and its root."""
        return (self.folder / "tsa.pem").read_bytes() + (self.folder / "root.pem").read_bytes()

    def answer(self, query: bytes) -> tuple[int, bytes]:
        """Status and body, as it is told to behave."""
        self.asked += 1
        behave: Callable[[bytes], tuple[int, bytes]] = getattr(self, f"answer_{self.misbehaves or 'well'}")
        return behave(query)

    def answer_well(self, query: bytes) -> tuple[int, bytes]:
        """A good token."""
        return 200, self.reply(query)

    def answer_hanging(self, query: bytes) -> tuple[int, bytes]:
        """Nothing until the test is over."""
        self.release.wait(60)
        return 503, b""

    def answer_error(self, query: bytes) -> tuple[int, bytes]:
        """HTTP 500."""
        return 500, b"out of order"

    def answer_nonsense(self, query: bytes) -> tuple[int, bytes]:
        """A page of HTML with status 200."""
        return 200, b"<html>Sign in to use this network</html>"

    def answer_refusal(self, query: bytes) -> tuple[int, bytes]:
        """A reply whose status is rejection: this authority stamps no SHA-512."""
        return 200, self.reply(query, config="refuses.cnf")

    def answer_unsorted(self, query: bytes) -> tuple[int, bytes]:
        """A good token whose certificates are not in DER order."""
        return 200, self.reply(query, config="unsorted.cnf")

    def answer_wrong_nonce(self, query: bytes) -> tuple[int, bytes]:
        """A token for the same digest that answers somebody else's query."""
        asked = tsp.TimeStampReq.load(query)
        asked["nonce"] = asked["nonce"].native ^ 1
        return 200, self.reply(asked.dump())

    def answer_wrong_message(self, query: bytes) -> tuple[int, bytes]:
        """A token over something else."""
        asked = tsp.TimeStampReq.load(query)
        asked["message_imprint"]["hashed_message"] = bytes(64)
        return 200, self.reply(asked.dump())

    def answer_injected(self, query: bytes) -> tuple[int, bytes]:
        """A good token with another's certificate for time-stamping beside its own."""
        answer = tsp.TimeStampResp.load(self.reply(query))
        decoy = Authority(self.folder / "decoy", name="Decoy TSA").folder / "tsa.pem"
        der = openssl("x509", "-in", decoy, "-outform", "DER")
        signed = answer["time_stamp_token"]["content"]
        each = sorted([*(certificate.dump() for certificate in signed["certificates"]), der])
        signed["certificates"] = cms.CertificateSet([cms.CertificateChoices.load(one) for one in each])
        return 200, bytes(answer.dump())

    def answer_ahead(self, query: bytes) -> tuple[int, bytes]:
        """A token signed by a clock that is ten minutes fast."""
        return 200, self._signed_again(self.reply(query), later=timedelta(minutes=10))

    def answer_behind(self, query: bytes) -> tuple[int, bytes]:
        """A token signed by a clock that is ten minutes slow."""
        return 200, self._signed_again(self.reply(query), later=timedelta(minutes=-10))

    def reply(self, query: bytes, *, config: str = "tsa.cnf") -> bytes:
        """What `openssl ts` answers. One at a time: it does not lock its serial file."""
        with self._lock:
            (self.folder / "query.tsq").write_bytes(query)
            openssl(
                *("ts", "-reply", "-queryfile", self.folder / "query.tsq"),
                *("-config", self.folder / config, "-section", "tsa_config", "-out", self.folder / "reply.tsr"),
            )
            return (self.folder / "reply.tsr").read_bytes()

    def _signed_again(self, reply: bytes, *, later: timedelta) -> bytes:
        answer = tsp.TimeStampResp.load(reply)
        signed = answer["time_stamp_token"]["content"]
        info = signed["encap_content_info"]["content"].parsed
        info["gen_time"] = info["gen_time"].native + later
        signed["encap_content_info"]["content"] = cms.ParsableOctetString(info.dump())
        [signer] = signed["signer_infos"]
        for attribute in signer["signed_attrs"]:
            if attribute["type"].native == "message_digest":
                attribute["values"] = [digest(info.dump())]
        key = load_pem_private_key((self.folder / "tsa.key").read_bytes(), password=None)
        assert isinstance(key, EllipticCurvePrivateKey)
        signer["signature"] = key.sign(signer["signed_attrs"].retag("set").dump(), ECDSA(hashes.SHA256()))
        return bytes(answer.dump())

    def _configure(self, name: str, *, digests: str, certs: str = "") -> None:
        (self.folder / name).write_text(CONFIG.format(folder=self.folder, digests=digests, certs=certs))

    def _make_certificates(self, name: str) -> None:
        at, new_key = self.folder, ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
        openssl(
            *("req", "-x509", *new_key, "-keyout", at / "root.key", "-out", at / "root.pem"),
            *("-days", "30", "-subj", f"/CN={name} Root"),
        )
        openssl("req", *new_key, "-keyout", at / "tsa.key", "-out", at / "tsa.csr", "-subj", f"/CN={name}")
        openssl(
            *("x509", "-req", "-in", at / "tsa.csr", "-CA", at / "root.pem", "-CAkey", at / "root.key"),
            *(
                "-CAcreateserial",
                "-days",
                "30",
                "-extfile",
                at / "tsa.cnf",
                "-extensions",
                "ext",
                "-out",
                at / "tsa.pem",
            ),
        )


def digest(data: bytes) -> bytes:
    """SHA-256, by which openssl signs its tokens here."""
    made = hashes.Hash(hashes.SHA256())
    made.update(data)
    return made.finalize()


@contextmanager
def served(authority: Authority) -> Iterator[str]:
    """The authority's address while the block lasts."""

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            status, body = authority.answer(query)
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the test says what it wants to know."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Desk) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            authority.release.set()
            server.shutdown()
