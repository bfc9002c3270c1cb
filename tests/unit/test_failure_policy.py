"""The failure policy as the gate of a queue with real workers, for a portal that is down, slow or gone."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, models, net_errors
from po_pw.dispatch import circuit_breaker, failure_policy, order_queue, reachability, retry
from po_pw.dispatch import scheduler as schedulers
from po_pw.processing import order_progress
from tests.helpers.support import IN_TIME, run_async
from tests.unit.test_circuit import DOWN, ERROR, ONE, POLICY, lease, order

if TYPE_CHECKING:
    from collections.abc import Callable

TWO = models.WorkerId("w2")


@dataclasses.dataclass
class Portal:
    """A portal that may be down, and workers that use it; counts their attempts."""

    policy: failure_policy.FailurePolicy
    work: order_queue.OrderQueue
    is_down: bool = True
    asked_while_down: int = 0
    at_once: int = 0
    most_at_once: int = 0
    done: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    attempts: dict[str, int] = dataclasses.field(default_factory=dict)
    failures: dict[str, errors.OrderError] = dataclasses.field(default_factory=dict)
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
                self.policy.check(taken.order.url)
                await self.read(taken)
            except errors.OrderError as error:
                made_of_it = self.policy.failed(taken, error)
                decision = self.policy.decide(made_of_it, taken)
                if isinstance(decision, retry.Retry):
                    await self.work.release(taken, order_queue.Requeue(decision.delay, decision.counts))
                    continue
                self.failures[taken.order.po_number] = made_of_it
            else:
                self.policy.page_read(taken)
            self.done[taken.order.po_number] += 1
            await self.work.release(taken, order_queue.Settled())


def portal(
    count: int,
    *,
    give_up: float = 3600.0,
    hosts: tuple[str, ...] = ("portal.example",),
    patience: float = 3600.0,
    known: bool = True,
    on_only_parked: Callable[[], None] = lambda: None,
    open_ended: bool = False,
) -> tuple[Portal, list[str], list[errors.PoPwError]]:
    said: list[str] = []
    gone: list[errors.PoPwError] = []
    orders = [order(f"PO-{n}", hosts[n % len(hosts)]) for n in range(count)]

    def given_up(error: errors.PoPwError) -> None:
        gone.append(error)
        work.stop()

    policy = failure_policy.FailurePolicy(
        retry.Policy(4, 0.001, 0.004, patience),
        circuit_breaker.Policy(0.001, 0.004, give_up, confirm=0.001),
        random=lambda: 0.5,
        now=asyncio.get_running_loop().time,
        notify=said.append,
        on_given_up=given_up,
        on_change=lambda: work.changed(),
        hosts=reachability.Hosts(is_known=lambda _: known),
        asleep=lambda: 0.0,
        fails_given_up=open_ended,
    )
    scheduler = schedulers.Scheduler(orders, [ONE, TWO], open_ended=open_ended)
    work = order_queue.OrderQueue(scheduler, gate=policy, on_only_parked=on_only_parked)
    policy.expect(orders)
    return Portal(policy, work), said, gone


@pytest.mark.parametrize("names", [(ONE,), (ONE, TWO)], ids=["one worker", "two workers"])
def test_an_outage_costs_no_order_an_attempt_beyond_the_first_few(names: tuple[models.WorkerId, ...]) -> None:
    """After fifty failures every order is processed once, with two messages.

    Only the failures before the circuit opened count as attempts.
    """

    async def go() -> None:
        them, said, gone = portal(30)
        them.back_after = 50
        await asyncio.gather(*(them.worker(name) for name in names))
        assert len(them.done) == them.done.total() == 30
        assert sum(attempt - 1 for attempt in them.attempts.values()) == 3
        assert [line.partition(" (")[0].partition(",")[0] for line in said] == [
            "portal.example is not available",
            "portal.example answers again",
        ]
        assert not gone

    run_async(go())


def test_while_the_portal_is_down_one_asks_at_a_time() -> None:
    """During the outage two workers send one probe at a time; afterwards both work at once."""

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
    """After `give_up` seconds of failed probes one error names the host, and the rest stays undone."""

    async def go() -> None:
        them, _, gone = portal(30, give_up=0.05)
        await asyncio.gather(them.worker(ONE), them.worker(TWO))
        (error,) = gone
        assert "portal.example" in str(error)
        assert "same command again" in str(error)
        assert not them.done

    run_async(go())


def test_rows_with_a_host_that_does_not_exist_fail_and_hold_nobody_up() -> None:
    """Three wrong rows fail with one message each; the others are processed at once."""

    async def go() -> None:
        them, said, gone = portal(7, hosts=("portal.example", "portla.invalid"), known=False)

        async def read(taken: models.Lease) -> None:
            if "invalid" in taken.order.url:
                raise net_errors.unreachable(taken.order.url, models.NetFault.NAME, "net::ERR_NAME_NOT_RESOLVED")

        them.read = read  # type: ignore[method-assign]
        async with asyncio.timeout(10):
            await asyncio.gather(them.worker(ONE), them.worker(TWO))
        assert len(them.done) == them.done.total() == 7
        assert set(them.failures) == {"PO-1", "PO-3", "PO-5"}
        for error in them.failures.values():
            assert error.code is models.ErrorCode.NETWORK
            assert "portla.invalid cannot be opened: there is no such host" in str(error)
            assert "Check the spelling" in str(error)
        (line,) = said
        assert line.startswith("portla.invalid cannot be opened")
        assert not gone

    run_async(go())


@pytest.mark.parametrize("why", ["sign-in", "outage"])
def test_where_somebody_waits_for_each_order_those_of_a_portal_that_was_given_up_fail_at_once(why: str) -> None:
    """With an open-ended queue, orders of a portal that was given up fail at once with the reason."""

    async def go() -> None:
        them, _, gone = portal(9, give_up=0.05, hosts=("portal.example", "other.example"), open_ended=True)

        async def read(taken: models.Lease) -> None:
            if "portal.example" in taken.order.url:
                raise net_errors.unreachable(taken.order.url, models.NetFault.REFUSED)

        them.read = read  # type: ignore[method-assign]
        if why == "sign-in":
            them.policy.give_up("portal.example", errors.LoginRequiredError("portal.example asks you to sign in\nRun"))
        workers = [asyncio.create_task(them.worker(name)) for name in (ONE, TWO)]
        async with asyncio.timeout(IN_TIME):
            while them.done.total() < 9:  # noqa: ASYNC110 - a matter of turns
                await asyncio.sleep(0)
            them.work.add(order("PO-9", "other.example"))
            them.work.add(order("PO-10", "portal.example"))
            while them.done.total() < 11:  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert set(them.failures) == {f"PO-{n}" for n in (0, 2, 4, 6, 8, 10)}
            said = {(error.code, str(error).partition(" (")[0]) for error in them.failures.values()}
            if why == "sign-in":
                assert said == {(models.ErrorCode.SIGN_IN_NEEDED, "portal.example asks you to sign in")}
            else:
                assert {code for code, _ in said} == {models.ErrorCode.NETWORK}
                assert all(text.startswith("portal.example has not answered for") for _, text in said)
            them.work.close()
            await asyncio.gather(*workers)
        assert not gone

    run_async(go())


def test_a_portal_that_stays_down_does_not_end_the_run_while_others_have_orders() -> None:
    """All orders of the other portal are processed, then the run ends once."""

    async def go() -> None:
        them, said, gone = portal(
            20, give_up=0.05, hosts=("portal.example", "other.example"), on_only_parked=lambda: parked.clear()
        )
        parked = {"PO-3"}
        held, leases = asyncio.Event(), list[models.Lease]()

        async def read(taken: models.Lease) -> None:
            if "portal.example" in taken.order.url:
                raise net_errors.unreachable(taken.order.url, models.NetFault.REFUSED)
            if taken.order.po_number == "PO-19":
                await held.wait()

        async def park() -> None:
            for _ in range(20):
                taken = await them.work.lease(ONE)
                assert taken is not None
                leases.append(taken)
            for taken in leases:
                is_parked = taken.order.po_number in parked
                await them.work.release(
                    taken, order_queue.Parked() if is_parked else order_queue.Requeue(0.0, counts=False)
                )

        them.read = read  # type: ignore[method-assign]
        async with asyncio.timeout(20):
            await park()
            workers = [asyncio.create_task(them.worker(name)) for name in (ONE, TWO)]
            while not any("has not answered" in line for line in said):  # noqa: ASYNC110 - a matter of turns
                await asyncio.sleep(0.001)
            assert not gone
            held.set()
            await asyncio.gather(*workers)
        assert set(them.done) == {f"PO-{n}" for n in range(1, 20, 2)}
        assert not parked
        (error,) = set(gone)
        assert "portal.example" in str(error)

    run_async(go())


def test_stop_and_cancel_work_while_all_wait() -> None:
    """A stop ends workers that wait for a host; a cancelled one loses no order."""

    async def go() -> None:
        for end in ("stop", "cancel"):
            them, _, _ = portal(10)
            them.answer = errors.TransientError("maintenance", models.ErrorCode.PORTAL_ERROR, retry_after=3600.0)
            workers = [asyncio.create_task(them.worker(name)) for name in (ONE, TWO)]
            for _ in range(50):
                await asyncio.sleep(0)
            assert not any(task.done() for task in workers)
            if end == "stop":
                them.work.stop()
            else:
                for task in workers:
                    task.cancel()
            async with asyncio.timeout(IN_TIME):
                await asyncio.gather(*workers, return_exceptions=True)
            assert not them.done

    run_async(go())


def test_another_portals_orders_go_on_meanwhile() -> None:
    """While one portal asks for an hour's wait, all orders of the other are processed."""

    async def go() -> None:
        them, _, _ = portal(20, hosts=("portal.example", "other.example"))
        busy = errors.TransientError("maintenance", models.ErrorCode.PORTAL_ERROR, retry_after=3600.0)

        async def read(taken: models.Lease) -> None:
            if "portal.example" in taken.order.url:
                raise busy

        them.read = read  # type: ignore[method-assign]
        workers = [asyncio.create_task(them.worker(name)) for name in (ONE, TWO)]
        async with asyncio.timeout(IN_TIME):
            while len(them.done) < 10:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert set(them.done) == {f"PO-{n}" for n in range(1, 20, 2)}
        them.work.stop()
        await asyncio.gather(*workers)

    run_async(go())


