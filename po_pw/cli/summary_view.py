"""The closing screen: what the run did."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from po_pw import humanize, models
from po_pw.cli import drawing, paths, problems, tally
from po_pw.results import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from po_pw.results import counts

_RETRIED = {
    models.Earlier.FAILED: "{} failed",
    models.Earlier.PARTIAL: "{} incomplete",
    models.Earlier.MISSING: "{} with missing or changed files",
    models.Earlier.WIDENED: "{} for more types of files",
}
"""Texts for orders that were retried, by their earlier result."""


def show(
    console: Console,
    totals: counts.Totals,
    *,
    out: Path,
    log: Path | None,
    seconds: float,
    work_seconds: float,
    interrupted: bool,
    refused: Mapping[str, str],
) -> None:
    """Prints the table, why orders failed, where everything is, and the command to run next.

    Args:
        console: to print on.
        totals: of the run.
        out: the output directory.
        log: the run's log.
        seconds: of the whole run.
        work_seconds: without the start-up of the browsers.
        interrupted: the run was stopped.
        refused: messages about hosts whose files were refused, by host.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    table.add_column()
    for status, reason in reasons.STATUSES.items():
        count = totals.counts.get(status, 0)
        if count:
            word = Text(status.value, drawing.STYLES[status])
            table.add_row(Text(str(count), "bold"), word, Text(reason.cause, "dim"))
    console.print()
    console.print(table)
    why = list(problems.lines(totals.problems, more=f"see Details in {paths.near(out / 'results.xlsx')}", out=out))
    if why:
        console.print()
        console.print(Text("What went wrong, and what to do:", "bold"))
        for line in why:
            console.print(line, soft_wrap=not console.is_terminal)
    console.print()
    for said in figures(totals, seconds=seconds, work_seconds=work_seconds):
        console.print(Text(said), soft_wrap=not console.is_terminal)
    places = [("Folders", out, "cyan"), ("Results", out / totals.names["results.xlsx"], "cyan")]
    if "report.html" in totals.names:
        places.append(("Report", out / totals.names["report.html"], "cyan"))
    if "failed.csv" in totals.names:
        places.append(("Failed rows", out / totals.names["failed.csv"], "cyan"))
    if totals.written_back is not None and totals.written_back.path is not None:
        places.append(("Your list", totals.written_back.path, "cyan"))
    if totals.written_back is not None and totals.written_back.before is not None:
        places.append(("As it was", totals.written_back.before, "dim"))
    if log is not None:
        places.append(("Log", log, "dim"))
    for name, place, style in places:
        # Never cut or folded: people copy it.
        console.print(Text(f"{name:<14}").append(paths.near(place), style), soft_wrap=True)
    for refusal in refused.values():
        console.print(Text(f"! {refusal}", "yellow"), soft_wrap=not console.is_terminal)
    for note in totals.warnings:
        console.print(Text(f"! {note}", "yellow"), soft_wrap=not console.is_terminal)
    following = totals.overview.next if totals.overview is not None else None
    is_needed = following is not None and following.is_needed
    if interrupted or is_needed:
        console.print()
    if interrupted:
        console.print(Text("Stopped before the end."))
    if following is not None and is_needed:
        console.print(Text(following.purpose))
        console.print(Text(f"  {following.line}", "bold"), soft_wrap=True)


def figures(totals: counts.Totals, *, seconds: float, work_seconds: float) -> list[str]:
    """What this run did, and what is in the folders; one sentence per line. Pure.

    Args:
        totals: of the run.
        seconds: of the whole run.
        work_seconds: of its work, without the start-up of the browsers.
    """
    if totals.already_complete and not totals.done and not totals.not_reached and not totals.problems.count:
        whole = "1 order is" if totals.already_complete == 1 else f"all {totals.already_complete} orders are"
        return [f"Nothing to do: {whole} complete ({_amount(totals.there)}).", *_rest(totals)]
    said = f"Downloaded {_amount(totals.fetched)} in {humanize.clock(seconds)}"
    if work_seconds > 0 and totals.done > 1:
        said += f", {totals.order_seconds / work_seconds:.1f} orders at once on average"
    lines = [said]
    kept = totals.there - totals.fetched
    if kept.files:
        were = "was" if kept.files == 1 else "were"
        lines.append(f"In the folders now: {_amount(totals.there)}; {kept.files} {were} there before")
    if totals.unfinished.files:
        lines.append(
            f"Also downloaded, for orders not finished yet: {_amount(totals.unfinished)}; kept for the next run"
        )
    return [*lines, *_rest(totals)]


def _rest(totals: counts.Totals) -> list[str]:
    """Which orders were processed, by their earlier result; no line if all were new."""
    earlier = totals.earlier
    parts = (
        [f"{tally.plural(totals.already_complete, 'order')} already complete"]
        if totals.already_complete and totals.done
        else []
    )
    retried = [words.format(earlier[kind]) for kind, words in _RETRIED.items() if earlier.get(kind)]
    if retried:
        parts.append(f"retried: {', '.join(retried)}")
    if count := earlier.get(models.Earlier.UNFINISHED):
        parts.append(f"{count} resumed")
    if count := earlier.get(models.Earlier.REFRESHED):
        parts.append(f"{tally.plural(count, 'finished order')} checked again")
    if parts and (count := earlier.get(models.Earlier.NEW)):
        parts.append(f"{count} new")
    if totals.not_reached and (parts or totals.already_complete):
        parts.append(f"{totals.not_reached} not reached")
    if totals.left_out:
        parts.append(f"{totals.left_out} not tried yet, left out")
    lines = [f"Orders: {'; '.join(parts)}"] if parts else []
    if totals.skipped:
        were = "1 attachment was" if totals.skipped == 1 else f"{totals.skipped} attachments were"
        lines.append(f"Skipped: {were} of types that --types leaves out; their orders count as complete")
    if earlier.get(models.Earlier.REFRESHED):
        changes = totals.changes
        lines.append(
            f"Files: {changes.new} new, {changes.changed} changed, {changes.kept} unchanged, {changes.vanished} no "
            "longer on the portal (kept here)"
        )
    return lines


def _amount(amount: counts.Amount) -> str:
    """A number of files and their size."""
    return f"{tally.plural(amount.files, 'file')}, {humanize.size(amount.bytes)}" if amount.files else "0 files"


def command() -> tuple[str, ...]:
    """The words of the command that was typed."""
    return ("po-pw", *sys.argv[1:])
