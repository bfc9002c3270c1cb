"""How the gallery's pages are read: the only place of its tests that knows the reader."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.gallery_site import Case, GallerySite

IS_STUB: Final = True
"""True until `read_cases` and `use_controls` are written: the tests that need them are skipped."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What was read on one case's page."""

    verdict: str
    """One of `gallery_site.VERDICTS`."""
    names: tuple[str, ...] = ()
    """Of the attachments, in the page's order."""
    addresses: tuple[str, ...] = ()
    """As many as `names`: where each is fetched, absolute; `""` where only a press hands it out."""
    incomplete: bool = False


async def read_cases(site: GallerySite, cases: Iterable[Case]) -> Mapping[str, Reading]:
    """Reads each case's page as `process` would; gives the readings by the cases' ids.

    Each case is a portal of its own: what was learnt from one (its areas, what is the site's) must not be used for
    another. The pages of `case.neighbours` are other orders of the *same* portal, to be read as its other orders would
    be, before or after. The order's address is `site.url(case)`, its PO number `case.po`.

    An attachment that is an address elsewhere counts with that address. An attachment that no allowed way hands out
    makes the reading `INCOMPLETE`; so does a list that still loads, or that could not be loaded. An error page, by
    status or by its words, is `NOT_RECOGNISED`, unless it says that the order does not exist or may not be seen.

    Whether files are fetched as well is free; where they are, names are still those of the page, and what turned out
    to be no file is not in the reading.
    """
    raise NotImplementedError


async def use_controls(site: GallerySite, pages: Iterable[str]) -> None:
    """Reads each of these paths as an order's page, and fetches and presses all that it lists, as `process` would.

    What was used is read off the site's log: each control has an address of its own there.
    """
    raise NotImplementedError
