"""A test certificate authority and the certificates that it issues; trusted only if configured."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import oid

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.datetime.now(datetime.UTC)
_DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self, password: str = "") -> bytes:
        """Both, the key encrypted if there is a password."""
        how: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            how = serialization.BestAvailableEncryption(password.encode())
        key = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
        return self.certificate.public_bytes(serialization.Encoding.PEM) + key

    def p12(self, password: str = "") -> bytes:
        """Both as PKCS#12."""
        how: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            how = serialization.BestAvailableEncryption(password.encode())
        return pkcs12.serialize_key_and_certificates(b"one", self.key, self.certificate, None, how)


def issue(name: str, by: Issued | None = None, *, host: str = "", days: int = 60) -> Issued:
    """A certificate; without an issuer one of an authority.

    Args:
        name: its common name.
        by: the issuer.
        host: of a server, which is `localhost` and `127.0.0.1` as well; `""` for no server.
        days: valid for so many from yesterday on; fewer than one: expired.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 9 * _DAY)
        .not_valid_after(NOW + days * _DAY)
        .add_extension(x509.BasicConstraints(by is None, None), critical=True)
    )
    if host:
        names = [x509.DNSName(host), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Issued(builder.sign(by.key if by is not None else key, hashes.SHA256()), key)


def server_context(folder: Path, authority: Issued, host: str = "localhost") -> ssl.SSLContext:
    """For a server of this authority, which asks for a client certificate; `ca.pem` is the authority's."""
    (folder / "ca.pem").write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(issue("server", authority, host=host).pem())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def trusting_home(home: Path, authority_file: Path) -> None:
    """Makes a home folder whose browsers on Linux trust an authority."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    program = shutil.which("certutil") or "certutil"
    for more in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "ours", "-i", str(authority_file)]):
        subprocess.run([program, "-d", f"sql:{store}", *more], check=True, capture_output=True)
