"""Groups the controls of a page into attachments: all controls of one file are one attachment. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urldefrag, urlencode, urlsplit

from po_pw import hostnames, models, redact, secret_signs
from po_pw.portals.generic import (
    address_policy,
    change_words,
    control_policy,
    file_names,
    icon_words,
    label_words,
    list_counts,
    tokenizer,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STRONG: Final = 0.72
"""Score of an area that is surely one of attachments; below it is one only where no other is."""
TALK: Final = 0.3
"""Score of an area where people talk, or where what happened is listed: only what is named like a file counts there."""

_SHORT_LIVED: Final = re.compile(
    r"(?i)sig|signature|token|(access|auth|security)_?token|expires?|expiry|x-(amz|goog|ms)-[\w-]+|hmac|nonce|"
    r"csrf\w*|_csrf\w*|authenticity_token|session_?(id)?|sid|jsessionid|phpsessid|_|ts|timestamp|rand(om)?|cb|"
    r"googleaccessid|awsaccesskeyid|key-pair-id"
)
"""Parameters that sign an address, let it expire, or only keep it out of a cache: not part of what it names."""
_BESIDE_SIGNATURE: Final = re.compile(r"(?i)exp|se|sp|sv|sr|st|spr|skoid|sktid|ske|skt|sks|skv|policy|hash|ticket|time")
"""Those that are such only in an address that is signed."""
_SIGNS: Final = re.compile(r"(?i)sig|signature|x-(amz|goog)-signature|hmac|token|access_?token")
_SIZE: Final = re.compile(r"(?i)\b\d[\d.,\s]*\s?(bytes?|[kmg]i?b|ko|mo|go|б|кб|мб)\b")  # noqa: RUF001 - the units in Cyrillic
_DATE: Final = re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b")
_SHOWS: Final = frozenset({"preview", "inline", "thumbnail", "thumb", "viewer", "view"})
_GETS: Final = frozenset({control_policy.Action.FETCH, control_policy.Action.PRESS, control_policy.Action.RECORD})


@dataclasses.dataclass(frozen=True, slots=True)
class Area:
    """An area of the page that lists attachments."""

    label: str
    score: float
    """How surely it is one: of itself, or of an area around it."""
    frame: str
    """Address of its frame; `""` for the main frame."""
    shown: bool
    busy: bool
    says_none: bool
    claimed: int | None
    failed: bool
    """It shows an alert."""
    scrolls: bool
    """More of it may come when it is scrolled."""
    unread: bool = False
    """It shows something that is neither a control nor a plain text."""
    sealed: bool = False
    """It is closed, and a control that is shown opens it."""
    branches: int = 0
    """Closed branches of a tree in it, and tabs whose panel is not there yet."""
    pages: int = 1
    """How many pages it says that it has."""
    unshown: int = 0
    """How many more it says that there are than it shows."""
    clipped: int = 0
    """The number beside a paperclip in one of its cells, where it is a column of a table."""
    names: tuple[str, ...] = ()
    """Texts and choices in it that are the name of a file."""
    is_column: bool = False
    """It is a column of a table, named by the column's heading."""
    items: int = 0
    """Attachments found in it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A control that was examined."""

    control: models.Control
    frame: int
    """Which frame of the look it is in."""
    frame_url: str
    area: int
    """Index of its area in the look; -1: in none."""
    row: int
    """Which row of the look it stands in; -1: in none."""
    row_text: str
    pieces: tuple[str, ...]
    """The short texts of its row that are no control's label."""
    decision: control_policy.Decision
    shown: bool
    closed: bool
    """In a closed panel of the area."""
    off: bool
    loose: bool
    """In no area."""
    opener: bool
    """It opens an area."""
    governs: int
    """Index of the area that it shows or hides; -1: none."""
    expanded: str
    """`true`, `false`; `""` where it opens and closes nothing."""
    current: bool
    """It is the page or tab that is shown."""
    paging: bool
    group: int
    """Which candidates share a parent."""
    filename: str
    """The file's name, where an attribute says it."""
    beside: str
    """What is said right beside it."""
    tail: bool
    """It stands behind the list that the area's heading names."""


