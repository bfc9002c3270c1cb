"""Who is signed in, and under which generation. Sign-in state is kept per portal origin, readable by its owner only."""

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
"""In a portal's folder: what Playwright calls a storage state, and the origin it is of."""


_PLAIN: Final = re.compile(r"(https?)://([a-z0-9.-]+)(?::(\d+))?")
_LONGEST: Final = 100
"""Characters of a folder's name."""


def folder_name(origin: str) -> str:
    """What the folder of a portal's state is called: no two origins share one.

    An origin that is not plain letters, digits, hyphens and dots (`http://acme_inc`, `http://[::1]`) or is very long
    gets a part of its SHA-256, since of others' `_` nothing tells what it stands for.
    """
    plain = _PLAIN.fullmatch(origin)
    if plain is not None and len(origin) <= _LONGEST:
        return "_".join(part for part in plain.groups() if part)
    readable = re.sub(r"[^a-z0-9.-]+", "_", origin.lower())[:_LONGEST]
    return f"{readable}~{hashlib.sha256(origin.encode()).hexdigest()[:12]}"


def origin_of_folder(name: str) -> str:
    """The origin whose folder has this name; the name itself where only a part of it can be told."""
    scheme, _, rest = name.partition("_")
    host, _, port = rest.partition("_")
    origin = f"{scheme}://{host}" + (f":{port}" if port else "")
    return origin if folder_name(origin) == name else name


class Sessions:
    """The sign-in state of every portal, and what a run knows of it.

    Args:
        home: where state is kept, e.g. the platform's user data dir; made when something is saved. It may be anybody's
            folder, `/tmp` even: where it is there already its permissions stay as they are.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._generations: dict[str, int] = {}

    def folder(self, origin: str) -> Path:
        """Where the state of one portal lies."""
        return self._home / "portals" / folder_name(origin)

    def shared_file(self, name: str) -> Path:
        """A file of what is known of all portals together."""
        return self._home / "known" / name

    def profile(self, origin: str) -> Path:
        """The user-data dir that `po-pw login` uses for this portal; need not exist."""
        return self.folder(origin) / "profile"

    def origins(self) -> list[str]:
        """The portals that somebody signed in to, the latest first; without those whose state is damaged."""
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
                kept = [dict(cookie) for cookie in json.loads(file.read_text("utf-8"))["cookies"]]
            except (OSError, ValueError, KeyError, TypeError) as error:
                msg = f"the saved sign-in for {origin} cannot be read ({error}). Run: po-pw login {origin}"
                raise errors.LoginRequiredError(msg) from error
            redact.remember_cookies(kept)
            found += kept
        return found

    def tighten(self) -> list[str]:
        """Takes other users' access to saved sign-ins away; says for each place that was open what was done.

        Raises:
            MachineError: it cannot be taken away; says what to do.
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
                    said.append(f"{place} could be read by {others}; now only you can read it")
            except OSError as error:
                msg = (
                    f"{place} holds your sign-in, and other users can read it ({error.strerror or error}). Set "
                    "PO_PW_HOME to a folder of your own on a file system that keeps permissions, and run po-pw login "
                    "again."
                )
                raise errors.MachineError(msg) from error
        return said

    def save(self, origin: str, state: dict[str, Any], proof_url: str = "") -> Path:
        """Keeps a storage state as Playwright gives it; owner-only. Gives the file.

        Args:
            origin: of the portal.
            state: as `storage_state` gives it.
            proof_url: a page that needs the sign-in and opened with it; `""` where none is known.
        """
        file = self.private_folder(self.folder(origin)) / STATE_FILE
        private_files.write(file, json.dumps({"origin": origin, "proof_url": proof_url, **state}))
        return file

    def proof(self, origin: str) -> str:
        """A page of this portal that opened only with the sign-in, to ask the session at; `""`: none is known."""
        try:
            state = json.loads((self.folder(origin) / STATE_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return ""
        url = state.get("proof_url") if isinstance(state, dict) else None
        return url if isinstance(url, str) else ""

    def private_folder(self, folder: Path) -> Path:
        """Makes a folder below the home, with what is missing above it, that only its owner can enter.

        Of what is there already, a portal's folder and all in it are closed to others: those we have made. The home,
        and what lies directly in it, may be somebody else's.

        Raises:
            OSError: it cannot be made or closed.
        """
        inside = [folder, *(above for above in folder.parents if self._home in (above, *above.parents))]
        for place in reversed(inside):
            is_ours = not place.is_dir() or self._home / "portals" in place.parents
            private_files.make_folder(place)
            if is_ours and private_files.open_to(place):
                private_files.close_to_others(place)
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
            f"{expired.origin} asks you to sign in. Run: po-pw login {expired.origin}\n"
            "then run the same command again: it continues where this one stopped."
        )
        raise errors.LoginRequiredError(msg)
