"""Who is signed in. Sign-in state is kept per portal origin, readable by its owner only."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

import pydantic

from po_pw import errors, hostnames, models, private_files, redact

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STATE_FILE = "storage_state.json"
"""In a portal's folder: what Playwright calls a storage state, and the origin it is of."""
_ACCOUNTS: Final = "accounts"
"""In a portal's folder: one folder for each further user (`--account`)."""


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


@dataclasses.dataclass(frozen=True, slots=True)
class SignInMethod:
    """How a sign-in was made, so that it can be made again. No secret is in it."""

    start_url: str = ""
    """The address it began at."""
    username: str = ""
    """Who signed in by form; `""`: a person in a window, or imported cookies."""
    hosts: tuple[str, ...] = ()
    """Hosts, besides the portal's own, that the person named or confirmed for the password."""
    insecure: bool = False
    """The person accepted plain http to another machine."""
    by_environment: bool = False
    """The password came from `PO_PW_PASSWORD`."""
    refused: bool = False
    """The portal refused the password when the sign-in was renewed: it is not sent again until somebody signs in."""


@dataclasses.dataclass(frozen=True, slots=True)
class SignIn:
    """A saved sign-in."""

    origin: str
    account: str
    """`""` for the portal's only or first user."""
    proof_url: str
    """A page that opened only with it; `""`: none is known."""
    method: SignInMethod
    cookies: tuple[models.Cookie, ...]
    saved_at: float
    """Seconds since the epoch."""


_METHOD: Final = pydantic.TypeAdapter(SignInMethod)


class Sessions:
    """The sign-in state of every portal, and what a run knows of it.

    Args:
        home: where state is kept, e.g. the platform's user data dir; made when something is saved. It may be anybody's
            folder, `/tmp` even: where it is there already its permissions stay as they are.
        account: whose sign-ins, where a portal has several users; `""` for the first one's.
    """

    def __init__(self, home: Path, account: str = "") -> None:
        self._home = home
        self._account = account

    @property
    def account(self) -> str:
        """Whose sign-ins these are; `""` for a portal's first user."""
        return self._account

    def folder(self, origin: str) -> Path:
        """Where lies what is known of one portal, whoever is signed in."""
        return self._home / "portals" / folder_name(origin)

    def account_folder(self, origin: str) -> Path:
        """Where the account's sign-in to one portal lies; for a portal's first user the portal's own folder."""
        return self.folder(origin) / _ACCOUNTS / self._account if self._account else self.folder(origin)

    def shared_file(self, name: str) -> Path:
        """A file of what is known of all portals together."""
        return self._home / "known" / name

    def profile(self, origin: str) -> Path:
        """The user-data dir that `po-pw login` uses for this portal; need not exist."""
        return self.account_folder(origin) / "profile"

    def origins(self) -> list[str]:
        """The portals that the account is signed in to, the latest first; without those whose state is damaged."""
        return [one.origin for one in self.saved() if one.account == self._account]

    def saved(self) -> list[SignIn]:
        """All saved sign-ins, of every account, the latest first; without those whose state is damaged."""
        found = [one for file in self._state_files() if (one := _read(file)) is not None]
        return sorted(found, key=lambda one: one.saved_at, reverse=True)

    def read(self, origin: str) -> SignIn | None:
        """The account's sign-in to this portal; None where there is none, or it is damaged."""
        return _read(self.account_folder(origin) / STATE_FILE)

    def _state_files(self) -> list[Path]:
        root = self._home / "portals"
        return sorted([*root.glob(f"*/{STATE_FILE}"), *root.glob(f"*/{_ACCOUNTS}/*/{STATE_FILE}")])

    def cookies(self, origins: Iterable[str]) -> list[models.Cookie]:
        """The saved cookies of these portals, session cookies included; none where nobody signed in.

        Raises:
            LoginRequiredError: the saved state cannot be read.
        """
        found: list[models.Cookie] = []
        for origin in origins:
            file = self.account_folder(origin) / STATE_FILE
            if not file.exists():
                continue
            try:
                kept = [dict(cookie) for cookie in json.loads(file.read_text("utf-8"))["cookies"]]
            except (OSError, ValueError, KeyError, TypeError) as error:
                msg = f"the saved sign-in for {origin} cannot be read ({error}). Run: {self.login_command(origin)}"
                raise errors.LoginRequiredError(msg) from error
            redact.remember_cookies(kept)
            found += kept
        return found

    def local_storage(self, origin: str) -> dict[str, str]:
        """What the portal's own pages keep in local storage, of the saved sign-in; empty where there is none."""
        try:
            state = json.loads((self.account_folder(origin) / STATE_FILE).read_text("utf-8"))
            of_origin = [one for one in state["origins"] if hostnames.origin_of(one["origin"]) == origin]
            return {item["name"]: item["value"] for one in of_origin for item in one["localStorage"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def tighten(self) -> list[str]:
        """Takes other users' access to saved sign-ins away; says for each place that was open what was done.

        Raises:
            MachineError: it cannot be taken away; says what to do.
        """
        said: list[str] = []
        states = self._state_files()
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

    def save(self, origin: str, state: dict[str, Any], proof_url: str = "", method: SignInMethod | None = None) -> Path:
        """Keeps a storage state as Playwright gives it; owner-only. Gives the file.

        Args:
            origin: of the portal.
            state: as `storage_state` gives it.
            proof_url: a page that needs the sign-in and opened with it; `""` where none is known.
            method: how the sign-in was made.
        """
        file = self.private_folder(self.account_folder(origin)) / STATE_FILE
        about = {"origin": origin, "proof_url": proof_url, "method": dataclasses.asdict(method or SignInMethod())}
        private_files.write(file, json.dumps({**about, **state}))
        return file

    def note_refused(self, origin: str) -> None:
        """Notes that the portal refused this account's password, so that it is not sent again; see `SignInMethod`."""
        file = self.account_folder(origin) / STATE_FILE
        try:
            state = json.loads(file.read_text("utf-8"))
            state["method"] = {**state["method"], "refused": True}
        except (OSError, ValueError, KeyError, TypeError):
            return  # nothing is kept that could be sent again
        private_files.write(file, json.dumps(state))

    def proof(self, origin: str) -> str:
        """A page of this portal that opened only with the sign-in, to ask the session at; `""`: none is known."""
        found = self.read(origin)
        return found.proof_url if found is not None else ""

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

    def login_command(self, origin: str) -> str:
        """What to type for this account to sign in to a portal, for messages."""
        return f"po-pw login {origin}" + (f" --account {self._account}" if self._account else "")


def _read(file: Path) -> SignIn | None:
    """A saved sign-in; None for what is none."""
    try:
        state, at = json.loads(file.read_text("utf-8")), file.stat().st_mtime
    except (OSError, ValueError):
        return None
    origin = state.get("origin") if isinstance(state, dict) else None
    if not isinstance(origin, str) or not origin:
        return None
    cookies = state.get("cookies")
    proof_url = state.get("proof_url")
    return SignIn(
        origin,
        file.parent.name if file.parent.parent.name == _ACCOUNTS else "",
        proof_url if isinstance(proof_url, str) else "",
        _method(state.get("method")),
        tuple(one for one in cookies if isinstance(one, dict)) if isinstance(cookies, list) else (),
        at,
    )


def _method(raw: object) -> SignInMethod:
    """How a sign-in was made, from JSON; the default where that is not told."""
    try:
        return _METHOD.validate_python(raw)
    except pydantic.ValidationError:
        return SignInMethod()
