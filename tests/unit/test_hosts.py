"""Which hosts files may come from: the rules as tables, and the HTTP client with a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web as aioweb

from po_pw import errors, hostnames, models, settings
from po_pw.portals.coupa import coupa_portal
from po_pw.portals.generic import sign_in_signs
from po_pw.transport import addresses, allowed_hosts, client, resolving
from tests.helpers import faulty_server, support

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.helpers.faulty_server import Server

ORDER = "https://acme.coupahost.com/order_headers/1"


def coupa(*allowed: str, page: str = "") -> allowed_hosts.HostPolicy:
    declared = coupa_portal.CoupaPortal().file_hosts(ORDER)
    return allowed_hosts.host_policy(
        ORDER, page, declared=declared, allowed=allowed, is_sign_in=lambda url: "login" in url
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.coupahost.com/a.pdf",
        "https://acme.coupahost.com:8443/a.pdf",
        "https://ACME.CoupaHost.com./a.pdf",
        "https://files.acme.coupahost.com/a.pdf",
        "https://bucket.s3.amazonaws.com/a",
        "https://s3.amazonaws.com/b/a",
        "https://bucket.s3.eu-west-1.amazonaws.com/a?X-Amz-Signature=1",
        "https://orders.acme.example/a",
        "https://files.example.com/a",
        "https://a.b.cdn.example/a",
        "https://bücher.example/a",
    ],
)
def test_hosts_that_files_come_from(url: str) -> None:
    """The portal's host on any port and its subdomains, the page's host, declared storage, and allowed hosts."""
    fence = coupa("files.example.com", "*.cdn.example", "bücher.example", page="https://orders.acme.example/1")
    fence.check_file(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://evil.example/a.pdf", "evil.example"),
        ("https://other.coupahost.com/a", "other.coupahost.com"),
        ("https://coupahost.com/a", "coupahost.com"),
        ("https://evilacme.coupahost.com/a", "evilacme.coupahost.com"),
        ("https://acme.coupahost.com.evil.example/a", "acme.coupahost.com.evil.example"),
        ("https://acme.coupahost.com@evil.example/a", "evil.example"),
        ("https://cdn.example/a", "cdn.example"),
        ("https://ec2-1-2-3-4.compute-1.amazonaws.com/a", "ec2-1-2-3-4.compute-1.amazonaws.com"),
        ("https://s3.evil.compute.amazonaws.com/a", "s3.evil.compute.amazonaws.com"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("http://127.0.0.1/a", "127.0.0.1"),
        ("http://[::1]:80/a", "::1"),
        ("http://localhost/a", "localhost"),
        ("https://login.evil.example/a", "evil"),
    ],
)
def test_other_hosts_are_refused_with_the_flag_that_allows_them(url: str, host: str) -> None:
    """Neighbours, similar names and internal addresses are refused, with the option to add."""
    with pytest.raises(allowed_hosts.NotAllowedError, match=f"add --allow-host .*{host}") as caught:
        coupa("*.cdn.example").check_file(url)
    assert caught.value.code is models.ErrorCode.FORBIDDEN
    assert "?" not in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "data:text/plain,x", "ftp://h/a", ""])
def test_a_redirect_to_another_scheme_is_refused_in_words_of_its_own(url: str) -> None:
    """Only http and https are possible; no flag allows more."""
    with pytest.raises(errors.PermanentError, match="not an http") as caught:
        coupa("*").check_hop(url, ORDER)
    assert caught.value.code is models.ErrorCode.INVALID_URL


def test_a_redirect_may_pass_a_sign_in_page_but_no_file_comes_from_it() -> None:
    """Silent single sign-on works, but no file may come from a host named "login"."""
    coupa().check_hop("https://login.example/auth", ORDER)
    with pytest.raises(allowed_hosts.NotAllowedError, match=r"coupahost.com/order_headers/1 leads to login\.example"):
        coupa().check_file("https://login.example/auth", ORDER)


@pytest.mark.parametrize(
    ("host", "pattern", "fits"),
    [
        ("a.example", "a.example", True),
        ("b.a.example", "a.example", False),
        ("b.a.example", "*.a.example", True),
        ("a.example", "*.a.example", False),
        ("c.b.a.example", "*.a.example", True),
        ("any.thing", "*", True),
        ("s3-eu.example", "s3-*.example", True),
        ("s3-eu.x.example", "s3-*.example", False),
        ("aXexample", "a.example", False),
        ("10.0.0.1", "*.0.0.1", False),
        ("10.0.0.1", "10.0.0.1", True),
    ],
)
def test_patterns_of_hosts(host: str, pattern: str, fits: bool) -> None:
    """A leading star matches labels, another only part of one; addresses match only `*`."""
    assert allowed_hosts.matches(host, pattern) is fits


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("0.0.0.0", False),  # noqa: S104
        ("172.31.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("224.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("255.255.255.255", False),
        ("2002:7f00:1::", False),
        ("2002:a00:1::1", False),
        ("2002:808:808::1", True),
        ("fec0::1", False),
        ("feff::1", False),
        ("64:ff9b:1::", False),
        ("64:ff9b:1::808:808", False),
        ("64:ff9b::a00:1", False),
        ("2001:0:808:808:0:3fff:80ff:fffe", False),
        ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", False),
        ("::ffff:8.8.8.8", True),
        ("::8.8.8.8", False),
        ("::127.0.0.1", False),
        ("::ffff:0:7f00:1", False),
        ("192.0.0.1", False),
        ("192.0.0.9", False),
        ("192.0.2.1", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("198.19.255.255", False),
        ("198.51.100.1", False),
        ("203.0.113.9", False),
        ("239.255.255.250", False),
        ("240.0.0.1", False),
        ("100.127.255.255", False),
        ("100.128.0.1", True),
        ("192.0.1.1", True),
        ("198.20.0.1", True),
        ("172.32.0.1", True),
        ("11.0.0.1", True),
        ("1.1.1.1", True),
        ("ff02::1", False),
        ("ff0e::1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("100::1", False),
        ("2001:2::1", False),
        ("2001:10::1", False),
        ("2001:20::1", False),
        ("2001:200::1", True),
        ("2001:4860:4860::8888", True),
        ("2a00:1450::1", True),
        ("4000::1", False),
        ("fe80::1", False),
    ],
)
def test_addresses_of_the_internet(address: str, public: bool) -> None:
    """Private, loopback, link-local, shared and reserved addresses are not public, in any notation."""
    assert allowed_hosts.is_public(address) is public


@pytest.mark.parametrize(
    ("host", "ascii_host"),
    [
        ("straße.de", "xn--strae-oqa.de"),
        ("STRASSE.de", "strasse.de"),
        ("xn--strae-oqa.de", "xn--strae-oqa.de"),
        ("faß.example", "xn--fa-hia.example"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com", "xn--mgba3gch31f060k.com"),
        ("Bücher.Example.", "xn--bcher-kva.example"),
        ("例え。jp", "xn--r8jz45g.jp"),
        ("☕.example", "xn--53h.example"),
        ("ａｃｍｅ.com", "acme.com"),  # noqa: RUF001
        ("a_b.example", "a_b.example"),
        ("*.straße.de", "*.xn--strae-oqa.de"),
        ("[::1]", "::1"),
        ("bad\ufffd.example", "bad\ufffd.example"),
    ],
)
def test_hosts_are_read_as_browsers_read_them(host: str, ascii_host: str) -> None:
    """By UTS 46, not transitional: `straße.de` is another site than `strasse.de`."""
    assert hostnames.ascii_host(host) == ascii_host


def test_a_look_alike_of_an_allowed_host_is_refused() -> None:
    """Two hosts that IDNA 2003 treated as one are two, also in the request."""
    fence = allowed_hosts.host_policy(ORDER, allowed=("strasse.de",))
    fence.check_file("https://strasse.de/a.pdf")
    with pytest.raises(allowed_hosts.NotAllowedError, match=r"xn--strae-oqa\.de"):
        fence.check_file("https://straße.de/a.pdf")
    allowed_hosts.host_policy(ORDER, allowed=("*.straße.de",)).check_file("https://b.xn--strae-oqa.de/a.pdf")
    assert addresses.parse("https://straße.de:8443/a").raw_authority == "xn--strae-oqa.de:8443"
    assert addresses.parse("https://☕.example/a").raw_host == "xn--53h.example"


@pytest.mark.parametrize(
    "url",
    [
        "https://files.lessons.example/a.pdf",
        "https://evil.example/authors/x",
        "https://evil.example/sso/a.pdf",
        "https://auth.evil.example/a.pdf",
        "https://evil.example/login?next=/x",
    ],
)
def test_no_redirect_passes_for_a_word_in_its_address(url: str) -> None:
    """`sso`, `auth` or `login` do not make an address a sign-in; the portal's address in it does."""
    fence = allowed_hosts.host_policy(ORDER, is_sign_in=lambda address: sign_in_signs.leads_to_sign_in(address, ORDER))
    with pytest.raises(allowed_hosts.NotAllowedError):
        fence.check_hop(url, ORDER)
    fence.check_hop("https://idp.example/x?SAMLRequest=abc", ORDER)


