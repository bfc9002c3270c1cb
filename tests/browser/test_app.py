"""The synchronous interface as existing scripts use it."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import po_pw
from po_pw import api_results, events, models
from po_pw.demo import catalogue, running_portal, server
from po_pw.scenarios import entries
from tests.helpers import portal_runs
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PYTHON = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[running_portal.Portal, Path]]:
    folder = tmp_path_factory.mktemp("app")
    with server.serve_in_thread(catalogue.PortalSettings(orders=8, latency=0.1, plain=True)) as running:
        run_async(portal_runs.signed_in(running, folder / "home"))
        yield running, folder / "home"


@pytest.fixture
def options(portal: tuple[running_portal.Portal, Path], tmp_path: Path) -> dict[str, Any]:
    return {"out": tmp_path / "out", "home": portal[1]}


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_main_app_without_arguments_is_sequential() -> None:
    """`MainApp()` works without arguments and processes one order after another."""
    assert po_pw.MainApp().settings.workers == 1


def test_everything_promised_can_be_imported() -> None:
    """Each public name can be imported; an unknown name raises AttributeError."""
    assert all(getattr(po_pw, name) is not None for name in po_pw.__all__)
    with pytest.raises(AttributeError):
        _ = po_pw.no_such_thing
    assert set(po_pw.__all__) <= set(dir(po_pw))
    assert [name for name in dir(po_pw) if not name.startswith("_")] == sorted(po_pw.__all__)


def test_a_result_prints_compares_and_reads_as_a_mapping(
    portal: tuple[running_portal.Portal, Path], options: dict[str, Any]
) -> None:
    """An order that is processed again gives an equal result, after a new visit; nothing keeps running."""
    before = threads()
    main = po_pw.MainApp(**options)
    order = entries(portal[0], 1)[0]
    first = main.process_single_po(order)
    asked = portal[0].counts["pages"]
    again = main.process_single_po(order)
    assert portal[0].counts["pages"] == asked + 1
    assert first == again
    assert dict(first)["status"] == first.status == "COMPLETED"
    assert first["success"] is True
    assert "3 files" in str(first)
    assert main.process_pos([order], resume=True).summary.already_complete == 1
    assert portal[0].counts["pages"] == asked + 1
    assert threads() <= before


def test_success_and_failed_make_the_number_of_orders(
    portal: tuple[running_portal.Portal, Path], options: dict[str, Any]
) -> None:
    """Unusable orders count as failed, and duplicates as the order they repeat; results keep the input's order."""
    orders = entries(portal[0], 3)
    given: list[dict[str, object]] = [
        *orders,
        {"po_number": "PO-BAD", "url": "invalid-url"},
        orders[0],
        {"supplier": "nobody"},
    ]
    main = po_pw.MainApp(enable_parallel=True, max_workers=2, **options)
    result = main.process_pos(given)
    assert (result.success, result.failed) == (4, 2)
    assert [one.status for one in result] == ["COMPLETED"] * 3 + ["FAILED", "DUPLICATE", "FAILED"]
    assert result[4].duplicate_of == 1
    assert [one.error_code for one in result[3::2]] == ["INVALID_URL", "INVALID_ROW"]
    assert (main.settings.out / "results.csv").exists()


def test_it_works_beside_a_running_loop_and_from_a_thread(
    portal: tuple[running_portal.Portal, Path], options: dict[str, Any]
) -> None:
    """`MainApp` also works where a loop is running already, as in a notebook."""

    async def cell() -> api_results.RunResult:
        return po_pw.MainApp(**options).process_pos(entries(portal[0], 1))

    assert run_async(cell()).success == 1


def test_with_keeps_the_browsers_open_between_calls(
    portal: tuple[running_portal.Portal, Path], options: dict[str, Any]
) -> None:
    """Two calls inside `with` use the same browser process, which ends afterwards. The results contain both calls."""
    opened: list[events.ContextOpened] = []

    def hear(event: events.Event) -> None:
        if isinstance(event, events.ContextOpened):
            opened.append(event)

    with po_pw.MainApp(on_event=hear, **options) as main:
        assert main._process_po_entries(entries(portal[0], 2)) == (2, 0)
        assert main._process_po_entries(entries(portal[0], 3)[1:]) == (2, 0)
        assert psutil.pid_exists(opened[0].pid)
    assert len(opened) == 1
    assert not psutil.pid_exists(opened[0].pid)
    told = json.loads((main.settings.out / "results.json").read_text("utf-8"))
    assert [len(told[part]) for part in ("rows", "others")] == [2, 1]


def test_a_pool_opens_its_contexts_and_takes_orders_one_by_one(
    portal: tuple[running_portal.Portal, Path], options: dict[str, Any]
) -> None:
    """A pool opens its contexts at the start; start and stop can be repeated; duplicates are processed once."""
    pool = po_pw.WorkerPool(max_workers=2, **options)
    assert pool.stats()["running"] is False
    pool.stop()
    with pool:
        pool.start()
        pids = [context["pid"] for context in pool.stats()["contexts"]]
        assert len(set(pids)) == 2
        assert all(map(psutil.pid_exists, pids))
        orders = entries(portal[0])
        results = pool.map([*orders, orders[0], {"po_number": "PO-BAD", "url": "ftp://x"}])
        assert [one.status for one in results] == ["COMPLETED"] * 8 + ["DUPLICATE", "FAILED"]
        assert pool.submit(orders[0]).result(30).status is models.Status.COMPLETED
        assert pool.stats()["settled"] == 9
    pool.stop()
    assert not any(map(psutil.pid_exists, pids))
    assert pool.stats()["running"] is False
    with (pool.settings.out / "results.csv").open(encoding="utf-8-sig", newline="") as table:
        (bad,) = [row for row in csv.DictReader(table) if row["po_number"] == "PO-BAD"]
    assert (bad["url"], bad["supplier"]) == ("ftp://x", "")  # a mapping that lacks a column shifts none


