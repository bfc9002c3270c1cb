"""What a sign-in page asks for, by its structure, in any language. Nothing is typed or pressed on a guess."""

from __future__ import annotations

from typing import Any

import pytest

from po_pw.auth import form_steps
from po_pw.auth.form_steps import Asks, Button, Field, FormPage

USER = Field("text", name="identifier", form=0, posts=True)
PASSWORD = Field("password", name="f2", form=0, posts=True)
AFTER = frozenset({Asks.USER, Asks.PASSWORD})


def text(**more: Any) -> Field:
    return Field(**{"type": "text", "name": "f3", "form": 0, "posts": True, **more})


@pytest.mark.parametrize(
    ("page", "done", "asks"),
    [
        (FormPage((USER,)), frozenset(), Asks.USER),
        (FormPage((text(type="email"),)), frozenset(), Asks.USER),
        (FormPage((text(name="felhasznalo"),)), frozenset(), Asks.USER),  # the only field, and it is posted
        (FormPage((text(name="q", posts=False),)), frozenset(), Asks.NOTHING),
        (FormPage((text(posts=False),)), frozenset(), Asks.NOTHING),
        (FormPage((text(searches=True),)), frozenset(), Asks.NOTHING),
        (FormPage((text(name="a"), text(name="b", form=1))), frozenset(), Asks.NOTHING),
        (FormPage((USER, PASSWORD)), frozenset(), Asks.PASSWORD),
        (FormPage((PASSWORD,)), frozenset({Asks.USER}), Asks.PASSWORD),
        (FormPage((PASSWORD, PASSWORD)), frozenset(), Asks.NEW_PASSWORD),
        (FormPage((text(type="password", autocomplete="new-password"),)), frozenset(), Asks.NEW_PASSWORD),
        (FormPage((text(type="password", numeric=True, longest=6),)), frozenset({Asks.USER}), Asks.PASSWORD),  # a PIN
    ],
)
def test_names_and_passwords(page: FormPage, done: frozenset[Asks], asks: Asks) -> None:
    """A user name is recognised by its field's name, or as the only field that is posted; a search box is not."""
    assert form_steps.next_step(page, done).asks is asks


@pytest.mark.parametrize(
    ("field", "certain"),
    [
        (text(autocomplete="one-time-code"), True),
        (text(numeric=True), True),
        (text(longest=6), True),
        (text(type="password", numeric=True), True),
        (text(), True),
    ],
)
def test_a_code_is_told_by_structure(field: Field, certain: bool) -> None:
    """A code comes after the password, or before it only if the field says so."""
    search = Field("search", name="q", form=1)
    step = form_steps.next_step(FormPage((search, field)), AFTER)
    assert (step.asks, step.code, step.certain) == (Asks.CODE, (1,), certain)
    before = form_steps.next_step(FormPage((field,)), frozenset({Asks.USER}))
    assert (before.asks is Asks.CODE) is (field.autocomplete == "one-time-code")


def test_a_field_that_says_nothing_is_a_codes_where_the_page_offers_little_else() -> None:
    """An unnamed field is a code on a page with little else; a portal's own page has more links."""
    before = frozenset({"Súgó", "Adatvédelem", "English", "Deutsch", "Français"})
    step = FormPage((text(),), (Button("Tovább", form=0),), links=(*before, "Új kód", "Másik mód", "Mégse"))
    assert form_steps.next_step(step, AFTER, before=before).certain
    own = FormPage((text(),), (Button("Keres", form=0),), links=(*before, *(f"Menü {one}" for one in range(6))))
    found = form_steps.next_step(own, AFTER, before=before)
    assert (found.asks, found.certain) == (Asks.CODE, False)


def test_whether_to_stay_is_asked_by_a_page_that_offers_little_else() -> None:
    """A page with a way out is the portal's own, whatever it says about staying."""
    stay = FormPage((), (Button("Yes", form=0, sends=True), Button("No", form=0)), ("", "Stay signed in?"))
    assert form_steps.next_step(stay, AFTER).certain
    own = FormPage((), stay.buttons, stay.spoken, ("Sign out",))
    assert not form_steps.next_step(own, AFTER).certain


