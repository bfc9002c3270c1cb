"""Saved sign-ins, one per portal origin and account, readable by their owner only."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

import pydantic

from po_pw import errors, hostnames, known_secrets, models, private_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

STATE_FILE = "storage_state.json"
"""Name of the file in a portal's folder: a Playwright storage state, with its origin."""
_ACCOUNTS: Final = "accounts"
"""Name of the folder in a portal's folder that has a folder for each further user (`--account`)."""
_PLAIN: Final = re.compile(r"(https?)://([a-z0-9.-]+)(?::(\d+))?")
_MAX_NAME: Final = 100
"""Maximum characters of a folder's name."""


def folder_name(origin: str) -> str:
    """Folder name of an origin, unique among origins.

    An origin with other characters than letters, digits, hyphens and dots (`http://acme_inc`, `http://[::1]`), or a
    very long one, gets a part of its SHA-256, because several characters become `_`.
    """
    plain = _PLAIN.fullmatch(origin)
    if plain is not None and len(origin) <= _MAX_NAME:
        return "_".join(part for part in plain.groups() if part)
    readable = re.sub(r"[^a-z0-9.-]+", "_", origin.lower())[:_MAX_NAME]
    return f"{readable}~{hashlib.sha256(origin.encode()).hexdigest()[:12]}"


def origin_of_folder(name: str) -> str:
    """The origin of a folder name; the name itself if the origin cannot be restored."""
    scheme, _, rest = name.partition("_")
    host, _, port = rest.partition("_")
    origin = f"{scheme}://{host}" + (f":{port}" if port else "")
    return origin if folder_name(origin) == name else name


@dataclasses.dataclass(frozen=True, slots=True)
class SignInMethod:
    """How a sign-in was made, so that it can be repeated. Contains no secret."""

    start_url: str = ""
    """The address at which it began."""
    username: str = ""
    """Who signed in by form; `""`: a person in a window, or imported cookies."""
    hosts: tuple[str, ...] = ()
    """Hosts besides the portal's own to which the person allowed the password to be sent."""
    by_environment: bool = False
    """The password came from `PO_PW_PASSWORD`."""
    refused: bool = False
    """The portal refused the password at a renewal: it is not sent again until a person signs in."""


@dataclasses.dataclass(frozen=True, slots=True)
class SignIn:
    """A saved sign-in."""

    origin: str
    account: str
    """`""` for the portal's only or first user."""
    proof_url: str
    """A page that opens only with this sign-in; `""`: none is known."""
    method: SignInMethod
    cookies: tuple[models.Cookie, ...]
    saved_at: float
    """Seconds since the epoch."""


_METHOD: Final = pydantic.TypeAdapter(SignInMethod)


