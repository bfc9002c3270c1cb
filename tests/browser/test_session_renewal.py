"""Sessions end during a run: one renewal serves all workers, and other portals continue."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest

from po_pw import errors, events, models, sessions, settings
from po_pw.auth import codes, login, trust
from po_pw.demo.coupa import demo_tenant, tenant_catalogue, tenant_server
from tests.helpers import plain_portal, session_portal, support, tenant_runs, virtual_display
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from po_pw.engine import run as engine


def names(count: int) -> list[str]:
    return [f"PO-{number}" for number in range(1, count + 1)]


async def sign_in(portal: session_portal.SessionPortal, folder: Path, *, by_environment: bool = True) -> None:
    """Like `po-pw login URL --username anna` with the password in `PO_PW_PASSWORD`."""
    options = settings.load(home=folder / "home", out=folder / "out")
    await login.login(
        options,
        f"{portal.origin}/",
        username=session_portal.USER,
        password=session_portal.PASSWORD,
        by_environment=by_environment,
        patience=60,
    )


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PO_PW_PASSWORD", session_portal.PASSWORD)


@pytest.mark.usefixtures("password")
@pytest.mark.parametrize("app", [False, True])
def test_sessions_that_end_all_the_time_cost_sign_ins_and_nothing_else(tmp_path: Path, app: bool) -> None:
    """Orders complete with sessions of 25 requests, with no more sign-ins than ended sessions.


    In the app, only a request for data shows that the session has ended, and the token is in local storage.
    """
    count = 16 if app else 32

    async def test() -> tuple[session_portal.SessionPortal, plain_portal.Ran, int]:
        async with session_portal.SessionPortal(count, most=25, app=app).serving() as portal:
            await sign_in(portal, tmp_path)
            before = portal.sign_ins
            ran = await plain_portal.run(portal, tmp_path, names(count), workers=3)
            return portal, ran, before

    portal, ran, before = run_async(test())
    assert ran.error is None
    assert [one.error for one in ran.outcomes.values() if one.status is not models.Status.COMPLETED] == []
    assert all(len(one.files) == 2 and one.attempts == 1 for one in ran.outcomes.values())
    assert portal.endings >= 2
    assert portal.sign_ins - before <= portal.endings
    assert sorted(portal.served) == sorted(set(portal.served)), "fetched twice"
    ended = [event for event in ran.heard if isinstance(event, events.SignInEnded)]
    assert len(ended) == portal.sign_ins - before
    assert all(event.renewed for event in ended)


@pytest.mark.usefixtures("password")
def test_a_file_that_is_the_first_to_show_the_end_of_a_session_is_downloaded(tmp_path: Path) -> None:
    """The order's page, which opens without a session, is no proof that the session is valid."""

    async def test() -> None:
        async with session_portal.SessionPortal(2, app=True).serving() as portal:
            portal.ends_at = "PO-1-order.pdf"
            await sign_in(portal, tmp_path)
            ran = await plain_portal.run(portal, tmp_path, names(2), workers=2)
            assert ran.error is None
            assert [one.error for one in ran.outcomes.values()] == [None, None]
            assert (portal.endings, portal.sign_ins) == (1, 2)
            assert sorted(portal.served) == sorted(f"{po}-{kind}.pdf" for po in names(2) for kind in ("order", "terms"))

    run_async(test())


