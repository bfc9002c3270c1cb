"""The scheduler settles every order exactly once, and no worker is idle while another has waiting orders."""

from __future__ import annotations

import collections
import math
import random

import hypothesis
import pytest
from hypothesis import stateful
from hypothesis import strategies as st

from po_pw import models
from po_pw.dispatch import scheduler as schedulers

WORKERS = tuple(models.WorkerId(f"w{n}") for n in range(1, 6))
ONE, TWO, THREE = WORKERS[:3]
LATER = st.sampled_from([0.0, 0.5, 1.0, 3.0])


def order(number: int) -> models.PurchaseOrder:
    return models.PurchaseOrder(models.OrderKey(f"PO-{number}"), f"PO-{number}", f"http://x/{number}", row=number)


def orders(count: int) -> list[models.PurchaseOrder]:
    return [order(number) for number in range(count)]


def taken(scheduler: schedulers.Scheduler, worker: models.WorkerId, now: float = 0.0) -> models.Lease:
    got = scheduler.take(worker, now)
    assert isinstance(got, models.Lease)
    return got


class AnyInterleaving(stateful.RuleBasedStateMachine):
    """A simple model beside the scheduler: where each order is, its attempt, and when it is due."""

    @stateful.initialize(count=st.integers(0, 12), workers=st.integers(0, 4), open_ended=st.booleans())
    def begin(self, count: int, workers: int, open_ended: bool) -> None:
        self.now = 100.0
        self.count = count
        self.open = open_ended
        self.scheduler = schedulers.Scheduler(orders(count), WORKERS[:workers], open_ended=open_ended)
        self.joined = set(WORKERS[:workers])
        self.waiting = {models.OrderKey(f"PO-{n}"): -math.inf for n in range(count)}
        self.attempts = dict.fromkeys(self.waiting, 1)
        self.out: list[models.Lease] = []
        self.stale: list[models.Lease] = []
        self.parked: dict[models.OrderKey, None] = {}
        self.settled: collections.Counter[models.OrderKey] = collections.Counter()

    @stateful.rule(seconds=LATER)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @stateful.rule()
    def add(self) -> None:
        if not self.open:
            with pytest.raises(RuntimeError, match="after the end"):
                self.scheduler.add(order(self.count))
            return
        added = order(self.count)
        self.scheduler.add(added)
        self.count += 1
        self.waiting[added.key] = -math.inf
        self.attempts[added.key] = 1

    @stateful.rule()
    def close(self) -> None:
        self.scheduler.close()
        self.open = False

    @stateful.rule(worker=st.sampled_from(WORKERS))
    def join(self, worker: models.WorkerId) -> None:
        self.scheduler.join(worker)
        self.joined.add(worker)

    @stateful.rule(worker=st.sampled_from(WORKERS))
    def leave(self, worker: models.WorkerId) -> None:
        self.scheduler.leave(worker)
        self.joined.discard(worker)
        for lease in [lease for lease in self.out if lease.worker == worker]:
            self.out.remove(lease)
            self.stale.append(lease)
            self.waiting[lease.order.key] = -math.inf

    @stateful.rule(worker=st.sampled_from(WORKERS))
    def take(self, worker: models.WorkerId) -> None:
        if worker not in self.joined:
            with pytest.raises(schedulers.NotJoinedError):
                self.scheduler.take(worker, self.now)
            return
        before = {name: self.scheduler.waiting_for(name) for name in self.joined}
        got = self.scheduler.take(worker, self.now)
        due = {key for key, when in self.waiting.items() if when <= self.now}
        requeue = {key for key in due if self.waiting[key] > -math.inf}
        if isinstance(got, models.Lease):
            assert got.worker == worker
            assert got.order.key in (requeue or due)
            assert not requeue or self.waiting[got.order.key] == min(self.waiting[key] for key in requeue)
            assert got.attempt == self.attempts[got.order.key]
            self.check_theft(got, before)
            del self.waiting[got.order.key]
            self.out.append(got)
        else:
            assert not due  # nobody idles while anything waits anywhere
            if isinstance(got, schedulers.WaitUntil):
                assert got.when == min(self.waiting.values(), default=None)
                assert self.waiting or self.out or self.open or self.parked
            else:
                assert len(self.settled) == self.count
                assert not self.open

    def check_theft(self, lease: models.Lease, before: dict[models.WorkerId, int]) -> None:
        victim = lease.stolen_from
        if victim is None:
            return
        assert before[lease.worker] == 0
        assert before[victim] == max(before.values())
        loot = math.ceil(before[victim] / 2)
        assert self.scheduler.waiting_for(victim) == before[victim] - loot
        assert self.scheduler.waiting_for(lease.worker) == loot - 1

    @stateful.precondition(lambda self: self.out)
    @stateful.rule(data=st.data(), delay=LATER, counts=st.booleans())
    def requeue(self, data: st.DataObject, delay: float, counts: bool) -> None:
        lease = self.one_of(data, self.out)
        self.scheduler.requeue(lease, self.now + delay, counts=counts)
        self.waiting[lease.order.key] = self.now + delay
        self.attempts[lease.order.key] += counts

    @stateful.precondition(lambda self: self.out)
    @stateful.rule(data=st.data())
    def park(self, data: st.DataObject) -> None:
        lease = self.one_of(data, self.out)
        self.scheduler.park(lease)
        self.parked[lease.order.key] = None

    @stateful.precondition(lambda self: self.attempts)
    @stateful.rule(data=st.data())
    def unpark(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.attempts)))
        self.scheduler.unpark(key)
        if key in self.parked:  # any other stays where it is
            del self.parked[key]
            self.waiting[key] = 0.0

    @stateful.precondition(lambda self: self.out)
    @stateful.rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        lease = self.one_of(data, self.out)
        self.scheduler.settle(lease)
        self.settled[lease.order.key] += 1

    @stateful.precondition(lambda self: self.stale)
    @stateful.rule(data=st.data(), counts=st.booleans())
    def give_back_again(self, data: st.DataObject, counts: bool) -> None:
        lease = data.draw(st.sampled_from(self.stale))
        with pytest.raises(schedulers.StaleLeaseError):
            self.scheduler.settle(lease)
        with pytest.raises(schedulers.StaleLeaseError):
            self.scheduler.requeue(lease, self.now, counts=counts)
        with pytest.raises(schedulers.StaleLeaseError):
            self.scheduler.park(lease)

    def one_of(self, data: st.DataObject, leases: list[models.Lease]) -> models.Lease:
        lease = data.draw(st.sampled_from(leases))
        leases.remove(lease)
        self.stale.append(lease)
        return lease

    @stateful.invariant()
    def each_order_is_in_one_place(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        assert self.scheduler.waiting() == len(self.waiting) + len(self.parked)
        assert [parked.key for parked in self.scheduler.parked()] == list(self.parked)
        assert self.scheduler.only_parked() == (bool(self.parked) and not self.waiting and not self.out)
        assert self.scheduler.out() == len(self.out)
        assert self.scheduler.settled() == len(self.settled) == self.settled.total()
        assert len(self.waiting) + len(self.parked) + len(self.out) + len(self.settled) == self.count
        assert self.scheduler.is_drained() == (len(self.settled) == self.count and not self.open)
        for worker in WORKERS:
            assert self.scheduler.leases(worker) == [lease for lease in self.out if lease.worker == worker]

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        for worker in WORKERS:  # all are gone: whatever they had, one who joins later gets
            self.leave(worker)
        self.close()
        for key in tuple(self.parked):
            self.scheduler.unpark(key)
        self.join(THREE)
        self.now += 10
        while isinstance(got := self.scheduler.take(THREE, self.now), models.Lease):
            assert got.attempt == self.attempts[got.order.key]
            self.scheduler.settle(got)
            self.settled[got.order.key] += 1
        assert isinstance(got, schedulers.Drained)
        assert self.settled == dict.fromkeys(self.attempts, 1)


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = hypothesis.settings(max_examples=120, stateful_step_count=40, deadline=None)


@hypothesis.given(count=st.integers(0, 40), workers=st.integers(1, 6))
def test_orders_are_dealt_out_in_runs(count: int, workers: int) -> None:
    """Each worker gets a contiguous block, with sizes that differ by at most one."""
    names = [models.WorkerId(f"n{n}") for n in range(workers)]
    scheduler = schedulers.Scheduler(orders(count), names)
    lengths = [scheduler.waiting_for(name) for name in names]
    assert max(lengths) - min(lengths) <= 1
    got = [taken(scheduler, name).order.row for name, length in zip(names, lengths, strict=True) for _ in range(length)]
    assert got == list(range(count))


def test_a_thief_takes_half_from_the_back() -> None:
    """Of seven orders four are stolen, in order; the victim continues at its front."""
    scheduler = schedulers.Scheduler(orders(7), [ONE])
    scheduler.join(TWO)
    stolen = taken(scheduler, TWO)
    assert (stolen.order.row, stolen.stolen_from, scheduler.waiting_for(TWO) + 1) == (3, ONE, 4)
    mine = [taken(scheduler, TWO) for _ in range(3)]
    assert [lease.order.row for lease in mine] == [4, 5, 6]
    assert {lease.stolen_from for lease in mine} == {None}
    assert [taken(scheduler, ONE).order.row for _ in range(3)] == [0, 1, 2]


def test_a_thief_goes_to_whoever_has_most() -> None:
    """The longer of two deques loses half."""
    scheduler = schedulers.Scheduler(orders(9), [ONE, TWO, THREE])
    for _ in range(3):
        taken(scheduler, ONE)
    taken(scheduler, TWO)
    assert taken(scheduler, ONE).stolen_from == THREE


def test_the_last_order_of_another_is_stolen_too() -> None:
    """A single waiting order goes to a worker without any."""
    scheduler = schedulers.Scheduler(orders(2), [ONE])
    scheduler.join(TWO)
    taken(scheduler, ONE)
    assert taken(scheduler, TWO).stolen_from == ONE


def test_an_order_put_back_waits_until_it_is_due_and_then_comes_first() -> None:
    """Nobody gets it before its time; then it comes before new orders."""
    scheduler = schedulers.Scheduler(orders(3), [ONE])
    scheduler.join(TWO)
    scheduler.requeue(taken(scheduler, ONE), 5.0, counts=True)
    assert taken(scheduler, ONE, 4.9).order.row == 1
    again = taken(scheduler, TWO, 5.0)
    assert (again.order.row, again.attempt) == (0, 2)
    last = taken(scheduler, TWO, 5.0)
    scheduler.requeue(last, 9.0, counts=False)
    assert scheduler.take(TWO, 6.0) == schedulers.WaitUntil(9.0)
    assert taken(scheduler, TWO, 9.0).attempt == 1


def test_waiting_for_leases_that_may_come_back() -> None:
    """While a lease is active the scheduler is not drained."""
    scheduler = schedulers.Scheduler(orders(1), [ONE])
    lease = taken(scheduler, ONE)
    assert scheduler.take(ONE, 0.0) == schedulers.WaitUntil(None)
    assert not scheduler.is_drained()
    scheduler.settle(lease)
    assert scheduler.take(ONE, 0.0) == schedulers.Drained()


def test_a_worker_that_leaves_hands_everything_over() -> None:
    """Its orders and leases go to others as the same attempt; its old lease is stale."""
    scheduler = schedulers.Scheduler(orders(3), [ONE])
    old = taken(scheduler, ONE)
    scheduler.leave(ONE)
    with pytest.raises(schedulers.StaleLeaseError, match="PO-0 is not out"):
        scheduler.settle(old)
    assert (scheduler.waiting(), scheduler.out()) == (3, 0)
    scheduler.join(TWO)
    assert {(lease.order.row, lease.attempt) for lease in (taken(scheduler, TWO) for _ in range(3))} == {
        (0, 1),
        (1, 1),
        (2, 1),
    }


def test_a_parked_order_waits_until_it_is_called_for() -> None:
    """Nobody gets it until it is unparked; then it comes first, as the same attempt."""
    scheduler = schedulers.Scheduler(orders(2), [ONE])
    scheduler.park(taken(scheduler, ONE))
    assert not scheduler.only_parked()  # another may tell more
    scheduler.settle(taken(scheduler, ONE))
    assert scheduler.take(ONE, 0.0) == schedulers.WaitUntil(None)
    assert scheduler.only_parked()
    assert not scheduler.is_drained()
    scheduler.unpark(models.OrderKey("PO-7"))  # nobody's
    scheduler.unpark(models.OrderKey("PO-0"))
    assert not scheduler.only_parked()
    again = taken(scheduler, ONE)
    assert (again.order.row, again.attempt) == (0, 1)
    scheduler.settle(again)
    assert scheduler.take(ONE, 0.0) == schedulers.Drained()


def test_a_parked_order_outlives_the_worker_that_read_it() -> None:
    """The worker that parked it may leave."""
    scheduler = schedulers.Scheduler(orders(1), [ONE])
    scheduler.park(taken(scheduler, ONE))
    scheduler.leave(ONE)
    scheduler.join(TWO)
    assert [parked.row for parked in scheduler.parked()] == [0]
    scheduler.unpark(models.OrderKey("PO-0"))
    assert taken(scheduler, TWO).order.row == 0


def test_a_lease_of_another_scheduler_is_refused() -> None:
    """An equal lease number is not enough."""
    mine, other = schedulers.Scheduler(orders(1), [ONE]), schedulers.Scheduler([order(7)], [ONE])
    taken(mine, ONE)
    with pytest.raises(schedulers.StaleLeaseError):
        mine.settle(taken(other, ONE))
    assert mine.out() == 1


def test_a_worker_named_twice_is_refused() -> None:
    """Two deques with one name would lose orders."""
    with pytest.raises(ValueError, match="named twice"):
        schedulers.Scheduler(orders(4), [ONE, ONE])


def test_it_shows_its_state() -> None:
    """`repr` has the number of orders in each state."""
    scheduler = schedulers.Scheduler(orders(5), [ONE, TWO])
    scheduler.settle(taken(scheduler, ONE))
    scheduler.requeue(taken(scheduler, TWO), 1.0, counts=True)
    scheduler.park(taken(scheduler, ONE))
    taken(scheduler, TWO)
    assert repr(scheduler) == "<Scheduler w1:0 w2:1 unowned:0 delayed:1 parked:1 out:1 settled:1>"
    assert repr(schedulers.Scheduler([], [])) == "<Scheduler nobody unowned:0 delayed:0 parked:0 out:0 settled:0>"


def test_a_hundred_thousand_orders() -> None:
    """Eight workers of different speed settle all, each once, some in a second attempt."""
    count = 100_000
    names = [models.WorkerId(f"n{n}") for n in range(8)]
    scheduler = schedulers.Scheduler(orders(count), names)
    seen: collections.Counter[int] = collections.Counter()
    chance = random.Random(4)
    thefts = 0
    now = 0.0
    while not scheduler.is_drained():
        worker = names[min(int(chance.expovariate(1.0)), 7)]
        got = scheduler.take(worker, now)
        now += 0.01
        if not isinstance(got, models.Lease):
            continue
        thefts += got.stolen_from is not None
        if got.attempt == 1 and got.order.row % 10 == 0:
            scheduler.requeue(got, now + 1.0, counts=True)
        else:
            scheduler.settle(got)
            seen[got.order.row] += 1
    assert len(seen) == seen.total() == scheduler.settled() == count
    assert thefts > 0
