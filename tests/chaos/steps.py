"""Runs `po-pw` and kills it before or after a named step of the end of an order. A program: see `test_steps.py`."""

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
"""In their sequence, by their last occurrence."""
SOMETIMES = ("set the older folder aside", "remove the older folder")
"""Steps that occur only if there is an older folder."""


def main() -> None:
    """Reads folder, step, occurrence, and before or after from the environment."""
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

    from po_pw.cli import console_script

    console_script.main()


if __name__ == "__main__":
    main()
