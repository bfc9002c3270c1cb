"""Lines that change below the output leave no remains, and the terminal is restored."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pyte
import pytest
from rich.console import Console
from rich.text import Text

from po_pw.cli import screen
from tests.helpers.support import IN_TIME

if sys.platform != "win32":
    from tests.helpers.pty_process import PtyProcess

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
TMUX = shutil.which("tmux")
LINES = ["a wide line " + "\N{BOX DRAWINGS HEAVY HORIZONTAL}" * 80, "VIEW second", "VIEW third 表示"]
DRAWS = """
import sys, time
from rich.console import Console
from rich.text import Text
from po_pw.cli import screen
console = Console()
def draw(width, height):
    return [Text("VIEW first " + "=" * (width - 11)), Text("VIEW second"), Text("VIEW third")]
"""
WAITS = (
    DRAWS
    + """
import signal
signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # ignored in what a shell started in the background
with screen.Screen(console, draw, lambda: "busy 3/4", guarded=True):
    console.print("printed")
    for number in range(8):
        console.print(f"line {number}")
    sys.stdin.read(1) if len(sys.argv) < 2 else time.sleep(1000)
print("over")
"""
)


class Emulated:
    """A console on an emulated terminal."""

    def __init__(self, width: int, height: int) -> None:
        self.screen = pyte.HistoryScreen(width, height)
        self.screen.set_mode(pyte.modes.LNM)  # a line feed also returns, as a terminal's driver has it
        self._stream, self._drawn, self._read = pyte.Stream(self.screen), io.StringIO(), 0
        self.console = Console(
            file=self._drawn, width=width, height=height, force_terminal=True, legacy_windows=False, color_system=None
        )

    def lines(self) -> list[str]:
        """The screen without blanks."""
        everything = self._drawn.getvalue()
        self._stream.feed(everything[self._read :])
        self._read = len(everything)
        return [line.rstrip() for line in self.screen.display if line.strip()]

    @property
    def written(self) -> str:
        """Everything written to it."""
        return self._drawn.getvalue()


def test_what_is_printed_stands_above_and_nothing_of_the_lines_stays() -> None:
    """Output stays above, while the number of lines changes."""
    there, shown = Emulated(40, 10), list(LINES)
    with screen.Screen(there.console, lambda width, height: [Text(line) for line in shown]) as drawn:
        assert there.lines()[1:] == LINES[1:]
        for number in range(20):
            there.console.print(f"printed {number}")
            shown[:] = LINES[: 1 + number % 3]
            drawn.refresh()
            lines = there.lines()
            assert lines[-len(shown) - 1] == f"printed {number}"
            assert sum("VIEW" in line or "wide" in line for line in lines) == len(shown)
        there.console.print("x" * 95, soft_wrap=True)
        assert "".join(there.lines()[-5:-2]).endswith("x" * 95), "folded, not cut"
    lines = there.lines()
    assert not any("VIEW" in line or "wide" in line for line in lines)
    assert lines[-1] == "x" * 15


def test_a_frame_is_one_synchronised_update_and_an_equal_one_is_not_drawn() -> None:
    """Nothing flickers: the cursor is hidden, no line wraps, and equal frames are not drawn."""
    there, count = Emulated(40, 10), [0]
    with screen.Screen(there.console, lambda width, height: [Text(f"VIEW {count[0]}")]) as drawn:
        before = len(there.written)
        drawn.refresh()
        assert len(there.written) == before
        count[0] = 1
        drawn.refresh()
        frame = there.written[before:]
        assert frame.startswith("\x1b[?2026h\x1b[?25l\r")
        assert frame.endswith("\x1b[?7h\x1b[?2026l")
        assert "\x1b[J" not in frame.split("VIEW")[0], (
            "a frame goes over the one before, without a blank screen between"
        )
    assert there.written.endswith("\x1b[?25h")


def test_the_title_is_set_when_it_changes_and_restored() -> None:
    """The terminal restores its earlier title."""
    there, title = Emulated(40, 10), ["po-pw 1/4"]
    with screen.Screen(there.console, lambda width, height: [Text("VIEW")], lambda: title[0]) as drawn:
        drawn.refresh()
        title[0] = "po-pw 2/4"
        drawn.refresh()
    assert there.written.count("\x1b[22;0t\x1b]0;po-pw 1/4\x07") == 1
    assert there.written.count("\x1b]0;po-pw 2/4\x07") == 1
    assert there.written.endswith("\x1b]0;\x07\x1b[23;0t")


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "unknown"}])
def test_a_terminal_that_cannot_is_not_asked_to(environment: dict[str, str]) -> None:
    """Simple terminals get lines, as without a terminal."""
    assert not screen.is_possible(Console(file=io.StringIO(), force_terminal=True, _environ=environment))
    assert not screen.is_possible(Console(file=io.StringIO()))


def test_what_is_typed_is_not_shown_and_the_terminal_is_left_as_it_was(tmp_path: Path) -> None:
    """Cursor, wrapping, title and echo are restored."""
    with PtyProcess([sys.executable, "-c", WAITS], (60, 12), cwd=tmp_path) as there:
        there.wait_for("VIEW third")
        assert not there.echoes()
        there.type("x")
        assert there.ended() == 0
        lines = there.wait_for("over")
        assert lines == ["printed", *(f"line {number}" for number in range(8)), "over"]
        assert there.echoes()
        assert b"\x1b[?2026l\x1b[?7h\x1b[?25h\x1b]0;\x07\x1b[23;0t" in there.output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGQUIT])
def test_a_kill_leaves_a_usable_terminal(tmp_path: Path, number: signal.Signals) -> None:
    """After SIGKILL a helper process restores the terminal."""
    with PtyProcess([sys.executable, "-c", WAITS, "sleep"], (60, 12), cwd=tmp_path) as there:
        there.wait_for("VIEW third")
        os.kill(there.process.pid, number)
        assert there.ended() == -number
        there.wait_written(b"\x1b[?25h")
        assert there.wait_echo()
        there.wait(lambda lines: not any("VIEW" in line for line in lines))


def test_ctrl_z_gives_the_terminal_back_and_the_view_returns(tmp_path: Path) -> None:
    """The shell has a normal terminal; `fg` draws again."""
    with PtyProcess([sys.executable, "-c", WAITS, "sleep"], (60, 12), cwd=tmp_path) as there:
        there.wait_for("VIEW third")
        os.kill(there.process.pid, signal.SIGTSTP)
        os.waitid(os.P_PID, there.process.pid, os.WSTOPPED | os.WNOWAIT)
        there.wait_written(b"\x1b[?25h")
        assert there.echoes()
        assert not any("VIEW" in line for line in there.lines())
        os.kill(there.process.pid, signal.SIGCONT)
        there.wait_for("VIEW third")
        assert not there.echoes()


@pytest.mark.skipif(TMUX is None, reason="a terminal that folds lines anew when its width changes")
def test_a_resize_leaves_no_ghost(tmp_path: Path) -> None:
    """Narrower, wider, lower: each line of the view is there once, and what was printed stays.

    Nothing is being drawn when the size changes: a terminal that folds lines in the middle of a frame cannot be helped.
    """
    (tmp_path / "draws.py").write_text(WAITS, "utf-8")

    def tmux(*words: str) -> str:
        command = [TMUX or "", "-S", str(tmp_path / "s"), "-f", "/dev/null", *words]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        for fixed in ("COLUMNS", "LINES"):  # as a test runner may set them: then no resize would be seen
            environment.pop(fixed, None)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    tmux("new-session", "-d", "-x", "120", "-y", "30", f"{sys.executable} {tmp_path / 'draws.py'} sleep")

    def view(end: float) -> list[str]:
        """The lines of the view, once it is as wide as the terminal."""
        while True:
            shown = [line.rstrip() for line in tmux("capture-pane", "-p").splitlines() if line.strip()]
            if (
                "line 7" in shown
                and "VIEW third" in shown
                and shown[-3].startswith("VIEW")
                and len(shown[-3]) == width - 1
            ):
                return [line for line in shown if "VIEW" in line or "==" in line]
            assert time.monotonic() < end, shown

    try:
        for width, height in ((120, 30), (60, 12), (200, 50), (40, 12), (80, 7), (80, 24)):
            tmux("resize-window", "-x", str(width), "-y", str(height))
            assert len(view(time.monotonic() + IN_TIME)) == 3
        whole = tmux("capture-pane", "-p", "-S", "-100")
        assert whole.count("VIEW third") == whole.count("printed") == 1
    finally:
        tmux("kill-server")
