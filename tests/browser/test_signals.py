"""Signals: the decisions as tables, and a second signal to the real program during a download."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from po_pw.cli import signals
from po_pw.engine.run_control import Stop
from tests.helpers import waiting_portal
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread


def test_the_first_finishes_what_is_in_hand_the_second_stops() -> None:
    """The first signal finishes the orders in progress; the second and all later ones stop at once."""
    assert [signals.stop_for_signal(count) for count in (1, 2, 3)] == [Stop.AFTER_CURRENT, Stop.NOW, Stop.NOW]


@pytest.mark.parametrize(
    ("before", "taken"),
    [
        (dict.fromkeys(["SIGINT", "SIGTERM", "SIGHUP"], signal.SIG_DFL), ["SIGINT", "SIGTERM", "SIGHUP"]),
        ({"SIGINT": signal.SIG_DFL, "SIGTERM": None, "SIGHUP": signal.SIG_IGN}, ["SIGINT", "SIGTERM"]),
        (dict.fromkeys(["SIGINT", "SIGTERM", "SIGBREAK"], signal.SIG_DFL), ["SIGINT", "SIGTERM", "SIGBREAK"]),
        ({"SIGINT": signal.SIG_IGN, "SIGTERM": signal.SIG_DFL}, ["SIGINT", "SIGTERM"]),
    ],
)
def test_which_signals_are_listened_to(before: dict[str, object], taken: list[str]) -> None:
    """All signals that the system has are handled, except SIGHUP under `nohup`."""
    assert signals.handled(before) == taken


@pytest.mark.parametrize(
    ("event", "does"),
    [
        (0, None),
        (1, None),
        (2, (Stop.NOW, "the window was closed")),
        (5, (Stop.NOW, "you are signing out of Windows")),
        (6, (Stop.NOW, "Windows is shutting down")),
        (99, None),
    ],
)
def test_what_the_consoles_end_does(event: int, does: tuple[Stop, str] | None) -> None:
    """Ctrl-C and Ctrl-Break are signals; closing the window stops at once, as only seconds are left."""
    assert signals.stop_for_console_event(event) == does
    told: list[tuple[Stop, str]] = []
    over = threading.Event()
    over.set()
    assert signals.handle_console_event(event, lambda how, why: told.append((how, why)), over) is (does is not None)
    assert told == ([does] if does else [])


def test_the_console_is_answered_once_the_run_has_ended() -> None:
    """The answer to Windows waits for the run, but not longer than Windows does."""
    over, stopped = threading.Event(), threading.Event()
    answered: list[bool] = []
    waiting = threading.Thread(
        target=lambda: answered.append(
            signals.handle_console_event(2, lambda _how, _why: stopped.set(), over, patience=IN_TIME)
        )
    )
    waiting.start()
    assert stopped.wait(IN_TIME)
    assert not answered
    over.set()
    waiting.join(IN_TIME)
    assert answered == [True]
    assert signals.handle_console_event(2, lambda _how, _why: None, threading.Event(), patience=0)


def test_handlers_that_were_there_come_back() -> None:
    """Earlier handlers are restored, also after an error."""
    before = signal.getsignal(signal.SIGTERM)
    told: list[tuple[Stop, str]] = []
    with contextlib.suppress(RuntimeError), signals.listened_to(lambda how, why: told.append((how, why))):
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
        raise RuntimeError
    assert told == [(Stop.AFTER_CURRENT, "SIGTERM"), (Stop.NOW, "SIGTERM")]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture
def portal(loop: LoopThread, tmp_path: Path) -> Iterator[waiting_portal.Portal]:
    with waiting_portal.serving(loop, tmp_path, orders=4, waits="3") as running:
        yield running


def interrupt(process: subprocess.Popen[str]) -> None:
    """Ctrl-C to the whole group; on Windows Ctrl-Break, because groups do not get Ctrl-C."""
    if sys.platform == "win32":
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    "limits", [[], ["--max-total-size", str(2 * len(waiting_portal.PDF) + 500)]], ids=["ctrl-c", "a limit"]
)
def test_ctrl_c_stops_a_run_that_is_stopping_and_the_same_command_continues(
    tmp_path: Path, portal: waiting_portal.Portal, limits: list[str]
) -> None:
    """A Ctrl-C during a stop ends an endless download; the journal is intact and no file is partial.

    The same command then downloads the rest, and nothing twice.
    """
    command = [sys.executable, "-m", "po_pw", "process", "pos.csv", "-w", "1"]
    environment = {
        **os.environ,
        "PO_PW_HOME": str(tmp_path / "home"),
        "PO_PW_GRACE": "86400",
        "PO_PW_STALL_TIMEOUT": "86400",
    }
    process = subprocess.Popen(
        [*command, *limits],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    try:
        assert process.stdout is not None
        assert portal.half_sent.wait(IN_TIME)
        if not limits:
            interrupt(process)
        assert any("Finishing the orders in progress" in line for line in process.stdout)
        assert process.poll() is None
        interrupt(process)
        output, _ = process.communicate(timeout=IN_TIME)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 130, output
    assert "Stopping now." in output
    assert "Traceback" not in output
    out = tmp_path / "downloads"
    with contextlib.closing(sqlite3.connect(out / ".po-pw" / "journal.db")) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert {path.read_bytes() for path in out.glob("**/*.pdf")} == {waiting_portal.PDF}
    assert len(list(out.glob("**/*.pdf"))) == 2
    portal.let_go()
    again = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=IN_TIME,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "2 orders already complete" in again.stdout
    assert [path.read_bytes() for path in out.glob("**/*.pdf")] == [waiting_portal.PDF] * 4
