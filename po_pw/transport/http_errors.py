"""Why a request of our HTTP client failed: a response that is not the file, or an error of aiohttp, as our error.

What a status means is in `http_statuses`. Messages contain no query and no cookie.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Final

import aiohttp

from po_pw import errors, http_statuses, models, net_errors, redact
from po_pw.transport import allowed_hosts, codings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_EXPECTED_STATUS: Final = {"If-None-Match": 304, "If-Modified-Since": 304, "Range": 206}
"""Request header to the status that it allows besides 200 (RFC 9110, 13.2.2 and 14.2)."""
_CONDITIONAL: Final = frozenset({206, 304, 412, 416})
"""Statuses that are wrong without such a header; 412 is always wrong for GET with these headers."""


class UnexpectedStatusError(errors.TransientError):
    """The status does not fit the request: the response is not the file."""

    default_code = models.ErrorCode.NOT_A_FILE


def refuse(status: int, url: str, headers: Mapping[str, str], conditions: Mapping[str, str]) -> None:
    """Raises the error for an HTTP status; returns if the response is valid.

    Args:
        status: of the response.
        url: of the response.
        headers: of the response.
        conditions: conditional and range headers that were sent.

    Raises:
        SessionExpiredError: 401.
        UnexpectedStatusError: 206, 304, 412, 416, if they do not fit the conditions.
        PermanentError: 404, 410 and other final statuses, including 204 and other successes without a file.
        BrowserRouteNeededError: 407; 403, which may be meant for our client and not for the user.
        TransientError: 202 and what `http_statuses.is_temporary`.
    """
    if status == 200 or status in {_EXPECTED_STATUS[name] for name in conditions if name in _EXPECTED_STATUS}:
        return
    said = f"{redact.bare(url)} answered HTTP {status}"
    if status in _CONDITIONAL:
        raise UnexpectedStatusError(f"{said}, which does not answer the request")
    if status == 401:
        raise errors.SessionExpiredError(said, host=allowed_hosts.host_of(url))
    if status == 407:
        raise errors.BrowserRouteNeededError(f"{said}: the proxy asks for a sign-in")
    error = http_statuses.error_of(status, said, headers.get("Retry-After", ""))
    if error.code is models.ErrorCode.FORBIDDEN:
        raise errors.BrowserRouteNeededError(str(error), error.code, is_of_file=True)
    raise error


@contextlib.contextmanager
def map_client_errors(url: str, *, streaming: bool = False) -> Iterator[None]:
    """Maps aiohttp's errors to ours.

    Args:
        url: the requested address.
        streaming: whether the body is being read.
    """
    at = redact.bare(url)
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        msg = f"the certificate of {at} is not trusted"
        raise errors.BrowserRouteNeededError(msg) from error
    except aiohttp.ClientConnectorSSLError as error:
        raise _tls(url, at, error) from error
    except aiohttp.ClientHttpProxyError as error:
        raise _proxy(at, error.status) from error
    except aiohttp.InvalidURL as error:
        msg = f"{at} is not a web address"
        raise errors.PermanentError(msg, models.ErrorCode.INVALID_URL) from error
    except (TimeoutError, aiohttp.ServerTimeoutError) as error:
        connecting = isinstance(error, aiohttp.ConnectionTimeoutError)
        if connecting:
            raise net_errors.unreachable(url, models.NetFault.SILENT) from error
        msg = f"{at} sent nothing for too long"
        raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error
    except (aiohttp.ClientPayloadError, codings.CutShortError) as error:
        msg = f"the download of {at} broke off"
        raise errors.TransientError(msg, models.ErrorCode.TRUNCATED) from error
    except aiohttp.ClientResponseError as error:
        # Malformed headers: browsers tolerate more.
        msg = f"{at} sent an invalid answer"
        raise errors.BrowserRouteNeededError(msg, is_of_file=True) from error
    except aiohttp.ClientError as error:
        if streaming:
            msg = f"the download of {at} broke off"
            raise errors.TransientError(msg, models.ErrorCode.TRUNCATED) from error
        raise net_errors.unreachable(url, _fault(error)) from error


def _tls(url: str, at: str, error: aiohttp.ClientConnectorSSLError) -> errors.OrderError:
    inner = error.os_error
    if isinstance(inner, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
        return net_errors.unreachable(url, models.NetFault.DROPPED)
    why = getattr(inner, "reason", None) or type(inner).__name__
    return errors.BrowserRouteNeededError(f"no secure connection to {at} ({why})")


def _proxy(at: str, status: int) -> errors.OrderError:
    said = f"the proxy answered HTTP {status} for {at}"
    return errors.TransientError(said) if status >= 500 else errors.BrowserRouteNeededError(said)


def _fault(error: aiohttp.ClientError) -> models.NetFault:
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return models.NetFault.PROXY
    return net_errors.of_system(error.os_error if isinstance(error, aiohttp.ClientConnectorError) else OSError())
