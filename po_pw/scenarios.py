"""The six validation scenarios against the embedded portal, for `po-pw validate` and the tests.

A scenario returns its figures and raises `ScenarioError` on a deviation. Times are checked only with `check_times`: in
tests they would only show how busy the machine is.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import psutil

from po_pw import api, errors, events, models, settings
from po_pw.auth import login
from po_pw.browser import launching, playwright_driver, profiles
from po_pw.demo import catalogue, running_portal, server
from po_pw.machine import capacity, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

SLOW_PAGE: Final = 1.5
"""Response time of a page in the performance scenario, in seconds."""
REPEATS: Final = 3
MIN_SPEED_UP: Final = {2: 1.5, 4: 2.0}
"""Minimum speed-up by number of workers."""


class ScenarioError(errors.PoPwError):
    """A scenario failed."""


@dataclasses.dataclass(frozen=True, slots=True)
class ScenarioResult:
    """Result of a scenario."""

    number: int
    title: str
    passed: bool
    seconds: float
    figures: tuple[str, ...]
    problem: str = ""


@dataclasses.dataclass(slots=True)
class Environment:
    """Environment of the scenarios: their folder and how strict they are."""

    folder: Path
    check_times: bool
    repeats: int = REPEATS
    browser: str | None = None
    _runs: int = 0

    @contextlib.contextmanager
    def portal(self, **wanted: Any) -> Iterator[running_portal.Portal]:
        """An embedded portal with a saved sign-in."""
        with server.serve_in_thread(catalogue.PortalSettings(**{"plain": True, "latency": 0.1, **wanted})) as portal:
            options = settings.load(home=self.home, browser=self.browser)
            signing_in = login.login(
                options, portal.sign_in_url, username=portal.username, password=portal.password, patience=60
            )
            with concurrent.futures.ThreadPoolExecutor(1) as pool:  # the caller's thread may have a running loop
                pool.submit(asyncio.run, signing_in).result()
            yield portal

    @property
    def home(self) -> Path:
        """Folder of the sign-ins."""
        return self.folder / "home"

    def options(self) -> dict[str, Any]:
        """Settings for one run, with a new output directory."""
        self._runs += 1
        return {"out": self.folder / f"out{self._runs}", "home": self.home, "browser": self.browser}


def entries(portal: running_portal.Portal, count: int | None = None) -> list[dict[str, object]]:
    """Orders as mappings, as scripts pass them."""
    return [
        {
            "po_number": order.po_number,
            "supplier": order.supplier,
            "url": portal.order_url(order.po_number),
            "amount": order.amount,
        }
        for order in portal.orders[:count]
    ]


def require(condition: bool, message: str) -> None:
    """Raises `ScenarioError` if a condition is false."""
    if not condition:
        raise ScenarioError(message)


def sequential_baseline(environment: Environment) -> list[str]:
    """A single PO, then a batch: strictly one order at a time, no parallel workers; folders and log as for parallel."""
    heard: list[events.Event] = []
    with environment.portal(orders=4) as portal:
        main = api.MainApp(on_event=heard.append, **environment.options())
        single = main.process_single_po(entries(portal, 1)[0])
        require(single.status is models.Status.COMPLETED, f"the single order came out as {single}")
        counts = main._process_po_entries(entries(portal))
        require(counts == (4, 0), f"the batch came out as {counts}, not (4, 0)")
        require(portal.peak_pages == 1, f"{portal.peak_pages} pages were read at once")
    workers = {event.worker for event in heard if isinstance(event, events.ContextOpened)}
    require(workers == {"w1"}, f"contexts of {sorted(workers)} were opened, not of w1 alone")
    reading: set[str] = set()
    for event in heard:
        if isinstance(event, events.OrderStep) and event.step == "reading":
            reading.add(event.po_number)
            require(len(reading) == 1, f"{sorted(reading)} were worked on at once")
        elif isinstance(event, events.OrderSettled):
            reading.discard(event.outcome.po_number)
    out = main.settings.out
    require((out / single.folder).is_dir() and any((out / ".po-pw" / "logs").glob("*.jsonl")), "no folder, or no log")
    return ["1 + 4 orders", "1 context", "1 page at once"]


def basic_parallel(environment: Environment) -> list[str]:
    """Four POs, two workers: two contexts in two user-data dirs, seen in the browsers' own command lines."""
    seen: dict[str, str] = {}

    def look(event: events.Event) -> None:
        if isinstance(event, events.ContextOpened):
            words = psutil.Process(event.pid).cmdline()
            named = [word.partition("=")[2] for word in words if word.startswith("--user-data-dir=")]
            seen[event.worker] = named[0] if named else ""

    with environment.portal(orders=4, latency=1.0) as portal:
        portal.gather = 0 if environment.check_times else 2
        together = api.MainApp(enable_parallel=True, max_workers=2, on_event=look, **environment.options())
        started = time.monotonic()
        result = together.process_pos(entries(portal))
        parallel = time.monotonic() - started
        require((result.success, result.failed) == (4, 0), f"it came out as: {result}")
        require(len(seen) == 2 and len(set(seen.values())) == 2 and all(seen.values()), f"user-data dirs: {seen}")
        require(portal.peak_pages == 2, f"{portal.peak_pages} pages were read at once, not 2")
        require((together.settings.out / "results.csv").exists(), "no results.csv")
        figures = ["4 orders", "2 contexts", "2 user-data dirs", "2 pages at once"]
        if environment.check_times:
            started = time.monotonic()
            api.MainApp(**environment.options()).process_pos(entries(portal))
            sequential = time.monotonic() - started
            require(parallel < sequential, f"parallel took {parallel:.1f} s, sequential {sequential:.1f} s")
            figures.append(f"{sequential / parallel:.2f} times as fast as sequential")
    return figures