def test_orders_that_really_fail_come_to_an_end() -> None:
    """Orders that always get a 500 fail in the end and do not block the run."""

    async def go() -> None:
        them, _, gone = portal(3)
        them.answer = ERROR
        await asyncio.gather(them.worker(ONE), them.worker(TWO))
        assert len(them.done) == 3
        assert not them.attempts
        assert not gone

    run_async(go())


def test_after_a_sleep_one_order_goes_before_all_others() -> None:
    """After `check_first` the second worker waits for the first one's order."""

    async def go() -> None:
        them, said, _ = portal(10)
        them.policy.check_first()
        first = await them.work.lease(ONE)
        assert first is not None
        waiter = asyncio.create_task(them.work.lease(TWO))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiter.done()
        them.policy.page_read(first)
        assert await waiter is not None
        assert said == []

    run_async(go())


def test_what_fails_in_a_sleep_is_no_attempt_and_no_outage() -> None:
    """Attempts that overlap a sleep, lost browsers too, do not count and open no circuit."""

    async def go() -> None:
        asleep = [0.0]
        policy = failure_policy.FailurePolicy(
            retry.Policy(1, 1.0, 1.0),
            POLICY,
            random=lambda: 0.5,
            now=lambda: 0.0,
            notify=lambda _: None,
            on_given_up=lambda _: None,
            on_change=lambda: None,
            asleep=lambda: asleep[0],
        )
        for number in range(5):
            taken = lease(number)
            policy.leased(taken, 0.0)
            asleep[0] += 2520.0
            policy.failed(taken, DOWN)
            assert policy.decide(DOWN, taken) == retry.Retry(0.0, counts=False)
            assert policy.decide(errors.BrowserLostError("gone"), taken) == retry.Retry(0.0, counts=False)
            policy.released(taken, settled=False)
            assert not policy.blocks_all(0.0)
        taken = lease(9)
        policy.leased(taken, 0.0)
        asleep[0] += 0.5
        assert policy.decide(DOWN, taken) == retry.GiveUp()

    run_async(go())


