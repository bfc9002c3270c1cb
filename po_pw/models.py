"""The values that pass between rooms: frozen, without behaviour that does I/O."""

from __future__ import annotations

import dataclasses
import enum
import unicodedata
from typing import TYPE_CHECKING, Final, NewType, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

OrderKey = NewType("OrderKey", str)
"""A normalised PO number: the identity of a purchase order everywhere."""

RunId = NewType("RunId", str)
"""Names one run in the journal, the log file and the results, e.g. ``20261125-113815-4f2a``."""

WorkerId = NewType("WorkerId", str)
"""Names a worker and its context, e.g. ``w1``."""


def order_key(po_number: str) -> OrderKey:
    """The identity of a PO number: NFC, surrounding and repeated white space removed; case counts.

    Case counts because two portals' numbering may differ in nothing else; folders that would then collide are kept
    apart by the journal.
    """
    return OrderKey(" ".join(unicodedata.normalize("NFC", po_number).split()))


def folded(name: str) -> str:
    """A name as file systems may compare it: Unicode-normalised, without case."""
    # Upper case first: without it a dotless i is no I. Folding the case can undo the normal form.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).upper().casefold())


class Status(enum.StrEnum):
    """What became of a row. The first four are also a folder's ending."""

    COMPLETED = "COMPLETED"
    """Every attachment that can be fetched is on disk."""
    NO_ATTACHMENTS = "NO_ATTACHMENTS"
    """The order's page was read and has none."""
    PARTIAL = "PARTIAL"
    """Some files are on disk, others failed for good."""
    FAILED = "FAILED"
    """Nothing could be fetched; `Outcome.error` says why."""
    PENDING = "PENDING"
    """Not reached: the run was stopped before. Only in tables."""
    DUPLICATE = "DUPLICATE"
    """The same PO is on an earlier row, which has the result. Only in tables."""

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
    """The disk does not take this file or folder, or another program holds or removes it."""
    NOT_RECOGNISED = "NOT_RECOGNISED"
    """The page that came could not be proved to be this order's."""
    NO_AREA_FOUND = "NO_AREA_FOUND"
    """The page has no attachments, and no order of this portal has shown where they would be."""
    NOT_PRESSED = "NOT_PRESSED"
    """No way to this file was found that is certain to change nothing on the portal."""
    INTERNAL = "INTERNAL"


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why an order, a row or a file did not come through, in words for the person who reads the results."""

    code: ErrorCode
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """An order, or a row of the input, that did not come through, and why."""

    row: int
    """As a spreadsheet numbers it (the header is 1)."""
    po_number: str
    """`""` where the row has none."""
    failure: Failure


@dataclasses.dataclass(frozen=True, slots=True)
class Problems:
    """What did not come through: how many for which reason, and the first of them, in the rows' order."""

    reasons: Mapping[ErrorCode, int] = dataclasses.field(default_factory=dict)
    """The commonest first."""
    first: tuple[Problem, ...] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.reasons.values())


@dataclasses.dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """One purchase order to be fetched."""

    key: OrderKey
    po_number: str
    url: str
    supplier: str = ""
    amount: Decimal | str | None = None
    """A decimal; the text as it stood where it could not be read as one; None where the cell was empty."""
    row: int = 0
    """The row it came from, as a spreadsheet numbers it (the header is 1); 0 where there was no file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One row of the input, as it stood: either an order or what is wrong with the row."""

    number: int
    """As a spreadsheet numbers it (the header is 1)."""
    cells: tuple[str, ...]
    """As many as `Plan.columns`, in their order."""
    po_number: str
    order: PurchaseOrder | None
    problem: Failure | None = None
    duplicate_of: int | None = None
    """The number of the earlier row with the same PO."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked to do, as the journal keeps it."""

    source: str
    """The input's file name, or `""` where orders came from Python."""
    columns: tuple[str, ...]
    """The input's own column names, in its order."""
    workers: int
    out: str
    """The output directory, absolute."""
    started_at: datetime
    command: tuple[str, ...] = ()
    """The words of the command that was typed; none where orders came from Python."""


