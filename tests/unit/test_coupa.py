"""Decisions about Coupa's addresses, numbers, pages and attachments, without a browser."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from po_pw import errors, models, settings
from po_pw.portals import memory, registry
from po_pw.portals.coupa import attachments, coupa_portal, order_list, order_search, page_kind
from po_pw.portals.coupa import look as looks
from po_pw.portals.generic import page_facts
from po_pw.transport import allowed_hosts

TENANT = "https://acme.coupahost.com"
ORDER = models.PurchaseOrder(models.order_key("PO4500123"), "PO4500123", f"{TENANT}/order_headers/4500123")
FILE = f"{TENANT}/attachment/attachment_file/file"
SIGNED = "https://bucket.s3.eu-west-1.amazonaws.com/attachment_files/files/7/original/a.pdf?X-Amz-Signature=1"
EMPTY: dict[str, Any] = {
    "url": ORDER.url,
    "title": "",
    "controller": "",
    "action": "",
    "id": "",
    "wrapper": False,
    "header": True,
    "signs_out": True,
    "asks": False,
    "flash": [],
    "heading": "",
    "headings": [],
    "length": 500,
    "supplier": "",
    "requisitions": [],
    "entries": [],
    "left": [],
    "lists": [],
    "comments": False,
    "busy": False,
    "claims": [],
    "turns": [],
}
SHOWN = {"controller": "order_headers", "action": "show", "id": "4500123", "wrapper": True}


def seen(**found: Any) -> looks.Look:
    return looks.parse({**EMPTY, **found})


def facts(status: int = 200, url: str = ORDER.url, **found: Any) -> page_facts.PageFacts:
    return page_facts.PageFacts(url=url, asked=ORDER.url, status=status, text_length=900, **found)


def control(label: str = "a.pdf", **found: Any) -> models.Control:
    return models.Control(tag="span", label=label, role="button", **found)


def entry(kind: str, section: str = "header", name: str = "a.pdf", *ways: str, **found: Any) -> looks.Entry:
    return looks.Entry(
        kind, "a shape", section, True, name, name, tuple(ways), found.pop("control", control(name)), None, **found
    )


# --- addresses and numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "path"),
    [
        ("PO4500123", "4500123"),
        ("pm4500123", "4500123"),
        ("Po-4500123", "4500123"),
        ("PO 4500123", "4500123"),
        ("4500123", "4500123"),
        ("PO/1 ü", "%2F1%20%C3%BC"),
        ("POLAR", "POLAR"),
        ("INV-7", "INV-7"),
    ],
)
def test_an_orders_address_follows_from_its_number(number: str, path: str) -> None:
    """A leading PO or PM before a digit is removed, in any case; the rest is unchanged."""
    assert coupa_portal.CoupaPortal(f"{TENANT}/user/home").order_url(number) == f"{TENANT}/order_headers/{path}"


def test_without_a_base_address_no_address_follows() -> None:
    """Without a base address every row needs its own."""
    assert coupa_portal.CoupaPortal().order_url("PO1") is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"{TENANT}/order_headers/1", "coupa"),
        (f"{TENANT}/anything", "coupa"),
        ("https://procure.company.example/order_headers/1?translate=1", "coupa"),
        ("https://procure.company.example/order_headers/show_custom/1?version=1", "coupa"),
        ("http://127.0.0.1:8000/order_headers/1", "coupa"),
        ("https://evilcoupahost.com/orders/1", "generic"),
        ("https://portal.example/orders/1", "generic"),
    ],
)
def test_which_portal_an_address_is(url: str, name: str) -> None:
    """Coupa is recognised by its own hosts, and elsewhere by the form of an order's address."""
    assert registry.Registry(settings.Settings()).for_url(url).name == name


