"""The command line's boundary: errors become one clear message and an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED: Final = 130


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Reports what goes wrong inside and ends the command with its exit code."""
    try:
        yield
    except typer.Exit:
        raise
    except errors.PoPwError as error:
        complain(str(error))
        raise typer.Exit(type(error).exit_code) from None
    except KeyboardInterrupt:
        complain("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001 - the command line's boundary
        with tempfile.NamedTemporaryFile("w", prefix="po-pw-", suffix=".txt", delete=False, encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
        complain(
            f"internal error: {type(error).__name__}: {error}\n"
            f"This is a fault in po-pw. The details are in {Path(file.name)}: please report it with that file."
        )
        raise typer.Exit(1) from None


def complain(text: str) -> None:
    """One message on standard error."""
    typer.secho(f"po-pw: {text}", fg=typer.colors.RED, err=True)
