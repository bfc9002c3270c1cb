"""Unrelated processes, for tests that they are not touched."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

_SLEEP = "import time; time.sleep(600)"

_FORKS = f"""
import subprocess, sys
words = [sys.executable, "-c", {_SLEEP!r}, *sys.argv[1:]]
print(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).pid, flush=True)
"""


@contextlib.contextmanager
def sleeper(*more: str, **environment: str) -> Iterator[psutil.Process]:
    """A process in a group of its own.

    Args:
        *more: on its command line.
        **environment: on top of ours.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _SLEEP, *more], start_new_session=True, env={**os.environ, **environment}
    ) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


@contextlib.contextmanager
def left_in_group(*more: str, **environment: str) -> Iterator[psutil.Process]:
    """A process in the group of a leader that has ended, as `sleeper`; the group's number is that of a dead process."""
    done = subprocess.run(
        [sys.executable, "-c", _FORKS, *more],
        start_new_session=True,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    process = psutil.Process(int(done.stdout))
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.Error):
            process.kill()
