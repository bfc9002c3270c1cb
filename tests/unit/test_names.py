"""Names for every file system: properties for any text, and usual cases."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pathvalidate
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from po_pw import models
from po_pw.downloads import disposition
from po_pw.storage import names, staging

if TYPE_CHECKING:
    from pathlib import Path

AWKWARD = st.one_of(
    st.text(),
    st.text(alphabet=" ./\\:~()2aA\u0301é\u202e\u200b\x00CONul1.pdf😀", max_size=30),
    st.sampled_from(
        ["CON", "nul.txt", "COM1.tar.gz", "..", "...", "../../x", "a/", "C:\\x", " ", "invoice.pdf", "x" * 400]
    ),
)
FORBIDDEN = set('<>:"/\\|?*') | {chr(code) for code in range(32)}


@given(AWKWARD)
def test_a_file_name_is_safe_everywhere(text: str) -> None:
    """No name has separators, reserved or invisible characters, or is refused by one of three systems."""
    name = names.file_name(text)
    assert name
    assert not FORBIDDEN & set(name)
    assert not name.endswith((" ", "."))
    assert name == name.strip()
    assert name == unicodedata.normalize("NFC", name)
    assert len(name.encode()) <= 255
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in name)
    for platform in (pathvalidate.Platform.WINDOWS, pathvalidate.Platform.MACOS, pathvalidate.Platform.LINUX):
        pathvalidate.validate_filename(name, platform=platform)


@given(AWKWARD)
def test_a_safe_name_stays_as_it_is(text: str) -> None:
    """Making a safe name safe again changes nothing."""
    assert names.file_name(names.file_name(text)) == names.file_name(text)
    assert names.folder_name(names.folder_name(text)) == names.folder_name(text)


@given(st.lists(AWKWARD, max_size=12), st.integers(24, 120))
@example(["0 .0", "0 .0"], 24)
def test_an_orders_names_are_told_apart_and_fit(sent: list[str], room: int) -> None:
    """An order's file names differ on every file system, fit, and are safe."""
    final = names.assign(sent, room)
    assert len(final) == len(sent)
    assert len({models.folded(name) for name in final}) == len(sent)
    assert all(names.utf16_length(name) <= room and len(name.encode()) <= 255 for name in final)
    assert all(names.file_name(name) == name for name in final)
    assert final == names.assign(sent, room)


def test_no_two_pos_share_a_folder_of_evidence(tmp_path: Path) -> None:
    """Evidence folders differ on every file system; a plain number is unchanged."""
    alike = [
        "A/1",
        "A_1",
        "A:1",
        "a_1",
        "A\\1",
        "A_1.",
        "ẞ",
        "SS",
        "ss",
        "CON",
        "_CON",
        "CON ",
        "..",
        "",
        "A 1",
        "A  1",
    ]
    alike += ["P" * 300, "P" * 301, "A_1~0123456789ab", staging.evidence(tmp_path, "A/1").name, "\ud800", "\ud801"]
    found: dict[str, set[str]] = {}
    for number in alike:
        found.setdefault(models.folded(staging.evidence(tmp_path, number).name), set()).add(models.order_key(number))
    assert [keys for keys in found.values() if len(keys) > 1] == []
    assert staging.evidence(tmp_path, "PO-2024.1001").name == "PO-2024.1001"
    assert staging.evidence(tmp_path, "A/1").name.startswith("A_1~")


@given(AWKWARD, AWKWARD)
def test_a_name_of_its_own_is_safe_and_nobody_elses(one: str, other: str) -> None:
    """Two different texts get two different safe names."""
    mine, theirs = names.distinct_name(one, 120), names.distinct_name(other, 120)
    assert one == other or models.folded(mine) != models.folded(theirs)
    assert names.folder_name(mine) == mine
    assert 0 < len(mine.encode()) <= 120


@given(st.lists(st.sampled_from(["a.pdf", "A.PDF", "a (2).pdf", "a (3).pdf", "b"]), max_size=8))
def test_the_first_of_a_name_keeps_it(sent: list[str]) -> None:
    """A second file never gets a name that another file of the list was sent with."""
    final = names.assign(sent, 100)
    for index, name in enumerate(sent):
        if models.folded(name) not in {models.folded(earlier) for earlier in sent[:index]}:
            assert final[index] == name


@given(AWKWARD, st.integers(24, 60))
def test_shortening_keeps_the_extension(text: str, room: int) -> None:
    """A shortened name keeps its extension."""
    name = names.file_name(text)
    short = names.shorten(name, room)
    assert names.split(short)[1] == names.split(name)[1]
    assert names.utf16_length(short) <= room


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("Invoice 4711.pdf", "Invoice 4711.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.pdf", "a.pdf"),
        ("a:b?.txt", "a_b_.txt"),
        ("con.txt", "con_.txt"),
        ("CONOUT$", "_CONOUT$"),
        ("  spaced \t out .pdf. ", "spaced out .pdf"),
        ("Cafe\u0301.pdf", "Café.pdf"),
        ("evil\u202efdp.exe", "evilfdp.exe"),
        ("zero\u200bwidth\ufeff.pdf", "zerowidth.pdf"),
        (".htaccess", ".htaccess"),
        ("..", "attachment"),
        ("", "attachment"),
        ("???", "___"),
        ("folder/", "folder"),
        ("発注書.xlsx", "発注書.xlsx"),
        ("half\ud83d.pdf", "half.pdf"),
    ],
)
def test_file_names(sent: str, name: str) -> None:
    """Names that servers and pages send become these names."""
    assert names.file_name(sent) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [("PO/1", "PO_1"), ("ACME Ltd.", "ACME Ltd"), ("", ""), ("..", ""), ("a\\b", "a_b"), ("NUL", "NUL_"), (" \t", "")],
)
def test_folder_names(text: str, name: str) -> None:
    """Every part of a supplier's or order's name is kept in one folder name."""
    assert names.folder_name(text) == name


