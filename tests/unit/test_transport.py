"""The HTTP client with a real server: what it sends, to whom, and the error for each fault."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import pytest
import yarl
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st

from po_pw import errors, http_statuses, models, redact
from po_pw.transport import addresses, client, cookies, http_errors
from tests.helpers import faulty_server, support

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.helpers.faulty_server import Server

T = TypeVar("T")


@contextlib.asynccontextmanager
async def session(stall: float = 30, connect: float = 60) -> AsyncIterator[client.Session]:
    async with client.Client(files_in_all=8, files_per_host=8, stall_timeout=stall, connect_timeout=connect) as them:
        ours = them.session("Agent/1", "de-DE,en")
        try:
            yield ours
        finally:
            await ours.aclose()


def with_server(test: Callable[[Server, client.Session], Awaitable[T]], **limits: float) -> T:
    """Runs an async test with a server and a session."""

    async def body() -> T:
        async with faulty_server.serve() as server, session(**limits) as ours:
            return await test(server, ours)

    return support.run_async(body())


async def whole(ours: client.Session, url: str, **more: Any) -> tuple[client.Body, bytes]:
    async with ours.get(url, **more) as body:
        return body, b"".join([chunk async for chunk in body.chunks])


def fails(url: str, **limits: float) -> errors.OrderError:
    """The error of downloading an address of the server."""

    async def test(server: Server, ours: client.Session) -> errors.OrderError:
        with pytest.raises(errors.OrderError) as caught:
            await whole(ours, url if "://" in url else server.url(url))
        return caught.value

    return with_server(test, **limits)


def cookie(name: str, domain: str, **more: object) -> models.Cookie:
    return {"name": name, "value": f"{name}-value", "domain": domain, "path": "/", "expires": -1, **more}


def test_a_file_comes_whole_with_its_headers() -> None:
    """Bytes, status, final address and headers are as the server sent them."""

    async def test(server: Server, ours: client.Session) -> None:
        body, data = await whole(ours, server.url("/pdf"))
        assert data == faulty_server.PDF
        assert (body.status, body.url, body.redirects, body.encoded) == (200, server.url("/pdf"), (), False)
        assert body.headers["content-LENGTH"] == str(len(data))
        asked = server.asked[0].headers
        assert asked["User-Agent"] == "Agent/1"
        assert asked["Accept-Language"] == "de-DE,en"
        assert asked["Accept-Encoding"] == "identity"

    with_server(test)


@pytest.mark.parametrize(
    ("path", "kind", "code", "wait"),
    [
        ("/status?code=401", errors.SessionExpiredError, "SIGN_IN_NEEDED", None),
        ("/status?code=403", errors.BrowserRouteNeededError, "FORBIDDEN", None),
        ("/status?code=404", errors.PermanentError, "NOT_FOUND", None),
        ("/status?code=410", errors.PermanentError, "NOT_FOUND", None),
        ("/status?code=400", errors.PermanentError, "PORTAL_ERROR", None),
        ("/status?code=204", errors.PermanentError, "PORTAL_ERROR", None),
        ("/status?code=201", errors.PermanentError, "PORTAL_ERROR", None),
        ("/status?code=202", errors.TransientError, "NOT_A_FILE", 5.0),
        ("/status?code=202&after=9", errors.TransientError, "NOT_A_FILE", 9.0),
        ("/status?code=203", errors.PermanentError, "PORTAL_ERROR", None),
        ("/status?code=205", errors.PermanentError, "PORTAL_ERROR", None),
        ("/status?code=206", http_errors.UnexpectedStatusError, "NOT_A_FILE", None),
        ("/status?code=207", errors.PermanentError, "PORTAL_ERROR", None),
        ("/status?code=300", errors.PermanentError, "PORTAL_ERROR", None),
        ("/status?code=302", errors.PermanentError, "PORTAL_ERROR", None),
        ("/status?code=304", http_errors.UnexpectedStatusError, "NOT_A_FILE", None),
        ("/status?code=412", http_errors.UnexpectedStatusError, "NOT_A_FILE", None),
        ("/status?code=416", http_errors.UnexpectedStatusError, "NOT_A_FILE", None),
        ("/status?code=407", errors.BrowserRouteNeededError, "NETWORK", None),
        ("/status?code=408", errors.TransientError, "PORTAL_ERROR", None),
        ("/status?code=425", errors.TransientError, "PORTAL_ERROR", None),
        ("/status?code=429", errors.TransientError, "RATE_LIMITED", None),
        ("/status?code=429&after=7", errors.TransientError, "RATE_LIMITED", 7.0),
        ("/status?code=503&after=12", errors.TransientError, "RATE_LIMITED", 12.0),
        ("/status?code=503", errors.TransientError, "PORTAL_ERROR", None),
        ("/status?code=500&after=90000", errors.TransientError, "PORTAL_ERROR", 3600.0),
        ("/truncate", errors.TransientError, "TRUNCATED", None),
        ("/reset", errors.TransientError, "TRUNCATED", None),
        ("/chunked-cut", errors.TransientError, "TRUNCATED", None),
        ("/reset?at=once", errors.HostUnreachableError, "NETWORK", None),
        ("/bad-header", errors.BrowserRouteNeededError, "NETWORK", None),
        ("/brotli", errors.BrowserRouteNeededError, "NETWORK", None),
        ("http://127.0.0.1:1/x", errors.HostUnreachableError, "NETWORK", None),
        ("http://no.such.host.invalid/x", errors.HostUnreachableError, "NETWORK", None),
        ("ftp://127.0.0.1/x", errors.PermanentError, "INVALID_URL", None),
        ("http://[/x", errors.PermanentError, "INVALID_URL", None),
    ],
)
def test_each_fault_becomes_an_error_of_ours(path: str, kind: type, code: str, wait: float | None) -> None:
    """Each status, broken connection and wrong address has its class, code and wait."""
    error = fails(path)
    assert type(error) is kind
    assert error.code == code
    assert getattr(error, "retry_after", None) == wait


@pytest.mark.parametrize("path", ["/stall", "/silent"])
def test_a_server_that_says_nothing_more_is_given_up(path: str) -> None:
    """No byte for `stall_timeout`, before or during the response, is a timeout."""
    error = fails(path, stall=0.3)
    assert isinstance(error, errors.TransientError)
    assert error.code is models.ErrorCode.TIMEOUT


@pytest.mark.parametrize(
    "path",
    ["/status?code=500&", "/status?code=401&", "/status?code=429&", "/truncate?", "/stall?", "/redirect?to=file:///x?"],
)
def test_no_message_holds_a_query(path: str) -> None:
    """Messages and logs never contain queries."""

    async def test(server: Server, ours: client.Session) -> None:
        url = server.url(f"{path}sig=SECRET").replace("http://", "http://user:SECRET@")
        with pytest.raises(errors.OrderError) as caught:
            await whole(ours, url)
        assert "SECRET" not in str(caught.value)
        assert "127.0.0.1" in str(caught.value)

    with_server(test, stall=0.3)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@h:8/a/b;jsessionid=1/c?q=1#f", "https://h:8/a/b/c"),
        ("blob:http://h/1234?x", "blob:"),
        ("data:text/plain,SECRET", "data:"),
        ("/a/b?c", "/a/b"),
        ("http://[bad?sig=1", "http://[bad"),
    ],
)
def test_bare_addresses(url: str, shown: str) -> None:
    """Only scheme, host and path of an address are shown."""
    assert redact.bare(url) == shown


def test_an_error_holds_how_the_answer_begins() -> None:
    """The error has the beginning of a page or text, as far as it arrives at once."""
    never = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/large":
            return web.Response(status=500, text="word " * 100_000)
        if request.path == "/pdf":
            return web.Response(status=404, body=b"%PDF-", content_type="application/pdf")
        begun = web.StreamResponse(status=404, headers={"Content-Type": "text/html", "X-Request-Id": "r-7"})
        await begun.prepare(request)
        await begun.write(b"<h1>Gone")
        await never.wait()
        return begun

    async def body() -> None:
        app = web.Application()
        app.router.add_get("/{rest:.*}", answer)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        begins = {}
        async with session() as ours:
            for path in ("/large", "/pdf", "/cut"):
                with pytest.raises(errors.OrderError) as caught:
                    await whole(ours, f"{origin}{path}")
                assert caught.value.answer is not None
                begins[path] = caught.value.answer
        never.set()
        await runner.cleanup()
        assert (begins["/large"].status, len(begins["/large"].start)) == (500, 8192)
        assert (begins["/pdf"].status, begins["/pdf"].start) == (404, b"")
        assert begins["/cut"].start == b"<h1>Gone"
        assert ("x-request-id", "r-7") in {(name.lower(), value) for name, value in begins["/cut"].headers.items()}

    support.run_async(body())


def test_cookies_go_only_where_the_browser_would_send_them() -> None:
    """Host, path, `Secure` and expiry apply, also after redirects."""

    async def test(server: Server, ours: client.Session) -> None:
        ours.set_cookies(
            [
                cookie("mine", "127.0.0.1"),
                cookie("user[id]", "127.0.0.1", value='a"b=c'),
                cookie("below", "127.0.0.1", path="/below"),
                cookie("secure", "127.0.0.1", secure=True),
                cookie("old", "127.0.0.1", expires=1_000_000),
                cookie("later", "127.0.0.1", expires=99_999_999_999),
                cookie("other", "localhost"),
                cookie("wide", ".example.com"),
            ]
        )
        away = server.url(f"/redirect?to={server.url('/end')}", "localhost")
        body, _ = await whole(ours, server.url(f"/redirect?to={away}"))
        assert len(body.redirects) == 2
        first, second, third = ({*request.cookies} for request in server.asked)
        sent = server.asked[0].headers["Cookie"]
        assert 'user[id]=a"b=c' in sent
        assert "mine=mine-value" in sent
        assert "later=" in sent
        assert not any(name in sent for name in ("below", "secure", "old", "other", "wide"))
        assert first >= {"mine"}
        assert second == {"other"}
        assert "other" not in third
        assert "hop" in third
        assert "mine" in third

    with_server(test)


@pytest.mark.parametrize(
    ("given", "url", "sent"),
    [
        ({}, "https://a.example/", True),
        ({}, "https://a.example:8443/", True),
        ({}, "https://b.a.example/", False),
        ({}, "https://a.example.evil.example/", False),
        ({}, "https://xa.example/", False),
        ({"domain": ".a.example"}, "https://b.a.example/", True),
        ({"domain": ".a.example"}, "https://a.example/", True),
        ({"domain": ".a.example"}, "https://ba.example/", False),
        ({"domain": ".a.example"}, "https://example/", False),
        ({"secure": True}, "https://a.example/", True),
        ({"secure": True}, "http://a.example/", False),
        ({"path": "/x"}, "https://a.example/x/y", True),
        ({"path": "/x"}, "https://a.example/xy", False),
        ({"path": "/x/"}, "https://a.example/", False),
        ({"expires": 1.0}, "https://a.example/", False),
        ({"expires": -1}, "https://a.example/", True),
        ({"name": "__Host-sid", "secure": True}, "https://a.example/", True),
        ({"name": "__Host-sid", "secure": True}, "http://a.example/", False),
        ({"name": "__Host-sid", "secure": True}, "https://b.a.example/", False),
        ({"name": "__Secure-sid", "secure": True, "domain": ".a.example"}, "http://b.a.example/", False),
        ({"partitionKey": "https://a.example"}, "https://a.example/", True),
        ({"domain": "b.a.example", "partitionKey": "https://a.example"}, "https://b.a.example/", True),
        ({"partitionKey": "https://portal.example"}, "https://a.example/", False),
        ({"domain": "[::1]"}, "http://[::1]:80/", True),
        ({"domain": "127.0.0.1"}, "http://127.0.0.10/", False),
    ],
)
def test_where_a_cookie_is_sent(given: dict[str, object], url: str, sent: bool) -> None:
    """Cookies are sent as by the browser, and nowhere else."""

    async def test() -> bool:
        jar = cookies.new_jar()
        cookies.fill(jar, [{**cookie("sid", "a.example"), **given}])
        return len(jar.filter_cookies(yarl.URL(url))) == 1

    assert support.run_async(test()) is sent


def test_another_host_sets_no_cookie_for_the_portal() -> None:
    """A redirect's host cannot set the portal's cookies."""

    async def test(server: Server, ours: client.Session) -> None:
        def foreign() -> web.Response:
            return web.Response(headers={"Set-Cookie": "sid=evil; Domain=127.0.0.1; Path=/"})

        server.answers["/foreign"] = foreign
        ours.set_cookies([cookie("sid", "127.0.0.1")])
        await whole(ours, server.url(f"/redirect?to={server.url('/foreign', 'localhost')}"))
        await whole(ours, server.url("/after"))
        assert "sid=sid-value" in server.saw("/after")[0].headers["Cookie"]

    with_server(test)


def test_new_cookies_replace_the_old() -> None:
    """`set_cookies` removes those of an earlier sign-in."""

    async def test(server: Server, ours: client.Session) -> None:
        ours.set_cookies([cookie("first", "127.0.0.1")])
        await whole(ours, server.url("/one"))
        ours.set_cookies([cookie("second", "127.0.0.1")])
        await whole(ours, server.url("/two"))
        assert server.asked[0].headers["Cookie"] == "first=first-value"
        assert server.asked[1].headers["Cookie"] == "second=second-value"

    with_server(test)


def test_sessions_of_one_client_share_no_cookies() -> None:
    """Sessions have separate cookies, though connections are shared."""

    async def body() -> None:
        async with faulty_server.serve() as server, session() as one:
            async with client.Client(files_in_all=1, files_per_host=1, stall_timeout=9) as them:
                left, right = them.session("l"), them.session("r")
                left.set_cookies([cookie("left", "127.0.0.1")])
                await whole(left, server.url("/x"))
                await whole(right, server.url("/x"))
                await left.aclose()
                await right.aclose()
            await whole(one, server.url("/x"))
            assert ["Cookie" in request.headers for request in server.asked] == [True, False, False]

    support.run_async(body())


def test_another_host_gets_neither_referer_nor_headers() -> None:
    """Another origin gets only our origin as referer, and none of our headers."""

    async def test(server: Server, ours: client.Session) -> None:
        page = server.url("/orders/1?token=SECRET#part")
        away = server.url("/end", "localhost")
        await whole(ours, server.url(f"/redirect?to={away}"), referer=page, headers={"X-Csrf": "abc"})
        here, there = (request.headers for request in server.asked)
        assert here["Referer"] == page.partition("#")[0]
        assert here["X-Csrf"] == "abc"
        assert there["Referer"] == server.url("/")
        assert "X-Csrf" not in there

    with_server(test)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "javascript:alert(1)", "ftp://127.0.0.1/x", "http://"])
def test_a_redirect_leads_only_to_web_addresses(target: str) -> None:
    """A redirect to a file or another scheme is refused."""
    error = fails(f"/redirect?to={target}")
    assert type(error) is errors.PermanentError
    assert "not an http(s) address" in str(error)


def test_a_redirect_in_a_circle_ends() -> None:
    """Too many redirects are refused."""
    error = fails("/circle")
    assert type(error) is errors.PermanentError
    assert "circle" in str(error)


def test_signed_addresses_are_sent_as_they_stand() -> None:
    """Percent-encoding is not changed, in redirects either."""

    async def test(server: Server, ours: client.Session) -> None:
        signed = "/a%2Fb%7Ec/x?sig=a%2Fb%2bc%3D&acl=%2f*&n=1+2"
        await whole(ours, server.url(signed))
        await whole(ours, server.url("/redirect?to=/d%3Fq%3Dx%252F"))
        await whole(ours, server.url("/Größe und mehr.pdf"))
        raw = [request.raw_path for request in server.asked]
        assert raw[0] == signed
        assert raw[2] == "/d?q=x%2F"
        assert raw[3] == "/Gr%C3%B6%C3%9Fe%20und%20mehr.pdf"

    with_server(test)


def test_what_is_compressed_all_the_same_is_unpacked() -> None:
    """The body has the file's own bytes, and says that its length is unverified."""

    async def test(server: Server, ours: client.Session) -> None:
        body, data = await whole(ours, server.url("/gzip"))
        assert body.encoded
        assert data == faulty_server.PDF

    with_server(test)


