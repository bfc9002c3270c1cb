"""Why a host cannot be reached: maps errors of Chromium and the system to meanings and remedies. Pure.

Chromium's names come from its `net_error_list.h`; the system's numbers are those of `errno`, Windows Sockets (`WSAE…`,
10000 and up), Win32 (below 2000) and `getaddrinfo`.
"""

from __future__ import annotations

import dataclasses
import errno
import re
import socket
import types
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from po_pw import errors
from po_pw.models import NetFault

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Meaning:
    """Meaning of a fault."""

    why: str
    """In plain words; follows the host's name in messages."""
    remedy: str = ""
    """What to do, in full sentences, with `{host}` for the host's name; `""` if one can only wait."""
    heals: bool = False
    """Whether waiting may help if nothing is known about the host."""
    shows_network: bool = False
    """Whether the error proves that this machine has a network."""
    concerns_host: bool = True
    """Whether it affects every address of the host; if not, it may be one order's page."""


_ROOT: Final = (
    "If your company issued it or runs a proxy, install the company's root certificate "
    "in this computer's trust store. Otherwise ask the portal's operator."
)
MEANINGS: Final[Mapping[NetFault, Meaning]] = types.MappingProxyType(
    {
        NetFault.NAME: Meaning(
            "there is no such host",
            "Check the spelling. A portal inside your company may need the company network or VPN.",
        ),
        NetFault.NAME_SERVER: Meaning(
            "its name cannot be looked up (no DNS server answers)", "Is the network or the VPN down?", heals=True
        ),
        NetFault.REFUSED: Meaning(
            "the connection was refused",
            "Check the host and port in the address.",
            shows_network=True,
        ),
        NetFault.ADDRESS: Meaning(
            "it cannot be reached from this computer", "Check the address. Does it need your company's network or VPN?"
        ),
        NetFault.CERTIFICATE: Meaning("its certificate is not trusted on this computer", _ROOT, shows_network=True),
        NetFault.CERTIFICATE_DATE: Meaning(
            "its certificate has expired, or is not valid yet",
            "Check this computer's date. If the date is right, ask the portal's operator to renew the certificate.",
            shows_network=True,
        ),
        NetFault.CERTIFICATE_NAME: Meaning(
            "its certificate is for another host name",
            "Use the host name in the certificate, or ask the portal's operator.",
            shows_network=True,
        ),
        NetFault.CLIENT_CERTIFICATE: Meaning(
            "it asks for a client certificate",
            "Add --client-certificate-host {host}, and --client-certificate FILE with the certificate; without a FILE, "
            "the browser sends one from this computer's certificate store.",
            shows_network=True,
        ),
        NetFault.TLS: Meaning(
            "no secure connection could be made",
            "Check the address: should it start with http://, or use another port?",
            shows_network=True,
        ),
        NetFault.HTTP: Meaning(
            "what answers there is not a web server",
            "Check the address: should it start with https://, or use another port?",
            shows_network=True,
        ),
        NetFault.BLOCKED: Meaning(
            "this computer or its administrator blocks it",
            "Check the address, or ask your administrator.",
            shows_network=True,
        ),
        NetFault.PORT: Meaning(
            "browsers refuse to open a web page on this port",
            "Check the port in the address, or leave it out.",
            shows_network=True,
        ),
        NetFault.CREDENTIALS: Meaning(
            "it, or the proxy on the way to it, asks for a user name and password",
            "If it is the proxy, put them into HTTPS_PROXY and HTTP_PROXY; see docs/networks.md.",
            shows_network=True,
            concerns_host=False,
        ),
        NetFault.PROXY: Meaning(
            "the proxy cannot be reached",
            "Check the proxy in this computer's settings. Does it need your company's network or VPN?",
        ),
        NetFault.TUNNEL: Meaning(
            "the proxy blocks it",
            "Check the spelling of the host. If it is right, ask your administrator.",
            shows_network=True,
        ),
        NetFault.OFFLINE: Meaning("there is no network connection", "Is the network or the VPN down?", heals=True),
        NetFault.DROPPED: Meaning(
            "it closed the connection without an answer", heals=True, shows_network=True, concerns_host=False
        ),
        NetFault.SILENT: Meaning("no answer came in time", heals=True, concerns_host=False),
    }
)