# --- what an order's page holds -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """A file with an address of its own, fetched over HTTP."""

    url: str
    referer: str


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """The form that a control would send."""

    method: str
    """Lower case: `get`, `post`, `dialog`; the control's own `formmethod` where it has one."""
    action: str
    """Absolute; the control's own `formaction` where it has one."""
    fields: tuple[tuple[str, str], ...] = ()
    """Names and values of what it would send unseen: hidden fields, and the control's own name and value."""


@dataclasses.dataclass(frozen=True, slots=True)
class Control:
    """A link, button or other thing to press, as its page shows it: enough to judge it, and to find it again."""

    tag: str
    """Local name, lower case."""
    label: str
    """Its whole accessible name, white space collapsed: `aria-label`, else its text or value, else `title` or `alt`."""
    text: str = ""
    """Its visible text, white space collapsed."""
    title: str = ""
    kind: str = ""
    """Of a button or input, as the browser takes it: `submit`, `button`, `image`, `reset`; else `""`."""
    role: str = ""
    """The explicit ARIA role."""
    address: str = ""
    """Where it leads, absolute: `href`, else `data-url`, `data-href` and the like; `""` where it has none."""
    attributes: tuple[tuple[str, str], ...] = ()
    """All others, sorted by name: `id`, `class`, `name`, `value`, `data-*`, `aria-*`, `onclick`, `rel`, `download` …"""
    icons: tuple[str, ...] = ()
    """Names of the pictures in it: class names and ligatures of icon fonts, file names, `<use>` targets, symbols."""
    form: Form | None = None
    row: str = ""
    """The text of the row it stands in, without its own controls' labels; white space collapsed."""
    frame: str = ""
    """Address of the frame it is in; `""` for the main frame."""


@dataclasses.dataclass(frozen=True, slots=True)
class Click:
    """A file that only a press hands out; how to find the control again, by what it is."""

    control: Control
    nth: int = 0
    """Which of those that look alike, from 0."""
    alike: int = 1
    """How many look alike: where there are other than so many, the page is another."""
    page: int = 0
    """How many times "next page of attachments" is pressed before the control is there."""
    at: str = ""
    """Address of the page it is on; `""` for the order's own."""


class NetFault(enum.StrEnum):
    """Why a host cannot be reached; `net_errors` has what each means and what to do."""

    NAME = "NAME"
    """There is no host of this name."""
    NAME_SERVER = "NAME_SERVER"
    """Nobody could be asked for the name's address."""
    REFUSED = "REFUSED"
    ADDRESS = "ADDRESS"
    """No way leads to its address."""
    CERTIFICATE = "CERTIFICATE"
    """Its certificate is not trusted."""
    CERTIFICATE_DATE = "CERTIFICATE_DATE"
    CERTIFICATE_NAME = "CERTIFICATE_NAME"
    CLIENT_CERTIFICATE = "CLIENT_CERTIFICATE"
    """It asks for a certificate of ours."""
    TLS = "TLS"
    """It does not speak TLS, or none that we speak."""
    HTTP = "HTTP"
    """It does not speak HTTP."""
    BLOCKED = "BLOCKED"
    """This machine or its administrator forbids it."""
    PROXY = "PROXY"
    """The proxy cannot be used."""
    TUNNEL = "TUNNEL"
    """The proxy does not let it through."""
    OFFLINE = "OFFLINE"
    """This machine has no network."""
    DROPPED = "DROPPED"
    """The connection was closed without an answer."""
    SILENT = "SILENT"
    """No answer in time."""


class Purpose(enum.StrEnum):
    """Why a control is pressed."""

    FILE = "FILE"
    """It hands out a file."""
    OPEN = "OPEN"
    """It shows more of the list of attachments: an expander, a tab."""
    TURN = "TURN"
    """It shows other or more entries of the list: next, more, a page's number."""


@dataclasses.dataclass(frozen=True, slots=True)
class HeldRequest:
    """A request that followed a press, held before it leaves."""

    method: str
    url: str
    resource: str
    """Playwright's resource type: `document`, `xhr`, `fetch`, `ping`, `image`, `other` …"""
    page_url: str
    """Address of the page that was pressed on."""
    content_type: str = ""
    body: str = ""
    """As text, at most 64 KiB of it; `""` where there is none."""
    fields: tuple[tuple[str, str], ...] = ()
    """Names and values where the body is a form's."""
    in_own_frame: bool = True
    """Of a document: it is for the page, a frame of it, or a pop-up that it opened."""


