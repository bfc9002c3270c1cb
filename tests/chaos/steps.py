"""`po-pw`, killed by itself before or after a named step of an order's end. Run as a program: see `test_steps.py`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.chaos import operations

STEPS = (
    "sync a file",
    "a file is whole",
    "sync the manifest",
    "name a file",
    "sync the work folder",
    "record saved",
    "set the older folder aside",
    "rename the folder",
    "sync the supplier's folder",
    "rename the manifest",
    "sync the manifests' folder",
    "remove the older folder",
    "record published",
)
"""In the order in which an order's end comes to them, each for the last time."""
SOMETIMES = ("set the older folder aside", "remove the older folder")
"""Steps that are only come to where there is an older folder."""


def main() -> None:
    """What to do comes in the environment: below which folder, which step, which time, before or after."""
    wanted, left = os.environ["CHAOS_STEP"], [int(os.environ["CHAOS_TIME"])]

    def kill(operation: operations.Operation, _: int) -> None:
        if operation.step == wanted:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def nothing(_: operations.Operation, __: int) -> None:
        return

    before = os.environ["CHAOS_WHEN"] == "before"
    below = Path(os.environ["CHAOS_BELOW"])
    operations.Watch(below, kill if before else nothing, nothing if before else kill).install()

    from po_pw import cli

    cli.main()


if __name__ == "__main__":
    main()
