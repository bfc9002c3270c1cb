"""Brings applications onto this machine: from PyPI into a virtual environment each, from Debian's packages unpacked."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import platformdirs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PATIENCE = 300.0
"""Seconds for one package manager; a registry that does not answer hangs for long."""


class NotInstallableError(Exception):
    """The application cannot be had here; the message says why."""


def cache() -> Path:
    """Where applications are kept from run to run (`PO_PW_REAL_APPS` puts them elsewhere)."""
    chosen = os.environ.get("PO_PW_REAL_APPS")
    folder = Path(chosen) if chosen else platformdirs.user_cache_path("po-pw-real-apps")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def python_with(name: str, packages: Sequence[str]) -> Path:
    """The Python of a virtual environment that has these packages from PyPI; made where it is not there yet.

    Raises:
        NotInstallableError: pip could not get them.
    """

    def make(folder: Path) -> None:
        venv.create(folder, with_pip=True, symlinks=sys.platform != "win32")
        _run([_python(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])

    return _python(_made(name, [sys.version, *packages], make))


@dataclasses.dataclass(frozen=True, slots=True)
class Debian:
    """Packages of Debian, to be unpacked, not installed."""

    alone: tuple[str, ...]
    """Without what they depend on."""
    with_needed: tuple[str, ...] = ()
    """With all that they depend on and this machine lacks; none where it has them."""


def debian_with(name: str, packages: Debian) -> Path:
    """A folder with the content of these Debian packages, as under `/`.

    Raises:
        NotInstallableError: there is no apt here, or it could not get them.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        msg = "this is no Debian: apt-get and dpkg-deb are missing"
        raise NotInstallableError(msg)

    def download(folder: Path) -> None:
        lines = _run(["apt-get", "install", "--print-uris", "-qq", "--no-install-recommends", *packages.with_needed])
        needed = [line.split()[1].partition("_")[0] for line in lines.splitlines() if line.startswith("'")]
        _run(["apt-get", "download", *packages.alone, *needed], folder)

    def make(folder: Path) -> None:
        folder.mkdir()
        try:
            download(folder)
        except NotInstallableError:  # the package lists are missing or old
            _run(["apt-get", "update", "--quiet"])
            download(folder)
        for package in sorted(folder.glob("*.deb")):
            _run(["dpkg-deb", "--extract", package, folder])
            package.unlink()

    return _made(name, [*packages.alone, *packages.with_needed], make)


def npm_with(name: str, packages: Sequence[str]) -> Path:
    """A folder with these npm packages in its `node_modules`; their install scripts are not run.

    Raises:
        NotInstallableError: there is no npm here, or it could not get them.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        msg = "there is no Node.js with npm"
        raise NotInstallableError(msg)

    def make(folder: Path) -> None:
        folder.mkdir()
        _run([npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder, *packages], folder)

    return _made(name, packages, make)


def _made(name: str, wanted: Sequence[str], make: Callable[[Path], None]) -> Path:
    """A folder in the cache that `make` filled to its end, under a lock: several runs share the cache."""
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{digest}"
    done = folder / ".complete"
    with filelock.FileLock(f"{folder}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _run(command: Sequence[str | Path], folder: Path | None = None) -> str:
    words = [str(word) for word in command]
    try:
        ended = subprocess.run(
            words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        msg = f"{' '.join(words[:4])} … did not end within {_PATIENCE:.0f} s"
        raise NotInstallableError(msg) from error
    if ended.returncode:
        last = " ".join((ended.stderr or ended.stdout).strip().splitlines()[-2:])
        msg = f"{' '.join(words)}: {last}"
        raise NotInstallableError(msg)
    return ended.stdout
