"""Amounts as people write them, to decimals. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_NOISE: Final = re.compile(r"(?i)^(?:[a-z]{1,3}\.?|[\$€£¥₹₽₩₺₴₪฿])+|(?:[a-z]{1,3}\.?|[\$€£¥₹₽₩₺₴₪฿])+$|R\$")
_SPACES: Final = re.compile(r"[\s\u00a0\u202f'\u2019]")
_GROUPED: Final = re.compile(r"\d{1,3}([.,])\d{3}(?:\1\d{3})*$")


def parse(text: str) -> Decimal | str | None:
    """A decimal; the text itself where it cannot be read as one; None where there is none.

    Both separators are understood: the one that comes last is the decimal one. A single separator followed by exactly
    three digits is taken for thousands (`1,234` is one thousand two hundred thirty-four), as invoices write it, unless
    the number before it is 0. Parentheses and a trailing minus mean negative.
    """
    stripped = text.strip()
    if not stripped:
        return None
    digits = stripped
    negative = False
    if digits.startswith("(") and digits.endswith(")"):
        digits, negative = digits[1:-1].strip(), True
    digits = _NOISE.sub("", digits).strip()
    if digits.endswith("-"):
        digits, negative = digits[:-1].strip(), not negative
    if digits.startswith(("-", "\u2212", "+")):
        negative = negative != (digits[0] != "+")
        digits = digits[1:]
    digits = _NOISE.sub("", digits.strip()).strip()
    digits = _SPACES.sub("", digits)
    number = _plain(digits)
    if number is None:
        return stripped
    value = Decimal(number)
    return -value if negative else value


def _plain(digits: str) -> str | None:
    """Digits with at most one point; None where it is no number."""
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        thousands, decimal = (".", ",") if comma > point else (",", ".")
        whole, _, fraction = digits.rpartition(decimal)
        if decimal in whole or not re.fullmatch(rf"\d{{1,3}}(?:\{thousands}\d{{3}})+", whole):
            return None
        digits = f"{whole.replace(thousands, '')}.{fraction}"
    elif comma >= 0 or point >= 0:
        separator = "," if comma >= 0 else "."
        if _GROUPED.fullmatch(digits) and not digits.startswith("0") and (separator == "," or digits.count(".") > 1):
            digits = digits.replace(separator, "")
        elif digits.count(separator) == 1:
            digits = digits.replace(separator, ".")
        else:
            return None
    return digits if re.fullmatch(r"\d+(?:\.\d+)?", digits, re.ASCII) else None
