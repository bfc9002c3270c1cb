"""Finds where a page lists attachments and what is listed there, by one look at all its frames."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.resources
import re
import weakref
from typing import TYPE_CHECKING, Any, Final

from playwright import async_api as playwright

from po_pw import models
from po_pw.browser import controls
from po_pw.portals.generic import (
    address_policy,
    attachment_ids,
    control_policy,
    grouping,
    label_words,
    list_controls,
    list_counts,
    look_parsing,
    numbers,
    other_records,
    page_items,
    tokenizer,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SCRIPT: Final = (importlib.resources.files("po_pw.portals.generic") / "finder.js").read_text("utf-8")
_OTHERS: Final = (importlib.resources.files("po_pw.portals.generic") / "other_orders.js").read_text("utf-8")
_LOOK: Final = f"""([scores, options]) =>
  ({_SCRIPT.rstrip().rstrip(";")})({controls.SCRIPT}, {_OTHERS.rstrip()}, scores, options)"""
_FRAME_AT: Final = """(element) => {
  const found = [];
  const walk = (root) => {
    for (const node of root.querySelectorAll('*')) {
      if (node.matches('iframe,frame,object,embed')) found.push(node);
      if (node.shadowRoot) walk(node.shadowRoot);
    }
  };
  walk(document);
  return found.indexOf(element);
}"""
_MOST_CONSIDERED: Final = 400
_LOOKS_AT_TEXTS: Final = 3
_DOCUMENTS: Final = ("http:", "https:", "about:srcdoc", "blob:", "data:")
_ANSWERS_WITHIN: Final = 3.0
"""Seconds within which a frame without a document responds, if at all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One look at all frames of a page."""

    areas: tuple[page_items.Area, ...]
    attachments: tuple[models.Attachment, ...]
    loose: tuple[models.Attachment, ...]
    """File-like links outside any area, of a page that has none."""
    unreached: tuple[str, ...]
    """Names of files that an area shows and that belong to no control."""
    unclear: tuple[str, ...]
    """Labels of entries whose links are not followed, because they may be commands."""
    closed: tuple[str, ...]
    """Labels of controls that would show more of a list but may not be pressed."""
    keys: tuple[str, ...]
    """Key of each attachment; see `attachment_ids.identified`."""
    claimed: int | None
    mentioned: int
    """Highest number of attachments stated beside a list, by a button or a paperclip; 0 if nothing states one."""
    in_rows: int
    """Sum of the attachments that buttons in rows outside the list say they hold, such as those of an order's lines."""
    elsewhere: tuple[tuple[str, str, int], ...]
    """Links to other pages that name attachments: address, label, number stated; -1 if none is."""
    busy: bool
    parsed: bool
    openers: tuple[page_items.Candidate, ...]
    turns: tuple[page_items.Candidate, ...]
    considered: tuple[models.Considered, ...]
    supplier: str
    empty: bool
    """The page shows almost nothing."""
    clicks: Mapping[int, models.Click]
    """How to find each of `openers` and `turns` again, by its `id()`."""

    @property
    def is_silent(self) -> bool:
        """Whether there is an area that shows nothing and does not say that it is empty."""
        return any(area.shown and not area.items and not area.says_none for area in self.areas) and not self.attachments

    @property
    def is_unread(self) -> bool:
        """Whether an area shows something in which nothing was recognised, so it cannot be called empty."""
        if self.attachments or self.says_none:
            return False
        return any(area.unread and area.shown and area.score >= page_items.STRONG for area in self.areas)

    @property
    def has_failed(self) -> bool:
        """Whether an area shows an alert instead of a list."""
        return self.is_silent and any(area.failed and area.shown for area in self.areas)

    @property
    def is_weak(self) -> bool:
        """Whether it is uncertain that attachments are listed here at all."""
        strong = any(area.score >= page_items.STRONG for area in self.areas)
        return not strong and not any(one.is_certain for one in self.attachments) and not self.says_none

    @property
    def says_none(self) -> bool:
        """Whether an area says that it is empty, in words or by a count of 0."""
        return any(area.says_none or area.claimed == 0 for area in self.areas)


