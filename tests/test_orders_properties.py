"""Whatever text is in cells comes back, and whatever bytes are in a file, it is rows or one clear message."""

from __future__ import annotations

import csv
import io
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from po_pw import errors, models
from po_pw.orders import amounts, read, separated

FIXTURES = Path(__file__).parent.parent / "fixtures" / "orders"

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
plain = st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=12)


def opened(content: bytes, **more: str) -> read.OrderTable:
    """A table from a file of these bytes; the file lives on until the next call."""
    path = Path(tempfile.gettempdir()) / f"po-pw-property-{id(opened)}.csv"
    try:
        path.write_bytes(content)
        table = read.open_table(path, **more)  # type: ignore[arg-type]
        return table
    finally:
        KEPT.append(path)


KEPT: list[Path] = []
