"""A Coupa user's list through the whole program, twice."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import openpyxl
import pytest
import xlsxwriter

from po_pw.demo import catalogue, portal_pages, running_portal, server
from tests.browser.test_cli import po_pw
from tests.helpers import portal_runs
from tests.helpers.coupa_lists import COLUMNS, HEADER, cells, parts
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[running_portal.Portal]:
    with server.serve_in_thread(catalogue.PortalSettings(orders=4, latency=0.05, plain=True)) as running:
        run_async(portal_runs.signed_in(running, tmp_path / "home"))
        yield running


def made_list(path: Path, portal: running_portal.Portal, done: Path) -> Path:
    """The portal's orders and an unknown one; the second is marked COMPLETED, the first is a formula."""
    book = xlsxwriter.Workbook(str(path))
    totals = book.add_worksheet("Totals")
    sheet = book.add_worksheet("PO_Data")
    bold, red = book.add_format({"bold": True, "bg_color": "#DDEBF7"}), book.add_format({"font_color": "#C00000"})
    totals.write_formula("A1", '=COUNTIF(PO_Data!B:B,"COMPLETED")', bold, 1)
    sheet.write_row(0, 0, [*HEADER, "Region", "Plant"], bold)
    numbers = [*(order.po_number for order in portal.orders), "PO-NONE"]
    for row, number in enumerate(numbers, 1):
        sheet.write_row(row, len(HEADER), ["EMEA", f"Plant {row}" if row > 2 else ""])
        sheet.write_formula(row, 0, f'="{number}"', red, number) if row == 1 else sheet.write(row, 0, number)
        sheet.write_blank(row, 1, None, red)
    known = {"STATUS": "COMPLETED", "ATTACHMENTS_DOWNLOADED": 1, "DOWNLOAD_FOLDER": str(done), "LAST_PROCESSED": "May"}
    for name, value in known.items():
        sheet.write(2, COLUMNS.index(name), value)
    sheet.data_validation("B2:B99", {"validate": "list", "source": ["COMPLETED", "FAILED"]})
    sheet.freeze_panes(1, 1)
    sheet.set_column("A:J", 14)
    book.close()
    return path


def read(path: Path) -> dict[str, dict[str, object]]:
    """The cells of each row, by its PO number."""
    sheet = openpyxl.load_workbook(path, data_only=True)["PO_Data"]
    rows = list(sheet.iter_rows(values_only=True))
    return {str(row[0]): dict(zip(HEADER, row, strict=False)) for row in rows[1:]}


def test_a_list_is_written_back_right_twice_with_one_orders_files_taken_away_between(
    portal: running_portal.Portal, tmp_path: Path
) -> None:
    """Orders that the list marks as completed are not visited, unless their files are missing.

    Formulas and formats stay.
    """
    first, skipped, third, fourth = portal.orders
    old = tmp_path / "old" / f"{skipped.po_number}_COMPLETED"
    old.mkdir(parents=True)
    (old / "invoice.pdf").write_bytes(b"%PDF-1.4")
    path = made_list(tmp_path / "pos.xlsx", portal, old)
    before, before_parts = cells(path), parts(path)
    (url,) = {row[2].replace(row[0], "{po_number}") for row in list(portal.rows())[1:]}
    command = ("process", path.name, "-w", "2", "--write-back", "--url-template", url, "--attempts", "1")
    asked = {order.po_number: [portal_pages.address(file) for file in order.files] for order in portal.orders}

    ended = po_pw(*command, cwd=tmp_path, PO_PW_HOME=str(tmp_path / "home"))
    assert ended.returncode == 1, ended.stderr
    assert "1 row is marked COMPLETED and its folder is there: skipped" in ended.stdout
    now = read(path)
    assert (now[skipped.po_number]["LAST_PROCESSED"], now[skipped.po_number]["AttachmentName"]) == ("May", None)
    assert not any(portal.paths[one] for one in asked[skipped.po_number])
    for order, plant in ((first, ""), (third, "/Plant 3"), (fourth, "/Plant 4")):
        row = now[order.po_number]
        folder = tmp_path / f"downloads/EMEA{plant}/{order.po_number}_COMPLETED"
        assert (row["STATUS"], row["ATTACHMENTS_DOWNLOADED"]) == ("COMPLETED", len(order.files))
        assert row["DOWNLOAD_FOLDER"] == str(folder)
        assert sorted(str(row["AttachmentName"]).split("; ")) == sorted(one.name for one in folder.iterdir())
        assert row["COUPA_URL"] == url.replace("{po_number}", order.po_number)
        assert row["SUPPLIER"] == order.supplier
    assert (now["PO-NONE"]["STATUS"], now["PO-NONE"]["DOWNLOAD_FOLDER"]) != ("COMPLETED", None)
    assert now["PO-NONE"]["ERROR_MESSAGE"]

    shutil.rmtree(tmp_path / f"downloads/EMEA/Plant 3/{third.po_number}_COMPLETED")
    ended = po_pw(*command, cwd=tmp_path, PO_PW_HOME=str(tmp_path / "home"))
    again = read(path)
    assert {po: row for po, row in again.items() if po not in {third.po_number, "PO-NONE"}} == {
        po: row for po, row in now.items() if po not in {third.po_number, "PO-NONE"}
    }
    assert again[third.po_number] | {"LAST_PROCESSED": ""} == now[third.po_number] | {"LAST_PROCESSED": ""}
    assert [portal.paths[one] for one in asked[third.po_number]] == [2] * len(third.files)
    assert [portal.paths[one] for one in asked[first.po_number]] == [1] * len(first.files)

    after, after_parts = cells(path), parts(path)
    changed = {name for name, part in before_parts.items() if after_parts[name] != part}
    assert changed == {"xl/worksheets/sheet2.xml"}
    kept = {
        place for place in before if not ("B" <= place[1][0] <= "J" and place[0] == "PO_Data" and place[1][1:] != "1")
    }
    assert {place: after[place] for place in kept} == {place: before[place] for place in kept}
    assert {place: after[place][1:] for place in before} == {place: look[1:] for place, look in before.items()}
    lists = sorted((tmp_path / "downloads/.po-pw/lists").iterdir())
    assert [openpyxl.load_workbook(one)["PO_Data"]["B2"].value for one in lists] == [None, "COMPLETED"]
