"""Draws a run on a terminal: turns its tally into lines that fit. Pure, except for the tally's clock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rich.text import Text

from po_pw import humanize, models
from po_pw.cli import progress, tally

if TYPE_CHECKING:
    from collections.abc import Iterable

STYLES: Final = {
    models.Status.COMPLETED: "green",
    models.Status.NO_ATTACHMENTS: "cyan",
    models.Status.PARTIAL: "yellow",
    models.Status.FAILED: "red",
    models.Status.PENDING: "dim",
    models.Status.DUPLICATE: "dim",
}
"""Colours by status; the word is always shown as well."""
_COUNTED: Final = {
    models.Status.COMPLETED: "completed",
    models.Status.NO_ATTACHMENTS: "without attachments",
    models.Status.PARTIAL: "partial",
    models.Status.FAILED: "failed",
}
_BUSY: Final = frozenset({"reading", "downloading", "finishing"})
_CELL: Final = 28
"""Width of a worker in cells: `w12 downloading PO-1234567`."""
_WIDE_CELL: Final = 62
"""Width from which the number of orders that a worker has done is shown as well."""
_WIDEST_CELL: Final = 90
"""Width that is enough for everything about a worker."""
_LONGEST_PO: Final = 24
"""Maximum width of a PO number."""
_SHORTEST_BAR, _LONGEST_BAR = 8, 60
_MOST_WAITS, _MOST_FAILURES = 4, 6
"""Maximum lines for waits and for failures, if they fit."""
_SMALL: Final = 12
"""Up to this height of the terminal, optional lines are left out."""


def run(now: tally.Tally, width: int, height: int, *, has_keys: bool) -> list[Text]:
    """The lines about a run: progress, numbers, workers, what is waited for, what failed, and the keys.

    On a small screen, workers are shown side by side, and only the latest waits and failures.

    Args:
        now: the tally.
        width: maximum cells of a line.
        height: maximum lines.
        has_keys: whether keys can be pressed.
    """
    if now.run is None:
        return []
    top = [_head(now, width), *_numbers(now, width, height)]
    bottom = _foot(now, width, has_keys=has_keys)
    room = max(0, height - len(top) - len(bottom))
    waits = [_line(wait, "bold yellow", width) for wait in now.waits()]
    failures = [_failure(one, width) for one in now.failures]
    least = min(len(waits), 2 if height > _SMALL else 1) + min(len(failures), 2)
    workers = _workers(now, width, max(1, room - least))[:room]
    room -= len(workers)
    shown = waits[: min(room, _MOST_WAITS)]
    room -= len(shown)
    latest = failures[-min(room, _MOST_FAILURES) :] if room > 0 else []
    return [*top, *workers, *shown, *latest, *bottom][:height]


def title(now: tally.Tally, name: str) -> str:
    """The terminal's title: `po-pw 12/60 (20 %), 3 failed`; `""` before the run.

    Args:
        now: the tally.
        name: of the command.
    """
    if now.run is None or not now.run.orders:
        return ""
    failed = now.counts[models.Status.FAILED] + now.counts[models.Status.PARTIAL]
    parts = [f"{name} {now.settled}/{now.run.orders} ({_percent(now)} %)"]
    parts += [f"{failed} failed"] if failed else []
    parts += ["stopping"] if now.stopping is not None else ["paused"] if now.is_paused else []
    return ", ".join(parts)


def _head(now: tally.Tally, width: int) -> Text:
    total = now.run.orders if now.run else 0
    left = Text().append(f"{now.settled} of {total}", "bold")
    if width >= 79:
        left.append(f" ({_percent(now)} %)")
    remaining = now.seconds_left() if now.stopping is None else None
    right = Text(humanize.countdown(now.elapsed()))
    if now.settled < total:
        right.append(" elapsed" if width >= 79 or remaining is None else "")
        if remaining is not None:
            right.append(f", about {humanize.remaining(remaining)} left", "bold")
    room = width - left.cell_len - right.cell_len - 4
    line = Text().append_text(left).append("  ")
    if room >= _SHORTEST_BAR:
        share = now.settled / total if total else 1.0
        style = "yellow" if now.is_paused else "green" if share >= 1 else "cyan"
        line.append_text(progress.bar(share, min(room, _LONGEST_BAR), style)).append("  ")
    return _fitted(line.append_text(right), width)


def _percent(now: tally.Tally) -> int:
    total = now.run.orders if now.run else 0
    return math.floor(100 * now.settled / total) if total else 100


def _numbers(now: tally.Tally, width: int, height: int) -> list[Text]:
    """The counts; what does not fit goes to a second line, or is left out on a small terminal."""
    counts = [
        Text(f"{now.counts[status]} {word}", STYLES[status]) for status, word in _COUNTED.items() if now.counts[status]
    ]
    amounts = [Text(tally.plural(now.files, "file")), Text(humanize.size(now.bytes))]
    if now.rate() >= 1:
        amounts.append(Text(f"{humanize.size(now.rate())}/s"))
    for shown in range(len(amounts), -1, -1):
        one = _joined([*counts, *amounts[:shown]])
        if one.cell_len <= width:
            return [one]
        if height > _SMALL:
            break
    return [_fitted(_joined(counts), width), _fitted(_joined(amounts), width)]


def _joined(parts: Iterable[Text]) -> Text:
    line = Text()
    for number, part in enumerate(parts):
        line.append(", " if number else "", "dim").append_text(part)
    return line


def _workers(now: tally.Tally, width: int, room: int) -> list[Text]:
    """The workers, one per line if they fit, else side by side."""
    workers = sorted(now.workers.items(), key=lambda item: (len(item[0]), item[0]))
    if not workers or now.has_ended:
        return []
    most = max(1, (width + 2) // (_CELL + 2))
    columns = min(most, max(1, math.ceil(len(workers) / room)))
    rows = math.ceil(len(workers) / columns)
    cell = min(_WIDEST_CELL, (width + 2) // columns - 2)
    hidden = 0
    if rows > room:
        rows = room
        hidden = len(workers) - (rows * columns - 1)
        workers = workers[: rows * columns - 1]
    po_width = min(_LONGEST_PO, max([8, *(Text(line.po_number).cell_len for _, line in workers)]))
    name_width = len(workers[-1][0]) if workers else 0
    cells = [_worker(now, name, line, (name_width, po_width, cell)) for name, line in workers]
    if hidden:
        busy = sum(1 for line in now.workers.values() if line.po_number)
        cells.append(_line(f"and {hidden} more; {busy} at work", "dim", cell))
    lines = []
    for row in range(rows):
        line = Text()
        for column in range(columns):
            number = column * rows + row
            if number < len(cells):
                text = cells[number]
                text.pad_right(max(0, cell - text.cell_len) + 2 if column < columns - 1 else 0)
                line.append_text(text)
        line.rstrip()
        lines.append(line)
    return lines


def _worker(now: tally.Tally, name: str, line: tally.WorkerLine, widths: tuple[int, int, int]) -> Text:
    name_width, po_width, cell = widths
    text = Text(f"{name:<{name_width}} ", "dim")
    text.append(f"{line.state:<11} ", "default not dim" if line.state in _BUSY else "dim")
    number = progress.harmless(Text(line.po_number, "not dim"))
    number.truncate(po_width, overflow="ellipsis", pad=True)
    text.append_text(number)
    doing = now.doing_for(line)
    if doing and text.cell_len + len(doing) + 2 <= cell:
        text.append(f"  {doing}", "dim")
    if cell >= _WIDE_CELL:
        done = f"{line.done} done"
        text.truncate(cell - len(done) - 2, overflow="ellipsis", pad=True)
        text.append(f"  {done}", "dim")
    return _fitted(text, cell)


def _failure(outcome: models.Outcome, width: int) -> Text:
    """`FAILED PO-7  the portal has no such order (NOT_FOUND)`."""
    failure = outcome.error
    said = "" if failure is None else f"{' '.join(failure.message.split())} ({failure.code.value})"
    text = Text().append(f"{outcome.status.value:<7} ", STYLES[outcome.status]).append(f"{outcome.po_number}  ", "bold")
    return _fitted(progress.harmless(text.append(said)), width)


def _foot(now: tally.Tally, width: int, *, has_keys: bool) -> list[Text]:
    """The keys, or the state after a key was pressed."""
    if now.has_ended:
        return []
    busy = now.estimate.in_progress
    if now.stopping is not None:
        finishing = f"Finishing {tally.plural(busy, 'order')}, then stopping. Ctrl-C stops now."
        return [_line("Stopping now." if now.stopping.now else finishing, "bold yellow", width)]
    if now.is_paused:
        finishing = f", {tally.plural(busy, 'order')} still in progress" if busy else ""
        keys = ": p continues, q stops" if has_keys else ""
        return [_line(f"PAUSED{keys}{finishing}", "bold yellow", width)]
    if not has_keys:
        return []
    long = "p pauses   q stops after the orders in progress   Ctrl-C twice stops now"
    short = "p pauses   q stops after the orders in progress"
    return [_line(long if width >= len(long) else short, "dim", width)]


def _line(text: str, style: str, width: int) -> Text:
    return _fitted(progress.harmless(Text(text, style)), width)


def _fitted(text: Text, width: int) -> Text:
    text.truncate(max(1, width), overflow="ellipsis")
    text.no_wrap = True
    return text
