"""Makes the tenant's orders and their attachments. Pure: values in, values out."""

from __future__ import annotations

import dataclasses
import datetime
import random
from typing import Final

from po_pw.demo import documents
from po_pw.demo.catalogue import Delivery, ExpectedFile
from po_pw.demo.coupa.tenant_catalogue import (
    LINES_A_PAGE,
    Item,
    Note,
    NoteKind,
    Requisition,
    Source,
    TenantOrder,
    TenantSettings,
    Way,
)
from po_pw.demo.coupa.tenant_variants import EASY, OTHER_IDS, SCHEDULE, Variant
from po_pw.demo.documents import Kind

FIRST_NUMBER: Final = 4500101
"""Number of the first order."""
_OTHER_IDS_FROM: Final = 300_000
"""First id of pages whose id differs from the PO number."""
_REQUISITIONS_FROM: Final = 700_000
_MOST_ATTACHMENTS: Final = 100
"""Range of attachment numbers reserved for each order."""


_SUPPLIERS: Final = (
    "Brandt & Sohn Werkzeugbau GmbH",
    "Harbor Freight Lines, Inc.",
    "Metalúrgica São Bento Ltda.",
    "Zhejiang Fasteners Co.",
    "O'Hara Office Supply",
    "Żubr Opakowania sp. z o.o.",
)
_PREFIXES: Final = ("PO", "", "PM", "po")
"""Prefixes of PO numbers in users' lists."""
_KINDS: Final = {kind.value: kind for kind in Kind}
_ORDINARY: Final = (
    "Order confirmation.pdf",
    "Quotation.pdf",
    "Delivery schedule.xlsx",
    "Scope of work.docx",
    "RE Delivery date.msg",
    "Packing photo.png",
)
_AWKWARD: Final = (
    "Invoice (1).pdf",
    "Offer (final) (signed).pdf",
    "NDA__Brandt__2026.pdf",
    "Contract.docx.pdf",
    "Prices 2026, Müller & Söhne.xlsx",
    "Statement of work v2.docx",
    "FW_ Delivery date.msg",
    "Re_ Claim 100%.eml",
    "Photo #3.png",
)
_URL: Final = ("Product page of the supplier", "https://www.example.com/products/4711?view=full")
_TEXT: Final = ("Note for the supplier", "Please deliver to gate 3, between 8 and 12.")


def all_orders(settings: TenantSettings) -> tuple[TenantOrder, ...]:
    """All orders of a tenant, those in users' lists first. The same settings give the same orders."""
    listed = tuple(_order(settings, index) for index in range(settings.orders))
    return listed + tuple(_stranger(settings, order) for order in listed if order.variant in OTHER_IDS)


def _order(settings: TenantSettings, index: int) -> TenantOrder:
    schedule = EASY if settings.plain else SCHEDULE
    variant = schedule[index % len(schedule)]
    number = FIRST_NUMBER + index
    chance = random.Random(f"{settings.seed}/{index}")
    shelf = _Shelf(settings, index, chance)
    shelf.fill(variant)
    header_id = number + _OTHER_IDS_FROM if variant in OTHER_IDS else number
    return TenantOrder(
        po_number=f"{_PREFIXES[index % len(_PREFIXES)]}{number}",
        number=str(number),
        header_id=header_id,
        variant=variant,
        supplier=_SUPPLIERS[(index + settings.seed) % len(_SUPPLIERS)],
        amount=f"{chance.randrange(5_000, 9_000_000) / 100:,.2f}",
        date=datetime.date(2026, 1, 5) + datetime.timedelta(days=chance.randrange(300)),
        items=tuple(shelf.items),
        requisition=shelf.requisition,
        lines=max([shelf.lines, *(item.line for item in shelf.items)]),
        gone=frozenset(shelf.gone),
        unseen=1 if variant is Variant.CLAIMS_MORE else 0,
    )


