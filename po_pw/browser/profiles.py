"""User-data dirs: one per worker, cloned from a base profile, removed afterwards."""

from __future__ import annotations

import json
import logging
import re
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import psutil

from po_pw import environ, errors, numerals
from po_pw.browser import policies, watchdog

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from po_pw import client_certificates

_log = logging.getLogger(__name__)

_WORKER_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")

# Locks would prevent the clone from starting; the browser rebuilds the rest, so it need not be copied.
_NOT_CLONED: Final = shutil.ignore_patterns(
    "Singleton*",
    "lockfile",
    "LOCK",
    "DevToolsActivePort",
    "Cache",
    "Code Cache",
    "GPUCache",
    "GPUPersistentCache",
    "ShaderCache",
    "GrShaderCache",
    "GraphiteDawnCache",
    "Dawn*Cache",
    "CacheStorage",
    "ScriptCache",
    "component_crx_cache",
    "extensions_crx_cache",
    "Crashpad",
    "Crash Reports",
    "BrowserMetrics*",
    "Safe Browsing",
    "OptimizationGuide*",
    "optimization_guide*",
    "segmentation_platform",
    "Subresource Filter",
    "*-journal.tmp",
)

_BROWSERS: Final = ("chrom", "edge", "brave", "opera", "vivaldi")
"""Parts of the process names of Chromium-based browsers."""

# Relative to the platform's settings folder (Linux, macOS) or `%LOCALAPPDATA%` (followed by `User Data`).
_OWN_FOLDERS: Final = {
    "linux": (
        "microsoft-edge",
        "microsoft-edge-beta",
        "microsoft-edge-dev",
        "google-chrome",
        "google-chrome-beta",
        "google-chrome-unstable",
        "chromium",
    ),
    "darwin": (
        "Microsoft Edge",
        "Microsoft Edge Beta",
        "Microsoft Edge Dev",
        "Google/Chrome",
        "Google/Chrome Beta",
        "Google/Chrome Canary",
        "Chromium",
    ),
    "win32": (
        "Microsoft/Edge",
        "Microsoft/Edge Beta",
        "Microsoft/Edge Dev",
        "Microsoft/Edge SxS",
        "Google/Chrome",
        "Google/Chrome Beta",
        "Google/Chrome SxS",
        "Chromium",
    ),
}

_PREFERENCES: Final[dict[str, Any]] = {
    # Otherwise a PDF sent inline opens in the viewer and is not downloaded.
    "plugins": {"always_open_pdf_externally": True},
    "download": {"prompt_for_download": False},
    "credentials_enable_service": False,
    "profile": {"password_manager_enabled": False, "exit_type": "Normal"},
}
# A `mailto:` starts the mail program without asking, and addresses of other programs open a prompt that swallows our
# clicks, even headless (Chromium 156).
_ONLY_PAGES: Final[dict[str, Any]] = {
    "policy": {
        "url_blocklist": ["*"],
        "url_allowlist": ["http://*", "https://*", "blob:*", "data:*", "about:*", "chrome://*", "edge://*"],
    }
}


