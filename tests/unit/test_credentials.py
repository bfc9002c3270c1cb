"""Passwords that may be used without a person: whose they are, and that no file of ours has one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import pytest

from po_pw import errors, sessions, settings
from po_pw.auth import credentials
from tests.helpers import file_keyring
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE: Final = "https://one.example"
OTHER: Final = "https://other.example"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("PO_PW_PASSWORD", raising=False)
    with file_keyring.used(tmp_path):
        yield tmp_path / "home"


def save(home: Path, origin: str, username: str = "anna", *, by_environment: bool = False, account: str = "") -> None:
    method = sessions.SignInMethod(f"{origin}/orders/1", username, by_environment=by_environment)
    sessions.Sessions(home, account).save(origin, {"cookies": [], "origins": []}, "", method)


def find(home: Path, origin: str, account: str = "") -> tuple[str, str, bool] | None:
    found = credentials.find(settings.load(home=home, account=account), origin)
    return (found.username, found.password, found.by_environment) if found else None


def test_each_account_has_its_own_entry(home: Path) -> None:
    """Entries are by portal, account and user name, and not in our files."""
    for account, username in (("", "anna"), ("second", "bert")):
        save(home, ONE, username, account=account)
        credentials.remember(ONE, account, username, f"secret-of-{username}")
    save(home, OTHER)
    assert find(home, ONE) == ("anna", "secret-of-anna", False)
    assert find(home, ONE, "second") == ("bert", "secret-of-bert", False)
    assert find(home, OTHER) is None
    assert find(home, "https://third.example") is None
    assert not [file for file in home.rglob("*") if file.is_file() and b"secret-of" in file.read_bytes()]
    assert "secret" not in repr(credentials.find(settings.load(home=home), ONE))
    assert credentials.forget(ONE, "", "anna")
    assert not credentials.forget(ONE, "", "anna")
    assert find(home, ONE) is None
    assert find(home, ONE, "second")


def test_a_refused_password_is_not_used_until_somebody_signs_in(home: Path) -> None:
    """A refused password is not used again, whether remembered or in the environment."""
    save(home, ONE)
    credentials.remember(ONE, "", "anna", "secret-of-anna")
    sessions.Sessions(home).note_refused(ONE)
    sessions.Sessions(home).note_refused(OTHER)
    assert find(home, ONE) is None
    assert sessions.Sessions(home).read(OTHER) is None
    save(home, ONE)
    assert find(home, ONE)


def test_the_environments_password_goes_to_no_portal_that_it_may_not_be_of(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes to the only portal signed in to by form, or to those signed in to with it."""
    monkeypatch.setenv("PO_PW_PASSWORD", "from-the-environment")
    save(home, ONE)
    save(home, OTHER, username="")
    assert find(home, ONE) == ("anna", "from-the-environment", True)
    assert find(home, OTHER) is None
    save(home, OTHER)
    assert find(home, ONE) is find(home, OTHER) is None
    save(home, OTHER, by_environment=True)
    assert find(home, ONE) is None
    assert find(home, OTHER) == ("anna", "from-the-environment", True)


@pytest.mark.parametrize(
    ("backend", "says"),
    [
        (file_keyring.NONE, "this computer has no keyring"),
        ("keyring.backends.null.Keyring", "this computer has no keyring"),
        ("tests.unit.test_credentials.Forgetful", "cannot save passwords"),
        ("tests.unit.test_credentials.Locked", "did not answer within"),
    ],
)
def test_a_system_without_a_keyring_says_so(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, says: str
) -> None:
    """Remembering fails with a message; recalling finds nothing."""
    monkeypatch.setattr(credentials, "_ANSWERS_WITHIN", 0.1 if backend.endswith("Locked") else IN_TIME)
    save(home, ONE)
    with file_keyring.used(tmp_path, backend):
        with pytest.raises(credentials.KeyringError, match=says):
            credentials.remember(ONE, "", "anna", "secret-of-anna")
        assert find(home, ONE) is None


class Forgetful(file_keyring.FileKeyring):
    """A keyring that accepts everything and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        del service, username, password


class Locked(file_keyring.FileKeyring):
    """A keyring that waits to be unlocked."""

    def get_password(self, service: str, username: str) -> str | None:
        threading.Event().wait()
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        threading.Event().wait()


def test_an_account_that_names_no_folder_is_refused() -> None:
    """Names that cannot be folders are refused on every system; upper and lower case are equal."""
    for name in ["a/b", "..", "a b", ".a", "a.", "CON", "com1.x", "é", "x" * 65, "a:b"]:
        with pytest.raises(errors.InputError, match="--account"):
            settings.load(account=name)
    assert settings.load(account="Anna.B@acme-1").account == "anna.b@acme-1"


def test_accounts_are_kept_apart_and_what_is_known_of_a_portal_is_not(home: Path) -> None:
    """Cookies and profile belong to an account; knowledge of the portal is shared."""
    for account in ("", "second"):
        kept = sessions.Sessions(home, account)
        kept.save(ONE, {"cookies": [{"name": "sid", "value": account or "first"}], "origins": []})
    first, second = sessions.Sessions(home), sessions.Sessions(home, "second")
    assert first.profile(ONE) != second.profile(ONE)
    assert first.folder(ONE) == second.folder(ONE)
    assert [one["value"] for one in second.cookies([ONE])] == ["second"]
    assert first.origins() == second.origins() == [ONE]
    assert sessions.Sessions(home, "third").origins() == []
    assert {(one.origin, one.account) for one in first.saved()} == {(ONE, ""), (ONE, "second")}
    (second.account_folder(ONE) / sessions.STATE_FILE).write_text("[]", "utf-8")
    assert second.read(ONE) is None
    assert [one.account for one in first.saved()] == [""]
