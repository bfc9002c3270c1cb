"""Removes secrets from addresses, headers, bodies and messages.

Everything that leaves the process (log, events, results, manifests, journal, evidence, home folder, screen) passes
through here. A secret is replaced by `REDACTED`, and the rest is unchanged:
`https://portal.example/order?id=5&token=REDACTED` still leads a person to the order, and shows what is missing. Pure,
except for the values that `known_secrets` keeps.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from po_pw import known_secrets, secret_signs

REDACTED: Final = "REDACTED"
"""Replaces a secret."""
_MAX_DEPTH: Final = 4
"""Maximum depth of addresses within addresses; deeper ones are removed completely."""
_PARTS: Final = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.-]+:)?(?P<host>[/\\]{2}[^/\\?#]*)?(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.DOTALL,
)
_BETWEEN: Final = re.compile(r"(&amp;|[&;])")


def address(url: str) -> str:
    """Removes the secrets from an address; identifiers of pages, records and files are kept.

    Removed are user and password, values of secret parameters in query, fragment and path (`;jsessionid=`), tokens in
    the path, and the same in addresses within its parameters, percent-encoded or in base64. Of an address without a
    host (`blob:`, `data:`) only the scheme is kept.
    """
    return _address(known_secrets.replaced(url, REDACTED), 0)


def is_incomplete(url: str) -> bool:
    """Whether a secret was removed from an address, so that it may no longer work."""
    return re.search(rf"(?:[=/]|%3[dD]){REDACTED}(?![A-Za-z])", url) is not None


def bare(url: str) -> str:
    """Only scheme, host and path of an address, for messages.

    Of an address without a host (`blob:`, `data:`) only the scheme.
    """
    scheme, host, path, _, _ = _split(known_secrets.replaced(url, REDACTED))
    if not host and scheme:
        return scheme
    return f"{scheme}{host}{_path(re.sub(r';[^/]*', '', path), 0)}"


def _split(url: str) -> tuple[str, str, str, str, str]:
    found = _PARTS.fullmatch(url)
    scheme, host, path, query, fragment = found.groups(default="") if found else ("", "", url, "", "")
    return scheme, host[:2] + host[2:].rpartition("@")[2], path, query[1:], fragment[1:]


def _address(url: str, depth: int) -> str:
    scheme, host, path, query, fragment = _split(url)
    if scheme and not host:
        return scheme
    return _joined(f"{scheme}{host}{_path(path, depth)}", query, fragment, depth)


def _joined(start: str, query: str, fragment: str, depth: int) -> str:
    if query:
        start += f"?{_query(query, depth)}"
    if not fragment:
        return start
    route, mark, rest = fragment.partition("?")
    if mark:
        return f"{start}#{_path(route, depth)}?{_query(rest, depth)}"
    return f"{start}#{_query(fragment, depth) if '=' in fragment else _path(fragment, depth)}"


def _path(path: str, depth: int) -> str:
    cleaned: list[str] = []
    before = ""
    for segment in path.split("/"):
        name, mark, rest = segment.partition(";")
        plain = unquote(name) if "%" in name else name
        cleaned.append(
            (REDACTED if secret_signs.is_token(plain, before) else name) + (f";{_query(rest, depth)}" if mark else "")
        )
        before = plain
    return "/".join(cleaned)


def _query(query: str, depth: int) -> str:
    pieces = _BETWEEN.split(query)
    given = {name.lower(): value for name, _, value in (piece.partition("=") for piece in pieces[::2])}
    is_protocol = not secret_signs.PROTOCOL.isdisjoint(given) or (
        "state" in given and len(given.get("code", "").strip("0123456789")) > 3
    )
    pieces[::2] = [_pair(piece, depth, is_protocol=is_protocol) for piece in pieces[::2]]
    return "".join(pieces)


def _pair(piece: str, depth: int, *, is_protocol: bool) -> str:
    name, mark, value = piece.partition("=")
    if not mark:
        return (
            REDACTED
            if secret_signs.is_opaque(unquote(name), secret_signs.LONG) or secret_signs.TOKEN.search(unquote(name))
            else _nested(name, depth)
        )
    plain = unquote(name)
    if not value or secret_signs.PLAIN.fullmatch(value):
        return piece
    if secret_signs.is_secret_name(plain) or (is_protocol and plain.lower() in {"code", "state"}):
        return f"{name}={REDACTED}"
    plain_value = unquote(value)
    most = secret_signs.LONGEST_RECORD if secret_signs.NAMES_A_RECORD.fullmatch(plain) else secret_signs.LONG
    if (
        (secret_signs.MAYBE.fullmatch(plain) and secret_signs.is_opaque(plain_value))
        or secret_signs.is_opaque(plain_value, most)
        or secret_signs.TOKEN.fullmatch(plain_value)
    ):
        return f"{name}={REDACTED}"
    return f"{name}={_nested(value, depth)}"


def _nested(value: str, depth: int) -> str:
    """Cleans a parameter's value, which may itself be an address, JSON or text."""
    if depth >= _MAX_DEPTH:
        return REDACTED if "%" in value or "://" in value else value
    plain = unquote_plus(value) if "%" in value else value
    if re.match(r"(?:[A-Za-z][\w+.-]+:)?[/\\]{2}|[/\\]", plain):
        cleaned = _address(plain, depth + 1)
        cleaned = cleaned if cleaned != plain else _text(plain, depth + 1)
    else:
        cleaned = _text(plain, depth + 1) if re.search(r"[=:%@{]", plain) else plain
    if cleaned != plain:
        return quote(cleaned, safe="") if plain != value else cleaned
    return REDACTED if _hides(plain, depth + 1) else value


