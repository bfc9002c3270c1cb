"""The amounts of a list: which columns have the amounts and currencies, and what a row's cells say. Pure."""

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
    more: tuple[int, ...] = ()
    """Other columns with amounts, whose currency is not known."""

    @classmethod
    def of(cls, columns: Sequence[str]) -> Columns:
        """Finds them: the amount as reading the list does, else the first column that has `amount` in its name."""
        known = headers.ColumnMap.of(columns)
        plain = [headers.bare(name) for name in columns[: headers.hierarchy(columns)]]
        currency = next((index for index, name in enumerate(plain) if name in _CURRENCY), -1)
        named = [index for index, name in enumerate(plain) if "amount" in name and index != currency]
        amount = known.amount if known.amount >= 0 else next(iter(named), -1)
        return cls(amount, currency, tuple(index for index in named if index != amount))

    def text(self, cells: Sequence[str]) -> str:
        """The amount as the list has it; `""` if there is none."""
        return cells[self.amount].strip() if 0 <= self.amount < len(cells) else ""

    def money(self, cells: Sequence[str]) -> Money | None:
        """A row's amount; None if there is none, or if it cannot be read with certainty (`1,234`)."""
        text = self.text(cells)
        value = number(text)
        if value is None:
            return None
        beside = cells[self.currency].strip() if 0 <= self.currency < len(cells) else ""
        return Money(value, amounts.currency(text) or beside.upper())


def number(text: str) -> Decimal | None:
    """The number that a text means; None if it is none, or may be one a thousand times larger or smaller."""
    value = amounts.parse(text)
    return value if isinstance(value, Decimal) and not amounts.is_ambiguous(text) else None
