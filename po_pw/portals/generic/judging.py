"""What may be pressed and requested on a portal: pure decisions, values in, values out.

The principle: **the more an address proves, the less words count.**

- A link is fetched with GET by its address, so what counts is whether that address *does* something. Words of change
  in it, its fields or its method always count, unless they are forms that only tell what was done or what a thing is
  ("signed", "approvals"). Words that are as often a place ("archive", "share", "post") do not count in front of a file
  name or a word of download, nor where all items of the area share them.
- A press can do anything. So its label alone must say, whole, that it hands out a file; and any word of change in
  whatever its author wrote on it, in any form, is enough to leave it alone.
- What is doubtful is left. A file that is not fetched is told of; what was changed on a portal cannot be undone.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw import hostnames, models
from po_pw.portals.generic import recognition, vocabulary

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence


class Action(enum.StrEnum):
    """What is done with a control."""

    FETCH = "FETCH"
    """Its address is fetched like a link's."""
    PRESS = "PRESS"
    """It is pressed to get a file."""
    OPEN = "OPEN"
    """It is pressed to show the list, or more of it: an expander, a tab."""
    TURN = "TURN"
    """It is pressed to show other or more entries: next, more, a page's number. Only in the list's own paging."""
    LEAVE = "LEAVE"
    """It is left alone."""
    RECORD = "RECORD"
    """An attachment that is only an address elsewhere: recorded, not fetched."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What is done with a control, and why."""

    action: Action
    why: str
    """For people, e.g. `the icon says "trash"`."""
    name: str = ""
    """The file's name, or the label without words of download; may be empty."""
    certain: bool = True
    """False where only the answer tells whether there is a file behind it."""


# --- addresses ------------------------------------------------------------------------------------------------------

_OPAQUE: Final = re.compile(
    r"^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_~+/=.-]{16,}$|^[A-Za-z0-9+/=_-]{48,}$|^[0-9a-fA-F-]{8,}$"
)
_METHOD_FIELDS: Final = {"_method", "method", "x-http-method", "x-http-method-override", "httpmethod", "_httpmethod"}
_CHANGING_METHODS: Final = {"delete", "put", "patch", "post", "merge", "remove"}
_RETURN_FIELDS: Final = {
    "returnurl",
    "return_url",
    "returnto",
    "return_to",
    "return",
    "back",
    "backurl",
    "back_url",
    "referer",
    "referrer",
    "ref",
    "from",
    "source",
    "redirect",
    "redirect_uri",
    "redirecturl",
    "redirect_url",
    "next",
    "continue",
    "origin",
}
_PAGE_ENDINGS: Final = re.compile(
    r"\.(?:asp|aspx|ashx|asmx|axd|php\d?|phtml|jspx?|jsf|faces|xhtml|do|action|cgi|pl|cfm|dll|exe|s?html?|nsf|svc|rails|seam)$",
    re.IGNORECASE,
)
_SIGNED: Final = re.compile(
    r"^(?:x-(?:amz|goog|oss|ms)-|sig$|signature$|expires$|token$|access_token$|hmac$|policy$|key-pair-id$|awsaccesskeyid$|se$|sp$|sv$|sr$|st$)",
    re.IGNORECASE,
)


def _is_opaque(text: str) -> bool:
    """Whether a text is an id, a hash or a token rather than words."""
    if not _OPAQUE.match(text) or re.fullmatch(r"[A-Za-z]+(?:[-_][A-Za-z]+)*(?:[-_]?\d{1,6})?", text):
        return False
    # No token has a whole word of change between its separators, or at its beginning: "approve-order-4500123456".
    head = re.match(r"[A-Z]?[a-z]{4,}(?=[A-Z\d]|$)", text)
    parts = [one for one in re.split(r"[^A-Za-z]+", text) if len(one) > _LONGER_THAN_CHANCE]
    return not any(
        one.form is vocabulary.Form.ACT
        for part in (*parts, *([head[0]] if head else []))
        for one in vocabulary.changes(part, identifier=True)
    )


_LONGER_THAN_CHANCE: Final = 4
"""Letters; a shorter word may stand in a token by chance."""
_ANSWERS: Final = {"json", "jsonl", "xml", "js", "yaml", "yml", "html", "htm", "xhtml", "ts"}
"""Endings of what a program answers with, as often as of files."""


def _is_file(segment: str) -> bool:
    """Whether a part of an address is a file's name.

    An ending that a program may have as well proves nothing where what stands before it tells to change something:
    "approve.xml", "deleteFile.ajax".
    """
    if not vocabulary.is_file_name(segment) or _PAGE_ENDINGS.search(segment):
        return False
    stem, _, ending = segment.rpartition(".")
    if vocabulary.is_known_ending(ending) and ending.casefold() not in _ANSWERS:
        return True
    return not any(one.form is vocabulary.Form.ACT for one in vocabulary.changes(stem, identifier=True))


