"""Every file of the demo portal over real HTTP, and deliberate errors."""

from __future__ import annotations

import dataclasses
import hashlib
from urllib.parse import urlsplit

import aiohttp
import pytest

from po_pw.demo import catalogue, faults, portal_pages, running_portal, sending, signing
from po_pw.demo.catalogue import Delivery
from po_pw.demo.variants import Variant
from tests.helpers.demo_visits import QUICK, client, fetch, first, hidden, page_of, visit


def test_every_file_of_every_order_is_what_the_list_says() -> None:
    """Bytes, length, type and name match `/api/expected.json`, for every way of delivery."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        portal.faults.remaining.clear()
        csrf = hidden(await page_of(portal, session, Variant.FORM_POST), "csrf")
        async with client() as nobody, nobody.get(f"{portal.origin}/api/expected.json") as answer:
            expected = {order["po_number"]: order for order in await answer.json()}
        assert list(expected) == [order.po_number for order in portal.orders]
        for order in portal.orders:
            said = expected[order.po_number]
            assert (said["expected_status"], said["expected_error"]) == (order.expected_status, order.expected_error)
            assert said["url"] == portal.order_url(order.po_number)
            assert len(said["files"]) == len(order.files)
            for file, listed in zip(order.files, said["files"], strict=True):
                content, answer = await fetch(portal, session, file, csrf)
                assert answer.status == 200, file
                assert hashlib.sha256(content).hexdigest() == file.sha256 == listed["sha256"], file
                assert len(content) == file.size == listed["size"]
                if file.delivery is Delivery.SCRIPT:
                    continue
                assert answer.content_type == file.media_type == listed["media_type"]
                assert answer.headers.get("Content-Disposition") == sending.disposition(file)
                assert answer.headers["ETag"]
                assert answer.headers["Last-Modified"].endswith(" GMT")
                length = None if file.delivery is Delivery.CHUNKED else str(file.size)
                assert answer.headers.get("Content-Length") == length

    portal = visit(act)
    assert portal.counts["files"] == sum(len(order.files) for order in portal.orders)
    assert portal.counts["bytes"] == sum(file.size for order in portal.orders for file in order.files)


def test_two_portals_hand_out_the_same() -> None:
    """The same settings serve the same bytes in any process."""
    taken: list[list[bytes]] = []

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        taken.append([(await fetch(portal, session, file, ""))[0] for file in first(portal, Variant.LINKS).shown])

    visit(act)
    visit(act)
    assert taken[0] == taken[1]


@pytest.mark.parametrize(
    ("name", "delivery", "wanted"),
    [
        ("a b.pdf", Delivery.ATTACHMENT, "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf"),
        ("ü.pdf", Delivery.ATTACHMENT, "attachment; filename=\"?.pdf\"; filename*=UTF-8''%C3%BC.pdf"),
        ('"\\.pdf', Delivery.ATTACHMENT, 'attachment; filename="\\"\\\\.pdf"; filename*=UTF-8\'\'%22%5C.pdf'),
        ("../x.txt", Delivery.ATTACHMENT, "attachment; filename=\"../x.txt\"; filename*=UTF-8''..%2Fx.txt"),
        ("発.pdf", Delivery.ONLY_STAR, "attachment; filename*=UTF-8''%E7%99%BA.pdf"),
        ("10001", Delivery.UNNAMED, "attachment"),
        ("x.pdf", Delivery.INLINE, None),
        ("x.pdf", Delivery.FORM_INLINE, None),
    ],
)
def test_names_are_sent_as_standards_say(name: str, delivery: Delivery, wanted: str | None) -> None:
    """`Content-Disposition` has plain and extended names as in RFC 6266, the extended alone, or none."""
    file = dataclasses.replace(catalogue.catalogue(QUICK)[0].shown[0], name=name, delivery=delivery)
    assert sending.disposition(file) == wanted


def test_forms_want_their_token_and_have_no_other_way() -> None:
    """A form needs its token, and its file has no other address."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        file = first(portal, Variant.FORM_POST).shown[0]
        url = portal.origin + portal_pages.address(file)
        async with session.post(url, data={"csrf": "0" * 64}) as answer:
            assert (answer.status, answer.content_type) == (403, "text/html")
        async with session.get(url) as answer:
            assert answer.status == 404
        async with session.get(f"{portal.origin}/files/{first(portal, Variant.BLOB).shown[0].number}") as answer:
            assert answer.status == 404

    assert visit(act).counts["files"] == 0


