"""User-data dirs are created, filled, kept separate and removed."""

from __future__ import annotations

import concurrent.futures
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from po_pw import errors
from po_pw.browser import locate, profiles, watchdog
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    import logging

    from po_pw import models

pytestmark = pytest.mark.whole_browser

posix_only = pytest.mark.skipif(os.name != "posix", reason="Chromium marks a profile in use by a link on POSIX only")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A profile as a browser leaves it, with files that must be copied and files that must not."""
    folder = tmp_path / "base"
    files = {
        "Local State": "{}",
        "Default/Cookies": "cookies",
        "Default/Local Storage/leveldb/000003.log": "local storage",
        "Default/Local Storage/leveldb/LOCK": "",
        "Default/Preferences": json.dumps({"plugins": {"kept": 1}, "profile": {"name": "Anna"}, "mine": [1, 2]}),
        "Default/Cache/Cache_Data/f_000001": "cached",
        "Default/Code Cache/js/index": "cached",
        "Default/GPUCache/data_0": "cached",
        "ShaderCache/data_0": "cached",
        "Crashpad/pending/1.dmp": "crash",
        "BrowserMetrics-spare.pma": "metrics",
        "DevToolsActivePort": "1",
        "lockfile": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def tree(folder: Path) -> set[str]:
    """Every file in a folder, relative to it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def test_a_clone_has_the_content_and_none_of_locks_caches_and_crash_dumps(base: Path) -> None:
    """A clone has the files of a sign-in, without locks, caches and crash dumps."""
    if os.name == "posix":
        (base / "SingletonLock").symlink_to("another-host-123")
        (base / "SingletonSocket").symlink_to("/nowhere/SingletonSocket")
    with profiles.ProfileManager(base) as manager:
        clone = manager.create_profile("w1")
        assert tree(clone) == {
            "Local State",
            "Default/Cookies",
            "Default/Local Storage/leveldb/000003.log",
            "Default/Preferences",
        }
        assert (clone / "Default" / "Cookies").read_text() == "cookies"
        assert manager.base_profile_path == base
        assert clone != base


def test_preferences_are_merged_not_replaced(base: Path) -> None:
    """Our preferences are added to those of the base."""
    with profiles.ProfileManager(base) as manager:
        found = json.loads((manager.create_profile("w1") / "Default" / "Preferences").read_text())
    assert found["plugins"] == {"kept": 1, "always_open_pdf_externally": True}
    assert found["profile"]["name"] == "Anna"
    assert found["mine"] == [1, 2]


@pytest.mark.parametrize("broken", ["not json", "[1, 2]", ""])
def test_preferences_that_cannot_be_read_start_anew(base: Path, broken: str) -> None:
    """A damaged preferences file is replaced, and the run continues."""
    (base / "Default" / "Preferences").write_text(broken)
    with profiles.ProfileManager(base) as manager:
        found = json.loads((manager.create_profile("w1") / "Default" / "Preferences").read_text())
    assert found["plugins"]["always_open_pdf_externally"] is True


@posix_only
def test_a_clone_is_its_owners_alone_and_writable_whatever_the_base_is(base: Path) -> None:
    """A clone can be read and written by its owner only, whatever the base's permissions."""
    base.chmod(0o755)
    (base / "Default" / "Cookies").chmod(0o444)
    with profiles.ProfileManager(base) as manager:
        clone = manager.create_profile("w1")
        assert clone.stat().st_mode & 0o777 == 0o700
        assert (clone / "Default" / "Cookies").stat().st_mode & 0o200


