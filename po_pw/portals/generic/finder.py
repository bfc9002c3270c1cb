"""Where on a page attachments are listed, and what is listed there: one look at all frames, judged and grouped."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.resources
import re
import weakref
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from playwright import async_api as playwright

from po_pw import models
from po_pw.browser import controls
from po_pw.portals.generic import (
    address_policy,
    change_words,
    control_policy,
    file_names,
    grouping,
    label_words,
    list_counts,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SCRIPT: Final = (importlib.resources.files("po_pw.portals.generic") / "finder.js").read_text("utf-8")
_LOOK: Final = f"([scores, options]) => ({_SCRIPT.rstrip().rstrip(';')})({controls.SCRIPT}, scores, options)"
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
"""Seconds within which a frame without a document answers, if it ever does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One look at all frames of a page."""

    areas: tuple[grouping.Area, ...]
    attachments: tuple[models.Attachment, ...]
    loose: tuple[models.Attachment, ...]
    """File-like links outside any area, of a page that has none."""
    unreached: tuple[str, ...]
    """Names of files that an area shows, and that no control there is said to hand out."""
    closed: tuple[str, ...]
    """Labels of what would show more of a list, and may not be pressed."""
    keys: tuple[str, ...]
    """Of each attachment, what it is, without the number that tells alike ones apart."""
    claimed: int | None
    mentioned: int
    """The most attachments that a button anywhere on the page says there are; 0: none does."""
    busy: bool
    parsed: bool
    openers: tuple[grouping.Candidate, ...]
    turns: tuple[grouping.Candidate, ...]
    considered: tuple[models.Considered, ...]
    supplier: str
    empty: bool
    """The page shows next to nothing."""
    clicks: Mapping[int, models.Click]
    """How to find each of `openers` and `turns` again, by its `id()`."""

    @property
    def is_silent(self) -> bool:
        """Whether an area is there, shows nothing, and does not say that it is empty."""
        return any(area.shown and not area.items and not area.says_none for area in self.areas) and not self.attachments

    @property
    def is_unread(self) -> bool:
        """Whether nothing was found where something is shown, so that no area can be called empty."""
        if self.attachments or self.says_none:
            return False
        return any(area.unread and area.shown and area.score >= grouping.STRONG for area in self.areas)

    @property
    def has_failed(self) -> bool:
        """Whether an area shows an alert instead of a list."""
        return self.is_silent and any(area.failed and area.shown for area in self.areas)

    @property
    def is_weak(self) -> bool:
        """Whether nothing says for certain that attachments are listed here."""
        strong = any(area.score >= grouping.STRONG for area in self.areas)
        return not strong and not any(one.is_certain for one in self.attachments) and not self.says_none

    @property
    def says_none(self) -> bool:
        """Whether an area says, or counts, that it is empty."""
        return any(area.says_none or area.claimed == 0 for area in self.areas)


class Finder:
    """Looks at pages; remembers what texts mean, so that each is judged once.

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

    async def look(self, page: playwright.Page) -> Look:
        """One look at all frames.

        Raises:
            playwright.Error: the page is gone.
        """
        seen: list[tuple[playwright.Frame, dict[str, Any], str]] = []
        await self._find_mute(page)
        parsed = await self._look_at(page, page.main_frame, "", seen)
        return _assembled(seen, self._origin, page.url, parsed=parsed)

    async def _find_mute(self, page: playwright.Page) -> None:
        """Notes frames without a document that do not answer, as after an address that the browser refused.

        A frame with a document is never among them, however long it takes: what it shows would be missed.
        """
        empty = [frame for frame in page.frames[1:] if not frame.url.startswith(_DOCUMENTS) and not frame.is_detached()]
        asked = [frame for frame in empty if frame not in self._mute]
        if not asked:
            return
        asks = {asyncio.ensure_future(frame.evaluate("1")): frame for frame in asked}
        done, silent = await asyncio.wait(asks, timeout=_ANSWERS_WITHIN)
        for ask in done:
            ask.exception()  # between two documents; the look itself tells
        for ask in silent:
            ask.cancel()
            self._mute.add(asks[ask])

    async def _look_at(
        self,
        page: playwright.Page,
        frame: playwright.Frame,
        whole: str,
        seen: list[tuple[playwright.Frame, dict[str, Any], str]],
    ) -> bool:
        """Looks at one frame and those in it; False where one was just being replaced or still loads."""
        try:
            raw = await self._judged(frame, whole)
        except playwright.Error:
            if page.is_closed():
                raise
            return False
        if raw is None:
            return False
        seen.append((frame, raw, whole))
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
            inside = about["area"] >= 0 or about["named"] >= grouping.STRONG
            label = about["label"] or about["title"] or "attachments"
            parsed = await self._look_at(page, child, (whole or label) if inside or whole else "", seen) and parsed
        return parsed

    async def _judged(self, frame: playwright.Frame, whole: str) -> dict[str, Any] | None:
        for _ in range(_LOOKS_AT_TEXTS):
            scores = {"texts": self._texts, "identifiers": self._identifiers}
            raw: dict[str, Any] = await frame.evaluate(_LOOK, [scores, {"whole": whole}])
            if raw["unknown"] is None:
                return raw
            if not (raw["unknown"]["texts"] or raw["unknown"]["identifiers"]):
                return None
            for text in raw["unknown"]["texts"]:
                self._texts[text] = (
                    0.0
                    if label_words.is_all_label(text)
                    else topics.topic(text) or (grouping.TALK if topics.is_discussion(text) else 0.0)
                )
            for text in raw["unknown"]["identifiers"]:
                self._identifiers[text] = topics.topic_of_identifier(text)
        return None


