"""Finds the portal of orders that are given by numbers alone: that of the saved sign-in, if only one is possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from po_pw import errors, sessions, settings
from po_pw.portals import registry

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIST: Final = "or give the list that has the orders' addresses."


def located(options: settings.Settings) -> tuple[settings.Settings, str]:
    """The settings with the portal's address, and a message about it; unchanged if they already have an address.

    Args:
        options: the settings.

    Raises:
        InputError: no saved sign-in fits, or several do; the message says what to add.
    """
    if options.base_url is not None or options.url_template is not None:
        return options, ""
    home = sessions.Sessions(settings.home(options), options.account)
    saved = [one for one in home.saved() if one.account == home.account]
    fitting = [one.origin for one in saved if _gives_addresses(one, options)]
    if len(fitting) == 1:
        said = f"po-pw opens the orders at {fitting[0]}, where your saved sign-in is; --base-url names another portal."
        return options.model_copy(update={"base_url": fitting[0]}), said
    if fitting:
        msg = (
            f"--po: which portal has these orders? You have sign-ins to {' and '.join(fitting)}. Add the right one: "
            f"--base-url {fitting[0]}"
        )
        raise errors.InputError(msg)
    raise errors.InputError(_unknown(options, [one.origin for one in saved]))


def _gives_addresses(sign_in: sessions.SignIn, options: settings.Settings) -> bool:
    """Whether po-pw can find orders of this portal by their numbers, according to the addresses in the sign-in."""
    try:
        portals = registry.Registry(options.model_copy(update={"base_url": sign_in.origin}))
    except errors.InputError:
        return False
    known = (sign_in.origin, sign_in.proof_url, sign_in.method.start_url)
    return any(portals.recognises(url) for url in known if url)


def _unknown(options: settings.Settings, origins: Sequence[str]) -> str:
    """What to add if no sign-in shows which portal it is."""
    if not origins:
        add = "Add its address, such as --base-url https://acme.coupahost.com (if it is not Coupa: --url-template)"
        return f"--po: which portal has these orders? No saved sign-in shows it. {add}, {_LIST}"
    if options.portal is not None and options.portal != "generic":
        return (
            f"--po: which portal has these orders? po-pw cannot tell by its address whether {origins[0]}, to which you "
            f"have a sign-in, is {options.portal}. If it is, add --base-url {origins[0]}; {_LIST}"
        )
    return (
        f"--po: what are the addresses of these orders? For Coupa at {origins[0]} add --portal "
        f"coupa --base-url {origins[0]}; for another portal --url-template '{origins[0]}/…/{{po_number}}', with the "
        f"path of its orders; {_LIST}"
    )
