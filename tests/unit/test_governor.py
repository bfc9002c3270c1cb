"""How many contexts may be open, decided from readings of the machine and its control groups."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from po_pw import errors
from po_pw.machine import capacity, cgroups, resources
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MB = 1_000_000
PLENTY = resources.Reading(
    free_bytes=20_000 * MB, total_bytes=24_000 * MB, cpu_percent=10, open_files=20, open_files_limit=0, cpus=16
)
COSTS = capacity.Costs(context_bytes=200 * MB, driver_bytes=100 * MB, files_per_context=10, tasks_per_context=100)
KEEP = 200 * MB


def decide(wanted: int, open_now: int = 0, **different: object) -> capacity.Decision:
    reading = dataclasses.replace(PLENTY, **different)  # type: ignore[arg-type]
    return capacity.decide(wanted, open_now, reading, COSTS, reserve_bytes=KEEP)


@pytest.mark.parametrize(
    ("wanted", "open_now", "different", "count", "words"),
    [
        (4, 0, {}, 4, "enough for all 4 browsers"),
        (1, 0, {}, 1, "enough for the one browser"),
        (0, 0, {}, 0, "no browsers"),
        # 200 stay free, the driver takes 100, each context 200.
        (4, 0, {"free_bytes": 700 * MB}, 2, "free memory 700 MB is enough for 2 of 4 browsers"),
        (4, 0, {"free_bytes": 499 * MB}, 1, "free memory 499 MB is not enough even for one browser"),
        (4, 0, {"free_bytes": 0}, 1, "not enough even for one"),
        (4, 0, {"free_bytes": 700 * MB, "contained": True}, 2, "within the limit of the container"),
        # One more beside open ones needs its 200, and 100 of margin.
        (4, 2, {"free_bytes": 499 * MB}, 2, "not enough for more than 2 of 4"),
        (4, 2, {"free_bytes": 500 * MB}, 3, "enough for 3 of 4"),
        (4, 2, {"free_bytes": 900 * MB}, 4, "enough for all 4"),
        # Half the reserve is where closing begins; as many as bring the reserve back.
        (4, 4, {"free_bytes": 100 * MB}, 4, "enough for all 4"),
        (4, 4, {"free_bytes": 99 * MB}, 3, "closing 1 of 4"),
        (4, 4, {"free_bytes": 0}, 3, "closing 1 of 4"),
        (4, 1, {"free_bytes": 10 * MB}, 1, "using one browser"),
        (2, 4, {}, 2, "all 2 browsers"),
        # Files, processes, CPUs.
        (4, 0, {"open_files_limit": 75}, 2, "limit of 75 open files for a process (20 are open)"),
        (4, 1, {"open_files_limit": 50}, 1, "not enough for more than 1 of 4"),
        (4, 0, {"tasks_left": 364}, 3, "container's limit on processes (364 more) is enough for 3 of 4"),
        (4, 0, {"tasks_left": 10}, 1, "not enough even for one"),
        (16, 0, {"cpus": 2.0}, 8, "2 CPUs are enough for 8 of 16 browsers"),
        (16, 8, {"cpus": 2.0}, 12, "2 CPUs are enough for 12 of 16 browsers"),
        (16, 12, {"cpus": 2.0}, 16, "all 16 browsers"),
        (16, 8, {"cpus": 2.0, "cpu_percent": 99}, 8, "2 CPUs at 99 % are not enough for more than 8 of 16"),
        (16, 1, {"cpus": 2.0, "cpu_percent": 99}, 4, "2 CPUs at 99 % are enough for 4 of 16"),
        (4, 0, {"cpus": 1.0}, 4, "all 4 browsers"),
        (4, 0, {"cpus": 0.5}, 2, "0.5 CPUs are enough for 2 of 4"),
    ],
)
def test_decision(wanted: int, open_now: int, different: dict[str, object], count: int, words: str) -> None:
    """Each resource limits the contexts, one always stays, and the reason is in words."""
    decision = decide(wanted, open_now, **different)
    assert decision.count == count, decision.why
    assert words in decision.why


@pytest.mark.parametrize(("total", "kept"), [(512, 134), (4_000, 400), (64_000, 1073)])
def test_the_reserve_grows_with_the_machine(total: int, kept: int) -> None:
    """A tenth is left to others, within limits."""
    assert capacity.reserve(total * MB) // MB == kept


@pytest.mark.parametrize("others", range(0, 1300 * MB, 45 * MB))
def test_closing_a_context_does_not_open_it_again(others: int) -> None:
    """Contexts do not open and close in turn, whatever memory other programs use."""
    total, count = 1500 * MB, 4
    seen = []
    for _ in range(12):
        free = max(0, total - others - COSTS.driver_bytes - count * COSTS.context_bytes)
        count = decide(4, count, free_bytes=free, total_bytes=total).count
        seen.append(count)
    changes = [after - before for before, after in itertools.pairwise(seen) if after != before]
    assert seen[-1] == seen[-4], seen
    assert all(change < 0 for change in changes), seen


def test_costs_follow_what_is_measured() -> None:
    """Higher costs count at once, lower ones gradually, impossible ones within limits."""
    assert COSTS.measured(100 * MB + 4 * 300 * MB, 4).context_bytes == 300 * MB
    assert COSTS.measured(100 * MB + 4 * 100 * MB, 4).context_bytes == 175 * MB
    assert COSTS.measured(10**15, 1).context_bytes == 4096 << 20
    assert COSTS.measured(50 * MB, 4) is COSTS
    assert COSTS.measured(500 * MB, 0) is COSTS


def watched(wanted: int, readings: list[resources.Reading | errors.MachineError]) -> list[tuple[int, int]]:
    """The counts decided, each with the number of readings, if contexts follow at once."""
    told: list[tuple[int, int]] = []
    turn = 0

    def read() -> resources.Reading:
        nonlocal turn
        reading = readings[turn]
        turn += 1
        if isinstance(reading, errors.MachineError):
            raise reading
        return reading

    async def watch() -> None:
        watching = capacity.Governor(wanted, read=read, measure=lambda: 0, costs=COSTS, reserve_bytes=KEEP, every=0)
        first = await watching.decide()
        told.append((turn, first.count))
        try:
            async for decision in watching.watch(lambda: told[-1][1], first):
                told.append((turn, decision.count))  # noqa: PERF401 - the watch itself looks at it
        except IndexError:  # there are no more readings
            return

    run_async(watch())
    return told


def test_a_governor_closes_at_once_and_opens_when_it_is_sure() -> None:
    """One reading of low memory closes; opening needs a second reading."""
    low = dataclasses.replace(PLENTY, free_bytes=50 * MB)
    between = dataclasses.replace(PLENTY, free_bytes=300 * MB)
    assert watched(4, [PLENTY, PLENTY, low, between, PLENTY, between, PLENTY, PLENTY, PLENTY]) == [
        (1, 4),
        (3, 3),
        (8, 4),
    ]


def test_a_governor_goes_on_when_a_reading_fails() -> None:
    """A failed reading changes nothing."""
    low = dataclasses.replace(PLENTY, free_bytes=50 * MB)
    assert watched(4, [PLENTY, errors.MachineError("no answer"), low]) == [(1, 4), (3, 3)]


def test_a_short_load_holds_nothing_back() -> None:
    """Only a lasting load prevents new contexts."""
    few = dataclasses.replace(PLENTY, cpus=2.0)
    busy = dataclasses.replace(few, cpu_percent=100)
    assert watched(16, [few, busy, busy, busy])[:2] == [(1, 8), (3, 12)]
    assert watched(16, [busy, busy, busy, busy]) == [(1, 8)]


def test_costs_are_measured_while_contexts_are_open() -> None:
    """The second decision uses measured costs; the first is made while browsers start."""

    async def learn() -> tuple[int, int]:
        low = dataclasses.replace(PLENTY, free_bytes=1000 * MB)
        measuring = capacity.Governor(
            8, read=lambda: low, measure=lambda: 100 * MB + 2 * 600 * MB, costs=COSTS, reserve_bytes=KEEP
        )
        before = await measuring.decide(0)
        await measuring.decide(2)
        after = await measuring.decide(2)
        return before.count, after.count

    assert run_async(learn()) == (3, 2)


def test_starts_are_staggered_by_cpus() -> None:
    """As many contexts launch at once as the CPUs allow; the others wait."""

    async def delays() -> list[float]:
        two = capacity.Governor(4, read=lambda: dataclasses.replace(PLENTY, cpus=2.0))
        await two.decide()
        return [two.start_delay(index) for index in range(9)]

    due = run_async(delays())
    assert due[:4] == [0.0] * 4
    assert 0 < due[4] == due[7] < due[8]


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., cgroups.Limits]:
    """Writes files below a root as the kernel shows them, and reads them."""

    def write(cgroup: str, mountinfo: str, files: dict[str, str]) -> cgroups.Limits:
        proc = tmp_path / "proc"
        proc.mkdir()
        (proc / "cgroup").write_text(cgroup)
        (proc / "mountinfo").write_text(mountinfo)
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return cgroups.read(proc, tmp_path)

    return write


TWO = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
ONE = "".join(
    f"3{number} 31 0:3{number} {{root}} /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}\n"
    for number, name in enumerate(("memory", "cpu,cpuacct", "pids"))
)


def test_version_2_with_its_parents(tree: Callable[..., cgroups.Limits]) -> None:
    """The tightest limit of the group and its parents counts; reclaimable cache is free."""
    limits = tree(
        "0::/user.slice/job\n",
        TWO,
        {
            "sys/fs/cgroup/user.slice/job/memory.max": "max\n",
            "sys/fs/cgroup/user.slice/job/memory.current": "100\n",
            "sys/fs/cgroup/user.slice/job/cpu.max": "max 100000\n",
            "sys/fs/cgroup/user.slice/job/pids.max": "900\n",
            "sys/fs/cgroup/user.slice/job/pids.current": "100\n",
            "sys/fs/cgroup/user.slice/memory.max": "1000\n",
            "sys/fs/cgroup/user.slice/memory.current": "700\n",
            "sys/fs/cgroup/user.slice/memory.stat": "anon 500\ninactive_file 150\n",
            "sys/fs/cgroup/user.slice/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/user.slice/cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
            "sys/fs/cgroup/user.slice/pids.max": "max\n",
        },
    )
    assert limits == cgroups.Limits(1000, 450, 1.5, 2.5, 800)


def test_version_2_high_is_a_limit_too(tree: Callable[..., cgroups.Limits]) -> None:
    """`memory.high` is a limit, too; what is left is never negative."""
    files = {
        "sys/fs/cgroup/memory.max": "1000",
        "sys/fs/cgroup/memory.high": "800",
        "sys/fs/cgroup/memory.current": "900",
    }
    assert tree("0::/\n", TWO, files) == cgroups.Limits(800, 0)


def test_version_1_in_a_container(tree: Callable[..., cgroups.Limits]) -> None:
    """In a container the mount begins at our group; an impossible number is no limit."""
    path = "/docker/abc"
    limits = tree(
        f"4:memory:{path}\n3:cpu,cpuacct:{path}\n2:pids:{path}\n1:name=systemd:{path}\n0::/\n",
        ONE.replace("{root}", path),
        {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "3000\n",
            "sys/fs/cgroup/memory/memory.stat": "cache 1\ntotal_inactive_file 500\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpuacct.usage": "3000000000\n",
            "sys/fs/cgroup/pids/pids.max": "200\n",
            "sys/fs/cgroup/pids/pids.current": "50\n",
        },
    )
    assert limits == cgroups.Limits(5000, 2500, 0.5, 3.0, 150)


def test_version_1_parents_and_no_limit(tree: Callable[..., cgroups.Limits]) -> None:
    """A limit two levels up is found; `-1` and huge numbers are none."""
    limits = tree(
        "4:memory:/a/b\n3:cpu,cpuacct:/a/b\n",
        ONE.replace("{root}", "/"),
        {
            "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/a/b/memory.usage_in_bytes": "10\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "700\n",
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "100\n",
            "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
        },
    )
    assert limits == cgroups.Limits(700, 600)


def test_a_path_that_is_not_there(tree: Callable[..., cgroups.Limits]) -> None:
    """If the group is outside the mount, the mount's top is used."""
    files = {"sys/fs/cgroup/memory.max": "1000", "sys/fs/cgroup/memory.current": "100"}
    assert tree("0::/../../elsewhere\n", TWO, files) == cgroups.Limits(1000, 900)


