"""Runs the cases of `ends.py`, each with its own portal."""

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
"""The names of `ends.cases`."""
_SETTINGS = catalogue.PortalSettings(
    orders=1, files_per_order=2, plain=True, latency=0, file_latency=0, file_bytes=3000
)


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """An order on a portal without delays, and a sign-in to it."""

    home: Path
    sheet: dict[str, Any]
    """As in `paper.Sheet`."""


@contextlib.contextmanager
def order(home: Path) -> Iterator[Order]:
    """Serves it for the block."""
    with server.serve_in_thread(_SETTINGS) as portal:
        run_async(portal_runs.signed_in(portal, home))
        shown = portal.orders[0]
        files = [(file.name, portal.origin + portal_pages.address(file)) for file in shown.files]
        sheet = {"po_number": "PO-1", "supplier": SUPPLIER, "url": portal.order_url(shown.po_number), "files": files}
        yield Order(home, sheet)


def exhausted(
    about: Order, case: str, *, seed: int, twice: int, cuts: bool = False, whole: bool = False, timeout: float = 600
) -> dict[str, Any]:
    """Runs one case; returns the result of `ends.py`.

    Uses a file system in memory if possible, to save time.

    Args:
        about: the order.
        case: its name.
        seed: for random numbers.
        twice: number of cases in which the second run is killed too.
        cuts: cut the power instead of killing the process.
        whole: include operations before the order starts, and while the results are written.
        timeout: in seconds.
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
