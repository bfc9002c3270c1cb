"""Extensions from other packages, found by their entry points.

`po_pw.portals`: a callable that takes `Settings` and returns a `portals.base.Portal`.
`po_pw.result_writers`: named as the file that it writes; a callable that takes the file's path and the columns of the
input, and returns a `results.writer.ResultWriter`.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

from po_pw import errors


def load(group: str) -> dict[str, Any]:
    """Loads the entry points of a group, by name.

    Raises:
        MachineError: an entry point cannot be imported; the message names the package and how to remove it.
    """
    found: dict[str, Any] = {}
    for point in importlib.metadata.entry_points(group=group):
        try:
            found[point.name] = point.load()
        except Exception as error:  # whatever its module raises
            package = point.dist.name if point.dist else point.value
            msg = (
                f"the package {package} adds {point.name!r} to po-pw and cannot be loaded ({error!r}): update it, or "
                f"remove it with pip uninstall {package}"
            )
            raise errors.MachineError(msg) from error
    return found
