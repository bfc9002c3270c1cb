"""The one list of what is secret in an address, a header, a body or a message, and how it is taken out.

Everything that leaves the process by a log, an event, a result, a manifest, the journal, evidence, the home or the
screen goes through here. A secret is replaced by `REDACTED`, in one way everywhere, so that the rest keeps its meaning:
`https://portal.example/order?id=5&token=REDACTED` still leads a person to the order, and shows what is missing. Pure,
but for the values that `remember` was told.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
import enum
import functools
import html as markup
import json
import re
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

REDACTED: Final = "REDACTED"
"""Stands where a secret was."""
_DEEPEST: Final = 4
"""Addresses within addresses are looked into so far; what is deeper is taken out whole."""

# --- names ------------------------------------------------------------------------------------------------------------

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
_MAYBE: Final = re.compile(r"(?i)code|state|key|ticket|hash|policy|sign|s|t|k|h|e|st|session_?code|login_?hint")
"""Names that are secret only where the value looks it: `key=4711` is a record, `ticket=ST-18-aA5Yuvrxzpv` is none."""
_PROTOCOL: Final = frozenset(["client_id", "redirect_uri", "response_type", "iss", "session_state", "nonce"])
"""Beside one of these, or beside each other, `code` and `state` are OAuth's (RFC 6749, 4.1.2)."""
_NAMES_A_RECORD: Final = re.compile(
    r"(?i)(?:[\w-]*[_-])?(?:ids?|file|doc|document|item|folder|object|record|ref|no|number|name|path)|[a-z]+(?-i:Id)"
)
"""Names of what says which page or file is meant, however long and unreadable it is."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HEADERS: Final = re.compile(
    r"(?i)(?:proxy-)?authorization|(?:set-)?cookie2?|(?:proxy-|www-)?authenticat(?:e|ion)(?:-info)?|x-[\w-]*(?:key|auth|secret)[\w-]*"
)
"""Header fields that are secret as a whole line, besides those whose name is."""


@functools.lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Whether a field, parameter, cookie, header or attribute of this name holds a secret whatever its value."""
    plain = unquote(name).removeprefix("PO_PW_")  # our own variables: "pw" is no password there
    if _PART_OF_NAME.search(plain.lower()) or _HEADERS.fullmatch(plain):
        return True
    return not _WORDS_OF_NAME.isdisjoint(word.lower() for word in _WORD.findall(plain))


# --- values -----------------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"(?<![\w-])(?:eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){0,3}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|"
    r"xox[abeoprs]-[\w-]{10,}|[rsp]k_(?:live|test)_\w{10,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,})"
)
"""What is a token by its looks: JWT and JWE (RFC 7519), and those whose makers gave them a mark to be found by."""
_UUID: Final = re.compile(r"(?i)\{?[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?")
_OPAQUE: Final = re.compile(r"[\w+/=~.-]+", re.ASCII)
_PLAIN: Final = re.compile(r"(?i)none|null|nil|undefined|true|false|yes|no|on|off|\*+|\.\.\.|…|redacted")
"""Values that give nothing away."""
_SHORTEST_TOKEN: Final = 6
_LONG: Final = 40
"""Characters of a word from which on nobody reads it."""
_LONGEST_RECORD: Final = 64
"""Characters that the id of a record, or a part of a path, may have: SHA-256 in hexadecimal."""


def is_opaque(value: str, least: int = 16) -> bool:
    """Whether a word is no word that a person would read: a key, a signature, a session; ids of records are none.

    Args:
        value: without percent-encoding.
        least: characters that it has at least.
    """
    if len(value) < least or not _OPAQUE.fullmatch(value) or _UUID.fullmatch(value):
        return False
    longest = max(re.split(r"[-_./~]", value), key=len)
    kinds = sum(any(map(kind, longest)) for kind in (str.isdigit, str.isupper, str.islower))
    return len(longest) >= min(10, least) and kinds >= 2 and not re.fullmatch(r"[A-Z]?[a-z]+\d{0,6}|[A-Z]+\d*", longest)


