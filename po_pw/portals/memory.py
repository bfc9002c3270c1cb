"""What is known of one portal, from all orders read there so far: kept in its folder between runs.

Nothing here is safe for threads: it belongs to the event loop. All of it is bounded, the oldest goes first.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from po_pw import models, private_files, redact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

RULES_VERSION: Final = 1
"""Of the rules that pages are recognised by: what was learned under others is forgotten."""
FILE: Final = "memory.json"
"""In a portal's folder."""
_MOST_GOOD: Final = 16
_MOST_BAD: Final = 24
_MOST_TEXTS: Final = 3000
_MOST_PLACES: Final = 40
_MOST_LINKS: Final = 2000
_MOST_KEYS: Final = 3
"""So many orders are remembered of a text or an address: more are not needed to tell."""
_MOST_SOURCES: Final = 200
_LONGEST: Final = 300
_BIGGEST: Final = 1_000_000
"""Bytes of the file."""
_TRUST_AFTER: Final = 5
_CHECK_EVERY: Final = 20
_SAME_MAKE: Final = 0.4
"""Similarity from which on two pages have the same make."""
_ALIKE: Final = 0.75
"""Signatures so alike are kept once."""


def similarity(one: Collection[str], other: Collection[str]) -> float:
    """How much two signatures share, 0 to 1 (Jaccard)."""
    a, b = frozenset(one), frozenset(other)
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if a or b else 0.0


@dataclasses.dataclass(slots=True)
class _Source:
    """A recurring or uncountable source of changes."""

    quiet: int = 0
    """Orders in a row on which it changed no area."""
    unchecked: list[str] = dataclasses.field(default_factory=list)
    """Orders read without patience since it was last waited for."""


