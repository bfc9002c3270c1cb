"""A host that fails for everyone: all wait together, one tries, no order pays for it."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_pw import errors, models
from po_pw.engine import circuit, jobs, judging, retry, source
from po_pw.engine import scheduler as schedulers
from tests.support import run_async

POLICY = circuit.Policy(base=2.0, cap=60.0, give_up=3600.0, failures=3, orders=2)
DOWN = errors.Transient("connection refused")
ERROR = errors.Transient("HTTP 500", models.ErrorCode.PORTAL_ERROR)
BUSY = errors.Transient("HTTP 429", models.ErrorCode.RATE_LIMITED, retry_after=30.0)
ONE, TWO = models.WorkerId("w1"), models.WorkerId("w2")


def order(po: str, host: str = "portal.example") -> models.PurchaseOrder:
    return models.PurchaseOrder(models.OrderKey(po), po, f"https://{host}/{po}")


def lease(number: int, po: str = "") -> models.Lease:
    return models.Lease(order(po or f"PO-{number}"), ONE, 1, number)


def opened(now: float = 100.0, chance: float = 0.5, error: errors.OrderError = DOWN) -> circuit.Circuit:
    """A circuit that three failures of two orders have opened at `now`; the first wait is `chance` times 2 s."""
    one = circuit.Circuit("portal.example", POLICY, lambda: chance)
    assert one.failed("portal.example", lease(1), error, now) == (None, False)
    assert one.failed("portal.example", lease(2), error, now) == (None, False)
    change, excused = one.failed("portal.example", lease(3, "PO-1"), error, now)
    assert (change, excused) == (circuit.Opened("portal.example", str(error), chance * 2.0), True)
    return one


@pytest.mark.parametrize(
    "error",
    [
        errors.Permanent("gone"), errors.SessionExpired("out"), errors.BrowserLost("killed"), errors.OutOfSpace("full"),
        errors.Transient("cut", models.ErrorCode.TRUNCATED), errors.Transient("slow", models.ErrorCode.LIST_INCOMPLETE),
    ],
    ids=lambda error: error.code,
)  # fmt: skip
def test_only_a_host_that_does_not_answer_is_an_outage(error: errors.OrderError) -> None:
    """Refusals, sign-ins, lost browsers, full disks and files that broke off say nothing of the host."""
    assert not circuit.is_outage(error)
    assert circuit.is_outage(DOWN)
    assert circuit.is_outage(errors.Transient("slow", models.ErrorCode.TIMEOUT))


def test_an_answer_between_two_failures_starts_the_count_again() -> None:
    """Only failures in a row open; while closed, each is an attempt of its order."""
    one = circuit.Circuit("portal.example", POLICY, lambda: 0.5)
    for turn in range(20):
        assert one.failed("portal.example", lease(turn), DOWN, turn) == (None, False)
        assert one.failed("portal.example", lease(turn), DOWN, turn) == (None, False)
        assert one.succeeded("portal.example", lease(turn), turn) is None
    assert not one.is_open()


def test_one_order_alone_opens_nothing() -> None:
    """An order whose page always fails uses up its own attempts and stops nobody."""
    one = circuit.Circuit("portal.example", POLICY, lambda: 0.5)
    assert {one.failed("portal.example", lease(turn, "PO-1"), ERROR, turn) for turn in range(9)} == {(None, False)}


def test_while_it_waits_nobody_goes_then_exactly_one() -> None:
    """Held until the wait is over; then the first to come is the probe, and all others wait for what it finds."""
    one = opened(now=100.0)
    assert one.is_held(100.9)
    assert one.next_change(100.9) == 101.0
    assert not one.is_held(101.0)
    one.leased(lease(10), 101.0)
    assert one.is_held(101.0)
    assert one.is_held(1e9)
    assert one.next_change(101.0) is None


def test_success_closes_and_says_so() -> None:
    """The probe's success lets everybody go; one that began before the circuit opened proves nothing."""
    one = opened(now=100.0)
    one.leased(lease(10), 101.0)
    assert one.succeeded("portal.example", lease(2), 102.0) is None
    assert one.is_open()
    assert one.succeeded("portal.example", lease(10), 103.0) == circuit.Back("portal.example", 3.0)
    assert not one.is_open()
    assert not one.is_held(103.0)


