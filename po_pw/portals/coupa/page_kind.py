"""Decides what a page of Coupa is: the requested order, its requisition, or another page. Pure.

Status and structure are checked first. Words are checked last, only to distinguish error pages with status 200: the
interface has 24 languages, and tenants change its wording.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from po_pw import hostnames, models, redact
from po_pw.portals.generic import recognition, record_address, sign_in_signs, topics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from po_pw.portals.coupa import look as looks
    from po_pw.portals.generic import page_facts

ORDERS: Final = "order_headers"
REQUISITIONS: Final = "requisition_headers"
KEPT_ALIVE_BY: Final = "/sessions/expiration_check"
"""Request that Coupa's pages repeat all the time; it changes nothing."""

_PREFIX: Final = re.compile(r"^(?:po|pm)[\s\-_#.:]*(?=\S*\d)", re.IGNORECASE)
_MARKED: Final = re.compile(r"#\s*([^\s#|,;()\[\]]+)")
_TOKEN: Final = re.compile(r"[^\s#|,;()\[\]:]+")
_RECORD: Final = re.compile(r"/(?:order_headers|requisition_headers)(?:/show_custom)?/(\d+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Kind of a page, and why."""

    kind: models.PageKind
    why: str
    evidence: tuple[str, ...] = ()
    may_be_elsewhere: bool = False
    """The order may have another address than the number suggests: search the portal's list."""


def bare(number: str) -> str:
    """A PO number as Coupa compares it: case-folded, without a leading `PO` or `PM` and leading zeros."""
    said = unicodedata.normalize("NFKC", number).strip().casefold()
    rest = _PREFIX.sub("", said, count=1)
    return rest.lstrip("0") or rest[-1:] if rest.isdecimal() else rest


def address_part(number: str) -> str:
    """A PO number as in an order's address: without a leading `PO` or `PM`."""
    return _PREFIX.sub("", unicodedata.normalize("NFKC", number).strip(), count=1)


def path_of(url: str) -> str:
    """The path of an address; `""` if it is invalid."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def record_of(url: str) -> str:
    """The id of the order or requisition in an address; `""` if there is none."""
    found = _RECORD.search(path_of(url))
    return found[1] if found else ""


def shown_numbers(texts: Sequence[str]) -> tuple[str, ...]:
    """The numbers in titles or headings: those after a `#`, or if there are none all words with a digit."""
    marked = [one for text in texts for one in _MARKED.findall(text) if any(char.isdigit() for char in one)]
    return tuple(marked or [one for text in texts for one in _TOKEN.findall(text) if re.search(r"\d", one)])


def of_order(look: looks.Look, facts: page_facts.PageFacts, order: models.PurchaseOrder) -> Verdict:
    """Decides whether a page is this order's.

    Args:
        look: at the page.
        facts: of the page; `facts.asked` is the requested address, `facts.status` the HTTP status.
        order: the requested one.
    """
    if not _is_record_page(look, facts, ORDERS):
        return _instead(look, facts)
    wanted = bare(order.po_number)
    structure = f"the page is an order's (order_headers, id {look.record})"
    for what, text in (("title", look.title), ("heading", look.heading)):
        shown = shown_numbers([text])
        if any(bare(one) == wanted for one in shown):
            why = f"its {what} shows the number"
            return Verdict(models.PageKind.ORDER, why, (structure, why))
        if shown and any("#" in said for said in (text,)):
            why = f"its {what} shows {shown[0]!r}, which is another order"
            return Verdict(models.PageKind.NOT_RECOGNISED, why, (structure, why), may_be_elsewhere=True)
    if where := recognition.number_positions(facts, order.po_number):
        why = f"it shows the number ({where[0]})"
        return Verdict(models.PageKind.ORDER, why, (structure, why))
    why = "it does not show the order's number in its title or heading"
    return Verdict(models.PageKind.NOT_RECOGNISED, why, (structure, why), may_be_elsewhere=True)


def of_requisition(look: looks.Look, facts: page_facts.PageFacts) -> Verdict:
    """Decides whether a page is the requested requisition."""
    if not _is_record_page(look, facts, REQUISITIONS):
        return _instead(look, facts)
    if look.record != record_of(facts.asked):
        why = f"it is requisition {look.record}"
        return Verdict(models.PageKind.NOT_RECOGNISED, why, (why,))
    return Verdict(models.PageKind.ORDER, f"the page is requisition {look.record}")


def _is_record_page(look: looks.Look, facts: page_facts.PageFacts, controller: str) -> bool:
    """Whether a page shows a single record to a signed-in user."""
    is_record = look.controller == controller and look.action.startswith("show") and bool(look.record)
    return is_record and facts.status < 400 and not (look.asks and not look.has_header)


def _instead(look: looks.Look, facts: page_facts.PageFacts) -> Verdict:
    """Decides what a page is that shows no record."""

    def verdict(kind: models.PageKind, why: str, *, elsewhere: bool = False) -> Verdict:
        return Verdict(kind, why, (why,), may_be_elsewhere=elsewhere)

    if facts.challenge_covers:
        return verdict(models.PageKind.CHALLENGE, "the portal asks whether you are a person")
    if why := signed_out(look, facts):
        return verdict(models.PageKind.SIGNED_OUT, why)
    if facts.status in {404, 410}:
        return verdict(models.PageKind.NOT_FOUND, f"the portal answered HTTP {facts.status}", elsewhere=True)
    if facts.status == 403:
        return verdict(models.PageKind.FORBIDDEN, "the portal answered 403", elsewhere=True)
    if facts.status >= 400:
        return verdict(models.PageKind.ERROR, f"the portal answered HTTP {facts.status}")
    named = f"{look.controller} {look.action}"
    said = look.flash or (*look.headings, look.title, *facts.alerts)
    for text, trouble in ((named, _trouble_of_identifier(named)), *((one, topics.trouble(one)) for one in said)):
        if trouble in _TROUBLES:
            return verdict(_TROUBLES[trouble], f"the page says {text[:120]!r}", elsewhere=True)
    if look.flash:
        return verdict(models.PageKind.ERROR, f"the portal shows an error: {look.flash[0][:120]!r}")
    at = redact.bare(facts.url).partition("://")[2]
    shown = f"{look.controller}, {look.action}" if look.controller else "which page it is, it does not say"
    return verdict(models.PageKind.NOT_RECOGNISED, f"{at} is not an order's page of Coupa ({shown})")


_TROUBLES: Final = {"missing": models.PageKind.NOT_FOUND, "denied": models.PageKind.FORBIDDEN}
_IDENTIFIERS: Final = {
    "missing": re.compile(r"(?<!\d)404(?!\d)|not_?found", re.IGNORECASE),
    "denied": re.compile(
        r"(?<!\d)403(?!\d)|forbidden|unauthori[sz]ed|not_?authori[sz]ed|access_?denied", re.IGNORECASE
    ),
}


def _trouble_of_identifier(name: str) -> str:
    """The trouble that a page's identifier names, whatever the language of the interface: `errors not_found`."""
    return next((kind for kind, pattern in _IDENTIFIERS.items() if pattern.search(name)), "")


def signed_out(look: looks.Look, facts: page_facts.PageFacts) -> str:
    """Why a page asks for a sign-in; `""` if it does not.

    A page of a signed-in user is on the tenant's host and has Coupa's header with a control to sign out. The address
    of an identity provider need not look like a sign-in.
    """
    if look.is_signed_in and not look.asks:
        return ""
    if facts.status == 401:
        return "the portal answered 401"
    if urlsplit(facts.url).scheme not in {"http", "https"}:  # the browser's own page: the answer had no body
        return ""
    if hostnames.origin_of(facts.url) != hostnames.origin_of(facts.asked):
        return f"it led to {redact.bare(facts.url).partition('://')[2]}"
    if look.asks and not look.has_header:
        return "the page asks for a user name or a password"
    kept = record_address.same_address(facts.asked, facts.url) or record_address.keeps_record(
        facts.url, record_of(facts.asked)
    )
    return sign_in_signs.sign_in_reason(facts, kept=kept)


def session_ended(refusals: Mapping[str, int]) -> str:
    """Why requests for parts of a page show that the session has ended; `""` if none does.

    Args:
        refusals: HTTP statuses by description, see `data_answers.DataAnswers.refusals`.
    """
    for label, status in refusals.items():
        if status in {401, 419} or (status == 302 and "/sessions/" in label):
            return f"a part of the page asked for a sign-in ({label} was answered with {status})"
    return ""