@dataclasses.dataclass(slots=True)
class Item:
    """One file, with all controls that lead to it."""

    name: str
    area: int
    loose: bool
    certain: bool
    ways: list[Candidate]

    @property
    def row(self) -> tuple[int, int]:
        """Where it stands: row and area."""
        return self.ways[0].row, self.area


def grouped(candidates: Sequence[Candidate], areas: Sequence[Area], page_url: str) -> list[Item]:
    """Groups the candidates of a look into files, in page order.

    Args:
        candidates: all of the look.
        areas: of the look.
        page_url: address of the page.
    """
    here = urldefrag(page_url)[0]
    strong = any(area.score >= STRONG for area in areas)
    others = rows_of_others(candidates, areas, page_url)
    taken = [
        one
        for one in _rescued(candidates)
        if _counts(one, areas, here, strong=strong) and (one.area, one.row) not in others
    ]
    names: dict[str, str] = {}
    for one in taken:
        if one.control.address and (name := file_name_of(one)):
            names.setdefault(_address(one), name)
    items: list[Item] = []
    by_address: dict[str, Item] = {}
    by_row: dict[tuple[int, int], list[Item]] = {}
    unnamed: list[Candidate] = []

    def begin(one: Candidate, name: str) -> None:
        item = Item(name, one.area, one.loose, one.decision.certain, [one])
        items.append(item)
        by_row.setdefault((_row(one), one.area), []).append(item)
        if address := _address(one):
            by_address[address] = item

    def join(item: Item, one: Candidate, name: str = "") -> None:
        item.ways.append(one)
        item.certain = item.certain or one.decision.certain
        if name and not label_words.file_name(item.name):
            item.name = name
        if address := _address(one):
            by_address.setdefault(address, item)

    for one in taken:  # first what is called like a file: each is an item
        name = file_name_of(one) or names.get(_address(one), "")
        known = by_address.get(_address(one))
        if not name:
            unnamed.append(one)
        elif known is not None:
            join(known, one, name)
        else:
            same = [item for item in by_row.get((_row(one), one.area), ()) if label_words.file_name(item.name) == name]
            if same and one.row >= 0:
                join(same[-1], one, name)
            elif (twin := _elsewhere(items, one, name)) is not None:
                join(twin, one, name)
            else:
                begin(one, name)
    order = {id(one): at for at, one in enumerate(taken)}
    for one in unnamed:  # then what is not: another way to one of these, or an item of its own
        known = by_address.get(_address(one))
        mates = by_row.get((_row(one), one.area), [])
        mate = known or _mate(mates, one, order)
        if mate is not None:
            join(mate, one)
        elif not (mates and not one.decision.certain and any(_is_sure(item) for item in mates)):
            # An uncertain link beside a file, or beside one that says to download it, is none: who sent it, what it
            # belongs to, what else can be done with it.
            begin(one, one.decision.name)
    for item in items:
        _name_from_row(item, sum(other.row == item.row for other in items) if item.ways[0].row >= 0 else 2)
    items += _unreachable(candidates, areas, items)
    items.sort(key=lambda item: order.get(id(item.ways[0]), len(order)))
    return _without_archive(items)


def rows_of_others(candidates: Sequence[Candidate], areas: Sequence[Area], page_url: str) -> set[tuple[int, int]]:
    """The rows, each with its area before it, that are other records' in a table of records with a column of files.

    Such a row links to its record, by an address that is the page's but for one part, and shows that part. In a list of
    attachments such a link only says where a file came from.
    """
    found: set[tuple[int, int]] = set()
    records: set[str] = set()
    columns = {at for at, area in enumerate(areas) if area.is_column}
    rows = {one.row: one.area for one in candidates if one.area in columns and one.row >= 0}
    for one in candidates:
        if one.row in rows and (part := _other_part(one.control.address, page_url)):
            shown = re.sub(r"\W", "", one.control.label).casefold()
            if re.sub(r"\W", "", part).casefold() in shown and not label_words.file_name(one.control.label):
                found.add((rows[one.row], one.row))
                records.add(part)
    return found if len(records) > 1 else set()


