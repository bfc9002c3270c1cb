"""Runs against a portal with random errors and restarts."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from po_pw.demo import portal_pages
from po_pw.demo.faults import Fault, RandomFaults
from po_pw.demo.variants import Variant
from tests.chaos import bench

if TYPE_CHECKING:
    from tests.chaos import report

ROUGH = RandomFaults(
    bodies=(Fault.RESET, Fault.RESET, Fault.SHORT, Fault.STALL),
    one_in=5,
    refusals=(Fault.TOO_MANY, Fault.UNAVAILABLE),
    burst=5,
    burst_one_in=30,
)
PATIENT = {"PO_PW_ATTEMPTS": "10", "PO_PW_STALL_TIMEOUT": "1.5"}


def run_with_faults(prepared: bench.PreparedPortal, seed: int, counting: report.Report, *, restarts: int) -> None:
    """Runs once against such a portal; a file that needs a click also stalls in the browser.

    Args:
        prepared: the portal.
        seed: for random numbers.
        counting: the report.
        restarts: of the portal, spread over the run.

    Raises:
        AssertionError: the result differs from an undisturbed run.
    """
    rng = random.Random(seed)
    faults_before = prepared.portal.counts["faults"]
    posted = next(order for order in prepared.portal.orders if order.variant is Variant.FORM_POST)
    prepared.portal.faults.add(portal_pages.address(posted.files[0]), Fault.STALL)
    prepared.portal.faults.start_random(ROUGH, seed)
    try:
        with bench.bench(prepared, counting, **PATIENT) as one, one.start() as going:
            for _ in range(restarts):
                settled = len(prepared.orders) // (restarts + 1)
                if going.until(lambda line: line["event"] == "order.settled", settled):
                    prepared.house.restart(rng.uniform(0.1, 1.5))
                    counting.portal_restarts += 1
            ended = going.ended()
            assert ended.returncode == 1, ended.said
            assert "Traceback" not in ended.said
            one.check_end()
    finally:
        prepared.portal.faults.start_random(None)
        counting.portal_faults += prepared.portal.counts["faults"] - faults_before
