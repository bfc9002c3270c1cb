"""Estimates the remaining time of a run from the time its orders took so far. Pure: time is passed in."""

from __future__ import annotations

import bisect
import collections
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from po_pw import models

_RECENT: Final = 500
"""Number of latest orders used: a portal may become slower or faster during a run."""
_FEWEST: Final = 2
"""Minimum number of orders for an estimate."""
_OVERDUE: Final = 1.5
"""An order that already takes longer than all others is expected to take this many times its time so far."""


class Estimate:
    """Estimates the remaining time of a run from the time of single orders, not of the whole run.

    So the start-up of browsers, outages and pauses do not distort it. Orders in progress count by the time they have
    taken: with twelve workers and a tenth of the orders done, ignoring them would make the estimate wrong by half.
    """

    def __init__(self) -> None:
        self._lengths: collections.deque[float] = collections.deque(maxlen=_RECENT)
        self._at_once: collections.deque[int] = collections.deque(maxlen=_RECENT)
        self._begun: dict[models.OrderKey, float] = {}
        self._before: dict[models.OrderKey, float] = {}
        """Seconds of earlier attempts of orders that will be tried again."""

    def begin(self, key: models.OrderKey, now: float) -> None:
        """Records that an order was started; no effect if it is already in progress."""
        self._begun.setdefault(key, now - self._before.pop(key, 0.0))

    def put_back(self, key: models.OrderKey, now: float) -> None:
        """Records that an attempt ended without a result."""
        begun = self._begun.pop(key, None)
        if begun is not None:
            self._before[key] = now - begun

    def end(self, key: models.OrderKey, now: float) -> None:
        """Records that an order has its outcome; no effect if it was never started."""
        at_once = len(self._begun)
        begun = self._begun.pop(key, None)
        self._before.pop(key, None)
        if begun is not None:
            self._lengths.append(now - begun)
            self._at_once.append(at_once)

    @property
    def in_progress(self) -> int:
        """Number of orders in progress."""
        return len(self._begun)

    def seconds_left(self, unfinished: int, now: float) -> float | None:
        """Seconds until all orders have their outcome; None while there are too few data.

        An order in progress is expected to take the mean time of the orders that took longer than it has so far; an
        order not started takes the mean of all. As many are processed at once as lately; some worker is the last.

        Args:
            unfinished: number of orders without an outcome, including those in progress.
            now: by the same clock as the other calls.
        """
        if len(self._lengths) < _FEWEST:
            return None
        lengths = sorted(self._lengths)
        longer = [0.0]
        """Sum of the longest lengths, the number of which is the index."""
        for one in reversed(lengths):
            longer.append(longer[-1] + one)
        expected, rest = longer[-1], list[float]()
        for begun in self._begun.values():
            age = max(0.0, now - begun)
            count = len(lengths) - bisect.bisect_right(lengths, age)
            length = longer[count] / count if count else age * _OVERDUE
            expected += length
            rest.append(length - age)
        mean = expected / (len(lengths) + len(rest))
        to_begin = max(0, unfinished - len(rest))
        usual = sum(self._at_once) / len(self._at_once)
        at_once = max(1.0, min(max(usual, len(rest)), to_begin + len(rest)))
        left = (sum(rest) + mean * to_begin) / at_once
        if to_begin:
            left += mean * (1 - 1 / at_once) / 2
        return max([left, *rest])
