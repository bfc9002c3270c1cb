"""`report.html` in a real browser, opened from disk."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pypdf
import pytest
from axe_playwright_python import sync_playwright as axe

from po_pw import models
from po_pw.report import page as report_page
from tests.helpers import report_rows

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><b>bold</b>"
AWKWARD = "100 % #1 Müller & Söhne/PO-1 ?_COMPLETED"
FILE = "Rechnung #7 100%25 ä.pdf"


@pytest.fixture(scope="session")
def base_url() -> None:
    """In place of pytest-playwright's own, which pytest 9.2 warns of."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 1,000 orders."""
    return report_rows.write(tmp_path_factory.mktemp("large"), report_rows.rows(1_000))


def opened(page: Page, path: Path) -> list[str]:
    """Opens a report; returns its requests and errors so far."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if request.url != path.as_uri() else None)
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.goto(path.as_uri())
    return seen


def shown(page: Page) -> list[str]:
    """PO numbers in the table."""
    return page.locator("#table tbody th").all_inner_texts()


def test_many_orders_are_searched_filtered_sorted_and_turned(page: Page, large: Path) -> None:
    """At most 200 rows are drawn at a time; nothing is loaded, and no script fails."""
    seen = opened(page, large)
    rows = page.locator("#table tbody tr")
    assert rows.count() == report_page.MAX_DRAWN == 200
    assert page.locator("#shown").inner_text() == "1\N{EN DASH}200 of 1,000 rows"
    page.get_by_role("button", name="Next").click()
    assert (rows.count(), shown(page)[0]) == (200, "PO-4500201")
    page.get_by_label("Search").fill("po-4500777")
    assert shown(page) == ["PO-4500777"]
    page.get_by_label("Search").fill("zzz")
    assert page.locator("#shown").inner_text() == "No row matches."
    page.get_by_role("button", name="Clear").click()
    page.locator("#shown", has_text="1\N{EN DASH}200 of 1,000 rows").wait_for()
    page.locator("#status").select_option("FAILED")
    assert set(page.locator("#table td .status").all_inner_texts()) == {"FAILED"}
    page.locator("#code").select_option("TIMEOUT")
    assert set(page.locator("#table td code").all_inner_texts()) == {"TIMEOUT"}
    head = page.locator("#table thead th", has_text="PO number")
    head.get_by_role("button").press("Enter")
    numbers = shown(page)
    assert head.get_attribute("aria-sort") == "ascending"
    assert numbers == sorted(numbers)
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert shown(page) == sorted(shown(page), reverse=True)
    page.get_by_role("button", name="the portal shows none").click()
    assert set(page.locator("#table td .status").all_inner_texts()) == {"NO_ATTACHMENTS"}
    page.get_by_role("button", name="in the table").first.click()
    assert page.locator("#code").input_value() == "TRUNCATED"
    assert rows.count() <= 200
    assert seen == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_screen_reader_can_read_it(page: Page, tmp_path: Path, scheme: str, width: int) -> None:
    """axe finds nothing in any theme, on wide and narrow screens, with a file list open."""
    path = report_rows.write(tmp_path, report_rows.rows(60))
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    assert opened(page, path) == []
    page.locator("#table details summary").first.click()
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_names_do_nothing_and_lead_to_their_files(page: Page, tmp_path: Path) -> None:
    """Markup in names and messages is shown as text; links work, also after the folder was moved."""
    file = dataclasses.replace(report_rows.saved("a", 3), path=FILE)
    hostile = models.Failure(models.ErrorCode.NOT_FOUND, HOSTILE)
    evidence = (".po-pw/evidence/PO #1 ä/page.png",)
    rows = [
        report_rows.row(1, models.Status.COMPLETED, files=(file,), folder=AWKWARD, supplier=HOSTILE),
        report_rows.row(2, models.Status.FAILED, hostile, folder="", supplier=HOSTILE, evidence=evidence),
        report_rows.row(
            3, models.Status.FAILED, hostile, folder="", supplier=HOSTILE, source_url="javascript:alert(1)"
        ),
    ]
    rows[1] = dataclasses.replace(rows[1], po_number=HOSTILE)
    made = tmp_path / "out"
    path = report_rows.write(made, rows)
    for name in (f"{AWKWARD}/{FILE}", evidence[0]):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(b"pdf")
    moved = tmp_path / "moved to #2"
    shutil.move(made, moved)
    seen = opened(page, moved / path.name)
    page.locator("#table details summary").click()
    page.get_by_label("Search").fill("onerror")
    assert len(shown(page)) == 3
    page.get_by_label("Search").fill("")
    page.locator("#table details summary").click()
    assert seen == []
    assert page.title().startswith("po-pw report")
    assert page.locator("img:not(.picture img), b:text-is('bold')").count() == 0
    links = page.locator("a[href]").evaluate_all("links => links.map((link) => link.href)")
    assert not [link for link in links if not link.startswith(("file:", "https:"))]
    paths = {unquote(urlsplit(link).path) for link in links if link.startswith("file:") and not urlsplit(link).fragment}
    assert {str(moved / AWKWARD), str(moved / AWKWARD / FILE), str(moved / evidence[0])} <= paths
    assert all(Path(one).exists() for one in paths if "/.po-pw/" not in one or "#1" in one)


def test_a_picture_is_loaded_only_when_it_is_looked_at(page: Page, tmp_path: Path) -> None:
    """A screenshot beside the report is loaded when shown: the page's own policy allows it."""
    failed = models.Failure(models.ErrorCode.NOT_RECOGNISED, "another page")
    rows = [report_rows.row(1, models.Status.FAILED, failed, evidence=(".po-pw/evidence/PO-1/page.png",))]
    path = report_rows.write(tmp_path, rows)
    picture = tmp_path / ".po-pw" / "evidence" / "PO-1" / "page.png"
    picture.parent.mkdir(parents=True)
    page.set_content("<p>a page</p>")
    page.screenshot(path=picture)
    seen = opened(page, path)
    assert seen == []
    page.locator("summary", has_text="Screenshot of").click()
    page.wait_for_function("document.querySelector('.picture img').naturalWidth > 0")
    assert seen == [picture.as_uri()]


def test_each_printed_page_has_the_header_of_the_table(page: Page, tmp_path: Path) -> None:
    """Chromium repeats the header on each printed page, as it contains no button."""
    opened(page, report_rows.write(tmp_path, report_rows.rows(200)))
    page.locator("#table tbody tr").first.wait_for()
    printed = [sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(page.pdf(format="A4"))).pages]
    with_orders = [text for text in printed if text.count("COMPLETED") > 10]
    assert len(with_orders) > 2
    assert all("PO number" in text for text in with_orders)


def test_an_amount_has_its_currency_once(page: Page, tmp_path: Path) -> None:
    """An amount shows its own currency, or else that of the column beside it."""
    rows = report_rows.rows(2)
    given = [dataclasses.replace(rows[0], cells=(*rows[0].cells[:3], "$64,018.71", "")), rows[1]]
    opened(page, report_rows.write(tmp_path, given))
    cells = page.locator("#table td[data-label=Amount]")
    cells.first.wait_for()
    assert cells.all_inner_texts() == ["$64,018.71", f"{rows[1].cells[3]} EUR"]