def is_key(word: str) -> bool:
    """Whether a long word in a page's text is a key, a signature or a session."""
    mixed = any(map(str.isdigit, word)) and any(map(str.isupper, word)) and any(map(str.islower, word))
    is_hex = re.fullmatch(rf"[0-9a-fA-F]{{{_LONG},}}", word) is not None
    return is_hex or (mixed and len(re.findall(r"[-_/][A-Za-z]{2,}", word)) <= 2)


def is_token(segment: str, after: str = "") -> bool:
    """Whether a part of an address's path is a secret.

    Args:
        segment: without percent-encoding.
        after: the part before it: `/reset-password/3nT7…`.
    """
    if _TOKEN.search(segment) or re.fullmatch(r"\([A-Z]\(\w{16,}\)\)", segment):  # ASP.NET's session without a cookie
        return True
    if len(segment) > _LONGEST_RECORD and is_opaque(segment):
        return True
    if len(segment) < _SHORTEST_TOKEN or not after or not is_secret_name(after):
        return False
    is_mixed = any(map(str.isdigit, segment)) and any(map(str.isalpha, segment))
    return is_mixed and re.search(r"\.[A-Za-z]\w{1,4}$", segment) is None  # no file's name


# --- values that this run knows ---------------------------------------------------------------------------------------

_MOST_KNOWN: Final = 400
_SHORTEST_KNOWN: Final = 6
_known: Final[dict[str, tuple[str, ...]]] = {}
_lock: Final = threading.Lock()


def remember(*values: str) -> None:
    """From now on these are taken out wherever they stand, also percent-encoded or escaped: passwords, sessions.

    The latest few hundred are known; what has fewer than six characters would take too much with it, and is not.
    """
    with _lock:
        for value in values:
            if len(value) < _SHORTEST_KNOWN or _PLAIN.fullmatch(value):
                continue
            plain = unquote(value)
            quoted = (quote(plain, safe, errors="surrogatepass") for safe in ("/", ""))
            forms = {value, plain, *quoted, markup.escape(plain), json.dumps(plain)[1:-1]}
            forms.add(base64.b64encode(plain.encode("utf-8", "surrogatepass")).decode().rstrip("="))
            _known.pop(value, None)
            _known[value] = tuple(sorted((one for one in forms if len(one) >= _SHORTEST_KNOWN), key=len, reverse=True))
        for value in list(_known)[:-_MOST_KNOWN]:
            del _known[value]


def remember_cookies(cookies: Iterable[Mapping[str, object]]) -> None:
    """Remembers the cookies that open a door, as Playwright gives them; a language, a currency, a name are none."""
    for cookie in cookies:
        name, value = str(cookie.get("name", "")), str(cookie.get("value", ""))
        is_word = re.fullmatch(r"[A-Za-z]{0,15}|\d{0,11}|[a-z]{2}[-_][A-Za-z]{2}", value) is not None
        if not is_word and (is_secret_name(name) or cookie.get("httpOnly") or is_opaque(unquote(value))):
            remember(value)


def _without_known(said: str) -> str:
    if not _known or not said:
        return said
    with _lock:
        forms = [form for known in _known.values() for form in known if form in said]
    for form in sorted(forms, key=len, reverse=True):
        said = said.replace(form, REDACTED)
    return said


# --- addresses --------------------------------------------------------------------------------------------------------

