"""The folders of a list's orders, by the user's layout. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from po_pw import models
from po_pw.orders import columns as column_names
from po_pw.orders import headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from po_pw import folder_layout


@dataclasses.dataclass(frozen=True, slots=True)
class ListLayout:
    """A layout whose fields are columns of one list."""

    layout: folder_layout.Layout
    indexes: Mapping[str, int]
    """Index of each field's column; -1 for a supplier that is only on the order's page."""

    @classmethod
    def of(
        cls, layout: folder_layout.Layout, columns: Sequence[str], fields: headers.ColumnMap, source: str
    ) -> ListLayout:
        """The layout for one list.

        Raises:
            InputError: it names a column that the list does not have.
        """
        indexes: dict[str, int] = {}
        for field in layout.fields:
            known = getattr(fields, field) if field in headers.FIELDS else -1
            if known >= 0 or field == "supplier":
                indexes[field] = known
            else:
                indexes[field] = column_names.find(
                    field, columns, fields, option=f"--layout {{{field}}}", source=source
                )
        return cls(layout, indexes)

    def folders(self, cells: Sequence[str], po_number: str, supplier: str) -> tuple[str, ...]:
        """The names of an order's folders, outermost first, not yet made safe; the last without its status.

        Where the row has no supplier, `models.PAGE_SUPPLIER` stands for the one that the page shows.

        Args:
            cells: of the row.
            po_number: of the order.
            supplier: of the order; may be empty.
        """
        fixed = {"po_number": po_number, "supplier": supplier or models.PAGE_SUPPLIER}

        def value(field: str) -> str:
            column = self.indexes.get(field, -1)
            return fixed[field] if field in fixed else " ".join(cells[column].split())

        return tuple(
            "".join(part.text + (value(part.field) if part.field else "") for part in level)
            for level in self.layout.levels
        )
