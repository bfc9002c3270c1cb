"""When a portal that keeps asking for a sign-in is reported, and when it is given up."""

from __future__ import annotations

import asyncio
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from aiohttp import web

from po_pw import errors, events, models, sessions, settings
from po_pw.portals import base
from po_pw.processing import sign_ins
from po_pw.transport import client
from tests.helpers import faulty_server
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

URL = "https://portal.example/orders/1"


class Pool:
    """Signs in at once, or fails as it is told.

    Args:
        fails: errors of the sign-ins by form, one after another.
        in_window: errors of those by a person in a window.
    """

    def __init__(self, *fails: errors.PoPwError, in_window: Sequence[errors.PoPwError] = ()) -> None:
        self.fails = list(fails)
        self.in_window = list(in_window)
        self.renewed = 0
        self.windows = 0

    async def renew_sign_in(self, origin: str) -> None:
        assert origin == "https://portal.example"
        if self.fails:
            raise self.fails.pop(0)
        self.renewed += 1

    async def renew_by_window(self, url: str, patience: float) -> None:
        assert url == URL
        assert patience > 0
        self.windows += 1
        if self.in_window:
            raise self.in_window.pop(0)
        self.renewed += 1


class Policy:
    """Records which hosts wait and which were given up."""

    def __init__(self) -> None:
        self.waits: set[str] = set()
        self.gone: dict[str, errors.PoPwError] = {}

    def pause_host(self, host: str) -> None:
        self.waits.add(host)

    def resume_host(self, host: str) -> None:
        self.waits.discard(host)

    def give_up(self, host: str, error: errors.PoPwError) -> None:
        self.gone[host] = error


def tried(
    pool: Pool,
    steps: Callable[[sign_ins.SignIns, Callable[[], Awaitable[None]]], Awaitable[None]],
    **options: Any,
) -> tuple[Policy, list[events.Event]]:
    """Runs steps beside the renewals; `settled` waits until none is in progress."""

    async def go() -> tuple[Policy, list[events.Event]]:
        heard: list[events.Event] = []
        hub = events.Hub()
        hub.listen(heard.append)
        policy = Policy()
        portal = types.SimpleNamespace(keep_alive=lambda _: None)
        run = types.SimpleNamespace(
            hub=hub,
            pool=pool,
            options=settings.Settings(**{"sign_in_window": False, **options}),
            portal_for=lambda _: portal,
            sessions=sessions.Sessions(Path("nowhere")),
        )
        knows = types.SimpleNamespace(note_signed_out=lambda _: None, note_signed_in=lambda _: None)
        them = sign_ins.SignIns(cast("Any", run), cast("Any", knows), cast("Any", policy))
        working = asyncio.create_task(them.work())

        async def settled() -> None:
            while policy.waits and not policy.gone:  # noqa: ASYNC110 - of the other task alone
                await asyncio.sleep(0)

        await steps(them, settled)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return policy, heard

    return run_async(go())


def test_whoever_notices_first_has_it_renewed_once() -> None:
    """Four workers notice the end of one session, one of them late: one renewal."""
    pool = Pool()

    async def steps(them: sign_ins.SignIns, settled: Callable[[], Awaitable[None]]) -> None:
        for _ in range(3):
            them.expired(URL, 0)
        await settled()
        assert them.generation(URL) == 1
        them.expired(URL, 0)
        await settled()

    policy, heard = tried(pool, steps)
    assert pool.renewed == 1
    assert not policy.gone
    assert [type(event) for event in heard] == [events.SignInStarted, events.SignInEnded]


def test_sessions_that_end_early_are_told_of_once() -> None:
    """A session that ends early is reported once, and not given up while orders are read."""

    async def steps(them: sign_ins.SignIns, settled: Callable[[], Awaitable[None]]) -> None:
        for generation in range(8):
            them.expired(URL, generation)
            await settled()
            them.page_read(URL)

    policy, heard = tried(Pool(), steps)
    said = [event.text for event in heard if isinstance(event, events.Notice)]
    assert len(said) == 1
    assert "only one session per user" in said[0]
    assert not policy.gone


def test_sign_ins_that_bring_nothing_end_the_portals_part_of_the_run() -> None:
    """After five sign-ins without an order read: exit code 4 with what to do."""
    pool = Pool()

    async def steps(them: sign_ins.SignIns, settled: Callable[[], Awaitable[None]]) -> None:
        for generation in range(6):
            them.expired(URL, generation)
            await settled()

    policy, _ = tried(pool, steps)
    assert pool.renewed == 5
    error = policy.gone["portal.example"]
    assert isinstance(error, errors.LoginRequiredError)
    assert "after each of 5 sign-ins" in str(error)


