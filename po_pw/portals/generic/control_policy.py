"""Decides which controls may be pressed and which links fetched. Pure.

The principle, here and in `address_policy` and `request_policy`: **the more an address proves, the less words count.**

- A link is fetched with GET by its address, so what counts is whether that address *does* something. Words of change
  in it, its fields or its method always count, except participles and nouns ("signed", "approvals"). Words that may
  also name a folder ("archive", "share", "post") do not count before a file name or a word for downloading, or if all
  items of the area share them.
- A press can do anything. So the whole label must mean a download, and any word of change anywhere on the control, in
  any form, excludes it.
- In doubt a control is left alone. A file that was not fetched is reported; a change on a portal cannot be undone.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from po_pw import hostnames, models
from po_pw.portals.generic import (
    address_policy,
    control_veto,
    icon_words,
    label_words,
    record_address,
    tokenizer,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Collection


class Action(enum.StrEnum):
    """What may be done with a control."""

    FETCH = "FETCH"
    """Fetch its address."""
    PRESS = "PRESS"
    """Press it to get a file."""
    OPEN = "OPEN"
    """Press it to show the list or more of it: an expander, a tab."""
    TURN = "TURN"
    """Press it to show other or more entries: next, more, a page number. Only in the list's own paging."""
    LEAVE = "LEAVE"
    """Leave it alone."""
    RECORD = "RECORD"
    """Record it: an attachment that is only a link to another site."""


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What may be done with a control, and why."""

    action: Action
    why: str
    """For people, e.g. `the icon says "trash"`."""
    name: str = ""
    """The file's name, or the label without words for downloading; may be empty."""
    certain: bool = True
    """False if only the response shows whether it is a file."""


_SURE_TOPIC: Final = 0.8
"""From this on, `topics.topic` is sure that a text names attachments."""
_OPENING: Final = ("aria-expanded", "aria-haspopup")
_PANEL_ATTRIBUTES: Final = ("aria-controls", "data-target", "data-bs-target")


def _named(facts: models.Control, names: Collection[str]) -> str:
    for text in (facts.label, facts.title, *control_veto.own_names(facts)):
        name = label_words.names_something(text)
        if name:
            return name
    return next(iter(names), "") if len(set(names)) == 1 else ""


def decide(
    facts: models.Control,
    *,
    origin: str,
    names: Collection[str] = (),
    shared_segments: Collection[str] = (),
    in_area: bool = True,
    record: str = "",
) -> Decision:
    """Decides what may be done with a control.

    Args:
        facts: the control.
        origin: scheme, host and port of the page, e.g. `https://portal.example`.
        names: file names of its row or area.
        shared_segments: path segments that all items of the area share.
        in_area: it stands in an area of attachments.
        record: the part of the page's address that names its record; if given, a link to other entries must keep it.
    """
    if facts.address:
        return _link(facts, origin, names, shared_segments, in_area=in_area, record=record)
    reason = control_veto.veto(facts, names=names, shared_segments=shared_segments)
    if reason:
        return Decision(Action.LEAVE, reason)
    return decide_button(facts, names, in_area=in_area)


def decide_button(facts: models.Control, names: Collection[str], *, in_area: bool) -> Decision:
    """Decides what may be done with a control without an address, for which `control_veto.veto` gave no reason.

    Args:
        facts: the control.
        names: file names of its row or area.
        in_area: it stands in an area of attachments.
    """
    if facts.kind == "reset":
        return Decision(Action.LEAVE, "it resets a form")
    label = facts.label
    if not control_veto.is_submit(facts):
        turned = _turning(facts, in_area=in_area)
        if turned:
            return turned
    opens = (
        facts.tag == "summary"
        or facts.role == "tab"
        or any(name in control_veto.attributes_of(facts) for name in _OPENING)
    )
    if opens and not label_words.file_name(label):
        return Decision(Action.LEAVE, "it opens something, but does not say attachments")
    proven = control_veto.proven_names(facts, names)
    if not in_area and not control_veto.own_names(facts) and not label_words.file_name(label):
        return Decision(Action.LEAVE, "it is outside the attachment list and names no file")
    name = _named(facts, proven)
    if not tokenizer.words(label):
        if icon_words.icon_of_download(facts.icons, label):
            return Decision(Action.PRESS, "its icon means download", name)
        return Decision(Action.LEAVE, "it has only an icon, which does not mean download")
    if label_words.is_all_label(label):
        return Decision(Action.LEAVE, "it downloads all files at once")
    known = (*proven, *([label_words.file_name(label)] if label_words.file_name(label) else []))
    if label_words.is_download_label(label, names=known):
        return Decision(Action.PRESS, "its label says download", name, certain=is_name_proven(facts, names))
    if label_words.is_name_label(label, names=known) or label.casefold() in {one.casefold() for one in names}:
        return Decision(Action.PRESS, "its label is a file name", name or label, certain=is_name_proven(facts, names))
    return Decision(Action.LEAVE, "its label is neither a file name nor a word for download")