def test_a_portal_that_signs_out_does_not_hold_up_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a sign-in cannot be renewed, its orders wait for the next run, which downloads nothing twice."""

    async def test() -> None:
        ending = session_portal.SessionPortal(6)
        lasting = plain_portal.Portal(
            {f"/orders/{name}": plain_portal.order(name, plain_portal.area(f"{name}.pdf")) for name in others}
        )
        async with ending.serving(), lasting.serving():
            await sign_in(ending, tmp_path)
            ending.ends_after = {1}
            everything = [*own, *others]
            origins = dict.fromkeys(others, lasting.origin)
            settled: dict[str, Any] = {"workers": 2, "origins": origins}
            first = await plain_portal.run(ending, tmp_path, everything, **settled)
            assert isinstance(first.error, errors.LoginRequiredError)
            assert first.error.exit_code == 4
            assert f"po-pw login {ending.origin}" in str(first.error)
            assert {one for one, got in first.outcomes.items() if got.status is models.Status.COMPLETED} >= set(others)
            assert len(first.outcomes) < len(everything)
            assert len(ending.served) == 2, "an order's files, which are not downloaded again"
            monkeypatch.setenv("PO_PW_PASSWORD", session_portal.PASSWORD)
            await sign_in(ending, tmp_path)
            second = await plain_portal.run(ending, tmp_path, everything, **settled)
            assert second.error is None
            assert {one.status for one in second.outcomes.values()} == {models.Status.COMPLETED}
            assert sorted(ending.served) == sorted(f"{name}-{kind}.pdf" for name in own for kind in ("order", "terms"))

    own, others = names(6), [f"PO-{number}" for number in range(101, 109)]
    assert not os.environ.get("PO_PW_PASSWORD")
    run_async(test())


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with virtual_display.started() as name:
        monkeypatch.setenv("DISPLAY", name)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        yield


def end_window(home: Path) -> None:
    """Ends the browser of the sign-in window, as closing it does."""
    profiles = str(home / "portals")
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(one.startswith(f"--user-data-dir={profiles}") for one in child.cmdline()) and "--type=" not in str(
                child.cmdline()
            ):
                child.terminate()


@pytest.mark.whole_browser
@virtual_display.needed
@pytest.mark.usefixtures("screen")
def test_a_person_signs_in_again_in_a_window(tmp_path: Path) -> None:
    """One window serves all workers; after it was closed, it opens again.

    No attempt of an order is used up, and nothing is downloaded twice.
    """
    count, home = 9, tmp_path / "home"

    async def test() -> tuple[session_portal.SessionPortal, plain_portal.Ran, list[int]]:
        async with session_portal.SessionPortal(count).serving() as portal:
            await sign_in(portal, tmp_path, by_environment=False)
            portal.ends_after = {3, 7}
            windows: list[int] = []

            def hear(_: engine.Run, event: events.Event) -> None:
                if isinstance(event, events.SignInEnded):
                    windows.append(portal.windows)

            async def play() -> None:
                for ending in (1, 2):
                    await support.until(lambda: portal.windows == ending)  # noqa: B023
                    if ending == 2:
                        end_window(home)
                        await support.until(lambda: portal.windows == 3)
                    portal.person.set()

            person = asyncio.create_task(play())
            ran = await plain_portal.run(portal, tmp_path, names(count), workers=2, hear=hear, sign_in_window=True)
            person.cancel()
            return portal, ran, windows

    portal, ran, windows = run_async(test())
    assert ran.error is None
    assert windows == [1, 3]
    assert {one.status for one in ran.outcomes.values()} == {models.Status.COMPLETED}
    assert all(len(one.files) == 2 and one.attempts == 1 for one in ran.outcomes.values())
    assert sorted(portal.served) == sorted(set(portal.served)), "fetched twice"
    said = [event.text for event in ran.heard if isinstance(event, events.Notice)]
    asked = [text for text in said if "its orders wait until you do" in text]
    # Where the window ends before its page has loaded, the portal counts as not reached, and is tried again.
    again = [text for text in said if "trying again" in text]
    assert len(asked) + len(again) == 3, said
    assert len(again) + len([text for text in said if "the sign-in window was closed" in text]) == 1, said
    kept = sessions.Sessions(home).read(portal.origin)
    assert kept is not None
    assert kept.method.username == session_portal.USER, "how it can be made again is kept"


@pytest.mark.usefixtures("password")
def test_an_order_that_alone_asks_for_a_sign_in_fails_alone(tmp_path: Path) -> None:
    """If the session is valid for all other orders, no sign-in is made for this one."""

    async def test() -> None:
        async with session_portal.SessionPortal(4).serving() as portal:
            portal.refused.add("PO-3")
            await sign_in(portal, tmp_path)
            before = portal.sign_ins
            ran = await plain_portal.run(portal, tmp_path, names(4), workers=2)
            assert ran.error is None
            assert ran.code("PO-3") is models.ErrorCode.SIGN_IN_NEEDED
            assert [one.status for one in ran.outcomes.values()].count(models.Status.COMPLETED) == 3
            assert portal.sign_ins == before

    run_async(test())


_CODE: Final = (sys.executable, "-m", "po_pw.demo.coupa.totp")


async def sign_in_to(tenant: demo_tenant.Tenant, folder: Path, *, by_environment: bool) -> None:
    """Through the identity provider's pages, like `po-pw login --username … --totp-command …`."""
    command = shlex.join([*_CODE, tenant.settings.totp_secret])
    await login.login(
        settings.load(home=folder / "home", totp_command=command),
        tenant.sign_in_url,
        username=tenant.username,
        password=tenant.settings.password,
        code=codes.from_command(command),
        by_environment=by_environment,
        patience=60,
        trust=trust.Trust(("localhost",)),
    )


def test_single_sign_on_is_renewed_with_a_code_or_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions that end are renewed with a code, or the run ends with exit code 4.

    In each case, no file is requested twice.
    """
    ends = tenant_catalogue.TenantSettings(
        latency=0.0, late=0.0, orders=5, plain=True, file_bytes=3_000, session_requests=18
    )

    async def test() -> None:
        async with tenant_server.serve(ends) as tenant:
            numbers = [order.po_number for order in tenant.orders]
            await sign_in_to(tenant, tmp_path, by_environment=True)
            first = await tenant_runs.run(tenant.origin, tmp_path, numbers, workers=2)
            assert isinstance(first.error, errors.LoginRequiredError)
            assert len(first.outcomes) < len(numbers)
            before = tenant.counts["sign_ins"]
            monkeypatch.setenv("PO_PW_PASSWORD", tenant.settings.password)
            command = shlex.join([*_CODE, tenant.settings.totp_secret])
            second = await tenant_runs.run(
                tenant.origin, tmp_path, numbers, workers=2, totp_command=command, resume=models.Resume()
            )
            assert second.error is None
            came = {number: outcome.status.value for number, outcome in second.outcomes.items()}
            assert came == {order.po_number: order.expected_status for order in tenant.orders}
            assert before < tenant.counts["sign_ins"] <= before + tenant.counts["endings"]
            assert tenant.harm == []
            assert tenant.counts["sent"] == sum(len(order.files) for order in tenant.orders)

    run_async(test())
