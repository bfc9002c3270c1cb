"""Errors reported by a page's scripts, as in the browser's console."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from po_pw import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright import async_api as playwright

MAX_MESSAGES: Final = 100
"""Maximum messages kept of a visit: the first ones, which usually caused the others."""
_MAX_CHARS: Final = 2_000
"""Maximum characters of one message."""


class ConsoleErrors:
    """The errors of one page while an order is read; warnings and other messages are not kept."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._left_out = 0

    def _add(self, text: str, url: str = "", line: int = 0) -> None:
        if len(self._messages) >= MAX_MESSAGES:
            self._left_out += 1
            return
        # Cut before redacting: a secret that is cut in the middle is still recognised by the text before it.
        cleaned = redact.text(text[:_MAX_CHARS])
        where = f"  ({redact.bare(url)}{f', line {line}' if line else ''})" if url else ""
        self._messages.append(f"{cleaned}{where}")

    def on_message(self, message: playwright.ConsoleMessage) -> None:
        """Handles the page's `console` event."""
        if message.type == "error":
            location = message.location
            self._add(message.text, str(location.get("url", "")), int(location.get("lineNumber", 0)))

    def on_error(self, error: playwright.Error) -> None:
        """Handles the page's `pageerror` event: an exception that no script handled."""
        self._add(f"Uncaught {error.name or 'error'}: {error.message}")

    def text(self) -> str:
        """One message after another, without secrets; `""` if there was none."""
        if not self._messages:
            return ""
        more = [f"and {self._left_out} more"] if self._left_out else []
        return "\n".join([*self._messages, *more, ""])


@contextlib.contextmanager
def listening(page: playwright.Page) -> Iterator[ConsoleErrors]:
    """Collects a page's errors inside the block."""
    errors = ConsoleErrors()
    page.on("console", errors.on_message)
    page.on("pageerror", errors.on_error)
    try:
        yield errors
    finally:
        page.remove_listener("console", errors.on_message)
        page.remove_listener("pageerror", errors.on_error)
