"""Keys of orders, runs and workers, and how names are compared."""

from __future__ import annotations

import unicodedata
from typing import NewType

OrderKey = NewType("OrderKey", str)
"""A normalised PO number: identifies a purchase order everywhere."""

RunId = NewType("RunId", str)
"""Names one run in the journal, the log file and the results, e.g. ``20261125-113815-4f2a``."""

WorkerId = NewType("WorkerId", str)
"""Names a worker and its context, e.g. ``w1``."""


def order_key(po_number: str) -> OrderKey:
    """Normalises a PO number: NFC, surrounding and repeated white space removed, case-sensitive.

    Case-sensitive because numbers of two portals may differ only in case; the journal gives their folders different
    names.
    """
    return OrderKey(" ".join(unicodedata.normalize("NFC", po_number).split()))


def folded(name: str) -> str:
    """A name as file systems may compare it: Unicode-normalised, case-folded."""
    # Upper case first: only so a dotless i equals I. Case folding can undo the normal form.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).upper().casefold())


def is_numbered(name: str, stem: str) -> bool:
    """Whether a folder's name is this stem, or this one with a number (`~2`) because another order has it."""
    base, _, number = name.rpartition("~")
    return name == stem or (base == stem and number.isascii() and number.isdecimal())
