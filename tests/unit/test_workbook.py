"""results.xlsx as accounts payable would make it: links, dates, numbers, reasons, and nothing that runs."""

from __future__ import annotations

import dataclasses
import datetime
import re
import zipfile
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import openpyxl
import pytest
from openpyxl.utils import get_column_letter

from po_pw import models
from po_pw.orders import read
from po_pw.results import links, styles, summary, table_sheet, tables
from tests.unit.test_results import COLUMNS, GAPS, ROWS, about, file, outcome, result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

ADDRESS: Final = "https://x/PO-1"


def write(
    out: Path, rows: Sequence[models.RowResult] = ROWS, columns: tuple[str, ...] = COLUMNS, **more: Any
) -> openpyxl.Workbook:
    """The workbook of a run with these rows."""
    what = dataclasses.replace(about(columns), **more)
    others = (models.OtherOrder(models.RunId("before"), "last.csv", ("PO",), ROWS[0]),)
    tables.write_all(out, what, lambda: iter(rows), lambda: iter(others))
    return openpyxl.load_workbook(out / "results.xlsx")


def headings(sheet: Worksheet) -> list[str]:
    return [str(cell.value) for cell in sheet[1]]


def cell(sheet: Worksheet, row: int, heading: str) -> Any:
    return sheet.cell(row, headings(sheet).index(heading) + 1)


def values(sheet: Worksheet, heading: str) -> list[Any]:
    return [cell(sheet, row, heading).value for row in range(2, sheet.max_row + 1)]


def texts(sheet: Worksheet) -> list[str]:
    return [str(one.value) for line in sheet.iter_rows() for one in line if one.value is not None]


def test_the_sheets_and_the_columns(tmp_path: Path) -> None:
    """The list's columns, then status, reason and what to do; other lists' sheets last."""
    book = write(tmp_path)
    assert book.sheetnames == ["Summary", "Orders", "Files", "Other orders", "Other files"]
    orders = book["Orders"]
    assert headings(orders)[:8] == [*COLUMNS, "Amount currency", "Status", "Reason", "What to do"]
    assert values(orders, "Status") == [row.status.value for row in ROWS]
    assert values(orders, "Reason")[:4] == [
        None,
        "The portal sent a page instead of the file",
        "The portal took too long",
        "Same PO number as an earlier row",
    ]
    assert values(orders, "What to do")[1] == "Open the order in your browser and check that file"
    assert values(orders, "Details")[3] == "same PO number as row 2"
    assert values(orders, "Size")[:3] == [30, 30, None]
    assert values(book["Other orders"], "List") == ["last.csv"]
    assert values(book["Other files"], "File") == ["invoice.pdf", "invoice (2).pdf"]


def test_numbers_are_numbers_and_dates_are_dates(tmp_path: Path) -> None:
    """Amounts and currencies are separate, PO numbers are text, times local; ambiguous values are unchanged."""
    amounts = ("EUR 1,250.50", "1,234", "€ 750", "on request", "12345678901234567")
    done = outcome("PO-1")
    rows = [result(n, "0045", done, cells=("0045", "A", ADDRESS, text)) for n, text in enumerate(amounts, 2)]
    orders = write(tmp_path, rows)["Orders"]
    assert values(orders, "amount") == [1250.5, "1,234", 750, "on request", "12345678901234567"]
    assert values(orders, "Amount currency") == ["EUR", None, "EUR", None, None]
    assert values(orders, "po_number") == ["0045"] * 5
    moment = cell(orders, 2, "Finished")
    local = done.timing.ended_at.astimezone().replace(tzinfo=None)
    assert moment.is_date
    assert abs(moment.value - local) < datetime.timedelta(seconds=1)
    given = (*COLUMNS, "Currency", "Tax amount")
    kept = write(tmp_path, [result(2, "1", done, cells=("1", "A", "", "5", "CHF", "2 EUR"))], given)["Orders"]
    assert "Amount currency" not in headings(kept)
    assert (cell(kept, 2, "amount").value, cell(kept, 2, "Tax amount").value) == (5, "2 EUR")


