"""User-data dirs: one for each worker, cloned from a base profile, gone afterwards."""

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

from po_pw import errors, settings

if TYPE_CHECKING:
    import os
    from types import TracebackType

_log = logging.getLogger(__name__)

_WORKER_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")

# Locks would stop the clone's start; the rest is rebuilt by the browser and only costs time to copy.
_LEFT_OUT: Final = shutil.ignore_patterns(
    "Singleton*", "lockfile", "LOCK", "DevToolsActivePort",
    "Cache", "Code Cache", "GPUCache", "GPUPersistentCache", "ShaderCache", "GrShaderCache", "GraphiteDawnCache",
    "Dawn*Cache", "CacheStorage", "ScriptCache", "component_crx_cache", "extensions_crx_cache",
    "Crashpad", "Crash Reports", "BrowserMetrics*", "Safe Browsing", "OptimizationGuide*", "optimization_guide*",
    "segmentation_platform", "Subresource Filter", "*-journal.tmp",
)  # fmt: skip

_PREFERENCES: Final[dict[str, Any]] = {
    # Otherwise a PDF that the server sends inline opens in the viewer and there is no download.
    "plugins": {"always_open_pdf_externally": True},
    "download": {"prompt_for_download": False},
    "credentials_enable_service": False,
    "profile": {"password_manager_enabled": False, "exit_type": "Normal"},
}


class ProfileManager:
    """Makes and removes the user-data dirs of workers. Safe from several threads and several processes at once.

    A base profile's content is cloned without locks, caches and crash dumps; a base that does not exist gives empty
    profiles and a warning. As a context manager it removes all it made.

    Args:
        base_profile_path: the profile to clone, a Chromium user-data dir that no browser is using; None: empty ones.
        root: where to make them; None for a temporary folder of its own.

    Raises:
        ProfileError: the base is a browser's own User Data folder.
    """

    def __init__(self, base_profile_path: str | os.PathLike[str] | None = "./browser_profile", *,
                 root: Path | None = None) -> None:  # fmt: skip
        self.base_profile_path = Path(base_profile_path).absolute() if base_profile_path is not None else None
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
        """A new user-data dir for this worker, filled from the base.

        Raises:
            ProfileError: the worker has one already, its id is no plain name, a browser is using the base, or the
                files cannot be copied.
        """
        name = _checked(worker_id)
        with self._lock:
            if name in self._made:
                msg = f"worker {name} has a profile already: {self._made[name]}. Call cleanup_profile({name!r}) first."
                raise errors.ProfileError(msg)
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="popw-"))
            self._root.mkdir(parents=True, exist_ok=True)
            path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._root))
            self._made[name] = path
        try:
            if self.base_profile_path is not None and self.base_profile_path.is_dir():
                refuse_running(self.base_profile_path)
                shutil.copytree(
                    self.base_profile_path, path, ignore=_LEFT_OUT, dirs_exist_ok=True, ignore_dangling_symlinks=True
                )
            _write_preferences(path)
        except (OSError, shutil.Error) as error:
            self.cleanup_profile(name)
            msg = f"the profile of worker {name} cannot be made in {path}: {error}. Is there space in the temp folder?"
            raise errors.ProfileError(msg) from error
        except BaseException:
            self.cleanup_profile(name)
            raise
        return path

    def cleanup_profile(self, worker_id: str | int) -> None:
        """Removes this worker's profile; nothing to do where it has none.

        Raises:
            ProfileError: files of it cannot be removed; it can be called again.
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
        """Removes every profile this manager made."""
        with self._lock:
            names = list(self._made)
        for name in names:
            self.cleanup_profile(name)
        with self._lock:
            if self._own_root and self._root is not None:
                remove_tree(self._root)
                self._root = None


def remove_tree(path: Path) -> None:
    """Removes a folder; one that is not there is removed already. A closing browser may still write: a few tries.

    Raises:
        ProfileError: something is left.
    """
    for _ in range(5):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        threading.Event().wait(0.1)
    msg = f"{path} cannot be removed. Is a browser still using it? It will be tried again at the next start."
    raise errors.ProfileError(msg)


def refuse_running(profile: Path) -> None:
    """Refuses a profile that a browser has open: its databases would be cloned half-written.

    Chromium marks it with `SingletonLock`, a link to `HOST-PID` (Linux, macOS), or an open `lockfile` (Windows).

    Raises:
        ProfileError: naming the process.
    """
    lock = profile / "SingletonLock"
    if lock.is_symlink():
        host, _, pid = str(lock.readlink()).rpartition("-")
        if host == socket.gethostname() and pid.isdigit() and psutil.pid_exists(int(pid)):
            name = _process_name(int(pid))
            msg = f"the profile {profile} is in use by {name} (process {pid}). Close that browser and start again."
            raise errors.ProfileError(msg)
    lockfile = profile / "lockfile"
    if sys.platform == "win32" and lockfile.exists():
        try:
            with lockfile.open("r+b"):
                return
        except PermissionError:
            msg = f"the profile {profile} is in use by a browser. Close it and start again."
            raise errors.ProfileError(msg) from None


def clear_stale_lock(profile: Path) -> None:
    """Removes a `SingletonLock` that a dead process or another machine left in a profile of ours."""
    lock = profile / "SingletonLock"
    if lock.is_symlink():
        refuse_running(profile)
        for name in ("SingletonLock", "SingletonCookie", "SingletonSocket"):
            (profile / name).unlink(missing_ok=True)


def _process_name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "a browser"


def _checked(worker_id: str | int) -> str:
    name = str(worker_id)
    if not _WORKER_ID.fullmatch(name) or ".." in name:
        msg = f"worker id {name!r} is no plain name: letters, digits, `_`, `-` and `.`, at most 64, no `..`."
        raise errors.ProfileError(msg)
    return name


def _refuse_own_folder(base: Path) -> None:
    own = [
        Path(root) / tail
        for root, tails in (
            (settings.environment("LOCALAPPDATA"), ("Microsoft/Edge/User Data", "Google/Chrome/User Data")),
            (str(Path.home()), (
                ".config/microsoft-edge", ".config/google-chrome", ".config/chromium",
                "Library/Application Support/Microsoft Edge", "Library/Application Support/Google/Chrome",
            )),
        )
        if root
        for tail in tails
    ]  # fmt: skip
    real = base.resolve()
    for folder in own:
        if real == folder.resolve() or folder.resolve() in real.parents:
            msg = (
                f"{base} is your browser's own profile. Its cookies are encrypted for that browser alone, so a copy "
                "would be signed out. Run `po-pw login URL`: it makes a profile for po-pw."
            )
            raise errors.ProfileError(msg)


def _write_preferences(profile: Path) -> None:
    file = profile / "Default" / "Preferences"
    file.parent.mkdir(parents=True, exist_ok=True)
    present: dict[str, Any] = {}
    if file.exists():
        try:
            present = json.loads(file.read_text("utf-8"))
        except ValueError:
            _log.warning("%s is not JSON: it starts anew", file)
    file.write_text(json.dumps(_merged(present, _PREFERENCES)), "utf-8")


def _merged(into: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    result = dict(into)
    for key, value in more.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
