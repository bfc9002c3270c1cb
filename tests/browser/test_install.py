"""How a browser is installed on a machine without one. Nothing is installed here."""

from __future__ import annotations

import itertools
import os
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from po_pw.browser import install
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from pathlib import Path


def plan(
    system: str, machine: str = "x86_64", *, root: bool = False, distribution: str = "", apt: bool = False
) -> list[str]:
    """The commands, without the part before `playwright`."""
    attempts = install.attempts(system=system, machine=machine, root=root, distribution=distribution, apt=apt)
    return [
        " ".join(command if command[0] == "apt-get" else command[2:])
        for attempt in attempts
        for command in attempt.commands
    ]


APT = ["apt-get update -q", "apt-get install -y -q --no-install-recommends chromium"]
EDGE, OWN = "playwright install msedge", "playwright install chromium"
OWN_WITH_LIBRARIES = "playwright install --with-deps chromium"


@pytest.mark.parametrize(
    ("expected", "machine"),
    [
        ([EDGE, OWN], {"system": "win32", "machine": "AMD64"}),
        ([EDGE, OWN], {"system": "darwin", "machine": "arm64"}),
        ([EDGE, *APT, OWN], {"system": "linux", "root": True, "distribution": "debian", "apt": True}),
        ([*APT, OWN], {"system": "linux", "machine": "aarch64", "root": True, "distribution": "debian", "apt": True}),
        ([EDGE, OWN_WITH_LIBRARIES], {"system": "linux", "root": True, "distribution": "ubuntu", "apt": True}),
        (
            [OWN_WITH_LIBRARIES],
            {"system": "linux", "machine": "aarch64", "root": True, "distribution": "ubuntu", "apt": True},
        ),
        ([OWN], {"system": "linux", "root": False, "distribution": "debian", "apt": True}),
        ([OWN], {"system": "linux", "root": False, "distribution": "ubuntu", "apt": True}),
        ([OWN], {"system": "linux", "root": True, "distribution": "fedora", "apt": False}),
    ],
)
def test_each_platform_has_its_plan(expected: list[str], machine: dict[str, object]) -> None:
    """Edge comes first where it can be installed, then the system's package, then Playwright's Chromium."""
    assert plan(**machine) == expected  # type: ignore[arg-type]


def test_system_packages_are_never_touched_without_root() -> None:
    """A normal user's plan has no package manager, and still has something to try."""
    machines = itertools.product(
        ("linux", "darwin", "win32"), ("x86_64", "aarch64", "AMD64"), ("", "debian", "ubuntu", "alpine"), (True, False)
    )
    for system, machine, distribution, apt in machines:
        commands = plan(system, machine, root=False, distribution=distribution, apt=apt)
        assert commands
        assert not [command for command in commands if "apt-get" in command or "--with-deps" in command]


def test_every_attempt_is_bounded_and_explained() -> None:
    """Each attempt has a time limit and says what it does."""
    for root in (True, False):
        for one in install.attempts(system="linux", machine="x86_64", root=root, distribution="debian", apt=True):
            assert 0 < one.timeout <= 900
            assert one.why


def test_asking_for_the_plan_runs_nothing() -> None:
    """Making the plan starts no process."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    assert install.attempts_here()
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def gone(pid: int) -> bool:
    """Whether a process has ended, even if it is still a zombie."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def attempt(*scripts: str, timeout: float = IN_TIME) -> install.Attempt:
    """An attempt that runs these Python scripts."""
    commands = tuple((sys.executable, "-c", script) for script in scripts)
    return install.Attempt("a test", commands, timeout, (("PO_PW_TEST", "given"),))


def test_a_command_is_said_before_it_runs_and_success_is_silent(tmp_path: Path) -> None:
    """Each command is announced and gets the attempt's environment; success returns an empty text."""
    told: list[str] = []
    out = tmp_path / "out"
    script = f"import os, sys; open({str(out)!r}, 'a').write(os.environ['PO_PW_TEST'] + sys.stdin.read())"
    assert install.run(attempt(script, script), told.append) == ""
    assert out.read_text() == "givengiven"
    assert len(told) == 2
    assert told[0].startswith("$ python -c ")


def test_the_first_failure_ends_the_attempt_and_tells_why(tmp_path: Path) -> None:
    """The first failed command ends the attempt, with its most useful line of output."""
    out = tmp_path / "out"
    fails = "print('Reading...'); print('E: Unable to locate package'); print('bye'); raise SystemExit(100)"
    assert install.run(attempt(fails, f"open({str(out)!r}, 'w')"), lambda _: None) == "E: Unable to locate package"
    assert not out.exists()
    assert install.run(attempt("raise SystemExit(7)"), lambda _: None) == "exit code 7"


def test_a_command_that_is_not_there_is_no_crash() -> None:
    """A missing program is a reason, not an exception."""
    missing = install.Attempt("a test", (("po-pw-no-such-program",),), 5)
    assert "po-pw-no-such-program" in install.run(missing, lambda _: None)


def test_time_over_ends_everything_the_command_started(tmp_path: Path) -> None:
    """At the time limit, an installer is killed with its children; the limit is for all commands together."""
    out = tmp_path / "pid"
    child = f"import os, time; open({str(out)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    starts = (
        f"import os, subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"while not (os.path.exists({str(out)!r}) and os.path.getsize({str(out)!r})): time.sleep(0.01)\n"
        "p.wait()"
    )
    for seconds in (2, 8, 32, 128):
        assert (
            install.run(attempt("pass", starts, timeout=seconds), lambda _: None) == f"not finished after {seconds} s"
        )
        if out.exists() and out.read_text():  # else all was too slow for that: it has not started anything yet
            break
    assert gone(int(out.read_text()))


def test_an_interrupt_ends_the_command_too(tmp_path: Path) -> None:
    """Ctrl-C during a command leaves no installer running."""
    if os.name != "posix":
        pytest.skip("signals to oneself are POSIX")
    import signal
    import threading

    out = tmp_path / "pid"
    script = f"import os, time; open({str(out)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    def interrupt() -> None:
        deadline = time.monotonic() + IN_TIME
        while time.monotonic() < deadline and not (out.exists() and out.read_text()):
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=interrupt)
    # Where the tests were started in the background of a script, the shell has this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        watcher.start()
        with pytest.raises(KeyboardInterrupt):
            install.run(attempt(script), lambda _: None)
        watcher.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert gone(int(out.read_text()))