def is_plain_file_address(url: str) -> bool:
    """Whether an address says by itself that a file is behind it: a file's name, or a word of download, at its end."""
    parts = urlsplit(url)
    segments = [unquote(one) for one in parts.path.split("/") if one]
    if segments and _is_file(segments[-1]):
        return True
    ends = [one for one in segments[-3:] if not _is_opaque(one)]
    if any(vocabulary.says_download(_PAGE_ENDINGS.sub("", one)) for one in ends):
        return True
    return any(
        _is_file(value)
        or (
            key.lower() in {"action", "cmd", "op", "do", "mode", "download", "dl"}
            and vocabulary.says_download(value or key)
        )
        or key.lower() in {"download", "dl"}
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
    )


def change_in_address(
    url: str,
    *,
    names: Collection[str] = (),
    shared_segments: Collection[str] = (),
    strict: bool = False,
    named: bool = False,
) -> str | None:
    """The word of change in an address, or None.

    Args:
        url: absolute or relative.
        names: file names, no part of what the address does.
        shared_segments: path segments that all items of the area share, and so say nothing about this one.
        strict: for what is sent with a body: words that may be a place count wherever they stand.
        named: what leads there is called like a file.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    shared = {one.casefold() for one in shared_segments}
    segments = [unquote(one) for one in parts.path.split("/") if one]
    plain = is_plain_file_address(url)
    for at, segment in enumerate(segments):
        last = at == len(segments) - 1
        if (last and _is_file(segment)) or segment.casefold() in shared or _is_opaque(segment):
            continue
        for change in vocabulary.changes(_PAGE_ENDINGS.sub("", segment), identifier=True, names=names):
            if change.form is not vocabulary.Form.ACT:
                continue
            if change.is_weak and not strict and not last and (plain or (named and _is_place(change, segments, at))):
                continue
            return change.word
    return _change_in_pairs(parse_qsl(parts.query, keep_blank_values=True), names) or _change_in_fragment(
        parts.fragment, names, shared
    )


def _is_place(change: vocabulary.Change, segments: Sequence[str], at: int) -> bool:
    """Whether a word in an address that ends in an id tells where something is kept, and not what is done to it.

    An address of the form controller, action, id does something: "/order/archive/5".
    """
    return change.is_place and not 0 < at == len(segments) - 2


def _change_in_fragment(fragment: str, names: Collection[str], shared: Collection[str]) -> str | None:
    if not fragment:
        return None
    return change_in_address(unquote(fragment).lstrip("!"), names=names, shared_segments=shared)


def _change_in_pairs(pairs: Sequence[tuple[str, str]], names: Collection[str], *, set_to: bool = False) -> str | None:
    """A word of change in the names or values of a query, or of a body.

    Args:
        pairs: names and values.
        names: file names that are taken out first.
        set_to: a value that tells what was done counts too: what is sent in a body is set to it ("status=approved").
    """
    for key, value in pairs:
        low = key.casefold()
        if low in _METHOD_FIELDS and value.casefold() in _CHANGING_METHODS:
            return value.casefold()
        if (_SIGNED.match(key) and not value.isalpha()) or (low in _RETURN_FIELDS and not value.isalpha()):
            continue
        # Where to return to may be a place: "from=archive".
        is_weak_enough = bool(_SIGNED.match(key)) or low in _RETURN_FIELDS
        for text in (value,) if is_weak_enough else (key, value):
            if _is_file(text) or _is_opaque(text):
                continue
            if "/" in text:
                word = change_in_address(text, names=names)
                if word:
                    return word
                continue
            for change in vocabulary.changes(text, identifier=True, names=names):
                if change.form is vocabulary.Form.ACT and not (change.is_weak and low in _RETURN_FIELDS):
                    return change.word
                if set_to and change.form is vocabulary.Form.STATE and text == value:
                    return change.word
    return None


# --- controls -------------------------------------------------------------------------------------------------------

_NAME_ATTRIBUTES: Final = (
    "data-filename",
    "data-file-name",
    "data-name",
    "download",
    "data-file",
    "data-title",
    "data-attachment-name",
)
_WRITTEN: Final = ("id", "class", "name", "value")
_ASKS: Final = re.compile(r"(?:^|[-:])confirm(?:$|[-.:])|-confirm$|^data-(?:are-you-sure|ask|warning|prompt)$")
_SAYS_NOTHING: Final = re.compile(
    r"^(?:data-(?:bs-)?(?:(?:toggle|target|parent|placement|dismiss|trigger|container|content)$|v-|reactid|react-)|aria-|rel$|type$|lang$|dir$|tabindex$|xmlns|accesskey$|draggable$|target$|form$|data-v-|_ngcontent|_nghost|style$)"
)
_HANDLERS: Final = {
    "ng-click",
    "data-ng-click",
    "v-on:click",
    "@click",
    "wire:click",
    "href",
    "data-bind",
    "x-on:click",
}
_SPOKEN: Final = {
    "data-original-title",
    "data-bs-original-title",
    "data-tooltip",
    "data-tip",
    "data-hint",
    "data-balloon",
    "data-tippy-content",
    "uk-tooltip",
    "mattooltip",
    "aria-description",
    "described-by",
    "form-label",
}
"""What is said to people about a control, as its title is: scripts for tooltips move the title there."""
_TECHNICAL: Final = re.compile(
    r"javascript:|\breturn\b|\bvoid\s*(?:\(\s*0?\s*\)|0)|\.(?:submit|apply|call|replace|assign|write|hide|toggle)\s*\("
    r"|\b(?:method|type)\s*:\s*[\"'`]post[\"'`]"  # the method of HTTP: what it sends is judged while it is held
    # What a page does with itself and with what it has fetched.
    r"|\b(?:create(?:Element|ObjectURL|TextNode)|revokeObjectURL|remove(?:Child|Attribute|EventListener))\b"
    r"|\b(?:insertAdjacent(?:HTML|Element|Text)|insertBefore|replace(?:Children|With|Child)|classList\.\w+)\b"
    r"|\.(?:hidden|disabled)\b|[\"'`]hidden[\"'`]"
    r"|\baddSubmitParam\b|\boamSubmitForm\b|\bA4J\.AJAX\.Submit\b|\bstopPropagation\b",
    re.IGNORECASE,
)
"""Words of scripting in a handler that say nothing of what it does; what it then sends is judged by itself."""
_OPENING: Final = ("aria-expanded", "aria-haspopup")
_PANEL_ATTRIBUTES: Final = ("aria-controls", "data-target", "data-bs-target")


def _attributes(facts: models.Control) -> Mapping[str, str]:
    return {name.casefold(): value for name, value in facts.attributes}


def own_names(facts: models.Control) -> tuple[str, ...]:
    """File names that a control's attributes, or the end of its address, prove to be its own."""
    found = [value.strip() for name, value in _attributes(facts).items() if name in _NAME_ATTRIBUTES]
    if facts.address:
        parts = urlsplit(facts.address)
        found += [unquote(one) for one in parts.path.split("/")[-1:]]
        found += [value for _, value in parse_qsl(parts.query)]
    return tuple(
        dict.fromkeys(one for one in found if _is_file(one) or (vocabulary.is_file_name(one) and not facts.address))
    )