def test_a_person_who_is_needed_and_not_there_ends_it_at_once() -> None:
    """Without a window the portal is given up at once."""

    async def steps(them: sign_ins.SignIns, settled: Callable[[], Awaitable[None]]) -> None:
        them.expired(URL, 0)
        await settled()

    policy, heard = tried(Pool(errors.LoginRequiredError("no password is kept")), steps)
    assert str(policy.gone["portal.example"]) == "no password is kept"
    assert [event.renewed for event in heard if isinstance(event, events.SignInEnded)] == [False]


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """A display, and no delay between two attempts."""
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setattr(sign_ins, "_FIRST_WAIT", 0.0)


NEEDED: Final = errors.LoginRequiredError("no password is kept")


async def once(them: sign_ins.SignIns, settled: Callable[[], Awaitable[None]]) -> None:
    them.expired(URL, 0)
    await settled()


@pytest.mark.usefixtures("person")
def test_a_window_that_fails_is_opened_again() -> None:
    """A closed window, a failing browser or an unreachable portal does not end the run."""
    fails = (
        errors.LoginRequiredError("the window was closed."),
        errors.MachineError("chromium does not start"),
        errors.BrowserLostError("it crashed"),
        errors.PortalUnreachableError("no answer"),
        errors.LoginRequiredError("it asks once more."),
    )
    pool = Pool(errors.MachineError("no browser"), NEEDED, in_window=fails)
    policy, heard = tried(pool, once, sign_in_window=True)
    assert not policy.gone
    assert (pool.renewed, pool.windows) == (1, 6)
    assert [event.renewed for event in heard if isinstance(event, events.SignInEnded)] == [True]
    said = " ".join(event.text for event in heard if isinstance(event, events.Notice))
    assert all(str(one) in said for one in fails)
    assert len([event for event in heard if event == events.SignInStarted("portal.example", "window")]) == 3


@pytest.mark.usefixtures("person")
def test_a_window_that_is_closed_again_and_again_ends_the_portals_part_of_the_run() -> None:
    """After several closed windows the portal is given up, with how to continue."""
    pool = Pool(NEEDED, in_window=[errors.LoginRequiredError(f"closed {number}.") for number in range(9)])
    policy, heard = tried(pool, once, sign_in_window=True)
    assert pool.windows == 5
    error = policy.gone["portal.example"]
    assert isinstance(error, errors.LoginRequiredError)
    assert "closed 4. Run: po-pw login https://portal.example" in str(error)
    assert [event.renewed for event in heard if isinstance(event, events.SignInEnded)] == [False]


def test_a_browser_that_never_starts_is_given_up_in_time() -> None:
    """A browser that never starts is treated like a portal that never answers."""
    policy, _ = tried(Pool(errors.MachineError("chromium does not start")), once, outage_timeout=1)
    assert "could not be renewed: chromium does not start" in str(policy.gone["portal.example"])


def test_a_session_is_kept_alive_while_nothing_of_the_portal_is_read() -> None:
    """The contexts' cookies are used; a refusal ends nothing."""

    async def go() -> list[str]:
        async with (
            faulty_server.serve() as server,
            client.Client(files_in_all=1, files_per_host=1, stall_timeout=30) as http,
        ):
            server.answers["/alive"] = lambda: web.Response(status=500 if len(server.asked) == 1 else 200)
            asked = base.KeepAlive(server.url("/alive"), every=0.01)
            portal = types.SimpleNamespace(keep_alive=lambda _: asked)

            async def cookies() -> list[models.Cookie]:
                return [{"name": "session", "value": "on", "domain": "127.0.0.1", "path": "/"}]

            run = types.SimpleNamespace(
                hub=events.Hub(),
                client=http,
                pool=types.SimpleNamespace(user_agent="Agent/1", cookies=cookies),
                portal_for=lambda _: portal,
            )
            them = sign_ins.SignIns(cast("Any", run), cast("Any", None), cast("Any", Policy()))
            working = asyncio.create_task(them.work())
            for _ in range(2):
                them.page_read(server.url("/orders/1"))
            while len(server.asked) < 3:  # noqa: ASYNC110 - of the server alone
                await asyncio.sleep(0.01)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            return [request.cookies.get("session", "") for request in server.asked]

    assert set(run_async(go())) == {"on"}
