"""The tenant as running HTTP servers: itself, its storage, and the identity provider."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from po_pw.demo import serving
from po_pw.demo.coupa import demo_tenant, provider, site, tenant_catalogue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@contextlib.asynccontextmanager
async def serve(
    settings: tenant_catalogue.TenantSettings | None = None, port: int = 0
) -> AsyncIterator[demo_tenant.Tenant]:
    """Serves a tenant while the block lasts, in the running loop.

    Args:
        settings: what kind of tenant; None for the usual one.
        port: of the tenant; 0 takes a free one. Storage and identity provider always take free ones.

    Raises:
        MachineError: the port cannot be had.
    """
    tenant = demo_tenant.Tenant(settings or tenant_catalogue.TenantSettings())
    async with contextlib.AsyncExitStack() as stack:
        handlers = site.Site(tenant)
        identity = provider.Provider(tenant)
        tenant.storage_origin = await serving.listen(stack, handlers.storage(), host_name=demo_tenant.OTHER_HOST)
        tenant.provider_origin = await serving.listen(stack, identity.application(), host_name=demo_tenant.OTHER_HOST)
        tenant.origin = await serving.listen(stack, handlers.application(), port)
        # Cookies belong to a host, not to a port: two portals here must not use each other's.
        tenant.cookie += f"_{urlsplit(tenant.origin).port}"
        yield tenant


@contextlib.contextmanager
def serve_in_thread(
    settings: tenant_catalogue.TenantSettings | None = None, port: int = 0
) -> Iterator[demo_tenant.Tenant]:
    """Serves a tenant while the block lasts, on a thread and loop of its own; as `serve`.

    Raises:
        MachineError: the port cannot be had.
        TimeoutError: it did not start, or did not end, in time.
    """
    with serving.in_thread(lambda: serve(settings, port), "demo tenant") as tenant:
        yield tenant
