"""One HTTP client for files: the system's trust store and proxy, cookies taken from a context, limits per host."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import email.utils
import ssl
from http.cookies import Morsel, SimpleCookie
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

import aiohttp
import truststore
import yarl

from po_pw import errors, models

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from types import TracebackType

BLOCK: Final = 1 << 20
"""Bytes read at a time."""
_LONGEST_WAIT: Final = 3600.0
_MOST_REDIRECTS: Final = 10


def bare(url: str) -> str:
    """An address without user, query and fragment, for messages and manifests: signatures live in the query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else parts.path


def retry_after(value: str, now: datetime.datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` asks to wait (RFC 9110, 10.2.3: seconds or a date); None where it says nothing."""
    text = value.strip()
    if text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    wait = (when - (now or datetime.datetime.now(datetime.UTC))).total_seconds()
    return min(max(wait, 0.0), _LONGEST_WAIT)


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """An answer whose body has not been read yet."""

    url: str
    """After redirects."""
    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    chunks: AsyncIterator[bytes]
    encoded: bool
    """True where the server compressed it all the same: its length then says nothing."""


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
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=None, sock_connect=connect_timeout, sock_read=stall_timeout
        )

    async def __aenter__(self) -> Self:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        total, per_host = self._limits
        self._connector = aiohttp.TCPConnector(limit=total, limit_per_host=per_host, ssl=context)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connector.close()

    def session(self, user_agent: str, languages: str = "") -> Session:
        """A session of its own for one context: its cookies, its user agent; the connections are shared.

        Args:
            user_agent: the browser's.
            languages: comma-separated, most wanted first.
        """
        headers = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        if languages:
            headers["Accept-Language"] = languages
        # unsafe: aiohttp otherwise drops the cookies of hosts that are an IP address.
        jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
        inner = aiohttp.ClientSession(
            connector=self._connector, connector_owner=False, cookie_jar=jar, headers=headers, timeout=self._timeout,
            trust_env=True, read_bufsize=BLOCK,
        )  # fmt: skip
        return Session(inner, jar)


class Session:
    """Requests made as one signed-in browser context would make them."""

    def __init__(self, inner: aiohttp.ClientSession, jar: aiohttp.CookieJar) -> None:
        self._inner = inner
        self._jar = jar

    def set_cookies(self, cookies: Sequence[models.Cookie]) -> None:
        """Replaces the cookies; each is sent only where the browser would send it.

        Args:
            cookies: as Playwright's `context.cookies()` gives them. A domain without a leading dot is for that host
                alone.
        """
        self._jar.clear()
        for cookie in cookies:
            domain, path = str(cookie["domain"]), str(cookie.get("path") or "/")
            morsel: Morsel[str] = Morsel()
            morsel.set(str(cookie["name"]), str(cookie["value"]), str(cookie["value"]))
            morsel["path"] = path
            if domain.startswith("."):
                morsel["domain"] = domain
            if cookie.get("secure"):
                morsel["secure"] = True
            holder: SimpleCookie = SimpleCookie()
            holder[str(cookie["name"])] = morsel
            scheme = "https" if cookie.get("secure") else "http"
            host = domain.removeprefix(".")
            self._jar.update_cookies(holder, yarl.URL.build(scheme=scheme, host=host, path="/"))

    @contextlib.asynccontextmanager
    async def get(self, url: str, *, referer: str = "") -> AsyncIterator[Body]:
        """Asks for a file; the body streams while the block lasts.

        Raises:
            Transient: reset, no name, time-out, 408, 425, 429, 5xx; also while the body streams.
            Permanent: 404, 410, 403 and other refusals, or a redirect to something that is not http(s).
            SessionExpired: 401.
            BrowserRouteNeeded: a proxy or a certificate is in the way that the browser may get past.
        """
        headers = {"Referer": referer} if referer else {}
        with _translated(url):
            answer = await self._inner.get(url, headers=headers, max_redirects=_MOST_REDIRECTS)
        try:
            _refuse(answer)
            encoded = answer.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}
            yield Body(str(answer.url), answer.status, answer.headers, _chunks(answer), encoded)
        finally:
            answer.release() if answer.content.at_eof() else answer.close()

    async def aclose(self) -> None:
        """Ends the session; the connections stay with the client."""
        await self._inner.close()


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    with _translated(str(answer.url), streaming=True):
        while chunk := await answer.content.readany():
            yield chunk


def _refuse(answer: aiohttp.ClientResponse) -> None:
    status = answer.status
    if status < 400:
        return
    said = f"the portal answered HTTP {status} for {bare(str(answer.url))}"
    if status == 401:
        raise errors.SessionExpired(said)
    if status == 403:
        raise errors.Permanent(f"{said}: this user may not have it", models.ErrorCode.FORBIDDEN)
    if status in {404, 410}:
        raise errors.Permanent(f"{said}: it is not there", models.ErrorCode.NOT_FOUND)
    if status == 407:
        raise errors.BrowserRouteNeeded(f"{said}: the proxy asks for a sign-in")
    wait = retry_after(answer.headers.get("Retry-After", ""))
    if status == 429 or (status == 503 and wait is not None):
        raise errors.Transient(said, models.ErrorCode.RATE_LIMITED, retry_after=wait)
    if status >= 500 or status in {408, 425}:
        raise errors.Transient(said, models.ErrorCode.PORTAL_ERROR)
    raise errors.Permanent(said, models.ErrorCode.PORTAL_ERROR)


@contextlib.contextmanager
def _translated(url: str, *, streaming: bool = False) -> Iterator[None]:
    """What aiohttp raises becomes ours, once, here."""
    at = bare(url)
    try:
        yield
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
        msg = f"the certificate of {at} is not trusted ({type(error).__name__})"
        raise errors.BrowserRouteNeeded(msg) from error
    except (aiohttp.NonHttpUrlClientError, aiohttp.InvalidURL) as error:
        msg = f"{at} leads to an address that is not http(s)"
        raise errors.Permanent(msg, models.ErrorCode.INVALID_URL) from error
    except aiohttp.TooManyRedirects as error:
        msg = f"{at} redirects in a circle"
        raise errors.Permanent(msg, models.ErrorCode.PORTAL_ERROR) from error
    except (TimeoutError, aiohttp.ServerTimeoutError) as error:
        msg = f"no bytes came from {at} for too long"
        raise errors.Transient(msg, models.ErrorCode.TIMEOUT) from error
    except aiohttp.ClientError as error:
        if streaming:
            msg = f"{at} broke off in the middle ({type(error).__name__})"
            raise errors.Transient(msg, models.ErrorCode.TRUNCATED) from error
        msg = f"{at} could not be reached ({_reason(error)})"
        raise errors.Transient(msg, models.ErrorCode.NETWORK) from error


def _reason(error: aiohttp.ClientError) -> str:
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    return inner.strerror or type(error).__name__ if inner is not None else type(error).__name__
