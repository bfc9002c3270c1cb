"""Saved sign-ins: which portal the user means, how long a sign-in lasts, and how to remove one."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from po_pw import errors, hostnames, known_secrets, sessions
from po_pw.auth import credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN: Final = 10


def resolve(given: str | None, known: Sequence[sessions.SignIn], configured: str = "") -> str:
    """The address at which to sign in to a portal.

    Args:
        given: an address, or the origin or host of a saved sign-in; None for the only one.
        known: saved sign-ins; if there are two for one portal, the page of the first is used.
        configured: an address of the portal in the settings; `""` if there is none.

    Returns:
        The address; if only the portal of a saved sign-in is given, a page of it that needs the sign-in.

    Raises:
        InputError: no portal fits, or several do; the message lists them.
    """
    named = [hostnames.origin_of(configured)] if configured else []
    origins = dict.fromkeys([*named, *(one.origin for one in known)])
    if given is None:
        origin = next(iter(origins), "")
        if not origin or (len(origins) > 1 and not configured):
            raise errors.InputError(_which(list(origins), "which portal?" if origins else "no portal is known yet."))
        return _page_of(origin, known)
    if given.lower().startswith(("http://", "https://")):
        parts = urlsplit(given)
        is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
        return _page_of(hostnames.origin_of(given), known, given) if is_bare else given
    wanted = hostnames.ascii_host(given.partition(":")[0]) + given[len(given.partition(":")[0]) :]
    fitting = [one for one in origins if wanted in {urlsplit(one).netloc, urlsplit(one).hostname}]
    if len(fitting) == 1:
        return _page_of(fitting[0], known)
    if fitting:
        raise errors.InputError(_which(fitting, f"{given} could be one of several portals."))
    msg = f"{given!r} is not a web address. Try https://{given}"
    raise errors.InputError(_which(list(origins), f"{msg}.") if origins else msg)


def _page_of(origin: str, known: Sequence[sessions.SignIn], otherwise: str = "") -> str:
    """A page of this portal that needs the sign-in."""
    found = next((one for one in known if one.origin == origin), None)
    kept = (found.proof_url or found.method.start_url) if found is not None else ""
    return kept or otherwise or origin


def _which(origins: Sequence[str], problem: str) -> str:
    if not origins:
        return f"{problem} Give the address of an order: po-pw login https://…"
    more = f" and {len(origins) - _SHOWN} more" if len(origins) > _SHOWN else ""
    return f"{problem} Known: {', '.join(origins[:_SHOWN])}{more}"


def ends_at(sign_in: sessions.SignIn) -> float | None:
    """When the first of the portal's cookies that look like a session expires; None if no cookie says so.

    Pure. A cookie without a date lasts until the portal ends the session: unlike a browser, po-pw keeps it.

    Returns:
        Seconds since the epoch.
    """
    host = urlsplit(sign_in.origin).hostname or ""
    ends = []
    for cookie in sign_in.cookies:
        domain = str(cookie.get("domain", "")).removeprefix(".")
        is_sent = host == domain or host.endswith(f".{domain}")
        if not is_sent or not known_secrets.may_be_session(cookie):
            continue
        expires = cookie.get("expires")
        if not isinstance(expires, int | float) or expires <= 0:
            return None
        ends.append(float(expires))
    return min(ends, default=None)


@dataclasses.dataclass(frozen=True, slots=True)
class Removed:
    """What was removed for one sign-in."""

    origin: str
    account: str
    username: str
    parts: tuple[str, ...]
    """In words, e.g. `browser profile`."""
    problem: str = ""
    """Why something could not be removed; `""` if everything was."""


def remove(home: sessions.Sessions, origin: str) -> Removed | None:
    """Removes an account's sign-in to a portal: cookies, browser profile, password in the keyring. Blocks.

    What was learned about the portal's pages stays. This does not sign out on the portal: its session may continue.

    Args:
        home: the sessions of the account.
        origin: of the portal.

    Returns:
        What was removed; None if nothing was saved.

    Raises:
        OSError: a file cannot be removed.
    """
    found = home.read(origin)
    folder = home.account_folder(origin)
    file, profile = folder / sessions.STATE_FILE, home.profile(origin)
    username = found.method.username if found is not None else ""
    parts: list[str] = []
    problem = ""
    # The password first: finding its entry needs the user name in the file.
    if username:
        try:
            if credentials.forget(origin, home.account, username):
                parts.append("password in the keyring")
        except credentials.KeyringError as error:
            problem = str(error)
    if profile.is_dir():
        shutil.rmtree(profile)
        parts.append("browser profile")
    if file.exists():
        file.unlink()
        parts.append("cookies")
    if home.account and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    return Removed(origin, home.account, username, tuple(reversed(parts)), problem) if parts else None
