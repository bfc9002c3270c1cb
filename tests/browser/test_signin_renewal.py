"""Renewing a sign-in during a run without a person, in a separate browser, at most once in vain."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from po_pw import errors, sessions, settings
from po_pw.auth import credentials, login, renewal, trust
from po_pw.browser import launching, playwright_driver
from tests.helpers import file_keyring, identity_provider
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread

    Renew = Callable[[settings.Settings, str], None]


@pytest.fixture(scope="module")
def provider() -> Iterator[identity_provider.Provider]:
    with identity_provider.Provider() as running:
        yield running


@pytest.fixture
def keyring_folder(tmp_path: Path) -> Iterator[Path]:
    with file_keyring.used(tmp_path):
        yield tmp_path


def sign_in(options: settings.Settings, url: str, **more: Any) -> login.SignedIn:
    wanted = {
        "username": identity_provider.USER,
        "password": identity_provider.PASSWORD,
        "patience": 30,
        "trust": trust.Trust(("localhost",)),
        **more,
    }
    return run_async(login.login(options, url, **wanted))


@pytest.fixture
def renew(loop: LoopThread) -> Iterator[Renew]:
    """Renews repeatedly with one driver, as a run does; nothing is left in the run's folder."""

    async def go(options: settings.Settings, origin: str) -> None:
        launch = launching.plan(driver.resolve(None), headless=True, timeout=IN_TIME)
        try:
            await renewal.renew(options, origin, driver, launch)
        finally:
            assert not [one for one in driver.run_dir.path.iterdir() if one.name.startswith(("sign-in", "stranger"))]

    stack = contextlib.AsyncExitStack()
    driver = loop.run(stack.enter_async_context(playwright_driver.Driver()))
    yield lambda options, origin: loop.run(go(options, origin))
    loop.run(stack.aclose())


def test_a_remembered_password_renews_and_one_refused_is_not_sent_again(
    provider: identity_provider.Provider, keyring_folder: Path, renew: Renew
) -> None:
    """The new session is saved; the password goes to the host named at the first sign-in."""
    options = settings.load(home=keyring_folder / "home")
    origin, kept = provider.origin, sessions.Sessions(keyring_folder / "home")
    sign_in(options, provider.order("user-password"))
    assert credentials.find(options, origin) is None
    credentials.remember(origin, "", identity_provider.USER, identity_provider.PASSWORD)
    before = kept.cookies([origin])
    provider.end_sessions()

    renew(options, origin)
    assert provider.passwords() == [identity_provider.PASSWORD] * 2
    assert {one.host for one in provider.typed} == {"localhost"}
    after = kept.cookies([origin])
    assert [one["name"] for one in after] == ["sid"]
    assert after != before
    assert kept.proof_url(origin) == provider.order("user-password")

    # Nothing has ended: no password is needed.
    renew(options, origin)
    assert len(provider.passwords()) == 2

    credentials.remember(origin, "", identity_provider.USER, "changed-meanwhile-7")
    provider.end_sessions()
    with pytest.raises(errors.CredentialsRefusedError, match=f"did not accept.*po-pw login {origin}"):
        renew(options, origin)
    assert credentials.find(options, origin) is None
    with pytest.raises(errors.LoginRequiredError, match="refused the password the last time"):
        renew(options, origin)
    assert provider.passwords()[2:] == ["changed-meanwhile-7"]


def test_nobody_signed_in_yet(tmp_path: Path, renew: Renew) -> None:
    """Without a sign-in there is nothing to renew; the message has the command with the account."""
    options = settings.load(home=tmp_path, account="Second")
    with pytest.raises(errors.LoginRequiredError, match=r"po-pw login http://127\.0\.0\.1:9 --account second"):
        renew(options, "http://127.0.0.1:9")
