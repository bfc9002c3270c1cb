"""Which of the requests that follow a press may leave the browser. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from po_pw import hostnames, models
from po_pw.portals.generic import (
    address_policy,
    api_queries,
    control_policy,
    control_veto,
    file_names,
    identifiers,
    label_words,
    record_address,
    tokenizer,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def _is_same_record(url: str, record: str, page_url: str) -> bool:
    """Whether an address is of the same record: it has the record's part or, if none is known, is the page's."""
    if record:
        return record_address.keeps_record(url, record)
    return bool(page_url) and urlsplit(url)[:3] == urlsplit(page_url)[:3]


_MOST: Final = 64 * 1024


def _stop(why: str) -> models.RequestDecision:
    return models.RequestDecision(models.Ruling.STOP, why)


def _pass(why: str) -> models.RequestDecision:
    return models.RequestDecision(models.Ruling.PASS, why)


def decide(
    held: models.HeldRequest, purpose: models.Purpose, control: models.Control, *, read_only: bool, record: str
) -> models.RequestDecision:
    """Decides on a request that follows a press.

    Args:
        held: the request.
        purpose: why the control was pressed.
        control: the pressed control.
        read_only: send only GET, and POSTs that are queries (GraphQL, OData).
        record: the part of the page's address that names its record; `""` if unknown.
    """
    method = held.method.upper()
    scheme = urlsplit(held.url).scheme
    if scheme in {"blob", "data", "about"}:
        return _pass("it goes to no server")
    if held.resource == "ping":
        return _stop("it only reports something")
    if method == "OPTIONS":
        return _pass("it only asks what is allowed")
    if method in {"GET", "HEAD"}:
        return _get(held, purpose, control, record)
    if method != "POST":
        return _stop(f"{method} changes something")
    return _post(held, purpose, control, read_only=read_only)


def _get(
    held: models.HeldRequest, purpose: models.Purpose, control: models.Control, record: str
) -> models.RequestDecision:
    graph = api_queries.graphql_in_query(held.url)
    if graph is not None:
        return _pass("a GraphQL query") if not graph else _stop(graph)
    word = address_policy.change_in_address(held.url, names=control_veto.proven_names(control, ()))
    if word:
        return _stop(f'the address says "{word}"')
    if held.resource != "document":
        return _pass("a GET that does not mention a change")
    if purpose is models.Purpose.FILE:
        return models.RequestDecision(models.Ruling.LINK, "a page or file: opened like a link")
    if _is_same_record(held.url, record, held.page_url):
        return _pass("a page of the same record")
    return _stop("it leads to another order or record")


def _post(
    held: models.HeldRequest, purpose: models.Purpose, control: models.Control, *, read_only: bool
) -> models.RequestDecision:
    if len(held.body) >= _MOST:
        return _stop("what it sends is too long to check")
    graph = api_queries.graphql(held)
    if graph is not None:
        return _pass("a GraphQL query") if not graph else _stop(graph)
    batch = api_queries.odata_batch(held)
    if batch is not None:
        return _pass("an OData batch of GETs") if not batch else _stop(batch)
    if read_only:
        return _stop("--read-only does not send forms (POST)")
    if hostnames.origin_of(held.url) != hostnames.origin_of(held.page_url):
        return _stop("a POST to another host")
    shown = label_words.file_name(control.row)
    reason = control_veto.veto(control, names=(shown,) if shown else ())
    if reason:
        return _stop(reason)
    word = address_policy.change_in_address(
        held.url, names=control_veto.proven_names(control, ()), strict=True
    ) or _change_in_body(held, control)
    if word:
        return _stop(f'the request says "{word}"')
    if purpose is models.Purpose.FILE:
        return _post_for_file(control)
    return _post_back(held, control)


def _post_for_file(control: models.Control) -> models.RequestDecision:
    decision = control_policy.decide_button(
        control, (control.row,) if file_names.is_file_name(control.row) else (), in_area=True
    )
    if decision.action is not control_policy.Action.PRESS:
        return _stop(f"a POST by a button that is not for downloading: {decision.why}")
    if not control_policy.is_name_proven(control):
        return _stop("a POST by a button whose label may be more than a file name")
    return _pass("a POST that is surely a download: its whole label says so, and nothing mentions a change")


def _change_in_body(held: models.HeldRequest, control: models.Control) -> str | None:
    names = control_veto.proven_names(control, ())
    if held.fields:
        return address_policy.change_in_pairs(
            tuple(control_veto.fields_of(models.Form("post", "", held.fields))), names, set_to=True
        )
    body = held.body.strip()
    if not body:
        return None
    if _UNREADABLE.search(body):
        return "data that cannot be read"
    try:
        content = json.loads(body)
    except ValueError:
        return identifiers.act_in(body, names)
    return address_policy.change_in_pairs(tuple(_pairs(content)), names, set_to=True)


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
"""Words for steps of a procedure, not for pages of a list."""
_PAGE_FIELD: Final = re.compile(r"[_:.](?:pagination|newTab|paginator|pageIndex|pageNumber)$")


def _post_back(held: models.HeldRequest, control: models.Control) -> models.RequestDecision:
    """Decides on a post-back of the page's own form to its own address that shows a page or tab of the list."""
    if control_veto.is_submit(control):
        return _stop("a submit button does not open a list")
    if urlsplit(held.url)[:4] != urlsplit(held.page_url)[:4] and urlsplit(held.url)[:4] != (
        *urlsplit(held.page_url)[:3],
        "",
    ):
        return _stop("a POST to another address than the page's own")
    fields = dict(held.fields)
    if not any(name in fields for name in _POST_BACK_STATE):
        return _stop("a POST that is not the page's own form")
    # The control itself is the last part of its name; the containers before it do not matter.
    sources = [re.split(r"[$:]", value)[-1] for name, value in held.fields if name in _POST_BACK_SOURCE]
    arguments = [value for name, value in held.fields if name in _POST_BACK_ARGUMENT]
    if any(_STEPS & set(tokenizer.identifier_words(value)) for name, value in held.fields if name in _POST_BACK_SOURCE):
        return _stop("a form that takes a step in a process")
    if any(topics.names_a_section(text) for text in (*sources, *arguments)) or any(map(_PAGE_FIELD.search, fields)):
        return _pass("a form that shows another page or tab of the list")
    return _stop("a form that may do more than show another page or tab of the list")