_CHROMIUM: Final = (
    ("ERR_NAME_NOT_RESOLVED", NetFault.NAME),
    ("ERR_NAME_RESOLUTION_FAILED", NetFault.NAME_SERVER),
    ("ERR_ICANN_NAME_COLLISION", NetFault.NAME),
    ("ERR_DNS", NetFault.NAME_SERVER),
    ("ERR_CONNECTION_REFUSED", NetFault.REFUSED),
    ("ERR_ADDRESS", NetFault.ADDRESS),
    ("ERR_UNSAFE_PORT", NetFault.PORT),
    ("ERR_NETWORK_ACCESS_DENIED", NetFault.BLOCKED),
    ("ERR_BLOCKED_BY_ADMINISTRATOR", NetFault.BLOCKED),
    ("ERR_BLOCKED_BY_LOCAL_NETWORK_ACCESS_CHECKS", NetFault.BLOCKED),
    ("ERR_CERT_DATE_INVALID", NetFault.CERTIFICATE_DATE),
    ("ERR_CERT_COMMON_NAME_INVALID", NetFault.CERTIFICATE_NAME),
    ("ERR_CERT", NetFault.CERTIFICATE),
    ("ERR_SSL_CLIENT_AUTH", NetFault.CLIENT_CERTIFICATE),
    ("ERR_BAD_SSL_CLIENT_AUTH", NetFault.CLIENT_CERTIFICATE),
    ("ERR_SSL", NetFault.TLS),
    ("ERR_ECH", NetFault.TLS),
    ("ERR_INVALID_HTTP_RESPONSE", NetFault.HTTP),
    ("ERR_TUNNEL_CONNECTION_FAILED", NetFault.TUNNEL),
    ("ERR_INVALID_AUTH_CREDENTIALS", NetFault.CREDENTIALS),
    ("ERR_MISSING_AUTH_CREDENTIALS", NetFault.CREDENTIALS),
    ("ERR_UNSUPPORTED_AUTH_SCHEME", NetFault.CREDENTIALS),
    ("ERR_PROXY_AUTH", NetFault.CREDENTIALS),
    ("ERR_PROXY", NetFault.PROXY),
    ("ERR_SOCKS", NetFault.PROXY),
    ("ERR_NO_SUPPORTED_PROXIES", NetFault.PROXY),
    ("ERR_MANDATORY_PROXY_CONFIGURATION_FAILED", NetFault.PROXY),
    ("ERR_PAC", NetFault.PROXY),
    ("ERR_INTERNET_DISCONNECTED", NetFault.OFFLINE),
    ("ERR_NETWORK_CHANGED", NetFault.DROPPED),
    ("ERR_NETWORK_IO_SUSPENDED", NetFault.DROPPED),
    ("ERR_EMPTY_RESPONSE", NetFault.DROPPED),
    ("ERR_SOCKET_NOT_CONNECTED", NetFault.DROPPED),
    ("ERR_QUIC", NetFault.DROPPED),
    ("ERR_CONNECTION_TIMED_OUT", NetFault.SILENT),
    ("ERR_TIMED_OUT", NetFault.SILENT),
    ("ERR_CONNECTION", NetFault.DROPPED),
)
"""Prefixes of Chromium's names; the first match counts."""
_SYSTEM: Final[Mapping[int, NetFault]] = types.MappingProxyType(
    {
        errno.ECONNREFUSED: NetFault.REFUSED,
        10061: NetFault.REFUSED,
        1225: NetFault.REFUSED,
        errno.ENETUNREACH: NetFault.ADDRESS,
        10051: NetFault.ADDRESS,
        1231: NetFault.ADDRESS,
        errno.EHOSTUNREACH: NetFault.ADDRESS,
        10065: NetFault.ADDRESS,
        1232: NetFault.ADDRESS,
        errno.EADDRNOTAVAIL: NetFault.ADDRESS,
        10049: NetFault.ADDRESS,
        1214: NetFault.ADDRESS,
        errno.EACCES: NetFault.BLOCKED,
        errno.EPERM: NetFault.BLOCKED,
        10013: NetFault.BLOCKED,
        errno.ENETDOWN: NetFault.OFFLINE,
        10050: NetFault.OFFLINE,
        errno.ETIMEDOUT: NetFault.SILENT,
        10060: NetFault.SILENT,
        121: NetFault.SILENT,
    }
)
_CODE: Final = re.compile(r"ERR_[A-Z0-9_]+")


def of_chromium(said: str) -> NetFault | None:
    """The network fault in a browser's message; None if there is none.

    Args:
        said: a message with one of Chromium's names, as in `Page.goto: net::ERR_CONNECTION_REFUSED at https://…`.
    """
    code = _CODE.search(said)
    if code is None:
        return None
    return next((fault for name, fault in _CHROMIUM if code[0].startswith(name)), None)


def of_system(error: OSError) -> NetFault:
    """The network fault of a failed connection or name look-up."""
    if isinstance(error, socket.gaierror):
        return NetFault.NAME_SERVER if error.errno == socket.EAI_AGAIN else NetFault.NAME
    if isinstance(error, TimeoutError):
        return NetFault.SILENT
    number = getattr(error, "winerror", None) or error.errno
    return _SYSTEM.get(number or 0, NetFault.DROPPED)


def authority_of(url: str) -> str:
    """Host and port of an address, with `http://` if it is not https, which is another server."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"http://{host}" if parts.scheme.lower() == "http" else host


def message(host: str, fault: NetFault, code: str = "") -> str:
    """Message about a host that cannot be reached, with what to do.

    Args:
        host: and port, if any.
        fault: the reason.
        code: the browser's name for it; `""` to leave it out.
    """
    meaning = MEANINGS[fault]
    said = f"{host} cannot be opened: {meaning.why}{f' ({code})' if code else ''}"
    name = urlsplit(host if "://" in host else f"//{host}").hostname or host
    return f"{said}. {meaning.remedy.replace('{host}', name)}" if meaning.remedy else said


def unreachable(url: str, fault: NetFault, said: str = "") -> errors.HostUnreachableError:
    """The error for an address whose host cannot be reached; the message has only the host.

    Args:
        url: requested, or target of a redirect.
        fault: the reason.
        said: the browser's message, from which the name of the fault is taken.
    """
    host, code = authority_of(url), _CODE.search(said)
    return errors.HostUnreachableError(message(host, fault, code[0] if code else ""), host, fault)
