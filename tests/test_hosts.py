"""Which hosts files may come from: the rules as tables, and the HTTP client held to them by a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from po_pw import errors, models, settings
from po_pw.portals import generic
from po_pw.transport import client, hosts, resolving
from tests import faulty_server, support

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.faulty_server import Server

ORDER = "https://acme.coupahost.com/order_headers/1"


def coupa(*allowed: str, page: str = "") -> hosts.Fence:
    declared = generic.GenericPortal().file_hosts(ORDER)
    return hosts.fence(ORDER, page, declared=declared, allowed=allowed, is_sign_in=lambda url: "login" in url)


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.coupahost.com/a.pdf", "https://acme.coupahost.com:8443/a.pdf", "https://ACME.CoupaHost.com./a.pdf",
        "https://files.acme.coupahost.com/a.pdf", "https://bucket.s3.amazonaws.com/a", "https://s3.amazonaws.com/b/a",
        "https://bucket.s3.eu-west-1.amazonaws.com/a?X-Amz-Signature=1", "https://orders.acme.example/a",
        "https://files.example.com/a", "https://a.b.cdn.example/a", "https://bücher.example/a",
    ],
)  # fmt: skip
def test_hosts_that_files_come_from(url: str) -> None:
    """The portal's host on any port and what is below it, the page's host, declared storage, and what is allowed."""
    fence = coupa("files.example.com", "*.cdn.example", "bücher.example", page="https://orders.acme.example/1")
    fence.check_file(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://evil.example/a.pdf", "evil.example"), ("https://other.coupahost.com/a", "other.coupahost.com"),
        ("https://coupahost.com/a", "coupahost.com"), ("https://evilacme.coupahost.com/a", "evilacme.coupahost.com"),
        ("https://acme.coupahost.com.evil.example/a", "acme.coupahost.com.evil.example"),
        ("https://acme.coupahost.com@evil.example/a", "evil.example"), ("https://cdn.example/a", "cdn.example"),
        ("https://ec2-1-2-3-4.compute-1.amazonaws.com/a", "ec2-1-2-3-4.compute-1.amazonaws.com"),
        ("https://s3.evil.compute.amazonaws.com/a", "s3.evil.compute.amazonaws.com"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"), ("http://127.0.0.1/a", "127.0.0.1"),
        ("http://[::1]:80/a", "::1"), ("http://localhost/a", "localhost"), ("https://login.evil.example/a", "evil"),
    ],
)  # fmt: skip
def test_other_hosts_are_refused_with_the_flag_that_allows_them(url: str, host: str) -> None:
    """Neighbours, look-alikes and addresses inside the network are named, together with what to add."""
    with pytest.raises(hosts.NotAllowed, match=f"add --allow-host .*{host}") as caught:
        coupa("*.cdn.example").check_file(url)
    assert caught.value.code is models.ErrorCode.FORBIDDEN
    assert "?" not in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "data:text/plain,x", "ftp://h/a", ""])
def test_a_redirect_to_another_scheme_is_refused_in_words_of_its_own(url: str) -> None:
    """Only http and https: nothing that a flag could allow."""
    with pytest.raises(errors.Permanent, match="no http") as caught:
        coupa("*").check_hop(url, ORDER)
    assert caught.value.code is models.ErrorCode.INVALID_URL


def test_a_redirect_may_pass_a_sign_in_page_but_no_file_comes_from_it() -> None:
    """Silent single sign-on works; whoever calls his host "login" sends no files for it."""
    coupa().check_hop("https://login.example/auth", ORDER)
    with pytest.raises(hosts.NotAllowed, match=r"coupahost.com/order_headers/1 leads to login\.example"):
        coupa().check_file("https://login.example/auth", ORDER)


@pytest.mark.parametrize(
    ("host", "pattern", "fits"),
    [
        ("a.example", "a.example", True), ("b.a.example", "a.example", False), ("b.a.example", "*.a.example", True),
        ("a.example", "*.a.example", False), ("c.b.a.example", "*.a.example", True), ("any.thing", "*", True),
        ("s3-eu.example", "s3-*.example", True), ("s3-eu.x.example", "s3-*.example", False),
        ("aXexample", "a.example", False), ("10.0.0.1", "*.0.0.1", False), ("10.0.0.1", "10.0.0.1", True),
    ],
)  # fmt: skip
def test_patterns_of_hosts(host: str, pattern: str, fits: bool) -> None:
    """A leading star is one label or more, another stays within its label, and addresses fit no pattern but `*`."""
    assert hosts.matches(host, pattern) is fits


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False), ("0.0.0.0", False),  # noqa: S104
        ("172.31.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("::", False),
        ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:10.0.0.1", False), ("224.0.0.1", False),
        ("64:ff9b::7f00:1", False), ("64:ff9b::808:808", True), ("255.255.255.255", False),
    ],
)  # fmt: skip
def test_addresses_of_the_internet(address: str, public: bool) -> None:
    """Private, loopback, link-local, shared and reserved ones are not, however they are written."""
    assert hosts.is_public(address) is public


def test_allowed_hosts_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """From flags a list, from the environment a text; an address instead of a host is refused with an example."""
    monkeypatch.setenv("PO_PW_ALLOW_HOSTS", "files.example.com, *.cdn.example")
    assert settings.load().allow_hosts == ("files.example.com", "*.cdn.example")
    assert settings.load(allow_hosts=("*", "10.0.0.1", "[::1]")).allow_hosts == ("*", "10.0.0.1", "[::1]")
    for wrong in ("https://files.example.com", "files.example.com/a", "a b", "", "h:80"):
        with pytest.raises(errors.InputError, match=r"--allow-host: .*files\.example\.com"):
            settings.load(allow_hosts=(wrong,))


def ask(
    path: str, fence: Callable[[Server], hosts.Fence], answer: Callable[[], web.StreamResponse] | None = None
) -> int:
    """Fetches an address of a server; gives how many requests it was asked, or raises what came of it."""
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
                async with ours.get(url, fence=fence(server)) as got:
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


def around(host: str, *allowed: str, sign_in: str = "nowhere") -> Callable[[Server], hosts.Fence]:
    return lambda _: hosts.fence(f"http://{host}/order", allowed=allowed, is_sign_in=lambda url: sign_in in url)


@pytest.mark.parametrize(
    ("path", "fence", "asked"),
    [
        ("/pdf", around("127.0.0.1"), 1),
        ("/redirect?to=http://127.0.0.1:PORT/pdf", around("127.0.0.1"), 2),
        ("/redirect?to=http://localhost:PORT/pdf", around("127.0.0.1", "localhost"), 2),
        ("/redirect?to=http://localhost:PORT/answer", around("127.0.0.1", sign_in="localhost"), 2),
    ],
)
def test_what_is_within_the_fence_comes(path: str, fence: Callable[[Server], hosts.Fence], asked: int) -> None:
    """The portal's own, on any port, what is allowed, and a sign-in page for the portal to judge."""
    page = web.Response(text="<form><input type=password>", content_type="text/html")
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
def test_what_is_outside_is_not_even_asked_for(path: str, fence: Callable[[Server], hosts.Fence], asked: int) -> None:
    """A link or a redirect to another host is refused before a request is made; a file on a sign-in host after it."""
    with pytest.raises(hosts.NotAllowed) as caught:
        ask(path, fence)
    assert caught.value.__notes__ == [str(asked)]