def _assembled(
    seen: Sequence[tuple[playwright.Frame, dict[str, Any], str]], origin: str, page_url: str, *, parsed: bool
) -> Look:
    areas: list[grouping.Area] = []
    candidates: list[grouping.Candidate] = []
    nested: list[int] = []
    rows = 0
    busy, supplier, empty = False, "", True
    for number, (frame, raw, _) in enumerate(seen):
        first_area = len(areas)
        address = "" if frame.parent_frame is None else frame.url
        for one in raw["areas"]:
            nested.append(first_area + one["inside"] if one["inside"] >= 0 else -1)
            areas.append(_area(one, address))
        candidates += _candidates(number, frame.url, raw, address, origin, first_area, rows)
        rows += len(raw["rows"])
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
    areas = [
        dataclasses.replace(
            area,
            items=sum(at in _standing_in(item, nested) for item in placed),
            unread=area.unread or (at in unknown and not area.says_none),
        )
        for at, area in enumerate(areas)
    ]
    counted = _counted(areas)
    clicks = _clicks(candidates)
    attachments, keys = grouping.identified(placed, areas, clicks)
    loose = () if counted else grouping.identified([item for item in items if item.loose], areas, clicks)[0]
    return Look(
        areas=counted,
        attachments=attachments,
        loose=loose,
        unreached=_unreached(counted, items, candidates),
        closed=(*(item.name for item in folders), *_closed(counted, areas, candidates, items)),
        keys=keys,
        claimed=_claimed(areas, nested),
        mentioned=_mentioned(candidates),
        busy=any(area.busy and area.shown for area in counted) or (busy and not counted),
        parsed=parsed,
        openers=tuple(one for one in candidates if _opens(one, areas, placed)),
        turns=tuple(_turning(candidates, areas)),
        clicks=clicks,
        considered=tuple(_considered(candidates, areas, items))[:_MOST_CONSIDERED],
        supplier=supplier,
        empty=empty,
    )


def _unreached(
    areas: Sequence[grouping.Area], items: Sequence[grouping.Item], candidates: Sequence[grouping.Candidate]
) -> tuple[str, ...]:
    """The names of files that areas show, and that belong to no control."""
    if any(label_words.is_all_label(way.control.label) for item in items for way in item.ways):
        return ()
    told = [
        text for one in candidates if one.area >= 0 for text in (one.control.label, one.control.title, one.filename)
    ]
    told += [text for item in items for way in item.ways for text in (item.name, way.row_text, way.beside)]
    said = "\n".join(" ".join(text.split()) for text in told)
    names = (name for area in areas if area.score >= grouping.STRONG and area.shown for name in area.names)
    return tuple(dict.fromkeys(name for name in names if name not in said))


def _standing_in(item: grouping.Item, nested: Sequence[int]) -> set[int]:
    """The areas that a file, or another way to it, stands in."""
    own = {way.area for way in item.ways}
    return own | {outer for area in own for outer in _around(area, nested)}


