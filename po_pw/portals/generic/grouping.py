"""Groups the controls of a page into attachments: all controls of one file are one attachment. Pure."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urldefrag, urlsplit

from po_pw import hostnames, models
from po_pw.portals.generic import (
    address_policy,
    change_words,
    control_policy,
    file_names,
    icon_words,
    label_words,
    list_counts,
    list_tools,
    other_records,
    page_items,
    tokenizer,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


_GETS: Final = frozenset({control_policy.Action.FETCH, control_policy.Action.PRESS, control_policy.Action.RECORD})


def grouped(
    candidates: Sequence[page_items.Candidate], areas: Sequence[page_items.Area], page_url: str
) -> list[page_items.Item]:
    """Groups the candidates of a look into files, in page order.

    Args:
        candidates: all controls of the look.
        areas: of the look.
        page_url: address of the page.
    """
    taken = _taken(candidates, areas, page_url)
    names: dict[str, str] = {}
    for one in taken:
        if one.control.address and (name := file_name_of(one)):
            names.setdefault(_address(one), name)
    items: list[page_items.Item] = []
    by_address: dict[str, page_items.Item] = {}
    by_row: dict[tuple[int, int], list[page_items.Item]] = {}
    unnamed: list[page_items.Candidate] = []

    def begin(one: page_items.Candidate, name: str) -> None:
        item = page_items.Item(name, one.area, one.loose, one.decision.certain, [one])
        items.append(item)
        by_row.setdefault((_row(one), one.area), []).append(item)
        if address := _address(one):
            by_address[address] = item

    def join(item: page_items.Item, one: page_items.Candidate, name: str = "") -> None:
        if item.loose and not one.loose:  # shown before the list, too: it is an entry of the list
            item.area, item.loose = one.area, False
            item.ways.insert(0, one)
        else:
            item.ways.append(one)
        item.certain = item.certain or one.decision.certain
        if name and not label_words.file_name(item.name):
            item.name = name
        if address := _address(one):
            by_address.setdefault(address, item)

    for one in taken:  # first controls with a file name: each is an item
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
            elif (same_file := _elsewhere(items, one, name)) is not None:
                join(same_file, one, name)
            else:
                begin(one, name)
    order = {id(one): at for at, one in enumerate(taken)}
    for one in unnamed:  # then the others: another way to one of these, or a new item
        known = by_address.get(_address(one))
        mates = by_row.get((_row(one), one.area), [])
        mate = known or _mate(mates, one, order)
        if mate is not None:
            join(mate, one)
        elif not (mates and not one.decision.certain and any(_is_sure(item) for item in mates)):
            # An uncertain link beside a file or a download link is not a file: it leads to the sender, the record or
            # another action.
            begin(one, one.decision.name)
    for item in items:
        _name_from_row(item, sum(other.row == item.row for other in items) if item.ways[0].row >= 0 else 2)
    items += _unreachable(candidates, areas, items)
    items.sort(key=lambda item: order.get(id(item.ways[0]), len(order)))
    return _without_archive(items)


def _taken(
    candidates: Sequence[page_items.Candidate], areas: Sequence[page_items.Area], page_url: str
) -> list[page_items.Candidate]:
    """The candidates that lead to files.

    An area that is surely of attachments outweighs one of documents, but not if it is empty: then the files of the
    order are those under the other heading.
    """
    here = urldefrag(page_url)[0]
    others = other_records.rows(candidates, areas, page_url)
    possible = [one for one in _rescued(candidates) if (one.area, one.row) not in others]
    is_sure = {at for at, area in enumerate(areas) if area.score >= page_items.STRONG}
    for strong in (True, False) if is_sure else (False,):
        taken = [one for one in possible if _counts(one, areas, here, strong=strong)]
        commands = list_tools.tools(taken, here)
        taken = [one for one in taken if id(one) not in commands]
        if any(one.area in is_sure or (one.area >= 0 and is_named(one)) for one in taken):
            break
    return taken


def folders(items: Sequence[page_items.Item]) -> list[page_items.Item]:
    """Items that are folders of files: their label counts files, or their icon is a folder."""

    def is_folder(item: page_items.Item) -> bool:
        if item.certain or label_words.file_name(item.name):
            return False
        texts = [text for way in item.ways for text in (way.control.label, way.beside)]
        pictures = [icon for way in item.ways for icon in (*way.control.icons, *way.pictures)]
        icons = [word for icon in pictures for word in tokenizer.identifier_words(icon)]
        return any(map(list_counts.counts_files, texts)) or any(
            word in {"folder", "directory", "\U0001f4c1"} for word in icons
        )

    return [item for item in items if is_folder(item)]


def _is_sure(item: page_items.Item) -> bool:
    texts = (way.control.label for way in item.ways)
    return item.certain or any(tokenizer.words(one) and label_words.is_download_label(one) for one in texts)


def _row(one: page_items.Candidate) -> int:
    return one.row if one.row >= 0 else -2 - one.group


def _address(one: page_items.Candidate) -> str:
    return "" if one.decision.action is control_policy.Action.PRESS else urldefrag(one.control.address)[0]


def _counts(one: page_items.Candidate, areas: Sequence[page_items.Area], here: str, *, strong: bool) -> bool:
    """Whether a candidate may lead to a file, by its position on the page."""
    action = one.decision.action
    is_press = action is control_policy.Action.PRESS
    is_usable = one.shown and not one.off if is_press else _leads_elsewhere(one, here, may_be_closed=True)
    if action not in _GETS or not is_usable:
        return False
    if one.loose:
        return action is control_policy.Action.FETCH and one.decision.certain
    area = areas[one.area]
    if (one.tail or area.score <= page_items.TALK or (strong and area.score < page_items.STRONG)) and not is_named(one):
        return False
    return not (action is control_policy.Action.FETCH and not is_named(one) and _leads_to_all(one.control))


def _leads_elsewhere(one: page_items.Candidate, here: str, *, may_be_closed: bool = False) -> bool:
    """Whether a candidate is a link to another address that a person could follow.

    Args:
        one: the candidate.
        here: address of the page, without a fragment.
        may_be_closed: also if it is in a closed part of the page.
    """
    is_reachable = one.shown or (may_be_closed and one.closed)
    return is_reachable and not one.off and _address(one) not in {"", here}


def _rescued(candidates: Sequence[page_items.Candidate]) -> Iterator[page_items.Candidate]:
    """Accepts links that were excluded only for a word in the file's own name ("delete list.txt").

    The word belongs to the name if nothing else in the area has the rest of it as its name: a link "Delete invoice.pdf"
    is beside the file "invoice.pdf".
    """
    names = {(name, one.area) for one in candidates if one.decision.action in _GETS and (name := file_name_of(one))}
    names |= {(name, one.area) for one in candidates for text in one.pieces if (name := label_words.file_name(text))}
    for one in candidates:
        control = one.control
        is_link = bool(control.address) and (
            address_policy.is_plain_file_address(control.address) or _names_file(control.address, control.label)
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


def _names_file(address: str, name: str) -> bool:
    """Whether an address contains the file name, with any characters for its spaces."""
    plain = re.sub(r"[\W_]+", " ", unquote(address)).casefold()
    wanted = re.sub(r"[\W_]+", " ", name).casefold().strip()
    return len(wanted.split()) > 1 and f" {wanted}" in plain


def _elsewhere(items: Sequence[page_items.Item], one: page_items.Candidate, name: str) -> page_items.Item | None:
    """The same file in another area, e.g. in a history: same name, and an id that both addresses have."""
    ids = _ids_in(one.control.address, name)
    if not ids:
        return None
    for item in items:
        if item.area == one.area or label_words.file_name(item.name) != name:
            continue
        if any(ids & _ids_in(way.control.address, name) for way in item.ways):
            return item
    return None


def _last(address: str) -> str:
    """The last part of an address's path."""
    return unquote(urlsplit(address).path.rstrip("/").rpartition("/")[2])


