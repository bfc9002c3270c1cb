"""What a server or the network refuses becomes an error of ours: once, here. No message holds a query or a cookie."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

import aiohttp

from po_pw import errors, http_dates, models, net_errors
from po_pw.transport import hosts, redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def refuse(status: int, url: str, headers: Mapping[str, str]) -> None:
    """Raises what an HTTP status means; returns where the body is what was asked for.

    Raises:
        SessionExpired: 401.
        Permanent: 404, 410 and other statuses that will not change.
        BrowserRouteNeeded: 407; 403, which may be meant for us and not for the person.
        Transient: 408, 425, 429, 5xx.
    """
    if status in {200, 201, 202, 203}:
        return
    said = f"the server answered HTTP {status} for {redact.bare(url)}"
    if status == 401:
        raise errors.SessionExpired(said, host=hosts.host_of(url))
    if status == 403:
        raise errors.BrowserRouteNeeded(f"{said}: this user may not have it", models.ErrorCode.FORBIDDEN)
    if status in {404, 410}:
        raise errors.Permanent(f"{said}: it is not there", models.ErrorCode.NOT_FOUND)
    if status == 407:
        raise errors.BrowserRouteNeeded(f"{said}: the proxy asks for a sign-in")
    wait = http_dates.retry_after(headers.get("Retry-After", ""))
    if status == 429 or (status == 503 and wait is not None):
        raise errors.Transient(said, models.ErrorCode.RATE_LIMITED, retry_after=wait)
    if status >= 500 or status in {408, 425}:
        raise errors.Transient(said, models.ErrorCode.PORTAL_ERROR, retry_after=wait)
    raise errors.Permanent(said, models.ErrorCode.PORTAL_ERROR)


@contextlib.contextmanager
def translated(url: str, *, streaming: bool = False) -> Iterator[None]:
    """What aiohttp raises becomes ours.

    Args:
        url: what was asked for.
        streaming: the answer has begun, its body is being read.
    """
    at = redact.bare(url)
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        msg = f"the certificate of {at} is not trusted"
        raise errors.BrowserRouteNeeded(msg) from error
    except aiohttp.ClientConnectorSSLError as error:
        raise _tls(url, at, error) from error
    except aiohttp.ClientHttpProxyError as error:
        raise _proxy(at, error.status) from error
    except aiohttp.InvalidURL as error:
        msg = f"{at} is no web address"
        raise errors.Permanent(msg, models.ErrorCode.INVALID_URL) from error
    except (TimeoutError, aiohttp.ServerTimeoutError) as error:
        connecting = isinstance(error, aiohttp.ConnectionTimeoutError)
        if connecting:
            raise net_errors.unreachable(url, models.NetFault.SILENT) from error
        msg = f"no bytes came from {at} for too long"
        raise errors.Transient(msg, models.ErrorCode.TIMEOUT) from error
    except aiohttp.ClientPayloadError as error:
        if _cannot_decode(error):
            msg = f"{at} is compressed in a way that only a browser reads"
            raise errors.BrowserRouteNeeded(msg) from error
        msg = f"{at} broke off in the middle"
        raise errors.Transient(msg, models.ErrorCode.TRUNCATED) from error
    except aiohttp.ClientResponseError as error:
        # Headers against the rules: browsers forgive more.
        msg = f"the answer of {at} is not valid HTTP"
        raise errors.BrowserRouteNeeded(msg) from error
    except aiohttp.ClientError as error:
        if streaming:
            msg = f"{at} broke off in the middle"
            raise errors.Transient(msg, models.ErrorCode.TRUNCATED) from error
        raise net_errors.unreachable(url, _fault(error)) from error


def _tls(url: str, at: str, error: aiohttp.ClientConnectorSSLError) -> errors.OrderError:
    inner = error.os_error
    if isinstance(inner, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
        return net_errors.unreachable(url, models.NetFault.DROPPED)
    why = getattr(inner, "reason", None) or type(inner).__name__
    return errors.BrowserRouteNeeded(f"no secure connection to {at} ({why})")


def _proxy(at: str, status: int) -> errors.OrderError:
    said = f"the proxy answered HTTP {status} for {at}"
    return errors.Transient(said) if status >= 500 else errors.BrowserRouteNeeded(said)


def _cannot_decode(error: BaseException | None) -> bool:
    """Whether the body is compressed in a way we have no decoder for; a broken body of a known way is not meant."""
    while error is not None:
        if isinstance(error, aiohttp.http_exceptions.ContentEncodingError) and "Please install" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _fault(error: aiohttp.ClientError) -> models.NetFault:
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return models.NetFault.PROXY
    return net_errors.of_system(error.os_error if isinstance(error, aiohttp.ClientConnectorError) else OSError())