def test_failure_opens_again_for_twice_as_long_quietly() -> None:
    """Waits double up to the cap, are said once, and nobody's attempt counts, the probe's neither."""
    one, now, waits = opened(now=100.0, chance=0.999), 100.0, []
    for number in range(10, 20):
        now = one.next_change(now) or 0.0
        one.leased(lease(number), now)
        assert one.failed("portal.example", lease(number), DOWN, now) == (None, True)
        waits.append((one.next_change(now) or 0.0) - now)
    assert waits == pytest.approx([0.999 * bound for bound in (4, 8, 16, 32, 60, 60, 60, 60, 60, 60)])


def test_what_was_under_way_when_it_opened_is_excused() -> None:
    """Attempts that fail while the circuit is open are the host's fault, and do not disturb the probe."""
    one = opened(now=100.0)
    assert one.failed("portal.example", lease(2), DOWN, 100.1) == (None, True)
    one.leased(lease(10), 101.0)
    assert one.failed("portal.example", lease(2), DOWN, 101.1) == (None, True)
    assert one.succeeded("portal.example", lease(10), 102.0) is not None


def test_a_probe_that_learnt_nothing_leaves_it_to_the_next() -> None:
    """Cancelled, or its browser lost: another order may try at once."""
    one = opened(now=100.0)
    one.leased(lease(10), 101.0)
    one.released(lease(10))
    assert not one.is_held(101.0)
    one.leased(lease(11), 101.0)
    assert one.is_held(101.0)


def test_after_long_enough_it_is_given_up() -> None:
    """Nothing but failed probes for `give_up` seconds: said once, with the last reason."""
    one = opened(now=0.0)
    one.leased(lease(10), 3599.0)
    assert one.failed("portal.example", lease(10), DOWN, 3599.0) == (None, True)
    one.leased(lease(11), 3700.0)
    change, _ = one.failed("portal.example", lease(11), DOWN, 3700.0)
    assert change == circuit.GivenUp("portal.example", "connection refused", 3700.0)


def test_orders_that_cannot_be_told_from_an_outage_pay_at_last() -> None:
    """The host answers 500, and every order that is left has failed: then a probe is an attempt, else they never end.

    While there is one that has not failed, or where there is no answer at all, no probe counts.
    """
    one = opened(now=100.0, error=ERROR)
    one.leased(lease(10, "PO-9"), 200.0)
    assert one.failed("portal.example", lease(10, "PO-9"), ERROR, 200.0) == (None, True)
    one.leased(lease(11, "PO-1"), 300.0)
    assert one.failed("portal.example", lease(11, "PO-1"), ERROR, 300.0) == (None, False)
    one.leased(lease(12, "PO-1"), 400.0)
    assert one.failed("portal.example", lease(12, "PO-1"), DOWN, 400.0) == (None, True)


def test_retry_after_holds_everybody_and_counts_once() -> None:
    """429 with Retry-After: said once, all wait for as long; those that meet it while it holds are not to blame."""
    one = circuit.Circuit("portal.example", POLICY, lambda: 0.5)
    assert one.failed("portal.example", lease(1), BUSY, 100.0) == (circuit.Held("portal.example", 30.0), False)
    assert one.is_held(129.9)
    assert one.failed("portal.example", lease(2), BUSY, 110.0) == (None, True)
    assert one.next_change(111.0) == 140.0
    assert not one.is_held(140.0)
    assert not one.is_open()


def test_retry_after_lengthens_the_wait_of_an_open_one() -> None:
    """An outage whose answers ask for patience gets it."""
    one = circuit.Circuit("portal.example", POLICY, lambda: 0.0)
    for number in (1, 2, 3):
        one.failed("portal.example", lease(number), BUSY, 100.0)
    assert one.is_open()
    assert one.next_change(100.0) == 130.0