class Ruling(enum.StrEnum):
    """What becomes of a held request."""

    PASS = "PASS"  # noqa: S105 - no password
    STOP = "STOP"
    LINK = "LINK"
    """It is stopped, and its address is fetched like any other link's."""


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a held request, and why."""

    ruling: Ruling
    why: str
    """For people, e.g. `the address says "approve"`."""


@dataclasses.dataclass(frozen=True, slots=True)
class External:
    """An attachment that is only an address elsewhere: recorded, never fetched."""

    url: str


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """An attachment that is only a text: recorded, there is nothing to fetch."""

    text: str


FileSource: TypeAlias = Link | Click | External | Text
RECORDED: Final = (External, Text)
"""Kinds of attachments of which there is no file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """One file the order's page promises."""

    id: str
    """Stable from visit to visit."""
    name: str
    """As the page shows it; may be empty."""
    source: FileSource
    """The likeliest way to it."""
    place: str = ""
    """Where on the page: a section's heading, e.g. `Comments`."""
    claimed_bytes: int | None = None
    others: tuple[FileSource, ...] = ()
    """Other ways to the same file, likeliest first: its icon, its name, a page about it."""
    is_certain: bool = True
    """False where only the answer tells whether there is a file: a page that comes instead is then no failure."""
    record: str = ""
    """The portal's own number of it: two with different numbers are two, whatever their names and content."""


class PageKind(enum.StrEnum):
    """What kind of page came instead of, or as, the order's."""

    ORDER = "ORDER"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    SIGNED_OUT = "SIGNED_OUT"
    ERROR = "ERROR"
    CHALLENGE = "CHALLENGE"
    NOT_RECOGNISED = "NOT_RECOGNISED"
    """It could not be proved to be this order's page."""
    NO_AREA = "NO_AREA"
    """It is the order's, as far as can be told, and no page of this portal has shown where attachments would be."""


@dataclasses.dataclass(frozen=True, slots=True)
class Considered:
    """A control or link that was considered when an order's page was read."""

    control: Control
    place: str
    """Heading of the area it stands in; `""`: in none."""
    taken: bool
    action: str
    """What may be done with it: `FETCH`, `PRESS`, `OPEN`, `TURN`, `RECORD`, `LEAVE`."""
    why: str


