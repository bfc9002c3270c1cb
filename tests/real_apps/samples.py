"""Records and files of ours, the same for every application."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Final

from po_pw.demo import documents

ABSENT: Final = "PO-7099"
"""A record that does not exist."""
_KINDS: Final = {kind.value: kind for kind in documents.Kind}


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """A file."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """A record that an application is to hold."""

    number: str
    supplier: str
    files: tuple[Sample, ...]
    visible: bool = True
    """False where the user who signs in may not see it."""


def orders(*, same_names: bool, bare_names: bool) -> tuple[Order, ...]:
    """Records with 0, 1, 3 and 12 files, and one that may not be seen.

    Args:
        same_names: whether the application keeps two files of one name on one record.
        bare_names: whether it keeps files whose name has no extension.
    """
    bare = "README" if bare_names else "README.txt"
    twin = "invoice.pdf" if same_names else "invoice (2).pdf"
    return (
        Order("PO-7001", "Kruse KG", ()),
        Order("PO-7002", "Müller & Söhne", (_document("Rechnung Müller (1).pdf", 41_000),)),
        Order(
            "PO-7003",
            "Nordwind AB",
            (
                _document("delivery note 17.docx", 9_000),
                Sample(bare, b"Unload at gate 4. Ask for Mr Ola.\n" * 40),
                Sample("specification.html", _page("Specification of part 7003", 60)),
            ),
        ),
        Order(
            "PO-7004",
            "Société Générale du Câble",
            (
                _document("invoice.pdf", 30_000),
                _document(twin, 31_000, "the second invoice"),
                _document("Übersicht Größen.xlsx", 8_000),
                _document("photo of damage.png", 24_000),
                _document("big scan.pdf", 5_000_000),
                _document("notes.txt", 2_000),
                _document("terms and conditions (final).pdf", 22_000),
                _document("order signed.pdf", 12_000),
                _document("mail from supplier.msg", 18_000),
                Sample("items.csv", b"item;quantity;price\n1;200;3.50\n2;40;19.00\n"),
                _document("drawing 4711-B.pdf", 150_000),
                Sample("delete list.txt", b"Items 3 and 4 are no longer needed.\n" * 8),
            ),
        ),
        Order("PO-7005", "Confidential Ltd", (_document("salary agreement.pdf", 11_000),), visible=False),
    )


def _document(name: str, size: int, title: str = "") -> Sample:
    kind = _KINDS.get(name.rpartition(".")[2], documents.Kind.TEXT)
    document = documents.Document(kind, title or name, size, seed=sum(name.encode()))
    return Sample(name, b"".join(documents.blocks(document)))


def _page(title: str, lines: int) -> bytes:
    body = "".join(f"<p>Requirement {number}: as agreed.</p>\n" for number in range(1, lines + 1))
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>\n{body}</body></html>\n".encode()
