"""User names and passwords that may be used without asking anybody: from the system's keyring or the environment.

No file of po-pw contains a password. The user name, which is not secret, is saved with the sign-in (`sessions`).
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import environ, errors, known_secrets, sessions, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyring import backend

T = TypeVar("T")

_log = logging.getLogger(__name__)

PASSWORD_VARIABLE: Final = "PO_PW_PASSWORD"  # noqa: S105 - the name of a variable
_ANSWERS_WITHIN: Final = 60.0
"""Maximum seconds for a keyring to answer: a locked one may ask the user, who may be away, to unlock it."""
_RECOMMENDED: Final = 1
"""Minimum priority of a keyring that protects passwords; those are the ones that `keyring` recommends."""


class KeyringError(errors.MachineError):
    """The system's keyring cannot be used; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and password for one portal."""

    username: str
    password: str = dataclasses.field(repr=False)
    by_environment: bool = False
    """From `PO_PW_PASSWORD`, not from the keyring."""


def find(options: settings.Settings, origin: str) -> Credentials | None:
    """The credentials that may be used for this portal without asking anybody; None if a person is needed.

    Only for a portal whose last sign-in was by form. The password of `PO_PW_PASSWORD` is used for a portal that was
    signed in to with it, or for the only portal with a sign-in by form: with several, it is unknown whose password it
    is. A password that the portal has refused is not used again until somebody signs in: the account could be locked.

    Blocks while the keyring answers, at most a minute: call it in a thread.

    Args:
        options: where sign-ins are saved, and for which account.
        origin: of the portal.
    """
    kept = sessions.Sessions(settings.home(options), options.account)
    found = kept.read(origin)
    if found is None or not found.method.username or found.method.refused:
        return None
    username = found.method.username
    by_form = [one for one in kept.saved() if one.method.username]
    if (password := from_environment()) and (found.method.by_environment or len(by_form) == 1):
        return Credentials(username, password, by_environment=True)
    try:
        remembered = recall(origin, options.account, username)
    except KeyringError as error:
        _log.info("%s", error)
        return None
    return Credentials(username, remembered) if remembered else None


def from_environment() -> str:
    """The password of `PO_PW_PASSWORD`; `""` if it is not set."""
    password = environ.variable(PASSWORD_VARIABLE) or ""
    known_secrets.remember(password)
    return password


def recall(origin: str, account: str, username: str) -> str:
    """The password in the keyring; `""` if there is none. Blocks.

    Args:
        origin: of the portal.
        account: of the portal; `""` for its first user.
        username: of the sign-in form.

    Raises:
        KeyringError: there is no keyring, or it does not answer.
    """
    service = _service(origin, account)
    password = _ask(lambda keyring: keyring.get_password(service, username)) or ""
    known_secrets.remember(password)
    return password


def remember(origin: str, account: str, username: str, password: str) -> None:
    """Saves a password in the keyring, and checks that it is there. Blocks.

    Args:
        origin: of the portal.
        account: of the portal; `""` for its first user.
        username: of the sign-in form.
        password: of the sign-in form.

    Raises:
        KeyringError: there is no keyring, or it did not save the password.
    """
    service = _service(origin, account)
    _ask(lambda keyring: keyring.set_password(service, username, password))
    if recall(origin, account, username) != password:
        msg = "the keyring of this computer cannot save passwords"
        raise KeyringError(msg)


def forget(origin: str, account: str, username: str) -> bool:
    """Removes a password from the keyring; returns whether there was one. Blocks.

    Raises:
        KeyringError: there is no keyring, or it does not remove the password.
    """
    if not recall(origin, account, username):
        return False
    service = _service(origin, account)
    _ask(lambda keyring: keyring.delete_password(service, username))
    return True


def _service(origin: str, account: str) -> str:
    """Name of an entry in the keyring."""
    return f"po-pw {origin} {account}".strip()


def _ask(question: Callable[[backend.KeyringBackend], T]) -> T:
    """Asks the keyring in a daemon thread: a keyring that waits to be unlocked may never answer."""
    # Imported here because it searches all installed packages for its backends.
    import keyring

    answers: list[T] = []
    problems: list[str] = []

    def ask() -> None:
        try:
            chosen = keyring.get_keyring()
            if chosen.priority < _RECOMMENDED:
                problems.append("this computer has no keyring (Credential Manager, Keychain, Secret Service)")
                return
            answers.append(question(chosen))
        except Exception as error:  # noqa: BLE001 - a backend may be anybody's, and raise anything
            problems.append(f"the keyring of this computer does not work: {str(error) or type(error).__name__}")

    thread = threading.Thread(target=ask, name="keyring", daemon=True)
    thread.start()
    thread.join(_ANSWERS_WITHIN)
    if not answers:
        msg = problems[0] if problems else f"the keyring did not answer within {_ANSWERS_WITHIN:.0f} s. Is it locked?"
        raise KeyringError(msg)
    return answers[0]
