"""Keeps the machine from sleeping during a run, if the system allows it.

Uses wakepy: `SetThreadExecutionState` on Windows, `caffeinate` on macOS (it reads from our pipe, so it ends when we
end), the desktop's inhibitor over D-Bus elsewhere (released with our connection). Nothing remains after the process has
ended. Closing the lid, the power button and an empty battery still suspend the machine.
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
    """Keeps the machine awake inside the block; if that fails, logs why.

    Args:
        wanted: False does nothing.
    """
    if not wanted:
        yield
        return
    done = threading.Event()
    # On one thread from begin to end: a wakepy mode belongs to its thread, and D-Bus may be slow.
    thread = threading.Thread(target=_stay_awake, args=(done,), name="po-pw-awake", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()


def _stay_awake(done: threading.Event) -> None:
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
