"""Reports to a command and a web address how a run ended (`--on-finish`, `--notify`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

import typer

from po_pw import cli, environ, errors, known_secrets
from po_pw.cli import boundary
from po_pw.results import end_report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from po_pw import settings
    from po_pw.cli import running

_WITHIN: Final = 300.0
"""Seconds that the command may take."""


class RunEnd:
    """Receives how the run ended, if it ended normally."""

    done: running.Done | None = None


@contextlib.contextmanager
def reporting_end(options: settings.Settings, list_name: str) -> Iterator[RunEnd]:
    """Runs the command and posts to the address when the block ends, however it ends.

    An error here is only a warning on standard error: the exit code of the run does not change.

    Args:
        options: name the command and the address.
        list_name: of the list.
    """
    if options.notify is not None:
        known_secrets.remember(options.notify.get_secret_value().partition("://")[2].partition("/")[2])
    run_end = RunEnd()
    try:
        yield run_end
    except errors.PoPwError as error:
        _report(options, _end(options, list_name, run_end, type(error).exit_code, str(error)))
        raise
    except KeyboardInterrupt:
        _report(options, _end(options, list_name, run_end, cli.INTERRUPTED, "it was interrupted"))
        raise
    if run_end.done is not None:
        _report(options, _end(options, list_name, run_end, run_end.done.exit_code, ""))


def _end(options: settings.Settings, list_name: str, run_end: RunEnd, exit_code: int, error: str) -> end_report.End:
    out = options.out.absolute()
    return end_report.End(exit_code, list_name, out, run_end.done.totals if run_end.done else None, error)


def _report(options: settings.Settings, end: end_report.End) -> None:
    value = end_report.to_json(end)
    if options.on_finish:
        _run(options.on_finish, value, end.out)
    if options.notify is not None:
        from po_pw.transport import webhook

        try:
            asyncio.run(webhook.post_json(options.notify.get_secret_value(), value))
        except errors.PoPwError as error:
            _warn(f"the address of --notify could not be reached: {error}")


def _run(command: str, value: Mapping[str, Any], out: Path) -> None:
    """Runs the command by the system's shell, with the value as JSON on its standard input."""
    known = {"PO_PW_EXIT_CODE": str(value["exit_code"]), "PO_PW_OUTPUT": str(out), "PO_PW_TEXT": str(value["text"])}
    try:
        # The user's own command, as typed: pipes and quotes are the shell's.
        done = subprocess.run(  # noqa: S602
            command,
            shell=True,
            input=json.dumps(value, ensure_ascii=False),
            encoding="utf-8",
            env={**environ.for_child(), **known},
            timeout=_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _warn(f"the --on-finish command was stopped: it took longer than {_WITHIN / 60:.0f} minutes")
        return
    except OSError as error:
        _warn(f"the --on-finish command could not be started: {error.strerror or error}")
        return
    if done.returncode:
        _warn(f"the --on-finish command ended with exit code {done.returncode}")


def _warn(said: str) -> None:
    boundary.complain(said, typer.colors.YELLOW)