def _other_part(address: str, page_url: str) -> str:
    """The one part in which an address differs from the page's, both parts with a digit; `""` where there is none."""
    one, page = urlsplit(address), urlsplit(page_url)
    if one[:2] != page[:2] or one.path.count("/") != page.path.count("/"):
        return ""
    parts = [
        [unquote(part) for part in parsed.path.split("/")] + [value for _, value in parse_qsl(parsed.query)]
        for parsed in (one, page)
    ]
    differing = [(mine, its) for mine, its in zip(*parts, strict=False) if mine != its]
    if len(parts[0]) != len(parts[1]) or len(differing) != 1:
        return ""
    return differing[0][0] if all(re.search(r"\d", part) for part in differing[0]) else ""


def folders(items: Sequence[Item]) -> list[Item]:
    """Entries that are folders of further files, and no file: their label counts files, or their icon is a folder."""

    def is_folder(item: Item) -> bool:
        if item.certain or label_words.file_name(item.name):
            return False
        said = [text for way in item.ways for text in (way.control.label, way.beside)]
        icons = [word for way in item.ways for icon in way.control.icons for word in tokenizer.identifier_words(icon)]
        return any(map(list_counts.counts_files, said)) or any(
            word in {"folder", "directory", "\U0001f4c1"} for word in icons
        )

    return [item for item in items if is_folder(item)]


def _is_sure(item: Item) -> bool:
    said = (way.control.label for way in item.ways)
    return item.certain or any(tokenizer.words(one) and label_words.is_download_label(one) for one in said)


def _row(one: Candidate) -> int:
    return one.row if one.row >= 0 else -2 - one.group


def _address(one: Candidate) -> str:
    return "" if one.decision.action is control_policy.Action.PRESS else urldefrag(one.control.address)[0]


def _counts(one: Candidate, areas: Sequence[Area], here: str, *, strong: bool) -> bool:
    """Whether a candidate may lead to a file, by its position on the page."""
    action = one.decision.action
    if one.off or action not in _GETS:
        return False
    if not one.shown and not (one.closed and action is not control_policy.Action.PRESS):
        return False
    if action is not control_policy.Action.PRESS and _address(one) in {"", here}:
        return False
    if one.loose:
        return action is control_policy.Action.FETCH and one.decision.certain
    area = areas[one.area]
    if (one.tail or area.score <= TALK or (strong and area.score < STRONG)) and not is_named(one):
        return False
    return not (action is control_policy.Action.FETCH and not is_named(one) and _leads_to_all(one.control))


