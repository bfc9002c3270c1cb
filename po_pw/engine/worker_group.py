"""The workers of a run: starts, adds and retires them, pauses them, and goes on after the computer slept."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, humanize, models
from po_pw.dispatch import circuit_breaker, failure_policy, order_queue, portal_knowledge, reachability, retry
from po_pw.dispatch.scheduler import Scheduler
from po_pw.engine import browser_lanes, worker
from po_pw.machine import clocks, disk_space, keep_awake
from po_pw.processing import file_traffic, sign_ins
from po_pw.processing.worker_deps import Visits, WorkerDeps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from po_pw.machine.capacity import Decision, Governor
    from po_pw.processing.run_context import RunContext

SAMPLE: Final = 0.25
"""Seconds between events about bytes received."""


class WorkerGroup:
    """Workers on one scheduler: as many as the governor currently allows.

    Args:
        run_context: of the run.
        orders: to process.
        names: of the workers, each with its own context.
        governor: decides how many contexts may be open.
        first: its first decision.
        open_ended: whether orders are added one by one, with a caller waiting for each.
    """

    def __init__(
        self,
        run_context: RunContext,
        orders: Iterable[models.PurchaseOrder],
        names: Sequence[models.WorkerId],
        governor: Governor,
        first: Decision,
        *,
        open_ended: bool = False,
    ) -> None:
        self._run_context = run_context
        self._names = names
        self._governor = governor
        self._first = first
        todo = list(orders)
        self._scheduler = Scheduler(todo, names[: first.count], open_ended=open_ended)
        self._running: set[models.WorkerId] = set()
        self._gave_up: list[errors.MachineError] = []
        self.given_up: errors.PoPwError | None = None
        self.stopped = False
        self._allowed = first.count
        self._visits = Visits()
        self._background: list[asyncio.Task[None]] = []
        options, probes = run_context.options, run_context.probes
        self.knowledge = portal_knowledge.PortalKnowledge(
            run_context.sessions, run_context.hub, lambda keys: self.source.unpark(keys)
        )
        self.knowledge.expect(todo)
        base = 2 * options.backoff_base
        self.policy = failure_policy.FailurePolicy(
            retry.Policy(options.attempts, options.backoff_base, options.backoff_cap, options.retry_for),
            circuit_breaker.Policy(base, options.backoff_cap, options.outage_timeout, confirm=base),
            random=random.random,
            now=asyncio.get_running_loop().time,
            notify=self._warn,
            on_given_up=self._give_up,
            on_change=lambda: self.source.changed(),
            emit=run_context.hub.emit,
            asleep=probes.asleep,
            fails_given_up=open_ended,
            hosts=reachability.Hosts(self.knowledge.has_answered, probes.network, self.knowledge.note_answer),
        )
        self.policy.expect(todo)
        self._sign_ins = sign_ins.SignIns(run_context, self.knowledge, self.policy)
        self.source = order_queue.OrderQueue(
            self._scheduler,
            on_steal=self._stolen,
            gate=self.policy,
            on_only_parked=lambda: self.knowledge.only_parked(self.source.parked()),
        )
        self._space = disk_space.DiskMonitor(
            lambda: probes.space(run_context.out),
            options.min_free_bytes,
            options.disk_timeout,
            notify=self._warn,
            on_pause=lambda paused: self.source.pause("disk") if paused else self.source.resume("disk"),
            folder=disk_space.OutputFolder(run_context.out),
            on_available=run_context.reopen,
            every=probes.space_every,
        )

    async def work(self) -> None:
        """Processes until every order is settled, or the run is stopped.

        Raises:
            LoginRequiredError: the portal asks you to sign in.
            ParallelProcessingError: no context could be opened, or all were lost.
            PortalUnreachableError: a portal did not answer for too long.
            OutputUnavailableError: the disk was full, or the output directory unavailable, for too long.
            MachineError: a disk error.
        """
        options, first = self._run_context.options, self._first
        max_bytes = options.max_total_bytes
        limit_reached = f"{max_bytes or 0:,} bytes were downloaded, the limit you set (--max-total-size)"
        traffic = file_traffic.Traffic(
            options.files_in_all,
            max_bytes,
            lambda: self._run_context.stop(limit_reached),
            go_ahead=self._space.wait,
            known=self.knowledge.known_addresses,
        )
        deps = WorkerDeps(
            self._run_context,
            browser_lanes.BrowserLanes(self._run_context, self.knowledge),
            self.source,
            traffic,
            self._sign_ins,
            self._gave_up.append,
            self.policy,
            self._space,
            self.knowledge,
            self._is_alone,
            self._visits,
        )
        sampler = asyncio.create_task(self._sample(traffic), name="sampler")
        time_limit = self._start_time_limit()
        try:
            async with keep_awake.stay_awake(options.keep_awake), asyncio.TaskGroup() as group:
                self._background = [
                    group.create_task(self._adjust_workers(group, deps), name="governor"),
                    group.create_task(self._space.watch(), name="free-space"),
                    group.create_task(self._watch_sleep(), name="sleep"),
                    group.create_task(self._sign_ins.work(), name="sign-ins"),
                ]
                for index, name in enumerate(self._names[: first.count]):
                    self._begin(group, deps, name, self._governor.start_delay(index))
        except BaseExceptionGroup as error:
            raise errors.first_of(error) from error
        finally:
            if time_limit is not None:
                time_limit.cancel()
            sampler.cancel()
            await asyncio.wait([sampler])
            self._save_knowledge()
            self._run_context.hub.emit(events.BytesReceived(traffic.received))
        if self.given_up is not None:
            raise self.given_up
        if self._gave_up and not self.stopped and not self._scheduler.is_drained():
            left = self._scheduler.waiting()
            msg = f"no browser could be kept open, so {left} orders were not reached: {self._gave_up[-1]}"
            raise errors.ParallelProcessingError(msg) if first.enough else errors.ResourceExhaustedError(msg)

    def _save_knowledge(self) -> None:
        try:
            self.knowledge.save()
        except OSError as error:
            self._warn(f"what po-pw learned about the portals could not be saved ({error.strerror or error})")

    def _begin(self, group: asyncio.TaskGroup, deps: WorkerDeps, name: models.WorkerId, delay: float) -> None:
        """Starts a worker. When the last one has ended, the background tasks are cancelled."""

        async def work() -> None:
            await asyncio.sleep(delay)
            await worker.Worker(name, deps).run()

        def ended(_: asyncio.Task[None]) -> None:
            self._running.discard(name)
            if not self._running:
                for task in self._background:
                    task.cancel()

        self._running.add(name)
        group.create_task(work(), name=f"worker-{name}").add_done_callback(ended)

    async def _adjust_workers(self, group: asyncio.TaskGroup, deps: WorkerDeps) -> None:
        """Retires workers if memory is short; reactivates or adds workers if there is enough. Reports why."""
        async for decision in self._governor.watch(lambda: len(self._running), self._first):
            self._allowed = decision.count
            running = [name for name in self._names if name in self._running]
            retired = [name for name in running if self.source.is_retired(name)]
            working = [name for name in running if name not in retired]
            idle = [name for name in self._names if name not in self._running]
            for name in working[decision.count :]:
                self.source.retire(name)
            more = max(0, decision.count - len(working))
            if not self.stopped:
                for name in retired[:more]:
                    self.source.unretire(name)
                more = min(more - len(retired[:more]), self._scheduler.waiting())
                for index, name in enumerate(idle[:more]):
                    self._begin(group, deps, name, self._governor.start_delay(index))
            fewer = decision.count < len(working)
            self._run_context.hub.emit(events.Notice("warning" if fewer else "info", decision.why))

    def _is_alone(self) -> bool:
        """Whether there is only one worker, on request or for lack of memory: then nothing overlaps."""
        return min(self._allowed, len(self._names)) <= 1

    async def _watch_sleep(self) -> None:
        """After a sleep, checks the browsers and lets one order of each host go first, as a test."""
        probes = self._run_context.probes
        async for seconds in clocks.watch_sleep(probes.asleep, probes.sleep_every):
            self._warn(f"this computer slept for {humanize.duration(seconds)}; time limits do not count that")
            self.policy.check_first()
            await self._run_context.pool.check(self._run_context.options.heartbeat_timeout)

    def _start_time_limit(self) -> asyncio.TimerHandle | None:
        seconds = self._run_context.options.run_timeout
        if seconds is None:
            return None
        why = f"the time limit of this run is reached ({humanize.duration(seconds)})"
        return asyncio.get_running_loop().call_later(seconds, self._run_context.stop, why)

    def _give_up(self, error: errors.PoPwError) -> None:
        """Ends the run, because only orders of portals that were given up are left."""
        if self.given_up is None:
            self.given_up = error
            needs_sign_in = isinstance(error, errors.LoginRequiredError)
            why = "the portal asks you to sign in" if needs_sign_in else "the portal is not available"
            self._run_context.hub.emit(events.Stopping(now=False, why=why))
            self.source.stop()

    def _warn(self, text: str) -> None:
        self._run_context.hub.emit(events.Notice("warning", text))

    @property
    def is_ending(self) -> bool:
        """Whether it ends early: a sign-in is needed, or a portal was given up."""
        return self.given_up is not None

    def pause(self) -> None:
        """Starts no more orders until `resume`."""
        self.source.pause("user")

    def resume(self, paused_for: float) -> None:
        """Starts orders again.

        Args:
            paused_for: duration of the pause, in seconds.
        """
        self.policy.excuse(paused_for)
        self.source.resume("user")

    def stop(self) -> None:
        """Starts no more orders."""
        self.stopped = True
        self.source.stop()
        self._visits.end(self.policy.may_abandon)

    def _stolen(self, thief: models.WorkerId, victim: models.WorkerId, count: int) -> None:
        self._run_context.hub.emit(events.OrdersStolen(thief, victim, count))

    async def _sample(self, traffic: file_traffic.Traffic) -> None:
        last = -1
        while True:
            await asyncio.sleep(SAMPLE)
            if traffic.received != last:
                last = traffic.received
                self._run_context.hub.emit(events.BytesReceived(last))
