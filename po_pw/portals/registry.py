"""Which portal an address belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from po_pw.portals import generic

if TYPE_CHECKING:
    from po_pw import settings
    from po_pw.portals import base


def for_url(url: str, options: settings.Settings) -> base.Portal:
    """The portal that is surest of this address."""
    known: list[base.Portal] = [generic.GenericPortal(options.url_template)]
    return max(known, key=lambda portal: portal.claims(url))