@dataclasses.dataclass(frozen=True, slots=True)
class _Options:
    """The arguments of a look at one frame."""

    number: str
    """The order's PO number."""
    whole: str = ""
    """What the frame as a whole is the area of; `""` if it is none."""

    def to_json(self) -> dict[str, str]:
        return {"whole": self.whole, "number": self.number, "alike": numbers.alike(self.number)}


class Finder:
    """Looks at pages; remembers how texts were rated, so that each is rated once.

    Args:
        origin: scheme, host and port of the portal.

    Attributes:
        harmless_failures: Requests of its pages, by description, that failed though the files were there.
        answered: Requests of its pages for data, by description, that were answered on an order's page.
    """

    def __init__(self, origin: str) -> None:
        self.harmless_failures: set[str] = set()
        self.answered: set[str] = set()
        self._origin = origin
        self._texts: dict[str, float] = {}
        self._identifiers: dict[str, float] = {}
        self._mute: weakref.WeakSet[playwright.Frame] = weakref.WeakSet()

    async def look(self, page: playwright.Page, po_number: str) -> Look:
        """One look at all frames.

        Args:
            page: open.
            po_number: of its order: lists of other orders on it are left out.

        Raises:
            playwright.Error: the page is gone.
        """
        seen: list[tuple[playwright.Frame, dict[str, Any]]] = []
        await self._find_mute(page)
        parsed = await self._look_at(page, page.main_frame, _Options(po_number), seen)
        return _assembled(seen, self._origin, page.url, parsed=parsed)

    async def _find_mute(self, page: playwright.Page) -> None:
        """Records frames without a document that do not respond, e.g. after an address that the browser refused.

        Never a frame with a document, however slow it is: its content would be missed.
        """
        empty = [frame for frame in page.frames[1:] if not frame.url.startswith(_DOCUMENTS) and not frame.is_detached()]
        asked = [frame for frame in empty if frame not in self._mute]
        if not asked:
            return
        asks = {asyncio.ensure_future(frame.evaluate("1")): frame for frame in asked}
        done, silent = await asyncio.wait(asks, timeout=_ANSWERS_WITHIN)
        for ask in done:
            ask.exception()  # between two documents: the look itself reports it
        for ask in silent:
            ask.cancel()
            self._mute.add(asks[ask])

    async def _look_at(
        self,
        page: playwright.Page,
        frame: playwright.Frame,
        options: _Options,
        seen: list[tuple[playwright.Frame, dict[str, Any]]],
    ) -> bool:
        """Looks at a frame and those in it; False if one was being replaced or is still loading."""
        try:
            raw = await self._evaluated(frame, options)
        except playwright.Error:
            if page.is_closed():
                raise
            return False
        if raw is None:
            return False
        seen.append((frame, raw))
        parsed = raw["ready"] == "complete" or (frame == page.main_frame and raw["ready"] == "interactive")
        if not raw["frames"]:
            return parsed
        for child in frame.child_frames:
            if child.is_detached() or (child in self._mute and not child.url.startswith(_DOCUMENTS)):
                continue
            try:
                element = await child.frame_element()
                at = await element.evaluate(_FRAME_AT)
            except playwright.Error:
                if page.is_closed():
                    raise
                parsed = False
                continue
            about = raw["frames"][at] if 0 <= at < len(raw["frames"]) else None
            if about is None or not about["shown"]:
                continue
            inside = about["area"] >= 0 or about["named"] >= page_items.STRONG
            label = about["label"] or about["title"] or "attachments"
            within = dataclasses.replace(options, whole=(options.whole or label) if inside or options.whole else "")
            parsed = await self._look_at(page, child, within, seen) and parsed
        return parsed

    async def _evaluated(self, frame: playwright.Frame, options: _Options) -> dict[str, Any] | None:
        for _ in range(_LOOKS_AT_TEXTS):
            scores = {"texts": self._texts, "identifiers": self._identifiers}
            raw: dict[str, Any] = await frame.evaluate(_LOOK, [scores, options.to_json()])
            if raw["unknown"] is None:
                return raw
            if not (raw["unknown"]["texts"] or raw["unknown"]["identifiers"]):
                return None
            for text in raw["unknown"]["texts"]:
                self._texts[text] = (
                    0.0
                    if label_words.is_all_label(text)
                    else topics.topic(text) or (page_items.TALK if topics.is_discussion(text) else 0.0)
                )
            for text in raw["unknown"]["identifiers"]:
                self._identifiers[text] = topics.topic_of_identifier(text)
        return None


