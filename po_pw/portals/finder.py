"""Where on a page attachments are listed, and what is listed there: one look at all frames, judged and grouped."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.resources
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urldefrag, urlencode, urlsplit

from playwright import async_api as playwright

from po_pw import models
from po_pw.browser import controls
from po_pw.portals import judging, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SCRIPT: Final = (importlib.resources.files("po_pw.portals") / "finder.js").read_text("utf-8")
_LOOK: Final = f"([scores, options]) => ({_SCRIPT.rstrip().rstrip(';')})({controls.SCRIPT}, scores, options)"
_FRAME_AT: Final = """(element) => {
  const found = [];
  const walk = (root) => {
    for (const node of root.querySelectorAll('*')) {
      if (node.matches('iframe,frame')) found.push(node);
      if (node.shadowRoot) walk(node.shadowRoot);
    }
  };
  walk(document);
  return found.indexOf(element);
}"""
_STRONG: Final = 0.72
"""Score of an area that is surely one of attachments; below it is one only where no other is."""
_TALK: Final = 0.3
"""Score of an area where people talk, or where what happened is listed: only what is named like a file counts there."""
_SHORT_LIVED: Final = re.compile(
    r"(?i)(x-amz-\w+|x-goog-\w+|x-ms-\w+|sig|signature|token|access_?token|auth_?token|expires?|expiry|exp|se|sp|sv|sr|st|skoid|sktid|ske|skt|sks|skv|"
    r"nonce|csrf\w*|_csrf|authenticity_token|key-pair-id|policy|hmac|hash|ticket|session(id)?|sid|jsessionid|phpsessid|_|ts|timestamp|time|rand(om)?|cb|v)"
)  # fmt: skip
"""Names of parameters that sign an address, let it expire, or only keep it out of a cache: not part of what it names."""
_SIZE: Final = re.compile(r"(?i)\b\d[\d.,\s]*\s?(bytes?|[kmg]i?b|ko|mo|go|б|кб|мб)\b")
_DATE: Final = re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b")
_MOST_CONSIDERED: Final = 400
_LOOKS_AT_TEXTS: Final = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Area:
    """One place of the page where attachments are listed."""

    label: str
    score: float
    frame: str
    """Address of its frame; `""` for the main frame."""
    shown: bool
    busy: bool
    says_none: bool
    claimed: int | None
    items: int
    """Attachments found in it."""
    failed: bool
    """It shows an alert."""
    scrolls: bool
    """More of it may come when it is scrolled."""


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A control that was considered."""

    control: models.Control
    frame: playwright.Frame
    area: int
    """Index of its area in the look; -1: in none."""
    row: int
    """Which row of the look it stands in; -1: in none."""
    row_text: str
    pieces: tuple[str, ...]
    """The short texts of its row that are no control's label."""
    verdict: judging.Verdict
    shown: bool
    closed: bool
    """In a closed panel of the area."""
    off: bool
    loose: bool
    opener: bool
    """It opens an area."""
    governs: int
    """Index of the area that it shows or hides; -1: none."""
    panel_has_items: bool
    expanded: str
    current: bool
    paging: bool
    group: int
    """Which candidates share a parent."""
    filename: str
    tail: bool
    """It stands behind the list that the area's heading names."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One look at all frames of a page."""

    areas: tuple[Area, ...]
    attachments: tuple[models.Attachment, ...]
    loose: tuple[models.Attachment, ...]
    """File-like links outside any area, of a page that has none."""
    keys: tuple[str, ...]
    """Of each attachment, what it is, without the number that tells alike ones apart."""
    claimed: int | None
    busy: bool
    parsed: bool
    openers: tuple[Candidate, ...]
    turns: tuple[Candidate, ...]
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
    def has_failed(self) -> bool:
        """Whether an area shows an alert instead of a list."""
        return self.is_silent and any(area.failed and area.shown for area in self.areas)

    @property
    def is_weak(self) -> bool:
        """Whether nothing says for certain that attachments are listed here."""
        strong = any(area.score >= _STRONG for area in self.areas)
        return not strong and not any(one.is_certain for one in self.attachments) and not self.says_none

    @property
    def says_none(self) -> bool:
        """Whether an area says, or counts, that it is empty."""
        return any(area.says_none or area.claimed == 0 for area in self.areas)