def _is_trusted(name: str) -> bool:
    """Whether a file name holds no call to act in front of itself: not "approve order.pdf", but "order signed.pdf"."""
    stem = name.rpartition(".")[0]
    if " " not in stem.strip() and len(vocabulary.words(stem)) < 2:
        return True
    before = stem.rpartition(" ")[0] or vocabulary.words(stem)[0]
    return not any(one.form is vocabulary.Form.ACT for one in vocabulary.changes(before))


def _proven(facts: models.Control, names: Collection[str]) -> tuple[str, ...]:
    """The file names that may be taken out of what a control says."""
    said = vocabulary.file_name(facts.label)
    names = (*names, said) if said and " " not in said else names
    # A link is judged by its address, so that a name in one piece ("delete-list.csv") may be believed.
    whole = [name for name in names if vocabulary.is_file_name(name)]
    return (*own_names(facts), *(name for name in whole if (facts.address and " " not in name) or _is_trusted(name)))


def _fields_of(form: models.Form) -> Iterator[tuple[str, str]]:
    for name, value in form.fields:
        if not name.startswith(
            ("__VIEWSTATE", "__EVENTVALIDATION", "javax.faces.ViewState", "jakarta.faces.ViewState")
        ):
            yield name, value


def _change_in_form(form: models.Form, names: Collection[str], *, sent: bool) -> str | None:
    """A word of change in a form's method or action, and in its fields where a press sends them."""
    if form.method not in {"get", "post", "dialog", ""}:
        return form.method
    word = change_in_address(form.action, names=names, strict=form.method == "post")
    return word or (_change_in_pairs(tuple(_fields_of(form)), names) if sent else None)


def _change_in_icons(icons: Sequence[str], names: Collection[str]) -> str | None:
    for icon in icons:
        word = vocabulary.icon_of_change(icon, names=names)
        if word:
            return word
    return None


