"""Whether a page is the requested order's, decided by facts alone."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import pytest

from po_pw import models
from po_pw.models import PageKind
from po_pw.portals import memory as memories
from po_pw.portals.generic import numbers, page_facts, recognition, record_address

if TYPE_CHECKING:
    from collections.abc import Callable

P: Final = "https://p.example"
ORDER_MAKE: Final = frozenset(f"o{n}" for n in range(20))
ERROR_MAKE: Final = frozenset([*(f"e{n}" for n in range(4)), "o0"])
FIELDS: Final = (("Supplier", "Acme"), ("Total", "12.50 EUR"), ("Status", "Open"))


def order(number: str = "PO-7001", url: str = f"{P}/orders/55") -> models.PurchaseOrder:
    return models.PurchaseOrder(models.order_key(number), number, url)


def facts(**given: Any) -> page_facts.PageFacts:
    """An order's page at the requested address, with an id and no PO number."""
    asked = given.get("asked", f"{P}/orders/55")
    plain = {
        "url": asked,
        "asked": asked,
        "status": 200,
        "title": "Order 55",
        "headings": ((1, "Order 55"),),
        "fields": FIELDS,
        "text_length": 800,
        "opening": "Order 55",
        "text_hash": "t-order",
        "signature": ORDER_MAKE,
    }
    return page_facts.PageFacts(**{**plain, **given})


def bare(**given: Any) -> page_facts.PageFacts:
    """A page with little content at the requested address."""
    plain = {
        "title": "Portal",
        "headings": ((1, "Welcome"),),
        "fields": (),
        "text_length": 80,
        "text_hash": "t-bare",
        "signature": ERROR_MAKE,
    }
    return facts(**{**plain, **given})


def form(*kinds: str, **given: Any) -> page_facts.CredentialForm:
    plain: dict[str, Any] = {"in_content": True, "modal": False, "others": 0, "text": 20}
    return page_facts.CredentialForm(tuple(sorted(kinds)), **{**plain, **given})


def way(label: str = "Sign in", *, in_content: bool = True) -> page_facts.SignInLink:
    return page_facts.SignInLink(label, f"{P}/sso", in_content)


def experienced(count: int = 2) -> memories.PortalMemory:
    """A memory with orders of strong evidence and a not-found page."""
    known = memories.PortalMemory()
    for n in range(count):
        one = order(f"PO-{9000 + n}", f"{P}/orders/{n}")
        page = facts(
            asked=one.url,
            headings=((1, f"Order {one.po_number}"),),
            title="Portal",
            fields=(*FIELDS, ("PO number", one.po_number)),
            text_hash=f"t-{n}",
        )
        found = recognition.recognize(page, one, known, other_orders=nobody)
        recognition.learn(known, page, one, found, has_area=True)
    missing = bare(status=404, asked=f"{P}/orders/0")
    recognition.learn(known, missing, order(), recognition.recognize(missing, order(), known, other_orders=nobody))
    return known


def nobody(_: str) -> bool:
    return False


def evaluate(page: page_facts.PageFacts, known: memories.PortalMemory | None = None, **given: Any) -> Any:
    asked = given.pop("order", order())
    others: Callable[[str], bool] = given.pop("others", nobody)
    return recognition.recognize(page, asked, known or memories.PortalMemory(), other_orders=others, **given)