class AreaState(enum.StrEnum):
    """What an order's page shows where its attachments would be."""

    NONE = "NONE"
    """It has no such place."""
    EMPTY = "EMPTY"
    """There is one, and nothing in it."""
    FILLED = "FILLED"


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """What one visit found on an order's page."""

    page: PageKind
    attachments: tuple[Attachment, ...]
    claimed: int | None
    """How many the page itself says there are, where it says so."""
    complete: bool
    """False where the page was still loading, or showed fewer than it claims, when patience ran out."""
    supplier: str
    """As the page names it; `""` where it does not."""
    url: str
    """After redirects."""
    elsewhere: tuple[str, ...] = ()
    """Addresses of other pages that may hold more of this order's files (a requisition)."""
    area: AreaState = AreaState.FILLED
    place: str = ""
    """Headings of the areas, joined by `; `."""
    loose: tuple[Attachment, ...] = ()
    """File-like links of a page without an area: the order's only where other orders do not show them too."""
    certain: bool = True
    """False where more has to be known of the portal to tell whether this is the order's page."""
    why: str = ""
    """Why the page is of this kind, or is not complete."""
    evidence: tuple[str, ...] = ()
    """What speaks for its being the order's page."""
    quiet: str = ""
    """How it was established that nothing more would come."""
    facts: str = ""
    """What was seen of the page, to be judged again (JSON, `portals.generic.page_facts`)."""
    considered: tuple[Considered, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Ticket:
    """Which sign-in a request was made under."""

    origin: str
    """Scheme, host and port, e.g. `https://acme.coupahost.com`."""
    generation: int


# --- what came of it ------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class SavedFile:
    """A file that is whole and on disk."""

    attachment_id: str
    path: str
    """Where it lies: the file's name in its folder once the order is finished, a path in the work folder before."""
    sent_name: str
    """The name the server sent, before it was made safe."""
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""
    media_type: str
    lane: str
    """`http` or `click`: how the bytes came."""
    source: str
    """The address it came from, or how it was found on the page; without query where that could carry a signature."""
    place: str = ""
    modified_at: datetime | None = None
    """As the server dates it."""
    saved_at: datetime | None = None
    checks: tuple[str, ...] = ()
    """What was proved or noticed: `length`, `magic`, `empty`, `no-length`, `type-mismatch`, `resumed`, `vanished`."""
    etag: str = ""
    """As the server sent it (`ETag`): asks later whether the file has changed."""
    run: str = ""
    """The run that fetched it; `""` where that is not known."""


@dataclasses.dataclass(frozen=True, slots=True)
class MissingFile:
    """An attachment that could not be fetched, or is only an address."""

    attachment_id: str
    name: str
    source: str
    failure: Failure | None
    """None for an attachment that is only an address or a text: recorded, and no failure."""
    place: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """When an order was worked on."""

    started_at: datetime
    ended_at: datetime
    seconds: float
    """In a worker's hands, all attempts together, by the monotonic clock; waiting between attempts is not in it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Changes:
    """How many files of an order that was visited again are new, changed, as they were, and no longer on its page."""

    new: int = 0
    changed: int = 0
    kept: int = 0
    vanished: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.new + other.new, self.changed + other.changed, self.kept + other.kept, self.vanished + other.vanished
        )


class Earlier(enum.StrEnum):
    """What earlier runs had made of an order that this one works on."""

    NEW = "new"
    """Nothing."""
    FAILED = "failed"
    PARTIAL = "partial"
    UNFINISHED = "unfinished"
    """It was in a worker's hands when a run ended."""
    MISSING = "missing"
    """It was finished, and files of it are gone or changed."""
    REFRESHED = "refreshed"
    """It was finished, and is visited again because that was asked for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one order."""

    key: OrderKey
    po_number: str
    status: Status
    files: tuple[SavedFile, ...]
    missing: tuple[MissingFile, ...]
    error: Failure | None
    attempts: int
    timing: Timing
    worker: str
    lane: str
    """Which lane read the order: `browser` or `light`."""
    folder: str
    """Relative to the output directory, with `/`; `""` where there is none."""
    supplier: str
    source_url: str
    found: int
    """Attachments on the page that can be fetched."""
    carried: bool = False
    """True where an earlier run did it and this one only checked that its files are there."""
    changes: Changes | None = None
    """Against an earlier run's outcome; None where there was none that had files."""
    rules: int = 0
    """Version of the rules under which its page was read, `recognition.RULES_VERSION`; 0: before there were."""
    earlier: Earlier = Earlier.NEW


@dataclasses.dataclass(frozen=True, slots=True)
class RowResult:
    """One row of the results: the input's row and what came of it."""

    number: int
    cells: tuple[str, ...]
    po_number: str
    status: Status
    outcome: Outcome | None
    """None for a row that was refused or not reached; for a DUPLICATE the earlier row's outcome, or None."""
    error: Failure | None
    duplicate_of: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class OtherOrder:
    """An order of the same output directory that is not on the list of the run whose results are written."""

    run: RunId
    """The latest whose list named it."""
    source: str
    """The file name of that list; `""` where orders came from Python, or only the order's manifest is left."""
    columns: tuple[str, ...]
    """The list's column names."""
    row: RowResult
    """The list's row, and the latest that came of the order; PENDING where no run ever reached it."""


@dataclasses.dataclass(frozen=True, slots=True)
class BrowserInfo:
    """Which browser runs."""

    name: str
    """`msedge`, `chrome`, `chromium` or `path`: what was resolved."""
    channel: str | None
    """Playwright's channel, where the browser is started by channel."""
    executable: str
    version: str = ""
    """Known once a context is open."""
    why: str = ""
    """How it came to be this one, e.g. `msedge and chrome are not installed`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """A purchase order in a worker's hands."""

    order: PurchaseOrder
    worker: WorkerId
    attempt: int
    """1 for the first; grows only with attempts that count."""
    number: int
    """Unique in the run: which handing-out this is, so that a lease once given back cannot be settled."""
    stolen_from: WorkerId | None = None


Cookie: TypeAlias = "Mapping[str, object]"
"""A cookie as Playwright gives it: name, value, domain, path, expires, httpOnly, secure, sameSite."""
