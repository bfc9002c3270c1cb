"""A host that fails for everyone: all workers wait together, one order tries, and its answer lets the others go on.

Pure: time and chance are passed in, nothing waits. `engine/source.py` is the side that waits: it gives out no order of
a host that is held, and sleeps until something changes.

What fails is told apart from who waits: a circuit is that of the host of orders' pages, and counts the failures of each
host its orders need, its own and those that only hand out files. So a dead file server holds the orders that need it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, TypeAlias

from po_pw import errors, models

if TYPE_CHECKING:
    from collections.abc import Callable

_DOUBLINGS: Final = 60
_KINDS: Final = frozenset(
    {models.ErrorCode.NETWORK, models.ErrorCode.TIMEOUT, models.ErrorCode.PORTAL_ERROR, models.ErrorCode.RATE_LIMITED}
)
_ANSWERS: Final = frozenset({models.ErrorCode.PORTAL_ERROR, models.ErrorCode.RATE_LIMITED})
"""The host is there, and refuses: that may be the order's own fault."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """When a host is taken to be down, and how it is tried."""

    base: float
    """Seconds of the first wait's upper bound."""
    cap: float
    """Seconds that no wait's upper bound exceeds."""
    give_up: float
    """Seconds of nothing but failed tries, after which the run ends."""
    failures: int = 4
    """In a row, without an answer between."""
    orders: int = 2
    """Different ones among them: one order that always fails is its own problem."""


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The host does not answer: everybody waits."""

    host: str
    why: str
    wait: float
    """Seconds until one order tries."""


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """The host asks everybody to wait."""

    host: str
    wait: float


@dataclasses.dataclass(frozen=True, slots=True)
class Back:
    """The host answers again."""

    host: str
    after: float
    """Seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class GivenUp:
    """The host has not answered for as long as we were to wait."""

    host: str
    why: str
    after: float


Change: TypeAlias = Opened | Held | Back | GivenUp


def is_outage(error: errors.OrderError) -> bool:
    """Whether an error may mean that the host is down or overloaded: no answer, or one that says so."""
    mine = isinstance(error, errors.BrowserLost | errors.OutputUnavailable)
    return isinstance(error, errors.Transient) and not mine and error.code in _KINDS


@dataclasses.dataclass(slots=True)
class _Streak:
    failures: int = 0
    orders: set[models.OrderKey] = dataclasses.field(default_factory=set)


