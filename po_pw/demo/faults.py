"""Deliberate errors of the portal: for given paths, and at random."""

from __future__ import annotations

import collections
import dataclasses
import enum
import random


class Fault(enum.StrEnum):
    """One kind of error in one response."""

    UNAVAILABLE = "UNAVAILABLE"
    """503 with `Retry-After: 1`."""
    TOO_MANY = "TOO_MANY"
    """429 with `Retry-After: 1`."""
    SERVER_ERROR = "SERVER_ERROR"
    """500 with a page."""
    RESET = "RESET"
    """Half of the body, then the connection is reset."""
    SHORT = "SHORT"
    """Half of the announced body, then the connection is closed normally."""
    STALL = "STALL"
    """Half of the body, then nothing until the client hangs up."""


STATUS = {Fault.UNAVAILABLE: 503, Fault.TOO_MANY: 429, Fault.SERVER_ERROR: 500}
"""The faults that are an error status; the others damage a body."""


@dataclasses.dataclass(frozen=True, slots=True)
class RandomFaults:
    """Random errors in any response: damaged bodies, and from time to time a burst of refusals."""

    bodies: tuple[Fault, ...] = (Fault.RESET,)
    """How a file's body is damaged, each with the same probability."""
    one_in: int = 5
    """One of this many files is damaged."""
    refusals: tuple[Fault, ...] = ()
    """Errors of a burst of refusals; one is chosen for the whole burst."""
    burst: int = 5
    """Number of responses in a burst."""
    burst_one_in: int = 25
    """One of this many responses starts a burst."""
    in_a_row: int = 3
    """Maximum consecutive errors of one path, so that retries succeed in the end."""


class Faults:
    """The errors still to come: by path, then at random. Once they are used up, a path works."""

    def __init__(self) -> None:
        self.remaining: dict[str, collections.deque[Fault]] = {}
        self._random_faults: RandomFaults | None = None
        self._chance = random.Random()
        self._burst: collections.deque[Fault] = collections.deque()
        self._in_a_row: collections.Counter[str] = collections.Counter()

    def add(self, path: str, fault: Fault, times: int = 1) -> None:
        """Makes the next responses to this path fail, after those added before."""
        self.remaining.setdefault(path, collections.deque()).extend([fault] * times)

    def start_random(self, random_faults: RandomFaults | None, seed: int = 1) -> None:
        """Starts random errors, reproducible for the same seed and requests; None ends them."""
        self._random_faults, self._chance = random_faults, random.Random(seed)
        self._burst.clear()
        self._in_a_row.clear()

    def take(self, path: str) -> Fault | None:
        """The fault of this response, or None."""
        waiting = self.remaining.get(path)
        if waiting:
            return waiting.popleft()
        fault = self._by_chance(path) if self._random_faults is not None else None
        self._in_a_row[path] = self._in_a_row[path] + 1 if fault else 0
        return fault

    def _by_chance(self, path: str) -> Fault | None:
        random_faults = self._random_faults
        if random_faults is None or self._in_a_row[path] >= random_faults.in_a_row:
            return None
        if not self._burst and random_faults.refusals and self._chance.randrange(random_faults.burst_one_in) == 0:
            self._burst.extend([self._chance.choice(random_faults.refusals)] * random_faults.burst)
        if self._burst:
            return self._burst.popleft()
        is_page = path.startswith("/orders/")
        if is_page or not random_faults.bodies or self._chance.randrange(random_faults.one_in):
            return None
        return self._chance.choice(random_faults.bodies)