def is_name_proven(facts: models.Control, names: Collection[str] = ()) -> bool:
    """Whether the file name found in the label is certainly the whole name: one word, or shown elsewhere as well."""
    name = label_words.file_name(facts.label)
    if not name or " " not in name:
        return True
    known = {one.casefold() for one in (*control_veto.own_names(facts), *names)}
    return name.casefold() in known or name.casefold() in facts.row.casefold()


def _turning(facts: models.Control, *, in_area: bool) -> Decision | None:
    """OPEN or TURN for a control that is not a submit button; None if it is neither."""
    attributes = control_veto.attributes_of(facts)
    governs = facts.tag == "summary" or facts.role == "tab" or any(attributes.get(one) for one in _PANEL_ATTRIBUTES)
    governs = governs or attributes.get("data-toggle", attributes.get("data-bs-toggle", "")) in {
        "collapse",
        "tab",
        "pill",
    }
    governs = governs or ("aria-expanded" in attributes and topics.has_topic(facts.label))
    if (
        governs
        and label_words.is_expander_label(facts.label)
        and (in_area or topics.topic(facts.label) or topics.has_topic(facts.label))
    ):
        return Decision(Action.OPEN, "it opens a section of the list")
    if facts.role == "tab" and topics.topic(facts.label) >= _SURE_TOPIC:
        return Decision(Action.OPEN, "it is the tab of the list")
    if in_area and not label_words.file_name(facts.label) and "aria-haspopup" not in attributes:
        if label_words.is_more_label(facts.label):
            return Decision(Action.TURN, "it shows more of the list")
        if label_words.is_next_label(facts.label) or icon_words.icon_of_next_page(facts.icons, facts.label):
            return Decision(Action.TURN, "it shows the next page of the list")
        if label_words.page_number(facts.label):
            return Decision(Action.TURN, "it shows another page of the list")
    return None


_LINKS: Final = {"a", "area", "object", "embed"}
"""Elements whose address the browser itself requests, with GET."""


def _link(
    facts: models.Control, origin: str, names: Collection[str], shared: Collection[str], *, in_area: bool, record: str
) -> Decision:
    if urlsplit(facts.address).scheme not in {"http", "https", "blob", "data"}:
        return Decision(Action.LEAVE, "its address is not a web address")
    reason = control_veto.veto_of_link(facts, names, shared)
    if not reason and facts.tag not in _LINKS:
        # A script requests the address; only the rest of the control shows how.
        reason = control_veto.veto(facts, names=names, shared_segments=shared)
    if reason:
        return Decision(Action.LEAVE, reason)
    if label_words.is_all_label(facts.label):
        return Decision(Action.LEAVE, "it downloads all files at once")
    if label_words.is_sign_in_label(facts.label):
        return Decision(Action.LEAVE, "it leads to a sign-in")
    scheme = urlsplit(facts.address).scheme
    file_label = bool(label_words.file_name(facts.label) or control_veto.own_names(facts))
    plain = address_policy.is_plain_file_address(facts.address)
    name = _named(facts, names)
    if scheme in {"blob", "data"}:
        if control_veto.veto(facts, names=names, shared_segments=shared):
            return Decision(Action.LEAVE, "it may change something")
        return Decision(Action.PRESS, "the page itself makes its file", name, certain=file_label)
    if not file_label and not plain:
        turned = _turning(facts, in_area=in_area)
        if turned and hostnames.origin_of(facts.address) == hostnames.origin_of(origin):
            if record and not record_address.keeps_record(facts.address, record):
                return Decision(Action.LEAVE, "it leads to another order or record")
            return turned
    attributes = control_veto.attributes_of(facts)
    asks_file = "download" in attributes or label_words.is_download_label(facts.label, names=names)
    if hostnames.origin_of(facts.address) != hostnames.origin_of(origin) and not (
        file_label or plain or "download" in attributes
    ):
        action = Action.RECORD if in_area else Action.LEAVE
        return Decision(action, "it leads to another website and names no file", name or facts.label)
    if file_label or plain or asks_file:
        certain = file_label or "download" in attributes or (plain and in_area)
        return Decision(Action.FETCH, "it names a file or a download", name, certain=certain)
    if in_area:
        return Decision(Action.FETCH, "it is in the attachment list", name, certain=False)
    return Decision(Action.LEAVE, "it is outside the attachment list and names no file")
