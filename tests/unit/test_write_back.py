"""Results are written into the user's own list, and nothing else in it changes."""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import os
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from po_pw import errors, models
from po_pw.orders import read, workbook_sandbox
from po_pw.results import counts, write_back
from tests.helpers import coupa_lists
from tests.helpers.coupa_lists import HEADER, line, written_csv, written_workbook
from tests.helpers.journal_values import outcome, saved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = models.RunId("20261126-110000-ab12")
BEGAN = datetime.datetime(2026, 11, 26, 11, 0, tzinfo=datetime.UTC)
DONE = datetime.datetime(2026, 11, 26, 12, 30, 15, 400, tzinfo=datetime.UTC)
DONE_HERE = DONE.astimezone().strftime("%Y-%m-%d %H:%M:%S")
TEMPLATE = "https://x.example/{}"
GONE = models.Failure(models.ErrorCode.NOT_FOUND, "the portal knows no such order")


def came(po_number: str, **more: Any) -> models.Outcome:
    """A complete order with two files, or the given outcome."""
    given: dict[str, Any] = {
        "key": models.order_key(po_number),
        "po_number": po_number,
        "files": (saved("a.pdf"), saved("=b.pdf")),
        "found": 2,
        "folder": f"Acme/{po_number}_COMPLETED",
        "supplier": "Acme",
        "source_url": f"https://x.example/{po_number}",
        "timing": models.Timing(DONE, DONE, 1.0),
    } | more
    return outcome(1, **given)


def failed(po_number: str) -> models.Outcome:
    return came(po_number, status=models.Status.FAILED, files=(), found=0, folder="", error=GONE)


def results(path: Path, outcomes: dict[str, models.Outcome], **more: Any) -> list[models.RowResult]:
    """A run's results for a list's rows: the given outcomes only."""
    found = []
    for row in read.open_table(path, address_of=TEMPLATE.format).rows():
        one = outcomes.get(row.po_number)
        status = models.Status.FAILED if row.problem else one.status if one else models.Status.PENDING
        error = row.problem or (one.error if one else None)
        found.append(models.RowResult(row.number, row.cells, row.po_number, status, one, error, **more))
    return found


def written(path: Path, outcomes: dict[str, models.Outcome], out: Path | None = None) -> write_back.Written:
    rows = results(path, outcomes)
    return write_back.WriteBack(path, out or made(path.parent / "out")).write(RUN, lambda: iter(rows), BEGAN)


def made(folder: Path) -> Path:
    (folder / ".po-pw").mkdir(parents=True, exist_ok=True)
    return folder


