"""The doctor's checks of the way to portals: proxy, trust store, client certificate."""

from __future__ import annotations

import datetime
import ssl
import sys
from typing import TYPE_CHECKING, Final

from po_pw import client_certificates, errors, proxies
from po_pw.doctor import checks

if TYPE_CHECKING:
    from po_pw import settings

_SOON: Final = datetime.timedelta(days=14)
_STORES: Final = {"win32": "Windows' certificate store", "darwin": "the keychain"}


def proxy() -> list[checks.Check]:
    """Reports which proxy is used for files and for the browser."""
    return [checks.ok("proxy", proxies.read().described())]


def trust() -> list[checks.Check]:
    """Reports which root certificates are trusted for files and by the browser."""
    if store := _STORES.get(sys.platform):
        return [checks.ok("trust store", f"{store}, for files and for the browser")]
    found = ssl.get_default_verify_paths()
    text = f"files: {found.cafile or found.capath or 'none'}; the browser: its own list and ~/.pki/nssdb"
    if found.cafile or found.capath:
        return [checks.ok("trust store", text)]
    remedy = "Install the system's root certificates (ca-certificates); until then the browser downloads the files."
    return [checks.warning("trust store", text, remedy)]


def client_certificate(
    options: settings.Settings, *, now: datetime.datetime | None = None, missing: list[str] | None = None
) -> list[checks.Check]:
    """Checks that the client certificate can be read, is valid, and is available to the browser; empty without one.

    Args:
        options: the settings that name it.
        now: the current time; None: reads the clock.
        missing: programs for the browser's store that are not installed; None: looks for them.
    """
    from po_pw.browser import nss

    name = "certificate"
    try:
        found = client_certificates.read(options, now=now)
    except errors.InputError as error:
        return [checks.problem(name, str(error))]
    if found is None:
        return []
    hosts = ", ".join(found.hosts)
    if found.key is None:
        return [checks.ok(name, f"one of this computer's certificate store is shown to {hosts}, by the browser")]
    key, at = found.key, now or datetime.datetime.now(datetime.UTC)
    text = (
        f"{key.subject or key.file} by {key.issuer or 'an issuer without a name'}, valid until {key.not_after:%Y-%m-%d}"
    )
    text = f"{text}, for {hosts}"
    if nss.is_used():
        if lacking := nss.missing_tools() if missing is None else missing:
            return [checks.problem(name, f"{text}; not found: {', '.join(lacking)}", nss.REMEDY)]
    elif not _is_in_store(key):
        remedy = f"Open {key.file} to install it in {_STORES.get(sys.platform, 'the store')}, where the browser looks."
        return [checks.warning(name, f"{text}; the browser may not have it", remedy)]
    if key.not_after - at < _SOON:
        return [checks.warning(name, text, "It expires soon. Ask whoever issued it for a new one.")]
    return [checks.ok(name, text)]


def _is_in_store(key: client_certificates.Key) -> bool:
    """Whether Windows' personal store contains it; False if that is unknown."""
    if sys.platform == "win32":
        return any(der == key.certificate for der, _, _ in ssl.enum_certificates("MY"))
    return False