def test_the_other_origin_wants_a_signature_and_no_cookie() -> None:
    """The signed address works for everybody, but not with another signature or path."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        order = first(portal, Variant.REDIRECT)
        async with session.get(portal.origin + portal_pages.address(order.shown[0]), allow_redirects=False) as answer:
            assert answer.status == 302
            signed = answer.headers["Location"]
        assert signed.startswith(portal.other_origin)
        assert urlsplit(signed).port != urlsplit(portal.origin).port
        async with client() as nobody:
            async with nobody.get(signed) as answer:
                assert hashlib.sha256(await answer.read()).hexdigest() == order.shown[0].sha256
            other_path = signed.replace(str(order.shown[0].number), str(order.shown[1].number))
            for wrong in (signed[:-1] + ("0" if signed[-1] != "0" else "1"), other_path, signed.partition("?")[0]):
                async with nobody.get(wrong) as answer:
                    assert answer.status == 403

    visit(act)


def test_signatures_are_soon_worth_nothing() -> None:
    """A signed address is refused after a minute."""
    clock = [1000.0]
    ours = signing.Signer(now=lambda: clock[0])
    query = dict(part.split("=") for part in ours.sign("/objects/1").split("&"))
    assert ours.is_valid("/objects/1", query["X-Expires"], query["X-Signature"])
    clock[0] += 61
    assert not ours.is_valid("/objects/1", query["X-Expires"], query["X-Signature"])
    assert not ours.is_valid("/objects/1", "9999999999", query["X-Signature"])


@pytest.mark.parametrize(
    ("asked", "status", "piece"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=10000-", 206, slice(10000, None)),
        ("bytes=-100", 206, slice(-100, None)),
        ("bytes=0-999999999", 206, slice(None)),
        ("bytes=999999999-", 416, None),
        ("bytes=-", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(asked: str, status: int, piece: slice | None) -> None:
    """`Range` returns that part; an impossible range is refused or ignored."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        file = first(portal, Variant.LINKS).shown[0]
        url = portal.origin + portal_pages.address(file)
        whole, _ = await fetch(portal, session, file, "")
        async with session.get(url, headers={"Range": asked}) as answer:
            assert answer.status == status
            content = await answer.read()
        if piece is None:
            assert answer.headers["Content-Range"] == f"bytes */{file.size}"
            return
        assert content == whole[piece]
        if status == 206:
            start, stop, _ = piece.indices(file.size)
            assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{file.size}"

    visit(act)


def test_a_part_is_given_only_of_the_same_file() -> None:
    """`If-Range` with the file's tag or date returns the part, otherwise the whole file."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        file = first(portal, Variant.LINKS).shown[0]
        url = portal.origin + portal_pages.address(file)
        async with session.head(url) as answer:
            assert answer.headers["Content-Length"] == str(file.size)
            tag, date = answer.headers["ETag"], answer.headers["Last-Modified"]
        for condition, status in ((tag, 206), (date, 206), ('"other"', 200)):
            async with session.get(url, headers={"Range": "bytes=5-", "If-Range": condition}) as answer:
                assert answer.status == status

    visit(act)


def test_a_page_is_unavailable_once() -> None:
    """503 with `Retry-After`, then the order."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        url = portal.order_url(first(portal, Variant.FLAKY_PAGE).po_number)
        async with session.get(url) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        async with session.get(url) as answer:
            assert answer.status == 200

    assert visit(act).counts["faults"] == 1


def test_files_fail_once_and_then_are_whole() -> None:
    """A reset, an error page and a short body each occur once; then the file is complete."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        failing = [
            file
            for variant in (Variant.FLAKY_FILE, Variant.TRUNCATED_ONCE)
            for file in first(portal, variant).shown
            if file.fault
        ]
        assert {file.fault for file in failing} == {faults.Fault.RESET, faults.Fault.SERVER_ERROR, faults.Fault.SHORT}
        for file in failing:
            if file.fault is faults.Fault.SERVER_ERROR:
                _, answer = await fetch(portal, session, file, "")
                assert answer.status == 500
            else:
                with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError)):
                    await fetch(portal, session, file, "")
            content, _ = await fetch(portal, session, file, "")
            assert hashlib.sha256(content).hexdigest() == file.sha256

    assert visit(act).counts["faults"] == 3


def test_a_page_comes_instead_of_a_file() -> None:
    """The page is HTML with status 200; the order's other file is complete, so it is PARTIAL."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        order = first(portal, Variant.HTML_INSTEAD)
        assert (order.expected_status, order.expected_error) == ("PARTIAL", "NOT_A_FILE")
        (never,) = set(order.shown) - set(order.files)
        content, answer = await fetch(portal, session, never, "")
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert b"being scanned" in content

    visit(act)


def test_failures_can_be_added() -> None:
    """Failures can be added to any path, several in a row; then it works again."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        file = first(portal, Variant.LINKS).shown[0]
        portal.faults.add(portal_pages.address(file), faults.Fault.TOO_MANY, times=2)
        portal.faults.add(portal_pages.address(file), faults.Fault.UNAVAILABLE)
        statuses = [(await fetch(portal, session, file, ""))[1].status for _ in range(4)]
        assert statuses == [429, 429, 503, 200]

    visit(act)