def veto(facts: models.Control, *, names: Collection[str] = (), shared_segments: Collection[str] = ()) -> str | None:
    """Why a control must not be pressed, for people; None where nothing of it speaks of change.

    Args:
        facts: the control.
        names: file names of its row or area.
        shared_segments: path segments that all items of the area share.
    """
    known = _proven(facts, names)
    for what, text in (("label", facts.label), ("text", facts.text), ("title", facts.title)):
        word = vocabulary.change_word(text, names=known)
        if word:
            return f'the {what} says "{word}"'
    word = _change_in_icons(facts.icons, known)
    if word:
        return f'the icon says "{word}"'
    for name, value in _attributes(facts).items():
        if _ASKS.search(name) or re.search(r"\bconfirm\s*\(", value) or vocabulary.asks_whether_sure(value):
            return "it asks whether one is sure"
        if name in _NAME_ATTRIBUTES and vocabulary.is_file_name(value):
            continue
        if name == "form-asks":
            return "its form asks for a password"
        if name == "form-filled-in" and facts.form and facts.form.method == "post":
            return f'its form is filled in by people: "{value}"'
        if name in _SPOKEN:
            word = vocabulary.change_word(value, names=known, acts_only=name == "described-by")
        elif name == "form-name":
            word = _act(value, known, styled=True, itself=True)
        elif name in _HANDLERS or name.startswith("on"):
            word = vocabulary.change_word(_TECHNICAL.sub(" ", value), identifier=True, names=known)
        elif name in _WRITTEN:
            word = _act(value, known, styled=name == "class", itself=True)
        elif not _SAYS_NOTHING.match(name):
            word = _act(value, known, itself=name.endswith(("id", "-qa", "-cy", "-test"))) or _act(name, ())
        else:
            continue
        if word:
            return f'its {name} says "{word}"'
    if facts.form:
        word = _change_in_form(facts.form, known, sent=_submits(facts))
        if word:
            return f'its form says "{word}"'
    if facts.address:
        word = change_in_address(facts.address, names=known, shared_segments=shared_segments)
        if word:
            return f'the address says "{word}"'
    return None


def _act(
    text: str, names: Collection[str], *, styled: bool = False, weak: bool = True, itself: bool = False
) -> str | None:
    """A word that tells to change, in what a program wrote; a class name of style is none.

    Args:
        text: one identifier, or with `styled` a list of class names.
        names: file names that are taken out first.
        styled: it is a list of class names.
        weak: words that are as often a place count too.
        itself: they count only where the whole identifier says so ("btnUpload", not "UploadSet-item-3").
    """
    for part in text.split() if styled else [text]:
        if _is_opaque(part):
            continue
        for change in vocabulary.changes(part, identifier=True, names=names):
            if change.form is not vocabulary.Form.ACT or (styled and vocabulary.is_styling(change.word)):
                continue
            if not change.is_weak or (weak and (not itself or vocabulary.is_only_act(part))):
                return change.word
    return None


def _veto_of_link(facts: models.Control, names: Collection[str], shared: Collection[str]) -> str | None:
    """Why a link's address must not be fetched: only what tells to do something counts, see the module."""
    known = _proven(facts, (*names, vocabulary.file_name(facts.label)))
    named = bool(vocabulary.file_name(facts.label))
    word = change_in_address(facts.address, names=known, shared_segments=shared, named=named)
    if word:
        return f'the address says "{word}"'
    if (
        facts.form
        and facts.form.method not in {"", "get"}
        and _attributes(facts).get("data-method", "get").lower() != "get"
    ):
        return f"it is sent with {facts.form.method.upper()}"
    attributes = _attributes(facts)
    asks = any(_ASKS.search(name) or vocabulary.asks_whether_sure(value) for name, value in attributes.items())
    if asks or any(re.search(r"\bconfirm\s*\(", value) for name, value in attributes.items() if name.startswith("on")):
        return "it asks whether one is sure"
    for name in ("data-method", "data-turbo-method", "hx-delete", "hx-post", "hx-put", "hx-patch"):
        if name in attributes and attributes[name].lower() not in {"", "get"}:
            return f"it is not sent with GET: {name}"
    plain = is_plain_file_address(facts.address)
    if not plain and (put := _put_into(facts.address)):
        return f'the address says "{put}"'
    spoken = [(name, value) for name, value in attributes.items() if name in _SPOKEN]
    for what, text in (("label", facts.label), ("text", facts.text), ("title", facts.title), *spoken):
        word = _tells(text, known, whole=plain)
        if word:
            return f'the {what} says "{word}"'
    word = _change_in_icons(facts.icons, known) if not plain or not vocabulary.names_something(facts.label) else None
    if word:
        return f'the icon says "{word}"'
    for name, value in attributes.items():
        if name in {"id", "class", "name"} or (name.startswith("on") and not plain):
            word = _act(value, known, styled=name == "class", weak=False)
            if word:
                return f'its {name} says "{word}"'
    return None


_PUT: Final = {"status", "state", "step", "stage", "phase", "workflow", "decision", "verdict", "outcome", "transition"}
"""Fields that put a record into a state, where an address that is no file's sets one to a word for what was done."""


def _put_into(url: str) -> str:
    """The field and the state that an address puts a record into: "status=approved"; `""` where it does not."""
    for key, value in parse_qsl(urlsplit(url).query):
        if vocabulary.identifier_words(key)[-1:] and vocabulary.identifier_words(key)[-1] in _PUT:
            found = vocabulary.changes(value, identifier=True)
            if any(one.form in {vocabulary.Form.ACT, vocabulary.Form.STATE} for one in found):
                return f"{key}={value}"
    return ""


