"""Values that are shared by the packages: frozen, without I/O."""

from __future__ import annotations

import dataclasses
import enum
import unicodedata
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from datetime import datetime  # noqa: TC003
from decimal import Decimal  # noqa: TC003
from typing import Final, NewType, TypeAlias

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


class Status(enum.StrEnum):
    """Result of a row. The first four are also endings of folders."""

    COMPLETED = "COMPLETED"
    """Every wanted attachment is on disk and complete."""
    NO_ATTACHMENTS = "NO_ATTACHMENTS"
    """The order's page was recognised and read completely, and it has no attachments."""
    PARTIAL = "PARTIAL"
    """Some files are on disk, others could not be downloaded; `error_message` says why."""
    FAILED = "FAILED"
    """No file could be downloaded; `error_code` and `error_message` say why."""
    PENDING = "PENDING"
    """The run stopped before it reached the order, or the portal was down or asked for a sign-in. Only in tables."""
    DUPLICATE = "DUPLICATE"
    """An earlier row has the same PO number and shows the result. Only in tables."""

    @property
    def succeeded(self) -> bool:
        """Whether nothing is left to do for it."""
        return self in {Status.COMPLETED, Status.NO_ATTACHMENTS}


class ErrorCode(enum.StrEnum):
    """The closed list of `error_code` in the results."""

    INVALID_ROW = "INVALID_ROW"
    INVALID_URL = "INVALID_URL"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    SIGN_IN_NEEDED = "SIGN_IN_NEEDED"
    CHALLENGE = "CHALLENGE"
    PORTAL_ERROR = "PORTAL_ERROR"
    TIMEOUT = "TIMEOUT"
    NETWORK = "NETWORK"
    RATE_LIMITED = "RATE_LIMITED"
    BROWSER_CRASH = "BROWSER_CRASH"
    LIST_INCOMPLETE = "LIST_INCOMPLETE"
    NOT_A_FILE = "NOT_A_FILE"
    TRUNCATED = "TRUNCATED"
    TOO_LARGE = "TOO_LARGE"
    DISK_FULL = "DISK_FULL"
    DISK_ERROR = "DISK_ERROR"
    """The disk does not accept this file or folder, or another program has it open or removed it."""
    NOT_RECOGNISED = "NOT_RECOGNISED"
    """The page could not be recognised as this order's."""
    NO_AREA_FOUND = "NO_AREA_FOUND"
    """The page has no attachments, and no order of this portal has shown an attachment area."""
    NOT_PRESSED = "NOT_PRESSED"
    """There is no way to this file that certainly changes nothing on the portal."""
    INTERNAL = "INTERNAL"


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why an order, a row or a file failed, in words for the readers of the results."""

    code: ErrorCode
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """An order or input row that failed, and why."""

    row: int
    """As in a spreadsheet (the header is 1)."""
    po_number: str
    """`""` if the row has none."""
    failure: Failure


@dataclasses.dataclass(frozen=True, slots=True)
class Problems:
    """Failed orders and rows: the number by reason, and the first ones, in row order."""

    reasons: Mapping[ErrorCode, int] = dataclasses.field(default_factory=dict)
    """Most frequent first."""
    first: tuple[Problem, ...] = ()

    @property
    def count(self) -> int:
        """Total number."""
        return sum(self.reasons.values())


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """The files of an order according to its row, which marks it as COMPLETED."""

    folder: str
    """As in the row; `""` if it is empty there."""
    count: int
    """Minimum number of files; 0 if the row does not say."""
    names: str
    """Names of the files as in the row, separated by `;` or line breaks."""


COLUMN_FIELDS: Final = ("po_number", "url", "supplier", "amount")
"""What a column of a list may be known as."""

PAGE_SUPPLIER: Final = "\0supplier\0"
"""Stands in a folder's name for the supplier that the order's page shows; no cell can contain it."""


@dataclasses.dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """One purchase order to be fetched."""

    key: OrderKey
    po_number: str
    url: str
    supplier: str = ""
    amount: Decimal | str | None = None
    """A decimal; the original text if it is not one; None if the cell was empty."""
    row: int = 0
    """Its row, as in a spreadsheet (the header is 1); 0 if there was no file."""
    levels: tuple[str, ...] = ()
    """Names of the folders above its folder, outermost first, not yet made safe; empty: the supplier's folder, or none
    where `folder` is given."""
    claim: Claim | None = None
    """Set if its row marks it as COMPLETED; not kept in the journal."""
    folder: str = ""
    """Name of its own folder by the user's layout, without its status, not yet made safe; `""`: its number."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One unchanged row of the input: either an order, or what is wrong with the row."""

    number: int
    """As in a spreadsheet (the header is 1)."""
    cells: tuple[str, ...]
    """One per `Plan.columns`, in their order."""
    po_number: str
    order: PurchaseOrder | None
    problem: Failure | None = None
    duplicate_of: int | None = None
    """The number of the earlier row with the same PO."""
    is_regular: bool = True
    """False if its cells cannot be assigned to columns."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a run was asked to do, as stored in the journal."""

    source: str
    """The input's file name; `""` if orders came from Python."""
    columns: tuple[str, ...]
    """The input's own column names, in its order."""
    workers: int
    out: str
    """The output directory, absolute."""
    started_at: datetime
    command: tuple[str, ...] = ()
    """The command, as words; empty if orders came from Python."""


