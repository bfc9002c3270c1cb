"""The spreadsheets of fixtures/corpus/sheets.py give orders or one clear message; every row counts."""

from __future__ import annotations

import contextlib
import csv
import datetime
import json
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Final

import hypothesis
import openpyxl
import pytest
from hypothesis import strategies as st

from fixtures.corpus import containers, sheets
from po_pw import errors, models
from po_pw.orders import delimited, ole_container, read, workbook_sandbox
from po_pw.results import tables, text_tables
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fixtures.corpus.sheet import Sheet

NOW: Final = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
MOST: Final = 40_000_000
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001


def said(sheet: Sheet) -> str:
    return sheet.why


READABLE: Final = [sheet for sheet in sheets.ALL if not sheet.refused]
REFUSED: Final = [sheet for sheet in sheets.ALL if sheet.refused]


def test_there_are_enough() -> None:
    """The corpus has enough spreadsheets, each with its purpose."""
    assert len(sheets.ALL) >= 100
    assert len({said(sheet) for sheet in sheets.ALL}) == len(sheets.ALL)


@contextlib.contextmanager
def in_little_memory(sheet: Sheet) -> Iterator[None]:
    """Limits Python's memory to a few times the longest line."""
    if not sheet.heavy and isinstance(sheet.content, bytes) and len(sheet.content) < 60_000:
        yield
        return
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("sheet", REFUSED, ids=said)
def test_what_is_none_is_refused_in_one_line(sheet: Sheet, tmp_path: Path) -> None:
    """The message names file and fault; nothing else is raised, and little memory is used."""
    path = sheet.write(tmp_path)
    with pytest.raises(errors.InputError) as caught, in_little_memory(sheet):
        list(read.open_table(path).rows())
    message = str(caught.value)
    assert path.name in message
    assert sheet.refused in message
    assert len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 1500


@pytest.mark.slow
@pytest.mark.parametrize("sheet", READABLE, ids=said)
def test_every_row_is_an_order_or_a_problem(sheet: Sheet, tmp_path: Path) -> None:
    """Orders and refused rows are counted in order; results contain all and are read back unchanged."""
    path = sheet.write(tmp_path)
    with in_little_memory(sheet):
        table = read.open_table(path)
        rows = list(table.rows())
    good = [row.order.po_number for row in rows if row.order is not None]
    bad = [row for row in rows if row.problem is not None]
    assert len(good) + len(bad) == len(rows)
    assert len(bad) == sheet.bad, [row.problem for row in bad][:3]
    if isinstance(sheet.good, int):
        assert len(good) == sheet.good
    else:
        assert good == list(sheet.good)
    assert [row.number for row in rows] == sorted({row.number for row in rows})
    for row in rows:
        assert len(row.cells) == len(table.columns)
        if row.problem is not None:
            assert row.problem.message.startswith(f"{path.name}, row {row.number}")
            assert len(row.problem.message) < 600
    assert len(set(table.columns)) == len(table.columns)
    check_results(tmp_path / "out", table.columns, rows)


def runs(cell: str) -> bool:
    """Whether a spreadsheet program treats it as a formula."""
    return cell.startswith(FORMULA) and re.fullmatch(r"[+-]\d[\d.,]*", cell) is None


def no_longer(stream: Iterable[str]) -> Iterator[str]:
    """Without lines that the table reader cannot read."""
    return (line for line in stream if len(line) < csv.field_size_limit())


def check_results(out: Path, columns: tuple[str, ...], rows: Sequence[models.Row]) -> None:
    """All rows are in all results; failed.csv returns exactly the input; no cell is a formula."""
    plan = models.Plan("pos.csv", columns, 1, str(out), NOW)
    about = tables.About(models.RunId("run"), plan, None, 1.0, 1.0, interrupted=False, version="0")
    failed = models.Failure(models.ErrorCode.INTERNAL, "=1+1")
    given = [
        models.RowResult(row.number, row.cells, row.po_number, models.Status.FAILED, None, row.problem or failed)
        for row in rows
    ]
    assert tables.write_all(out, about, lambda: iter(given)).rows == len(rows)
    again = read.open_table(out / "failed.csv")
    assert again.columns == columns
    for row, same in zip(rows, again.rows(), strict=True):
        assert row.cells == same.cells or max(map(len, row.cells)) > csv.field_size_limit()
    for separator in ",;":  # as Excel opens it, here and there
        with (out / "results.csv").open(encoding="utf-8-sig", newline="") as stream:
            for line in csv.reader(no_longer(stream), delimiter=separator):
                assert not [cell for cell in line if runs(cell.partition(",")[0] if separator == ";" else cell)]
    assert len(json.loads((out / "results.json").read_text("utf-8"))["rows"]) == len(rows)
    if len(rows) * len(columns) < 500:
        sheet = openpyxl.load_workbook(out / "results.xlsx")["Orders"]
        assert sheet.max_row == len(rows) + 1
        assert not [cell for line in sheet.iter_rows() for cell in line if cell.data_type == "f"]


