"""The user's choices about a list: its columns, its rows, and the folders' names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from po_pw import errors, folder_layout, models, settings
from po_pw.orders import filters, read
from po_pw.storage import staging

if TYPE_CHECKING:
    from pathlib import Path

PORTAL = "https://portal.example/orders"


def table(folder: Path, text: str, *, name: str = "pos.csv", encoding: str = "utf-8", **choice: Any) -> read.OrderTable:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return opened(path, **choice)


def opened(path: Path, *, layout: str | None = None, address_of: Any = None, **choice: Any) -> read.OrderTable:
    parsed = folder_layout.Layout.parse(layout) if layout else None
    return read.open_table(path, address_of=address_of, choice=read.Choice(layout=parsed, **choice))


def orders(of: read.OrderTable) -> list[tuple[str, str]]:
    return [(row.po_number, row.order.url if row.order else "") for row in of.rows()]


GERMAN = f"""Rechnung;Bestellnummer;Lieferant;Adresse
R-1;4711;Müller;{PORTAL}/4711
R-2;4712;ACME GmbH;{PORTAL}/4712
R-3;4713;Acme;{PORTAL}/4713
"""
NAMED = {"po_number": "bestell-nummer", "supplier": "Lieferant", "url": "Adresse"}


def test_columns_of_any_name_are_given_by_the_user(tmp_path: Path) -> None:
    """Names match in any case and spacing; separator and encoding are still recognised."""
    found = table(tmp_path, GERMAN, encoding="cp1252", columns=NAMED)
    assert orders(found) == [("4711", f"{PORTAL}/4711"), ("4712", f"{PORTAL}/4712"), ("4713", f"{PORTAL}/4713")]
    assert [row.order.supplier for row in found.rows() if row.order] == ["Müller", "ACME GmbH", "Acme"]
    assert found.notes == ()


def test_the_sheet_with_the_named_column_is_read(tmp_path: Path) -> None:
    """Of several sheets, the one with the named column is read."""
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.append(["po_number", "url"])
    first.append(["PO-1", f"{PORTAL}/1"])
    second = book.create_sheet("Bestellungen")
    for cells in (["Stand Mai"], ["Bestellnummer", "url"], ["4711", f"{PORTAL}/4711"]):
        second.append(cells)
    book.save(tmp_path / "pos.xlsx")
    found = opened(tmp_path / "pos.xlsx", columns={"po_number": "Bestellnummer"})
    assert orders(found) == [("4711", f"{PORTAL}/4711")]
    assert "Bestellungen" in found.about


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"po_number": "Bestelnumer"},
            "--column po_number: .* has no column 'Bestelnumer'. Did you mean 'Bestellnummer'?",
        ),
        ({"po_number": "zzz"}, "has no column 'zzz'. Its columns are: Rechnung, Bestellnummer, Lieferant, Adresse."),
        ({"po_number": "Bestellnummer", "url": "Link"}, "--column url: pos.csv has no column 'Link'"),
    ],
)
def test_a_named_column_that_is_not_there_is_refused(tmp_path: Path, columns: dict[str, str], said: str) -> None:
    """The message has the nearest column, or all columns."""
    with pytest.raises(errors.InputError, match=said):
        table(tmp_path, GERMAN, columns=columns)


def test_two_columns_that_a_name_could_mean_are_both_named(tmp_path: Path) -> None:
    """An ambiguous name is refused; an exact one is accepted."""
    text = f"PO-Nr,PO Nr,url\n1001,2001,{PORTAL}/1\n1002,2002,{PORTAL}/2\n"
    with pytest.raises(errors.InputError, match='"PO-Nr" and "PO Nr"'):
        table(tmp_path, text, columns={"po_number": "po_nr"})
    assert orders(table(tmp_path, text, columns={"po_number": "PO Nr"}))[0] == ("2001", f"{PORTAL}/1")


def test_a_column_is_guessed_from_values_and_said(tmp_path: Path) -> None:
    """PO numbers are in the addresses, and addresses are the only web addresses."""
    found = table(tmp_path, GERMAN)
    assert orders(found)[0] == ("4711", f"{PORTAL}/4711")
    number, address = found.notes
    assert 'column "Bestellnummer", because the rows\' addresses contain its values' in number
    assert '--column po_number="Bestellnummer"' in number
    assert 'column "Adresse", because each row has a different web address there' in address


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Nr,Kunde,Auftrag\n1,A,45001\n2,A,45017\n3,B,45009\n", "45001"),  # a counter is no PO number
        ("Datum,Betrag,Auftrag\n2026-01-02,12.50,45001\n2026-01-03,13.50,45017\n", "45001"),
        ("Ref,Beleg\nPO-77,88001\nPO-79,88020\n", "PO-77"),  # PO is the field's own word
        ("Auftrag\n45001\n45017\n", "45001"),
        ("Stand Mai\n\nAuftrag,Kunde\n45001,A\n45017,B\n45009,C\n", "45001"),  # a title above the header
    ],
)
def test_what_else_tells_a_number(tmp_path: Path, text: str, number: str) -> None:
    """Dates, amounts, counters and repeated values are no PO numbers."""
    found = table(tmp_path, text, address_of="https://x.example/{}".format)
    assert next(row.po_number for row in found.rows()) == number
    assert "po-pw uses column" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Auftrag,Beleg\n45001,88001\n45017,88020\n", '"Auftrag" and "Beleg" could all hold the PO numbers'),
        ("45001,A\n45017,A\n45009,B\n", "has no header: its first row is already an order"),
        ("Name,Ort\nA,B\nC,D\n", "has no column po_number. Its first row is: Name, Ort."),
        (
            f"po,Seite,Shop\n1,{PORTAL}/1,https://a.example/1\n2,{PORTAL}/2,https://a.example/2\n",
            'has no column url, and "Seite" and "Shop" have web addresses',
        ),
        ("PO,Purchase Order,url\n1,2,x\n3,4,y\n", "two columns that may hold the PO numbers"),
    ],
)
def test_where_two_are_as_good_nothing_is_guessed(tmp_path: Path, text: str, said: str) -> None:
    """Both columns are named, with the option that decides."""
    with pytest.raises(errors.InputError, match=said) as caught:
        table(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_of_two_columns_for_the_address_the_exactly_named_one_is_taken_and_said(tmp_path: Path) -> None:
    """If `link` and `url` differ, `url` is used and reported."""
    found = table(tmp_path, f"po_number,link,url\n1,{PORTAL}/7,{PORTAL}/1\n")
    assert orders(found) == [("1", f"{PORTAL}/1")]
    assert '"url" is taken as url' in found.notes[0]
    assert table(tmp_path, f"po_number,link,url\n1,{PORTAL}/1,{PORTAL}/1\n").notes == ()


def test_our_own_columns_are_no_candidates(tmp_path: Path) -> None:
    """The results of a guessed list are read by the same guess."""
    own = "status,attachments_found,attachments_downloaded,attachment_names,bytes,folder,source_url,read_by,worker,"
    own += "attempts,seconds,started_at,finished_at,error_code,error_message"
    lines = [f"{n},{PORTAL}/{n},FAILED,0,0,,{n}7,a,{PORTAL}/{n}x,browser,w1,1,{n}.5,,,NETWORK,no" for n in (4711, 4718)]
    found = table(tmp_path, "\n".join([f"Auftrag,Seite,{own}", *lines]))
    assert orders(found) == [("4711", f"{PORTAL}/4711"), ("4718", f"{PORTAL}/4718")]
    assert found.columns == ("Auftrag", "Seite")


# --- filters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        (["supplier=ACME*"], ["4712", "4713"]),
        (["Lieferant = acme"], ["4713"]),
        (["lieferant=mül*", "Lieferant=acme"], ["4711", "4713"]),
        (["supplier=acme*", "Rechnung=R-[13]"], ["4713"]),
        (["po_number=471?"], ["4711", "4712", "4713"]),
        (['supplier="ACME GmbH"'], ["4712"]),
    ],
)
def test_only_rows_that_match_are_processed(tmp_path: Path, conditions: list[str], numbers: list[str]) -> None:
    """For one column any condition, for several all; the number left out is reported."""
    found = table(tmp_path, GERMAN, columns=NAMED, filters=conditions)
    assert [row.po_number for row in found.rows()] == numbers
    assert f"{len(numbers)} of 3 rows" in found.notes[-1]
    assert f"{3 - len(numbers)} left out" in found.notes[-1]


def test_a_row_whose_cells_cannot_be_told_apart_is_kept(tmp_path: Path) -> None:
    """A row that cannot be split into cells is reported, not left out."""
    text = f"po_number,supplier,url\n1,ACME, Inc.,{PORTAL}/1\n2,Other,{PORTAL}/2\n3,ACME,{PORTAL}/3\n"
    found = table(tmp_path, text, filters=["supplier=ACME"])
    assert [(row.number, row.problem is None) for row in found.rows()] == [(2, False), (4, True)]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (
            {"filters": ["supplier=Bosch"]},
            "no row of pos.csv matches Lieferant = Bosch. In column 'Lieferant' are: 'Müller', ",
        ),
        ({"filters": ["suplier=x"]}, "--filter: pos.csv has no column 'suplier'"),
        ({"filters": ["Liferant=x"]}, "Did you mean 'Lieferant'?"),
        ({"filters": ["ACME*"]}, "'ACME\\*' is not a condition. Give COLUMN=TEXT"),
        ({"numbers": ["4711", "9"]}, "--po: .*pos.csv has no row with 9"),
    ],
)
def test_a_filter_that_leaves_nothing_is_refused(tmp_path: Path, choice: Any, said: str) -> None:
    """It is refused before anything starts, with the existing values."""
    with pytest.raises(errors.InputError, match=said):
        table(tmp_path, GERMAN, columns=NAMED, **choice)


def test_numbers_are_read_as_they_are_typed() -> None:
    """Numbers may be separated by commas or repeated; each counts once."""
    assert filters.numbers(["4711, 4712", "4711", "PO-9;PO-8"]) == ("4711", "4712", "PO-9", "PO-8")
    assert filters.numbers([]) == ()
    with pytest.raises(errors.InputError, match="no PO number is given"):
        filters.numbers([" , "])


# --- layout -----------------------------------------------------------------------------------------------------------


def test_folders_are_named_by_any_column(tmp_path: Path) -> None:
    """Names are made safe; a missing supplier is the page's."""
    text = f"po_number,supplier,Region,url\nPO/1,Müller,../EMEA,{PORTAL}/1\nPO-2,,,{PORTAL}/2\n"
    found = table(tmp_path, text, layout="{Region}/{supplier}/Bestellung {po_number}_{status}")
    first, second = (row.order for row in found.rows())
    assert first is not None
    assert second is not None
    assert staging.parent(staging.levels_of(first, "Müller")) == "_.._EMEA/Müller"
    assert staging.stem(first) == "Bestellung PO_1"
    assert staging.parent(staging.levels_of(second, "Of the page")) == "Of the page"
    assert staging.stem(second) == "Bestellung PO-2"