# --- what an order's page holds -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """A file with its own address, fetched by HTTP."""

    url: str
    referer: str


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """The form that a control would submit."""

    method: str
    """Lower case: `get`, `post`, `dialog`; the control's `formmethod` if it has one."""
    action: str
    """Absolute; the control's `formaction` if it has one."""
    fields: tuple[tuple[str, str], ...] = ()
    """Names and values of hidden fields, and of the control itself."""


@dataclasses.dataclass(frozen=True, slots=True)
class Control:
    """A link, button or other control of a page: what is needed to judge it and to find it again."""

    tag: str
    """Local name, lower case."""
    label: str
    """Full accessible name, white space collapsed: `aria-label`, else text or value, else `title` or `alt`."""
    text: str = ""
    """Its visible text, white space collapsed."""
    title: str = ""
    kind: str = ""
    """Effective type of a button or input: `submit`, `button`, `image`, `reset`; else `""`."""
    role: str = ""
    """The explicit ARIA role."""
    address: str = ""
    """Absolute target: `href`, else `data-url`, `data-href` and similar; `""` if it has none."""
    attributes: tuple[tuple[str, str], ...] = ()
    """All other attributes, sorted by name: `id`, `class`, `value`, `data-*`, `aria-*`, `onclick`, `rel`, `download`"""
    icons: tuple[str, ...] = ()
    """Names of its icons: class names and ligatures of icon fonts, file names, `<use>` targets, symbols."""
    form: Form | None = None
    row: str = ""
    """Text of its table or list row, without the labels of controls; white space collapsed."""
    frame: str = ""
    """Address of its frame; `""` for the main frame."""


@dataclasses.dataclass(frozen=True, slots=True)
class Click:
    """A file that is only available by a click, and how to find the control again."""

    control: Control
    nth: int = 0
    """Index among identical controls, from 0."""
    alike: int = 1
    """Number of identical controls; if it differs, the page has changed."""
    page: int = 0
    """How often "next page of attachments" must be pressed to reach the control."""
    at: str = ""
    """Address of the page it is on; `""` for the order's own."""


class NetFault(enum.StrEnum):
    """Why a host cannot be reached; for meanings and remedies see `net_errors`."""

    NAME = "NAME"
    """There is no host with this name."""
    NAME_SERVER = "NAME_SERVER"
    """No name server answered."""
    REFUSED = "REFUSED"
    ADDRESS = "ADDRESS"
    """There is no route to its address."""
    CERTIFICATE = "CERTIFICATE"
    """Its certificate is not trusted."""
    CERTIFICATE_DATE = "CERTIFICATE_DATE"
    CERTIFICATE_NAME = "CERTIFICATE_NAME"
    CLIENT_CERTIFICATE = "CLIENT_CERTIFICATE"
    """It requires a client certificate."""
    TLS = "TLS"
    """It does not speak TLS, or no version that we support."""
    HTTP = "HTTP"
    """It does not speak HTTP."""
    BLOCKED = "BLOCKED"
    """This machine or its administrator forbids it."""
    CREDENTIALS = "CREDENTIALS"
    """The host or the proxy asks for a user name in a way that only the browser's own prompt can answer."""
    PROXY = "PROXY"
    """The proxy cannot be used."""
    TUNNEL = "TUNNEL"
    """The proxy refused the connection."""
    OFFLINE = "OFFLINE"
    """This machine has no network."""
    DROPPED = "DROPPED"
    """The connection was closed without an answer."""
    SILENT = "SILENT"
    """No answer in time."""


class Purpose(enum.StrEnum):
    """Why a control is pressed."""

    FILE = "FILE"
    """It downloads a file."""
    OPEN = "OPEN"
    """It shows more of the attachment list: an expander, a tab."""
    TURN = "TURN"
    """It pages through the list: next, more, a page number."""


@dataclasses.dataclass(frozen=True, slots=True)
class HeldRequest:
    """A request after a press, held before it is sent."""

    method: str
    url: str
    resource: str
    """Playwright's resource type: `document`, `xhr`, `fetch`, `ping`, `image`, `other` …"""
    page_url: str
    """Address of the pressed control's page."""
    content_type: str = ""
    body: str = ""
    """As text, at most 64 KiB; `""` if there is none."""
    fields: tuple[tuple[str, str], ...] = ()
    """Names and values, if the body is a form."""
    in_own_frame: bool = True
    """For a document: it is for the page, one of its frames, or its pop-up."""


