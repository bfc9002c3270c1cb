"""Spreadsheets become purchase orders; each fault is reported once, for the file or the row."""

from __future__ import annotations

import datetime
import os
import runpy
import tracemalloc
import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from po_pw import errors, models
from po_pw.orders import amounts, headers, read

FIXTURES = Path(__file__).parents[2] / "fixtures" / "orders"
PORTAL = "https://acme.coupahost.com/order_headers"


def rows(name: str, **more: str) -> list[models.Row]:
    return list(read.open_table(FIXTURES / name, **more).rows())  # type: ignore[arg-type]


def orders(name: str) -> list[models.PurchaseOrder]:
    return [row.order for row in rows(name) if row.order]


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "pos.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_the_given_format_is_read() -> None:
    """`pos.csv` is read with every field of every row."""
    table = read.open_table(FIXTURES / "pos.csv")
    assert table.columns == ("po_number", "supplier", "url", "amount")
    assert table.source == FIXTURES / "pos.csv"
    first, second, third, again = table.rows()
    assert first.order == models.PurchaseOrder(
        models.OrderKey("PO-1001"), "PO-1001", f"{PORTAL}/1001", "Müller GmbH", Decimal("1250.00"), 2
    )
    assert first.cells == ("PO-1001", "Müller GmbH", f"{PORTAL}/1001", "1,250.00")
    assert second.order is not None
    assert second.order.supplier == "Acme, Inc."
    assert third.order is not None
    assert third.order.amount is None
    assert again.order is not None
    assert again.order.key == first.order.key
    assert [row.number for row in table.rows()] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("name", "suppliers", "amount"),
    [
        ("semicolon_windows1252.csv", ["Bäckerei Größe", "Œuvres & Cie"], Decimal("1234.56")),
        ("unicode_text.txt", ["日本電気, 株式会社", "Łódź sp. z o.o."], Decimal(1000)),
        ("tabs_bom.tsv", ["A;B,C|D"], None),
        ("pipes.csv", ["A, B; C"], Decimal(12)),
        ("declared_separator.csv", ["A"], Decimal(1)),
        ("cyrillic_windows1251.csv", ["Завод имени Кирова", "Фирма «Ромашка»"], Decimal(1)),
    ],
)
def test_separators_and_encodings_are_told_by_content(name: str, suppliers: list[str], amount: Decimal | None) -> None:
    """Separators, encodings and header spellings are recognised."""
    found = orders(name)
    assert [order.supplier for order in found] == suppliers
    assert found[0].amount == amount
    assert found[0].url.startswith(f"{PORTAL}/1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, ending: str) -> None:
    """The same table gives the same orders in every encoding and with every line ending."""
    lines = ["po_number,supplier,url", f"PO-1,Müller,{PORTAL}/1", f'PO-2,"a\nb",{PORTAL}/2', ""]
    found = list(read.open_table(written(tmp_path, ending.join(lines), encoding)).rows())
    assert [row.cells[1] for row in found] == ["Müller", "a\nb"]
    assert [row.number for row in found] == [2, 3]


@pytest.mark.slow
def test_valid_utf8_far_down_the_file_is_not_misread(tmp_path: Path) -> None:
    """A file with its first non-ASCII letters after many megabytes is read as UTF-8."""
    lines = [f"PO-{number},plain,{PORTAL}/{number}" for number in range(60_000)]
    table = read.open_table(written(tmp_path, "\n".join(["po_number,supplier,url", *lines, f"PO-X,Größe,{PORTAL}/x"])))
    assert list(table.rows())[-1].cells[1] == "Größe"


def test_quoted_newlines_and_blank_rows() -> None:
    """A quoted cell of several lines is one row; a blank row is counted but is no order."""
    first, second = rows("quoted_newlines.csv")
    assert (first.number, second.number) == (2, 4)
    assert first.cells[1] == "Acme\r\nInc."
    assert first.cells[4] == 'He said "now",\r\nthen left'
    assert first.order is not None
    assert first.order.supplier == "Acme Inc."


def test_an_open_quote_costs_one_row() -> None:
    """An unclosed quotation mark spoils one row only."""
    found = rows("open_quote.csv")
    assert [row.number for row in found] == [2, 3, 4, 5]
    assert [row.order is None for row in found] == [False, True, False, False]
    problem = found[1].problem
    assert problem is not None
    assert problem.code is models.ErrorCode.INVALID_ROW
    assert problem.message.startswith("open_quote.csv, row 3: a quotation mark")


@pytest.mark.parametrize("last", ['PO-2,"A,x', 'PO-2,"A,x\n', 'PO-2,"' + "x" * 200_000 + "\n"])
def test_an_open_quote_at_the_end(tmp_path: Path, last: str) -> None:
    """The same in the last row, with and without a line ending."""
    found = list(read.open_table(written(tmp_path, f"po_number,supplier,url\nPO-1,A,{PORTAL}/1\n{last}")).rows())
    assert [row.problem is None for row in found] == [True, False]


def test_inches_are_no_open_quotes(tmp_path: Path) -> None:
    """A quotation mark inside a cell, as in 12\", is an ordinary character."""
    found = list(read.open_table(written(tmp_path, f'po_number,supplier,url\nPO-1,12" pipes,{PORTAL}/1\n')).rows())
    assert found[0].cells[1] == '12" pipes'
    assert found[0].problem is None


BAD = {
    3: ("INVALID_ROW", "bad_rows.csv, row 3, column po_number: empty"),
    4: ("INVALID_URL", "bad_rows.csv, row 4, column url: empty"),
    5: ("INVALID_URL", "bad_rows.csv, row 5, column url: 'file:///etc/passwd' is not a web address"),
    6: ("INVALID_URL", "bad_rows.csv, row 6, column url: 'https:///5' has no host name"),
    8: ("INVALID_URL", "bad_rows.csv, row 8, column url: contains a user name or password"),
    9: ("INVALID_ROW", "bad_rows.csv, row 9: 5 cells where the header has 4 columns"),
    11: ("INVALID_ROW", "bad_rows.csv, row 11, column po_number: 4.50001E+09 was shortened by Excel"),
}


def test_bad_rows_fail_alone() -> None:
    """Each bad row names file, row and column; the others are orders."""
    found = {row.number: row for row in rows("bad_rows.csv")}
    assert sorted(found) == [2, 3, 4, 5, 6, 8, 9, 10, 11, 12]
    for number, row in found.items():
        if number in BAD:
            code, beginning = BAD[number]
            assert row.order is None
            assert row.problem is not None
            assert (row.problem.code, row.problem.message[: len(beginning)]) == (code, beginning)
            assert "secret" not in row.problem.message
        else:
            assert row.problem is None
            assert row.order is not None
    assert found[9].cells[-1] == f"{PORTAL}/7,7"
    assert found[10].cells == ("PO-8", "Short row", f"{PORTAL}/8", "")
    last = found[12].order
    assert last is not None
    assert last.amount == "a lot"


@pytest.mark.parametrize(
    ("number", "word"),
    [
        ("x" * 201, "201 characters"),
        ("PO\x011", "U+0001"),
        ("P\u200bO", "U+200B"),
        ("PO\ufffd", "CSV UTF-8"),
        ("PO-\n1", "a line break"),
    ],
)
def test_po_numbers_nobody_could_mean(number: str, word: str) -> None:
    """Too long, invisible and unreadable PO numbers are refused with the reason."""
    row = read.order_from_mapping({"po_number": number, "url": f"{PORTAL}/1"}, 1)
    assert row.problem is not None
    assert row.problem.code is models.ErrorCode.INVALID_ROW
    assert word in row.problem.message


def test_a_row_of_totals_may_be_deleted() -> None:
    """It has no address and no number; an order without an address is not told to go."""
    (total, order) = (read.order_from_mapping({"po_number": name, "url": ""}, 1).problem for name in ("Total", "PO-1"))
    assert total is not None
    assert order is not None
    assert total.message.endswith("If the row is no order (a total, a note), delete it")
    assert "delete" not in order.message


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/1",
        "javascript:alert(1)",
        "acme.com/1",
        "https://",
        "https://:443/",
        "https://a b.com/",
        "http://[::1",
        "https://x:99999/",
        "https://x/\x00",
        "https://user@x/",
        "https://x/1 https://x/2",
        "mailto:a@b.c",
        "//x/1",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    """Addresses without http(s) or host, or with credentials, are refused."""
    row = read.order_from_mapping({"po_number": "1", "url": url}, 1)
    assert row.order is None
    assert row.problem is not None
    assert row.problem.code is models.ErrorCode.INVALID_URL


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/a?b=@c#d", "HTTPS://x/", "https://münchen.de/ü", "http://[::1]/"]
)
def test_addresses_that_are_good(url: str) -> None:
    """Ports, IP addresses, capitals, other alphabets and an @ in the query are accepted; outer spaces are removed."""
    row = read.order_from_mapping({"po_number": "1", "url": f" {url}\u200b\n"}, 1)
    assert row.order is not None
    assert row.order.url == url


