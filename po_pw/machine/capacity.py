"""How many browser contexts may be open, and how long after the previous one each starts.

Deciding is pure; the machine is read in a thread.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
from typing import TYPE_CHECKING, Final

from po_pw import errors, humanize
from po_pw.machine import resources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_log = logging.getLogger(__name__)

Reading = resources.Reading
read = resources.read

_MIB: Final = 1 << 20
_MIN_CONTEXT_BYTES, _MAX_CONTEXT_BYTES = 64 * _MIB, 4096 * _MIB
"""Bytes: measured memory per context is only accepted within this range."""
_BUSY_PERCENT: Final = 95.0
"""CPU load in percent above which at most `_STEP_PER_CPU` contexts per CPU are opened."""
_FIRST_PER_CPU: Final = 4
"""Contexts per CPU at the start: they mostly wait for the network. More are added if the CPUs are not busy."""
_STEP_PER_CPU: Final = 2
"""Contexts per CPU that are added at a time."""
_SPARE_FILES: Final = 32
"""Open files left to everything that is not a context."""
_SPARE_TASKS: Final = 64
"""Processes and threads left to everything that is not a context."""
_LAUNCH_CPU_SECONDS: Final = 0.6
"""Seconds of CPU time of one launch, measured."""
_MEASURE_EVERY: Final = 5
"""Every n-th reading also measures the browsers. That is expensive: it reads each of their processes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Costs:
    """Resources that contexts use.

    The defaults were measured with Playwright 1.65 and headless Chromium 156 on Linux: 1 to 4 contexts opened one
    after another, each having read 12 order pages, and `resources.browser_bytes()` after each. It returned 70 MiB for
    the driver alone, 224 with the first context, and 375, 521 and 666 with more; the machine's available memory fell
    by about as much. Each context added 8 processes with 100 threads, and 3 files in our own process; each of its
    downloads uses a socket and a file.
    """

    context_bytes: int = 150 * _MIB
    driver_bytes: int = 80 * _MIB
    """Used once, with the first context."""
    files_per_context: int = 12
    tasks_per_context: int = 115

    def measured(self, used_bytes: int, contexts: int) -> Costs:
        """Adjusts the costs to a measurement: at once if it is higher, gradually if it is lower.

        Args:
            used_bytes: memory of driver and browsers together.
            contexts: number of open contexts; 0 changes nothing.
        """
        if contexts < 1 or used_bytes <= self.driver_bytes:
            return self
        per_context = min(_MAX_CONTEXT_BYTES, max(_MIN_CONTEXT_BYTES, (used_bytes - self.driver_bytes) // contexts))
        if per_context < self.context_bytes:
            per_context = (3 * self.context_bytes + per_context) // 4
        return dataclasses.replace(self, context_bytes=per_context)


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """How many contexts may be open, and why, in words for the user."""

    count: int
    why: str
    enough: bool = True
    """False if there may not be enough memory even for one, which is opened anyway."""


def reserve(total_bytes: int) -> int:
    """Memory in bytes to leave to other programs: a tenth, at least 128 MiB, at most 1 GiB."""
    return min(1024 * _MIB, max(128 * _MIB, total_bytes // 10))


def decide(
    wanted: int, open_now: int, reading: resources.Reading, costs: Costs, *, reserve_bytes: int | None = None
) -> Decision:
    """Decides how many of the wanted contexts may be open now.

    At least one, however little memory there is: only trying shows whether it works. Contexts are closed if free
    memory is below half the reserve, and opened if it exceeds the reserve by more than a context; in between nothing
    changes, so that closing one does not reopen it. Only memory closes a context.

    Args:
        wanted: number of contexts requested.
        open_now: number of open contexts; the reading already includes their memory.
        reading: current or smoothed.
        costs: of one more context.
        reserve_bytes: memory to leave to other programs; None: `reserve` of the total.
    """
    if wanted < 1:
        return Decision(0, "no browsers are needed")
    reserved = reserve(reading.total_bytes) if reserve_bytes is None else reserve_bytes
    memory = (
        f"free memory {humanize.size(reading.free_bytes)}{' (within the limit of the container)' * reading.contained}"
    )
    now = min(open_now, wanted)
    if now and reading.free_bytes < reserved // 2:
        missing = math.ceil((reserved - reading.free_bytes) / costs.context_bytes)
        count = max(1, now - missing)
        if count == now:
            return Decision(1, f"{memory} is low: using one browser, one order after another")
        less = f"closing {now - count} of {now} browsers"
        return Decision(count, f"{memory} is low (at least {humanize.size(reserved // 2)} should stay free): {less}")
    bounds = _bounds(now, reading, costs, reserved, memory)
    allowed, limit = min(bounds, key=lambda bound: bound[0])
    if allowed >= wanted:
        return Decision(wanted, f"{bounds[0][1]} enough for {_contexts(wanted, wanted)}")
    if allowed < 1:
        return Decision(1, f"{limit} not enough even for one browser: trying with one", enough=False)
    if allowed == now:
        return Decision(now, f"{limit} not enough for more than {_contexts(now, wanted)}")
    return Decision(allowed, f"{limit} enough for {_contexts(allowed, wanted)}")


def _bounds(now: int, reading: resources.Reading, costs: Costs, reserved: int, memory: str) -> list[tuple[int, str]]:
    """The number of contexts each resource allows, at least those open, with the resource in words; memory first."""
    available = reading.free_bytes - reserved
    # With others open, one more needs a margin of half a context, because memory use fluctuates.
    available -= costs.context_bytes // 2 if now else costs.driver_bytes
    bounds = [(now + max(0, available // costs.context_bytes), f"{memory} is")]
    if reading.open_files_limit:
        files = max(0, reading.open_files_limit - reading.open_files - _SPARE_FILES)
        name = f"the limit of {reading.open_files_limit} open files for a process ({reading.open_files} are open) is"
        bounds.append((now + files // costs.files_per_context, name))
    if reading.tasks_left is not None:
        tasks = max(0, reading.tasks_left - _SPARE_TASKS)
        name = f"the container's limit on processes ({reading.tasks_left} more) is"
        bounds.append((now + tasks // costs.tasks_per_context, name))
    step = max(1, math.floor(reading.cpus * _STEP_PER_CPU))
    cpus = f"{reading.cpus:g} CPU{'s' if reading.cpus != 1 else ''}"
    are = "are" if reading.cpus != 1 else "is"
    if not now:
        bounds.append((max(1, math.floor(reading.cpus * _FIRST_PER_CPU)), f"{cpus} {are}"))
    elif reading.cpu_percent >= _BUSY_PERCENT:
        bounds.append((max(now, step), f"{cpus} at {reading.cpu_percent:.0f} % {are}"))
    else:
        bounds.append((now + step, f"{cpus} {are}"))
    return bounds


class Governor:
    """Decides during a run how many contexts may be open, from readings of the machine.

    Args:
        wanted: number of contexts requested.
        read: takes a reading; called in a thread.
        measure: returns the bytes used by driver and browsers; called in a thread, now and then.
        costs: initial values; adjusted to measurements.
        reserve_bytes: see `decide`.
        every: seconds between readings.
    """

    def __init__(
        self,
        wanted: int,
        *,
        read: Callable[[], resources.Reading] = resources.read,
        measure: Callable[[], int] = resources.browser_bytes,
        costs: Costs | None = None,
        reserve_bytes: int | None = None,
        every: float = 5.0,
    ) -> None:
        self.wanted = wanted
        self.costs = costs or Costs()
        self.every = every
        self._read = read
        self._measure = measure
        self._reserve = reserve_bytes
        self._cpus = 1.0
        self._busy: float | None = None
        self._turn = 0

    async def decide(self, open_now: int = 0) -> Decision:
        """Reads the machine and decides.

        Raises:
            MachineError: the system reports no figures.
        """
        reading = await asyncio.to_thread(self._read)
        self._cpus = reading.cpus
        # Opening a page uses all CPUs for a moment: only a lasting load counts.
        self._busy = reading.cpu_percent if self._busy is None else (self._busy + reading.cpu_percent) / 2
        # Not the first time: looking at every process is most expensive while browsers start.
        if open_now and self._turn % _MEASURE_EVERY == 1:
            self.costs = self.costs.measured(await asyncio.to_thread(self._measure), open_now)
        self._turn += bool(open_now)
        reading = dataclasses.replace(reading, cpu_percent=self._busy)
        return decide(self.wanted, open_now, reading, self.costs, reserve_bytes=self._reserve)

    async def watch(self, open_now: Callable[[], int], first: Decision) -> AsyncIterator[Decision]:
        """Yields each decision that changes the number of contexts.

        A decrease is yielded at once, an increase only when a second reading confirms it.

        Args:
            open_now: current number of contexts, including those being opened.
            first: the decision in force.
        """
        count = first.count
        confirmed: int | None = None
        while True:
            await asyncio.sleep(self.every)
            try:
                decision = await self.decide(open_now())
            except errors.MachineError as error:
                _log.warning("%s", error)
                continue
            if decision.count > count:
                if confirmed is None:
                    confirmed = decision.count
                    continue
                decision = dataclasses.replace(decision, count=min(decision.count, confirmed))
            confirmed = None
            if decision.count != count:
                count = decision.count
                yield decision

    def start_delay(self, index: int) -> float:
        """Seconds after the first launch when the launch with this index (from 0) starts: two at a time per CPU.

        With one per CPU, 4 workers on 2 CPUs were 3.3 times as fast as one; with two, 3.5 times.
        """
        return index // max(1, math.floor(self._cpus * 2)) * _LAUNCH_CPU_SECONDS


def _contexts(count: int, wanted: int) -> str:
    if count < wanted:
        return f"{count} of {wanted} browsers"
    return "the one browser" if wanted == 1 else f"all {wanted} browsers"
