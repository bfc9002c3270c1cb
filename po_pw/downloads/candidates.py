"""The addresses of one attachment: which to request next, and the result of all responses. Pure."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.downloads import content_check, known_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_REQUESTS: Final = 3
"""Maximum requests for one attachment, including pages about it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One address to request."""

    link: models.Link
    is_followed: bool = False
    """It was found on a page about the file."""


class Candidates:
    """The addresses of one attachment, requested in turn until one returns the file.

    Args:
        attachment: to fetch.
        first: address to begin with; the attachment's others follow.
        known: what addresses of this run led to.
    """

    def __init__(
        self, attachment: models.Attachment, first: models.Link, known: known_addresses.KnownAddresses
    ) -> None:
        self._attachment = attachment
        self._known = known
        self._pages: dict[str, bool] = {}
        """Addresses that returned a page; True if without a redirect."""
        self._errors: list[errors.OrderError] = []
        self._requested: set[str] = set()
        self._todo = collections.deque(Step(link) for link in self._ordered((first, *_links(attachment))))

    @property
    def request_count(self) -> int:
        """Number of addresses requested."""
        return len(self._requested)

    def next(self) -> Step | None:
        """The next address to request; None if there is none, or after `MAX_REQUESTS`."""
        while self._todo and len(self._requested) < MAX_REQUESTS:
            step = self._todo.popleft()
            if _plain(step.link.url) not in self._requested and not self.is_ruled_out(step):
                return step
        return None

    def is_ruled_out(self, step: Step) -> bool:
        """Whether this address is already known not to be an attachment; never so for a certain one.

        The only address of a file is requested even if similar ones were pages about files.
        """
        return not (self._attachment.is_certain or step.is_followed) and (
            self._known.of(step.link.url) is known_addresses.AddressKind.PAGE
        )

    def ask(self, step: Step) -> None:
        """Records that this address is being requested."""
        self._requested.add(_plain(step.link.url))

    def failed(self, step: Step, error: errors.OrderError, more: Iterable[str] = ()) -> None:
        """Records that an address did not return the file.

        Args:
            step: which address.
            error: what came instead.
            more: addresses on the returned page that may lead to the file; they are requested next.
        """
        self._errors.append(error)
        if isinstance(error, content_check.PageReceivedError):
            at = error.page.url
            self._pages[step.link.url] = _path(at) == _path(step.link.url)
            self._todo.extendleft(reversed([Step(models.Link(url, at), is_followed=True) for url in more]))

    def saved(self, step: Step) -> None:
        """Records that an address returned the file: the pages before it were about it."""
        self._known.note(step.link.url, known_addresses.AddressKind.FILE)
        for url, is_own in self._pages.items():
            self._known.note(url, known_addresses.AddressKind.ABOUT, of_shape=is_own)

    def outcome(self, *, is_cut_short: bool = False) -> errors.OrderError | None:
        """The error that follows from all responses; None: this is not an attachment.

        Args:
            is_cut_short: addresses were left, but the order reached its limit of requests.
        """
        worst = max(self._errors, key=_telling, default=None)
        if is_cut_short and (worst is None or isinstance(worst, errors.NotAFileError)):
            prefix = f"{worst}; " if worst else ""
            msg = f"{prefix}no further addresses were tried: the limit for one order is reached"
            return errors.PermanentError(msg, models.ErrorCode.NOT_A_FILE).after(worst)
        if self._attachment.is_certain:
            return worst or errors.NotAFileError("none of this file's addresses could be opened")
        if worst is None or isinstance(worst, errors.NotAFileError):
            for url, is_own in self._pages.items():
                self._known.note(url, known_addresses.AddressKind.PAGE, of_shape=is_own)
            return None
        return worst

    def _ordered(self, links: Iterable[models.Link]) -> list[models.Link]:
        """Each once; those known not to be the file come last."""
        once = list({_plain(link.url): link for link in reversed(list(links))}.values())[::-1]
        return sorted(
            once,
            key=lambda link: (
                self._known.of(link.url) in {known_addresses.AddressKind.ABOUT, known_addresses.AddressKind.PAGE}
            ),
        )


def press(attachment: models.Attachment) -> models.Click | None:
    """The click among an attachment's other links; None if there is none."""
    return next((way for way in attachment.others if isinstance(way, models.Click)), None)


def _links(attachment: models.Attachment) -> list[models.Link]:
    return [way for way in (attachment.source, *attachment.others) if isinstance(way, models.Link)]


def _telling(error: errors.OrderError) -> int:
    """Rank of an error by how well it explains the failure and what to do."""
    if isinstance(error, errors.SessionExpiredError):
        return 5
    if isinstance(error, errors.TransientError):
        return 4
    if error.code is models.ErrorCode.FORBIDDEN:
        return 3
    if isinstance(error, errors.NotAFileError):
        return 2
    return 1


def _plain(url: str) -> str:
    return url.partition("#")[0]


def _path(url: str) -> str:
    return _plain(url).partition("?")[0].rstrip("/")