def test_a_rule_gives_the_address(tmp_path: Path) -> None:
    """A row without an address gets it from the template."""
    path = written(tmp_path, "PO;url\nA-1;\nB;https://x/b\n")
    found = list(read.open_table(path, address_of=lambda number: f"https://y/o?n={number}").rows())
    assert [row.order.url for row in found if row.order] == ["https://y/o?n=A-1", "https://x/b"]


def test_only_numbers_and_a_rule(tmp_path: Path) -> None:
    """PO numbers are enough with a template."""
    found = list(read.open_table(written(tmp_path, "PO\n1\n\n2\n"), address_of="https://y/{}".format).rows())
    assert [(row.number, row.order.url) for row in found if row.order] == [(2, "https://y/1"), (4, "https://y/2")]


def test_columns_of_their_own_are_kept_apart() -> None:
    """Titles above the header, and empty or equal column names, lose nothing."""
    table = read.open_table(FIXTURES / "extra_columns.csv")
    assert table.columns == ("Status", "PO_NUMBER", "column 3", "Note", "URL", "Note (2)", "Vendor")
    (row,) = table.rows()
    assert row.number == 4
    assert row.cells == ("open", "PO-1", "x", "first", f"{PORTAL}/1", "second", "A")


@pytest.mark.parametrize("name", ["po_number", "PO Number", " po-NUMBER ", "PO", "PO #", "Purchase Order", "PO_No."])
def test_names_of_the_po_column(name: str) -> None:
    """The PO column is found in every spelling."""
    assert headers.ColumnMap.of(["x", name]).po_number == 1


