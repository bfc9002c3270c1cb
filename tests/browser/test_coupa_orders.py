"""A run on the embedded Coupa tenant, with only PO numbers and the tenant's address."""

from __future__ import annotations

import collections
import dataclasses
import json
import re
from typing import TYPE_CHECKING, Final

import pytest

from po_pw import errors, events, models
from po_pw.demo.coupa import demo_tenant, tenant_catalogue, tenant_server
from po_pw.demo.coupa.tenant_variants import Variant
from tests.helpers import tenant_runs
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NATIVE: Final = tenant_catalogue.TenantSettings(latency=0.02, late=0.2, sign_in=tenant_catalogue.SignIn.NATIVE)
READS: Final = re.compile(
    r"/(?:order_headers(?:/(?:show_custom/)?\d+(?:/(?:attachments_list|comments\.json|order_lines(?:\.json)?|line_attachments\.json))?)?"
    r"|requisition_headers/\d+(?:/comments\.json)?|attachment/attachment_file/(?:file|type)/\d+/[^/]+|assets/[^/]+"
    r"|public_attachments/.+|sessions/expiration_check|user/home|favicon\.ico)"
)
"""What reading orders asks of the tenant."""


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[demo_tenant.Tenant, tenant_runs.Ran]]:
    """A tenant whose orders were all processed once, by four workers."""
    folder = tmp_path_factory.mktemp("tenant")
    with tenant_server.serve_in_thread(NATIVE) as running:
        tenant_runs.sign_in(running, folder / "home")
        numbers = [order.po_number for order in running.orders]
        yield running, run_async(tenant_runs.run(running.origin, folder, numbers, workers=4))


def variants(tenant: demo_tenant.Tenant) -> Mapping[Variant, tenant_catalogue.TenantOrder]:
    return {order.variant: order for order in tenant.orders}


def test_every_order_comes_out_as_a_person_would_say(tenant: tuple[demo_tenant.Tenant, tenant_runs.Ran]) -> None:
    """Status, error and the SHA-256 of each file are as expected; nothing was changed on the tenant."""
    portal, ran = tenant
    wrong: list[tuple[object, ...]] = []
    for order in portal.orders:
        outcome = ran.outcomes[order.po_number]
        code = outcome.error.code.value if outcome.error else None
        if (outcome.status.value, code) != (order.expected_status, order.expected_error):
            wrong.append((order.variant, outcome.status, outcome.error))
        if sorted(file.sha256 for file in outcome.files) != sorted(file.sha256 for file in order.files):
            wrong.append((order.variant, [file.path for file in outcome.files], [file.name for file in order.files]))
    assert wrong == []
    assert ran.error is None
    assert portal.harm == []


def test_nothing_else_is_asked_of_the_portal(tenant: tuple[demo_tenant.Tenant, tenant_runs.Ran]) -> None:
    """Only pages of orders, their requisitions, the list where needed, and files are requested."""
    portal, _ = tenant
    asked = [one for one in portal.log if one.host == "tenant"]
    assert {one.method for one in asked} == {"GET"}
    assert [one.path for one in asked if not READS.fullmatch(one.path)] == []
    wanted = [variants(portal)[one].requisition for one in Variant if one.name.startswith("REQUISITION")]
    unasked = variants(portal)[Variant.REQUISITION_UNASKED].requisition
    pages = collections.Counter(one.path for one in asked if re.fullmatch(r"/requisition_headers/\d+", one.path))
    expected = [f"/requisition_headers/{one.id}" for one in wanted if one is not None and one is not unasked]
    assert pages == collections.Counter(expected)
    searches = collections.Counter(one.query for one in asked if one.path == "/order_headers")
    sought = [
        order
        for order in portal.orders
        if order.expected_error in {"NOT_FOUND", "FORBIDDEN"} or order.header_id != int(order.number)
    ]
    # The list is opened once, its search is tried once with an order that it shows, then each order is searched for.
    tried = portal.orders[0].number
    assert searches == collections.Counter(["", f"search={tried}", *(f"search={order.number}" for order in sought)])
    files = collections.Counter(one.path for one in asked if "/attachment_file/" in one.path)
    stale = {f"/{file.number}/" for file in variants(portal)[Variant.STALE_ADDRESS].files}  # those are asked again
    assert [path for path, count in files.items() if count > 1 and not any(one in path for one in stale)] == []