class PortalMemory:
    """What the orders of one portal have shown.

    Attributes:
        accepted_without_area: the person has accepted once that orders here may have no attachments area.
        has_answered: the portal has answered once.
    """

    def __init__(self) -> None:
        self.accepted_without_area = False
        self.has_answered = False
        self._area_example = ""
        self._orders: dict[str, None] = {}
        self._places: dict[str, dict[str, None]] = {}
        self._good: list[frozenset[str]] = []
        self._bad: list[tuple[str, frozenset[str]]] = []
        self._texts: dict[str, dict[str, None]] = {}
        self._links: dict[str, dict[str, None]] = {}
        self._links_of: dict[str, None] = {}
        self._sources: dict[str, _Source] = {}
        self._proof_url = ""

    # --- areas ------------------------------------------------------------------------------------------------------

    @property
    def area_seen(self) -> bool:
        """Whether an order here has shown an attachments area."""
        return bool(self._area_example)

    @property
    def area_example(self) -> str:
        """The address of an order that showed one, without what is secret in it; `""`: none yet."""
        return self._area_example

    def note_area(self, url: str) -> None:
        """An order's page has an attachments area."""
        self._area_example = self._area_example or redact.address(url)[:_LONGEST]

    @property
    def proof_url(self) -> str:
        """An order that opened: asked again to learn whether the session is still there."""
        return self._proof_url

    # --- recognised orders ------------------------------------------------------------------------------------------

    @property
    def orders_known(self) -> int:
        """How many different layouts of recognised orders are kept."""
        return len(self._good)

    def note_order(self, order_key: str, url: str, signature: Collection[str], places: Iterable[str]) -> None:
        """An order recognised by strong evidence or by its attachments area.

        Args:
            order_key: whose.
            url: that opened.
            signature: of its content.
            places: where it showed its number; see `recognition.places`.
        """
        self._proof_url = url[:_LONGEST]
        found = frozenset(signature)
        if found and not any(similarity(found, known) >= _ALIKE for known in self._good):
            self._good.append(found)
            del self._good[:-_MOST_GOOD]
            # A page that a redirect led to may have been another order.
            self._bad = [
                (kind, known)
                for kind, known in self._bad
                if kind != models.PageKind.NOT_RECOGNISED.value or similarity(found, known) < _SAME_MAKE
            ]
        for place in places:
            if redact.text(place) == place:  # what is kept of it would be found on no page
                _note(self._places, place[:_LONGEST], order_key, _MOST_PLACES)

    def place_seen(self, place: str) -> int:
        """How many orders (at most three are counted) showed their number in this place."""
        return len(self._places.get(place, ()))

    @property
    def places(self) -> tuple[str, ...]:
        """Where orders showed their numbers."""
        return tuple(self._places)

    def likeness(self, signature: Collection[str]) -> float | None:
        """How alike a page is to the recognised order that it is most alike to, 0 to 1; None: none is known.

        What other pages of the portal show as well says nothing, and is left out.
        """
        if not self._good:
            return None
        common = frozenset[str]().union(*(known for _, known in self._bad))
        return max(_beyond(frozenset(signature), known, common) for known in self._good)

    # --- other pages ------------------------------------------------------------------------------------------------

    def note_other(self, kind: models.PageKind, signature: Collection[str]) -> None:
        """A page of this portal that certainly is no order's: its sign-in, home, error or not-found page."""
        found = frozenset(signature)
        if found and not any(similarity(found, known) >= _ALIKE for _, known in self._bad):
            self._bad.append((kind.value, found))
            del self._bad[:-_MOST_BAD]

    def most_like_other(self, signature: Collection[str]) -> tuple[float, models.PageKind | None]:
        """How alike a page is to the one of those that it is most alike to, and which kind that was."""
        found = frozenset(signature)
        best = max(((similarity(found, known), kind) for kind, known in self._bad), default=(0.0, ""))
        return best[0], models.PageKind(best[1]) if best[1] else None

    # --- texts ------------------------------------------------------------------------------------------------------

    def note_text(self, order_key: str, text_hash: str) -> None:
        """What text this order's page had, without digits and number."""
        if text_hash:
            _note(self._texts, text_hash, order_key, _MOST_TEXTS)

    def same_text_elsewhere(self, order_key: str, text_hash: str) -> bool:
        """Whether another order's page had the same text."""
        return any(key != order_key for key in self._texts.get(text_hash, ())) if text_hash else False

    # --- links outside areas ----------------------------------------------------------------------------------------

    @property
    def link_orders(self) -> int:
        """How many orders' links outside areas are known."""
        return len(self._links_of)

    def note_links(self, order_key: str, addresses: Iterable[str]) -> None:
        """Which file-like links an order's page has outside any attachments area; also where it has none.

        Args:
            order_key: whose page.
            addresses: absolute.
        """
        self._links_of.pop(order_key, None)
        self._links_of[order_key] = None
        _shorten(self._links_of, _MOST_LINKS)
        for address in addresses:
            if len(address) <= 4 * _LONGEST:
                _note(self._links, _told(address), order_key, _MOST_LINKS)

    def is_sites_own(self, address: str, order_key: str = "") -> bool | None:
        """Whether a link is the site's, as other orders show it too; None: fewer than two others are known.

        Args:
            address: absolute.
            order_key: whose page shows it; `""`: an order that was not noted.
        """
        if any(key != order_key for key in self._links.get(_told(address), ())):
            return True
        others = len(self._links_of) - (order_key in self._links_of)
        return False if others >= 2 else None

    # --- recurring and uncountable sources --------------------------------------------------------------------------

    def source_trusted(self, name: str) -> bool:
        """Whether a source needs no patience on the next order; every twentieth order waits all the same."""
        source = self._sources.get(name)
        return source is not None and source.quiet >= _TRUST_AFTER and len(source.unchecked) < _CHECK_EVERY - 1

    def note_quiet(self, order_key: str, sources: Iterable[str], changed_area: bool) -> tuple[str, ...]:
        """An order was read; what its page still had going.

        Args:
            order_key: whose page.
            sources: names of recurring or uncountable sources.
            changed_area: one of them changed an attachments area.

        Returns:
            The orders to be read again: those read without patience since the last check, where that failed now.
        """
        again: dict[str, None] = {}
        for name in sources:
            trusted = self.source_trusted(name)
            source = self._sources.pop(name, None) or _Source()
            self._sources[name] = source  # the latest last
            if changed_area:
                again |= dict.fromkeys(source.unchecked)
                self._sources[name] = _Source()
            elif trusted:
                source.unchecked.append(order_key)
            else:
                source.quiet += 1
                source.unchecked.clear()
        _shorten(self._sources, _MOST_SOURCES)
        again.pop(order_key, None)
        return tuple(again)

    # --- keeping ----------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """For keeping; under 1 MB."""
        raw: dict[str, Any] = {
            "rules_version": RULES_VERSION,
            "accepted_without_area": self.accepted_without_area,
            "has_answered": self.has_answered,
            "area_example": self._area_example,
            "proof_url": _without_secret(self._proof_url),
            "places": _lists(self._places),
            "good": [sorted(one) for one in self._good],
            "other": [[kind, sorted(one)] for kind, one in self._bad],
            "sources": {redact.text(name): [one.quiet, one.unchecked] for name, one in self._sources.items()},
        }
        left = _BIGGEST - 2000 - len(json.dumps(raw, ensure_ascii=False).encode())
        # The latest are kept where not all have room.
        for name, table in (
            ("links_of", {key: {} for key in self._links_of}),
            ("texts", self._texts),
            ("links", self._links),
        ):
            kept: list[list[Any]] = []
            for key, keys in reversed(list(table.items())):
                entry = [key, list(keys)]
                left -= len(json.dumps(entry, ensure_ascii=False).encode()) + 2
                if left < 0:
                    break
                kept.append(entry)
            raw[name] = dict(reversed(kept))
        return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))

    def save(self, path: Path) -> None:
        """Replaces the file, owner-only; its folder must be there.

        Raises:
            OSError: it cannot be written.
        """
        private_files.write(path, self.to_json())


