"""Who is signed in at the portal, and what proves it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

COOKIE: Final = "meridian_session"
_LIFE_OF_ADDRESS: Final = 60
"""Seconds that a signed address is good for."""


class Accounts:
    """Sessions, CSRF tokens and signed addresses.

    Args:
        username: the only user.
        password: its password.
        now: seconds since the epoch.
    """

    def __init__(self, username: str, password: str, now: Callable[[], float] = time.time) -> None:
        self._right = username, password
        self._now = now
        self._secret = secrets.token_bytes(32)
        self._signed_in: set[str] = set()

    def check(self, username: str, password: str) -> bool:
        """Whether these are the right ones."""
        right_name, right_password = self._right
        name_holds = hmac.compare_digest(right_name.encode(), username.encode())
        return hmac.compare_digest(right_password.encode(), password.encode()) and name_holds

    def token(self, request: web.Request) -> str:
        """The session's token as the request brings it; `""` where there is none."""
        return request.cookies.get(COOKIE, "")

    def is_signed_in(self, token: str) -> bool:
        """Whether this session is."""
        return token in self._signed_in

    def sign_in(self, answer: web.StreamResponse) -> None:
        """Gives the browser a new session that is signed in, until the browser is closed."""
        self._signed_in.add(self.open(answer))

    def open(self, answer: web.StreamResponse) -> str:
        """Gives the browser a new session, signed out; its token."""
        token = secrets.token_urlsafe(24)
        answer.set_cookie(COOKIE, token, path="/", httponly=True, samesite="Lax")
        return token

    def sign_out(self, token: str) -> None:
        """Ends one session."""
        self._signed_in.discard(token)

    def sign_everybody_out(self) -> None:
        """Ends all sessions."""
        self._signed_in.clear()

    def csrf(self, token: str) -> str:
        """What a form of this session must bring."""
        return self._mac(f"csrf {token}")

    def csrf_holds(self, token: str, brought: str) -> bool:
        """Whether a form was this session's own."""
        return bool(token) and hmac.compare_digest(self.csrf(token).encode(), brought.encode())

    def sign(self, path: str) -> str:
        """The query that lets anybody have this path for a minute."""
        expires = int(self._now()) + _LIFE_OF_ADDRESS
        return f"X-Expires={expires}&X-Signature={self._mac(f'{path} {expires}')}"

    def signature_holds(self, path: str, expires: str, signature: str) -> bool:
        """Whether a signed address is good, and still."""
        if not expires.isascii() or not expires.isdigit() or int(expires) < self._now():
            return False
        return hmac.compare_digest(self._mac(f"{path} {expires}").encode(), signature.encode())

    def _mac(self, words: str) -> str:
        return hmac.new(self._secret, words.encode(), hashlib.sha256).hexdigest()
