"""Which portal is meant, how long a sign-in lasts, and that removing it leaves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from po_pw import errors, models, sessions
from po_pw.auth import credentials, saved
from tests.helpers import file_keyring

if TYPE_CHECKING:
    from pathlib import Path

ACME: Final = "https://acme.example"
BOLT: Final = "http://127.0.0.1:8080"


def sign_in(origin: str, *cookies: models.Cookie, proof: str = "", start: str = "") -> sessions.SignIn:
    return sessions.SignIn(origin, "", proof and origin + proof, sessions.SignInMethod(start), cookies, 0.0)


KNOWN: Final = [sign_in(ACME, proof="/orders/7"), sign_in(BOLT, start=f"{BOLT}/home")]


@pytest.mark.parametrize(
    ("given", "configured", "url"),
    [
        ("https://acme.example/orders/9", "", "https://acme.example/orders/9"),
        ("https://acme.example", "", "https://acme.example/orders/7"),
        ("HTTPS://ACME.example/", "", "https://acme.example/orders/7"),
        ("https://new.example", "", "https://new.example"),
        ("Acme.Example", "", "https://acme.example/orders/7"),
        ("127.0.0.1", "", "http://127.0.0.1:8080/home"),
        ("127.0.0.1:8080", "", "http://127.0.0.1:8080/home"),
        (None, "https://acme.example/o/{po_number}", "https://acme.example/orders/7"),
        (None, "https://new.example/o/{po_number}", "https://new.example"),
    ],
)
def test_the_portal_that_is_meant(given: str | None, configured: str, url: str) -> None:
    """By address, origin or host; otherwise that of the settings."""
    assert saved.resolve(given, KNOWN, configured) == url


@pytest.mark.parametrize(
    ("given", "known", "says"),
    [
        (None, KNOWN, "which portal.*acme.example, http://127.0.0.1:8080"),
        (None, [], "no portal is known yet"),
        ("acme", KNOWN, "not a web address. Try https://acme. Known: https://acme.example"),
        ("acme.example", [], "Try https://acme.example"),
        ("acme.example", [*KNOWN, sign_in("http://acme.example")], "several portals.*http://acme.example"),
    ],
)
def test_a_portal_that_cannot_be_told(given: str | None, known: list[sessions.SignIn], says: str) -> None:
    """The message lists the portals."""
    with pytest.raises(errors.InputError, match=says):
        saved.resolve(given, known)
    assert saved.resolve(None, KNOWN[:1]) == f"{ACME}/orders/7"


def test_a_sign_in_lasts_as_long_as_the_first_cookie_that_may_be_a_session() -> None:
    """Other hosts' and language cookies do not count; without a date the portal ends the sign-in."""

    def cookie(name: str, expires: float, **more: Any) -> dict[str, object]:
        return {"name": name, "value": "o9Xq77LbbzR2", "domain": "acme.example", "expires": expires, **more}

    dated = cookie("sid", 5000.0)
    assert saved.ends_at(sign_in(ACME, dated, cookie("token", 4000.0))) == 4000.0
    assert saved.ends_at(sign_in(ACME, dated, {**cookie("lang", 10.0), "value": "en"})) == 5000.0
    assert saved.ends_at(sign_in(ACME, dated, cookie("sid", 10.0, domain="sso.example"))) == 5000.0
    assert saved.ends_at(sign_in(ACME, dated, cookie("sid2", -1, domain=".example", httpOnly=True))) is None
    assert saved.ends_at(sign_in(ACME)) is None


def test_removing_leaves_nothing_but_what_is_known_of_the_pages(tmp_path: Path) -> None:
    """One account's cookies, profile and password are removed; the other account's stay."""
    first, second = (sessions.Sessions(tmp_path / "home", account) for account in ("", "second"))
    with file_keyring.used(tmp_path):
        for kept, username in ((first, "anna"), (second, "bert")):
            kept.save(ACME, {"cookies": [], "origins": []}, "", sessions.SignInMethod(ACME, username))
            (kept.private_folder(kept.profile(ACME)) / "Cookies").write_text("x")
            credentials.remember(ACME, kept.account, username, "secret")
        (first.folder(ACME) / "memory.json").write_text("{}")
        gone = saved.remove(second, ACME)
        assert gone == saved.Removed(ACME, "second", "bert", ("cookies", "browser profile", "password in the keyring"))
        assert saved.remove(second, ACME) is None
        assert not second.account_folder(ACME).exists()
        assert credentials.recall(ACME, "", "anna") == "secret"
    with file_keyring.used(tmp_path, file_keyring.NONE):
        left = saved.remove(first, ACME)
    assert left is not None
    assert left.parts == ("cookies", "browser profile")
    assert "no keyring" in left.problem
    assert [file.name for file in first.folder(ACME).rglob("*") if file.is_file()] == ["memory.json"]
