"""Standard output and error that cannot end a command: closed, full, or not able to show every character.

What a command prints is not its work: a run goes on when nobody reads its lines any more (`| head -1`), when the disk
that takes them is full, and when the terminal is gone. Every write that fails is swallowed here, so that no code above
meets it, and what is worth saying of it is said at the end.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer

_FAILED: Final = 3
"""Exit code where the output was wanted and could not be written: the machine is in the way."""
_INTERRUPTED: Final = 130


class _Bytes(io.FileIO):
    """A file descriptor whose first failed write is remembered, and after which nothing more is written."""

    lost: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        if self.lost is None:
            try:
                return super().write(data)
            except OSError as error:
                self.lost = error
        return memoryview(data).nbytes


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Prints through guarded streams while the block lasts; ends with exit code 3 where the output could not be kept.

    A reader that went away (a closed pipe) is no fault: then the block's own exit code stands.
    """
    _open_closed()
    streams = {name: _guard(getattr(sys, name)) for name in ("stdout", "stderr")}
    for name, (text, _) in streams.items():
        setattr(sys, name, text)
    code: object = 0
    try:
        yield
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:  # before any command was begun, or after it ended
        code = _INTERRUPTED
    for text, _ in streams.values():
        with contextlib.suppress(OSError, ValueError):
            text.flush()
    _, raw = streams["stdout"]
    lost = raw.lost if raw is not None else None
    if lost is not None and lost.errno != errno.EPIPE:
        why = lost.strerror or str(lost)
        sys.stderr.write(f"po-pw: the screen output could not be written ({why}). The run itself is not affected.\n")
        sys.stderr.flush()
        code = code or _FAILED
    sys.exit(code)  # type: ignore[arg-type] # as `SystemExit` had it


def _open_closed() -> None:
    """Opens what the caller closed (`>&-`), so that no file of ours gets the number of a standard stream."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        mode = os.O_RDONLY if name == "stdin" else os.O_WRONLY
        opened = os.open(os.devnull, mode)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        setattr(sys, name, open(number, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - a descriptor


def _guard(stream: TextIO) -> tuple[TextIO, _Bytes | None]:
    """The stream, guarded; with the part that remembers a failed write, where there is one."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # somebody's own object: it has no descriptor that could fail
        return stream, None
    if sys.platform == "win32" and stream.isatty():
        return stream, None  # a console takes text, not bytes
    raw = _Bytes(number, "w", closefd=False)
    is_shown = stream.isatty()
    # What the encoding has no sign for is written out as its number: a name of a supplier must not end a run.
    text = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=is_shown or bool(stream.line_buffering),
        write_through=not is_shown,
    )
    return text, raw
