"""A page that came instead of a file: finds the download link on it and recognises sign-in pages. Pure.

Decides by structure: where links and forms lead and what they ask for. Words count only as a whole label or a whole
part of an address.
"""

from __future__ import annotations

import codecs
import dataclasses
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from selectolax import lexbor

from po_pw.downloads import file_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORDS: Final = frozenset(
    {
        "download",
        "download file",
        "download attachment",
        "download document",
        "download original",
        "original",
        "original file",
        "raw",
        "view raw",
        "full size",
        "full resolution",
        "get",
        "get file",
        "open file",
        "save file",
        "herunterladen",
        "datei herunterladen",
        "anhang herunterladen",
        "dokument herunterladen",
        "télécharger",
        "télécharger le fichier",
        "descargar",
        "descargar archivo",
        "descarregar",
        "baixar",
        "baixar arquivo",
        "fazer download",
        "transferir",
        "scarica",
        "scarica file",
        "scaricare",
        "downloaden",
        "bestand downloaden",
        "ladda ner",
        "ladda ned",
        "hämta",
        "hent",
        "hent fil",
        "last ned",
        "lataa",
        "lataa tiedosto",
        "pobierz",
        "pobierz plik",
        "stáhnout",
        "stáhnout soubor",
        "stiahnuť",
        "letöltés",
        "descarcă",
        "descărcare",
        "descărcați",
        "изтегли",
        "изтегляне",
        "скачать",
        "скачать файл",
        "завантажити",
        "преузми",
        "λήψη",
        "indir",
        "dosyay\u0131 indir",
        "הורד",
        "הורדה",
        "تنزيل",
        "تحميل",
        "دانلود",
        "डाउनलोड",
        "डाउनलोड करें",
        "ดาวน์โหลด",
        "tải xuống",
        "tải về",
        "unduh",
        "muat turun",
        "ダウンロード",
        "下载",
        "下載",
        "다운로드",
        "preuzmi",
        "prenesi",
        "laadi alla",
        "lejupielādēt",
        "atsisiųsti",
        "descarrega",
        "baixa",
    }
)
"""Labels of a page's download link, if it is not labelled with the file's name."""
_BESIDE: Final = frozenset(
    {
        "b",
        "kb",
        "mb",
        "gb",
        "kib",
        "mib",
        "bytes",
        "pdf",
        "doc",
        "docx",
        "xls",
        "xlsx",
        "csv",
        "txt",
        "zip",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "tif",
        "tiff",
        "xml",
        "msg",
        "eml",
        "ppt",
        "pptx",
        "rtf",
        "odt",
        "ods",
        "html",
        "htm",
    }
)
"""Sizes and types that may follow such a word."""
_SIGN_IN: Final = frozenset(
    {
        "login",
        "logon",
        "signin",
        "sso",
        "saml",
        "saml2",
        "oauth",
        "oauth2",
        "oidc",
        "openid",
        "openidconnect",
        "adfs",
        "authorize",
        "auth",
        "authenticate",
    }
)
"""Whole parts of a path, without `-` and `_`."""
_SIGN_IN_LAST: Final = frozenset({"login", "logon", "signin"})
"""Also at the end of a part: `userlogin.aspx`, `sso-login`."""
_PROTOCOL: Final = frozenset({"samlrequest", "client_id", "response_type", "redirect_uri", "wtrealm", "relaystate"})
"""Fields that pass a sign-in on to another server (SAML, OpenID Connect, WS-Federation)."""
_USER_NAMES: Final = frozenset(
    {
        "username",
        "user_name",
        "userid",
        "user_id",
        "login",
        "login_name",
        "loginid",
        "loginfmt",
        "identifier",
        "j_username",
    }
)
_CREDENTIALS: Final = frozenset({"username", "current-password", "one-time-code", "webauthn"})
"""Tokens of `autocomplete` (HTML, 4.10.18.7.1) that only a sign-in asks for."""
_TYPED_INTO: Final = frozenset({"", "text", "email", "tel", "number", "password"})
_SHORTEST: Final = 3
"""Minimum characters of a name; shorter ones are page numbers and such."""
_FEW_LINKS: Final = 4
_LITTLE_TEXT: Final = 600
"""Maximum characters of a page that serves one purpose only."""
_PICTURES: Final = frozenset({"png", "jpg", "jpeg", "jpe", "gif", "tif", "tiff", "bmp", "webp", "svg", "heic"})


