"""What requesting an address does: return a file, or change something. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw.portals.generic import change_words, file_names, icon_words, identifiers, label_words, tokenizer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_METHOD_FIELDS: Final = {"_method", "method", "x-http-method", "x-http-method-override", "httpmethod", "_httpmethod"}
_CHANGING_METHODS: Final = {"delete", "put", "patch", "post", "merge", "remove"}
_RETURN_FIELDS: Final = {
    "returnurl",
    "return_url",
    "returnto",
    "return_to",
    "return",
    "back",
    "backurl",
    "back_url",
    "referer",
    "referrer",
    "ref",
    "from",
    "source",
    "redirect",
    "redirect_uri",
    "redirecturl",
    "redirect_url",
    "next",
    "continue",
    "origin",
}
_POSITIONS: Final = {"start", "startindex", "start_index", "startrow", "start_row"}
"""Fields that say from which entry on a list is wanted if their value is a number: `start=25`."""
_PAGE_ENDINGS: Final = re.compile(
    r"\.(?:asp|aspx|ashx|asmx|axd|php\d?|phtml|jspx?|jsf|faces|xhtml|do|action|cgi|pl|cfm|dll|exe|s?html?|nsf|svc|rails|seam)$",
    re.IGNORECASE,
)
_SIGNED: Final = re.compile(
    r"^(?:x-(?:amz|goog|oss|ms)-|sig$|signature$|expires$|token$|access_token$|hmac$|policy$|key-pair-id$|awsaccesskeyid$|se$|sp$|sv$|sr$|st$)",
    re.IGNORECASE,
)
_ANSWERS: Final = {"json", "jsonl", "xml", "js", "yaml", "yml", "html", "htm", "xhtml", "ts"}
"""Extensions that server programs use as often as files do."""


def is_file(segment: str) -> bool:
    """Whether a part of an address is a file name.

    An extension that server programs use too proves nothing after a word of change: "approve.xml", "deleteFile.ajax".
    """
    if not file_names.is_file_name(segment) or _PAGE_ENDINGS.search(segment):
        return False
    stem, _, ending = segment.rpartition(".")
    if file_names.is_known_ending(ending) and ending.casefold() not in _ANSWERS:
        return True
    return not any(one.form is change_words.Form.ACT for one in change_words.changes(stem, identifier=True))


def is_plain_file_address(url: str) -> bool:
    """Whether an address alone shows that it returns a file: it ends in a file name or a word for downloading."""
    parts = urlsplit(url)
    segments = [unquote(one) for one in parts.path.split("/") if one]
    if segments and is_file(segments[-1]):
        return True
    ends = [one for one in segments[-3:] if not identifiers.is_opaque(one)]
    if any(icon_words.says_download(_PAGE_ENDINGS.sub("", one)) for one in ends):
        return True
    return any(
        is_file(value)
        or (
            key.lower() in {"action", "cmd", "op", "do", "mode", "download", "dl"}
            and icon_words.says_download(value or key)
        )
        or key.lower() in {"download", "dl"}
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
    )


def change_in_address(
    url: str,
    *,
    names: Collection[str] = (),
    shared_segments: Collection[str] = (),
    strict: bool = False,
    named: bool = False,
) -> str | None:
    """The word of change in an address; None if it has none.

    Args:
        url: absolute or relative.
        names: file names; words in them do not count.
        shared_segments: path segments that all items of the area share; words in them do not count.
        strict: for requests with a body: words that may also name a folder ("archive") count everywhere.
        named: the link is labelled with a file name.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an unreadable address"
    shared = {one.casefold() for one in shared_segments}
    segments = [unquote(one) for one in parts.path.split("/") if one]
    plain = is_plain_file_address(url)
    for at, segment in enumerate(segments):
        last = at == len(segments) - 1
        if (last and is_file(segment)) or segment.casefold() in shared or identifiers.is_opaque(segment):
            continue
        for change in change_words.changes(_PAGE_ENDINGS.sub("", segment), identifier=True, names=names):
            if change.form is not change_words.Form.ACT:
                continue
            if change.is_weak and not strict and not last and (plain or (named and _is_place(change, segments, at))):
                continue
            return change.word
    return change_in_pairs(parse_qsl(parts.query, keep_blank_values=True), names) or _change_in_fragment(
        parts.fragment, names, shared
    )


def _is_place(change: change_words.Change, segments: Sequence[str], at: int) -> bool:
    """Whether a word in an address that ends in an id names a folder, and not an action.

    An address of the form controller, action, id is an action: "/order/archive/5".
    """
    return change.is_place and not 0 < at == len(segments) - 2


def _change_in_fragment(fragment: str, names: Collection[str], shared: Collection[str]) -> str | None:
    if not fragment:
        return None
    return change_in_address(unquote(fragment).lstrip("!"), names=names, shared_segments=shared)


def change_in_pairs(pairs: Sequence[tuple[str, str]], names: Collection[str], *, set_to: bool = False) -> str | None:
    """A word of change in the names or values of a query or body; None if there is none.

    Args:
        pairs: names and values.
        names: file names that are taken out first.
        set_to: past participles count as well, because a body sets a field to its value ("status=approved").
    """
    for key, value in pairs:
        low = key.casefold()
        if low in _METHOD_FIELDS and value.casefold() in _CHANGING_METHODS:
            return value.casefold()
        if (_SIGNED.match(key) and not value.isalpha()) or (low in _RETURN_FIELDS and not value.isalpha()):
            continue
        # A parameter may say where to return to: "from=archive".
        is_weak_enough = bool(_SIGNED.match(key)) or low in _RETURN_FIELDS
        for text in (value,) if is_weak_enough else (key, value):
            if is_file(text) or identifiers.is_opaque(text) or (low in _POSITIONS and value.isdecimal()):
                continue
            if "/" in text:
                word = change_in_address(text, names=names)
                if word:
                    return word
                continue
            for change in change_words.changes(text, identifier=True, names=names):
                if change.form is change_words.Form.ACT and not (change.is_weak and low in _RETURN_FIELDS):
                    return change.word
                if set_to and change.form is change_words.Form.STATE and text == value:
                    return change.word
    return None


_PUT: Final = {"status", "state", "step", "stage", "phase", "workflow", "decision", "verdict", "outcome", "transition"}
"""Fields that set a record's state if an address sets one to a past participle: `status=approved`."""


def put_into(url: str) -> str:
    """The field and value with which an address sets a record's state, e.g. "status=approved"; `""` if it sets none."""
    for key, value in parse_qsl(urlsplit(url).query):
        if tokenizer.identifier_words(key)[-1:] and tokenizer.identifier_words(key)[-1] in _PUT:
            found = change_words.changes(value, identifier=True)
            if any(one.form in {change_words.Form.ACT, change_words.Form.STATE} for one in found):
                return f"{key}={value}"
    return ""


def may_follow(url: str, label: str) -> bool:
    """Whether a link on a page about a file may be requested: neither address nor label has a word of change.

    Args:
        url: absolute.
        label: its whole label; words in the file's name do not count.
    """
    name = label_words.file_name(label)
    known = (name,) if name else ()
    return change_in_address(url, names=known) is None and change_words.change_word(label, names=known) is None
