"""Quotes commands that the user may run next, for the shell that po-pw was started from."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from po_pw.machine import resources

if TYPE_CHECKING:
    from collections.abc import Sequence

_POWERSHELL: Final = frozenset({"powershell", "pwsh", "powershell_ise"})
_CMD: Final = frozenset({"cmd"})
_POSIX: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh", "fish"})
_WHICH: Final = frozenset({"--force", "--refresh", "--only-failed"})
"""Options that choose orders; left out of the command that continues, which processes all that are not done."""
_PLAIN: Final = re.compile(r"[\w./:\\+=-]+", re.ASCII)
_SINGLE_QUOTES: Final = re.compile("(['\u2018\u2019\u201a\u201b])")
"""PowerShell treats typographic quotation marks in the same way."""


def without_choice(words: Sequence[str]) -> tuple[str, ...]:
    """The words of a `process` command without the options that choose orders. Pure."""
    return tuple(word for word in words if word not in _WHICH)


def with_options(words: Sequence[str], *options: str) -> tuple[str, ...]:
    """Adds options to the words, unless they are there. Pure."""
    if options[0] in words:
        return tuple(words)
    end = words.index("--") if "--" in words else len(words)
    return (*words[:end], *options, *words[end:])


def join(words: Sequence[str]) -> str:
    """The words as one line for the current shell."""
    return joined(words, in_use())


def po_pw(*words: str) -> str:
    """A command of po-pw as one line for the current shell."""
    return join(["po-pw", *words])


def in_use() -> str:
    """`posix`, `powershell` or `cmd`: the nearest shell among the processes that started this one."""
    for name in resources.started_by():
        stem = name.lower().removesuffix(".exe")
        if stem in _POWERSHELL:
            return "powershell"
        if stem in _CMD:
            return "cmd"
        if stem in _POSIX:
            return "posix"
    return "cmd" if sys.platform == "win32" else "posix"


def joined(words: Sequence[str], shell: str) -> str:
    """The words as one line. Pure.

    Args:
        words: of the command.
        shell: as `in_use` names it.
    """
    if shell == "posix":
        return shlex.join(words)
    quoted = _for_powershell if shell == "powershell" else _for_cmd
    return " ".join(word if _PLAIN.fullmatch(word) else quoted(word) for word in words)


def _for_powershell(word: str) -> str:
    return "'" + _SINGLE_QUOTES.sub(r"\1\1", word) + "'"


def _for_cmd(word: str) -> str:
    """Quotes a word for Windows programs: backslashes before a quotation mark, and at the end, are doubled."""
    quoted = subprocess.list2cmdline([word])
    if quoted.startswith('"'):
        return quoted
    trailing = "\\" * (len(word) - len(word.rstrip("\\")))
    return f'"{quoted}{trailing}"'