def _closed(
    counted: Sequence[grouping.Area],
    areas: Sequence[grouping.Area],
    candidates: Sequence[grouping.Candidate],
    items: Sequence[grouping.Item],
) -> tuple[str, ...]:
    """What is closed in the areas and stays so: branches, areas behind a control, controls that name the topic."""
    found = [f"{area.label}: a closed section" for area in counted if area.branches and area.score > grouping.TALK]
    found += [
        area.label
        for area in counted
        if area.sealed and not (area.items or area.says_none or area.claimed == 0) and area.score >= grouping.STRONG
    ]
    for one in candidates:
        if one.area < 0 or not one.shown or one.off or one.opener or one.expanded != "false" or one.control.address:
            continue
        if one.decision.action is not control_policy.Action.LEAVE or areas[one.area].score < grouping.STRONG:
            continue
        holds_items = one.governs >= 0 and any(way.area == one.governs for item in items for way in item.ways)
        if topics.has_topic(one.control.label) and not holds_items and not change_words.changes(one.control.label):
            found.append(one.control.label)
    return tuple(dict.fromkeys(found))


def _around(area: int, nested: Sequence[int]) -> Iterator[int]:
    """The areas that an area stands in, the closest first."""
    while 0 <= area < len(nested) and nested[area] >= 0:
        area = nested[area]
        yield area


def _counted(areas: Sequence[grouping.Area]) -> tuple[grouping.Area, ...]:
    """The areas that are ones: a discussion only with a file in it, a weak topic only with something that tells."""
    strong = any(area.score >= grouping.STRONG for area in areas)
    tells = any(area.items or area.says_none or area.claimed == 0 for area in areas if area.score > grouping.TALK)
    found = [area for area in areas if area.score > grouping.TALK or area.items]
    return tuple(found if strong or tells else [area for area in found if area.busy or area.items])


def _clicks(candidates: Sequence[grouping.Candidate]) -> dict[int, models.Click]:
    """How to find each candidate again, by its `id()`."""
    alike: dict[tuple[int, models.Control], list[grouping.Candidate]] = {}
    for one in candidates:
        alike.setdefault((one.frame, one.control), []).append(one)
    return {id(one): models.Click(one.control, at, len(same)) for same in alike.values() for at, one in enumerate(same)}


def _area(raw: Mapping[str, Any], frame: str) -> grouping.Area:
    texts = raw["texts"]
    label = raw["label"]
    claims = None if raw["kind"] == "frame" else list_counts.claims(label)
    for badge in raw["badges"]:
        claims = claims if claims is not None else list_counts.claims(label, badge=badge)
    for text in texts:
        if claims is None and text != label:
            shown = list_counts.shown_of(text)
            claims = shown[1] if shown else None
    if raw["columns"]:
        claims = None
    return grouping.Area(
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
        clipped=max((list_counts.clipped(text) for text in texts if raw["columns"]), default=0),
        is_column=raw["columns"],
        names=grouping.names_in((*texts, *raw["options"])),
    )


def _says_trouble(text: str) -> bool:
    """Whether a text in an area says that its list could not be shown, or not to this user."""
    return topics.trouble(text) in {"denied", "failed"} and not topics.says_none(text)


def _unread(raw: Mapping[str, Any]) -> bool:
    """Whether an area shows something that, where nothing is found in it, was not understood.

    Pictures and films, what stands in a closed shadow root, names of files, sizes, and a frame that shows anything.
    """
    if raw["unreadable"] or (raw["kind"] == "frame" and raw["said"]):
        return True
    return any(file_names.is_file_name(text) or label_words.is_size(text) for text in raw["texts"])


def _pages(raw: Mapping[str, Any]) -> int:
    """How many pages an area says that its list has."""
    counted = [list_counts.pages_of(text) for text in raw["texts"]]
    counted += [list_counts.pages_of(text, in_paging=True) for text in raw["pages"]]
    return max((count for count in counted if count), default=1)


def _clean(label: str) -> str:
    """A heading without its count."""
    return re.sub(r"\s*[(\[]\s*\d+\s*[)\]]\s*|\s*[:：]\s*$", " ", label).strip()[:80]  # noqa: RUF001 - the wide colon is one too


def _claimed(areas: Sequence[grouping.Area], nested: Sequence[int]) -> int | None:
    """What the outermost areas that say a number add up to."""
    total: int | None = None
    for at, area in enumerate(areas):
        if area.claimed is None or area.score <= grouping.TALK:
            continue
        outer = nested[at] if at < len(nested) else -1
        covered = False
        while 0 <= outer < len(areas):
            covered = covered or areas[outer].claimed is not None
            outer = nested[outer]
        if not covered:
            total = (total or 0) + area.claimed
    return total


def _mentioned(candidates: Sequence[grouping.Candidate]) -> int:
    """The most attachments that a button says, e.g. "View Attachments (2)"; links lead to other pages' lists."""
    counts = (list_counts.claims(one.control.label) for one in candidates if one.shown and not one.control.address)
    return max((count for count in counts if count), default=0)


