"""Decides whether a page has finished loading, from what is pending in it.

`page_watch` waits for it. A script in every frame counts (`quiet.js`, asked by `frame_reports`), the browser's events
cover what the script cannot see (`page_events`), `pending_work` adds both up, and `decide` evaluates the sum.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Final

from po_pw.browser import activity

if TYPE_CHECKING:
    from collections.abc import Callable

CALM: Final = 1.5
"""Seconds without a change or a new kind of request before recurring work counts as idle."""
RUNS: Final = 3
"""Minimum runs of recurring work in that time."""


class How(enum.StrEnum):
    """How it was determined that a page is quiet."""

    PROVED = "proved"
    """Nothing is pending, and nothing can start by itself."""
    IDLE = "idle"
    """Only recurring work is pending, which has changed nothing lately."""
    PATIENCE = "patience"
    """Nothing changed for the configured time."""
    DEADLINE = "deadline"
    """The page did not become quiet in time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Quiet:
    """Result of waiting for a page to become quiet.

    The descriptions are short and the same on every order of a portal, so they can be stored.
    """

    how: How
    seconds: float
    """Seconds waited."""
    finite: tuple[str, ...] = ()
    """Pending work that will end; empty with `PROVED`."""
    recurring: tuple[str, ...] = ()
    """Recurring work."""
    uncountable: tuple[str, ...] = ()
    """Sources that may change the page at any time without notice."""
    changes: int = 0
    """Number of DOM changes in all frames so far: the same number means that nothing changed in between.

    Repeated changes of the same shape in one element (a clock, a progress bar) do not count.
    """


def decide(
    seen: activity.Activity,
    *,
    patience: float,
    trusted: Callable[[str], bool],
    waited: float | None = None,
) -> How | None:
    """Decides how quiet a page is; None: not yet.

    Args:
        seen: its activity.
        patience: seconds without a change that suffice if quiet cannot be proved.
        trusted: whether a source, by its description, is known to change nothing.
        waited: seconds since it was last called quiet without proof; None: it never was. The same evidence must not
            suffice twice.
    """
    if seen.finite:
        return None
    recurring = [source for source in seen.recurring if not trusted(source.label)]
    uncountable = [label for label in seen.uncountable if not trusted(label)]
    if not recurring and not uncountable:
        return How.PROVED
    calm = seen.calm if waited is None else min(seen.calm, waited)
    if not uncountable and all(_is_idle(source, calm, again=waited is not None) for source in recurring):
        return How.IDLE
    return How.PATIENCE if calm >= patience else None


def _is_idle(source: activity.Recurring, calm: float, *, again: bool) -> bool:
    if source.period > activity.HORIZON:
        return not again
    return source.runs >= RUNS and calm >= CALM and (not again or calm >= RUNS * source.period)
