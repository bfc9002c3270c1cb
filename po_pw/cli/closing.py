"""The closing table: what the run did, said plainly."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from po_pw import models, redact
from po_pw.cli import live, shell, tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from po_pw.results import tables

_ORDER = (
    models.Status.COMPLETED, models.Status.NO_ATTACHMENTS, models.Status.PARTIAL, models.Status.FAILED,
    models.Status.PENDING, models.Status.DUPLICATE,
)  # fmt: skip
_TAKEN = {
    "refreshed": "{} visited again",
    "failed": "{} that had failed tried again",
    "partial": "{} that lacked files taken up again",
    "unfinished": "{} that were in hand gone on with",
    "missing": "{} whose files are gone or changed fetched again",
    "left_out": "{} never tried left out",
}
"""What earlier runs had made of this run's orders."""
_MEANING = {
    models.Status.COMPLETED: "every attachment is on disk",
    models.Status.NO_ATTACHMENTS: "the portal has none",
    models.Status.PARTIAL: "some files could not be fetched",
    models.Status.FAILED: "see error_message in the results",
    models.Status.PENDING: "not reached",
    models.Status.DUPLICATE: "same PO on an earlier row",
}


def show(
    console: Console, summary: tables.Summary, *, out: Path, log: Path | None, seconds: float, work_seconds: float,
    workers: int, interrupted: bool, taken: Mapping[str, int], changes: models.Changes,
    refused: Mapping[str, str], retry: Sequence[str],
) -> None:  # fmt: skip
    """Prints the table, where everything is, and the command that goes on: `retry` where nothing was interrupted."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    table.add_column()
    for status in _ORDER:
        count = summary.counts.get(status, 0)
        if count:
            table.add_row(
                Text(str(count), "bold"), Text(status.value, live.STYLES[status]), Text(_MEANING[status], "dim")
            )
    console.print()
    console.print(table)
    parts = [f"{tally.many(summary.files, 'file')}, {tally.size(summary.bytes)}, in {tally.duration(seconds)}"]
    if workers > 1 and work_seconds > 0 and summary.order_seconds > 0:
        parts.append(f"{summary.order_seconds / work_seconds:.1f} times as fast as one worker")
    console.print()
    console.print(Text("; ".join(parts)), soft_wrap=True)
    for line in _earlier(summary.carried, taken, changes):
        console.print(Text(line), soft_wrap=True)
    places = [("Folders", out, "cyan"), ("Results", out / summary.names["results.xlsx"], "cyan")]
    if "failed.csv" in summary.names:
        places.append(("Failed rows", out / summary.names["failed.csv"], "cyan"))
    if log is not None:
        places.append(("Log", log, "dim"))
    for name, place, style in places:
        # Never cut or folded: people copy it.
        console.print(Text(f"{name:<14}").append(near(place), style), soft_wrap=True)
    for why in refused.values():
        console.print(Text(f"! {why}", "yellow"), soft_wrap=True)
    for note in summary.warnings:
        console.print(Text(f"! {note}", "yellow"), soft_wrap=True)
    if interrupted:
        console.print()
        console.print(Text("Stopped before the end. To continue, run the same command again:"))
        console.print(Text(f"  {shell.join([redact.text(word) for word in command()])}", "bold"), soft_wrap=True)
    elif retry and any(summary.counts.get(status) for status in (models.Status.PARTIAL, models.Status.FAILED)):
        console.print()
        console.print(Text("To try again what did not succeed:"))
        console.print(Text(f"  {shell.join([redact.text(word) for word in retry])}", "bold"), soft_wrap=True)


def _earlier(carried: int, taken: Mapping[str, int], changes: models.Changes) -> list[str]:
    """What earlier runs had done, and what was found to be different; no lines where there was none."""
    parts = [f"{tally.many(carried, 'order')} done earlier"] if carried else []
    parts += [words.format(taken[name]) for name, words in _TAKEN.items() if taken.get(name)]
    lines = ["; ".join(parts)] if parts else []
    if parts and taken.get("new"):
        lines[0] += f"; {taken['new']} new"
    if taken.get("refreshed"):
        lines.append(
            f"Files: {changes.new} new, {changes.changed} changed, {changes.kept} as they were, {changes.vanished} no "
            "longer on the portal (kept here)"
        )
    return lines


def near(path: Path) -> str:
    """The path from here where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def command() -> tuple[str, ...]:
    """The words of the command that was typed."""
    return ("po-pw", *sys.argv[1:])
