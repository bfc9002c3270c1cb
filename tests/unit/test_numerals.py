"""Numbers in texts of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from po_pw import models, numerals, sessions
from po_pw.downloads import partial
from po_pw.journal import store
from po_pw.portals.generic import label_words
from po_pw.processing import resuming
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("0042", 42), ("9" * 18, 10**18 - 1)])
def test_whole_numbers(text: str, number: int) -> None:
    """ASCII digits are a number."""
    assert numerals.parse_int(text) == number


@pytest.mark.parametrize("text", ["", "²", "1²", "①", "٣", "-1", "+1", " 1", "1.0", "1_000", "9" * 19, "9" * 5000])
def test_what_is_no_whole_number(text: str) -> None:
    """Other digits, signs and very long numbers are none."""
    assert numerals.parse_int(text) is None


def test_names_of_work_folders_that_are_none_of_ours(tmp_path: Path) -> None:
    """A folder that ends in a superscript 2 is not a work folder, and is removed."""

    async def find() -> dict[models.OrderKey, str]:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            return resuming.unfinished(journal, tmp_path / "work")

    for name in ("run-²", "run-" + "9" * 100):
        (tmp_path / "work" / "PO-1" / name).mkdir(parents=True)
    assert run_async(find()) == {}
    assert not (tmp_path / "work" / "PO-1").exists()


def test_other_places_where_numbers_are_read() -> None:
    """An invalid number in a folder, a page or a range raises no error."""
    assert sessions.origin_of_folder("https_acme.example_²") == "https_acme.example_²"
    assert label_words.page_number("9" * 5000) is None
    note = partial.ResumeInfo("a", "b", 10, '"x"', 5)
    assert not partial.is_continuation(note, 206, {"content-range": f"bytes 5-9/{'9' * 5000}"})