class ProfileManager:
    """Creates and removes the user-data dirs of workers. Safe for several threads and processes.

    A base profile is cloned without locks, caches and crash dumps; if it does not exist, profiles are empty and a
    warning is logged. As a context manager it removes all profiles it created.

    Args:
        base_profile_path: Chromium user-data dir to clone, not in use by a browser; None: empty profiles.
        root: parent folder; None for a temporary one.

    Raises:
        ProfileError: the base is a browser's own User Data folder.
    """

    def __init__(
        self, base_profile_path: str | os.PathLike[str] | None = "./browser_profile", *, root: Path | None = None
    ) -> None:
        self.base_profile_path = (
            Path(base_profile_path).expanduser().absolute() if base_profile_path is not None else None
        )
        self._lock = threading.Lock()
        self._made: dict[str, Path] = {}
        self._own_root = root is None
        self._root = root
        if self.base_profile_path is not None:
            _refuse_own_folder(self.base_profile_path)
            if not self.base_profile_path.is_dir():
                _log.warning("base profile %s does not exist: profiles start empty", self.base_profile_path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup_all()

    def create_profile(self, worker_id: str | int) -> Path:
        """Creates a user-data dir for a worker from the base profile.

        Raises:
            ProfileError: the worker has one already, its id is not a plain name, a browser is using the base, or files
                cannot be copied.
        """
        name = _checked(worker_id)
        with self._lock:
            if name in self._made:
                msg = f"worker {name} has a profile already: {self._made[name]}. Call cleanup_profile({name!r}) first."
                raise errors.ProfileError(msg)
            try:
                if self._root is None:
                    self._root = watchdog.owned_folder()
                self._root.mkdir(parents=True, exist_ok=True)
                path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._root))
            except OSError as error:
                msg = f"the profile of worker {name} cannot be made: {error}. Is the disk of the temp folder full?"
                raise errors.ProfileError(msg) from error
            self._made[name] = path
        try:
            if self.base_profile_path is not None and self.base_profile_path.is_dir():
                _clone(self.base_profile_path, path)
            _write_preferences(path)
        except (OSError, shutil.Error) as error:
            self.cleanup_profile(name)
            msg = (
                f"the profile of worker {name} cannot be made in {path}: {error}. Is the disk of the temp folder full?"
            )
            raise errors.ProfileError(msg) from error
        except BaseException:
            self.cleanup_profile(name)
            raise
        return path

    def cleanup_profile(self, worker_id: str | int) -> None:
        """Removes a worker's profile, if it has one.

        Raises:
            ProfileError: some files cannot be removed; may be called again.
        """
        name = _checked(worker_id)
        with self._lock:
            path = self._made.get(name)
        if path is None:
            return
        remove_tree(path)
        with self._lock:
            self._made.pop(name, None)

    def cleanup_all(self) -> None:
        """Removes all profiles created by this manager."""
        with self._lock:
            names = list(self._made)
        for name in names:
            self.cleanup_profile(name)
        with self._lock:
            if self._own_root and self._root is not None:
                remove_tree(self._root)
                self._root = None


def check_base(base: Path) -> None:
    """Checks that a base profile can be copied.

    Args:
        base: as the user named it.

    Raises:
        ProfileError: there is no such folder, it is the browser's own, or a browser is using it.
    """
    if not base.is_dir():
        what = "is not a folder" if base.exists() else "does not exist"
        msg = (
            f"--base-profile: {base} {what}. Give the profile folder to copy, or leave the option out to use the one "
            "that po-pw login made."
        )
        raise errors.ProfileError(msg)
    _refuse_own_folder(base)
    refuse_running(base)


def _clone(base: Path, path: Path) -> None:
    refuse_running(base)
    try:
        # Contents without permissions: a read-only or world-readable base must not make such a clone.
        shutil.copytree(
            base,
            path,
            ignore=_NOT_CLONED,
            dirs_exist_ok=True,
            ignore_dangling_symlinks=True,
            copy_function=shutil.copyfile,
        )
    finally:
        path.chmod(0o700)
        refuse_running(base)  # a browser was opened meanwhile, which explains the error


def remove_tree(path: Path) -> None:
    """Removes a folder if it exists; retries, because a closing browser may still write to it.

    Raises:
        ProfileError: something is left.
    """
    for _ in range(5):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        threading.Event().wait(0.1)
    msg = f"{path} cannot be removed. Is a browser still using it? The next run tries again."
    raise errors.ProfileError(msg)


def refuse_running(profile: Path) -> None:
    """Refuses a profile that a browser has open: the clone's databases would be inconsistent.

    Chromium marks it by `SingletonLock`, a link to `HOST-PID` (Linux, macOS), or an open `lockfile` (Windows).

    Raises:
        ProfileError: it is in use; the message has the process id.
    """
    lock = profile / "SingletonLock"
    if lock.is_symlink():
        host, _, pid = str(lock.readlink()).rpartition("-")
        number = numerals.parse_int(pid)
        name = _browser_name(number) if host == socket.gethostname() and number is not None else ""
        if name:
            msg = (
                f"the profile {profile} is in use by {name} (process {pid}). Close that browser, then run "
                "the same command again."
            )
            raise errors.ProfileError(msg)
    lockfile = profile / "lockfile"
    if sys.platform == "win32" and lockfile.exists():
        try:
            with lockfile.open("r+b"):
                return
        except PermissionError:
            msg = f"the profile {profile} is in use by a browser. Close it, then run the same command again."
            raise errors.ProfileError(msg) from None