def test_no_control_groups(tmp_path: Path) -> None:
    """Without control groups there is no limit."""
    assert cgroups.read(tmp_path / "no-proc", tmp_path) == cgroups.Limits()


def test_this_machine_is_read() -> None:
    """The real machine's reading is plausible and within a container's limits."""
    real = resources.read()
    assert 0 < real.free_bytes <= real.total_bytes
    assert 0 <= real.cpu_percent <= 100
    assert real.open_files > 0
    assert real.cpus > 0
    counted: Iterator[float] = itertools.count(0, 100.0)
    limits = (
        cgroups.Limits(memory_bytes=1000, memory_left=300, cpus=0.5, cpu_seconds=spent, tasks_left=7)
        for spent in counted
    )
    contained = resources.read(lambda: next(limits))
    assert (contained.free_bytes, contained.total_bytes, contained.contained) == (300, 1000, True)
    assert (contained.cpus, contained.cpu_percent, contained.tasks_left) == (0.5, 100, 7)


def test_memory_of_driver_and_browsers_is_measured() -> None:
    """Memory of a driver is counted while it runs; that of other processes is not."""
    assert resources.browser_bytes("made-up-driver") == 0
    code = "import sys; held = bytearray(b'x') * 80_000_000; print('ready', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, "made-up-driver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 80_000_000 < resources.browser_bytes("made-up-driver") < 120_000_000
        assert resources.browser_bytes("another-driver") == 0
        assert child.stdin is not None
        child.stdin.close()
