"""What is wrong with a command as it was typed, in plain words: the library's own are those of its validator."""

from __future__ import annotations

import re
from typing import Any, Final

import typer
from typer import core

_WORDS: Final = (
    (re.compile(r"valid integer|an integer"), "give a whole number"),
    (re.compile(r"valid number|a finite number|a number"), "give a number"),
    (re.compile(r"greater than or equal to (\S+)"), r"give \1 or more"),
    (re.compile(r"less than or equal to (\S+)"), r"give \1 or less"),
    (re.compile(r"greater than (\S+)"), r"give more than \1"),
    (re.compile(r"less than (\S+)"), r"give less than \1"),
)
_CHOICE: Final = re.compile(r"Value error, .* is not one of (('[^']*'(, )?)+)\.?")


def plain(message: str) -> str:
    """A validator's message in plain words; one that is no validator's stays. Pure."""
    if (choice := _CHOICE.fullmatch(message)) is not None:
        *others, last = re.findall(r"'([^']*)'", choice[1])
        return f"give {', '.join(others)} or {last}" if others else f"give {last}"
    if not message.startswith("Input should"):
        return message
    for pattern, words in _WORDS:
        if (found := pattern.search(message)) is not None:
            return found.expand(words)
    return message


class Group(core.TyperGroup):
    """The commands; what is wrong with their options is said in plain words."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = plain(error.message)
            raise
