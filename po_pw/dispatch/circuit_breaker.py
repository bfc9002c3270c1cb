"""A host that fails for everyone: all workers wait together, one order tries, and its answer lets the others go on.

Pure: time and chance are passed in, nothing waits. `dispatch/order_queue.py` is the side that waits: it gives out no
order of a host that is held, and sleeps until something changes.

What fails is told apart from who waits: a circuit is that of the host of orders' pages, and counts the failures of each
host its orders need, its own and those that only hand out files. So a dead file server holds the orders that need it.

A portal to which no connection comes about at all is doubted at once, whoever asked, and tried again a little later.
What that means `reach` says: where it is twice a mistake, the host is given up there and then, and what needs it fails.
The same for a host of files, but nobody waits meanwhile: most orders may not need it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, TypeAlias

from po_pw import errors, models, net_errors
from po_pw.dispatch import reachability
from po_pw.machine import clocks

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
    """Seconds of nothing but failed tries, after which nobody waits for the host any more."""
    confirm: float = 2.0
    """Seconds until a host to which no connection came about is tried again."""
    unknown: float = 300.0
    """As `give_up`, of a host that has never answered, and of one that only hands out files."""
    failures: int = 4
    """In a row, without an answer between."""
    orders: int = 2
    """Different ones among them: one order that always fails is its own problem."""


@dataclasses.dataclass(frozen=True, slots=True)
class Doubted:
    """No connection to the host came about: it is tried again before anything is made of it."""

    host: str
    why: str
    wait: float
    is_slow: bool = False
    """It took long to find out."""


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The host does not answer: everybody waits."""

    host: str
    why: str
    wait: float
    """Seconds until one order tries."""
    left: float
    """Seconds until nobody waits for it any more."""
    is_offline: bool = False
    """It is this machine that has no network."""
    is_news: bool = True
    """False where one more try has failed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Throttled:
    """The host asks everybody to wait."""

    host: str
    wait: float


@dataclasses.dataclass(frozen=True, slots=True)
class Closed:
    """The host answers again."""

    host: str
    after: float
    """Seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class GivenUp:
    """The host has not answered for as long as we were to wait: its orders are for another run."""

    host: str
    why: str
    after: float
    is_offline: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """What needs the host fails: it cannot be reached, and waiting does not mend that."""

    host: str
    why: str
    code: models.ErrorCode


Change: TypeAlias = Doubted | Opened | Throttled | Closed | GivenUp | Refused


def is_outage(error: errors.OrderError) -> bool:
    """Whether an error may mean that the host is down or overloaded: no answer, or one that says so."""
    mine = isinstance(error, errors.BrowserLostError | errors.OutputUnavailableError)
    return isinstance(error, errors.TransientError) and not mine and error.code in _KINDS


@dataclasses.dataclass(slots=True)
class _Streak:
    failures: int = 0
    orders: set[models.OrderKey] = dataclasses.field(default_factory=set)