def test_links_lead_from_the_workbook_to_the_files(tmp_path: Path) -> None:
    """Relative links lead to the files, also after the folder was moved, and to the page."""
    names = ("100% & (1) #2 €.pdf", "Rechnung Müller [x].pdf", "北京.pdf", "a%20b.pdf")
    folder = "Müller & Söhne #1/PO-1_COMPLETED"
    (tmp_path / "made" / folder).mkdir(parents=True)
    for name in names:
        (tmp_path / "made" / folder / name).write_bytes(b"%PDF-")
    done = outcome("PO-1", folder=folder, files=tuple(map(file, names)), source_url=ADDRESS)
    shown = tuple(f".po-pw/evidence/PO-2/{name}" for name in ("page.png", "page.html", "answers.txt", "trace.zip"))
    one = outcome("PO-2", folder=folder, files=(file(names[0]),), missing=GAPS, evidence=shown)
    write(tmp_path / "made", [result(2, "PO-1", done), result(3, "PO-2", one)])
    moved = (tmp_path / "made").rename(tmp_path / "moved elsewhere")
    book = openpyxl.load_workbook(moved / "results.xlsx")
    orders, files = book["Orders"], book["Files"]
    assert (moved / unquote(cell(orders, 2, "Folder").hyperlink.target)).is_dir()
    assert cell(orders, 2, "Folder").value == folder
    assert cell(orders, 2, "Order page").hyperlink.target == ADDRESS
    assert cell(orders, 2, "File names").hyperlink is None
    for row, name in ((2, names[0]), (3, names[1]), (4, names[2]), (5, names[3])):
        link = cell(files, row, "File")
        assert link.value == name
        assert (moved / unquote(link.hyperlink.target)).read_bytes() == b"%PDF-"
        assert not re.search(r'[ "<>\\#]', link.hyperlink.target)
    assert cell(orders, 3, "Evidence").value == "Screenshot"
    assert cell(orders, 3, "Evidence").hyperlink.target == ".po-pw/evidence/PO-2/page.png"
    assert cell(orders, 3, "Trace").hyperlink.target == ".po-pw/evidence/PO-2/trace.zip"
    assert cell(orders, 3, "Server's answer").hyperlink.target == ".po-pw/evidence/PO-2/answers.txt"
    assert cell(orders, 2, "Trace").value is None
    single = cell(orders, 3, "File names").hyperlink.target
    assert (moved / unquote(single)).name == names[0]
    assert cell(files, 7, "File").hyperlink.target == "https://x/b"
    assert (cell(files, 7, "Error code").value, cell(files, 7, "Details").value) == ("NOT_A_FILE", "a page came")
    assert cell(files, 8, "Reason").value == "A link or a text, not a file: recorded, not downloaded"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("A/PO-1", "A/PO-1"),
        ("A", "A"),
        ("Ä b/50%#1", "Ä%20b/50%25%231"),
        ("/srv/other/PO-1", "file:///srv/other/PO-1"),
        ("C:/other/PO 1", "file:///C:/other/PO%201"),
        ("//server/share/PO-1", "file:////server/share/PO-1"),
        ("x" * 2_001, None),
    ],
)
def test_a_link_to_a_path(path: str, target: str | None) -> None:
    """Targets are percent-encoded; an absolute path is an address."""
    link = links.to_path(path, "text")
    assert link == "text" if target is None else isinstance(link, links.Link) and link.target == target


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "https://x/?token=REDACTED", "https://x/a b", "mailto:a@x", "", "x"],
)
def test_no_link_to_what_is_no_page(url: str) -> None:
    """Only complete web addresses are links."""
    assert links.to_page(url) == url


