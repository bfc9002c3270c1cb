"""A virtual display for windows that a test opens."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAM: Final = "Xvfb"

needed: Final = pytest.mark.skipif(
    sys.platform in {"win32", "darwin"} or shutil.which(_PROGRAM) is None,
    reason="needs the virtual display Xvfb (package xvfb)",
)


@contextlib.contextmanager
def started() -> Iterator[str]:
    """Starts one on a free number, and ends it; its name, e.g. `:1`."""
    command = [_PROGRAM, "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            assert server.stdout is not None
            yield f":{int(server.stdout.readline())}"
        finally:
            server.terminate()