SURE: Final = [
    # --- recognised by strong evidence
    ("number in the heading", facts(headings=((1, "Order PO-7001"),)), PageKind.ORDER),
    ("number without prefix", facts(headings=((1, "Purchase order 7001"),)), PageKind.ORDER),
    ("number with zeros and another separator", facts(title="PO 0007001 | Portal"), PageKind.ORDER),
    ("number in a field", facts(fields=(*FIELDS, ("PO number", "7001"))), PageKind.ORDER),
    ("number in a field with a revision", facts(fields=(*FIELDS, ("Order", "PO-7001 (rev. 2)"))), PageKind.ORDER),
    (
        "led to an internal address, headed by the number",
        facts(url=f"{P}/o/8c1f", headings=((1, "Order PO-7001"),)),
        PageKind.ORDER,
    ),
    (
        "a PIN on an order",
        facts(headings=((1, "Order PO-7001"),), forms=(form("pin"),), text_length=100),
        PageKind.ORDER,
    ),
    (
        "a password on a bare order: an electronic signature",
        bare(headings=((1, "Order PO-7001"),), forms=(form("password"),), text_length=1200),
        PageKind.ORDER,
    ),
    (
        "a way to sign in, in the site's bar",
        facts(headings=((1, "Order PO-7001"),), ways_in=(way(in_content=False),)),
        PageKind.ORDER,
    ),
    (
        "an alert on an order",
        facts(headings=((1, "Order PO-7001"),), alerts=("Delivery is late.",)),
        PageKind.ORDER,
    ),
    (
        "an order whose id is an error's code",
        facts(asked=f"{P}/orders/404", title="404", headings=((1, "404"),), fields=(*FIELDS, ("PO number", "PO-7001"))),
        PageKind.ORDER,
    ),
    # --- signed out
    ("401", facts(status=401, headings=((1, "Order PO-7001"),)), PageKind.SIGNED_OUT),
    ("403 with a way in", bare(status=403, ways_in=(way(in_content=False),)), PageKind.SIGNED_OUT),
    ("403 with a form", bare(status=403, forms=(form("name", "password"),)), PageKind.SIGNED_OUT),
    ("name and password at the same address", bare(forms=(form("name", "password"),)), PageKind.SIGNED_OUT),
    ("a password alone, at a share link", bare(forms=(form("password"),)), PageKind.SIGNED_OUT),
    ("user name first", bare(forms=(form("username"),)), PageKind.SIGNED_OUT),
    ("a magic link", bare(forms=(form("email"),)), PageKind.SIGNED_OUT),
    ("a one-time code", bare(forms=(form("code"),)), PageKind.SIGNED_OUT),
    ("a button of single sign-on alone", bare(ways_in=(way("Continue with Microsoft"),)), PageKind.SIGNED_OUT),
    ("a form that posts itself on", bare(forms=(form("relay"),), text_length=40), PageKind.SIGNED_OUT),
    (
        "a form in a layer over the page",
        bare(forms=(form("name", "password", in_content=False, modal=True),), text_length=3000),
        PageKind.SIGNED_OUT,
    ),
    (
        "sign in to see this order",
        bare(headings=((1, "Sign in to see PO-7001"),), forms=(form("name", "password"),)),
        PageKind.SIGNED_OUT,
    ),
    (
        "led to a long sign-in page, the order in its return address",
        bare(url=f"{P}/login?next=/orders/55", forms=(form("name", "password"),), text_length=5000),
        PageKind.SIGNED_OUT,
    ),
    (
        "led to another host with a user name first",
        bare(url="https://id.example/x", forms=(form("name"),), text_length=5000),
        PageKind.SIGNED_OUT,
    ),
    (
        "led to the public home page with a way in",
        bare(url=f"{P}/", ways_in=(way(in_content=False),), text_length=5000),
        PageKind.SIGNED_OUT,
    ),
    # --- by status
    ("404", bare(status=404), PageKind.NOT_FOUND),
    ("410", bare(status=410), PageKind.NOT_FOUND),
    ("404 with a newsletter", bare(status=404, forms=(form("email"),)), PageKind.NOT_FOUND),
    ("403 of somebody signed in", bare(status=403, signs_out=True, ways_in=(way(),)), PageKind.FORBIDDEN),
    ("403 without a way in", bare(status=403), PageKind.FORBIDDEN),
    ("500", bare(status=500), PageKind.ERROR),
    ("503", bare(status=503), PageKind.ERROR),
    # --- challenges
    ("a challenge", bare(challenge=True), PageKind.CHALLENGE),
    ("a challenge with 403", bare(status=403, challenge=True), PageKind.CHALLENGE),
    (
        "a sign-in with a captcha",
        bare(challenge=True, challenge_covers=True, forms=(form("name", "password"),)),
        PageKind.SIGNED_OUT,
    ),
    (
        "a challenge over an order",
        facts(headings=((1, "Order PO-7001"),), challenge=True, challenge_covers=True),
        PageKind.CHALLENGE,
    ),
    ("a captcha in a form of an order", facts(headings=((1, "Order PO-7001"),), challenge=True), PageKind.ORDER),
    (
        "a long page with an account's form",
        bare(forms=(form("name", "password"),), text_length=4000),
        PageKind.SIGNED_OUT,
    ),
    (
        "a sign-in page with a telephone number",
        bare(forms=(form("username"),), fields=(("Help", "+49 30 1234"), ("Language", "English"))),
        PageKind.SIGNED_OUT,
    ),
    (
        "an alert with an error's id",
        bare(alerts=("Something went wrong while we were loading this.",), fields=(("Error id", "3f2a"),)),
        PageKind.NOT_RECOGNISED,
    ),
    # --- another page
    ("led home, signed in", facts(url=f"{P}/home", signs_out=True), PageKind.NOT_RECOGNISED),
    (
        "led home, where the number is a card's among others",
        facts(url=f"{P}/home", headings=((1, "Home"), (3, "PO-7001"), (3, "PO-7002"))),
        PageKind.NOT_RECOGNISED,
    ),
    (
        "led home, where the number is the last one seen",
        facts(url=f"{P}/home", fields=(("Last viewed", "PO-7001"),)),
        PageKind.NOT_RECOGNISED,
    ),
    ("led to a neighbour", facts(url=f"{P}/orders/56"), PageKind.NOT_RECOGNISED),
    ("led home by a script", facts(asked=f"{P}/#/orders/55", url=f"{P}/#/home"), PageKind.NOT_RECOGNISED),
    ("a page's number is no order's", facts(url=f"{P}/orders?page=55"), PageKind.NOT_RECOGNISED),
    ("an empty page", bare(text_length=0, headings=()), PageKind.NOT_RECOGNISED),
    ("a shell that loads", bare(text_length=10, headings=()), PageKind.NOT_RECOGNISED),
    ("a heading that is an error's code", bare(headings=((1, "404"),)), PageKind.NOT_RECOGNISED),
    ("a title that is an error's code", bare(title="Error 500 - Portal"), PageKind.NOT_RECOGNISED),
    ("nothing but an alert", bare(alerts=("Your session has expired. Please start again.",)), PageKind.NOT_RECOGNISED),
    (
        "nothing but an alert under the number",
        bare(title="PO-7001", alerts=("Something went wrong while we were loading this.",)),
        PageKind.NOT_RECOGNISED,
    ),
    ("words of an error", bare(says_error=("Session expired",)), PageKind.NOT_RECOGNISED),
]


