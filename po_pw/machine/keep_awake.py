"""The machine is kept awake while a run is going, where the system allows.

By wakepy: `SetThreadExecutionState` on Windows, `caffeinate` on macOS (it reads from a pipe of ours, and so ends with
us however we end), the desktop's inhibitor over D-Bus elsewhere (gone with our connection). Nothing outlives us. A lid
that is closed, a button, an empty battery still put the machine to sleep.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def stay_awake(wanted: bool) -> AsyncIterator[None]:
    """Keeps the machine awake while the block lasts; where it cannot be done the log says why.

    Args:
        wanted: False does nothing.
    """
    if not wanted:
        yield
        return
    done = threading.Event()
    # On a thread of its own from beginning to end: a mode belongs to its thread, and D-Bus may take its time.
    thread = threading.Thread(target=_keep, args=(done,), name="po-pw-awake", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()


def _keep(done: threading.Event) -> None:
    import wakepy

    try:
        with wakepy.keep.running(on_fail="pass") as mode:
            if mode.active:
                _log.debug("the machine is kept awake (%s)", mode.active_method)
            else:
                _log.debug("the machine cannot be kept awake: %s", mode.result.get_failure_text())
            done.wait()
    except (OSError, RuntimeError) as error:
        _log.debug("the machine cannot be kept awake: %s", error)