def _candidates(
    number: int, frame_url: str, raw: Mapping[str, Any], address: str, origin: str, first_area: int, first_row: int
) -> Iterator[grouping.Candidate]:
    parsed = [(one, controls.parse(one["is"], address)) for one in raw["candidates"]]
    # What all files share, or the page's own address begins with, names a part of the portal and no deed.
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
        yield grouping.Candidate(
            control=control,
            frame=number,
            frame_url=frame_url,
            area=area + first_area if area >= 0 else -1,
            row=row + first_row if row >= 0 else -1,
            row_text=raw["rows"][row] if row >= 0 else "",
            pieces=pieces,
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
    """Path segments that all addresses of files have."""
    files = [one for one in found if label_words.file_name(one.label) or label_words.is_download_label(one.label)]
    paths = [set(urlsplit(one.address).path.strip("/").split("/")) for one in files]
    return set.intersection(*paths) - {""} if len(paths) > 1 else set()


# --- what may be opened or turned -------------------------------------------------------------------------------------


def _opens(one: grouping.Candidate, areas: Sequence[grouping.Area], placed: Sequence[grouping.Item]) -> bool:
    """Whether a control shows a closed part of the list."""
    if one.off or not one.shown or one.expanded == "true" or one.current:
        return False
    if one.decision.action is not control_policy.Action.OPEN and not (
        one.opener and control_policy.veto(one.control) is None
    ):
        return False
    if one.control.form is not None and one.control.kind in {"submit", "image", "reset"}:
        return False  # without a form of its own a plain button is a "submit" that sends nothing
    target = one.governs if one.governs >= 0 else -1
    is_tab = one.control.role == "tab" and topics.topic(one.control.label) > 0 and one.expanded == "false"
    if is_tab and target < 0:
        return True
    if one.opener and target < 0 and one.decision.action is not control_policy.Action.OPEN and one.expanded != "false":
        return False
    if target >= 0:
        holds_items = any(way.area == target for item in placed for way in item.ways)
        return not holds_items and (one.expanded == "false" or not areas[target].shown)
    if one.area >= 0:
        return one.decision.action is control_policy.Action.OPEN and one.expanded != "true"
    # Nothing on the page says what it governs: its whole label has to.
    return (
        all(area.score <= grouping.TALK for area in areas)
        and one.decision.action is control_policy.Action.OPEN
        and topics.topic(_without_verb(one.control.label)) >= grouping.STRONG
    )


def _without_verb(label: str) -> str:
    words = label.split()
    return max((" ".join(words[at:]) for at in range(len(words))), key=topics.topic, default="")


def _turning(candidates: Sequence[grouping.Candidate], areas: Sequence[grouping.Area]) -> Iterable[grouping.Candidate]:
    """Controls of the list's own paging, "next" and "more" before numbers."""
    inside = [
        one
        for one in candidates
        if one.area >= 0 and one.shown and not one.off and areas[one.area].score > grouping.TALK
    ]
    turning = [one for one in inside if one.decision.action is control_policy.Action.TURN]
    first = [one for one in turning if label_words.page_number(one.control.label) is None]
    numbers = [one for one in turning if label_words.page_number(one.control.label) is not None]
    counted: dict[int, int] = {}
    for one in (other for other in candidates if label_words.page_number(other.control.label) is not None):
        counted[one.group] = counted.get(one.group, 0) + 1
    yield from first
    # All of them, where the page shows only some.
    yield from (
        one
        for one in inside
        if one.control.address
        and not grouping.is_named(one)
        and label_words.is_expander_label(one.control.label)
        and address_policy.change_in_address(one.control.address) is None
    )
    yield from (one for one in numbers if one.paging or counted.get(one.group, 0) > 1)


def _considered(
    candidates: Sequence[grouping.Candidate], areas: Sequence[grouping.Area], grouped: Sequence[grouping.Item]
) -> Iterable[models.Considered]:
    taken = {id(way) for item in grouped for way in item.ways}
    for one in candidates:
        if one.loose and one.decision.action is control_policy.Action.LEAVE and not one.decision.name:
            continue
        place = areas[one.area].label or "attachments" if 0 <= one.area < len(areas) else ""
        yield models.Considered(
            control=one.control,
            place=place,
            taken=id(one) in taken and not (one.loose and bool(areas)),
            action=one.decision.action,
            why=one.decision.why,
        )
