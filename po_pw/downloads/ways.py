"""The ways to one attachment: which address is asked next, and what all answers together come to. Pure."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.downloads import expected_file, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_ASKS: Final = 3
"""Addresses that are asked for one attachment, pages about it included."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One address to ask."""

    link: models.Link
    is_followed: bool = False
    """It stood on a page about the file."""


class Ways:
    """The addresses of one attachment, asked in turn until one answers with the file.

    Args:
        attachment: whose.
        first: the way to begin with; the attachment's others come after it.
        known: what addresses turned out to be in this run.
    """

    def __init__(self, attachment: models.Attachment, first: models.Link, known: verdicts.Verdicts) -> None:
        self._attachment = attachment
        self._known = known
        self._pages: dict[str, bool] = {}
        """Addresses that answered with a page; whether it was their own, and not one that a redirect led to."""
        self._errors: list[errors.OrderError] = []
        self._asked: set[str] = set()
        self._todo = collections.deque(Step(link) for link in self._ordered((first, *_links(attachment))))

    @property
    def asks(self) -> int:
        """How many addresses were asked."""
        return len(self._asked)

    def next(self) -> Step | None:
        """What to ask next; None where there is nothing more, or enough was asked."""
        while self._todo and len(self._asked) < MOST_ASKS:
            step = self._todo.popleft()
            if _plain(step.link.url) not in self._asked and not self.is_ruled_out(step):
                return step
        return None

    def is_ruled_out(self, step: Step) -> bool:
        """Whether it is known by now that this address is no attachment. Of a certain one that is never taken as known.

        The only way to a file is asked even where its like were pages about files.
        """
        return not (self._attachment.is_certain or step.is_followed) and (
            self._known.of(step.link.url) is verdicts.Verdict.PAGE
        )

    def ask(self, step: Step) -> None:
        """This address is asked now."""
        self._asked.add(_plain(step.link.url))

    def failed(self, step: Step, error: errors.OrderError, more: Iterable[str] = ()) -> None:
        """What an address answered was not the file.

        Args:
            step: which address.
            error: what came instead.
            more: addresses on the page that came, from which the file may come; they are asked next.
        """
        self._errors.append(error)
        if isinstance(error, expected_file.PageInsteadError):
            at = error.page.url
            self._pages[step.link.url] = _path(at) == _path(step.link.url)
            self._todo.extendleft(reversed([Step(models.Link(url, at), is_followed=True) for url in more]))

    def saved(self, step: Step) -> None:
        """An address answered with the file: the pages before it were about it."""
        self._known.note(step.link.url, verdicts.Verdict.FILE)
        for url, is_own in self._pages.items():
            self._known.note(url, verdicts.Verdict.ABOUT, of_shape=is_own)

    def outcome(self, *, is_cut_short: bool = False) -> errors.OrderError | None:
        """What all answers together mean; None: this is no attachment.

        Args:
            is_cut_short: there were more addresses to ask, and the order had asked enough.
        """
        worst = max(self._errors, key=_telling, default=None)
        if is_cut_short and (worst is None or isinstance(worst, errors.NotAFileError)):
            said = f"{worst}; " if worst else ""
            msg = f"{said}no further addresses were tried: the limit for one order is reached"
            return errors.PermanentError(msg, models.ErrorCode.NOT_A_FILE)
        if self._attachment.is_certain:
            return worst or errors.NotAFileError("none of this file's addresses could be opened")
        if worst is None or isinstance(worst, errors.NotAFileError):
            for url, is_own in self._pages.items():
                self._known.note(url, verdicts.Verdict.PAGE, of_shape=is_own)
            return None
        return worst

    def _ordered(self, links: Iterable[models.Link]) -> list[models.Link]:
        """Each once; those that are known not to be the file itself come last."""
        once = list({_plain(link.url): link for link in reversed(list(links))}.values())[::-1]
        return sorted(
            once, key=lambda link: self._known.of(link.url) in {verdicts.Verdict.ABOUT, verdicts.Verdict.PAGE}
        )


def press(attachment: models.Attachment) -> models.Click | None:
    """A press that is one of an attachment's other ways; None where there is none."""
    return next((way for way in attachment.others if isinstance(way, models.Click)), None)


def _links(attachment: models.Attachment) -> list[models.Link]:
    return [way for way in (attachment.source, *attachment.others) if isinstance(way, models.Link)]


def _telling(error: errors.OrderError) -> int:
    """How much an error says of why the file did not come, and of what could be done about it."""
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
