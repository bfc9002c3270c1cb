"""One press, and the requests after it with the decision on each."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, TypeAlias

from playwright import async_api as playwright

from po_pw import errors, events, models, redact
from po_pw.browser import held_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


Decide: TypeAlias = "Callable[[models.HeldRequest], models.RequestDecision]"
Allow: TypeAlias = "Callable[[models.Control], str | None]"
"""Why a control may not be pressed; None if it may."""
OnAudit: TypeAlias = "Callable[[events.Pressed | events.RequestDecided], None]"


@dataclasses.dataclass(frozen=True, slots=True)
class DecidedRequest:
    """A held request with the decision on it."""

    request: models.HeldRequest
    decision: models.RequestDecision
    is_unasked: bool = False
    """The page had sent such requests before the press: the control did not cause it."""

    @property
    def text(self) -> str:
        """For messages: method, address without query, field names."""
        names = held_requests.names_of(self.request)
        return f"{self.request.method} {redact.bare(self.request.url)}" + (f" ({', '.join(names)})" if names else "")


@dataclasses.dataclass(frozen=True, slots=True)
class Linked:
    """A document that the press requested: it was stopped, and its address can be fetched like any other."""

    url: str
    is_whole_page: bool = True
    """For the page itself or a new window; False: for a frame in the page."""


class PressRefusedError(errors.PermanentError):
    """A control was not pressed, or its request was stopped or brought no file.

    Attributes:
        stopped: requests that were stopped, except those that the page sends anyway.
        sent: requests other than GET that were sent and brought no file.
    """

    default_code = models.ErrorCode.NOT_PRESSED

    def __init__(
        self, message: str, stopped: tuple[DecidedRequest, ...] = (), sent: tuple[DecidedRequest, ...] = ()
    ) -> None:
        super().__init__(message)
        self.stopped = stopped
        self.sent = sent


class Press:
    """One press, and the requests after it; more may follow until the page is left."""

    def __init__(
        self,
        purpose: models.Purpose,
        decide: Decide,
        on_audit: OnAudit,
        page_url: str,
        known: frozenset[held_requests.Kind],
    ) -> None:
        self.purpose = purpose
        self.label = ""
        self.page_url = page_url
        self.requests: list[DecidedRequest] = []
        """All held requests, in order."""
        self.links: list[Linked] = []
        self.news = asyncio.Event()
        """Set whenever a request was added or a response ended."""
        self.under_way: set[playwright.Request] = set()
        """Requests caused by the press that were sent and have not ended."""
        self._decide = decide
        self._on_audit = on_audit
        self._known = known

    @property
    def stopped(self) -> tuple[DecidedRequest, ...]:
        """Requests of the control that were stopped."""
        return tuple(one for one in self.requests if one.decision.ruling is models.Ruling.STOP and not one.is_unasked)

    @property
    def sent(self) -> tuple[DecidedRequest, ...]:
        """Requests of the control other than GET that were sent."""
        return tuple(
            one
            for one in self.requests
            if one.decision.ruling is models.Ruling.PASS
            and not one.is_unasked
            and one.request.method not in held_requests.READING
        )

    def decide(
        self, held: models.HeldRequest, kind: held_requests.Kind | None, *, unseen: str = "", in_window: bool = False
    ) -> DecidedRequest:
        """Decides on one request and reports it to the audit.

        Args:
            held: the request.
            kind: its kind, to recognise requests that the page sends anyway; None if that does not matter.
            unseen: why it cannot be decided on, so that it is stopped; `""` if it can.
            in_window: it is the document of a new window, where later requests cannot be watched.
        """
        decision = models.RequestDecision(models.Ruling.STOP, unseen) if unseen else self._decide(held)
        if in_window and decision.ruling is models.Ruling.PASS:
            if held.method == "GET":
                decision = models.RequestDecision(models.Ruling.LINK, decision.why)
            else:
                why = "it opens another window, where po-pw cannot check what follows"
                decision = models.RequestDecision(models.Ruling.STOP, why)
        decided = DecidedRequest(held, decision, kind is not None and kind in self._known)
        self.requests.append(decided)
        if held.method not in held_requests.READING or decision.ruling is models.Ruling.STOP:
            self._on_audit(
                events.RequestDecided(
                    self.label,
                    self.purpose,
                    held.method,
                    redact.bare(held.url),
                    decision.ruling,
                    decision.why,
                    held_requests.names_of(held),
                    decided.is_unasked,
                )
            )
        self.news.set()
        return decided

    def stops(self, held: models.HeldRequest) -> bool:
        """Whether a request would be stopped; nothing is recorded."""
        return self._decide(held).ruling is models.Ruling.STOP

    def refuse(self, why: str) -> PressRefusedError:
        """Reports that the control was not pressed; returns the error."""
        self._tell(why)
        return PressRefusedError(f"{self.label!r} was not pressed: {why}")

    def report_press(self) -> None:
        """Reports that the control is about to be pressed."""
        self._tell("")

    def _tell(self, refused: str) -> None:
        self._on_audit(events.Pressed(self.label, self.purpose, redact.bare(self.page_url), refused))

    def error_without_file(self) -> PressRefusedError | None:
        """The error if the press's requests were stopped or brought no file; None if it sent nothing."""
        if self.stopped:
            said = "; ".join(f"{one.text}: {one.decision.why}" for one in self.stopped[:3])
            return PressRefusedError(
                f"a press of {self.label!r} sent a request that was stopped: {said}", self.stopped, self.sent
            )
        if self.sent:
            said = "; ".join(one.text for one in self.sent[:3])
            return PressRefusedError(f"a press of {self.label!r} sent {said}, but no file came", (), self.sent)
        return None


@contextlib.contextmanager
def clickable(press: Press) -> Iterator[None]:
    """Maps Playwright's errors of a click to ours."""
    try:
        yield
    except playwright.TimeoutError as error:
        msg = f"{press.label!r} cannot be clicked ({_first_line(error)})"
        raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error
    except playwright.Error as error:
        if "not attached" not in str(error) and "Execution context was destroyed" not in str(error):
            raise
        msg = f"{press.label!r} is gone: the page changed meanwhile"
        raise errors.TransientError(msg, models.ErrorCode.LIST_INCOMPLETE) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
