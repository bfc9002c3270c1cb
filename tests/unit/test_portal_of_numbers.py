"""Orders given by numbers alone are opened at the portal of the saved sign-in, if only one is possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from po_pw import errors, sessions, settings
from po_pw.cli import portal_of_numbers
from po_pw.portals import registry

if TYPE_CHECKING:
    from pathlib import Path

ACME = "https://acme.coupahost.com"
BOLT = "https://bolt.coupahost.com"
OWN = "https://procure.company.example"
OTHER = "https://sap.company.example"


def signed_in(home: Path, origin: str, proof: str = "", account: str = "") -> None:
    sessions.Sessions(home, account).save(origin, {"cookies": [], "origins": []}, proof)


def options(home: Path, **more: Any) -> settings.Settings:
    return settings.load(home=home, **more)


def test_the_only_sign_in_to_coupa_tells_the_portal(tmp_path: Path) -> None:
    """The only sign-in to Coupa decides, with and without --portal, and is named."""
    signed_in(tmp_path, ACME)
    signed_in(tmp_path, OTHER)
    for given in (options(tmp_path), options(tmp_path, portal="coupa")):
        found, note = portal_of_numbers.located(given)
        assert registry.Registry(found).address_of("PO-4711") == f"{ACME}/order_headers/4711"
        assert note.startswith(f"po-pw opens the orders at {ACME}, where your saved sign-in is")


def test_at_a_company_s_own_host_the_page_that_was_opened_tells_it(tmp_path: Path) -> None:
    """On a company's own host, only `--portal coupa` makes it Coupa."""
    signed_in(tmp_path, OTHER, f"{OTHER}/orders/7")
    signed_in(tmp_path, OWN, f"{OWN}/order_headers/17")
    found, _ = portal_of_numbers.located(options(tmp_path, portal="coupa"))
    assert registry.Registry(found).address_of("4711") == f"{OWN}/order_headers/4711"
    with pytest.raises(errors.InputError, match=r"add --portal coupa --base-url https://"):
        portal_of_numbers.located(options(tmp_path))


def test_what_the_settings_say_counts_before(tmp_path: Path) -> None:
    """Settings come first, without a message."""
    signed_in(tmp_path, ACME)
    for given in ({"base_url": BOLT}, {"url_template": f"{OTHER}/orders/{{po_number}}"}):
        settled = options(tmp_path, **given)
        assert portal_of_numbers.located(settled) == (settled, "")


@pytest.mark.parametrize(
    ("known", "given", "said"),
    [
        ((), {}, "No saved sign-in shows it. Add its address, such as --base-url https://acme"),
        ((), {"portal": "coupa"}, "No saved sign-in shows it"),
        ((ACME, BOLT), {}, "You have sign-ins to https://(acme|bolt).* and https://.*Add the right one: --base-url"),
        ((OWN,), {"portal": "coupa"}, f"If it is, add --base-url {OWN}; or give the list"),
        ((OTHER,), {}, f"for another portal --url-template '{OTHER}/…/{{po_number}}'"),
        ((OTHER,), {"portal": "generic"}, "for another portal --url-template"),
        ((ACME,), {"account": "second"}, "No saved sign-in shows it"),
    ],
)
def test_where_the_portal_is_not_known_it_is_said_what_to_add(
    known: tuple[str, ...], given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """An unknown portal is never guessed."""
    for origin in known:
        signed_in(tmp_path, origin)
    with pytest.raises(errors.InputError, match=said.replace("{", r"\{")):
        portal_of_numbers.located(options(tmp_path, **given))
