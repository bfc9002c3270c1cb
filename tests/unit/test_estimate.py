"""The estimated time left, in a simulation with random durations and no clock."""

from __future__ import annotations

import heapq
import random
import statistics
from typing import TYPE_CHECKING

import pytest

from po_pw import models
from po_pw.cli import estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORDERS, LOOKS = 400, 60
LENGTHS: dict[str, Callable[[random.Random], float]] = {
    "constant": lambda _: 5.0,
    "uniform": lambda chance: chance.uniform(1, 9),
    "normal": lambda chance: max(0.5, chance.gauss(5, 1.5)),
    "log-normal": lambda chance: chance.lognormvariate(1, 0.6),
}
"""Seconds of one order."""
WILD: dict[str, Callable[[random.Random], float]] = {
    "exponential": lambda chance: chance.expovariate(0.2),
    "one in ten takes ten times as long": lambda chance: 20.0 if chance.random() < 0.1 else 2.0,
}
"""Lengths that differ so much that the mean of 40 of them says little: by chance alone it misses by 16 to 22 %."""


def happened(lengths: list[float], workers: int) -> list[tuple[float, bool, models.OrderKey]]:
    """When each order begins (True) and ends, in order of time."""
    free, found = [0.0] * workers, list[tuple[float, bool, models.OrderKey]]()
    for number, length in enumerate(lengths):
        begin = heapq.heappop(free)
        heapq.heappush(free, begin + length)
        key = models.OrderKey(f"PO-{number}")
        found += [(begin, True, key), (begin + length, False, key)]
    return sorted(found)


def estimated(lengths: list[float], workers: int) -> Iterator[tuple[float, float, float]]:
    """Times with estimated and true seconds left, from the first tenth on."""
    coming, one, done = happened(lengths, workers), estimate.Estimate(), 0
    whole, coming = coming[-1][0], coming[::-1]
    for look in range(1, LOOKS):
        now = whole * look / LOOKS
        while coming and coming[-1][0] <= now:
            moment, begins, key = coming.pop()
            (one.begin if begins else one.end)(key, moment)
            done += not begins
        left = one.seconds_left(len(lengths) - done, now)
        if done >= len(lengths) / 10:
            assert left is not None
            yield now, left, whole - now


def misses(length: Callable[[random.Random], float], orders: int, workers: int) -> list[float]:
    """Relative errors of the estimated duration, over several simulated runs."""
    found = list[float]()
    for seed in range(4):
        chance = random.Random(seed)
        lengths = [length(chance) for _ in range(orders)]
        found += [abs(left - true) / (now + true) for now, left, true in estimated(lengths, workers)]
    return found


@pytest.mark.parametrize("workers", [1, 4, 12])
@pytest.mark.parametrize("name", LENGTHS)
def test_the_end_is_foreseen_within_a_fifth_after_the_first_tenth(name: str, workers: int) -> None:
    """The estimated duration is within 20 % of the true one, and mostly within 10 %."""
    found = misses(LENGTHS[name], ORDERS, workers)
    assert max(found) <= 0.2
    assert statistics.quantiles(found, n=10)[-1] <= 0.1


@pytest.mark.parametrize("workers", [1, 4, 12])
@pytest.mark.parametrize("name", WILD)
def test_so_it_is_where_lengths_differ_wildly_and_a_tenth_is_enough_to_go_by(name: str, workers: int) -> None:
    """The same with 2,000 orders of very different durations."""
    assert max(misses(WILD[name], 5 * ORDERS, workers)) <= 0.2


@pytest.mark.parametrize("workers", [1, 4, 12])
def test_orders_of_one_length_leave_nothing_to_guess(workers: int) -> None:
    """With equal durations the time left is right to within one order."""
    assert all(abs(left - true) <= 5.0 for _, left, true in estimated([5.0] * ORDERS, workers))


def test_it_follows_a_portal_that_becomes_slower() -> None:
    """The estimate follows a portal that takes twice as long from half time on."""
    lengths = [1.0] * 2000 + [2.0] * 2000
    last = [(left, true) for _, left, true in estimated(lengths, 4) if true <= 0.4 * (2000 + 4000) / 4]
    assert all(abs(left - true) <= 0.2 * true + 2 for left, true in last)


def test_a_pause_an_outage_and_an_attempt_that_is_repeated_count_as_what_they_are() -> None:
    """Time without an order in progress does not count; two attempts are one duration."""
    one = estimate.Estimate()
    keys = [models.OrderKey(f"PO-{number}") for number in range(3)]
    assert one.seconds_left(10, 0.0) is None
    one.begin(keys[0], 0.0)
    one.end(keys[0], 10.0)
    one.begin(keys[1], 5000.0)
    one.put_back(keys[1], 5004.0)
    one.begin(keys[1], 9000.0)
    one.begin(keys[1], 9001.0)
    assert one.in_progress == 1
    one.end(keys[1], 9006.0)
    assert one.in_progress == 0
    assert one.seconds_left(8, 20_000.0) == 80.0
    one.end(keys[2], 20_000.0)
    assert one.seconds_left(0, 20_000.0) == 0.0