def test_what_is_no_file_is_recorded_and_counted(tenant: tuple[demo_tenant.Tenant, tenant_runs.Ran]) -> None:
    """Addresses and texts are in the results as such, and count towards the page's own number."""
    portal, ran = tenant
    for variant in (Variant.URL_AND_TEXT, Variant.ONLY_URL):
        order = variants(portal)[variant]
        outcome, listing = ran.outcomes[order.po_number], ran.listings[order.po_number]
        assert listing.claimed == order.claimed
        assert [gap.failure for gap in outcome.missing] == [None] * len(order.notes)
        assert {gap.source for gap in outcome.missing} == {
            note.content if note.kind is tenant_catalogue.NoteKind.URL else f'text "{note.content}"'
            for note in order.notes
        }


def test_a_requisitions_files_say_so(tenant: tuple[demo_tenant.Tenant, tenant_runs.Ran]) -> None:
    """Manifest and results name the requisition's files as such; the order's own files come first."""
    portal, ran = tenant
    order = variants(portal)[Variant.REQUISITION_ADDED]
    assert order.requisition is not None
    outcome = ran.outcomes[order.po_number]
    label = f"Requisition {order.requisition.id}: "
    own = [source is not tenant_catalogue.Source.REQUISITION for source, _ in order.wanted]
    assert [not file.section.startswith(label) for file in outcome.files] == own
    (manifest,) = (ran.out / ".po-pw" / "manifests").rglob(f"{order.po_number}.json")
    told = json.loads(manifest.read_text("utf-8"))["files"]
    assert [file["section"] for file in told] == [file.section for file in outcome.files]


def test_the_supplier_is_the_pages(tenant: tuple[demo_tenant.Tenant, tenant_runs.Ran]) -> None:
    """The supplier is read from the page, as the list has none."""
    portal, ran = tenant
    order = variants(portal)[Variant.HEADER_CLICK]
    assert ran.outcomes[order.po_number].supplier == order.supplier


def test_presses_are_few_and_hand_out_files(tenant: tuple[demo_tenant.Tenant, tenant_runs.Ran]) -> None:
    """Only buttons named as a file, showing a line's attachments or turning the pages of lines are pressed."""
    portal, ran = tenant
    pressed = [event for event in ran.heard if isinstance(event, events.Pressed)]
    assert [event.label for event in pressed if event.refused] == []
    named = {
        (order.po_number, item.attachment.name)
        for order in portal.orders
        for item in (*order.items, *(order.requisition.items if order.requisition else ()))
        if item.way in {tenant_catalogue.Way.CLICK, tenant_catalogue.Way.TAB}
    }
    for event in pressed:
        if event.purpose is models.Purpose.FILE:
            assert any(event.key == models.order_key(number) and name in event.label for number, name in named)
    opened = {event.key for event in pressed if event.purpose is models.Purpose.OPEN}
    fold = (Variant.LINES_FOLDED, Variant.CLAIMS_MORE)
    assert opened == {models.order_key(variants(portal)[one].po_number) for one in fold}
    assert [event for event in ran.heard if isinstance(event, events.RequestDecided)] == []


@pytest.mark.parametrize(
    "requests", [1, pytest.param(2, marks=pytest.mark.long), 3, pytest.param(4, marks=pytest.mark.long)]
)
def test_an_ended_session_is_never_no_attachments(tmp_path: Path, requests: int) -> None:
    """A sign-in page in place of any part of an order, its requisition or a file is recognised as such."""
    ends = dataclasses.replace(NATIVE, session_requests=requests)
    with tenant_server.serve_in_thread(ends) as running:
        tenant_runs.sign_in(running, tmp_path / "home")
        order = variants(running)[Variant.REQUISITION]
        ran = run_async(tenant_runs.run(running.origin, tmp_path, [order.po_number]))
        assert isinstance(ran.error, errors.LoginRequiredError)
        assert ran.outcomes == {}


@pytest.mark.long
def test_reading_again_gives_the_same_attachments(tmp_path: Path) -> None:
    """A refresh finds every file by its earlier id, and downloads none again."""
    with tenant_server.serve_in_thread(NATIVE) as running:
        wanted = (Variant.AWKWARD, Variant.SAME_NAME, Variant.PAGED_LINES, Variant.REQUISITION, Variant.OTHER_ID)
        numbers = [variants(running)[variant].po_number for variant in wanted]
        tenant_runs.sign_in(running, tmp_path / "home")
        first = run_async(tenant_runs.run(running.origin, tmp_path, numbers))
        again = run_async(tenant_runs.run(running.origin, tmp_path, numbers, resume=models.Resume(refresh=True)))
        for number in numbers:
            ids = {file.attachment_id for file in first.outcomes[number].files}
            assert {file.attachment_id for file in again.outcomes[number].files} == ids
            changes = again.outcomes[number].changes
            assert changes is not None
            assert (changes.new, changes.changed, changes.vanished) == (0, 0, 0)