def _ids_in(address: str, name: str) -> set[str]:
    """The parts of an address that may identify a file: those with a digit, except its name."""
    if not address:
        return set()
    parts = urlsplit(address)
    found = [unquote(part) for part in parts.path.split("/")] + [value for _, value in parse_qsl(parts.query)]
    return {part for part in found if any(char.isdigit() for char in part) and part != name}


def _mate(
    mates: Sequence[page_items.Item], one: page_items.Candidate, order: Mapping[int, int]
) -> page_items.Item | None:
    """The item of the same row to which a candidate without a name is another way; None if none or unclear."""
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


def _name_from_row(item: page_items.Item, sharing: int) -> None:
    """Names an item from its row, if it has no name: by a file name there, else by the row's first text."""
    if label_words.file_name(item.name) or sharing > 1:
        return
    pieces = item.ways[0].pieces
    found = names_in(pieces)
    if len(found) == 1:
        item.name = found[0]
    elif not label_words.names_something(item.name):
        texts = [text for text in pieces if re.search(r"[^\W\d_]{2}", text) and not page_items.SIZE.fullmatch(text)]
        item.name = item.name or (texts[0] if texts else "")


def names_in(pieces: Sequence[str]) -> tuple[str, ...]:
    """File names among a row's texts, without those that a sentence only mentions."""
    found = ((label_words.file_name(text), text) for text in pieces)
    return tuple(name for name, text in found if name and _is_whole(name, text))


