"""Signatures of the demo's servers: addresses that are good for a while, and words that only the server could say."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Signer:
    """Signs with a secret of its own.

    Args:
        life: seconds that a signed address is good for.
        now: seconds since the epoch.
    """

    def __init__(self, life: float = 60.0, now: Callable[[], float] = time.time) -> None:
        self._life = life
        self._now = now
        self._secret = secrets.token_bytes(32)

    def sign(self, path: str, life: float | None = None) -> str:
        """The query that lets anybody have this path for `life` seconds, or for the usual time."""
        expires = int(self._now() + (self._life if life is None else life))
        return f"X-Expires={expires}&X-Signature={self.mac(f'{path} {expires}')}"

    def is_valid(self, path: str, expires: str, signature: str) -> bool:
        """Whether a signed address is good, and still."""
        if not expires.isascii() or not expires.isdigit() or int(expires) < self._now():
            return False
        return self.said(f"{path} {expires}", signature)

    def mac(self, words: str) -> str:
        """What proves that this server said these words."""
        return hmac.new(self._secret, words.encode(), hashlib.sha256).hexdigest()

    def said(self, words: str, mac: str) -> bool:
        """Whether this server said these words."""
        return hmac.compare_digest(self.mac(words).encode(), mac.encode())
