"""Which controls may be pressed and which links fetched: pure decisions, values in, values out.

The principle, here and in `address_policy` and `request_policy`: **the more an address proves, the less words count.**

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
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw import hostnames, models
from po_pw.portals.generic import (
    address_policy,
    change_words,
    file_names,
    icon_words,
    identifiers,
    label_words,
    recognition,
    tokenizer,
    topics,
)

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
class Decision:
    """What is done with a control, and why."""

    action: Action
    why: str
    """For people, e.g. `the icon says "trash"`."""
    name: str = ""
    """The file's name, or the label without words of download; may be empty."""
    certain: bool = True
    """False where only the answer tells whether there is a file behind it."""


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
        dict.fromkeys(
            one for one in found if address_policy.is_file(one) or (file_names.is_file_name(one) and not facts.address)
        )
    )


def _is_trusted(name: str) -> bool:
    """Whether a file name holds no call to act in front of itself: not "approve order.pdf", but "order signed.pdf"."""
    stem = name.rpartition(".")[0]
    if " " not in stem.strip() and len(tokenizer.words(stem)) < 2:
        return True
    before = stem.rpartition(" ")[0] or tokenizer.words(stem)[0]
    return not any(one.form is change_words.Form.ACT for one in change_words.changes(before))


def proven_names(facts: models.Control, names: Collection[str]) -> tuple[str, ...]:
    """The file names that may be taken out of what a control says."""
    said = label_words.file_name(facts.label)
    names = (*names, said) if said and " " not in said else names
    # A link is judged by its address, so that a name in one piece ("delete-list.csv") may be believed.
    whole = [name for name in names if file_names.is_file_name(name)]
    return (*own_names(facts), *(name for name in whole if (facts.address and " " not in name) or _is_trusted(name)))


def fields_of(form: models.Form) -> Iterator[tuple[str, str]]:
    """Names and values of a form's fields, without the page's own state (ASP.NET, JSF)."""
    for name, value in form.fields:
        if not name.startswith(
            ("__VIEWSTATE", "__EVENTVALIDATION", "javax.faces.ViewState", "jakarta.faces.ViewState")
        ):
            yield name, value


def _change_in_form(form: models.Form, names: Collection[str], *, sent: bool) -> str | None:
    """A word of change in a form's method or action, and in its fields where a press sends them."""
    if form.method not in {"get", "post", "dialog", ""}:
        return form.method
    word = address_policy.change_in_address(form.action, names=names, strict=form.method == "post")
    return word or (address_policy.change_in_pairs(tuple(fields_of(form)), names) if sent else None)


def _change_in_icons(icons: Sequence[str], names: Collection[str]) -> str | None:
    for icon in icons:
        word = icon_words.icon_of_change(icon, names=names)
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
    known = proven_names(facts, names)
    for what, text in (("label", facts.label), ("text", facts.text), ("title", facts.title)):
        word = change_words.change_word(text, names=known)
        if word:
            return f'the {what} says "{word}"'
    word = _change_in_icons(facts.icons, known)
    if word:
        return f'the icon says "{word}"'
    for name, value in _attributes(facts).items():
        if _ASKS.search(name) or re.search(r"\bconfirm\s*\(", value) or change_words.asks_whether_sure(value):
            return "it asks for confirmation"
        if name in _NAME_ATTRIBUTES and file_names.is_file_name(value):
            continue
        if name == "form-asks":
            return "its form asks for a password"
        if name == "form-filled-in" and facts.form and facts.form.method == "post":
            return f'its form has fields to fill in: "{value}"'
        if name in _SPOKEN:
            word = change_words.change_word(value, names=known, acts_only=name == "described-by")
        elif name == "form-name":
            word = identifiers.act_in(value, known, styled=True, itself=True)
        elif name in _HANDLERS or name.startswith("on"):
            word = change_words.change_word(_TECHNICAL.sub(" ", value), identifier=True, names=known)
        elif name in _WRITTEN:
            word = identifiers.act_in(value, known, styled=name == "class", itself=True)
        elif not _SAYS_NOTHING.match(name):
            word = identifiers.act_in(
                value, known, itself=name.endswith(("id", "-qa", "-cy", "-test"))
            ) or identifiers.act_in(name, ())
        else:
            continue
        if word:
            return f'its {name} says "{word}"'
    if facts.form:
        word = _change_in_form(facts.form, known, sent=is_submit(facts))
        if word:
            return f'its form says "{word}"'
    if facts.address:
        word = address_policy.change_in_address(facts.address, names=known, shared_segments=shared_segments)
        if word:
            return f'the address says "{word}"'
    return None