@pytest.mark.parametrize(("shown", "kind"), [one[1:] for one in SURE], ids=[one[0] for one in SURE])
def test_what_one_page_tells_by_itself(shown: page_facts.PageFacts, kind: PageKind) -> None:
    """Without other orders, status, address, structure and number decide, with a reason."""
    found = evaluate(shown)
    assert found.kind is kind, found
    assert found.certain
    assert found.why in found.evidence


@pytest.mark.parametrize(("shown", "kind"), [one[1:] for one in SURE], ids=[one[0] for one in SURE])
def test_what_is_known_of_the_portal_changes_no_clear_verdict(shown: page_facts.PageFacts, kind: PageKind) -> None:
    """The same with knowledge of the portal."""
    assert evaluate(shown, experienced()).kind in {kind, PageKind.SIGNED_OUT if kind is PageKind.CHALLENGE else kind}


@pytest.mark.parametrize(
    "shown",
    [facts(), bare(), facts(fields=()), bare(headings=((1, "Order PO-7001 cannot be found"),))],
    ids=["an order with an id of its own", "nobody knows", "no fields", "a sentence with the number as its heading"],
)
def test_what_only_other_orders_can_tell_is_not_certain(shown: page_facts.PageFacts) -> None:
    """Uncertain pages wait, stored as facts."""
    found = evaluate(shown)
    assert (found.kind, found.certain) == (PageKind.ORDER, False)
    assert page_facts.from_json(shown.to_json()) == shown


LATER: Final = [
    ("of the same make", facts(), PageKind.ORDER),
    ("of the same make, with some parts missing", facts(signature=frozenset(list(ORDER_MAKE)[:12])), PageKind.ORDER),
    ("like the not-found page, with 200", bare(), PageKind.NOT_RECOGNISED),
    ("unlike the orders", bare(signature=frozenset("abcdefgh")), PageKind.NOT_RECOGNISED),
    (
        "the number in a sentence as its heading",
        bare(headings=((1, "Order PO-7001 cannot be found"),)),
        PageKind.NOT_RECOGNISED,
    ),
    ("the number in the title of an error page", bare(title="PO-7001 - Portal"), PageKind.NOT_RECOGNISED),
    (
        "a bare order headed as the portal's orders are",
        bare(headings=((1, "Order PO-7001"),), signature=ORDER_MAKE),
        PageKind.ORDER,
    ),
    ("another's number in the heading", facts(headings=((1, "Order PO-1234"),)), PageKind.NOT_RECOGNISED),
    ("another's number in the field", facts(fields=(*FIELDS, ("PO number", "PO-1234"))), PageKind.NOT_RECOGNISED),
    (
        "another's number in the heading, ours as a field",
        facts(headings=((1, "Order PO-1234"),), fields=(*FIELDS, ("Replaces", "PO-7001"))),
        PageKind.NOT_RECOGNISED,
    ),
    (
        "ours in the heading, another's beside",
        facts(headings=((1, "Order PO-7001"), (2, "Replaces PO-1234"))),
        PageKind.ORDER,
    ),
    ("an id of its own in another place", facts(headings=((1, "Contract 1234"),)), PageKind.ORDER),
]


