"""A circuit breaker per portal host: if the host fails, all its orders wait, and one of them is tried as a probe.

Pure: time and randomness are passed in, nothing waits. `dispatch/order_queue.py` does the waiting: it gives out no
orders of a blocked host, and sleeps until something changes.

A circuit belongs to the host of the orders' pages. It counts the failures of each host that its orders need: its own,
and hosts that only serve files. So a file server that is down blocks only the orders that need it.

If no connection to a portal can be made, its orders wait after the first failure, and one tries again shortly after.
`reachability` decides what the failure means: after two mistakes in a row the host is given up at once, and whatever
needs it fails. The same applies to a host of files, except that no order waits for it, as most may not need it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, TypeAlias

from po_pw import errors, humanize, models, net_errors
from po_pw.dispatch import reachability

if TYPE_CHECKING:
    from collections.abc import Callable

_DOUBLINGS: Final = 60
"""More doublings would finally overflow."""
_OUTAGE_CODES: Final = frozenset(
    {models.ErrorCode.NETWORK, models.ErrorCode.TIMEOUT, models.ErrorCode.PORTAL_ERROR, models.ErrorCode.RATE_LIMITED}
)
"""Codes of failures that may mean an outage."""
_ANSWERED_CODES: Final = frozenset({models.ErrorCode.PORTAL_ERROR, models.ErrorCode.RATE_LIMITED})
"""Codes of errors that the host itself sent: the order may be their cause."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """When a host counts as down, and how it is probed."""

    base: float
    """Upper bound of the first wait, in seconds."""
    cap: float
    """Maximum of that bound, which doubles with each failed probe, in seconds."""
    give_up: float
    """Seconds of failed probes after which the host is given up."""
    confirm: float = 2.0
    """Seconds until the second attempt, if no connection to the host could be made."""
    unknown: float = 300.0
    """Like `give_up`, for a host that has never answered, or that only serves files."""
    failures: int = 4
    """Failures in a row that open the circuit."""
    orders: int = 2
    """Minimum number of different orders among them: one order that always fails does not prove an outage."""


@dataclasses.dataclass(frozen=True, slots=True)
class Doubted:
    """No connection could be made: the host is tried once more before anything is concluded."""

    host: str
    why: str
    wait: float
    is_slow: bool = False
    """The attempt took long to fail."""


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The host does not answer: all its orders wait."""

    host: str
    why: str
    wait: float
    """Seconds until the next probe."""
    left: float
    """Seconds until the host is given up."""
    is_offline: bool = False
    """This machine has no network."""
    is_news: bool = True
    """False if it was open before, and another probe failed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Throttled:
    """The host asked us to wait."""

    host: str
    wait: float


@dataclasses.dataclass(frozen=True, slots=True)
class Closed:
    """The host answers again; its orders continue."""

    host: str
    after: float
    """Seconds of the outage."""


@dataclasses.dataclass(frozen=True, slots=True)
class GivenUp:
    """The host did not answer for `Policy.give_up` seconds: its orders are left for another run."""

    host: str
    why: str
    after: float
    is_offline: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """The host cannot be reached and waiting would not help: whatever needs it fails."""

    host: str
    why: str
    code: models.ErrorCode


Change: TypeAlias = Doubted | Opened | Throttled | Closed | GivenUp | Refused


def is_outage(error: errors.OrderError) -> bool:
    """Whether an error may mean that the host is down or overloaded."""
    is_own = isinstance(error, errors.BrowserLostError | errors.OutputUnavailableError)
    return isinstance(error, errors.TransientError) and not is_own and error.code in _OUTAGE_CODES


@dataclasses.dataclass(slots=True)
class _Streak:
    failures: int = 0
    orders: set[models.OrderKey] = dataclasses.field(default_factory=set)


class CircuitBreaker:
    """The circuit of one portal host.

    Closed: all orders are leased. Open: none until the wait is over, then one as a probe. If it succeeds, the circuit
    closes; if it fails, the next wait is longer. Orders that have not failed since the circuit opened are preferred.

    Args:
        host: its name, for messages.
        policy: limits and waits.
        random: uniform in [0, 1).
        hosts: what is known about all hosts; empty by default.
    """

    def __init__(
        self, host: str, policy: Policy, random: Callable[[], float], hosts: reachability.Hosts | None = None
    ) -> None:
        self.host = host
        self.is_given_up = False
        """Whether the host is given up in this run, and its orders are left for another."""
        self._policy = policy
        self._random = random
        self._hosts = hosts or reachability.Hosts()
        self._streaks: dict[str, _Streak] = {}
        self._opened_at: float | None = None
        self._since = 0.0
        """When the outage began."""
        self._needed = host
        """The host that failed: this one, or one of files."""
        self._quiet = False
        """Open without a message: only a probe will show whether the host is down."""
        self._doubted = False
        """The second attempt after a failed connection is still to come."""
        self._mistaken = False
        """Waiting would not help against the latest failure; a second one like it proves the mistake."""
        self._files_since: dict[str, float] = {}
        """Time of the first such failure, by file host."""
        self._until = 0.0
        self._blocked_since: float | None = None
        self._waited = 0.0
        """Seconds of all earlier blocks."""
        self._probe: int | None = None
        """Number of the lease that is the probe."""
        self._doublings = 0
        self._tried: set[models.OrderKey] = set()
        """Orders that failed since the circuit opened."""
        self._nothing_else = False
        """Every order that could be the probe has failed since then."""

    def __repr__(self) -> str:
        state = "closed" if self._opened_at is None else f"open since {self._opened_at:.1f}"
        return f"<Circuit {self.host} {state} until:{self._until:.1f} probe:{self._probe}>"

    def is_open(self) -> bool:
        """Whether the host counts as down."""
        return self._opened_at is not None

    def is_blocked(self, now: float) -> bool:
        """Whether no order of this host may be leased now."""
        return self._until > now or self._probe is not None or self.is_given_up

    def is_half_open(self, now: float) -> bool:
        """Whether one order may be leased as a probe."""
        return self._opened_at is not None and not self.is_blocked(now)

    def has_failed(self, key: models.OrderKey) -> bool:
        """Whether this order failed since the circuit opened."""
        return key in self._tried

    def next_change(self, now: float) -> float | None:
        """When orders may be leased again; None if now, never, or when the probe ends."""
        return self._until if self._until > now and self._probe is None and not self.is_given_up else None

    def is_probe(self, lease: models.Lease) -> bool:
        """Whether this order is the probe."""
        return self._probe == lease.number

    def leased(self, lease: models.Lease, now: float) -> None:
        """Records that an order was leased; if the circuit is open, it becomes the probe."""
        if self.is_half_open(now):
            self._nothing_else = lease.order.key in self._tried
            self._probe = lease.number

    def released(self, lease: models.Lease) -> None:
        """Records that an order was returned or settled; after a probe without a result, another follows."""
        if self._probe == lease.number:
            self._probe = None

    def succeeded(self, needed: str, lease: models.Lease, now: float) -> Closed | None:
        """Records that a host which an order needed answered; ignored if the lease is older than the open circuit.

        If a host of files is down, a probe that does not need it leaves the circuit open, and the next order becomes
        the probe: so orders without such files are processed one after another.
        """
        self._streaks.pop(needed, None)
        self._files_since.pop(needed, None)
        if self._opened_at is None or self._probe != lease.number or needed != self._needed:
            return None
        back = None if self._quiet and not self._doubted else Closed(self._needed, now - self._opened_at)
        self._close(now)
        return back

    def _close(self, now: float) -> None:
        self._add_wait(now)
        self._opened_at, self._probe, self._until = None, None, 0.0
        self._quiet = self._doubted = self._mistaken = False
        self._streaks.clear()
        self._tried.clear()

    def failed(
        self, needed: str, lease: models.Lease, error: errors.OrderError, now: float
    ) -> tuple[Change | None, bool]:
        """Records that a host which an order needed did not answer, or answered with an error.

        Returns:
            The change, and whether only the host is to blame: then the failure does not count as an attempt. A failed
            probe is the host's fault, unless the host answered and every remaining order has failed: then the fault
            may as well be the orders'.
        """
        retry_after = getattr(error, "retry_after", None) or 0.0
        if self._opened_at is not None:
            return self._failed_open(needed, lease, error, retry_after, now)
        was_blocked = self._until > now
        if isinstance(error, errors.HostUnreachableError):
            if needed == self.host and self._concerns_host(error):
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
            return self._opened(error, self._wait(retry_after, now), now), True
        if retry_after > 0:
            longer = now + retry_after > self._until
            self._block(now + retry_after, now)
            return (Throttled(needed, retry_after) if longer and not was_blocked else None), was_blocked
        return None, was_blocked

    def _concerns_host(self, error: errors.HostUnreachableError) -> bool:
        """Whether the failure concerns the whole host: one that has answered may fail for a single page."""
        return net_errors.MEANINGS[error.fault].concerns_host or not self._hosts.has_answered(error.host)

    def _doubt(self, needed: str, error: errors.HostUnreachableError, now: float) -> Doubted:
        self._doubted, self._needed, self._since = True, needed, now
        self._mistaken = self._hosts.cause_of(error, now) is reachability.Cause.MISTAKE
        self._block(now + self._policy.confirm, now)
        return Doubted(needed, self._why(error), self._policy.confirm, error.fault is models.NetFault.SILENT)

    def _is_mistake_of_files(self, error: errors.HostUnreachableError, now: float) -> bool:
        if self._hosts.cause_of(error, now) is not reachability.Cause.MISTAKE:
            return False
        return now - self._files_since.setdefault(error.host, now) >= self._policy.confirm

    def _opened(self, error: errors.OrderError, wait: float, now: float, *, is_news: bool = True) -> Opened:
        left = max(0.0, self._limit(error) - (now - self._since))
        return Opened(self._needed, self._why(error), wait, left, self._is_offline(error), is_news)

    def _why(self, error: errors.OrderError) -> str:
        """The reason in a few words, with the host's name if a redirect led to another host."""
        if not isinstance(error, errors.HostUnreachableError):
            return str(error)
        why = net_errors.MEANINGS[error.fault].why
        return why if error.host in {self.host, self._needed} else f"{error.host}: {why}"

    def _is_offline(self, error: errors.OrderError) -> bool:
        if not isinstance(error, errors.HostUnreachableError):
            return False
        return self._hosts.cause_of(error, self._since) is reachability.Cause.OFFLINE

    def _limit(self, error: errors.OrderError) -> float:
        """Seconds after which the host is given up, in the current state."""
        is_portal = self._needed == self.host
        if self._is_offline(error) or (is_portal and self._hosts.is_known(self._needed)):
            return self._policy.give_up
        return min(self._policy.give_up, self._policy.unknown)

    def _failed_open(
        self, needed: str, lease: models.Lease, error: errors.OrderError, retry_after: float, now: float
    ) -> tuple[Change | None, bool]:
        if self._probe != lease.number:
            if retry_after > 0:
                self._block(now + retry_after, now)
            return None, True
        its_own = self._nothing_else and error.code in _ANSWERED_CODES
        self._probe = None
        self._tried.add(lease.order.key)
        if needed != self._needed:
            self._needed, self._since, self._mistaken = needed, now, False
        if isinstance(error, errors.HostUnreachableError):
            if self._quiet and not self._doubted:
                return self._doubt(needed, error, now), True
            was_mistaken = self._mistaken
            self._mistaken = self._hosts.cause_of(error, self._since) is reachability.Cause.MISTAKE
            if self._mistaken and was_mistaken:
                self._close(now)
                return self._refuse(needed, str(error), error.code), False
        if self._quiet and not self._doubted:
            self._since = now
        was_quiet, self._quiet, self._doubted = self._quiet, False, False
        wait = self._wait(retry_after, now)
        if was_quiet or now - self._since < self._limit(error):
            return self._opened(error, wait, now, is_news=was_quiet), not its_own
        return self._end(error, now), not its_own

    def _end(self, error: errors.OrderError, now: float) -> Change:
        """Gives up: the orders of a portal that answered before are left for another run, anything else fails."""
        after = now - self._since
        is_offline = self._is_offline(error)
        if is_offline or (self._needed == self.host and self._hosts.is_known(self.host)):
            self.is_given_up = True
            return GivenUp(self._needed, self._why(error), after, is_offline)
        never = "" if self._hosts.is_known(self._needed) else " and did not answer before"
        message = f"{self._needed} has not answered for {humanize.duration(after)}{never} ({self._why(error)})"
        self._close(now)
        return self._refuse(self._needed, message, error.code)

    def _refuse(self, host: str, why: str, code: models.ErrorCode) -> Refused:
        self._hosts.give_up(host, why, code)
        return Refused(host, why, code)

    def check(self, now: float) -> None:
        """Leases only one order, as a probe, until it has a result, e.g. after the machine slept."""
        if self._opened_at is None:
            self._add_wait(now)
            self._blocked_since = now
            self._opened_at, self._quiet, self._doublings, self._needed = now, True, 0, self.host
            self._since = now
        self._until, self._probe = now, None

    def excuse(self, seconds: float, now: float) -> None:
        """Ignores a pause of the run: it counts neither towards giving up the host nor towards giving up its orders."""
        self._since = min(now, self._since + seconds)
        self._waited += seconds

    def waited(self, now: float) -> float:
        """Total seconds during which orders of this host were blocked."""
        if self._blocked_since is None:
            return self._waited
        end = now if self._opened_at is not None else min(now, self._until)
        return self._waited + max(0.0, end - self._blocked_since)

    def _wait(self, retry_after: float, now: float) -> float:
        bound = min(self._policy.cap, self._policy.base * 2.0 ** min(self._doublings, _DOUBLINGS))
        self._doublings += 1
        wait = max(self._random() * bound, retry_after, self._until - now)
        self._block(now + wait, now)
        return wait

    def _block(self, until: float, now: float) -> None:
        if self._blocked_since is None or (self._opened_at is None and self._until <= now):
            self._add_wait(now)
            self._blocked_since = now
        self._until = max(self._until, until)

    def _add_wait(self, now: float) -> None:
        self._waited, self._blocked_since = self.waited(now), None
