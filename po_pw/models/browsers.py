"""The browser that is used, and its cookies."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class BrowserInfo:
    """The browser in use."""

    name: str
    """`msedge`, `chrome`, `chromium` or `path`: what was resolved."""
    channel: str | None
    """Playwright's channel; None if it is started by path."""
    executable: str
    version: str = ""
    """Known once a context is open."""
    why: str = ""
    """Why it was chosen, e.g. `msedge and chrome are not installed`."""


Cookie: TypeAlias = "Mapping[str, object]"
"""A cookie from Playwright: name, value, domain, path, expires, httpOnly, secure, sameSite."""