class Finder:
    """Looks at pages; remembers what texts mean, so that each is judged once.

    Args:
        origin: scheme, host and port of the portal.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._texts: dict[str, float] = {}
        self._identifiers: dict[str, float] = {}

    async def look(self, page: playwright.Page) -> Look:
        """One look at all frames.

        Raises:
            playwright.Error: the page is gone.
        """
        seen: list[tuple[playwright.Frame, dict[str, Any], str]] = []
        parsed = await self._look_at(page, page.main_frame, "", seen)
        return _assembled(seen, self._origin, page.url, parsed=parsed)

    async def _look_at(
        self, page: playwright.Page, frame: playwright.Frame, whole: str, seen: list[tuple[playwright.Frame, dict[str, Any], str]]
    ) -> bool:  # fmt: skip
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
            if child.is_detached():
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
            inside = about["area"] >= 0 or about["named"] >= _STRONG
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
                self._texts[text] = vocabulary.topic(text) or (_TALK if vocabulary.is_discussion(text) else 0.0)
            for text in raw["unknown"]["identifiers"]:
                self._identifiers[text] = vocabulary.topic_of_identifier(text)
        return None


def _assembled(
    seen: Sequence[tuple[playwright.Frame, dict[str, Any], str]], origin: str, page_url: str, *, parsed: bool
) -> Look:
    areas: list[Area] = []
    candidates: list[Candidate] = []
    nested: list[int] = []
    rows: dict[int, str] = {}
    busy, supplier, empty = False, "", True
    for frame, raw, _ in seen:
        first_area, first_row = len(areas), len(rows)
        rows |= {first_row + at: text for at, text in enumerate(raw["rows"])}
        address = "" if frame.parent_frame is None else frame.url
        for one in raw["areas"]:
            nested.append(first_area + one["inside"] if one["inside"] >= 0 else -1)
            areas.append(_area(one, address))
        candidates += _candidates(frame, raw, address, origin, first_area, first_row)
        if frame.parent_frame is None:
            busy = bool(raw["busy"])
            empty = bool(raw["empty"])
        supplier = supplier or raw["supplier"]
    strong = any(area.score >= _STRONG for area in areas)
    grouped = _grouped(candidates, areas, page_url, strong=strong)
    placed = [item for item in grouped if not item.loose]
    loose = [item for item in grouped if item.loose]
    alike: dict[tuple[int, models.Control], int] = {}
    for one in candidates:
        alike[id(one.frame), one.control] = alike.get((id(one.frame), one.control), 0) + 1
    attachments, keys = _identified(placed, areas, alike)
    areas = [
        dataclasses.replace(area, items=sum(item.area == at or _is_in(item.area, at, nested) for item in placed))
        for at, area in enumerate(areas)
    ]
    all_areas = areas
    # A weak topic ("Documents") without anything that looks like a file is no area of attachments.
    weak = not strong and bool(areas) and not placed and not any(area.says_none or area.claimed == 0 for area in areas)
    areas = [area for area in areas if area.score > _TALK or area.items]
    if weak:
        areas = [area for area in areas if area.busy]
    in_areas = any(area.busy and area.shown for area in areas)
    openers = tuple(one for one in candidates if _opens(one, all_areas, placed))
    turns = tuple(_turning(candidates, all_areas))
    met: dict[tuple[int, models.Control], int] = {}
    numbered: dict[int, int] = {}
    for one in candidates:
        at_frame = id(one.frame), one.control
        numbered[id(one)] = met.get(at_frame, 0)
        met[at_frame] = numbered[id(one)] + 1
    clicks = {
        id(one): models.Click(one.control, numbered[id(one)], alike[id(one.frame), one.control])
        for one in (*openers, *turns)
    }  # fmt: skip
    return Look(
        areas=tuple(areas), attachments=tuple(attachments), loose=() if areas else tuple(_identified(loose, all_areas, alike)[0]), keys=tuple(keys),
        claimed=_claimed(all_areas, nested), busy=in_areas or (busy and not areas), parsed=parsed,
        openers=openers, turns=turns, clicks=clicks,
        considered=tuple(_considered(candidates, all_areas, grouped))[:_MOST_CONSIDERED],
        supplier=supplier, empty=empty,
    )  # fmt: skip


def _is_in(area: int, outer: int, nested: Sequence[int]) -> bool:
    while 0 <= area < len(nested):
        area = nested[area]
        if area == outer:
            return True
    return False


def _area(raw: Mapping[str, Any], frame: str) -> Area:
    texts = raw["texts"]
    label = raw["label"]
    claims = None if raw["kind"] == "frame" else vocabulary.claims(label)
    for badge in raw["badges"]:
        claims = claims if claims is not None else vocabulary.claims(label, badge=badge)
    for text in texts:
        if claims is None and text != label:
            shown = vocabulary.shown_of(text)
            claims = shown[1] if shown else None
    if raw["columns"]:
        claims = None
    return Area(
        label=_clean(label), score=raw["score"], frame=frame, shown=raw["shown"],
        busy=raw["busy"] or any(len(text) <= 60 and vocabulary.says_loading(text) for text in texts),
        says_none=any(vocabulary.says_none(text) for text in (*texts, label)), claimed=claims, items=0,
        scrolls=raw["scrolls"], failed=raw["failed"],
    )  # fmt: skip


def _clean(label: str) -> str:
    """A heading without its count."""
    return re.sub(r"\s*[(\[]\s*\d+\s*[)\]]\s*|\s*[:：]\s*$", " ", label).strip()[:80]


def _claimed(areas: Sequence[Area], nested: Sequence[int]) -> int | None:
    """What the outermost areas that say a number add up to."""
    total: int | None = None
    for at, area in enumerate(areas):
        if area.claimed is None:
            continue
        outer = nested[at] if at < len(nested) else -1
        covered = False
        while 0 <= outer < len(areas):
            covered = covered or areas[outer].claimed is not None
            outer = nested[outer]
        if not covered:
            total = (total or 0) + area.claimed
    return total


def _candidates(
    frame: playwright.Frame, raw: Mapping[str, Any], address: str, origin: str, first_area: int, first_row: int
) -> list[Candidate]:
    parsed = [(one, controls.parse(one["is"], address)) for one in raw["candidates"]]
    rows = raw["rows"]
    # What all items share, or the page's own address begins with, names a part of the portal and no deed.
    shared = _shared_segments([control for one, control in parsed if one["area"] >= 0 and control.address])
    shared |= {segment for segment in urlsplit(frame.url).path.strip("/").split("/")[:-1] if segment}
    row_names = [_names_in(pieces) for pieces in raw["pieces"]]
    found = []
    for one, control in parsed:
        names = set(row_names[one["row"]]) if one["row"] >= 0 else set()
        names |= {name for text in (control.label, control.title, one["filename"]) if (name := vocabulary.file_name(text))}
        if one["filename"]:
            names.add(one["filename"])
        verdict = judging.control(
            control, origin=origin, names=names, shared_segments=shared, in_area=one["area"] >= 0
        )  # fmt: skip
        if one["expanded"] and verdict.action is judging.Action.PRESS:
            opens = vocabulary.is_expander_label(control.label) or vocabulary.has_topic(control.label)
            verdict = judging.Verdict(
                judging.Action.OPEN if opens else judging.Action.LEAVE, "it opens and closes a part of the page"
            )  # fmt: skip
        found.append(
            Candidate(
                control, frame, one["area"] + first_area if one["area"] >= 0 else -1,
                one["row"] + first_row if one["row"] >= 0 else -1, rows[one["row"]] if one["row"] >= 0 else "",
                tuple(raw["pieces"][one["row"]]) if one["row"] >= 0 else (), verdict,
                one["shown"], one["closed"], one["off"], one["loose"], one["opener"],
                one["governs"] + first_area if one["governs"] >= 0 else -1, one["panelHasItems"], one["expanded"],
                one["current"], one["paging"], one["group"], one["filename"], one["tail"],
            )
        )  # fmt: skip
    return found


def _names_in(pieces: Sequence[str]) -> tuple[str, ...]:
    """The file names among a row's texts."""
    return tuple(name for text in pieces if (name := vocabulary.file_name(text)) and _is_whole(name, text))


