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
        from po_pw import redact

        details = redact.text("".join(traceback.format_exception(error)))
        try:
            with tempfile.NamedTemporaryFile("w", prefix="po-pw-", suffix=".txt", delete=False, encoding="utf-8") as to:
                to.write(details)
            where = f"The details are in {Path(to.name)}: please report it with that file."
        except OSError:  # no room for them anywhere but here
            where = f"Please report it with these details:\n{details}"
        complain(f"internal error: {type(error).__name__}: {error}\nThis is a fault in po-pw. {where}")
        raise typer.Exit(1) from None


def complain(text: str) -> None:
    """One message on standard error, without secrets."""
    from po_pw import redact

    text = redact.text(text)
    typer.secho(f"po-pw: {text}", fg=typer.colors.RED, err=True)
