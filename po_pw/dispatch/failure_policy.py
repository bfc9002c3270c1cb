"""Decides what caused a failed attempt: the order, the host, the browser, or a machine that slept.

It keeps the history that `retry.decide` needs, reports successes and failures to the circuit breakers, and is the gate
that blocks orders of a host that is down.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, events, humanize, models, net_errors
from po_pw.dispatch import circuit_breaker, reachability, retry
from po_pw.machine import clocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MIN_REPORTED_WAIT = 3.0
"""Seconds: shorter waits that a host asks for are not reported."""
_REPORT_INTERVAL = 600.0
"""Seconds between two messages about a host that does not answer."""
_NO_ANSWER = frozenset({models.ErrorCode.NETWORK, models.ErrorCode.INVALID_URL, models.ErrorCode.INTERNAL})
"""Codes of failures that do not prove that the host answered."""


@dataclasses.dataclass(slots=True)
class _OrderHistory:
    """History of one open order."""

    first_failed: float | None = None
    """Time of its first failure, by `FailurePolicy.unblocked_time`."""
    page_losses: int = 0
    """Browsers lost with its page open."""
    file_losses: int = 0
    """Browsers lost while only its files were downloading."""


@dataclasses.dataclass(slots=True)
class _Attempt:
    slept_before: float
    """Seconds that the machine had been suspended when it began."""
    on_page: bool = True
    """The order's page has not been read yet."""
    is_recorded: bool = False
    """The circuit knows of its failure."""
    excused: bool = False
    """It failed because of the host."""


@dataclasses.dataclass(frozen=True, slots=True)
class FileResult:
    """The result of one file of an attempt."""

    attachment_id: str
    url: str
    """The address that was requested."""
    error: errors.OrderError | None
    """None: the file is saved."""


