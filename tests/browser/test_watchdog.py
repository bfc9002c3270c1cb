"""No browser and no temporary folder outlives the program."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from po_pw.browser import watchdog
from tests.helpers.processes import left_in_group, sleeper
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.whole_browser, pytest.mark.usefixtures("own_temp")]

# A run in small: a driver, two contexts, then it waits to be killed.
RUN = """
import asyncio, json, sys
from po_pw import models
from po_pw.browser import launching, playwright_driver, profiles

async def main():
    async with playwright_driver.Driver() as driver:
        launch = launching.plan(driver.resolve(None), headless=True, timeout=300)
        manager = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
        opened = await asyncio.gather(*(
            driver.open(models.WorkerId(w), launch, user_data_dir=manager.create_profile(w),
                        downloads=driver.run_dir.path / "downloads" / w)
            for w in ("w1", "w2")))
        print(json.dumps({"folder": str(driver.run_dir.path), "browsers": [c.pid for c in opened]}), flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Processes that are still running, without zombies."""
    left = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it becomes true."""
    deadline = time.monotonic() + IN_TIME
    while not holds():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.05)
    return True


@contextlib.contextmanager
def small_run() -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any], list[psutil.Process]]]:
    """A run in its own process: that process, its output, and all its children except the watchdog."""
    with subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            below = psutil.Process(process.pid).children(recursive=True)
            yield process, said, [one for one in below if one.pid != guard(said["folder"]).pid]
        finally:
            if process.poll() is None:
                process.kill()


def guard(folder: str) -> psutil.Process:
    """The watchdog of a run."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if words[-1:] == [folder] and any("watchdog" in word for word in words):
                return process
    raise AssertionError(folder)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL and SIGSTOP")
@pytest.mark.parametrize("hung", [False, True], ids=["all well", "one browser hangs"])
def test_a_killed_run_leaves_no_process_and_no_folder(hung: bool) -> None:
    """After SIGKILL of the run, no driver, browser (hung ones too), folder or watchdog is left."""
    with small_run() as (process, said, below):
        watching = guard(said["folder"])
        assert {one.pid for one in below} > set(said["browsers"])
        if hung:
            os.kill(said["browsers"][0], signal.SIGSTOP)
        process.kill()
        process.wait()
        assert eventually(lambda: not alive(below)), alive(below)
        assert eventually(lambda: not Path(said["folder"]).exists())
        assert not watchdog.browsers_in(Path(said["folder"]))
        assert eventually(lambda: not alive([watching]))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_run_that_ends_by_itself_leaves_nothing_either() -> None:
    """A normal end with open contexts ends browsers, driver, watchdog and folder."""
    with small_run() as (process, said, below):
        watching = guard(said["folder"])
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(IN_TIME) == 0
        assert not alive([*below, watching])
        assert not Path(said["folder"]).exists()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_what_is_left_after_the_watchdog_was_killed_too_is_swept() -> None:
    """If run and watchdog were killed, a later start ends the hung browser and removes the folder."""
    with small_run() as (process, said, below):
        folder = Path(said["folder"])
        assert folder not in watchdog.sweep()
        assert folder.is_dir()
        os.kill(said["browsers"][0], signal.SIGSTOP)
        guard(said["folder"]).kill()
        process.kill()
        process.wait()
        assert folder.is_dir()
        assert folder in watchdog.sweep()
        assert not folder.exists()
        assert eventually(lambda: not alive(below)), alive(below)


def owned(**changed: object) -> Path:
    """A folder as a killed run left it, with changes to its record."""
    folder = Path(tempfile.mkdtemp(prefix=watchdog.PREFIX))
    (folder / "content").mkdir()
    with watchdog.RunDir() as run:
        record = json.loads((run.path / watchdog.OWNER).read_text())
    record = {**record, "folder": folder.name, "created": 1.0, **changed}
    (folder / watchdog.OWNER).write_text(json.dumps(record))
    return folder


def test_a_living_runs_folder_is_never_swept() -> None:
    """Sweeping during a run leaves its folder alone."""
    with watchdog.RunDir() as run:
        assert run.path not in watchdog.sweep()
        assert run.path.is_dir()
    assert not run.path.exists()


def test_only_folders_that_are_known_to_be_nobodys_are_swept() -> None:
    """A folder without our record is left; one of a process that ended is removed."""
    folders = {
        "ours": owned(),
        "before the boot": owned(pid=os.getpid(), created=watchdog.created(os.getpid()), boot="another"),
        "elsewhere": owned(whereabouts="another machine"),
        "a copy": owned(folder="popw-original"),
        "broken": owned(processes=5),
    }
    try:
        swept = watchdog.sweep()
        assert {name for name, folder in folders.items() if folder in swept} == {"ours", "before the boot"}
        assert {name for name, folder in folders.items() if not folder.exists()} == {"ours", "before the boot"}
        os.utime(folders["elsewhere"] / watchdog.OWNER, (1, 1))
        assert folders["elsewhere"] in watchdog.sweep()
    finally:
        for folder in folders.values():
            watchdog.clean(folder, {})


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    """Neither a link in place of a run's folder nor one inside it has its target emptied."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("")
    ours = owned()
    (precious / watchdog.OWNER).write_text((ours / watchdog.OWNER).read_text())
    (ours / "out").symlink_to(precious)
    (ours / "content" / "out").symlink_to(precious)
    link = Path(tempfile.gettempdir()) / f"{watchdog.PREFIX}{tmp_path.name}"
    link.symlink_to(precious)
    try:
        swept = watchdog.sweep()
        assert (ours in swept, link in swept) == (True, False)
        watchdog.clean(link, {})
        assert (not ours.exists(), link.is_symlink()) == (True, True)
        assert sorted(path.name for path in precious.iterdir()) == ["file", watchdog.OWNER]
    finally:
        link.unlink()


