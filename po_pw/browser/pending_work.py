"""Adds up the pending work of a page: what its frames report, and its requests, sockets and workers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from po_pw.browser import activity, quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playwright import async_api as playwright

    from po_pw.browser import page_events

SLICE: Final = 0.25
"""Seconds that a frame waits for its work to end, before everything is checked again."""
_OWED: Final = 3.0
"""Seconds to wait for a message from a worker that was sent none."""
_PAINTS_WITHIN: Final = 1.0
"""Seconds for an animation frame callback: later it may never come."""
_REPEATED: Final = "repeated "


def add_up(
    page: playwright.Page,
    events: page_events.PageEvents,
    reports: Mapping[playwright.Frame, Any],
    changes: int,
    trusted: Callable[[str], bool],
) -> activity.Activity:
    """Returns the page's activity.

    Args:
        page: the page.
        events: what the browser reported of it.
        reports: of its frames; see `frame_reports.FrameReports.look`.
        changes: number of DOM changes so far.
        trusted: whether a source, by its description, is known to change nothing; used for requests that are pending
            longer than `activity.HORIZON`.
    """
    total = _Sum(page, events, trusted)
    covered = total.add_frames(reports)
    total.add_requests(covered)
    total.add_sockets_and_workers()
    return activity.Activity(
        activity.unique(total.finite),
        activity.merged(total.recurring),
        activity.unique(total.uncountable),
        total.calm,
        changes,
    )


class _Sum:
    """The sources of activity found so far, by kind."""

    def __init__(self, page: playwright.Page, events: page_events.PageEvents, trusted: Callable[[str], bool]) -> None:
        self.finite: list[str] = []
        self.recurring: list[activity.Recurring] = []
        self.uncountable: list[str] = []
        self._now = time.monotonic()
        self.calm = self._now - events.newest
        self._page = page
        self._url = page.url
        self._events = events
        self._trusted = trusted

    def add_frames(self, reports: Mapping[playwright.Frame, Any]) -> set[str]:
        """Adds what the frames report; returns the descriptions of requests that are counted in it."""
        covered: set[str] = set()
        for frame in self._page.frames:
            if frame not in reports:  # added meanwhile, and not asked yet
                self.finite.append(activity.describe("frame", frame.url, self._url))
        for frame, report in reports.items():
            if report in ("gone", "silent") or (report == "uncounted" and frame == self._page.main_frame):
                self.finite.append(activity.describe("frame", frame.url, self._url))
            elif isinstance(report, str):
                if report != "inert" and not _is_bare(frame):
                    self.uncountable.append(activity.describe("frame", frame.url, self._url))
            else:
                self.calm = min(self.calm, report["calm"])
                self._add_frame(frame, report)
                # Chromium never reports the response to a shared worker's script.
                covered |= {activity.describe("script", sender["url"], self._url) for sender in report["sending"]}
        return covered | {source.label.removeprefix(_REPEATED) for source in self.recurring}

    def _add_frame(self, frame: playwright.Frame, report: Mapping[str, Any]) -> None:
        if report["state"] != "complete":
            requests = self._events.requests.values()
            under_way = any(known.frame == frame and known.kind == "document" for known in requests)
            is_late = report["calm"] > activity.HORIZON and report["age"] > activity.HORIZON and not under_way
            (self.uncountable if is_late else self.finite).append(activity.describe("document", frame.url, self._url))
        for item in report["told"]:
            label = activity.describe(item["kind"], item["url"], self._url, item["method"])
            match self._count_as(item, label):
                case "finite":
                    self.finite.append(label)
                case "recurring":
                    self.recurring.append(activity.Recurring(f"{_REPEATED}{label}", item["repeats"], 0.0))
                case "uncountable":
                    self.uncountable.append(label)
            if item["kind"] == "worker":  # a worker with a pending reply may send other messages, too
                self.uncountable.append(label)
        self.recurring += [activity.recurring(source, self._url) for source in report["recurring"]]
        self.uncountable += [
            activity.describe(sender["kind"], sender["url"], self._url) for sender in report["sending"]
        ]

    def _count_as(self, item: Mapping[str, Any], label: str) -> str:
        """How a pending item counts: `finite`, `recurring`, `uncountable`, or `""` for not at all."""
        kind, age = item["kind"], item["age"]
        if kind == "worker":
            limit = activity.HORIZON if item["sent"] else _OWED
            is_awaited = item["owed"] and age < limit and not self._trusted(label)
            return "finite" if is_awaited else ""
        if kind == "script":
            # A script inserted as HTML never runs, without any event: only requested ones are awaited.
            came = self._events.scripts.get(item["url"], 0.0)
            return "finite" if age < SLICE or came is None or self._now - came < quiet.CALM else ""
        if item["repeats"]:
            return "recurring"
        if item["doubt"]:
            return ""
        if item["stream"] or (kind == "frame callback" and age > _PAINTS_WITHIN):
            return "uncountable"
        if age <= activity.HORIZON:
            return "finite"
        if kind in {"fetch", "xhr"} and not item["answered"] and not activity.is_elsewhere(item["url"], self._url):
            return "" if self._trusted(label) else "finite"
        return "uncountable"

    def add_requests(self, covered: set[str]) -> None:
        """Adds the pending requests, except those that the frames report themselves."""
        for known in self._events.requests.values():
            label = activity.describe(known.kind, known.url, self._url, known.method)
            is_old = self._now - known.began > activity.HORIZON
            if label in covered or (is_old and self._trusted(label)):
                continue
            hangs = is_old and activity.is_elsewhere(known.url, self._url)
            is_slow = known.answered is not None and self._now - known.answered > activity.HORIZON
            (self.uncountable if known.is_stream or hangs or is_slow else self.finite).append(label)

    def add_sockets_and_workers(self) -> None:
        """Adds what may change the page at any time: open web sockets, and workers."""
        self.uncountable += [activity.describe("web socket", socket.url, self._url) for socket in self._events.sockets]
        self.uncountable += [activity.describe("worker", worker.url, self._url) for worker in self._page.workers]


def _is_bare(frame: playwright.Frame) -> bool:
    """Whether a frame has no document of its own: its content comes from its parent's work."""
    return frame.parent_frame is not None and frame.url in {"", "about:blank"}