class Ruling(enum.StrEnum):
    """Decision on a held request."""

    PASS = "PASS"  # noqa: S105 - no password
    STOP = "STOP"
    LINK = "LINK"
    """Stop it, and fetch its address like any other link."""


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """Decision on a held request, and the reason."""

    ruling: Ruling
    why: str
    """For messages, e.g. `the address says "approve"`."""


@dataclasses.dataclass(frozen=True, slots=True)
class External:
    """An attachment that is only a link to another site: recorded, never fetched."""

    url: str


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """An attachment that is only a text: recorded, there is nothing to fetch."""

    text: str


PAGE_COPY: Final = "order-page"
"""Id of the order's own page, printed as PDF; it is saved with the attachments and is none of them."""

FileSource: TypeAlias = Link | Click | External | Text
RECORDED: Final = (External, Text)
"""Kinds of attachments of which there is no file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """One file listed on the order's page."""

    id: str
    """Stable across visits."""
    name: str
    """As shown on the page; may be empty."""
    source: FileSource
    """The likeliest way to fetch it."""
    section: str = ""
    """Heading of its section on the page, e.g. `Comments`."""
    claimed_bytes: int | None = None
    others: tuple[FileSource, ...] = ()
    """Other ways to fetch it, likeliest first: its icon, its name, a page about it."""
    is_certain: bool = True
    """False if only the response shows whether it is a file: a page is then not a failure."""
    record: str = ""
    """The portal's own number of it: two with different numbers are two, whatever their names and content."""


class PageKind(enum.StrEnum):
    """Kind of the page at the order's address."""

    ORDER = "ORDER"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    SIGNED_OUT = "SIGNED_OUT"
    ERROR = "ERROR"
    CHALLENGE = "CHALLENGE"
    NOT_RECOGNISED = "NOT_RECOGNISED"
    """It could not be recognised as this order's page."""
    NOT_LOCATED = "NOT_LOCATED"
    """It is not this order's, and nobody knows whether the portal has the order at another address."""
    NO_AREA = "NO_AREA"
    """It seems to be the order's, but no page of this portal has shown an attachment area."""


@dataclasses.dataclass(frozen=True, slots=True)
class Considered:
    """A control or link that was examined when an order's page was read."""

    control: Control
    section: str
    """Heading of its area; `""` if it is in none."""
    taken: bool
    action: str
    """The permitted action: `FETCH`, `PRESS`, `OPEN`, `TURN`, `RECORD`, `LEAVE`."""
    why: str


class AreaState(enum.StrEnum):
    """State of the attachment area of an order's page."""

    NONE = "NONE"
    """There is none."""
    EMPTY = "EMPTY"
    """There is one, and it is empty."""
    FILLED = "FILLED"


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """Result of reading an order's page."""

    page: PageKind
    attachments: tuple[Attachment, ...]
    claimed: int | None
    """Number of attachments stated by the page; None if it states none."""
    complete: bool
    """False if the page was still loading at the timeout, or showed fewer attachments than it states."""
    supplier: str
    """From the page; `""` if not shown."""
    url: str
    """Final address, after redirects."""
    elsewhere: tuple[str, ...] = ()
    """Addresses of other pages that may hold more of this order's files (a requisition)."""
    area: AreaState = AreaState.FILLED
    section: str = ""
    """Headings of the attachment areas, joined by `; `."""
    loose: tuple[Attachment, ...] = ()
    """File-like links of a page without an area: the order's only if other orders do not show them, too."""
    certain: bool = True
    """False if more must be known about the portal to decide whether this is the order's page."""
    why: str = ""
    """Why the page has this kind, or is incomplete."""
    evidence: tuple[str, ...] = ()
    """Evidence that it is the order's page."""
    quiet: str = ""
    """How it was determined that the page had finished loading."""
    facts: str = ""
    """What was seen of the page, to be judged again (JSON, `portals.generic.page_facts`)."""
    by_data: bool = False
    """Signed out by what a request for the page's data was answered with, not by the page itself."""
    considered: tuple[Considered, ...] = ()