@pytest.mark.whole_browser
def test_a_browser_killed_during_map_loses_no_order(
    portal: tuple[running_portal.Portal, Path], options: dict[str, Any]
) -> None:
    """After one worker's browser was killed, every PO still gets exactly one result."""
    with po_pw.WorkerPool(max_workers=2, **options) as pool:
        futures = [pool.submit(order) for order in entries(portal[0])]
        futures[0].result(60)
        os.kill(pool.stats()["contexts"][0]["pid"], getattr(signal, "SIGKILL", signal.SIGTERM))
        results = [future.result(60) for future in futures]
        assert all(one.status is models.Status.COMPLETED for one in results)
        assert pool.stats()["settled"] == len(results)


def examples() -> list[str]:
    """The code examples of `docs/python.md`."""
    return re.findall(r"^```python\n(.*?)^```$", PYTHON.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_documentation_run_as_they_stand(
    portal: tuple[running_portal.Portal, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The documented examples run unchanged, apart from their addresses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PO_PW_HOME", str(portal[1]))
    given = entries(portal[0], 2)
    names: dict[str, Any] = {}
    for code in examples():
        for number, order in zip(("1001", "1002"), given, strict=True):
            code = code.replace(f"https://acme.coupahost.com/order_headers/{number}", str(order["url"]))
            code = code.replace(f"PO-{number}", str(order["po_number"]))
        exec(code, names)  # noqa: S102 - our own page
    assert capsys.readouterr().out.startswith("1 0 Müller/")
    server.write_csv(portal[0], tmp_path / "pos.csv", only=[str(order["po_number"]) for order in given])
    for orders in (given, "pos.csv"):
        run_async(names["fetch"](orders))
        lines = capsys.readouterr().out.splitlines()
        assert sorted(line.split()[:2] for line in lines) == [[order["po_number"], "COMPLETED"] for order in given]
    results = json.loads((tmp_path / "downloads" / "results.json").read_text("utf-8"))
    assert results["run"]["list"] == ""  # of the pool: an asynchronous run writes them when it is asked to
    with po_pw.MainApp() as main:
        result = main.process_pos("pos.csv", resume=True)
        assert (result.success, result.summary.already_complete, result.summary.fetched.files) == (2, 2, 0)
        assert "0 files downloaded" in str(result)
        assert "supplier" in (tmp_path / "downloads" / "results.csv").read_text("utf-8-sig").splitlines()[0]


app: Any = po_pw
"""Without its types: misuse is what is tried."""


def opened(*given: Any, **more: Any) -> None:
    """Opens an asynchronous run and closes it."""

    async def go() -> None:
        async with app.open_run(*given, **more):
            pass

    run_async(go())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: app.MainApp().process_pos("no-such.csv"), "no-such.csv: there is no such file"),
        (lambda: app.MainApp(max_workers=0, enable_parallel=True), "max_workers: 0 cannot be used: give a whole"),
        (lambda: app.MainApp(max_workers=0), "max_workers: 0 cannot be used: give a whole"),
        (lambda: app.MainApp("headless"), "headless_config: 'headless' cannot be used: give a HeadlessConfiguration"),
        (lambda: app.WorkerPool(max_workers=65), "max_workers: 65 cannot be used"),
        (lambda: app.MainApp(workers=3), "workers: say max_workers instead"),
        (lambda: app.MainApp(outt="x"), "outt: there is no such setting; did you mean out?"),
        (lambda: app.Settings(max_file_bytes="5 apples"), "max_file_bytes: '5 apples' cannot be used"),
        (lambda: app.MainApp(out="file").process_pos([]), "Choose another folder with out."),
        (lambda: app.MainApp().process_pos({"po_number": "PO-1"}), "a single order was given"),
        (lambda: app.MainApp().process_pos(["PO-1"]), "order 1 is 'PO-1' (str): give a mapping"),
        (lambda: app.MainApp().process_pos([None, {"po_number": "1"}]), "order 1 is None (NoneType): give a mapping"),
        (lambda: app.MainApp().process_pos([{"PO": ["1"]}]), "order 1: PO is ['1'] (list), where a text or a number"),
        (lambda: opened({"workers": 1}), "open_run takes Settings, e.g. open_run(Settings(workers=4)), not dict"),
        (lambda: opened(None, on_event=5), "on_event is called with each event: give a function, not int"),
        (lambda: app.MainApp().process_pos(5), "5 (int) are not orders"),
        (lambda: app.MainApp().process_single_po("PO-1"), "order 1 is 'PO-1' (str)"),
        (lambda: app.WorkerPool().submit("PO-1"), "the order is 'PO-1' (str)"),
        (lambda: app.MainApp(browser="/no/such").process_pos([{"po_number": "1", "url": "http://x"}]), "/no/such"),
    ],
)
def test_misuse_from_python_is_told_in_its_own_words(
    call: Callable[[], object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong arguments raise one of our errors, which names arguments, not flags or Python internals."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(po_pw.PoPwError) as told:
        call()
    assert said in str(told.value)
    assert "--" not in str(told.value)


def test_the_reason_of_a_row_names_the_argument(tmp_path: Path) -> None:
    """The reason for a row without an address names the argument `url_template`, not the flag."""
    result = po_pw.MainApp(out=tmp_path / "out").process_single_po({"po_number": "PO-1"})
    assert "url_template" in result.error_message
    assert "--" not in result.error_message
