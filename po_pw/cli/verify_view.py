"""Verifies an output directory on the command line: shows progress, a table and a list."""

from __future__ import annotations

import asyncio
import collections
import json
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from po_pw import events, humanize
from po_pw.cli import progress, shell, tally
from po_pw.maintenance import verify

if TYPE_CHECKING:
    from pathlib import Path

_STAGE: Final = "Verifying"
_LISTED: Final = 40
"""Maximum findings listed of each kind."""
_STYLES: Final = {
    verify.Kind.MISSING: "bold red",
    verify.Kind.CHANGED: "bold red",
    verify.Kind.UNREADABLE: "red",
    verify.Kind.EXTRA: "yellow",
    verify.Kind.UNKNOWN_FOLDER: "yellow",
    verify.Kind.NO_MANIFEST: "yellow",
}
_MEANING: Final = {
    verify.Kind.MISSING: "downloaded earlier, now missing",
    verify.Kind.CHANGED: "changed since it was downloaded",
    verify.Kind.UNREADABLE: "cannot be read",
    verify.Kind.EXTRA: "not downloaded by po-pw; left alone",
    verify.Kind.UNKNOWN_FOLDER: "looks like an order's folder, but po-pw did not make it; left alone",
    verify.Kind.NO_MANIFEST: "the order's record in .po-pw is missing or damaged",
}


def run(out: Path, *, repair: bool, as_json: bool) -> verify.Report:
    """Verifies, and prints what was found.

    Raises:
        PoPwError: it is not an output directory of po-pw, or a run is in progress there and `repair` was asked for.
    """
    console = Console(soft_wrap=False, highlight=False)
    aside = Console(stderr=True, soft_wrap=False, highlight=False) if as_json else console
    with progress.shown(aside, quiet=as_json and not aside.is_terminal) as on_event:

        def said(checked: verify.Tally, folders: int) -> None:
            on_event(events.Progress(_STAGE, checked.folders, folders, "folder"))

        def warn(event: events.Event) -> None:
            on_event(event)
            if isinstance(event, events.Notice):
                typer.secho(f"! {event.text}", fg=typer.colors.YELLOW, err=True)

        with progress.stage(on_event, _STAGE):
            report = asyncio.run(verify.mark_for_refetch(out, said, warn)) if repair else verify.examine(out, said)
    if as_json:
        typer.echo(_json(report))
    else:
        _show(console, report, repair=repair)
    return report


def _json(report: verify.Report) -> str:
    answer: dict[str, Any] = {
        "out": str(report.out),
        "ok": report.is_as_recorded,
        "folders": report.checked.folders,
        "files": report.checked.files,
        "bytes": report.checked.bytes,
        "counts": report.counts(),
        "at_work": report.running_pid,
        "marked": report.marked,
        "again": report.command,
        "findings": [
            {
                "kind": found.kind,
                "folder": found.folder,
                "name": found.name,
                "po_number": found.po_number,
                "why": found.why,
            }
            for found in report.findings
        ],
    }
    return json.dumps(answer, indent=2)


def _show(console: Console, report: verify.Report, *, repair: bool) -> None:
    checked = report.checked
    folders = tally.plural(checked.folders, "folder")
    what = f"{tally.plural(checked.files, 'file')} in {folders}, {humanize.size(checked.bytes)}"
    if report.running_pid is not None:
        process = f"process {report.running_pid}" if report.running_pid else "process unknown"
        console.print(
            Text(f"! A run is in progress ({process}): orders it is working on may be listed here.", "yellow"),
            soft_wrap=True,
        )
    if report.is_as_recorded:
        console.print(Text(f"All files are as they were downloaded: {what}.", "bold green"), soft_wrap=True)
    if not report.findings:
        return
    _list(console, report)
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    table.add_column(overflow="fold")
    for kind, count in report.counts().items():
        table.add_row(Text(str(count), "bold"), Text(kind.value, _STYLES[kind]), Text(_MEANING[kind], "dim"))
    console.print(table)
    if report.is_as_recorded:
        return
    console.print()
    console.print(Text(f"Checked {what}."), soft_wrap=True)
    _what_next(console, report, repair=repair)


def _list(console: Console, report: verify.Report) -> None:
    """Prints a line for each finding; lines are never cut, because people copy paths."""
    listed: collections.Counter[verify.Kind] = collections.Counter()
    for found in report.findings:
        listed[found.kind] += 1
        if listed[found.kind] > _LISTED:
            continue
        line = Text(f"{found.kind.value:<15}", _STYLES[found.kind])
        line.append("/".join(part for part in (found.folder, found.name) if part), "default")
        console.print(line, soft_wrap=True)
        if found.why:
            console.print(Text(f"{'':<15}{found.why}", "dim"), soft_wrap=True)
    for kind, count in listed.items():
        if count > _LISTED:
            console.print(Text(f"and {count - _LISTED} more {kind.value}: --json lists all", "dim"), soft_wrap=True)
    console.print()


def _what_next(console: Console, report: verify.Report, *, repair: bool) -> None:
    count = len(report.to_refetch())
    if not count:
        return
    if not repair:
        text = f"{tally.plural(count, 'order')} can be repaired: po-pw verify --repair marks them for the next run."
        console.print(Text(text), soft_wrap=True)
    else:
        how = "To download what is missing or changed, run:"
        if not report.command:
            how = "To download what is missing or changed, make the same call again with resume=True."
        console.print(Text(f"{tally.plural(report.marked, 'order')} marked. {how}"), soft_wrap=True)
        if report.command:
            console.print(Text(f"  {shell.join(report.command)}", "bold"), soft_wrap=True)
