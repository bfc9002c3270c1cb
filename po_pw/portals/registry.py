"""Finds the portal for an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from po_pw import errors, plugins
from po_pw.portals.coupa import coupa_portal
from po_pw.portals.generic import generic_portal

if TYPE_CHECKING:
    from po_pw import settings
    from po_pw.portals import base


class Registry:
    """All portals: those of installed packages (`po_pw.portals`) before our own.

    Raises:
        InputError: the settings name an unknown portal, or a base address from which no order address follows.
        MachineError: a package's portal cannot be loaded.
    """

    def __init__(self, options: settings.Settings) -> None:
        self._known: list[base.Portal] = [make(options) for make in plugins.load("po_pw.portals").values()]
        is_coupa = options.portal == coupa_portal.CoupaPortal.name
        self._known.append(coupa_portal.CoupaPortal(options.base_url, is_sure=is_coupa))
        self._known.append(generic_portal.GenericPortal(options.url_template))
        self._named = self._of_name(options.portal) if options.portal is not None else None
        self._source: base.Portal | None = None
        if options.url_template is not None:
            self._source = generic_portal.GenericPortal(options.url_template)
        elif options.base_url is not None:
            self._source = self.for_url(options.base_url)
            if self._source.order_url("1") is None:
                msg = (
                    f"--base-url: po-pw cannot tell by its name which portal {options.base_url} is. Add --portal coupa "
                    "if it is Coupa; for any other, give --url-template"
                )
                raise errors.InputError(msg)

    def for_url(self, url: str) -> base.Portal:
        """The portal with the highest `claims` for an address; if equal, one of an installed package."""
        return self._named or max(self._known, key=lambda portal: portal.recognises(url))

    def recognises(self, url: str) -> bool:
        """Whether an address belongs to the portal that the settings name, by the address alone."""
        return self.for_url(url).recognises(url) > 0

    def address_of(self, po_number: str) -> str | None:
        """The address of an order, if the settings define it; else None."""
        return self._source.order_url(po_number) if self._source is not None else None

    @property
    def names(self) -> list[str]:
        """Names of all portals, sorted."""
        return sorted({portal.name for portal in self._known})

    def _of_name(self, name: str) -> base.Portal:
        for portal in self._known:
            if portal.name == name:
                return portal
        msg = f"--portal: there is no portal {name!r}; there are: {', '.join(self.names)}"
        raise errors.InputError(msg)
