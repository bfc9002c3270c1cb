"""Checks whether a run's results are plausible as a whole, even if each order looks right. Pure.

If po-pw misreads a portal's pages, the results are all the same: no attachments anywhere, the same file everywhere,
nothing recognised. This is counted per portal.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import hostnames, models

if TYPE_CHECKING:
    from collections.abc import Callable

_FEW: Final = 10
"""Minimum orders read of a portal for a finding about attachments."""
_MANY: Final = 20
_NEARLY_ALL: Final = 0.95
"""Share of orders without attachments for a finding, with at least `_MANY` orders; with fewer it must be all."""
_SAME_ORDERS: Final = 5
_SAME_SHARE: Final = 0.8
"""Share of the orders with files that have the same single file, for a finding."""
_STRANGE_ORDERS: Final = 5
_STRANGE_SHARE: Final = 0.5
"""Share of unrecognised orders for a finding."""
_DIGESTS: Final = 64
"""Digests counted per portal. A count may be too low, by one in 64 orders, never too high."""
_PORTALS: Final = 1000
"""Maximum number of portals."""


@dataclasses.dataclass(slots=True)
class _Portal:
    url: str
    """Address of one of its orders."""
    orders: int = 0
    read: int = 0
    """Orders whose pages were recognised and read."""
    bare: int = 0
    """Orders read that have no attachments."""
    bare_url: str = ""
    """Address of one of these."""
    with_files: int = 0
    only_files: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """SHA-256 of orders' only files."""
    file_names: dict[str, str] = dataclasses.field(default_factory=dict)
    strange: int = 0
    """Orders not recognised."""


class Plausibility:
    """Counts the outcomes of a run, including those from earlier runs."""

    def __init__(self) -> None:
        self._portals: dict[str, _Portal] = {}

    def add(self, outcome: models.Outcome) -> None:
        """Counts one order's outcome; each order once."""
        origin = hostnames.origin_of(outcome.source_url)
        portal = self._portals.get(origin)
        if portal is None:
            if len(self._portals) >= _PORTALS:
                return
            portal = self._portals[origin] = _Portal(outcome.source_url)
        portal.orders += 1
        code = outcome.error.code if outcome.error is not None else None
        if code is models.ErrorCode.NOT_RECOGNISED:
            portal.strange += 1
        shown = [file for file in outcome.files if "vanished" not in file.checks]
        if outcome.status.succeeded or shown or outcome.found:
            portal.read += 1
        if outcome.status is models.Status.NO_ATTACHMENTS:
            portal.bare += 1
            portal.bare_url = portal.bare_url or outcome.source_url
        if shown:
            portal.with_files += 1
        if len(shown) == 1 and outcome.found == 1:
            _count(portal, shown[0])

    def findings(self, accepted: Callable[[str], bool] = lambda _: False) -> tuple[str, ...]:
        """Findings, one sentence each, with the figures.

        Args:
            accepted: whether the user has confirmed that orders of the portal with this origin may have no attachments.
        """
        found = []
        for origin, portal in self._portals.items():
            host = origin.partition("://")[2]
            bare = _bare(host, portal)
            said = ("" if bare and accepted(origin) else bare, _same(host, portal), _strange(host, portal))
            found += [text for text in said if text]
        return tuple(found)


def _count(portal: _Portal, file: models.SavedFile) -> None:
    """Counts the digest of an order's only file, in constant memory (Misra and Gries)."""
    counts = portal.only_files
    counts[file.sha256] += 1
    portal.file_names.setdefault(file.sha256, file.path)
    if len(counts) > _DIGESTS:
        counts.subtract(dict.fromkeys(counts, 1))
        for digest in [digest for digest, count in counts.items() if not count]:
            del counts[digest]
            del portal.file_names[digest]


def _bare(host: str, portal: _Portal) -> str:
    if portal.read < _FEW:
        return ""
    wanted = portal.read if portal.read < _MANY else _NEARLY_ALL * portal.read
    if portal.bare < wanted:
        return ""
    all_of_them = "all" if portal.bare == portal.read else f"{portal.bare} of"
    return (
        f"{host}: {all_of_them} {portal.read} orders have no attachments. That looks wrong. Check one: po-pw portal "
        f"inspect {portal.bare_url} (with --accept if it is right)"
    )


def _same(host: str, portal: _Portal) -> str:
    if portal.read < _FEW or not portal.only_files:
        return ""
    digest, count = portal.only_files.most_common(1)[0]
    if count < _SAME_ORDERS or count < _SAME_SHARE * portal.with_files:
        return ""
    return (
        f"{host}: {count} of {portal.with_files} orders with files have only the same file, "
        f"{portal.file_names[digest]}. It may belong to the website, not to the orders. Check one: po-pw portal "
        f"inspect {portal.url}"
    )


def _strange(host: str, portal: _Portal) -> str:
    if portal.orders < _STRANGE_ORDERS or portal.strange <= _STRANGE_SHARE * portal.orders:
        return ""
    return (
        f"{host}: {portal.strange} of {portal.orders} orders opened a page that is not theirs. Check the url "
        "column; screenshots are in .po-pw/evidence"
    )
