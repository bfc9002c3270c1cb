"""The tenant's sessions: who is signed in, and when a session ends."""

from __future__ import annotations

import dataclasses
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import collections
    from collections.abc import Callable

    from po_pw.demo.coupa import tenant_catalogue


@dataclasses.dataclass(slots=True)
class Session:
    """One signed-in session. Mutable: it counts its requests."""

    name: str
    """`s1`, `s2`, … in the order of the sign-ins."""
    username: str
    since: float
    """Time of the sign-in, by the accounts' clock."""
    last: float
    """Time of the last request, by the same clock."""
    requests: int = 0


class Accounts:
    """The sessions of one tenant.

    Args:
        settings: when sessions end.
        counts: `sign_ins`, `endings` (sessions that ended by themselves, each when it is next used) and `displaced`
            (sessions that ended because their user signed in elsewhere) grow.
        now: seconds.
    """

    def __init__(
        self,
        settings: tenant_catalogue.TenantSettings,
        counts: collections.Counter[str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._counts = counts
        self._now = now
        self._sessions: dict[str, Session] = {}

    def sign_in(self, username: str) -> str:
        """Opens a session; returns its token."""
        self._counts["sign_ins"] += 1
        if self._settings.one_session:
            others = [token for token, session in self._sessions.items() if session.username == username]
            self._counts["displaced"] += len(others)
            for token in others:
                del self._sessions[token]
        token = secrets.token_urlsafe(24)
        self._sessions[token] = Session(f"s{self._counts['sign_ins']}", username, self._now(), self._now())
        return token

    def find(self, token: str) -> Session | None:
        """The session, without using it; None if it has ended."""
        session = self._sessions.get(token)
        if session is not None and self._has_ended(session):
            self._counts["endings"] += 1
            del self._sessions[token]
            return None
        return session

    def use(self, token: str) -> Session | None:
        """The session, after counting a request; None if it has ended."""
        session = self.find(token)
        if session is not None:
            session.requests += 1
            session.last = self._now()
        return session

    def seconds_left(self, session: Session) -> float:
        """Seconds until the session ends without further requests."""
        ends = session.last + self._settings.session_idle
        if self._settings.session_seconds:
            ends = min(ends, session.since + self._settings.session_seconds)
        return max(0.0, ends - self._now())

    def sign_out(self, token: str) -> None:
        """Ends one session."""
        self._sessions.pop(token, None)

    def sign_everybody_out(self) -> None:
        """Ends all sessions; each counts as an ending."""
        self._counts["endings"] += len(self._sessions)
        self._sessions.clear()

    def _has_ended(self, session: Session) -> bool:
        limit = self._settings.session_requests
        return bool(limit and session.requests >= limit) or self.seconds_left(session) <= 0
