"""One HTTP client for files: the system's trust store and proxy, cookies taken from a context, limits per host."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ssl
import types
import urllib.request
from typing import TYPE_CHECKING, Final, Self

import aiohttp
import truststore

from po_pw import errors, redact
from po_pw.http_dates import retry_after as retry_after
from po_pw.transport import addresses, allowed_hosts, codings, cookies, http_errors, resolving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from types import TracebackType

    import yarl

    from po_pw import models

BLOCK: Final = 1 << 20
"""Bytes read at a time."""
_MOST_REDIRECTS: Final = 20
"""As browsers have it."""
_LONGEST_HEADER: Final = 1 << 16
"""Bytes: signed addresses in `Location` and names in `Content-Disposition` outgrow aiohttp's 8 KiB."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NONE: Final[Mapping[str, str]] = types.MappingProxyType({})


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """An answer whose body has not been read yet."""

    url: str
    """After redirects."""
    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    chunks: AsyncIterator[bytes]
    encoded: bool = False
    """The server compressed it all the same: `chunks` are what it was before, and its length says nothing of them."""
    redirects: tuple[str, ...] = ()
    """The addresses that led here, the one asked for first; empty where it answered itself."""


class Client:
    """Owns the connections of a run. An async context manager.

    Args:
        files_in_all: connections at once.
        files_per_host: connections at once to one host.
        stall_timeout: seconds without a byte.
        connect_timeout: seconds to connect.
    """

    def __init__(
        self, *, files_in_all: int, files_per_host: int, stall_timeout: float, connect_timeout: float = 20
    ) -> None:
        self._limits = files_in_all, files_per_host
        # No limit on `connect`: it would count the wait for one of the connections.
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=None, sock_connect=connect_timeout, sock_read=stall_timeout
        )

    async def __aenter__(self) -> Self:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        total, per_host = self._limits
        self._resolver = resolving.Resolver()
        self._connector = aiohttp.TCPConnector(
            limit=total,
            limit_per_host=per_host,
            ssl=context,
            resolver=self._resolver,
            use_dns_cache=False,  # whether an address will do depends on who asks
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connector.close()

    def session(
        self, user_agent: str, accept_language: str = "", *, check: Callable[[str], None] = lambda _url: None
    ) -> Session:
        """A session of its own for one context: its cookies, its user agent; the connections are shared.

        Args:
            user_agent: the browser's.
            accept_language: comma-separated, most wanted first.
            check: called with each address before it is asked; raises an error of ours where it is not to be.
        """
        # identity: lengths then are what they say, and the bytes on disk are the file's own.
        headers = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        if accept_language:
            headers["Accept-Language"] = accept_language
        jar = cookies.new_jar()
        inner = aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            cookie_jar=jar,
            headers=headers,
            timeout=self._timeout,
            auto_decompress=False,
            read_bufsize=BLOCK,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        return Session(inner, jar, self._resolver, check)


class Session:
    """Requests made as one signed-in browser context would make them."""

    def __init__(
        self,
        inner: aiohttp.ClientSession,
        jar: aiohttp.CookieJar,
        resolver: resolving.Resolver,
        check: Callable[[str], None],
    ) -> None:
        self._check = check
        self._inner = inner
        self._jar = jar
        self._resolver = resolver

    def set_cookies(self, given: Sequence[models.Cookie]) -> None:
        """Replaces the cookies; each is sent only where the browser would send it, also across redirects.

        Args:
            given: as Playwright's `context.cookies()` gives them. A domain without a leading dot is for that host
                alone.
        """
        cookies.fill(self._jar, given)

    @contextlib.asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        referer: str = "",
        headers: Mapping[str, str] = _NONE,
        fence: allowed_hosts.HostPolicy | None = None,
        conditions: Mapping[str, str] = _NONE,
    ) -> AsyncIterator[Body]:
        """Asks for a file; the body streams while the block lasts.

        Args:
            url: http(s); sent as it stands.
            referer: the page the link is on; another host is told its origin alone, as browsers do.
            headers: more of them; another host, after a redirect, does not get them.
            fence: which hosts it may come from; None for any.
            conditions: `Range` with `If-Range`, or `If-None-Match` with `If-Modified-Since` (RFC 9110, 13 and 14), for
                whichever host answers at last. 206 is an answer to the former only, 304 to the latter.

        Raises:
            NotAllowedError: it lies, or a redirect leads, outside the fence.
            NotAsked: a status that answers another question than the one that was asked, such as 412.
            TransientError: reset, no name, time-out, 202, 408, 425, 429, 5xx; also while the body streams.
            PermanentError: 404, 410 and other refusals, or a redirect to something that is not http(s).
            SessionExpiredError: 401.
            BrowserRouteNeededError: 403, or a proxy or a certificate is in the way: the browser may get past.
        """
        answer, redirects = await self._follow(addresses.parse(url), referer, headers, fence, conditions)
        at = str(answer.url)
        chunks = _chunks(answer, at)
        try:
            http_errors.refuse(answer.status, at, answer.headers, conditions)
            if fence is not None and not _is_page(answer.headers):  # a sign-in page is for the portal to judge
                fence.check_file(at, redirects[-1] if redirects else "")
            yield Body(at, answer.status, answer.headers, chunks, bool(codings.of(answer.headers)), redirects)
        finally:
            await chunks.aclose()
            answer.release() if answer.content.at_eof() else answer.close()

    async def _follow(
        self,
        url: yarl.URL,
        referer: str,
        headers: Mapping[str, str],
        fence: allowed_hosts.HostPolicy | None,
        conditions: Mapping[str, str],
    ) -> tuple[aiohttp.ClientResponse, tuple[str, ...]]:
        """The first answer that is no redirect. Not left to aiohttp: it takes `Referer` and headers to other hosts."""
        origin, seen = url.origin(), list[str]()
        if fence is not None:
            fence.check_file(str(url))
        while True:
            sent = {**headers, **conditions} if url.origin() == origin else dict(conditions)
            if told := addresses.referer(referer, url):
                sent["Referer"] = told
            self._check(str(url))
            with http_errors.map_client_errors(str(url)):
                answer = await self._ask(url, sent, fence)
            target = answer.headers.get("Location", "")
            if answer.status not in _REDIRECTS or not target:
                return answer, tuple(seen)
            answer.release()
            seen.append(str(url))
            if len(seen) > _MOST_REDIRECTS:
                msg = f"{redact.bare(seen[0])} redirects in a circle"
                raise errors.PermanentError(msg)
            url = addresses.parse(target, base=str(url))
            if fence is not None:
                fence.check_hop(str(url), seen[-1])

    async def _ask(
        self, url: yarl.URL, headers: Mapping[str, str], fence: allowed_hosts.HostPolicy | None
    ) -> aiohttp.ClientResponse:
        proxy = await _proxy(url)
        if fence is not None:
            await self._resolver.vet(fence, url.host or "")
        held = resolving.within.set(fence if proxy is None else None)
        try:
            return await self._inner.get(url, headers=headers, allow_redirects=False, proxy=proxy)
        finally:
            resolving.within.reset(held)

    async def aclose(self) -> None:
        """Ends the session; the connections stay with the client."""
        await self._inner.close()