def test_a_portal_can_be_named() -> None:
    """If the portal is named, all addresses are its own, and orders' addresses follow from the base address."""
    known = registry.Registry(settings.Settings(portal="coupa", base_url="https://procure.company.example/"))
    assert known.for_url("https://procure.company.example/x").name == "coupa"
    assert known.address_of("PO17") == "https://procure.company.example/order_headers/17"
    assert registry.Registry(settings.Settings(base_url=TENANT)).address_of("PO17") == f"{TENANT}/order_headers/17"
    both = settings.Settings(base_url=TENANT, url_template="https://x.example/{po_number}")
    assert registry.Registry(both).address_of("a/b") == "https://x.example/a%2Fb"
    assert registry.Registry(settings.Settings()).address_of("17") is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"portal": "ariba"}, "there are: coupa, generic"),
        ({"base_url": "https://procure.company.example"}, "Add --portal coupa"),
        ({"base_url": "https://procure.company.example", "portal": "generic"}, "--url-template"),
    ],
)
def test_settings_that_name_no_portal_are_refused(options: dict[str, Any], said: str) -> None:
    """The message lists the portals, and says what to give instead."""
    with pytest.raises(errors.InputError, match=said):
        registry.Registry(settings.Settings(**options))


@pytest.mark.parametrize("base", ["acme.coupahost.com", "ftp://acme.coupahost.com", "https://"])
def test_a_base_address_is_a_web_address(base: str) -> None:
    """Any other base address is refused with an example."""
    with pytest.raises(errors.InputError, match="such as https://acme"):
        settings.load(base_url=base)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("PO4500123", "4500123", True),
        ("po-0004500123", "PM4500123", True),
        ("4500123", "45001237", False),
        ("4500-1", "45001", False),
        ("4500123A", "4500123", False),
    ],
)
def test_two_writings_of_a_number(one: str, other: str, same: bool) -> None:
    """Prefix, case and leading zeros do not count; everything else does."""
    assert (page_kind.bare(one) == page_kind.bare(other)) is same


# --- what a page is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    ["Purchase Order #4500123", "Pedido de compra nº 4500123", "発注 #4500123 | Coupa", "Bestellung Nr. PO4500123"],
)
def test_the_orders_page_by_structure_and_number(title: str) -> None:
    """An order's page is recognised, whatever words surround the number."""
    assert page_kind.of_order(seen(**SHOWN, title=title), facts(), ORDER).kind is models.PageKind.ORDER


@pytest.mark.parametrize("title", ["Purchase Order #45001237", "Purchase Order #450012", "Order", "Nr. 99"])
def test_another_orders_page_is_never_taken_for_it(title: str) -> None:
    """A page of another order, or without a number, is not the order's; the list may say where it is."""
    found = page_kind.of_order(seen(**SHOWN, title=title), facts(), ORDER)
    assert found.kind is models.PageKind.NOT_RECOGNISED
    assert found.may_be_elsewhere


@pytest.mark.parametrize(
    ("found", "status", "more", "kind"),
    [
        ({}, 404, {}, models.PageKind.NOT_FOUND),
        ({}, 403, {}, models.PageKind.FORBIDDEN),
        ({"flash": ["You are not authorized"]}, 404, {}, models.PageKind.NOT_FOUND),
        ({"flash": ["Você não tem autorização. Peça ao administrador."]}, 200, {}, models.PageKind.FORBIDDEN),
        ({"controller": "errors", "action": "not_found", "flash": ["ไม่มี"]}, 200, {}, models.PageKind.NOT_FOUND),
        ({"controller": "errors", "action": "forbidden", "flash": ["ไม่มี"]}, 200, {}, models.PageKind.FORBIDDEN),
        ({"controller": "errors", "action": "show", "flash": ["ไม่มี"]}, 200, {}, models.PageKind.ERROR),
        ({"headings": ["Oops! We couldn't find what you wanted"]}, 200, {}, models.PageKind.NOT_FOUND),
        ({"controller": "user", "action": "home"}, 200, {}, models.PageKind.NOT_RECOGNISED),
        ({"header": False, "signs_out": False, "asks": True}, 200, {}, models.PageKind.SIGNED_OUT),
        ({"header": False, "signs_out": False}, 401, {}, models.PageKind.SIGNED_OUT),
        (
            {"header": False, "signs_out": False},
            200,
            {"url": "https://identity-eu1.io.coupahost.com/realms/a/protocol/openid-connect/auth?state=1"},
            models.PageKind.SIGNED_OUT,
        ),
        ({"header": False, "signs_out": False}, 200, {"url": "https://sso.example/x"}, models.PageKind.SIGNED_OUT),
    ],
)
def test_what_came_instead(found: dict[str, Any], status: int, more: dict[str, Any], kind: models.PageKind) -> None:
    """Another page is recognised by its status, then by its identifiers, and last by words."""
    assert page_kind.of_order(seen(**found), facts(status, **more), ORDER).kind is kind