def outside(system: dict[str, str]) -> Callable[[hosts.Fence, str], Awaitable[object]]:
    """A resolver to whom names have these addresses."""

    class System:
        async def resolve(self, host: str, port: int, family: object) -> list[dict[str, str]]:
            if host not in system:
                raise OSError(8, "no such name")
            return [{"host": address} for address in system[host].split()]

    async def resolve(fence: hosts.Fence, host: str) -> object:
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
    """What a public portal points to must be public, whatever its name, unless the person named it exactly."""
    order = "https://inside.example/1" if "inside" in host else "https://portal.example/1"
    resolve = outside(
        {
            "portal.example": "93.184.215.14", "files.portal.example": "10.0.0.5", "inside.example": "10.0.0.1",
            "mixed.portal.example": "93.184.215.14 127.0.0.1", "cdn.portal.example": "2606:4700::1111",
            "files.inside.example": "10.0.0.5", "10.0.0.5": "10.0.0.5",
        }
    )  # fmt: skip
    fence = hosts.fence(order, allowed=allowed)
    if refused:
        with pytest.raises(hosts.NotAllowed, match=f"private address .*--allow-host {host}"):
            support.run_async(resolve(fence, host))  # type: ignore[arg-type]
    else:
        support.run_async(resolve(fence, host))  # type: ignore[arg-type]


def test_the_address_that_is_looked_at_is_the_one_connected_to() -> None:
    """A real request to a name of this machine, for a portal that is outside: no connection is made."""
    with pytest.raises(hosts.NotAllowed, match="localhost is at a private address") as caught:
        ask(
            "/redirect?to=http://localhost:PORT/pdf",
            lambda _: hosts.Fence("8.8.8.8", "", ("localhost",), ("127.0.0.1",)),
        )
    assert caught.value.__notes__ == ["1"]
