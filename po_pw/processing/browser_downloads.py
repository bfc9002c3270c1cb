"""Files that come through the browser: those that a host refuses to our HTTP client, and those that a press starts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, models
from po_pw.processing import file_space
from po_pw.storage import disk_errors
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from pathlib import Path

    from po_pw.lanes import base as lanes
    from po_pw.processing import file_traffic, order_progress

_HOPELESS: Final = 3
"""Number of files in a row that a host refuses to the browser as well, after which its refusals are final."""


class BrowserDownloads:
    """Downloads of one worker through its browser.

    Args:
        lane: that downloads.
        traffic: shared by all workers.
        hub: receives events.
        stall: seconds without data after which a download is cancelled.
    """

    def __init__(self, lane: lanes.Lane, traffic: file_traffic.Traffic, hub: events.Hub, stall: float) -> None:
        self._lane = lane
        self._traffic = traffic
        self._hub = hub
        self._stall = stall

    async def start(
        self,
        link: models.Link,
        policy: allowed_hosts.HostPolicy,
        needed: errors.BrowserRouteNeededError | errors.HostUnreachableError | None,
    ) -> lanes.Captured:
        """Starts a download by its address. Announces once for a host that all its files come this way.

        Args:
            link: of the file.
            policy: hosts that it may come from.
            needed: why our HTTP client did not get it; None if it was not asked, as with earlier files of the host.

        Raises:
            OrderError: the browser does not get it either; the message gives both reasons.
            SessionExpiredError: a sign-in page came instead.
            BrowserLostError: the context crashed.
        """
        host, traffic = allowed_hosts.host_of(link.url), self._traffic
        if needed is not None and traffic.refused[host] >= _HOPELESS:
            raise needed
        try:
            captured = await self._lane.download(link, policy)
        except (errors.BrowserLostError, errors.SessionExpiredError):
            raise
        except errors.OrderError as error:
            if needed is None or error.code is models.ErrorCode.TOO_LARGE:
                raise
            if isinstance(needed, errors.HostUnreachableError):
                traffic.refused[host] += 1
                raise needed from error
            both = f"{needed}; {error}"
            if isinstance(error, errors.HostUnreachableError):
                raise errors.HostUnreachableError(both, error.host, error.fault).after(needed) from error
            if isinstance(error, errors.TransientError):
                later = errors.TransientError(both, error.code, retry_after=error.retry_after)
                raise later.after(needed) from error
            traffic.refused[host] += 1
            raise errors.PermanentError(both, error.code).after(needed) from error
        if needed is not None and traffic.got_by_browser(link.url, needed):
            self._hub.emit(events.Notice("info", f"files of {host} are downloaded by the browser: {needed}"))
        return captured

    async def complete(self, captured: lanes.Captured, progress: order_progress.OrderProgress) -> Path:
        """Waits for a download; returns the path of its file.

        If the disk is full, the browser only reports that the download was canceled: then the disk is checked.

        Raises:
            TransientError: it was cut off or stalled.
            OutputUnavailableError: the output directory's disk is full or cannot be written to.
            DoesNotFitError: the disk of the browser's own files is full.
            BrowserLostError: the context crashed.
        """
        download = progress.work.path / "download"
        try:
            with disk_errors.map_os_errors(download):
                return await captured.part(self._stall)
        except errors.BrowserLostError:
            raise
        except errors.TransientError as error:
            if isinstance(error, errors.OutputUnavailableError):
                raise
            if (
                fault := await asyncio.to_thread(disk_errors.write_error, disk_errors.internal_folder(download))
            ) is not None:
                raise disk_errors.to_order_error(fault, download) from error
            little = file_space.NoSpaceForBrowserError(str(error), file_space.BROWSER_NEEDS, captured.temporary)
            if error.code is models.ErrorCode.TRUNCATED and not await asyncio.to_thread(file_space.has_space, [little]):
                raise little from error
            raise
