"""The orders of the generic portal: what their pages show, and the expected results. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import random
from typing import Final

from po_pw.demo import documents
from po_pw.demo.documents import Kind
from po_pw.demo.faults import Fault
from po_pw.demo.variants import LIST_WAYS, SCHEDULE, Variant

FIRST_NUMBER: Final = 1001
"""Number of the first order: PO-1001."""
_MOST_FILES: Final = 100
"""Range of file numbers reserved for each order."""
FILES_A_PAGE: Final = 3
"""Number of attachments that a `PAGED` order shows per page."""


@dataclasses.dataclass(frozen=True, slots=True)
class PortalSettings:
    """Settings of the generic portal.

    Raises:
        ValueError: a number is out of range.
    """

    orders: int = 40
    files_per_order: int = 3
    """Files of a normal order."""
    file_bytes: int = 20_000
    """Size of a typical file; sizes vary by a third around it."""
    large_bytes: int = 24 * 1024 * 1024
    """Size of the one large file."""
    latency: float = 0.15
    """Seconds until a page is sent."""
    file_latency: float = 0.05
    """Seconds until a file is sent."""
    list_way: str = ""
    """How lists are loaded, one of `LIST_WAYS`; `""`: they are part of the page."""
    list_delay: float = 0.0
    """Seconds after which they are loaded."""
    seed: int = 1
    plain: bool = False
    """True: every order has plain links only; for measurements."""
    username: str = "demo"
    password: str = "demo"  # noqa: S105 - public on purpose

    def __post_init__(self) -> None:
        if self.orders < 1 or not 0 <= self.files_per_order < _MOST_FILES or self.file_bytes < 1:
            msg = f"orders (from 1), files_per_order (0 to {_MOST_FILES - 1}) and file_bytes (from 1) are out of range"
            raise ValueError(msg)
        if self.list_way not in {"", *LIST_WAYS} or self.list_delay < 0 or (self.list_delay and not self.list_way):
            msg = f"list_way is one of {', '.join(LIST_WAYS)}, and list_delay its seconds, from 0"
            raise ValueError(msg)
        if self.latency < 0 or self.file_latency < 0:
            msg = "latency and file_latency are seconds, from 0"
            raise ValueError(msg)


class Delivery(enum.StrEnum):
    """How the portal sends a file."""

    ATTACHMENT = "ATTACHMENT"
    """`Content-Disposition: attachment` with `filename` and `filename*`."""
    ONLY_STAR = "ONLY_STAR"
    """Only with `filename*` (RFC 5987)."""
    UNNAMED = "UNNAMED"
    """`Content-Disposition: attachment` without a name, and no name on the page or in the address."""
    INLINE = "INLINE"
    """No `Content-Disposition`; the name is the last part of the address."""
    CHUNKED = "CHUNKED"
    """As ATTACHMENT, without `Content-Length`."""
    ELSEWHERE = "ELSEWHERE"
    """A redirect to another origin, with a signature that expires soon."""
    FORM = "FORM"
    """Only as the response to a posted form."""
    FORM_INLINE = "FORM_INLINE"
    """The same, without `Content-Disposition`."""
    SCRIPT = "SCRIPT"
    """A `blob:` that a script makes on a click, from data that it requests."""
    PAGE_INSTEAD = "PAGE_INSTEAD"
    """A page instead of the file, with status 200."""

    @property
    def posted(self) -> bool:
        """Whether a form is needed."""
        return self in {Delivery.FORM, Delivery.FORM_INLINE}


@dataclasses.dataclass(frozen=True, slots=True)
class ExpectedFile:
    """One file of an order."""

    number: int
    """Unique in the portal; part of the address."""
    name: str
    """As sent by the server and shown on the page; for `UNNAMED` the number."""
    document: documents.Document
    delivery: Delivery = Delivery.ATTACHMENT
    fault: Fault | None = None
    """Error of the first request."""

    @property
    def sha256(self) -> str:
        """Hexadecimal; computed on first use."""
        return documents.sha256(self.document)

    @property
    def size(self) -> int:
        """Bytes."""
        return documents.length(self.document)

    @property
    def media_type(self) -> str:
        """As sent by the server, without parameters."""
        return documents.MEDIA_TYPES[self.document.kind]


@dataclasses.dataclass(frozen=True, slots=True)
class DemoOrder:
    """One purchase order of the portal, and its expected result."""

    po_number: str
    supplier: str
    amount: str
    """As in the table of orders, e.g. `1,234.50`."""
    cents: int
    """The same, for calculations."""
    date: datetime.date
    variant: Variant
    path: str
    shown: tuple[ExpectedFile, ...]
    """All files the page shows, in its order."""
    addresses: tuple[tuple[str, str], ...]
    """Attachments that are only a link to another site: name on the page, and address."""
    expected_status: str
    expected_error: str | None
    list_way: str = ""
    """How the list is loaded late, one of `LIST_WAYS`; `""`: as in the variant."""
    list_delay: float = 0.0
    """Seconds after which the list is loaded."""

    @property
    def files(self) -> tuple[ExpectedFile, ...]:
        """The files that should end up on disk."""
        return tuple(file for file in self.shown if file.delivery is not Delivery.PAGE_INSTEAD)

    @property
    def about(self) -> str:
        """One line: what is special about it, and the reason for its result."""
        return self.variant.about


_SUPPLIERS: Final = (
    "Acme Industrial Supply",
    "Müller & Söhne GmbH",
    "Nordic Steel AB",
    "O'Brien / Partners Ltd.",
    "東京精密株式会社",
    "Łódź Components S.A.",
    "Contoso Packaging, Inc.",
    "Fournitures Générales SARL",
)
_ORDINARY: Final = (
    "Order confirmation.pdf",
    "Price list.xlsx",
    "Delivery note.pdf",
    "Photo of pallet.png",
    "Invoice.pdf",
    "RE Delivery date.msg",
    "Terms.txt",
    "Specification.docx",
)
_WITH_LIST: Final = frozenset(Variant) - {
    Variant.LATE,
    Variant.APPENDED,
    Variant.IFRAME,
    Variant.EXPANDER,
    Variant.PAGED,
}
"""Variants with the list in the page itself, unless the settings change that."""
_KINDS: Final = {kind.value: kind for kind in Kind}
_LONG_NAME: Final = "Minutes of the meeting about the minutes of the meeting, " * 4 + "final version (2).pdf"
_AWKWARD: Final = (
    ("Rechnung Müller №7 \u2013 発注書.pdf", Kind.PDF, Delivery.ATTACHMENT),
    ("CON.txt", Kind.TEXT, Delivery.ATTACHMENT),
    ("Remarks.txt...", Kind.TEXT, Delivery.ATTACHMENT),
    ("../../evil.txt", Kind.TEXT, Delivery.ATTACHMENT),
    ("Q1/Q2 prices.xlsx", Kind.XLSX, Delivery.ATTACHMENT),
    (_LONG_NAME, Kind.PDF, Delivery.ATTACHMENT),
    ("a:b*c?.pdf", Kind.PDF, Delivery.ATTACHMENT),
    ("invoice\u202efdp.png", Kind.PNG, Delivery.ATTACHMENT),  # shows as invoicegnp.pdf
    ("Contract.docx.pdf", Kind.PDF, Delivery.ATTACHMENT),
    ('He said "yes" 100%.txt', Kind.TEXT, Delivery.ATTACHMENT),
    ("見積書.pdf", Kind.PDF, Delivery.ONLY_STAR),
    ("", Kind.PDF, Delivery.UNNAMED),
)
_ADDRESSES: Final = (
    ("Supplier's product page", "https://www.example.com/products/4711?view=full"),
    ("Safety data sheet (web)", "https://www.example.org/safety/sds.html"),
)


def catalogue(settings: PortalSettings) -> tuple[DemoOrder, ...]:
    """All orders of a portal. With 40 orders or more every variant occurs; the same settings give the same orders."""
    return tuple(_order(settings, index) for index in range(settings.orders))


def _order(settings: PortalSettings, index: int) -> DemoOrder:
    variant = _variant(settings, index)
    po_number = f"PO-{FIRST_NUMBER + index}"
    chance = random.Random(f"{settings.seed}/{index}")
    cents = chance.randrange(5_000, 9_000_000)
    shown = _Shelf(settings, index, po_number, chance).filled(variant)
    status, error = variant.outcome
    if status == "COMPLETED" and not shown:
        status = "NO_ATTACHMENTS"  # a portal without files
    way, delay = variant.late
    if not way and variant in _WITH_LIST:
        way, delay = settings.list_way, settings.list_delay
    return DemoOrder(
        po_number=po_number,
        supplier=_SUPPLIERS[(index + settings.seed) % len(_SUPPLIERS)],
        amount=_amount(cents, chance.randrange(4)),
        cents=cents,
        date=datetime.date(2026, 1, 5) + datetime.timedelta(days=chance.randrange(300)),
        variant=variant,
        path=f"/orders/{po_number}",
        shown=shown,
        addresses={Variant.WITH_ADDRESS: _ADDRESSES[:1], Variant.ADDRESS_ONLY: _ADDRESSES}.get(variant, ()),
        expected_status=status,
        expected_error=error,
        list_way=way,
        list_delay=delay,
    )


def _variant(settings: PortalSettings, index: int) -> Variant:
    if settings.plain:
        return Variant.LINKS
    turn, place = divmod(index, len(SCHEDULE))
    variant = SCHEDULE[place]
    # One large file is enough to check that it is not kept in memory.
    return Variant.LINKS if turn and variant is Variant.LARGE else variant


def _amount(cents: int, style: int) -> str:
    plain, grouped = f"{cents / 100:.2f}", f"{cents / 100:,.2f}"
    return (plain, grouped, f"${grouped}", f"EUR {grouped}")[style]


class _Shelf:
    """Collects the files of one order."""

    def __init__(self, settings: PortalSettings, index: int, po_number: str, chance: random.Random) -> None:
        self._settings = settings
        self._first = (index + _MOST_FILES) * _MOST_FILES
        self._start = index
        self._po_number = po_number
        self._chance = chance
        self._files: list[ExpectedFile] = []

    def put(
        self,
        name: str,
        kind: Kind | None = None,
        *,
        delivery: Delivery = Delivery.ATTACHMENT,
        fault: Fault | None = None,
        size: int | None = None,
    ) -> None:
        """Adds a file; its extension determines its kind."""
        number = self._first + len(self._files)
        kind = kind or _KINDS[name.rpartition(".")[2].lower()]
        typical = self._settings.file_bytes
        wanted = typical + self._chance.randrange(-(typical // 3), typical // 3 + 1) if size is None else size
        title = f"{self._po_number}  {name or number}"
        document = documents.Document(kind, title, wanted, self._settings.seed * 1_000_003 + number)
        self._files.append(ExpectedFile(number, name or str(number), document, delivery, fault))

    def put_ordinary(self, count: int, delivery: Delivery = Delivery.ATTACHMENT) -> None:
        """Adds typical files, each with another name."""
        for place in range(count):
            name = _ORDINARY[(self._start + place) % len(_ORDINARY)]
            stem, _, extension = name.rpartition(".")
            again = place // len(_ORDINARY)
            self.put(f"{stem} {again + 1}.{extension}" if again else name, delivery=delivery)

    def filled(self, variant: Variant) -> tuple[ExpectedFile, ...]:
        """All files of an order of this variant."""
        usual = self._settings.files_per_order
        match variant:
            case Variant.NO_ATTACHMENTS | Variant.ADDRESS_ONLY | Variant.NOT_FOUND | Variant.FORBIDDEN:
                return ()
            case Variant.PAGED:
                self.put_ordinary(max(usual, 2 * FILES_A_PAGE + 1))
            case Variant.INLINE:
                for name in ("Drawing.pdf", "Nameplate.png", "Packing list.txt"):
                    self.put(name, delivery=Delivery.INLINE)
            case Variant.REDIRECT:
                self.put_ordinary(max(usual, 1), Delivery.ELSEWHERE)
            case Variant.FORM_POST:
                self.put("invoice.pdf", delivery=Delivery.FORM)
                self.put("Credit note Müller.pdf", delivery=Delivery.FORM)
            case Variant.FORM_INLINE:
                self.put("statement.pdf", delivery=Delivery.FORM_INLINE)
            case Variant.BLOB:
                self.put("export.xlsx", delivery=Delivery.SCRIPT)
                self.put("export.txt", delivery=Delivery.SCRIPT)
            case Variant.SAME_NAME:
                for name in ("invoice.pdf", "invoice.pdf", "Invoice.PDF"):
                    self.put(name)
            case Variant.AWKWARD:
                for name, kind, delivery in _AWKWARD:
                    self.put(name, kind, delivery=delivery)
            case Variant.EMPTY:
                self.put("Placeholder.txt", Kind.EMPTY)
                self.put_ordinary(1)
            case Variant.LARGE:
                self.put("Site plans.pdf", size=self._settings.large_bytes)
                self.put_ordinary(1)
            case Variant.CHUNKED:
                self.put_ordinary(max(usual, 1), Delivery.CHUNKED)
            case Variant.FLAKY_FILE:
                self.put("Certificate.pdf", fault=Fault.RESET)
                self.put("Test report.pdf", fault=Fault.SERVER_ERROR)
                self.put_ordinary(1)
            case Variant.TRUNCATED_ONCE:
                self.put("Warranty.pdf", fault=Fault.SHORT)
            case Variant.HTML_INSTEAD:
                self.put("Being scanned.pdf", delivery=Delivery.PAGE_INSTEAD)
                self.put("Order form.pdf")
            case _:
                self.put_ordinary(usual)
        return tuple(self._files)