def load(path: Path) -> PortalMemory:
    """What was kept; empty where there is nothing, or nothing that can be read.

    What was learned under other rules is forgotten; what the person accepted is not.
    """
    try:
        if path.stat().st_size > 4 * _BIGGEST:
            return PortalMemory()
        return from_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        return PortalMemory()


def from_json(text: str) -> PortalMemory:
    """What `to_json` gave.

    Raises:
        ValueError: it is none of that.
    """
    memory = PortalMemory()
    try:
        raw = json.loads(text)
        memory.accepted_without_area = raw["accepted_without_area"] is True
        memory.has_answered = raw.get("has_answered") is True
        if raw["rules_version"] != RULES_VERSION:
            return memory
        memory._area_example, memory._proof_url = str(raw["area_example"]), str(raw["proof_url"])
        memory._places, memory._texts = _tables(raw["places"]), _tables(raw["texts"])
        memory._links, memory._links_of = _tables(raw["links"]), dict.fromkeys(map(str, raw["links_of"]))
        memory._good = [frozenset(map(str, one)) for one in raw["good"]]
        memory._bad = [(models.PageKind(kind).value, frozenset(map(str, one))) for kind, one in raw["other"]]
        memory._sources = {
            str(name): _Source(int(quiet), list(map(str, unchecked)))
            for name, (quiet, unchecked) in raw["sources"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"this is no portal's memory ({error})"
        raise ValueError(msg) from error
    return memory


def _told(address: str) -> str:
    """What is noted of an address: itself, or where a secret is in it a hash, so that the same one is known again."""
    if _without_secret(address):
        return address
    return f"sha256:{hashlib.sha256(address.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _without_secret(address: str) -> str:
    """The address; `""` where a secret is in it: it opens nothing without, and nothing with a secret is kept."""
    return address if redact.address(address) == address else ""


def _note(table: dict[str, dict[str, None]], name: str, order_key: str, most: int) -> None:
    """Notes an order for a name, the name as the latest."""
    keys = table.pop(name, {})
    if len(keys) < _MOST_KEYS:
        keys[order_key] = None
    table[name] = keys
    _shorten(table, most)


def _shorten(table: dict[str, Any], most: int) -> None:
    while len(table) > most:
        del table[next(iter(table))]


def _lists(table: dict[str, dict[str, None]]) -> dict[str, list[str]]:
    return {name: list(keys) for name, keys in table.items()}


def _tables(raw: dict[str, Any]) -> dict[str, dict[str, None]]:
    return {str(name): dict.fromkeys(map(str, keys)) for name, keys in raw.items()}


def _beyond(one: frozenset[str], other: frozenset[str], common: frozenset[str]) -> float:
    """Similarity in what is not common to all pages; where nothing is left of an order, in all of it."""
    rest = other - common
    return similarity(one - common, rest) if len(rest) >= 3 else similarity(one, other)
