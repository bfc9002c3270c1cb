"""Which portal an address belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from po_pw import plugins
from po_pw.portals.generic import generic_portal

if TYPE_CHECKING:
    from po_pw import settings
    from po_pw.portals import base


class Registry:
    """The portals that are known: those of installed packages (`po_pw.portals`) before our own.

    Raises:
        MachineError: a package's portal cannot be loaded.
    """

    def __init__(self, options: settings.Settings) -> None:
        self._known: list[base.Portal] = [make(options) for make in plugins.load("po_pw.portals").values()]
        self._known.append(generic_portal.GenericPortal(options.url_template))

    def for_url(self, url: str) -> base.Portal:
        """The portal that is surest of this address; of two that are equally sure, the installed one."""
        return max(self._known, key=lambda portal: portal.claims(url))
