"""A page that came where a file was asked for: the download on it, and whether it asks for a sign-in. Pure.

A page says by its structure what it is: what its links and forms lead to, and what they ask for. Words count only where
they are a whole label, or a whole part of an address.
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
"""What a link that hands out the file of its page is called, when it is not called by the file's name."""
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
"""Sizes and types, which may stand beside such a word."""
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
"""Names of fields by which a portal hands a sign-in over to another server (SAML, OpenID Connect, WS-Federation)."""
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
"""Characters of a name; what is shorter is a page's number, or the like."""
_FEW_LINKS: Final = 4
_LITTLE_TEXT: Final = 600
"""Characters of a page that is there for one thing only."""
_PICTURES: Final = frozenset({"png", "jpg", "jpeg", "jpe", "gif", "tif", "tiff", "bmp", "webp", "svg", "heic"})


@dataclasses.dataclass(frozen=True, slots=True)
class Download:
    """An address on a page about a file, from which the file may come."""

    url: str
    """Absolute, without fragment."""
    label: str
    is_named: bool
    """It is called by the file's own name."""


def is_download_word(label: str) -> bool:
    """Whether a whole label is a plain word for downloading, perhaps with a type and a size."""
    words = [word for word in _tokens(label) if word not in _BESIDE and not word.isdigit()]
    return " ".join(words) in _WORDS


def nothing_allowed(_address: str, _label: str) -> bool:
    """No link is followed: for a caller that cannot tell which links change something."""
    return False


def asks_for_sign_in(html: bytes, url: str, *, asked: str = "") -> bool:
    """Whether a page asks for a sign-in; see `Page.asks_for_sign_in`.

    Args:
        html: its beginning.
        url: its address, after redirects.
        asked: the address that was asked for; `""` where it is the same.
    """
    return Page(html, url).asks_for_sign_in(asked)


