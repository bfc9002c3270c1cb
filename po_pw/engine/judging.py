"""What a failed attempt was worth: the order's own fault, the host's, the browser's, or that of a machine that slept.

Remembers what `retry.decide` has to know of an order, feeds the circuits with what answered and what did not, and is
the gate that keeps orders of a host that is down from being given out.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from po_pw import errors, models
from po_pw.engine import circuit, clocks, retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from po_pw.engine import jobs

_SAY_FROM = 3.0
"""Seconds: a shorter wait that a host asks for is not worth a line."""


@dataclasses.dataclass(slots=True)
class _Case:
    """One order, as long as it is not settled."""

    first_failed: float | None = None
    """Seconds of `Judge.patient_time`."""
    browsers: int = 0
    losses: int = 0


@dataclasses.dataclass(slots=True)
class _Attempt:
    slept_before: float
    on_page: bool = True
    judged: bool = False
    excused: bool = False


class Judge:
    """Judges the attempts of a run; the gate of its source.

    Args:
        policy: of single orders.
        outages: of hosts.
        random: uniform in [0, 1).
        now: monotonic seconds.
        say: told what people should know.
        given_up: told when a host has not answered for as long as we were to wait.
        changed: called when orders may be given out that were held before.
        asleep: seconds that the machine has slept so far.
    """

    def __init__(
        self,
        policy: retry.Policy,
        outages: circuit.Policy,
        *,
        random: Callable[[], float],
        now: Callable[[], float],
        say: Callable[[str], None],
        given_up: Callable[[errors.PortalUnreachable], None],
        changed: Callable[[], None],
        asleep: Callable[[], float] = clocks.slept,
    ) -> None:
        self._policy = policy
        self._outages = outages
        self._random = random
        self._now = now
        self._say = say
        self._given_up = given_up
        self._changed = changed
        self._asleep = asleep
        self._circuits: dict[str, circuit.Circuit] = {}
        self._attempts: dict[int, _Attempt] = {}
        self._cases: dict[models.OrderKey, _Case] = {}

    def expect(self, orders: Iterable[models.PurchaseOrder]) -> None:
        """These orders will be given out; their hosts are known from now on."""
        for order in orders:
            self._circuit(order.url)

    # --- the gate ---------------------------------------------------------------------------------------------------

    def holds_all(self, now: float) -> bool:
        """Whether no order may be given out."""
        return bool(self._circuits) and all(one.is_held(now) for one in self._circuits.values())

    def held(self, now: float) -> tuple[Callable[[models.PurchaseOrder], bool], ...]:
        """Which orders may not be given out; first those that have not failed yet are wanted."""
        if not any(one.is_held(now) or one.is_picky(now) for one in self._circuits.values()):
            return ()

        def held(order: models.PurchaseOrder) -> bool:
            return self._circuit(order.url).is_held(now)

        def held_or_failed(order: models.PurchaseOrder) -> bool:
            one = self._circuit(order.url)
            return one.is_held(now) or (one.is_picky(now) and one.has_failed(order.key))

        return held_or_failed, held

    def next_change(self, now: float) -> float | None:
        """When a wait is over."""
        times = [when for one in self._circuits.values() if (when := one.next_change(now)) is not None]
        return min(times, default=None)

    def leased(self, lease: models.Lease, now: float) -> None:
        """An attempt begins."""
        self._attempts[lease.number] = _Attempt(self._asleep())
        self._circuit(lease.order.url).leased(lease, now)

    def released(self, lease: models.Lease, *, settled: bool) -> None:
        """It is over."""
        self._attempts.pop(lease.number, None)
        if settled:
            self._cases.pop(lease.order.key, None)
        self._circuit(lease.order.url).released(lease)

    # --- what happened ----------------------------------------------------------------------------------------------

    def page_read(self, lease: models.Lease) -> None:
        """The order's page is read, its files may still be coming: the host answers, the page is free."""
        if (attempt := self._attempts.get(lease.number)) is not None:
            attempt.on_page = False
        self._succeeded(host_of(lease.order.url), lease)

    def files_done(self, lease: models.Lease, job: jobs.Job) -> None:
        """The attempt's files have come, or failed: tells the circuits of each host that was asked."""
        for found in job.wanted():
            link = isinstance(found.source, models.Link)
            host = host_of(found.source.url if isinstance(found.source, models.Link) else lease.order.url)
            error = job.failed.get(found.id)
            if error is not None:
                self._failed(host, lease, error)
            elif found.id in job.saved and link:
                self._succeeded(host, lease)

    def failed(self, lease: models.Lease, error: errors.OrderError) -> None:
        """The attempt as a whole failed; where its files were judged already, only once."""
        attempt = self._attempts.get(lease.number)
        if attempt is not None and not attempt.judged:
            self._failed(host_of(lease.order.url), lease, error)
        case = self._case(lease)
        if isinstance(error, errors.BrowserLost) and attempt is not None:
            case.browsers += attempt.on_page
            case.losses += not attempt.on_page
        if case.first_failed is None:
            case.first_failed = self.patient_time(lease)

    def decide(self, error: errors.OrderError, lease: models.Lease) -> retry.Decision:
        """Again, when, or never; changes nothing."""
        case, attempt = self._case(lease), self._attempts.get(lease.number)
        excused = attempt is not None and attempt.excused and circuit.is_outage(error)
        since = case.first_failed
        past = retry.Past(
            tried_for=0.0 if since is None else self.patient_time(lease) - since,
            excused=self._slept(attempt) or excused,
            on_page=attempt is None or attempt.on_page,
            browsers=case.browsers,
            losses=case.losses,
        )
        return retry.decide(error, lease.attempt, policy=self._policy, random=self._random, past=past)

    def patient_time(self, lease: models.Lease) -> float:
        """Seconds by a clock that stands still while everybody waits for the order's host."""
        now = self._now()
        return now - self._circuit(lease.order.url).waited(now)

    def check_first(self) -> None:
        """After a sleep: of each host one order goes first, and only when it came through the others follow."""
        for one in self._circuits.values():
            one.check(self._now())
        self._changed()

    # --- the circuits -----------------------------------------------------------------------------------------------

    def _case(self, lease: models.Lease) -> _Case:
        return self._cases.setdefault(lease.order.key, _Case())

    def _circuit(self, url: str) -> circuit.Circuit:
        host = host_of(url)
        found = self._circuits.get(host)
        if found is None:
            found = self._circuits[host] = circuit.Circuit(host, self._outages, self._random)
        return found

    def _succeeded(self, needed: str, lease: models.Lease) -> None:
        back = self._circuit(lease.order.url).succeeded(needed, lease, self._now())
        if back is not None:
            self._say(f"{back.host} answers again, after {clocks.span(back.after)}: all workers go on")
        self._changed()

    def _failed(self, needed: str, lease: models.Lease, error: errors.OrderError) -> None:
        attempt = self._attempts.get(lease.number)
        if attempt is not None:
            attempt.judged = True
        if isinstance(error, errors.Permanent) and error.code is not models.ErrorCode.INVALID_URL:
            self._succeeded(needed, lease)  # it is an answer
        if not circuit.is_outage(error):
            return
        if self._slept(attempt):
            return  # what broke in a sleep says nothing of the host
        change, excused = self._circuit(lease.order.url).failed(needed, lease, error, self._now())
        if attempt is not None:
            attempt.excused = attempt.excused or excused
        self._announce(change)
        self._changed()

    def _slept(self, attempt: _Attempt | None) -> bool:
        return attempt is not None and self._asleep() - attempt.slept_before >= clocks.LEAST

    def _announce(self, change: circuit.Change | None) -> None:
        if isinstance(change, circuit.Opened):
            wait = clocks.span(change.wait)
            self._say(f"{change.host} does not answer ({change.why}): all workers wait, next try in {wait}")
        elif isinstance(change, circuit.Held) and change.wait >= _SAY_FROM:
            self._say(f"{change.host} asks to wait {clocks.span(change.wait)}: all workers wait")
        elif isinstance(change, circuit.GivenUp):
            msg = (
                f"{change.host} has not answered for {clocks.span(change.after)} ({change.why}). When it does, run the "
                "same command again: it continues where this one stopped."
            )
            self._given_up(errors.PortalUnreachable(msg))


def host_of(url: str) -> str:
    """Host and port of an address, as people know it."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()
