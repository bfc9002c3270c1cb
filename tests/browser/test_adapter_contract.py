"""The contract for adapters: ours keep it, and one that breaks it is reported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest

from po_pw import adapter_contract, errors
from po_pw.adapter_contract import Rule
from po_pw.demo.coupa.tenant_variants import Variant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TENANT: Final = frozenset(
    {
        Variant.BOTH_WIDGETS,
        Variant.PAGED_LINES,
        Variant.URL_AND_TEXT,
        Variant.REQUISITION,
        Variant.NOTHING,
        Variant.NOT_FOUND_200,
        Variant.FORBIDDEN_PORTUGUESE_200,
        Variant.ERROR_200,
    }
)
"""One of each kind that matters here; `test_coupa_orders.py` has them all."""
CARELESS: Final = """
import itertools
from po_pw import models
from po_pw.portals.generic import generic_portal

class Careless(generic_portal.GenericPortal):
    name = "careless"
    _count = itertools.count()

    def recognises(self, url):
        return 2 + next(self._count)

    def order_url(self, po_number):
        return "orders/" + po_number

    def file_hosts(self, url):
        return ("*",)

    def leads_to_files(self, url):
        return True

    async def read(self, opened):
        return models.Listing(models.PageKind.ORDER, (), None, complete=True, supplier="", url=opened.page.url)

    def conclude(self, listing, order, known, **_):
        return listing

def portal(options):
    return Careless()
"""


@pytest.fixture
def careless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Installs a package with an adapter that believes every page."""
    place = tmp_path / "site"
    about = place / "careless_portal-1.0.dist-info"
    about.mkdir(parents=True)
    (place / "careless_portal.py").write_text(CARELESS, "utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: careless-portal\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text("[po_pw.portals]\ncareless = careless_portal:portal\n", "utf-8")
    monkeypatch.syspath_prepend(place)
    yield "careless"
    sys.modules.pop("careless_portal", None)


def test_the_reading_of_any_page_keeps_the_contract(tmp_path: Path) -> None:
    """The generic adapter keeps the contract on a portal that it does not know."""
    with adapter_contract.demo_portal(6) as bench:
        assert adapter_contract.violations("generic", bench, tmp_path) == ()


@pytest.mark.long
def test_coupas_adapter_keeps_the_contract(tmp_path: Path) -> None:
    """Coupa's adapter keeps the contract on the embedded tenant, with PO numbers only."""
    with adapter_contract.coupa_tenant(TENANT) as bench:
        assert adapter_contract.violations("coupa", bench, tmp_path) == ()


@pytest.mark.long
def test_an_adapter_that_believes_everything_is_found_out(tmp_path: Path, careless: str) -> None:
    """Each rule that a third party's adapter breaks is named."""
    with adapter_contract.demo_portal(3) as bench:
        found = adapter_contract.violations(careless, bench, tmp_path)
    broken = {one.rule for one in found}
    assert broken == {Rule.PURE, Rule.HOSTS, Rule.READS, Rule.HONEST, Rule.SIGN_IN}
    assert any("claims('') gave" in one.what for one in found)
    assert any("NO_ATTACHMENTS" in one.what and "not COMPLETED" in one.what for one in found)


def test_an_adapter_must_be_known(tmp_path: Path) -> None:
    """A mistyped adapter name is refused before anything starts."""
    with adapter_contract.demo_portal(1) as bench, pytest.raises(errors.InputError, match="no portal 'generik'"):
        adapter_contract.violations("generik", bench, tmp_path)
