"""A page that came instead of a file: finds the download link on it. Pure.

Decides by structure: where links and forms lead and what they ask for. Words count only as a whole label or a whole
part of an address.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from po_pw.downloads import download_words, file_type, html_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selectolax import lexbor

_MIN_NAME: Final = 3
"""Minimum characters of a name; shorter ones are page numbers and such."""
_PICTURES: Final = frozenset({"png", "jpg", "jpeg", "jpe", "gif", "tif", "tiff", "bmp", "webp", "svg", "heic"})


@dataclasses.dataclass(frozen=True, slots=True)
class Download:
    """An address on a page that may lead to the page's file."""

    url: str
    """Absolute, without fragment."""
    label: str
    is_named: bool
    """Its label is the file's name."""


def follow_none(_address: str, _label: str) -> bool:
    """Follows no link: for callers that cannot tell which links change something."""
    return False


class Page(html_source.Source):
    """A page, and the addresses on it that may lead to the file it is about."""

    def downloads(
        self,
        name: str,
        *,
        allowed: Callable[[str, str], bool],
        is_certain: bool = True,
        is_download: Callable[[str], bool] = lambda _label: False,
    ) -> tuple[Download, ...]:
        """Finds addresses of the file that this page is about, likeliest first; only ones to be requested with GET.

        A link counts if its label is the file's name, or if its address has the name and the label says nothing else.
        Others, such as "Download", count only if they belong to the same record as the page or the page names the
        file, and only if there is just one of its kind: a page with several is about several files.

        Args:
            name: the file's, as shown beside the link to this page; may be empty.
            allowed: whether an address and a label say nothing of a change. The address is passed without the file's
                name and without the parts that this page's address has too; the label without the file's name, and with
                the title, id and classes of the link and of its icons.
            is_certain: False if this page may not be about a file at all: then a link without a file's name must
                belong to the same record as the page.
            is_download: whether a whole label is a word for downloading, in addition to `is_download_word`.
        """

        def says_download(text: str) -> bool:
            return download_words.is_download_word(text) or is_download(text)

        return self._found(name, allowed, is_certain, says_download)

    def _found(
        self, name: str, allowed: Callable[[str, str], bool], is_certain: bool, is_download: Callable[[str], bool]
    ) -> tuple[Download, ...]:
        names = self._names(name, is_download)
        found: list[tuple[int, Download]] = []
        for rank, url, label, around in self._ways(names, is_download):
            is_plain = not label or is_download(label)
            fitting = [own for own in names if _is_called(label, own, is_download) or (is_plain and _is_in(url, own))]
            is_named = any(is_certain or file_type.extension(own) or self._is_same_record(url) for own in fitting)
            if url == self.url or not html_source.is_web(url) or (names and not is_named and _is_other_file(label)):
                continue
            if allowed(self._own_part(url, names), _without_names(f"{label} {around}", names)):
                found.append((rank, Download(url, label, is_named)))
        named = sorted((one for one in found if one[1].is_named), key=lambda one: one[0])
        if named:
            return tuple(dict.fromkeys(link for _, link in named))
        own = [
            (rank, link)
            for rank, link in found
            if self._is_same_record(link.url) or any(_is_in(link.url, name) for name in names)
        ]
        # A browser, too, would follow the page's own refresh.
        trusted = {0, 1, _REFRESHED} if self._names_any(names) else {_REFRESHED}
        for tier in sorted({rank for rank, _ in found}):
            for links in (own, found if is_certain and tier in trusted else ()):
                urls = {link.url: link for rank, link in links if rank == tier}
                if len(urls) == 1:
                    return tuple(urls.values())
        return ()

    def is_portals_own(self) -> bool:
        """Whether it refers to its own host in ways that an uploaded HTML file does not.

        Such a file refers to nothing, to other hosts, to files beside it, or by full addresses to where it came from;
        it does not know the portal's paths and loads no scripts or styles from there.
        """
        for node in self.tree.css("[href], [src], form[action]"):
            is_part = node.tag in {"script", "form"} or (
                node.tag == "link" and "stylesheet" in html_source.attribute(node, "rel")
            )
            for name in ("href", "src", *(("action",) if node.tag == "form" else ())):
                target = html_source.attribute(node, name).strip()
                is_relative = target.startswith(("/", "?", "..")) and not target.startswith("//")
                if (is_relative or (is_part and "//" in target)) and self._is_here(target):
                    return True
        return False

    def _is_here(self, target: str) -> bool:
        return html_source.origin(html_source.joined(self.base, target)) == html_source.origin(self.url)

    def _names(self, name: str, is_download: Callable[[str], bool]) -> tuple[str, ...]:
        """Possible names of the file: as shown, and from the page's own address."""
        parts = urlsplit(self.url)
        last = _last_part(unquote(parts.path, errors="replace"))
        values = [_last_part(value) for _, value in parse_qsl(parts.query)]
        own = [part for part in (last, *values) if file_type.extension(part) and not file_type.names_program(part)]
        shown = [] if is_download(name) or len(name.strip()) < _MIN_NAME else [name]
        if ending := file_type.extension(name):
            own = [part for part in own if file_type.extension(part) == ending]
        return tuple(dict.fromkeys(plain for text in (*shown, *own) if (plain := download_words.folded(text))))

    def _names_any(self, names: tuple[str, ...]) -> bool:
        """Whether one of these names is on the page."""
        text = download_words.folded(
            f"{self.title} {html_source.text_of(self.tree.body)}" if self.tree.body is not None else self.title
        )
        return any(name in text for name in names)

    def _ways(self, names: tuple[str, ...], is_download: Callable[[str], bool]) -> Iterator[tuple[int, str, str, str]]:
        """All addresses on the page that may be of files: rank (0: best), address, label, identifiers."""
        for node in self.tree.css("a[href], area[href]"):
            given = node.attributes
            if self.is_hidden(node) or _asks_for_confirmation(given):
                continue
            label = html_source.label_of(node)
            is_direct = "download" in given or is_download(label)
            named = " ".join((given.get("download") or "").split())
            url = self.at(given.get("href"))
            is_called = any(_is_called(text, own, is_download) for own in names for text in (label, named))
            if is_direct or is_called or any(_is_in(url, own) for own in names):
                is_descriptive = download_words.folded(named) in names or _is_other_file(named)
                yield (0 if is_direct else 1), url, (named if is_descriptive else label), _purpose_text(node)
        for node in self.tree.css("form"):
            if (form := self._get_form(node)) is not None:
                url, label = form
                if is_download(label) or any(_is_called(label, own, is_download) for own in names):
                    yield 0, url, label, _purpose_text(node)
        for node in self.tree.css("object[data], embed[src], video[src], audio[src], source[src], iframe[src]"):
            if self.is_hidden(node):
                continue
            url = self.at(html_source.attribute(node, "data") or html_source.attribute(node, "src"))
            label = html_source.attribute(node, "title")
            for inner in self._viewed(url):
                yield _EMBEDDED, inner, label, ""
            kind = html_source.attribute(node, "type").partition(";")[0].strip().lower()
            endings = {file_type.extension(own) for own in names} - {""}
            if (
                file_type.extension_for(kind).removeprefix(".") in endings
                or file_type.extension(urlsplit(url).path) in endings
            ):
                yield 1, url, label, ""
            else:
                yield (_FRAMED if node.tag == "iframe" or kind in file_type.PAGE_TYPES else _EMBEDDED), url, label, ""
        if any(file_type.extension(own) in _PICTURES for own in names):
            for node in self.tree.css("img[src]"):
                yield (
                    _FRAMED,
                    self.at(html_source.attribute(node, "src")),
                    html_source.attribute(node, "alt") or html_source.attribute(node, "title"),
                    "",
                )
        if to := self.refresh():
            yield _REFRESHED, to, "", ""

    def _viewed(self, url: str) -> Iterator[str]:
        """The file's address from the query of a viewer's frame address."""
        for _, value in parse_qsl(urlsplit(url).query):
            inner = html_source.joined(url, value)
            if value.startswith(("/", "http://", "https://")) and html_source.is_web(inner):
                yield html_source.without_fragment(inner)

    def _get_form(self, node: lexbor.LexborNode) -> tuple[str, str] | None:
        """Address and label of a form that sends only hidden fields, with GET; None for other forms."""
        if html_source.attribute(node, "method").strip().lower() not in {"", "get"} or self.is_hidden(node):
            return None
        if any(_asks_for_confirmation(one.attributes) for one in (node, *node.css("button, input"))):
            return None
        fields: list[tuple[str, str]] = []
        buttons: list[lexbor.LexborNode] = []
        for field in node.css("input, select, textarea, button"):
            kind = html_source.attribute(field, "type").lower()
            if field.tag == "input" and kind == "hidden":
                fields.append((html_source.attribute(field, "name"), html_source.attribute(field, "value")))
            elif (field.tag == "button" and kind in {"", "submit"}) or (field.tag == "input" and kind == "submit"):
                buttons.append(field)
            else:
                return None
        if (
            len(buttons) != 1
            or html_source.attribute(buttons[0], "formmethod")
            or html_source.attribute(buttons[0], "formaction")
        ):
            return None
        if name := html_source.attribute(buttons[0], "name"):
            fields.append((name, html_source.attribute(buttons[0], "value")))
        action = urlsplit(self.at(html_source.attribute(node, "action")) or self.url)
        query = urlencode([(name, value) for name, value in fields if name])
        return urlunsplit((action.scheme, action.netloc, action.path, query, "")), html_source.label_of(buttons[0])

    def _own_part(self, url: str, names: tuple[str, ...]) -> str:
        """An address without the file's names and without the parts shared with this page's: those change nothing."""
        parts, own = urlsplit(url), urlsplit(self.url)
        steps, before = parts.path.split("/"), own.path.split("/")
        shared = 0
        while shared < min(len(steps), len(before)) and steps[shared] == before[shared]:
            shared += 1
        path = [
            quote(_without_names(unquote(step, errors="replace"), names), safe="", errors="replace")
            for step in steps[shared:]
        ]
        asked = set(parse_qsl(own.query, keep_blank_values=True))
        query = urlencode(
            [
                (name, _without_names(value, names))
                for name, value in parse_qsl(parts.query, keep_blank_values=True)
                if (name, value) not in asked
            ],
            errors="replace",
        )
        return urlunsplit((parts.scheme, parts.netloc, "/" + "/".join(path), query, ""))

    def _is_same_record(self, url: str) -> bool:
        """Whether an address contains the record identifier of the page's own address."""
        (own, asked), (others, more) = _record_parts(self.url), _record_parts(url)
        if asked:
            return any(part in (*others, *more) for part in asked)
        if own:
            return own[-1] in (*others, *more)
        path = urlsplit(self.url).path.rstrip("/")
        return bool(path) and urlsplit(url).path.startswith(f"{path}/")