def _is_page(headers: Mapping[str, str]) -> bool:
    """Whether a page came; one that is sent as an attachment is a file."""
    kind, disposition = headers.get("Content-Type", ""), headers.get("Content-Disposition", "")
    is_html = kind.strip().lower().startswith(("text/html", "application/xhtml"))
    return is_html and not disposition.strip().lower().startswith("attachment")


async def _chunks(answer: aiohttp.ClientResponse, at: str) -> AsyncGenerator[bytes, None]:
    coding = codings.of(answer.headers)
    if coding and not codings.is_read(coding):
        msg = f"{redact.bare(at)} is compressed in a way that only a browser can read"
        raise errors.BrowserRouteNeededError(msg)
    with http_errors.map_client_errors(at, streaming=True):
        received = _received(answer)
        if coding:
            received = codings.decoded(received, coding, announced=answer.content_length)
        async with contextlib.aclosing(received):
            async for chunk in received:
                yield chunk


async def _received(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    while chunk := await answer.content.readany():
        yield chunk


async def _proxy(url: yarl.URL) -> str | None:
    """The system's proxy for an address; None: straight to it.

    Not aiohttp's `trust_env`: that also sends the passwords of a `.netrc`, which no browser does.
    """
    return await asyncio.to_thread(_system_proxy, url.scheme, url.host or "")


def _system_proxy(scheme: str, host: str) -> str | None:
    found = urllib.request.getproxies().get(scheme)
    if not found or urllib.request.proxy_bypass(host):
        return None
    address = found if "://" in found else f"http://{found}"
    if not address.lower().startswith(("http://", "https://")):
        msg = f"the proxy for {scheme} is none that speaks HTTP ({address.partition('://')[0]})"
        raise errors.BrowserRouteNeededError(msg)
    return address
