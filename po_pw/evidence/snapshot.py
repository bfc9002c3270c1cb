"""A page as it looked and as its source stood, kept for the person; secrets are removed first."""

from __future__ import annotations

import asyncio
import html
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from playwright import async_api as playwright

from po_pw import owner_only
from po_pw.transport import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_log = logging.getLogger(__name__)

SCREENSHOT: Final = "page.png"
SOURCE: Final = "page.html"
_PATIENCE: Final = 10.0
"""Seconds for each of the two: a page that paints no more must not hold anybody up."""
_MOST_SOURCE: Final = 600_000
"""Characters of source that are kept."""
_MOST_HEIGHT: Final = 8_000
"""CSS pixels of a page's height in its screenshot."""
_MOST_SCREENSHOT: Final = 8_000_000
"""Bytes."""
_HIDDEN: Final = "***"
_SHORTEST: Final = 8
"""Characters of a text that could name a secret and hold it."""

# Removed in a copy of the document: the page itself is left as it is. Shadow roots are written into the copy.
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
_SECRET_NAME: Final = re.compile(
    r"pass(?:word|wd|code|phrase)?$|pwd|secret|token|csrf|xsrf|nonce|otp|\bpin\b|session|auth|cookie|credential|"
    r"signature|\bsig\b|api[-_]?key|access[-_]?key|jwt|bearer|saml|relaystate|viewstate|verification|wresult|jsessionid",
    re.IGNORECASE,
)
_ADDRESSES: Final = frozenset(
    {"href", "src", "action", "formaction", "data", "poster", "srcset", "cite", "longdesc", "background", "ping"}
)
_IN_TEXT: Final = re.compile(r"//[^\s\"'<>?]{1,400}\?[^\s\"'<>]*")
_JWT: Final = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_LONG: Final = re.compile(r"(?<![\w/+.-])[\w+/=-]{40,}")


def _is_key(word: str) -> bool:
    """Whether a long word is no word that a person would read: a key, a signature, a session."""
    mixed = any(map(str.isdigit, word)) and any(map(str.isupper, word)) and any(map(str.islower, word))
    is_hex = re.fullmatch(r"[0-9a-fA-F]{40,}", word) is not None
    return is_hex or (mixed and len(re.findall(r"[-_/][A-Za-z]{2,}", word)) <= 2)


_PAIR: Final = re.compile(r"([?&;]|&amp;)([^=&;#\s\"'<>]+)=([^&;#\s\"'<>]*)")
_SECRET_PAIR: Final = re.compile(
    r"sig|token|expires|x-amz-|x-goog-|x-ms-|nonce|csrf|xsrf|auth|session|jsessionid|sid$|secret|pass|pwd|key$|code$|"
    r"state$|saml|relaystate|ticket|jwt|hmac|policy|credential|^s[epvrt]$|^se$|^sp$|^sv$",
    re.IGNORECASE,
)


async def take(page: playwright.Page, folder: Path, *, secrets: Iterable[str] = ()) -> tuple[str, ...]:
    """Writes `page.png` and `page.html` into a folder that is made, owner-only; what was there is replaced.

    Args:
        page: open; one that is gone or does not answer gives nothing.
        folder: of the order, e.g. `.po-pw/evidence/PO-007`.
        secrets: texts that must not appear: values of cookies, the password.

    Returns:
        The paths written; none where nothing could be.
    """
    hidden = tuple(secrets)
    written: list[str] = []
    try:
        await asyncio.to_thread(owner_only.make_folder, folder)
    except OSError as error:
        _log.warning("no evidence can be kept in %s: %s", folder, error.strerror or error)
        return ()
    for name, get in ((SCREENSHOT, _screenshot), (SOURCE, _source)):
        try:
            async with asyncio.timeout(_PATIENCE):
                content = await get(page, hidden)
            if content:
                await asyncio.to_thread(_write, folder / name, content)
                written.append(str(folder / name))
        except (playwright.Error, TimeoutError, OSError) as error:
            first = str(error).partition("\n")[0] or "it did not answer in time"
            _log.info("no %s of %s was kept: %s", name, redact.bare(page.url), redact.text(first))
    return tuple(written)


async def _screenshot(page: playwright.Page, secrets: tuple[str, ...]) -> bytes:
    """The page, passwords and codes covered; its window alone where the whole would be too large."""
    del secrets
    masked: list[Any] = [page.locator(_MASKED)]
    height = await page.evaluate("document.documentElement.scrollHeight")
    whole = height <= _MOST_HEIGHT
    shot = await page.screenshot(full_page=whole, mask=masked, timeout=_PATIENCE * 1000, animations="disabled")
    if len(shot) > _MOST_SCREENSHOT:
        shot = await page.screenshot(mask=masked, timeout=_PATIENCE * 1000, animations="disabled")
    return shot if len(shot) <= _MOST_SCREENSHOT else b""