@pytest.mark.slow
def test_allowed_hosts_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags give a list, the environment a text; an address in place of a host is refused."""
    monkeypatch.setenv("PO_PW_ALLOW_HOSTS", "files.example.com, *.cdn.example")
    assert settings.load().allow_hosts == ("files.example.com", "*.cdn.example")
    assert settings.load(allow_hosts=("*", "10.0.0.1", "[::1]")).allow_hosts == ("*", "10.0.0.1", "[::1]")
    for wrong in ("https://files.example.com", "files.example.com/a", "a b", "", "h:80"):
        with pytest.raises(errors.InputError, match=r"--allow-host: .*files\.example\.com"):
            settings.load(allow_hosts=(wrong,))


def ask(
    path: str,
    fence: Callable[[Server], allowed_hosts.HostPolicy],
    answer: Callable[[], aioweb.StreamResponse] | None = None,
) -> int:
    """Downloads an address of a server; returns its number of requests, or raises the error."""
    seen: list[int] = []

    async def body() -> None:
        async with (
            faulty_server.serve() as server,
            client.Client(files_in_all=2, files_per_host=2, stall_timeout=30) as them,
        ):
            if answer is not None:
                server.answers["/answer"] = answer
            ours = them.session("Agent/1")
            try:
                url = server.url(path.replace("PORT", str(server.port)))
                async with ours.get(url, policy=fence(server)) as got:
                    async for _ in got.chunks:
                        continue
            finally:
                seen.append(len(server.asked))
                await ours.aclose()

    try:
        support.run_async(body())
    except errors.OrderError as error:
        error.add_note(str(seen[0]))
        raise
    return seen[0]


def around(host: str, *allowed: str, sign_in: str = "nowhere") -> Callable[[Server], allowed_hosts.HostPolicy]:
    return lambda _: allowed_hosts.host_policy(
        f"http://{host}/order", allowed=allowed, is_sign_in=lambda url: sign_in in url
    )


@pytest.mark.parametrize(
    ("path", "fence", "asked"),
    [
        ("/pdf", around("127.0.0.1"), 1),
        ("/redirect?to=http://127.0.0.1:PORT/pdf", around("127.0.0.1"), 2),
        ("/redirect?to=http://localhost:PORT/pdf", around("127.0.0.1", "localhost"), 2),
        ("/redirect?to=http://localhost:PORT/answer", around("127.0.0.1", sign_in="localhost"), 2),
    ],
)
def test_what_is_within_the_fence_comes(
    path: str, fence: Callable[[Server], allowed_hosts.HostPolicy], asked: int
) -> None:
    """Files come from the portal on any port and from allowed hosts; a sign-in page is returned to the portal."""
    page = aioweb.Response(text="<form><input type=password>", content_type="text/html")
    assert ask(path, fence, lambda: page) == asked


@pytest.mark.parametrize(
    ("path", "fence", "asked"),
    [
        ("/pdf", around("portal.example"), 0),
        ("/pdf", around("8.8.8.8", "*"), 0),
        ("/redirect?to=http://localhost:PORT/pdf", around("127.0.0.1"), 1),
        ("/redirect?to=//localhost:PORT/pdf", around("127.0.0.1"), 1),
        ("/redirect?to=http://localhost:PORT/pdf", around("127.0.0.1", sign_in="localhost"), 2),
    ],
)
def test_what_is_outside_is_not_even_asked_for(
    path: str, fence: Callable[[Server], allowed_hosts.HostPolicy], asked: int
) -> None:
    """A link or redirect to another host is refused before any request."""
    with pytest.raises(allowed_hosts.NotAllowedError) as caught:
        ask(path, fence)
    assert caught.value.__notes__ == [str(asked)]


def outside(system: dict[str, str]) -> Callable[[allowed_hosts.HostPolicy, str], Awaitable[object]]:
    """A resolver that gives names these addresses."""

    class System:
        async def resolve(self, host: str, port: int, family: object) -> list[dict[str, str]]:
            if host not in system:
                raise OSError(8, "no such name")
            return [{"host": address} for address in system[host].split()]

    async def resolve(fence: allowed_hosts.HostPolicy, host: str) -> object:
        resolver = resolving.Resolver()
        resolver._system = System()  # type: ignore[assignment]
        held = resolving.within.set(fence)
        try:
            await resolver.vet(fence, host)
            return await resolver.resolve(host)
        finally:
            resolving.within.reset(held)

    return resolve


@pytest.mark.parametrize(
    ("host", "allowed", "refused"),
    [
        ("files.portal.example", (), True),
        ("mixed.portal.example", (), True),
        ("files.portal.example", ("*.portal.example",), True),
        ("files.portal.example", ("files.portal.example",), False),
        ("cdn.portal.example", (), False),
        ("portal.example", (), False),
        ("files.inside.example", (), False),
        ("10.0.0.5", ("*",), True),
    ],
)
def test_a_name_inside_the_network_is_refused_unless_the_portal_is_inside_too(
    host: str, allowed: tuple[str, ...], refused: bool
) -> None:
    """What a public portal points to must be public, unless the user named it exactly."""
    order = "https://inside.example/1" if "inside" in host else "https://portal.example/1"
    resolve = outside(
        {
            "portal.example": "93.184.215.14",
            "files.portal.example": "10.0.0.5",
            "inside.example": "10.0.0.1",
            "mixed.portal.example": "93.184.215.14 127.0.0.1",
            "cdn.portal.example": "2606:4700::1111",
            "files.inside.example": "10.0.0.5",
            "10.0.0.5": "10.0.0.5",
        }
    )
    fence = allowed_hosts.host_policy(order, allowed=allowed)
    if refused:
        with pytest.raises(allowed_hosts.NotAllowedError, match=f"inside your own network .*--allow-host {host}"):
            support.run_async(resolve(fence, host))  # type: ignore[arg-type]
    else:
        support.run_async(resolve(fence, host))  # type: ignore[arg-type]


def test_the_address_that_is_looked_at_is_the_one_connected_to() -> None:
    """For a public portal, a name of this machine is refused without a connection."""
    with pytest.raises(allowed_hosts.NotAllowedError, match="localhost is inside your own network") as caught:
        ask(
            "/redirect?to=http://localhost:PORT/pdf",
            lambda _: allowed_hosts.HostPolicy("8.8.8.8", "", ("localhost",), ("127.0.0.1",)),
        )
    assert caught.value.__notes__ == ["1"]
