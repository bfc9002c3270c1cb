"""The demo portal's content is the same for the same settings, and has every variant."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from po_pw.demo import catalogue
from po_pw.demo.variants import SCHEDULE, Variant
from tests.helpers.demo_visits import QUICK


def test_the_same_settings_give_the_same_orders() -> None:
    """Names, amounts, files and hashes depend only on the settings and the seed."""
    assert catalogue.catalogue(QUICK) == catalogue.catalogue(QUICK)
    other = catalogue.catalogue(dataclasses.replace(QUICK, seed=2))
    assert [order.amount for order in other] != [order.amount for order in catalogue.catalogue(QUICK)]
    assert not {file.sha256 for order in other[:9] for file in order.files} & {
        file.sha256 for order in catalogue.catalogue(QUICK)[:9] for file in order.files
    }


def test_forty_orders_show_every_variant() -> None:
    """Each variant occurs and has a description, and most orders succeed."""
    orders = catalogue.catalogue(QUICK)
    assert len(orders) == len(SCHEDULE) == 40
    assert {order.variant for order in orders} == set(Variant)
    assert all(order.about for order in orders)
    assert {order.expected_status for order in orders} == {"COMPLETED", "NO_ATTACHMENTS", "PARTIAL", "FAILED"}
    assert all(
        (order.expected_error is not None) == (order.expected_status in {"PARTIAL", "FAILED"}) for order in orders
    )
    names = {file.name for order in orders for file in order.shown}
    assert {"CON.txt", "../../evil.txt", "a:b*c?.pdf", "Remarks.txt..."} <= names
    assert max(len(name) for name in names) > 200
    assert min(file.size for order in orders for file in order.shown) == 0


def test_how_lists_come_late_can_be_set() -> None:
    """Lists on the page come late as set; three orders come late in any case."""
    usual = catalogue.catalogue(QUICK)
    assert sorted(order.list_way for order in usual if order.list_way) == ["chain", "fetch", "script"]
    late = catalogue.catalogue(dataclasses.replace(QUICK, list_way="worker", list_delay=2.0))
    assert {order.list_way for order in late if order.variant is Variant.LINKS} == {"worker"}
    assert {order.list_delay for order in late if order.variant is Variant.LINKS} == {2.0}
    assert {order.list_way for order in late if order.variant is Variant.IFRAME} == {""}


@pytest.mark.parametrize("count", [1, 2, 41, 250])
def test_any_number_of_orders(count: int) -> None:
    """Numbers of orders and files are unique for any count, with at most one large file."""
    orders = catalogue.catalogue(dataclasses.replace(QUICK, orders=count))
    numbers = [file.number for order in orders for file in order.shown]
    assert len({order.po_number for order in orders}) == count
    assert len(set(numbers)) == len(numbers)
    assert sum(file.document.wanted == QUICK.large_bytes for order in orders for file in order.shown) <= 1


@pytest.mark.parametrize("files", [0, 3, 50])
def test_plain_orders_are_all_alike(files: int) -> None:
    """Plain orders have only links, as many as requested, with unique names."""
    orders = catalogue.catalogue(dataclasses.replace(QUICK, orders=30, plain=True, files_per_order=files))
    assert {order.variant for order in orders} == {Variant.LINKS}
    assert {len({file.name for file in order.shown}) for order in orders} == {files}
    assert {order.expected_status for order in orders} == {"COMPLETED" if files else "NO_ATTACHMENTS"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"orders": 0},
        {"files_per_order": 100},
        {"latency": -1.0},
        {"file_bytes": 0},
        {"list_way": "smoke"},
        {"list_delay": 1.0},
        {"list_way": "fetch", "list_delay": -1.0},
    ],
)
def test_settings_no_portal_could_have_are_refused(wrong: dict[str, Any]) -> None:
    """Impossible settings are refused when they are made."""
    with pytest.raises(ValueError, match=r"latency|out of range|list_way"):
        catalogue.PortalSettings(**wrong)