@pytest.mark.parametrize(
    ("page", "typed"),
    [
        (FormPage((text(),), links=("Abmelden",)), ""),  # the portal itself, with a field to find something
        (FormPage((text(numeric=True),), buttons=(Button("Log out"),)), ""),
        (FormPage((text(),)), "f3"),  # the user name is asked for again
        (FormPage((USER,)), ""),
        (FormPage((text(name="q"),)), ""),
        (FormPage((text(name="a"), text(name="b"))), ""),
        (FormPage((text(type="password", longest=8),)), "f3"),  # a short password, once more
        (FormPage((text(longest=1), text(longest=1))), ""),
    ],
)
def test_what_is_no_code(page: FormPage, typed: str) -> None:
    """The portal's own fields, and what was asked before, are no code."""
    assert form_steps.next_step(page, AFTER, frozenset({typed})).asks is not Asks.CODE


def test_a_code_in_boxes_and_a_code_beside_the_password() -> None:
    """One box per character is a code; three fields on one page are answered at once."""
    boxes = form_steps.next_step(FormPage(tuple(text(longest=1, name=f"b{one}") for one in range(6))), AFTER)
    assert boxes.code == (0, 1, 2, 3, 4, 5)
    code = text(autocomplete="one-time-code")
    step = form_steps.next_step(FormPage((text(name="cég"), USER, PASSWORD, code)), frozenset())
    assert (step.asks, step.user, step.password, step.code) == (Asks.PASSWORD, 1, 2, (3,))


STAY: Any = [
    "Stay signed in?",
    "Angemeldet bleiben?",
    "Rester connecté ?",
    "¿Quiere mantener la sesión iniciada?",
    "Continuar conectado?",
    "Rimanere connessi?",
    "Aangemeld blijven?",
    "Vill du förbli inloggad?",
    "Pysytäänkö kirjautuneena?",
    "Bejelentkezve marad?",
    "Oturumunuz açık kalsın mı?",  # noqa: RUF001
    "サインインの状態を維持しますか?",
    "로그인 상태를 유지하시겠습니까?",
    "保持登录状态?",
]


@pytest.mark.parametrize("said", STAY)
def test_stay_signed_in_is_answered(said: str) -> None:
    """The button that sends the form is pressed, only after the password."""
    page = FormPage((), (Button("Nem", form=0), Button("Igen", form=0, sends=True)), ("Azonosítás", said))
    assert form_steps.next_step(page, AFTER).button == 1
    assert form_steps.next_step(page, frozenset({Asks.USER})) == form_steps.NOTHING


def test_stay_signed_in_by_its_name_and_what_is_for_a_person() -> None:
    """A form with such a name is recognised in any language; terms and warnings are left to a person."""
    yes = Button("Ja", form=0, sends=True)
    assert form_steps.next_step(FormPage((), (yes,), names=("  /kmsi",)), AFTER).asks is Asks.STAY
    terms = FormPage((), (Button("Elfogadom", form=0, sends=True),), ("Azonosítás", "Feltételek"), names=("accept",))
    assert form_steps.next_step(terms, AFTER) == form_steps.NOTHING
    assert form_steps.question(terms) == "Feltételek"
    assert form_steps.question(FormPage(spoken=("Title",))) == "Title"


def test_a_form_without_a_form_is_sent_by_its_only_button() -> None:
    """Without a form element the only button is pressed; with several none is."""
    free = Field("password", name="p")
    assert form_steps.next_step(FormPage((free,), (Button("Tovább"),)), frozenset()).button == 0
    assert form_steps.next_step(FormPage((free,), (Button("Tovább"), Button("Vissza"))), frozenset()).button == -1
    assert form_steps.next_step(FormPage((PASSWORD,), (Button("Tovább", form=0),)), frozenset()).button == -1
