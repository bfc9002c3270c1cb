"""Signing in by filling a plain form, in a real browser."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, models
from po_pw.browser import contexts, display, locate, profiles, signin
from tests.support import run_async

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser_site import Site


async def is_in(page: Page, status: int) -> bool:
    """What a portal's own judgement comes to here."""
    return status < 400 and await page.locator("h1", has_text="Orders").count() > 0


def attempt(url: str, password: str, timeout: float = 15) -> tuple[str, list[str]]:
    """Signs in as anna; gives where it ended, and the names of the cookies."""

    async def go() -> tuple[str, list[str]]:
        async with contexts.Driver() as driver:
            launch = contexts.Launch(driver.resolve(None), True, not locate.sandbox_hindrance(), 30)
            manager = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
            context = await driver.open(
                models.WorkerId("login"), launch, user_data_dir=manager.create_profile("login"),
                downloads=driver.run_dir.path / "downloads",
            )  # fmt: skip
            try:
                async with context.page() as hold:
                    await signin.by_form(hold.page, url, "anna", password, signed_in=is_in, timeout=timeout)
                    state = await context.save_storage_state()
                    return hold.page.url, [cookie["name"] for cookie in state["cookies"]]
            finally:
                await context.close()

    return run_async(go())


@pytest.mark.parametrize("kind", ["single", "double", "script", "search"])
def test_the_form_is_filled_however_it_asks(site: Site, kind: str) -> None:
    """One page, two steps, a script that sends it, a search box above it: each ends where it was going, signed in."""
    url = f"{site.origin}/{kind}/home"
    assert attempt(url, "right") == (url, [kind])


@pytest.mark.parametrize(
    ("kind", "says"), [("single", "Wrong user name or password."), ("double", "Wrong"), ("script", "Try again.")]
)
def test_a_wrong_password_is_said_in_the_portals_words(site: Site, kind: str, says: str) -> None:
    """A refusal ends the sign-in long before the time is over, with what the page says, and exit code 4."""
    with pytest.raises(errors.LoginRequiredError, match=f'did not accept.*It says: "{says}') as caught:
        attempt(f"{site.origin}/{kind}/home", "wrong", timeout=60)
    assert caught.value.exit_code == 4
    assert "wrong" not in str(caught.value)


def test_a_page_without_a_form_says_what_to_do_instead(site: Site) -> None:
    """Where there is nothing to fill, the message names the sign-in in a window."""
    with pytest.raises(errors.LoginRequiredError, match=r"could not be filled.*po-pw login"):
        attempt(site.page("blank"), "right", timeout=2)


def test_a_portal_that_does_not_answer_is_no_sign_in() -> None:
    """A connection that is refused becomes the same kind of error, not a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(errors.LoginRequiredError, match="ERR_CONNECTION_REFUSED"):
            attempt(f"http://127.0.0.1:{taken.getsockname()[1]}/", "right")


def test_a_window_is_only_shown_where_there_is_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for a window without a display, the browser runs without one and a warning says so."""
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    without, warning = display.headless(headed=True)
    assert without
    assert "no display" in warning
    assert display.headless(headed=False) == (True, "")
    monkeypatch.setenv("DISPLAY", ":7")
    assert display.headless(headed=True) == (False, "")