def _is_whole(name: str, text: str) -> bool:
    """Whether a text is a file's name, perhaps with its size or date, and no sentence that mentions one."""
    rest = text.replace(name, " ", 1)
    return len(rest.split()) <= 5 and text.strip().startswith(name[:12])


def _shared_segments(found: Sequence[models.Control]) -> set[str]:
    """Path segments that all addresses of the area have."""
    paths = [set(urlsplit(one.address).path.strip("/").split("/")) for one in found]
    return set.intersection(*paths) - {""} if len(paths) > 1 else set()


# --- from candidates to attachments -----------------------------------------------------------------------------------


@dataclasses.dataclass(slots=True)
class _Item:
    name: str
    area: int
    loose: bool
    certain: bool
    ways: list[Candidate]
    row_text: str
    pieces: tuple[str, ...]


def _grouped(candidates: Sequence[Candidate], areas: Sequence[Area], page_url: str, *, strong: bool) -> list[_Item]:
    """Several ways of one file are one item."""
    here = urldefrag(page_url)[0]
    items: list[_Item] = []
    names: dict[str, str] = {}
    for one in candidates:
        if one.control.address and (name := _file_name_of(one)):
            names.setdefault(urldefrag(one.control.address)[0], name)
    by_address: dict[str, _Item] = {}
    by_row: dict[tuple[int, int], list[_Item]] = {}
    for one in candidates:
        action = one.verdict.action
        if one.off or action not in {judging.Action.FETCH, judging.Action.PRESS, judging.Action.RECORD}:
            continue
        if one.loose and (action is not judging.Action.FETCH or not one.verdict.certain):
            continue
        if not one.shown and not (one.closed and action is not judging.Action.PRESS):
            continue
        address = urldefrag(one.control.address)[0]
        if action is not judging.Action.PRESS and (not address or address == here):
            continue
        weak = not one.loose and strong and areas[one.area].score < _STRONG
        if weak and not _is_named(one):
            continue
        talk = not one.loose and areas[one.area].score <= _TALK
        if (talk or one.tail) and not _is_named(one):
            continue
        if not one.loose and action is judging.Action.FETCH and not _is_named(one) and _leads_to_all(one.control):
            continue  # a way to all of them, or to where they are managed
        known = by_address.get(address) if action is not judging.Action.PRESS else None
        if known is not None:
            known.ways.append(one)
            known.certain = known.certain or one.verdict.certain
            known.name = _better(known.name, one)
            continue
        place = (one.row if one.row >= 0 else -2 - one.group, one.area)
        named = _file_name_of(one) or names.get(address, "")
        mates = by_row.setdefault(place, [])
        mate = _mate(mates, named, one)
        if mate is not None:
            mate.ways.append(one)
            mate.certain = mate.certain or one.verdict.certain
            if not mate.name or (named and not vocabulary.file_name(mate.name)):
                mate.name = named or mate.name
            if address:
                by_address[address] = mate
            continue
        item = _Item(named or one.verdict.name, one.area, one.loose, one.verdict.certain, [one], one.row_text, one.pieces)
        items.append(item)
        mates.append(item)
        if address:
            by_address[address] = item
    for item in items:
        _name_from_row(item, sum(other.pieces == item.pieces for other in items))
    items += _unreachable(candidates, areas, items)
    return _without_archive(_without_bystanders(items))