def _is_whole(name: str, text: str) -> bool:
    rest = text.replace(name, " ", 1)
    return len(rest.split()) <= 5 and text.strip().startswith(name[:12])


def _unreachable(
    candidates: Sequence[page_items.Candidate], areas: Sequence[page_items.Area], items: Sequence[page_items.Item]
) -> list[page_items.Item]:
    """Files that the list names but whose controls must not be used: they exist and cannot be fetched."""
    taken = {(_row(way), way.area) for item in items for way in item.ways}
    names = {item.name for item in items}
    found: dict[tuple[int, int], page_items.Item] = {}
    for one in candidates:
        if (
            one.area < 0
            or one.off
            or not one.shown
            or one.tail
            or one.decision.action is not control_policy.Action.LEAVE
        ):
            continue
        position, score = (_row(one), one.area), areas[one.area].score
        if _looks_like_file(one):
            if score > page_items.TALK and (position not in taken or one.row < 0):
                own = one.row if one.row >= 0 else id(one)
                found[own, one.area] = page_items.Item(
                    _unsized(one.control.label), one.area, loose=False, certain=True, ways=[one]
                )
            continue
        if one.row < 0 or position in taken or position in found or score < page_items.STRONG:
            continue
        in_row = names_in(one.pieces)
        label = label_words.file_name(one.control.label)
        gets = any(icon_words.says_download(word) for word in tokenizer.words(one.control.label))
        name = in_row[0] if len(in_row) == 1 and gets else label if label and one.control.address else ""
        if name and name not in names:
            found[position] = page_items.Item(name, one.area, loose=False, certain=True, ways=[one])
    return list(found.values())


_TOOLS: Final = frozenset({"a", "button", "input", "summary", "select", "label", "textarea", "th"})
_TOOL_ROLES: Final = frozenset({"button", "tab", "menuitem", "columnheader", "combobox", "switch", "checkbox"})


def is_unknown_entry(one: page_items.Candidate) -> bool:
    """Whether a control may be a list entry that was not recognised: neither button nor link nor tool."""
    control = one.control
    if one.decision.action is not control_policy.Action.LEAVE or not one.shown or one.tail:
        return False
    if control.tag in _TOOLS or control.role in _TOOL_ROLES or control.address:
        return False
    label = control.label
    if change_words.changes(label) or topics.topic(label) or label_words.is_expander_label(label):
        return False
    return bool(tokenizer.words(label)) and not label_words.is_about_lists(label)


def areas_with_unclear_links(
    candidates: Sequence[page_items.Candidate], areas: Sequence[page_items.Area], page_url: str
) -> set[int]:
    """On a page without files, the areas whose links are not followed although nothing says that they are no files.

    Such an area is not known to be empty.
    """
    here = urldefrag(page_url)[0]
    others = other_records.rows(candidates, areas, page_url)
    return {
        one.area
        for one in candidates
        if (one.area, one.row) not in others
        and one.control.address
        and _is_followable(one, here)
        and (
            one.decision.action is control_policy.Action.FETCH
            # A number of a page leads to this page, with another parameter.
            or (
                one.decision.action is control_policy.Action.TURN
                and not one.paging
                and urlsplit(one.control.address).path != urlsplit(page_url).path
            )
        )
    }