class Sessions:
    """The saved sign-ins, one per portal.

    Args:
        home: parent folder, e.g. the platform's user data dir; created when something is saved. May be a shared folder
            such as `/tmp`: permissions of an existing one are not changed.
        account: whose sign-ins; `""` for the first user of each portal.
    """

    def __init__(self, home: Path, account: str = "") -> None:
        self._home = home
        self._account = account

    @property
    def account(self) -> str:
        """Whose sign-ins these are; `""` for the first user of each portal."""
        return self._account

    def folder(self, origin: str) -> Path:
        """Folder of one portal, shared by its accounts."""
        return self._home / "portals" / folder_name(origin)

    def account_folder(self, origin: str) -> Path:
        """Folder of the account's sign-in to one portal."""
        return self.folder(origin) / _ACCOUNTS / self._account if self._account else self.folder(origin)

    def shared_file(self, name: str) -> Path:
        """A file for data of all portals."""
        return self._home / "known" / name

    def profile(self, origin: str) -> Path:
        """The user-data dir that `po-pw login` uses for this portal; need not exist."""
        return self.account_folder(origin) / "profile"

    def origins(self) -> list[str]:
        """Portals for which the account has a sign-in, latest first; damaged ones are left out."""
        return [one.origin for one in self.saved() if one.account == self._account]

    def saved(self) -> list[SignIn]:
        """All saved sign-ins of all accounts, latest first; damaged ones are left out."""
        found = [one for file in self._state_files() if (one := read_file(file)) is not None]
        return sorted(found, key=lambda one: one.saved_at, reverse=True)

    def read(self, origin: str) -> SignIn | None:
        """The account's sign-in to this portal; None if there is none, or it is damaged."""
        return read_file(self.account_folder(origin) / STATE_FILE)

    def state_files(self) -> list[Path]:
        """The account's saved sign-ins as files, damaged ones too."""
        return [file for file in self._state_files() if _account_of(file) == self._account]

    @staticmethod
    def portal_folder(file: Path) -> Path:
        """The portal's folder of a state file."""
        return file.parents[2] if _account_of(file) else file.parent

    def _state_files(self) -> list[Path]:
        root = self._home / "portals"
        return sorted([*root.glob(f"*/{STATE_FILE}"), *root.glob(f"*/{_ACCOUNTS}/*/{STATE_FILE}")])

    def cookies(self, origins: Iterable[str]) -> list[models.Cookie]:
        """The saved cookies of these portals, including session cookies; empty without a sign-in.

        Raises:
            LoginRequiredError: a saved sign-in cannot be read.
        """
        found: list[models.Cookie] = []
        for origin in origins:
            file = self.account_folder(origin) / STATE_FILE
            if not file.exists():
                continue
            try:
                saved = [dict(cookie) for cookie in json.loads(file.read_text("utf-8"))["cookies"]]
            except (OSError, ValueError, KeyError, TypeError) as error:
                msg = f"the saved sign-in for {origin} cannot be read ({error}). Run: {self.login_command(origin)}"
                raise errors.LoginRequiredError(msg) from error
            known_secrets.remember_cookies(saved)
            found += saved
        return found

    def local_storage(self, origin: str) -> dict[str, str]:
        """The local storage of the portal's own pages, from the saved sign-in; empty if there is none."""
        try:
            state = json.loads((self.account_folder(origin) / STATE_FILE).read_text("utf-8"))
            of_origin = [one for one in state["origins"] if hostnames.origin_of(one["origin"]) == origin]
            return {item["name"]: item["value"] for one in of_origin for item in one["localStorage"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def restrict_access(self) -> list[str]:
        """Removes other users' access to saved sign-ins; returns a message for each path that was accessible.

        Raises:
            MachineError: access cannot be removed; the message says what to do.
        """
        messages: list[str] = []
        states = self._state_files()
        if not states:
            return messages
        for path in (*(file.parent for file in states), *states):
            try:
                others = private_files.others_with_access(path)
                if others:
                    private_files.restrict_to_owner(path)
                    messages.append(f"{path} could be read by {others}; now only you can read it")
            except OSError as error:
                msg = (
                    f"{path} holds your sign-in, and other users can read it ({error.strerror or error}). Set "
                    "PO_PW_HOME to a folder of your own on a file system that keeps permissions, and run po-pw login "
                    "again."
                )
                raise errors.MachineError(msg) from error
        return messages

    def save(self, origin: str, state: dict[str, Any], proof_url: str = "", method: SignInMethod | None = None) -> Path:
        """Saves a Playwright storage state, readable by the owner only; returns the file.

        Args:
            origin: of the portal.
            state: from Playwright's `storage_state`.
            proof_url: a page that opened and needs the sign-in; `""` if none is known.
            method: how the sign-in was made.

        Raises:
            MachineError: it cannot be written.
        """
        file = self.account_folder(origin) / STATE_FILE
        about = {"origin": origin, "proof_url": proof_url, "method": dataclasses.asdict(method or SignInMethod())}
        with _map_errors(origin, file):
            self.private_folder(file.parent)
            private_files.write(file, json.dumps({**about, **state}))
        return file

    def note_refused(self, origin: str) -> None:
        """Records that the portal refused this account's password, so that it is not sent again.

        Raises:
            MachineError: it cannot be written.
        """
        file = self.account_folder(origin) / STATE_FILE
        try:
            state = json.loads(file.read_text("utf-8"))
            state["method"] = {**state["method"], "refused": True}
        except (OSError, ValueError, KeyError, TypeError):
            return  # without a readable sign-in, the password is not sent anyway
        with _map_errors(origin, file):
            private_files.write(file, json.dumps(state))

    def proof_url(self, origin: str) -> str:
        """A page of this portal that needs the sign-in, to check the session; `""` if none is known."""
        found = self.read(origin)
        return found.proof_url if found is not None else ""

    def private_folder(self, folder: Path) -> Path:
        """Creates a folder below the home, with missing parents, that only its owner can access.

        Of existing folders only a portal's folder and its content are restricted: those are ours. The home, and other
        folders in it, may belong to others.

        Raises:
            OSError: it cannot be created or restricted.
        """
        inside = [folder, *(above for above in folder.parents if self._home in (above, *above.parents))]
        for path in reversed(inside):
            is_ours = not path.is_dir() or self._home / "portals" in path.parents
            private_files.make_folder(path)
            if is_ours and private_files.others_with_access(path):
                private_files.restrict_to_owner(path)
        return folder

    def login_command(self, origin: str) -> str:
        """The command that signs this account in to a portal, for messages."""
        return f"po-pw login {origin}" + (f" --account {self._account}" if self._account else "")


@contextlib.contextmanager
def _map_errors(origin: str, file: Path) -> Iterator[None]:
    """Inside the block, turns errors of the system into one of ours.

    Raises:
        MachineError: the sign-in cannot be saved.
    """
    try:
        yield
    except OSError as error:
        msg = (
            f"the sign-in to {origin} cannot be saved in {file.parent} ({error.strerror or error}). Free space there, "
            "or set PO_PW_HOME to a folder that can be written to."
        )
        raise errors.MachineError(msg) from error


def _account_of(file: Path) -> str:
    return file.parent.name if file.parent.parent.name == _ACCOUNTS else ""


def read_file(file: Path) -> SignIn | None:
    """Reads a file with a saved sign-in; None if it is not one."""
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
        _account_of(file),
        proof_url if isinstance(proof_url, str) else "",
        _method(state.get("method")),
        tuple(one for one in cookies if isinstance(one, dict)) if isinstance(cookies, list) else (),
        at,
    )


def _method(raw: object) -> SignInMethod:
    """How a sign-in was made, from JSON; the default if that is missing or invalid."""
    try:
        return _METHOD.validate_python(raw)
    except pydantic.ValidationError:
        return SignInMethod()