_PARTS: Final = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.-]+:)?(?P<host>[/\\]{2}[^/\\?#]*)?(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.DOTALL,
)
_BETWEEN: Final = re.compile(r"(&amp;|[&;])")


def address(url: str) -> str:
    """An address without what is secret in it; what names a page, a record or a file stays.

    Out go user and password, values of secret parameters in query, fragment and path (`;jsessionid=`), tokens in the
    path, and the same of addresses that stand in its parameters, percent-encoded or in base64. Of one without a host
    (`blob:`, `data:`) only the scheme stays.
    """
    return _address(_without_known(url), 0)


def is_incomplete(url: str) -> bool:
    """Whether something was taken out of an address, so that it may not open what it did."""
    return re.search(rf"(?:[=/]|%3[dD]){REDACTED}(?![A-Za-z])", url) is not None


def bare(url: str) -> str:
    """Scheme, host and path of an address alone, for messages: no user, parameter, query or fragment.

    Of an address without a host (`blob:`, `data:`) only the scheme is given.
    """
    scheme, host, path, _, _ = _split(_without_known(url))
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
        cleaned.append((REDACTED if is_token(plain, before) else name) + (f";{_query(rest, depth)}" if mark else ""))
        before = plain
    return "/".join(cleaned)


def _query(query: str, depth: int) -> str:
    pieces = _BETWEEN.split(query)
    given = {name.lower(): value for name, _, value in (piece.partition("=") for piece in pieces[::2])}
    is_protocol = not _PROTOCOL.isdisjoint(given) or (
        "state" in given and len(given.get("code", "").strip("0123456789")) > 3
    )
    pieces[::2] = [_pair(piece, depth, is_protocol=is_protocol) for piece in pieces[::2]]
    return "".join(pieces)


def _pair(piece: str, depth: int, *, is_protocol: bool) -> str:
    name, mark, value = piece.partition("=")
    if not mark:
        return REDACTED if is_opaque(unquote(name), _LONG) or _TOKEN.search(unquote(name)) else _nested(name, depth)
    plain = unquote(name)
    if not value or _PLAIN.fullmatch(value):
        return piece
    if is_secret_name(plain) or (is_protocol and plain.lower() in {"code", "state"}):
        return f"{name}={REDACTED}"
    told = unquote(value)
    most = _LONGEST_RECORD if _NAMES_A_RECORD.fullmatch(plain) else _LONG
    if (_MAYBE.fullmatch(plain) and is_opaque(told)) or is_opaque(told, most) or _TOKEN.fullmatch(told):
        return f"{name}={REDACTED}"
    return f"{name}={_nested(value, depth)}"


def _nested(value: str, depth: int) -> str:
    """A value of a parameter, which may be an address, JSON or text in its turn."""
    if depth >= _DEEPEST:
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
    """Whether a word is base64 of something that has a secret in it."""
    if len(word) < 16 or depth > _DEEPEST or not (plain := _plain_of(word)):
        return False
    return (_address(plain, depth + 1) if "://" in plain[:12] else _text(plain, depth + 1)) != plain


def _plain_of(word: str) -> str:
    """The text that a word is the base64 of, in either alphabet; `""` where it is none."""
    digits = word.rstrip("=")
    if not re.fullmatch(r"[\w+/-]+", digits, re.ASCII):
        return ""
    try:
        plain = base64.b64decode(digits.translate({45: 43, 95: 47}) + "=" * (-len(digits) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    return plain if plain.isprintable() else ""


# --- texts ------------------------------------------------------------------------------------------------------------

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


def text(said: str) -> str:
    """A text without its secrets: in addresses, headers, JSON, forms, HTML and plain words, and what this run knows."""
    return _text(_without_known(said), 0)


def links(said: str) -> str:
    """A text of the person's own, of which only the addresses lose their secrets; everything else stays as it is."""
    if "//" not in said:
        return said
    return _IN_TEXT.sub(lambda found: _link(found, 0), said)


def _text(said: str, depth: int) -> str:
    if depth > _DEEPEST or not _SUSPECT.search(said):
        return said
    lower = said.lower()
    if "cookie" in lower or "authorization" in lower:
        said = _HEADER_LINE.sub(rf"\g<1>{REDACTED}", said)
    if "//" in said or "\\/" in said:
        said = _IN_TEXT.sub(lambda found: _link(found, depth), said)
        said = _USER.sub(r"\1", said)
    if "%" in said:
        said = _ENCODED.sub(lambda found: _nested(found[0], depth), said)
    said = _RELATIVE.sub(lambda found: _relative(found, depth), said)
    if "<" in said:
        said = _FIELD.sub(lambda found: field(found[0]), said)
        said = _ELEMENT.sub(_element, said)
    said = _named(said)
    said = _SCHEME_OF_SIGNING_IN.sub(_signing_in, said)
    if " is " in lower or " was " in lower:
        said = _SPOKEN.sub(rf"\1\2{REDACTED}", said)
    said = _TOKEN.sub(REDACTED, said)
    return _B64.sub(lambda found: REDACTED if _hides(found[0], depth + 1) else found[0], said)


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
    return whole[: -len(content)] + REDACTED if is_secret_name(found[1]) and content.strip() else whole


def field(tag: str) -> str:
    """The start of a form's field or a `meta` element, in HTML, without the value where that is secret."""
    attributes = {name.lower(): value.strip("\"'") for name, _, value in _ATTRIBUTE.findall(tag)}
    told = [attributes.get(name, "") for name in ("name", "id", "property", "http-equiv")]
    kind = attributes.get("type", "").lower()
    if kind not in {"hidden", "password"} and not any(map(is_secret_name, filter(None, told))):
        return tag

    def hidden(found: re.Match[str]) -> str:
        mark = found[3][0] if found[3][:1] in {'"', "'"} else ""
        return f"{found[1]}{found[2]}{mark}{REDACTED}{mark}" if found[1].lower() in {"value", "content"} else found[0]

    return _ATTRIBUTE.sub(hidden, tag)


def _named(said: str) -> str:
    """Values after the name of a secret: `"access_token": "…"`, `password=…`, `('Cookie', '…')`."""
    pieces: list[str] = []
    at = start = 0
    while (name := _NAME.search(said, at)) is not None:
        at = name.end()
        if "," in name[3] and not name[2]:
            continue
        if not is_secret_name(name[1]) or (value := _VALUE.match(said, at)) is None:
            continue
        if (hidden := _hidden(name, value)) is not None:
            pieces += [said[start:at], hidden]
            start = at = value.end()
    return "".join([*pieces, said[start:]])


def _hidden(name: re.Match[str], value: re.Match[str]) -> str | None:
    """What stands for a value; None where it is none."""
    word = value["word"]
    if word is None:
        opening = value["open"] or value["quote"] or value["entity"]
        inner = value["double"] or value["single"] or value["inside"]
        return f"{opening}{REDACTED}" if inner and not _PLAIN.fullmatch(inner) else None
    if _PLAIN.fullmatch(word) or word.startswith(REDACTED):
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


def chain(error: BaseException) -> None:
    """Takes the secrets out of an error's message, and out of those of all that led to it, in place.

    For what is about to leave us: whoever gets it may print its traceback, and other people's errors hold addresses.
    """
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.args = tuple(text(arg) if type(arg) is str else arg for arg in one.args)
        todo += [one.__cause__, one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]


# --- names of files, and whole values ---------------------------------------------------------------------------------


def file_name(name: str) -> str:
    """The name of a file without a token or a signed address in it; its extension stays."""
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if dot and len(ending) <= 5 and ending.isalnum() else (name, "")
    cleaned = _TOKEN.sub(REDACTED, _RELATIVE.sub(lambda found: _relative(found, 0), _without_known(stem)))
    return cleaned + ending


_AS_THEY_ARE: Final = frozenset(
    {
        "key",
        "po_number",
        "po",
        "path",
        "folder",
        "sha256",
        "worker",
        "id",
        "attachment_id",
        "etag",
        "run",
        "user_data_dir",
        "executable",
    }
)
"""Names of values that say which order, file or process is meant: nothing is looked for in them."""


def values(value: T) -> T:
    """A value with all texts in it cleaned: of a dataclass its fields, of a mapping its values, of a sequence each."""
    cleaned: Any = _values(value, text)
    found: T = cleaned
    return found


def _values(value: Any, clean: Callable[[str], str]) -> Any:
    kind: Any = type(value)
    if kind in _HARMLESS or isinstance(value, enum.Enum):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {
            name: inner if name in _AS_THEY_ARE else _of_name(str(name), inner, clean) for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return kind(_values(inner, clean) for inner in value) if value else value
    if (names := _fields(kind)) is None:
        return value
    changed = {}
    for name in names:
        before = getattr(value, name)
        after = before if type(before) in _HARMLESS else _values(before, clean)
        if after is not before and after != before:
            changed[name] = after
    return dataclasses.replace(value, **changed) if changed else value


_HARMLESS: Final = frozenset({type(None), bool, int, float, datetime.datetime})


@functools.cache
def _fields(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass that may hold a secret; None for what is none."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(one.name for one in dataclasses.fields(kind) if one.name not in _AS_THEY_ARE)


def _of_name(name: str, value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str) and is_secret_name(name) and not isinstance(value, enum.Enum):
        return value if not value or _PLAIN.fullmatch(value) else REDACTED
    return _values(value, clean)
