"""Recognises whether a page is the requested order's, or which other kind it is, from facts. Pure."""

from __future__ import annotations

import collections
import dataclasses
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw import models, redact
from po_pw.portals import memory as memories
from po_pw.portals.generic import numbers, page_facts, topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

RULES_VERSION: Final = memories.RULES_VERSION
"""Stored with each outcome: orders read under older rules should be read again."""
_SHORT_PART: Final = 3
_THIN_PAGE: Final = 300
"""Characters of content up to which a page may say only that no such order is there."""
_SHORT_PAGE: Final = 600
"""Characters of content, its form apart, up to which a form or a way in is what the page is about."""
_FEW_FIELDS: Final = 3
"""Labelled fields that an error or sign-in page may have as well: an error's id, a telephone number, the language."""
_LONG_PAGE: Final = 1000
"""Characters of content that no error page has."""
_EMPTY_PAGE: Final = 25
"""Characters of content below which a page shows nothing."""
_LIKE: Final = 0.4
"""Similarity from which on two pages have the same make; orders of one portal have 0.5 to 1, error pages below 0.2."""
_LIKE_OTHER: Final = 0.8
"""Similarity from which on a page is this portal's known sign-in, home or error page."""
_PLACE_IS_SURE: Final = 2
"""Orders that must have shown their number in a place before another number there counts."""
_ERROR_CODE: Final = re.compile(
    r"^\W*(?:(?:http|error|err|status|code|fehler|erreur|erro|errore|fout|fel|fejl|błąd|chyba|hiba|hata|ошибка|エラー|오류|错误)"
    r"\W*){0,3}([45]\d\d)\b(?!\W*\d)"
)
_RECORD: Final = re.compile(r"\d|^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$", re.IGNORECASE)
_VERSION: Final = re.compile(r"v\d+(?:\.\d+)*|\d\.\d", re.IGNORECASE)
"""A segment that names no record: `/v2/`."""
_PAGING: Final = re.compile(
    r"p|page|tab|step|limit|offset|size|rows|start|lang|locale|sort|view|version|v", re.IGNORECASE
)
"""Names of values that say how a page is shown, not what."""
_ENDING: Final = re.compile(r"\.(?:html?|aspx?|jsp|jsf|do|php|action|xhtml)$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Recognition:
    """The kind of a page, and why."""

    kind: models.PageKind
    evidence: tuple[str, ...]
    """For and against, for people, e.g. `the heading shows the number`."""
    why: str
    """The decisive reason."""
    strong: bool = False
    """Title, heading or a labelled field shows the order's number."""
    certain: bool = True
    """False where only further orders of this portal can tell: hold it back, and judge the same facts again later."""


# --- addresses ------------------------------------------------------------------------------------------------------


def address_parts(url: str) -> list[tuple[str, str]]:
    """An address's parts that could name a record: where each is, and what it says, decoded.

    Path segments are numbered, query values have their names; so have those in a fragment that is a route. A value that
    is itself an address (`next=/orders/7`) names no record of this page, and is left out.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    return [*_parts("", parts.path, parts.query), *_fragment(parts.fragment)]


def _fragment(fragment: str) -> list[tuple[str, str]]:
    route = fragment.lstrip("!")
    path, _, query = route.partition("?")
    if "=" in path and "/" not in path.partition("=")[0]:
        path, query = "", route
    return _parts("#", path, query)


def _parts(where: str, path: str, query: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for index, segment in enumerate(path.strip("/").split("/")):
        for piece, said in enumerate(segment.split(";")):  # also matrix parameters
            name, equals, value = said.partition("=")
            plain = unquote(value if equals and piece else said)
            # OData: Orders('77') and Orders(77)
            key = re.search(r"\((?:[\w]+=)?'?([^'()]+)'?\)$", plain)
            if plain:
                where_now = f"{where}/{index}" if not piece else f"{where};{name}"
                found.append((where_now, key[1] if key else _ENDING.sub("", plain)))
    for name, value in parse_qsl(query, keep_blank_values=False):
        if not _is_address(value):
            found.append((f"{where}?{name.lower()}", value))
    return found


def _is_address(value: str) -> bool:
    return value.startswith(("/", "http:", "https:")) or "://" in value or unquote(value).startswith(("/", "http"))


def record_part(asked_url: str, po_number: str, sibling_urls: Iterable[str] = ()) -> str:
    """The part of an order's address that names this record: an id or number in path, query or fragment.

    Args:
        asked_url: of the order.
        po_number: of the order.
        sibling_urls: of other orders of the portal: what varies among them is the record's part.

    Returns:
        Decoded; `""` where the address has no such part.
    """
    parts = _telling_parts(asked_url)
    shape = [where for where, _ in parts]
    values: dict[str, collections.Counter[str]] = {where: collections.Counter() for where in shape}
    for url in sibling_urls:
        others = _telling_parts(url)
        if url != asked_url and [where for where, _ in others] == shape and _host(url) == _host(asked_url):
            for where, value in others:
                values[where][value] += 1
    has_siblings = any(values.values())
    varying = [(where, value) for where, value in parts if any(other != value for other in values[where])]
    candidates = varying if has_siblings and varying else parts
    wanted = numbers.core(po_number)
    by_number = [value for _, value in candidates if wanted and numbers.core(value) == wanted]
    if by_number:
        return by_number[-1]
    if has_siblings and varying:
        # Of several that vary, the record's own is the one that hardly repeats.
        return max(reversed(varying), key=lambda one: len(values[one[0]]))[1]
    naming = [(where, value) for where, value in candidates if not _says_how(where)]
    telling = [value for _, value in naming if _RECORD.search(value) and not _VERSION.fullmatch(value)]
    # The number may stand inside a longer part: `order-4500012345`.
    holding = [value for value in telling if wanted and len(wanted) >= 3 and wanted in numbers.normal(value)]
    if holding or telling:
        return (holding or telling)[-1]
    return (naming or candidates)[-1][1] if candidates else ""


def _telling_parts(url: str) -> list[tuple[str, str]]:
    """The parts of an address without secrets: a token names no record, unless there is nothing else that could."""
    cleaned = address_parts(redact.address(url))
    told = [part for part in cleaned if redact.REDACTED not in part[1]]
    return told if told or not cleaned else list(address_parts(url))


def names_record(url: str) -> bool:
    """Whether an address looks like a record's: an id or number in path, query or fragment."""
    return bool(_RECORD.search(record_part(url, "")))


def keeps_record(url: str, part: str) -> bool:
    """Whether an address still contains the record's part, as a whole part or as a word in one."""
    wanted = part.casefold()
    if not wanted:
        return False
    for where, value in address_parts(url):
        said = value.casefold()
        if _says_how(where):
            continue
        if said == wanted:
            return True
        # A short one is met by chance: "orders-7-days".
        if len(wanted) >= _SHORT_PART and re.search(rf"(?<![^\W_]){re.escape(wanted)}(?![^\W_])", said):
            return True
        if _starts_with(said, wanted):
            return True
    return False


_SEARCHING: Final = re.compile(r"q|query|search|search_?(term|text|string)|keywords?|term|find|such(e|begriff)")
"""Parameters that hold what is looked for: a page of results names the record, and is not it."""


def _says_how(where: str) -> bool:
    name = where.rpartition("?")[2]
    return "?" in where and (_PAGING.fullmatch(name) is not None or _SEARCHING.fullmatch(name) is not None)


def _starts_with(said: str, wanted: str) -> bool:
    """`77-blue-pens` for 77."""
    return re.match(rf"{re.escape(wanted)}[-_][^\W\d_]", said) is not None


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are the same, ignoring scheme, `www.`, a trailing slash and an empty fragment."""
    return _plain(one) == _plain(other)


def _plain(url: str) -> tuple[str, str, str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url, "", ""
    return _host(url), unquote(parts.path).rstrip("/"), parts.query, parts.fragment.lstrip("!").strip("/")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


# --- signing in -----------------------------------------------------------------------------------------------------


def sign_in_reason(facts: page_facts.PageFacts, *, kept: bool, strong: bool = False, has_area: bool = False) -> str:
    """Why a page is a sign-in, by its structure; `""`: it is none.

    Args:
        facts: of the page.
        kept: its address is the one asked for, or still holds the record's part.
        strong: it shows the order's number in title, heading or a labelled field.
        has_area: it has an attachment list.
    """
    forms = [form for form in facts.forms if form.in_content or form.modal]
    asks = [form for form in forms if form.asks_who or form.asks_secret or "relay" in form.kinds]
    ways = [way for way in facts.ways_in if way.in_content]
    if facts.status == 401:
        return "the portal answered HTTP 401"
    if facts.status == 403 and not facts.signs_out and (facts.forms or facts.ways_in):
        return "the portal answered HTTP 403 and offers a sign-in"
    if facts.status >= 400 and not any(form.asks_secret for form in asks):
        return ""
    if has_area:
        return ""
    is_bare = len(facts.fields) < (1 if strong else _FEW_FIELDS) and not facts.signs_out
    relay = next((form for form in asks if "relay" in form.kinds), None)
    if relay is not None and is_bare and facts.text_length <= _SHORT_PAGE:
        return "the page passes a sign-in on"
    if not kept and not facts.signs_out:
        # A lone e-mail field may be a newsletter's.
        if any(form.asks_secret or {"username", "name"} & set(form.kinds) for form in asks):
            return f"it led to {_shown(facts.url)}, which asks for {_asked(asks[0])}"
        if facts.ways_in:
            return f"it led to {_shown(facts.url)}, which offers a sign-in ({facts.ways_in[0].label!r})"
    for form in asks:
        dominates = form.modal or facts.text_length - form.text <= _SHORT_PAGE
        titled = any(page_facts.says_sign_in(said) for said in (facts.title, *(text for _, text in facts.headings)))
        whole = form.asks_who and (form.asks_secret or form.others == 0 or titled)
        alone = form.asks_secret and not form.asks_who
        is_account = form.asks_who and form.asks_secret and not strong
        if not is_bare or form.others > 1 or not (dominates or is_account):
            continue
        if whole or (alone and not strong):
            return f"the page asks for {_asked(form)}"
    if ways and is_bare and not strong and facts.text_length <= _SHORT_PAGE:
        return f"the page offers only a sign-in ({ways[0].label!r})"
    return ""


def _asked(form: page_facts.CredentialForm) -> str:
    names = {
        "password": "a password",
        "pin": "a PIN",
        "code": "a code",
        "username": "a user name",
        "email": "an e-mail address",
        "name": "a user name",
        "new-password": "a new password",
        "relay": "a token",
    }
    return " and ".join(dict.fromkeys(names[kind] for kind in sorted(form.kinds, key=list(names).index, reverse=True)))


def _shown(url: str) -> str:
    return redact.bare(url).partition("://")[2]


_PROTOCOL: Final = frozenset({"samlrequest", "samlresponse", "relaystate", "redirect_uri", "post_login_redirect_uri"})
"""Parameters of the protocols that sign people in (SAML 2.0 bindings, 3.4 and 3.5; OpenID Connect Core, 3.1.2.1)."""


def leads_to_sign_in(url: str, asked_url: str) -> bool:
    """Whether a redirect to this address is a sign-in: by protocol, or since it takes along where to come back to.

    Args:
        url: where the redirect leads.
        asked_url: an address of the portal.
    """
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return False
    names = {name.casefold() for name, _ in pairs}
    if names & _PROTOCOL:
        return True
    came_from = urlsplit(asked_url)
    elsewhere = _host(url) != _host(asked_url)
    for _, value in pairs:
        said = unquote(unquote(value))
        if elsewhere and came_from.netloc and came_from.netloc in said:
            return True
        if not elsewhere and _is_address(said) and came_from.path.strip("/") and came_from.path.strip("/") in said:
            return True
    return False


# --- the number -----------------------------------------------------------------------------------------------------


def places(facts: page_facts.PageFacts, po_number: str) -> tuple[str, ...]:
    """Where a page shows the order's number: title and headings as templates, fields by their labels.

    What may be a count or a line, as "1" is on the page of order 1, is none of them: other orders show it as well.
    """
    found = []
    said = [("title", facts.title), *((f"h{level}", text) for level, text in facts.headings)]
    for where, text in said:
        if (shape := numbers.template(text, po_number)) and numbers.is_telling(text, po_number):
            found.append(f"{where} {shape}")
    found += [
        f"field {label.casefold()}"
        for label, value in facts.fields
        if value and numbers.is_value(value, po_number) and numbers.is_telling(value, po_number)
    ]
    return tuple(dict.fromkeys(found))


def _numbers_at(facts: page_facts.PageFacts, place: str) -> list[str]:
    """The text at positions where other orders of the portal show their number."""
    where, _, shape = place.partition(" ")
    if where == "field":
        values = [value for label, value in facts.fields if label.casefold() == shape and value]
        return [value for value in values if any(char.isdigit() for char in value)]
    said = [facts.title] if where == "title" else [text for level, text in facts.headings if f"h{level}" == where]
    return [number for text in said if (number := numbers.filled(text, shape))]


def _another_number(
    facts: page_facts.PageFacts,
    order: models.PurchaseOrder,
    part: str,
    memory: memories.PortalMemory,
    other_orders: Callable[[str], bool],
) -> tuple[str, bool]:
    """The number of another order in the number's place, in words, and whether that is certain; `("", True)`: none."""
    doubt, own_id = "", numbers.core(part)
    for place in memory.places:
        shown = [one for one in _numbers_at(facts, place) if numbers.core(one)]
        # A portal's own id, which the address holds too, is this record's.
        if not shown or any(numbers.is_value(one, order.po_number) or numbers.core(one) == own_id for one in shown):
            continue
        said = f"where this portal shows the PO number, it shows {shown[0]!r}"
        if memory.place_seen(place) >= _PLACE_IS_SURE or any(other_orders(numbers.core(one)) for one in shown):
            return said, True
        doubt = doubt or said
    top = min((level for level, _ in facts.headings), default=0)
    for text in (facts.title, *(said for level, said in facts.headings if level == top)):
        for one in numbers.numbers_in(text):
            bare = numbers.core(one)
            # It may by chance be another order's number, too.
            if bare not in {own_id, numbers.core(order.po_number)} and other_orders(bare):
                return f"its heading shows {one!r}, which is another order", True
    return doubt, not doubt


def alike(one: page_facts.PageFacts, other: page_facts.PageFacts, least: float = _LIKE) -> bool:
    """Whether two pages are of one make: the same text, or content that shares this much, 0 to 1."""
    if one.text_hash and one.text_hash == other.text_hash:
        return True
    return memories.similarity(one.signature, other.signature) >= least


# --- what a page is ------------------------------------------------------------------------------------------------


def recognize(
    facts: page_facts.PageFacts,
    order: models.PurchaseOrder,
    memory: memories.PortalMemory,
    *,
    other_orders: Callable[[str], bool],
    sibling_urls: Sequence[str] = (),
    has_area: bool = False,
) -> Recognition:
    """What kind of page this is. Changes nothing: see `learn`.

    Args:
        facts: of the page.
        order: which was asked for.
        memory: of its portal.
        other_orders: whether another order of the list has a number that, as `numbers.core` gives it, is this.
        sibling_urls: some addresses of other orders of the portal.
        has_area: the page has an attachments area, or files that certainly are the order's.
    """
    part = record_part(facts.asked, order.po_number, sibling_urls)
    address, led_away = _address(facts, part)
    where = places(facts, order.po_number)
    strong = bool(where)
    evidence = [address, *(f"the PO number is in its {_named(place)}" for place in where)]

    def conclude(kind: models.PageKind, why: str, *, certain: bool = True) -> Recognition:
        return Recognition(kind, tuple(dict.fromkeys([*evidence, why])), why, strong, certain)

    if reason := sign_in_reason(facts, kept=not led_away, strong=strong, has_area=has_area):
        return conclude(models.PageKind.SIGNED_OUT, reason)
    if facts.challenge_covers or (facts.challenge and not has_area and not strong):
        return conclude(models.PageKind.CHALLENGE, "the portal asks whether you are a person")
    if by_status := _by_status(facts.status):
        return conclude(by_status, f"the portal answered HTTP {facts.status}")
    is_on_top = _on_top(facts, order.po_number)
    other, is_sure = ("", True) if is_on_top else _another_number(facts, order, part, memory, other_orders)
    if other and is_sure:
        return conclude(models.PageKind.NOT_RECOGNISED, other)
    if led_away and not is_on_top:
        return conclude(models.PageKind.NOT_RECOGNISED, address)
    if not has_area and (trouble := _shows_an_error(facts, order, part, strong=strong)):
        kinds = [_TROUBLES[kind] for said in facts.says_error if (kind := topics.trouble(said)) in _TROUBLES]
        return conclude(kinds[0] if kinds else models.PageKind.NOT_RECOGNISED, trouble)
    if other:
        return conclude(models.PageKind.ORDER, other, certain=False)
    if strong and _has_substance(facts, where, memory, has_area=has_area):
        return conclude(models.PageKind.ORDER, f"the PO number is in its {_named(where[0])}")
    if has_area:
        return conclude(models.PageKind.ORDER, "it has an attachment list")
    return _by_likeness(facts, order, part, memory, conclude)


def _on_top(facts: page_facts.PageFacts, po_number: str) -> bool:
    """Whether the page is headed by this order's number: in its title, or in its one heading of the highest level."""
    top = min((level for level, _ in facts.headings), default=0)
    heads = [said for level, said in facts.headings if level == top]
    return numbers.shows(facts.title, po_number) or (len(heads) == 1 and numbers.shows(heads[0], po_number))


def _has_substance(
    facts: page_facts.PageFacts, where: Sequence[str], memory: memories.PortalMemory, *, has_area: bool
) -> bool:
    """Whether a page that shows the order's number shows an order, too: "PO-7 cannot be found" does not."""
    if has_area or facts.text_length > _LONG_PAGE:
        return True
    of_number = {place.partition(" ")[2] for place in where if place.startswith("field")}
    others = sum(label.casefold() not in of_number for label, _ in facts.fields)
    if others >= _FEW_FIELDS - 1 or (others and facts.text_length > _THIN_PAGE) or (others and of_number):
        return True
    # A title may come from the address alone; the words around the number in a heading do not.
    return any(memory.place_seen(place) for place in where if not place.startswith("title"))


_TROUBLES: Final = {"missing": models.PageKind.NOT_FOUND, "denied": models.PageKind.FORBIDDEN}
"""What a page that is nothing but an error says, where that is more than that something failed."""


def _address(facts: page_facts.PageFacts, part: str) -> tuple[str, bool]:
    """What the address says, in words, and whether the portal led away from the record."""
    if same_address(facts.asked, facts.url):
        return "its address is the one asked for", False
    if keeps_record(facts.url, part):
        return f"its address contains {part!r}", False
    if facts.canonical and keeps_record(facts.canonical, part):
        return f"its canonical address contains {part!r}", False
    if not part and _host(facts.asked) == _host(facts.url):
        return "the address asked for does not name an order", False
    return f"it led to {_shown(facts.url)}, which does not contain {part!r}", True


def _by_status(status: int) -> models.PageKind | None:
    if status in {404, 410}:
        return models.PageKind.NOT_FOUND
    if status == 403:
        return models.PageKind.FORBIDDEN
    return models.PageKind.ERROR if status >= 400 else None


def _shows_an_error(facts: page_facts.PageFacts, order: models.PurchaseOrder, part: str, *, strong: bool) -> str:
    """Why a page that came with 200 is an error or shows nothing; `""`: it does not look so."""
    if (
        facts.text_length < _EMPTY_PAGE
        and not facts.fields
        and not any(numbers.shows(said, order.po_number) for _, said in facts.headings)
    ):
        return "the page is empty"
    # An alert that is most of what the page says is what the page is, whatever number its title shows.
    alerts, has_few = sum(len(said) for said in facts.alerts), len(facts.fields) < _FEW_FIELDS
    if alerts and has_few and alerts >= 0.5 * max(1, facts.text_length):
        return f"the page shows only an alert: {facts.alerts[0][:120]!r}"
    # A thin page has its few words as "fields" of its heading, too.
    is_thin = facts.text_length <= (_SHORT_PAGE if has_few else _THIN_PAGE)
    if facts.says_error and is_thin:
        return f"the page says {facts.says_error[0][:120]!r}"
    if strong:
        return ""
    for said in (facts.title, *(text for _, text in facts.headings[:3])):
        code = _ERROR_CODE.match(said.casefold())
        if code and code[1] not in {numbers.core(order.po_number), part} and has_few:
            return f"its title or heading is an error code: {said[:60]!r}"
    return ""


def _by_likeness(
    facts: page_facts.PageFacts,
    order: models.PurchaseOrder,
    part: str,
    memory: memories.PortalMemory,
    conclude: Callable[..., Recognition],
) -> Recognition:
    """A page at the right address, without area and without the number: like this portal's orders, or not."""
    own_id = any(value and numbers.core(value) == numbers.core(part) for _, value in facts.fields) if part else False
    alike = memory.likeness(facts.signature)
    other, kind = memory.most_like_other(facts.signature)
    if kind is not None and other >= _LIKE_OTHER and other > (alike or 0.0):
        names = {models.PageKind.SIGNED_OUT: "sign-in", models.PageKind.NOT_FOUND: "not-found"}
        return conclude(
            models.PageKind.NOT_RECOGNISED, f"it looks like this portal's {names.get(kind, 'error or home')} page"
        )
    if not own_id and memory.same_text_elsewhere(order.key, facts.text_hash):
        return conclude(models.PageKind.NOT_RECOGNISED, "another order's page has exactly the same text")
    if alike is None:
        return conclude(
            models.PageKind.ORDER, "there is no other order of this portal to compare it with yet", certain=False
        )
    if alike < _LIKE:
        return conclude(
            models.PageKind.NOT_RECOGNISED, f"it does not look like this portal's orders ({alike:.0%} alike)"
        )
    return conclude(models.PageKind.ORDER, f"it looks like this portal's other orders ({alike:.0%} alike)")


def _named(place: str) -> str:
    where, _, shape = place.partition(" ")
    return {"title": "title", "field": f"field {shape!r}"}.get(where, "heading")


def learn(
    memory: memories.PortalMemory,
    facts: page_facts.PageFacts,
    order: models.PurchaseOrder,
    found: Recognition,
    *,
    has_area: bool = False,
) -> None:
    """Updates the memory from a page; may be repeated for the same page.

    Args:
        memory: of the portal.
        facts: of the page.
        order: which was asked for.
        found: what `recognize` said.
        has_area: the page has an attachments area.
    """
    if found.kind is models.PageKind.ORDER:
        memory.note_text(order.key, facts.text_hash)
        if has_area and found.certain:
            memory.note_area(facts.asked)
        # Likeness alone teaches nothing: an error would then breed errors.
        if found.certain and (found.strong or has_area):
            memory.note_order(order.key, facts.asked, facts.signature, places(facts, order.po_number))
        return
    if found.kind is models.PageKind.NOT_RECOGNISED:
        memory.note_text(order.key, facts.text_hash)
        if found.strong or same_address(facts.asked, facts.url):
            return  # of another order's page, or of nobody knows what
        if (memory.likeness(facts.signature) or 0.0) >= _LIKE:
            return  # it led to another order
    if facts.signature:
        memory.note_other(found.kind, facts.signature)
