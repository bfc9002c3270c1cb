"""The amounts of a list: which columns hold amount and currency, and what a row's cells say. Pure."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from po_pw.orders import amounts, headers

if TYPE_CHECKING:
    from collections.abc import Sequence

_CURRENCY: Final = frozenset({"currency", "currencycode", "amountcurrency", "ccy", "curr"})


@dataclasses.dataclass(frozen=True, slots=True)
class Money:
    """An amount with its currency."""

    value: Decimal
    currency: str
    """Code or symbol; `""` if the list does not say."""


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """Indexes of a list's columns for amount and currency, from 0; -1 if there is none."""

    amount: int
    currency: int

    @classmethod
    def of(cls, columns: Sequence[str]) -> Columns:
        """Finds them: the amount as reading the list does, else the first column that has `amount` in its name."""
        known = headers.ColumnMap.of(columns)
        plain = [headers.bare(name) for name in columns[: headers.hierarchy(columns)]]
        currency = next((index for index, name in enumerate(plain) if name in _CURRENCY), -1)
        named = (index for index, name in enumerate(plain) if "amount" in name and index != currency)
        return cls(known.amount if known.amount >= 0 else next(named, -1), currency)

    def text(self, cells: Sequence[str]) -> str:
        """The amount as the list has it; `""` if there is none."""
        return cells[self.amount].strip() if 0 <= self.amount < len(cells) else ""

    def money(self, cells: Sequence[str]) -> Money | None:
        """A row's amount; None if there is none, or if it cannot be read with certainty (`1,234`)."""
        text = self.text(cells)
        value = amounts.parse(text)
        if not isinstance(value, Decimal) or amounts.is_ambiguous(text):
            return None
        beside = cells[self.currency].strip() if 0 <= self.currency < len(cells) else ""
        return Money(value, amounts.currency(text) or beside.upper())
