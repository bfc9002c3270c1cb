"""Readings of the machine that the engine uses; tests replace them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from po_pw.machine import clocks
from po_pw.machine import disk_space as spaces
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
    space: Callable[[Path], spaces.Reading] = spaces.read
    """Reads the file system of a folder; called in a thread."""
    space_every: float = spaces.INTERVAL
    network: Callable[[], bool] = network.is_available
    """Whether this machine has a route to other networks."""
