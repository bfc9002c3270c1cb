"""The portal misbehaves in every answer, and is restarted in the middle."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from po_pw.demo import portal_pages
from po_pw.demo.faults import Fault, Weather
from po_pw.demo.variants import Variant
from tests.chaos import bench

if TYPE_CHECKING:
    from tests.chaos import report

ROUGH = Weather(
    bodies=(Fault.RESET, Fault.RESET, Fault.SHORT, Fault.STALL),
    one_in=5,
    refusals=(Fault.TOO_MANY, Fault.UNAVAILABLE),
    burst=5,
    burst_one_in=30,
)
PATIENT = {"PO_PW_ATTEMPTS": "10", "PO_PW_STALL_TIMEOUT": "1.5"}


def misbehave(ground: bench.Ground, seed: int, counting: report.Report, *, restarts: int) -> None:
    """One run against such a portal; a file that only a click hands out stalls too, in the browser's own hands.

    Args:
        ground: the portal.
        seed: of the chance.
        counting: the report.
        restarts: of the portal, spread over the run.

    Raises:
        AssertionError: the end is not that of an undisturbed run.
    """
    chance = random.Random(seed)
    faults_before = ground.portal.counts["faults"]
    posted = next(order for order in ground.portal.orders if order.variant is Variant.FORM_POST)
    ground.portal.faults.add(portal_pages.address(posted.files[0]), Fault.STALL)
    ground.portal.faults.let(ROUGH, seed)
    try:
        with bench.bench(ground, counting, **PATIENT) as one, one.start() as going:
            for _ in range(restarts):
                settled = len(ground.orders) // (restarts + 1)
                if going.until(lambda line: line["event"] == "order.settled", settled):
                    ground.house.restart(chance.uniform(0.1, 1.5))
                    counting.portal_restarts += 1
            ended = going.ended()
            assert ended.returncode == 1, ended.said
            assert "Traceback" not in ended.said
            one.check_end()
    finally:
        ground.portal.faults.let(None)
        counting.portal_faults += ground.portal.counts["faults"] - faults_before
