"""Which proxy leads to an address, for our HTTP client and for the browser: the environment's, or else the system's.

The environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, and `auto_proxy` for a PAC file) comes first on
every system. Chromium reads it only on Linux without a desktop, and no user name in it: hence `browser_arguments`.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import re
import subprocess
import sys
import time
import types
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from po_pw import errors, known_secrets, redact

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMES: Final = ("http", "https")
_WINDOWS_SETTINGS: Final = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_SYSTEM_READERS: Final = {
    "win32": ("getproxies_registry", "proxy_bypass_registry"),
    "darwin": ("getproxies_macosx_sysconf", "proxy_bypass_macosx_sysconf"),
}
_NONE: Final[Mapping[str, str]] = types.MappingProxyType({})
_PAC: Final = re.compile(r"^\s*ProxyAutoConfigURLString\s*:\s*(\S+)", re.MULTILINE)
_PAC_ENABLED: Final = re.compile(r"^\s*ProxyAutoConfigEnable\s*:\s*1\b", re.MULTILINE)
_SCUTIL: Final = "/usr/sbin/scutil"
_MINUTE: Final = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Proxies:
    """Proxy settings of this computer."""

    servers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    """Addresses by scheme (`http`, `https`, `all`, `socks`); they may contain a user name and password."""
    exceptions: str = ""
    """Hosts without a proxy, as in `NO_PROXY`; of the environment only, the system is asked about each host."""
    pac: str = ""
    """Address of a PAC file, which decides alone where there is one; only a browser can run it."""
    is_environment: bool = False
    """Whether they come from environment variables."""

    def server_for(self, scheme: str, host: str, port: int) -> str | None:
        """The proxy for an address; None for a direct connection. May look up the host's name: call it on a thread.

        Args:
            scheme: `http` or `https`.
            host: without brackets.
            port: of the address.

        Raises:
            BrowserRouteNeededError: only the browser can use the proxy: a PAC file decides, or it is a SOCKS proxy.
        """
        if is_local(host):
            return None
        if self.pac:
            msg = "a PAC file says which proxy to use, and only the browser can run it"
            raise errors.BrowserRouteNeededError(msg)
        found = self._server(scheme)
        if not found or self._is_excepted(host, port):
            return None
        address = _with_scheme(found)
        if urlsplit(address).scheme not in _SCHEMES:
            msg = f"the proxy for {scheme} is a {urlsplit(address).scheme} proxy, which only the browser can use"
            raise errors.BrowserRouteNeededError(msg)
        return address

    def browser_arguments(self) -> list[str]:
        """Chromium's options for the environment's settings; none for the system's, which it reads itself. Pure."""
        if not self.is_environment:
            return []
        if self.pac:
            return [f"--proxy-pac-url={self.pac}"]
        servers = {scheme: self._server(scheme) for scheme in _SCHEMES}
        listed = ";".join(f"{scheme}={_bare(found)}" for scheme, found in servers.items() if found)
        rules = ["localhost"]  # bypassed in any case; the list replaces the one that Playwright would give
        for name in _names(self.exceptions):
            rules += [name] if name == "*" or _network(name) is not None else [name, f"*.{name}"]
        return [f"--proxy-server={listed}", f"--proxy-bypass-list={';'.join(rules)}"]

    def credentials(self) -> tuple[str, str, str] | None:
        """Server, user name and password that the environment gives for a proxy, for the browser; None: no user."""
        for scheme in reversed(_SCHEMES):
            address = _with_scheme(self._server(scheme))
            if self.is_environment and (user := urlsplit(address).username):
                password = unquote(urlsplit(address).password or "")
                known_secrets.remember(password)
                return _bare(address), unquote(user), password
        return None

    def described(self) -> str:
        """The settings in words, without passwords."""
        where = "the environment" if self.is_environment else "this computer's settings"
        if self.pac:
            return f"a PAC file ({redact.bare(self.pac)}), from {where}; files come through the browser"
        listed = {scheme: _bare(found) for scheme in _SCHEMES if (found := self._server(scheme))}
        if not listed:
            return "none: connections are direct"
        text = ", ".join(f"{server} for {scheme}" for scheme, server in listed.items())
        user = ", with a user name" if self.credentials() else ""
        return f"{text}, from {where}{user}" + (f"; not for {self.exceptions}" if self.exceptions else "")

    def _server(self, scheme: str) -> str:
        return self.servers.get(scheme) or self.servers.get("all") or self.servers.get("socks") or ""

    def _is_excepted(self, host: str, port: int) -> bool:
        if self.is_environment:
            return is_excepted(host, port, self.exceptions)
        return bool(_of_system(1, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))


