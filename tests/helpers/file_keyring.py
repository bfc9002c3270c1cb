"""A keyring for the `keyring` library that uses one file, so that tests do not touch the system's keyring."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import keyring
from keyring import backend
from keyring import errors as keyring_errors

from po_pw import environ

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS: Final = "tests.helpers.file_keyring.FileKeyring"
NONE: Final = "keyring.backends.fail.Keyring"
"""What a system without one has."""
_FILE: Final = "TEST_KEYRING_FILE"


class FileKeyring(backend.KeyringBackend):
    """A JSON file: service, user name, password."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return entries().get(service, {}).get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        kept = entries()
        kept.setdefault(service, {})[username] = password
        _write(kept)

    def delete_password(self, service: str, username: str) -> None:
        kept = entries()
        if username not in kept.get(service, {}):
            raise keyring_errors.PasswordDeleteError
        del kept[service][username]
        _write({name: users for name, users in kept.items() if users})


@contextlib.contextmanager
def used(folder: Path, name: str = OURS) -> Iterator[None]:
    """Makes this the keyring of this process, and of those it starts, for the block.

    Args:
        folder: for the file.
        name: the backend, as `PYTHON_KEYRING_BACKEND` takes it.
    """
    before = keyring.get_keyring()
    changes = {"PYTHON_KEYRING_BACKEND": name, _FILE: str(folder / "keyring.json")}
    with environ.changed(**changes):
        keyring.core.init_backend()
        try:
            yield
        finally:
            keyring.set_keyring(before)


def entries() -> dict[str, dict[str, str]]:
    """What is kept: by service and user name."""
    file = Path(os.environ[_FILE])
    kept: dict[str, dict[str, str]] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return kept


def _write(kept: dict[str, dict[str, str]]) -> None:
    Path(os.environ[_FILE]).write_text(json.dumps(kept), "utf-8")
