"""Visits the demo portal with an HTTP client."""

from __future__ import annotations

import base64
import re
from html import unescape
from typing import TYPE_CHECKING, Any

import aiohttp

from po_pw.demo import catalogue, portal_pages, running_portal, server
from po_pw.demo.catalogue import Delivery
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from po_pw.demo.variants import Variant

    Visitor = Callable[[running_portal.Portal, aiohttp.ClientSession], Coroutine[Any, Any, None]]

QUICK = catalogue.PortalSettings(latency=0.0, file_latency=0.0, large_bytes=2_000_000)


def visit(
    visitor: Visitor, settings: catalogue.PortalSettings = QUICK, *, signed_in: bool = True
) -> running_portal.Portal:
    """Runs a visitor on a new portal; returns the portal, for its counts."""

    async def run() -> running_portal.Portal:
        async with server.serve(settings) as portal, client() as session:
            if signed_in:
                await sign_in(portal, session)
            await visitor(portal, session)
            return portal

    return run_async(run())


def client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return unescape(found[1])


async def sign_in(
    portal: running_portal.Portal, session: aiohttp.ClientSession, target: str = "/", **changed: str
) -> aiohttp.ClientResponse:
    """Fills in the form that `target` redirects to."""
    async with session.get(portal.origin + target) as answer:
        form = await answer.text()
    fields = {"username": portal.username, "password": portal.password}
    fields |= {name: hidden(form, name) for name in ("csrf", "next")} | changed
    async with session.post(portal.sign_in_url, data=fields) as answer:
        await answer.read()
        return answer


async def page_of(portal: running_portal.Portal, session: aiohttp.ClientSession, variant: Variant) -> str:
    async with session.get(portal.order_url(first(portal, variant).po_number)) as answer:
        assert answer.status == 200
        return await answer.text()


def first(portal: running_portal.Portal, variant: Variant) -> catalogue.DemoOrder:
    return next(order for order in portal.orders if order.variant is variant)


async def fetch(
    portal: running_portal.Portal, session: aiohttp.ClientSession, file: catalogue.ExpectedFile, csrf: str
) -> tuple[bytes, aiohttp.ClientResponse]:
    """Downloads a file in the same way as its order's page."""
    url = portal.origin + portal_pages.address(file)
    if file.delivery is Delivery.SCRIPT:
        async with session.get(f"{url}/data.json") as answer:
            return base64.b64decode((await answer.json())["data"]), answer
    if file.delivery.posted:
        async with session.post(url, data={"csrf": csrf}) as answer:
            return await answer.read(), answer
    async with session.get(url) as answer:
        return await answer.read(), answer
