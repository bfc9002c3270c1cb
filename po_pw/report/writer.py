"""Writes `report.html` into the output directory, where only our own report is replaced."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import errors
from po_pw.report import content, page, timeline
from po_pw.results import own_files, summary, tables

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from po_pw import models
    from po_pw.journal import history

NAME: Final = "report.html"
_NEW: Final = ".po-pw/report.html.new"


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """A report that was written."""

    name: str
    """Its file name in the output directory; `""` if there is none."""
    notes: tuple[str, ...]
    """Messages for the user."""


def write(
    out: Path,
    run: models.RunId,
    past: history.History,
    rows: Iterable[models.RowResult],
    *,
    version: str,
    others: int = 0,
    left_out: int = 0,
    warnings: tuple[str, ...] = (),
    commands: summary.Commands = summary.Commands(),  # noqa: B008 - frozen
    source: Path | None = None,
) -> Written:
    """Writes the report of a run, atomically.

    A `report.html` that is not ours (see `own_files`) is kept: the new one is then called `report (2).html`.

    Args:
        out: the output directory.
        run: whose results they are.
        past: its history.
        rows: all rows in the input's order.
        version: of po_pw.
        others: number of orders of other lists in the same output directory.
        left_out: number of orders that the run was not to try.
        warnings: what looks wrong in the run as a whole.
        commands: that go on with the output directory.
        source: the input file, which is never replaced.

    Raises:
        MachineError: it cannot be written.
    """
    collected = content.Content(past.plan.columns, run)
    for row in rows:
        collected.add(row)
    overview = collected.totals.overview(
        past.plan,
        seconds=past.seconds,
        interrupted=past.interrupted,
        warnings=warnings,
        others=others,
        left_out=left_out,
        commands=commands,
    )
    about = page.About(run, version, past.plan.workers, past.ended_at)
    text = page.render(about, collected, overview, timeline.of(past))
    draft = out / _NEW
    try:
        with draft.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
        ours = own_files.OwnFiles(out, out / tables.RECORD, source)
        name, notes = ours.put(draft, NAME, "the report")
        return Written(name, (*notes, *ours.clear(NAME, [name])))
    except OSError as error:
        msg = (
            f"the report cannot be written in {out}: {error.strerror or error}. Nothing else is lost. Free some space "
            "there, then run: po-pw report"
        )
        raise errors.MachineError(msg) from error
    finally:
        draft.unlink(missing_ok=True)