class FailurePolicy:
    """Evaluates the attempts of a run; also the gate of its order queue.

    Args:
        policy: limits and delays for single orders.
        outages: limits and delays for hosts.
        random: uniform in [0, 1).
        now: monotonic seconds.
        notify: called with messages for the user.
        on_given_up: called when all remaining orders belong to hosts that were given up.
        emit: receives events about hosts that are waited for.
        hosts: what is known about all hosts; empty by default.
        on_change: called when blocked orders may be leased again.
        asleep: seconds that the machine has been suspended so far.
        fails_given_up: orders of a host that was given up fail at once, because a caller waits for each; else they are
            left for another run.
    """

    def __init__(
        self,
        policy: retry.Policy,
        outages: circuit_breaker.Policy,
        *,
        random: Callable[[], float],
        now: Callable[[], float],
        notify: Callable[[str], None],
        on_given_up: Callable[[errors.PoPwError], None],
        on_change: Callable[[], None],
        emit: Callable[[events.Event], None] = lambda _event: None,
        hosts: reachability.Hosts | None = None,
        asleep: Callable[[], float] = clocks.seconds_suspended,
        fails_given_up: bool = False,
    ) -> None:
        self._policy = policy
        self._outages = outages
        self._random = random
        self._now = now
        self._notify = notify
        self._on_given_up = on_given_up
        self._on_change = on_change
        self._asleep = asleep
        self._fails_given_up = fails_given_up
        self._emit = emit
        self._hosts = hosts or reachability.Hosts()
        self._circuits: dict[str, circuit_breaker.CircuitBreaker] = {}
        self._open_orders: collections.Counter[str] = collections.Counter()
        """Number of open orders, by host."""
        self._paused_hosts: set[str] = set()
        """Hosts whose sign-in is being renewed."""
        self._abandoned: dict[str, errors.PoPwError] = {}
        """Hosts that were given up, with the error."""
        self._reported_at: dict[str, float] = {}
        """Time of the last message, by host that does not answer."""
        self._offline: set[str] = set()
        """Hosts that are blocked because this machine has no network."""
        self._attempts: dict[int, _Attempt] = {}
        self._histories: dict[models.OrderKey, _OrderHistory] = {}

    def expect(self, orders: Iterable[models.PurchaseOrder]) -> None:
        """Announces orders that will be leased."""
        for order in orders:
            self._open_orders[self._circuit(order.url).host] += 1
        self._end_if_all_abandoned()

    # --- the gate ---------------------------------------------------------------------------------------------------

    def blocks_all(self, now: float) -> bool:
        """Whether no order may be leased."""
        return bool(self._circuits) and all(self._is_blocked(circuit, now) for circuit in self._circuits.values())

    def blocked(self, now: float) -> tuple[Callable[[models.PurchaseOrder], bool], ...]:
        """Filters for blocked orders; the first also excludes orders that have failed: they are the second choice."""
        if not any(self._is_blocked(circuit, now) or circuit.is_half_open(now) for circuit in self._circuits.values()):
            return ()

        def is_blocked(order: models.PurchaseOrder) -> bool:
            return self._is_blocked(self._circuit(order.url), now)

        def is_blocked_or_failed(order: models.PurchaseOrder) -> bool:
            circuit = self._circuit(order.url)
            return self._is_blocked(circuit, now) or (circuit.is_half_open(now) and circuit.has_failed(order.key))

        return is_blocked_or_failed, is_blocked

    def _is_blocked(self, circuit: circuit_breaker.CircuitBreaker, now: float) -> bool:
        if circuit.host in self._abandoned:
            return not self._fails_given_up
        return circuit.host in self._paused_hosts or circuit.is_blocked(now)

    def pause_host(self, host: str) -> None:
        """Blocks orders of this host until `resume_host` or `give_up`; `host` is as from `net_errors.authority_of`."""
        self._paused_hosts.add(host)
        self._on_change()

    def resume_host(self, host: str) -> None:
        """Lets orders of this host be leased again."""
        self._paused_hosts.discard(host)
        self._on_change()

    def give_up(self, host: str, error: errors.PoPwError) -> None:
        """Leaves orders of this host for another run, or lets them fail at once. Other hosts are not affected."""
        self._paused_hosts.discard(host)
        self._abandoned[host] = error
        self._end_if_all_abandoned()
        self._on_change()

    def next_change(self, now: float) -> float | None:
        """When the next wait ends."""
        times = [when for circuit in self._circuits.values() if (when := circuit.next_change(now)) is not None]
        return min(times, default=None)

    def leased(self, lease: models.Lease, now: float) -> None:
        """Records the start of an attempt."""
        self._attempts[lease.number] = _Attempt(self._asleep())
        circuit = self._circuit(lease.order.url)
        circuit.leased(lease, now)
        if circuit.is_probe(lease):
            self._emit(events.HostTried(circuit.host))

    def released(self, lease: models.Lease, *, settled: bool) -> None:
        """Records its end."""
        self._attempts.pop(lease.number, None)
        circuit = self._circuit(lease.order.url)
        circuit.released(lease)
        if settled:
            self._histories.pop(lease.order.key, None)
            self._open_orders[circuit.host] -= 1
            self._end_if_all_abandoned()

    def is_abandoned(self, order: models.PurchaseOrder) -> bool:
        """Whether this order is left for another run, because its host was given up."""
        circuit = self._circuit(order.url)
        return not self._fails_given_up and (circuit.is_given_up or circuit.host in self._abandoned)

    def _end_if_all_abandoned(self) -> None:
        if self._fails_given_up:
            return
        if self._abandoned and all(host in self._abandoned for host, count in self._open_orders.items() if count > 0):
            self._on_given_up(next(iter(self._abandoned.values())))

    # --- what happened ----------------------------------------------------------------------------------------------

    def page_read(self, lease: models.Lease) -> None:
        """Records that the order's page was read, so its host answers. Its files may still be downloading."""
        if (attempt := self._attempts.get(lease.number)) is not None:
            attempt.on_page = False
        self._succeeded(net_errors.authority_of(lease.order.url), lease)

    def check(self, url: str) -> None:
        """Checks that the host of an address was not given up.

        Raises:
            PermanentError: it was, because it cannot be reached or its sign-in cannot be renewed.
        """
        host = net_errors.authority_of(url)
        refused = self._hosts.why_given_up(host)
        if refused is not None:
            raise refused
        if (abandoned := self._abandoned.get(host)) is not None:
            needs_sign_in = isinstance(abandoned, errors.LoginRequiredError)
            code = models.ErrorCode.SIGN_IN_NEEDED if needs_sign_in else models.ErrorCode.NETWORK
            raise errors.PermanentError(str(abandoned).partition("\n")[0], code) from abandoned

    def may_abandon(self, lease: models.Lease) -> bool:
        """Whether an attempt in progress may be ended when the run stops, because its host does not seem to answer."""
        circuit = self._circuit(lease.order.url)
        return circuit.is_open() or not self._hosts.has_answered(circuit.host)

    def files_done(self, lease: models.Lease, results: Iterable[FileResult]) -> dict[str, errors.OrderError]:
        """Records the results of all files of an attempt, for each host involved.

        Returns:
            The failures by attachment id; for a host that was given up, why it was.
        """
        failed: dict[str, errors.OrderError] = {}
        for result in results:
            host, error = net_errors.authority_of(result.url), result.error
            if error is None:
                self._succeeded(host, lease)
                continue
            needed = error.host if isinstance(error, errors.HostUnreachableError) else host
            self._failed(needed, lease, error, is_page_read=True)
            failed[result.attachment_id] = self._hosts.why_given_up(needed) or error
        return failed

    def failed(self, lease: models.Lease, error: errors.OrderError) -> errors.OrderError:
        """Records that the attempt failed, unless `files_done` did already. Returns the error that is the order's."""
        attempt = self._attempts.get(lease.number)
        if attempt is not None and not attempt.is_recorded:
            needed = net_errors.authority_of(lease.order.url)
            self._failed(needed, lease, error)
            error = self._hosts.why_given_up(needed) or error
        history = self._history(lease)
        if isinstance(error, errors.BrowserLostError) and attempt is not None:
            history.page_losses += attempt.on_page
            history.file_losses += not attempt.on_page
        if history.first_failed is None:
            history.first_failed = self.unblocked_time(lease)
        return error

    def decide(self, error: errors.OrderError, lease: models.Lease) -> retry.Decision:
        """Decides whether and when to retry; changes nothing."""
        history, attempt = self._history(lease), self._attempts.get(lease.number)
        excused = attempt is not None and attempt.excused and circuit_breaker.is_outage(error)
        since = history.first_failed
        past = retry.AttemptHistory(
            tried_for=0.0 if since is None else self.unblocked_time(lease) - since,
            excused=self._slept(attempt) or excused,
            on_page=attempt is None or attempt.on_page,
            page_losses=history.page_losses,
            file_losses=history.file_losses,
        )
        return retry.decide(error, lease.attempt, policy=self._policy, random=self._random, past=past)

    def unblocked_time(self, lease: models.Lease) -> float:
        """Seconds on a clock that stops while the order's host is blocked."""
        now = self._now()
        return now - self._circuit(lease.order.url).waited(now)

    def check_first(self) -> None:
        """After a sleep, lets one order of each host go first; the others follow when it succeeds."""
        for circuit in self._circuits.values():
            circuit.check(self._now())
        self._on_change()

    def excuse(self, seconds: float) -> None:
        """Ignores a pause of this many seconds: no host and no order is given up because of it."""
        for circuit in self._circuits.values():
            circuit.excuse(seconds, self._now())

    # --- the circuits -----------------------------------------------------------------------------------------------

    def _history(self, lease: models.Lease) -> _OrderHistory:
        return self._histories.setdefault(lease.order.key, _OrderHistory())

    def _circuit(self, url: str) -> circuit_breaker.CircuitBreaker:
        host = net_errors.authority_of(url)
        found = self._circuits.get(host)
        if found is None:
            found = self._circuits[host] = circuit_breaker.CircuitBreaker(
                host, self._outages, self._random, self._hosts
            )
        return found

    def _succeeded(self, needed: str, lease: models.Lease) -> None:
        self._hosts.answered(needed, self._now())
        circuit = self._circuit(lease.order.url)
        was_open = circuit.is_open()
        back = circuit.succeeded(needed, lease, self._now())
        self._offline.discard(circuit.host)
        if was_open and not circuit.is_open():
            self._emit(events.HostFree(circuit.host))
            if self._reported_at.pop(circuit.host, None) is not None and back is not None:
                self._notify(f"{back.host} answers again, after {humanize.duration(back.after)}: its orders continue")
        self._on_change()

    def _failed(
        self, needed: str, lease: models.Lease, error: errors.OrderError, *, is_page_read: bool = False
    ) -> None:
        attempt = self._attempts.get(lease.number)
        if attempt is not None:
            attempt.is_recorded = True
        if self._hosts.why_given_up(needed) is not None:
            return
        if isinstance(error, errors.PermanentError) and error.code not in _NO_ANSWER:
            self._succeeded(needed, lease)  # an error response is a response
        elif _has_answered(error):
            self._hosts.answered(needed, self._now())
        if not circuit_breaker.is_outage(error):
            return
        if self._slept(attempt):
            return  # the sleep may have caused the failure, so it says nothing about the host
        circuit = self._circuit(lease.order.url)
        change, excused = circuit.failed(needed, lease, error, self._now())
        # If an order's page opens each time but its files never do, excusing that would retry it for ever.
        is_for_files_alone = is_page_read and needed == circuit.host and isinstance(error, errors.HostUnreachableError)
        if attempt is not None:
            attempt.excused = attempt.excused or (excused and not is_for_files_alone)
        if change is not None:
            self._announce(circuit.host, change)
        self._on_change()

    def _slept(self, attempt: _Attempt | None) -> bool:
        return attempt is not None and self._asleep() - attempt.slept_before >= clocks.MIN_SLEEP

    def _announce(self, host: str, change: circuit_breaker.Change) -> None:
        """Reports a change by message and event; `host` is the host of the waiting orders."""
        match change:
            case circuit_breaker.Doubted():
                self._emit(events.HostWaits(host, change.why, change.wait))
                if change.is_slow:
                    self._notify(
                        f"{change.host} is not available ({change.why}): its orders wait while one of them tries again"
                    )
            case circuit_breaker.Opened():
                self._emit(events.HostWaits(host, change.why, change.wait, change.left, change.is_offline))
                self._report_outage(host, change)
            case circuit_breaker.Throttled():
                self._emit(events.HostWaits(host, f"{change.host} asked us to slow down", change.wait))
                if change.wait >= _MIN_REPORTED_WAIT:
                    self._notify(
                        f"{change.host} asked us to slow down: its orders wait {humanize.duration(change.wait)}"
                    )
            case circuit_breaker.Refused():
                self._emit(events.HostFree(host, change.why))
                self._offline.discard(host)
                what = "orders" if change.host == host else "files"
                end = "" if change.why.endswith(("?", "!", ".")) else "."
                self._notify(f"{change.why}{end} Its {what} fail; everything else continues.")
            case circuit_breaker.GivenUp():
                self._emit(events.HostFree(host))
                self._abandoned[host] = self._abandoned_error(change)
                self._notify(str(self._abandoned[host]))
                self._end_if_all_abandoned()
            case circuit_breaker.Closed():
                return

    def _report_outage(self, host: str, change: circuit_breaker.Opened) -> None:
        """Reports an outage once and then every ten minutes; without a network, once for all hosts."""
        now = self._now()
        is_first = not self._offline
        if change.is_offline:
            self._offline.add(host)
        else:
            self._offline.discard(host)
        if now - self._reported_at.get(host, now) < _REPORT_INTERVAL and not change.is_news:
            return
        self._reported_at[host] = now
        if change.is_offline and not is_first:
            return
        again = "" if change.is_news else " still"
        what = f"no network connection{again}" if change.is_offline else f"{change.host} is{again} not available"
        waits = "all orders wait" if change.is_offline else "its orders wait"
        next_try = f"next try in {humanize.duration(change.wait)}" if change.wait >= 1 else "trying again now"
        when = f"{next_try}, gives up at {clocks.at(change.left)}"
        self._notify(f"{what} ({change.why}): {waits}; {when}")

    @staticmethod
    def _abandoned_error(change: circuit_breaker.GivenUp) -> errors.PortalUnreachableError:
        what = "there was no network connection" if change.is_offline else f"{change.host} has not answered"
        when = "there is one" if change.is_offline else "it does"
        return errors.PortalUnreachableError(
            f"{what} for {humanize.duration(change.after)} ({change.why}). When {when}, run the same command "
            "again: it continues where this one stopped."
        )


def _has_answered(error: errors.OrderError) -> bool:
    """Whether a failure shows that the host answered."""
    if isinstance(error, errors.HostUnreachableError | errors.BrowserLostError | errors.OutOfSpaceError):
        return False
    return error.code not in _NO_ANSWER
