"""Decides from facts whether a page is the requested order's, or which other kind it is. Pure."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from po_pw import models
from po_pw.portals import memory as memories
from po_pw.portals.generic import numbers, page_facts, record_address, sign_in_signs, topics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RULES_VERSION: Final = memories.RULES_VERSION
"""Stored with each outcome: orders read under older rules should be read again."""
_THIN_PAGE: Final = 300
"""Maximum characters of a page that says only that there is no such order."""
_LONG_PAGE: Final = 1000
"""Characters of content that error pages do not reach."""
_EMPTY_PAGE: Final = 25
"""A page with fewer characters of content is empty."""
_LIKE: Final = 0.4
"""Minimum similarity of pages with the same layout: orders of one portal have 0.5 to 1, error pages below 0.2."""
_LIKE_OTHER: Final = 0.8
"""Minimum similarity to a known sign-in, home or error page to be the same."""
_POSITION_IS_SURE: Final = 2
"""Number of orders that must have shown their number at a position before another number there counts."""
_ERROR_CODE: Final = re.compile(
    r"^\W*(?:(?:http|error|err|status|code|fehler|erreur|erro|errore|fout|fel|fejl|błąd|chyba|hiba|hata|ошибка|エラー|오류|错误)"
    r"\W*){0,3}([45]\d\d)\b(?!\W*\d)"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Recognition:
    """The kind of a page, and why."""

    kind: models.PageKind
    evidence: tuple[str, ...]
    """For and against, in words, e.g. `the heading shows the number`."""
    why: str
    """The decisive reason."""
    strong: bool = False
    """Title, heading or a labelled field shows the order's number."""
    certain: bool = True
    """False if only further orders of this portal can tell: evaluate the same facts again later."""


def number_positions(facts: page_facts.PageFacts, po_number: str) -> tuple[str, ...]:
    """Positions at which a page shows the order's number: title and headings as templates, fields by label.

    Numbers that may be a count or a line number ("1" on the page of order 1) do not count: other orders show them, too.
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


def _numbers_at(facts: page_facts.PageFacts, position: str) -> list[str]:
    """The text at positions where other orders of the portal show their number."""
    where, _, shape = position.partition(" ")
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
    *,
    strong: bool,
) -> tuple[str, bool]:
    """Describes another order's number at the number's position, and whether that is certain; `("", True)` if none."""
    doubt = ""
    for position in memory.positions:
        shown = [one for one in _numbers_at(facts, position) if numbers.core(one)]
        own = (numbers.is_value(one, order.po_number) or _is_own_id(one, order, part, strong=strong) for one in shown)
        if not shown or any(own):
            continue
        said = f"where this portal shows the PO number, it shows {shown[0]!r}"
        if memory.orders_at(position) >= _POSITION_IS_SURE or any(other_orders(numbers.core(one)) for one in shown):
            return said, True
        doubt = doubt or said
    top = min((level for level, _ in facts.headings), default=0)
    tops = [said for level, said in facts.headings if level == top]
    for text in (facts.title, *tops):
        for one in numbers.numbers_in(text):
            bare = numbers.core(one)
            is_own = bare == numbers.core(order.po_number) or _is_own_id(one, order, part, strong=strong)
            if not is_own and other_orders(bare):
                return f"its heading shows {one!r}, which is another order", True
    if not strong and (foreign := _number_of_same_form(facts.title, tops, order.po_number)):
        return f"its title and heading show {foreign!r}", True
    return doubt, not doubt


def _number_of_same_form(title: str, headings: Sequence[str], po_number: str) -> str:
    """Another number with the order's own prefix in the title and in the only top heading; `""` if there is none."""
    wanted = numbers.prefix(po_number)
    if not wanted or len(headings) != 1:
        return ""
    in_heading = {numbers.core(one) for one in numbers.numbers_in(headings[0])} - {numbers.core(po_number)}
    found = (one for one in numbers.numbers_in(title) if numbers.prefix(one) == wanted)
    return next((one for one in found if numbers.core(one) in in_heading), "")


def _is_own_id(shown: str, order: models.PurchaseOrder, part: str, *, strong: bool) -> bool:
    """Whether a number that is not the order's may be the portal's own id of this record.

    The address must have it, too; but so it does if the list gives the order another order's address. The
    difference: an id lacks the prefix of PO numbers. Without a prefix, the page must also show the order's number.
    """
    if numbers.core(shown) != numbers.core(part):
        return False
    wanted = numbers.prefix(order.po_number)
    return numbers.prefix(shown) != wanted if wanted else strong


def alike(one: page_facts.PageFacts, other: page_facts.PageFacts, least: float = _LIKE) -> bool:
    """Whether two pages have the same layout: the same text, or at least this similarity, 0 to 1."""
    if one.text_hash and one.text_hash == other.text_hash:
        return True
    return memories.similarity(one.signature, other.signature) >= least