def profile_isolation(environment: Environment) -> list[str]:
    """Three profiles, unique, cloned, cleaned; four threads at once; cookies of one context are not seen in another."""
    base = environment.folder / "base"
    (base / "Default").mkdir(parents=True, exist_ok=True)
    (base / "Default" / "Bookmarks").write_text("{}", "utf-8")
    (base / "SingletonCookie").write_text("", "utf-8")
    with profiles.ProfileManager(base) as manager:
        made = [manager.create_profile(name) for name in ("one", "two", "three")]
        require(len(set(made)) == 3 and base not in made, "the profiles are not unique")
        require(all((path / "Default" / "Bookmarks").exists() for path in made), "the base was not cloned")
        require(not any((path / "SingletonCookie").exists() for path in made), "a lock was cloned")
        (made[0] / "mark").write_text("", "utf-8")
        require(not any((path / "mark").exists() for path in (*made[1:], base)), "the profiles are not isolated")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            more = list(pool.map(manager.create_profile, ("four", "five", "six", "seven")))
        require(len(set(more + made)) == 7, "profiles of four threads at once are not unique")
        manager.cleanup_profile("one")
        manager.cleanup_profile("one")
        require(not made[0].exists() and made[1].exists(), "cleaning up one profile removed the wrong thing")
    require(not any(path.exists() for path in made + more), "a profile was not removed")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _cookies_stay_apart(environment.browser)).result()
    return ["3 + 4 profiles", "4 threads at once", "cookies apart"]


async def _cookies_stay_apart(browser: str | None) -> None:
    cookie: models.Cookie = {"name": "mark", "value": "1", "domain": "127.0.0.1", "path": "/"}
    async with playwright_driver.Driver() as driver:
        launch = launching.plan(driver.resolve(browser), headless=True, timeout=30)
        manager = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
        opened = [
            await driver.open(
                models.WorkerId(name),
                launch,
                user_data_dir=manager.create_profile(name),
                downloads=driver.run_dir.path / "downloads" / name,
                cookies=cookies,
            )
            for name, cookies in (("one", [cookie]), ("two", []))
        ]
        try:
            first, second = [await context.cookies() for context in opened]
        finally:
            for context in opened:
                await context.close()
    require([known["name"] for known in first] == ["mark"], "the cookie is not in the context it was written in")
    require(not second, "a cookie of one context is seen in another")