def _tells(text: str, names: Collection[str], *, whole: bool) -> str | None:
    """A word in a link's label that tells to change something; of a plain file only where it is all that is said."""
    found = [one for one in vocabulary.changes(text, names=names) if one.form is vocabulary.Form.ACT]
    strong = [one for one in found if not one.is_weak]
    if strong and not whole:
        return strong[0].word
    return found[0].word if found and vocabulary.says_only_change(text, names=names) else None


def _submits(facts: models.Control) -> bool:
    return facts.kind in {"submit", "image"} and facts.form is not None and facts.form.method != "dialog"


def _named(facts: models.Control, names: Collection[str]) -> str:
    for text in (facts.label, facts.title, *own_names(facts)):
        name = vocabulary.names_something(text)
        if name:
            return name
    return next(iter(names), "") if len(set(names)) == 1 else ""


def control(
    facts: models.Control,
    *,
    origin: str,
    names: Collection[str] = (),
    shared_segments: Collection[str] = (),
    in_area: bool = True,
    record: str = "",
) -> Verdict:
    """What may be done with a control.

    Args:
        facts: the control.
        origin: scheme, host and port of the page, e.g. `https://portal.example`.
        names: file names of its row or area.
        shared_segments: path segments that all items of the area share.
        in_area: it stands in an area of attachments.
        record: the record's own part of the page's address; where given, a link to other entries must keep it.
    """
    if facts.address:
        return _link(facts, origin, names, shared_segments, in_area=in_area, record=record)
    reason = veto(facts, names=names, shared_segments=shared_segments)
    if reason:
        return Verdict(Action.LEAVE, reason)
    return _button(facts, names, in_area=in_area)


def _button(facts: models.Control, names: Collection[str], *, in_area: bool) -> Verdict:
    if facts.kind == "reset":
        return Verdict(Action.LEAVE, "it resets a form")
    label = facts.label
    if not _submits(facts):
        turned = _turning(facts, in_area=in_area)
        if turned:
            return turned
    opens = facts.tag == "summary" or facts.role == "tab" or any(name in _attributes(facts) for name in _OPENING)
    if opens and not vocabulary.file_name(label):
        return Verdict(Action.LEAVE, "it opens something that it does not name as the attachments")
    proven = _proven(facts, names)
    if not in_area and not own_names(facts) and not vocabulary.file_name(label):
        return Verdict(Action.LEAVE, "it stands in no area of attachments and names no file")
    name = _named(facts, proven)
    if not vocabulary.words(label):
        if vocabulary.icon_of_download(facts.icons, label):
            return Verdict(Action.PRESS, "its icon is a download", name)
        return Verdict(Action.LEAVE, "it has only an icon, which does not say that it is a download")
    if vocabulary.is_all_label(label):
        return Verdict(Action.LEAVE, "it takes all files at once")
    known = (*proven, *([vocabulary.file_name(label)] if vocabulary.file_name(label) else []))
    if vocabulary.is_download_label(label, names=known):
        return Verdict(Action.PRESS, "its label is a download word", name, certain=_is_proven(facts, names))
    if vocabulary.is_name_label(label, names=known) or label.casefold() in {one.casefold() for one in names}:
        return Verdict(Action.PRESS, "its label is a file name", name or label, certain=_is_proven(facts, names))
    return Verdict(Action.LEAVE, "its label is neither a file name nor a download word")


def _is_proven(facts: models.Control, names: Collection[str] = ()) -> bool:
    """Whether the file name in the label is known to be all of it: one word, or shown elsewhere too."""
    name = vocabulary.file_name(facts.label)
    if not name or " " not in name:
        return True
    known = {one.casefold() for one in (*own_names(facts), *names)}
    return name.casefold() in known or name.casefold() in facts.row.casefold()


def _turning(facts: models.Control, *, in_area: bool) -> Verdict | None:
    """OPEN or TURN, for what is no submit button."""
    attributes = _attributes(facts)
    governs = facts.tag == "summary" or facts.role == "tab" or any(attributes.get(one) for one in _PANEL_ATTRIBUTES)
    governs = governs or attributes.get("data-toggle", attributes.get("data-bs-toggle", "")) in {
        "collapse",
        "tab",
        "pill",
    }
    governs = governs or ("aria-expanded" in attributes and vocabulary.has_topic(facts.label))
    if (
        governs
        and vocabulary.is_expander_label(facts.label)
        and (in_area or vocabulary.topic(facts.label) or vocabulary.has_topic(facts.label))
    ):
        return Verdict(Action.OPEN, "it opens a region of the list")
    if in_area and not vocabulary.file_name(facts.label):
        if vocabulary.is_more_label(facts.label):
            return Verdict(Action.TURN, "it shows more of the list")
        if vocabulary.is_next_label(facts.label):
            return Verdict(Action.TURN, "it leads to the next entries")
        if vocabulary.page_number(facts.label):
            return Verdict(Action.TURN, "it leads to a page of the list")
    return None