def test_a_dead_file_host_holds_the_orders_that_need_it() -> None:
    """Pages answer, files of another host do not: the orders wait; a probe without such files comes through alone."""
    one = circuit.Circuit("portal.example", POLICY, lambda: 0.5)
    for number in (1, 2, 3):
        one.succeeded("portal.example", lease(number), 100.0)
        one.failed("files.example", lease(number), DOWN, 100.0)
    assert one.is_open()
    one.leased(lease(10), 101.0)
    assert one.succeeded("portal.example", lease(10), 102.0) is None
    assert one.is_open()
    one.released(lease(10))
    one.leased(lease(11), 102.0)
    assert one.succeeded("files.example", lease(11), 103.0) == circuit.Back("files.example", 3.0)


def test_after_a_sleep_one_goes_first_and_nothing_is_said_where_all_is_well() -> None:
    """`check` lets one order try; success closes silently, failure is an outage that is announced."""
    well, ill = (circuit.Circuit("portal.example", POLICY, lambda: 0.5) for _ in range(2))
    for one in (well, ill):
        one.check(100.0)
        assert not one.is_held(100.0)
        one.leased(lease(1), 100.0)
        assert one.is_held(100.0)
    assert well.succeeded("portal.example", lease(1), 101.0) is None
    assert not well.is_open()
    assert ill.failed("portal.example", lease(1), DOWN, 101.0) == (
        circuit.Opened("portal.example", "connection refused", 1.0),
        True,
    )


def test_the_time_in_which_everybody_waited_is_known() -> None:
    """So that an outage does not use up an order's patience."""
    one = opened(now=100.0)
    assert one.waited(150.0) == 50.0
    one.leased(lease(10), 150.0)
    one.succeeded("portal.example", lease(10), 160.0)
    assert one.waited(1000.0) == 60.0
    one.failed("portal.example", lease(11), BUSY, 1000.0)
    assert one.waited(1010.0) == 70.0
    assert one.waited(2000.0) == 90.0


STEPS = st.sampled_from(["fail", "answer", "busy", "leave", "check"])


@given(st.lists(st.tuples(STEPS, st.integers(0, 5)), max_size=60))
def test_whatever_happens_there_is_a_way_out(steps: list[tuple[str, int]]) -> None:
    """After any history somebody may go now, or at a known time, or a probe is out whose end says more."""
    one = circuit.Circuit("portal.example", POLICY, lambda: 0.5)
    now, number, out = 0.0, 0, list[models.Lease]()
    for what, which in steps:
        now += which
        if not one.is_held(now):
            number += 1
            out.append(lease(number, f"PO-{which}"))
            one.leased(out[-1], now)
        if what == "check":
            one.check(now)
        elif out:
            mine = out.pop(which % len(out))
            if what == "fail":
                one.failed("portal.example", mine, DOWN, now)
            elif what == "busy":
                one.failed("portal.example", mine, BUSY, now)
            elif what == "answer":
                one.succeeded("portal.example", mine, now)
            one.released(mine)
        assert not one.is_held(now) or one.next_change(now) is not None or out
        assert one.waited(now) <= now


# --- with a source and a judge: workers that really wait --------------------------------------------------------------


@dataclasses.dataclass
class Portal:
    """A portal that may be down, and workers that ask it; counts what was asked of it and how it went."""

    judge: judging.Judge
    work: source.LocalSource
    is_down: bool = True
    asked_while_down: int = 0
    at_once: int = 0
    most_at_once: int = 0
    done: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    attempts: dict[str, int] = dataclasses.field(default_factory=dict)
    answer: errors.OrderError = DOWN
    back_after: int = 10**9

    async def read(self, taken: models.Lease) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.is_down:
            self.asked_while_down += 1
            self.is_down = self.asked_while_down < self.back_after
            raise self.answer
        self.attempts[taken.order.po_number] = taken.attempt

    async def worker(self, name: models.WorkerId) -> None:
        while (taken := await self.work.lease(name)) is not None:
            try:
                await self.read(taken)
            except errors.OrderError as error:
                self.judge.failed(taken, error)
                decision = self.judge.decide(error, taken)
                if isinstance(decision, retry.Again):
                    await self.work.release(taken, source.PutBack(decision.delay, decision.counts))
                    continue
            else:
                self.judge.page_read(taken)
            self.done[taken.order.po_number] += 1
            await self.work.release(taken, source.Settled())


