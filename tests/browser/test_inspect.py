"""`po-pw portal inspect` explains one order's page; nothing is downloaded or changed."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from po_pw.demo import catalogue, running_portal, server
from po_pw.demo.variants import Variant
from tests.browser.test_cli import po_pw
from tests.helpers import demo_visits, portal_runs
from tests.helpers.loop_thread import LoopThread
from tests.helpers.support import run_async

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"
WITHOUT_AREA = """<!doctype html><title>Purchase order PO-{number}</title><h1>Purchase order PO-{number}</h1>
<dl><dt>Order number</dt><dd>PO-{number}</dd><dt>Supplier</dt><dd>Acme</dd><dt>Total</dt><dd>12.50 EUR</dd></dl>
<table><tr><th>Item</th><th>Price</th></tr><tr><td>Bolts M{number}</td><td>12.50</td></tr></table>"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of sign-ins and portal knowledge."""
    return tmp_path_factory.mktemp("inspect-home")


@pytest.fixture(scope="module")
def portal(home: Path) -> Iterator[running_portal.Portal]:
    with server.serve_in_thread(catalogue.PortalSettings(latency=0, file_latency=0)) as running:
        run_async(portal_runs.signed_in(running, home))
        yield running


@pytest.fixture
def bare_portal() -> Iterator[str]:
    """Origin of a portal without a sign-in, whose orders have no attachments area."""

    async def page(request: web.Request) -> web.Response:
        text = WITHOUT_AREA.format(number=request.match_info["number"])
        return web.Response(text=text, content_type="text/html")

    async def start() -> web.AppRunner:
        app = web.Application()
        app.add_routes([web.get(r"/orders/{number:\d+}", page)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    with LoopThread() as loop, contextlib.ExitStack() as stack:
        runner = loop.run(start())
        stack.callback(lambda: loop.run(runner.cleanup()))
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"


def inspected(cwd: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    ended = po_pw("portal", "inspect", *words, cwd=cwd, PO_PW_HOME=str(home), COLUMNS="160")
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended


def answered(cwd: Path, home: Path, *words: str) -> dict[str, Any]:
    ended = inspected(cwd, home, *words, "--json")
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def address(portal: running_portal.Portal, variant: Variant) -> str:
    return portal.origin + demo_visits.first(portal, variant).path


def test_an_order_is_explained_and_nothing_is_fetched(
    tmp_path: Path, home: Path, portal: running_portal.Portal
) -> None:
    """Shows what would be downloaded, what not and why, and saves a screenshot, but no file."""
    files, sign_ins = portal.counts["files"], portal.counts["sign_ins"]
    ended = inspected(tmp_path, home, address(portal, Variant.LINKS))
    assert ended.returncode == 0, ended.stderr
    order = demo_visits.first(portal, Variant.LINKS)
    for words in (
        f"page of order {order.po_number}",
        "the PO number is in its heading",
        "finished loading: proved",
        '"delete"',
    ):
        assert words in ended.stdout
    for number, file in enumerate(order.shown, 1):
        assert any(
            line.split()[:2] == [str(number), "taken"] and file.name in line for line in ended.stdout.splitlines()
        )
    assert (portal.counts["files"], portal.counts["sign_ins"]) == (files, sign_ins)
    assert (tmp_path / "po-pw-inspect.png").read_bytes().startswith(PNG)
    assert [path.name for path in tmp_path.iterdir()] == ["po-pw-inspect.png"]


def test_programs_get_the_same(tmp_path: Path, home: Path, portal: running_portal.Portal) -> None:
    """`--json` prints one object, also for a list of several pages; the screenshot goes where it was asked for."""
    order, before = demo_visits.first(portal, Variant.PAGED), portal.counts["files"]
    picture = tmp_path / "picture.png"
    answer = answered(tmp_path, home, address(portal, Variant.PAGED), "--screenshot", str(picture))
    assert (answer["po_number"], answer["page"], answer["complete"]) == (order.po_number, "ORDER", True)
    assert [one["name"] for one in answer["attachments"]] == [file.name for file in order.shown]
    assert {one["action"] for one in answer["considered"] if one["taken"]} == {"FETCH"}
    assert all(one["why"] for one in answer["considered"])
    pressed = [one for one in answer["presses"] if one["kind"] == "press"]
    assert {(one["label"], one["purpose"], one["refused"]) for one in pressed} == {("Next", "TURN", "")}
    assert answer["quiet"].startswith("proved")
    assert answer["screenshot"] == str(picture)
    assert picture.read_bytes().startswith(PNG)
    assert portal.counts["files"] == before


@pytest.mark.long
def test_pages_of_a_list_are_all_in_the_table(tmp_path: Path, home: Path, portal: running_portal.Portal) -> None:
    """Attachments that a press showed are listed, and the pressed control is not called left alone."""
    ended = inspected(tmp_path, home, address(portal, Variant.PAGED))
    assert all(file.name in ended.stdout for file in demo_visits.first(portal, Variant.PAGED).shown)
    (turned,) = [line for line in ended.stdout.splitlines() if " Next " in line]
    assert turned.split()[0] == "pressed"


@pytest.mark.long
def test_no_file_is_ever_overwritten(tmp_path: Path, home: Path, portal: running_portal.Portal) -> None:
    """The screenshot gets a name that no file has."""
    (tmp_path / "po-pw-inspect.png").write_text("mine")
    answer = answered(tmp_path, home, address(portal, Variant.NO_ATTACHMENTS))
    assert (answer["area"], answer["attachments"], answer["page"]) == ("EMPTY", [], "ORDER")
    assert answer["screenshot"] == str(tmp_path / "po-pw-inspect-2.png")
    assert (tmp_path / "po-pw-inspect.png").read_text() == "mine"


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "signed out",
        pytest.param("home", marks=pytest.mark.long),
        pytest.param("forbidden", marks=pytest.mark.long),
    ],
)
def test_what_is_no_order_ends_with_1(tmp_path: Path, home: Path, portal: running_portal.Portal, kind: str) -> None:
    """The portal's home, missing or forbidden orders and a sign-in page are named as such."""
    url, said, where = {
        "home": (f"{portal.origin}/", "does not look like the order's page", home),
        "missing": (address(portal, Variant.NOT_FOUND), "no such order", home),
        "forbidden": (address(portal, Variant.FORBIDDEN), "may not see this order", home),
        "signed out": (address(portal, Variant.LINKS), "asks for a sign-in", tmp_path / "nobody"),
    }[kind]
    if kind == "home":  # one order has to be known, whichever tests came before
        assert inspected(tmp_path, home, address(portal, Variant.LINKS)).returncode == 0
    ended = inspected(tmp_path, where, url, "--po", "PO-4711" if kind == "home" else "")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert said in ended.stdout


def test_a_page_without_a_place_for_attachments_can_be_accepted_once(tmp_path: Path, bare_portal: str) -> None:
    """A page without an attachments area gives exit code 1; `--accept` is remembered."""
    home, url = tmp_path / "home", f"{bare_portal}/orders/1001"
    first = inspected(tmp_path, home, url, "--po", "PO-1001")
    assert first.returncode == 1, first.stdout + first.stderr
    assert "shows no attachments" in first.stdout
    assert "--accept" in first.stdout
    accepted = answered(tmp_path, home, url, "--po", "PO-1001", "--accept")
    assert (accepted["page"], accepted["area"], accepted["accepted"]) == ("ORDER", "NONE", True)
    again = inspected(tmp_path, home, f"{bare_portal}/orders/1002", "--po", "PO-1002")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "0 attachments" in again.stdout


def test_a_word_that_is_no_address_is_one_message(tmp_path: Path, home: Path) -> None:
    """A word that is no address gives exit code 2 before any browser starts."""
    ended = inspected(tmp_path, home, "portal.example/orders/1")
    assert ended.returncode == 2
    assert "not a web address" in ended.stderr
    assert list(tmp_path.iterdir()) == []
