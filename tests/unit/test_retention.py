"""How much evidence is kept, and what goes when there is too much."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from po_pw.evidence import retention

if TYPE_CHECKING:
    from pathlib import Path


def filled(folder: Path, size: int, changed: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "page.png").write_bytes(b"0" * size)
    os.utime(folder, (changed, changed))
    return folder


def kept(kept_in: retention.EvidenceStore, mine: Path, size: int) -> bool:
    if not kept_in.reserve(mine):
        return False
    mine.mkdir(parents=True)
    (mine / "page.png").write_bytes(b"0" * size)
    kept_in.measure(mine)
    return True


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_oldest_of_earlier_runs_go_first_and_then_nothing_is_added(tmp_path: Path) -> None:
    filled(tmp_path / "old", 1, 1000)
    filled(tmp_path / "older", 1, 500)
    bounded = retention.EvidenceStore(tmp_path, max_orders=3)
    assert kept(bounded, tmp_path / "a", 1)
    assert names(tmp_path) == ["a", "old", "older"]
    assert kept(bounded, tmp_path / "b", 1)
    assert names(tmp_path) == ["a", "b", "old"]
    assert kept(bounded, tmp_path / "c", 1)
    assert not kept(bounded, tmp_path / "d", 1)
    assert names(tmp_path) == ["a", "b", "c"]
    assert kept(bounded, tmp_path / "b", 1)  # the same order again needs no more room
    bounded.remove(tmp_path / "a")
    assert kept(bounded, tmp_path / "d", 1)
    assert names(tmp_path) == ["b", "c", "d"]


def test_its_size_is_bounded(tmp_path: Path) -> None:
    filled(tmp_path / "old", 60, 1000)
    bounded = retention.EvidenceStore(tmp_path, max_bytes=100)
    assert kept(bounded, tmp_path / "a", 50)
    assert names(tmp_path) == ["a", "old"]
    assert kept(bounded, tmp_path / "b", 70)  # 110 are there: the old one goes
    assert not kept(bounded, tmp_path / "c", 1)
    assert names(tmp_path) == ["a", "b"]


def test_there_may_be_no_folder_yet(tmp_path: Path) -> None:
    bounded = retention.EvidenceStore(tmp_path / "none")
    bounded.remove(tmp_path / "none" / "a")
    assert kept(bounded, tmp_path / "none" / "a", 1)