def portal(
    count: int, *, give_up: float = 3600.0, hosts: tuple[str, ...] = ("portal.example",), patience: float = 3600.0
) -> tuple[Portal, list[str], list[errors.PortalUnreachable]]:
    said: list[str] = []
    gone: list[errors.PortalUnreachable] = []
    orders = [order(f"PO-{n}", hosts[n % len(hosts)]) for n in range(count)]

    def given_up(error: errors.PortalUnreachable) -> None:
        gone.append(error)
        work.stop()

    judge = judging.Judge(
        retry.Policy(4, 0.001, 0.004, patience), circuit.Policy(0.001, 0.004, give_up), random=lambda: 0.5,
        now=asyncio.get_running_loop().time, say=said.append, given_up=given_up, changed=lambda: work.changed(),
        asleep=lambda: 0.0,
    )  # fmt: skip
    work = source.LocalSource(schedulers.Scheduler(orders, [ONE, TWO]), gate=judge)
    judge.expect(orders)
    return Portal(judge, work), said, gone


@pytest.mark.parametrize("names", [(ONE,), (ONE, TWO)], ids=["one worker", "two workers"])
def test_an_outage_costs_no_order_an_attempt_beyond_the_first_few(names: tuple[models.WorkerId, ...]) -> None:
    """Fifty failures, then the portal is back: every order is done once, said twice in all, and hardly any attempt is
    used up: the failures before the circuit opened."""

    async def go() -> None:
        them, said, gone = portal(30)
        them.back_after = 50
        await asyncio.gather(*(them.worker(name) for name in names))
        assert len(them.done) == them.done.total() == 30
        assert sum(attempt - 1 for attempt in them.attempts.values()) == 3
        assert [line.partition(" (")[0].partition(",")[0] for line in said] == [
            "portal.example does not answer",
            "portal.example answers again",
        ]
        assert not gone

    run_async(go())


def test_while_the_portal_is_down_one_asks_at_a_time() -> None:
    """After the opening two workers send one probe at a time; once it is back they work at once again."""

    async def go() -> None:
        them, _, _ = portal(40)
        them.back_after = 20
        workers = [asyncio.create_task(them.worker(name)) for name in (ONE, TWO)]
        while them.asked_while_down < 6:  # noqa: ASYNC110 - a matter of turns
            await asyncio.sleep(0)
        them.most_at_once = 0
        while them.asked_while_down < 19:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert them.most_at_once == 1
        await asyncio.gather(*workers)
        assert them.most_at_once == 2

    run_async(go())


def test_an_outage_without_end_ends_the_run_once() -> None:
    """After `give_up` seconds of failed probes one error names the host, and what is left stays undone."""

    async def go() -> None:
        them, _, gone = portal(30, give_up=0.05)
        await asyncio.gather(them.worker(ONE), them.worker(TWO))
        (error,) = gone
        assert "portal.example" in str(error)
        assert "same command again" in str(error)
        assert not them.done

    run_async(go())


def test_stop_and_cancel_work_while_all_wait() -> None:
    """A stop sends home those who wait for a host; a cancelled waiter strands nothing."""

    async def go() -> None:
        for end in ("stop", "cancel"):
            them, _, _ = portal(10)
            them.answer = errors.Transient("maintenance", models.ErrorCode.PORTAL_ERROR, retry_after=3600.0)
            workers = [asyncio.create_task(them.worker(name)) for name in (ONE, TWO)]
            for _ in range(50):
                await asyncio.sleep(0)
            assert not any(task.done() for task in workers)
            if end == "stop":
                them.work.stop()
            else:
                for task in workers:
                    task.cancel()
            async with asyncio.timeout(5):
                await asyncio.gather(*workers, return_exceptions=True)
            assert not them.done

    run_async(go())


