"""Whether a GraphQL request or an OData batch only reads. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from po_pw.portals.generic import address_policy, identifiers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from po_pw import models


_GRAPHQL_NOISE: Final = re.compile(r'"""(?:.|\n)*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*')
_READS: Final = re.compile(
    r"^(?i:get|fetch|list|load|read|query|find|search|show|view)(?![a-z])|(?:Query|List|Details?|ById)$"
)


def _graphql_operations(query: str) -> tuple[set[str], list[str]]:
    """Kinds of the operations in a GraphQL document, with their names and those of their top fields."""
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
    """Why a GraphQL request must not be sent; `""` for a query; None if it is not GraphQL."""
    query, name = content.get("query"), content.get("operationName") or content.get("opname") or ""
    extensions = content.get("extensions")
    persisted = (isinstance(extensions, dict) and "persistedQuery" in extensions) or "doc_id" in content
    if isinstance(query, str) and re.search(r"\{", query):
        kinds, tops = _graphql_operations(query)
        if kinds - {"query", "fragment"} or "query" not in kinds:
            return f"a GraphQL {', '.join(sorted(kinds - {'query', 'fragment'})) or 'document without a query'}"
        word = next((found for one in [*tops, str(name)] if (found := identifiers.act_in(one, ()))), None)
        return f'the GraphQL query says "{word}"' if word else ""
    if persisted or (name and "variables" in content):
        word = identifiers.act_in(str(name), ())
        if word:
            return f'the GraphQL operation says "{word}"'
        return (
            ""
            if _READS.search(str(name)) and "utation" not in str(name)
            else "a GraphQL operation that may change something"
        )
    return None


def graphql(held: models.HeldRequest) -> str | None:
    """Why a GraphQL request must not be sent; `""` for a query; None if it is not GraphQL."""
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


def graphql_in_query(url: str) -> str | None:
    """Like `graphql`, for a request that is sent with GET, in the query of its address."""
    parts = urlsplit(url)
    fields: dict[str, Any] = dict(parse_qsl(parts.query))
    if "graphql" not in parts.path.lower() and "{" not in fields.get("query", ""):
        return None
    if "extensions" in fields:
        fields["extensions"] = {"persistedQuery": 1} if "persistedQuery" in fields["extensions"] else {}
    return _graphql_reason(fields)


_BATCH_LINE: Final = re.compile(r"^(GET|POST|PUT|PATCH|DELETE|MERGE|HEAD)\s+(\S+)(?:\s+HTTP/[\d.]+)?\s*$", re.MULTILINE)


def odata_batch(held: models.HeldRequest) -> str | None:
    """Why an OData batch must not be sent; `""` if it has only GETs; None if it is not a batch."""
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
        word = method.lower() if method != "GET" else address_policy.change_in_address(url)
        if word:
            return f'an OData batch that says "{word}"'
    return ""
