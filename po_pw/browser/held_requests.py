"""Converts held requests to the form in which they are decided on."""

from __future__ import annotations

import base64
import email.parser
import email.policy
import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qsl, urljoin

from playwright import async_api as playwright

from po_pw import models, redact

if TYPE_CHECKING:
    from collections.abc import Mapping


_BODY: Final = 65_536
"""Maximum characters of a body that is read; a longer one that is not a form cannot be decided on."""
Kind: TypeAlias = "tuple[str, ...]"


READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def held_request(request: playwright.Request, page_url: str) -> tuple[models.HeldRequest, str]:
    """Converts a request; also returns why it cannot be decided on, `""` if it can."""
    return _held(
        request.method, request.url, request.resource_type, request.headers, request.post_data_buffer, page_url
    )


def held_by_devtools(event: Mapping[str, Any], page_url: str) -> tuple[models.HeldRequest, str]:
    """The same for a request held by DevTools."""
    request = event["request"]
    headers = {name.lower(): str(value) for name, value in request.get("headers", {}).items()}
    parts = [one["bytes"] for one in request.get("postDataEntries", ()) if "bytes" in one]
    raw = b"".join(base64.b64decode(one) for one in parts) if parts else None
    resource = str(event.get("resourceType", "Other")).lower()
    return _held(str(request["method"]), str(request["url"]), resource, headers, raw, page_url)


def _held(
    method: str, url: str, resource: str, headers: Mapping[str, str], raw: bytes | None, page_url: str
) -> tuple[models.HeldRequest, str]:
    content_type = headers.get("content-type", "")
    body = (raw or b"").decode("utf-8", "replace")
    fields = _fields(content_type, raw or b"")
    unseen = ""
    if method not in READING:
        if raw is None and content_type and not content_type.lower().startswith("application/x-www-form-urlencoded"):
            unseen = "what it sends cannot be read"
        elif len(body) > _BODY and not fields:
            unseen = "what it sends is too long to check"
    held = models.HeldRequest(_method(method, headers), url, resource, page_url, content_type, body[:_BODY], fields)
    return held, unseen


_OVERRIDES: Final = ("x-http-method-override", "x-http-method", "x-method-override")


def _method(method: str, headers: Mapping[str, str]) -> str:
    """A request's effective method: a header may override it."""
    return next((headers[name].upper() for name in _OVERRIDES if headers.get(name)), method)


def _fields(content_type: str, raw: bytes) -> tuple[tuple[str, str], ...]:
    kind_of = content_type.lower()
    if kind_of.startswith("application/x-www-form-urlencoded"):
        return tuple(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    if not kind_of.startswith("multipart/form-data"):
        return ()
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + raw)
    found: list[tuple[str, str]] = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
        found.append((str(name or ""), text))
    return tuple(found)


def names_of(request: models.HeldRequest) -> tuple[str, ...]:
    """A request's field names: of a form, or the keys of a JSON object."""
    if request.fields:
        return tuple(dict.fromkeys(name for name, _ in request.fields))
    parsed = _json(request.body)
    return tuple(str(name) for name in parsed) if isinstance(parsed, dict) else ()


def kind_of(request: playwright.Request) -> Kind:
    """A request's kind: two requests of a kind differ only in values.

    Returns:
        Method, address without query, field names and, for GraphQL, the operations.
    """
    if request.method in READING:
        return (request.method, redact.bare(request.url))
    return kind_of_held(request.method, held_request(request, "")[0])


def kind_of_held(method: str, held: models.HeldRequest) -> Kind:
    """The same for a held request.

    Args:
        method: as it is sent; a header may override it in `held`.
        held: the request.
    """
    if method in READING:
        return (method, redact.bare(held.url))
    parsed = _json(held.body)
    asked = [str(parsed.get(name, ""))[:500] for name in ("operationName", "query")] if isinstance(parsed, dict) else []
    return (method, redact.bare(held.url), *names_of(held), *asked)


def _json(text: str) -> object:
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def after_redirect(event: Mapping[str, Any], status: int, location: str, page_url: str) -> models.HeldRequest:
    """The request that a redirect leads to."""
    request = event["request"]
    method = str(request["method"])
    keeps = status in {307, 308} or method in READING
    headers = {name.lower(): str(value) for name, value in request.get("headers", {}).items()}
    content_type = headers.get("content-type", "") if keeps else ""
    body = str(request.get("postData", "")) if keeps else ""
    try:
        url = urljoin(str(request["url"]), location.strip().replace("\\", "/"))
    except ValueError:
        url = location
    return models.HeldRequest(
        _method(method, headers) if keeps else "GET",
        url,
        str(event.get("resourceType", "Other")).lower(),
        page_url,
        content_type,
        body[:_BODY],
        _fields(content_type, body.encode()),
    )


def is_main(request: playwright.Request) -> bool:
    """Whether the request is for the page itself and not for a frame in it."""
    try:
        return request.frame.parent_frame is None
    except playwright.Error:
        return True