def _stranger(settings: TenantSettings, like: TenantOrder) -> TenantOrder:
    """Another order that may be opened by mistake: by a search, or if the PO number is used as an id."""
    index = settings.orders + int(like.number) - FIRST_NUMBER
    shelf = _Shelf(settings, index, random.Random(f"{settings.seed}/{index}"))
    shelf.put("Not yours.pdf", way=Way.DATA)
    taken = like.variant is Variant.OTHER_ID_TAKEN
    return dataclasses.replace(
        like,
        po_number=f"{like.number}7",
        number=f"{like.number}7",
        header_id=int(like.number) if taken else like.header_id + 100_000,
        variant=Variant.HEADER_DATA,
        items=tuple(shelf.items),
        requisition=None,
        listed=False,
    )


class _Shelf:
    """Collects the attachments of one order and its requisition."""

    def __init__(self, settings: TenantSettings, index: int, chance: random.Random) -> None:
        self._settings = settings
        self._index = index
        self._next = (index + _MOST_ATTACHMENTS) * _MOST_ATTACHMENTS
        self._chance = chance
        self.items: list[Item] = []
        self.requisition: Requisition | None = None
        self.lines = chance.randrange(1, LINES_A_PAGE)
        self.gone: set[int] = set()

    def put(
        self,
        name: str,
        source: Source = Source.ORDER,
        way: Way = Way.LINK,
        line: int = 0,
        delivery: Delivery = Delivery.ATTACHMENT,
    ) -> ExpectedFile:
        """Adds a file; its extension determines its kind."""
        number = self._number()
        typical = self._settings.file_bytes
        size = typical + self._chance.randrange(-(typical // 3), typical // 3 + 1)
        kind = _KINDS[name.rpartition(".")[2].lower()]
        document = documents.Document(kind, f"{name} {number}", size, self._settings.seed * 1_000_003 + number)
        file = ExpectedFile(number, name, document, delivery)
        self.items.append(Item(file, source, way, line))
        return file

    def again(self, file: ExpectedFile, source: Source, way: Way) -> None:
        """Adds the same attachment in another section."""
        self.items.append(Item(file, source, way))

    def copy(self, file: ExpectedFile, source: Source, way: Way) -> None:
        """Adds another attachment with the same name and bytes."""
        self.items.append(Item(dataclasses.replace(file, number=self._number()), source, way))

    def note(self, source: Source = Source.ORDER) -> None:
        """Adds an address and a text."""
        for kind, (name, content) in ((NoteKind.URL, _URL), (NoteKind.TEXT, _TEXT)):
            self.items.append(Item(Note(self._number(), kind, name, content), source))

    def ordinary(self, count: int, source: Source, way: Way = Way.LINK) -> None:
        """Adds typical files, each with another name."""
        for place in range(count):
            self.put(_ORDINARY[(self._index + place) % len(_ORDINARY)], source, way)

    def request(self, *names: str) -> None:
        """Adds a requisition with these files: the first in its header, the others in its comments."""
        kept, self.items = self.items, []
        for place, name in enumerate(names):
            self.put(name, Source.REQUISITION, Way.LINK if place else Way.CLICK)
        self.requisition = Requisition(_REQUISITIONS_FROM + self._index, tuple(self.items))
        self.items = kept

    def _number(self) -> int:
        self._next += 1
        return self._next

    def fill(self, variant: Variant) -> None:
        """Adds all attachments of an order of this variant."""
        match variant:
            case Variant.HEADER_CLICK | Variant.IN_PORTUGUESE | Variant.UNAVAILABLE_ONCE:
                self.ordinary(2, Source.ORDER, Way.CLICK)
            case Variant.HEADER_DATA | Variant.NOTICE | Variant.STALE_ADDRESS | Variant.CLAIMS_MORE:
                self.ordinary(2, Source.ORDER, Way.DATA)
            case Variant.HEADER_TAB:
                self.put("Quotation.pdf", Source.ORDER, Way.TAB)
            case Variant.HEADER_INLINE:
                self.put("Packing photo.png", Source.ORDER, Way.CLICK, delivery=Delivery.INLINE)
                self.put("Drawing.pdf", Source.ORDER, Way.DATA, delivery=Delivery.INLINE)
            case Variant.COMMENTS | Variant.REDRAWN | Variant.CUSTOM_VIEW:
                self.ordinary(3, Source.COMMENT)
            case Variant.BOTH_WIDGETS:
                self.again(self.put("Quotation.pdf", Source.ORDER, Way.DATA), Source.COMMENT, Way.LINK)
                self.put("Drawing.pdf", Source.ORDER, Way.DATA)
                self.put("Delivery note.pdf", Source.COMMENT)
            case Variant.CLICK_AND_LINK:
                self.again(self.put("Order confirmation.pdf", Source.ORDER, Way.CLICK), Source.COMMENT, Way.LINK)
                self.put("Scope of work.docx", Source.COMMENT)
            case Variant.SAME_NAME:
                self.put("Invoice.pdf", Source.ORDER, Way.CLICK)
                self.put("Invoice.pdf", Source.COMMENT)
            case Variant.ATTACHED_TWICE:
                self.copy(self.put("Certificate.pdf", Source.COMMENT), Source.COMMENT, Way.LINK)
                self.copy(self.put("Test report.pdf", Source.ORDER, Way.CLICK), Source.COMMENT, Way.LINK)
                self.copy(self.put("Declaration.pdf", Source.ORDER, Way.DATA), Source.COMMENT, Way.LINK)
            case Variant.AWKWARD:
                for place, name in enumerate(_AWKWARD):
                    self.put(name, *((Source.COMMENT, Way.LINK) if place % 2 else (Source.ORDER, Way.CLICK)))
            case Variant.LINES | Variant.LINES_FOLDED | Variant.LINES_LATE:
                self._on_lines(1, 2)
            case Variant.PAGED_LINES | Variant.PAGED_LINES_JSON:
                self.lines = 2 * LINES_A_PAGE + 2
                self._on_lines(2, LINES_A_PAGE + 1, self.lines)
            case Variant.EVERYWHERE | Variant.IN_GERMAN:
                self.put("Order confirmation.pdf", Source.ORDER, Way.CLICK)
                self.put("RE Delivery date.msg", Source.COMMENT)
                self._on_lines(1)
            case Variant.LATE:
                self.ordinary(1, Source.ORDER, Way.DATA)
                self.put("Answer of the supplier.eml", Source.COMMENT)
            case Variant.URL_AND_TEXT:
                self.put("Drawing.pdf", Source.ORDER, Way.DATA)
                self.note()
                self.note(Source.COMMENT)
            case Variant.ONLY_URL:
                self.note()
            case Variant.FLOATING_BAR:
                self.put("Quotation.pdf", Source.ORDER, Way.CLICK)
            case Variant.FILE_GONE:
                self.gone.add(self.put("Old offer.pdf", Source.ORDER, Way.DATA).number)
                self.put("Offer.pdf", Source.ORDER, Way.DATA)
            case _:
                self._with_requisition(variant)

    def _on_lines(self, *lines: int) -> None:
        for line in lines:
            self.put(f"Data sheet {line}.pdf", Source.LINE, Way.LINK if line > LINES_A_PAGE else Way.DATA, line)

    def _with_requisition(self, variant: Variant) -> None:
        match variant:
            case Variant.REQUISITION:
                self.request("Approved quotation.pdf", "Cost estimate.xlsx")
            case Variant.REQUISITION_ADDED:
                self.put("RE Delivery date.msg", Source.COMMENT)
                self.put("Delivery schedule.xlsx", Source.ORDER, Way.DATA)
                self.request("Approved quotation.pdf")
            case Variant.REQUISITION_UNASKED:
                self.put("Order confirmation.pdf", Source.ORDER, Way.DATA)
                self.request("Internal calculation.pdf")
            case Variant.REQUISITION_EMPTY:
                self.request()
            case Variant.OTHER_ID | Variant.OTHER_ID_TAKEN:
                self.ordinary(2, Source.ORDER, Way.CLICK)