def _assembled(
    seen: Sequence[tuple[playwright.Frame, dict[str, Any]]], origin: str, page_url: str, *, parsed: bool
) -> Look:
    areas: list[page_items.Area] = []
    candidates: list[page_items.Candidate] = []
    nested: list[int] = []
    rows = 0
    busy, supplier, empty, mentioned = False, "", True, 0
    for number, (frame, raw) in enumerate(seen):
        first_area = len(areas)
        address = "" if frame.parent_frame is None else frame.url
        for one in raw["areas"]:
            nested.append(first_area + one["inside"] if one["inside"] >= 0 else -1)
            areas.append(look_parsing.area(one, address))
        candidates += look_parsing.candidates(number, frame.url, raw, address, origin, first_area, rows)
        rows += len(raw["rows"])
        mentioned = max(mentioned, *map(_named_count, raw["counts"]), 0)
        if frame.parent_frame is None:
            busy, empty = bool(raw["busy"]), bool(raw["empty"])
        supplier = supplier or raw["supplier"]
    areas = [
        dataclasses.replace(area, score=max(area.score, *(areas[outer].score for outer in _around(at, nested)), 0.0))
        for at, area in enumerate(areas)
    ]
    items = grouping.grouped(candidates, areas, page_url)
    folders = grouping.folders(items)
    items = [item for item in items if item not in folders]
    placed = [item for item in items if not item.loose]
    unknown = {one.area for one in candidates if one.area >= 0 and grouping.is_unknown_entry(one)}
    if not placed:
        unknown |= grouping.areas_with_unclear_links(candidates, areas, page_url)
    areas = [
        dataclasses.replace(
            area,
            items=sum(at in _areas_of(item, nested) for item in placed),
            unread=area.unread or (at in unknown and not area.says_none),
        )
        for at, area in enumerate(areas)
    ]
    counted = _counted(areas)
    clicks = _clicks(candidates)
    attachments, keys = attachment_ids.identified(placed, areas, clicks)
    loose = () if counted else attachment_ids.identified([item for item in items if item.loose], areas, clicks)[0]
    return Look(
        areas=counted,
        attachments=attachments,
        loose=loose,
        unreached=_unreached(counted, items, candidates),
        unclear=grouping.unclear_entries(candidates, areas, placed, page_url),
        closed=(*(item.name for item in folders), *list_controls.still_closed(counted, areas, candidates, items)),
        keys=keys,
        claimed=_claimed(areas, nested),
        mentioned=max(mentioned, _mentioned(candidates)),
        in_rows=_in_rows(candidates, page_url),
        elsewhere=tuple(_elsewhere(candidates)),
        busy=any(area.busy and area.shown for area in counted) or (busy and not counted),
        parsed=parsed,
        openers=tuple(one for one in candidates if list_controls.opens_more(one, areas, placed)),
        turns=tuple(list_controls.turning(candidates, areas)),
        clicks=clicks,
        considered=tuple(_considered(candidates, areas, items))[:_MOST_CONSIDERED],
        supplier=supplier,
        empty=empty,
    )


def _unreached(
    areas: Sequence[page_items.Area], items: Sequence[page_items.Item], candidates: Sequence[page_items.Candidate]
) -> tuple[str, ...]:
    """Names of files that areas show and that belong to no control."""
    if any(label_words.is_all_label(way.control.label) for item in items for way in item.ways):
        return ()
    shown_texts = [
        text for one in candidates if one.area >= 0 for text in (one.control.label, one.control.title, one.filename)
    ]
    shown_texts += [text for item in items for way in item.ways for text in (item.name, way.row_text, way.beside)]
    joined = "\n".join(" ".join(text.split()) for text in shown_texts)
    names = (name for area in areas if area.score >= page_items.STRONG and area.shown for name in area.names)
    return tuple(dict.fromkeys(name for name in names if name not in joined))


def _areas_of(item: page_items.Item, nested: Sequence[int]) -> set[int]:
    """The areas that contain a way to a file."""
    own = {way.area for way in item.ways}
    return own | {outer for area in own for outer in _around(area, nested)}


def _around(area: int, nested: Sequence[int]) -> Iterator[int]:
    """The areas that contain an area, innermost first."""
    while 0 <= area < len(nested) and nested[area] >= 0:
        area = nested[area]
        yield area


