"""Why an order, a row, a file or a connection failed."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations


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
class Answer:
    """What a server answered where a file was expected. Secrets are still in it: `evidence.answers` writes it."""

    url: str
    """After redirects."""
    status: int | None
    """HTTP status; None if the browser asked, which does not tell."""
    headers: Mapping[str, str]
    """Names in any case."""
    start: bytes = b""
    """The beginning of its body, decompressed; `b""` if none was read."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """An order or input row that failed, and why."""

    row: int
    """As in a spreadsheet (the header is 1)."""
    po_number: str
    """`""` if the row has none."""
    failure: Failure
    evidence: tuple[str, ...] = ()
    """As `Outcome.evidence`."""


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
    PORT = "PORT"
    """The browser opens no address with this port."""
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
