"""Opens a run from Python, with messages in the words of Python callers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from po_pw import errors, events, redact_objects, settings
from po_pw.engine import run as engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def open_run(
    options: settings.Settings | None = None, *, on_event: events.Listener | None = None
) -> AsyncIterator[engine.Run]:
    """Opens a run for the block, for use from Python: messages name arguments, not flags.

    `async with po_pw.open_run(Settings(workers=4)) as run: async for outcome in run.process(orders): ...`

    Args:
        options: the settings; those of environment and `po-pw.toml` by default.
        on_event: called with each event (`po_pw.events`), on the run's loop; must not block.

    Raises:
        PoPwError: as raised by `Run` and the calls in the block.
    """
    _check_arguments(options, on_event)
    try:
        hub = events.Hub()
        if on_event is not None:
            hub.listen(on_event)
        async with engine.Run(options or settings.Settings(), hub) as run:
            yield run
    except BaseException as error:
        redact_objects.chain(error)
        if isinstance(error, errors.PoPwError):
            error.args = (settings.in_python(str(error)),)
        raise


def _check_arguments(options: object, on_event: object) -> None:
    """Refuses what `open_run` cannot use, in its caller's words.

    Raises:
        InputError: it cannot be used.
    """
    if not isinstance(options, settings.Settings | None):
        msg = f"open_run takes Settings, e.g. open_run(Settings(workers=4)), not {type(options).__name__}"
        raise errors.InputError(msg)
    if on_event is not None and not callable(on_event):
        msg = f"on_event is called with each event: give a function, not {type(on_event).__name__}"
        raise errors.InputError(msg)