def test_files_tell_of_the_host_they_come_from() -> None:
    """Failed files of another host block the orders that need it, and the message names that host."""

    async def go() -> None:
        them, said, _ = portal(10)
        for _ in range(4):
            taken = await them.work.lease(ONE)
            assert taken is not None
            them.policy.page_read(taken)
            link = models.Attachment("a", "a.pdf", models.Link("https://files.example/a.pdf", ""))
            progress = order_progress.OrderProgress(taken.order, "x", datetime.now(UTC))
            progress.listing = models.Listing(models.PageKind.ORDER, (link,), 1, complete=True, supplier="", url="")
            progress.failed["a"] = DOWN
            assert them.policy.files_done(taken, progress.file_results()) == {"a": DOWN}
            them.policy.failed(taken, DOWN)
            await them.work.release(taken, order_queue.Requeue(100.0, counts=False))
        (line,) = said
        assert line.startswith("files.example is not available")

    run_async(go())


def test_an_order_whose_page_opens_while_its_files_never_do_is_not_tried_without_end() -> None:
    """If the browser reaches the host and our client never does, that is no outage, and attempts count."""

    async def go() -> None:
        them, _, _ = portal(1)
        for attempt in range(1, 5):
            async with asyncio.timeout(IN_TIME):
                taken = await them.work.lease(ONE)
            assert taken is not None
            assert taken.attempt == attempt
            them.policy.page_read(taken)
            address = f"{taken.order.url}/a.pdf"
            link = models.Attachment("a", "a.pdf", models.Link(address, ""))
            progress = order_progress.OrderProgress(taken.order, "x", datetime.now(UTC))
            progress.listing = models.Listing(models.PageKind.ORDER, (link,), 1, complete=True, supplier="", url="")
            unreachable = net_errors.unreachable(address, models.NetFault.REFUSED)
            progress.failed["a"] = unreachable
            them.policy.files_done(taken, progress.file_results())
            decision = them.policy.decide(them.policy.failed(taken, unreachable), taken)
            if isinstance(decision, retry.Retry):
                await them.work.release(taken, order_queue.Requeue(decision.delay, decision.counts))
        assert decision == retry.GiveUp()

    run_async(go())


def test_only_the_order_on_a_page_is_suspected_of_a_lost_browser() -> None:
    """After four lost browsers with its page open an order fails; one with only files is retried."""

    async def go() -> None:
        them, _, _ = portal(2)
        suspect, bystander = await them.work.lease(ONE), await them.work.lease(TWO)
        assert suspect is not None
        assert bystander is not None
        them.policy.page_read(bystander)
        lost = errors.BrowserLostError("killed")
        for turn in range(1, 5):
            for taken, counts in ((suspect, True), (bystander, False)):
                them.policy.failed(taken, lost)
                over = counts and turn == 4
                want: retry.Decision = retry.GiveUp() if over else retry.Retry(0.0, counts=counts)
                assert them.policy.decide(lost, taken) == want

    run_async(go())
