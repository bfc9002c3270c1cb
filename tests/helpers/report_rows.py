"""A run with many orders of all kinds, for tests of the report, its benchmark and its pictures."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import random
from typing import TYPE_CHECKING, Any, Final

from po_pw import models
from po_pw.journal import history
from po_pw.report import writer
from po_pw.results import summary

if TYPE_CHECKING:
    from pathlib import Path

RUN: Final = models.RunId("20261126-093000-4f2a")
START: Final = datetime.datetime(2026, 11, 26, 9, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
COLUMNS: Final = ("po_number", "supplier", "url", "amount", "currency")
_SUPPLIERS: Final = (
    "Müller Präzisionsteile GmbH",
    "Acme Industrial Supplies",
    "Société Générale des Eaux",
    "Nordic Paper AB",
    "Elbe Stahl",
    "Bolt & Nut Ltd",
    "Cobalt Works",
    "Hanseatic Logistics",
    "Yamada Seisakusho K.K.",
    "Fjord Timber",
    "Iberia Cables",
    "Zeta Labs",
)
_REASONS: Final = {
    models.ErrorCode.NOT_RECOGNISED: 'the url opened a page that is not this order\'s (its heading is "Welcome back")',
    models.ErrorCode.NOT_FOUND: "the portal has no such order: check po_number and url in your list",
    models.ErrorCode.FORBIDDEN: "you are not allowed to see this order: sign in as another user",
    models.ErrorCode.TIMEOUT: "the order's page was not read within 300 s",
}
_FAILURES: Final = tuple(_REASONS.items())


def saved(name: str, size: int) -> models.SavedFile:
    """A file on disk."""
    sha256 = hashlib.sha256(f"{name}, {size} bytes".encode()).hexdigest()
    return models.SavedFile(name, name, name, size, sha256, "application/pdf", "http", "https://x/f", run=RUN)


def row(number: int, status: models.Status, error: models.Failure | None = None, **more: Any) -> models.RowResult:
    """A row of the list with its outcome."""
    chance = random.Random(number)
    po_number = f"PO-{4_500_000 + number}"
    supplier = _SUPPLIERS[int(chance.paretovariate(0.9)) % len(_SUPPLIERS)]
    cells = (po_number, supplier, f"https://acme.example/orders/{number}", f"{chance.randint(40, 90_000)}.50", "EUR")
    files: tuple[models.SavedFile, ...] = ()
    if status in {models.Status.COMPLETED, models.Status.PARTIAL}:
        names = ("Invoice", "Delivery note", "Purchase order", "Quote")
        files = tuple(
            saved(f"{names[n % 4]} {number}.pdf", chance.randint(20_000, 4_000_000))
            for n in range(chance.randint(1, 4))
        )
    folder = f"{supplier}/{po_number}_{status}" if files or status is models.Status.FAILED else ""
    started = START + datetime.timedelta(seconds=number)
    timing = models.Timing(started, started + datetime.timedelta(seconds=4), chance.lognormvariate(1, 0.7))
    outcome = models.Outcome(
        models.order_key(po_number),
        po_number,
        status,
        files,
        (),
        error,
        1,
        timing,
        f"w{number % 4 + 1}",
        "browser",
        folder,
        supplier,
        cells[2],
        len(files) + (status is models.Status.PARTIAL),
    )
    outcome = dataclasses.replace(outcome, **more)
    return models.RowResult(number + 1, cells, po_number, status, outcome, error)


def rows(count: int) -> list[models.RowResult]:
    """Rows of all kinds; most are complete."""
    made = []
    for number in range(1, count + 1):
        chance = random.Random(-number).random()
        if chance < 0.86:
            made.append(row(number, models.Status.COMPLETED))
        elif chance < 0.91:
            made.append(row(number, models.Status.NO_ATTACHMENTS))
        elif chance < 0.94:
            said = "1 of 3 attachments could not be downloaded: Quote.pdf: the download broke off"
            made.append(row(number, models.Status.PARTIAL, models.Failure(models.ErrorCode.TRUNCATED, said)))
        else:
            code, said = _FAILURES[number % len(_FAILURES)]
            folder = f".po-pw/evidence/PO-{4_500_000 + number}"
            shown = (f"{folder}/page.png", f"{folder}/page.html") if code is models.ErrorCode.NOT_RECOGNISED else ()
            made.append(row(number, models.Status.FAILED, models.Failure(code, said), evidence=shown))
    return made


def past(given: list[models.RowResult], workers: int = 4) -> history.History:
    """A history in which workers did these orders one after another, with a wait for the portal."""
    free = [1.0 + worker * 0.4 for worker in range(workers)]
    attempts, files = [], []
    for one in given:
        if one.outcome is None:
            continue
        worker = free.index(min(free))
        begun, took = free[worker], one.outcome.timing.seconds
        if 60 < begun < 90:
            begun = 90 + worker
        free[worker] = begun + took + 0.2
        ended = START + datetime.timedelta(seconds=begun + took)
        code = one.error.code.value if one.error else ""
        attempts.append(
            history.Attempt(one.outcome.key, f"w{worker + 1}", START + datetime.timedelta(seconds=begun), ended, code)
        )
        files += [history.SavedBytes(ended, file.size) for file in one.outcome.files]
    seconds = max(free)

    def at(moment: float, event: str, worker: str = "", **detail: object) -> history.Happening:
        return history.Happening(START + datetime.timedelta(seconds=moment), event, worker, detail)

    happenings = (
        at(64, "host.waits", host="acme.example"),
        at(89, "host.free", host="acme.example"),
        at(seconds * 0.93, "orders.stolen", "w2", victim="w4", count=2),
        at(seconds * 0.96, "orders.stolen", "w3", victim="w1", count=1),
    )
    plan = models.Plan("orders november.csv", COLUMNS, workers, "/out", START, ("po-pw", "process", "orders.csv"))
    return history.History(
        plan,
        START + datetime.timedelta(seconds=seconds),
        seconds,
        seconds - 1,
        False,
        tuple(attempts),
        happenings,
        tuple(files),
    )


def write(out: Path, given: list[models.RowResult]) -> Path:
    """Writes the report of these rows."""
    (out / ".po-pw").mkdir(parents=True, exist_ok=True)
    commands = summary.Commands("po-pw process orders.csv", "po-pw process orders.csv --only-failed")
    written = writer.write(out, RUN, past(given), given, version="0.1.0", commands=commands, others=3)
    return out / written.name