def test_another_portals_orders_go_on_meanwhile() -> None:
    """Two portals in one list, one of them asks for an hour: the other's orders are all done, wherever they wait."""

    async def go() -> None:
        them, _, _ = portal(20, hosts=("portal.example", "other.example"))
        busy = errors.Transient("maintenance", models.ErrorCode.PORTAL_ERROR, retry_after=3600.0)

        async def read(taken: models.Lease) -> None:
            if "portal.example" in taken.order.url:
                raise busy

        them.read = read  # type: ignore[method-assign]
        workers = [asyncio.create_task(them.worker(name)) for name in (ONE, TWO)]
        async with asyncio.timeout(5):
            while len(them.done) < 10:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert set(them.done) == {f"PO-{n}" for n in range(1, 20, 2)}
        them.work.stop()
        await asyncio.gather(*workers)

    run_async(go())


def test_orders_that_really_fail_come_to_an_end() -> None:
    """A portal that answers 500 to its last orders for ever: they fail in the end, and do not hold up the run."""

    async def go() -> None:
        them, _, gone = portal(3)
        them.answer = ERROR
        await asyncio.gather(them.worker(ONE), them.worker(TWO))
        assert len(them.done) == 3
        assert not them.attempts
        assert not gone

    run_async(go())


def test_after_a_sleep_one_order_goes_before_all_others() -> None:
    """`check_first`: the second worker gets nothing before the first one's order came through."""

    async def go() -> None:
        them, said, _ = portal(10)
        them.judge.check_first()
        first = await them.work.lease(ONE)
        assert first is not None
        waiter = asyncio.create_task(them.work.lease(TWO))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiter.done()
        them.judge.page_read(first)
        assert await waiter is not None
        assert said == []

    run_async(go())


def test_what_fails_in_a_sleep_is_no_attempt_and_no_outage() -> None:
    """Attempts that overlap a sleep go back uncounted, however many, and open nothing; a browser lost in one too."""

    async def go() -> None:
        asleep = [0.0]
        judge = judging.Judge(
            retry.Policy(1, 1.0, 1.0), POLICY, random=lambda: 0.5, now=lambda: 0.0, say=lambda _: None,
            given_up=lambda _: None, changed=lambda: None, asleep=lambda: asleep[0],
        )  # fmt: skip
        for number in range(5):
            taken = lease(number)
            judge.leased(taken, 0.0)
            asleep[0] += 2520.0
            judge.failed(taken, DOWN)
            assert judge.decide(DOWN, taken) == retry.Again(0.0, counts=False)
            assert judge.decide(errors.BrowserLost("gone"), taken) == retry.Again(0.0, counts=False)
            judge.released(taken, settled=False)
            assert not judge.holds_all(0.0)
        taken = lease(9)
        judge.leased(taken, 0.0)
        asleep[0] += 0.5
        assert judge.decide(DOWN, taken) == retry.Never()

    run_async(go())


def test_files_tell_of_the_host_they_come_from() -> None:
    """Failed files of another host open the circuit of the orders that need it, and the message names that host."""

    async def go() -> None:
        them, said, _ = portal(10)
        for _ in range(4):
            taken = await them.work.lease(ONE)
            assert taken is not None
            them.judge.page_read(taken)
            link = models.Attachment("a", "a.pdf", models.Link("https://files.example/a.pdf", ""))
            job = jobs.Job(taken.order, "x", datetime.now(UTC))
            job.listing = models.Listing(models.PageKind.ORDER, (link,), 1, complete=True, supplier="", url="")
            job.failed["a"] = DOWN
            them.judge.files_done(taken, job)
            them.judge.failed(taken, DOWN)
            await them.work.release(taken, source.PutBack(100.0, counts=False))
        (line,) = said
        assert line.startswith("files.example does not answer")

    run_async(go())


def test_only_the_order_on_a_page_is_suspected_of_a_lost_browser() -> None:
    """Four browsers under its page set an order aside; one whose files were merely coming goes back each time."""

    async def go() -> None:
        them, _, _ = portal(2)
        suspect, bystander = await them.work.lease(ONE), await them.work.lease(TWO)
        assert suspect is not None
        assert bystander is not None
        them.judge.page_read(bystander)
        lost = errors.BrowserLost("killed")
        for turn in range(1, 5):
            for taken, counts in ((suspect, True), (bystander, False)):
                them.judge.failed(taken, lost)
                over = counts and turn == 4
                want: retry.Decision = retry.Never() if over else retry.Again(0.0, counts=counts)
                assert them.judge.decide(lost, taken) == want

    run_async(go())
