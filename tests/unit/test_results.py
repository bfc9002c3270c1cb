"""The result files say what happened, are written completely or not at all, and can be read back."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import json
import os
import tempfile
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import openpyxl
import pytest
from hypothesis import strategies as st

from po_pw import errors, models
from po_pw.orders import added_columns, read
from po_pw.results import counts, row_values, table_sheet, tables, text_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMNS = ("po_number", "supplier", "url", "amount")
ZONE = datetime.timezone(datetime.timedelta(hours=2))
START = datetime.datetime(2026, 11, 25, 9, 30, 0, 123456, ZONE)
END = START + datetime.timedelta(seconds=2.5)
RUN = models.RunId("20261125-093000-4f2a")
BROWSER = models.BrowserInfo("msedge", "msedge", "/usr/bin/msedge", "156.0", "found")


def about(columns: tuple[str, ...] = COLUMNS, *, interrupted: bool = False) -> tables.About:
    plan = models.Plan("pos.csv", columns, 4, "downloads", START)
    return tables.About(RUN, plan, BROWSER, 12.3456, 10.0, interrupted, "0.1.0")


def file(name: str, size: int = 10, **more: Any) -> models.SavedFile:
    source = f"https://x/{name}"
    values: dict[str, Any] = {"saved_at": END, "checks": ("length", "type"), "section": "Comments", "run": RUN} | more
    return models.SavedFile(name, name, name, size, "ab" * 32, "application/pdf", "http", source, **values)


def outcome(po_number: str, status: models.Status = models.Status.COMPLETED, **more: Any) -> models.Outcome:
    values: dict[str, Any] = {
        "key": models.order_key(po_number),
        "po_number": po_number,
        "status": status,
        "files": (file("invoice.pdf"), file("invoice (2).pdf", 20)),
        "missing": (),
        "error": None,
        "attempts": 1,
        "timing": models.Timing(START, END, 2.5),
        "worker": "w1",
        "read_by": "browser",
        "supplier": "A",
        "found": 2,
        "folder": f"A/{po_number}_{status.value}",
        "source_url": f"https://x/{po_number}",
    } | more
    return models.Outcome(**values)


def result(number: int, po_number: str, what: models.Outcome | None, **more: Any) -> models.RowResult:
    cells = more.pop("cells", (po_number, "Müller, Söhne", f"https://x/{po_number}", "1250.00"))
    status = more.pop("status", what.status if what else models.Status.FAILED)
    error = more.pop("error", what.error if what else None)
    return models.RowResult(number, cells, po_number, status, what, error, **more)


TIMEOUT = models.Failure(models.ErrorCode.TIMEOUT, "no answer\x07 in 45 s")
GAPS = (
    models.MissingFile("b", "b.pdf", "https://x/b", models.Failure(models.ErrorCode.NOT_A_FILE, "a page came")),
    models.MissingFile("c", "c", "https://elsewhere/c", None),
)
PARTIAL = outcome("PO-2", models.Status.PARTIAL, missing=GAPS, error=GAPS[0].failure, found=3)
FAILED = outcome("PO-3", models.Status.FAILED, files=(), found=0, error=TIMEOUT, folder="", attempts=4)
ROWS = (
    result(2, "PO-1", outcome("PO-1")),
    result(3, "PO-2", PARTIAL),
    result(4, "PO-3", FAILED),
    result(5, "PO-1", outcome("PO-1"), status=models.Status.DUPLICATE, duplicate_of=2),
    result(6, "", None, error=models.Failure(models.ErrorCode.INVALID_ROW, "pos.csv, row 6, column po_number: empty")),
    result(8, "PO-5", None, status=models.Status.PENDING),
    result(9, "PO-6", outcome("PO-6", models.Status.NO_ATTACHMENTS, files=(), found=0, from_earlier_run=True)),
    result(10, "PO-3", FAILED, status=models.Status.DUPLICATE, error=None, duplicate_of=4),
)


def write(out: Path, rows: Sequence[models.RowResult] = ROWS, columns: tuple[str, ...] = COLUMNS) -> counts.Totals:
    return tables.write_all(out, about(columns), lambda: iter(rows))


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_summary_counts(tmp_path: Path) -> None:
    """Rows by status, and this run's files, bytes and seconds, without duplicates."""
    summary = write(tmp_path)
    assert (summary.rows, summary.already_complete, summary.order_seconds) == (8, 1, 7.5)
    assert summary.counts == {
        models.Status.COMPLETED: 1,
        models.Status.PARTIAL: 1,
        models.Status.FAILED: 2,
        models.Status.DUPLICATE: 2,
        models.Status.PENDING: 1,
        models.Status.NO_ATTACHMENTS: 1,
    }
    assert summary.fetched == summary.there == counts.Amount(4, 60)
    assert [(one.row, one.po_number) for one in summary.problems.first] == [(3, "PO-2"), (4, "PO-3"), (6, "")]
    names = ["failed.csv", "results.csv", "results.json", "results.xlsx"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".po-pw", *names]
    assert summary.names == {name: name for name in names}
    assert sorted(path.name for path in (tmp_path / ".po-pw" / "results" / RUN).iterdir()) == names


