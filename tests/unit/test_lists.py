"""What a command accepts as its list: files, patterns, standard input, numbers."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from po_pw import errors, models, settings
from po_pw.cli import lists
from po_pw.orders import duplicates

if TYPE_CHECKING:
    from collections.abc import Sequence


PORTAL = "https://portal.example/orders"


def nothing(_: str) -> str | None:
    return None


def rows(given: Sequence[str], numbers: Sequence[str] = (), **more: Any) -> tuple[list[models.Row], tuple[str, ...]]:
    address_of = more.pop("address_of", nothing)
    with lists.opened([Path(name) for name in given], numbers, settings.load(**more), address_of) as orders:
        return list(orders.rows()), orders.notes


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text(f"po_number,supplier,url\n1,ACME,{PORTAL}/1\n2,Bosch,{PORTAL}/2\n", "utf-8")
    Path("b.csv").write_text(f"PO;url;plant\n2;{PORTAL}/2;Lyon\n3;{PORTAL}/3;Paris\n", "utf-8")
    return tmp_path


def test_one_po_with_two_addresses_is_no_duplicate(folder: Path) -> None:
    """A row with another address is refused; another spelling or token is the same address."""
    lines = ["1,/1", "1,/1/", "1,/1?token=s3cr3t", "1,/other", "2,/2"]
    (folder / "two.csv").write_text(
        "po_number,url\n" + "".join(f"{one.replace('/', PORTAL + '/', 1)}\n" for one in lines)
    )
    found = list(duplicates.mark_duplicates(rows(["two.csv"])[0]))
    assert [row.duplicate_of for row in found[:2]] == [None, 2]
    assert [row.order is not None for row in found] == [True, False, False, False, True]
    problem = found[3].problem
    assert problem is not None
    assert problem.code is models.ErrorCode.INVALID_ROW
    assert problem.message.startswith("row 5: 1 is also in row 2, with another address. po-pw opens only")


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize(
    "typed", ["'{}'", '"{}"', '"{}" ', "{}'", "\u201c{}\u201d", "file://{}", "file://{}#blank", "{}#backslash"]
)
def test_a_path_that_was_dragged_or_pasted_names_its_file(folder: Path, typed: str) -> None:
    """Quotation marks, blanks, backslashes and `file://` around a path are removed."""
    name, _, how = typed.partition("#")
    path = folder / ("my list.csv" if how else "a.csv")
    path.write_text(f"po_number,url\n1,{PORTAL}/1\n2,{PORTAL}/2\n", "utf-8")
    blank = {"blank": "%20", "backslash": "\\ "}.get(how, " ")
    given = name.format(str(path).replace(" ", blank))
    lists.check([Path(given)])
    assert len(rows([given])[0]) == 2


def test_a_file_of_exactly_the_name_comes_first(folder: Path) -> None:
    """A file whose name has quotation marks is found first."""
    (folder / "'a.csv'").write_text(f"po_number,url\n1,{PORTAL}/1\n", "utf-8")
    assert len(rows(["'a.csv'"])[0]) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("gone.csv", "gone.csv: there is no such file"),
        ("https://acme.coupahost.com/order_headers/1", "put it into the column url of a list"),
        (".", "is a folder"),
    ],
)
def test_a_file_that_is_not_there_is_told_before_anything_else(given: str, said: str) -> None:
    """A missing file is reported at once; patterns and standard input are read later."""
    lists.check([Path("a.csv"), Path("*.csv"), Path("-")])
    with pytest.raises(errors.InputError, match=said):
        lists.check([Path("a.csv"), Path(given)])


def test_a_type_that_nobody_knows_is_said() -> None:
    """An unknown type is a warning, as all files would be skipped."""
    (note,) = rows(["a.csv"], types=("pdf", "exe2"))[1]
    assert note.startswith("--types: po-pw does not know exe2.")
    assert rows(["a.csv"], types=("pdf", "stp", "x_t"))[1] == ()


def test_several_lists_are_one(folder: Path) -> None:
    """Rows have continuous numbers, all columns, and their list and row; a PO on two lists is processed once."""
    found, _ = rows(["a.csv", "b.csv"])
    assert [(row.number, row.po_number) for row in found] == [(2, "1"), (3, "2"), (5, "2"), (6, "3")]
    assert found[0].cells == ("1", "ACME", f"{PORTAL}/1", "", "", "a.csv", "2")
    assert found[3].cells == ("", "", f"{PORTAL}/3", "3", "Paris", "b.csv", "3")
    assert found[3].order is not None
    assert found[3].order.row == 6
    assert [row.duplicate_of for row in duplicates.mark_duplicates(found)] == [None, None, 3, None]
    with lists.opened([folder / "a.csv", folder / "b.csv"], (), settings.load(limit=3), nothing) as orders:
        assert orders.columns == ("po_number", "supplier", "url", "PO", "plant", "list", "list row")
        assert orders.name == "a.csv, b.csv"
        assert len(list(orders.rows())) == len(list(orders.rows())) == 3


def test_patterns_are_expanded_and_each_file_is_read_once(folder: Path) -> None:
    """Patterns are expanded; Excel's lock files are skipped."""
    (folder / "~$a.csv").write_bytes(b"x")
    (folder / "sub.csv").mkdir()
    found, notes = rows(["*.csv", "./a.csv"])
    assert [row.po_number for row in found] == ["1", "2", "2", "3"]
    assert any("~$a.csv is left out" in note for note in notes)
    assert any("a.csv is given twice; it is read once" in note for note in notes)
    Path("[a].csv").write_text(f"po_number,url\n9,{PORTAL}/9\n", "utf-8")
    assert [row.po_number for row in rows(["[a].csv"])[0]] == ["9"]


