"""Our environment, except for settings: its variables, a copy for a child process, a change for a while."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def variable(name: str) -> str | None:
    """A variable, e.g. a password or a display; None if it is not set or empty."""
    return os.environ.get(name) or None


def for_child() -> dict[str, str]:
    """A copy for a process that we start."""
    return dict(os.environ)


@contextlib.contextmanager
def changed(**changes: str) -> Iterator[None]:
    """Changes variables inside the block, for a library that starts a process with a copy of our environment."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
