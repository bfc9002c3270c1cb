"""The Coupa tenant's sign-in and sessions, over real HTTP."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from yarl import URL

from po_pw.demo.coupa import demo_tenant, tenant_server, widgets
from po_pw.demo.coupa.tenant_catalogue import SignIn
from po_pw.demo.coupa.tenant_variants import Variant
from tests.helpers.demo_visits import client
from tests.helpers.tenant_visits import QUICK, first, get, send, sign_in, visit

if TYPE_CHECKING:
    import aiohttp


def test_single_sign_on_page_by_page() -> None:
    """User name, password, code and a question each have a page on another host; then the target opens."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        order = first(tenant, Variant.COMMENTS)
        page = await get(session, tenant.origin + order.path)
        assert page[0].origin() == URL(tenant.provider_origin)
        assert page[0].host == "localhost" != URL(tenant.origin).host
        assert "login" not in str(page[0])
        assert 'type="password"' not in page[1]
        page = await send(session, page, identifier=tenant.username)
        assert 'type="password"' in page[1]
        page = await send(session, page, secret="wrong")
        assert 'role="alert"' in page[1]
        page = await send(session, page, secret=tenant.password)
        page = await send(session, page, otp="12345")
        assert 'role="alert"' in page[1]
        async with session.get(f"{tenant.provider_origin}/authenticator") as answer:
            page = await send(session, page, otp=await answer.text())
        assert "Stay signed in?" in page[1]
        handed_over = await send(session, page, stay="no")
        reached, text = await send(session, handed_over)
        assert str(reached) == tenant.origin + order.path
        assert 'class="coupaGlobalHeader"' in text
        assert 'href="/sessions/destroy"' in text
        async with client() as thief:  # the form that posts itself is good once
            assert "not valid" in (await send(thief, handed_over))[1]

    tenant = visit(act, signed_in=False)
    assert tenant.counts["sign_ins"] == tenant.counts["passwords_typed"] == 1
    assert tenant.counts["refused_sign_ins"] == 3
    assert not tenant.harm


def test_the_provider_may_ask_less() -> None:
    """The provider may ask for no code or question, or for nothing if the user stays signed in."""

    async def short(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        page = await send(session, await get(session, tenant.sign_in_url), identifier=tenant.username)
        page = await send(session, await send(session, page, secret=tenant.password))
        assert str(page[0]) == tenant.sign_in_url

    visit(short, dataclasses.replace(QUICK, asks_code=False, asks_to_stay=False), signed_in=False)

    async def again(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        tenant.sign_everybody_out()
        page = await send(session, await get(session, tenant.sign_in_url))
        assert str(page[0]) == tenant.sign_in_url

    tenant = visit(again, dataclasses.replace(QUICK, provider_remembers=True))
    assert (tenant.counts["sign_ins"], tenant.counts["passwords_typed"]) == (2, 1)


def test_a_code_may_be_good_once() -> None:
    """A strict provider refuses a code that was used before."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        code = tenant.code()
        pages = []
        for _ in range(2):
            page = await send(session, await get(session, tenant.sign_in_url), identifier=tenant.username)
            page = await send(session, page, secret=tenant.password)
            pages.append(await send(session, page, otp=code))
        assert "Stay signed in?" in pages[0][1]
        assert 'role="alert"' in pages[1][1]

    visit(act, dataclasses.replace(QUICK, codes_once=True), signed_in=False)


def test_the_native_form() -> None:
    """The tenant's own form has Coupa's ids; a wrong password is reported with status 200."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        order = first(tenant, Variant.LINES)
        page = await get(session, tenant.origin + order.path)
        assert page[0].path == "/sessions/new"
        assert 'id="user_login"' in page[1]
        assert 'id="user_password"' in page[1]
        page = await send(session, page, **{"user[login]": tenant.username, "user[password]": "wrong"})
        assert 'class="esErrorFlashMessages"' in page[1]
        page = await send(session, page, **{"user[login]": tenant.username, "user[password]": tenant.password})
        assert page[0].path == order.path

    tenant = visit(act, dataclasses.replace(QUICK, sign_in=SignIn.NATIVE), signed_in=False)
    assert tenant.sign_in_host == ""
    assert {entry.host for entry in tenant.log} == {"tenant"}


def test_a_session_ends_after_so_many_requests() -> None:
    """Then pages and files lead to the sign-in, and JSON is a 401; public addresses are not counted."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        order = first(tenant, Variant.HEADER_DATA)
        check = f"{tenant.origin}/sessions/expiration_check"
        for _ in range(5):
            await get(session, f"{tenant.origin}/assets/tenant.js")
            async with session.get(check) as answer:
                assert 0 < (await answer.json())["timeout_duration"] <= 7200
        for _ in range(4):  # the page after the sign-in was the first
            assert (await get(session, tenant.origin + order.path))[0].path == order.path
        for path in (order.path, widgets.file_address(order.files[0])):
            async with session.get(tenant.origin + path, allow_redirects=False) as answer:
                assert (answer.status, URL(answer.headers["Location"]).path) == (302, "/sessions/new")
        for path in (f"{order.path}/comments.json", "/sessions/expiration_check"):
            async with session.get(tenant.origin + path) as answer:
                assert answer.status == 401
                assert (await answer.json())["expired_session_url"].startswith("/sessions/new")
        assert await sign_in(tenant, session, order.path) == order.path

    tenant = visit(act, dataclasses.replace(QUICK, session_requests=5))
    assert (tenant.counts["sign_ins"], tenant.counts["endings"]) == (2, 1)
    assert [entry.session for entry in tenant.log if entry.path.startswith("/order_headers")] == [
        *["s1"] * 4,
        *[""] * 3,
        "s2",
    ]


def test_one_session_per_user() -> None:
    """If set, a new sign-in ends the user's earlier session."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        async with client() as elsewhere:
            await sign_in(tenant, elsewhere)
        assert (await get(session, tenant.sign_in_url))[0].host == "localhost"

    tenant = visit(act, dataclasses.replace(QUICK, one_session=True))
    assert (tenant.counts["sign_ins"], tenant.counts["displaced"], tenant.counts["endings"]) == (2, 1, 0)


def test_two_tenants_do_not_share_a_cookie() -> None:
    """Two tenants on one host have different cookies, so one browser can be signed in to both."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        async with tenant_server.serve(QUICK) as other:
            await sign_in(other, session)
            assert str((await get(session, tenant.sign_in_url))[0]) == tenant.sign_in_url

    visit(act)
