"""A workbook with everything that people put into workbooks is written back."""

from __future__ import annotations

import datetime
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
import xlsxwriter

from po_pw.orders import read
from tests.helpers.coupa_lists import HEADER, cells, parts
from tests.unit.test_write_back import DONE, DONE_HERE, TEMPLATE, came, failed, written

if TYPE_CHECKING:
    from pathlib import Path

SHEET = "xl/worksheets/sheet2.xml"


def picture() -> bytes:
    """A PNG of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def rich_workbook(path: Path) -> Path:
    """Charts, pictures, comments, formulas with results, a summary on another sheet; the list begins at B4."""
    (path.parent / "dot.png").write_bytes(picture())
    (path.parent / "vba.bin").write_bytes(b"macros" * 100)
    book = xlsxwriter.Workbook(str(path))
    if path.suffix == ".xlsm":
        book.add_vba_project(str(path.parent / "vba.bin"))
    total = book.add_worksheet("Totals")
    sheet = book.add_worksheet("PO_Data")
    bold = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1})
    red = book.add_format({"font_color": "#C00000", "italic": True, "border": 1})
    date = book.add_format({"num_format": "dd/mm/yyyy hh:mm", "bg_color": "#FFF2CC"})
    money = book.add_format({"num_format": '#,##0.00 "EUR"'})
    total.write_formula("A1", '=COUNTIF(PO_Data!C:C,"COMPLETED")', bold, 0)
    sheet.write("B2", "Orders of the week", bold)
    sheet.write_row("B4", [*HEADER, "Region", "Amount"], bold)
    sheet.write_formula("B5", '="PO-"&1', red, "PO-1")
    sheet.write("B6", "PO-2", red)
    sheet.write("B7", "PO-3")
    for row in (4, 5, 6):
        sheet.write_blank(row, 2, None, red)
        sheet.write_string(row, 12, "EMEA")
        sheet.write_formula(row, 13, f"=ROW()*{row}.5", money, row * 4.5)
    sheet.write_datetime("H6", datetime.datetime(2026, 1, 2, 3, 4), date)  # noqa: DTZ001 - a workbook's
    sheet.set_column("H:H", 20, date)
    sheet.set_column("B:G", 15)
    sheet.freeze_panes(4, 2)
    sheet.autofilter("B4:N7")
    sheet.data_validation("C5:C99", {"validate": "list", "source": ["COMPLETED", "FAILED"]})
    sheet.conditional_format("C5:C99", {"type": "cell", "criteria": "==", "value": '"FAILED"', "format": red})
    sheet.conditional_format("E5:E99", {"type": "data_bar", "data_bar_2010": True})
    sheet.write_comment("B5", "ask Anna")
    sheet.add_sparkline("P5", {"range": "PO_Data!N5:N7"})
    sheet.insert_textbox("P8", "a note")
    sheet.insert_image("P14", str(path.parent / "dot.png"))
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=PO_Data!$N$5:$N$7"})
    sheet.insert_chart("P20", chart)
    sheet.set_row(5, 30)
    sheet.protect("", {"autofilter": True})
    book.define_name("Amounts", "=PO_Data!$N$5:$N$7")
    book.close()
    content = parts(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in content.items():
            archive.writestr(name, part.replace(b' fullCalcOnLoad="1"', b""))  # as Excel leaves it
    return path


@pytest.mark.parametrize("ending", ["xlsx", "xlsm"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # openpyxl says what it would lose
def test_only_the_cells_of_the_results_change(tmp_path: Path, ending: str) -> None:
    """All other parts are identical, formulas keep their results, and it can be written again."""
    path = rich_workbook(tmp_path / f"pos.{ending}")
    before_parts, before = parts(path), cells(path)
    done = written(path, {"PO-1": came("PO-1"), "PO-2": failed("PO-2")})
    assert (done.path, done.rows, done.notes) == (path, 2, ())
    after_parts, after = parts(path), cells(path)
    assert list(after_parts) == list(before_parts)
    assert {name for name in before_parts if before_parts[name] != after_parts[name]} == {SHEET, "xl/workbook.xml"}
    assert b'fullCalcOnLoad="1"' in after_parts["xl/workbook.xml"]
    head, body = before_parts[SHEET].split(b"<sheetData>")
    assert after_parts[SHEET].startswith(head)
    assert after_parts[SHEET].endswith(body[body.index(b"</sheetData>") :])
    folder = str(tmp_path / "out/Acme/PO-1_COMPLETED")
    wanted = {"C5": "COMPLETED", "D5": "Acme", "E5": 2, "F5": 2, "G5": "a.pdf; =b.pdf", "J5": folder}
    wanted |= {"K5": "https://x.example/PO-1", "C6": "FAILED", "D6": "Acme", "E6": 0, "F6": 0}
    wanted |= {"I6": "the portal knows no such order", "K6": "https://x.example/PO-2"}
    moment = DONE.astimezone().replace(tzinfo=None, microsecond=0)
    for place in ("H5", "H6"):
        assert abs(after["PO_Data", place][0] - moment) < datetime.timedelta(seconds=1)
        assert after["PO_Data", place][1] == "dd/mm/yyyy hh:mm"
    assert {place: after["PO_Data", place][0] for place in wanted} == wanted
    changed = {place for place in after if after[place][0] != before.get(place, (None,))[0]}
    assert changed == {("PO_Data", place) for place in (*wanted, "H5", "H6")}
    kept = {place: (before[place][1:], after[place][1:]) for place in before if place in after}
    assert [place for place, (old, new) in kept.items() if old != new and place[1] != "H5"] == []
    table = read.open_table(path, address_of=TEMPLATE.format)
    rows = {row.number: row for row in table.rows()}
    assert [rows[number].po_number for number in (5, 6, 7)] == ["PO-1", "PO-2", "PO-3"]
    assert rows[5].cells[6] == DONE_HERE
    again = written(path, {"PO-1": came("PO-1"), "PO-2": came("PO-2")})
    assert again.rows == 1
    assert cells(path)["PO_Data", "C6"][0] == "COMPLETED"
    assert before_parts.keys() == parts(path).keys()
