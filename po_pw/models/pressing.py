"""Presses of controls: why one is pressed, what the page sends then, and what is decided on it."""

from __future__ import annotations

import dataclasses
import enum


class Purpose(enum.StrEnum):
    """Why a control is pressed."""

    FILE = "FILE"
    """It downloads a file."""
    OPEN = "OPEN"
    """It shows more of the attachment list: an expander, a tab."""
    TURN = "TURN"
    """It pages through the list: next, more, a page number."""


@dataclasses.dataclass(frozen=True, slots=True)
class HeldRequest:
    """A request after a press, held before it is sent."""

    method: str
    url: str
    resource: str
    """Playwright's resource type: `document`, `xhr`, `fetch`, `ping`, `image`, `other` …"""
    page_url: str
    """Address of the pressed control's page."""
    content_type: str = ""
    body: str = ""
    """As text, at most 64 KiB; `""` if there is none."""
    fields: tuple[tuple[str, str], ...] = ()
    """Names and values, if the body is a form."""
    in_own_frame: bool = True
    """For a document: it is for the page, one of its frames, or its pop-up."""


class Ruling(enum.StrEnum):
    """Decision on a held request."""

    PASS = "PASS"  # noqa: S105 - no password
    STOP = "STOP"
    LINK = "LINK"
    """Stop it, and fetch its address like any other link."""


@dataclasses.dataclass(frozen=True, slots=True)
class RequestDecision:
    """Decision on a held request, and the reason."""

    ruling: Ruling
    why: str
    """For messages, e.g. `the address says "approve"`."""
