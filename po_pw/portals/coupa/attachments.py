"""Turns the entries of Coupa's lists into attachments, each once. Pure.

Coupa numbers each file: addresses with the same number are the same file, whichever list shows them. A button without
an address has no number: it is identified by section, name and position. Whether its file is the same as one with an
address is decided by content, after the download (`processing.same_content.drop_duplicates`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from po_pw import hostnames, models
from po_pw.portals.coupa import page_kind
from po_pw.portals.generic import address_policy, control_policy, label_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from po_pw.portals.coupa import look as looks

FILE: Final = re.compile(r"/attachment/attachment_file/[^/]+/(\d+)(?:/([^/]*))?$")
"""Path of a file; its groups are the file's number and name."""
RECORD: Final = re.compile(r"/attachments/\d+$")
"""Path of the page about an attachment."""
STORED: Final = re.compile(r"/attachment_files/files/\d+/")
"""Path of a file in Coupa's storage: such an attachment is a file, not a web address that somebody attached."""
_SECTIONS: Final = {"header": "Attachments", "comments": "Comments", "lines": "Lines"}
_PDF: Final = re.compile(r"\.pdf\W*$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """The page that entries were read from."""

    url: str
    label: str = ""
    """Name of the page for people, e.g. `requisition 12`; `""` for the order's own."""
    at: str = ""
    """Address of the page; `""` for the order's own; see `models.Click.at`."""

    def heading(self, section: str) -> str:
        """Where an attachment is shown, for people."""
        name = _SECTIONS[section]
        return f"{self.label}: {name}" if self.label else name


class Found:
    """Attachments found so far on all pages, those of the order's own page first."""

    def __init__(self) -> None:
        self._found: dict[str, models.Attachment] = {}
        self.considered: list[models.Considered] = []
        self.unknown: list[str] = []
        """Entries that are attachments of an unknown kind without an address."""

    @property
    def attachments(self) -> tuple[models.Attachment, ...]:
        """In the order in which they were found."""
        return tuple(self._found.values())

    @property
    def has_pdf(self) -> bool:
        """Whether the name of one ends in `.pdf`."""
        return any(_PDF.search(one.name) for one in self._found.values())

    def add(self, entries: Sequence[looks.Entry], page: Page, turned: int = 0) -> bool:
        """Adds the entries of a look; returns whether any is new.

        Args:
            entries: of the look.
            page: that shows them.
            turned: number of times its lists were turned before.
        """
        before = len(self._found)
        entries = _without_hidden_twins(entries)
        alike: dict[str, int] = {}
        controls = [one.control for one in entries if one.kind == "press"]
        seen: dict[models.Control, int] = {}
        for entry in entries:
            nth = seen.get(entry.control, 0)
            seen[entry.control] = nth + 1
            click = models.Click(entry.control, nth, max(1, controls.count(entry.control)), turned, page.at)
            key = self._key(entry, page, turned)
            total = sum(self._key(other, page, turned) == key for other in entries)
            alike[key] = alike.get(key, 0) + 1
            self._add(entry, page, key if total == 1 or entry.kind == "file" else f"{key}-{alike[key]}of{total}", click)
        return len(self._found) > before

    def _add(self, entry: looks.Entry, page: Page, key: str, click: models.Click) -> None:
        sources, action, why = self._sources(entry, page, click)
        known = self._found.get(key)
        if known is None or not any(one.control == entry.control for one in self.considered):
            self.considered.append(
                models.Considered(entry.control, page.heading(entry.section), bool(sources), action, why)
            )
        if not sources:
            if entry.text not in self.unknown:
                self.unknown.append(entry.text)
            return
        if known is not None:
            more = [one for one in sources if one not in (known.source, *known.others)]
            # A control on a further page of the list can only be found again there.
            more = [one for one in more if isinstance(one, models.Link)]
            self._found[key] = dataclasses.replace(known, others=(*known.others, *more))
            return
        record = _number(entry.ways[0]) if entry.kind == "file" else ""
        self._found[key] = models.Attachment(
            key,
            _name(entry),
            sources[0],
            page.heading(entry.section),
            others=tuple(sources[1:]),
            record=record,
        )

    @staticmethod
    def _sources(entry: looks.Entry, page: Page, click: models.Click) -> tuple[list[models.FileSource], str, str]:
        """The ways to fetch an entry's file, likeliest first; the action; and its reason."""
        where = f"{entry.shape}, in the list of {page.heading(entry.section)}"
        match entry.kind:
            case "file":
                links: list[models.FileSource] = [models.Link(one, page.url) for one in entry.ways]
                press = [dataclasses.replace(click, control=entry.press, nth=0, alike=1)] if entry.press else []
                return [*links, *press], control_policy.Action.FETCH, where
            case "press":
                return [click], control_policy.Action.PRESS, where
            case "url" if not STORED.search(page_kind.path_of(entry.ways[0])):
                return (
                    [models.External(entry.ways[0])],
                    control_policy.Action.RECORD,
                    f"{where}: an attachment of type URL",
                )
            case "text" if entry.is_marked or not label_words.file_name(entry.text):
                return [models.Text(entry.text)], control_policy.Action.RECORD, f"{where}: an attachment of type Text"
        own = [one for one in entry.ways if _may_ask(one, page.url)]
        if own:
            return [models.Link(own[0], page.url)], control_policy.Action.FETCH, f"{where}: its address is asked"
        return [], control_policy.Action.LEAVE, f"{where}: an attachment of a kind that is not known"

    @staticmethod
    def _key(entry: looks.Entry, page: Page, turned: int) -> str:
        """Identifies an entry, the same on every visit."""
        if entry.kind == "file":
            return f"coupa-file-{_number(entry.ways[0])}"
        if entry.kind in {"url", "unknown"} and entry.ways:
            told = f"{entry.kind}\n{page.label}\n{entry.ways[0]}\n{entry.name}"
        else:
            told = f"{entry.kind}\n{page.label}\n{entry.section}\n{turned}\n{entry.name or entry.text}"
        return f"coupa-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def is_file_address(url: str) -> bool:
    """Whether an address returns an attachment, or leads to the address that does."""
    path = page_kind.path_of(url)
    return FILE.search(path) is not None or RECORD.search(path) is not None


def out_of_reach(entries: Sequence[looks.Entry]) -> bool:
    """Whether an attachment only has a button that is not visible."""
    return any(one.kind == "press" and not one.shown for one in _without_hidden_twins(entries))


def _number(address: str) -> str:
    found = FILE.search(urlsplit(address).path)
    return found[1] if found else ""


def _name(entry: looks.Entry) -> str:
    if entry.name:
        return " ".join(entry.name.split())[:300]
    if entry.kind == "file" and (found := FILE.search(urlsplit(entry.ways[0]).path)) and found[2]:
        return unquote(found[2])[:300]
    return " ".join(entry.text.split())[:80]


def _may_ask(address: str, page_url: str) -> bool:
    """Whether an unknown entry's address may be requested: it is the portal's, without a word of change."""
    is_own = hostnames.origin_of(address) == hostnames.origin_of(page_url)
    return is_own and address_policy.change_in_address(address) is None


def _without_hidden_twins(entries: Sequence[looks.Entry]) -> list[looks.Entry]:
    """The entries without invisible buttons of which a visible one has the same name."""
    shown = {one.name for one in entries if one.kind == "press" and one.shown}
    return [one for one in entries if one.kind != "press" or one.shown or one.name not in shown]
