"""Recognises sign-in pages by their structure: fields, forms, and where links lead. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw.downloads import download_words, file_type, html_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selectolax import lexbor

_SIGN_IN: Final = frozenset(
    {
        "login",
        "logon",
        "signin",
        "sso",
        "saml",
        "saml2",
        "oauth",
        "oauth2",
        "oidc",
        "openid",
        "openidconnect",
        "adfs",
        "authorize",
        "auth",
        "authenticate",
    }
)
"""Whole parts of a path, without `-` and `_`."""
_SIGN_IN_LAST: Final = frozenset({"login", "logon", "signin"})
"""Also at the end of a part: `userlogin.aspx`, `sso-login`."""
_PROTOCOL: Final = frozenset({"samlrequest", "client_id", "response_type", "redirect_uri", "wtrealm", "relaystate"})
"""Fields that pass a sign-in on to another server (SAML, OpenID Connect, WS-Federation)."""
_USER_NAMES: Final = frozenset(
    {
        "username",
        "user_name",
        "userid",
        "user_id",
        "login",
        "login_name",
        "loginid",
        "loginfmt",
        "identifier",
        "j_username",
    }
)
_CREDENTIALS: Final = frozenset({"username", "current-password", "one-time-code", "webauthn"})
"""Tokens of `autocomplete` (HTML, 4.10.18.7.1) that only a sign-in asks for."""
_TYPED_INTO: Final = frozenset({"", "text", "email", "tel", "number", "password"})
_FEW_LINKS: Final = 4
_LITTLE_TEXT: Final = 600
"""Maximum characters of a page that serves one purpose only."""


def asks_for_sign_in(page: html_source.Source, asked: str = "") -> bool:
    """Whether a page is a sign-in page.

    It is one if a form asks for credentials (a password, but not a new one; a user name; a code), if it passes on
    to another server with the fields of a sign-in protocol, if a redirect led to it and its address says so, or if
    it has little else than a way to sign in. Hidden elements do not count.

    Args:
        page: its source.
        asked: the requested address; `""` if it is this page's.
    """
    if any(_asks(page, form) for form in _groups(page)):
        return True
    if (to := page.refresh()) and to != page.url and _leads_to_sign_in(to):
        return True
    is_bare, is_redirected = _is_bare(page), bool(asked) and _is_elsewhere(asked, page.url)
    if is_redirected and (_leads_to_sign_in(page.url) or (is_bare and _carries_back(page.url, asked))):
        return True
    return is_bare and _has_ways_to_sign_in(page)


def _groups(page: html_source.Source) -> Iterator[lexbor.LexborNode]:
    """The forms; and the whole page, if there are fields outside of forms."""
    forms = page.tree.css("form")
    yield from forms
    if not forms and page.tree.body is not None:
        yield page.tree.body


def _asks(page: html_source.Source, form: lexbor.LexborNode) -> bool:
    """Whether a form asks for credentials, or passes on to a server that does."""
    fields = [field for field in form.css("input") if not page.is_hidden(field)]
    hidden = {
        html_source.attribute(field, "name").lower()
        for field in form.css("input[type]")
        if html_source.attribute(field, "type").lower() == "hidden"
    }
    if form.tag == "form" and hidden & {"samlrequest", "client_id", "wtrealm"}:
        return True
    typed = [field for field in fields if html_source.attribute(field, "type").lower() in _TYPED_INTO]
    passwords = [field for field in typed if html_source.attribute(field, "type").lower() == "password"]
    if any(_autocomplete(field) & _CREDENTIALS - {"current-password"} for field in typed) and len(passwords) < 2:
        return not any("new-password" in _autocomplete(field) for field in typed)
    if passwords:  # two: a new password is being set
        return len(passwords) == 1 and "new-password" not in _autocomplete(passwords[0])
    if form.tag != "form" or form.css("textarea, select, input[type=file], input[type=search]"):
        return False
    if len(typed) != 1 or html_source.attribute(form, "method").lower() != "post":
        return False
    named = {
        html_source.attribute(typed[0], "name").lower(),
        html_source.attribute(typed[0], "id").lower(),
    } & _USER_NAMES
    return bool(named) or _leads_to_sign_in(page.at(html_source.attribute(form, "action")))


def _is_bare(page: html_source.Source) -> bool:
    """Whether there is little on the page: few links into the portal, little text, no file."""
    body = page.tree.body
    if body is None:
        return True
    links = [node for node in body.css("a[href]") if not page.is_hidden(node)]
    if any(
        "download" in node.attributes or download_words.is_download_word(html_source.label_of(node)) for node in links
    ):
        return False
    if body.css("object, embed, video, audio") or any(
        file_type.extension(html_source.text_of(one)) for one in body.css("h1, h2, h3")
    ):
        return False  # it shows a file
    urls = {page.at(html_source.attribute(node, "href")) for node in links}
    inside = [
        url for url in urls if html_source.origin(url) == html_source.origin(page.url) and not _leads_to_sign_in(url)
    ]
    return len(inside) <= _FEW_LINKS and len(html_source.text_of(body)) <= _LITTLE_TEXT


def _has_ways_to_sign_in(page: html_source.Source) -> bool:
    """Whether there is a link or button to sign in outside of header and navigation."""
    for node in page.tree.css("a[href], form[action], button[formaction]"):
        if node.mem_id in page.edges:
            continue
        target = (
            html_source.attribute(node, "href")
            or html_source.attribute(node, "formaction")
            or html_source.attribute(node, "action")
        )
        if not page.is_hidden(node) and _leads_to_sign_in(page.at(target)):
            return True
    return False


def _autocomplete(node: lexbor.LexborNode) -> set[str]:
    return set(html_source.attribute(node, "autocomplete").lower().split())


def _leads_to_sign_in(url: str) -> bool:
    """Whether an address is a sign-in page's, by a whole part of its path or by protocol fields."""
    parts = urlsplit(url)
    for part in parts.path.lower().split("/"):
        stem = part.partition(".")[0].partition(";")[0].replace("-", "").replace("_", "")
        if stem in _SIGN_IN or any(stem.endswith(word) for word in _SIGN_IN_LAST):
            return True
    return len({name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)} & _PROTOCOL) >= 1


def _is_elsewhere(asked: str, url: str) -> bool:
    """Whether a redirect led to another page: another host or path."""
    one, other = urlsplit(asked), urlsplit(url)
    return (one.hostname, one.path.rstrip("/")) != (other.hostname, other.path.rstrip("/"))


def _carries_back(url: str, asked: str) -> bool:
    """Whether an address has the requested one in its query, to return to it."""
    path = urlsplit(asked).path
    return len(path) > 1 and any(path in unquote(value) for _, value in parse_qsl(urlsplit(url).query))