def test_standard_input_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is read in its own encoding, and the output says how to continue."""
    piped(monkeypatch, f"po_number;supplier;url\n1;Müller;{PORTAL}/1\n".encode("cp1252"))
    found, notes = rows(["-"])
    assert found[0].order is not None
    assert found[0].order.supplier == "Müller"
    assert "Standard input was read as CSV (cp1252, separated by semicolons)" in notes[0]
    assert "pipe the same list in again" in notes[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "standard input is empty"),
        (b"name,x\na,b\n", "standard input has no column po_number"),
        (b"%PDF-1.4", "standard input is not a spreadsheet but a PDF"),
    ],
)
def test_standard_input_that_is_no_list_is_called_by_that_name(
    content: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages name standard input, not our copy."""
    piped(monkeypatch, content)
    with pytest.raises(errors.InputError, match=said) as caught:
        rows(["-"])
    assert "po-pw-list-" not in str(caught.value)


def test_the_keyboard_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal as standard input is refused at once."""
    terminal = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(errors.InputError, match="Pipe a list into it"):
        rows(["-"])


def test_numbers_alone_and_of_a_list() -> None:
    """Numbers need the portal's address; with a list they select its orders."""
    found, _ = rows([], ["4711,4712", "4711"], address_of=lambda number: f"{PORTAL}/{number}")
    assert [(row.number, row.po_number, row.order and row.order.url) for row in found] == [
        (1, "4711", f"{PORTAL}/4711"),
        (2, "4712", f"{PORTAL}/4712"),
    ]
    found, notes = rows(["a.csv", "b.csv"], ["3", "1"])
    assert [row.po_number for row in found] == ["1", "3"]
    assert any("a.csv: 1 of 2 rows is processed" in note for note in notes)


@pytest.mark.parametrize(
    ("given", "more", "said"),
    [
        ((), {}, "give your list of orders"),
        (("x*.csv",), {}, r"x\*.csv matches no file in /"),
        (("no/x*.csv",), {}, r"no/x\*.csv matches no file: there is no folder no"),
        (("-", "-"), {}, "'-' is given twice"),
        ((".",), {}, "is a folder"),
        (("a.csv", "b.csv"), {"write_back": True}, "--write-back writes into one list"),
        (("a.csv", "b.csv"), {"filters": ("url=zzz",)}, "no row of a.csv, b.csv matches"),
        (("a.csv", "b.csv"), {"filters": ("plant=Lyon",)}, "--filter: a.csv has no column 'plant'"),
        (("a.csv", "gone.csv"), {}, "gone.csv: there is no such file"),
    ],
)
def test_what_cannot_be_used_is_said(given: Sequence[str], more: Any, said: str) -> None:
    """The message says which number and what to do, before a browser starts."""
    with pytest.raises(errors.InputError, match=said):
        rows(given, **more)


def test_numbers_have_to_be_on_the_list() -> None:
    """Numbers must be on the list; filters select its rows."""
    with pytest.raises(errors.InputError, match=r"--po: a\.csv, b\.csv has no row with 7"):
        rows(["a.csv", "b.csv"], ["1,7"])
    with pytest.raises(errors.InputError, match="--filter chooses among the rows of a list"):
        rows([], ["1"], filters=("x=y",), address_of=lambda number: f"{PORTAL}/{number}")
