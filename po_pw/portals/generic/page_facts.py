"""Facts about one page that distinguish orders from sign-in, error, home and challenge pages."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.resources
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import pydantic
from playwright import async_api as playwright

from po_pw.browser import controls
from po_pw.portals.generic import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SOURCE: Final = (importlib.resources.files("po_pw.portals.generic") / "page_facts.js").read_text("utf-8")
_LOOK: Final = f"() => ({_SOURCE.rstrip()})({controls.SCRIPT})"
_MOST_FEATURES: Final = 240
_MOST_TRIES: Final = 4
_COVERS: Final = 0.4
"""Minimum share of the window for a challenge to cover the page."""
_SHORT_PAGE: Final = 600
"""Maximum characters of content of a page that is mainly a challenge."""
_FEW_FIELDS: Final = 3
_BIG_FRAME: Final = 0.2
"""Minimum share of the window for a frame to count as page content."""
_WAY_IN: Final = (
    r"sign[\s_-]?(?:in|on)|log[\s_-]?(?:in|on)|single sign[\s-]?on|sso|anmelden|einloggen|se connecter|connexion|"
    r"iniciar sesi[oó]n|acceder|entrar|acessar|accedi|inloggen|logga in|log ind|logg inn|kirjaudu|zaloguj(?: się)?|"
    r"přihlásit(?: se)?|prihlásiť(?: sa)?|bejelentkezés|autentificare|oturum aç|giriş yap|войти|увійти|вход|σύνδεση|"
    r"ログイン|サインイン|로그인|登录|登入"
)
_WITH: Final = "with|mit|avec|con|com|met|med|via|using|through|again|erneut|to|as"
_HINTS: Final = re.compile(
    rf"\W*(?:please |bitte )?(?:{_WAY_IN})(?:\W+(?:{_WITH})\b.*|\W+sso)?\W*|"
    rf".*\b(?:sso|single sign[\s-]?on|login|log[ -]in)\W*",
    re.IGNORECASE,
)
_WITH_PROVIDER: Final = re.compile(
    r"(?:continue|weiter|continuer|continuar|doorgaan|fortsätt)\b.*\b(?:with|mit|avec|con|com|met|med)\b.*",
    re.IGNORECASE,
)
_LEAVES: Final = re.compile(
    r"\W*(?:sign[\s_-]?out|log[\s_-]?(?:out|off)|abmelden|ausloggen|(?:se )?déconnecter|déconnexion|"
    r"cerrar sesi[oó]n|salir|sair|terminar sess[aã]o|esci|disconnetti|uitloggen|afmelden|logga ut|log ud|logg ut|"
    r"kirjaudu ulos|wyloguj(?: się)?|odhlásit(?: se)?|odhlásiť(?: sa)?|kijelentkezés|deconectare|oturumu kapat|"
    r"çıkış(?: yap)?|выйти|вийти|изход|αποσύνδεση|ログアウト|サインアウト|로그아웃|退出(?:登录)?|登出)"  # noqa: RUF001
    r"(?:\W+[\w.@+-]+){0,2}\W*",
    re.IGNORECASE,
)
_IN_PATH: Final = re.compile(r"(?:log|sign)[_-]?[io]n(?:\.\w{2,5})?|sso", re.IGNORECASE)
_OUT_PATH: Final = re.compile(r"(?:log|sign)[_-]?(?:out|off)(?:\.\w{2,5})?", re.IGNORECASE)


def says_sign_in(label: str) -> bool:
    """Whether a control's label means signing in, in the most common languages."""
    said = " ".join(unicodedata.normalize("NFC", label).split())
    return not _LEAVES.fullmatch(said) and bool(_HINTS.fullmatch(said) or _WITH_PROVIDER.fullmatch(said))


def says_sign_out(label: str) -> bool:
    """Whether a control's label means signing out, in the most common languages."""
    return bool(_LEAVES.fullmatch(" ".join(unicodedata.normalize("NFC", label).split())))


def says_nothing(text: str) -> bool:
    """Returns False: no text is an error message."""
    del text
    return False


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """Tests of texts that need a vocabulary."""

    signs_in: Callable[[str], bool] = says_sign_in
    """Whether a control's label is a way to sign in."""
    signs_out: Callable[[str], bool] = says_sign_out
    """Whether a control's label is a way to sign out."""
    is_error: Callable[[str], bool] = says_nothing
    """Whether a title, heading or alert says that something failed, is gone or has expired."""


