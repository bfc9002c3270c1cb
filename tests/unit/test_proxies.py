"""Which proxy leads to an address: the environment's and the system's settings, as browsers read them."""

from __future__ import annotations

import pytest

from po_pw import errors, proxies

_SCUTIL = """<dictionary> {
  HTTPEnable : 0
  ProxyAutoConfigEnable : %s
  ProxyAutoConfigURLString : http://wpad.example/proxy.pac
}"""


@pytest.mark.parametrize(
    ("host", "exceptions", "expected"),
    [
        ("files.example.com", "example.com", True),
        ("files.example.com", ".example.com", True),
        ("files.example.com", "*.example.com", True),
        ("FILES.example.com", "other.org, Example.com", True),
        ("notexample.com", "example.com", False),
        ("example.com", "example.com:443", True),
        ("example.com", "example.com:8443", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::1", "fd00::/8", True),
        ("10.example.com", "10.0.0.0/8", False),
        ("anything.example", "*", True),
        ("anything.example", "", False),
    ],
)
def test_exceptions(host: str, exceptions: str, expected: bool) -> None:
    """`NO_PROXY` is read in all usual forms."""
    assert proxies.is_excepted(host, 443, exceptions) is expected


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "169.254.1.1", "fe80::1"]
)
def test_this_computer_needs_no_proxy(host: str) -> None:
    """As in Chromium, this computer needs no proxy, whatever is set."""
    everywhere = proxies.Proxies({"http": "http://proxy:1"}, pac="http://wpad/", is_environment=True)
    assert everywhere.server_for("http", host, 80) is None


def test_the_environment_counts_for_our_client_and_for_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both use the same servers and exceptions; the password is never printed."""
    monkeypatch.setenv("https_proxy", "http://anna:s%40cret-word@proxy.example:3128/")
    monkeypatch.setenv("all_proxy", "socks.example:80")
    monkeypatch.setenv("no_proxy", ".inside.example,10.0.0.0/8")
    found = proxies.read()
    assert found.server_for("https", "portal.example", 443) == "http://anna:s%40cret-word@proxy.example:3128/"
    assert found.server_for("http", "portal.example", 80) == "http://socks.example:80"
    assert found.server_for("https", "a.inside.example", 443) is None
    assert found.browser_arguments() == [
        "--proxy-server=http=http://socks.example:80;https=http://proxy.example:3128",
        "--proxy-bypass-list=localhost;inside.example;*.inside.example;10.0.0.0/8",
    ]
    assert found.credentials() == ("http://proxy.example:3128", "anna", "s@cret-word")
    assert "cret" not in found.described() + repr(found) + " ".join(found.browser_arguments())
    assert "https://" not in found.described()


def test_what_only_the_browser_can_use_goes_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With PAC files and SOCKS proxies files come through the browser."""
    monkeypatch.setenv("https_proxy", "socks5://proxy.example:1080")
    with pytest.raises(errors.BrowserRouteNeededError, match="socks5"):
        proxies.read().server_for("https", "portal.example", 443)
    monkeypatch.setenv("auto_proxy", "http://wpad.example/proxy.pac")
    with pytest.raises(errors.BrowserRouteNeededError, match="PAC"):
        proxies.read().server_for("http", "portal.example", 80)
    assert proxies.read().browser_arguments() == ["--proxy-pac-url=http://wpad.example/proxy.pac"]


def test_a_pac_file_of_macos_counts_when_it_is_switched_on() -> None:
    """`scutil --proxy` says whether it is."""
    assert proxies.pac_of_scutil(_SCUTIL % 1) == "http://wpad.example/proxy.pac"
    assert proxies.pac_of_scutil(_SCUTIL % 0) == ""