# --- results ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class SavedFile:
    """A complete file on disk."""

    attachment_id: str
    path: str
    """File name in the order's folder; until the order is finished, a path in the work folder."""
    sent_name: str
    """Name sent by the server, before it was made safe."""
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""
    media_type: str
    downloaded_by: str
    """How it was downloaded: `http`, `click`, or `page` for the order's page itself, printed as PDF."""
    source: str
    """Its address, without a query that may contain a signature; or how it was found on the page."""
    section: str = ""
    modified_at: datetime | None = None
    """Sent by the server."""
    saved_at: datetime | None = None
    checks: tuple[str, ...] = ()
    """Results of checks: `length`, `type`, `empty`, `no-length`, `type-mismatch`, `resumed`, `vanished`."""
    etag: str = ""
    """The server's `ETag`, to ask later whether the file has changed."""
    run: str = ""
    """The run that fetched it; `""` if unknown."""


@dataclasses.dataclass(frozen=True, slots=True)
class MissingFile:
    """An attachment that could not be fetched, or is only a link."""

    attachment_id: str
    name: str
    source: str
    failure: Failure | None
    """None for an attachment that is only a link or a text, or is skipped, which is not a failure."""
    section: str = ""
    skipped_type: str = ""
    """Its type, as an extension, if files of that type were not wanted; else `""`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """When an order was processed."""

    started_at: datetime
    ended_at: datetime
    seconds: float
    """Processing time of all attempts by the monotonic clock, without waits between them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Changes:
    """Number of new, changed, unchanged and no longer listed files of an order that was visited again."""

    new: int = 0
    changed: int = 0
    kept: int = 0
    vanished: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.new + other.new, self.changed + other.changed, self.kept + other.kept, self.vanished + other.vanished
        )


class Earlier(enum.StrEnum):
    """Earlier result of an order that this run processes."""

    NEW = "new"
    """Nothing."""
    FAILED = "failed"
    PARTIAL = "partial"
    UNFINISHED = "unfinished"
    """It was in progress when a run ended."""
    MISSING = "missing"
    """It was finished, and some of its files are missing or changed."""
    WIDENED = "widened"
    """It was finished for fewer types of files than are wanted now."""
    REFRESHED = "refreshed"
    """It was finished, and is visited again on request."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one order."""

    key: OrderKey
    po_number: str
    status: Status
    files: tuple[SavedFile, ...]
    missing: tuple[MissingFile, ...]
    error: Failure | None
    attempts: int
    timing: Timing
    worker: str
    read_by: str
    """Lane that read the order: `browser` or `light`."""
    folder: str
    """Relative to the output directory, with `/`; `""` if there is none. Absolute for a folder outside the output
    directory: of an order that only its list marks as COMPLETED."""
    supplier: str
    source_url: str
    found: int
    """Number of attachments on the page that can be fetched."""
    from_earlier_run: bool = False
    """True if an earlier run did it and this one only checked that its files exist."""
    changes: Changes | None = None
    """Compared with an earlier outcome; None if there was none with files."""
    rules: int = 0
    """Version of the rules under which its page was read, `recognition.RULES_VERSION`; 0: before there were."""
    earlier: Earlier = Earlier.NEW
    evidence: tuple[str, ...] = ()
    """Files that show the page of an order that did not succeed, relative to the output directory, with `/`:
    `page.png` (screenshot), `page.html` (source), `console.txt` (its errors)."""


@dataclasses.dataclass(frozen=True, slots=True)
class RowResult:
    """One row of the results: the input's row and its outcome."""

    number: int
    cells: tuple[str, ...]
    po_number: str
    status: Status
    outcome: Outcome | None
    """None for a row that was refused or not reached; for a DUPLICATE the earlier row's outcome, or None."""
    error: Failure | None
    duplicate_of: int | None = None
    is_skipped: bool = False
    """No run fetched it: its list marks it as COMPLETED, and its files are there."""


@dataclasses.dataclass(frozen=True, slots=True)
class OtherOrder:
    """An order of the output directory that is not on the current run's list."""

    run: RunId
    """The latest run whose list named it."""
    source: str
    """File name of that list; `""` if orders came from Python, or only the order's manifest is left."""
    columns: tuple[str, ...]
    """The list's column names."""
    row: RowResult
    """The list's row with the order's latest outcome; PENDING if no run reached it."""


@dataclasses.dataclass(frozen=True, slots=True)
class BrowserInfo:
    """The browser in use."""

    name: str
    """`msedge`, `chrome`, `chromium` or `path`: what was resolved."""
    channel: str | None
    """Playwright's channel; None if it is started by path."""
    executable: str
    version: str = ""
    """Known once a context is open."""
    why: str = ""
    """Why it was chosen, e.g. `msedge and chrome are not installed`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """A purchase order leased to a worker."""

    order: PurchaseOrder
    worker: WorkerId
    attempt: int
    """1 for the first; grows only with attempts that count."""
    number: int
    """Unique in the run, so that a returned lease cannot be settled."""
    stolen_from: WorkerId | None = None


Cookie: TypeAlias = "Mapping[str, object]"
"""A cookie from Playwright: name, value, domain, path, expires, httpOnly, secure, sameSite."""
