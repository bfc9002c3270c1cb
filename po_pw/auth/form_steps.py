"""Recognises what a sign-in page asks for: a user name, a password, a one-time code, whether to stay signed in. Pure.

The page's structure shows it in any language: how a field is declared (`autocomplete`, HTML Standard, 4.10.18.7), its
type, its keyboard, its length, whether it is the only one, and what was asked before. Only "Stay signed in?" needs
words: a page with only buttons may also ask the user to accept something, which a person must answer.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import TYPE_CHECKING, Final

import pydantic

from po_pw.portals.generic import page_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_CODE: Final = 10
"""Maximum characters of a field made for a code."""
_BOXES: Final = 4
"""Minimum number of one-character fields that together are one code."""
_FEW: Final = 5
"""Maximum links and buttons that a sign-in page has in addition to those of the pages before it: to send the code, to
get another one, to choose another method, to cancel. The portal's own pages have more."""
_USER_NAME: Final = re.compile(
    r"user|login|logon|e-?mail|account|identifier|benutzer|usuario|utilisateur|usager|utente|gebruiker", re.IGNORECASE
)
_SEARCH_NAME: Final = re.compile(r"(?i)q|query|search|s|term|keywords?|find|suche|filter")
_STAYS_BY_NAME: Final = re.compile(
    r"(?i)kmsi|(?:stay|keep[-_ ]?(?:me)?)[-_ ]?(?:signed|logged)|remember[-_ ]?(?:me|device|browser|login)"
)
_STAYS: Final = re.compile(
    r"(?i)\b(?:stay|keep me|remain) (?:signed|logged)[ -]?in|remember this (?:device|browser|computer)|"
    r"(?:angemeldet|eingeloggt) bleiben|(?:rester|maintenir) (?:la )?connect|permanecer (?:conect|ligad)|"
    r"(?:mantener|manter)\b.*\b(?:sesi|sess|conect)|continuar (?:conectad|com sess)|(?:rimaner|restar)e conness|"
    r"(?:aangemeld|ingelogd) blijven|förbli inloggad|(?:forbliv|forblive) logget|forbli (?:p[åa]|inn)?logget|"
    r"pysy\w* (?:sisään)?kirjautun|pozosta\w* zalogowan|zůstat přihláš|zostať prihlás|bejelentkezve marad|"
    r"rămân\w* (?:conectat|autentificat)|oturum\w* açık|оста\w+ в системе|залиш\w+ в системі|"  # noqa: RUF001
    r"παραμ\w+ (?:σε σύνδεση|συνδεδεμέν)|(?:サインイン|ログイン)の?(?:状態|した(?:まま|状態))|로그인 상태|保持登[录入]"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A visible text field."""

    type: str
    """`text`, `email`, `tel`, `number`, `url`, `search` or `password`."""
    autocomplete: str = ""
    name: str = ""
    """Its name and id, separated by a space."""
    numeric: bool = False
    """Made for digits, by its keyboard, type or pattern."""
    longest: int = 0
    """Maximum characters; 0 if not given."""
    form: int = -1
    """Number of its form; -1 if it is in none."""
    posts: bool = False
    """Its form is sent by POST."""
    searches: bool = False
    """It is declared as a search field."""


@dataclasses.dataclass(frozen=True, slots=True)
class Button:
    """A visible button."""

    label: str
    name: str = ""
    form: int = -1
    sends: bool = False
    """It submits its form."""


@dataclasses.dataclass(frozen=True, slots=True)
class FormPage:
    """What one document asks for."""

    fields: tuple[Field, ...] = ()
    buttons: tuple[Button, ...] = ()
    spoken: tuple[str, ...] = ()
    """Title, headings and labels."""
    links: tuple[str, ...] = ()
    """Texts of its links."""
    names: tuple[str, ...] = ()
    """Names, ids and addresses of forms, check boxes and hidden fields."""


_PAGE: Final = pydantic.TypeAdapter(FormPage)


class Asks(enum.Enum):
    """What a page asks for."""

    NOTHING = "nothing that a sign-in would"
    USER = "a user name"
    PASSWORD = "a password"  # noqa: S105 - a word
    NEW_PASSWORD = "a new password"  # noqa: S105
    CODE = "a one-time code"
    STAY = "whether to stay signed in"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """What to do next, as numbers of the page's fields and buttons; -1 for none."""

    asks: Asks
    user: int = -1
    password: int = -1
    code: tuple[int, ...] = ()
    """One field, or one for each character."""
    button: int = -1
    """The button to press if there is no field to press Enter in, or no form around it."""
    certain: bool = False
    """Whether no page of the portal itself looks like this."""


NOTHING: Final = Step(Asks.NOTHING)


def parse(raw: object) -> FormPage:
    """Makes a page from the result of `form_page.js`."""
    return _PAGE.validate_python(raw)


def offers(page: FormPage) -> frozenset[str]:
    """Texts of its links and buttons."""
    return frozenset((*page.links, *(one.label for one in page.buttons)))


def next_step(
    page: FormPage, done: frozenset[Asks], typed: frozenset[str] = frozenset(), before: frozenset[str] = frozenset()
) -> Step:
    """Decides what a page asks for.

    Args:
        page: as it is now.
        done: what was answered already, on this page or others.
        typed: names of the fields for user name and password: they are not for a code.
        before: texts of links and buttons on the pages already answered.
    """
    passwords = [index for index, one in enumerate(page.fields) if one.type == "password"]
    codes, certain = _code_fields(page, done, typed, before)
    if codes and (not passwords or Asks.PASSWORD in done):
        return Step(Asks.CODE, code=codes, button=_button(page, page.fields[codes[0]].form), certain=certain)
    passwords = [index for index in passwords if index not in codes]
    if len(passwords) > 1 or any("new-password" in page.fields[index].autocomplete for index in passwords):
        return Step(Asks.NEW_PASSWORD)
    if passwords:
        password = passwords[0]
        form = page.fields[password].form
        user = _user_beside(page, password, codes)
        return Step(Asks.PASSWORD, user, password, codes, _button(page, form), certain=True)
    user = _lone_user(page)
    if user >= 0:
        return Step(Asks.USER, user=user, button=_button(page, page.fields[user].form))
    if Asks.PASSWORD in done and (button := _stay_button(page)) >= 0:
        return Step(Asks.STAY, button=button, certain=_is_step(page, before))
    return NOTHING


def question(page: FormPage) -> str:
    """The heading or title of a page that asks for something else."""
    return next((said for said in (*page.spoken[1:], *page.spoken[:1]) if said), "")[:100]


def _code_fields(
    page: FormPage, done: frozenset[Asks], typed: frozenset[str], before: frozenset[str]
) -> tuple[tuple[int, ...], bool]:
    """The fields for a one-time code, and whether they cannot be for anything else.

    After the password, a field without any declaration is also taken for a code if it is the only field; but then the
    page may be the portal's own, with a search field.
    """
    declared = [index for index, one in enumerate(page.fields) if "one-time-code" in one.autocomplete]
    if declared:
        boxes = _boxes(page, page.fields[declared[0]].form)
        return tuple(boxes if declared[0] in boxes else declared[:1]), True
    if Asks.PASSWORD not in done:
        return (), False
    if any(map(page_facts.says_sign_out, offers(page))):
        return (), False
    for number in dict.fromkeys(one.form for one in page.fields):
        if boxes := _boxes(page, number):
            return tuple(boxes), True
        inside = [index for index, one in enumerate(page.fields) if one.form == number]
        if len(inside) != 1:
            continue
        field = page.fields[inside[0]]
        made_for_code = field.numeric or 0 < field.longest <= _LONGEST_CODE
        if field.type == "password" and not made_for_code:
            continue
        if _is_user_name(field) or (field.name and field.name in typed) or _is_search(field):
            continue
        others = [one for index, one in enumerate(page.fields) if index != inside[0] and not _is_search(one)]
        if made_for_code or not others:
            return tuple(inside), made_for_code or _is_step(page, before)
    return (), False


def _is_step(page: FormPage, before: frozenset[str]) -> bool:
    """Whether a page after the password belongs to the sign-in, not to the portal, by its links and buttons."""
    said = offers(page)
    return len(said - before) <= _FEW and not any(map(page_facts.says_sign_out, said))


def _boxes(page: FormPage, form: int) -> list[int]:
    """Consecutive fields of one character each."""
    found = [index for index, one in enumerate(page.fields) if one.form == form and one.longest == 1]
    return found if len(found) >= _BOXES else []


def _user_beside(page: FormPage, password: int, codes: Sequence[int]) -> int:
    """The user name field in a form with a password: by its name, else the first text field."""
    form = page.fields[password].form
    beside = [
        index
        for index, one in enumerate(page.fields)
        if one.form == form and one.type in {"text", "email", "tel"} and index not in codes and not _is_search(one)
    ]
    return next((index for index in beside if _is_user_name(page.fields[index])), beside[0] if beside else -1)


def _lone_user(page: FormPage) -> int:
    """The user name field of a form without a password: by its name, else the only field of the only POST form.

    Never a search field.
    """
    fitting = [
        index for index, one in enumerate(page.fields) if one.type in {"text", "email", "tel"} and not _is_search(one)
    ]
    if named := [index for index in fitting if _is_user_name(page.fields[index])]:
        return named[0]
    posting = [index for index in fitting if page.fields[index].posts]
    return posting[0] if len(posting) == len(fitting) == 1 else -1


def _is_user_name(field: Field) -> bool:
    declared = {"username", "webauthn", "email"} & set(field.autocomplete.split())
    return bool(declared) or field.type == "email" or _USER_NAME.search(field.name) is not None


def _is_search(field: Field) -> bool:
    return field.searches or field.type == "search" or any(_SEARCH_NAME.fullmatch(one) for one in field.name.split())


def _button(page: FormPage, form: int) -> int:
    """The button to press if no form submits what was typed: the only one outside of forms."""
    if form >= 0:
        return -1
    free = [index for index, one in enumerate(page.buttons) if one.form < 0]
    return free[0] if len(free) == 1 else -1


def _stay_button(page: FormPage) -> int:
    """The button that answers "Stay signed in?", yes or no: both continue. The submit button, if there is one."""
    said = [*page.spoken, *(one.label for one in page.buttons)]
    named = [*page.names, *(one.name for one in page.buttons)]
    if not any(map(_STAYS.search, said)) and not any(map(_STAYS_BY_NAME.search, named)):
        return -1
    fitting = [index for index, one in enumerate(page.buttons) if not page_facts.says_sign_out(one.label)]
    sending = [index for index in fitting if page.buttons[index].sends]
    return next(iter([*sending, *fitting]), -1)
