"""Knowledge about one portal from all orders read so far; saved in its folder between runs.

Not thread-safe: use only from the event loop. All tables are bounded; the oldest entries are dropped first.
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
"""Version of the recognition rules; knowledge learned under another version is dropped."""
FILE: Final = "memory.json"
"""File name, in the portal's folder."""
_MOST_GOOD: Final = 16
_MOST_BAD: Final = 24
_MOST_TEXTS: Final = 3000
_MOST_POSITIONS: Final = 40
_MOST_LINKS: Final = 2000
_MOST_KEYS: Final = 3
"""Maximum orders stored per text or address; more are not needed."""
_MOST_SOURCES: Final = 200
_LONGEST: Final = 300
_BIGGEST: Final = 1_000_000
"""Maximum bytes of the file."""
_TRUST_AFTER: Final = 5
_CHECK_EVERY: Final = 20
_SAME_MAKE: Final = 0.4
"""Minimum similarity of two pages with the same layout."""
_ALIKE: Final = 0.75
"""Similarity from which on only one of two signatures is stored."""


def similarity(one: Collection[str], other: Collection[str]) -> float:
    """Jaccard similarity of two signatures, 0 to 1."""
    a, b = frozenset(one), frozenset(other)
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if a or b else 0.0


@dataclasses.dataclass(slots=True)
class _Source:
    """A recurring or uncountable source of changes."""

    quiet: int = 0
    """Consecutive orders on which it changed no attachment area."""
    unchecked: list[str] = dataclasses.field(default_factory=list)
    """Orders read without waiting for it since the last check."""


