"""Guards standard output and error, so that an error in writing to them cannot end a command.

A run continues if nothing reads its output any more (`| head -1`), if the disk that takes the output is full, if the
terminal is gone, or if a character cannot be shown. Errors of writing are handled here, so that no other code sees
them; if the user should know of one, it is reported at the end.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

from po_pw import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer

_FAILED: Final = 3
"""Exit code if the output could not be written: a problem of this computer."""


class _Bytes(io.FileIO):
    """A file descriptor that remembers its first failed write, and writes nothing after it."""

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
    """Guards the standard streams for the block; ends with exit code 3 if the output could not be written.

    A closed pipe is not an error: then the block's own exit code applies.
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
    except KeyboardInterrupt:  # before a command started, or after it ended
        code = cli.INTERRUPTED
        sys.stderr.write("po-pw: interrupted\n")
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
    """Opens streams that the caller closed (`>&-`), so that none of our files gets the number of a standard stream."""
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
    """The guarded stream, and the part that remembers a failed write, if there is one."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # an object of another library: it has no descriptor that could fail
        return stream, None
    if sys.platform == "win32" and stream.isatty():
        return stream, None  # a console takes text, not bytes
    raw = _Bytes(number, "w", closefd=False)
    is_shown = stream.isatty()
    # Characters that the encoding lacks are escaped: the name of a supplier must not end a run.
    text = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=is_shown or bool(stream.line_buffering),
        write_through=not is_shown,
    )
    return text, raw