def test_the_systems_proxy_is_used_and_its_refusal_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that only the proxy knows is downloaded; after a 407 the browser downloads."""

    async def test(server: Server, ours: client.Session) -> None:
        monkeypatch.setenv("http_proxy", server.url(""))
        monkeypatch.setenv("no_proxy", "")
        _, data = await whole(ours, "http://portal.invalid/pdf")
        assert data == faulty_server.PDF
        assert server.asked[0].headers["Host"] == "portal.invalid"
        with pytest.raises(errors.BrowserRouteNeededError):
            await whole(ours, "http://portal.invalid/proxy-auth")
        monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
        with pytest.raises(errors.BrowserRouteNeededError):
            await whole(ours, "http://portal.invalid/pdf")

    with_server(test)


def test_a_server_without_tls_needs_the_browser() -> None:
    """A failed TLS connection is not retried."""

    async def test(server: Server, ours: client.Session) -> None:
        with pytest.raises(errors.BrowserRouteNeededError):
            await whole(ours, server.url("/pdf").replace("http:", "https:"))

    with_server(test)


def test_a_certificate_nobody_trusts_needs_the_browser(tmp_path: Path) -> None:
    """An untrusted certificate is not retried: the browser may trust it."""
    pem = tmp_path / "both.pem"
    pem.write_text(faulty_server.UNTRUSTED, "ascii")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pem)

    async def body() -> None:
        async with faulty_server.serve(tls) as server, session() as ours:
            with pytest.raises(errors.BrowserRouteNeededError, match="certificate"):
                await whole(ours, server.url("/pdf").replace("http:", "https:"))

    support.run_async(body())


def test_leaving_in_the_middle_closes_the_connection() -> None:
    """An unread body leaves no connection in use."""

    async def test(server: Server, ours: client.Session) -> None:
        for _ in range(3):
            async with ours.get(server.url("/large")) as body:
                async for _chunk in body.chunks:
                    break
        with pytest.raises(RuntimeError):
            async with ours.get(server.url("/stall")) as body:
                raise RuntimeError
        _, data = await whole(ours, server.url("/pdf"))
        assert data == faulty_server.PDF

    with_server(test)


@pytest.mark.parametrize("path", ["/silent", "/stall"])
def test_cancelling_leaves_nothing(path: str) -> None:
    """A cancelled request ends at once, and others continue."""

    async def test(server: Server, ours: client.Session) -> None:
        task = asyncio.create_task(whole(ours, server.url(path)))
        await server.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        _, data = await whole(ours, server.url("/pdf"))
        assert data == faulty_server.PDF

    with_server(test)


def test_no_more_connections_to_a_host_than_allowed() -> None:
    """The limit per host applies to all sessions together."""

    async def body() -> None:
        async with (
            faulty_server.serve() as server,
            client.Client(files_in_all=8, files_per_host=2, stall_timeout=30) as them,
        ):
            sessions = [them.session(f"s{number}") for number in range(3)]
            await asyncio.gather(*(whole(ours, server.url("/meeting")) for ours in sessions * 2))
            assert server.most_at_once == 2
            for ours in sessions:
                await ours.aclose()

    support.run_async(body())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 1.5 ", 1.5),
        ("99999999", 3600.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30.0),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0.0),
        ("Wed, 25 Nov 2026 12:00:30 -0000", 30.0),
        ("Sat, 01 Jan 2050 00:00:00 GMT", 3600.0),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Seconds and HTTP dates are read, up to an hour."""
    assert http_statuses.retry_after(value, datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)) == seconds


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """Any text becomes an ASCII http(s) address or our error."""
    for candidate, base in ((text, ""), (text, "http://h/p"), (f"http://h/{text}", "")):
        try:
            url = addresses.parse(candidate, base)
        except errors.PermanentError:
            continue
        assert url.scheme in {"http", "https"}
        assert str(url).isascii()


