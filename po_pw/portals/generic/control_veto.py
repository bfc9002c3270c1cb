"""Finds what forbids pressing a control or fetching a link: words of change, confirmations, forms. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw.portals.generic import (
    address_policy,
    change_words,
    file_names,
    icon_words,
    identifiers,
    label_words,
    tokenizer,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from po_pw import models

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
"""Attributes with a text for people, like `title`: tooltip scripts move the title there."""
_TECHNICAL: Final = re.compile(
    r"javascript:|\breturn\b|\bvoid\s*(?:\(\s*0?\s*\)|0)|\.(?:submit|apply|call|replace|assign|write|hide|toggle)\s*\("
    r"|\b(?:method|type)\s*:\s*[\"'`]post[\"'`]"  # the HTTP method: the request itself is decided on while it is held
    # Changes of the page itself.
    r"|\b(?:create(?:Element|ObjectURL|TextNode)|revokeObjectURL|remove(?:Child|Attribute|EventListener))\b"
    r"|\b(?:insertAdjacent(?:HTML|Element|Text)|insertBefore|replace(?:Children|With|Child)|classList\.\w+)\b"
    r"|\.(?:hidden|disabled)\b|[\"'`]hidden[\"'`]"
    r"|\baddSubmitParam\b|\boamSubmitForm\b|\bA4J\.AJAX\.Submit\b|\bstopPropagation\b",
    re.IGNORECASE,
)
"""Script code in a handler that does not show what it does; the requests it sends are decided on separately."""


def attributes_of(facts: models.Control) -> Mapping[str, str]:
    """A control's attributes by name, in lower case."""
    return {name.casefold(): value for name, value in facts.attributes}


def own_names(facts: models.Control) -> tuple[str, ...]:
    """File names that certainly belong to a control: from its attributes or the end of its address."""
    found = [value.strip() for name, value in attributes_of(facts).items() if name in _NAME_ATTRIBUTES]
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
    """Whether a file name does not begin with an imperative: "order signed.pdf", but not "approve order.pdf"."""
    stem = name.rpartition(".")[0]
    if " " not in stem.strip() and len(tokenizer.words(stem)) < 2:
        return True
    before = stem.rpartition(" ")[0] or tokenizer.words(stem)[0]
    return not any(one.form is change_words.Form.ACT for one in change_words.changes(before))


def proven_names(facts: models.Control, names: Collection[str]) -> tuple[str, ...]:
    """File names whose words do not count as words of change on a control."""
    said = label_words.file_name(facts.label)
    names = (*names, said) if said and " " not in said else names
    # A link is recognised by its address, so a name without spaces ("delete-list.csv") is accepted.
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
    """A word of change in a form's method or action, and in its fields if a press sends them."""
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
    """Why a control must not be pressed, in words; None if nothing forbids it.

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
    for name, value in attributes_of(facts).items():
        if _ASKS.search(name) or re.search(r"\bconfirm\s*\(", value) or change_words.asks_whether_sure(value):
            return "it asks for confirmation"
        if name in _NAME_ATTRIBUTES and file_names.is_file_name(value):
            continue
        if name == "form-asks":
            return "its form asks for a password"
        if name == "form-chooses":
            return "it acts on what is selected in its form"
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


def veto_of_link(facts: models.Control, names: Collection[str], shared: Collection[str]) -> str | None:
    """Why a link's address must not be fetched; None if nothing forbids it. Only imperatives count."""
    known = proven_names(facts, (*names, label_words.file_name(facts.label)))
    named = bool(label_words.file_name(facts.label))
    word = address_policy.change_in_address(facts.address, names=known, shared_segments=shared, named=named)
    if word:
        return f'the address says "{word}"'
    if (
        facts.form
        and facts.form.method not in {"", "get"}
        and attributes_of(facts).get("data-method", "get").lower() != "get"
    ):
        return f"it is sent with {facts.form.method.upper()}"
    attributes = attributes_of(facts)
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
    """An imperative of change in a link's label; for a plain file only if the label says nothing else."""
    found = [one for one in change_words.changes(text, names=names) if one.form is change_words.Form.ACT]
    strong = [one for one in found if not one.is_weak]
    if strong and not whole:
        return strong[0].word
    return found[0].word if found and label_words.says_only_change(text, names=names) else None


def is_submit(facts: models.Control) -> bool:
    """Whether a press sends the control's form."""
    return facts.kind in {"submit", "image"} and facts.form is not None and facts.form.method != "dialog"
