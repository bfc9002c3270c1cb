"""Users and sessions of the generic portal."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Final

from po_pw.demo import signing

if TYPE_CHECKING:
    from aiohttp import web

COOKIE: Final = "meridian_session"


class Accounts:
    """Sessions, CSRF tokens and, with `signer`, signed addresses.

    Args:
        username: the only user.
        password: its password.
    """

    def __init__(self, username: str, password: str) -> None:
        self._right = username, password
        self.signer = signing.Signer()
        self._signed_in: set[str] = set()

    def check(self, username: str, password: str) -> bool:
        """Whether user name and password are right."""
        right_name, right_password = self._right
        name_holds = hmac.compare_digest(right_name.encode(), username.encode())
        return hmac.compare_digest(right_password.encode(), password.encode()) and name_holds

    def token(self, request: web.Request) -> str:
        """The session token of a request; `""` if there is none."""
        return request.cookies.get(COOKIE, "")

    def is_signed_in(self, token: str) -> bool:
        """Whether this session is signed in."""
        return token in self._signed_in

    def sign_in(self, answer: web.StreamResponse) -> None:
        """Gives the browser a new signed-in session, valid until the browser is closed."""
        self._signed_in.add(self.open(answer))

    def open(self, answer: web.StreamResponse) -> str:
        """Gives the browser a new signed-out session; returns its token."""
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
        """The CSRF token that a form of this session must send."""
        return self.signer.mac(f"csrf {token}")

    def is_csrf_valid(self, token: str, brought: str) -> bool:
        """Whether a form belongs to this session."""
        return bool(token) and self.signer.said(f"csrf {token}", brought)
