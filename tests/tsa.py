"""A time-stamping authority for tests: certificates of its own, answers by `openssl ts -reply`, served on loopback.

    with TestAuthority(folder) as tsa:
        tsa.url          where it answers RFC 3161 requests over HTTP
        tsa.roots_pem    its root certificate (and intermediate one), for who trusts it
        tsa.stamp(b"…")  a TimeStampResp over a message, without HTTP
        tsa.made(b"…")   the same, assembled here: at any time, with whatever fault a test wants

`openssl ts` makes no token that is false in an interesting way, and none of another time; `made` does, and `openssl ts
-verify` and rfc3161-client agree that what it makes by default is a time stamp (`tests/proof/test_timestamps.py`).
"""

import hashlib
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger.proof.der import GENERALIZED_TIME, NULL, OCTET_STRING, SEQUENCE, context, encoded, integer, oid, set_of

OIDS: Final = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
POLICY: Final = "1.3.6.1.4.1.99999.1"
_CONFIG: Final = """
[tsa]
default_tsa = config
[config]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
{certs}
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = {policy}
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class TestAuthority:
    """A root, if wanted an intermediate, and a time-stamping certificate, valid `days` around `now`."""

    __test__ = False  # it is none, whatever its name begins with

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "Test authority",
        now: datetime | None = None,
        before: timedelta = timedelta(days=1),
        after: timedelta = timedelta(days=3650),
        intermediate: bool = False,
        usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
        critical: bool = True,
    ) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("there is no openssl command")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.name = name
        self.requests: list[bytes] = []
        """What was asked over HTTP."""
        self.answer: bytes | None = None
        """Where not None: what every request over HTTP is answered with."""
        self.status = 200
        self.headers: dict[str, str] = {}
        now = (now or datetime.now(UTC)).replace(microsecond=0)
        self._since, self._until = now - before, now + after
        self.root, root_key = self._certificate(f"{name} root", None, None)
        issuer, issuer_key = (self.root, root_key)
        if intermediate:
            issuer, issuer_key = self._certificate(f"{name} intermediate", self.root, root_key)
        self.certificate, self.key = self._certificate(name, issuer, issuer_key, usages, critical)
        self.chain = [issuer] if intermediate else []
        self.roots_pem = self._write("roots.pem", self.root)
        self._write("tsa.pem", self.certificate)
        certs = f"certs = {self._write('chain.pem', *self.chain)}" if self.chain else ""
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "tsa.key").write_bytes(pem)
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder, policy=POLICY, certs=certs))
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    # -- over HTTP -------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.requests.append(query)
                wanted = self.headers["Content-Type"] == "application/timestamp-query"
                body = authority.answer if authority.answer is not None else authority.reply(query)
                self.send_response(authority.status if wanted else 415)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                for name, value in authority.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815  (the server looks it up by this name)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        assert self._server is not None, "it serves within `with` only"
        return f"http://127.0.0.1:{self._server.server_port}/tsr"

    # -- answers ---------------------------------------------------------------------------------------------------

    def reply(self, query: bytes) -> bytes:
        """What `openssl ts -reply` answers to a DER request."""
        with self._lock:
            (self.folder / "query.tsq").write_bytes(query)
            out = self.folder / "reply.tsr"
            run("ts", "-reply", "-config", self.folder / "openssl.cnf", "-queryfile", self.folder / "query.tsq",
                "-out", out)  # fmt: skip
            return out.read_bytes()

    def stamp(self, message: bytes, algorithm: str = "sha256") -> bytes:
        """A TimeStampResp over a message, now."""
        with self._lock:
            (self.folder / "message").write_bytes(message)
            out = self.folder / "message.tsq"
            run("ts", "-query", "-data", self.folder / "message", f"-{algorithm}", "-cert", "-out", out)
            query = out.read_bytes()
        return self.reply(query)

    def made(
        self,
        message: bytes,
        *,
        at: datetime | None = None,
        algorithm: str = "sha256",
        status: int = 0,
        with_certificates: bool = True,
        essential: str | None = "sha256",
        essential_of: x509.Certificate | None = None,
        nonce: int | None = None,
    ) -> bytes:
        """A TimeStampResp over a message, assembled here, of any time; `essential`: the hash of the attribute."""
        now = at or datetime.now(UTC)
        no_parameters = encoded(NULL)
        imprint = encoded(
            SEQUENCE,
            encoded(SEQUENCE, oid(OIDS[algorithm]), no_parameters),
            encoded(OCTET_STRING, hashlib.new(algorithm, message).digest()),
        )
        info = encoded(
            SEQUENCE,
            integer(1),
            oid(POLICY),
            imprint,
            integer(4711),
            encoded(GENERALIZED_TIME, now.strftime("%Y%m%d%H%M%SZ").encode()),
            b"" if nonce is None else integer(nonce),
        )
        attributes = [
            _attribute("1.2.840.113549.1.9.3", oid("1.2.840.113549.1.9.16.1.4")),
            _attribute("1.2.840.113549.1.9.4", encoded(OCTET_STRING, hashlib.sha256(info).digest())),
        ]
        if essential is not None:
            attributes.append(_essential(essential_of or self.certificate, essential))
        signature = self.key.sign(set_of(attributes), ec.ECDSA(hashes.SHA256()))
        sha256 = encoded(SEQUENCE, oid(OIDS["sha256"]))
        signer = encoded(
            SEQUENCE,
            integer(1),
            encoded(SEQUENCE, self.certificate.issuer.public_bytes(), integer(self.certificate.serial_number)),
            sha256,
            set_of(attributes, context(0)),
            encoded(SEQUENCE, oid("1.2.840.10045.4.3.2")),
            encoded(OCTET_STRING, signature),
        )
        certificates = [one.public_bytes(Encoding.DER) for one in (self.certificate, *self.chain)]
        data = encoded(
            SEQUENCE,
            integer(3),
            set_of([sha256]),
            encoded(SEQUENCE, oid("1.2.840.113549.1.9.16.1.4"), encoded(context(0), encoded(OCTET_STRING, info))),
            set_of(certificates, context(0)) if with_certificates else b"",
            set_of([signer]),
        )
        content = encoded(SEQUENCE, oid("1.2.840.113549.1.7.2"), encoded(context(0), data))
        return encoded(SEQUENCE, encoded(SEQUENCE, integer(status)), content if status < 2 else b"")

    # -- certificates ----------------------------------------------------------------------------------------------

    def _certificate(
        self,
        name: str,
        issuer: x509.Certificate | None,
        issuer_key: ec.EllipticCurvePrivateKey | None,
        usages: tuple[x509.ObjectIdentifier, ...] | None = None,
        critical: bool = True,
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ])  # fmt: skip
        authority = usages is None
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer is not None else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._since)
            .not_valid_after(self._until)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=critical)
        return builder.sign(issuer_key or key, hashes.SHA256()), key

    def _write(self, name: str, *certificates: x509.Certificate) -> Path:
        path = self.folder / name
        path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
        return path


def _attribute(kind: str, value: bytes) -> bytes:
    return encoded(SEQUENCE, oid(kind), set_of([value]))


def _essential(certificate: x509.Certificate, algorithm: str) -> bytes:
    der = certificate.public_bytes(Encoding.DER)
    hashed = encoded(OCTET_STRING, hashlib.new(algorithm, der).digest())
    if algorithm == "sha1":
        named, kind = encoded(SEQUENCE, hashed), "1.2.840.113549.1.9.16.2.12"
    else:
        named = encoded(SEQUENCE, encoded(SEQUENCE, oid(OIDS[algorithm])) if algorithm != "sha256" else b"", hashed)
        kind = "1.2.840.113549.1.9.16.2.47"
    return _attribute(kind, encoded(SEQUENCE, encoded(SEQUENCE, named)))


def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """The openssl command; it has to end well."""
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def openssl_accepts(token: bytes, message: bytes, roots_pem: Path, folder: Path, *more: object) -> bool:
    """Whether `openssl ts -verify` accepts a TimeStampResp over a message."""
    (folder / "check.tsr").write_bytes(token)
    (folder / "check.data").write_bytes(message)
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-in", folder / "check.tsr", "-data", folder / "check.data",
         "-CAfile", roots_pem, *map(str, more)],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode == 0 and b"Verification: OK" in done.stdout + done.stderr