@pytest.mark.parametrize(
    ("inner", "kind"), [(ssl.SSLEOFError(), errors.TransientError), (ssl.SSLError(), errors.BrowserRouteNeededError)]
)
def test_a_hang_up_in_the_handshake_is_no_matter_of_trust(inner: ssl.SSLError, kind: type) -> None:
    """A connection closed during the TLS handshake is retried; another TLS version needs the browser."""
    key = ConnectionKey("h", 443, True, True, None, None, None)
    with pytest.raises(kind), http_errors.map_client_errors("https://h/x?y"):
        raise aiohttp.ClientConnectorSSLError(key, inner)


@pytest.mark.parametrize(
    ("status", "header", "kind", "code", "wait"),
    [
        (202, "", errors.TransientError, models.ErrorCode.NOT_A_FILE, http_statuses.NOT_READY),
        (202, "9", errors.TransientError, models.ErrorCode.NOT_A_FILE, 9.0),
        (204, "", errors.PermanentError, models.ErrorCode.PORTAL_ERROR, None),
        (400, "9", errors.PermanentError, models.ErrorCode.PORTAL_ERROR, None),
        (403, "", errors.PermanentError, models.ErrorCode.FORBIDDEN, None),
        (410, "", errors.PermanentError, models.ErrorCode.NOT_FOUND, None),
        (429, "", errors.TransientError, models.ErrorCode.RATE_LIMITED, None),
        (500, "9", errors.TransientError, models.ErrorCode.PORTAL_ERROR, 9.0),
        (503, "", errors.TransientError, models.ErrorCode.PORTAL_ERROR, None),
        (503, "9", errors.TransientError, models.ErrorCode.RATE_LIMITED, 9.0),
    ],
)
def test_a_status_is_the_same_error_whoever_asked(
    status: int, header: str, kind: type[errors.OrderError], code: models.ErrorCode, wait: float | None
) -> None:
    """Client and browser use the same rule for statuses."""
    error = http_statuses.error_of(status, f"the portal answered HTTP {status}", header)
    assert (type(error), error.code, getattr(error, "retry_after", None)) == (kind, code, wait)