def _rescued(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """A link to a file that was left only for a word in its file's own name ("delete list.txt") is taken.

    The name is its own where nothing else in the area is called like the rest of it: a link "Delete invoice.pdf" stands
    beside the file "invoice.pdf".
    """
    names = {(name, one.area) for one in candidates if one.decision.action in _GETS and (name := file_name_of(one))}
    names |= {(name, one.area) for one in candidates for text in one.pieces if (name := label_words.file_name(text))}
    for one in candidates:
        control = one.control
        is_link = bool(control.address) and (
            address_policy.is_plain_file_address(control.address) or _holds(control.address, control.label)
        )
        if one.decision.action is not control_policy.Action.LEAVE or not is_link or one.area < 0:
            yield one
            continue
        label = " ".join(control.label.split())
        rests = [label[at + 1 :] for at, char in enumerate(label) if char == " "]
        if not file_names.is_file_name(label) or any((rest, one.area) in names for rest in rests):
            yield one
            continue
        plain = f"file.{label.rpartition('.')[2]}"
        neutral = dataclasses.replace(
            control, label=plain, text=control.text.replace(label, plain), title=control.title.replace(label, plain)
        )
        decision = control_policy.decide(neutral, origin=hostnames.origin_of(control.address), names=(plain, label))
        if decision.action is control_policy.Action.FETCH:
            yield dataclasses.replace(one, decision=dataclasses.replace(decision, name=label))
        else:
            yield one


def _holds(address: str, name: str) -> bool:
    """Whether an address names the file, with whatever signs in place of the spaces."""
    plain = re.sub(r"[\W_]+", " ", unquote(address)).casefold()
    wanted = re.sub(r"[\W_]+", " ", name).casefold().strip()
    return len(wanted.split()) > 1 and f" {wanted}" in plain


def _elsewhere(items: Sequence[Item], one: Candidate, name: str) -> Item | None:
    """The same file in another area, such as its line in a history: the same name, and an id in both addresses."""
    told = _telling(one.control.address, name)
    if not told:
        return None
    for item in items:
        if item.area == one.area or label_words.file_name(item.name) != name:
            continue
        if any(told & _telling(way.control.address, name) for way in item.ways):
            return item
    return None


def _last(address: str) -> str:
    """The last part of an address's path."""
    return unquote(urlsplit(address).path.rstrip("/").rpartition("/")[2])


def _telling(address: str, name: str) -> set[str]:
    """The parts of an address that tell one file from another: what holds a digit, and is not its name."""
    if not address:
        return set()
    parts = urlsplit(address)
    found = [unquote(part) for part in parts.path.split("/")] + [value for _, value in parse_qsl(parts.query)]
    return {part for part in found if any(char.isdigit() for char in part) and part != name}


def _mate(mates: Sequence[Item], one: Candidate, order: Mapping[int, int]) -> Item | None:
    """The item of the same row that a candidate without a name is another way to; None: none, or it cannot be told."""
    if not mates:
        return None
    address, last = unquote(one.control.address), _last(one.control.address)
    for item in mates:
        name = label_words.file_name(item.name)
        if name and address and name in address:
            return item
        if len(last) > 2 and any(_last(way.control.address) == last for way in item.ways):
            return item
    label = one.control.label
    if tokenizer.words(label) and not label_words.is_download_label(label):
        return None
    if one.row < 0 and not all(item.name for item in mates):
        return None
    before = [item for item in mates if order[id(item.ways[0])] < order[id(one)]]
    same_kind = [item for item in (before or mates) if any(way.control.label == label for way in item.ways if label)]
    if len(mates) > 1 and same_kind:
        # "a.pdf Download b.pdf Download": each belongs to the name before it.
        rest = [item for item in before if item not in same_kind]
        return rest[-1] if rest else None
    return (before or mates)[-1] if before else mates[0]


def _name_from_row(item: Item, sharing: int) -> None:
    """A way without a name takes it from its row: a file's name there, else the row's first text."""
    if label_words.file_name(item.name) or sharing > 1:
        return
    pieces = item.ways[0].pieces
    found = names_in(pieces)
    if len(found) == 1:
        item.name = found[0]
    elif not label_words.names_something(item.name):
        texts = [text for text in pieces if re.search(r"[^\W\d_]{2}", text) and not _SIZE.fullmatch(text)]
        item.name = item.name or (texts[0] if texts else "")


def names_in(pieces: Sequence[str]) -> tuple[str, ...]:
    """The file names among a row's texts: not those that a sentence only mentions."""
    found = ((label_words.file_name(text), text) for text in pieces)
    return tuple(name for name, text in found if name and _is_whole(name, text))


def _is_whole(name: str, text: str) -> bool:
    rest = text.replace(name, " ", 1)
    return len(rest.split()) <= 5 and text.strip().startswith(name[:12])


def _unreachable(candidates: Sequence[Candidate], areas: Sequence[Area], items: Sequence[Item]) -> list[Item]:
    """Files that the list names, and whose controls may all not be used: they are there, and cannot be got."""
    taken = {(_row(way), way.area) for item in items for way in item.ways}
    names = {item.name for item in items}
    found: dict[tuple[int, int], Item] = {}
    for one in candidates:
        if (
            one.area < 0
            or one.off
            or not one.shown
            or one.tail
            or one.decision.action is not control_policy.Action.LEAVE
        ):
            continue
        place, score = (_row(one), one.area), areas[one.area].score
        if _looks_like_file(one):
            if score > TALK and (place not in taken or one.row < 0):
                own = one.row if one.row >= 0 else id(one)
                found[own, one.area] = Item(
                    _unsized(one.control.label), one.area, loose=False, certain=True, ways=[one]
                )
            continue
        if one.row < 0 or place in taken or place in found or score < STRONG:
            continue
        in_row = names_in(one.pieces)
        label = label_words.file_name(one.control.label)
        gets = any(icon_words.says_download(word) for word in tokenizer.words(one.control.label))
        name = in_row[0] if len(in_row) == 1 and gets else label if label and one.control.address else ""
        if name and name not in names:
            found[place] = Item(name, one.area, loose=False, certain=True, ways=[one])
    return list(found.values())


_TOOLS: Final = frozenset({"a", "button", "input", "summary", "select", "label", "textarea", "th"})
_TOOL_ROLES: Final = frozenset({"button", "tab", "menuitem", "columnheader", "combobox", "switch", "checkbox"})


def is_unknown_entry(one: Candidate) -> bool:
    """Whether a control may be an entry of its list that was not understood: no button, no link, and no tool."""
    control = one.control
    if one.decision.action is not control_policy.Action.LEAVE or not one.shown or one.tail:
        return False
    if control.tag in _TOOLS or control.role in _TOOL_ROLES or control.address:
        return False
    label = control.label
    if change_words.changes(label) or topics.topic(label) or label_words.is_expander_label(label):
        return False
    return bool(tokenizer.words(label)) and not label_words.is_about_lists(label)


_FILE_ICONS: Final = frozenset({"pdf", "doc", "docx", "xls", "xlsx", "word", "excel", "zip", "file", "document"})


def _looks_like_file(one: Candidate) -> bool:
    """Whether a control that is left alone, and is no link, shows a file all the same: its size, or its type's icon."""
    control, label = one.control, one.control.label
    if control.address or not tokenizer.words(_unsized(label)):
        return False
    if change_words.changes(label) or topics.has_topic(label) or label_words.is_all_label(label):
        return False
    icons = {word for icon in control.icons for word in tokenizer.identifier_words(icon)}
    return bool(_SIZE.search(label)) or bool(icons & _FILE_ICONS)


def _unsized(label: str) -> str:
    """A label without the size and date of its file."""
    return " ".join(_DATE.sub(" ", _SIZE.sub(" ", label)).split()).strip(" ,;|·•\u2013-")


def _without_archive(items: list[Item]) -> list[Item]:
    """All files in one ("download all") are no attachment, unless they come no other way."""

    def is_all(item: Item) -> bool:
        labels = [text for way in item.ways for text in (way.control.label, way.control.title, way.beside) if text]
        return any(label_words.is_all_label(text) for text in labels)

    single = [item for item in items if not is_all(item)]
    return single or items


def _leads_to_all(control: models.Control) -> bool:
    """Whether a link leads to where all are listed or managed ("Manage attachments"), and not to one of them."""
    return bool(topics.topic(control.label)) and not label_words.is_download_label(control.label)


def is_named(one: Candidate) -> bool:
    """Whether a candidate is called like a file where people see it."""
    attributes = dict(one.control.attributes)
    texts = (one.control.label, one.control.title, one.control.text, one.filename, attributes.get("download", ""))
    return any(label_words.file_name(text) for text in texts)


def file_name_of(one: Candidate) -> str:
    """The file's name as the control says it; `""` where it does not."""
    attributes = dict(one.control.attributes)
    for text in (attributes.get("download", ""), one.filename):
        if text.strip():
            return text.strip()
    for text in (one.decision.name, one.control.label, one.control.title, one.control.text):
        if name := label_words.file_name(text):
            return name
    return ""


# --- from items to attachments ----------------------------------------------------------------------------------------


def identified(
    items: Sequence[Item], areas: Sequence[Area], clicks: Mapping[int, models.Click]
) -> tuple[tuple[models.Attachment, ...], tuple[str, ...]]:
    """The attachments, each with an id that is the same on every visit, and the keys that tell them apart.

    Args:
        items: of a look.
        areas: of the look.
        clicks: how to find each candidate again, by its `id()`.
    """
    keys = [_key(item) for item in items]
    met: dict[str, int] = {}
    found = []
    for item, key in zip(items, keys, strict=True):
        met[key] = met.get(key, 0) + 1
        # How many are alike is part of the id: where there are more of them than before, none is taken for another.
        attachment_id = key if keys.count(key) == 1 else f"{key}-{met[key]}of{keys.count(key)}"
        sources = list(dict.fromkeys(_source(way, clicks) for way in sorted(item.ways, key=_rank)))
        place = areas[item.area].label if 0 <= item.area < len(areas) else ""
        name = " ".join(item.name.split())[:300]
        found.append(
            models.Attachment(
                attachment_id, name, sources[0], place, others=tuple(sources[1:]), is_certain=item.certain
            )
        )
    return tuple(found), tuple(keys)


def _rank(way: Candidate) -> int:
    """The likeliest way first: what downloads, then the file's name, then what shows it; a press only where it must."""
    if way.decision.action is control_policy.Action.RECORD:
        return 9
    if way.decision.action in {control_policy.Action.PRESS, control_policy.Action.LEAVE}:
        return 5
    parts = urlsplit(way.control.address)
    last = parts.path.rpartition("/")[2]
    label = way.control.label
    if _SHOWS & set(tokenizer.identifier_words(f"{label} {parts.query} {last}")):
        return 4
    is_download = bool(tokenizer.words(label)) and label_words.is_download_label(label)
    if is_download or "download" in dict(way.control.attributes) or "download" in parts.path.lower():
        return 0
    if label_words.file_name(unquote(last)):
        return 1
    return 2 if way.decision.certain else 3


def _source(way: Candidate, clicks: Mapping[int, models.Click]) -> models.FileSource:
    if way.decision.action is control_policy.Action.RECORD:
        return models.External(way.control.address)
    if way.decision.action is control_policy.Action.FETCH:
        return models.Link(way.control.address, way.frame_url)
    return clicks.get(id(way)) or models.Click(way.control)


def _key(item: Item) -> str:
    """What an attachment is: its address less what is signed or expires, else its name, size, date and row."""
    addresses = [way.control.address for way in item.ways if way.decision.action is not control_policy.Action.PRESS]
    stable = sorted(known for address in addresses if (known := lasting(address)))
    name = " ".join(item.name.split())
    if stable:
        text = f"link\n{stable[0]}" + (f"\n{name}" if redact.REDACTED in stable[0] else "")
    else:
        row = item.ways[0].row_text
        size, date = _SIZE.search(row), _DATE.search(row)
        about = name if label_words.file_name(name) else " ".join(row.split())[:200]
        text = f"row\n{about}\n{size[0] if size else ''}\n{date[0] if date else ''}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def lasting(address: str) -> str:
    """An address without what is signed, expires or keeps it out of caches; `""` where nothing is left."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"}:
        return ""
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    is_signed = any(_SIGNS.fullmatch(name) for name, _ in pairs)
    kept = [
        (name, value)
        for name, value in pairs
        if not (_SHORT_LIVED.fullmatch(name) or secret_signs.is_secret_name(name))
        and not (is_signed and _BESIDE_SIGNATURE.fullmatch(name))
    ]
    path = redact.address(re.sub(r"(?i);jsessionid=[^/]*", "", parts.path))
    query = f"?{urlencode(sorted(kept))}" if kept else ""
    route = f"#{parts.fragment}" if parts.fragment.startswith(("/", "!")) else ""
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{host}{path}{query}{route}"
