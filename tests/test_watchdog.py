"""No browser and no temporary folder outlives the tool."""

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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A run in small: a driver, two contexts, then it waits to be killed.
RUN = """
import asyncio, json, sys
from po_pw import models
from po_pw.browser import contexts, locate, profiles

async def main():
    async with contexts.Driver() as driver:
        launch = contexts.Launch(driver.resolve(None), True, not locate.sandbox_hindrance(), 30)
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
    """Those still running; a zombie is not."""
    left = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left


def eventually(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether it becomes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.05)
    return True


@contextlib.contextmanager
def small_run() -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any], list[psutil.Process]]]:
    """A run in a process of its own; gives it, what it says, and every process below it but the watchdog."""
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
    """SIGKILL of the run: soon no driver, no browser (a hung one neither), no folder and no watchdog of it is left."""
    with small_run() as (process, said, below):
        watching = guard(said["folder"])
        assert {one.pid for one in below} > set(said["browsers"])
        if hung:
            os.kill(said["browsers"][0], signal.SIGSTOP)
        process.kill()
        process.wait()
        assert eventually(lambda: not alive(below), 5), alive(below)
        assert eventually(lambda: not Path(said["folder"]).exists(), 5)
        assert not watchdog.browsers_in(Path(said["folder"]))
        assert eventually(lambda: not alive([watching]), 5)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_run_that_ends_by_itself_leaves_nothing_either() -> None:
    """The ordinary end, with its contexts still open, takes browsers, driver, watchdog and folder with it."""
    with small_run() as (process, said, below):
        watching = guard(said["folder"])
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0
        assert not alive([*below, watching])
        assert not Path(said["folder"]).exists()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_what_is_left_after_the_watchdog_was_killed_too_is_swept() -> None:
    """Run and watchdog killed, one browser hung: a later start ends the browser and removes the folder."""
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
        assert eventually(lambda: not alive(below), 5), alive(below)


def owned(owner: object) -> Path:
    """A folder as a run makes it, with this in its owner's file."""
    folder = Path(tempfile.mkdtemp(prefix=watchdog.PREFIX))
    (folder / watchdog.OWNER).write_text(json.dumps(owner))
    (folder / "content").mkdir()
    return folder


def test_a_living_runs_folder_is_never_swept() -> None:
    """Sweeping from inside a run, as a second run at the same time would, leaves it alone."""
    with watchdog.RunDir() as run:
        assert run.path not in watchdog.sweep()
        assert run.path.is_dir()
    assert not run.path.exists()


def test_only_folders_that_are_known_to_be_nobodys_are_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a readable owner, or of another host, is left; one of a process long gone is removed."""
    gone = {"pid": os.getpid(), "created": 1.0, "processes": []}
    folders = {
        "ours": owned({**gone, "host": "here"}),
        "foreign": owned({**gone, "host": "elsewhere"}),
        "nobody's": owned([]),
        "broken": owned({**gone, "host": "here", "processes": 5}),
    }
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    try:
        swept = watchdog.sweep()
        assert {name for name, folder in folders.items() if folder in swept} == {"ours"}
        assert {name for name, folder in folders.items() if not folder.exists()} == {"ours"}
        os.utime(folders["foreign"] / watchdog.OWNER, (1, 1))
        assert folders["foreign"] in watchdog.sweep()
    finally:
        for folder in folders.values():
            watchdog.clean(folder, {})


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    """Somebody's link of our kind of name, into a folder of ours, does not get that folder emptied."""
    precious = tmp_path / "precious"
    precious.mkdir()
    owner = {"pid": os.getpid(), "created": 1.0, "host": "", "processes": []}
    (precious / watchdog.OWNER).write_text(json.dumps(owner))
    link = Path(tempfile.gettempdir()) / f"{watchdog.PREFIX}{tmp_path.name}"
    link.symlink_to(precious)
    try:
        assert link not in watchdog.sweep()
        assert (precious / watchdog.OWNER).exists()
    finally:
        link.unlink()


@contextlib.contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_number_that_went_to_another_process_is_not_killed() -> None:
    """Pid alone does not condemn: where the creation time is another's, neither it nor its group is touched."""
    with sleeper() as innocent:
        watchdog.kill_tree(innocent.pid, psutil.Process(innocent.pid).create_time() - 100)
        assert innocent.poll() is None
        watchdog.kill_tree(innocent.pid, psutil.Process(innocent.pid).create_time())
        assert innocent.wait(5) != 0


def test_what_was_forgotten_is_not_killed() -> None:
    """A process that is no longer recorded outlives the run; one that still is does not."""
    with sleeper() as recorded, sleeper() as forgotten:
        with watchdog.RunDir() as run:
            run.record(recorded.pid)
            run.record(forgotten.pid)
            run.forget(forgotten.pid)
            run.record(2**22 + 7)  # there is no such process: nothing to remember
        assert recorded.wait(5) != 0
        assert forgotten.poll() is None


def test_the_run_ends_well_though_its_watchdog_was_killed() -> None:
    """Without its watchdog a run still records, forgets and cleans up by itself."""
    with sleeper() as recorded:
        with watchdog.RunDir() as run:
            watching = guard(str(run.path))
            watching.kill()
            watching.wait(5)
            run.record(recorded.pid)
            run.forget(1)
        assert recorded.wait(5) != 0
        assert not run.path.exists()


def test_the_watchdog_does_not_depend_on_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file named like a module of the standard library where the person works does not disarm it."""
    for name in ("json.py", "psutil.py", "po_pw.py"):
        (tmp_path / name).write_text("raise SystemExit('not the real one')")
    monkeypatch.chdir(tmp_path)
    with watchdog.RunDir() as run:
        assert guard(str(run.path)).is_running()
        run.record(os.getppid())  # it has to read this to go on
        run.forget(os.getppid())
        assert alive([guard(str(run.path))])