def test_the_leftmost_match_wins() -> None:
    """Of two possible columns, po_number is used, otherwise the first."""
    assert headers.ColumnMap.of(["link", "PO", "po_number", "url"]) == headers.ColumnMap(2, 0, -1, -1)
    assert headers.ColumnMap.of(["Purchase Order", "PO", "url"]) == headers.ColumnMap(0, 2, -1, -1)


@pytest.mark.parametrize(
    ("text", "numbers", "note"),
    [
        ("PO,Purchase Order,url\n1,1,https://x/1\n", ["1"], ""),
        ("PO,Purchase Order,url\n,2,https://x/2\n,3,https://x/3\n", ["2", "3"], ""),
        (
            "PO,PO_NUMBER,url\nTools,2,https://x/2\n",
            ["2"],
            (
                "takes the PO numbers from column B (PO_NUMBER). Column A (PO) has different values and is not used; "
                "to use it, rename it to po_number, and column B (PO_NUMBER) to something else."
            ),
        ),
        (
            "PO,Purchase Order,url\n1,1,https://x/1\n2,,https://x/2\n",
            ["1", "2"],
            (
                "takes the PO numbers from column A (PO). Column B (Purchase Order) has different values and is not "
                "used; to use it, rename it to po_number."
            ),
        ),
    ],
)
def test_of_two_columns_with_po_numbers_it_is_said_which_was_taken(
    tmp_path: Path, text: str, numbers: list[str], note: str
) -> None:
    """Nothing is reported if both are equal or one is empty."""
    table = read.open_table(written(tmp_path, text))
    assert [row.po_number for row in table.rows()] == numbers
    assert table.about.endswith(note) if note else not table.about


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("PO,Purchase Order", "column A (PO) and column B (Purchase Order), and they differ: row 3 has '2' in the one"),
        ("PO,PO", "Rename the one with the PO numbers to po_number"),
        ("PO_NUMBER,PO Number", "Rename column B (PO Number) if column A (PO_NUMBER) has the PO numbers"),
    ],
)
def test_two_columns_that_differ_and_are_called_equally_well_are_refused(
    tmp_path: Path, header: str, said: str
) -> None:
    """The message has the first row in which they differ."""
    path = written(tmp_path, f"{header},url\n1,1,https://x/1\n2,3,https://x/2\n")
    with pytest.raises(errors.InputError) as caught:
        read.open_table(path)
    assert said in str(caught.value)
    with pytest.raises(errors.InputError, match="order 1 has two PO numbers, PO '1' and Purchase Order '2': call"):
        read.given([{"PO": "1", "Purchase Order": 2, "url": "https://x/1"}])


def test_limit_and_reading_again(tmp_path: Path) -> None:
    """The first rows are read, each time from the start."""
    path = written(tmp_path, "po,url\n" + "".join(f"{number},https://x/{number}\n\n" for number in range(9)))
    table = read.open_table(path, limit=3)
    assert [row.po_number for row in table.rows()] == ["0", "1", "2"]
    assert [row.number for row in table.rows()] == [2, 4, 6]