def _without_archive(items: list[_Item]) -> list[_Item]:
    """All files in one ("download all") are no attachment, unless they come no other way."""
    def is_all(item: _Item) -> bool:
        labels = [text for way in item.ways for text in (way.control.label, way.control.title) if text]
        return any(vocabulary.is_all_label(text) for text in labels)

    single = [item for item in items if not is_all(item)]
    return single or items


def _name_from_row(item: _Item, sharing: int) -> None:
    """A way without a name takes it from its row: a file's name there, else the row's first text."""
    if vocabulary.file_name(item.name) or sharing > 1:
        return
    found = _names_in(item.pieces)
    if len(found) == 1:
        item.name = found[0]
    elif not item.name or not vocabulary.names_something(item.name):
        texts = [text for text in item.pieces if re.search(r"[^\W\d_]{2}", text) and not _SIZE.fullmatch(text)]
        item.name = item.name or (texts[0] if texts else "")


def _unreachable(candidates: Sequence[Candidate], areas: Sequence[Area], items: Sequence[_Item]) -> list[_Item]:
    """Rows that name a file, and whose controls all may not be used: the file is there, and cannot be got."""
    taken = {(way.row, way.area) for item in items for way in item.ways}
    names = {item.name for item in items}
    found: dict[tuple[int, int], _Item] = {}
    for one in candidates:
        place = one.row, one.area
        if one.row < 0 or one.area < 0 or place in taken or place in found or one.off or not one.shown:
            continue
        if areas[one.area].score < _STRONG or one.control.address:
            continue
        named = _names_in(one.pieces) or tuple(name for text in (one.control.label, one.control.title) if (name := vocabulary.file_name(text)))
        if len(named) == 1 and named[0] not in names and any(vocabulary.says_download(word) for word in vocabulary.words(one.control.label)):
            found[place] = _Item(named[0], one.area, loose=False, certain=True, ways=[one], row_text=one.row_text, pieces=one.pieces)
    return list(found.values())


