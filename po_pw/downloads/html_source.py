"""The source of an HTML page, without the work of its scripts. Pure."""

from __future__ import annotations

import codecs
from urllib.parse import urljoin, urlsplit

from selectolax import lexbor


class Source:
    """A page's source, parsed.

    Args:
        html: its beginning.
        url: its address, after redirects.
        charset: from its `Content-Type`; `""` if that has none.
    """

    def __init__(self, html: bytes, url: str, charset: str = "") -> None:
        self.tree = _parsed(html, charset)
        self.url = without_fragment(joined("", url))
        base = self.tree.css_first("base[href]", default=None)
        self.base = (joined(self.url, attribute(base, "href")) if base is not None else "") or self.url

        self._hidden: set[int] = set()
        self.edges: set[int] = set()
        """Elements in a header, navigation or footer."""
        for node in self.tree.root.traverse() if self.tree.root is not None else ():  # parents come before children
            above = node.parent.mem_id if node.parent is not None else 0
            if above in self._hidden or hides(node):
                self._hidden.add(node.mem_id)
            if above in self.edges or node.tag in {"header", "nav", "footer"}:
                self.edges.add(node.mem_id)

    @property
    def title(self) -> str:
        """Its title, white space collapsed; `""` if it has none."""
        found = self.tree.css_first("title", default=None)
        return " ".join(found.text().split()) if found is not None else ""

    def at(self, target: str | None) -> str:
        """Makes an address on the page absolute, without fragment; `""` if it is none."""
        return without_fragment(joined(self.base, target.strip())) if target and target.strip() else ""

    def refresh(self) -> str:
        """Target of the page's own refresh; `""` if it has none."""
        for node in self.tree.css("meta[http-equiv]"):
            if attribute(node, "http-equiv").strip().lower() == "refresh":
                name, _, target = attribute(node, "content").replace(",", ";", 1).partition(";")[2].partition("=")
                if name.strip().lower() == "url" and target.strip():
                    return self.at(target.strip().strip("'\""))
        return ""

    def is_hidden(self, node: lexbor.LexborNode) -> bool:
        """Whether an element, or one that contains it, is hidden in the source."""
        return node.mem_id in self._hidden or (node.tag == "input" and attribute(node, "type").lower() == "hidden")


def _parsed(html: bytes, charset: str) -> lexbor.LexborHTMLParser:
    """Parses the source, decoded as browsers do: by byte order mark, `Content-Type`, `<meta charset>`, else UTF-8."""
    if html.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return lexbor.LexborHTMLParser(_decoded(html, "utf-16"))
    if html.startswith(codecs.BOM_UTF8):
        return lexbor.LexborHTMLParser(_decoded(html, "utf-8-sig"))
    if not charset:
        for node in lexbor.LexborHTMLParser(_decoded(html[:1024], "latin-1")).css("meta"):
            charset = charset or attribute(node, "charset")
            if not charset and attribute(node, "http-equiv").lower() == "content-type":
                charset = attribute(node, "content").lower().partition("charset=")[2]
    return lexbor.LexborHTMLParser(_decoded(html, charset.strip(" '\";") or "utf-8"))


def _decoded(html: bytes, charset: str) -> str:
    try:
        text = html.decode(charset, "replace")
    except (LookupError, ValueError):
        text = html.decode("utf-8", "replace")
    return text.encode("utf-8", "replace").decode("utf-8")  # replaces lone surrogates


def attribute(node: lexbor.LexborNode, name: str) -> str:
    """An attribute of an element; `""` if it is missing or has no value."""
    return node.attributes.get(name) or ""


def text_of(node: lexbor.LexborNode) -> str:
    """An element's visible text, white space collapsed."""
    parts: list[str] = []
    for inner in node.traverse(include_text=True):
        above = inner.parent
        if inner.is_text_node and above is not None and above.tag not in {"script", "style", "template", "noscript"}:
            parts.append(inner.text_content or "")
    return " ".join(" ".join(parts).split())


def label_of(node: lexbor.LexborNode) -> str:
    """Its approximate accessible name."""
    pictured = " ".join(attribute(inner, "alt") for inner in node.css("img[alt]"))
    for text in (attribute(node, "aria-label"), text_of(node), attribute(node, "value"), pictured):
        if text.strip():
            return " ".join(text.split())
    return " ".join(attribute(node, "title").split())


def hides(node: lexbor.LexborNode) -> bool:
    """Whether an element hides its content, by its attributes; style sheets are not considered."""
    given = node.attributes
    style = "".join((given.get("style") or "").lower().split())
    if "hidden" in given or "display:none" in style or "visibility:hidden" in style:
        return True
    return node.tag == "template" or (node.tag == "dialog" and "open" not in given)


def origin(url: str) -> tuple[str, str]:
    """Scheme and host of an address, the host lower case, with its port."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def is_web(url: str) -> bool:
    """Whether an address is one of HTTP or HTTPS, with a host."""
    return url.lower().startswith(("http://", "https://")) and bool(origin(url)[1])


def joined(base: str, target: str) -> str:
    """The absolute address; `""` if it is invalid."""
    try:
        url = urljoin(base, target.replace("\n", "").replace("\r", "").replace("\t", ""))
        urlsplit(url)
    except ValueError:
        return ""
    return url


def without_fragment(url: str) -> str:
    """An address without its fragment."""
    return url.partition("#")[0]
