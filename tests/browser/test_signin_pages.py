"""Signing in page by page at an identity provider on another host, in a language without rules."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import pytest

from po_pw import errors, models
from po_pw.auth import attempt, forms, trust
from po_pw.browser import contexts, launching, playwright_driver
from tests.helpers import identity_provider
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread

ALLOWED = ("localhost",)


class SignIn(Protocol):
    """Signs in on these pages; returns the hosts that asked for a code."""

    def __call__(
        self,
        pages: str,
        *,
        code: str | None = identity_provider.CODE,
        hosts: tuple[str, ...] = ALLOWED,
        timeout: float = IN_TIME,
    ) -> list[str]: ...


@pytest.fixture(scope="module")
def provider() -> Iterator[identity_provider.Provider]:
    with identity_provider.Provider() as running:
        yield running


@pytest.fixture(scope="module")
def sign_in(
    loop: LoopThread, provider: identity_provider.Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SignIn]:
    """In one browser for all tests, signed out before each."""

    async def start(folder: Path) -> contexts.Context:
        driver = await stack.enter_async_context(playwright_driver.Driver())
        launch = launching.plan(driver.resolve(None), headless=True, timeout=IN_TIME)
        strangers.append(attempt.SignedOutPages(driver, launch, IN_TIME))
        opened = await driver.open(
            models.WorkerId("login"), launch, user_data_dir=folder / "profile", downloads=folder / "downloads"
        )
        stack.push_async_callback(opened.close)
        return opened

    async def go(pages: str, code: str | None, hosts: tuple[str, ...], timeout: float) -> list[str]:
        asked: list[str] = []

        def give(host: str) -> str:
            asked.append(host)
            return str(code)

        async with context.page() as lease:
            await lease.page.context.clear_cookies()
            trying = attempt.Attempt(lease.page, provider.order(pages), strangers[0], timeout)
            assert not await trying.begin()
            answers = forms.Answers(identity_provider.USER, identity_provider.PASSWORD, give if code else None)
            await trying.fill(answers, trust.Trust(hosts))
            assert lease.page.url == provider.order(pages)
        return asked

    stack = contextlib.AsyncExitStack()
    strangers: list[attempt.SignedOutPages] = []
    context = loop.run(start(tmp_path_factory.mktemp("pages")))
    yield lambda pages, *, code=identity_provider.CODE, hosts=ALLOWED, timeout=IN_TIME: loop.run(
        go(pages, code, hosts, timeout)
    )
    loop.run(stack.aclose())


@pytest.mark.parametrize(
    "pages",
    [
        "user-password-code-stay",
        "user-password-code+numeric",
        "user-password-code+short-stay+english",
        "user-password-code+single",
        "user-password-code+boxes",
        "user-password-code+hidden",
        "user-password-code+number",
        "own-password-code+single-stay+english",
    ],
)
def test_each_page_is_answered(provider: identity_provider.Provider, sign_in: SignIn, pages: str) -> None:
    """User name, password, code and the question whether to stay signed in are each answered once."""
    before = len(provider.typed)
    host = "127.0.0.1" if pages.startswith("own") else "localhost"
    assert sign_in(pages) == [host]
    came = [(one.host, one.page) for one in provider.typed[before:]]
    assert came == [(host, page.partition("+")[0]) for page in pages.removeprefix("own-").split("-")]


def test_what_is_for_a_person_is_left_to_a_person(provider: identity_provider.Provider, sign_in: SignIn) -> None:
    """Terms are not accepted; the message says what the page asks and what to do."""
    with pytest.raises(errors.LoginRequiredError, match=r'localhost that po-pw cannot fill in: "Feltételek".*window'):
        sign_in("user-password-terms", timeout=5)
    assert provider.typed[-1].page == "password"


def test_a_code_that_nobody_gives_or_that_is_wrong(provider: identity_provider.Provider, sign_in: SignIn) -> None:
    """Neither is reported as a wrong password; a wrong code is sent once and is in no message."""
    with pytest.raises(errors.LoginRequiredError, match=r"localhost asks for a .*code.*--totp-command") as caught:
        sign_in("user-password-code", code=None)
    assert not isinstance(caught.value, errors.CredentialsRefusedError)
    with pytest.raises(errors.LoginRequiredError, match=r"did not accept the one-time code.*Hibás adat") as caught:
        sign_in("user-password-code", code="314159")
    assert not isinstance(caught.value, errors.CredentialsRefusedError)
    assert "314159" not in str(caught.value)
    assert [one.values["otp"] for one in provider.typed if "otp" in one.values].count("314159") == 1
    with pytest.raises(errors.LoginRequiredError, match=r"of 6 characters, and this one has 4"):
        sign_in("user-password-code+boxes", code="2718")


def test_nothing_goes_to_another_host_unasked(provider: identity_provider.Provider, sign_in: SignIn) -> None:
    """Not even the user name is typed on a host that nobody named."""
    before = len(provider.typed)
    with pytest.raises(errors.LoginRequiredError, match="--sign-in-host localhost"):
        sign_in("user-password", hosts=())
    assert len(provider.typed) == before
