"""The orders of a tenant: what their pages show, and the expected results. Pure values."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Final, TypeGuard

from po_pw.demo.catalogue import ExpectedFile
from po_pw.demo.coupa.tenant_variants import FORBIDDEN, NOT_FOUND, SCHEDULE, UNSEEN, Variant

if TYPE_CHECKING:
    import datetime

LINES_A_PAGE: Final = 5
"""Number of order lines per page."""


class SignIn(enum.StrEnum):
    """The kind of sign-in."""

    SINGLE_SIGN_ON = "SINGLE_SIGN_ON"
    """At an identity provider on another host name."""
    NATIVE = "NATIVE"
    """With the tenant's own form."""


@dataclasses.dataclass(frozen=True, slots=True)
class TenantSettings:
    """Settings of a tenant.

    Raises:
        ValueError: a number is out of range.
    """

    orders: int = len(SCHEDULE)
    file_bytes: int = 20_000
    """Size of a typical file; sizes vary by a third around it."""
    latency: float = 0.1
    """Seconds until a page is sent."""
    late: float = 0.6
    """Seconds after which a late widget appears, and after which it is redrawn."""
    signed_for: float = 60.0
    """Seconds that the storage's signed addresses are valid."""
    plain: bool = False
    """True: only normal orders; for measurements."""
    sign_in: SignIn = SignIn.SINGLE_SIGN_ON
    asks_code: bool = True
    """Whether the identity provider wants a one-time code after the password."""
    codes_once: bool = False
    """Whether the identity provider accepts each one-time code only once."""
    asks_to_stay: bool = True
    """Whether the identity provider asks "Stay signed in?" in the end."""
    provider_remembers: bool = False
    """Whether after "yes" the provider asks nothing the next time."""
    session_requests: int = 0
    """Requests after which a session ends; 0: never."""
    session_seconds: float = 0.0
    """Seconds after which a session ends, even if it is used; 0: never."""
    session_idle: float = 7200.0
    """Seconds without a request after which a session ends; requests for the remaining time do not count."""
    one_session: bool = False
    """Whether a new sign-in ends the user's other sessions."""
    username: str = "buyer@example.com"
    password: str = "demo"  # noqa: S105 - public on purpose
    totp_secret: str = "JBSWY3DPEHPK3PXP"  # noqa: S105 - public on purpose
    """In base 32, for authenticator apps."""
    seed: int = 1

    def __post_init__(self) -> None:
        counts = self.orders - 1, self.file_bytes - 1, self.session_requests
        times = self.latency, self.late, self.session_seconds, self.session_idle
        if min(*counts, *times) < 0:
            msg = "orders and file_bytes count from 1, all other numbers of a tenant from 0"
            raise ValueError(msg)


class Source(enum.StrEnum):
    """What an attachment belongs to."""

    ORDER = "order"
    COMMENT = "comment"
    LINE = "line"
    REQUISITION = "requisition"


class Way(enum.StrEnum):
    """How an attachment is shown on a page."""

    CLICK = "CLICK"
    """A `span[role=button]` without an address; a click starts the download."""
    TAB = "TAB"
    """The same, but a click opens another tab, where the download starts."""
    DATA = "DATA"
    """An item whose address is in `data-url`."""
    LINK = "LINK"
    """A link."""


class NoteKind(enum.StrEnum):
    """Attachments that are not files."""

    URL = "url"
    TEXT = "text"


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """An attachment that is not a file: counted and recorded, never fetched."""

    number: int
    kind: NoteKind
    name: str
    content: str
    """The address, or the text."""


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """An attachment in one section of a page."""

    attachment: ExpectedFile | Note
    source: Source
    way: Way = Way.LINK
    line: int = 0
    """Number of the line, from 1, for an attachment of a line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Requisition:
    """A requisition and its attachments."""

    id: int
    items: tuple[Item, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class TenantOrder:
    """One purchase order of the tenant, and its expected result."""

    po_number: str
    """As in users' lists; some have `PO` or `PM` before the number."""
    number: str
    """As shown on the page: digits."""
    header_id: int
    """The id of its page."""
    variant: Variant
    supplier: str
    amount: str
    date: datetime.date
    items: tuple[Item, ...]
    """The attachments on its page, in order; one of them may occur twice."""
    requisition: Requisition | None
    lines: int
    """Number of lines."""
    gone: frozenset[int] = frozenset()
    """Numbers of the files that the portal does not send."""
    unseen: int = 0
    """Number of attachments that the page counts but does not show."""
    listed: bool = True
    """Whether it is in users' lists."""

    @property
    def path(self) -> str:
        """Path of its page."""
        return f"/order_headers/{self.header_id}"

    @property
    def language(self) -> str:
        """Language of its page: `en`, `pt` or `de`."""
        return self.variant.language

    @property
    def about(self) -> str:
        """One line: what is special about it, and the reason for its result."""
        return self.variant.about

    @property
    def expected_status(self) -> str:
        """The status that a person would give it."""
        return self.variant.outcome[0]

    @property
    def expected_error(self) -> str | None:
        """The expected error code."""
        return self.variant.outcome[1]

    @property
    def claimed(self) -> int:
        """Number of attachments that the page states: files, addresses and texts, each once."""
        return len({item.attachment.number for item in self.items}) + self.unseen

    @property
    def wanted(self) -> tuple[tuple[Source, ExpectedFile], ...]:
        """The files that should end up on disk, each once, with its source.

        The requisition's files are added if the order has no PDF.
        """
        own = _files(self.items)
        if self.requisition is not None and not any(_is_pdf(file) for _, file in own):
            own += _files(self.requisition.items)
        return tuple((source, file) for source, file in own if file.number not in self.gone)

    @property
    def files(self) -> tuple[ExpectedFile, ...]:
        """The files that should end up on disk."""
        return tuple(file for _, file in self.wanted)

    @property
    def notes(self) -> tuple[Note, ...]:
        """The order's attachments that are not files."""
        found = {item.attachment.number: item.attachment for item in self.items if isinstance(item.attachment, Note)}
        return tuple(found.values())


def _files(items: tuple[Item, ...]) -> list[tuple[Source, ExpectedFile]]:
    found: dict[int, tuple[Source, ExpectedFile]] = {}
    for item in items:
        if isinstance(item.attachment, ExpectedFile):
            found.setdefault(item.attachment.number, (item.source, item.attachment))
    return list(found.values())


def _is_pdf(file: ExpectedFile) -> bool:
    return file.name.lower().endswith(".pdf")


def is_seen(order: TenantOrder) -> bool:
    """Whether this user can open the order's page."""
    return order.variant not in UNSEEN


def error_of(order: TenantOrder | None) -> str:
    """Why an order's page cannot be opened: `not_found`, `forbidden`, `error`, or `""`."""
    if order is None or order.variant in NOT_FOUND:
        return "not_found"
    if order.variant in FORBIDDEN:
        return "forbidden"
    return "error" if order.variant is Variant.ERROR_200 else ""


def is_file(attachment: ExpectedFile | Note) -> TypeGuard[ExpectedFile]:
    """Whether an attachment is a file."""
    return isinstance(attachment, ExpectedFile)
