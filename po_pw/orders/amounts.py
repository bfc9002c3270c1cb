"""Parses amounts as people write them. Pure."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Final

_MAX_CHARS: Final = 64
_CODES: Final = (
    "AED",
    "ARS",
    "AUD",
    "BGN",
    "BHD",
    "BRL",
    "CAD",
    "CHF",
    "CLP",
    "CNY",
    "COP",
    "CZK",
    "DKK",
    "EGP",
    "EUR",
    "GBP",
    "HKD",
    "HUF",
    "IDR",
    "ILS",
    "INR",
    "ISK",
    "JPY",
    "KRW",
    "KWD",
    "KZT",
    "MAD",
    "MXN",
    "MYR",
    "NGN",
    "NOK",
    "NZD",
    "OMR",
    "PEN",
    "PHP",
    "PKR",
    "PLN",
    "QAR",
    "RMB",
    "RON",
    "RSD",
    "RUB",
    "SAR",
    "SEK",
    "SGD",
    "THB",
    "TND",
    "TRY",
    "TWD",
    "UAH",
    "USD",
    "VND",
    "ZAR",
)
_NAMES: Final = ("kr.", "kr", "zł", "kč", "fr.", "sfr.", "rs.", "ft", "lei", "rp", "r")
_CURRENCY: Final = "|".join([r"(?:A|C|CA|HK|NT|NZ|R|S|US)?\$", *(re.escape(name) for name in (*_CODES, *_NAMES))])
_BEFORE: Final = re.compile(rf"(?:{_CURRENCY})(?![^\W\d_])\s*", re.IGNORECASE)
_AFTER: Final = re.compile(rf"\s*(?<![^\W\d_])(?:{_CURRENCY})\Z", re.IGNORECASE)
_SPACES: Final = re.compile(r"(?<=\d)[\s'\u2019\u02bc](?=\d{3}(?!\d))")
_CODE: Final = re.compile(rf"(?:{'|'.join(_CODES)})", re.IGNORECASE)
_OF_THE_NUMBER: Final = re.compile(r"[\d\s.,'()+\-\u2019\u02bc\u2212\u2013\u2014]")
_SYMBOLS: Final = {
    "€": "EUR",
    "A$": "AUD",
    "C$": "CAD",
    "CA$": "CAD",
    "HK$": "HKD",
    "NZ$": "NZD",
    "R$": "BRL",
    "US$": "USD",
}
"""Symbols that mean one currency; others, such as $ and kr, are used for several."""
_COMMA_OR_POINT: Final = re.compile(r"[^\d]*[1-9]\d{0,2}[.,]\d{3}[^\d]*", re.ASCII)
_NO_CENTS: Final = re.compile(r"(?<=\d)[.,][-\u2013\u2014]{1,2}\Z")
_MINUS: Final = ("-", "\u2212", "\u2013")


def parse(text: str) -> Decimal | str | None:
    """Parses an amount to a decimal; returns the text itself if it is not one, None if it is empty.

    - With both a comma and a point, the last one is the decimal separator: `1,234.56` and `1.234,56` are the same.
    - One that occurs twice or more is a thousands separator: `1.234.567`.
    - A single comma before exactly three digits is a thousands separator (`1,234` is one thousand two hundred and
      thirty-four; `0,125` is not), else the decimal separator (`12,5`).
    - A single point is always the decimal separator (`1.234` is a little more than one), as programs write it.
    - Spaces and apostrophes separate thousands. Parentheses, or a minus before or after, make it negative.
    - A currency symbol, code or abbreviation may come before or after. `12,-` is twelve.
    """
    stripped = text.strip()
    if not stripped:
        return None
    if len(stripped) > _MAX_CHARS:
        return stripped
    rest, negative = stripped, False
    if rest.startswith("(") and rest.endswith(")"):
        rest, negative = rest[1:-1].strip(), True
    signs = 0
    rest = _without_currency(rest)
    if rest.startswith((*_MINUS, "+")):
        signs, negative, rest = 1, negative or rest[0] != "+", rest[1:].lstrip()
    rest = _NO_CENTS.sub("", _without_currency(rest))
    if rest.endswith(_MINUS):
        signs, negative, rest = signs + 1, True, _without_currency(rest[:-1].rstrip())
    number = _plain(_SPACES.sub("", rest))
    if number is None or signs > 1:
        return stripped
    return -Decimal(number) if negative else Decimal(number)


def currency(text: str) -> str:
    """The currency in an amount: its code, else its symbol; `""` if there is none."""
    if not isinstance(parse(text), Decimal):
        return ""
    if code := _CODE.search(text):
        return code[0].upper()
    symbol = _OF_THE_NUMBER.sub("", text)
    return _SYMBOLS.get(symbol.upper(), symbol)


def is_ambiguous(text: str) -> bool:
    """Whether an amount may be a thousand times larger or smaller than `parse` reads it: `1,234` and `1.234`."""
    return _COMMA_OR_POINT.fullmatch(text) is not None


def _without_currency(text: str) -> str:
    """Removes one currency at each end."""
    if text and unicodedata.category(text[0]) == "Sc":
        text = text[1:].lstrip()
    elif not text[:1].isdigit() and (found := _BEFORE.match(text)):
        text = text[found.end() :]
    if text[-1:].isdigit():
        return text
    if text and unicodedata.category(text[-1]) == "Sc" and not text[-2:-1].isalpha():
        return text[:-1].rstrip()
    return _AFTER.sub("", text)


def _plain(digits: str) -> str | None:
    """Digits with at most one point; None if it is not a number."""
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        thousands, decimal = (".", ",") if comma > point else (",", ".")
        integer, _, fraction = digits.rpartition(decimal)
        if not _grouped(integer, thousands):
            return None
        digits = f"{integer.replace(thousands, '')}.{fraction}"
    elif comma >= 0 or point >= 0:
        separator = "," if comma >= 0 else "."
        is_repeated = digits.count(separator) > 1
        if _grouped(digits, separator) and (is_repeated or (separator == "," and not digits.startswith("0"))):
            digits = digits.replace(separator, "")
        elif is_repeated:
            return None
        else:
            digits = digits.replace(separator, ".")
    return digits if re.fullmatch(r"\d+(?:\.\d+)?|\.\d+", digits, re.ASCII) else None


def _grouped(digits: str, separator: str) -> bool:
    """Whether the separator groups thousands, or Indian lakhs and crores."""
    mark = re.escape(separator)
    every_three, lakhs = rf"\d{{1,3}}(?:{mark}\d{{3}})+", rf"\d{{1,2}}(?:{mark}\d{{2}})+{mark}\d{{3}}"
    return re.fullmatch(every_three, digits) is not None or re.fullmatch(lakhs, digits) is not None
