"""Draws a few changing lines below everything that is printed, and leaves no remains of them, even after a resize.

The cursor stays at the first of these lines. If the terminal rewraps lines when its size changes, the cursor moves with
them, so that everything printed or redrawn starts at the right position without counting lines. A frame is written at
once, as a synchronised update (DEC private mode 2026), over the one before; its lines never wrap.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final, Self

from rich.console import ConsoleRenderable, RenderHook
from rich.file_proxy import FileProxy
from rich.segment import ControlType, Segment

from po_pw.cli import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

INTERVAL: Final = 0.2
"""Seconds between two frames."""
_BEGIN: Final = "\x1b[?2026h\x1b[?25l\r"
_END: Final = "\x1b[?7h\x1b[?2026l"
_TO_LINE_END: Final = "\x1b[K"
_BELOW: Final = "\x1b[J"
_ERASE: Final = f"\r{_TO_LINE_END}\x1b[C{_BELOW}\r"
"""Erases the line of the cursor and all below. Not from the first column: in the first line that would erase the whole
screen, which tmux then keeps in its scroll-back."""
_IS_CONTROL: Final = ((ControlType.CARRIAGE_RETURN,),)
"""Makes rich treat a segment as one without width; any control code does."""


def is_possible(console: Console) -> bool:
    """Whether the terminal can show lines that change; an old Windows console and `TERM=dumb` cannot."""
    return console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows


class Screen(RenderHook):
    """Lines below everything that is printed, drawn several times a second. A context manager.

    Text printed meanwhile, by this console or directly to a standard stream on the terminal, appears above them.

    Args:
        console: a terminal for which `is_possible` holds.
        draw: returns the lines for a width in cells and a maximum number of lines; called on any thread.
        title: of the terminal's window; `""` leaves it as it is.
        guarded: restore the terminal even after SIGKILL.
    """

    def __init__(
        self,
        console: Console,
        draw: Callable[[int, int], Sequence[Text]],
        title: Callable[[], str] = str,
        *,
        guarded: bool = False,
    ) -> None:
        self._console = console
        self._draw = draw
        self._title = title
        self._said_title = ""
        self._size = (0, 0)
        self._shown: list[list[Segment]] | None = None
        self._is_hidden = True
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._quiet = terminal.Quiet(self._hide, guarded=guarded)
        self._streams: dict[str, object] = {}

    def __enter__(self) -> Self:
        self._quiet.__enter__()
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and stream.isatty() and not isinstance(stream, FileProxy):
                self._streams[name] = stream
                setattr(sys, name, FileProxy(self._console, stream))
        self._console.push_render_hook(self)
        self.refresh()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for name, stream in self._streams.items():
            getattr(sys, name).flush()
            setattr(sys, name, stream)
        self._hide()
        self._console.pop_render_hook()
        self._quiet.__exit__(kind, error, trace)

    def refresh(self) -> None:
        """Draws the lines as they are now."""
        with self._lock:
            if self._over.is_set():
                return
            if not self._quiet.is_foreground:
                self._is_hidden = True
                return
            self._quiet.take()
            self._is_hidden = False
            self._console.print(_Raw(""), end="")

    def _hide(self) -> None:
        """Removes the lines and resets the terminal."""
        with self._lock:
            if self._is_hidden:
                return
            self._is_hidden, self._shown = True, None
            restore = terminal.RESTORE_TITLE if self._said_title else ""
            self._said_title = ""
            self._console.print(_Raw(f"{_ERASE}{terminal.SHOW_AGAIN}{restore}"), end="")

    def _run(self) -> None:
        while not self._over.wait(INTERVAL):
            self.refresh()

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Puts the lines below the printed text."""
        with self._lock:
            if self._is_hidden:
                return renderables
            size = (self._console.width, self._console.height)
            lines = self._lines(*size)
            is_frame = all(isinstance(one, _Raw) for one in renderables)
            title = self._new_title()
            if is_frame and lines == self._shown and size == self._size:
                return [_Raw(title)]
            erase = "" if is_frame and size == self._size and lines else _ERASE
            self._shown, self._size = lines, size
            printed = [] if is_frame else renderables
            return [_Raw(f"{_BEGIN}{erase}"), *printed, _Lines(lines), _Raw(f"{_END}{title}")]

    def _lines(self, width: int, height: int) -> list[list[Segment]]:
        options = self._console.options.update(width=max(1, width - 1), no_wrap=True, overflow="ellipsis")
        drawn = self._draw(max(1, width - 1), height)
        return [self._console.render_lines(line, options, pad=False)[0] for line in drawn[:height]]

    def _new_title(self) -> str:
        """The control code for the title, if the title has changed."""
        title = self._title()
        if title == self._said_title:
            return ""
        save = "" if self._said_title else terminal.SAVE_TITLE
        self._said_title = title
        return f"{save}\x1b]0;{title}\x07"


class _Raw(ConsoleRenderable):
    """Control codes, written unchanged."""

    def __init__(self, codes: str) -> None:
        self._codes = codes

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._codes:
            yield Segment(self._codes, None, _IS_CONTROL)


class _Lines(ConsoleRenderable):
    """Lines that are drawn over older ones; the cursor ends where it started."""

    def __init__(self, lines: Sequence[Sequence[Segment]]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment("\x1b[?7l", None, _IS_CONTROL)
        for number, line in enumerate(self._lines):
            if number:
                yield Segment.line()
            yield from line
            yield Segment(_TO_LINE_END, None, _IS_CONTROL)
        if self._lines:
            yield Segment(_BELOW, None, _IS_CONTROL)
        if (up := len(self._lines) - 1) > 0:
            yield Segment(f"\x1b[{up}A", None, _IS_CONTROL)
        yield Segment("\r", None, _IS_CONTROL)
