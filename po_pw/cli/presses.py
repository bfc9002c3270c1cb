"""`po-pw status --audit`: shows what was pressed on portals, and what was sent or stopped after each press."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from po_pw.cli import tally
from po_pw.journal import presses
from po_pw.maintenance import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import Console

    from po_pw import models

_ROWS: Final = 200
"""Rows of a table that are laid out at once: all rows together may be larger than memory."""
_PURPOSES: Final = {"FILE": "a file", "OPEN": "open a list", "TURN": "next page"}
_STYLES: Final = {"pressed": "", "not pressed": "dim", "sent": "bold", "stopped": "yellow"}


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """What one run pressed and sent, or all runs."""

    run: models.RunId | None
    """None for all runs."""
    counts: presses.Counts
    entries: Callable[[], Iterator[presses.Entry]]
    """Reads entries from the journal one by one."""


def look(out: Path, *, every_run: bool) -> Audit:
    """What was pressed and sent, in the latest run or in all. Creates and changes nothing.

    Args:
        out: the output directory.
        every_run: include all runs in the journal.

    Raises:
        InputError: it is not an output directory of po-pw, or it had no run.
        MachineError: its journal cannot be read.
    """
    path = status.journal_of(out)
    status.read(out)  # raises the same errors as `status`
    has_runs = path.exists() and path.stat().st_size > 0
    run = presses.latest(path) if has_runs else None
    if run is None:
        return Audit(None, presses.Counts(), lambda: iter(()))
    which = None if every_run else run
    return Audit(which, presses.counts(path, which), lambda: presses.entries(path, which))


def sentence(counts: presses.Counts) -> str:
    """A summary in one sentence. Pure."""
    if not (counts.pressed or counts.refused or counts.sent or counts.stopped):
        return "Nothing was pressed, so nothing was sent: every page and file was opened by its address."
    stopped = f"{tally.plural(counts.stopped, 'request')} {_was(counts.stopped)} stopped"
    not_pressed = (
        f", {tally.plural(counts.refused, 'button')} {_was(counts.refused)} not pressed" if counts.refused else ""
    )
    head = f"{counts.pressed} {'press' if counts.pressed == 1 else 'presses'}"
    if not counts.sent:
        return f"{head}, no request other than GET was sent, {stopped}{not_pressed}."
    sent = f"{tally.plural(counts.sent, 'request')} other than GET {_was(counts.sent)} sent ({_for_what(counts)})"
    return f"{head}, {sent}, {stopped}{not_pressed}."


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _for_what(counts: presses.Counts) -> str:
    parts = [
        (counts.sent_for_files, "to download files"),
        (counts.sent_for_list, "to show more of a list"),
        (counts.sent_unasked, "that the page sends by itself"),
    ]
    there = [(count, words) for count, words in parts if count]
    if len(there) == 1:
        return f"{'all ' if counts.sent > 1 else ''}{there[0][1]}"
    return ", ".join(f"{count} {words}" for count, words in there)


def as_json(audit: Audit) -> Iterator[str]:
    """Parts of one JSON object: `run` (null for all), `said`, `counts`, and `entries` one by one."""
    counts = {**dataclasses.asdict(audit.counts), "sent": audit.counts.sent}
    yield f'{{"run": {json.dumps(audit.run)}, "said": {json.dumps(sentence(audit.counts))},\n'
    yield f'"counts": {json.dumps(counts)},\n"entries": ['
    comma = ""
    for entry in audit.entries():
        values = {**dataclasses.asdict(entry), "at": entry.at.isoformat()}
        yield f"{comma}\n{json.dumps(values)}"
        comma = ","
    yield "\n]}\n"


def show(console: Console, audit: Audit) -> None:
    """Prints the summary, then a row for each press and request, by run and day."""
    console.print(Text(sentence(audit.counts), "bold"), soft_wrap=True)
    for (run, day), of_a_day in itertools.groupby(audit.entries(), lambda entry: (entry.run, entry.at.date())):
        console.print()
        console.print(Text(f"Run {run}, {day:%Y-%m-%d}", "dim"), soft_wrap=True)
        is_first = True
        while rows := list(itertools.islice(of_a_day, _ROWS)):
            console.print(_table(rows, with_header=is_first))
            is_first = False


def _table(rows: list[presses.Entry], *, with_header: bool) -> Table:
    """A table with the same column widths as the tables before and after it."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), expand=True, header_style="dim", show_header=with_header)
    table.add_column("time", width=8)
    table.add_column("order", ratio=3, overflow="fold")
    table.add_column("pressed", ratio=4, overflow="fold")
    table.add_column("for", width=11)
    table.add_column("what was done", ratio=8, overflow="fold")
    table.add_column("why", ratio=5, overflow="fold")
    for entry in rows:
        table.add_row(
            f"{entry.at:%H:%M:%S}",
            Text(entry.key, "green"),
            Text(entry.label),
            _PURPOSES.get(entry.purpose, entry.purpose),
            Text(_done(entry), _STYLES[entry.what]),
            Text(_why(entry), "dim"),
        )
    return table


def _done(entry: presses.Entry) -> str:
    if not entry.method:
        return entry.what
    fields = f" ({', '.join(entry.fields)})" if entry.fields else ""
    return f"{entry.what}: {entry.method} {entry.url}{fields}"


def _why(entry: presses.Entry) -> str:
    unasked = "the page sends such requests by itself" if entry.is_unasked else ""
    return "; ".join(part for part in (entry.why, unasked) if part)
