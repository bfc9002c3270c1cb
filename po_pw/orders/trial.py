"""Whether the reading library bears a workbook: found out in a process of its own, which it may end or hang in.

Damaged .xls, .xlsb and .ods files have it do both. This file is also the program of that process.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS: Final = 30
_MOST_BYTES: Final = 4 << 30


def is_borne(path: Path, *, seconds: float = _SECONDS) -> bool:
    """Whether all its sheets can be loaded, or the library says in good order why not."""
    # By file and with -P, as the watchdog: nothing in the current folder can be imported in a module's place.
    command = [sys.executable, "-P", __file__, str(path.absolute())]
    hidden: dict[str, Any] = {}
    if sys.platform == "win32":
        hidden = {"creationflags": subprocess.CREATE_NO_WINDOW}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds,
            check=False, **hidden,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _load(path: str) -> None:
    import python_calamine as calamine

    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - nothing more is imported than must be
            book = calamine.CalamineWorkbook.from_filelike(stream)
        for name in book.sheet_names:
            book.get_sheet_by_name(name)
    except calamine.CalamineError:
        return


def _limit_memory() -> None:
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        wanted = _MOST_BYTES if most == resource.RLIM_INFINITY else min(most, _MOST_BYTES)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


if __name__ == "__main__":
    _limit_memory()
    _load(sys.argv[1])