def test_links_beyond_what_excel_takes_are_formulas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They look and work the same; a formula that would be too long is no link."""
    monkeypatch.setattr(table_sheet, "MAX_LINKS", 2)
    name = 'a"b,1)&HYPERLINK("http://evil'
    done = outcome("PO-1", folder=name, files=(file("100%.pdf"),), source_url=f"https://x/{'y' * 300}")
    orders = write(tmp_path, [result(2, "PO-1", outcome("PO-1")), result(3, "PO-1", done)])["Orders"]
    assert cell(orders, 2, "Folder").hyperlink is not None
    quoted = name.replace('"', '""')
    assert cell(orders, 3, "Folder").value == f'=HYPERLINK("{quoted}","{quoted}")'
    assert cell(orders, 3, "File names").value == f'=HYPERLINK("{quoted}/100%25.pdf","100%.pdf")'
    assert (cell(orders, 3, "Order page").value, cell(orders, 3, "Order page").hyperlink) == ("Open page", None)
    shown = openpyxl.load_workbook(tmp_path / "results.xlsx", data_only=True)["Orders"]
    assert cell(shown, 3, "Folder").value == name
    assert [row.cells[0] for row in read.open_table(tmp_path / "results.xlsx").rows()] == ["PO-1", "PO-1"]


def test_nothing_runs(tmp_path: Path) -> None:
    """Any name is text on every sheet."""
    bad = ("=1+1", "+1", "-1+2", "@SUM(A1)", '=HYPERLINK("http://x","y")')
    done = [
        outcome(
            text,
            supplier=text,
            folder=text,
            files=(dataclasses.replace(file(text, section=text), media_type=text), file("same.pdf")),
            error=models.Failure(models.ErrorCode.INTERNAL, text),
            status=models.Status.FAILED,
        )
        for text in bad
    ]
    rows = [result(n, one.po_number, one, cells=(one.po_number,) * 4) for n, one in enumerate(done, 2)]
    commands = summary.Commands("=again", "=retry")
    book = write(tmp_path, rows, ("=po", "PO", "+url", "@amount"), warnings=("=warning",), commands=commands)
    for sheet in book:
        assert not [one for line in sheet.iter_rows() for one in line if one.data_type == "f"], sheet.title
    assert values(book["Orders"], "=po") == list(bad)


def test_what_is_looked_at_first_is_in_view(tmp_path: Path) -> None:
    """Header and PO column stay, columns can be filtered, technical ones are folded, reasons wrap."""
    book = write(tmp_path)
    for sheet, frozen in ((book["Orders"], "B2"), (book["Files"], "B2"), (book["Other orders"], "C2")):
        assert sheet.freeze_panes == frozen
        assert sheet.auto_filter.ref == sheet.dimensions
        assert sheet["A1"].font.b
    orders = book["Orders"]
    names = headings(orders)
    folded = {
        name
        for index, name in enumerate(names, 1)
        if (letter := get_column_letter(index)) in orders.column_dimensions
        and orders.column_dimensions[letter].outlineLevel == 1
        and orders.column_dimensions[letter].hidden
    }
    assert "Started" in folded
    assert folded.isdisjoint({"Status", "Reason", "What to do", "Folder", "Order page", "File names", *COLUMNS})
    for heading in ("Reason", "What to do", "Details"):
        assert cell(orders, 3, heading).alignment.wrap_text
    assert orders.row_dimensions[3].height > 15
    assert orders.column_dimensions["A"].width < 20
    assert orders.column_dimensions[get_column_letter(names.index("Reason") + 1)].width > 20


def test_a_frozen_column_leaves_room_for_the_others(tmp_path: Path) -> None:
    """After wide columns only the header is frozen."""
    columns = ("text", "more", "still more", "po_number")
    rows = [result(2, "PO-1", outcome("PO-1"), cells=("x" * 50, "y" * 50, "z" * 50, "PO-1"))]
    assert write(tmp_path, rows, columns)["Orders"].freeze_panes == "A2"


def test_it_prints(tmp_path: Path) -> None:
    """Landscape, one page wide, header and number on every page, without links and details."""
    book = write(tmp_path)
    for sheet in book:
        assert sheet.page_setup.orientation == "landscape"
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) in {(1, 0), (None, 0)}
        assert "Page" in str(vars(sheet)["HeaderFooter"].oddFooter.right.text)
    orders = book["Orders"]
    assert orders.print_title_rows == "$1:$1"
    names = headings(orders)
    end = str(orders.print_area).rpartition("$")[0].rpartition("$")[2]
    assert names.index("Finished") + 1 == openpyxl.utils.column_index_from_string(end)


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_can_be_read_and_told_apart_in_grey() -> None:
    """Contrast is at least 4.5 (WCAG), and statuses differ in grey."""
    for background, text in (*styles.STATUS_COLOURS.values(), styles.HEADER, styles.ADDED_HEADER):
        low, high = sorted((luminance(background), luminance(text)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, background
    S = models.Status  # noqa: N806
    grey = {status: luminance(background) for status, (background, _) in styles.STATUS_COLOURS.items()}
    assert grey[S.FAILED] + 0.3 < grey[S.PARTIAL] < grey[S.COMPLETED] - 0.1
    assert set(styles.STATUS_COLOURS) == set(S)


def test_the_summary(tmp_path: Path) -> None:
    """Counts, reasons with remedies, suppliers, amounts, shared files, warnings and the next command."""
    many = tuple(
        result(100 + n, f"PO-{n}", outcome(f"PO-{n}", supplier=f"S {n}"), cells=(f"PO-{n}", "", "", "EUR 1"))
        for n in range(250)
    )
    commands = summary.Commands("po-pw process pos.csv", "po-pw process pos.csv --only-failed", "po-pw process pos.csv")
    book = write(tmp_path, (*ROWS, *many), warnings=("all is the same",), commands=commands, interrupted=True)
    said = texts(book["Summary"])
    for text in (
        "Purchase order attachments: pos.csv",
        "Please check: all is the same",
        "po-pw process pos.csv",
        "COMPLETED",
        "The portal took too long",
        "Correct it in your list",
        "PO-3",
        "row 6",
        "EUR",
        "52 other suppliers",
        "invoice.pdf",
        "Files in the folders",
    ):
        assert text in said, text
    assert any("stopped before its end" in text for text in said)
    assert any(text.startswith("PO-1, PO-2, PO-0") for text in said)
    calm = texts(write(tmp_path, ())["Summary"])
    assert "All rows" in calm
    assert "What went wrong, and what to do" not in calm


def test_it_is_a_list_of_orders_itself(tmp_path: Path) -> None:
    """The sheet Orders is read, even if a supplier has the name of a PO column."""
    rows = [dataclasses.replace(row, outcome=None, status=models.Status.FAILED, duplicate_of=None) for row in ROWS[:3]]
    rows = [dataclasses.replace(row, cells=(row.cells[0], "PO", *row.cells[2:])) for row in rows]
    write(tmp_path, rows)
    table = read.open_table(tmp_path / "results.xlsx")
    assert table.columns == (*COLUMNS, "Amount currency")  # the amounts themselves are numbers now
    assert table.about.startswith("Reading sheet Orders of results.xlsx; not its other sheets: Summary, Files")
    assert [row.cells[0] for row in table.rows()] == ["PO-1", "PO-2", "PO-3"]


def test_strings_are_not_kept_in_memory(tmp_path: Path) -> None:
    """Rows are written as they come, with inline strings."""
    write(tmp_path)
    with zipfile.ZipFile(tmp_path / "results.xlsx") as archive:
        assert b"PO-2" in archive.read("xl/worksheets/sheet2.xml")
