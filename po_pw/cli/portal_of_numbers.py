"""Which portal has orders that are given by numbers alone: that of the saved sign-in, where only one can be it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from po_pw import errors, sessions, settings
from po_pw.portals import registry

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIST: Final = "or give the list that has the orders' addresses."


def located(options: settings.Settings) -> tuple[settings.Settings, str]:
    """The settings with the portal's address, and what is to be said of it; unchanged where they have one.

    Args:
        options: the settings.

    Raises:
        InputError: no saved sign-in is to such a portal, or several are; says what to add.
    """
    if options.base_url is not None or options.url_template is not None:
        return options, ""
    home = sessions.Sessions(settings.home(options), options.account)
    saved = [one for one in home.saved() if one.account == home.account]
    fitting = [one.origin for one in saved if _gives_addresses(one, options)]
    if len(fitting) == 1:
        said = f"The orders are opened at {fitting[0]}, where your saved sign-in is; --base-url names another portal."
        return options.model_copy(update={"base_url": fitting[0]}), said
    if fitting:
        msg = (
            f"--po: which portal has these orders? You have sign-ins to {' and '.join(fitting)}. Add the right one: "
            f"--base-url {fitting[0]}"
        )
        raise errors.InputError(msg)
    raise errors.InputError(_unknown(options, [one.origin for one in saved]))


def _gives_addresses(sign_in: sessions.SignIn, options: settings.Settings) -> bool:
    """Whether orders' addresses at this portal follow from their numbers, by all that is known of the sign-in."""
    try:
        portals = registry.Registry(options.model_copy(update={"base_url": sign_in.origin}))
    except errors.InputError:
        return False
    known = (sign_in.origin, sign_in.proof_url, sign_in.method.start_url)
    return any(portals.recognises(url) for url in known if url)


def _unknown(options: settings.Settings, origins: Sequence[str]) -> str:
    """What to add where no sign-in tells the portal."""
    if not origins:
        add = "Add its address, such as --base-url https://acme.coupahost.com (where it is not Coupa: --url-template)"
        return f"--po: which portal has these orders? No sign-in is saved that could tell. {add}, {_LIST}"
    if options.portal is not None and options.portal != "generic":
        return (
            f"--po: which portal has these orders? Whether your sign-in to {origins[0]} is to {options.portal} cannot "
            f"be told by its address. If it is, add --base-url {origins[0]}; {_LIST}"
        )
    return (
        f"--po: how do the addresses of these orders follow from their numbers? For Coupa at {origins[0]} add --portal "
        f"coupa --base-url {origins[0]}; for another portal --url-template '{origins[0]}/…/{{po_number}}', with the "
        f"path of its orders; {_LIST}"
    )