def _veto_of_link(facts: models.Control, names: Collection[str], shared: Collection[str]) -> str | None:
    """Why a link's address must not be fetched: only what tells to do something counts, see the module."""
    known = proven_names(facts, (*names, label_words.file_name(facts.label)))
    named = bool(label_words.file_name(facts.label))
    word = address_policy.change_in_address(facts.address, names=known, shared_segments=shared, named=named)
    if word:
        return f'the address says "{word}"'
    if (
        facts.form
        and facts.form.method not in {"", "get"}
        and _attributes(facts).get("data-method", "get").lower() != "get"
    ):
        return f"it is sent with {facts.form.method.upper()}"
    attributes = _attributes(facts)
    asks = any(_ASKS.search(name) or change_words.asks_whether_sure(value) for name, value in attributes.items())
    if asks or any(re.search(r"\bconfirm\s*\(", value) for name, value in attributes.items() if name.startswith("on")):
        return "it asks for confirmation"
    for name in ("data-method", "data-turbo-method", "hx-delete", "hx-post", "hx-put", "hx-patch"):
        if name in attributes and attributes[name].lower() not in {"", "get"}:
            return f"it is not sent with GET: {name}"
    plain = address_policy.is_plain_file_address(facts.address)
    if not plain and (put := address_policy.put_into(facts.address)):
        return f'the address says "{put}"'
    spoken = [(name, value) for name, value in attributes.items() if name in _SPOKEN]
    for what, text in (("label", facts.label), ("text", facts.text), ("title", facts.title), *spoken):
        word = _tells(text, known, whole=plain)
        if word:
            return f'the {what} says "{word}"'
    word = _change_in_icons(facts.icons, known) if not plain or not label_words.names_something(facts.label) else None
    if word:
        return f'the icon says "{word}"'
    for name, value in attributes.items():
        if name in {"id", "class", "name"} or (name.startswith("on") and not plain):
            word = identifiers.act_in(value, known, styled=name == "class", weak=False)
            if word:
                return f'its {name} says "{word}"'
    return None


def _tells(text: str, names: Collection[str], *, whole: bool) -> str | None:
    """A word in a link's label that tells to change something; of a plain file only where it is all that is said."""
    found = [one for one in change_words.changes(text, names=names) if one.form is change_words.Form.ACT]
    strong = [one for one in found if not one.is_weak]
    if strong and not whole:
        return strong[0].word
    return found[0].word if found and label_words.says_only_change(text, names=names) else None


def is_submit(facts: models.Control) -> bool:
    """Whether a press sends the control's form."""
    return facts.kind in {"submit", "image"} and facts.form is not None and facts.form.method != "dialog"


def _named(facts: models.Control, names: Collection[str]) -> str:
    for text in (facts.label, facts.title, *own_names(facts)):
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
        return Decision(Action.LEAVE, reason)
    return decide_button(facts, names, in_area=in_area)


def decide_button(facts: models.Control, names: Collection[str], *, in_area: bool) -> Decision:
    """What may be done with a control that has no address, and of which nothing speaks of change.

    Args:
        facts: the control.
        names: file names of its row or area.
        in_area: it stands in an area of attachments.
    """
    if facts.kind == "reset":
        return Decision(Action.LEAVE, "it resets a form")
    label = facts.label
    if not is_submit(facts):
        turned = _turning(facts, in_area=in_area)
        if turned:
            return turned
    opens = facts.tag == "summary" or facts.role == "tab" or any(name in _attributes(facts) for name in _OPENING)
    if opens and not label_words.file_name(label):
        return Decision(Action.LEAVE, "it opens something, but does not say attachments")
    proven = proven_names(facts, names)
    if not in_area and not own_names(facts) and not label_words.file_name(label):
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
    """Whether the file name in the label is known to be all of it: one word, or shown elsewhere too."""
    name = label_words.file_name(facts.label)
    if not name or " " not in name:
        return True
    known = {one.casefold() for one in (*own_names(facts), *names)}
    return name.casefold() in known or name.casefold() in facts.row.casefold()


def _turning(facts: models.Control, *, in_area: bool) -> Decision | None:
    """OPEN or TURN, for what is no submit button."""
    attributes = _attributes(facts)
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
    if in_area and not label_words.file_name(facts.label):
        if label_words.is_more_label(facts.label):
            return Decision(Action.TURN, "it shows more of the list")
        if label_words.is_next_label(facts.label):
            return Decision(Action.TURN, "it shows the next page of the list")
        if label_words.page_number(facts.label):
            return Decision(Action.TURN, "it shows another page of the list")
    return None


_LINKS: Final = {"a", "area", "object", "embed"}
"""Elements whose address the browser itself asks for, with GET."""


def _link(
    facts: models.Control, origin: str, names: Collection[str], shared: Collection[str], *, in_area: bool, record: str
) -> Decision:
    if urlsplit(facts.address).scheme not in {"http", "https", "blob", "data"}:
        return Decision(Action.LEAVE, "its address is not a web address")
    reason = _veto_of_link(facts, names, shared)
    if not reason and facts.tag not in _LINKS:
        # A script asks for the address, and only what else is written on the control tells how.
        reason = veto(facts, names=names, shared_segments=shared)
    if reason:
        return Decision(Action.LEAVE, reason)
    if label_words.is_all_label(facts.label):
        return Decision(Action.LEAVE, "it downloads all files at once")
    if label_words.is_sign_in_label(facts.label):
        return Decision(Action.LEAVE, "it leads to a sign-in")
    scheme = urlsplit(facts.address).scheme
    file_label = bool(label_words.file_name(facts.label) or own_names(facts))
    plain = address_policy.is_plain_file_address(facts.address)
    name = _named(facts, names)
    if scheme in {"blob", "data"}:
        if veto(facts, names=names, shared_segments=shared):
            return Decision(Action.LEAVE, "it may change something")
        return Decision(Action.PRESS, "the page itself makes its file", name, certain=file_label)
    if not file_label and not plain:
        turned = _turning(facts, in_area=in_area)
        if turned and hostnames.origin_of(facts.address) == hostnames.origin_of(origin):
            if record and not recognition.keeps_record(facts.address, record):
                return Decision(Action.LEAVE, "it leads to another order or record")
            return turned
    attributes = _attributes(facts)
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
