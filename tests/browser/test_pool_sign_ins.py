"""Which saved sign-ins the browsers of a run have from the start."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from po_pw import context_pool, errors, events, models, sessions, settings
from po_pw.browser import launching, playwright_driver
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.whole_browser

PORTALS = ("http://127.0.0.1:9", "http://127.0.0.2:9")


def test_every_portals_sign_in_is_there_and_its_profile_stays_free(tmp_path: Path) -> None:
    """Contexts have cookies and local storage of both portals, and the first one's profile is copied once.

    So a sign-in window may use the profile during the run. A run that starts while it is in use is refused.
    """
    kept = sessions.Sessions(tmp_path / "home")
    for number, origin in enumerate(PORTALS):
        cookie = {"name": "sid", "value": str(number), "domain": f"127.0.0.{number + 1}", "path": "/"}
        stored = [{"origin": origin, "localStorage": [{"name": "token", "value": f"token-{number}"}]}]
        kept.save(origin, {"cookies": [cookie], "origins": stored})
    (tmp_path / "out" / ".po-pw").mkdir(parents=True)
    profile = kept.private_folder(kept.profile(PORTALS[0]))
    (profile / "mark").write_text("of the sign-in", "utf-8")

    async def test() -> tuple[dict[str, Any], Path]:
        options = settings.load(home=tmp_path / "home")
        async with contextlib.AsyncExitStack() as stack:
            pools = [
                context_pool.Pool(options, kept, events.Hub(), tmp_path / "out" / ".po-pw" / name) for name in "ab"
            ]
            pool, second = [await stack.enter_async_context(one) for one in pools]
            await pool.sign_in(PORTALS)
            driver = await stack.enter_async_context(playwright_driver.Driver())
            launch = launching.plan(driver.resolve(None), headless=True, timeout=IN_TIME)
            window = await driver.open(
                models.WorkerId("login"), launch, user_data_dir=profile, downloads=tmp_path / "window"
            )
            try:
                with pytest.raises(errors.ProfileError, match="in use by"):
                    await second.sign_in(PORTALS)
                context = await pool.open(models.WorkerId("w1"))
                assert (context.user_data_dir / "mark").read_text("utf-8") == "of the sign-in"
                return await context.save_storage_state(), context.user_data_dir
            finally:
                await window.close()

    state, folder = run_async(test())
    assert {one["domain"]: one["value"] for one in state["cookies"]} == {"127.0.0.1": "0", "127.0.0.2": "1"}
    tokens = {one["origin"]: [item["value"] for item in one["localStorage"]] for one in state["origins"]}
    assert tokens == {PORTALS[0]: ["token-0"], PORTALS[1]: ["token-1"]}
    assert not folder.exists()
