"""Counts of attachments that a page states in other ways than in a heading."""

from __future__ import annotations

import re

import pytest

from po_pw.portals.generic import list_counts, numbers


@pytest.mark.parametrize(
    ("text", "total"),
    [("All (5)", 5), ("All 3", 3), ("Alle 4", 4), ("Total: 12", 12), ("Gesamt 4", 4), ("共 3 条", 3), ("全3件", 3)],
)
def test_what_shows_the_whole_list_says_how_long_it_is(text: str, total: int) -> None:
    assert list_counts.all_of(text) == total


@pytest.mark.parametrize("text", ["2 selected", "Total 118,400.00", "All", "All 12 comments", "1 / 3", "3 drawings"])
def test_other_numbers_are_no_length_of_the_list(text: str) -> None:
    assert list_counts.all_of(text) is None


@pytest.mark.parametrize("text", ["2 older files hidden", "2 Anhänge ausgeblendet", "2 fichiers masqués", "and 2 more"])
def test_entries_that_are_said_to_be_hidden_are_not_shown(text: str) -> None:
    assert list_counts.unshown(text) == 2


@pytest.mark.parametrize("text", ["2 files", "2 files uploaded", "2 lines hidden"])
def test_entries_of_which_nothing_like_that_is_said_are_shown(text: str) -> None:
    assert list_counts.unshown(text) == 0


@pytest.mark.parametrize(
    ("number", "other", "no_order"),
    [
        ("PO-5003", "PO-5001", "INV-5001"),
        ("4500009912", "4500009910", "2024"),
        ("CO-2", "CO-1", "C-1"),
        ("2024/0119", "2024/0118", "2024"),
    ],
)
def test_numbers_of_other_orders_are_told_by_their_form(number: str, other: str, no_order: str) -> None:
    form = re.compile(numbers.alike(number).replace(r"\p{L}\p{N}", r"\w"), re.IGNORECASE)
    assert form.search(f"Attachments of {number}")
    assert form.search(f"Attachments of {other}")
    assert not form.search(f"Attachments of {no_order}")


@pytest.mark.parametrize("number", ["7745", "A-1", "Frame contract"])
def test_short_numbers_have_no_form(number: str) -> None:
    assert numbers.alike(number) == ""
