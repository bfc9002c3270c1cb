"""Time-based one-time codes (RFC 6238), as authenticator apps show them.

`python -m po_pw.demo.coupa.totp SECRET` prints the current code.
"""

from __future__ import annotations

import base64
import hmac
import sys
import time
from typing import Final

STEP: Final = 30
"""Seconds that a code is valid."""
_DIGITS: Final = 6


def code(secret: str, at: float) -> str:
    """The code at a time.

    Args:
        secret: in base 32.
        at: seconds since the epoch.
    """
    return _code(secret, int(at) // STEP)


def matching_step(secret: str, given: str, at: float) -> int | None:
    """The number of the 30-second step of a code: the current one or its neighbours; None if it fits none."""
    now = int(at) // STEP
    return next(
        (step for step in (now, now - 1, now + 1) if hmac.compare_digest(_code(secret, step), given.strip())), None
    )


def _code(secret: str, step: int) -> str:
    key = base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


if __name__ == "__main__":
    sys.stdout.write(f"{code(sys.argv[1], time.time())}\n")