def test_a_text_file_gets_its_cells_and_keeps_every_other_byte(tmp_path: Path) -> None:
    """Separators, quotation marks, line endings, blank lines and unprocessed rows are unchanged."""
    path = tmp_path / "pos.csv"
    before = (
        "PO_NUMBER;STATUS;SUPPLIER;ATTACHMENTS_FOUND;AttachmentName;LAST_PROCESSED;ERROR_MESSAGE;DOWNLOAD_FOLDER;<|>;STATUS\r\n"
        '"PO-1";"";Müller; ;;;"old, and ""so""";;;\'=mine\r\n'
        "\r\n"
        "PO-2;PENDING;  ;;;;;;;\r\n"
        'PO-3;"two\r\nlines";;;;;;;;x\r\n'
        "PO-4;;;"
    )
    path.write_bytes(codecs.BOM_UTF8 + before.encode())
    done = written(path, {"PO-1": came("PO-1"), "PO-2": failed("PO-2"), "PO-4": came("PO-4")})
    folder = tmp_path / "out" / "Acme"
    wanted = (
        "PO_NUMBER;STATUS;SUPPLIER;ATTACHMENTS_FOUND;AttachmentName;LAST_PROCESSED;ERROR_MESSAGE;DOWNLOAD_FOLDER;<|>;STATUS\r\n"
        f'"PO-1";"COMPLETED";Müller;2;"a.pdf; =b.pdf";{DONE_HERE};"";{folder}/PO-1_COMPLETED;;\'=mine\r\n'
        "\r\n"
        f"PO-2;FAILED;Acme;0;;{DONE_HERE};the portal knows no such order;;;\r\n"
        'PO-3;"two\r\nlines";;;;;;;;x\r\n'
        f'PO-4;COMPLETED;Acme;2;"a.pdf; =b.pdf";{DONE_HERE};;{folder}/PO-4_COMPLETED'
    )
    assert path.read_bytes().decode("utf-8-sig") == wanted
    assert path.read_bytes().startswith(codecs.BOM_UTF8)
    assert (done.path, done.rows) == (path, 3)
    assert done.before is not None
    assert done.before.read_bytes() == codecs.BOM_UTF8 + before.encode()
    assert done.notes == (
        "pos.csv has no column ATTACHMENTS_DOWNLOADED, COUPA_URL left of <|>: insert the columns you want",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_way_of_writing_is_kept(tmp_path: Path, encoding: str, end: str, separator: str) -> None:
    """Cells in quotation marks stay so, and everything is read back correctly."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([HEADER, line("PO-1", SUPPLIER="Größe, Œuvre"), line("PO-2", ERROR_MESSAGE='é "x"')])
    path = tmp_path / "pos.csv"
    declared = f"sep={separator}{end}" if separator == ";" else ""
    path.write_bytes((declared + text.getvalue()).encode(encoding))
    written(path, {"PO-1": came("PO-1", files=(saved(f"a{separator}b.pdf"),))})
    after = path.read_bytes()
    lines = after.decode(encoding).removeprefix("\ufeff").removeprefix(declared).split(end)
    before = text.getvalue().split(end)
    assert (lines[0], lines[2:]) == (before[0], before[2:])
    (cells,) = csv.reader([lines[1]], delimiter=separator)
    assert lines[1].count('"') >= 2 * len(HEADER)
    assert (cells[0], cells[2], cells[3], cells[5]) == ("PO-1", "Größe, Œuvre", "2", f"a{separator}b.pdf")
    assert after[:2] == (declared + text.getvalue()).encode(encoding)[:2]


def test_what_would_be_a_formula_is_text(tmp_path: Path) -> None:
    """A text file gets an apostrophe, a workbook a text cell."""
    bad = (saved("=cmd|'/c calc'!A0"), saved("x.pdf"))
    text = written_csv(tmp_path / "pos.csv", HEADER, [line("PO-1")])
    written(text, {"PO-1": came("PO-1", files=bad)})
    assert "'=cmd" in text.read_text("utf-8-sig")
    (row,) = read.open_table(text, address_of=TEMPLATE.format).rows()
    assert row.cells[5] == "=cmd|'/c calc'!A0; x.pdf"
    book = written_workbook(tmp_path / "pos.xlsx", HEADER, [line("PO-1")])
    written(book, {"PO-1": came("PO-1", files=bad)})
    cell = openpyxl.load_workbook(book).worksheets[0]["F2"]
    assert (cell.data_type, cell.value) == ("s", "=cmd|'/c calc'!A0; x.pdf")


def test_letters_that_the_encoding_lacks_are_said(tmp_path: Path) -> None:
    """The file keeps its encoding, and replaced characters are reported."""
    path = tmp_path / "pos.csv"
    path.write_bytes("PO_NUMBER,STATUS,AttachmentName,Größe\nPO-1,,,é\n".encode("cp1252"))
    done = written(path, {"PO-1": came("PO-1", files=(saved("Łódź.pdf"),))})
    assert "?ód?.pdf" in path.read_bytes().decode("cp1252")
    assert done.notes == ("pos.csv: in 1 cell, characters that its encoding lacks became ?; save it as CSV UTF-8",)


def test_a_list_with_numbers_alone_gets_the_columns_at_its_end(tmp_path: Path) -> None:
    """New columns come last and avoid notes; writing again changes nothing."""
    text = tmp_path / "pos.csv"
    text.write_text("PO\nPO-1\nPO-2\n", "utf-8")
    written(text, {"PO-1": came("PO-1")})
    first, second, third = text.read_text("utf-8").splitlines()
    assert first == "PO," + ",".join(coupa_lists.COLUMNS[1:])
    assert second.startswith("PO-1,COMPLETED,Acme,2,2,")
    assert third == "PO-2"
    book = written_workbook(tmp_path / "pos.xlsx", ["PO"], [["PO-1"], ["PO-2", "", "", "a note"]])
    assert written(book, {"PO-1": came("PO-1")}).rows == 1
    sheet = openpyxl.load_workbook(book).worksheets[0]
    assert [cell.value for cell in sheet[1]][4:7] == ["STATUS", "SUPPLIER", "ATTACHMENTS_FOUND"]
    assert [cell.value for cell in sheet[2]][4:8] == ["COMPLETED", "Acme", 2, 2]
    assert sheet["D3"].value == "a note"
    assert sheet.dimensions == "A1:M3"
    content = book.read_bytes()
    again = written(book, {"PO-1": came("PO-1")})
    assert (again.path, again.rows, again.before, book.read_bytes()) == (book, 0, None, content)


def test_a_users_own_column_is_not_ours_because_it_has_a_like_name(tmp_path: Path) -> None:
    """Address and supplier are filled in columns of other names where they are empty."""
    path = tmp_path / "pos.csv"
    path.write_text("po_number,vendor,url,Status\nPO-1,,,Open\n", "utf-8")
    written(path, {"PO-1": came("PO-1")})
    first, second = path.read_text("utf-8").splitlines()
    assert first.startswith("po_number,vendor,url,Status,STATUS,ATTACHMENTS_FOUND")
    assert second.startswith("PO-1,Acme,https://x.example/PO-1,Open,COMPLETED,2")


def test_rows_are_left_alone_that_the_run_did_not_do(tmp_path: Path) -> None:
    """Rows not reached, and skipped as completed, are unchanged."""
    path = written_csv(tmp_path / "pos.csv", HEADER, [line("PO-1", STATUS="COMPLETED"), line("PO-2", STATUS="mine")])
    before = path.read_bytes()
    rows = [*results(path, {"PO-1": came("PO-1")}, is_skipped=True)]
    done = write_back.WriteBack(path, made(tmp_path / "out")).write(RUN, lambda: iter(rows), BEGAN)
    assert (done, path.read_bytes()) == (counts_nothing(path), before)


def counts_nothing(path: Path) -> write_back.Written:
    return write_back.Written(path)


def test_rows_that_cannot_be_used_get_the_reason_and_unclear_ones_nothing(tmp_path: Path) -> None:
    """A row that cannot be split into cells is unchanged."""
    path = tmp_path / "pos.csv"
    path.write_text("PO_NUMBER,STATUS,ERROR_MESSAGE,<|>\n,,old,\nPO-2,a,b,c,d,e\nPO-3,,,\n", "utf-8")
    done = written(path, {"PO-3": came("PO-3")})
    _, first, second, third = path.read_text("utf-8").splitlines()
    assert first.startswith(',FAILED,"pos.csv, row 2, column PO_NUMBER: empty')
    assert second == "PO-2,a,b,c,d,e"
    assert third == "PO-3,COMPLETED,,"
    assert "pos.csv: 1 row has cells that po-pw cannot tell apart; nothing was written there" in done.notes


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_list_that_was_changed_meanwhile_stays_and_rows_that_moved_get_nothing(tmp_path: Path, kind: str) -> None:
    """The results go to a copy of the current list, with each row checked by its PO number."""
    lines = [line(po) for po in ("PO-1", "PO-2", "PO-3")]
    write = written_csv if kind == "csv" else written_workbook
    path = write(tmp_path / f"pos.{kind}", HEADER, lines)
    rows = results(path, {po: came(po) for po in ("PO-1", "PO-2", "PO-3")})
    out = made(tmp_path / "out")
    writing = write_back.WriteBack(path, out)
    write(path, HEADER, [lines[1], lines[0], lines[2]])
    sorted_now = path.read_bytes()
    done = writing.write(RUN, lambda: iter(rows), BEGAN)
    beside = tmp_path / f"pos (po-pw results).{kind}"
    assert path.read_bytes() == sorted_now
    assert (done.path, done.rows, done.before) == (beside, 1, None)
    table = [(row.po_number, row.cells[1]) for row in read.open_table(beside, address_of=TEMPLATE.format).rows()]
    assert table == [("PO-2", ""), ("PO-1", ""), ("PO-3", "COMPLETED")]
    assert done.notes[0] == (
        f"pos.{kind} was changed since it was read and stays as it is: the list with its results is {beside}"
    )
    assert "2 rows have changed since the list was read" in done.notes[1]
    assert not list(tmp_path.glob(".*new"))


@pytest.mark.parametrize(
    ("lock", "why"), [("~$pos.csv", "open in Excel"), (".~lock.pos.csv#", "open in LibreOffice"), ("", "may not be")]
)
def test_a_list_that_is_open_or_may_not_be_written_stays_as_it_is(
    tmp_path: Path, lock: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy beside it replaces only an earlier copy."""
    path = written_csv(tmp_path / "pos.csv", HEADER, [line("PO-1"), line("PO-2")])
    before = path.read_bytes()
    if lock:
        (tmp_path / lock).touch()
    else:
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    first = written(path, {"PO-1": came("PO-1")})
    assert path.read_bytes() == before
    assert why in first.notes[0]
    assert (first.path, written(path, {"PO-2": came("PO-2")}).path) == (tmp_path / "pos (po-pw results).csv",) * 2
    assert first.path is not None
    first.path.write_text("the user's now", "utf-8")
    written(path, {"PO-2": came("PO-2")})
    assert "the user's now" in [one.read_text("utf-8-sig") for one in tmp_path.glob("pos (po-pw results)*.csv")]


def test_a_list_that_another_program_holds_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that Windows refuses to replace is unchanged."""
    path = written_csv(tmp_path / "pos.csv", HEADER, [line("PO-1")])
    replace = type(path).replace

    def refused(self: Path, target: Path) -> Path:
        if target == path:
            raise PermissionError(13, "The process cannot access the file because it is being used")
        return replace(self, target)

    monkeypatch.setattr(type(path), "replace", refused)
    done = written(path, {"PO-1": came("PO-1")})
    assert done.path == tmp_path / "pos (po-pw results).csv"
    assert "could not be replaced (is it open in another program?)" in done.notes[0]


def test_permissions_and_links_are_kept_and_few_lists_as_they_were(tmp_path: Path) -> None:
    """A link to the list stays a link; only the latest backups are kept."""
    real = written_csv(tmp_path / "real.csv", HEADER, [line("PO-1")])
    real.chmod(0o640)
    path, out = tmp_path / "pos.csv", made(tmp_path / "out")
    path.symlink_to(real)
    for number in range(write_back.MOST_KEPT + 2):
        rows = results(path, {"PO-1": came("PO-1", found=number)})
        run = models.RunId(f"20261126-1100{number:02}-ab12")
        assert write_back.WriteBack(path, out).write(run, lambda rows=rows: iter(rows), BEGAN).rows == 1  # type: ignore[misc]
    assert path.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    kept = sorted(file.name for file in (out / ".po-pw/lists").iterdir())
    assert len(kept) == write_back.MOST_KEPT
    assert kept[-1] == f"20261126-1100{write_back.MOST_KEPT + 1:02}-ab12 real.csv"


def test_a_second_write_of_a_run_keeps_the_list_as_it_was_before_the_first(tmp_path: Path) -> None:
    """The first write does not count as the user's change."""
    path = written_csv(tmp_path / "pos.csv", HEADER, [line("PO-1"), line("PO-2")])
    before, writing = path.read_bytes(), write_back.WriteBack(path, made(tmp_path / "out"))
    for outcomes in ({"PO-1": came("PO-1")}, {"PO-1": came("PO-1"), "PO-2": came("PO-2")}):
        rows = results(path, outcomes)
        done = writing.write(RUN, lambda rows=rows: iter(rows), BEGAN)  # type: ignore[misc]
        assert done.path == path
    assert done.before is not None
    assert done.before.read_bytes() == before


def test_a_stop_in_between_leaves_the_list_as_it_was(tmp_path: Path) -> None:
    """A stop leaves list and folder unchanged."""
    path = written_csv(tmp_path / "pos.csv", HEADER, [line("PO-1"), line("PO-2")])
    before, rows = path.read_bytes(), results(path, {"PO-1": came("PO-1")})

    def stopped() -> Iterator[models.RowResult]:
        yield rows[0]
        raise errors.StoppedError

    with pytest.raises(errors.StoppedError):
        write_back.WriteBack(path, made(tmp_path / "out")).write(RUN, stopped, BEGAN)
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out", "pos.csv"]


def test_a_list_that_is_gone_or_of_another_kind_is_said(tmp_path: Path) -> None:
    """The wrong kind of list is reported before the run."""
    path = written_csv(tmp_path / "pos.csv", HEADER, [line("PO-1")])
    writing = write_back.WriteBack(path, made(tmp_path / "out"))
    path.unlink()
    assert writing.write(RUN, lambda: iter(()), BEGAN).notes == (
        "pos.csv is not there any more: nothing was written back",
    )
    for name, parts in (("a.ods", ["content.xml"]), ("a.xlsb", ["[Content_Types].xml", "xl/workbook.bin"])):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for part in parts:
                archive.writestr(part, "")
        with pytest.raises(errors.InputError, match=r"save the list as \.xlsx or \.csv"):
            write_back.WriteBack(tmp_path / name, tmp_path)


def test_bytes_that_are_no_text_in_their_encoding_are_not_touched(tmp_path: Path) -> None:
    """A file that would not be written back exactly is unchanged."""
    path = tmp_path / "pos.csv"
    path.write_bytes("PO_NUMBER,STATUS\nPO-1,\n".encode("utf-16") + b"x")
    before = path.read_bytes()
    done = written(path, {"PO-1": came("PO-1")})
    assert path.read_bytes() == before
    assert "nothing was written back into pos.csv" in done.notes[0]


def test_formulas_of_the_users_stay_where_results_would_go(tmp_path: Path) -> None:
    """The user's formulas stay, which is reported."""
    path = written_workbook(tmp_path / "pos.xlsx", HEADER, [line("PO-1", STATUS='=IF(A2="","","x")')])
    done = written(path, {"PO-1": came("PO-1")})
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert sheet["B2"].value == '=IF(A2="","","x")'
    assert sheet["D2"].value == 2
    assert "pos.xlsx: 1 cell has a formula, so the results were not written there" in done.notes


def test_a_sheet_that_is_not_written_as_others_write_it_is_edited_all_the_same(tmp_path: Path) -> None:
    """Prefixes, missing cell references, empty rows and other unusual XML are handled."""
    path = written_workbook(tmp_path / "pos.xlsx", ["PO"], [["PO-1"]])
    sheet = (
        '<?xml version="1.0"?><x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
        ' xmlns:y="urn:y"><x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>PO</x:t></x:is></x:c>'
        '<x:c t="inlineStr" y:a="x > y"><x:is><x:t>STATUS</x:t></x:is></x:c><x:c r="D1" t="inlineStr"><x:is>'
        "<x:t>SUPPLIER</x:t></x:is></x:c></x:row><x:row/>"
        '<x:row spans="1:1"><x:c t="inlineStr"><x:is><x:t>PO-1</x:t></x:is></x:c></x:row></x:sheetData></x:worksheet>'
    )
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    parts["xl/worksheets/sheet1.xml"] = sheet.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    done = written(path, {"PO-1": came("PO-1", files=(saved("_x0041_ & <b>.pdf"),))})
    assert done.rows == 1, done
    (row,) = read.open_table(path, address_of=TEMPLATE.format).rows()
    assert (row.number, row.cells[1], row.cells[3]) == (3, "COMPLETED", "Acme")
    assert "_x0041_ & <b>.pdf" in row.cells


def test_a_workbook_that_is_damaged_is_refused(tmp_path: Path) -> None:
    """The process that writes refuses it with a message."""
    path = tmp_path / "pos.xlsx"
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(errors.InputError, match="not a spreadsheet"):
        workbook_sandbox.edit(path, tmp_path / "new.xlsx", "PO_Data", [])
    assert counts.Totals().written_back is None


def test_a_failed_csv_can_be_written_back_into(tmp_path: Path) -> None:
    """Its reason columns stay between the list's own and the new ones."""
    path = tmp_path / "failed.csv"
    path.write_text(
        "PO,url,po_pw_status,po_pw_reason\nPO-1,https://x/1,FAILED,so\nPO-2,https://x/2,FAILED,so\n", "utf-8"
    )
    assert written(path, {"PO-1": came("PO-1"), "PO-2": failed("PO-2")}).rows == 2
    assert written(path, {"PO-1": came("PO-1"), "PO-2": came("PO-2")}).rows == 1
    first, second, third = csv.reader(path.read_text("utf-8").splitlines())
    assert first[:5] == ["PO", "url", "po_pw_status", "po_pw_reason", "STATUS"]
    assert [line[:5] for line in (second, third)] == [
        ["PO-1", "https://x/1", "FAILED", "so", "COMPLETED"],
        ["PO-2", "https://x/2", "FAILED", "so", "COMPLETED"],
    ]
    assert read.open_table(path).columns[:3] == ("PO", "url", "STATUS")
