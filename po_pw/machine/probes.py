"""The functions with which the engine reads the machine; tests replace them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from po_pw.machine import clocks, disk_space
from po_pw.transport import network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class SystemProbes:
    """Functions that read the machine's state."""

    asleep: Callable[[], float] = clocks.seconds_suspended
    """Seconds that the machine has been suspended so far."""
    sleep_every: float = clocks.INTERVAL
    """Seconds between two checks for sleep."""
    space: Callable[[Path], disk_space.Reading] = disk_space.read
    """Reads the file system of a folder; called in a thread."""
    space_every: float = disk_space.INTERVAL
    """Seconds between two readings of it."""
    network: Callable[[], bool] = network.is_available
    """Whether this machine has a route to other networks."""
