"""Shows why orders failed: the most common reasons, what to do about each, and the first orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from po_pw.cli import paths, progress
from po_pw.results import evidence_names, reasons

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from po_pw import models

_COMMONEST: Final = 5
"""Maximum reasons listed."""
_LONGEST: Final = 300
"""Maximum characters shown of one order's reason."""
_LONGEST_NUMBER: Final = 60
"""Maximum characters shown of its PO number."""


def lines(problems: models.Problems, *, more: str, named: int = 10, out: Path | None = None) -> Iterator[Text]:
    """The most common reasons with counts, then the first orders, each with its reason; nothing if none failed.

    Args:
        problems: rows and orders that failed.
        more: where to find the orders that are not listed.
        named: maximum orders listed.
        out: the output folder, to name the evidence of failed orders; None names none.
    """
    if not problems.count:
        return
    width = len(str(max(problems.reasons.values())))
    shown = list(problems.reasons.items())[:_COMMONEST]
    longest = max(len(code) for code, _ in shown)
    for code, count in shown:
        reason = reasons.CODES[code]
        line = Text(f"  {count:>{width}}  ", "bold").append(f"{code.value:<{longest}}", "red")
        yield line.append(f"  {reason.cause}: {reason.remedy}", "default not bold")
    if (others := sum(list(problems.reasons.values())[_COMMONEST:])) > 0:
        yield Text(f"  {others:>{width}}  with other reasons", "dim")
    for one in problems.first[:named]:
        message = " ".join(one.failure.message.split())
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST - 1]}…"
        number = one.po_number or f"row {one.row}"
        if len(number) > _LONGEST_NUMBER:
            number = f"{number[: _LONGEST_NUMBER - 1]}…"
        line = Text(f"  {number}", "bold")
        yield progress.harmless(line.append(f"  {one.failure.code.value}: {message}", "default not bold"))
        if out is not None and one.evidence:
            yield _evidence(one.evidence, out)
    left = problems.count - len(problems.first[:named])
    if left > 0:
        yield Text(f"  and {left} more: {more}", "dim")


def _evidence(evidence: tuple[str, ...], out: Path) -> Text:
    """Names the files that show why an order failed, each a link where the terminal has links, and their folder."""
    line = Text("    ")
    for number, path in enumerate(evidence):
        target = (out / path).absolute().as_uri()
        line.append(", " if number else "", "dim").append(evidence_names.of_path(path), f"dim link {target}")
    folder = paths.near((out / evidence[0]).parent)
    return line.append(": ", "dim").append(folder, "cyan")
