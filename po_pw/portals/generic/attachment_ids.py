"""Gives attachments ids that stay the same on every visit, and puts the ways to fetch each in order. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from po_pw import models, redact, secret_signs
from po_pw.portals.generic import control_policy, label_words, page_items, tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_SHORT_LIVED: Final = re.compile(
    r"(?i)sig|signature|token|(access|auth|security)_?token|expires?|expiry|x-(amz|goog|ms)-[\w-]+|hmac|nonce|"
    r"csrf\w*|_csrf\w*|authenticity_token|session_?(id)?|sid|jsessionid|phpsessid|_|ts|timestamp|rand(om)?|cb|"
    r"googleaccessid|awsaccesskeyid|key-pair-id"
)
"""Parameters that sign an address, limit its lifetime or bypass caches: they do not identify the file."""
_BESIDE_SIGNATURE: Final = re.compile(r"(?i)exp|se|sp|sv|sr|st|spr|skoid|sktid|ske|skt|sks|skv|policy|hash|ticket|time")
"""Parameters that are such only in a signed address."""
_SIGNS: Final = re.compile(r"(?i)sig|signature|x-(amz|goog)-signature|hmac|token|access_?token")
_SHOWS: Final = frozenset({"preview", "inline", "thumbnail", "thumb", "viewer", "view"})


def identified(
    items: Sequence[page_items.Item], areas: Sequence[page_items.Area], clicks: Mapping[int, models.Click]
) -> tuple[tuple[models.Attachment, ...], tuple[str, ...]]:
    """The attachments, each with an id that is the same on every visit, and the key of each.

    Args:
        items: of a look.
        areas: of the look.
        clicks: how to find each candidate again, by its `id()`.
    """
    keys = [_key(item) for item in items]
    met: dict[str, int] = {}
    found = []
    for item, key in zip(items, keys, strict=True):
        met[key] = met.get(key, 0) + 1
        # The number of attachments with the same key is part of the id: if it changes, none is mistaken for another.
        attachment_id = key if keys.count(key) == 1 else f"{key}-{met[key]}of{keys.count(key)}"
        sources = list(dict.fromkeys(_source(way, clicks) for way in sorted(item.ways, key=_rank)))
        section = areas[item.area].label if 0 <= item.area < len(areas) else ""
        name = " ".join(item.name.split())[:300]
        found.append(
            models.Attachment(
                attachment_id, name, sources[0], section, others=tuple(sources[1:]), is_certain=item.certain
            )
        )
    return tuple(found), tuple(keys)


def _rank(way: page_items.Candidate) -> int:
    """Rank of a way, likeliest first: a download link, a link with the file's name, a preview; presses last."""
    if way.decision.action is control_policy.Action.RECORD:
        return 9
    if way.decision.action in {control_policy.Action.PRESS, control_policy.Action.LEAVE}:
        return 5
    parts = urlsplit(way.control.address)
    last = parts.path.rpartition("/")[2]
    label = way.control.label
    if _SHOWS & set(tokenizer.identifier_words(f"{label} {parts.query} {last}")):
        return 4
    is_download = bool(tokenizer.words(label)) and label_words.is_download_label(label)
    if is_download or "download" in dict(way.control.attributes) or "download" in parts.path.lower():
        return 0
    if label_words.file_name(unquote(last)):
        return 1
    return 2 if way.decision.certain else 3


def _source(way: page_items.Candidate, clicks: Mapping[int, models.Click]) -> models.FileSource:
    if way.decision.action is control_policy.Action.RECORD:
        return models.External(way.control.address)
    if way.decision.action is control_policy.Action.FETCH:
        return models.Link(way.control.address, way.frame_url)
    return clicks.get(id(way)) or models.Click(way.control)


def _key(item: page_items.Item) -> str:
    """Identifies an attachment: its address without signature and expiry, else its name, size, date and row."""
    addresses = [way.control.address for way in item.ways if way.decision.action is not control_policy.Action.PRESS]
    stable = sorted(known for address in addresses if (known := lasting(address)))
    name = " ".join(item.name.split())
    if stable:
        text = f"link\n{stable[0]}" + (f"\n{name}" if redact.REDACTED in stable[0] else "")
    else:
        row = item.ways[0].row_text
        size, date = page_items.SIZE.search(row), page_items.DATE.search(row)
        about = name if label_words.file_name(name) else " ".join(row.split())[:200]
        text = f"row\n{about}\n{size[0] if size else ''}\n{date[0] if date else ''}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def lasting(address: str) -> str:
    """An address without signature, expiry and cache parameters; `""` if it is not http(s)."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"}:
        return ""
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    is_signed = any(_SIGNS.fullmatch(name) for name, _ in pairs)
    kept = [
        (name, value)
        for name, value in pairs
        if not (_SHORT_LIVED.fullmatch(name) or secret_signs.is_secret_name(name))
        and not (is_signed and _BESIDE_SIGNATURE.fullmatch(name))
    ]
    path = redact.address(re.sub(r"(?i);jsessionid=[^/]*", "", parts.path))
    query = f"?{urlencode(sorted(kept))}" if kept else ""
    route = f"#{parts.fragment}" if parts.fragment.startswith(("/", "!")) else ""
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{host}{path}{query}{route}"