def recognize(
    facts: page_facts.PageFacts,
    order: models.PurchaseOrder,
    memory: memories.PortalMemory,
    *,
    other_orders: Callable[[str], bool],
    sibling_urls: Sequence[str] = (),
    has_area: bool = False,
) -> Recognition:
    """Decides which kind of page this is. Changes nothing; see `learn`.

    Args:
        facts: of the page.
        order: the requested one.
        memory: of its portal.
        other_orders: whether a number, as from `numbers.core`, belongs to another order in the list.
        sibling_urls: some addresses of other orders of the portal.
        has_area: the page has an attachment area, or files that are certainly the order's.
    """
    part = record_address.record_part(facts.asked, order.po_number, sibling_urls)
    address, led_away = _address(facts, part)
    where = number_positions(facts, order.po_number)
    strong = bool(where)
    evidence = [address, *(f"the PO number is in its {_named(position)}" for position in where)]

    def conclude(kind: models.PageKind, why: str, *, certain: bool = True) -> Recognition:
        return Recognition(kind, tuple(dict.fromkeys([*evidence, why])), why, strong, certain)

    if reason := sign_in_signs.sign_in_reason(facts, kept=not led_away, strong=strong, has_area=has_area):
        return conclude(models.PageKind.SIGNED_OUT, reason)
    if facts.challenge_covers or (facts.challenge and not has_area and not strong):
        return conclude(models.PageKind.CHALLENGE, "the portal asks whether you are a person")
    if by_status := _by_status(facts.status):
        return conclude(by_status, f"the portal answered HTTP {facts.status}")
    is_on_top = _on_top(facts, order.po_number)
    other, is_sure = "", True
    if not is_on_top:
        other, is_sure = _another_number(facts, order, part, memory, other_orders, strong=strong)
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
    """Whether this order's number is in the title or in the only heading of the highest level."""
    top = min((level for level, _ in facts.headings), default=0)
    heads = [said for level, said in facts.headings if level == top]
    return numbers.shows(facts.title, po_number) or (len(heads) == 1 and numbers.shows(heads[0], po_number))


def _has_substance(
    facts: page_facts.PageFacts, where: Sequence[str], memory: memories.PortalMemory, *, has_area: bool
) -> bool:
    """Whether a page with the order's number also shows an order: "PO-7 cannot be found" does not."""
    if has_area or facts.text_length > _LONG_PAGE:
        return True
    of_number = {position.partition(" ")[2] for position in where if position.startswith("field")}
    others = sum(label.casefold() not in of_number for label, _ in facts.fields)
    if others >= sign_in_signs.FEW_FIELDS - 1 or (others and facts.text_length > _THIN_PAGE) or (others and of_number):
        return True
    # A title may come from the address alone; the words around the number in a heading do not.
    return any(memory.orders_at(position) for position in where if not position.startswith("title"))


_TROUBLES: Final = {"missing": models.PageKind.NOT_FOUND, "denied": models.PageKind.FORBIDDEN}
"""Kinds of pages by what an error page says, if it is more specific than a failure."""


def _address(facts: page_facts.PageFacts, part: str) -> tuple[str, bool]:
    """Describes the address, and whether the portal led to another record."""
    if record_address.same_address(facts.asked, facts.url):
        return "its address is the one asked for", False
    if record_address.keeps_record(facts.url, part):
        return f"its address contains {part!r}", False
    if facts.canonical and record_address.keeps_record(facts.canonical, part):
        return f"its canonical address contains {part!r}", False
    if not part and record_address.host(facts.asked) == record_address.host(facts.url):
        return "the address asked for does not name an order", False
    return f"it led to {sign_in_signs.host_and_path(facts.url)}, which does not contain {part!r}", True


def _by_status(status: int) -> models.PageKind | None:
    if status in {404, 410}:
        return models.PageKind.NOT_FOUND
    if status == 403:
        return models.PageKind.FORBIDDEN
    return models.PageKind.ERROR if status >= 400 else None


def _shows_an_error(facts: page_facts.PageFacts, order: models.PurchaseOrder, part: str, *, strong: bool) -> str:
    """Why a page with status 200 is an error page or empty; `""` if it is not."""
    if (
        facts.text_length < _EMPTY_PAGE
        and not facts.fields
        and not any(numbers.shows(said, order.po_number) for _, said in facts.headings)
    ):
        return "the page is empty"
    # A page that is mostly an alert is an error page, whatever number its title shows.
    alerts, has_few = sum(len(said) for said in facts.alerts), len(facts.fields) < sign_in_signs.FEW_FIELDS
    if alerts and has_few and alerts >= 0.5 * max(1, facts.text_length):
        return f"the page shows only an alert: {facts.alerts[0][:120]!r}"
    # On a short page, the few words may look like fields of its heading.
    is_thin = facts.text_length <= (sign_in_signs.SHORT_PAGE if has_few else _THIN_PAGE)
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
    """Decides on a page at the right address without area and number: does it look like this portal's orders?"""
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


def _named(position: str) -> str:
    where, _, shape = position.partition(" ")
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
        order: the requested one.
        found: from `recognize`.
        has_area: the page has an attachment area.
    """
    if found.kind is models.PageKind.ORDER:
        memory.note_text(order.key, facts.text_hash)
        if has_area and found.certain:
            memory.note_area(facts.asked)
        # Nothing is learned from similarity alone: one error would cause more.
        if found.certain and (found.strong or has_area):
            memory.note_order(order.key, facts.asked, facts.signature, number_positions(facts, order.po_number))
        return
    if found.kind is models.PageKind.NOT_RECOGNISED:
        memory.note_text(order.key, facts.text_hash)
        if found.strong or record_address.same_address(facts.asked, facts.url):
            return  # another order's page, or an unknown one
        if (memory.likeness(facts.signature) or 0.0) >= _LIKE:
            return  # it led to another order
    if facts.signature:
        memory.note_other(found.kind, facts.signature)
