"""Any text in cells comes back, and any bytes are rows or one clear message."""

from __future__ import annotations

import csv
import io
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis import strategies as st

from po_pw import errors, models
from po_pw.orders import amounts, delimited, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FIXTURES = Path(__file__).parents[2] / "fixtures" / "orders"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32")
HEADER = ("po_number", "supplier", "url", "amount", "a note")

texts = st.text(
    st.one_of(st.characters(exclude_categories=["Cs", "Cc"]), st.sampled_from("\n\r\t,;|\"'=+-@ \0\x1b\x85")),
    max_size=12,
)
western = st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=12)
bounded = hypothesis.settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)


def all_rows(content: bytes, address_of: Callable[[str], str] | None = None) -> list[models.Row]:
    """The rows of a file with these bytes, read twice with equal results."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pos.csv"
        path.write_bytes(content)
        table = read.open_table(path, address_of=address_of)
        first = list(table.rows())
        assert list(table.rows()) == first
        assert all(len(row.cells) == len(table.columns) for row in first)
        return first


def rows_or_refused(content: bytes) -> bool:
    """Whether a file with these bytes has rows; otherwise it must be refused in one line with its name."""
    try:
        return bool(all_rows(content, lambda _: "https://x/1"))
    except errors.InputError as error:
        return "pos.csv" in str(error) and len(str(error).splitlines()) == 1


def saved(rows: Sequence[tuple[str, ...]], separator: str, ending: str, quoting: int) -> str:
    stream = io.StringIO(newline="")
    # csv quotes for the ends of lines it writes itself; so that either of them in a cell is quoted, it writes both.
    writer = csv.writer(stream, delimiter=separator, lineterminator="\r\n", quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(HEADER)
    for row in rows:
        writer.writerow(row)
    text = stream.getvalue()
    return text if ending == "\r\n" or "\n" in "".join(map("".join, rows)) else text.replace("\r\n", ending)


@bounded
@hypothesis.given(
    st.lists(st.tuples(texts, texts, texts, texts, texts), min_size=1, max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from(ENCODINGS),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_text_comes_back(
    rows: list[tuple[str, ...]], separator: str, encoding: str, ending: str, quoting: int
) -> None:
    """Any text in any cell comes back, with any separator and encoding."""
    wanted = [
        (number, tuple(map(delimited.without_apostrophes, row)))
        for number, row in enumerate(rows, 2)
        if "".join(row).strip()
    ]
    hypothesis.assume(wanted)
    found = all_rows(saved(rows, separator, ending, quoting).encode(encoding))
    assert [(row.number, row.cells) for row in found] == wanted
    assert all((row.order is None) != (row.problem is None) for row in found)


@pytest.mark.slow
@bounded
@hypothesis.given(st.lists(st.tuples(western, western), min_size=1, max_size=8), st.sampled_from(",;\t|"))
def test_western_text_comes_back(rows: list[tuple[str, str]], separator: str) -> None:
    """Windows-1252 text is read correctly among ASCII words."""
    full = [
        ("1", "Köln" + supplier, "https://x/", "", f"caf{note[:1]} and more plain words") for supplier, note in rows
    ]
    content = saved(full, separator, "\r\n", csv.QUOTE_MINIMAL).encode("cp1252")
    runs = [len(run) for run in "".join(map("".join, full)).encode("cp1252").translate(TO_RUNS).split()]
    hypothesis.assume(sum(runs) <= 1.4 * len(runs))
    assert [row.cells for row in all_rows(content)] == [tuple(map(delimited.without_apostrophes, row)) for row in full]


TO_RUNS = bytes(byte if byte > 127 else 32 for byte in range(256))


@bounded
@hypothesis.given(st.lists(st.text('ab",;\n\r ', max_size=15), min_size=1, max_size=8))
def test_no_row_is_swallowed(lines: list[str]) -> None:
    """However quotation marks are placed, the last row is a separate row."""
    content = "po_number,url\n" + "".join(f"{line}\n" for line in lines) + "LAST,https://x/last\n"
    assert all_rows(content.encode())[-1].cells == ("LAST", "https://x/last")


@pytest.mark.slow
@bounded
@hypothesis.given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=200).map(lambda tail: b"po_number,url\n" + tail),
        st.binary(max_size=200).map(lambda tail: "\ufeffpo_number,url\n1,https://x/\n".encode("utf-16-le") + tail),
        st.binary(max_size=200).map(lambda tail: b"sep=" + tail),
        st.binary(max_size=200).map(lambda tail: b"PK\x03\x04" + tail),
        st.binary(max_size=600).map(lambda tail: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + tail),
        st.text('po_number,;"\n\r\t|ü', max_size=200).map(str.encode),
    )
)
def test_any_bytes_are_rows_or_one_message(content: bytes) -> None:
    """A file raises only InputError, with one line that names it."""
    assert rows_or_refused(content)


@pytest.mark.slow
@bounded
@hypothesis.given(st.integers(0, 8_000), st.binary(min_size=1, max_size=40))
def test_a_damaged_workbook_is_rows_or_one_message(at: int, damage: bytes) -> None:
    """The same for a workbook with some changed bytes."""
    content = (FIXTURES / "orders.xlsx").read_bytes()
    assert rows_or_refused(content[:at] + damage + content[at + len(damage) :])


@bounded
@hypothesis.given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=2))
def test_amounts_in_every_writing_are_the_same(value: Decimal) -> None:
    """English, German, French and Swiss notations give the same amount."""
    english = f"{value:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    french = english.replace(",", "\u202f").replace(".", ",")
    swiss = english.replace(",", "'")
    for text in (english, german, french, swiss, str(value), f"{german} €", f"USD {english}", f"{french}\u00a0CHF"):
        assert amounts.parse(text) == value
    if value > 0:
        assert amounts.parse(f"({english})") == -value


@bounded
@hypothesis.given(st.one_of(texts, st.text("0123456789.,-+ '()€$EURkr", max_size=14)))
def test_an_amount_is_a_number_or_the_text(text: str) -> None:
    """Nothing raises; what is no number is returned as text."""
    parsed = amounts.parse(text)
    if isinstance(parsed, Decimal):
        assert parsed.is_finite()
    else:
        assert parsed == (text.strip() or None)


@bounded
@hypothesis.given(
    st.dictionaries(st.sampled_from([*HEADER, "PO", "link", "x"]), st.one_of(texts, st.none(), st.floats()))
)
def test_any_mapping_is_an_order_or_a_problem(given: dict[str, object]) -> None:
    """Rows from Python never raise an error."""
    row = read.order_from_mapping(given, 1)
    assert (row.order is None) != (row.problem is None)
    assert len(row.cells) == len(given)


@pytest.mark.parametrize("seed", range(20))
def test_long_files_keep_every_row(seed: int, tmp_path: Path) -> None:
    """Of rows with one open quotation mark, exactly that row is bad."""
    lines = [f"PO-{number},A,https://x/{number}" for number in range(400)]
    lines[seed * 20] = f'PO-{seed * 20},"A,https://x/'
    path = tmp_path / "pos.csv"
    path.write_text("po_number,supplier,url\n" + "\n".join(lines), encoding="utf-8")
    found = list(read.open_table(path).rows())
    assert len(found) == 400
    assert [row.number - 2 for row in found if row.problem] == [seed * 20]
