"""Runs the real program in a separate process on the demo portal, with separate folders that can be checked."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from po_pw import models
from po_pw.demo import catalogue, portal_pages, running_portal, server
from po_pw.demo.catalogue import Delivery
from po_pw.demo.variants import Variant
from tests.chaos import looking, report
from tests.helpers import portal_runs
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import psutil

SETTINGS = catalogue.PortalSettings(orders=40, latency=0.08, file_latency=0.05, large_bytes=3_000_000)
VARIANTS = (
    Variant.LINKS,
    Variant.IFRAME,
    Variant.EXPANDER,
    Variant.PAGED,
    Variant.INLINE,
    Variant.REDIRECT,
    Variant.FORM_POST,
    Variant.AWKWARD,
    Variant.NO_ATTACHMENTS,
    Variant.SAME_NAME,
    Variant.BLOB,
    Variant.NOT_FOUND,
    Variant.FORM_INLINE,
    Variant.LARGE,
    Variant.HTML_INSTEAD,
)
"""One order of each variant, without those that fail once: the scenarios decide what fails and when."""
WORKERS = 2
_CLICKED = (Delivery.FORM, Delivery.FORM_INLINE, Delivery.SCRIPT)
IN_TIME = 300.0
"""Maximum seconds of a run on a busy machine."""
_SHORT = "/tmp" if os.name == "posix" else None  # noqa: S108 - Chromium's socket lies below it: see watchdog.py


class RestartablePortal:
    """The portal, which can be restarted with the same port and sessions. A context manager."""

    def __init__(self, settings: catalogue.PortalSettings) -> None:
        self._settings = settings
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.portal = self._stack.enter_context(server.serve_in_thread(self._settings))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def restart(self, away: float) -> None:
        """Closes all connections, and restarts after so many seconds."""
        port = urlsplit(self.portal.origin).port or 0
        self._stack.close()
        time.sleep(away)
        self.portal = self._stack.enter_context(server.serve_in_thread(self._settings, port, before=self.portal))


@dataclasses.dataclass(frozen=True, slots=True)
class PreparedPortal:
    """A portal, a sign-in to it, and the result of an undisturbed run."""

    house: RestartablePortal
    home: Path
    orders: tuple[str, ...]
    wanted: looking.State
    served: int
    """Files that the portal was asked for in it."""

    @property
    def portal(self) -> running_portal.Portal:
        """The running portal."""
        return self.house.portal

    def files_served(self) -> int:
        """Number of requests for files in all runs so far, without pages that come instead of a file."""
        files = {portal_pages.address(file) for order in self.portal.orders for file in order.files}
        paths = self.portal.paths.copy()
        return sum(count for path, count in paths.items() if path.removesuffix("/data.json") in files)


@dataclasses.dataclass(frozen=True, slots=True)
class Undisturbed:
    """The result of an undisturbed run over the portal's orders."""

    state: looking.State
    served: int
    """Files that the portal was asked for in it."""


def once(file: Path, make: Callable[[], Undisturbed]) -> Undisturbed:
    """A value that the first of several test processes computes for all: the portal is the same in each."""
    claim = file.with_suffix(".claim")
    deadline = time.monotonic() + IN_TIME
    while not file.exists():
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:  # another process is computing it
            assert time.monotonic() < deadline, f"no {file} comes"
            time.sleep(0.1)
            continue
        try:
            done = file.with_suffix(".new")
            done.write_bytes(pickle.dumps(make()))
            done.replace(file)
        finally:
            claim.unlink()
    found: Undisturbed = pickle.loads(file.read_bytes())  # noqa: S301 - our own
    return found