class CircuitBreaker:
    """What is known of the host of some orders.

    Closed, everybody may go. Open, nobody may until the wait is over, and then one, the probe: its success closes, its
    failure opens again for longer. A probe is an order that has not failed since it opened, while there is one.

    Args:
        host: its name, for people.
        policy: the bounds.
        random: uniform in [0, 1).
        hosts: what is known of all hosts; by default nothing.
    """

    def __init__(
        self, host: str, policy: Policy, random: Callable[[], float], hosts: reachability.Hosts | None = None
    ) -> None:
        self.host = host
        self.is_given_up = False
        """Nobody waits for it any more in this run, and its orders are for another."""
        self._policy = policy
        self._random = random
        self._hosts = hosts or reachability.Hosts()
        self._streaks: dict[str, _Streak] = {}
        self._opened_at: float | None = None
        self._since = 0.0
        self._needed = host
        self._quiet = False
        self._doubted = False
        self._mistaken = False
        """The latest failure was one that waiting does not mend; once more, and it is believed."""
        self._files_since: dict[str, float] = {}
        """When such a failure of a host of files was first met."""
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
        return self._until > now or self._probe is not None or self.is_given_up

    def is_half_open(self, now: float) -> bool:
        """Whether one order may go, to try: better one that has not failed yet."""
        return self._opened_at is not None and not self.is_held(now)

    def has_failed(self, key: models.OrderKey) -> bool:
        """Whether this order failed since the circuit opened."""
        return key in self._tried

    def next_change(self, now: float) -> float | None:
        """When somebody may go; None where that is now, depends on the probe, or is never."""
        return self._until if self._until > now and self._probe is None and not self.is_given_up else None

    def is_probe(self, lease: models.Lease) -> bool:
        """Whether this order tries for all."""
        return self._probe == lease.number

    def leased(self, lease: models.Lease, now: float) -> None:
        """Somebody took an order: where the circuit is open it is the probe."""
        if self.is_half_open(now):
            self._nothing_else = lease.order.key in self._tried
            self._probe = lease.number

    def released(self, lease: models.Lease) -> None:
        """An order went back or was settled; a probe that learnt nothing leaves the trying to the next."""
        if self._probe == lease.number:
            self._probe = None

    def succeeded(self, needed: str, lease: models.Lease, now: float) -> Closed | None:
        """A host that an order needed answered. What began before the circuit opened proves nothing now.

        Where a host that only hands out files is down, a probe that does not need it leaves the trying to the next: so
        such orders come through, one after another.
        """
        self._streaks.pop(needed, None)
        self._files_since.pop(needed, None)
        if self._opened_at is None or self._probe != lease.number or needed != self._needed:
            return None
        back = None if self._quiet and not self._doubted else Closed(self._needed, now - self._opened_at)
        self._close(now)
        return back

    def _close(self, now: float) -> None:
        self._fold(now)
        self._opened_at, self._probe, self._until = None, None, 0.0
        self._quiet = self._doubted = self._mistaken = False
        self._streaks.clear()
        self._tried.clear()

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
            return self._failed_open(needed, lease, error, asked, now)
        was_held = self._until > now
        if isinstance(error, errors.HostUnreachableError):
            if needed == self.host and self._is_everybodys(error):
                self._tried, self._doublings = {lease.order.key}, 0
                self._opened_at, self._quiet = now, True
                return self._doubt(needed, error, now), True
            if needed != self.host and self._is_mistake_of_files(error, now):
                return self._refuse(needed, str(error), error.code), False
        streak = self._streaks.setdefault(needed, _Streak())
        streak.failures += 1
        streak.orders.add(lease.order.key)
        if streak.failures >= self._policy.failures and len(streak.orders) >= self._policy.orders:
            self._tried, self._doublings = set(streak.orders), 0
            self._opened_at = self._since = now
            self._needed = needed
            return self._opened(error, self._wait(asked, now), now), True
        if asked > 0:
            longer = now + asked > self._until
            self._hold(now + asked, now)
            return (Throttled(needed, asked) if longer and not was_held else None), was_held
        return None, was_held

    def _is_everybodys(self, error: errors.HostUnreachableError) -> bool:
        """Whether it is no matter of one address: a host that has answered may yet drop a single page's connection."""
        return net_errors.MEANINGS[error.fault].is_everybodys or not self._hosts.has_answered(error.host)

    def _doubt(self, needed: str, error: errors.HostUnreachableError, now: float) -> Doubted:
        self._doubted, self._needed, self._since = True, needed, now
        self._mistaken = self._hosts.judge(error, now) is reachability.Verdict.MISTAKE
        self._hold(now + self._policy.confirm, now)
        return Doubted(needed, self._why(error), self._policy.confirm, error.fault is models.NetFault.SILENT)

    def _is_mistake_of_files(self, error: errors.HostUnreachableError, now: float) -> bool:
        if self._hosts.judge(error, now) is not reachability.Verdict.MISTAKE:
            return False
        return now - self._files_since.setdefault(error.host, now) >= self._policy.confirm

    def _opened(self, error: errors.OrderError, wait: float, now: float, *, is_news: bool = True) -> Opened:
        left = max(0.0, self._limit(error) - (now - self._since))
        return Opened(self._needed, self._why(error), wait, left, self._is_offline(error), is_news)

    def _why(self, error: errors.OrderError) -> str:
        """In a few words; which host it was that did not answer, where a redirect led to another."""
        if not isinstance(error, errors.HostUnreachableError):
            return str(error)
        why = net_errors.MEANINGS[error.fault].why
        return why if error.host in {self.host, self._needed} else f"{error.host}: {why}"

    def _is_offline(self, error: errors.OrderError) -> bool:
        if not isinstance(error, errors.HostUnreachableError):
            return False
        return self._hosts.judge(error, self._since) is reachability.Verdict.OFFLINE

    def _limit(self, error: errors.OrderError) -> float:
        """Seconds that the host is waited for, as matters stand."""
        is_portal = self._needed == self.host
        if self._is_offline(error) or (is_portal and self._hosts.is_known(self._needed)):
            return self._policy.give_up
        return min(self._policy.give_up, self._policy.unknown)

    def _failed_open(
        self, needed: str, lease: models.Lease, error: errors.OrderError, asked: float, now: float
    ) -> tuple[Change | None, bool]:
        if self._probe != lease.number:
            if asked > 0:
                self._hold(now + asked, now)
            return None, True
        its_own = self._nothing_else and error.code in _ANSWERS
        self._probe = None
        self._tried.add(lease.order.key)
        if needed != self._needed:
            self._needed, self._since, self._mistaken = needed, now, False
        if isinstance(error, errors.HostUnreachableError):
            if self._quiet and not self._doubted:
                return self._doubt(needed, error, now), True
            was_mistaken = self._mistaken
            self._mistaken = self._hosts.judge(error, self._since) is reachability.Verdict.MISTAKE
            if self._mistaken and was_mistaken:
                self._close(now)
                return self._refuse(needed, str(error), error.code), False
        if self._quiet and not self._doubted:
            self._since = now
        was_quiet, self._quiet, self._doubted = self._quiet, False, False
        wait = self._wait(asked, now)
        if was_quiet or now - self._since < self._limit(error):
            return self._opened(error, wait, now, is_news=was_quiet), not its_own
        return self._end(error, now), not its_own

    def _end(self, error: errors.OrderError, now: float) -> Change:
        """Nobody waits any more: for a portal that has answered once, another run will; all else fails."""
        after = now - self._since
        is_offline = self._is_offline(error)
        if is_offline or (self._needed == self.host and self._hosts.is_known(self.host)):
            self.is_given_up = True
            return GivenUp(self._needed, self._why(error), after, is_offline)
        never = "" if self._hosts.is_known(self._needed) else ", and never before"
        said = f"{self._needed} has not answered for {clocks.span(after)}{never} ({self._why(error)})"
        self._close(now)
        return self._refuse(self._needed, said, error.code)

    def _refuse(self, host: str, why: str, code: models.ErrorCode) -> Refused:
        self._hosts.give_up(host, why, code)
        return Refused(host, why, code)

    def check(self, now: float) -> None:
        """One order goes first, whatever was known: after the machine slept, say."""
        if self._opened_at is None:
            self._fold(now)
            self._held_from = now
            self._opened_at, self._quiet, self._doublings, self._needed = now, True, 0, self.host
            self._since = now
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