def test_an_order_without_any_list_of_attachments_is_no_proof() -> None:
    """A page without any list proves nothing, unless a person has accepted such pages."""
    portal, known = coupa_portal.CoupaPortal(), memory.PortalMemory()
    listing = models.Listing(
        models.PageKind.ORDER, (), None, complete=True, supplier="", url=ORDER.url, area=models.AreaState.NONE
    )

    def concluded() -> models.PageKind:
        found = portal.conclude(listing, ORDER, known, last=True, is_other_order=lambda _: False)
        assert found is not None
        return found.page

    assert concluded() is models.PageKind.NO_AREA
    known.accepted_without_area = True
    assert concluded() is models.PageKind.ORDER


# --- attachments ------------------------------------------------------------------------------------------------------


def found_in(*pages: tuple[looks.Entry, ...]) -> tuple[models.Attachment, ...]:
    found = attachments.Found()
    for turned, entries in enumerate(pages):
        found.add(entries, attachments.Page(ORDER.url), turned)
    return found.attachments


def test_one_attachment_in_two_places_is_one() -> None:
    """Coupa's number identifies an attachment; both addresses are ways to it."""
    one, two = f"{FILE}/7/a.pdf", f"{TENANT}/attachment/attachment_file/type/7/a.pdf"
    found = found_in((entry("file", "header", "a.pdf", two), entry("file", "comments", "a.pdf", one)))
    assert [(file.record, file.section) for file in found] == [("7", "Attachments")]
    assert [way.url for way in (found[0].source, *found[0].others) if isinstance(way, models.Link)] == [two, one]


def test_the_same_file_attached_twice_is_two() -> None:
    """Two numbers are two attachments; without numbers the position tells them apart."""
    linked = found_in(
        (entry("file", "comments", "a.pdf", f"{FILE}/7/a.pdf"), entry("file", "comments", "a.pdf", f"{FILE}/8/a.pdf"))
    )
    assert [file.record for file in linked] == ["7", "8"]
    pressed = found_in((entry("press"), entry("press")))
    assert [(one.source.nth, one.source.alike) for one in pressed if isinstance(one.source, models.Click)] == [
        (0, 2),
        (1, 2),
    ]
    assert len({one.id for one in pressed}) == 2


def test_ids_are_the_same_on_every_visit() -> None:
    """Ids stay the same if lists come in another order or on further pages."""
    first = (entry("press"), entry("file", "comments", "b.pdf", f"{FILE}/8/b.pdf"), entry("text", "comments", "hello"))
    second = (entry("press", "lines", "c.pdf"),)
    once = found_in(first, second)
    assert {one.id for one in once} == {one.id for one in found_in(tuple(reversed(first)), second)}
    assert [one.source.page for one in once if isinstance(one.source, models.Click)] == [0, 1]


def test_addresses_and_texts_are_recorded() -> None:
    """Addresses and texts are counted and never downloaded; entries without address and kind are reported."""
    found = attachments.Found()
    entries = [entry("url", "header", "shop", "https://www.example.com/p"), entry("text", "header", "gate 3")]
    found.add([*entries, entry("unknown", "header", "?")], attachments.Page(ORDER.url))
    assert [one.source for one in found.attachments] == [
        models.External("https://www.example.com/p"),
        models.Text("gate 3"),
    ]
    assert found.unknown == ["?"]


def test_what_may_be_a_file_is_not_recorded_as_an_address_or_a_text() -> None:
    """An address of the storage and an unmarked file name are reported as possible files."""
    found = attachments.Found()
    bare = dataclasses.replace(entry("text", "header", ""), text="offer.pdf", is_marked=False)
    marked = dataclasses.replace(bare, is_marked=True)
    note = dataclasses.replace(bare, text="gate 3")
    found.add([entry("url", "header", "a.pdf", SIGNED), bare, marked, note], attachments.Page(ORDER.url))
    assert [one.source for one in found.attachments] == [models.Text("offer.pdf"), models.Text("gate 3")]
    assert found.unknown == ["a.pdf", "offer.pdf"]