def _hides(word: str, depth: int) -> bool:
    """Whether a word is base64 of a text with a secret."""
    if len(word) < 16 or depth > _MAX_DEPTH or not (plain := _plain_of(word)):
        return False
    return (_address(plain, depth + 1) if "://" in plain[:12] else _text(plain, depth + 1)) != plain


def _plain_of(word: str) -> str:
    """Decodes base64, in either alphabet; `""` if the word is not base64 of a text."""
    digits = word.rstrip("=")
    if not re.fullmatch(r"[\w+/-]+", digits, re.ASCII):
        return ""
    try:
        plain = base64.b64decode(digits.translate({45: 43, 95: 47}) + "=" * (-len(digits) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    return plain if plain.isprintable() else ""


_SUSPECT: Final = re.compile(r"[=:@%<>]|//|eyJ|[\w+/-]{20}|(?i:bearer|basic|pass|code)")
_IN_TEXT: Final = re.compile(r"(?i)(?<![\w/\\])(?:[a-z][a-z0-9+.-]{1,20}:)?//[^\s\"'<>`]+")
_TAIL: Final = re.compile(r"[).,;:!\]}]+$")
_USER: Final = re.compile(r"((?:\\?/){2})[^\s/@\"'<>\\]{1,200}@(?=[\w\[.-])")
_ENCODED: Final = re.compile(r"(?<![^\s\"'<>=&?])[^\s\"'<>=&?]*%(?:25){0,3}3[dDaA][^\s\"'<>&]*")
_HEADER_LINE: Final = re.compile(
    r"(?im)((?<![\w-])(?:(?:set-)?cookie2?|(?:proxy-)?authorization)\s{0,3}[:=]\s{0,3})([^\r\n\"'\s][^\r\n]*)"
)
_RELATIVE: Final = re.compile(r"([?&;]|&amp;)([^=&;#?\s\"'<>/]{1,80})=([^&;#\s\"'<>]+)")
_NAME: Final = re.compile(
    r"(?<![\w$.\-])([\w$.\-\[\]]{1,80})((?:\\{0,3}[\"']|&quot;|&#3[49];)?)"
    r"(\s{0,3}(?:=>|[:=])\s{0,3}|\s{0,3},\s{0,3}(?=\\{0,3}[\"']))"
)
_VALUE: Final = re.compile(
    r"(?P<open>[bru]{0,2}\\{0,3}\")(?P<double>(?:[^\"\\]|\\(?!\"))*(?:\\\"(?=[^\s,:;}\])])(?:[^\"\\]|\\(?!\"))*)*)|"
    r"(?P<quote>[bru]{0,2}\\{0,3}')(?P<single>[^']*)|"
    r"(?P<entity>&quot;|&#3[49];)(?P<inside>[^&]{0,4000})|(?P<word>[^\s\"'<>&,;)\]}]+)"
)
_ELEMENT: Final = re.compile(r"<([\w:.-]{1,60})(?:\s[^<>]{0,300})?>([^<>]{1,4000})(?=</)")
_FIELD: Final = re.compile(r"(?i)<(?:input|meta|textarea|button|option|param)\b[^<>]{0,4000}")
_ATTRIBUTE: Final = re.compile(r"([^\s\"'<>/=]+)(\s{0,3}=\s{0,3})(\"[^\"]*\"?|'[^']*'?|[^\s\"'<>]+)")
_SCHEME_OF_SIGNING_IN: Final = re.compile(r"(?i)\b(bearer|basic|negotiate|ntlm|digest)(\s{1,3})([\w+/.~-]{8,}={0,2})")
_SPOKEN: Final = re.compile(
    r"(?i)\b(pass(?:word|code|phrase)|pin|(?:one-time|security|verification|access) code)( is | was )"
    r"([\w!$%&*+-]*\d[\w!$%&*+-]*)"
)
_B64: Final = re.compile(r"(?<![\w+/%-])[\w+/-]{20,}={0,2}", re.ASCII)
_PASSWORD: Final = re.compile(r"(?i)passw|passphrase|passcode|\bpwd\b|secret")


def text(raw: str) -> str:
    """Removes secrets from a text: in addresses, headers, JSON, forms, HTML and prose, and registered values."""
    return _text(known_secrets.replaced(raw, REDACTED), 0)


def links(raw: str) -> str:
    """Removes secrets only from the addresses in a text, which is the user's own."""
    if "//" not in raw:
        return raw
    return _IN_TEXT.sub(lambda found: _link(found, 0), raw)


def _text(raw: str, depth: int) -> str:
    if depth > _MAX_DEPTH or not _SUSPECT.search(raw):
        return raw
    lower = raw.lower()
    if "cookie" in lower or "authorization" in lower:
        raw = _HEADER_LINE.sub(rf"\g<1>{REDACTED}", raw)
    if "//" in raw or "\\/" in raw:
        raw = _IN_TEXT.sub(lambda found: _link(found, depth), raw)
        raw = _USER.sub(r"\1", raw)
    if "%" in raw:
        raw = _ENCODED.sub(lambda found: _nested(found[0], depth), raw)
    raw = _RELATIVE.sub(lambda found: _relative(found, depth), raw)
    if "<" in raw:
        raw = _FIELD.sub(lambda found: field(found[0]), raw)
        raw = _ELEMENT.sub(_element, raw)
    raw = _named(raw)
    raw = _SCHEME_OF_SIGNING_IN.sub(_signing_in, raw)
    if " is " in lower or " was " in lower:
        raw = _SPOKEN.sub(rf"\1\2{REDACTED}", raw)
    raw = secret_signs.TOKEN.sub(REDACTED, raw)
    return _B64.sub(lambda found: REDACTED if _hides(found[0], depth + 1) else found[0], raw)


def _link(found: re.Match[str], depth: int) -> str:
    tail = _TAIL.search(found[0])
    url = found[0][: tail.start()] if tail else found[0]
    cleaned = _address(url, depth) if "//" in url else url
    return cleaned + (tail[0] if tail else "")


def _relative(found: re.Match[str], depth: int) -> str:
    if found[3].startswith(REDACTED):
        return found[0]
    return found[1] + _pair(f"{found[2]}={found[3]}", depth, is_protocol=False)


def _element(found: re.Match[str]) -> str:
    whole, content = found[0], found[2]
    return whole[: -len(content)] + REDACTED if secret_signs.is_secret_name(found[1]) and content.strip() else whole


def field(tag: str) -> str:
    """Cleans the start tag of a form field or `meta` element: removes the value if it is secret."""
    attributes = {name.lower(): value.strip("\"'") for name, _, value in _ATTRIBUTE.findall(tag)}
    plain_value = [attributes.get(name, "") for name in ("name", "id", "property", "http-equiv")]
    kind = attributes.get("type", "").lower()
    if kind not in {"hidden", "password"} and not any(map(secret_signs.is_secret_name, filter(None, plain_value))):
        return tag

    def hidden(found: re.Match[str]) -> str:
        mark = found[3][0] if found[3][:1] in {'"', "'"} else ""
        return f"{found[1]}{found[2]}{mark}{REDACTED}{mark}" if found[1].lower() in {"value", "content"} else found[0]

    return _ATTRIBUTE.sub(hidden, tag)


def _named(raw: str) -> str:
    """Removes values after a secret name: `"access_token": "…"`, `password=…`, `('Cookie', '…')`."""
    pieces: list[str] = []
    at = start = 0
    while (name := _NAME.search(raw, at)) is not None:
        at = name.end()
        if "," in name[3] and not name[2]:
            continue
        if not secret_signs.is_secret_name(name[1]) or (value := _VALUE.match(raw, at)) is None:
            continue
        if (hidden := _hidden(name, value)) is not None:
            pieces += [raw[start:at], hidden]
            start = at = value.end()
    return "".join([*pieces, raw[start:]])


def _hidden(name: re.Match[str], value: re.Match[str]) -> str | None:
    """The replacement for a value; None if it is not a secret."""
    word = value["word"]
    if word is None:
        opening = value["open"] or value["quote"] or value["entity"]
        inner = value["double"] or value["single"] or value["inside"]
        return f"{opening}{REDACTED}" if inner and not secret_signs.PLAIN.fullmatch(inner) else None
    if secret_signs.PLAIN.fullmatch(word) or word.startswith(REDACTED):
        return None
    # "invalid token: sign in again" is a sentence.
    is_prose = ":" in name[3] and name[3].endswith(" ") and not name[2]
    looks_secret = any(map(str.isdigit, word)) or len(word) >= 12 or _PASSWORD.search(name[1]) is not None
    return REDACTED if looks_secret or not is_prose else None


def _signing_in(found: re.Match[str]) -> str:
    value = found[3]
    is_word = re.fullmatch(r"[A-Za-z]?[a-z]+\d{0,4}[.-]*", value) is not None and len(value) < 20
    if is_word or value == REDACTED or (found[1].lower() == "basic" and ":" not in _plain_of(value)):
        return found[0]
    return f"{found[1]}{found[2]}{REDACTED}"


def file_name(name: str) -> str:
    """Removes tokens and signed addresses from a file name; the extension is kept."""
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if dot and len(ending) <= 5 and ending.isalnum() else (name, "")
    cleaned = secret_signs.TOKEN.sub(
        REDACTED, _RELATIVE.sub(lambda found: _relative(found, 0), known_secrets.replaced(stem, REDACTED))
    )
    return cleaned + ending
