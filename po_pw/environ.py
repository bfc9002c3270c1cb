"""Environment variables that are not settings: reading, copying for a child process, changing for a block."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def variable(name: str) -> str | None:
    """The value of a variable, e.g. a password or a display; None if it is not set or empty."""
    return os.environ.get(name) or None


def for_child() -> dict[str, str]:
    """A copy of the environment for a child process."""
    return dict(os.environ)


@contextlib.contextmanager
def changed(**changes: str) -> Iterator[None]:
    """Changes variables inside the block, for a library whose child processes inherit our environment."""
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