def _mate(mates: Sequence[_Item], named: str, one: Candidate) -> _Item | None:
    """The item of the same row that a candidate is another way to; None: it begins one of its own."""
    if not mates or one.row < 0:
        return None
    for item in reversed(mates):
        theirs = vocabulary.file_name(item.name)
        if named and theirs and named == theirs:
            return item
        if named and theirs:
            continue
        if named and not theirs:
            # A name beside a plain "Download": one file; beside another plain name: two.
            return item if all(vocabulary.is_download_label(way.control.label) or not way.control.label for way in item.ways) else None
        if not one.control.label or vocabulary.is_download_label(one.control.label, names=(item.name,)):
            return item
        if one.verdict.certain and one.verdict.name and one.verdict.name == item.name:
            return item
    return None


def _without_bystanders(items: list[_Item]) -> list[_Item]:
    """Uncertain links in a row that has a certain file (who sent it, what it belongs to) are not files."""
    certain_rows = {(way.row, way.area) for item in items if item.certain for way in item.ways if way.row >= 0}
    return [
        item
        for item in items
        if item.certain or not any((way.row, way.area) in certain_rows for way in item.ways)
    ]  # fmt: skip


def _leads_to_all(control: models.Control) -> bool:
    """Whether a link leads to where all are listed or managed ("Manage attachments"), and not to one of them."""
    return bool(vocabulary.topic(control.label)) and not vocabulary.is_download_label(control.label)


