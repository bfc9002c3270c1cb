"""What the engine perceives of the machine beside its memory; tests put their own in its place."""

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
    """Readings, each taken whenever it is wanted."""

    asleep: Callable[[], float] = clocks.seconds_suspended
    """Seconds that the machine has slept so far."""
    sleep_every: float = clocks.EVERY
    """Seconds between two looks at it."""
    space: Callable[[Path], spaces.Reading] = spaces.read
    """The file system that a folder is on; read in a thread."""
    space_every: float = spaces.EVERY
    network: Callable[[], bool] = network.is_there
    """Whether this machine has a way out to other networks."""
