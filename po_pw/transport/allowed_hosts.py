"""Hosts that files may come from: the portal's own, its file hosts, and those the user allows. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from po_pw import errors, hostnames, models, redact

if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_PUBLIC_4: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
"""IANA's IPv4 special-purpose addresses (RFC 6890 and its registry), and multicast.

Not `ipaddress.is_global`, whose result depends on the Python version.
"""
_PUBLIC_6: Final = ipaddress.IPv6Network("2000::/3")
"""Global unicast (RFC 4291, 2.4); of the rest only addresses that embed a public IPv4 address are public."""
_NOT_PUBLIC_6: Final = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
"""IANA's IPv6 special-purpose addresses within that: protocols (Teredo, benchmarks, ORCHID), documentation."""
_EMBEDS_IPV4: Final = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped, RFC 4291
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)
"""IPv6 networks that embed an IPv4 address, and the number of bits after it."""


class NotAllowedError(errors.PermanentError):
    """A file or redirect target is on a host that is not allowed."""

    default_code = models.ErrorCode.FORBIDDEN


def never(_: str) -> bool:
    """No address is a sign-in page."""
    return False


def always(_: str) -> bool:
    """Every address may lead to a file."""
    return True


@dataclasses.dataclass(frozen=True, slots=True)
class HostPolicy:
    """Hosts that the files of one order may come from, on any port; only http and https."""

    order: str
    """Host of the order's address, given by the user."""
    page: str = ""
    """Host of the order's page, after redirects; `""` if it is the same."""
    declared: tuple[str, ...] = ()
    """Patterns of the portal's file hosts."""
    allowed: tuple[str, ...] = ()
    """Patterns allowed by the user (`--allow-host`)."""
    is_sign_in: Callable[[str], bool] = never
    """Whether an address is a sign-in page of the portal: redirects may pass through it, but no file comes from it."""
    changes: Callable[[str], bool] = never
    """Whether an address of the portal changes something: redirects to it are not followed."""
    leads_to_files: Callable[[str], bool] = always
    """Whether an address of the portal, or `""` for its page, may lead to the `declared` hosts."""

    def check_file(self, url: str, came_from: str = "") -> None:
        """Raises NotAllowedError if no file may come from this address, PermanentError if it is not http(s).

        Args:
            url: absolute.
            came_from: address that redirected here; `""` if it was on the page.
        """
        if not url.lower().startswith(("http://", "https://")):
            msg = f"{redact.bare(came_from)} leads to {redact.bare(url)}, which is not an http(s) address"
            raise errors.PermanentError(msg, models.ErrorCode.INVALID_URL)
        host = host_of(url)
        if not (self.is_home(host) or _is_among(host, self.allowed) or self._is_storage(host, came_from)):
            said = f"{redact.bare(came_from)} leads to {host}" if came_from else f"the file is on {host}"
            raise NotAllowedError(f"{said}, which is not part of the portal. To download it, add --allow-host {host}")

    def check_hop(self, url: str, came_from: str) -> None:
        """Raises NotAllowedError if a redirect must not be followed; sign-in pages are allowed.

        Raises PermanentError (`NOT_PRESSED`) if it leads to an address of the portal that changes something.
        """
        if self.is_sign_in(url):
            return
        self.check_file(url, came_from)
        if self.is_home(host_of(url)) and self.changes(url):
            msg = f"{redact.bare(came_from)} leads to {redact.bare(url)}, which was not opened: it may change something"
            raise errors.PermanentError(msg, models.ErrorCode.NOT_PRESSED)

    def _is_storage(self, host: str, came_from: str) -> bool:
        """Whether a host is a file host of the portal, reached from the portal or from another file host."""
        if not _is_among(host, self.declared):
            return False
        source = host_of(came_from)
        if came_from and not self.is_home(source):
            return _is_among(source, (*self.declared, *self.allowed))
        return self.leads_to_files(came_from)

    def may_be_inside(self, host: str) -> bool:
        """Whether this host may have a private address even if the portal does not: the user named it."""
        return hostnames.ascii_host(host) in {self.order, *self.allowed}

    def refused_inside(self, host: str, address: str) -> NotAllowedError:
        """The error for a host with a private address while the portal's is public."""
        return NotAllowedError(
            f"{host} is inside your own network ({address}), but the portal is not. To download it, add "
            f"--allow-host {host}"
        )

    def is_home(self, host: str) -> bool:
        """Whether this host is the portal's own: the order's, its page's, or a subdomain of them."""
        return any(host == own or host.endswith(f".{_site(own)}") for own in (self.order, self.page) if own)


def host_policy(
    order_url: str,
    page_url: str = "",
    *,
    declared: tuple[str, ...] = (),
    allowed: tuple[str, ...] = (),
    is_sign_in: Callable[[str], bool] = never,
    changes: Callable[[str], bool] = never,
    leads_to_files: Callable[[str], bool] = always,
) -> HostPolicy:
    """Makes the `HostPolicy` of an order.

    Args:
        order_url: of the order.
        page_url: of its page, after redirects.
        declared: patterns of the portal's file hosts.
        allowed: patterns allowed by the user.
        is_sign_in: whether an address is a sign-in page.
        changes: whether an address changes something.
        leads_to_files: whether an address of the portal may redirect to those hosts.
    """
    return HostPolicy(
        host_of(order_url),
        host_of(page_url),
        declared,
        tuple(map(hostnames.ascii_host, allowed)),
        is_sign_in,
        changes,
        leads_to_files,
    )


def host_of(url: str) -> str:
    """The host of an address, normalised for comparison; `""` if it has none."""
    try:
        return hostnames.ascii_host(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def matches(host: str, pattern: str) -> bool:
    """Whether a host matches a pattern: `files.example.com`, `*.example.com` (any subdomain), `s3-*.example.com`.

    A leading `*.` matches one or more labels, any other `*` characters within a label, a lone `*` every host.
    """
    if pattern in {host, "*"}:
        return True
    if "*" not in pattern or is_address(host):
        return False
    below = pattern.startswith("*.")
    rest = re.escape(pattern[2:] if below else pattern).replace(r"\*", "[^.]+")
    return re.fullmatch((r"(?:[^.]+\.)+" if below else "") + rest, host) is not None


def _is_among(host: str, patterns: tuple[str, ...]) -> bool:
    return any(matches(host, pattern) for pattern in patterns)


def is_address(host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an IP address is public: not private, loopback, link-local, shared or reserved."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in _NOT_PUBLIC_4)
    for network, behind in _EMBEDS_IPV4:
        if found in network:
            return is_public(str(ipaddress.IPv4Address(int(found) >> behind & 0xFFFF_FFFF)))
    return found in _PUBLIC_6 and not any(found in network for network in _NOT_PUBLIC_6)


def _site(host: str) -> str:
    # Not the parent domain: a portal's neighbours (`other.coupahost.com`) belong to others.
    return host.removeprefix("www.")