def clear_stale_lock(profile: Path) -> None:
    """Removes a `SingletonLock` left in one of our profiles by a dead process or another machine."""
    lock = profile / "SingletonLock"
    if lock.is_symlink():
        refuse_running(profile)
        for name in ("SingletonLock", "SingletonCookie", "SingletonSocket"):
            (profile / name).unlink(missing_ok=True)


def _browser_name(pid: int) -> str:
    """The name of a running browser; `""` if there is no such process or it is not a browser."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        name = process.name()
    except psutil.NoSuchProcess:
        return ""
    except psutil.AccessDenied:
        return "a browser"
    return name if any(part in name.lower() for part in _BROWSERS) else ""


def _checked(worker_id: str | int) -> str:
    name = str(worker_id)
    if not _WORKER_ID.fullmatch(name) or ".." in name:
        msg = f"worker id {name!r} is not a plain name: letters, digits, `_`, `-` and `.`, at most 64, no `..`."
        raise errors.ProfileError(msg)
    return name


def own_folders() -> list[Path]:
    """Profile folders of the user's own browsers on this platform."""
    if sys.platform == "win32":
        local = environ.variable("LOCALAPPDATA")
        return [Path(local) / name / "User Data" for name in _OWN_FOLDERS["win32"]] if local else []
    if sys.platform == "darwin":
        return [Path.home() / "Library/Application Support" / name for name in _OWN_FOLDERS["darwin"]]
    configured = environ.variable("XDG_CONFIG_HOME")
    return [
        root / name
        for root in (Path.home() / ".config", *([Path(configured)] if configured else []))
        for name in _OWN_FOLDERS["linux"]
    ]


def _refuse_own_folder(base: Path) -> None:
    real = base.resolve()
    for folder in own_folders():
        if real == folder.resolve() or folder.resolve() in real.parents:
            msg = (
                f"{base} is your browser's own profile. Its sign-ins work only in that browser, so a copy "
                "would be signed out. Run `po-pw login URL`: it makes a profile for po-pw."
            )
            raise errors.ProfileError(msg)


def _write_preferences(profile: Path) -> None:
    file = profile / "Default" / "Preferences"
    file.parent.mkdir(parents=True, exist_ok=True)
    wanted = _merged(_PREFERENCES, {} if _lists_are_managed() else _ONLY_PAGES)
    file.write_text(json.dumps(_merged(_preferences(file), wanted)), "utf-8")


def _preferences(file: Path) -> dict[str, Any]:
    """The preferences that a browser saved there; empty if they cannot be read."""
    if file.exists():
        try:
            found = json.loads(file.read_text("utf-8"))
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        _log.warning("%s is not what a browser writes: it is replaced by a new one", file)
    return {}


def select_client_certificate(profile: Path, certificate: client_certificates.ClientCertificate | None) -> None:
    """Makes the browser show this certificate to its hosts without asking, and to no others.

    This does what the policy `AutoSelectCertificateForUrls` does. Without a selection, a headless browser waits in vain
    for a person to choose a certificate (Chromium 156).

    Args:
        profile: a user-data dir that no browser has open.
        certificate: client certificate; None for none.
    """
    file = profile / "Default" / "Preferences"
    present = _preferences(file)
    exceptions = present.setdefault("profile", {}).setdefault("content_settings", {}).setdefault("exceptions", {})
    known = exceptions.pop("auto_select_certificate", None)
    if certificate is not None:
        key = certificate.key
        names = {"SUBJECT": key.subject, "ISSUER": key.issuer} if key is not None else {}
        wanted = {kind: {"CN": name} for kind, name in names.items() if name}
        exceptions["auto_select_certificate"] = {
            f"https://{f'[{host}]' if ':' in host else host}:*,*": {"setting": {"filters": [wanted]}}
            for host in certificate.hosts
        }
    elif not known:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(present), "utf-8")


def _lists_are_managed() -> bool:
    """Whether an administrator restricts addresses: our own list must not widen theirs."""
    return any(found.unreadable or {"URLBlocklist", "URLAllowlist"} & set(found.values) for found in policies.read(""))


def _merged(into: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    result = dict(into)
    for key, value in more.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