def read() -> Proxies:
    """The settings as they are now: they change when a VPN or network does. Call it on a thread."""
    found = urllib.request.getproxies_environment()
    given = {name: found[name] for name in (*_SCHEMES, "all") if found.get(name)}
    if given or found.get("auto"):
        return Proxies(given, found.get("no", ""), found.get("auto", ""), is_environment=True)
    return Proxies(_of_system(0) or _NONE, pac=_system_pac())


def is_local(host: str) -> bool:
    """Whether a host is reached without any proxy, as browsers do: this computer and link-local addresses. Pure."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _network(name)
    return address is not None and (address.is_loopback or address.is_link_local)


def is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether a host needs no proxy by `NO_PROXY`. Pure.

    Args:
        host: a name or an IP address, without brackets.
        port: of the address.
        exceptions: names (subdomains included), IP addresses, networks such as `10.0.0.0/8`, each with or without a
            port; `*` for all; separated by commas or spaces.
    """
    name, address = host.rstrip(".").lower(), _network(host)
    for rule in _names(exceptions):
        network = _network(rule)
        if network is not None:
            if address is not None and address.version == network.version and address.subnet_of(network):  # type: ignore[arg-type]
                return True
            continue
        wanted, _, only = rule.partition(":")
        wanted = wanted.strip("[]")
        if (not only or only == str(port)) and (wanted == "*" or name == wanted or name.endswith(f".{wanted}")):
            return True
    return False


def pac_of_scutil(said: str) -> str:
    """The PAC file's address in what macOS' `scutil --proxy` prints; `""` for none. Pure."""
    found = _PAC.search(said) if _PAC_ENABLED.search(said) else None
    return found[1] if found else ""


def _of_system(which: int, *arguments: str) -> Any:
    """Calls urllib's reader of the system's settings; None where it has none.

    Not `getproxies` and `proxy_bypass`: with `NO_PROXY` alone in the environment they ignore the system's settings.
    """
    names = _SYSTEM_READERS.get(sys.platform)
    return getattr(urllib.request, names[which])(*arguments) if names is not None else None


def _system_pac() -> str:
    if sys.platform == "win32":
        return _windows_pac()
    return _macos_pac(int(time.monotonic()) // _MINUTE) if sys.platform == "darwin" else ""


@functools.lru_cache(maxsize=1)
def _macos_pac(_minute: int) -> str:
    """Asked once a minute: it starts a program."""
    try:
        done = subprocess.run([_SCUTIL, "--proxy"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return pac_of_scutil(done.stdout)


def _windows_pac() -> str:
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _WINDOWS_SETTINGS) as key:
                return str(winreg.QueryValueEx(key, "AutoConfigURL")[0])
        except OSError:
            return ""
    return ""


def _names(exceptions: str) -> list[str]:
    listed = exceptions.lower().replace(",", " ").split()
    return [name.removeprefix("*.").lstrip(".") if name != "*" else name for name in listed]


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """An IP address or network; None for a name."""
    try:
        return ipaddress.ip_network(text.strip("[]").partition("%")[0], strict=False)
    except ValueError:
        return None


def _with_scheme(address: str) -> str:
    return address if "://" in address or not address else f"http://{address}"


def _bare(address: str) -> str:
    """A proxy's address without user name, password and path."""
    parts = urlsplit(_with_scheme(address))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