def test_results_csv(tmp_path: Path) -> None:
    """UTF-8 with BOM, comma, CRLF; input columns first; ISO 8601 with offset; names joined by `; `; input order."""
    write(tmp_path)
    content = (tmp_path / "results.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfpo_number,supplier,url,amount,status,attachments_found,")
    assert content.count(b"\n") == content.count(b"\r\n") == 9
    first, partial, failed, again, invalid, pending, none, again_failed = read_csv(tmp_path / "results.csv")
    assert tuple(first) == (*COLUMNS, *row_values.COLUMNS)
    assert first == {
        "po_number": "PO-1",
        "supplier": "Müller, Söhne",
        "url": "https://x/PO-1",
        "amount": "1250.00",
        "status": "COMPLETED",
        "attachments_found": "2",
        "attachments_downloaded": "2",
        "attachment_names": "invoice.pdf; invoice (2).pdf",
        "bytes": "30",
        "folder": "A/PO-1_COMPLETED",
        "source_url": "https://x/PO-1",
        "read_by": "browser",
        "worker": "w1",
        "attempts": "1",
        "seconds": "2.5",
        "started_at": "2026-11-25T09:30:00.123+02:00",
        "finished_at": "2026-11-25T09:30:02.623+02:00",
        "error_code": "",
        "error_message": "",
    }
    assert (partial["error_code"], partial["error_message"]) == ("NOT_A_FILE", "a page came")
    assert (failed["error_code"], failed["error_message"]) == ("TIMEOUT", "no answer in 45 s")
    assert (again["status"], again["error_message"]) == ("DUPLICATE", "same PO number as row 2")
    assert again["folder"] == first["folder"]
    assert again["attachment_names"] == first["attachment_names"]
    assert (invalid["status"], invalid["error_code"], invalid["folder"]) == ("FAILED", "INVALID_ROW", "")
    assert pending["status"] == "PENDING"
    assert "run the same command again" in pending["error_message"]
    assert (none["status"], none["attachments_found"], none["bytes"]) == ("NO_ATTACHMENTS", "0", "0")
    assert again_failed["error_message"] == "same PO number as row 4: no answer in 45 s"
    assert again_failed["error_code"] == "TIMEOUT"


def test_failed_csv_runs_again(tmp_path: Path) -> None:
    """The failed rows, in the input's columns with the reason, are read as orders again."""
    write(tmp_path)
    partial, failed, invalid, pending = read_csv(tmp_path / "failed.csv")
    assert tuple(partial) == (*COLUMNS, *added_columns.FAILED)
    assert [partial[name] for name in added_columns.FAILED] == [
        "PARTIAL",
        "NOT_A_FILE",
        "The portal sent a page instead of the file",
        "Open the order in your browser and check that file",
        "a page came",
    ]
    assert failed["po_pw_reason"] == "The portal took too long"
    assert invalid["po_pw_what_to_do"] == "Correct it in your list"
    assert (pending["po_pw_status"], pending["po_pw_error_code"]) == ("PENDING", "")
    table = read.open_table(tmp_path / "failed.csv")
    assert table.columns == COLUMNS
    assert [row.cells for row in table.rows()] == [ROWS[place].cells for place in (1, 2, 4, 5)]
    summary = write(tmp_path, ROWS[:1])
    assert not (tmp_path / "failed.csv").exists()
    assert summary.notes == ()


