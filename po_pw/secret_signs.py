"""The one list of what is secret: by the name of a field or by the form of a value. Pure."""

from __future__ import annotations

import functools
import re
from typing import Final
from urllib.parse import unquote

_PART_OF_NAME: Final = re.compile(
    r"token|secret(?!ar)|passw|passphrase|passcode|passkey|signature|csrf|xsrf|nonce|credential|jwt|bearer|assertion|saml|"
    r"relaystate|wresult|wctx|hmac|(api|access|private|signing|shared|master|encryption|subscription)[-_.]?key|"
    r"auth[-_.]?(key|code|cookie|data)|authorization|sess(ion)?[-_.]?(id|key|hash|state|data)|sessid|code[-_.]?verifier|"
    r"viewstate|eventvalidation|rlkey|resourcekey|tempauth|key[-_.]?pair[-_.]?id|set[-_.]?cookie|one[-_.]?time|mysapsso|"
    r"contextid|cftoken|cfid|aspxauth|hdnt[sl]|hdnea|__gda__|sysparm_ck|recaptcha[-_]response|id_hint|oauth"
)
"""Anywhere in a name, lower case. AWS, GCS, Azure, Alibaba and Tencent sign by `…signature`, `…credential`, `…token`,
`…accesskeyid`; CloudFront by `Signature`, `Policy`, `Key-Pair-Id`; Akamai by `hdnts`, `hdnea`, `__gda__`; SharePoint by
`tempauth`; sign-ins by SAML 2.0 (bindings, 3.4 and 3.5), OpenID Connect and WS-Federation."""
_WORDS_OF_NAME: Final = frozenset(
    [
        "sig",
        "pass",
        "pwd",
        "pw",
        "auth",
        "sid",
        "otp",
        "totp",
        "pin",
        "mfa",
        "session",
        "cookie",
        "cookies",
        "apikey",
        "gck",
    ]
)
"""Whole words of a name: `sid` is one of `connect.sid`, and none of `inside`."""
MAYBE: Final = re.compile(r"(?i)code|state|key|ticket|hash|policy|sign|s|t|k|h|e|st|session_?code|login_?hint")
"""Names that are secret only if the value looks secret: `key=4711` is a record, `ticket=ST-18-aA5Yuvrxzpv` is none."""
PROTOCOL: Final = frozenset(["client_id", "redirect_uri", "response_type", "iss", "session_state", "nonce"])
"""Together with one of these, or with each other, `code` and `state` are OAuth's (RFC 6749, 4.1.2)."""
NAMES_A_RECORD: Final = re.compile(
    r"(?i)(?:[\w-]*[_-])?(?:ids?|file|doc|document|item|folder|object|record|ref|no|number|name|path)|[a-z]+(?-i:Id)"
)
"""Names of identifiers of pages and files, which are kept however long and unreadable they are."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HEADERS: Final = re.compile(
    r"(?i)(?:proxy-)?authorization|(?:set-)?cookie2?|(?:proxy-|www-)?authenticat(?:e|ion)(?:-info)?|x-[\w-]*(?:key|auth|secret)[\w-]*"
)
"""Header fields whose whole line is secret, besides those with secret names."""


@functools.lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Whether a field, parameter, cookie, header or attribute of this name is secret, whatever its value."""
    plain = unquote(name).removeprefix("PO_PW_")  # our own variables: "pw" is no password there
    if _PART_OF_NAME.search(plain.lower()) or _HEADERS.fullmatch(plain):
        return True
    return not _WORDS_OF_NAME.isdisjoint(word.lower() for word in _WORD.findall(plain))


TOKEN: Final = re.compile(
    r"(?<![\w-])(?:eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){0,3}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|"
    r"xox[abeoprs]-[\w-]{10,}|[rsp]k_(?:live|test)_\w{10,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,})"
)
"""Recognisable tokens: JWT and JWE (RFC 7519), and tokens with a known prefix."""
_UUID: Final = re.compile(r"(?i)\{?[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?")
_OPAQUE: Final = re.compile(r"[\w+/=~.-]+", re.ASCII)
PLAIN: Final = re.compile(r"(?i)none|null|nil|undefined|true|false|yes|no|on|off|\*+|\.\.\.|…|redacted")
"""Values that are not secret under any name."""
_SHORTEST_TOKEN: Final = 6
LONG: Final = 40
"""Characters from which on a word is not one for people to read."""
LONGEST_RECORD: Final = 64
"""Maximum characters of a record's id or a part of a path: a hexadecimal SHA-256."""


def is_opaque(value: str, least: int = 16) -> bool:
    """Whether a word looks like a key, a signature or a session; ids of records do not.

    Args:
        value: without percent-encoding.
        least: minimum number of characters.
    """
    if len(value) < least or not _OPAQUE.fullmatch(value) or _UUID.fullmatch(value):
        return False
    longest = max(re.split(r"[-_./~]", value), key=len)
    kinds = sum(any(map(kind, longest)) for kind in (str.isdigit, str.isupper, str.islower))
    return len(longest) >= min(10, least) and kinds >= 2 and not re.fullmatch(r"[A-Z]?[a-z]+\d{0,6}|[A-Z]+\d*", longest)


def is_key(word: str) -> bool:
    """Whether a long word in a page's text is a key, a signature or a session."""
    mixed = any(map(str.isdigit, word)) and any(map(str.isupper, word)) and any(map(str.islower, word))
    is_hex = re.fullmatch(rf"[0-9a-fA-F]{{{LONG},}}", word) is not None
    return is_hex or (mixed and len(re.findall(r"[-_/][A-Za-z]{2,}", word)) <= 2)


def is_token(segment: str, after: str = "") -> bool:
    """Whether a part of an address's path is a secret.

    Args:
        segment: without percent-encoding.
        after: the part before it: `/reset-password/3nT7…`.
    """
    if TOKEN.search(segment) or re.fullmatch(r"\([A-Z]\(\w{16,}\)\)", segment):  # ASP.NET cookieless session
        return True
    if len(segment) > LONGEST_RECORD and is_opaque(segment):
        return True
    if len(segment) < _SHORTEST_TOKEN or not after or not is_secret_name(after):
        return False
    is_mixed = any(map(str.isdigit, segment)) and any(map(str.isalpha, segment))
    return is_mixed and re.search(r"\.[A-Za-z]\w{1,4}$", segment) is None