@pytest.mark.parametrize(("shown", "kind"), [one[1:] for one in LATER], ids=[one[0] for one in LATER])
def test_what_other_orders_of_the_portal_tell(shown: page_facts.PageFacts, kind: PageKind) -> None:
    """Similarity, and where numbers are shown, decide."""
    found = evaluate(shown, experienced())
    assert found.kind is kind, found
    assert found.certain


def test_an_attachments_area_makes_an_order_of_a_page_at_the_right_address() -> None:
    """It does so without a number, but not after a redirect or with another number."""
    assert evaluate(facts(), has_area=True).certain
    assert evaluate(facts(url=f"{P}/home"), has_area=True).kind is PageKind.NOT_RECOGNISED
    other = facts(headings=((1, "Order PO-1234"),))
    assert evaluate(other, experienced(), has_area=True).kind is PageKind.NOT_RECOGNISED
    assert evaluate(facts(forms=(form("name", "password"),), text_length=90), has_area=True).kind is PageKind.ORDER


def test_another_order_of_the_list_is_told_from_its_heading_alone() -> None:
    """The list shows that PO-7002 is another order."""
    shown = facts(headings=((1, "Order PO-7002"),), title="Portal")
    found = evaluate(shown, others=lambda core: core == "7002")
    assert found.kind is PageKind.NOT_RECOGNISED
    assert "PO-7002" in found.why
    # A portal's own id that by chance is another order's number: the address asked for holds it, too.
    own = facts(asked=f"{P}/orders/7002", headings=((1, "Order 7002"),), title="Portal")
    assert evaluate(own, others=lambda core: core == "7002", order=order(url=f"{P}/orders/7002")).kind is PageKind.ORDER


@pytest.mark.parametrize("known", [memories.PortalMemory(), None], ids=["nothing known", "a known portal"])
def test_an_address_of_another_order_in_the_list_is_told_from_what_it_shows(
    known: memories.PortalMemory | None,
) -> None:
    """If only the column of addresses was sorted, each page shows another order's number."""
    wrong = f"{P}/orders/PO-7002"
    shown = facts(asked=wrong, title="Order PO-7002", headings=((1, "Order PO-7002"),))
    found = evaluate(
        shown, known or experienced(), order=order(url=wrong), others=lambda core: core == "7002", has_area=True
    )
    assert found.kind is PageKind.NOT_RECOGNISED, found
    assert "PO-7002" in found.why
    # Numbers without a prefix may be ids, unless the page also fails to show the order's number.
    bare_number, at = order("4507001", f"{P}/orders/4507002"), f"{P}/orders/4507002"
    numeric = facts(asked=at, title="Order 4507002", headings=((1, "Order 4507002"),))
    others = lambda core: core == "4507002"  # noqa: E731 - one test
    assert evaluate(numeric, order=bare_number, others=others, has_area=True).kind is PageKind.NOT_RECOGNISED
    named = dataclasses.replace(numeric, fields=(*FIELDS, ("PO number", "4507001")))
    assert evaluate(named, order=bare_number, others=others, has_area=True).kind is PageKind.ORDER


def test_a_number_of_the_same_form_in_title_and_heading_is_another_order() -> None:
    """Nothing is known, and the list does not have that order: one wrong address in the first list of a portal."""
    at = f"{P}/orders/PO-1001"
    shown = facts(asked=at, title="PO-1001 · Portal", headings=((1, "Purchase order PO-1001"),))
    found = evaluate(shown, order=order("PO-7001", at), has_area=True)
    assert found.kind is PageKind.NOT_RECOGNISED
    assert "'PO-1001'" in found.why
    assert evaluate(dataclasses.replace(shown, title="Portal"), order=order("PO-7001", at)).kind is PageKind.ORDER
    replaced = dataclasses.replace(shown, fields=(*FIELDS, ("Your number", "PO-7001")))
    assert evaluate(replaced, order=order("PO-7001", at), has_area=True).kind is PageKind.ORDER
    own = dataclasses.replace(shown, title="Order 55", headings=((1, "Order 55"),))
    assert evaluate(own, order=order("PO-7001", at), has_area=True).kind is PageKind.ORDER


