"""Commands in a list of attachments, which are no entries, are never requested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from po_pw import models
from po_pw.portals.generic import control_policy, list_tools, page_items

if TYPE_CHECKING:
    from collections.abc import Sequence

_ORIGIN = "https://portal.example"
_PAGE = f"{_ORIGIN}/po/118"


def _links(*rows: Sequence[tuple[str, str]], texts: Sequence[Sequence[str]] = ()) -> list[page_items.Candidate]:
    """Links as label and path, row by row; the first sequence is outside the rows."""
    found = []
    for row, links in enumerate(rows, start=-1):
        pieces = tuple(texts[row]) if 0 <= row < len(texts) else ()
        for label, path in links:
            control = models.Control("a", label, text=label, address=f"{_ORIGIN}{path}")
            found.append(
                page_items.Candidate(
                    control=control,
                    frame=0,
                    frame_url=_PAGE,
                    area=0,
                    row=row,
                    row_text=" ".join(pieces),
                    pieces=pieces,
                    pictures=(),
                    decision=control_policy.decide(control, origin=_ORIGIN, names=pieces),
                    shown=True,
                    closed=False,
                    off=False,
                    loose=False,
                    opener=False,
                    governs=-1,
                    expanded="",
                    current=False,
                    paging=False,
                    group=0,
                    filename="",
                    beside="",
                    tail=False,
                )
            )
    return found


def _entries(found: Sequence[page_items.Candidate]) -> list[str]:
    left = list_tools.tools(found, _PAGE)
    return [one.control.label for one in found if id(one) not in left]


def test_a_link_outside_the_rows_is_a_tool_of_the_list() -> None:
    found = _links([("Follow", "/x/1"), ("Zur Kenntnis genommen", "/y/2")], [("Frame contract", "/doc/501")])
    assert _entries(found) == ["Frame contract"]


def test_without_rows_every_title_is_an_entry() -> None:
    found = _links([("Frame contract", "/doc/501"), ("Packing rules", "/doc/502")])
    assert _entries(found) == ["Frame contract", "Packing rules"]


def test_what_recurs_in_each_row_is_done_with_the_row() -> None:
    found = _links(
        [],
        [("Frame contract", "/doc/501"), ("Erledigt", "/z?d=501")],
        [("Packing rules", "/doc/502"), ("Erledigt", "/z?d=502")],
    )
    assert _entries(found) == ["Frame contract", "Packing rules"]


def test_titles_that_recur_are_entries_where_a_row_has_nothing_else() -> None:
    found = _links([], [("Delivery note", "/doc/501")], [("Delivery note", "/doc/502")])
    assert _entries(found) == ["Delivery note", "Delivery note"]


def test_an_address_that_goes_on_from_the_entrys_own_is_done_with_it() -> None:
    found = _links([], [("Frame contract", "/doc/501"), ("Ciente", "/doc/501/ciente")])
    assert _entries(found) == ["Frame contract"]


def test_an_address_that_goes_on_from_the_orders_own_is_done_with_the_order() -> None:
    found = _links([], [("Watch", "/po/118/watch")], [("Frame contract", "/doc/501")])
    assert _entries(found) == ["Frame contract"]


def test_a_file_under_the_orders_own_address_is_an_entry() -> None:
    found = _links([], [("Order 118", "/po/118"), ("Frame contract", "/po/118/files/7")])
    assert "Frame contract" in _entries(found)


@pytest.mark.parametrize("other", ["/done?d=2", "/doc/502/abgeholt"])
def test_beside_a_file_name_a_link_of_another_form_than_the_files_is_no_way_to_it(other: str) -> None:
    found = _links(
        [],
        [("Download", "/doc/501")],
        [("Abgeholt", other)],
        texts=[["frame.pdf"], ["rules.pdf"]],
    )
    assert _entries(found) == ["Download"]


def test_beside_a_file_name_a_title_with_an_address_like_the_others_is_the_file() -> None:
    found = _links(
        [], [("Download", "/doc/501")], [("Packing rules", "/doc/502")], texts=[["frame.pdf"], ["rules.pdf"]]
    )
    assert _entries(found) == ["Download", "Packing rules"]


def test_what_says_file_or_download_is_never_taken_for_a_tool() -> None:
    found = _links([("all.pdf", "/po/118/all"), ("Download", "/po/118/raw")], [("a.pdf", "/doc/1")])
    assert _entries(found) == ["all.pdf", "Download", "a.pdf"]


def test_the_order_of_a_list_and_its_tools_does_not_matter() -> None:
    found = _links([], [("Star", "/po/118/star")], [("Hold", "/po/118/hold")], [("Sketch", "/doc/501")])
    assert _entries(found) == ["Sketch"]