@dataclasses.dataclass(frozen=True, slots=True)
class CredentialForm:
    """A visible form that asks for credentials."""

    kinds: tuple[str, ...]
    """Sorted, of `password`, `pin`, `new-password`, `code` (one-time), `username` (declared), `email`, `name` (by its
    name alone), `relay` (a hidden SAML or token form that submits itself)."""
    in_content: bool
    """Not in the site's header, navigation, sidebar or footer."""
    modal: bool
    """In a dialog, or in a layer over most of the page."""
    others: int
    """Number of other inputs."""
    text: int
    """Characters of text in it."""
    action: str = ""

    @property
    def asks_who(self) -> bool:
        """Whether it asks for a user name, or for an account's name and password."""
        return bool({"username", "email", "name"} & set(self.kinds))

    @property
    def asks_secret(self) -> bool:
        """Whether it asks for a password or a one-time code."""
        return bool({"password", "pin", "code"} & set(self.kinds))


@dataclasses.dataclass(frozen=True, slots=True)
class SignInLink:
    """A visible link or button that leads to a sign-in."""

    label: str
    address: str
    in_content: bool


@dataclasses.dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page shows that helps to recognise its kind."""

    url: str
    """Current address, after redirects and changes by scripts."""
    asked: str
    status: int
    """HTTP status; 0 if unknown."""
    canonical: str = ""
    """`link[rel=canonical]`, else `og:url`."""
    title: str = ""
    headings: tuple[tuple[int, str], ...] = ()
    """Level (1 to 3) and text, in the page's order, of the content alone."""
    fields: tuple[tuple[str, str], ...] = ()
    """Labels and values of the content, at most 100, none from a form that asks for credentials."""
    text_length: int = 0
    """Characters of the content, white space collapsed."""
    opening: str = ""
    """The first 200 characters of the content."""
    text_hash: str = ""
    """Hash of the content's text without digits and this order's number; `""` if it has no text."""
    forms: tuple[CredentialForm, ...] = ()
    ways_in: tuple[SignInLink, ...] = ()
    signs_out: bool = False
    """There is a control to sign out, visible or in a closed menu."""
    challenge: bool = False
    """A captcha or bot check covers the page or is its only content."""
    challenge_covers: bool = False
    """It covers the rest of the page."""
    alerts: tuple[str, ...] = ()
    """Texts of alerts and errors in the content."""
    says_error: tuple[str, ...] = ()
    """Titles, headings and alerts that say that something failed."""
    signature: frozenset[str] = frozenset()
    """Short hashes of the content's headings, labels, ids and classes, at most 240; similar pages keep the same."""

    def to_json(self) -> str:
        """The facts as JSON; see `from_json`."""
        raw = dataclasses.asdict(self)
        raw["signature"] = sorted(self.signature)
        return json.dumps(raw, ensure_ascii=False)


_FACTS: Final = pydantic.TypeAdapter(PageFacts)


def from_json(text: str) -> PageFacts:
    """Reads facts written by `to_json`.

    Raises:
        ValueError: the text has another format.
    """
    return _FACTS.validate_python(json.loads(text))


async def look(
    page: playwright.Page,
    *,
    asked: str,
    status: int,
    po_number: str = "",
    words: Words | None = None,
    within: float | None = None,
) -> PageFacts:
    """Waits for the document to be parsed, then reads it and its large frames.

    Args:
        page: open.
        asked: the requested address.
        status: of the response; 0 if unknown.
        po_number: of the order, taken out of the text before it is compared with other orders'.
        words: tests of labels; by default the few built in.
        within: maximum seconds to wait; then the document is read as it is, because one whose navigation was stopped
            never finishes; None: as long as Playwright waits.

    Raises:
        playwright.Error: the page is gone, or is replaced again and again.
    """
    for turn in range(_MOST_TRIES):
        try:
            await page.wait_for_load_state("domcontentloaded", timeout=within and within * 1000)
        except playwright.TimeoutError:
            if within is None:
                raise
        try:
            main = await page.evaluate(_LOOK)
            inner = [await frame.evaluate(_LOOK) for frame in await _large_frames(page, main["window"])]
            break
        except playwright.Error:
            if page.is_closed() or turn == _MOST_TRIES - 1:
                raise  # otherwise: between two documents
    return parse([main, *inner], asked=asked, status=status, po_number=po_number, words=words)


