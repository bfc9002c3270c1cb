"""Runs the engine on the demo Coupa tenant."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from po_pw import events, models, sessions, settings
from po_pw.engine import run as engine
from po_pw.orders import read
from po_pw.portals import registry
from tests.helpers import support

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from po_pw.demo.coupa import demo_tenant


@dataclasses.dataclass
class Ran:
    """The results of a run."""

    out: Path
    outcomes: dict[str, models.Outcome]
    heard: list[events.Event]
    error: Exception | None

    @property
    def listings(self) -> dict[str, models.Listing]:
        """What was read of each order last."""
        return {event.po_number: event.listing for event in self.heard if isinstance(event, events.PageRead)}


def sign_in(tenant: demo_tenant.Tenant, home: Path) -> None:
    """Saves a sign-in as `po-pw login` does."""
    cookie = {
        "name": tenant.cookie,
        "value": tenant.accounts.sign_in(tenant.username),
        "domain": "127.0.0.1",
        "path": "/",
        "expires": -1,
        "httpOnly": True,
        "secure": False,
        "sameSite": "Lax",
    }
    sessions.Sessions(home).save(tenant.origin, {"cookies": [cookie], "origins": []}, tenant.sign_in_url)


async def run(
    origin: str,
    folder: Path,
    numbers: Sequence[str],
    *,
    resume: models.Resume | None = None,
    **more: object,
) -> Ran:
    """One run from nothing but PO numbers and the tenant's address; an error that ends it is kept.

    Args:
        origin: of the tenant; `sign_in` keeps a sign-in in `folder/home`.
        folder: where list, output and state go.
        numbers: of the orders.
        resume: goes on where an earlier run stopped.
        more: settings.
    """
    folder.mkdir(exist_ok=True)
    table = folder / "pos.csv"
    table.write_text("\n".join(["PO_NUMBER", *numbers]), "utf-8")
    given = {"workers": 1, "out": folder / "out", "home": folder / "home", "backoff_base": 0.05, "backoff_cap": 0.2}
    waits = {"listing_timeout": support.IN_TIME, "navigation_timeout": support.IN_TIME}
    options = settings.load(**{"base_url": origin, "portal": "coupa", **given, **waits, **more})
    orders = read.open_table(table, address_of=registry.Registry(options).address_of)
    ran = Ran(folder / "out", {}, [], None)
    hub = events.Hub()
    hub.listen(ran.heard.append)
    async with engine.Run(options, hub) as one:
        try:
            async for outcome in one.process(orders.rows(), name=table.name, columns=orders.columns, resume=resume):
                ran.outcomes[outcome.po_number] = outcome
        except Exception as problem:  # noqa: BLE001 - kept for the test to look at
            ran.error = problem
        await one.write_results()
    return ran