class Page:
    """A page as its source has it, without its scripts' work.

    Args:
        html: its beginning.
        url: its address, after redirects.
        charset: as its `Content-Type` says; `""` where that says nothing.
    """

    def __init__(self, html: bytes, url: str, charset: str = "") -> None:
        self._tree = _parsed(html, charset)
        self.url = _without_fragment(_joined("", url))
        base = self._tree.css_first("base[href]", default=None)
        self._base = (_joined(self.url, _attribute(base, "href")) if base is not None else "") or self.url

        self._hidden: set[int] = set()
        self._edges: set[int] = set()
        """Elements in a header, navigation or footer."""
        for node in self._tree.root.traverse() if self._tree.root is not None else ():  # each after what it is in
            above = node.parent.mem_id if node.parent is not None else 0
            if above in self._hidden or _hides(node):
                self._hidden.add(node.mem_id)
            if above in self._edges or node.tag in {"header", "nav", "footer"}:
                self._edges.add(node.mem_id)

    @property
    def title(self) -> str:
        """Its title, white space collapsed; `""` where it has none."""
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
        """Where the file that this page is about may be had, likeliest first; only addresses to be asked with GET.

        A link is one that is called by the file's name, or that has it in its address and says nothing else. Others,
        such as "Download", count only where they belong to the same record as the page, or where the page names the
        file; and only where there is just one of its kind, since a page with several is about several files.

        Args:
            name: the file's, as shown where the link to this page was; may be empty.
            allowed: whether nothing of change is in an address and a label. The address is given without the file's own
                name and without what this page's own address has too; the label without the file's own name, and with
                its title, id and classes, and those of its icons.
            is_certain: False where it is not known whether this page is about a file at all: then a link that does not
                carry a file's name must belong to the same record as the page.
            is_download: whether a whole label is a plain word for downloading; `is_download_word` counts as well.
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
        # Where the page goes by itself is where a browser would end up, too.
        trusted = {0, 1, _REFRESHED} if self._names_any(names) else {_REFRESHED}
        for tier in sorted({rank for rank, _ in found}):
            for among in (own, found if is_certain and tier in trusted else ()):
                urls = {link.url: link for rank, link in among if rank == tier}
                if len(urls) == 1:
                    return tuple(urls.values())
        return ()

    def asks_for_sign_in(self, asked: str = "") -> bool:
        """Whether this is a page to sign in on.

        It is one where a form asks for credentials: a password (not a new one), a user name, a code; where it hands
        over to another server by the fields of a sign-in protocol; where a redirect led to it and its address says so;
        or where a way to sign in is nearly all there is on it. What is hidden does not count.

        Args:
            asked: the address that was asked for; `""` where it is this one.
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
        """Whether it refers to its own host in ways that a file which was uploaded there does not.

        Such a file refers to nothing, to other hosts, to files beside it, or by a whole address to where it came from;
        it does not know the portal's paths, and takes neither scripts, styles nor forms from there.
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
        """What the file may be called: as it was shown, and as the page's own address has it."""
        parts = urlsplit(self.url)
        last = _last_part(unquote(parts.path, errors="replace"))
        values = [_last_part(value) for _, value in parse_qsl(parts.query)]
        own = [part for part in (last, *values) if file_type.extension(part) and not file_type.names_program(part)]
        shown = [] if is_download(name) or len(name.strip()) < _SHORTEST else [name]
        if ending := file_type.extension(name):
            own = [part for part in own if file_type.extension(part) == ending]
        return tuple(dict.fromkeys(plain for text in (*shown, *own) if (plain := _plain(text))))

    def _names_any(self, names: tuple[str, ...]) -> bool:
        """Whether one of these names is to be read on the page."""
        said = _plain(f"{self.title} {_text(self._tree.body)}" if self._tree.body is not None else self.title)
        return any(name in said for name in names)

    def _ways(self, names: tuple[str, ...], is_download: Callable[[str], bool]) -> Iterator[tuple[int, str, str, str]]:
        """All addresses that the page gives for something like a file: rank (0: best), address, label, identifiers."""
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
        """The file's address where a frame's address is a viewer's and has it in its query."""
        for _, value in parse_qsl(urlsplit(url).query):
            inner = _joined(url, value)
            if value.startswith(("/", "http://", "https://")) and _is_web(inner):
                yield _without_fragment(inner)

    def _get_form(self, node: lexbor.LexborNode) -> tuple[str, str] | None:
        """Address and label of a form that only sends hidden fields with GET; None for any other."""
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
        """Where the page goes by itself; `""` where it stays."""
        for node in self._tree.css("meta[http-equiv]"):
            if _attribute(node, "http-equiv").strip().lower() == "refresh":
                name, _, target = _attribute(node, "content").replace(",", ";", 1).partition(";")[2].partition("=")
                if name.strip().lower() == "url" and target.strip():
                    return self._at(target.strip().strip("'\""))
        return ""

    def _at(self, target: str | None) -> str:
        return _without_fragment(_joined(self._base, target.strip())) if target and target.strip() else ""

    def _own_part(self, url: str, names: tuple[str, ...]) -> str:
        """An address without the file's names, and without what this page's own has too: that changes nothing."""
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
        """Whether an address has the part by which the page's own names its record."""
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
        """The forms; and the whole page where fields stand outside of any."""
        forms = self._tree.css("form")
        yield from forms
        if not forms and self._tree.body is not None:
            yield self._tree.body

    def _asks(self, form: lexbor.LexborNode) -> bool:
        """Whether a form asks for credentials, or hands over to a server that does."""
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
        if passwords:  # two of them: a new password is set
            return len(passwords) == 1 and "new-password" not in _autocomplete(passwords[0])
        if form.tag != "form" or form.css("textarea, select, input[type=file], input[type=search]"):
            return False
        if len(typed) != 1 or _attribute(form, "method").lower() != "post":
            return False
        named = {_attribute(typed[0], "name").lower(), _attribute(typed[0], "id").lower()} & _USER_NAMES
        return bool(named) or _leads_to_sign_in(self._at(_attribute(form, "action")))

    def _is_bare(self) -> bool:
        """Whether there is little on the page: few links within the portal, little text, and no file."""
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
        """Whether there are ways to sign in on the page, other than in its header or navigation."""
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
    """The tree, decoded as browsers do: by byte order mark, `Content-Type`, `<meta charset>`, else UTF-8."""
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
    return text.encode("utf-8", "replace").decode("utf-8")  # without halves of characters


def _attribute(node: lexbor.LexborNode, name: str) -> str:
    return node.attributes.get(name) or ""


def _text(node: lexbor.LexborNode) -> str:
    """What is to be read in an element, white space collapsed."""
    parts: list[str] = []
    for inner in node.traverse(include_text=True):
        above = inner.parent
        if inner.is_text_node and above is not None and above.tag not in {"script", "style", "template", "noscript"}:
            parts.append(inner.text_content or "")
    return " ".join(" ".join(parts).split())


