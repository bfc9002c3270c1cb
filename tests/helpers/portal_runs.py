"""Runs the engine on the demo portal, for tests of the results."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING

import aiohttp

from po_pw import events, models, sessions, settings
from po_pw.demo import running_portal, server
from po_pw.engine import run as engine
from po_pw.machine import capacity, probes
from po_pw.orders import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from po_pw.results import counts


@dataclasses.dataclass
class Ran:
    """The results of a run."""

    out: Path
    outcomes: dict[str, models.Outcome]
    events: list[events.Event]
    summary: counts.Totals
    error: Exception | None = None

    def hashes(self, po_number: str) -> list[str]:
        """SHA-256 of every file in the order's folder."""
        folder = self.out / self.outcomes[po_number].folder
        return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir())


async def signed_in(portal: running_portal.Portal, home: Path) -> None:
    """Signs in once and saves the sign-in in `home`, as `po-pw login` does, but without a browser, to save time."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        async with client.get(portal.sign_in_url) as form:
            (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', await form.text())
        given = {"username": portal.username, "password": portal.password, "csrf": csrf}
        async with client.post(portal.sign_in_url, data=given) as answer:
            assert answer.ok
            assert answer.history  # led on: it is not the form again
        (cookie,) = client.cookie_jar
    kept = {
        "name": cookie.key,
        "value": cookie.value,
        "domain": "127.0.0.1",
        "path": "/",
        "expires": -1,
        "httpOnly": True,
        "secure": False,
        "sameSite": "Lax",
    }
    sessions.Sessions(home).save(portal.origin, {"cookies": [kept], "origins": []}, f"{portal.origin}/")


async def run(
    portal: running_portal.Portal,
    folder: Path,
    *,
    workers: int,
    home: Path,
    only: list[str] | None = None,
    resume: models.Resume | None = None,
    hear: Callable[[engine.Run, events.Event], None] | None = None,
    make_governor: Callable[[int], capacity.Governor] = capacity.Governor,
    system: probes.SystemProbes | None = None,
    **more: object,
) -> Ran:
    """One run over the portal's orders; an error that ends it is kept, and results are written all the same."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "pos.csv"
    server.write_csv(portal, table, only=only)
    orders = read.open_table(table)
    options = settings.load(workers=workers, out=folder / "out", home=home, backoff_base=0.2, backoff_cap=1.0, **more)
    heard: list[events.Event] = []
    hub = events.Hub()
    hub.listen(heard.append)
    outcomes: dict[str, models.Outcome] = {}
    error: Exception | None = None
    async with engine.Run(options, hub, make_governor=make_governor, system=system) as one:
        if hear is not None:
            hub.listen(lambda event: hear(one, event))
        try:
            async for outcome in one.process(orders.rows(), name=table.name, columns=orders.columns, resume=resume):
                outcomes[outcome.po_number] = outcome
        except Exception as problem:  # noqa: BLE001 - kept for the test to look at
            error = problem
        summary = await one.write_results()
    return Ran(folder / "out", outcomes, heard, summary, error)
