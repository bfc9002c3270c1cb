"""Saves a page's screenshot, source and console errors without secrets, for the user."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from playwright import async_api as playwright

from po_pw import private_files, redact, secret_signs
from po_pw.evidence import texts

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

SCREENSHOT: Final = "page.png"
SOURCE: Final = "page.html"
CONSOLE: Final = "console.txt"
_TIMEOUT: Final = 10.0
"""Maximum seconds each for screenshot and source: a page that stopped painting must not block the run."""
_LOOKS_WITHIN: Final = 3.0
"""Seconds to look for fields that contain secrets."""
_NO_PAGE: Final = ("about:", "chrome-error:")
"""Beginnings of addresses of the browser's own pages, which show nothing of the portal."""
_MAX_SOURCE_CHARS: Final = 600_000
"""Maximum characters of the source."""
_MAX_DATA_CHARS: Final = 50_000
"""Maximum characters of an embedded (`data:`) picture in the source."""
_MAX_HEIGHT: Final = 8_000
"""Maximum height of the full page in its screenshot, in CSS pixels."""
_MAX_SCREENSHOT_BYTES: Final = 8_000_000
"""Maximum bytes of the screenshot."""

# Copies the document, so that the page itself is not changed. Shadow roots become part of the copy.
_COPY: Final = r"""() => {
  const copy = (node) => {
    const twin = node.cloneNode(false);
    if (node.nodeType !== 1) return twin;
    if (/^(script|noscript|template|style)$/.test(node.localName)) {
      if (node.localName === 'style') twin.textContent = node.textContent.slice(0, 20000);
      return twin;
    }
    if (node.shadowRoot) {
      const root = document.createElement('template');
      root.setAttribute('shadowrootmode', 'open');
      for (const child of node.shadowRoot.childNodes) root.content.append(copy(child));
      twin.append(root);
    }
    for (const child of node.childNodes) twin.append(copy(child));
    if (/^(input|textarea)$/.test(node.localName)) {
      if (/^(password|hidden)$/.test(node.type)) twin.removeAttribute('value');
      if (node.localName === 'textarea') twin.textContent = '';
    }
    return twin;
  };
  return '<!doctype html>\n' + copy(document.documentElement).outerHTML;
}"""
_MASKED: Final = (
    "input[type=password], input[autocomplete=one-time-code], input[name*=token i], input[name*=secret i], "
    "input[name*=otp i], input[name*=pin i]"
)
_SCRIPT: Final = re.compile(r"(<script\b[^>]*>)(.*?)(</script\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_OPENS: Final = re.compile(r"<[a-zA-Z!]")
_TAG: Final = re.compile(r"<[a-zA-Z][^<>\"']*(?:(?:\"[^\"]*\"|'[^']*')[^<>\"']*)*>")
_ATTRIBUTE: Final = re.compile(r"([^\s\"'<>/=]+)(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+)")
_ADDRESSES: Final = frozenset(
    {"href", "src", "action", "formaction", "data", "poster", "srcset", "cite", "longdesc", "background", "ping"}
)


async def take(page: playwright.Page, folder: Path, console: str = "") -> tuple[str, ...]:
    """Writes `page.png`, `page.html` and `console.txt` into a folder that only the owner can read.

    Args:
        page: if it is closed or unresponsive, or shows no page of the portal, nothing of it is written.
        folder: of the order, e.g. `.po-pw/evidence/PO-007`.
        console: the page's console errors, without secrets; `""`: no `console.txt`.

    Returns:
        The names of the files written; empty if nothing could be saved.
    """
    written: list[str] = []
    if page.url.startswith(_NO_PAGE):
        return ()
    try:
        await asyncio.to_thread(private_files.make_folder, folder)
    except OSError as error:
        _log.warning("no evidence can be saved in %s: %s", folder, error.strerror or error)
        return ()

    async def errors(_: playwright.Page) -> bytes:
        return console.encode("utf-8", "replace")

    for name, get in ((SCREENSHOT, _screenshot), (SOURCE, _source), (CONSOLE, errors)):
        try:
            async with asyncio.timeout(_TIMEOUT):
                content = await get(page)
            if content:
                await asyncio.to_thread(private_files.write, folder / name, content)
                written.append(name)
        except (playwright.Error, TimeoutError, OSError) as error:
            first = str(error).partition("\n")[0] or "it did not answer in time"
            _log.info("no %s of %s was saved: %s", name, redact.bare(page.url), redact.text(first))
    return tuple(written)


async def hides_fields(page: playwright.Page) -> bool:
    """Whether a screenshot of the page covers some fields; also True if the page does not answer in time."""
    try:
        async with asyncio.timeout(_LOOKS_WITHIN):
            return any([await frame.locator(_MASKED).count() for frame in page.frames])
    except (playwright.Error, TimeoutError):
        return True


async def _screenshot(page: playwright.Page) -> bytes:
    """The full page with passwords and codes covered; only the visible part if the image would be too large."""
    masked: list[Any] = [page.locator(_MASKED)]
    height = await page.evaluate("document.documentElement.scrollHeight")
    whole = height <= _MAX_HEIGHT
    shot = await page.screenshot(full_page=whole, mask=masked, timeout=_TIMEOUT * 1000, animations="disabled")
    if len(shot) > _MAX_SCREENSHOT_BYTES:
        shot = await page.screenshot(mask=masked, timeout=_TIMEOUT * 1000, animations="disabled")
    return shot if len(shot) <= _MAX_SCREENSHOT_BYTES else b""


async def _source(page: playwright.Page) -> bytes:
    source: str = await page.evaluate(_COPY)
    # Cut before redacting: that would take a minute for a source of 100 MB.
    cleaned = await asyncio.to_thread(clean, source[:_MAX_SOURCE_CHARS])
    return f"<!-- {redact.address(page.url)}, as po-pw saw it; secrets and scripts removed -->\n{cleaned}".encode(
        "utf-8", "replace"
    )


def clean(source: str) -> str:
    """A page's source without its secrets. Pure.

    Removes scripts' and comments' content; the values of password fields, hidden fields, and attributes and `meta`
    elements whose names suggest a secret; and secrets in addresses and texts (see `redact`).
    """
    source = _SCRIPT.sub(r"\1\3", source)
    source = _COMMENT.sub("", source)
    # A tag that was cut in the middle could contain any secret.
    whole = max((found.end() for found in _TAG.finditer(source)), default=0)
    broken = _OPENS.search(source, whole)
    source = source[: broken.start()] if broken else source
    return _replace_outside_tags(_TAG.sub(lambda found: _clean_tag(found[0]), source))


def _clean_tag(tag: str) -> str:
    return _ATTRIBUTE.sub(_clean_attribute, redact.field(tag)) if "=" in tag else tag


def _clean_attribute(found: re.Match[str]) -> str:
    name, equals, value = found.groups()
    mark = value[0] if value[:1] in {'"', "'"} else ""
    inner = value.strip("\"'")
    if not inner or name.lower() in {"name", "id", "type", "class"}:
        return found[0]
    if secret_signs.is_secret_name(name):
        inner = redact.REDACTED
    elif name.lower() in _ADDRESSES:
        is_data = inner[:5].lower() == "data:"
        inner = (inner[:200] if len(inner) > _MAX_DATA_CHARS else inner) if is_data else redact.address(inner)
    else:
        inner = texts.cleaned(inner)
    return f"{name}{equals}{mark}{inner}{mark}"


def _replace_outside_tags(source: str) -> str:
    pieces: list[str] = []
    at = 0
    for tag in _TAG.finditer(source):
        pieces += [texts.cleaned(source[at : tag.start()]), tag[0]]
        at = tag.end()
    return "".join([*pieces, texts.cleaned(source[at:])])
