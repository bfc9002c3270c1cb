"""Removes secrets from texts of pages and servers. Pure."""

from __future__ import annotations

import re
from typing import Final

from po_pw import redact, secret_signs

_LONG: Final = re.compile(r"(?<![\w/+.-])[\w+/=-]{40,}")


def cleaned(text: str) -> str:
    """A text without secrets, and without long values that look like keys."""
    return _LONG.sub(lambda found: redact.REDACTED if secret_signs.is_key(found[0]) else found[0], redact.text(text))
