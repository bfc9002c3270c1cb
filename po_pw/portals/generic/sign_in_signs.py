"""Recognises sign-in pages and redirects that lead to one, by their structure, whatever the language. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw import redact
from po_pw.portals.generic import page_facts, record_address

SHORT_PAGE: Final = 600
"""Maximum characters of content besides the form on a page that is mainly a sign-in."""
FEW_FIELDS: Final = 3
"""An error or sign-in page has fewer labelled fields (an error id, a telephone number, the language)."""


def sign_in_reason(facts: page_facts.PageFacts, *, kept: bool, strong: bool = False, has_area: bool = False) -> str:
    """Why a page is a sign-in page, by its structure; `""` if it is not.

    Args:
        facts: of the page.
        kept: its address is the requested one, or still has the record's part.
        strong: it shows the order's number in title, heading or a labelled field.
        has_area: it has an attachment list.
    """
    forms = [form for form in facts.forms if form.in_content or form.modal]
    asks = [form for form in forms if form.asks_who or form.asks_secret or "relay" in form.kinds]
    ways = [way for way in facts.ways_in if way.in_content]
    if facts.status == 401:
        return "the portal answered HTTP 401"
    if facts.status == 403 and not facts.signs_out and (facts.forms or facts.ways_in):
        return "the portal answered HTTP 403 and offers a sign-in"
    if facts.status >= 400 and not any(form.asks_secret for form in asks):
        return ""
    if has_area:
        return ""
    is_bare = len(facts.fields) < (1 if strong else FEW_FIELDS) and not facts.signs_out
    relay = next((form for form in asks if "relay" in form.kinds), None)
    if relay is not None and is_bare and facts.text_length <= SHORT_PAGE:
        return "the page passes a sign-in on"
    if not kept and not facts.signs_out:
        # A lone e-mail field may be a newsletter's.
        if any(form.asks_secret or {"username", "name"} & set(form.kinds) for form in asks):
            return f"it led to {host_and_path(facts.url)}, which asks for {_asked(asks[0])}"
        if facts.ways_in:
            return f"it led to {host_and_path(facts.url)}, which offers a sign-in ({facts.ways_in[0].label!r})"
    for form in asks:
        dominates = form.modal or facts.text_length - form.text <= SHORT_PAGE
        titled = any(page_facts.says_sign_in(said) for said in (facts.title, *(text for _, text in facts.headings)))
        whole = form.asks_who and (form.asks_secret or form.others == 0 or titled)
        alone = form.asks_secret and not form.asks_who
        is_account = form.asks_who and form.asks_secret and not strong
        if not is_bare or form.others > 1 or not (dominates or is_account):
            continue
        if whole or (alone and not strong):
            return f"the page asks for {_asked(form)}"
    if ways and is_bare and not strong and facts.text_length <= SHORT_PAGE:
        return f"the page offers only a sign-in ({ways[0].label!r})"
    return ""


def _asked(form: page_facts.CredentialForm) -> str:
    names = {
        "password": "a password",
        "pin": "a PIN",
        "code": "a code",
        "username": "a user name",
        "email": "an e-mail address",
        "name": "a user name",
        "new-password": "a new password",
        "relay": "a token",
    }
    return " and ".join(dict.fromkeys(names[kind] for kind in sorted(form.kinds, key=list(names).index, reverse=True)))


def host_and_path(url: str) -> str:
    """Host and path of an address, for messages."""
    return redact.bare(url).partition("://")[2]


_PROTOCOL: Final = frozenset({"samlrequest", "samlresponse", "relaystate", "redirect_uri", "post_login_redirect_uri"})
"""Parameters of sign-in protocols (SAML 2.0 bindings, 3.4 and 3.5; OpenID Connect Core, 3.1.2.1)."""


def leads_to_sign_in(url: str, asked_url: str) -> bool:
    """Whether a redirect leads to a sign-in: by a protocol's parameters, or by an address to return to.

    Args:
        url: where the redirect leads.
        asked_url: an address of the portal.
    """
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return False
    names = {name.casefold() for name, _ in pairs}
    if names & _PROTOCOL:
        return True
    came_from = urlsplit(asked_url)
    elsewhere = record_address.host(url) != record_address.host(asked_url)
    for _, value in pairs:
        said = unquote(unquote(value))
        if elsewhere and came_from.netloc and came_from.netloc in said:
            return True
        if (
            not elsewhere
            and record_address.is_address(said)
            and came_from.path.strip("/")
            and came_from.path.strip("/") in said
        ):
            return True
    return False
