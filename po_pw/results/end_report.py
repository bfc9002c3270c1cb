"""How a run ended, as one JSON value, for `--on-finish` and `--notify`. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from po_pw import models, redact

if TYPE_CHECKING:
    from pathlib import Path

    from po_pw.results import counts

SCHEMA: Final = 1
"""Increases when a key is removed or changes its meaning, not when one is added."""


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """The end of a run.

    Attributes:
        exit_code: of the command.
        list_name: file name of the list.
        out: the output directory, absolute.
        totals: None if the run ended before anything was processed.
        error: why the run could not start or continue; `""` if it did.
    """

    exit_code: int
    list_name: str
    out: Path
    totals: counts.Totals | None = None
    error: str = ""


def to_json(end: End) -> dict[str, Any]:
    """The end of a run, without secrets.

    Returns:
        The keys that `docs/records.md` describes. `text` is one line for people, under the name that Slack, Teams and
        Mattermost expect.
    """
    overview = end.totals.overview if end.totals is not None else None
    names = end.totals.names if end.totals is not None else {}
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "text": text(end),
        "exit_code": end.exit_code,
        "error": redact.text(end.error),
        "list": end.list_name,
        "out": str(end.out),
        "results": {name: str(end.out / path) for name, path in names.items()},
        "counts": {status.value: count for status, count in (end.totals.counts if end.totals else {}).items()},
    }
    if overview is not None:
        found |= {
            "started_at": overview.started_at.isoformat(),
            "seconds": round(overview.seconds, 1),
            "interrupted": overview.interrupted,
            "row_count": overview.rows,
            "files_there": overview.files,
            "bytes_there": overview.bytes,
            "files_downloaded": overview.downloaded_files,
            "bytes_downloaded": overview.downloaded_bytes,
            "causes": [
                {
                    "code": cause.code.value,
                    "cause": cause.reason.cause,
                    "remedy": cause.reason.remedy,
                    "orders": cause.orders,
                    "first": list(cause.first),
                }
                for cause in overview.causes
            ],
            "warnings": [redact.text(warning) for warning in overview.warnings],
            "next_command": overview.next.line if overview.next is not None else "",
        }
    return found


def text(end: End) -> str:
    """One line for people."""
    if end.totals is None:
        return f"po-pw did not run {end.list_name}: {redact.text(end.error)}"
    by_status = end.totals.counts
    rows = sum(by_status.values())
    good = sum(count for status, count in by_status.items() if status.succeeded)
    parts = [f"{good} of {rows} rows done"]
    for status, what in (
        (models.Status.PARTIAL, "incomplete"),
        (models.Status.FAILED, "failed"),
        (models.Status.PENDING, "not reached"),
    ):
        if count := by_status.get(status):
            parts.append(f"{count} {what}")
    said = f"po-pw, {end.list_name}: {', '.join(parts)}; {end.totals.there.files} files in {end.out}"
    return f"{said}. It stopped early: {redact.text(end.error)}" if end.error else said