def test_results_json(tmp_path: Path) -> None:
    """The run, each row with its input, files with hashes, what is missing and why, and totals."""
    write(tmp_path)
    content = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert list(content) == ["run", "rows", "others", "summary"]
    assert content["others"] == []
    run = content["run"]
    assert (run["id"], run["list"], run["workers"], run["browser"]["version"]) == (RUN, "pos.csv", 4, "156.0")
    assert (run["seconds"], run["interrupted"], run["started_at"]) == (12.346, False, "2026-11-25T09:30:00.123+02:00")
    assert content["summary"]["counts"]["FAILED"] == 2
    assert content["summary"]["row_count"] == len(content["rows"]) == len(ROWS)
    first, partial, _, again, invalid, *_ = content["rows"]
    assert first["input"] == dict(zip(COLUMNS, ROWS[0].cells, strict=True))
    assert first["row"] == 2
    assert first["files"][0]["sha256"] == "ab" * 32
    assert first["files"][0]["saved_at"] == "2026-11-25T09:30:02.623+02:00"
    assert partial["missing"][0]["failure"] == {"code": "NOT_A_FILE", "message": "a page came"}
    assert again["duplicate_of"] == 2
    assert invalid["folder"] is None


def test_no_rows_at_all(tmp_path: Path) -> None:
    """A run without rows writes readable tables without rows."""
    assert write(tmp_path, ()).rows == 0
    assert read_csv(tmp_path / "results.csv") == []
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["rows"] == []
    assert openpyxl.load_workbook(tmp_path / "results.xlsx")["Files"].max_row == 1


def test_columns_that_clash() -> None:
    """An input column with a name of ours becomes `input_NAME`."""
    names = row_values.header(("status", "PO", "input_status", "Bytes"))
    assert names[:4] == ("input_status", "PO", "input_input_status", "input_Bytes")
    assert len({name.casefold() for name in names}) == len(names)


def test_results_can_be_the_next_input(tmp_path: Path) -> None:
    """results.csv and results.xlsx are lists themselves, and our columns are not repeated."""
    with_status = (*COLUMNS, "Status", "<|>", "Region")
    rows = [dataclasses.replace(row, cells=(*row.cells, "open", "", "EMEA")) for row in ROWS]
    for name in ("results.csv", "results.xlsx", "failed.csv"):
        write(tmp_path / name, rows, with_status)
        table = read.open_table(tmp_path / name / name)
        renamed = "Status" if name == "failed.csv" else "input_Status"
        assert table.columns == (*COLUMNS, renamed, "<|>", "Region")
        assert {one.order.levels for one in table.rows() if one.order} == {("EMEA",)}
        again = [result(row.number, row.po_number, outcome(row.po_number), cells=row.cells) for row in table.rows()]
        write(tmp_path / f"{name} again", again, table.columns)
        if name != "failed.csv":
            assert read.open_table(tmp_path / f"{name} again" / name).columns == table.columns
            assert [row.cells[0] for row in table.rows()] == [row.cells[0] for row in ROWS]


def test_columns_of_failed_csv_are_known_wherever_they_are(tmp_path: Path) -> None:
    """Moved columns are recognised; a row with only our reasons is no order."""
    (tmp_path / "failed.csv").write_text(
        "po_pw_reason,PO,url,po_pw_status,note\nit was so,7,https://x/7,FAILED,urgent\nit was so,,,FAILED,\n", "utf-8"
    )
    table = read.open_table(tmp_path / "failed.csv")
    assert table.columns == ("PO", "url", "note")
    assert [row.cells for row in table.rows()] == [("7", "https://x/7", "urgent")]


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r'=1"),
        ("a\r=1;-2", "a\r'=1;'-2"),
        ("'=1", "''=1"),
        ("-12.5", "-12.5"),
        ("+49", "+49"),
        ("-1,000.00", "-1,000.00"),
        ("PO-1", "PO-1"),
        ("'s-Hertogenbosch", "'s-Hertogenbosch"),
        ("", ""),
        (-5, -5),
        ("-", "'-"),
        ("＝1", "'＝1"),  # noqa: RUF001
    ],
)
def test_no_cell_is_a_formula(cell: row_values.Cell, safe: row_values.Cell) -> None:
    """Text that would run as a formula gets an apostrophe; numbers stay numbers."""
    assert text_tables.harmless(cell) == safe


anything = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("'=+-@\t\r\n,;\"")))