@pytest.mark.parametrize("name", ["orders.xlsx", "really_a_workbook.csv"])
def test_a_workbook_as_people_keep_them(name: str) -> None:
    """The visible sheet PO_Data is read, with its header under a title, and numbers and dates as shown."""
    table = read.open_table(FIXTURES / name)
    assert table.columns[:6] == ("PO Number", "Supplier", "URL", "Amount", "Ordered", "Urgent")
    found = list(table.rows())
    assert [row.number for row in found] == [4, 5, 6, 8]
    assert found[0].cells[:6] == ("4500012345", "Müller GmbH", f"{PORTAL}/3", "1234.5", "2026-11-03", "TRUE")
    assert [row.po_number for row in found] == ["4500012345", "0042", "4500012347", "PO-8"]
    assert [row.order.amount for row in found if row.order] == [Decimal("1234.5"), Decimal("1.234"), Decimal("0.3")]
    assert found[2].cells[1] == "=SUM(A1)"
    assert found[3].cells[7] == "ask Anna"
    assert found[3].problem is not None
    assert found[3].problem.code is models.ErrorCode.INVALID_URL


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.csv", "there is no such file. Did you mean"),
        ("ordres.xlsx", "there is no such file. Did you mean "),
        ("empty.csv", "is empty"),
        ("header_only.csv", "no rows below its header"),
        ("no_po_column.csv", "has no column po_number. Its first row is: invoice, supplier, url."),
        ("sign_in_page.xlsx", "not a spreadsheet but a web page"),
        ("answer.csv", "not a spreadsheet but JSON"),
        ("scan.csv", "not a spreadsheet but a PDF"),
        ("picture.csv", "not a spreadsheet but a picture"),
        ("archive.xlsx", "not a spreadsheet"),
        ("garbage.csv", "not a spreadsheet"),
        ("", "is a folder"),
        ("pos.csv/x", "cannot be read"),
        ("a\0b", "cannot be read"),
    ],
)
def test_files_that_cannot_be_used(name: str, words: str) -> None:
    """One message of one line, with exit code 2."""
    with pytest.raises(errors.InputError) as caught:
        read.open_table(FIXTURES / name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "www.portal.example/orders/1",
            (
                "'www.portal.example/orders/1' is not a web address; it must start with "
                "https:// or http://, as in https://www.portal.example/orders/1"
            ),
        ),
        ("C:\\orders\\1.pdf", "'C:\\orders\\1.pdf' is not a web address; it must start with https:// or http://"),
        ("see\u200bmail", "'see\\u200bmail' contains spaces or invisible characters"),
    ],
)
def test_an_address_that_is_none_is_shown_as_it_was_written(tmp_path: Path, url: str, said: str) -> None:
    """The message proposes the address if only its beginning is missing."""
    (row,) = read.open_table(written(tmp_path, f"po_number,url\nPO-1,{url}\n")).rows()
    assert row.problem is not None
    assert row.problem.message.endswith(f"column url: {said}")


