"""Results of the page's requests for data (`fetch` and XHR): answered, failed, or refused to this user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from po_pw.browser import activity

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from playwright import async_api as playwright

FOUND: Final = 302
"""Stands for the status of a request that was redirected to a page."""
LOST: Final = 0
"""Stands for the status of a request that was not answered: the connection failed, or the browser forbade it."""
_REFUSALS: Final = frozenset({FOUND, 401, 403, 419})
_ABSENCES: Final = frozenset({404, 410})
"""Statuses by which an API may say that an order has no files."""
_KINDS: Final = frozenset({"fetch", "xhr"})


class DataAnswers:
    """The answers to a page's own requests for data, from before navigation until the page is left."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._refusals: dict[str, int] = {}
        self._answered: set[str] = set()

    def note(self, request: playwright.Request, page: str, status: int) -> None:
        """Records how a request ended. After redirects, its first address counts: the one that the page requested.

        Args:
            request: any; only the page's own requests for data are recorded.
            page: address of the page.
            status: HTTP status; `FOUND` or `LOST` if there is no status.
        """
        kind = request.resource_type
        while request.redirected_from is not None:
            request = request.redirected_from
        if kind not in _KINDS or activity.is_elsewhere(request.url, page):
            return
        label = activity.describe(kind, request.url, page, request.method)
        self._refusals.pop(label, None)
        if status in _REFUSALS:
            self._refusals[label] = status
        if status in _REFUSALS or status == LOST or (status >= 400 and status not in _ABSENCES):
            self._failures[label] = status
        else:
            self._failures.pop(label, None)
            self._answered.add(label)

    @property
    def failures(self) -> Mapping[str, int]:
        """The requests that brought no data, by description, with the HTTP status.

        `FOUND`: they led to a page; `LOST`: they were not answered. Without 404 and 410, by which an API may say that
        there is nothing, and without those that later succeeded.
        """
        return self._failures

    @property
    def refusals(self) -> Mapping[str, int]:
        """Those of the failures that the server refused to this user: 401, 403, 419, or `FOUND`."""
        return self._refusals

    @property
    def answered(self) -> Set[str]:
        """The requests that were answered, by description."""
        return self._answered
