"""Client certificates: usual kinds of files, which hosts get them, and a real TLS server."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING

import pytest

from po_pw import client_certificates, errors, settings
from po_pw.browser import profiles
from po_pw.doctor import connections
from po_pw.transport import client
from tests.helpers import certificates, faulty_server, support

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY = certificates.issue("Corporation")
ANNA = certificates.issue("Anna", AUTHORITY)
PASSWORD = "correct horse"


def options(file: Path | None, password: str | None = None, *hosts: str) -> settings.Settings:
    return settings.load(
        client_certificate=file, client_certificate_password=password, client_certificate_hosts=hosts or None
    )


@pytest.mark.parametrize(
    ("content", "password"),
    [(ANNA.pem(), ""), (ANNA.pem(PASSWORD), PASSWORD), (ANNA.p12(), ""), (ANNA.p12(PASSWORD), PASSWORD)],
    ids=["pem", "encrypted pem", "p12", "encrypted p12"],
)
def test_both_kinds_of_file_are_read(tmp_path: Path, content: bytes, password: str) -> None:
    """PEM and PKCS#12 are read, encrypted or not; no text contains key or password."""
    file = tmp_path / "anna"
    file.write_bytes(content)
    found = client_certificates.read(options(file, password or None, "LOCALHOST"))
    assert found is not None
    assert found.key is not None
    assert (found.key.subject, found.key.issuer) == ("Anna", "Corporation")
    assert found.is_for("localhost")
    assert not found.is_for("other.example")
    assert not any(secret in repr(found) for secret in ("PRIVATE", found.key.password))


@pytest.mark.parametrize(
    ("content", "password", "kind", "says"),
    [
        (ANNA.pem(PASSWORD), None, client_certificates.PasswordNeededError, "PO_PW_CLIENT_CERTIFICATE_PASSWORD"),
        (ANNA.p12(PASSWORD), None, client_certificates.PasswordNeededError, "PO_PW_CLIENT_CERTIFICATE_PASSWORD"),
        (ANNA.pem(PASSWORD), "wrong password", errors.InputError, "password is wrong"),
        (ANNA.p12(PASSWORD), "wrong password", errors.InputError, "password is wrong"),
        (b"Dear Anna", None, errors.InputError, "no PEM or PKCS#12"),
        (ANNA.pem().partition(b"-----BEGIN PRIVATE")[0], None, errors.InputError, "its key"),
        (certificates.issue("Anna", AUTHORITY, days=-1).pem(), None, errors.InputError, "has expired"),
        (None, None, errors.InputError, "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, content: bytes | None, password: str | None, kind: type[errors.InputError], says: str
) -> None:
    """Each unusable file has its reason, in `doctor`, too."""
    file = tmp_path / "anna"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(kind, match=says):
        client_certificates.read(options(file, password, "localhost"))
    (line,) = connections.client_certificate(options(file, password, "localhost"))
    assert line.state == "problem"
    assert says in line.text


def test_it_is_shown_to_nobody_without_being_told_so(tmp_path: Path) -> None:
    """A file without a host is refused; a host without a file means the system's store."""
    with pytest.raises(errors.InputError, match="--client-certificate-host"):
        client_certificates.read(options(tmp_path / "anna"))
    with pytest.raises(errors.InputError, match="client-certificate-host"):
        options(None, None, "*.example.com")
    found = client_certificates.read(options(None, None, "portal.example"))
    assert found == client_certificates.ClientCertificate(("portal.example",), None)
    assert client_certificates.read(settings.load()) is None


def test_doctor_tells_how_long_it_is_valid(tmp_path: Path) -> None:
    """A certificate that expires soon is a warning; without NSS tools the browser on Linux cannot get it."""
    file = tmp_path / "anna.pem"
    file.write_bytes(ANNA.pem())
    given = options(file, None, "localhost")
    (line,) = connections.client_certificate(given, missing=[])
    assert (line.state, "Anna by Corporation" in line.text) == ("ok", True)
    soon = certificates.NOW + datetime.timedelta(days=50)
    assert [line.state for line in connections.client_certificate(given, now=soon, missing=[])] == ["warning"]
    (line,) = connections.client_certificate(given, missing=["pk12util"])
    assert (line.state, "libnss3-tools" in line.remedy) == ("problem", True)


def test_a_profile_shows_it_to_its_hosts_alone_and_forgets_it(tmp_path: Path) -> None:
    """A profile used without the option later sends no certificate."""
    file = tmp_path / "anna.pem"
    file.write_bytes(ANNA.pem())
    preferences = tmp_path / "profile" / "Default" / "Preferences"

    def selected() -> object:
        return json.loads(preferences.read_text("utf-8"))["profile"]["content_settings"]["exceptions"]

    profiles.select_client_certificate(tmp_path / "profile", None)
    assert not preferences.exists()
    profiles.select_client_certificate(tmp_path / "profile", client_certificates.read(options(file, None, "a.example")))
    wanted = {"filters": [{"SUBJECT": {"CN": "Anna"}, "ISSUER": {"CN": "Corporation"}}]}
    assert selected() == {"auto_select_certificate": {"https://a.example:*,*": {"setting": wanted}}}
    profiles.select_client_certificate(tmp_path / "profile", None)
    assert selected() == {}


def test_a_server_that_asks_for_it_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is sent to the named hosts only; elsewhere the request fails."""
    tls = certificates.server_context(tmp_path, AUTHORITY)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    (tmp_path / "anna.p12").write_bytes(ANNA.p12(PASSWORD))
    certificate = client_certificates.read(options(tmp_path / "anna.p12", PASSWORD, "localhost"))

    async def body() -> None:
        async with (
            faulty_server.serve(tls) as server,
            client.Client(files_in_all=4, files_per_host=4, stall_timeout=30, certificate=certificate) as ours,
        ):
            session = ours.session("test")
            url = server.url("/pdf").replace("http:", "https:")
            async with session.get(url.replace("127.0.0.1", "localhost")) as found:
                assert b"".join([chunk async for chunk in found.chunks]) == faulty_server.PDF
            with pytest.raises(errors.HostUnreachableError):
                async with session.get(url):
                    pass
            await session.aclose()

    support.run_async(body())
    assert not list(tmp_path.glob("po-pw-*"))