def test_a_number_that_went_to_another_process_is_not_killed() -> None:
    """A process with the same pid and another creation time is not killed."""
    with sleeper() as innocent:
        since = watchdog.created(innocent.pid)
        watchdog.clean(owned(), {innocent.pid: since - 1})
        assert alive([innocent])
        watchdog.clean(owned(), {innocent.pid: since})
        assert not alive([innocent])


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_of_a_group_only_what_is_ours_is_killed() -> None:
    """In a reused process group, only processes that name our folder are killed."""
    ours, other = owned(), owned()
    with contextlib.ExitStack() as stack:
        stranger = stack.enter_context(left_in_group())
        neighbour = stack.enter_context(left_in_group(f"--user-data-dir={ours}2", TMPDIR=str(other)))
        helper = stack.enter_context(left_in_group(TMPDIR=str(ours)))
        renderer = stack.enter_context(left_in_group(f"--type=renderer --user-data-dir={ours}/profiles/w1 --lang=en"))
        everybody = [stranger, neighbour, helper, renderer]
        numbers = {os.getpgid(process.pid) for process in everybody}
        assert not numbers & {process.pid for process in everybody}
        watchdog.clean(ours, dict.fromkeys(numbers, 1.0))
        assert alive(everybody) == [stranger, neighbour]
    watchdog.clean(other, {})


def test_what_was_recorded_before_the_boot_or_elsewhere_counts_for_nothing() -> None:
    """After a reboot the folder is removed, and no process is killed."""
    with sleeper() as innocent:
        record = [[innocent.pid, watchdog.created(innocent.pid)]]
        before = owned(processes=record, boot="another")
        elsewhere = owned(processes=record, whereabouts="another machine")
        os.utime(elsewhere / watchdog.OWNER, (1, 1))
        assert {before, elsewhere} <= set(watchdog.sweep())
        assert alive([innocent])
        assert owned(processes=record) in watchdog.sweep()
        assert not alive([innocent])


@pytest.mark.parametrize(
    ("recorded", "now", "same"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (1000.0, 1030.0, True),
        (1000, 1090.0, False),
        ("a", 1000.0, False),
        (None, 1000.0, False),
        (1000.0, "a", False),
    ],
)
def test_which_start_of_the_machine_a_record_is_of(recorded: object, now: str | float, same: bool) -> None:
    """A boot is identified by its number, or by its time, which moves a little when the clock is set."""
    assert watchdog.is_same_boot(recorded, now) is same


@pytest.mark.parametrize("name", ["plain", "with spaces (1)"])
def test_a_browser_is_known_by_the_folder_on_its_command_line(tmp_path: Path, name: str) -> None:
    """The folder is recognised as a separate word or within one text, not as a mere prefix."""
    folder = tmp_path / name
    with contextlib.ExitStack() as stack:
        ours = [
            stack.enter_context(sleeper(f"--user-data-dir={folder}")),
            stack.enter_context(sleeper("--headless", f"--user-data-dir={folder / 'profiles' / 'w1'}")),
            stack.enter_context(sleeper(f"--type=renderer --user-data-dir={folder} --lang=en")),
        ]
        stack.enter_context(sleeper(f"--user-data-dir={folder}2"))
        stack.enter_context(sleeper(f"--note=--user-data-dir={folder}"))
        found = watchdog.browsers_in(folder)
        assert {process.pid for process in found} == {process.pid for process in ours}


def test_what_was_forgotten_is_not_killed() -> None:
    """A process that is no longer recorded outlives the run; a recorded one does not."""
    with sleeper() as recorded, sleeper() as forgotten:
        with watchdog.RunDir() as run:
            run.record(recorded.pid)
            run.record(forgotten.pid)
            run.forget(forgotten.pid)
            run.record(2**22 + 7)  # there is no such process: nothing to remember
        assert not alive([recorded])
        assert alive([forgotten])


def test_the_run_ends_well_though_its_watchdog_was_killed() -> None:
    """Without its watchdog, a run still records, forgets and cleans up."""
    with sleeper() as recorded:
        with watchdog.RunDir() as run:
            watching = guard(str(run.path))
            watching.kill()
            watching.wait(IN_TIME)
            run.record(recorded.pid)
            run.forget(1)
        assert not alive([recorded])
        assert not run.path.exists()


def test_the_watchdog_does_not_depend_on_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file named like a standard module in the current folder does not stop the watchdog."""
    for name in ("json.py", "psutil.py", "po_pw.py"):
        (tmp_path / name).write_text("raise SystemExit('not the real one')")
    monkeypatch.chdir(tmp_path)
    with watchdog.RunDir() as run:
        assert guard(str(run.path)).is_running()
        run.record(os.getppid())  # it has to read this to go on
        run.forget(os.getppid())
        assert alive([guard(str(run.path))])
