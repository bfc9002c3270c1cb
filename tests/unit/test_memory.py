"""What is known about a portal: learned from its orders, limited, saved between runs."""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING, Final

import pytest

from po_pw import models
from po_pw.portals import memory as memories

if TYPE_CHECKING:
    from pathlib import Path

PDF: Final = "https://p.example/terms.pdf"


def filled(orders: int, size: int = 20) -> memories.PortalMemory:
    known = memories.PortalMemory()
    for n in range(orders):
        key = f"PO-{n}"
        known.note_area(f"https://p.example/orders/{n}")
        signature = {f"{n}-{part}" for part in range(size)}
        known.note_order(key, f"https://p.example/orders/{n}", signature, [f"h1 order {n}", "field po number"])
        known.note_other(models.PageKind.ERROR, {f"e{n}-{part}" for part in range(size)})
        known.note_text(key, f"text {n}")
        known.note_links(key, [PDF, f"https://p.example/{n}/{'x' * 200}.pdf"])
        known.note_quiet(key, [f"ws {n}", "poll /alive"], changed_area=False)
    return known


def test_a_link_is_the_sites_where_others_show_it() -> None:
    """A link is an order's own once two other orders without it were read."""
    known = memories.PortalMemory()
    own = "https://p.example/a.pdf"
    known.note_links("PO-1", [PDF, own])
    assert known.is_sites_own(PDF, "PO-1") is None
    known.note_links("PO-2", [PDF])
    assert known.is_sites_own(PDF, "PO-1") is True
    assert known.is_sites_own(own, "PO-1") is None
    known.note_links("PO-2", [PDF])  # read again: still one other
    assert known.is_sites_own(own, "PO-1") is None
    known.note_links("PO-3", [])
    assert known.is_sites_own(own, "PO-1") is False
    assert known.is_sites_own(own) is True  # an order that is not known shows another's


def test_a_quiet_source_is_trusted_after_five_orders_and_checked_every_twentieth() -> None:
    """Every twentieth order waits; after a change, the orders since the last check are read again."""
    known = memories.PortalMemory()
    patient = []
    for n in range(47):
        if not known.source_trusted("poll"):
            patient.append(n)
        assert known.note_quiet(f"PO-{n}", ["poll"], changed_area=False) == ()
    assert patient == [0, 1, 2, 3, 4, 24, 44]
    assert known.source_trusted("poll")
    assert known.note_quiet("PO-47", ["poll"], changed_area=True) == ("PO-45", "PO-46")
    assert not known.source_trusted("poll")
    assert known.note_quiet("PO-48", ["poll"], changed_area=True) == ()


def test_a_source_that_changed_an_area_begins_anew() -> None:
    """After a change the count of quiet orders starts again for this source."""
    known = memories.PortalMemory()
    for n in range(4):
        known.note_quiet(f"PO-{n}", ["a", "b"], changed_area=False)
    known.note_quiet("PO-4", ["a"], changed_area=True)
    known.note_quiet("PO-5", ["b"], changed_area=False)
    assert not known.source_trusted("a")
    assert known.source_trusted("b")
    assert not known.source_trusted("never seen")


def test_what_all_pages_share_says_nothing() -> None:
    """What error pages show as well does not count as similarity."""
    known = memories.PortalMemory()
    assert known.likeness({"a"}) is None
    site = {f"site{n}" for n in range(10)}
    known.note_order("PO-1", "https://p.example/1", site | {"supplier", "total", "lines"}, [])
    sorry = site | {"sorry"}
    before = known.likeness(sorry)
    assert before is not None
    assert before > 0.5
    known.note_other(models.PageKind.NOT_FOUND, sorry)
    assert known.likeness(sorry) == 0.0
    assert known.likeness(site | {"supplier", "total"}) == pytest.approx(2 / 3)
    assert known.most_like_other(sorry) == (1.0, models.PageKind.NOT_FOUND)


def test_texts_belong_to_orders() -> None:
    """A text counts as another order's only if another order had it."""
    known = memories.PortalMemory()
    known.note_text("PO-1", "t")
    known.note_text("PO-1", "")
    assert not known.same_text_elsewhere("PO-1", "t")
    assert known.same_text_elsewhere("PO-2", "t")
    assert not known.same_text_elsewhere("PO-2", "")


def test_it_is_kept_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    """Everything learned is read back, and only the owner can read the file."""
    known, file = filled(8), tmp_path / memories.FILE
    known.accepted_without_area = True
    known.save(file)
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = memories.load(file)
    assert again.to_json() == known.to_json()
    assert again.area_seen
    assert again.area_example == "https://p.example/orders/0"
    assert again.proof_url == "https://p.example/orders/7"
    assert again.orders_at("field po number") == 3
    assert again.source_trusted("poll /alive")
    assert again.is_sites_own(PDF) is True
    assert again.accepted_without_area
    assert [path.name for path in tmp_path.iterdir()] == [memories.FILE]


@pytest.mark.slow
def test_it_stays_small(tmp_path: Path) -> None:
    """After thousands of orders it is below 1 MB, with the latest kept."""
    known, file = filled(2500, size=240), tmp_path / memories.FILE
    known.save(file)
    assert 100_000 < file.stat().st_size < 1_000_000
    again = memories.load(file)
    assert again.same_text_elsewhere("PO-1", "text 2499")
    assert len(json.loads(file.read_text("utf-8"))["good"]) <= 16


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"rules_version": 1}', b'{"accepted_without_area": 1}']
)
def test_a_damaged_file_is_an_empty_memory(tmp_path: Path, content: bytes) -> None:
    """A damaged file counts as empty."""
    file = tmp_path / memories.FILE
    file.write_bytes(content)
    known = memories.load(file)
    assert not known.area_seen
    assert known.likeness({"a"}) is None
    assert memories.load(tmp_path / "never").to_json() == memories.PortalMemory().to_json()


def test_every_part_may_be_damaged(tmp_path: Path) -> None:
    """A value of a wrong type is dropped, and causes no later error."""
    sound = json.loads(filled(3).to_json())
    file = tmp_path / memories.FILE
    for name in sound:
        for wrong in (None, 1, "x", ["x"], {"x": 1}, {"x": ["y"]}, [["x", 1]], [[1, 2]]):
            file.write_text(json.dumps({**sound, name: wrong}), "utf-8")
            known = memories.load(file)
            known.note_links("PO-1", [PDF])
            known.note_quiet("PO-1", ["poll /alive"], changed_area=False)
            known.note_text("PO-1", "t")
            known.note_order("PO-1", "https://p.example/1", {"a"}, ["h1 x"])
            known.likeness({"a"})
            known.most_like_other({"a"})
            known.save(file)


def test_what_was_learned_under_other_rules_is_forgotten(tmp_path: Path) -> None:
    """Under new rules all is forgotten, except what the user accepted."""
    known, file = filled(3), tmp_path / memories.FILE
    known.accepted_without_area = True
    file.write_text(known.to_json().replace('"rules_version":1', '"rules_version":0'), "utf-8")
    again = memories.load(file)
    assert not again.area_seen
    assert again.accepted_without_area