@contextlib.contextmanager
def prepared(home: Path, shared: Path, *, settings: catalogue.PortalSettings = SETTINGS) -> Iterator[PreparedPortal]:
    """Serves the portal, signs in, and runs once undisturbed, unless another process has done so.

    Args:
        home: for sign-ins.
        shared: a file, the same for all processes of one test session.
        settings: of the portal.
    """
    with RestartablePortal(settings) as house:
        portal = house.portal
        run_async(portal_runs.signed_in(portal, home))
        orders = tuple(
            next(order.po_number for order in portal.orders if order.variant is variant) for variant in VARIANTS
        )
        first = PreparedPortal(house, home, orders, looking.State({}, frozenset(), {}, {}), 0)

        def run_undisturbed() -> Undisturbed:
            with bench(first) as one:
                ended = one.to_the_end()
                assert ended.returncode == 1, ended.said  # an unknown PO, and a page instead of a file
                return Undisturbed(looking.state(one.out), first.files_served())

        undisturbed = once(shared, run_undisturbed)
        wanted = undisturbed.state
        for order in portal.orders:
            if order.po_number in orders:
                said = wanted.rows[order.po_number]
                assert (said[0], said[-1] or None) == (order.expected_status, order.expected_error), order.po_number
        sums = sorted(sum_ for sum_ in wanted.files.values() if sum_)
        assert sums == sorted(f.sha256 for o in portal.orders if o.po_number in orders for f in o.files)
        yield PreparedPortal(house, home, orders, wanted, undisturbed.served)


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended."""

    returncode: int
    said: str


class Bench:
    """One output directory and one temporary folder, for a command that is run repeatedly.

    Attributes:
        root: contains all of it and nothing else; every process of a run has it in its command line or environment.
    """

    def __init__(
        self, prepared: PreparedPortal, root: Path, counting: report.Report, environment: dict[str, str]
    ) -> None:
        self.prepared = prepared
        self.report = counting
        self.root = root
        self.out = root / "out"
        self.temp = root / "t"
        self.temp.mkdir()
        self._environment = environment
        self._seen: set[Path] = set()
        self._starts = 0
        server.write_csv(prepared.portal, root / "pos.csv", only=prepared.orders)

    def start(
        self, *, runner: Sequence[str] = ("-m", "po_pw"), workers: int = WORKERS, more: Mapping[str, str] | None = None
    ) -> Going:
        """Starts the command, the same each time.

        Args:
            runner: the Python program.
            workers: number of contexts.
            more: environment variables.
        """
        self._seen = set(self._logs())
        self._starts += 1
        self.report.starts += 1
        said = self.root / f"said{self._starts}.txt"
        environment = {
            **os.environ,
            "PO_PW_HOME": str(self.prepared.home),
            "TMPDIR": str(self.temp),
            "PO_PW_BACKOFF_BASE": "0.2",
            "PO_PW_BACKOFF_CAP": "1",
            "PYTHONPATH": str(_ROOT),
            **self._environment,
            **(more or {}),
        }
        with said.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, *runner, "process", "pos.csv", "-w", str(workers), "-o", str(self.out)],
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Going(self, process, said)

    def to_the_end(self, **more: Any) -> Ended:
        """Runs the command, and waits for its end."""
        with self.start(**more) as going:
            return going.ended()

    def _logs(self) -> list[Path]:
        return sorted((self.out / looking.INTERNAL / "logs").glob("*.jsonl"))

    def log(self) -> Path | None:
        """The log of the latest run, once it exists."""
        new = [path for path in self._logs() if path not in self._seen]
        return new[-1] if new else None

    def check_clean(self, processes: Sequence[psutil.Process]) -> None:
        """Checks that soon no process and no temporary file of the run is left.

        Raises:
            AssertionError: something is left; the message names it.
        """
        started = time.monotonic()

        def is_clean() -> bool:
            return not looking.living(processes) and not list(self.temp.iterdir()) and not looking.naming(self.root)

        looking.eventually(is_clean, looking.SOON)
        took = time.monotonic() - started
        self.report.slowest_cleanup = max(self.report.slowest_cleanup, took)
        left = [*looking.living(processes), *looking.naming(self.root)]
        findings = [f"orphans: {line} after {took:.1f} s" for line in looking.described(left)]
        self.report.check(findings + [f"left behind: {path} after {took:.1f} s" for path in self.temp.iterdir()])

    def check_whole(self) -> None:
        """Checks that every order's folder that exists is complete.

        Raises:
            AssertionError: one is not; the message says why.
        """
        self.report.check(looking.partial(self.out, self.prepared.wanted))

    def check_end(self) -> None:
        """Checks that everything is as after an undisturbed run, without intermediate files.

        Raises:
            AssertionError: something differs; the message names it.
        """
        seen = looking.state(self.out)
        findings = looking.differences(seen, self.prepared.wanted)
        self.report.check(findings + looking.left_inside(self.out) + looking.journal_faults(self.out))
        self.check_clean([])
        self.report.rounds += 1
        self.report.orders += len(seen.rows)
        self.report.files += sum(1 for sum_ in seen.files.values() if sum_)
        self.report.bytes += sum(int(str(row[4] or 0)) for row in seen.rows.values())


_ROOT = Path(__file__).parent.parent.parent


class Going:
    """A run in progress. A context manager: when the block ends, the run has ended."""

    def __init__(self, bench: Bench, process: subprocess.Popen[bytes], said: Path) -> None:
        self.bench = bench
        self.process = process
        self._said = said
        self._stream: IO[str] | None = None
        self._rest = ""
        self.events: list[dict[str, Any]] = []
        """The log's lines so far."""

    def __enter__(self) -> Going:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        if self._stream is not None:
            self._stream.close()

    def said(self) -> str:
        """Its output."""
        return self._said.read_text("utf-8", "replace")

    def read_log(self) -> list[dict[str, Any]]:
        """The new lines of its log."""
        if self._stream is None:
            log = self.bench.log()
            if log is None:
                return []
            self._stream = log.open(encoding="utf-8")
        *lines, self._rest = (self._rest + self._stream.read()).split("\n")
        new = [json.loads(line) for line in lines]
        self.events += new
        return new

    def until(self, holds: Callable[[dict[str, Any]], bool], count: int = 1, seconds: float = IN_TIME) -> bool:
        """Waits for so many log lines of a kind; False if the run ended first.

        Raises:
            AssertionError: neither happened in time.
        """
        deadline = time.monotonic() + seconds
        left = count
        while True:
            over = self.process.poll() is not None
            left -= sum(1 for line in self.read_log() if holds(line))
            if left <= 0:
                return True
            if over:
                return False
            assert time.monotonic() < deadline, f"nothing happens: {self.said()}"
            time.sleep(0.01)

    def pause(self) -> None:
        """Waits a moment between two looks."""
        time.sleep(0.02)

    def ended(self, seconds: float = IN_TIME) -> Ended:
        """Waits for its end.

        Raises:
            AssertionError: it did not end in time.
        """
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.read_log()
            raise AssertionError(f"no end within {seconds:.0f} s: {self.said()}\n{self.events[-10:]}") from None
        self.read_log()
        return Ended(code, self.said())

    def kill(self, *, group: bool = False) -> list[psutil.Process]:
        """Sends SIGKILL to the program alone or to its process group; returns its descendant processes."""
        processes = looking.below(self.process.pid)
        if group:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait(30)
        self.read_log()
        return processes

    def in_flight(self) -> int:
        """Files on their way when it was killed: requested, but not in the journal."""
        noted = looking.noted(self.bench.out)
        asked: set[tuple[str, str]] = set()
        clicked: set[str] = set()
        for line in self.events:
            if line["event"] == "file.started":
                asked.add((models.order_key(line["po"]), line["attachment"]["id"]))
            elif line["event"] == "order.step" and line["step"] == "fetching":
                clicked.add(line["po"])
            elif line["event"] == "order.settled":
                clicked.discard(line["po"])
        known = asked | noted
        unannounced = 0  # a file from a click is on its way before its event
        for order in self.bench.prepared.portal.orders:
            if order.po_number in clicked:
                behind_clicks = sum(1 for file in order.files if file.delivery in _CLICKED)
                seen = sum(1 for key, _ in known if key == models.order_key(order.po_number))
                unannounced += max(0, behind_clicks - seen)
        return len(asked - noted) + unannounced


def named(event: str) -> Callable[[dict[str, Any]], bool]:
    """Returns a filter for log lines of this event, for `Going.until`."""
    return lambda line: bool(line["event"] == event)


@contextlib.contextmanager
def bench(prepared: PreparedPortal, counting: report.Report | None = None, **environment: str) -> Iterator[Bench]:
    """A bench for the block; its folders are kept if the block fails."""
    root = Path(tempfile.mkdtemp(prefix="chaos-", dir=_SHORT))
    try:
        yield Bench(prepared, root, counting or report.Report(), environment)
    except BaseException as error:
        error.add_note(f"what was left is in {root}")
        raise
    shutil.rmtree(root, ignore_errors=True)