def _counted(areas: Sequence[page_items.Area]) -> tuple[page_items.Area, ...]:
    """The areas that count: a discussion only if it has a file, a weak topic only with further evidence."""
    strong = any(area.score >= page_items.STRONG for area in areas)
    tells = any(area.items or area.says_none or area.claimed == 0 for area in areas if area.score > page_items.TALK)
    found = [area for area in areas if area.score > page_items.TALK or area.items]
    return tuple(found if strong or tells else [area for area in found if area.busy or area.items])


def _clicks(candidates: Sequence[page_items.Candidate]) -> dict[int, models.Click]:
    """How to find each candidate again, by its `id()`."""
    alike: dict[tuple[int, models.Control], list[page_items.Candidate]] = {}
    for one in candidates:
        alike.setdefault((one.frame, one.control), []).append(one)
    return {id(one): models.Click(one.control, at, len(same)) for same in alike.values() for at, one in enumerate(same)}


def _claimed(areas: Sequence[page_items.Area], nested: Sequence[int]) -> int | None:
    """Sum of the numbers that the outermost areas state; None if none states one."""
    total: int | None = None
    for at, area in enumerate(areas):
        if area.claimed is None or area.score <= page_items.TALK:
            continue
        outer = nested[at] if at < len(nested) else -1
        covered = False
        while 0 <= outer < len(areas):
            covered = covered or areas[outer].claimed is not None
            outer = nested[outer]
        if not covered:
            total = (total or 0) + area.claimed
    return total


def _mentioned(candidates: Sequence[page_items.Candidate]) -> int:
    """Highest number of attachments stated by a button, e.g. "View Attachments (2)"; links lead to other pages."""
    counts = (
        list_counts.claims(text, badge=badge)
        for one in candidates
        if one.shown and not one.control.address
        for text in (one.control.label, one.control.title)
        for badge in ("", one.control.text if one.control.text.isdecimal() else "")
    )
    return max((count for count in counts if count), default=0)


def _named_count(raw: Mapping[str, Any]) -> int:
    """Number that a title or a paperclip says counts attachments, as `finder.js` reports it; 0 if it counts others."""
    is_clip = any(word == "paperclip" for icon in raw["icons"] for word in tokenizer.identifier_words(icon))
    return int(raw["number"]) if is_clip or any(topics.topic(text) for text in raw["said"]) else 0


def _in_rows(candidates: Sequence[page_items.Candidate], page_url: str) -> int:
    """Sum of what controls in rows outside the areas say they hold; rows of other records do not count."""
    others = {one.row for one in candidates if other_records.differing_part(one.control.address, page_url)}
    counts: dict[int, int] = {}
    for one in candidates:
        if one.area >= 0 or one.row < 0 or one.row in others or not one.shown or one.control.address:
            continue
        stated = (list_counts.claims(text) for text in (one.control.label, one.control.title))
        counts[one.row] = max(counts.get(one.row, 0), *(count or 0 for count in stated))
    return sum(counts.values())


def _elsewhere(candidates: Sequence[page_items.Candidate]) -> Iterator[tuple[str, str, int]]:
    for one in candidates:
        label, address = one.control.label, one.control.address
        if not address or not one.shown or one.off or one.current or one.area >= 0 or grouping.is_named(one):
            continue
        is_page = not address_policy.is_plain_file_address(address)
        if is_page and topics.topic(label) and address_policy.change_in_address(address) is None:
            count = list_counts.claims(
                re.sub(r"(?<=[^\W\d_])(?=\d{1,4}$)", " ", label)
            )  # a badge right behind the word
            yield address, label, -1 if count is None else count


def _considered(
    candidates: Sequence[page_items.Candidate], areas: Sequence[page_items.Area], grouped: Sequence[page_items.Item]
) -> Iterable[models.Considered]:
    taken = {id(way) for item in grouped for way in item.ways}
    for one in candidates:
        if one.loose and one.decision.action is control_policy.Action.LEAVE and not one.decision.name:
            continue
        section = areas[one.area].label or "attachments" if 0 <= one.area < len(areas) else ""
        yield models.Considered(
            control=one.control,
            section=section,
            taken=id(one) in taken and not (one.loose and bool(areas)),
            action=one.decision.action,
            why=one.decision.why,
        )