def _is_named(one: Candidate) -> bool:
    """Whether a candidate is called like a file where people see it."""
    attributes = dict(one.control.attributes)
    texts = (one.control.label, one.control.title, one.control.text, one.filename, attributes.get("download", ""))
    return any(vocabulary.file_name(text) for text in texts)


def _file_name_of(one: Candidate) -> str:
    """The file's name as the control says it; `""` where it does not."""
    attributes = dict(one.control.attributes)
    for text in (attributes.get("download", ""), one.filename):
        if text.strip():
            return text.strip()
    for text in (one.verdict.name, one.control.label, one.control.title, one.control.text):
        if name := vocabulary.file_name(text):
            return name
    return ""


def _better(name: str, one: Candidate) -> str:
    named = _file_name_of(one)
    if named and not vocabulary.file_name(name):
        return named
    return name or one.verdict.name


def _identified(
    items: Sequence[_Item], areas: Sequence[Area], alike: Mapping[tuple[int, models.Control], int]
) -> tuple[list[models.Attachment], list[str]]:
    counts: dict[str, int] = {}
    keys = [_key(item) for item in items]
    met: dict[str, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    found, named_keys = [], []
    controls_met: dict[tuple[int, models.Control], int] = {}
    for item, key in zip(items, keys, strict=True):
        met[key] = met.get(key, 0) + 1
        attachment_id = key if counts[key] == 1 else f"{key}-{met[key]}of{counts[key]}"
        ways = sorted(item.ways, key=_rank)
        sources: list[models.FileSource] = []
        for way in ways:
            source = _source(way, controls_met, alike)
            if source not in sources:
                sources.append(source)
        place = areas[item.area].label if 0 <= item.area < len(areas) else ""
        found.append(
            models.Attachment(
                attachment_id, " ".join(item.name.split())[:300], sources[0], place, None, tuple(sources[1:]), item.certain
            )
        )
        named_keys.append(key)
    return found, named_keys


def _rank(way: Candidate) -> tuple[int, int]:
    """The likeliest way first: what downloads, then the file's name, then what shows it; a press only where it must."""
    if way.verdict.action is judging.Action.RECORD:
        return (9, 0)
    if way.verdict.action is judging.Action.PRESS:
        return (5, 0)
    attributes = dict(way.control.attributes)
    words = urlsplit(way.control.address).path.lower()
    shows = {"preview", "inline", "thumbnail", "thumb", "viewer", "view"}
    if shows & set(vocabulary.identifier_words(f"{way.control.label} {urlsplit(way.control.address).query} {words.rpartition('/')[2]}")):
        return (4, 0)
    download = "download" in attributes or (bool(vocabulary.words(way.control.label)) and vocabulary.is_download_label(way.control.label))
    if download or "download" in words:
        return (0, 0)
    if vocabulary.file_name(unquote(words.rpartition("/")[2])):
        return (1, 0)
    return (2 if way.verdict.certain else 3, 0)


def _source(
    way: Candidate, met: dict[tuple[int, models.Control], int], alike: Mapping[tuple[int, models.Control], int]
) -> models.FileSource:
    control = way.control
    if way.verdict.action is judging.Action.RECORD:
        return models.External(control.address)
    if way.verdict.action is judging.Action.FETCH:
        return models.Link(control.address, way.frame.url)
    at = id(way.frame), control
    nth = met.get(at, 0)
    met[at] = nth + 1
    return models.Click(control, nth, alike[at])


def _key(item: _Item) -> str:
    """What an attachment is: its address less what is signed or expires, else its name, size, date and row."""
    addresses = sorted((way.control.address for way in sorted(item.ways, key=_rank) if way.control.address), key=len)
    stable = [known for address in addresses if (known := lasting(address))]
    name = " ".join(item.name.split())
    if stable:
        # The same for every way that is shown: the one that names most.
        text = f"link\n{min(stable)}"
    else:
        row = item.row_text
        size = _SIZE.search(row)
        date = _DATE.search(row)
        told = f"{size[0] if size else ''}\n{date[0] if date else ''}"
        about = name if vocabulary.file_name(name) else re.sub(r"\s+", " ", row)[:200]
        text = f"row\n{about}\n{told}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def lasting(address: str) -> str:
    """An address without what is signed, expires or keeps it out of caches; `""` where nothing is left to tell it by."""
    parts = urlsplit(address)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if not _SHORT_LIVED.fullmatch(name)]
    path = re.sub(r"(?i);jsessionid=[^/]*", "", parts.path)
    if parts.scheme not in {"http", "https"}:
        return ""
    query = urlencode(sorted(kept))
    return f"{parts.netloc.lower()}{path}{'?' + query if query else ''}{'#' + parts.fragment if parts.fragment.startswith(('/', '!')) else ''}"