def test_a_layout_of_one_level_needs_no_supplier(tmp_path: Path) -> None:
    """All orders are directly in the output folder; backslashes work on Windows."""
    text = f"po_number,supplier,url\nPO-1,Müller,{PORTAL}/1\n"
    (row,) = table(tmp_path, text, layout="{supplier} {po_number}_{status}").rows()
    assert row.order is not None
    assert staging.parent(staging.levels_of(row.order, "Müller")) == ""
    assert staging.stem(row.order) == "Müller PO-1"
    assert folder_layout.Layout.parse(r"a\{po_number}_{status}").levels[0][0].text == "a"


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("{supplier}/{po_number}", "give {supplier}/{po_number}_{status}"),
        ("{status}/{po_number}", "must end with _{status}"),
        ("{supplier}_{status}", "needs {po_number}"),
        ("/var/{po_number}_{status}", "inside the output folder"),
        ("C:/{po_number}_{status}", "inside the output folder"),
        ("../{po_number}_{status}", "'..' cannot be the name of a folder"),
        ("a//{po_number}_{status}", "'' cannot be the name of a folder"),
        ("{po_number_{status}", "brace"),
        ("{po_number!r}_{status}", "only the name of a column"),
        ("{}/{po_number}_{status}", "only the name of a column"),
        ("{status}/{po_number}_{status}", "{status} may only stand at the end"),
    ],
)
def test_a_layout_that_cannot_be_used_is_refused_before_the_run(layout: str, said: str) -> None:
    """A wrong layout is refused with an example of a right one."""
    with pytest.raises(errors.InputError) as caught:
        settings.load(layout=layout)
    assert str(caught.value).startswith("--layout: ")
    assert said in str(caught.value)


