"""What each worker did over time, and orders and bytes over time, in few enough pieces to draw. Pure."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from po_pw.journal import history

_PIECES: Final = 3_000
"""Maximum pieces drawn; with more, short gaps are closed."""
_BUCKETS: Final = 40
"""Maximum bars of the throughput."""
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""Possible lengths of a bar, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Start and end, in seconds since the run began."""

    start: float
    end: float


@dataclasses.dataclass(frozen=True, slots=True)
class Lane:
    """One worker's time."""

    worker: str
    working: tuple[Span, ...]
    failed: tuple[Span, ...]
    """Attempts that failed, whether or not they were repeated."""
    steals: tuple[float, ...]
    """Times at which it took over orders of another worker."""
    orders: int
    """Number of different orders that it processed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """Orders and bytes of one interval."""

    start: float
    """Seconds since the run began."""
    succeeded: int
    failed: int
    bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Timeline:
    """The course of a run."""

    seconds: float
    lanes: tuple[Lane, ...]
    waits: tuple[Span, ...]
    """When orders waited for a host or a sign-in, or the run was paused."""
    bars: tuple[Bar, ...]
    bar_seconds: int


def of(past: history.History) -> Timeline:
    """The course of a run. An order counts where its last attempt ended."""
    started = past.plan.started_at

    def at(moment: datetime.datetime) -> float:
        return max(0.0, (moment - started).total_seconds())

    attempts: dict[str, list[history.Attempt]] = collections.defaultdict(list)
    for attempt in past.attempts:
        attempts[attempt.worker].append(attempt)
    steals: dict[str, list[float]] = collections.defaultdict(list)
    for one in past.happenings:
        if one.event == "orders.stolen":
            steals[one.worker].append(at(one.at))
    workers = sorted({*attempts, *(one.worker for one in past.happenings if one.worker)}, key=_number)
    end = max([past.seconds, *(at(one.ended_at) for one in past.attempts)], default=0.0)
    gap = end * len(workers) / _PIECES
    lanes = []
    for worker in workers:
        spans = [(Span(at(one.started_at), at(one.ended_at)), one.error_code) for one in attempts[worker]]
        lanes.append(
            Lane(
                worker,
                joined((span for span, _ in spans), gap),
                joined((span for span, code in spans if code), gap),
                tuple(steals[worker]),
                len({one.key for one in attempts[worker]}),
            )
        )
    step = next((step for step in _STEPS if end / step <= _BUCKETS), _STEPS[-1])
    return Timeline(end, tuple(lanes), _waits(past.happenings, at, end), _bars(past, at, end, step), step)


def joined(spans: Iterable[Span], gap: float) -> tuple[Span, ...]:
    """The sorted spans; those that overlap or are less than `gap` seconds apart are joined."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda one: one.start):
        if found and span.start - found[-1].end <= gap:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)


def _waits(happenings: Sequence[history.Happening], at: _At, end: float) -> tuple[Span, ...]:
    """When orders waited for a host or a sign-in, or the run was paused; a wait without an end lasts to the end."""
    since: dict[tuple[str, str], float] = {}
    spans: list[Span] = []
    for one in happenings:
        kind = one.event.rpartition(".")[0]  # `""` for a pause
        name = (kind, str(one.detail.get("host", "")))
        if one.event in {"host.waits", "sign.in.started", "paused"}:
            since.setdefault(name, at(one.at))
        elif one.event in {"host.free", "sign.in.ended", "resumed"} and name in since:
            spans.append(Span(since.pop(name), at(one.at)))
    return joined([*spans, *(Span(start, end) for start in since.values())], end / _PIECES)


def _bars(past: history.History, at: _At, end: float, step: int) -> tuple[Bar, ...]:
    count = max(1, min(int(end // step) + 1, _BUCKETS * 4))
    succeeded, failed, sizes = [0] * count, [0] * count, [0] * count
    last = {one.key: one for one in past.attempts}
    for attempt in last.values():
        index = min(int(at(attempt.ended_at) // step), count - 1)
        (failed if attempt.error_code else succeeded)[index] += 1
    for file in past.saved:
        sizes[min(int(at(file.at) // step), count - 1)] += file.size
    return tuple(Bar(number * step, succeeded[number], failed[number], sizes[number]) for number in range(count))


def _number(worker: str) -> tuple[int, str]:
    digits = "".join(filter(str.isdigit, worker))
    return int(digits or 0), worker


if TYPE_CHECKING:
    from collections.abc import Callable

    _At = Callable[[datetime.datetime], float]
