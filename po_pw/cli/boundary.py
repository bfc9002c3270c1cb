"""Turns errors of a command into one clear message and an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import textwrap
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import typer

from po_pw import cli, errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_WHOLE: Final = (
    "the installation of po-pw is incomplete: {}.\nInstall it again: pip install --force-reinstall po-pw (with the "
    "same Python)."
)


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """Reports what goes wrong inside and ends the command with its exit code.

    What the system refuses (a port, a file, memory) counts as a problem of this computer, not as a fault in po-pw.
    """
    try:
        yield
    except typer.Exit:
        raise
    except errors.PoPwError as error:
        text = str(error)
        if isinstance(error, errors.OutOfSpaceError) and "same command again" not in text:
            text = f"{text.removesuffix('.')}. Free some space, and run the same command again."
        complain(text)
        raise typer.Exit(type(error).exit_code) from None
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        raise typer.Exit(cli.INTERRUPTED) from None
    except OSError as error:
        complain(f"{refused_by_system(error)}.\n{_details(error, 'If it happens again, report it with that file.')}")
        raise typer.Exit(errors.MachineError.exit_code) from None
    except MemoryError:
        complain("this computer ran out of memory. Close other programs, or use fewer workers (-w).")
        raise typer.Exit(errors.MachineError.exit_code) from None
    except ImportError as error:
        complain(_NOT_WHOLE.format(error))
        raise typer.Exit(errors.MachineError.exit_code) from None
    except Exception as error:  # noqa: BLE001 - the command line's boundary
        details = _details(error, "Please report it with that file.")
        complain(f"internal error: {type(error).__name__}: {error}\nThis is a fault in po-pw. {details}")
        raise typer.Exit(1) from None


def refused_by_system(error: OSError) -> str:
    """What the operating system refused, in one line: its message and the file concerned. Pure."""
    what = error.strerror or str(error) or type(error).__name__
    places = [str(place) for place in (error.filename, error.filename2) if place is not None]
    return ": ".join(["the operating system refused", what, *([" and ".join(places)] if places else [])])


def _details(error: Exception, then: str) -> str:
    """Where the traceback is saved, or the traceback itself if it cannot be saved."""
    from po_pw import redact

    details = redact.text("".join(traceback.format_exception(error)))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="po-pw-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as to:
            to.write(details)
    except OSError:
        return f"The details:\n{details}"
    return f"The details are in {Path(to.name)}. {then}"


def wrapped(text: str, columns: int) -> str:
    """Wraps a message at blanks, so that no word is cut at the edge of the screen; commands stay whole. Pure.

    Args:
        text: may have several lines; those that begin with two spaces are commands.
        columns: of the terminal; 0 where the output is none.
    """
    if not columns:
        return text
    lines = text.split("\n")
    return "\n".join(
        textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False, drop_whitespace=True)
        if len(line) > columns and not line.startswith("  ")
        else line
        for line in lines
    )


def columns_of(stream: TextIO) -> int:
    """The width of the terminal that a stream writes to; 0 if it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else 0


def complain(text: str, colour: str = typer.colors.RED) -> None:
    """Prints one message to standard error, without secrets; yellow if it does not affect the outcome."""
    from po_pw import redact

    text = redact.text(text)
    typer.secho(wrapped(f"po-pw: {text}", columns_of(sys.stderr)), fg=colour, err=True)
