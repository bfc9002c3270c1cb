"""The results as files: results.csv, results.xlsx, results.json and failed.csv, written from a stream of rows."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import shutil
from typing import TYPE_CHECKING, Any, Final

from xlsxwriter import exceptions

from po_pw import errors, models
from po_pw.results import counts, layout, texts, workbook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NEW: Final = ".po-pw/new-results"


@dataclasses.dataclass(frozen=True, slots=True)
class About:
    """The run the results are of.

    Attributes:
        seconds: the whole run, by the monotonic clock.
        work_seconds: the same after start-up.
        version: of po_pw.
        warnings: what looks wrong in the run as a whole.
        unfinished: what this run fetched of orders that it did not finish.
        left_out: orders that were to be left alone.
    """

    run: models.RunId
    plan: models.Plan
    browser: models.BrowserInfo | None
    seconds: float
    work_seconds: float
    interrupted: bool
    version: str
    warnings: tuple[str, ...] = ()
    unfinished: counts.Amount = dataclasses.field(default_factory=counts.Amount)
    left_out: int = 0


def write_all(out: Path, about: About, rows: Callable[[], Iterator[models.RowResult]]) -> counts.Summary:
    """Writes all four; each appears whole or not at all. A failed.csv of before goes when no row has failed.

    One that another program holds open (a workbook on Windows) stays as it is: the new one is then called
    `results.RUN.xlsx`, and a note in the summary says so.

    Args:
        out: the output directory; made where it is missing.
        about: the run.
        rows: gives all rows in the input's order; called once, and consumed as they come.

    Raises:
        EnvironmentProblem: they cannot be written.
    """
    scratch = out / _NEW
    try:
        shutil.rmtree(scratch, ignore_errors=True)  # left by a run that was killed here
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            return _write(out, scratch, about, rows())
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except (OSError, exceptions.XlsxWriterException) as error:
        msg = f"the results cannot be written in {out}: {_why(error)}. Nothing fetched is lost: make room there, or "
        msg += "close what is open, and run the same command again."
        raise errors.EnvironmentProblem(msg) from error


def _write(out: Path, scratch: Path, about: About, rows: Iterator[models.RowResult]) -> counts.Summary:
    tally, columns = counts.Tally(about.run), about.plan.columns
    totals: dict[str, Any] = {}
    notes: list[str] = []
    with contextlib.ExitStack() as stack:
        book = stack.enter_context(workbook.Workbook(scratch / "results.xlsx", columns, scratch))
        writers: dict[str, texts.Results | texts.Failed | texts.Json | workbook.Workbook] = {
            "results.csv": stack.enter_context(texts.Results(scratch / "results.csv", columns)),
            "failed.csv": stack.enter_context(texts.Failed(scratch / "failed.csv", columns)),
            "results.json": stack.enter_context(texts.Json(scratch / "results.json", columns, _run(about), totals)),
            "results.xlsx": book,
        }
        for row in rows:
            tally.add(row)
            for writer in writers.values():
                writer.add(row)
        summary = tally.summary(unfinished=about.unfinished, left_out=about.left_out, warnings=about.warnings)
        totals |= _totals(summary)
        for name, writer in writers.items():
            wanted = writer.finish()
            writer.__exit__(None, None, None)  # Windows renames no open file
            notes += _publish(scratch / name, out / name, about.run) if wanted else _remove(out / name)
        notes += book.notes
    return dataclasses.replace(summary, notes=tuple(notes))


def _totals(summary: counts.Summary) -> dict[str, Any]:
    return {
        "rows": summary.rows,
        "counts": {status.value: count for status, count in summary.counts.items()},
        "files": summary.fetched.files,
        "bytes": summary.fetched.bytes,
        "files_there": summary.there.files,
        "bytes_there": summary.there.bytes,
        "order_seconds": round(summary.order_seconds, 3),
        "carried": summary.carried,
        "warnings": summary.warnings,
    }


def _run(about: About) -> dict[str, Any]:
    plan = about.plan
    return {
        "id": about.run, "po_pw": about.version, "source": plan.source, "columns": plan.columns, "out": plan.out,
        "workers": plan.workers, "started_at": layout.iso(plan.started_at), "seconds": round(about.seconds, 3),
        "work_seconds": round(about.work_seconds, 3), "interrupted": about.interrupted,
        "browser": dataclasses.asdict(about.browser) if about.browser else None,
    }  # fmt: skip


def _publish(new: Path, final: Path, run: models.RunId) -> list[str]:
    """Puts a file in its place, or beside it where the place is held; gives what to say of it."""
    try:
        new.replace(final)
    except (PermissionError, IsADirectoryError):
        other = final.with_name(f"{final.stem}.{run}{final.suffix}")
        new.replace(other)
        return [f"{final.name} could not be replaced (is it open in another program?); the new one is {other.name}"]
    return []


def _remove(old: Path) -> list[str]:
    try:
        old.unlink(missing_ok=True)
    except (PermissionError, IsADirectoryError):
        return [f"{old.name} is of an earlier run and could not be removed; no row has failed in this one"]
    return []


def _why(error: Exception) -> str:
    inner = next((arg for arg in error.args if isinstance(arg, OSError)), error)
    if getattr(inner, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
        return "no space is left"
    return getattr(inner, "strerror", None) or str(inner)