def test_a_base_that_does_not_exist_gives_empty_profiles_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the base, a profile has only our preferences, and the log says why."""
    with profiles.ProfileManager(tmp_path / "missing") as manager:
        assert tree(manager.create_profile("w1")) == {"Default/Preferences"}
    warnings: list[logging.LogRecord] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "does not exist" in warnings[0].getMessage()


def test_four_threads_at_once_get_four_profiles(base: Path) -> None:
    """Four threads at once get four complete folders."""
    together = threading.Barrier(4)

    def make(number: int) -> Path:
        together.wait(IN_TIME)
        return manager.create_profile(f"w{number}")

    with profiles.ProfileManager(base) as manager, concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(make, range(4)))
        assert len(set(made)) == 4
        assert {frozenset(tree(clone)) for clone in made} == {frozenset(tree(made[0]))}
    assert not any(clone.exists() for clone in made)


def test_several_processes_at_once_share_a_base_and_a_root(base: Path, tmp_path: Path) -> None:
    """Processes with equal worker ids, base and root stay separate, and each removes only its own folders."""
    root = tmp_path / "root"
    script = (
        "import sys; from pathlib import Path; from po_pw.browser import profiles\n"
        f"with profiles.ProfileManager({str(base)!r}, root=Path({str(root)!r})) as manager:\n"
        "    print(*(manager.create_profile(w) for w in ('w1', 'w2')), sep='\\n', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as two,
    ):
        assert one.stdout is not None
        assert two.stdout is not None
        first = [Path(one.stdout.readline().strip()) for _ in range(2)]
        second = [Path(two.stdout.readline().strip()) for _ in range(2)]
        assert len({*first, *second}) == 4
        one.communicate(timeout=IN_TIME)
        assert not any(clone.exists() for clone in first)
        assert all((clone / "Default" / "Cookies").exists() for clone in second)
        two.communicate(timeout=IN_TIME)
        assert not any(clone.exists() for clone in second)


@pytest.mark.parametrize("name", ["../w", "a/b", "a\\b", "..", ".", "", "a..b", "/etc", "C:x", "w\n", "x" * 65, "é"])
def test_a_worker_id_that_is_no_plain_name_is_refused(tmp_path: Path, name: str) -> None:
    """A worker id that could lead out of the root is refused."""
    with profiles.ProfileManager(None, root=tmp_path / "root") as manager:
        with pytest.raises(errors.ProfileError, match="not a plain name"):
            manager.create_profile(name)
        with pytest.raises(errors.ProfileError, match="not a plain name"):
            manager.cleanup_profile(name)
    assert not (tmp_path / "root").exists()


def test_cleaning_up_is_idempotent_and_numbers_are_ids_too(base: Path) -> None:
    """Removing a profile twice, or one that never existed, is no error."""
    manager = profiles.ProfileManager(base)
    clone = manager.create_profile(7)
    manager.cleanup_profile(7)
    manager.cleanup_profile(7)
    manager.cleanup_profile("never")
    assert not clone.exists()
    again = manager.create_profile(7)
    assert again.is_dir()
    manager.cleanup_all()
    manager.cleanup_all()
    assert not again.exists()
    assert not again.parent.exists()
    assert base.is_dir()


def test_a_worker_has_one_profile_at_a_time(base: Path) -> None:
    """A second profile for the same worker is refused, and the first one stays."""
    with profiles.ProfileManager(base) as manager:
        clone = manager.create_profile("w1")
        with pytest.raises(errors.ProfileError, match="has a profile already"):
            manager.create_profile("w1")
        assert clone.is_dir()


def test_a_browsers_own_user_data_folder_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own browser profile, a folder in it or a link to it is refused, with `po-pw login` as remedy."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "AppData" / "Local"))
    for own in profiles.own_folders():
        (own / "Default").mkdir(parents=True)
        for base in (own, own / "Default"):
            with pytest.raises(errors.ProfileError, match=r"own profile.*po-pw login"):
                profiles.ProfileManager(base)
    if os.name == "posix":
        (tmp_path / "link").symlink_to(profiles.own_folders()[0])
        with pytest.raises(errors.ProfileError, match="own profile"):
            profiles.ProfileManager(tmp_path / "link")
        with pytest.raises(errors.ProfileError, match="own profile"):
            profiles.ProfileManager("~/.config/microsoft-edge" if sys.platform == "linux" else tmp_path / "link")


@posix_only
def test_a_profile_that_a_running_browser_has_open_is_refused_naming_the_process(
    base: Path, found_browser: models.BrowserInfo
) -> None:
    """Cloning a profile in use is refused with the browser's name and pid, and works after its end."""
    flags = ["--headless", "--no-first-run", "--password-store=basic"]
    if locate.sandbox_hindrance():
        flags.append("--no-sandbox")
    browser = subprocess.Popen(
        [found_browser.executable, *flags, f"--user-data-dir={base}", "--remote-debugging-port=0", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    running = psutil.Process(browser.pid)
    with profiles.ProfileManager(base) as manager:
        try:
            deadline = time.monotonic() + IN_TIME
            while not (base / "SingletonLock").is_symlink() and time.monotonic() < deadline:
                threading.Event().wait(0.05)
            holder = int(str((base / "SingletonLock").readlink()).rpartition("-")[2])
            with pytest.raises(errors.ProfileError, match=rf"in use by \S+ \(process {holder}\)"):
                manager.create_profile("w1")
            with pytest.raises(errors.ProfileError, match="in use by"):
                profiles.clear_stale_lock(base)
        finally:
            watchdog.kill_tree(running)
            browser.wait(IN_TIME)
        assert (base / "SingletonLock").is_symlink()
        assert manager.create_profile("w1").is_dir()
        profiles.clear_stale_lock(base)
        assert not (base / "SingletonLock").is_symlink()


@posix_only
@pytest.mark.parametrize("lock", ["another-host-1", "{host}-{us}", "nonsense"])
def test_a_lock_that_no_browser_here_holds_is_stale(tmp_path: Path, lock: str) -> None:
    """A lock of another host or a reused pid is removed from our folder."""
    lock = lock.format(host=socket.gethostname(), us=os.getpid())
    for name in ("SingletonLock", "SingletonCookie", "SingletonSocket"):
        (tmp_path / name).symlink_to(lock)
    profiles.clear_stale_lock(tmp_path)
    assert not tree(tmp_path)


def test_a_base_that_cannot_be_copied_leaves_nothing_behind(tmp_path: Path) -> None:
    """If cloning fails, one clear error is raised and the partial profile is removed."""
    base, root = tmp_path / "base", tmp_path / "root"
    (base / "Default").mkdir(parents=True)
    if os.name != "posix":
        pytest.skip("needs a file that cannot be copied")
    os.mkfifo(base / "Default" / "pipe")
    with profiles.ProfileManager(base, root=root) as manager:
        with pytest.raises(errors.ProfileError, match="the profile of worker w1 cannot be made"):
            manager.create_profile("w1")
        assert list(root.iterdir()) == []


@posix_only
def test_what_a_killed_process_left_is_swept(base: Path, own_temp: Path) -> None:
    """The next start removes the folder of a killed process, and not that of a running one."""
    script = (
        "import sys; from po_pw.browser import profiles\n"
        f"print(profiles.ProfileManager({str(base)!r}).create_profile('w1'), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().decode().strip())
        assert left.parent not in watchdog.sweep()
        assert left.is_dir()
        process.kill()
        process.wait()
    assert left.is_relative_to(own_temp)
    assert left.parent in watchdog.sweep()
    assert not left.parent.exists()
