"""Saved sign-ins, one per portal origin, readable by their owner only, and their generation."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from po_pw import errors, models, private_files, redact

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STATE_FILE = "storage_state.json"
"""In a portal's folder: a Playwright storage state, with its origin."""


_PLAIN: Final = re.compile(r"(https?)://([a-z0-9.-]+)(?::(\d+))?")
_LONGEST: Final = 100
"""Maximum characters of a folder's name."""


def folder_name(origin: str) -> str:
    """Folder name of an origin, unique among origins.

    An origin with other characters than letters, digits, hyphens and dots (`http://acme_inc`, `http://[::1]`), or a
    very long one, gets a part of its SHA-256, because several characters become `_`.
    """
    plain = _PLAIN.fullmatch(origin)
    if plain is not None and len(origin) <= _LONGEST:
        return "_".join(part for part in plain.groups() if part)
    readable = re.sub(r"[^a-z0-9.-]+", "_", origin.lower())[:_LONGEST]
    return f"{readable}~{hashlib.sha256(origin.encode()).hexdigest()[:12]}"


def origin_of_folder(name: str) -> str:
    """The origin of a folder name; the name itself if the origin cannot be restored."""
    scheme, _, rest = name.partition("_")
    host, _, port = rest.partition("_")
    origin = f"{scheme}://{host}" + (f":{port}" if port else "")
    return origin if folder_name(origin) == name else name


class Sessions:
    """The saved sign-in of every portal.

    Args:
        home: parent folder, e.g. the platform's user data dir; created when something is saved. May be a shared folder
            such as `/tmp`: permissions of an existing one are not changed.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._generations: dict[str, int] = {}

    def folder(self, origin: str) -> Path:
        """Folder of one portal's sign-in."""
        return self._home / "portals" / folder_name(origin)

    def shared_file(self, name: str) -> Path:
        """A file for data of all portals."""
        return self._home / "known" / name

    def profile(self, origin: str) -> Path:
        """The user-data dir that `po-pw login` uses for this portal; need not exist."""
        return self.folder(origin) / "profile"

    def origins(self) -> list[str]:
        """Origins with a saved sign-in, latest first; damaged ones are left out."""
        found: list[tuple[float, str]] = []
        for file in (self._home / "portals").glob(f"*/{STATE_FILE}"):
            try:
                state, at = json.loads(file.read_text("utf-8")), file.stat().st_mtime
            except (OSError, ValueError):
                continue
            origin = state.get("origin") if isinstance(state, dict) else None
            if isinstance(origin, str) and origin:
                found.append((at, origin))
        return [origin for _, origin in sorted(found, reverse=True)]

    def cookies(self, origins: Iterable[str]) -> list[models.Cookie]:
        """The saved cookies of these portals, including session cookies; empty without a sign-in.

        Raises:
            LoginRequiredError: a saved sign-in cannot be read.
        """
        found: list[models.Cookie] = []
        for origin in origins:
            file = self.folder(origin) / STATE_FILE
            if not file.exists():
                continue
            try:
                kept = [dict(cookie) for cookie in json.loads(file.read_text("utf-8"))["cookies"]]
            except (OSError, ValueError, KeyError, TypeError) as error:
                msg = f"the saved sign-in for {origin} cannot be read ({error}). Run: po-pw login {origin}"
                raise errors.LoginRequiredError(msg) from error
            redact.remember_cookies(kept)
            found += kept
        return found

    def tighten(self) -> list[str]:
        """Removes other users' access to saved sign-ins; returns a message for each path that was accessible.

        Raises:
            MachineError: access cannot be removed; the message says what to do.
        """
        said: list[str] = []
        states = sorted((self._home / "portals").glob(f"*/{STATE_FILE}"))
        if not states:
            return said
        for place in (*(file.parent for file in states), *states):
            try:
                others = private_files.open_to(place)
                if others:
                    private_files.close_to_others(place)
                    said.append(f"{place} could be read by {others}; it is yours alone now")
            except OSError as error:
                msg = (
                    f"{place} holds a sign-in, and cannot be closed to other users ({error.strerror or error}). Set "
                    "PO_PW_HOME to a folder of your own on a file system that keeps permissions, and run po-pw login "
                    "again."
                )
                raise errors.MachineError(msg) from error
        return said

    def save(self, origin: str, state: dict[str, Any], proof_url: str = "") -> Path:
        """Saves a Playwright storage state, readable by the owner only; returns the file.

        Args:
            origin: of the portal.
            state: from Playwright's `storage_state`.
            proof_url: a page that opened and needs the sign-in; `""` if none is known.
        """
        file = self.private_folder(self.folder(origin)) / STATE_FILE
        private_files.write(file, json.dumps({"origin": origin, "proof_url": proof_url, **state}))
        return file

    def proof(self, origin: str) -> str:
        """A page of this portal that needs the sign-in, to check the session; `""` if none is known."""
        try:
            state = json.loads((self.folder(origin) / STATE_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return ""
        url = state.get("proof_url") if isinstance(state, dict) else None
        return url if isinstance(url, str) else ""

    def private_folder(self, folder: Path) -> Path:
        """Creates a folder below the home, with missing parents, that only its owner can access.

        Of existing folders only a portal's folder and its content are restricted: those are ours. The home, and other
        folders in it, may belong to others.

        Raises:
            OSError: it cannot be created or restricted.
        """
        inside = [folder, *(above for above in folder.parents if self._home in (above, *above.parents))]
        for place in reversed(inside):
            is_ours = not place.is_dir() or self._home / "portals" in place.parents
            private_files.make_folder(place)
            if is_ours and private_files.open_to(place):
                private_files.close_to_others(place)
        return folder

    async def ticket(self, origin: str) -> models.Ticket:
        """The sign-in to use for a request to this portal."""
        return models.Ticket(origin, self._generations.get(origin, 0))

    async def renew(self, expired: models.Ticket) -> models.Ticket:
        """Returns the ticket of a newer sign-in than the expired one.

        Raises:
            LoginRequiredError: signing in during a run is not supported; the message says how to.
        """
        now = await self.ticket(expired.origin)
        if now.generation > expired.generation:
            return now
        msg = (
            f"{expired.origin} asks for a sign-in. Run: po-pw login {expired.origin}\n"
            "then run the same command again: it continues where this one stopped."
        )
        raise errors.LoginRequiredError(msg)
