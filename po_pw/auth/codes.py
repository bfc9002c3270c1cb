"""One-time codes from a program of the person's own (`--totp-command`)."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, redact, settings
from po_pw.auth import credentials

if TYPE_CHECKING:
    from po_pw.auth import forms

_ANSWERS_WITHIN: Final = 60.0
"""Seconds for the program."""
_NEEDS_SHELL: Final = re.compile(r"[|&;<>()$`*?~{}\n]" if sys.platform != "win32" else r"[|&<>%^]")
"""What only a shell makes sense of."""
_CODE: Final = re.compile(r"[\w-]{3,64}")


def from_command(command: str | None) -> forms.AsksForCode | None:
    """What asks a program for a code, each time afresh; None where there is no program.

    Args:
        command: as typed in a shell; it is started without one where that makes no difference.
    """
    return (lambda host: ask(command)) if command else None


def ask(command: str) -> str:
    """The first line that a program prints. Blocks, at most a minute.

    Nothing that the program prints is in a message, and of its command only the first word: both may hold a secret.

    Raises:
        LoginRequiredError: it cannot be started, fails, or prints no code.
    """
    in_shell = _NEEDS_SHELL.search(command) is not None
    try:
        # On Windows a program takes its command line as a whole.
        words = command if in_shell or sys.platform == "win32" else shlex.split(command)
    except ValueError as error:
        msg = f"the command for one-time codes (--totp-command) cannot be read: {error}"
        raise errors.LoginRequiredError(msg) from None
    name = Path(command.split()[0]).name if command.split() else ""
    if not name:
        msg = "the command for one-time codes (--totp-command) is empty"
        raise errors.LoginRequiredError(msg)
    said = f"the program for one-time codes ({name}, --totp-command)"
    environment = settings.child_environment()
    environment.pop(credentials.PASSWORD_VARIABLE, None)
    try:
        ended = subprocess.run(
            words,
            shell=in_shell,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWERS_WITHIN,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        msg = f"{said} did not end within {_ANSWERS_WITHIN:.0f} s"
        raise errors.LoginRequiredError(msg) from None
    except OSError as error:
        msg = f"{said} cannot be started: {error.strerror or type(error).__name__}"
        raise errors.LoginRequiredError(msg) from None
    if ended.returncode != 0:
        msg = f"{said} failed with exit code {ended.returncode}. Run it by hand to see why"
        raise errors.LoginRequiredError(msg)
    code = ended.stdout.decode("utf-8", "replace").partition("\n")[0].strip().replace(" ", "")
    redact.remember(code)
    if not _CODE.fullmatch(code):
        msg = f"{said} printed no code: its first line must be the code alone"
        raise errors.LoginRequiredError(msg)
    return code