def test_a_workbook_without_a_po_column_and_an_empty_one(tmp_path: Path) -> None:
    """Both are different messages; a damaged or other archive is no workbook."""
    book = openpyxl.Workbook()
    path = tmp_path / "a.xlsx"
    book.save(path)
    with pytest.raises(errors.InputError, match="no visible sheet has any cells"):
        read.open_table(path)
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["B1"], sheet["A2"] = "invoice", "date", "1"
    book.save(path)
    with pytest.raises(errors.InputError, match="Its first row is: invoice, date"):
        read.open_table(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(errors.InputError, match="not a spreadsheet that can be read"):
        read.open_table(path)


@pytest.mark.slow
def test_a_stray_cell_far_away_is_said(tmp_path: Path) -> None:
    """A cell in the last corner of a sheet is refused; formats that reach there are not."""
    path = tmp_path / "far.xlsx"
    for stray in ("x", ""):
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, ["po_number", "url"])
            sheet.write_row(1, 0, ["PO-1", f"{PORTAL}/1"])
            sheet.write(1_048_575, 16_383, stray, book.add_format({"bold": True}))
        if stray:
            with pytest.raises(errors.InputError, match="there is something in cell XFD1048576"):
                read.open_table(path)
        else:
            assert [row.po_number for row in read.open_table(path).rows()] == ["PO-1"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """Missing permission is reported as such."""
    path = written(tmp_path, "po\n1\n")
    path.chmod(0)
    with pytest.raises(errors.InputError, match="permission denied"):
        read.open_table(path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("/dev/null", "is not a file that can be read twice. Save it first"),
        ("https://p.example/pos.csv", "put it into the column url of a list"),
    ],
)
def test_a_pipe_or_an_address_in_place_of_a_file_is_told_as_such(given: str, words: str) -> None:
    """`-` and addresses in place of a file are named as such."""
    with pytest.raises(errors.InputError, match=words):
        read.open_table(Path(given))


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("word/document.xml", "a Word document"),
        ("Index/Document.iwa", "a document of Numbers, Pages or Keynote"),
        ("content.xml", "an OpenDocument text"),
        ("photo.jpg", "an archive"),
    ],
)
def test_another_document_called_xlsx_is_told_as_what_it_is(tmp_path: Path, inside: str, what: str) -> None:
    """A renamed document is named as what it is, with how to export it."""
    path = tmp_path / "orders.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(inside, "<a/>")
    with pytest.raises(errors.InputError, match=rf"is not a spreadsheet but {what}.*Export your list as \.xlsx"):
        read.open_table(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """A pipe cannot be read twice and is refused at once."""
    path = tmp_path / "pos.csv"
    os.mkfifo(path)
    with pytest.raises(errors.InputError, match="not a file that can be read twice"):
        read.open_table(path)


@pytest.mark.slow
def test_rows_are_streamed(tmp_path: Path) -> None:
    """Any number of rows needs only a few hundred kilobytes of memory."""
    path = tmp_path / "pos.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write("po_number,supplier,url,amount\n")
        stream.writelines(f'PO-{number},Süd,{PORTAL}/{number},"1,0{number % 10}0"\n' for number in range(6_000))
    table = read.open_table(path)
    tracemalloc.start()
    try:
        count = sum(row.order is not None for row in table.rows())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 6_000  # which would take several times as much memory
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("€ 1 234,56", "1234.56"),
        ("1\u202f234,56 €", "1234.56"),
        ("1'234.50", "1234.50"),
        ("1’234.50", "1234.50"),  # noqa: RUF001
        ("(123.45)", "-123.45"),
        ("USD 12", "12"),
        ("12-", "-12"),
        ("-12.5", "-12.5"),
        ("\u221212", "-12"),
        ("$-5", "-5"),
        ("-$5", "-5"),
        ("12,-", "12"),
        ("R$ 1.234,50", "1234.50"),
        ("1,234", "1234"),
        ("1.234", "1.234"),
        ("0,125", "0.125"),
        ("12,5", "12.5"),
        ("1.234.567", "1234567"),
        ("12,34,567.00", "1234567.00"),
        ("0", "0"),
        ("($1,000)", "-1000"),
        ("5 kr", "5"),
        ("Fr. 5.00", "5.00"),
        (".5", "0.5"),
        ("+3", "3"),
        ("12 EUR-", "-12"),
    ],
)
def test_amounts_are_decimals(text: str, value: str) -> None:
    """Every usual notation of an amount gives the same decimal."""
    parsed = amounts.parse(text)
    assert isinstance(parsed, Decimal)
    assert str(parsed) == value


@pytest.mark.parametrize(
    "text", ["a lot", "12 kg", "1,2,3", "1 2", "--5", "12A", "€", "-", "1.2.3", "٣", "1e5", "9" * 65]
)
def test_what_is_no_amount_stays_text(text: str) -> None:
    """What is no number stays text."""
    assert amounts.parse(f" {text} ") == text
    assert amounts.parse("  ") is None


def test_rows_from_python() -> None:
    """Mappings follow the same rules."""
    given = {"PO": 42, "URL": "https://x/1", "amount": Decimal("1E+3"), "when": datetime.date(2026, 1, 2), "no": None}
    row = read.order_from_mapping(given, 3, columns=("url", "PO", "no", "when", "more"))
    assert row.cells == ("https://x/1", "42", "", "2026-01-02", "")
    assert row.order is not None
    assert (row.order.po_number, row.order.row, row.order.amount) == ("42", 3, Decimal(1000))
    own = read.order_from_mapping(given, 1)
    assert own.cells == ("42", "https://x/1", "1000", "2026-01-02", "")
    assert own.order is not None
    assert own.order.amount == Decimal(1000)
    bad = read.order_from_mapping({"supplier": "A"}, 7, "https://y/{}".format)
    assert bad.problem is not None
    assert bad.problem.message.startswith("orders, row 7, column po_number: empty")


def test_fixtures_are_what_their_script_writes(tmp_path: Path) -> None:
    """The files in fixtures/orders are what make.py writes."""
    made = runpy.run_path(str(FIXTURES / "make.py"))
    made["texts"](tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FIXTURES / path.name).read_bytes(), path.name