def errors_and_fallback(environment: Environment) -> list[str]:
    """Valid, invalid and too slow orders with eight workers; 16 workers for 20 orders; too little memory for two."""
    with environment.portal(orders=40, plain=False, latency=1.25, large_bytes=100_000) as portal:
        # Its page takes eight times as long as others.
        slow = next(order for order in portal.orders if order.variant.name == "SLOW")
        fine = [
            entry for entry, order in zip(entries(portal), portal.orders, strict=True) if order.variant.name == "LINKS"
        ][:5]
        given: list[dict[str, object]] = [
            *fine,
            {"po_number": "PO-BAD", "url": "invalid-url"},
            {"po_number": slow.po_number, "url": portal.order_url(slow.po_number)},
        ]
        limits: dict[str, Any] = {"navigation_timeout": 4, "order_timeout": 6}
        if not environment.check_times:  # on a busy machine the others may need longer, and the slow one never comes
            limits = {"navigation_timeout": 25, "order_timeout": 30}
            portal.waits_for_pages[slow.path] = sys.maxsize
        main = api.MainApp(enable_parallel=True, max_workers=8, attempts=1, **limits, **environment.options())
        result = main.process_pos(given)
        require(result.success + result.failed == len(given), f"{result} for {len(given)} orders")
        require(result.failed == 2, f"{result.failed} orders failed, not 2: {[str(one) for one in result]}")
        require(result[-1].error_code == "TIMEOUT", f"the slow order came out as {result[-1]}")
        require(result[-2].error_code == "INVALID_URL", f"the order without an address came out as {result[-2]}")
    with environment.portal(orders=20) as portal:
        many = api.MainApp(enable_parallel=True, max_workers=16, **environment.options()).process_pos(entries(portal))
        require((many.success, many.failed) == (20, 0), f"16 workers on 20 orders: {many}")
        heard: list[events.Event] = []
        scarce = api.MainApp(
            enable_parallel=True,
            max_workers=4,
            on_event=heard.append,
            make_governor=_little_memory,
            **environment.options(),
        ).process_pos(entries(portal, 6))
        opened = {event.worker for event in heard if isinstance(event, events.ContextOpened)}
        said = [event.text for event in heard if isinstance(event, events.Notice) and event.level == "warning"]
        require((scarce.success, scarce.failed) == (6, 0), f"with too little memory: {scarce}")
        require(opened == {"w1"}, f"with too little memory contexts of {sorted(opened)} were opened, not of w1 alone")
        require(bool(said), "nobody was told why there is only one context")
    return [
        f"{result.success} + {result.failed} of {len(given)}",
        "16 workers, 20 orders: 20 + 0",
        "an injected reading of 60 MB free: sequential",
    ]


def _little_memory(wanted: int) -> capacity.Governor:
    """A machine like this one, but with hardly any memory left: an injected reading."""
    return capacity.Governor(
        wanted, read=lambda: dataclasses.replace(resources.read(), free_bytes=60_000_000), measure=lambda: 0
    )