@hypothesis.given(st.text(st.one_of(st.characters(), st.sampled_from("'=+-@;\t\r\n5"))))
@hypothesis.example("a\r=1;-2")
@hypothesis.example("\r'=1")
def test_any_cell_is_harmless_and_comes_back(cell: str) -> None:
    """Any text is written so that no program runs it, and is read back unchanged."""
    written = str(text_tables.harmless(cell))
    assert delimited.without_apostrophes(written) == cell
    assert not runs(written)
    assert not any(part.startswith(("=", "+", "-", "@")) for part in re.split("[;\r\n]", written)[1:])


@hypothesis.settings(derandomize=True)
@hypothesis.given(st.integers(0, 6000), st.binary(min_size=1, max_size=12))
def test_a_damaged_ole_file_is_read_or_refused(at: int, damage: bytes) -> None:
    """Reading a damaged file ends, and raises only ValueError."""
    content = containers.compound({"Workbook": bytes(range(256)) * 20, "Other": b"small"})
    with contextlib.suppress(ValueError):
        found = ole_container.streams(content[:at] + damage + content[at + len(damage) :])
        assert sum(map(len, found.values())) <= 64 * len(content)


@pytest.mark.slow
def test_a_workbook_that_hangs_the_library_is_given_up(tmp_path: Path) -> None:
    """The process that reads a workbook has a time limit."""
    good = tmp_path / "good.ods"
    good.write_bytes(containers.ods(containers.ods_rows([["po", "url"]])))
    hanging = tmp_path / "hanging.ods"
    whole = good.read_bytes()
    unseen = b"<![CDATA[</table:table>]]>"  # an end to whoever counts, none to the library
    hanging.write_bytes(containers.changed(whole, "content.xml", lambda part: part.replace(b"</table:table>", unseen)))
    assert len(list(workbook_sandbox.read(good).records())) == 1
    with pytest.raises(errors.InputError, match="does not end"):
        workbook_sandbox.read(hanging, seconds=1)


def test_where_no_process_can_be_started_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a child process workbooks are not read, with a message; .csv files still are."""
    book, text = tmp_path / "pos.xlsx", tmp_path / "pos.csv"
    book.write_bytes(containers.xlsx(containers.cells([["po", "url"], ["PO-1", "https://portal.example/1"]])))
    text.write_text("po,url\nPO-1,https://portal.example/1\n", "utf-8")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with pytest.raises(errors.MachineError, match=r"the process that reads workbooks cannot be started .* \.csv"):
        read.open_table(book)
    assert len(list(read.open_table(text).rows())) == 1


def test_which_sheet_is_read_is_said(tmp_path: Path) -> None:
    """With several visible sheets the one that is read is named; two readers may read at once."""
    path = tmp_path / "pos.xlsx"
    grid = containers.cells([["po", "url"], ["PO-1", "https://portal.example/1"], ["PO-2", "https://portal.example/2"]])
    path.write_bytes(containers.xlsx(grid))
    assert read.open_table(path).about == ""
    path.write_bytes(containers.xlsx(grid, states={"Old": "visible", "Gone": "hidden", "PO_Data": "visible"}))
    table = read.open_table(path)
    assert table.about == "Reading sheet PO_Data of pos.xlsx; not its other sheets: Old."
    pairs = list(zip(table.rows(), table.rows(), strict=True))
    assert [(first.po_number, second.po_number) for first, second in pairs] == [("PO-1", "PO-1"), ("PO-2", "PO-2")]


def test_a_workbook_that_the_library_dies_of_is_refused(tmp_path: Path) -> None:
    """Binary workbooks with impossible lengths are refused in one line."""
    content = containers.xlsb([(0, [(0, "po_number")]), (1, [(0, "PO-1")])])
    damaged = containers.changed(content, "xl/workbook.bin", lambda part: part.replace(b"\4\0\0\0r", b"\xff\0\0\0r"))
    path = tmp_path / "pos.xlsb"
    path.write_bytes(damaged)
    with pytest.raises(errors.InputError, match="it is damaged"):
        read.open_table(path)


PROGRAM: Final = """
import resource, sys, pathlib
from po_pw import errors
from po_pw.orders import read
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
for name in sys.argv[1:]:
    try:
        print(len(list(read.open_table(pathlib.Path(name)).rows())))
    except errors.InputError:
        print("refused")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its address space")
def test_what_seems_to_need_all_memory_is_read_in_little(tmp_path: Path) -> None:
    """Each is read or refused in a process with one gigabyte, which survives."""
    heavy = [sheet for sheet in sheets.ALL if sheet.heavy]
    paths = [sheet.write(tmp_path / str(number)) for number, sheet in enumerate(heavy)]
    command = [sys.executable, "-c", PROGRAM, *map(str, paths)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=IN_TIME, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.split() == ["refused" if sheet.refused else "2" for sheet in heavy], done.stderr
