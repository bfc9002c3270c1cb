"""Watches one page during a visit: waits until it is quiet or changes, and records the answers to its requests."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Self

from po_pw.browser import frame_reports, page_events, pending_work, quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playwright import async_api as playwright

    from po_pw.browser import activity, data_answers


class Watch:
    """Tracks a page's activity, from before navigation until it is left. A context manager, one per visit.

    Args:
        page: of a context that has `frame_reports.SCRIPT` as an init script.
    """

    def __init__(self, page: playwright.Page) -> None:
        self._page = page
        self._events = page_events.PageEvents(page)
        self._reports = frame_reports.FrameReports(page, self._events)
        self._unproved: float | None = None
        """When the page was last called quiet without proof, on `time.monotonic()`."""
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._events)
        self._stack.enter_context(self._reports)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def answers(self) -> data_answers.DataAnswers:
        """The answers to the page's own requests for data."""
        return self._events.answers

    async def quiet(
        self,
        *,
        deadline: float,
        patience: float = 3.0,
        trusted: Callable[[str], bool] = lambda _: False,
    ) -> quiet.Quiet:
        """Waits until the page is quiet, and returns how that was determined.

        Another call after any result but `PROVED` waits the full time again.

        Args:
            deadline: on `time.monotonic()`.
            patience: seconds without a change that suffice if quiet cannot be proved.
            trusted: whether a source, by its description, is known to change nothing; used for recurring and
                uncountable sources, and for requests pending longer than `activity.HORIZON`.

        Raises:
            playwright.Error: the page was closed or crashed.
        """
        began = time.monotonic()
        confirmed: tuple[int, int] | None = None
        unsure_since: float | None = None
        while True:
            self._events.expect()
            left = deadline - time.monotonic()
            reports = await self._reports.look(max(0.0, min(pending_work.SLICE, left)))
            seen = pending_work.add_up(self._page, self._events, reports, self._reports.changes, trusted)
            waited = None if self._unproved is None else time.monotonic() - self._unproved
            how = quiet.decide(seen, patience=patience, trusted=trusted, waited=waited)
            if how is quiet.How.PROVED and len(reports) > 1:
                # Frames respond one after another: they were all quiet at once only if nothing happened since.
                mark = self._events.count, _activity(reports)
                if mark != confirmed:
                    confirmed, how = mark, None
                    unsure_since = unsure_since or time.monotonic()
                    if time.monotonic() - unsure_since > quiet.CALM:
                        how = quiet.How.IDLE
                    elif time.monotonic() < deadline:
                        continue
            else:
                confirmed, unsure_since = None, None
            if how is None and time.monotonic() >= deadline:
                how = quiet.How.DEADLINE
            if how is not None:
                self._unproved = None if how is quiet.How.PROVED else time.monotonic()
                return quiet.Quiet(
                    how,
                    time.monotonic() - began,
                    seen.finite,
                    tuple(source.label for source in seen.recurring),
                    seen.uncountable,
                    seen.changes,
                )
            await self._events.wait(max(0.0, min(_pause(seen, patience), deadline - time.monotonic())))

    async def changed(self, since: int, timeout: float) -> bool:
        """Waits until the number of changes differs; returns whether it does.

        Args:
            since: `Quiet.changes`.
            timeout: seconds.

        Raises:
            playwright.Error: the page was closed or crashed.
        """
        until = time.monotonic() + timeout
        while True:
            self._events.expect()
            await self._reports.look(0)
            if self._reports.changes != since:
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            await self._events.wait(min(0.05, left))


def _activity(reports: Mapping[playwright.Frame, Any]) -> int:
    """The frames' own counts of what happened in them, added up."""
    return sum(report["activity"] for report in reports.values() if isinstance(report, dict))


def _pause(seen: activity.Activity, patience: float) -> float:
    """Seconds until the next check, if no event comes before."""
    if seen.finite:
        return 0.05
    return max(0.02, min(pending_work.SLICE, patience - seen.calm, abs(quiet.CALM - seen.calm)))