def test_an_entry_of_an_unknown_kind_is_asked_only_where_nothing_speaks_of_change() -> None:
    """Only a harmless address on the portal itself is requested."""
    fine = entry("unknown", "header", "x", f"{TENANT}/attachments/7")
    for bad in (f"{TENANT}/attachments/7/delete", "https://evil.example/7"):
        found = attachments.Found()
        found.add([fine, entry("unknown", "header", "y", bad)], attachments.Page(ORDER.url))
        assert [one.name for one in found.attachments] == ["x"]
        assert found.unknown == ["y"]


def test_a_requisitions_files_say_where_they_are_from() -> None:
    """They name the requisition as their section, and their buttons are pressed on its page."""
    found = attachments.Found()
    page = attachments.Page(f"{TENANT}/requisition_headers/12", "Requisition 12", f"{TENANT}/requisition_headers/12")
    found.add([entry("press")], page)
    (one,) = found.attachments
    assert one.section == "Requisition 12: Attachments"
    assert isinstance(one.source, models.Click)
    assert one.source.at == page.url


@pytest.mark.parametrize(
    ("found", "returns_file"),
    [
        ({"label": "a.pdf file attachment", "title": "a.pdf"}, True),
        ({"label": "Anexo de arquivo de a.pdf", "title": "a.pdf"}, True),
        ({"label": "Add File Attachment"}, False),
        ({"label": "a.pdf", "title": "b.pdf"}, False),
        ({"label": "a.pdf", "title": "a.pdf", "address": f"{TENANT}/x"}, False),
    ],
)
def test_which_buttons_hand_out_a_file(found: dict[str, Any], returns_file: bool) -> None:
    """Buttons whose label contains their title return a file, in any language."""
    assert coupa_portal.CoupaPortal().returns_file(control(**found)) is returns_file


# --- hosts ------------------------------------------------------------------------------------------------------------


def policy(portal: coupa_portal.CoupaPortal | None = None) -> allowed_hosts.HostPolicy:
    portal = portal or coupa_portal.CoupaPortal()
    return allowed_hosts.host_policy(
        ORDER.url, declared=portal.file_hosts(ORDER.url), leads_to_files=portal.leads_to_files
    )


def test_storage_is_reached_by_a_redirect_of_a_file_address_alone() -> None:
    """Pages may not link to the storage; only a file's address may redirect there."""
    policy().check_hop(SIGNED, f"{FILE}/7/a.pdf")
    policy().check_file(SIGNED, SIGNED.replace("eu-west-1", "us-east-1"))
    for came_from in ("", ORDER.url, f"{TENANT}/user/home", "https://evil.example/attachment/attachment_file/file/7/a"):
        with pytest.raises(allowed_hosts.NotAllowedError):
            policy().check_file(SIGNED, came_from)
    with pytest.raises(allowed_hosts.NotAllowedError):
        policy().check_hop("https://evil.example/a.pdf", f"{FILE}/7/a.pdf")


def test_only_a_tenant_on_this_machine_keeps_files_on_this_machine() -> None:
    """`localhost` is a host of files only for a tenant on 127.0.0.1."""
    portal = coupa_portal.CoupaPortal()
    assert "localhost" in portal.file_hosts("http://127.0.0.1:8000/order_headers/1")
    assert "localhost" not in portal.file_hosts(ORDER.url)


def test_what_keeps_a_session_alive() -> None:
    """A page that every user may read is opened often enough."""
    kept = coupa_portal.CoupaPortal().keep_alive(ORDER.url)
    assert kept is not None
    assert kept.url == f"{TENANT}/user/home"
    assert 0 < kept.every < 7200


# --- the list of orders -----------------------------------------------------------------------------------------------

LIST = f"{TENANT}/order_headers"