def test_one_sighting_of_a_number_is_no_rule() -> None:
    """A position seen once makes others uncertain, not wrong."""
    found = evaluate(facts(headings=((1, "Order PO-1234"),)), experienced(1))
    assert (found.kind, found.certain) == (PageKind.ORDER, False)


def test_the_same_words_for_two_orders_are_no_order() -> None:
    """An error text with status 200 is recognised at the second order."""
    known = memories.PortalMemory()
    one, two = order("PO-7001"), order("PO-7002", f"{P}/orders/56")
    pages = {one: bare(signature=frozenset("ab")), two: bare(asked=two.url, signature=frozenset("ab"))}
    first = evaluate(pages[one], known, order=one)
    assert not first.certain
    recognition.learn(known, pages[one], one, first)
    second = evaluate(pages[two], known, order=two)
    assert second.kind is PageKind.NOT_RECOGNISED
    recognition.learn(known, pages[two], two, second)
    assert evaluate(pages[one], known, order=one).kind is PageKind.NOT_RECOGNISED


def test_orders_that_differ_in_numbers_alone_are_told_by_their_own_id() -> None:
    """A labelled field with the record's id is not an error's text."""
    known = experienced()
    known.note_text("PO-1", "t-order")
    assert evaluate(facts(fields=(*FIELDS, ("Id", "55"))), known).kind is PageKind.ORDER
    assert evaluate(facts(), known).kind is PageKind.NOT_RECOGNISED


def test_orders_that_waited_are_evaluated_again_with_what_came_later() -> None:
    """The same facts from JSON are decided once an order with strong evidence is known."""
    kept = facts().to_json()
    assert not evaluate(page_facts.from_json(kept)).certain
    later = evaluate(page_facts.from_json(kept), experienced())
    assert (later.kind, later.certain) == (PageKind.ORDER, True)


def test_another_orders_page_after_a_redirect_teaches_nothing() -> None:
    """It is not learned as the portal's error page."""
    known = memories.PortalMemory()
    led = facts(url=f"{P}/orders/56", headings=((1, "Order PO-7002"),))
    recognition.learn(known, led, order(), evaluate(led, known))
    mine = facts(headings=((1, "Order PO-7001"),))
    recognition.learn(known, mine, order(), evaluate(mine, known), has_area=True)
    assert known.most_like_other(ORDER_MAKE) == (0.0, None)
    assert evaluate(facts(text_hash="x"), known).kind is PageKind.ORDER


@pytest.mark.parametrize(
    ("url", "number", "siblings", "part"),
    [
        ("/orders/77", "PO-1", (), "77"),
        ("/orders/PO-77/view", "PO-77", (), "PO-77"),
        ("/order?id=77&lang=en", "PO-1", (), "77"),
        ("/order?page=2&id=77", "PO-1", (), "77"),
        ("/v2/orders/blue", "PO-1", (), "blue"),
        ("/#/orders/77", "PO-1", (), "77"),
        ("/#!/orders?id=77", "PO-1", (), "77"),
        ("/app#id=77", "PO-1", (), "77"),
        ("/S/Orders('4500')/Files", "PO-1", (), "4500"),
        ("/orders/77.html", "PO-1", (), "77"),
        ("/c/5/orders/77", "PO-1", ("/c/5/orders/78", "/c/6/orders/79"), "77"),
        ("/77/orders/5", "PO-1", ("/78/orders/5", "/79/orders/5"), "77"),
        ("/o/abc", "PO-1", ("/o/def",), "abc"),
        ("/o/6fa459ea-ee8a-3ca4-894e-db77e160355e", "PO-1", (), "6fa459ea-ee8a-3ca4-894e-db77e160355e"),
        ("/", "PO-1", (), ""),
    ],
)
def test_the_records_own_part_of_an_address(url: str, number: str, siblings: tuple[str, ...], part: str) -> None:
    """It is the PO number, what varies among orders, or what looks like an id."""
    assert record_address.record_part(P + url, number, [P + one for one in siblings]) == part


