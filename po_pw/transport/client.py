"""The HTTP client for files: system trust store and proxy, a browser context's cookies, limits per host."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ssl
import types
from typing import TYPE_CHECKING, Final, Self

import aiohttp
import truststore

from po_pw import errors, models, proxies, redact
from po_pw.transport import addresses, allowed_hosts, codings, cookies, http_errors, resolving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from types import TracebackType

    import yarl

    from po_pw import client_certificates

BLOCK: Final = 1 << 20
"""Bytes read at a time."""
_MAX_REDIRECTS: Final = 20
"""As in browsers."""
_MAX_HEADER_BYTES: Final = 1 << 16
"""Bytes: signed addresses in `Location` and names in `Content-Disposition` exceed aiohttp's 8 KiB."""
_SHOWN: Final = 1 << 13
"""Bytes of an error's page or text that are read for people."""
_SHOWN_WITHIN: Final = 3.0
"""Seconds for them."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NONE: Final[Mapping[str, str]] = types.MappingProxyType({})


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """A response whose body has not been read yet."""

    url: str
    """After redirects."""
    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    chunks: AsyncIterator[bytes]
    encoded: bool = False
    """The server compressed it regardless: `chunks` are decompressed, and `Content-Length` is not their length."""
    redirects: tuple[str, ...] = ()
    """The addresses that redirected here, starting with the requested one; empty without redirects."""


class Client:
    """Owns the connections of a run. An async context manager.

    Args:
        files_in_all: maximum connections.
        files_per_host: maximum connections to one host.
        stall_timeout: maximum seconds without data.
        connect_timeout: maximum seconds to connect.
        certificate: client certificate; None for none.
    """

    def __init__(
        self,
        *,
        files_in_all: int,
        files_per_host: int,
        stall_timeout: float,
        connect_timeout: float = 20,
        certificate: client_certificates.ClientCertificate | None = None,
    ) -> None:
        self._certificate = certificate
        self._limits = files_in_all, files_per_host
        # No limit on `connect`: it would include waiting for a free connection.
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=None, sock_connect=connect_timeout, sock_read=stall_timeout
        )

    async def __aenter__(self) -> Self:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._identified = _Identified()
        if self._certificate is not None and self._certificate.key is not None:
            own = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            await asyncio.to_thread(self._certificate.load_into, own)
            self._identified = _Identified(self._certificate, own)
        total, per_host = self._limits
        self._resolver = resolving.Resolver()
        self._connector = aiohttp.TCPConnector(
            limit=total,
            limit_per_host=per_host,
            ssl=context,
            resolver=self._resolver,
            use_dns_cache=False,  # whether an address is allowed depends on the order
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connector.close()

    def session(
        self, user_agent: str, accept_language: str = "", *, check: Callable[[str], None] = lambda _url: None
    ) -> Session:
        """Creates a session for one context, with its cookies and user agent; connections are shared.

        Args:
            user_agent: the browser's.
            accept_language: comma-separated, preferred first.
            check: called with each address before it is requested; raises to forbid it.
        """
        # identity: so `Content-Length` is the file's length and the bytes are stored as sent.
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
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )
        return Session(inner, jar, self._resolver, check, self._identified)


@dataclasses.dataclass(frozen=True, slots=True)
class _Identified:
    """Makes the connections to hosts that may see the client certificate."""

    certificate: client_certificates.ClientCertificate | None = None
    context: ssl.SSLContext | None = None

    def tls(self, host: str) -> ssl.SSLContext | bool:
        """The TLS context for a host; True for the one that all other hosts share."""
        if self.certificate is None or self.context is None or not self.certificate.is_for(host):
            return True
        return self.context


class Session:
    """Requests made as one signed-in browser context would make them."""

    def __init__(
        self,
        inner: aiohttp.ClientSession,
        jar: aiohttp.CookieJar,
        resolver: resolving.Resolver,
        check: Callable[[str], None],
        identified: _Identified,
    ) -> None:
        self._check = check
        self._identified = identified
        self._inner = inner
        self._jar = jar
        self._resolver = resolver

    def set_cookies(self, given: Sequence[models.Cookie]) -> None:
        """Replaces the cookies; each is sent only to hosts to which the browser would send it, also after redirects.

        Args:
            given: from Playwright's `context.cookies()`. A domain without a leading dot matches only that host.
        """
        cookies.fill(self._jar, given)

    @contextlib.asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        referer: str = "",
        headers: Mapping[str, str] = _NONE,
        policy: allowed_hosts.HostPolicy | None = None,
        conditions: Mapping[str, str] = _NONE,
    ) -> AsyncIterator[Body]:
        """Requests a file; the body streams inside the block.

        Args:
            url: http(s); sent unchanged.
            referer: page with the link; other hosts get only its origin, as from browsers.
            headers: additional headers, not sent to another host after a redirect.
            policy: hosts it may come from; None for any.
            conditions: `Range` with `If-Range`, or `If-None-Match` with `If-Modified-Since` (RFC 9110, 13 and 14),
                also sent to the host that a redirect leads to. Only the former allow 206, only the latter 304.

        Raises:
            NotAllowedError: it is on, or redirects to, a host that is not allowed.
            UnexpectedStatusError: a status that does not fit the request, such as 412.
            TransientError: connection reset, name not found, timeout, 202, a temporary status; also during the body.
            PermanentError: 404, 410 and other refusals, or a redirect to something that is not http(s).
            SessionExpiredError: 401.
            BrowserRouteNeededError: 403, proxy or certificate error: the browser may succeed.
        """
        answer, redirects = await self._follow(addresses.parse(url), referer, headers, policy, conditions)
        at = str(answer.url)
        chunks = _chunks(answer, at)
        try:
            try:
                http_errors.refuse(answer.status, at, answer.headers, conditions)
            except errors.OrderError as error:
                start = await _start(chunks, answer.headers) if answer.status >= 400 else b""
                error.answer = models.Answer(at, answer.status, dict(answer.headers), start)
                raise
            if policy is not None and not _is_page(answer.headers):  # the portal recognises sign-in pages
                policy.check_file(at, redirects[-1] if redirects else "")
            yield Body(at, answer.status, answer.headers, chunks, bool(codings.of(answer.headers)), redirects)
        finally:
            await chunks.aclose()
            answer.release() if answer.content.at_eof() else answer.close()

    async def _follow(
        self,
        url: yarl.URL,
        referer: str,
        headers: Mapping[str, str],
        policy: allowed_hosts.HostPolicy | None,
        conditions: Mapping[str, str],
    ) -> tuple[aiohttp.ClientResponse, tuple[str, ...]]:
        """Follows redirects to the first other response. aiohttp would send `Referer` and headers to other hosts."""
        origin, seen = url.origin(), list[str]()
        if policy is not None:
            policy.check_file(str(url))
        while True:
            sent = {**headers, **conditions} if url.origin() == origin else dict(conditions)
            if details := addresses.referer(referer, url):
                sent["Referer"] = details
            self._check(str(url))
            with http_errors.map_client_errors(str(url)):
                answer = await self._ask(url, sent, policy)
            target = answer.headers.get("Location", "")
            if answer.status not in _REDIRECTS or not target:
                return answer, tuple(seen)
            answer.release()
            seen.append(str(url))
            if len(seen) > _MAX_REDIRECTS:
                msg = f"{redact.bare(seen[0])} redirects in a circle"
                raise errors.PermanentError(msg)
            url = addresses.parse(target, base=str(url))
            if policy is not None:
                policy.check_hop(str(url), seen[-1])

    async def _ask(
        self, url: yarl.URL, headers: Mapping[str, str], policy: allowed_hosts.HostPolicy | None
    ) -> aiohttp.ClientResponse:
        proxy = await _proxy(url)
        if policy is not None:
            await self._resolver.vet(policy, url.host or "")
        holder = resolving.within.set(policy if proxy is None else None)
        try:
            return await self._inner.get(
                url, headers=headers, allow_redirects=False, proxy=proxy, ssl=self._identified.tls(url.host or "")
            )
        finally:
            resolving.within.reset(holder)

    async def aclose(self) -> None:
        """Closes the session; the client keeps the connections."""
        await self._inner.close()


def _is_page(headers: Mapping[str, str]) -> bool:
    """Whether the response is a page; one sent as an attachment is a file."""
    kind, disposition = headers.get("Content-Type", ""), headers.get("Content-Disposition", "")
    is_html = kind.strip().lower().startswith(("text/html", "application/xhtml"))
    return is_html and not disposition.strip().lower().startswith("attachment")


async def _start(chunks: AsyncIterator[bytes], headers: Mapping[str, str]) -> bytes:
    """The beginning of the page or text that came with an error; `b""` if it is neither."""
    kind = headers.get("Content-Type", "").strip().lower()
    if not (kind.startswith("text/") or any(word in kind for word in ("html", "json", "xml"))):
        return b""
    found = bytearray()
    with contextlib.suppress(TimeoutError, errors.OrderError):  # the status is what counts
        async with asyncio.timeout(_SHOWN_WITHIN):
            async for chunk in chunks:
                found += chunk
                if len(found) >= _SHOWN:
                    break
    return bytes(found[:_SHOWN])


async def _chunks(answer: aiohttp.ClientResponse, at: str) -> AsyncGenerator[bytes, None]:
    coding = codings.of(answer.headers)
    if coding and not codings.is_read(coding):
        msg = f"{redact.bare(at)} is compressed in a way that only a browser can read"
        raise errors.BrowserRouteNeededError(msg, is_of_file=True)
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
    """The proxy for an address; None for a direct connection.

    Not aiohttp's `trust_env`: it also sends passwords from `.netrc`, which no browser does.
    """
    return await asyncio.to_thread(lambda: proxies.read().server_for(url.scheme, url.host or "", url.port or 0))
