"""What the portal does wrong on purpose: failures by the path that has them, and failures by chance."""

from __future__ import annotations

import collections
import dataclasses
import enum
import random


class Fault(enum.StrEnum):
    """One way in which one answer goes wrong."""

    UNAVAILABLE = "UNAVAILABLE"
    """503 with `Retry-After: 1`."""
    TOO_MANY = "TOO_MANY"
    """429 with `Retry-After: 1`."""
    SERVER_ERROR = "SERVER_ERROR"
    """500 with a page."""
    RESET = "RESET"
    """Half of the body, then the connection is reset."""
    SHORT = "SHORT"
    """Half of the body that was announced, then the connection is closed in good order."""
    STALL = "STALL"
    """Half of the body, then nothing more until whoever asked hangs up."""


STATUS = {Fault.UNAVAILABLE: 503, Fault.TOO_MANY: 429, Fault.SERVER_ERROR: 500}
"""The faults that are an answer with a status of its own; the others spoil a body."""


@dataclasses.dataclass(frozen=True, slots=True)
class Weather:
    """Failures by chance, in what may be any answer. Bodies are spoilt, and now and then every answer is refused."""

    bodies: tuple[Fault, ...] = (Fault.RESET,)
    """How a file's body is spoilt, each as likely."""
    one_in: int = 5
    """Of so many files one is spoilt."""
    refusals: tuple[Fault, ...] = ()
    """What a burst of refusals answers with, one of them for the whole burst."""
    burst: int = 5
    """Answers in a row that are refused."""
    burst_one_in: int = 25
    """Of so many answers one begins a burst."""
    in_a_row: int = 3
    """One path fails so often in a row at the most: nobody need try for ever."""


class Faults:
    """The failures still to come, by path, and then by chance. Once they are used up, the path works."""

    def __init__(self) -> None:
        self.remaining: dict[str, collections.deque[Fault]] = {}
        self._weather: Weather | None = None
        self._chance = random.Random()
        self._burst: collections.deque[Fault] = collections.deque()
        self._in_a_row: collections.Counter[str] = collections.Counter()

    def add(self, path: str, fault: Fault, times: int = 1) -> None:
        """The next answers to this path go wrong, after those that were added before."""
        self.remaining.setdefault(path, collections.deque()).extend([fault] * times)

    def let(self, weather: Weather | None, seed: int = 1) -> None:
        """From now on failures come by chance, the same for the same seed and the same requests; None: no more."""
        self._weather, self._chance = weather, random.Random(seed)
        self._burst.clear()
        self._in_a_row.clear()

    def take(self, path: str) -> Fault | None:
        """The fault of this answer, or None."""
        waiting = self.remaining.get(path)
        if waiting:
            return waiting.popleft()
        fault = self._by_chance(path) if self._weather is not None else None
        self._in_a_row[path] = self._in_a_row[path] + 1 if fault else 0
        return fault

    def _by_chance(self, path: str) -> Fault | None:
        weather = self._weather
        if weather is None or self._in_a_row[path] >= weather.in_a_row:
            return None
        if not self._burst and weather.refusals and self._chance.randrange(weather.burst_one_in) == 0:
            self._burst.extend([self._chance.choice(weather.refusals)] * weather.burst)
        if self._burst:
            return self._burst.popleft()
        is_page = path.startswith("/orders/")
        if is_page or not weather.bodies or self._chance.randrange(weather.one_in):
            return None
        return self._chance.choice(weather.bodies)
