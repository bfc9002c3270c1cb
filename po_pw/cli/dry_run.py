"""`po-pw process --dry-run`: checks everything, reads the first orders, and says what a run would do."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from po_pw import errors, hostnames, inspection, models, redact
from po_pw.cli import doctor, problems, tally
from po_pw.journal import view
from po_pw.orders import duplicates
from po_pw.processing import order_reading
from po_pw.results import counts, reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from po_pw import settings
    from po_pw.orders import several

_FIRST: Final = 3
"""Number of orders whose pages are read."""
_NAMES: Final = 5
"""Maximum attachments named for each of them."""
_HOSTS: Final = 10
"""Maximum hosts listed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a run would find in the list."""

    rows: int
    orders: int
    finished: int
    """Number of orders that earlier runs finished, from the journal."""
    duplicates: int
    hosts: dict[str, int]
    """Number of orders by portal."""
    refused: models.Problems
    first: tuple[models.PurchaseOrder, ...]
    """The first orders that are not finished."""


def plan(rows: Iterable[models.Row], finished: frozenset[models.OrderKey]) -> Plan:
    """Counts the rows of the list. Pure.

    Args:
        rows: of the list.
        finished: orders that earlier runs finished.
    """
    refused, hosts = counts.ProblemTally(), collections.Counter[str]()
    total = orders = done = twice = 0
    first: list[models.PurchaseOrder] = []
    for row in duplicates.mark_duplicates(refused.refused(rows)):
        total += 1
        twice += row.duplicate_of is not None
        if row.order is None:
            continue
        orders += 1
        hosts[hostnames.origin_of(row.order.url)] += 1
        if row.order.key in finished:
            done += 1
        elif len(first) < _FIRST:
            first.append(row.order)
    return Plan(total, orders, done, twice, dict(hosts.most_common()), refused.problems(), tuple(first))


def run(options: settings.Settings, table: several.Orders) -> int:
    """Runs and prints the checks; returns the exit code. Downloads nothing, and changes nothing in the output folder.

    Returns:
        0: a run could start at once; 3: this computer has a problem; 4: a portal asks for a sign-in; 1: rows of
        the list cannot be used, or a page could not be read.
    """
    console = Console(soft_wrap=False, highlight=False)
    found = plan(table.rows(), _finished(options))
    notes = [Text(said, "yellow") for said in (table.about, *table.notes) if said]
    for line in (*list_lines(found, table.name), *notes):
        console.print(line, soft_wrap=not console.is_terminal)
    console.print()
    checks = doctor.examine_and_show(console, options, online=True, of=found.hosts)
    code = doctor.exit_code(checks)
    console.print()
    if code not in {0, 1}:
        console.print(Text("No order was opened, because of the problem above.", "bold red"))
        return code
    try:
        with console.status("Reading the first orders"):
            opened = asyncio.run(inspection.read_first(options, found.first)) if found.first else []
    except errors.LoginRequiredError as error:
        console.print(
            Text(f"No order was opened: {redact.text(str(error))}", "bold red"), soft_wrap=not console.is_terminal
        )
        return errors.LoginRequiredError.exit_code
    for one in opened:
        console.print(order_line(one), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(conclusion(found, options), "bold"), soft_wrap=not console.is_terminal)
    signed_out = [one for one in opened if one.listing is not None and one.listing.page is models.PageKind.SIGNED_OUT]
    if signed_out:
        return errors.LoginRequiredError.exit_code
    is_read = all(one.listing is not None and one.listing.page is models.PageKind.ORDER for one in opened)
    return code or (0 if is_read and not found.refused.count else 1)


def _finished(options: settings.Settings) -> frozenset[models.OrderKey]:
    path = options.out.absolute() / ".po-pw" / "journal.db"
    if not path.is_file():
        return frozenset()
    return view.finished(path)


def list_lines(found: Plan, name: str) -> Iterator[Text]:
    """Lines about the content of the list. Pure."""
    said = f"{name}: {tally.plural(found.rows, 'row')}, {tally.plural(found.orders, 'order')}"
    if found.duplicates:
        said += f", {tally.plural(found.duplicates, 'duplicate')}"
    yield Text(said, "bold")
    for host, count in list(found.hosts.items())[:_HOSTS]:
        yield Text(f"  {tally.plural(count, 'order')} at {host}")
    if len(found.hosts) > _HOSTS:
        yield Text(f"  and {len(found.hosts) - _HOSTS} more portals", "dim")
    if found.refused.count:
        yield Text(f"Rows that cannot be used: {found.refused.count}", "yellow")
        yield from problems.lines(found.refused, more="correct your list")


def order_line(one: inspection.FirstRead) -> Text:
    """A line about what a run would do with an order. Pure."""
    line = Text(f"  {one.order.po_number}  ", "bold")
    if one.error is not None or one.listing is None:
        return line.append(redact.text(str(one.error)), "not bold red")
    listing = one.listing
    if listing.page is models.PageKind.SIGNED_OUT:
        return line.append("the portal asks you to sign in", "not bold red")
    if listing.page is not models.PageKind.ORDER:
        code, _ = order_reading.REFUSED[listing.page]
        return line.append(f"{reasons.CODES[code].cause}: {reasons.CODES[code].remedy}", "not bold red")
    if not listing.attachments:
        return line.append("no attachments" if listing.complete else f"not read completely: {listing.why}", "not bold")
    where = f' under "{listing.section}"' if listing.section else ""
    names = ", ".join(filter(None, (found.name for found in listing.attachments[:_NAMES])))
    more = f" and {len(listing.attachments) - _NAMES} more" if len(listing.attachments) > _NAMES else ""
    said = f"{tally.plural(len(listing.attachments), 'attachment')}{where}: {names}{more}"
    return line.append(redact.text(said), "not bold")


def conclusion(found: Plan, options: settings.Settings) -> str:
    """A sentence about what a run would do. Pure."""
    to_do = found.orders - found.finished
    said = f"A run would open {tally.plural(to_do, 'order')} with {tally.plural(options.workers, 'browser')}"
    if found.finished:
        said += (
            f"; {tally.plural(found.finished, 'order')} of earlier runs would be skipped if their files are still there"
        )
    if found.refused.count:
        said += f"; {tally.plural(found.refused.count, 'row')} would be left out"
    return f"{said}. Nothing was downloaded."