def test_the_same_name_twice() -> None:
    """Two `invoice.pdf` are both kept, also if only case or accents differ."""
    assert names.assign(["invoice.pdf", "invoice.pdf", "INVOICE.PDF"], 80) == (
        "invoice.pdf",
        "invoice (2).pdf",
        "INVOICE (3).PDF",
    )
    assert names.assign(["é.txt", "e\u0301.txt"], 80) == ("é.txt", "é (2).txt")
    assert names.assign(["a.tar.gz", "a.tar.gz"], 80) == ("a.tar.gz", "a (2).tar.gz")
    assert names.assign(["a", "a"], 80) == ("a", "a (2)")


def test_long_names_are_cut_stably() -> None:
    """Long names with equal beginnings stay different, keep their extension, and are always the same."""
    one, two = names.assign(["long " * 30 + "1.pdf", "long " * 30 + "2.pdf"], 40)
    assert one != two
    assert one.startswith("long long")
    assert one.endswith(".pdf")
    assert max(len(one), len(two)) <= 40
    assert names.shorten("😀" * 50 + ".pdf", 30).endswith(".pdf")


def test_a_budget_for_the_hash_alone() -> None:
    """If nothing else fits, hash and extension remain; if those do not fit, that is an error."""
    assert len(names.shorten("a long name.pdf", 10)) == 10
    double = "long " * 9 + ".abcdefghij.abcdefghij"
    assert {len(name) for name in names.assign([double] * 3, 24)} <= set(range(25))
    with pytest.raises(ValueError, match="does not fit"):
        names.shorten("a long name.pdf", 9)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="invoice.pdf"', "invoice.pdf"),
        ("attachment; filename=invoice no 1.pdf", "invoice no 1.pdf"),
        ("attachment; filename=plain.pdf; size=12", "plain.pdf"),
        ('ATTACHMENT; FileName="UP.PDF"', "UP.PDF"),
        ("attachment; filename=\"x.pdf\"; filename*=UTF-8''%E2%82%AC%20rates.pdf", "€ rates.pdf"),
        ("attachment; filename*=iso-8859-1'de'Gr%FC%DFe.pdf", "Grüße.pdf"),
        ("attachment; filename*=UTF-8''Gr%FC%DFe.pdf", "Grüße.pdf"),
        ("attachment; filename*=no-such-charset''%C3%BC.pdf", "ü.pdf"),
        ("attachment; filename*=\"UTF-8''quoted%20all%20the%20same.pdf\"", "quoted all the same.pdf"),
        ('attachment; filename*0="a very "; filename*1="long.pdf"', "a very long.pdf"),
        (r'attachment; filename="a \"quoted\" name.pdf"', 'a "quoted" name.pdf'),
        (r'attachment; filename="C:\dir\file.pdf"', r"C:\dir\file.pdf"),
        ('attachment; filename="a; filename*=evil.exe"', "a; filename*=evil.exe"),
        ('attachment; note="x; filename=evil.exe"; filename=good.pdf', "good.pdf"),
        ('attachment; filename="never closed.pdf', "never closed.pdf"),
        ('attachment; filename="Gr\u00c3\u00bc\u00c3\u009fe.pdf"', "Grüße.pdf"),
        ('attachment; filename="Gr\udcfc\udcdfe.pdf"', "Grüße.pdf"),
        ('attachment; filename="Gr\xfc\xdfe.pdf"', "Grüße.pdf"),
        ('attachment; filename="Grüße 発注.pdf"', "Grüße 発注.pdf"),
        ('attachment; filename="=?UTF-8?B?R3LDvMOfZS5wZGY=?="', "Grüße.pdf"),
        ('attachment; filename="=?iso-8859-1?Q?Gr=FC=DFe?=.pdf"', "Grüße.pdf"),
        ('attachment; filename="=?UTF-8?B?broken?=.pdf"', None),
        ('attachment; filename="Gr%C3%BC%C3%9Fe.pdf"', "Grüße.pdf"),
        ('attachment; filename="100% sure.pdf"', "100% sure.pdf"),
        ('attachment; filename="100%FF.pdf"', "100%FF.pdf"),
        ("attachment", ""),
        ("inline; filename=", ""),
        ("filename=bare.pdf", "bare.pdf"),
        ("", ""),
    ],
)
def test_names_in_content_disposition(header: str, name: str | None) -> None:
    """The name is read as intended, by the standard and from usual violations."""
    found = disposition.name(header)
    assert found == name or name is None


@given(
    st.text(alphabet=st.characters(), max_size=60),
    st.sampled_from(["", 'filename="', "filename*=", "filename*=utf-8''"]),
)
def test_any_header_gives_a_name_that_can_be_stored(text: str, before: str) -> None:
    """No header raises an error or gives a name with invalid characters."""
    disposition.name(f"attachment; {before}{text}").encode("utf-8")