class PortalMemory:
    """Knowledge about one portal.

    Attributes:
        accepted_without_area: the user confirmed that orders here may have no attachment area.
        has_answered: the portal has answered before.
    """

    def __init__(self) -> None:
        self.accepted_without_area = False
        self.has_answered = False
        self._area_example = ""
        self._orders: dict[str, None] = {}
        self._positions: dict[str, dict[str, None]] = {}
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
        """Whether an order here has shown an attachment area."""
        return bool(self._area_example)

    @property
    def area_example(self) -> str:
        """Address, without secrets, of an order that showed one; `""` if none did yet."""
        return self._area_example

    def note_area(self, url: str) -> None:
        """Records that an order's page has an attachment area."""
        self._area_example = self._area_example or redact.address(url)[:_LONGEST]

    @property
    def proof_url(self) -> str:
        """Address of an order that opened, for checking the session."""
        return self._proof_url

    # --- recognised orders ------------------------------------------------------------------------------------------

    @property
    def orders_known(self) -> int:
        """Number of stored layouts of recognised orders."""
        return len(self._good)

    def note_order(self, order_key: str, url: str, signature: Collection[str], positions: Iterable[str]) -> None:
        """Records an order recognised by strong evidence or by its attachment area.

        Args:
            order_key: whose.
            url: that opened.
            signature: of its content.
            positions: of its number; see `recognition.number_positions`.
        """
        self._proof_url = url[:_LONGEST]
        found = frozenset(signature)
        if found and not any(similarity(found, known) >= _ALIKE for known in self._good):
            self._good.append(found)
            del self._good[:-_MOST_GOOD]
            # A page reached by a redirect may have been another order.
            self._bad = [
                (kind, known)
                for kind, known in self._bad
                if kind != models.PageKind.NOT_RECOGNISED.value or similarity(found, known) < _SAME_MAKE
            ]
        for position in positions:
            if redact.text(position) == position:  # without its secret it would be found on no page
                _note(self._positions, position[:_LONGEST], order_key, _MOST_POSITIONS)

    def orders_at(self, position: str) -> int:
        """Number of orders, at most three, that showed their number at this position."""
        return len(self._positions.get(position, ()))

    @property
    def positions(self) -> tuple[str, ...]:
        """Positions at which orders showed their numbers."""
        return tuple(self._positions)

    def likeness(self, signature: Collection[str]) -> float | None:
        """Similarity of a page to the most similar recognised order, 0 to 1; None if none is known.

        Features that other pages of the portal have, too, are left out.
        """
        if not self._good:
            return None
        common = frozenset[str]().union(*(known for _, known in self._bad))
        return max(_beyond(frozenset(signature), known, common) for known in self._good)

    # --- other pages ------------------------------------------------------------------------------------------------

    def note_other(self, kind: models.PageKind, signature: Collection[str]) -> None:
        """Records a page that is certainly not an order's: sign-in, home, error or not-found page."""
        found = frozenset(signature)
        if found and not any(similarity(found, known) >= _ALIKE for _, known in self._bad):
            self._bad.append((kind.value, found))
            del self._bad[:-_MOST_BAD]

    def most_like_other(self, signature: Collection[str]) -> tuple[float, models.PageKind | None]:
        """Similarity to the most similar of those pages, and its kind."""
        found = frozenset(signature)
        best = max(((similarity(found, known), kind) for kind, known in self._bad), default=(0.0, ""))
        return best[0], models.PageKind(best[1]) if best[1] else None

    # --- texts ------------------------------------------------------------------------------------------------------

    def note_text(self, order_key: str, text_hash: str) -> None:
        """Records the hash of the text of an order's page, without digits and number."""
        if text_hash:
            _note(self._texts, text_hash, order_key, _MOST_TEXTS)

    def same_text_elsewhere(self, order_key: str, text_hash: str) -> bool:
        """Whether another order's page had the same text."""
        return any(key != order_key for key in self._texts.get(text_hash, ())) if text_hash else False

    # --- links outside areas ----------------------------------------------------------------------------------------

    @property
    def link_orders(self) -> int:
        """Number of orders whose links outside areas are known."""
        return len(self._links_of)

    def note_links(self, order_key: str, addresses: Iterable[str]) -> None:
        """Records the file-like links outside attachment areas of an order's page, even if there are none.

        Args:
            order_key: whose page.
            addresses: absolute.
        """
        self._links_of.pop(order_key, None)
        self._links_of[order_key] = None
        _shorten(self._links_of, _MOST_LINKS)
        for address in addresses:
            if len(address) <= 4 * _LONGEST:
                _note(self._links, _without_secrets(address), order_key, _MOST_LINKS)

    def is_sites_own(self, address: str, order_key: str = "") -> bool | None:
        """Whether a link is the site's, as others show it, too; None if fewer than two others are known.

        Args:
            address: absolute.
            order_key: of the page; `""` for an order that was not recorded.
        """
        if any(key != order_key for key in self._links.get(_without_secrets(address), ())):
            return True
        others = len(self._links_of) - (order_key in self._links_of)
        return False if others >= 2 else None

    # --- recurring and uncountable sources --------------------------------------------------------------------------

    def source_trusted(self, name: str) -> bool:
        """Whether the next order need not wait for a source; every twentieth order waits anyway."""
        source = self._sources.get(name)
        return source is not None and source.quiet >= _TRUST_AFTER and len(source.unchecked) < _CHECK_EVERY - 1

    def note_quiet(self, order_key: str, sources: Iterable[str], changed_area: bool) -> tuple[str, ...]:
        """Records the endless activity of an order's page.

        Args:
            order_key: whose page.
            sources: names of recurring or uncountable sources.
            changed_area: one of them changed an attachment area.

        Returns:
            Orders to read again: those that did not wait since the last check, if waiting brought attachments now.
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
        """The knowledge as JSON, under 1 MB."""
        raw: dict[str, Any] = {
            "rules_version": RULES_VERSION,
            "accepted_without_area": self.accepted_without_area,
            "has_answered": self.has_answered,
            "area_example": self._area_example,
            "proof_url": _without_secret(self._proof_url),
            "places": _lists(self._positions),
            "good": [sorted(one) for one in self._good],
            "other": [[kind, sorted(one)] for kind, one in self._bad],
            "sources": {redact.text(name): [one.quiet, one.unchecked] for name, one in self._sources.items()},
        }
        left = _BIGGEST - 2000 - len(json.dumps(raw, ensure_ascii=False).encode())
        # If not all fit, the latest are kept.
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
        """Writes the file, readable by the owner only; its folder must exist.

        Raises:
            OSError: it cannot be written.
        """
        private_files.write(path, self.to_json())


def load(path: Path) -> PortalMemory:
    """Loads the knowledge; empty if the file is missing or unreadable.

    What was learned under other rules is dropped; what the user confirmed is not.
    """
    try:
        if path.stat().st_size > 4 * _BIGGEST:
            return PortalMemory()
        return from_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        return PortalMemory()


def from_json(text: str) -> PortalMemory:
    """Reads what `to_json` wrote.

    Raises:
        ValueError: the text has another format.
    """
    memory = PortalMemory()
    try:
        raw = json.loads(text)
        memory.accepted_without_area = raw["accepted_without_area"] is True
        memory.has_answered = raw.get("has_answered") is True
        if raw["rules_version"] != RULES_VERSION:
            return memory
        memory._area_example, memory._proof_url = str(raw["area_example"]), str(raw["proof_url"])
        memory._positions, memory._texts = _tables(raw["places"]), _tables(raw["texts"])
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


def _without_secrets(address: str) -> str:
    """What is stored of an address: itself, or a hash if it has a secret."""
    if _without_secret(address):
        return address
    return f"sha256:{hashlib.sha256(address.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _without_secret(address: str) -> str:
    """The address; `""` if it has a secret, because it cannot be stored with it and does not work without."""
    return address if redact.address(address) == address else ""


def _note(table: dict[str, dict[str, None]], name: str, order_key: str, most: int) -> None:
    """Adds an order to a name and makes the name the latest."""
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
    """Similarity without the features common to all pages; with all features if none are left of an order."""
    rest = other - common
    return similarity(one - common, rest) if len(rest) >= 3 else similarity(one, other)