def _is_same_record(url: str, record: str, page_url: str) -> bool:
    """Whether an address is of the same record: it holds the record's part or, where none is known, is the page's."""
    if record:
        return recognition.keeps_record(url, record)
    return bool(page_url) and urlsplit(url)[:3] == urlsplit(page_url)[:3]


_LINKS: Final = {"a", "area", "object", "embed"}
"""Elements whose address the browser itself asks for, with GET."""


def _link(
    facts: models.Control, origin: str, names: Collection[str], shared: Collection[str], *, in_area: bool, record: str
) -> Verdict:
    if urlsplit(facts.address).scheme not in {"http", "https", "blob", "data"}:
        return Verdict(Action.LEAVE, "its address is none of the web")
    reason = _veto_of_link(facts, names, shared)
    if not reason and facts.tag not in _LINKS:
        # A script asks for the address, and only what else is written on the control tells how.
        reason = veto(facts, names=names, shared_segments=shared)
    if reason:
        return Verdict(Action.LEAVE, reason)
    if vocabulary.is_all_label(facts.label):
        return Verdict(Action.LEAVE, "it takes all files at once")
    if vocabulary.is_sign_in_label(facts.label):
        return Verdict(Action.LEAVE, "it is a way to sign in")
    scheme = urlsplit(facts.address).scheme
    file_label = bool(vocabulary.file_name(facts.label) or own_names(facts))
    plain = is_plain_file_address(facts.address)
    name = _named(facts, names)
    if scheme in {"blob", "data"}:
        if veto(facts, names=names, shared_segments=shared):
            return Verdict(Action.LEAVE, "it speaks of change")
        return Verdict(Action.PRESS, "its file is made by the page", name, certain=file_label)
    if not file_label and not plain:
        turned = _turning(facts, in_area=in_area)
        if turned and hostnames.origin_of(facts.address) == hostnames.origin_of(origin):
            if record and not recognition.keeps_record(facts.address, record):
                return Verdict(Action.LEAVE, "it leads to another record")
            return turned
    attributes = _attributes(facts)
    asks_file = "download" in attributes or vocabulary.is_download_label(facts.label, names=names)
    if hostnames.origin_of(facts.address) != hostnames.origin_of(origin) and not (
        file_label or plain or "download" in attributes
    ):
        action = Action.RECORD if in_area else Action.LEAVE
        return Verdict(action, "it leads to another host and names no file", name or facts.label)
    if file_label or plain or asks_file:
        certain = file_label or "download" in attributes or (plain and in_area)
        return Verdict(Action.FETCH, "it names a file or a download", name, certain=certain)
    if in_area:
        return Verdict(Action.FETCH, "it stands among the attachments", name, certain=False)
    return Verdict(Action.LEAVE, "it stands in no area of attachments and names no file")


def may_follow(url: str, label: str) -> bool:
    """Whether a link on a page about a file may be asked: nothing of change is in its address or its label.

    Args:
        url: absolute.
        label: its whole label; the file's name in it says nothing.
    """
    name = vocabulary.file_name(label)
    known = (name,) if name else ()
    return change_in_address(url, names=known) is None and vocabulary.change_word(label, names=known) is None


# --- requests that follow a press -----------------------------------------------------------------------------------

_MOST: Final = 64 * 1024


def _stop(why: str) -> models.Judgement:
    return models.Judgement(models.Ruling.STOP, why)


def _pass(why: str) -> models.Judgement:
    return models.Judgement(models.Ruling.PASS, why)


def request(
    held: models.HeldRequest, purpose: models.Purpose, control: models.Control, *, read_only: bool, record: str
) -> models.Judgement:
    """What becomes of a request that followed a press.

    Args:
        held: the request.
        purpose: why the control was pressed.
        control: what was pressed.
        read_only: nothing but GET may be sent, except what asks in the form of a POST (GraphQL, OData).
        record: the record's own part of the page's address (its id or number); `""` where unknown.
    """
    method = held.method.upper()
    scheme = urlsplit(held.url).scheme
    if scheme in {"blob", "data", "about"}:
        return _pass("it leaves for no server")
    if held.resource == "ping":
        return _stop("it only reports something")
    if method == "OPTIONS":
        return _pass("it only asks what is allowed")
    if method in {"GET", "HEAD"}:
        return _get(held, purpose, control, record)
    if method != "POST":
        return _stop(f"{method} changes something")
    return _post(held, purpose, control, read_only=read_only)


def _get(held: models.HeldRequest, purpose: models.Purpose, control: models.Control, record: str) -> models.Judgement:
    graph = _graphql_in_query(held.url)
    if graph is not None:
        return _pass("a GraphQL query") if not graph else _stop(graph)
    word = change_in_address(held.url, names=_proven(control, ()))
    if word:
        return _stop(f'the address says "{word}"')
    if held.resource != "document":
        return _pass("a GET without a word of change")
    if purpose is models.Purpose.FILE:
        return models.Judgement(models.Ruling.LINK, "a page or file of its own: fetched like a link")
    if _is_same_record(held.url, record, held.page_url):
        return _pass("a page of the same record")
    return _stop("it leads to another record")


