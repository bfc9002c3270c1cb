"""Visits the Coupa tenant with an HTTP client."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

from yarl import URL

from po_pw.demo.coupa import demo_tenant, tenant_catalogue, tenant_server
from tests.helpers.demo_visits import client
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import aiohttp

    from po_pw.demo.coupa.tenant_variants import Variant

    Visitor = Callable[[demo_tenant.Tenant, aiohttp.ClientSession], Coroutine[Any, Any, None]]

QUICK = tenant_catalogue.TenantSettings(latency=0.0, late=0.0, file_bytes=6_000)


def visit(
    visitor: Visitor, settings: tenant_catalogue.TenantSettings = QUICK, *, signed_in: bool = True
) -> demo_tenant.Tenant:
    """Lets a visitor act on a tenant of its own; gives the tenant for what it noted."""

    async def run() -> demo_tenant.Tenant:
        async with tenant_server.serve(settings) as tenant, client() as session:
            if signed_in:
                await sign_in(tenant, session)
            await visitor(tenant, session)
            return tenant

    return run_async(run())


async def sign_in(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession, target: str = "/user/home") -> str:
    """Answers what the tenant's usual identity provider asks, page by page; gives the path one is led to."""
    page = await get(session, tenant.origin + target)
    for fields in (
        {"identifier": tenant.username},
        {"secret": tenant.password},
        {"otp": tenant.code()},
        {"stay": "yes"},
    ):
        page = await send(session, page, **fields)
    page = await send(session, page)  # the form that posts itself
    assert page[0].origin() == URL(tenant.origin), page
    return page[0].path


async def get(session: aiohttp.ClientSession, url: str) -> tuple[URL, str]:
    """A page: where it came from in the end, and its text."""
    async with session.get(url) as answer:
        return answer.url, (await answer.read()).decode(errors="replace")


async def send(session: aiohttp.ClientSession, page: tuple[URL, str], **fields: str) -> tuple[URL, str]:
    """Sends the page's only form; gives the page that comes of it."""
    url, text = page
    action = re.search(r'<form method="post" action="([^"]*)"', text)
    assert action is not None, text
    hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', text)
    given = {name: unescape(value) for name, value in hidden} | fields
    async with session.post(url.join(URL(unescape(action[1]))), data=given) as answer:
        return answer.url, (await answer.read()).decode(errors="replace")


def first(tenant: demo_tenant.Tenant, variant: Variant) -> tenant_catalogue.TenantOrder:
    return next(order for order in tenant.orders if order.variant is variant)