_EMBEDDED: Final = 2
_FRAMED: Final = 3
_REFRESHED: Final = 4


def _purpose_text(node: lexbor.LexborNode) -> str:
    """Other signs of a link's purpose: its title, identifiers and icons."""
    own = [html_source.attribute(node, name) for name in ("title", "id", "class", "name", "rel")]
    inner = [
        html_source.attribute(one, name) for one in node.css("*") for name in ("class", "title", "alt", "value", "name")
    ]
    return " ".join(" ".join((*own, *inner)).replace("file-archive", "file-zip").split())  # the icon for a ZIP file


def _asks_for_confirmation(given: dict[str, str | None]) -> bool:
    """Whether a link's script asks for confirmation, or sends another method than GET."""
    for name, value in given.items():
        if name.startswith(("data-", "hx-", "ng-")) and (
            "confirm" in name or name in {"hx-delete", "hx-post", "hx-put"}
        ):
            return True
        if name.startswith("on") and "confirm" in (value or "").lower():
            return True
        if name.startswith("data-") and name.endswith("method") and (value or "get").lower() != "get":
            return True
    return False


def _is_called(label: str, name: str, is_download: Callable[[str], bool]) -> bool:
    """Whether a whole label is a file's name, optionally with a size, a type or a word for downloading."""
    text = download_words.folded(label)
    if "\N{HORIZONTAL ELLIPSIS}" in name or "..." in name:  # shown shortened
        begins, _, ends = name.replace("...", "\N{HORIZONTAL ELLIPSIS}").partition("\N{HORIZONTAL ELLIPSIS}")
        return len(begins) >= _MIN_NAME and text.startswith(begins) and text.endswith(ends)
    if name not in text:
        return False
    rest = [
        word
        for word in download_words.words_of(text.replace(name, " ", 1))
        if word not in download_words.TYPES_AND_UNITS and not word.isdigit()
    ]
    return not rest or is_download(" ".join(rest))