def performance(environment: Environment) -> list[str]:
    """Eight POs with slow pages, several runs each with 1, 2 and 4 workers, start-up of the browsers included."""
    times: dict[int, list[float]] = {1: [], 2: [], 4: []}
    peaks: dict[int, int] = {}
    with environment.portal(orders=8, latency=SLOW_PAGE if environment.check_times else 0.3) as portal:
        for workers, taken in times.items():
            portal.peak_pages = 0
            portal.gather = 0 if environment.check_times else workers
            for _ in range(environment.repeats):
                main = api.MainApp(enable_parallel=workers > 1, max_workers=workers, **environment.options())
                started = time.monotonic()
                result = main.process_pos(entries(portal))
                taken.append(time.monotonic() - started)
                require(result.success == 8, f"with {workers} workers: {result}")
            peaks[workers] = portal.peak_pages
    require(peaks[1] == 1, f"{peaks[1]} pages at once with one worker")
    require(peaks[2] == 2 and 2 < peaks[4] <= 4, f"pages at once: {peaks}")
    figures = [f"{workers} worker{'s' if workers > 1 else ''}: {_spread(taken)}" for workers, taken in times.items()]
    for workers, wanted in MIN_SPEED_UP.items():
        ratio = statistics.mean(times[1]) / statistics.mean(times[workers])
        figures.append(f"{workers} workers {ratio:.2f} times as fast")
        require(
            not environment.check_times or ratio > wanted,
            f"{workers} workers are {ratio:.2f} times as fast, not {wanted}",
        )
    return figures


def _spread(taken: Sequence[float]) -> str:
    deviation = statistics.stdev(taken) if len(taken) > 1 else 0.0
    return f"mean {statistics.mean(taken):.1f} s, stdev {deviation:.1f}, min {min(taken):.1f}, max {max(taken):.1f}"


def integration(environment: Environment) -> list[str]:
    """The interface scripts use; the same folders from sequential and parallel; workers and thefts in the log."""
    require(api.MainApp().settings.workers == 1, "MainApp() is not sequential")
    # The slow page takes eight times as long as others: long enough for another context to take over.
    with environment.portal(orders=40, plain=False, latency=0.6, large_bytes=100_000) as portal:
        slow = next(n for n, order in enumerate(portal.orders) if order.variant.name == "SLOW")
        plain = [n for n, order in enumerate(portal.orders) if order.variant.name == "LINKS"][:3]
        # One worker is busy with the first while the other does two, and then takes over the fourth.
        given = [entries(portal)[n] for n in (slow, *plain)]
        window = api.MainApp(api.HeadlessConfiguration(headless=False), **environment.options())
        one = window.process_pos(given)
        # The slow page comes when the other worker has done all the others, so it has to take over one of them.
        portal.waits_for_pages[portal.orders[slow].path] = portal.counts["pages"] + len(given)
        two_app = api.MainApp(
            enable_parallel=True, max_workers=2, navigation_timeout=60, order_timeout=60, **environment.options()
        )
        two = two_app.process_pos(given)
    require(one.success == two.success == 4, f"sequential: {one}; parallel: {two}")
    require(_tree(window.settings.out) == _tree(two_app.settings.out), "sequential and parallel give other folders")
    (log,) = (two_app.settings.out / ".po-pw" / "logs").glob("*.jsonl")
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    thefts = [line for line in lines if line["event"] == "orders.stolen"]
    workers = {line["worker"] for line in lines if line["event"] == "order.settled"}
    require(workers == {"w1", "w2"}, f"the log names the workers {sorted(workers)}")
    require(bool(thefts), "the log has no theft")
    return ["MainApp() is sequential", "same folders", f"{len(thefts)} thefts in the log"]


def _tree(out: Path) -> list[str]:
    return sorted(
        path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file() and "_COMPLETED" in str(path)
    )


ALL: Final[tuple[tuple[str, Callable[[Environment], list[str]]], ...]] = (
    ("Sequential baseline", sequential_baseline),
    ("Basic parallel", basic_parallel),
    ("Profile isolation", profile_isolation),
    ("Errors and fallback", errors_and_fallback),
    ("Performance", performance),
    ("Integration", integration),
)


def run(number: int, environment: Environment) -> ScenarioResult:
    """Runs one scenario, by its number from 1."""
    title, scenario = ALL[number - 1]
    started = time.monotonic()
    try:
        figures = scenario(environment)
    except errors.PoPwError as error:
        return ScenarioResult(number, title, False, time.monotonic() - started, (), str(error))
    return ScenarioResult(number, title, True, time.monotonic() - started, tuple(figures))
