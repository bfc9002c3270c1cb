"""Turns the report of `finder.js` on a frame into areas and candidates, each with the decision on it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from po_pw.browser import controls
from po_pw.portals.generic import (
    change_words,
    control_policy,
    file_names,
    grouping,
    label_words,
    list_counts,
    page_items,
    tokenizer,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from po_pw import models

_SENTENCE: Final = 4
"""Words."""


def area(raw: Mapping[str, Any], frame: str) -> page_items.Area:
    """One area of a frame.

    Args:
        raw: the area as `finder.js` reports it.
        frame: address of the frame; `""` for the main frame.
    """
    texts = raw["texts"]
    label = raw["label"]
    claims = None if raw["kind"] == "frame" else list_counts.claims(label)
    for badge in raw["badges"]:
        claims = claims if claims is not None else list_counts.claims(label, badge=badge)
    for text in texts:
        if claims is None and text != label:
            shown = list_counts.shown_of(text)
            claims = shown[1] if shown else list_counts.all_of(text)
    if raw["columns"]:
        claims = None
    return page_items.Area(
        label=_clean(label),
        score=raw["score"],
        frame=frame,
        shown=raw["shown"],
        busy=raw["busy"] or any(len(text) <= 60 and topics.says_loading(text) for text in texts),
        says_none=any(topics.says_none(text) for text in (*texts, label)),
        claimed=claims,
        items=0,
        scrolls=raw["scrolls"],
        failed=raw["failed"] or any(map(_says_trouble, texts)),
        unread=_unread(raw),
        sealed=raw["sealed"],
        branches=raw["branches"],
        pages=_pages(raw),
        unshown=max((list_counts.unshown(text) for text in texts), default=0),
        stated=max((list_counts.claims(said) or 0 for text in texts for said in _sentences(text)), default=0),
        clipped=max((list_counts.clipped(text) for text in texts if raw["columns"]), default=0),
        is_column=raw["columns"],
        names=grouping.names_in((*texts, *raw["options"])),
    )


def _sentences(text: str) -> list[str]:
    """The sentences of a text, without their full stops."""
    return [said.rstrip(".。 ") for said in re.split(r"(?<=[.!。])\s*(?=\S)", text)]


def _says_trouble(text: str) -> bool:
    """Whether a text says that the list could not be shown, or not to this user."""
    return topics.trouble(text) in {"denied", "failed"} and not topics.says_none(text)


def _unread(raw: Mapping[str, Any]) -> bool:
    """Whether an area shows something that matters if no attachment is found in it.

    Pictures, videos, closed shadow roots, file names, sizes, frames that are not empty, and a sentence that nobody has
    understood: it may say why the list is not shown ("You will see them once you have confirmed").
    """
    if raw["unreadable"] or (raw["kind"] == "frame" and raw["said"]):
        return True
    if any(file_names.is_file_name(text) or label_words.is_size(text) for text in raw["texts"]):
        return True
    # Only the first: what follows other texts may be about these.
    return _is_statement(raw["statement"])


def _is_statement(text: str) -> bool:
    """Whether a text says something about the list: too long for a label, and no invitation ("Drop files here")."""
    found = tokenizer.words(text)
    size = sum(len(word) / 2 if tokenizer.UNSPACED.match(word) else 1 for word in found)
    if size < _SENTENCE:
        return False
    return not any(change.form is change_words.Form.ACT for change in change_words.changes(found[0]))


def _pages(raw: Mapping[str, Any]) -> int:
    """Number of pages of its list that an area states; 1 if it states none."""
    counted = [list_counts.pages_of(text) for text in raw["texts"]]
    counted += [list_counts.pages_of(text, in_paging=True) for text in raw["pages"]]
    return max((count for count in counted if count), default=1)


def _clean(label: str) -> str:
    """A heading without its count."""
    return re.sub(r"\s*[(\[]\s*\d+\s*[)\]]\s*|\s*[:：]\s*$", " ", label).strip()[:80]  # noqa: RUF001 - the wide colon is one too


def candidates(
    number: int, frame_url: str, raw: Mapping[str, Any], address: str, origin: str, first_area: int, first_row: int
) -> Iterator[page_items.Candidate]:
    """The controls of a frame, with the decision on each.

    Args:
        number: of the frame in the look.
        frame_url: its address.
        raw: the whole report of `finder.js` on it.
        address: the same address; `""` for the main frame.
        origin: scheme, host and port of the portal.
        first_area: number of areas in the frames before: indices in a report are the frame's own.
        first_row: number of rows in the frames before.
    """
    parsed = [(one, controls.parse(one["is"], address)) for one in raw["candidates"]]
    # Segments that all files share, or that begin the page's own address, name a part of the portal, not an action.
    shared = _shared_segments([control for one, control in parsed if one["area"] >= 0 and control.address])
    shared |= {segment for segment in urlsplit(frame_url).path.strip("/").split("/")[:-1] if segment}
    for one, control in parsed:
        row, area = one["row"], one["area"]
        pieces = tuple(raw["pieces"][row]) if row >= 0 else ()
        said = (label_words.file_name(text) for text in (control.label, control.title, one["filename"]))
        names = {*grouping.names_in(pieces), *said, one["filename"]} - {""}
        decision = control_policy.decide(control, origin=origin, names=names, shared_segments=shared, in_area=area >= 0)
        if one["expanded"] and decision.action is control_policy.Action.PRESS:
            opens = label_words.is_expander_label(control.label) or topics.has_topic(control.label)
            action = control_policy.Action.OPEN if opens else control_policy.Action.LEAVE
            decision = control_policy.Decision(action, "it opens and closes a section of the page")
        yield page_items.Candidate(
            control=control,
            frame=number,
            frame_url=frame_url,
            area=area + first_area if area >= 0 else -1,
            row=row + first_row if row >= 0 else -1,
            row_text=raw["rows"][row] if row >= 0 else "",
            pieces=pieces,
            pictures=tuple(raw["pictures"][row]) if row >= 0 else (),
            decision=decision,
            shown=one["shown"],
            closed=one["closed"],
            off=one["off"],
            loose=one["loose"],
            opener=one["opener"],
            governs=one["governs"] + first_area if one["governs"] >= 0 else -1,
            expanded=one["expanded"],
            current=one["current"],
            paging=one["paging"],
            group=one["group"],
            filename=one["filename"],
            beside=one["beside"],
            tail=one["tail"],
        )


def _shared_segments(found: Sequence[models.Control]) -> set[str]:
    """Path segments that the addresses of all files have."""
    files = [one for one in found if label_words.file_name(one.label) or label_words.is_download_label(one.label)]
    paths = [set(urlsplit(one.address).path.strip("/").split("/")) for one in files]
    return set.intersection(*paths) - {""} if len(paths) > 1 else set()
