"""Writes results.csv, results.xlsx, results.json and failed.csv from a stream of rows.

They are first written to `.po-pw/results/RUN`, then copied to the output directory, where only our own files are
replaced (see `own_files`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import re
import shutil
from typing import TYPE_CHECKING, Any, Final

from xlsxwriter import exceptions

from po_pw import errors, models
from po_pw.results import counts, own_files, row_values, summary, text_tables, workbook, writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_NEW: Final = ".po-pw/new-results"
_KEPT: Final = ".po-pw/results"
RECORD: Final = ".po-pw/made.json"
"""Which files in the output directory are ours."""
MAX_RUNS_KEPT: Final = 20
"""Maximum number of runs whose tables are kept."""
MAX_BYTES_KEPT: Final = 1_000_000_000
"""Maximum bytes of all kept tables; with long lists fewer runs are kept, but at least `MIN_RUNS_KEPT`."""
MIN_RUNS_KEPT: Final = 2
_RUN: Final = re.compile(r"\d{8}-\d{6}-\w+")
_CALLED: Final = {"failed.csv": "the failed rows"}


@dataclasses.dataclass(frozen=True, slots=True)
class About:
    """The run that the results belong to.

    Attributes:
        seconds: duration of the whole run, by the monotonic clock.
        work_seconds: duration without start-up.
        version: of po_pw.
        warnings: what looks wrong in the run as a whole.
        source: the input file, which is never replaced, even if it is one of our tables.
        unfinished: files fetched by this run of orders that it did not finish.
        left_out: number of orders excluded.
        commands: that go on with the output folder.
    """

    run: models.RunId
    plan: models.Plan
    browser: models.BrowserInfo | None
    seconds: float
    work_seconds: float
    interrupted: bool
    version: str
    warnings: tuple[str, ...] = ()
    source: Path | None = None
    unfinished: counts.Amount = dataclasses.field(default_factory=counts.Amount)
    left_out: int = 0
    commands: summary.Commands = dataclasses.field(default_factory=summary.Commands)


def write_all(
    out: Path,
    about: About,
    rows: Callable[[], Iterator[models.RowResult]],
    others: Callable[[], Iterator[models.OtherOrder]] = lambda: iter(()),
) -> counts.Totals:
    """Writes all four files, each atomically. Our failed.csv is removed if no row failed.

    A file that is not ours (see `own_files`) or is open in another program (a workbook on Windows) is kept: the new one
    is then called `results (2).xlsx`, with a note in the summary. The tables of the last `MAX_RUNS_KEPT` runs are kept,
    too.

    Args:
        out: the output directory; created if missing.
        about: the run.
        rows: yields all rows in the input's order; called once.
        others: yields the output directory's other orders; called once.

    Raises:
        MachineError: they cannot be written.
    """
    scratch = out / _NEW
    try:
        shutil.rmtree(scratch, ignore_errors=True)  # left by a run that was killed here
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            return _write(out, scratch, about, rows(), others())
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except (OSError, exceptions.XlsxWriterException) as error:
        msg = (
            f"the results cannot be written in {out}: {_why(error)}. No downloaded file is lost. Free some "
            "space there, or "
        )
        msg += "close the results if they are open, then run the same command again."
        raise errors.MachineError(msg) from error


def _write(
    out: Path, scratch: Path, about: About, rows: Iterator[models.RowResult], others: Iterator[models.OtherOrder]
) -> counts.Totals:
    tally, columns = counts.Tally(about.run), about.plan.columns
    collector = summary.Collector(columns, about.run)
    json_summary: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        book = stack.enter_context(workbook.Workbook(scratch / "results.xlsx", columns, scratch))
        everything = stack.enter_context(text_tables.Json(scratch / "results.json", columns, _run(about), json_summary))
        writers: dict[str, writer.ResultWriter] = {
            "results.csv": stack.enter_context(text_tables.Results(scratch / "results.csv", columns)),
            "failed.csv": stack.enter_context(text_tables.Failed(scratch / "failed.csv", columns)),
            "results.json": everything,
            "results.xlsx": book,
        }
        added = dict(writer.installed(scratch, columns))
        for name, other_writer in added.items():
            writers[name] = stack.enter_context(other_writer)
        for row in rows:
            tally.add(row)
            collector.add(row)
            for one in writers.values():
                one.add(row)
        for other in others:
            tally.others += 1
            everything.add_other(other)
            book.add_other(other)
        overview = collector.overview(
            about.plan,
            seconds=about.seconds,
            interrupted=about.interrupted,
            warnings=about.warnings,
            others=tally.others,
            left_out=about.left_out,
            commands=about.commands,
        )
        totals = tally.totals(unfinished=about.unfinished, left_out=about.left_out, warnings=about.warnings)
        json_summary |= _json_summary(totals)
        book.add_summary(overview)
        wanted = {name: one.finish() for name, one in writers.items()}
    faults = [one.fault for one in added.values() if one.fault is not None]
    # All are closed: on Windows an open file cannot be renamed.
    _keep(out / _KEPT, about.run, [scratch / name for name in writers if wanted[name]])
    ours = own_files.OwnFiles(out, out / RECORD, about.source)
    names: dict[str, str] = {}
    notes: list[str] = []
    for name in writers:
        if wanted[name]:
            names[name], messages = ours.put(scratch / name, name, _CALLED.get(name, "the results"))
            notes += messages
        notes += ours.clear(name, names.values())
    return dataclasses.replace(totals, overview=overview, notes=(*notes, *book.notes, *faults), names=names)


def _keep(folder: Path, run: models.RunId, tables: Sequence[Path]) -> None:
    """Keeps a run's tables, and removes those of the oldest runs beyond the limits."""
    mine = folder / run
    shutil.rmtree(mine, ignore_errors=True)  # the same run, written again
    mine.mkdir(parents=True)
    for table in tables:
        own_files.copy(table, mine / table.name)
    earlier = [path for path in folder.iterdir() if path != mine and _RUN.fullmatch(path.name) and path.is_dir()]
    total = 0
    for number, path in enumerate([mine, *sorted(earlier, reverse=True)], 1):  # run ids start with the time
        total += sum(file.stat().st_size for file in path.iterdir())
        if number > MIN_RUNS_KEPT and (number > MAX_RUNS_KEPT or total > MAX_BYTES_KEPT):
            shutil.rmtree(path, ignore_errors=True)


def _json_summary(totals: counts.Totals) -> dict[str, Any]:
    return {
        "row_count": totals.rows,
        "counts": {status.value: count for status, count in totals.counts.items()},
        "files_downloaded": totals.fetched.files,
        "bytes_downloaded": totals.fetched.bytes,
        "files_there": totals.there.files,
        "bytes_there": totals.there.bytes,
        "order_seconds": round(totals.order_seconds, 3),
        "already_complete": totals.already_complete,
        "other_count": totals.others,
        "warnings": totals.warnings,
    }


def _run(about: About) -> dict[str, Any]:
    plan = about.plan
    return {
        "id": about.run,
        "po_pw": about.version,
        "list": plan.source,
        "columns": plan.columns,
        "out": plan.out,
        "workers": plan.workers,
        "started_at": row_values.iso(plan.started_at),
        "seconds": round(about.seconds, 3),
        "work_seconds": round(about.work_seconds, 3),
        "interrupted": about.interrupted,
        "browser": dataclasses.asdict(about.browser) if about.browser else None,
    }


def _why(error: Exception) -> str:
    inner = next((arg for arg in error.args if isinstance(arg, OSError)), error)
    if getattr(inner, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
        return "no space is left"
    return getattr(inner, "strerror", None) or str(inner)