@dataclasses.dataclass(frozen=True, slots=True)
class Download:
    """An address on a page that may lead to the page's file."""

    url: str
    """Absolute, without fragment."""
    label: str
    is_named: bool
    """Its label is the file's name."""


def is_download_word(label: str) -> bool:
    """Whether a whole label is a word for downloading, optionally with a type and a size."""
    words = [word for word in _tokens(label) if word not in _BESIDE and not word.isdigit()]
    return " ".join(words) in _WORDS


def nothing_allowed(_address: str, _label: str) -> bool:
    """Follows no link: for callers that cannot tell which links change something."""
    return False


def asks_for_sign_in(html: bytes, url: str, *, asked: str = "") -> bool:
    """Whether a page asks for a sign-in; see `Page.asks_for_sign_in`.

    Args:
        html: the beginning of its source.
        url: its address, after redirects.
        asked: the requested address; `""` if it is the same.
    """
    return Page(html, url).asks_for_sign_in(asked)


class Page:
    """A page parsed from its source, without running scripts.

    Args:
        html: the beginning of its source.
        url: its address, after redirects.
        charset: from its `Content-Type`; `""` if it has none.
    """

    def __init__(self, html: bytes, url: str, charset: str = "") -> None:
        self._tree = _parsed(html, charset)
        self.url = _without_fragment(_joined("", url))
        base = self._tree.css_first("base[href]", default=None)
        self._base = (_joined(self.url, _attribute(base, "href")) if base is not None else "") or self.url

        self._hidden: set[int] = set()
        self._edges: set[int] = set()
        """Elements in a header, navigation or footer."""
        for node in self._tree.root.traverse() if self._tree.root is not None else ():  # parents come before children
            above = node.parent.mem_id if node.parent is not None else 0
            if above in self._hidden or _hides(node):
                self._hidden.add(node.mem_id)
            if above in self._edges or node.tag in {"header", "nav", "footer"}:
                self._edges.add(node.mem_id)

    @property
    def title(self) -> str:
        """Its title, white space collapsed; `""` if it has none."""
        found = self._tree.css_first("title", default=None)
        return " ".join(found.text().split()) if found is not None else ""

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
            return is_download_word(text) or is_download(text)

        return self._found(name, allowed, is_certain, says_download)

    def _found(
        self, name: str, allowed: Callable[[str, str], bool], is_certain: bool, is_download: Callable[[str], bool]
    ) -> tuple[Download, ...]:
        names = self._names(name, is_download)
        found: list[tuple[int, Download]] = []
        for rank, url, label, around in self._ways(names, is_download):
            is_plain = not label or is_download(label)
            carried = [own for own in names if _is_called(label, own, is_download) or (is_plain and _is_in(url, own))]
            is_named = any(is_certain or file_type.extension(own) or self._is_same_record(url) for own in carried)
            if url == self.url or not _is_web(url) or (names and not is_named and _is_other_file(label)):
                continue
            if allowed(self._own_part(url, names), _less(f"{label} {around}", names)):
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
            for among in (own, found if is_certain and tier in trusted else ()):
                urls = {link.url: link for rank, link in among if rank == tier}
                if len(urls) == 1:
                    return tuple(urls.values())
        return ()

    def asks_for_sign_in(self, asked: str = "") -> bool:
        """Whether this is a sign-in page.

        It is one if a form asks for credentials (a password, but not a new one; a user name; a code), if it passes on
        to another server with the fields of a sign-in protocol, if a redirect led to it and its address says so, or if
        it has little else than a way to sign in. Hidden elements do not count.

        Args:
            asked: the requested address; `""` if it is this page's.
        """
        if any(self._asks(form) for form in self._groups()):
            return True
        if (to := self._refresh()) and to != self.url and _leads_to_sign_in(to):
            return True
        is_bare, is_redirected = self._is_bare(), bool(asked) and _is_elsewhere(asked, self.url)
        if is_redirected and (_leads_to_sign_in(self.url) or (is_bare and _carries_back(self.url, asked))):
            return True
        return is_bare and self._has_ways_to_sign_in()

    def is_portals_own(self) -> bool:
        """Whether it refers to its own host in ways that an uploaded HTML file does not.

        Such a file refers to nothing, to other hosts, to files beside it, or by full addresses to where it came from;
        it does not know the portal's paths and loads no scripts or styles from there.
        """
        for node in self._tree.css("[href], [src], form[action]"):
            is_part = node.tag in {"script", "form"} or (node.tag == "link" and "stylesheet" in _attribute(node, "rel"))
            for name in ("href", "src", *(("action",) if node.tag == "form" else ())):
                target = _attribute(node, name).strip()
                is_relative = target.startswith(("/", "?", "..")) and not target.startswith("//")
                if (is_relative or (is_part and "//" in target)) and self._is_here(target):
                    return True
        return False

    def _is_here(self, target: str) -> bool:
        return _origin(_joined(self._base, target)) == _origin(self.url)

    def _names(self, name: str, is_download: Callable[[str], bool]) -> tuple[str, ...]:
        """Possible names of the file: as shown, and from the page's own address."""
        parts = urlsplit(self.url)
        last = _last_part(unquote(parts.path, errors="replace"))
        values = [_last_part(value) for _, value in parse_qsl(parts.query)]
        own = [part for part in (last, *values) if file_type.extension(part) and not file_type.names_program(part)]
        shown = [] if is_download(name) or len(name.strip()) < _SHORTEST else [name]
        if ending := file_type.extension(name):
            own = [part for part in own if file_type.extension(part) == ending]
        return tuple(dict.fromkeys(plain for text in (*shown, *own) if (plain := _plain(text))))

    def _names_any(self, names: tuple[str, ...]) -> bool:
        """Whether one of these names is on the page."""
        said = _plain(f"{self.title} {_text(self._tree.body)}" if self._tree.body is not None else self.title)
        return any(name in said for name in names)

    def _ways(self, names: tuple[str, ...], is_download: Callable[[str], bool]) -> Iterator[tuple[int, str, str, str]]:
        """All addresses on the page that may be of files: rank (0: best), address, label, identifiers."""
        for node in self._tree.css("a[href], area[href]"):
            given = node.attributes
            if self._is_hidden(node) or _asks_back(given):
                continue
            label = _label(node)
            is_direct = "download" in given or is_download(label)
            named = " ".join((given.get("download") or "").split())
            url = self._at(given.get("href"))
            is_called = any(_is_called(text, own, is_download) for own in names for text in (label, named))
            if is_direct or is_called or any(_is_in(url, own) for own in names):
                is_told = _plain(named) in names or _is_other_file(named)
                yield (0 if is_direct else 1), url, (named if is_told else label), _around(node)
        for node in self._tree.css("form"):
            if (form := self._get_form(node)) is not None:
                url, label = form
                if is_download(label) or any(_is_called(label, own, is_download) for own in names):
                    yield 0, url, label, _around(node)
        for node in self._tree.css("object[data], embed[src], video[src], audio[src], source[src], iframe[src]"):
            if self._is_hidden(node):
                continue
            url = self._at(_attribute(node, "data") or _attribute(node, "src"))
            label = _attribute(node, "title")
            for inner in self._viewed(url):
                yield _EMBEDDED, inner, label, ""
            kind = _attribute(node, "type").partition(";")[0].strip().lower()
            endings = {file_type.extension(own) for own in names} - {""}
            if (
                file_type.extension_for(kind).removeprefix(".") in endings
                or file_type.extension(urlsplit(url).path) in endings
            ):
                yield 1, url, label, ""
            else:
                yield (_FRAMED if node.tag == "iframe" or kind in file_type.PAGE_TYPES else _EMBEDDED), url, label, ""
        if any(file_type.extension(own) in _PICTURES for own in names):
            for node in self._tree.css("img[src]"):
                yield (
                    _FRAMED,
                    self._at(_attribute(node, "src")),
                    _attribute(node, "alt") or _attribute(node, "title"),
                    "",
                )
        if to := self._refresh():
            yield _REFRESHED, to, "", ""

    def _viewed(self, url: str) -> Iterator[str]:
        """The file's address from the query of a viewer's frame address."""
        for _, value in parse_qsl(urlsplit(url).query):
            inner = _joined(url, value)
            if value.startswith(("/", "http://", "https://")) and _is_web(inner):
                yield _without_fragment(inner)

    def _get_form(self, node: lexbor.LexborNode) -> tuple[str, str] | None:
        """Address and label of a form that sends only hidden fields, with GET; None for other forms."""
        if _attribute(node, "method").strip().lower() not in {"", "get"} or self._is_hidden(node):
            return None
        if any(_asks_back(one.attributes) for one in (node, *node.css("button, input"))):
            return None
        fields: list[tuple[str, str]] = []
        buttons: list[lexbor.LexborNode] = []
        for field in node.css("input, select, textarea, button"):
            kind = _attribute(field, "type").lower()
            if field.tag == "input" and kind == "hidden":
                fields.append((_attribute(field, "name"), _attribute(field, "value")))
            elif (field.tag == "button" and kind in {"", "submit"}) or (field.tag == "input" and kind == "submit"):
                buttons.append(field)
            else:
                return None
        if len(buttons) != 1 or _attribute(buttons[0], "formmethod") or _attribute(buttons[0], "formaction"):
            return None
        if name := _attribute(buttons[0], "name"):
            fields.append((name, _attribute(buttons[0], "value")))
        action = urlsplit(self._at(_attribute(node, "action")) or self.url)
        query = urlencode([(name, value) for name, value in fields if name])
        return urlunsplit((action.scheme, action.netloc, action.path, query, "")), _label(buttons[0])

    def _refresh(self) -> str:
        """Target of the page's own refresh; `""` if it has none."""
        for node in self._tree.css("meta[http-equiv]"):
            if _attribute(node, "http-equiv").strip().lower() == "refresh":
                name, _, target = _attribute(node, "content").replace(",", ";", 1).partition(";")[2].partition("=")
                if name.strip().lower() == "url" and target.strip():
                    return self._at(target.strip().strip("'\""))
        return ""

    def _at(self, target: str | None) -> str:
        return _without_fragment(_joined(self._base, target.strip())) if target and target.strip() else ""

    def _own_part(self, url: str, names: tuple[str, ...]) -> str:
        """An address without the file's names and without the parts shared with this page's: those change nothing."""
        parts, own = urlsplit(url), urlsplit(self.url)
        steps, before = parts.path.split("/"), own.path.split("/")
        shared = 0
        while shared < min(len(steps), len(before)) and steps[shared] == before[shared]:
            shared += 1
        path = [
            quote(_less(unquote(step, errors="replace"), names), safe="", errors="replace") for step in steps[shared:]
        ]
        asked = set(parse_qsl(own.query, keep_blank_values=True))
        query = urlencode(
            [
                (name, _less(value, names))
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

    def _is_hidden(self, node: lexbor.LexborNode) -> bool:
        return node.mem_id in self._hidden or (node.tag == "input" and _attribute(node, "type").lower() == "hidden")

    def _groups(self) -> Iterator[lexbor.LexborNode]:
        """The forms; and the whole page, if there are fields outside of forms."""
        forms = self._tree.css("form")
        yield from forms
        if not forms and self._tree.body is not None:
            yield self._tree.body

    def _asks(self, form: lexbor.LexborNode) -> bool:
        """Whether a form asks for credentials, or passes on to a server that does."""
        fields = [field for field in form.css("input") if not self._is_hidden(field)]
        hidden = {
            _attribute(field, "name").lower()
            for field in form.css("input[type]")
            if _attribute(field, "type").lower() == "hidden"
        }
        if form.tag == "form" and hidden & {"samlrequest", "client_id", "wtrealm"}:
            return True
        typed = [field for field in fields if _attribute(field, "type").lower() in _TYPED_INTO]
        passwords = [field for field in typed if _attribute(field, "type").lower() == "password"]
        if any(_autocomplete(field) & _CREDENTIALS - {"current-password"} for field in typed) and len(passwords) < 2:
            return not any("new-password" in _autocomplete(field) for field in typed)
        if passwords:  # two: a new password is being set
            return len(passwords) == 1 and "new-password" not in _autocomplete(passwords[0])
        if form.tag != "form" or form.css("textarea, select, input[type=file], input[type=search]"):
            return False
        if len(typed) != 1 or _attribute(form, "method").lower() != "post":
            return False
        named = {_attribute(typed[0], "name").lower(), _attribute(typed[0], "id").lower()} & _USER_NAMES
        return bool(named) or _leads_to_sign_in(self._at(_attribute(form, "action")))

    def _is_bare(self) -> bool:
        """Whether there is little on the page: few links into the portal, little text, no file."""
        body = self._tree.body
        if body is None:
            return True
        links = [node for node in body.css("a[href]") if not self._is_hidden(node)]
        if any("download" in node.attributes or is_download_word(_label(node)) for node in links):
            return False
        if body.css("object, embed, video, audio") or any(
            file_type.extension(_text(one)) for one in body.css("h1, h2, h3")
        ):
            return False  # it shows a file
        urls = {self._at(_attribute(node, "href")) for node in links}
        inside = [url for url in urls if _origin(url) == _origin(self.url) and not _leads_to_sign_in(url)]
        return len(inside) <= _FEW_LINKS and len(_text(body)) <= _LITTLE_TEXT

    def _has_ways_to_sign_in(self) -> bool:
        """Whether there is a link or button to sign in outside of header and navigation."""
        for node in self._tree.css("a[href], form[action], button[formaction]"):
            if node.mem_id in self._edges:
                continue
            target = _attribute(node, "href") or _attribute(node, "formaction") or _attribute(node, "action")
            if not self._is_hidden(node) and _leads_to_sign_in(self._at(target)):
                return True
        return False


_EMBEDDED: Final = 2
_FRAMED: Final = 3
_REFRESHED: Final = 4


def _parsed(html: bytes, charset: str) -> lexbor.LexborHTMLParser:
    """Parses the source, decoded as browsers do: by byte order mark, `Content-Type`, `<meta charset>`, else UTF-8."""
    if html.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return lexbor.LexborHTMLParser(_decoded(html, "utf-16"))
    if html.startswith(codecs.BOM_UTF8):
        return lexbor.LexborHTMLParser(_decoded(html, "utf-8-sig"))
    if not charset:
        for node in lexbor.LexborHTMLParser(_decoded(html[:1024], "latin-1")).css("meta"):
            charset = charset or _attribute(node, "charset")
            if not charset and _attribute(node, "http-equiv").lower() == "content-type":
                charset = _attribute(node, "content").lower().partition("charset=")[2]
    return lexbor.LexborHTMLParser(_decoded(html, charset.strip(" '\";") or "utf-8"))


def _decoded(html: bytes, charset: str) -> str:
    try:
        text = html.decode(charset, "replace")
    except (LookupError, ValueError):
        text = html.decode("utf-8", "replace")
    return text.encode("utf-8", "replace").decode("utf-8")  # replaces lone surrogates


def _attribute(node: lexbor.LexborNode, name: str) -> str:
    return node.attributes.get(name) or ""


def _text(node: lexbor.LexborNode) -> str:
    """An element's visible text, white space collapsed."""
    parts: list[str] = []
    for inner in node.traverse(include_text=True):
        above = inner.parent
        if inner.is_text_node and above is not None and above.tag not in {"script", "style", "template", "noscript"}:
            parts.append(inner.text_content or "")
    return " ".join(" ".join(parts).split())


def _label(node: lexbor.LexborNode) -> str:
    """Its approximate accessible name."""
    pictured = " ".join(_attribute(inner, "alt") for inner in node.css("img[alt]"))
    for text in (_attribute(node, "aria-label"), _text(node), _attribute(node, "value"), pictured):
        if text.strip():
            return " ".join(text.split())
    return " ".join(_attribute(node, "title").split())


def _around(node: lexbor.LexborNode) -> str:
    """Other signs of a link's purpose: its title, identifiers and icons."""
    own = [_attribute(node, name) for name in ("title", "id", "class", "name", "rel")]
    inner = [_attribute(one, name) for one in node.css("*") for name in ("class", "title", "alt", "value", "name")]
    return " ".join(" ".join((*own, *inner)).replace("file-archive", "file-zip").split())  # the icon for a ZIP file


def _asks_back(given: dict[str, str | None]) -> bool:
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


def _hides(node: lexbor.LexborNode) -> bool:
    """Whether an element hides its content, by its attributes; style sheets are not considered."""
    given = node.attributes
    style = "".join((given.get("style") or "").lower().split())
    if "hidden" in given or "display:none" in style or "visibility:hidden" in style:
        return True
    return node.tag == "template" or (node.tag == "dialog" and "open" not in given)


def _autocomplete(node: lexbor.LexborNode) -> set[str]:
    return set(_attribute(node, "autocomplete").lower().split())


def _plain(text: str) -> str:
    """Normalised for comparing names."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _tokens(text: str) -> list[str]:
    """The words of a text: letters with combining marks, and digits."""
    kept = (c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in _plain(text))
    return "".join(kept).split()


def _is_called(label: str, name: str, is_download: Callable[[str], bool]) -> bool:
    """Whether a whole label is a file's name, optionally with a size, a type or a word for downloading."""
    text = _plain(label)
    if "\N{HORIZONTAL ELLIPSIS}" in name or "..." in name:  # shown shortened
        begins, _, ends = name.replace("...", "\N{HORIZONTAL ELLIPSIS}").partition("\N{HORIZONTAL ELLIPSIS}")
        return len(begins) >= _SHORTEST and text.startswith(begins) and text.endswith(ends)
    if name not in text:
        return False
    rest = [word for word in _tokens(text.replace(name, " ", 1)) if word not in _BESIDE and not word.isdigit()]
    return not rest or is_download(" ".join(rest))


def _is_in(url: str, name: str) -> bool:
    """Whether a file's name is the last part of an address's path or of a query value."""
    parts = urlsplit(url)
    values = (value for _, value in parse_qsl(parts.query))
    return bool(file_type.extension(name)) and any(
        _plain(_last_part(text)) == name for text in (unquote(parts.path, errors="replace"), *values)
    )


def _last_part(path: str) -> str:
    """The last part of a path, after a slash, a backslash or the `:` of wikis."""
    return path.replace("\\", "/").replace(":", "/").rpartition("/")[2]


def _is_other_file(label: str) -> bool:
    """Whether a label contains a file name, recognised by its extension."""
    return any(file_type.extension(word.strip("()[]\"',;:")) in _BESIDE for word in label.split())


def _less(text: str, names: tuple[str, ...]) -> str:
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


def _leads_to_sign_in(url: str) -> bool:
    """Whether an address is a sign-in page's, by a whole part of its path or by protocol fields."""
    parts = urlsplit(url)
    for part in parts.path.lower().split("/"):
        stem = part.partition(".")[0].partition(";")[0].replace("-", "").replace("_", "")
        if stem in _SIGN_IN or any(stem.endswith(word) for word in _SIGN_IN_LAST):
            return True
    return len({name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)} & _PROTOCOL) >= 1


def _is_elsewhere(asked: str, url: str) -> bool:
    """Whether a redirect led to another page: another host or path."""
    one, other = urlsplit(asked), urlsplit(url)
    return (one.hostname, one.path.rstrip("/")) != (other.hostname, other.path.rstrip("/"))


def _carries_back(url: str, asked: str) -> bool:
    """Whether an address has the requested one in its query, to return to it."""
    path = urlsplit(asked).path
    return len(path) > 1 and any(path in unquote(value) for _, value in parse_qsl(urlsplit(url).query))


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://")) and bool(_origin(url)[1])


def _joined(base: str, target: str) -> str:
    """The absolute address; `""` if it is invalid."""
    try:
        url = urljoin(base, target.replace("\n", "").replace("\r", "").replace("\t", ""))
        urlsplit(url)
    except ValueError:
        return ""
    return url


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]
