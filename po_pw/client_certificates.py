"""The client certificate that a portal asks for: read from a PEM or PKCS#12 file with its key; and who may see it."""

from __future__ import annotations

import dataclasses
import datetime
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, hostnames, known_secrets

if TYPE_CHECKING:
    import ssl

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12PrivateKeyTypes

    from po_pw import settings

PASSWORD_VARIABLE: Final = "PO_PW_CLIENT_CERTIFICATE_PASSWORD"  # noqa: S105 - the name of a variable
_PEM_SIGN: Final = b"-----BEGIN "


class PasswordNeededError(errors.InputError):
    """The file is encrypted, and no password was given."""


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A certificate and its private key."""

    file: Path
    subject: str
    """Common name; `""` if it has none."""
    issuer: str
    """Common name of its issuer; `""` if it has none."""
    not_before: datetime.datetime
    not_after: datetime.datetime
    certificate: bytes = dataclasses.field(repr=False)
    """DER."""
    pem: bytes = dataclasses.field(repr=False)
    """Certificate, the key encrypted with `password`, and the issuers' certificates in the file."""
    pkcs12: bytes = dataclasses.field(repr=False)
    """The same, encrypted with `password`."""
    password: str = dataclasses.field(repr=False)
    """A random one, of this run alone."""


@dataclasses.dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client certificate and the hosts that may see it: it says who the user is."""

    hosts: tuple[str, ...]
    key: Key | None
    """None: one in the system's certificate store, which only the browser can use."""

    def is_for(self, host: str) -> bool:
        """Whether this host may see it, on any port."""
        return hostnames.ascii_host(host) in self.hosts

    def load_into(self, context: ssl.SSLContext) -> None:
        """Adds certificate and key to a TLS context. Writes a file for a moment: call it on a thread."""
        if self.key is None:
            return
        # OpenSSL reads keys from files only. What lies there is encrypted, and gone at once.
        handle, name = tempfile.mkstemp(prefix="po-pw-", suffix=".pem")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self.key.pem)
            context.load_cert_chain(name, password=self.key.password)
        finally:
            Path(name).unlink()


def read(options: settings.Settings, *, now: datetime.datetime | None = None) -> ClientCertificate | None:
    """The client certificate of the settings; None if there is none. Reads a file: call it on a thread.

    Args:
        options: `client_certificate`, its password, and the hosts.
        now: the time to check its validity by.

    Raises:
        PasswordNeededError: the file is encrypted, and there is no password.
        InputError: it cannot be read, its password is wrong, it has no key, is not valid now, or has no hosts.
    """
    hosts = tuple(map(hostnames.ascii_host, options.client_certificate_hosts))
    file = options.client_certificate
    if file is None:
        return ClientCertificate(hosts, None) if hosts else None
    if not hosts:
        msg = "--client-certificate needs a host to be sent to: name the portal's host with --client-certificate-host"
        raise errors.InputError(msg)
    given = options.client_certificate_password
    key = load(file, given.get_secret_value() if given is not None else "")
    at = now or datetime.datetime.now(datetime.UTC)
    if not key.not_before <= at <= key.not_after:
        state = f"has expired on {key.not_after:%Y-%m-%d}" if at > key.not_after else "is not valid yet"
        msg = (
            f"the client certificate {file} {state}. Ask whoever issued it for a new one, or check this computer's date"
        )
        raise errors.InputError(msg)
    return ClientCertificate(hosts, key)


def load(file: Path, password: str) -> Key:
    """Reads a certificate with its key from a PEM or PKCS#12 (`.p12`, `.pfx`) file.

    Args:
        file: which.
        password: of its key; `""` for none.

    Raises:
        PasswordNeededError: it is encrypted, and `password` is empty.
        InputError: it cannot be read, the password is wrong, or something is missing in it.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    known_secrets.remember(password)
    try:
        content = file.read_bytes()
    except OSError as error:
        msg = f"the client certificate {file} cannot be read: {error.strerror}"
        raise errors.InputError(msg) from error
    is_pem = _PEM_SIGN in content
    key, chain = _pem(file, content, password) if is_pem else _pkcs12(file, content, password)
    own = [one for one in chain if one.public_key() == key.public_key()]
    if not own:
        msg = f"{file} holds no certificate for its key. Give one file with both, as PEM or PKCS#12"
        raise errors.InputError(msg)
    others = [one for one in chain if one is not own[0]]
    fresh = secrets.token_urlsafe(24)
    encryption = serialization.BestAvailableEncryption(fresh.encode())
    encoded = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    certificates = [one.public_bytes(serialization.Encoding.PEM) for one in (own[0], *others)]
    return Key(
        file,
        _common_name(own[0].subject),
        _common_name(own[0].issuer),
        own[0].not_valid_before_utc,
        own[0].not_valid_after_utc,
        own[0].public_bytes(serialization.Encoding.DER),
        b"".join([certificates[0], encoded, *certificates[1:]]),
        pkcs12.serialize_key_and_certificates(b"po-pw", _exportable(file, key), own[0], others, encryption),
        fresh,
    )


def _pem(file: Path, content: bytes, password: str) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    is_encrypted = b"ENCRYPTED" in content
    if is_encrypted and not password:
        raise _password_needed(file)
    try:
        key = serialization.load_pem_private_key(content, password.encode() if is_encrypted else None)
        return key, x509.load_pem_x509_certificates(content)
    except ValueError as error:
        why = "the password is wrong, or it is damaged" if is_encrypted else "it needs a certificate and its key"
        msg = f"the client certificate {file} cannot be used: {why}"
        raise errors.InputError(msg) from error


def _pkcs12(file: Path, content: bytes, password: str) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        key, own, others = pkcs12.load_key_and_certificates(content, password.encode() or None)
    except ValueError as error:
        if not password and "password" in str(error).lower():
            raise _password_needed(file) from error
        why = "the password is wrong, or it is no PEM or PKCS#12 file"
        msg = f"the client certificate {file} cannot be used: {why}"
        raise errors.InputError(msg) from error
    if key is None or own is None:
        msg = f"{file} holds no certificate with its key: export it again, together with the private key"
        raise errors.InputError(msg)
    return key, [own, *others]


def _exportable(file: Path, key: PrivateKeyTypes) -> PKCS12PrivateKeyTypes:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    if not isinstance(
        key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)
    ):
        msg = f"the key of {file} is of a kind that TLS servers do not accept"
        raise errors.InputError(msg)
    return key


def _password_needed(file: Path) -> PasswordNeededError:
    return PasswordNeededError(
        f"the client certificate {file} is encrypted: set {PASSWORD_VARIABLE}, or type its password"
    )


def _common_name(name: x509.Name) -> str:
    from cryptography.x509 import oid

    found = name.get_attributes_for_oid(oid.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""