async def _large_frames(page: playwright.Page, size: Sequence[float]) -> list[playwright.Frame]:
    """Frames that fill a large part of the page, at any depth, including framesets."""
    found = []
    for frame in page.frames[1:30]:
        if frame.is_detached() or not frame.url.startswith(("http", "about:srcdoc", "about:blank")):
            continue
        element = await frame.frame_element()
        box = await element.bounding_box()
        if box and box["width"] * box["height"] >= _BIG_FRAME * size[0] * size[1] and not _is_challenge(frame.url):
            found.append(frame)
    return found


def _is_challenge(url: str) -> bool:
    return bool(re.search(r"captcha|challenges\.cloudflare|arkoselabs", url, re.IGNORECASE))


def parse(
    documents: Sequence[dict[str, Any]], *, asked: str, status: int, po_number: str = "", words: Words | None = None
) -> PageFacts:
    """Reads facts from the script's results for the page and its large frames, page first. Pure."""
    says, main = words or Words(), documents[0]
    text = " ".join(one["text"] for one in documents if one["text"])
    headings = tuple((int(level), str(said)) for one in documents for level, said in one["headings"])
    fields = tuple((str(label), str(value)) for one in documents for label, value in one["fields"])[:100]
    alerts = tuple(str(said) for one in documents for said in one["alerts"])[:10]
    buttons = [control for one in documents for control in one["controls"]]
    forms = tuple(
        CredentialForm(
            tuple(form["kinds"]), form["in_content"], form["modal"], form["others"], form["text"], form["action"]
        )
        for one in documents
        for form in one["forms"]
    )
    # A form's own button belongs to the form; if the form asks for nothing, the button is a way to sign in.
    asking = {form.action for form in forms if form.action}
    ways_in = tuple(
        SignInLink(control["label"], control["address"], bool(control["in_content"] or control["modal"]))
        for control in buttons
        if control["shown"] and control["form"] not in asking and _leads_in(control, says)
    )[:20]
    challenges = [challenge for one in documents for challenge in one["challenges"]]
    covers = any(one["covering"] or one["share"] > _COVERS for one in challenges)
    title = main["title"] or next((one["title"] for one in documents if one["title"]), "")
    features = {feature for one in documents for feature in one["features"]}
    spoken = (title, *(said for _, said in headings), *alerts)
    return PageFacts(
        url=main["url"],
        asked=asked,
        status=status,
        canonical=main["canonical"],
        title=title,
        headings=headings,
        fields=fields,
        text_length=len(text),
        opening=text[:200],
        text_hash=_text_hash(text, po_number),
        forms=forms,
        ways_in=ways_in,
        signs_out=any(_leads_out(control, says) for control in buttons),
        challenge=covers or bool(challenges and len(text) < _SHORT_PAGE and len(fields) < _FEW_FIELDS),
        challenge_covers=covers,
        alerts=alerts,
        says_error=tuple(said for said in spoken if says.is_error(said))[:10],
        signature=signature(features),
    )


def signature(features: set[str]) -> frozenset[str]:
    """Short hashes; if there are too many, similar pages keep the same ones."""
    hashes = sorted(hashlib.sha256(feature.encode()).hexdigest()[:8] for feature in features)
    return frozenset(hashes[:_MOST_FEATURES])


def _leads_in(control: dict[str, Any], says: Words) -> bool:
    """Whether a control leads to a sign-in, by its label or by a protocol in its address (OpenID Connect, SAML)."""
    query = {name.lower() for name, _ in parse_qsl(urlsplit(control["address"]).query)}
    if _ends_in(control["address"], _IN_PATH):
        return True
    asks_party = {"client_id", "redirect_uri"} <= query or "samlrequest" in query or {"wa", "wtrealm"} <= query
    return asks_party or says.signs_in(control["label"])


def _leads_out(control: dict[str, Any], says: Words) -> bool:
    """Whether a control signs out, by its label or, for mere icons, by the end of its address."""
    ends = _ends_in(control["address"], _OUT_PATH) or _ends_in(control["form"], _OUT_PATH)
    return ends or says.signs_out(control["label"])


def _ends_in(address: str, names: re.Pattern[str]) -> bool:
    """Whether an address's path ends in one of these, as a whole segment."""
    last = urlsplit(address).path.rstrip("/").rpartition("/")[2]
    return names.fullmatch(last) is not None


def _text_hash(text: str, po_number: str) -> str:
    bare = numbers.without(text, po_number) if po_number else text
    bare = re.sub(r"[\d\W_]+", " ", bare.casefold()).strip()
    return hashlib.sha256(bare.encode()).hexdigest()[:16] if bare else ""