def _post(
    held: models.HeldRequest, purpose: models.Purpose, control: models.Control, *, read_only: bool
) -> models.Judgement:
    if len(held.body) >= _MOST:
        return _stop("its body is too long to be judged")
    graph = _graphql(held)
    if graph is not None:
        return _pass("a GraphQL query") if not graph else _stop(graph)
    batch = _odata_batch(held)
    if batch is not None:
        return _pass("an OData batch of GETs") if not batch else _stop(batch)
    if read_only:
        return _stop("--read-only: no POST is sent")
    if hostnames.origin_of(held.url) != hostnames.origin_of(held.page_url):
        return _stop("a POST to another host")
    shown = vocabulary.file_name(control.row)
    reason = veto(control, names=(shown,) if shown else ())
    if reason:
        return _stop(reason)
    word = change_in_address(held.url, names=_proven(control, ()), strict=True) or _change_in_body(held, control)
    if word:
        return _stop(f'the request says "{word}"')
    if purpose is models.Purpose.FILE:
        return _post_for_file(control)
    return _post_back(held, control)


def _post_for_file(control: models.Control) -> models.Judgement:
    verdict = _button(control, (control.row,) if vocabulary.is_file_name(control.row) else (), in_area=True)
    if verdict.action is not Action.PRESS:
        return _stop(f"a POST by a control that may not be pressed for a file: {verdict.why}")
    if not _is_proven(control):
        return _stop("a POST by a control whose label may be more than a file name")
    return _pass("a POST beyond doubt: a download by its whole label, and nothing of change in it")


def _change_in_body(held: models.HeldRequest, control: models.Control) -> str | None:
    names = _proven(control, ())
    if held.fields:
        return _change_in_pairs(tuple(_fields_of(models.Form("post", "", held.fields))), names, set_to=True)
    body = held.body.strip()
    if not body:
        return None
    if _UNREADABLE.search(body):
        return "a body that cannot be read"
    try:
        content = json.loads(body)
    except ValueError:
        return _act(body, names)
    return _change_in_pairs(tuple(_pairs(content)), names, set_to=True)


_UNREADABLE: Final = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")