# --- what may be opened or turned -------------------------------------------------------------------------------------


def _opens(one: Candidate, areas: Sequence[Area], placed: Sequence[_Item]) -> bool:
    """Whether a control shows a closed part of the list."""
    if one.off or not one.shown or one.expanded == "true" or one.current:
        return False
    if one.verdict.action is not judging.Action.OPEN and not (one.opener and judging.veto(one.control) is None):
        return False
    if one.control.form is not None and one.control.kind in {"submit", "image", "reset"}:
        return False  # without a form of its own a plain button is a "submit" that sends nothing
    target = one.governs if one.governs >= 0 else -1
    is_tab = one.control.role == "tab" and vocabulary.topic(one.control.label) > 0 and one.expanded == "false"
    if is_tab and target < 0:
        return True
    if one.opener and target < 0 and one.expanded != "false":
        return False
    if target >= 0:
        holds_items = any(item.area == target for item in placed)
        if holds_items or (areas[target].shown and one.expanded != "false"):
            return False
        return True
    if one.area >= 0:
        return one.verdict.action is judging.Action.OPEN and one.expanded != "true"
    # Nothing on the page says what it governs: its whole label has to.
    return all(area.score <= _TALK for area in areas) and one.verdict.action is judging.Action.OPEN and vocabulary.topic(_without_verb(one.control.label)) >= _STRONG


def _without_verb(label: str) -> str:
    words = label.split()
    return max((" ".join(words[at:]) for at in range(len(words))), key=vocabulary.topic, default="")


def _turning(candidates: Sequence[Candidate], areas: Sequence[Area]) -> Iterable[Candidate]:
    """Controls of the list's own paging, "next" and "more" before numbers."""
    inside = [one for one in candidates if one.area >= 0 and one.shown and not one.off and areas[one.area].score > _TALK]
    first = [one for one in inside if one.verdict.action is judging.Action.TURN and vocabulary.page_number(one.control.label) is None]
    numbers = [one for one in inside if one.verdict.action is judging.Action.TURN and vocabulary.page_number(one.control.label) is not None]
    counted: dict[int, int] = {}
    for one in (other for other in candidates if vocabulary.page_number(other.control.label) is not None):
        counted[one.group] = counted.get(one.group, 0) + 1
    yield from first
    yield from (one for one in numbers if one.paging or counted.get(one.group, 0) > 1)


def _considered(
    candidates: Sequence[Candidate], areas: Sequence[Area], grouped: Sequence[_Item]
) -> Iterable[models.Considered]:
    taken = {id(way) for item in grouped for way in item.ways}
    for one in candidates:
        if one.loose and one.verdict.action is judging.Action.LEAVE and not one.verdict.name:
            continue
        place = areas[one.area].label or "attachments" if 0 <= one.area < len(areas) else ""
        yield models.Considered(
            control=one.control, place=place,
            taken=id(one) in taken and not (one.loose and bool(areas)), action=one.verdict.action, why=one.verdict.why,
        )  # fmt: skip
