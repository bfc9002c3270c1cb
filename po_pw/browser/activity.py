"""What a page has going, and how it is called: short, and the same on every order of a portal."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from po_pw import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HORIZON: Final = 10.0
"""Seconds: what recurs less often is idle, and what may never end is waited for this long."""
_VARYING: Final = re.compile(r"[0-9]+")
_OPAQUE: Final = re.compile(
    r"(?=[^/]*\d)[0-9a-f]{8,}(-[0-9a-f]{4,})*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True, slots=True)
class Recurring:
    """Work that runs again and again."""

    label: str
    runs: int
    """Since the last change, or new kind of request."""
    period: float
    """Seconds; 0: as often as it can."""


@dataclasses.dataclass(frozen=True, slots=True)
class Activity:
    """What a page has going at one moment, all frames together."""

    finite: tuple[str, ...] = ()
    recurring: tuple[Recurring, ...] = ()
    uncountable: tuple[str, ...] = ()
    calm: float = 0.0
    """Seconds since the last change, or new kind of request."""
    changes: int = 0


def describe(kind: str, url: str = "", page: str = "", method: str = "GET") -> str:
    """A source of work in a few words, without what varies with the order.

    Args:
        kind: what it is, e.g. `fetch`.
        url: its address; `""` where it has none.
        page: address of the page it is on.
        method: of the request.
    """
    words = [kind]
    if method not in {"", "GET"}:
        words.append(method)
    if url:
        words.append(_shape(url, page))
    return " ".join(words)


def is_elsewhere(url: str, page: str) -> bool:
    """Whether an address is of another site than the page: a counter of visits, a font, a map.

    Hosts that share their last two labels are one site, as a portal and its API are.
    """
    host, own = ((urllib.parse.urlsplit(one).hostname or "").lower() for one in (url, page))
    if host == own or not host:
        return False
    is_named = host.rpartition(".")[2].isalpha() and own.rpartition(".")[2].isalpha()
    return not is_named or host.split(".")[-2:] != own.split(".")[-2:]


def _shape(url: str, page: str) -> str:
    address, own = urllib.parse.urlsplit(url), urllib.parse.urlsplit(page)
    if address.scheme not in {"http", "https", "ws", "wss"}:
        return f"{address.scheme}:"
    record = own.path.rstrip("/").rpartition("/")[2]
    segments = []
    before = ""
    for segment in address.path.split("/"):
        if segment and (segment == record or redact.is_token(urllib.parse.unquote(segment), before)):
            segments.append("#")
        else:
            segments.append(_VARYING.sub("#", _OPAQUE.sub("#", segment)))
        before = segment
    host = "" if address.netloc == own.netloc else address.netloc.rpartition("@")[2]
    return f"{host}{'/'.join(segments) or '/'}"


def recurring(raw: Mapping[str, Any], page: str) -> Recurring:
    """A source from what the script tells of it.

    Args:
        raw: JSON object.
        page: address of the page it is on.
    """
    kind, period = raw["kind"], float(raw["period"])
    words = [kind]
    if period:
        words.append(f"{period * 1000:.0f} ms")
    where = urllib.parse.urlsplit(raw["url"])
    if where.scheme in {"http", "https"}:
        host = "" if where.netloc == urllib.parse.urlsplit(page).netloc else where.netloc.rpartition("@")[2]
        words.append(f"{host}{redact.bare(where.path)}:{raw['position']}")
    else:
        words.append("in the page")
    words.append(f"({raw['trail']})")  # in a bundle one line, and in a library one place, arms the timers of many
    return Recurring(" ".join(words), int(raw["runs"]), period)


def merged(sources: Iterable[Recurring]) -> tuple[Recurring, ...]:
    """One for each description: the one that ran least."""
    least: dict[str, Recurring] = {}
    for source in sources:
        if source.label not in least or source.runs < least[source.label].runs:
            least[source.label] = source
    return tuple(least.values())


def unique(labels: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(sorted(set(labels)))
