"""Whether a window can be shown."""

from __future__ import annotations

import sys

from po_pw import settings


def can_show_windows() -> bool:
    """Whether there is a display: always on Windows and macOS, elsewhere where X11 or Wayland is announced."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(settings.environment("DISPLAY") or settings.environment("WAYLAND_DISPLAY"))


def headless(*, headed: bool) -> tuple[bool, str]:
    """Whether to run without a window, and a warning where that is not what was asked for."""
    if headed and not can_show_windows():
        return True, "a window was asked for, but there is no display here: the browser runs without one"
    return not headed, ""