@pytest.mark.parametrize(
    ("url", "keeps"),
    [
        ("/order/5512", True),
        ("/order/5512-blue-pens", True),
        ("/x?order=5512", True),
        ("/#/o/5512/files", True),
        ("/o/O%2F5512", True),
        ("/o/5512.html", True),
        ("/login?next=/order/5512", False),
        ("/home", False),
        ("/login?next=%2Forder%2F5512", False),
        ("/orders/55123", False),
        ("/orders?page=5512", False),
        ("/a/15512", False),
        ("/login?ReturnUrl=https%3A%2F%2Fp.example%2Forder%2F5512", False),
    ],
)
def test_an_address_keeps_the_record(url: str, keeps: bool) -> None:
    """The id is a separate part, not inside a longer number or a return address."""
    assert record_address.keeps_record(P + url, "5512") is keeps


@pytest.mark.parametrize(
    ("text", "number", "shows"),
    [
        ("Order PO-123", "PO-123", True),
        ("Order PO 123", "PO-123", True),
        ("Order 123", "PO-123", True),
        ("PO00123", "PO-123", True),
        ("#123", "123", True),
        ("PO-2024/00123", "PO-2024-123", False),
        ("PO-2024/00123", "PO-2024-00123", True),
        ("4500 012 345", "4500012345", True),
        ("PO-1234", "PO-123", False),
        ("PO-0123-4", "PO-123", False),
        ("INV-123", "PO-123", False),
        ("Total 123.00", "PO-123", False),
        ("123 %", "PO-123", False),
        ("Order 7 of 12", "PO-7", False),
        ("PO-7: 12 items", "PO-7", True),
        ("Order 7", "PO-7", True),
        ("Bestellung 4500012345 vom 1.2.2024", "4500012345", True),
        ("ALPHA", "ALPHA", True),
        ("ALPHABET", "ALPHA", False),
        ("", "PO-1", False),
        ("\uff30\uff2f-\uff11\uff12\uff13", "PO-123", True),
    ],
)
def test_numbers_are_compared_without_prefix_separators_and_zeros(text: str, number: str, shows: bool) -> None:
    """A short number counts only with its prefix or alone."""
    assert numbers.shows(text, number) is shows
    if shows:
        shape = numbers.template(text, number)
        assert numbers.NUMBER in shape


def test_a_template_finds_the_number_in_its_place() -> None:
    """Other prefixes match; other surrounding words do not."""
    shape = numbers.template("Order PO-123 | Portal", "PO-123")
    assert numbers.filled("Order PO-456 | Portal", shape) == "PO-456"
    assert numbers.filled("Order 456 | Portal", shape) == "456"
    assert numbers.filled("Orders of PO-456 | Portal", shape) == ""


@pytest.mark.parametrize(
    ("heading", "field"),
    [("Attachments (1)", ("Items", "1")), ("1 attachment", ("Revision", "01")), ("Line 1", ("Page", "1"))],
)
def test_a_count_is_not_where_a_portal_shows_its_numbers(heading: str, field: tuple[str, str]) -> None:
    """A count of 1 on the page of order 1 is recognised as a count by the page of order 2."""
    known = memories.PortalMemory()
    first = facts(headings=((1, "Purchase order"), (2, heading)), fields=(field,), signature=("a", "b"))
    one = models.PurchaseOrder(models.OrderKey("PO-1"), "PO-1", first.asked)
    found = recognition.recognize(first, one, known, other_orders={"2"}.__contains__, has_area=True)
    recognition.learn(known, first, one, found, has_area=True)
    two = models.PurchaseOrder(models.OrderKey("PO-2"), "PO-2", first.asked)
    again = recognition.recognize(first, two, known, other_orders={"1"}.__contains__, has_area=True)
    assert again.kind is PageKind.ORDER
    assert recognition.number_positions(first, "PO-1") == ()
    assert recognition.number_positions(facts(headings=((1, "Order PO-1"),)), "PO-1") == ("h1 order \ufffc",)


def test_facts_are_values() -> None:
    """Facts are immutable, and invalid ones are refused."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        facts().title = "x"  # type: ignore[misc]
    for text in ("", "[]", "{}", '{"headings": 1}', "null"):
        with pytest.raises(ValueError, match=r"."):
            page_facts.from_json(text)
