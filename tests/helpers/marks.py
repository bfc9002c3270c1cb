"""The mark of the web as the system itself shows it, not by our own code."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def of(path: Path) -> dict[str, bytes]:
    """Streams or extended attributes of a file that say where it came from, with what is in them."""
    if sys.platform == "win32":
        stream = f"{path}:Zone.Identifier"
        if not os.path.exists(stream):  # noqa: PTH110 - a stream of a file has no Path
            return {}
        with open(stream, "rb") as opened:  # noqa: PTH123
            return {"Zone.Identifier": opened.read()}
    if sys.platform == "darwin":
        ours = {"com.apple.quarantine", "com.apple.metadata:kMDItemWhereFroms"}
        named = ours.intersection(_xattr(str(path)).decode().split())  # the system sets others on its own
        return {name: bytes.fromhex(_xattr("-px", name, str(path)).decode()) for name in named}
    return {name: os.getxattr(path, name) for name in os.listxattr(path) if name.startswith("user.xdg.")}


def _xattr(*words: str) -> bytes:
    return subprocess.run(["/usr/bin/xattr", *words], check=True, capture_output=True).stdout


def is_kept_in(folder: Path) -> bool:
    """Whether the file system of a folder keeps such a mark."""
    probe = folder / "mark-probe"
    probe.write_bytes(b"")
    try:
        if sys.platform == "linux":
            os.setxattr(probe, "user.xdg.origin.url", b"http://a")
        return True
    except OSError:
        return False
    finally:
        probe.unlink()