def _label(node: lexbor.LexborNode) -> str:
    """Its accessible name, near enough."""
    pictured = " ".join(_attribute(inner, "alt") for inner in node.css("img[alt]"))
    for text in (_attribute(node, "aria-label"), _text(node), _attribute(node, "value"), pictured):
        if text.strip():
            return " ".join(text.split())
    return " ".join(_attribute(node, "title").split())


def _around(node: lexbor.LexborNode) -> str:
    """What else says what a link is for: its title, identifiers and icons."""
    own = [_attribute(node, name) for name in ("title", "id", "class", "name", "rel")]
    inner = [_attribute(one, name) for one in node.css("*") for name in ("class", "title", "alt", "value", "name")]
    return " ".join(" ".join((*own, *inner)).replace("file-archive", "file-zip").split())  # the picture of a ZIP file


def _asks_back(given: dict[str, str | None]) -> bool:
    """Whether a link's script asks whether the person is sure, or sends something else than GET."""
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
    """Whether an element hides what is in it, by what the source says; style sheets are not looked at."""
    given = node.attributes
    style = "".join((given.get("style") or "").lower().split())
    if "hidden" in given or "display:none" in style or "visibility:hidden" in style:
        return True
    return node.tag == "template" or (node.tag == "dialog" and "open" not in given)


def _autocomplete(node: lexbor.LexborNode) -> set[str]:
    return set(_attribute(node, "autocomplete").lower().split())


def _plain(text: str) -> str:
    """As names are compared."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _tokens(text: str) -> list[str]:
    """The words of a text: letters with their marks, and digits."""
    kept = (c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in _plain(text))
    return "".join(kept).split()


def _is_called(label: str, name: str, is_download: Callable[[str], bool]) -> bool:
    """Whether a whole label is a file's name, perhaps with a size, a type or a word for downloading."""
    text = _plain(label)
    if "\N{HORIZONTAL ELLIPSIS}" in name or "..." in name:  # cut short where it was shown
        begins, _, ends = name.replace("...", "\N{HORIZONTAL ELLIPSIS}").partition("\N{HORIZONTAL ELLIPSIS}")
        return len(begins) >= _SHORTEST and text.startswith(begins) and text.endswith(ends)
    if name not in text:
        return False
    rest = [word for word in _tokens(text.replace(name, " ", 1)) if word not in _BESIDE and not word.isdigit()]
    return not rest or is_download(" ".join(rest))


def _is_in(url: str, name: str) -> bool:
    """Whether an address has a file's name as its last part, or as that of a value in its query."""
    parts = urlsplit(url)
    values = (value for _, value in parse_qsl(parts.query))
    return bool(file_type.extension(name)) and any(
        _plain(_last_part(text)) == name for text in (unquote(parts.path, errors="replace"), *values)
    )


def _last_part(path: str) -> str:
    """What comes last in a path, after a slash of either kind or the `:` of wikis."""
    return path.replace("\\", "/").replace(":", "/").rpartition("/")[2]


def _is_other_file(label: str) -> bool:
    """Whether a label has the name of a file in it, by its extension."""
    return any(file_type.extension(word.strip("()[]\"',;:")) in _BESIDE for word in label.split())


def _less(text: str, names: tuple[str, ...]) -> str:
    """A text without the file's own names, in which words of change mean nothing."""
    for name in names:
        at = text.casefold().find(name) if file_type.extension(name) else -1
        if at >= 0:
            text = f"{text[:at]}file.{file_type.extension(name)}{text[at + len(name) :]}"
    return text


def _record_parts(url: str) -> tuple[list[str], list[str]]:
    """The parts of an address's path, and of its query, that name a record: those with a digit in them."""
    parts = urlsplit(url)
    both = parts.path.split("/"), [value for _, value in parse_qsl(parts.query)]
    path, query = ([part for part in given if any(one.isdigit() for one in part)] for given in both)
    return path, query


def _leads_to_sign_in(url: str) -> bool:
    """Whether an address is one of a sign-in: by a whole part of its path, or the fields of a protocol."""
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
    """Whether an address has the one that was asked for in its query, to come back to it."""
    path = urlsplit(asked).path
    return len(path) > 1 and any(path in unquote(value) for _, value in parse_qsl(urlsplit(url).query))


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://")) and bool(_origin(url)[1])


def _joined(base: str, target: str) -> str:
    """An address made absolute; `""` where it is none."""
    try:
        url = urljoin(base, target.replace("\n", "").replace("\r", "").replace("\t", ""))
        urlsplit(url)
    except ValueError:
        return ""
    return url


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]
