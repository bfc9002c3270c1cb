"""Who is signed in, and under which generation. Sign-in state is kept per portal origin, readable by its owner only."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from po_pw import errors, models

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STATE_FILE = "storage_state.json"
"""In a portal's folder: what Playwright calls a storage state, and the origin it is of."""


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, e.g. `https://acme.coupahost.com` or `http://127.0.0.1:8080`."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}"


class Sessions:
    """The sign-in state of every portal, and what a run knows of it.

    Args:
        home: where state is kept, e.g. the platform's user data dir; made when something is saved.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._generations: dict[str, int] = {}

    def folder(self, origin: str) -> Path:
        """Where the state of one portal lies."""
        return self._home / "portals" / re.sub(r"[^a-z0-9.]+", "_", origin.lower())

    def profile(self, origin: str) -> Path:
        """The user-data dir that `po-pw login` uses for this portal; need not exist."""
        return self.folder(origin) / "profile"

    def origins(self) -> list[str]:
        """The portals that somebody signed in to, the latest first."""
        files = sorted((self._home / "portals").glob(f"*/{STATE_FILE}"), key=lambda file: -file.stat().st_mtime)
        found = [json.loads(file.read_text("utf-8")).get("origin", "") for file in files]
        return [origin for origin in found if origin]

    def cookies(self, origins: Iterable[str]) -> list[models.Cookie]:
        """The saved cookies of these portals, session cookies included; none where nobody signed in.

        Raises:
            LoginRequiredError: the saved state cannot be read.
        """
        found: list[models.Cookie] = []
        for origin in origins:
            file = self.folder(origin) / STATE_FILE
            if not file.exists():
                continue
            try:
                found += json.loads(file.read_text("utf-8"))["cookies"]
            except (OSError, ValueError, KeyError) as error:
                msg = f"the saved sign-in for {origin} cannot be read ({error}). Run: po-pw login {origin}"
                raise errors.LoginRequiredError(msg) from error
        return found

    def save(self, origin: str, state: dict[str, Any]) -> Path:
        """Keeps a storage state as Playwright gives it; owner-only. Gives the file."""
        folder = self.private_folder(self.folder(origin))
        file = folder / STATE_FILE
        temporary = folder / f"{STATE_FILE}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"origin": origin, **state}, stream)
        temporary.chmod(0o600)
        temporary.replace(file)
        return file

    def private_folder(self, folder: Path) -> Path:
        """Makes a folder that only its owner can enter, and tightens one that is open to others."""
        folder.mkdir(parents=True, exist_ok=True)
        inside = folder
        while inside != self._home and self._home in inside.parents:
            inside.chmod(0o700)
            inside = inside.parent
        self._home.chmod(0o700)
        return folder

    async def ticket(self, origin: str) -> models.Ticket:
        """Under which sign-in a request to this portal is made."""
        return models.Ticket(origin, self._generations.get(origin, 0))

    async def renew(self, expired: models.Ticket) -> models.Ticket:
        """A ticket of a newer generation than the expired one.

        Raises:
            LoginRequiredError: nobody can sign in while the run goes on; it says how to.
        """
        now = await self.ticket(expired.origin)
        if now.generation > expired.generation:
            return now
        msg = (
            f"{expired.origin} asks for a sign-in. Run: po-pw login {expired.origin}\n"
            "then run the same command again: it continues where this one stopped."
        )
        raise errors.LoginRequiredError(msg)