async def _source(page: playwright.Page, secrets: tuple[str, ...]) -> bytes:
    source: str = await page.evaluate(_COPY)
    # Cut first: a source of 100 MB would take a minute to clean.
    cleaned = await asyncio.to_thread(clean, source[:_MOST_SOURCE], secrets)
    return f"<!-- {redact.bare(page.url)}, as po-pw saw it; secrets and scripts removed -->\n{cleaned}".encode(
        "utf-8", "replace"
    )


def _write(path: Path, content: bytes) -> None:
    # A screenshot may show what only its owner may see, as the source may.
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(b"")
    owner_only.close_to_others(temporary)
    temporary.write_bytes(content)
    temporary.replace(path)


def clean(source: str, secrets: Iterable[str] = ()) -> str:
    """A page's source without its secrets; pure.

    Out go: the content of scripts and comments, values of password and hidden fields, of attributes that are named for
    a secret, of `meta` elements so named, signed parts of addresses, tokens in text, and all that is in `secrets`.
    """
    source = _SCRIPT.sub(r"\1\3", source)
    source = _COMMENT.sub("", source)
    # What was cut in the middle of a tag could hold anything.
    whole = max((found.end() for found in _TAG.finditer(source)), default=0)
    broken = _OPENS.search(source, whole)
    source = source[: broken.start()] if broken else source
    source = _replace_outside_tags(_TAG.sub(lambda found: _clean_tag(found[0]), source))
    for secret in sorted({one for one in secrets if len(one) >= 4}, key=len, reverse=True):
        for form in {secret, html.escape(secret), html.escape(secret, quote=False)}:
            source = source.replace(form, _HIDDEN)
    return source


def _clean_tag(tag: str) -> str:
    if "=" not in tag:
        return tag
    attributes = {name.lower(): value.strip("\"'") for name, _, value in _ATTRIBUTE.findall(tag)}
    told = f"{attributes.get('name', '')} {attributes.get('id', '')} {attributes.get('property', '')}"
    kind = attributes.get("type", "").lower()
    is_input = tag[1:].lower().startswith(("input", "textarea", "meta", "button", "option"))
    is_secret = is_input and (kind in {"hidden", "password"} or bool(_SECRET_NAME.search(told)))

    def attribute(found: re.Match[str]) -> str:
        name, equals, value = found[1].lower(), found[2], found[3]
        quote = value[0] if value[:1] in {'"', "'"} else ""
        inner = value.strip("\"'")
        if name in {"value", "content"} and is_secret:
            return f"{found[1]}{equals}{quote}{_HIDDEN}{quote}"
        if name.startswith(("on", "data-", "aria-", "ng-", "x-", "hx-")) or name in {"nonce", "integrity", "style"}:
            if _SECRET_NAME.search(name):
                return f"{found[1]}{equals}{quote}{_HIDDEN}{quote}"
        elif name in _ADDRESSES:
            return f"{found[1]}{equals}{quote}{_address(inner)}{quote}"
        return f"{found[1]}{equals}{quote}{_text(inner)}{quote}"

    return _ATTRIBUTE.sub(attribute, tag)


def _address(text: str) -> str:
    if text.lower().startswith("data:"):
        return text[:200] if len(text) > 50_000 else text
    text = re.sub(r"//[^/@\s]*@", "//", text)
    text = re.sub(r";(?:jsessionid|sid|phpsessid)=[^?#&]*", f";{_HIDDEN}", text, flags=re.IGNORECASE)
    return _PAIR.sub(lambda pair: _pair(pair, _SECRET_PAIR), _JWT.sub(_HIDDEN, text))


def _pair(pair: re.Match[str], secret: re.Pattern[str]) -> str:
    hides = bool(secret.search(pair[2])) or len(pair[3]) >= 40
    return f"{pair[1]}{pair[2]}={_HIDDEN if hides else pair[3]}"


def _text(text: str) -> str:
    if len(text) < _SHORTEST:
        return text
    text = _IN_TEXT.sub(lambda found: _address(found[0]), text)
    return _named(_LONG.sub(lambda found: _HIDDEN if _is_key(found[0]) else found[0], _JWT.sub(_HIDDEN, text)))


_NAMED: Final = re.compile(
    r"((?:password|passwd|token|csrf|xsrf|secret|session[-_]?id|api[-_]?key|authorization|bearer|signature)"
    r"(?:&quot;|[\"'])?\s{0,3}[:=]\s{0,3}(?:&quot;|[\"'])?)([^\s\"'<>&,;}]{4,})",
    re.IGNORECASE,
)


def _named(text: str) -> str:
    return _NAMED.sub(lambda found: f"{found[1]}{_HIDDEN}", text)


def _replace_outside_tags(source: str) -> str:
    cleaned: Callable[[str], str] = _text
    pieces: list[str] = []
    at = 0
    for tag in _TAG.finditer(source):
        pieces += [cleaned(source[at : tag.start()]), tag[0]]
        at = tag.end()
    return "".join([*pieces, cleaned(source[at:])])