def _is_followable(one: page_items.Candidate, here: str) -> bool:
    """Whether a candidate is a link in a list, to something else than the page or the list itself."""
    return one.area >= 0 and not one.tail and _leads_elsewhere(one, here) and not _leads_to_all(one.control)


def unclear_entries(
    candidates: Sequence[page_items.Candidate],
    areas: Sequence[page_items.Area],
    items: Sequence[page_items.Item],
    page_url: str,
) -> tuple[str, ...]:
    """Labels of entries whose link is not followed because it may be a command, e.g. `README` at `/orders/5/README`.

    If all rows of a list have as many links, and the others lead to files, it is an entry like them.
    """
    here = urldefrag(page_url)[0]
    rows = {(way.row, way.area) for item in items for way in item.ways}
    possible = [
        one
        for one in candidates
        if one.decision.action is control_policy.Action.FETCH
        and (one.row, one.area) not in rows
        and _is_followable(one, here)
        and areas[one.area].score >= page_items.STRONG
        and tokenizer.words(one.control.label)
    ]
    if not possible:
        return ()
    links: dict[tuple[int, int], set[str]] = {}
    for one in candidates:
        if one.row >= 0 and one.area >= 0 and one.shown and one.decision.action is not control_policy.Action.OPEN:
            links.setdefault((one.row, one.area), set()).add(_address(one) or f"#{id(one)}")
    sizes: dict[int, set[int]] = {}
    for row in rows:
        sizes.setdefault(row[1], set()).add(len(links.get(row, ())))
    others = other_records.rows(candidates, areas, page_url)
    found = [
        one
        for one in possible
        if sizes.get(one.area) == {len(links.get((one.row, one.area), ()))} and (one.area, one.row) not in others
    ]
    # The entry before its tools.
    found.sort(key=lambda one: _last(one.control.address) != one.control.label.strip(" /"))
    return tuple(one.control.label for one in found)


_FILE_ICONS: Final = frozenset({"pdf", "doc", "docx", "xls", "xlsx", "word", "excel", "zip", "file", "document"})


def _looks_like_file(one: page_items.Candidate) -> bool:
    """Whether a control that is left alone and is not a link shows a file: by a size or the icon of a file type."""
    control, label = one.control, one.control.label
    if control.address or not tokenizer.words(_unsized(label)):
        return False
    if change_words.changes(label) or topics.has_topic(label) or label_words.is_all_label(label):
        return False
    icons = {word for icon in control.icons for word in tokenizer.identifier_words(icon)}
    return bool(page_items.SIZE.search(label)) or bool(icons & _FILE_ICONS)


def _unsized(label: str) -> str:
    """A label without the size and date of its file."""
    return " ".join(page_items.DATE.sub(" ", page_items.SIZE.sub(" ", label)).split()).strip(" ,;|·•\u2013-")


def _without_archive(items: list[page_items.Item]) -> list[page_items.Item]:
    """Removes archives of all files ("download all"), unless there is nothing else."""

    def is_all(item: page_items.Item) -> bool:
        labels = [text for way in item.ways for text in (way.control.label, way.control.title, way.beside) if text]
        return any(label_words.is_all_label(text) for text in labels)

    single = [item for item in items if not is_all(item)]
    return single or items


def _leads_to_all(control: models.Control) -> bool:
    """Whether a link leads to a page that lists or manages all attachments ("Manage attachments")."""
    return bool(topics.topic(control.label)) and not label_words.is_download_label(control.label)


def is_named(one: page_items.Candidate) -> bool:
    """Whether a visible text of a candidate is a file name."""
    attributes = dict(one.control.attributes)
    texts = (one.control.label, one.control.title, one.control.text, one.filename, attributes.get("download", ""))
    return any(label_words.file_name(text) for text in texts)


def file_name_of(one: page_items.Candidate) -> str:
    """The file name that a control shows; `""` if it shows none."""
    attributes = dict(one.control.attributes)
    for text in (attributes.get("download", ""), one.filename):
        if text.strip():
            return text.strip()
    for text in (one.decision.name, one.control.label, one.control.title, one.control.text):
        if name := label_words.file_name(text):
            return name
    return ""
