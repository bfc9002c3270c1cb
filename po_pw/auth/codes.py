"""One-time codes: only from a program that the user names (`--totp-command`), from no variable or keyring."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import environ, errors, known_secrets
from po_pw.auth import credentials

if TYPE_CHECKING:
    from po_pw.auth import forms

_ANSWERS_WITHIN: Final = 60.0
"""Maximum seconds for the program."""
_CHANGES_WITHIN: Final = 90.0
"""Seconds after which a program must print another code: RFC 6238 recommends 30, some use 60."""
_ASK_EVERY: Final = 1.0
_given: Final[dict[str, str]] = {}
"""The last code of each command."""
_NEEDS_SHELL: Final = re.compile(r"[|&;<>()$`*?~{}\n]" if sys.platform != "win32" else r"[|&<>%^]")
"""Characters that only a shell understands."""
_CODE: Final = re.compile(r"[\w-]{3,64}")


def from_command(command: str | None) -> forms.AsksForCode | None:
    """Returns a function that asks the program for a new code each time; None if there is no program.

    Args:
        command: as typed in a shell; it is started without a shell if that makes no difference.
    """
    return (lambda host: _new(command)) if command else None


def _new(command: str) -> str:
    """A code that was not used before: no code is accepted twice (RFC 6238, 5.2). Waits for the next one.

    Raises:
        LoginRequiredError: there is no new code.
    """
    deadline = time.monotonic() + _CHANGES_WITHIN
    while (code := ask(command)) == _given.get(command):
        if time.monotonic() > deadline:
            msg = f"the program for one-time codes (--totp-command) gave the same code for {_CHANGES_WITHIN:.0f} s"
            raise errors.LoginRequiredError(msg)
        time.sleep(_ASK_EVERY)
    _given[command] = code
    return code


def ask(command: str) -> str:
    """The first line that a program prints. Blocks, at most a minute.

    Messages contain nothing that the program prints, and only the first word of its command: both may contain a secret.

    Raises:
        LoginRequiredError: it cannot be started, fails, or prints no code.
    """
    in_shell = _NEEDS_SHELL.search(command) is not None
    try:
        # On Windows a program gets its command line as one text.
        words = command if in_shell or sys.platform == "win32" else shlex.split(command)
    except ValueError as error:
        msg = f"the command for one-time codes (--totp-command) cannot be read: {error}"
        raise errors.LoginRequiredError(msg) from None
    name = Path(command.split()[0]).name if command.split() else ""
    if not name:
        msg = "the command for one-time codes (--totp-command) is empty"
        raise errors.LoginRequiredError(msg)
    said = f"the program for one-time codes ({name}, --totp-command)"
    environment = environ.for_child()
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
    known_secrets.remember(code)
    if not _CODE.fullmatch(code):
        msg = f"{said} printed no code: its first line must be the code alone"
        raise errors.LoginRequiredError(msg)
    return code
