"""Goes through the cases of `ends.py`, on a portal of their own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from po_pw.demo import catalogue, portal_pages, server
from tests.helpers import portal_runs
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
SUPPLIER = "Acme Industrial Supply"
CASES = ("new", "partial before", "supplier changed", "none")
"""As `ends.cases` has them."""
_SETTINGS = catalogue.PortalSettings(
    orders=1, files_per_order=2, plain=True, latency=0, file_latency=0, file_bytes=3000
)


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """An order on a portal without delay, and somebody signed in to it."""

    home: Path
    sheet: dict[str, Any]
    """As `paper.Sheet` has it."""


@contextlib.contextmanager
def order(home: Path) -> Iterator[Order]:
    """Serves it while the block lasts."""
    with server.serve_in_thread(_SETTINGS) as portal:
        run_async(portal_runs.signed_in(portal, home))
        shown = portal.orders[0]
        files = [(file.name, portal.origin + portal_pages.address(file)) for file in shown.files]
        sheet = {"po_number": "PO-1", "supplier": SUPPLIER, "url": portal.order_url(shown.po_number), "files": files}
        yield Order(home, sheet)


def exhausted(
    about: Order, case: str, *, seed: int, twice: int, cuts: bool = False, whole: bool = False, timeout: float = 600
) -> dict[str, Any]:
    """Goes through one case; gives what `ends.py` says of it.

    In memory where that can be: nothing here waits for a disk.

    Args:
        about: the order.
        case: which.
        seed: of the chance.
        twice: of how many cases the second run is killed too.
        cuts: the power is cut, instead of the process killed.
        whole: also before the order is begun, and while the results are written.
        timeout: seconds.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    root = tempfile.mkdtemp(prefix="chaos-", dir=memory)
    asked = {
        "home": str(about.home),
        "sheet": about.sheet,
        "case": case,
        "seed": seed,
        "twice": twice,
        "whole": whole,
        "cuts": cuts,
        "root": root,
    }
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.chaos.ends"],
            cwd=ROOT,
            timeout=timeout,
            capture_output=True,
            text=True,
            input=json.dumps(asked),
            check=False,
        )
    finally:
        shutil.rmtree(root, ignore_errors=True)
    assert ended.returncode == 0, ended.stderr
    done: dict[str, Any] = json.loads(ended.stdout)
    if done["problems"]:
        done["problems"].append(ended.stderr[-3000:])
    return done
