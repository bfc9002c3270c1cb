"""A certificate store for the browsers of a run on Linux: a copy of the user's, plus the client certificate.

Chromium reads `~/.pki/nssdb` there; on Windows and macOS it uses the system's store, which po-pw leaves alone.
Playwright's own option (`client_certificates`) is not used: with it Chromium accepts any certificate of every other
server, and ignores the system's proxy and trust store (Playwright 1.65, `socksClientCertificatesInterceptor.ts`).
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import environ, errors

if TYPE_CHECKING:
    from po_pw import client_certificates

TOOLS: Final = ("certutil", "pk12util")
REMEDY: Final = (
    "Install them: libnss3-tools on Debian and Ubuntu, nss-tools on Fedora and RHEL, mozilla-nss-tools on SUSE."
)
_WITHIN: Final = 20.0
"""Seconds for one of the tools."""
_FOLDERS: Final = {"XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share", "XDG_CACHE_HOME": ".cache"}


def is_used() -> bool:
    """Whether browsers read such a store on this system."""
    return sys.platform.startswith("linux")


def missing_tools() -> list[str]:
    """Programs that `prepare` needs and that are not installed."""
    return [name for name in TOOLS if shutil.which(name) is None]


class Stores:
    """The certificate store of one run, created for the first browser that needs it.

    Args:
        home: folder to create, readable by its owner only; the caller removes it.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._made: dict[str, str] | None = None
        self._making = asyncio.Lock()

    async def environment(self, certificate: client_certificates.ClientCertificate | None) -> dict[str, str]:
        """Environment variables with which a browser finds the certificate; empty if it needs none.

        Raises:
            MachineError: NSS' tools are missing or fail.
        """
        key = certificate.key if certificate is not None else None
        if key is None or not is_used():
            return {}
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(prepare, self._home, key)
        return self._made


def prepare(home: Path, key: client_certificates.Key) -> dict[str, str]:
    """Creates the store in a home folder of its own; all other folders stay the user's. Blocks.

    Args:
        home: folder to create, readable by its owner only; the caller removes it.
        key: client certificate to import.

    Returns:
        Environment variables for the browser.

    Raises:
        MachineError: NSS' tools are missing or fail.
    """
    if missing := missing_tools():
        msg = f"a client certificate cannot be given to the browser: {' and '.join(missing)} not found. {REMEDY}"
        raise errors.MachineError(msg)
    own = Path.home()
    store = home / ".pki" / "nssdb"
    store.parent.mkdir(parents=True, mode=0o700)
    if (present := _store_of_user(own)) is not None:
        shutil.copytree(present, store)
    else:
        store.mkdir(mode=0o700)
        _run("certutil", "-N", "--empty-password", store=store)
    bundle, password, empty = home / "bundle.p12", home / "password", home / "empty"
    home.chmod(0o700)
    try:
        bundle.write_bytes(key.pkcs12)
        password.write_text(key.password, "ascii")
        empty.write_text("\n", "ascii")
        _run("pk12util", "-i", str(bundle), "-w", str(password), "-k", str(empty), store=store)
    finally:
        for file in (bundle, password, empty):
            file.unlink(missing_ok=True)
    kept = {name: environ.variable(name) or str(own / folder) for name, folder in _FOLDERS.items()}
    return {"HOME": str(home), **kept}


def _store_of_user(home: Path) -> Path | None:
    data = Path(environ.variable("XDG_DATA_HOME") or home / ".local/share")
    places = (home / ".pki/nssdb", data / "pki/nssdb")
    return next((place for place in places if (place / "cert9.db").is_file()), None)


def _run(program: str, *arguments: str, store: Path) -> None:
    command = [program, *arguments, "-d", f"sql:{store}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        msg = f"a client certificate cannot be given to the browser: {program} does not run ({type(error).__name__})"
        raise errors.MachineError(msg) from error
    if done.returncode:
        why = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no reason given"]
        msg = f"a client certificate cannot be given to the browser: {program} says: {why[0]}"
        raise errors.MachineError(msg)
