"""Writes a text about what servers sent instead of files, for people and without secrets."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from selectolax import lexbor

from po_pw import models, private_files, redact
from po_pw.evidence import texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ANSWERS: Final = "answers.txt"
_HEADERS: Final = (
    "Date",
    "Server",
    "Via",
    "Content-Type",
    "Content-Length",
    "Content-Encoding",
    "Content-Disposition",
    "Last-Modified",
    "Retry-After",
    "Allow",
    "X-Request-Id",
    "X-Correlation-Id",
    "X-Amz-Request-Id",
    "CF-Ray",
)
"""Headers that are shown: which server answered, and by which number its operator finds the request again."""
_MAX_FILES: Final = 50
"""Maximum files of an order that are shown: the first ones."""
_MAX_HEADER: Final = 300
"""Maximum characters of a header's value."""
_MAX_BODY: Final = 2_000
"""Maximum characters of a page or text."""
_UNREAD: Final = ("script", "style", "noscript", "template", "textarea", "input", "select", "iframe", "object", "svg")
"""Elements whose content is not visible, or is typed by people."""
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """A file that was not downloaded."""

    name: str
    """As the portal shows it; may be empty."""
    failure: models.Failure
    answer: models.Answer


def write(refused: Iterable[Refused], folder: Path) -> None:
    """Writes `answers.txt`, which only the owner can read; blocks.

    Args:
        refused: files of an order.
        folder: of the order's evidence; must exist.

    Raises:
        OSError: it cannot be written.
    """
    private_files.write(folder / ANSWERS, text(refused))


def text(refused: Iterable[Refused]) -> str:
    """What came instead of each file: reason, address, status, some headers, and the start of a page or text. Pure."""
    files = list(refused)
    parts = ["\n".join(_lines(one)) for one in files[:_MAX_FILES]]
    if len(files) > _MAX_FILES:
        parts.append(f"and {len(files) - _MAX_FILES} more files")
    return "\n\n\n".join(parts) + "\n"


def _lines(one: Refused) -> Iterator[str]:
    answer = one.answer
    yield texts.cleaned(one.name) or "(a file without a name)"
    yield f"  {one.failure.code.value}: {one.failure.message}"
    yield f"  Address: {redact.address(answer.url)}"
    yield f"  Answer: HTTP {answer.status}" if answer.status is not None else "  Downloaded by the browser"
    given = {name.lower(): value for name, value in answer.headers.items()}
    for name in _HEADERS:
        if value := given.get(name.lower(), ""):
            yield f"  {name}: {texts.cleaned(' '.join(value.split())[:_MAX_HEADER])}"
    if body := _body(answer.start, given.get("content-type", "")):
        yield ""
        yield from (f"    {line}" for line in body)


def _body(start: bytes, kind: str) -> list[str]:
    """The lines of a text, or those that people see of a page; empty for anything else."""
    if not start or b"\0" in start:
        return []
    charset = _CHARSET.search(kind)
    try:
        source = start.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        source = start.decode("utf-8", "replace")
    if "html" in kind.lower() or source.lstrip()[:1] == "<":
        source = _visible_text(source)
    cleaned = texts.cleaned(source)[:_MAX_BODY]
    lines = [
        " ".join("".join(c for c in line if c.isprintable() or c == "\t").split()) for line in cleaned.splitlines()
    ]
    return [line for line in lines if line]


def _visible_text(source: str) -> str:
    tree = lexbor.LexborHTMLParser(source)
    tree.strip_tags(list(_UNREAD))
    while (hidden := tree.css_first("[hidden]", default=None)) is not None:
        hidden.decompose()
    title = tree.css_first("title", default=None)
    body = tree.body
    shown = [title.text(strip=True) if title is not None else "", body.text(separator="\n") if body is not None else ""]
    return "\n".join(shown)
