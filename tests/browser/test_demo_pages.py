"""The demo portal's pages in a real browser: each variant behaves as described.

`test_run.py` shows that po-pw gets every file of every variant; if it does not, these tests tell which side is wrong.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from po_pw.demo import catalogue, running_portal, server
from po_pw.demo.variants import LIST_WAYS, Variant
from tests.helpers.demo_visits import QUICK, first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page


pytestmark = pytest.mark.long


@pytest.fixture(scope="session")
def base_url() -> None:
    """Replaces pytest-playwright's fixture, about which pytest 9.2 warns."""


@pytest.fixture(scope="module")
def portal() -> Iterator[running_portal.Portal]:
    with server.serve_in_thread(QUICK) as running:
        yield running


def open_order(page: Page, portal: running_portal.Portal, variant: Variant) -> list[str]:
    """Signs in on the way to an order's page; returns its files' names."""
    order = first(portal, variant)
    page.goto(portal.order_url(order.po_number))
    page.fill("#username", portal.username)
    page.fill("#password", portal.password)
    page.press("#password", "Enter")
    page.wait_for_url(f"**{order.path}")
    return [file.name for file in order.shown]


@pytest.mark.parametrize("variant", [Variant.LATE, Variant.APPENDED])
def test_lists_that_come_late(page: Page, portal: running_portal.Portal, variant: Variant) -> None:
    """The section says that it is busy, then shows all links and their number."""
    names = open_order(page, portal, variant)
    page.wait_for_selector("#attachments:not([aria-busy]) .file-list")
    assert page.locator("#attachments .name a").all_inner_texts() == names
    assert page.inner_text("#attachments h2") == f"Attachments ({len(names)})"
    assert page.locator("#attachments .loading").count() == 0


@pytest.mark.parametrize("variant", [Variant.VERY_LATE, Variant.CHAINED, Variant.LATE_SCRIPT])
def test_lists_that_nothing_announces(page: Page, portal: running_portal.Portal, variant: Variant) -> None:
    """Nothing announces the list; then all files are there, and the heading counts them."""
    names = open_order(page, portal, variant)
    page.wait_for_selector("#attachments .file-list")
    assert page.locator("#attachments .name a").all_inner_texts() == names
    assert page.inner_text("#attachments h2") == f"Attachments ({len(names)})"


@pytest.mark.parametrize("way", LIST_WAYS)
def test_every_way_of_a_late_list(page: Page, way: str) -> None:
    """A portal can be set up with each way of late lists."""
    settings = catalogue.PortalSettings(orders=1, plain=True, latency=0, list_way=way, list_delay=0.1)
    with server.serve_in_thread(settings) as late:
        names = open_order(page, late, Variant.LINKS)
        inside = page.frame_locator("#attachments iframe") if way == "frame" else page
        inside.locator(".file-list").wait_for()
        assert inside.locator(".name a").all_inner_texts() == names


def test_a_list_in_a_frame(page: Page, portal: running_portal.Portal) -> None:
    """The links are in the frame, and a click there downloads."""
    names = open_order(page, portal, Variant.IFRAME)
    links = page.frame_locator("#attachments iframe").locator(".name a")
    links.first.wait_for()
    assert links.all_inner_texts() == names
    with page.expect_download() as download:
        links.first.click()
    assert download.value.suggested_filename == names[0]


def test_a_list_behind_a_control(page: Page, portal: running_portal.Portal) -> None:
    """The list appears after the control was pressed, which then says so."""
    names = open_order(page, portal, Variant.EXPANDER)
    assert page.locator("#attachments .name").count() == 0
    page.click("text=Show attachments")
    page.wait_for_selector("#attachments [aria-expanded=true]")
    assert page.locator("#attachments .name a").all_inner_texts() == names
    page.click("text=Hide attachments")
    page.wait_for_selector("#attachments .file-list", state="hidden")


def test_a_list_of_several_pages(page: Page, portal: running_portal.Portal) -> None:
    """ "Next" shows other files at the same address, until the last page; "Previous" goes back."""
    names = open_order(page, portal, Variant.PAGED)
    address, seen = page.url, page.locator("#attachments .name a").all_inner_texts()
    assert page.is_disabled("text=Previous")
    for number in (2, 3):
        page.click("text=Next")
        page.wait_for_selector(f"#attachments:not([aria-busy]) >> text=Page {number} of 3")
        seen += page.locator("#attachments .name a").all_inner_texts()
    assert seen == names
    assert page.url == address
    assert page.is_disabled("text=Next")
    page.click("text=Previous")
    page.wait_for_selector("text=Page 2 of 3")


@pytest.mark.parametrize("variant", [Variant.FORM_POST, Variant.BLOB])
def test_files_that_only_a_click_hands_out(page: Page, portal: running_portal.Portal, variant: Variant) -> None:
    """Each button downloads its complete file under its name."""
    names = open_order(page, portal, variant)
    for file, name in zip(first(portal, variant).shown, names, strict=True):
        with page.expect_download() as download:
            page.click(f"text=Download {name}")
        assert download.value.suggested_filename == name
        assert hashlib.sha256(Path(download.value.path()).read_bytes()).hexdigest() == file.sha256


def test_a_script_that_is_signed_out_goes_to_the_form(page: Page, portal: running_portal.Portal) -> None:
    """If the session ended before the list was loaded, the page goes to the sign-in form."""
    open_order(page, portal, Variant.EXPANDER)
    portal.sign_everybody_out()
    page.click("text=Show attachments")
    page.wait_for_url("**/login?next=**")
    assert page.locator("input[type=password]").is_visible()
