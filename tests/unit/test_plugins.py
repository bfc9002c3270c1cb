"""Installed packages add a portal or a results file by entry points."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, settings
from po_pw.portals import registry
from tests.unit import test_results

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE = """
import pathlib
from po_pw.portals.generic import generic_portal

class ThirdPortal(generic_portal.GenericPortal):
    name = "third"

    def recognises(self, url):
        return 0.9 if url.startswith("https://third.example/") else 0.0

def portal(options):
    return ThirdPortal(options.url_template)

class Lines:
    def __init__(self, path, columns):
        self._file = path.open("w", encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def add(self, row):
        self._file.write(f"{row.po_number}\\t{row.status}\\n")

    def finish(self):
        return True
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package of somebody else; returns the folder of its entry points."""
    place = tmp_path / "site"
    listed = place / "third_party-1.0.dist-info" / "entry_points.txt"
    listed.parent.mkdir(parents=True)
    (place / "third_party.py").write_text(MODULE, "utf-8")
    (listed.parent / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n", "utf-8")
    monkeypatch.syspath_prepend(place)
    yield listed
    sys.modules.pop("third_party", None)


def test_a_portal_of_another_package_gets_its_addresses(package: Path) -> None:
    """Its portal gets the addresses that it recognises; others go to the generic one."""
    package.write_text("[po_pw.portals]\nthird = third_party:portal\n", "utf-8")
    known = registry.Registry(settings.Settings())
    assert known.for_url("https://third.example/orders/1").name == "third"
    assert known.for_url("https://other.example/orders/1").name == "generic"


def test_a_file_of_results_of_another_package_is_written_beside_ours(package: Path, tmp_path: Path) -> None:
    """Its writer gets every row in order, and its file follows the rules for our tables."""
    package.write_text("[po_pw.result_writers]\nresults.tsv = third_party:Lines\n", "utf-8")
    out = tmp_path / "out"
    out.mkdir()
    summary = test_results.write(out)
    lines = (out / "results.tsv").read_text("utf-8").splitlines()
    assert len(lines) == len(test_results.ROWS)
    assert summary.names["results.tsv"] == "results.tsv"
    (out / "results.tsv").write_text("mine", "utf-8")
    assert test_results.write(out).names["results.tsv"] == "results.tsv"
    assert "mine" in {path.read_text("utf-8") for path in out.glob("results*.tsv")}


def test_a_writer_that_fails_costs_its_own_file_only(package: Path, tmp_path: Path) -> None:
    """If a writer fails, only its file is missing, with a notice."""
    (package.parents[1] / "third_party.py").write_text(MODULE.replace("row.po_number", "row.nothing"), "utf-8")
    package.write_text("[po_pw.result_writers]\nresults.tsv = third_party:Lines\n", "utf-8")
    summary = test_results.write(tmp_path)
    assert "results.tsv" not in summary.names
    assert (tmp_path / "results.csv").exists()
    assert not (tmp_path / "results.tsv").exists()
    assert [note for note in summary.notes if note.startswith("results.tsv was not written")]


def test_a_package_that_cannot_be_loaded_is_named(package: Path) -> None:
    """The message names the package and what to do."""
    package.write_text("[po_pw.portals]\nthird = third_party:missing\n", "utf-8")
    with pytest.raises(errors.MachineError, match=r"the package third-party .*pip uninstall third-party"):
        registry.Registry(settings.Settings())
