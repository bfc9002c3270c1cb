"""Signing in by filling in a plain form, in a real browser."""

from __future__ import annotations

import contextlib
import re
import socket
from typing import TYPE_CHECKING, Protocol

import pytest

from po_pw import errors, hostnames, models, sessions
from po_pw.auth import forms, page_opening, trust
from po_pw.browser import contexts, launching, playwright_driver, profiles
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Page

    from tests.helpers.browser_site import Site
    from tests.helpers.loop_thread import LoopThread


async def is_in(page: Page, status: int) -> bool:
    """How this portal's pages show that somebody is signed in."""
    return status < 400 and await page.locator("h1", has_text="Orders").count() > 0


async def anywhere(_: trust.Target) -> None:
    """Allows the password on every host."""


@pytest.fixture(scope="module")
def attempt(loop: LoopThread) -> Iterator[Attempt]:
    """Signs in as anna in one browser for all tests, signed out before each; see `Attempt`."""

    async def start() -> contexts.Context:
        driver = await stack.enter_async_context(playwright_driver.Driver())
        launch = launching.plan(driver.resolve(None), headless=True, timeout=IN_TIME)
        manager = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
        opened = await driver.open(
            models.WorkerId("login"),
            launch,
            user_data_dir=manager.create_profile("login"),
            downloads=driver.run_dir.path / "downloads",
        )
        stack.push_async_callback(opened.close)
        return opened

    async def go(url: str, password: str, timeout: float) -> tuple[str, list[str]]:
        async with context.page() as lease:
            await lease.page.context.clear_cookies()
            await page_opening.open_page(lease.page, url, timeout)
            answers = forms.Answers("anna", password)
            await forms.fill(lease.page, answers, signed_in=is_in, may_type=anywhere, timeout=timeout)
            state = await context.save_storage_state()
            return lease.page.url, [cookie["name"] for cookie in state["cookies"]]

    stack = contextlib.AsyncExitStack()
    context = loop.run(start())
    yield lambda url, password, timeout=IN_TIME: loop.run(go(url, password, timeout))
    loop.run(stack.aclose())


class Attempt(Protocol):
    """Signs in; returns the final address and the names of the cookies."""

    def __call__(self, url: str, password: str, timeout: float = IN_TIME) -> tuple[str, list[str]]: ...


@pytest.mark.parametrize("kind", ["single", "double", "script", "search"])
def test_the_form_is_filled_however_it_asks(site: Site, attempt: Attempt, kind: str) -> None:
    """One page, two steps, a script that sends it, or a search box above it: each ends signed in."""
    url = f"{site.origin}/{kind}/home"
    assert attempt(url, "right") == (url, [kind])


@pytest.mark.parametrize(
    ("kind", "says"), [("single", "Wrong user name or password."), ("double", "Wrong"), ("script", "Try again.")]
)
def test_a_wrong_password_is_said_in_the_portals_words(site: Site, attempt: Attempt, kind: str, says: str) -> None:
    """A refusal ends the sign-in early, with the page's text and exit code 4."""
    with pytest.raises(errors.LoginRequiredError, match=f'did not accept.*It says: "{says}') as caught:
        attempt(f"{site.origin}/{kind}/home", "wrong")
    assert caught.value.exit_code == 4
    assert "wrong" not in str(caught.value)


def test_a_page_without_a_form_says_what_to_do_instead(site: Site, attempt: Attempt) -> None:
    """Without a form, the message names the sign-in in a window."""
    with pytest.raises(errors.LoginRequiredError, match=r"no sign-in form appeared.*po-pw login"):
        attempt(site.page("blank"), "right", timeout=2)


def test_a_portal_that_does_not_answer_is_no_sign_in(attempt: Attempt) -> None:
    """A refused connection is reported as such."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(errors.PortalUnreachableError, match=r"connection was refused \(ERR_CONNECTION_REFUSED\)"):
            attempt(f"http://127.0.0.1:{taken.getsockname()[1]}/", "right")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Page.goto: net::ERR_NAME_NOT_RESOLVED at https://h/", "there is no such host"),
        ("Page.goto: net::ERR_CERT_AUTHORITY_INVALID at https://h/", "certificate is not trusted"),
        ("Page.goto: net::ERR_TUNNEL_CONNECTION_FAILED at https://h/", "the proxy blocks it"),
        ("Page.goto: net::ERR_HTTP2_PROTOCOL_ERROR at https://h/", "the connection failed"),
        ("Page.goto: Timeout 30000ms exceeded.", "no answer came in time"),
        ("Download is starting", "Download is starting"),
    ],
)
def test_an_address_that_does_not_open_is_told_in_words(said: str, reason: str) -> None:
    """The message has the host and a reason, without the query, which may contain a secret."""
    told = page_opening.unreachable("https://u:pw@h/a?token=1", said)
    assert told.startswith("h cannot be opened: ")
    assert reason in told
    assert "token" not in told


def test_nothing_is_typed_into_a_search_box(site: Site, attempt: Attempt) -> None:
    """A page with one text field that does not ask for a name is no sign-in form."""
    with pytest.raises(errors.LoginRequiredError, match="no sign-in form appeared"):
        attempt(site.page("search-only"), "right", timeout=2)
    assert not [one for one in site.asked if "/nowhere" in one]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://ACME.example:443/x?y", "https://acme.example"),
        ("http://acme.example:80", "http://acme.example"),
        ("https://u:p@acme.example:8443/", "https://acme.example:8443"),
        ("https://acme.example./", "https://acme.example"),
        ("https://straße.de/", "https://xn--strae-oqa.de"),
        ("http://[::1]:80/", "http://[::1]"),
        ("http://[fe80::1]:8080/", "http://[fe80::1]:8080"),
        ("http://a.example:99999/", ""),
        ("http://[", ""),
    ],
)
def test_a_portal_has_one_origin_however_it_is_written(url: str, origin: str) -> None:
    """Origins are as in browsers: host in ASCII, without default port and user."""
    assert hostnames.origin_of(url) == origin


def test_no_two_portals_share_a_folder_of_sign_ins() -> None:
    """Similar origins have different folder names, which are short and valid on every file system."""
    origins = [
        "https://acme-inc.example",
        "https://acme_inc.example",
        "https://acme.inc.example",
        "https://a-8443",
        "https://a:8443",
        "http://a:8443",
        "https://a_8443",
        "http://[::1]",
        "http://[::1]:80",
        "http://[1::]",
        "http://1",
        "https://a--b",
        "https://a-b",
        f"https://{'a.' * 120}example",
        f"https://{'a.' * 120}example:8443",
        "https://xn--strae-oqa.de",
    ]
    folders = [sessions.folder_name(origin) for origin in origins]
    assert len({folder.casefold() for folder in folders}) == len(origins)
    assert all(re.fullmatch(r"[a-z0-9._~-]{1,120}[a-z0-9]", folder) for folder in folders)
    assert folders[:2] == ["https_acme-inc.example", f"https_acme_inc.example~{folders[1].rpartition('~')[2]}"]
    plain = [origin for origin, folder in zip(origins, folders, strict=True) if "~" not in folder]
    assert [sessions.origin_of_folder(sessions.folder_name(origin)) for origin in plain] == plain
    assert sessions.origin_of_folder(folders[1]) == folders[1]