class Circuit:
    """What is known of the host of some orders.

    Closed, everybody may go. Open, nobody may until the wait is over, and then one, the probe: its success closes, its
    failure opens again for longer. A probe is an order that has not failed since it opened, while there is one.

    Args:
        host: its name, for people.
        policy: the bounds.
        random: uniform in [0, 1).
    """

    def __init__(self, host: str, policy: Policy, random: Callable[[], float]) -> None:
        self.host = host
        self._policy = policy
        self._random = random
        self._streaks: dict[str, _Streak] = {}
        self._opened_at: float | None = None
        self._since = 0.0
        self._needed = host
        self._quiet = False
        self._until = 0.0
        self._held_from: float | None = None
        self._waited = 0.0
        self._probe: int | None = None
        self._doublings = 0
        self._tried: set[models.OrderKey] = set()
        self._nothing_else = False

    def __repr__(self) -> str:
        state = "closed" if self._opened_at is None else f"open since {self._opened_at:.1f}"
        return f"<Circuit {self.host} {state} until:{self._until:.1f} probe:{self._probe}>"

    def is_open(self) -> bool:
        """Whether the host is taken to be down."""
        return self._opened_at is not None

    def is_held(self, now: float) -> bool:
        """Whether nobody may take an order of this host now."""
        return self._until > now or self._probe is not None

    def is_picky(self, now: float) -> bool:
        """Whether one order may go, to try: better one that has not failed yet."""
        return self._opened_at is not None and not self.is_held(now)

    def has_failed(self, key: models.OrderKey) -> bool:
        """Whether this order failed since the circuit opened."""
        return key in self._tried

    def next_change(self, now: float) -> float | None:
        """When somebody may go; None where that is now, or depends on the probe."""
        return self._until if self._until > now and self._probe is None else None

    def leased(self, lease: models.Lease, now: float) -> None:
        """Somebody took an order: where the circuit is open it is the probe."""
        if self.is_picky(now):
            self._nothing_else = lease.order.key in self._tried
            self._probe = lease.number

    def released(self, lease: models.Lease) -> None:
        """An order went back or was settled; a probe that learnt nothing leaves the trying to the next."""
        if self._probe == lease.number:
            self._probe = None

    def succeeded(self, needed: str, lease: models.Lease, now: float) -> Back | None:
        """A host that an order needed answered. What began before the circuit opened proves nothing now.

        Where a host that only hands out files is down, a probe that does not need it leaves the trying to the next: so
        such orders come through, one after another.
        """
        self._streaks.pop(needed, None)
        if self._opened_at is None or self._probe != lease.number:
            return None
        self._since = now
        if needed != self._needed:
            return None
        back = Back(self._needed, now - self._opened_at)
        quiet, self._quiet = self._quiet, False
        self._fold(now)
        self._opened_at, self._probe, self._until = None, None, 0.0
        self._streaks.clear()
        self._tried.clear()
        return None if quiet else back

    def failed(
        self, needed: str, lease: models.Lease, error: errors.OrderError, now: float
    ) -> tuple[Change | None, bool]:
        """A host that an order needed did not answer, or answered that it cannot.

        Gives what changed, and whether the failure is the host's alone: then it is no attempt of the order. A probe's
        is, unless the host answered and every order that is left has failed by now: then nothing tells the host's
        fault from the orders' own.
        """
        asked = getattr(error, "retry_after", None) or 0.0
        if self._opened_at is not None:
            return self._failed_open(lease, error, asked, now)
        was_held = self._until > now
        streak = self._streaks.setdefault(needed, _Streak())
        streak.failures += 1
        streak.orders.add(lease.order.key)
        if streak.failures >= self._policy.failures and len(streak.orders) >= self._policy.orders:
            self._tried, self._doublings = set(streak.orders), 0
            self._opened_at = self._since = now
            self._needed = needed
            return Opened(needed, str(error), self._wait(asked, now)), True
        if asked > 0:
            longer = now + asked > self._until
            self._hold(now + asked, now)
            return (Held(needed, asked) if longer and not was_held else None), was_held
        return None, was_held

    def _failed_open(
        self, lease: models.Lease, error: errors.OrderError, asked: float, now: float
    ) -> tuple[Change | None, bool]:
        if self._probe != lease.number:
            if asked > 0:
                self._hold(now + asked, now)
            return None, True
        its_own = self._nothing_else and error.code in _ANSWERS
        self._probe = None
        self._tried.add(lease.order.key)
        wait = self._wait(asked, now)
        if self._quiet:
            self._quiet, self._since = False, now
            return Opened(self.host, str(error), wait), not its_own
        if now - self._since >= self._policy.give_up:
            return GivenUp(self._needed, str(error), now - self._since), not its_own
        return None, not its_own

    def check(self, now: float) -> None:
        """One order goes first, whatever was known: after the machine slept, say."""
        if self._opened_at is None:
            self._fold(now)
            self._held_from = now
            self._opened_at, self._quiet, self._doublings, self._needed = now, True, 0, self.host
        self._until, self._probe = now, None

    def waited(self, now: float) -> float:
        """Seconds for which nobody could go, all in all."""
        if self._held_from is None:
            return self._waited
        end = now if self._opened_at is not None else min(now, self._until)
        return self._waited + max(0.0, end - self._held_from)

    def _wait(self, asked: float, now: float) -> float:
        bound = min(self._policy.cap, self._policy.base * 2.0 ** min(self._doublings, _DOUBLINGS))
        self._doublings += 1
        wait = max(self._random() * bound, asked, self._until - now)
        self._hold(now + wait, now)
        return wait

    def _hold(self, until: float, now: float) -> None:
        if self._held_from is None or (self._opened_at is None and self._until <= now):
            self._fold(now)
            self._held_from = now
        self._until = max(self._until, until)

    def _fold(self, now: float) -> None:
        self._waited, self._held_from = self.waited(now), None
