"""The generic portal as an HTTP server, in the running loop or on its own thread."""

from __future__ import annotations

import contextlib
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from po_pw.demo import catalogue, running_portal, serving, views

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator


@contextlib.asynccontextmanager
async def serve(
    settings: catalogue.PortalSettings | None = None, port: int = 0, *, before: running_portal.Portal | None = None
) -> AsyncIterator[running_portal.Portal]:
    """Serves a portal on 127.0.0.1 while the block lasts, in the running loop.

    Args:
        settings: what kind of portal; None for the usual one.
        port: of the portal; 0 takes a free one. Its other origin always takes a free one.
        before: one that has ended, and is only restarted: who is signed in stays so, counts and failures go on.

    Raises:
        MachineError: the port cannot be had.
    """
    portal = running_portal.Portal(settings or catalogue.PortalSettings(), before)
    async with contextlib.AsyncExitStack() as stack:
        site = views.Site(portal)
        portal.other_origin = await serving.listen(stack, site.other_application())
        portal.origin = await serving.listen(stack, site.application(), port)
        yield portal


@contextlib.contextmanager
def serve_in_thread(
    settings: catalogue.PortalSettings | None = None, port: int = 0, *, before: running_portal.Portal | None = None
) -> Iterator[running_portal.Portal]:
    """Serves a portal while the block lasts, on a thread and loop of its own.

    Args:
        settings: what kind of portal; None for the usual one.
        port: of the portal; 0 takes a free one.
        before: as in `serve`.

    Raises:
        MachineError: the port cannot be had.
        TimeoutError: it did not start, or did not end, in time.
    """
    with serving.in_thread(lambda: serve(settings, port, before=before), "demo portal") as portal:
        yield portal


class Listed(Protocol):
    """A portal whose orders can be written as a table."""

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A user's table of orders: the header, then each order, with the PO number first."""


def write_csv(portal: Listed, path: Path, *, only: Collection[str] | None = None) -> None:
    """Writes a user's table of orders.

    Args:
        portal: whose orders.
        path: the file, UTF-8; replaced where there is one.
        only: PO numbers; None for all.
    """
    header, *rows = portal.rows()
    with Path(path).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(row for row in rows if only is None or row[0] in only)
