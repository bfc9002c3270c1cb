"""The Coupa tenant's content and the expected results; and its one-time codes."""

from __future__ import annotations

import collections
import dataclasses
import subprocess
import sys
import time
from typing import Any

import pytest

from po_pw.demo.coupa import orders, tenant_accounts, tenant_catalogue, totp
from po_pw.demo.coupa.tenant_catalogue import Source
from po_pw.demo.coupa.tenant_variants import EASY, SCHEDULE, Variant
from tests.helpers.tenant_visits import QUICK

ALL = orders.all_orders(QUICK)
LISTED = {order.variant: order for order in ALL if order.listed}


def test_every_variant_once_and_the_same_each_time() -> None:
    """Each variant has a description, and an error code exactly if it does not succeed."""
    assert orders.all_orders(QUICK) == ALL
    assert len(LISTED) == len(SCHEDULE) == sum(order.listed for order in ALL)
    assert all(order.about for order in ALL)
    for order in LISTED.values():
        assert (order.expected_error is not None) == (order.expected_status in {"PARTIAL", "FAILED"})
        assert bool(order.files) == (order.expected_status in {"COMPLETED", "PARTIAL"})
    assert {order.language for order in ALL} == {"en", "pt", "de"}


def test_numbers_are_of_one_attachment_and_one_page() -> None:
    """However many orders there are, ids and attachment numbers are unique."""
    many = orders.all_orders(dataclasses.replace(QUICK, orders=3 * len(SCHEDULE)))
    assert len({order.header_id for order in many}) == len({order.number for order in many}) == len(many)
    requisitions = [order.requisition for order in many if order.requisition]
    assert len({one.id for one in requisitions}) == len(requisitions)
    meant: dict[int, object] = {}
    for items in [*(order.items for order in many), *(one.items for one in requisitions)]:
        for item in items:
            assert meant.setdefault(item.attachment.number, item.attachment) == item.attachment


@pytest.mark.parametrize(
    ("variant", "sources", "claimed"),
    [
        (Variant.BOTH_WIDGETS, {Source.ORDER: 2, Source.COMMENT: 1}, 3),
        (Variant.CLICK_AND_LINK, {Source.ORDER: 1, Source.COMMENT: 1}, 2),
        (Variant.ATTACHED_TWICE, {Source.COMMENT: 4, Source.ORDER: 2}, 6),
        (Variant.PAGED_LINES, {Source.LINE: 3}, 3),
        (Variant.URL_AND_TEXT, {Source.ORDER: 1}, 5),
        (Variant.ONLY_URL, {}, 2),
        (Variant.REQUISITION, {Source.REQUISITION: 2}, 0),
        (Variant.REQUISITION_ADDED, {Source.ORDER: 1, Source.COMMENT: 1, Source.REQUISITION: 1}, 2),
        (Variant.REQUISITION_UNASKED, {Source.ORDER: 1}, 1),
        (Variant.REQUISITION_EMPTY, {}, 0),
        (Variant.FILE_GONE, {Source.ORDER: 1}, 2),
        (Variant.CLAIMS_MORE, {Source.ORDER: 2}, 3),
    ],
)
def test_what_is_wanted_and_what_the_page_claims(variant: Variant, sources: dict[Source, int], claimed: int) -> None:
    """An attachment in two lists counts once; the requisition's files are wanted if the order has no PDF."""
    order = LISTED[variant]
    assert collections.Counter(source for source, _ in order.wanted) == sources
    assert order.claimed == claimed


def test_names_and_hashes() -> None:
    """There are equal names with different contents, contents attached twice, and names from real tenants."""
    same = LISTED[Variant.SAME_NAME].files
    assert (len({file.name for file in same}), len({file.sha256 for file in same})) == (1, 2)
    twice = LISTED[Variant.ATTACHED_TWICE].files
    assert (len(twice), len({file.sha256 for file in twice}), len({file.number for file in twice})) == (6, 3, 6)
    names = {file.name for file in LISTED[Variant.AWKWARD].files}
    assert {"Invoice (1).pdf", "NDA__Brandt__2026.pdf", "Contract.docx.pdf"} <= names
    assert {name.rpartition(".")[2] for name in names} == {"pdf", "xlsx", "docx", "msg", "eml", "png"}
    notes = LISTED[Variant.URL_AND_TEXT].notes
    assert [note.kind for note in notes] == ["url", "text", "url", "text"]


def test_numbers_that_are_not_the_id() -> None:
    """One number leads nowhere, one to another order; searching either also finds another order."""
    ids = {order.header_id: order for order in ALL}
    missing, taken = LISTED[Variant.OTHER_ID], LISTED[Variant.OTHER_ID_TAKEN]
    assert int(missing.number) not in ids
    assert ids[int(taken.number)].number != taken.number
    for order in (missing, taken):
        assert len([one for one in ALL if order.number in one.number]) == 2


def test_a_plain_tenant() -> None:
    """A plain tenant has only usual orders, which all succeed."""
    many = orders.all_orders(dataclasses.replace(QUICK, orders=60, plain=True))
    assert {order.variant for order in many} == set(EASY)
    assert {order.expected_status for order in many} == {"COMPLETED", "NO_ATTACHMENTS"}


@pytest.mark.parametrize(
    "wrong", [{"orders": 0}, {"file_bytes": 0}, {"latency": -1.0}, {"session_requests": -1}, {"late": -0.1}]
)
def test_settings_no_tenant_could_have_are_refused(wrong: dict[str, Any]) -> None:
    """Impossible settings are refused when they are made."""
    with pytest.raises(ValueError, match="count from 1"):
        tenant_catalogue.TenantSettings(**wrong)


@pytest.mark.parametrize(
    ("at", "expected"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_one_time_codes(at: int, expected: str) -> None:
    """Codes match RFC 6238, appendix B (six digits), and are valid for one step before and after."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # 12345678901234567890
    assert totp.code(secret, at) == expected
    assert totp.matching_step(secret, f" {expected} ", at + totp.STEP) == at // totp.STEP
    assert totp.matching_step(secret, expected, at + 2 * totp.STEP) is None


def test_the_program_for_codes() -> None:
    """The program for `--totp-command` prints the current code on one line."""
    secret = QUICK.totp_secret
    ended = subprocess.run(
        [sys.executable, "-m", "po_pw.demo.coupa.totp", secret], capture_output=True, text=True, check=True
    )
    assert totp.matching_step(secret, ended.stdout, time.time()) is not None


@pytest.mark.parametrize(
    ("settings", "left"),
    [(dataclasses.replace(QUICK, session_seconds=30.0), 1.0), (dataclasses.replace(QUICK, session_idle=30.0), 30.0)],
)
def test_a_session_ends_after_its_time(settings: tenant_catalogue.TenantSettings, left: float) -> None:
    """A session ends after its total time, or without use, and counts as one ending."""
    clock, counts = [100.0], collections.Counter[str]()
    ours = tenant_accounts.Accounts(settings, counts, now=lambda: clock[0])
    token = ours.sign_in("buyer")
    clock[0] += 29
    session = ours.use(token)
    assert session is not None
    assert ours.seconds_left(session) == left
    clock[0] += left - 0.5
    assert ours.find(token) is session
    clock[0] += 0.5
    assert ours.use(token) is None
    assert ours.use(token) is None
    assert counts == {"sign_ins": 1, "endings": 1}
