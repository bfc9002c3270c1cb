"""Hosts that cannot be reached, in whole runs with a real browser."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from po_pw import events, models
from po_pw.engine import run as engine
from po_pw.engine import run_control
from tests.helpers import faulty_server, plain_portal
from tests.helpers.plain_portal import Portal, area, order
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = models.ErrorCode.NETWORK


def notices(ran: plain_portal.Ran) -> list[str]:
    return [event.text for event in ran.heard if isinstance(event, events.Notice) and event.level == "warning"]


def untrusted(folder: Path) -> ssl.SSLContext:
    """TLS with an untrusted certificate."""
    (folder / "certificate.pem").write_text(faulty_server.UNTRUSTED, "ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem")
    return context


def test_wrong_rows_fail_with_reason_and_remedy_and_hold_nobody_up(tmp_path: Path) -> None:
    """Wrong names, ports, certificates, protocols and file hosts each fail with reason and remedy.

    Each host is reported once; the other orders complete, and the run ends by itself.
    """
    fine = [f"PO-{n}" for n in range(1, 5)]
    pages = {f"/orders/{number}": order(number, area(f"{number}.pdf")) for number in fine}
    elsewhere = '<ul><li><a href="http://files.invalid/far.pdf">far.pdf</a></li></ul></section>'
    pages["/orders/PO-5"] = order("PO-5", area("PO-5.pdf").replace("</section>", elsewhere))

    async def go() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and nobody listens
            refused = f"127.0.0.1:{taken.getsockname()[1]}"
            async with Portal(pages).serving() as portal, faulty_server.serve(untrusted(tmp_path)) as secret:
                wrong = {
                    "PO-6": ("https://portla.invalid", "there is no such host", "Check the spelling"),
                    "PO-7": (f"http://{refused}", "the connection was refused", "Check the host and port"),
                    "PO-8": (f"https://127.0.0.1:{secret.port}", "certificate is not trusted", "trust store"),
                    "PO-9": (portal.origin.replace("http", "https"), "no secure connection", "http://"),
                }
                ran = await plain_portal.run(
                    portal,
                    tmp_path,
                    ["PO-6", "PO-7", "PO-1", "PO-8", "PO-9", *fine[1:], "PO-5"],
                    workers=2,
                    origins={number: origin for number, (origin, _, _) in wrong.items()},
                    attempts=4,
                    allow_hosts=("files.invalid",),
                )
        assert ran.error is None
        assert len(ran.outcomes) == 9
        for number, (origin, why, remedy) in wrong.items():
            failure = ran.outcomes[number].error
            assert failure is not None
            assert failure.code is NETWORK
            assert origin.partition("://")[2] in failure.message
            assert why in failure.message
            assert remedy in failure.message
        assert {ran.outcomes[number].status for number in fine} == {models.Status.COMPLETED}
        part = ran.outcomes["PO-5"]
        assert part.status is models.Status.PARTIAL
        (missing,) = part.missing
        assert missing.failure is not None
        assert "files.invalid cannot be opened: there is no such host" in missing.failure.message
        for origin, _, _ in wrong.values():
            host = origin.removeprefix("https://")
            assert sum(line.startswith(host) for line in notices(ran)) == 1

    run_async(go())


@pytest.mark.parametrize("when", ["while it waits", "while it is asked"])
def test_a_stop_does_not_wait_for_a_portal_that_does_not_answer(tmp_path: Path, when: str) -> None:
    """A first Ctrl-C ends a run that waits for a known and a new portal, long before its deadlines.

    Every row is left for the next run.
    """
    pages = {"/orders/PO-1": order("PO-1", area("a.pdf"))}

    def hear(one: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.OrderStep if when == "while it is asked" else events.HostWaits):
            one.control.stop(run_control.Stop.AFTER_CURRENT)

    async def go() -> None:
        portal = Portal(pages)
        if when == "while it waits":
            async with portal.serving():
                first = await plain_portal.run(portal, tmp_path, ["PO-1"])
            assert first.outcomes["PO-1"].status is models.Status.COMPLETED
        (tmp_path / "again").mkdir()
        async with faulty_server.serve() as server:
            origin = server.url("") if when == "while it is asked" else portal.origin
            ran = await plain_portal.run(
                portal,
                tmp_path / "again",
                ["PO-2", "PO-3"],
                hear=hear,
                home=tmp_path / "home",
                backoff_base=60,
                origins=dict.fromkeys(["PO-2", "PO-3"], f"{origin}/silent?"),
                navigation_timeout=300,
                grace=600,
                order_timeout=600,
            )
        assert ran.error is None
        assert not ran.outcomes

    run_async(go())