def listed(url: str = LIST, **found: Any) -> order_list.OrderList:
    return order_list.parse({"url": url, "orders": [], "searches": [], "turns": [], "counts": [], **found})


def turning(label: str, href: str = "", **found: Any) -> dict[str, Any]:
    """A control outside the list's rows, as the script reports it."""
    described: dict[str, Any] = {
        "tag": "a" if href else "button",
        "label": label,
        "text": label,
        "title": "",
        "kind": "",
        "role": "",
    }
    described |= {"address": href, "attributes": [], "icons": [], "form": None, "row": ""}
    return {"is": described, "pager": True, "next": False, "current": False, "off": False, **found}


def test_an_order_is_found_in_the_list_by_its_whole_number() -> None:
    """Part of a number or another host do not count; the same order twice is one."""
    rows = [
        {"url": f"{LIST}/900", "text": "45001237"},
        {"url": f"{LIST}/901", "text": "PO #4500123"},
        {"url": f"{LIST}/901/edit", "text": "4500123"},
        {"url": f"{LIST}/902", "text": "Edit"},
        {"url": "https://evil.example/order_headers/903", "text": "4500123"},
    ]
    known = order_search.KnownList()
    known.note(listed(orders=rows))
    assert list(known.met[page_kind.bare(ORDER.po_number)]) == [f"{LIST}/901"]


def test_the_list_is_searched_by_a_form_that_only_reads() -> None:
    """The form's own fields are sent; a form that leads elsewhere is not used."""
    own = {"action": LIST, "field": "q", "rest": [["view", "all"]]}
    other = {"action": "https://evil.example/order_headers", "field": "q", "rest": []}
    search = listed(searches=[other, {**own, "action": f"{TENANT}/search"}, own]).search
    assert search is not None
    assert search.address("4500123") == f"{LIST}?view=all&q=4500123"
    assert listed(searches=[other]).search is None


@pytest.mark.parametrize(
    ("page", "turns", "leads_to"),
    [
        (1, [turning("Previous", off=True), turning("Next", f"{LIST}?page=2")], f"{LIST}?page=2"),
        (1, [turning("Próximo", f"{LIST}#")], ""),
        (
            2,
            [turning("2", current=True), turning("3", f"{LIST}?page=3"), turning("1", f"{LIST}?page=1")],
            f"{LIST}?page=3",
        ),
        (1, [turning("Next", "https://evil.example/order_headers?page=2")], None),
        (1, [turning("Next step: approve all")], None),
        (1, [turning("Next", off=True)], None),
        (1, [turning("2", pager=False)], None),
    ],
)
def test_the_lists_own_paging_leads_to_its_next_page(
    page: int, turns: list[dict[str, Any]], leads_to: str | None
) -> None:
    """The next page is opened by its address; links that lead elsewhere or may change something are not."""
    shown = listed(turns=turns)
    turn = shown.next(page)
    assert (turn and shown.address_of(turn)) == leads_to


@pytest.mark.parametrize(
    ("page", "found", "expected"),
    [
        (1, {}, False),
        (1, {"counts": [{"text": "1 - 20 of 300", "pager": False}]}, True),
        (1, {"counts": [{"text": "281 - 300 of 300", "pager": False}]}, False),
        (2, {"counts": [{"text": "2 / 3", "pager": True}]}, True),
        (3, {"counts": [{"text": "3 / 3", "pager": True}]}, False),
        (1, {"turns": [turning("»»")]}, True),
        (1, {"turns": [turning("15"), turning("1", current=True)]}, False),
        (1, {"turns": [turning("…", next=True)]}, True),
        (2, {"turns": [turning("Previous")]}, False),
    ],
)
def test_a_list_is_whole_only_where_nothing_says_that_there_is_more(
    page: int, found: dict[str, Any], expected: bool
) -> None:
    """An unknown control in the paging, or a higher count, means that there is more."""
    assert listed(**found).has_more(page) is expected


def test_a_look_tells_what_a_list_becomes() -> None:
    """Two looks are equal if their entries are."""
    one = dataclasses.replace(seen(), entries=(entry("press"),))
    assert one.keys == dataclasses.replace(one, entries=(entry("press"),)).keys
    assert one.keys != seen().keys