@hypothesis.settings(max_examples=30, deadline=None, derandomize=True)
@hypothesis.given(st.lists(st.tuples(anything, anything, anything, anything), min_size=1, max_size=5))
def test_failed_csv_gives_the_same_cells_back(cells: list[tuple[str, ...]]) -> None:
    """Any text, formulas included, is read back from failed.csv as it was."""
    rows = [result(number, "x", None, cells=row) for number, row in enumerate(cells, 2)]
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), rows)
        hypothesis.assume(any("".join(row).strip() for row in cells))
        again = read.open_table(Path(folder) / "failed.csv")
        assert [row.cells for row in again.rows()] == [row for row in cells if "".join(row).strip()]
        sheet = openpyxl.load_workbook(Path(folder) / "results.xlsx")["Orders"]
        assert sheet.max_row == len(cells) + 1


def test_text_no_workbook_may_hold(tmp_path: Path) -> None:
    """Files with invalid characters and very long cells can be opened."""
    cells = ("PO\x01-1", "a\ud800b", "x" * 40_000, "\U0001f600" * 20_000)
    failure = models.Failure(models.ErrorCode.INTERNAL, "bad \x00\x1b[31m\udfff thing")
    summary = write(tmp_path, [result(2, "PO", None, cells=cells, error=failure)])
    sheet = openpyxl.load_workbook(tmp_path / "results.xlsx")["Orders"]
    line = [cell.value for cell in sheet[2]]
    header = [cell.value for cell in sheet[1]]
    assert line[:2] == ["PO-1", "ab"]
    assert len(str(line[2])) == 32_767
    assert str(line[2]).endswith("x…")
    assert len(str(line[3]).encode("utf-16-le")) // 2 <= 32_767
    assert line[header.index("Details")] == "bad [31m thing"
    assert read_csv(tmp_path / "results.csv")[0]["url"] == "x" * 40_000
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["rows"][0]["input"]["supplier"] == "a\ud800b"
    assert len(summary.notes) == 1
    assert summary.notes[0].startswith("results.xlsx, sheet Orders: 2 cells were too long and were cut (they end in …)")


def test_more_rows_than_a_sheet_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workbook stops at its limit and says so; other files have all rows."""
    monkeypatch.setattr(table_sheet, "MAX_ROWS", 3)
    summary = write(tmp_path)
    assert openpyxl.load_workbook(tmp_path / "results.xlsx")["Orders"].max_row == 4
    assert len(read_csv(tmp_path / "results.csv")) == len(ROWS)
    assert "sheet Orders: the last 5 rows are missing" in summary.notes[0]


def test_a_half_written_file_never_shows(tmp_path: Path) -> None:
    """If rows end in an error, earlier files stay, and nothing else is left."""
    write(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.*") if path.is_file()}

    def broken() -> Iterator[models.RowResult]:
        yield ROWS[0]
        msg = "the journal is gone"
        raise errors.MachineError(msg)

    with pytest.raises(errors.MachineError, match="the journal is gone"):
        tables.write_all(tmp_path, about(), broken)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.*") if path.is_file()} == before
    assert sorted(path.name for path in (tmp_path / ".po-pw").iterdir()) == ["made.json", "results"]


def test_each_file_is_synced_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unsynced file could be empty after a power failure."""
    synced, sync = set(), os.fsync

    def noted(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write(tmp_path)
    made = [path for path in tmp_path.iterdir() if path.is_file()]
    assert {path.suffix for path in made} == {".csv", ".json", ".xlsx"}
    assert [path.name for path in made if path.stat().st_ino not in synced] == []


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    """The next run removes drafts of a killed one, and creates a missing folder."""
    scratch = tmp_path / "out" / ".po-pw" / "new-results"
    scratch.mkdir(parents=True)
    (scratch / "results.csv").write_text("half")
    write(tmp_path / "out")
    assert not scratch.exists()
    write(tmp_path / "not" / "there" / "yet")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """One clear message with exit code 3."""
    (tmp_path / "out").write_text("a file")
    with pytest.raises(errors.MachineError, match="cannot be written in") as caught:
        write(tmp_path / "out")
    assert caught.value.exit_code == 3


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Hundreds of rows with long cells need a few megabytes."""

    def many() -> Iterator[models.RowResult]:
        for number in range(600):
            cells = (f"PO-{number}", f"{number:06}" * 1_700, "https://x", "1")
            yield result(number + 2, f"PO-{number}", outcome(f"PO-{number}"), cells=cells)

    write(tmp_path)
    tracemalloc.start()
    try:
        assert tables.write_all(tmp_path, about(), many).rows == 600
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_500_000  # the rows are 6 MB; the workbook keeps the targets of at most 60,000 links a sheet