def _is_in(url: str, name: str) -> bool:
    """Whether a file's name is the last part of an address's path or of a query value."""
    parts = urlsplit(url)
    values = (value for _, value in parse_qsl(parts.query))
    return bool(file_type.extension(name)) and any(
        download_words.folded(_last_part(text)) == name for text in (unquote(parts.path, errors="replace"), *values)
    )


def _last_part(path: str) -> str:
    """The last part of a path, after a slash, a backslash or the `:` of wikis."""
    return path.replace("\\", "/").replace(":", "/").rpartition("/")[2]


def _is_other_file(label: str) -> bool:
    """Whether a label contains a file name, recognised by its extension."""
    return any(
        file_type.extension(word.strip("()[]\"',;:")) in download_words.TYPES_AND_UNITS for word in label.split()
    )


def _without_names(text: str, names: tuple[str, ...]) -> str:
    """Removes the file's names from a text: words of change in them mean nothing."""
    for name in names:
        at = text.casefold().find(name) if file_type.extension(name) else -1
        if at >= 0:
            text = f"{text[:at]}file.{file_type.extension(name)}{text[at + len(name) :]}"
    return text


def _record_parts(url: str) -> tuple[list[str], list[str]]:
    """The parts of an address's path and of its query that identify a record: those with a digit."""
    parts = urlsplit(url)
    both = parts.path.split("/"), [value for _, value in parse_qsl(parts.query)]
    path, query = ([part for part in given if any(one.isdigit() for one in part)] for given in both)
    return path, query
