"""Long work shows its progress, with and without a terminal, and can be stopped without loss."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, events, long_work, models, settings
from po_pw.cli import progress, tally
from po_pw.engine import run as engine
from po_pw.engine import run_control
from po_pw.journal import store
from po_pw.maintenance import rebuild_journal, verify
from po_pw.processing import resuming
from tests.helpers.journal_values import PLAN, order, outcome, raw, row, saved
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_stage_is_announced_now_and_then() -> None:
    """A stage is announced at its start and end, and at most four times a second between."""
    heard: list[events.Event] = []
    clock = Clock()
    stage = long_work.Stage("Reading pos.csv", "row", 0, heard.append, lambda: False, clock)
    for number in range(1000):
        clock.now = number / 1000
        stage.reach(number)
    assert [event.done for event in heard if isinstance(event, events.Progress)] == [250, 500, 750]
    with long_work.LongWork(heard.append).stage("Writing", "row", 3) as other:
        assert list(other.counted("abc")) == ["a", "b", "c"]
    assert heard[3:] == [events.Progress("Writing", 0, 3, "row"), events.Progress("Writing", 3, 3, "row", ended=True)]


def test_a_stop_ends_a_stage_but_not_one_that_began_after_it() -> None:
    """Work that starts after a stop, such as writing results, ends only with the next stop."""
    stops = 1
    work = long_work.LongWork(lambda _: None, lambda: stops)
    before = work.stage("Reading the orders")
    with pytest.raises(errors.StoppedError, match=r"stopped while reading the orders\. Nothing is lost"), before:
        pytest.fail("it began")
    with work.stage("Writing the results", in_spite_of=1) as stage:
        stage.reach(1)
        stops = 2
        with pytest.raises(errors.StoppedError) as caught:
            stage.reach(2)
    assert caught.value.exit_code == 130


def test_lines_without_a_terminal() -> None:
    """Short work prints no line; long work one every two seconds, with its count and duration."""
    clock = Clock()
    stages, said = progress.Stages(clock), list[str]()
    lines = progress.Lines(stages, said.append, clock)
    stages.on_event(events.Progress("Reading pos.csv", 0, 0, "row"))
    for moment, done in ((0.5, 10), (1.9, 1_000), (2.0, 1_200), (3.9, 2_000), (4.1, 2_500)):
        clock.now = moment
        stages.on_event(events.Progress("Reading pos.csv", done, 0, "row"))
        lines.look()
    assert said == ["Reading pos.csv: 1,200 rows, 2 s", "Reading pos.csv: 2,500 rows, 4 s"]
    stages.on_event(events.Progress("Reading pos.csv", 2_500, 0, "row", ended=True))
    clock.now = 50
    lines.look()
    stages.on_event(events.Progress("Checking the journal", 0, 0, ""))
    lines.heard()
    clock.now = 51
    lines.look()
    clock.now = 115
    lines.look()
    assert said[2:] == ["Checking the journal: 1:05"]
    stages.on_event(events.Progress("Writing the results", 1, 1, "row"))
    clock.now = 117
    lines.look()
    assert said[3:] == ["Writing the results: 1 of 1 row, 2 s"]


def test_a_run_that_says_nothing_says_what_it_waits_for_and_floods_no_log() -> None:
    """A silent run says what it waits for after two seconds, then less and less often."""
    clock = Clock()
    one, said = tally.Tally(clock), list[str]()
    lines = progress.Lines(progress.Stages(clock), said.append, clock, one.waited_for)

    def wait(seconds: int) -> list[float]:
        """The times at which a line is printed."""
        moments = list[float]()
        for _ in range(seconds):
            clock.now += 1
            before = len(said)
            lines.look()
            moments += [clock.now] * (len(said) - before)
        return moments

    one.on_event(events.RunStarted(models.RunId("r"), 60, 60, 0, 0, 0, 2))
    for number, worker in ((1, "w1"), (2, "w2")):
        one.on_event(events.OrderStep(models.WorkerId(worker), order(number).key, f"PO-{number}", "reading", 1))
    assert wait(60) == [2, 6, 14, 24, 34, 44, 54]
    assert said[0] == "0 of 60 orders done; w1 reading PO-1 (2 s), w2 reading PO-2 (2 s)"
    one.on_event(events.HostWaits("p.example", "HTTP 503", 9.0, 600.0))
    assert wait(10) == [64]
    assert "; p.example is not available: " in said[-1]
    lines.heard()
    assert wait(15) == [80]


def test_lines_that_come_steadily_need_none_between_them() -> None:
    """With steady lines, what is waited for is said only at the beginning."""
    pace = progress.Pace()
    assert pace.patience == 2
    pace.said()
    for _ in range(100):
        pace.line(3.0)
        assert pace.patience == 6
    pace.line(40.0)
    assert pace.patience == 10
    for _ in range(8):
        pace.line(0.5)
    assert pace.patience == 2


def test_browsers_that_open_are_long_work_too() -> None:
    """Opening browsers is shown from the start of a run until the first order is leased."""
    clock = Clock()
    stages = progress.Stages(clock)
    stages.on_event(events.RunStarted(models.RunId("r"), 9, 9, 0, 0, 0, 4))
    clock.now = 3
    assert stages.line() == "Opening 4 browsers: 3 s"
    stages.on_event(events.OrderStep(models.WorkerId("w1"), order(1).key, "PO-1", "reading", 1))
    assert not stages.is_open


def test_bars_on_a_terminal_fit_80_columns() -> None:
    """Name, bar, count and time fit on one line; without space the bar is left out."""
    clock = Clock()
    stages, name = progress.Stages(clock), "Checking finished orders"
    stages.on_event(events.Progress(name, 40_000, 100_000, "order"))
    assert not stages.lines(80)
    clock.now = 5
    (line,) = stages.lines(79)
    assert line.plain.startswith(f"{name}  \N{BOX DRAWINGS HEAVY HORIZONTAL}")
    assert line.plain.endswith("40,000 of 100,000 orders  5 s")
    assert line.cell_len <= 79
    (line,) = stages.lines(59)
    assert line.plain == f"{name}  40,000 of 100,000 orders  5 s"


@pytest.fixture
def options(tmp_path: Path) -> settings.Settings:
    return settings.Settings(out=tmp_path / "out", home=tmp_path / "home")


def bad(count: int) -> Iterator[models.Row]:
    """Unusable rows, so that nothing is downloaded."""
    failure = models.Failure(models.ErrorCode.INVALID_ROW, "pos.csv: empty")
    return (models.Row(number, ("",), "", None, failure) for number in range(2, count + 2))


def worked(
    options: settings.Settings, rows: Callable[[], Iterator[models.Row]], stop_at: str
) -> tuple[list[events.Progress], BaseException | None]:
    """A run that is stopped at the start of this stage: its stages, and the error that ended it."""
    heard: list[events.Progress] = []

    async def body() -> None:
        hub = events.Hub()
        async with engine.Run(options, hub) as one:

            def hear(event: events.Event) -> None:
                if isinstance(event, events.Progress):
                    heard.append(event)
                    if event.stage == stop_at and not event.ended:
                        one.control.stop(run_control.Stop.AFTER_CURRENT, "test")

            hub.listen(hear)
            async for _ in one.process(rows(), name="pos.csv", columns=("po",), resume=models.Resume()):
                pass
            await one.write_results()

    try:
        run_async(body())
    except errors.PoPwError as error:
        return heard, error
    return heard, None


def test_a_run_that_is_stopped_before_its_first_order_leaves_nothing(options: settings.Settings) -> None:
    """A run stopped while the list is read or planned is not in the journal, and results stay."""
    heard, error = worked(options, lambda: bad(3), "")
    assert error is None
    assert {event.stage for event in heard} >= {"Reading pos.csv", "Checking finished orders", "Writing the results"}
    out = options.out
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("results.*")}
    assert len(before) == 3
    for stage in ("Reading pos.csv", "Planning the run"):
        _, error = worked(options, lambda: bad(5), stage)
        assert isinstance(error, errors.StoppedError), stage
        assert raw(out / ".po-pw" / "journal.db", "SELECT COUNT(*) FROM runs") == [(1,)]
        assert raw(out / ".po-pw" / "journal.db", "SELECT COUNT(*) FROM rows") == [(3,)]
    _, error = worked(options, lambda: bad(5), "Writing the results")
    assert isinstance(error, errors.StoppedError)
    assert raw(out / ".po-pw" / "journal.db", "SELECT COUNT(*) FROM runs") == [(2,)]
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("results.*")} == before
    assert not (out / ".po-pw" / "new-results").exists()


def test_noting_finished_orders_is_all_or_nothing(tmp_path: Path) -> None:
    """A stop while finished orders are recorded leaves none of them, and the run can be withdrawn."""

    async def body() -> int:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            first = await journal.begin(PLAN, map(row, range(2, 12)))
            for number in range(2, 12):
                (tmp_path / f"A/PO-{number}_COMPLETED").mkdir(parents=True)
                await journal.commit(first, outcome(number, files=()))
            second = await journal.begin(PLAN, map(row, range(2, 12)))
            stops, heard = [0], list[events.Event]()

            def announce(event: events.Event) -> None:
                heard.append(event)
                stops[0] += isinstance(event, events.Progress) and event.stage == "Recording finished orders"

            work = long_work.LongWork(announce, lambda: stops[0])
            with pytest.raises(errors.StoppedError):
                await resuming.plan_resume(
                    journal, second, tmp_path, list(journal.orders(second)), models.Resume(), {}, work, lambda _: None
                )
            assert [one.status for one in journal.rows(second)] == [models.Status.PENDING] * 10
            await journal.withdraw(second)
            return journal.counts(second).rows

    assert run_async(body()) == 0


def test_rebuilding_the_journal_can_be_stopped_and_done_again(tmp_path: Path) -> None:
    """Rebuilding shows its progress; after a stop, the next start rebuilds everything."""
    from tests.unit import test_rebuild

    out = test_rebuild.filled(tmp_path / "out", None)
    path = out / ".po-pw" / "journal.db"
    path.unlink()
    heard: list[events.Event] = []
    rebuilding = events.Progress("Rebuilding the journal", 0, 40, "manifest")

    async def opened(work: long_work.LongWork) -> int:
        async with rebuild_journal.open_journal(path, out, events.Hub(), work) as journal:
            return len(journal.known([order(number).key for number in range(2, 42)]))

    with pytest.raises(errors.StoppedError, match="stopped while rebuilding the journal"):
        run_async(opened(long_work.LongWork(heard.append, lambda: int(rebuilding in heard))))
    assert run_async(opened(long_work.LongWork(heard.append))) == 40


def test_verifying_ends_at_once(tmp_path: Path) -> None:
    """A stop ends verification, even inside a file."""
    file = saved("a.pdf", size=8 << 20)

    async def body() -> None:
        (tmp_path / ".po-pw").mkdir()
        async with store.Journal.open(tmp_path / ".po-pw" / "journal.db") as journal:
            run = await journal.begin(PLAN, map(row, range(2, 5)))
            for number in range(2, 5):
                folder = tmp_path / f"A/PO-{number}_COMPLETED"
                folder.mkdir(parents=True)
                with (folder / "a.pdf").open("wb") as stream:
                    stream.truncate(file.size)
                await journal.commit(run, outcome(number, files=(file,)))

    run_async(body())
    stopped = threading.Event()
    with pytest.raises(errors.StoppedError):
        verify.examine(tmp_path, lambda _checked, _folders: stopped.set(), stopped)
    assert verify.examine(tmp_path).checked.files == 3
