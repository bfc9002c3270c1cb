"""What the portal does wrong on purpose: a few failures, each by the path that has them."""

from __future__ import annotations

import collections
import enum


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


STATUS = {Fault.UNAVAILABLE: 503, Fault.TOO_MANY: 429, Fault.SERVER_ERROR: 500}
"""The faults that are an answer with a status of its own; the others spoil a body."""


class Faults:
    """The failures still to come, by path. Once they are used up, the path works."""

    def __init__(self) -> None:
        self.remaining: dict[str, collections.deque[Fault]] = {}

    def add(self, path: str, fault: Fault, times: int = 1) -> None:
        """The next answers to this path go wrong, after those that were added before."""
        self.remaining.setdefault(path, collections.deque()).extend([fault] * times)

    def take(self, path: str) -> Fault | None:
        """The fault of this answer, or None."""
        waiting = self.remaining.get(path)
        return waiting.popleft() if waiting else None
