"""Messages about mistyped commands in plain words, and help with options in groups."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Final

import typer
from typer import core

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WORDS: Final = (
    (re.compile(r"valid integer|an integer"), "give a whole number"),
    (re.compile(r"valid number|a finite number|a number"), "give a number"),
    (re.compile(r"greater than or equal to (\S+)"), r"give \1 or more"),
    (re.compile(r"less than or equal to (\S+)"), r"give \1 or less"),
    (re.compile(r"greater than (\S+)"), r"give more than \1"),
    (re.compile(r"less than (\S+)"), r"give less than \1"),
)
_CHOICE: Final = re.compile(r"Value error, .* is not one of (('[^']*'(, )?)+)\.?")
_RANGE: Final = re.compile(r"(\d+)<=x<=(\d+)")
_LISTS: Final = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods")
_ADDRESS: Final = re.compile(r"https?://", re.IGNORECASE)
_MEANT: Final = (
    (
        {"resume", "continue", "restart", "retry", "rerun", "repeat"},
        "To continue a run, run its command again, such as: po-pw process pos.csv. po-pw alone says which command.",
    ),
    ({"download", "run", "start", "get", "fetch", "go"}, "To download, run: po-pw process pos.csv"),
    ({"signin", "sign-in", "auth"}, "To sign in, run: po-pw login URL"),
    ({"signout", "sign-out"}, "To sign out, run: po-pw logout"),
    ({"open", "show", "results"}, "To open the report of a run, run: po-pw report --open"),
    ({"setup", "set-up", "configure"}, "To set up this folder, run: po-pw init"),
    ({"help"}, "For all commands, run: po-pw --help"),
)
"""Words that other programs use, and what to do instead."""
_MIN_SIMILARITY: Final = 0.6
"""Minimum similarity for an option to count as mistyped."""


def plain(message: str) -> str:
    """Rewrites a validator's message in plain words; other messages are unchanged. Pure."""
    if (choice := _CHOICE.fullmatch(message)) is not None:
        *others, last = re.findall(r"'([^']*)'", choice[1])
        return f"give {', '.join(others)} or {last}" if others else f"give {last}"
    if not message.startswith("Input should"):
        return message
    for pattern, words in _WORDS:
        if (found := pattern.search(message)) is not None:
            return found.expand(words)
    return message


def no_such_option(typed: str, command: str, options: Mapping[str, Iterable[str]]) -> str:
    """The message about an unknown option, with the nearest known one. Pure.

    Args:
        typed: the option, e.g. `--worker`.
        command: to which it was given, e.g. `process`.
        options: of every command, by the command's name.
    """
    said = f"There is no option {typed}."
    wanted = _folded(typed)
    own = {_folded(option): option for option in options.get(command, ())}
    starting = [option for folded, option in own.items() if folded.startswith(wanted)]
    if len(starting) == 1:
        return f"{said} Did you mean {starting[0]}?"
    elsewhere = [name for name, known in options.items() if name != command and typed in known]
    if elsewhere and not starting:
        return f"{said} It is an option of po-pw {elsewhere[0]}."
    near = difflib.get_close_matches(wanted, own, 1, _MIN_SIMILARITY)
    return f"{said} Did you mean {own[near[0]]}?" if near else f"{said} See: po-pw {command} --help"


def command_left_out(typed: str) -> str:
    """The message for a list or an address in place of a command; `""` for any other word. Pure."""
    if _ADDRESS.match(typed):
        return f"{typed} is an address, not a command. To sign in there, run: po-pw login {typed}"
    if typed.lower().endswith(_LISTS):
        from po_pw.cli import shell

        return f"{typed} is a list, not a command. Run: po-pw process {shell.join([typed])}"
    return ""


def command_meant(typed: str) -> str:
    """The message for a word that other programs use for one of our commands; `""` for any other word. Pure."""
    meant = next((meant for words, meant in _MEANT if typed.lower() in words), "")
    return f"There is no command {typed}. {meant}" if meant else ""


def _folded(option: str) -> str:
    return option.lstrip("-").replace("_", "-").lower()


def record(parameter: Any, context: Any) -> tuple[str, str] | None:
    """The help of an option or argument: its names, without Python type names, and its text."""
    found = parameter.get_help_record(context)
    if found is None:
        return None
    names, text = found
    if parameter.param_type_name == "argument":
        names = names.partition(" ")[0]
    return names, _RANGE.sub(r"\1 to \2", text)


class Command(core.TyperCommand):
    """A command whose help shows options in groups, by their `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes arguments and options, each group under its name, in the order of the groups' first options."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            shown = record(param, ctx)
            if shown is not None:
                default = "Arguments" if param.param_type_name == "argument" else "Options"
                groups.setdefault(getattr(param, "rich_help_panel", None) or default, []).append(shown)
        groups["Options"] = groups.pop("Options", [])  # last: options without a group, such as --help
        for name, records in groups.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Writes the examples unchanged."""
        del ctx
        if self.epilog:
            formatter.write(f"\nExamples:\n{self.epilog}\n")


class Overview(core.TyperGroup):
    """A group of commands whose help has one line for each."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes one line for each command."""
        rows = [(name, _overview(self.get_command(ctx, name))) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Group(Overview):
    """All commands; errors in their options are reported in plain words."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds the command; if a list, an address or another program's word was given, says what to run."""
        if self.get_command(ctx, args[0]) is None and (missing := command_left_out(args[0]) or command_meant(args[0])):
            ctx.fail(missing)
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Reads the command line; Ctrl-C meanwhile is reported."""
        try:
            return super().make_context(*args, **extra)
        except KeyboardInterrupt:
            raise _interrupted() from None

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; Ctrl-C outside its own work is reported."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # of which the library would say nothing
            raise _interrupted() from None
        except typer.BadParameter as error:
            error.message = plain(error.message)
            raise
        except _USAGE_ERROR as error:
            typed = getattr(error, "option_name", None)
            if typed is not None and hasattr(error, "possibilities"):
                error.message = no_such_option(typed, _called(error.ctx, ctx), _options(self, ctx))
                error.possibilities = None
            raise


def _interrupted() -> typer.Exit:
    from po_pw import cli
    from po_pw.cli import boundary

    boundary.complain("interrupted")
    return typer.Exit(cli.INTERRUPTED)


_USAGE_ERROR: Final[Any] = typer.BadParameter.__mro__[1]
"""The library's class for errors in a command line, which it does not export."""


def _overview(command: Any) -> str:
    return str(command.short_help or command.help or "").partition("\n")[0]


def _called(of: Any, root: Any) -> str:
    """The name of a command below the root, e.g. `portal inspect`."""
    return str(of.command_path.removeprefix(root.command_path).strip()) if of is not None else ""


def _options(group: Any, ctx: Any, above: str = "") -> dict[str, list[str]]:
    """The long options of every command below a group, by the command's name."""
    found: dict[str, list[str]] = {above.strip(): _long(group, ctx)}
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        called = f"{above} {name}".strip()
        if isinstance(command, core.TyperGroup):
            found |= _options(command, ctx, called)
        else:
            found[called] = _long(command, ctx)
    return found


def _long(command: Any, ctx: Any) -> list[str]:
    return [
        option
        for param in command.get_params(ctx)
        for option in (*param.opts, *param.secondary_opts)
        if option.startswith("--")
    ]