def test_a_field_that_the_list_does_not_have_is_refused(tmp_path: Path) -> None:
    """The message has the nearest column."""
    with pytest.raises(errors.InputError, match=r"pos.csv has no column 'Regoin'. Did you mean 'Region'\?"):
        table(tmp_path, f"po_number,Region,url\n1,a,{PORTAL}/1\n", layout="{Regoin}/{po_number}_{status}")


def test_a_name_by_a_layout_that_is_cut_is_nobody_elses() -> None:
    """Long names get a hash, so that no two orders share one."""
    long = [models.PurchaseOrder(models.OrderKey(n), n, "", folder=f"{'x' * 300} {n}") for n in ("1", "2")]
    assert len({staging.stem(order) for order in long}) == 2


# --- where it is kept -------------------------------------------------------------------------------------------------


def test_columns_and_filters_are_kept_in_the_file_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has a section for columns and a list of filters; flags come first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "po-pw.toml").write_text(
        'filters = ["supplier=ACME*"]\n\n[columns]\npo_number = "Order, no."\nurl = "Link"\n', "utf-8"
    )
    found = settings.load()
    assert found.columns == {"po_number": "Order, no.", "url": "Link"}
    assert found.filters == ("supplier=ACME*",)
    monkeypatch.setenv("PO_PW_COLUMNS", "po_number=Order, no.,url=Web")
    assert settings.load().columns == {"po_number": "Order, no.", "url": "Web"}
    assert settings.load(columns=("po_number=A=B",)).columns == {"po_number": "A=B"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ("po_numer=x",),
            "'po_numer' is not a field of an order; did you mean po_number?",
        ),
        (("Bestellnummer",), "is not FIELD=NAME"),
        (("po_number=",), "po_number has no name"),
        (("url=a", "url=b"), "url is given twice"),
    ],
)
def test_a_column_that_cannot_be_meant_is_refused(given: tuple[str, ...], said: str) -> None:
    """The field must exist and have one name."""
    with pytest.raises(errors.InputError) as caught:
        settings.load(columns=given)
    assert said in str(caught.value)