def _pairs(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _pairs(value, str(name))
    elif isinstance(content, list):
        for value in content:
            yield from _pairs(value, key)
    else:
        yield key, content if isinstance(content, str) else ""


_POST_BACK_STATE: Final = (
    "__VIEWSTATE",
    "__EVENTTARGET",
    "javax.faces.ViewState",
    "jakarta.faces.ViewState",
    "javax.faces.source",
)
_POST_BACK_SOURCE: Final = {"__EVENTTARGET", "__CALLBACKID", "javax.faces.source", "jakarta.faces.source"}
_POST_BACK_ARGUMENT: Final = {
    "__EVENTARGUMENT",
    "__CALLBACKPARAM",
    "javax.faces.behavior.event",
    "javax.faces.partial.event",
    "jakarta.faces.behavior.event",
    "jakarta.faces.partial.event",
}
_STEPS: Final = {"wizard", "workflow", "step", "steps", "process"}
"""Words for what leads through a procedure, and not through a list."""
_PAGE_FIELD: Final = re.compile(r"[_:.](?:pagination|newTab|paginator|pageIndex|pageNumber)$")


def _post_back(held: models.HeldRequest, control: models.Control) -> models.Judgement:
    """A post-back of the page's own form to its own address that turns to a page or tab of the list."""
    if _submits(control):
        return _stop("a submit button opens nothing")
    if urlsplit(held.url)[:4] != urlsplit(held.page_url)[:4] and urlsplit(held.url)[:4] != (
        *urlsplit(held.page_url)[:3],
        "",
    ):
        return _stop("a POST to another address than the page's own")
    fields = dict(held.fields)
    if not any(name in fields for name in _POST_BACK_STATE):
        return _stop("a POST that is no post-back of the page's own form")
    # The control itself is the last part of its name; what it stands in says nothing of what it does.
    sources = [re.split(r"[$:]", value)[-1] for name, value in held.fields if name in _POST_BACK_SOURCE]
    arguments = [value for name, value in held.fields if name in _POST_BACK_ARGUMENT]
    if any(
        _STEPS & set(vocabulary.identifier_words(value)) for name, value in held.fields if name in _POST_BACK_SOURCE
    ):
        return _stop("a post-back of a step of some procedure")
    if any(vocabulary.names_a_section(text) for text in (*sources, *arguments)) or any(map(_PAGE_FIELD.search, fields)):
        return _pass("a post-back that turns to a page or tab of the list")
    return _stop("a post-back that does not say that it turns to a page or tab of the list")


# --- GraphQL and OData ----------------------------------------------------------------------------------------------

_GRAPHQL_NOISE: Final = re.compile(r'"""(?:.|\n)*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*')
_READS: Final = re.compile(
    r"^(?i:get|fetch|list|load|read|query|find|search|show|view)(?![a-z])|(?:Query|List|Details?|ById)$"
)


def _graphql_operations(query: str) -> tuple[set[str], list[str]]:
    """Kinds of the operations in a GraphQL document, and the names of their top fields and of themselves."""
    text = _GRAPHQL_NOISE.sub(" ", query)
    kinds, tops, depth, round_depth, current = set(), [], 0, 0, ""
    for part in re.findall(r"[A-Za-z_]\w*\s*:?|[{}()]|\.\.\.\s*(?:on\s+)?\w*|[^\sA-Za-z_{}()]+", text):
        word = part.rstrip(": \t\n")
        if part == "(":
            round_depth += 1
        elif part == ")":
            round_depth -= 1
        elif round_depth:
            continue
        elif part == "{":
            if depth == 0 and not current:
                current = "query"
                kinds.add(current)
            depth += 1
        elif part == "}":
            depth -= 1
            if depth == 0:
                current = ""
        elif depth == 0 and not current and re.match(r"[A-Za-z_]", word):
            current = word
            kinds.add(word)
        elif (depth == 0 and current != "fragment") or (depth == 1 and not part.endswith(":")):
            tops.append(word)
    return kinds, tops


def _graphql_reason(content: Mapping[str, Any]) -> str | None:
    """Why a GraphQL request must not be sent; `""` for a query; None where it is no GraphQL."""
    query, name = content.get("query"), content.get("operationName") or content.get("opname") or ""
    extensions = content.get("extensions")
    persisted = (isinstance(extensions, dict) and "persistedQuery" in extensions) or "doc_id" in content
    if isinstance(query, str) and re.search(r"\{", query):
        kinds, tops = _graphql_operations(query)
        if kinds - {"query", "fragment"} or "query" not in kinds:
            return f"a GraphQL {', '.join(sorted(kinds - {'query', 'fragment'})) or 'document without a query'}"
        word = next((found for one in [*tops, str(name)] if (found := _act(one, ()))), None)
        return f'the GraphQL query says "{word}"' if word else ""
    if persisted or (name and "variables" in content):
        word = _act(str(name), ())
        if word:
            return f'the GraphQL operation says "{word}"'
        return (
            ""
            if _READS.search(str(name)) and "utation" not in str(name)
            else "a GraphQL operation that is not known to read"
        )
    return None


def _graphql(held: models.HeldRequest) -> str | None:
    if "graphql" in held.content_type and "json" not in held.content_type:
        return _graphql_reason({"query": held.body})
    try:
        content = json.loads(held.body)
    except ValueError:
        if "operations" in dict(held.fields) and "map" in dict(held.fields):
            return "a GraphQL upload"
        return _graphql_reason(dict(held.fields)) if "graphql" in urlsplit(held.url).path.lower() else None
    found = [
        _graphql_reason(one) for one in (content if isinstance(content, list) else [content]) if isinstance(one, dict)
    ]
    if not found or any(one is None for one in found):
        return None
    return next((one for one in found if one), "")


def _graphql_in_query(url: str) -> str | None:
    parts = urlsplit(url)
    fields: dict[str, Any] = dict(parse_qsl(parts.query))
    if "graphql" not in parts.path.lower() and "{" not in fields.get("query", ""):
        return None
    if "extensions" in fields:
        fields["extensions"] = {"persistedQuery": 1} if "persistedQuery" in fields["extensions"] else {}
    return _graphql_reason(fields)


_BATCH_LINE: Final = re.compile(r"^(GET|POST|PUT|PATCH|DELETE|MERGE|HEAD)\s+(\S+)(?:\s+HTTP/[\d.]+)?\s*$", re.MULTILINE)


def _odata_batch(held: models.HeldRequest) -> str | None:
    """Why an OData batch must not be sent; `""` for one of GETs; None where it is no batch."""
    if not urlsplit(held.url).path.rstrip("/").lower().endswith("$batch"):
        return None
    asked: list[tuple[str, str]]
    try:
        content = json.loads(held.body)
        asked = [(str(one["method"]).upper(), str(one["url"])) for one in content["requests"]]
    except (ValueError, KeyError, TypeError):
        if "changeset" in held.body.lower() or re.search(r"multipart/mixed", held.body, re.IGNORECASE):
            return "an OData batch with a set of changes"
        asked = [(found[1], found[2]) for found in _BATCH_LINE.finditer(held.body.replace("\r", ""))]
        if len(asked) != len(re.findall(r"application/http", held.body, re.IGNORECASE)):
            return "an OData batch that cannot be read"
    if not asked:
        return "an OData batch that cannot be read"
    for method, url in asked:
        word = method.lower() if method != "GET" else change_in_address(url)
        if word:
            return f'an OData batch that says "{word}"'
    return ""
