"""One exception hierarchy. A class carries its kind; whether to try again is decided in `dispatch/retry.py` alone.

What outside libraries raise becomes one of these once, at the edge of the room that touches the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from po_pw import models, redact

if TYPE_CHECKING:
    from collections.abc import Sequence


class PoPwError(Exception):
    """Anything po_pw itself raises. The message says what happened and what to do next, and holds no secret."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(redact.text(message))


# --- the run cannot start or go on ----------------------------------------------------------------------------------


class InputError(PoPwError):
    """The command or its input cannot be used: a file, a column, an option."""

    exit_code = 2


class MachineError(PoPwError):
    """The machine is in the way: no browser, no space, not writable."""

    exit_code = 3


class BrowserNotFoundError(MachineError):
    """No usable browser on this machine."""


class DriverError(MachineError):
    """Playwright's driver does not start."""


class ProfileError(MachineError):
    """A browser profile cannot be made, cloned or removed."""


class ParallelProcessingError(MachineError):
    """No context could be opened."""


class ResourceExhaustedError(ParallelProcessingError):
    """Memory, file descriptors or disk do not suffice for even one context."""


class PortalUnreachableError(MachineError):
    """A portal has not answered for as long as the run was to wait."""


class StoppedError(PoPwError):
    """Work that had to be done before or after all orders was ended by a stop."""

    exit_code = 130


class LoginRequiredError(PoPwError):
    """The portal asks for a sign-in."""

    exit_code = 4


class CredentialsRefusedError(LoginRequiredError):
    """The portal did not accept the user name and password: sending them again may lock the account."""


# --- one order or one file did not come through ---------------------------------------------------------------------


class OrderError(PoPwError):
    """One order, or one of its files, did not come through.

    Attributes:
        code: the `error_code` of the results.
    """

    default_code: ClassVar[models.ErrorCode] = models.ErrorCode.INTERNAL

    def __init__(self, message: str, code: models.ErrorCode | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code

    def failure(self) -> models.Failure:
        """The value that travels on."""
        return models.Failure(self.code, str(self))


class TransientError(OrderError):
    """May work later: a reset, a timeout, 408, 425, 429, 5xx, a crash.

    Attributes:
        retry_after: seconds the server asks to wait (`Retry-After`), or None.
    """

    default_code = models.ErrorCode.NETWORK

    def __init__(self, message: str, code: models.ErrorCode | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(message, code)
        self.retry_after = retry_after


class HostUnreachableError(TransientError):
    """No connection to a host comes about, or it says nothing. Whether waiting mends it: `dispatch/reachability.py`.

    Attributes:
        host: as `net_errors.authority_of` gives it.
        fault: what is in the way.
    """

    exit_code = 3

    def __init__(self, message: str, host: str, fault: models.NetFault) -> None:
        silent = fault is models.NetFault.SILENT
        super().__init__(message, models.ErrorCode.TIMEOUT if silent else models.ErrorCode.NETWORK)
        self.host = host
        self.fault = fault


class BrowserLostError(TransientError):
    """The context died under the order: a crash, a kill, a hang."""

    default_code = models.ErrorCode.BROWSER_CRASH


class FileProblemError(TransientError):
    """One file or folder cannot be written, though the output folder can: a name, a limit, another program."""

    default_code = models.ErrorCode.DISK_ERROR


class FolderHeldError(FileProblemError):
    """An order's folder cannot get its place: another program has it open, or a file is there. All is where it was."""


class OutputUnavailableError(TransientError):
    """The output folder cannot be written to: for every order alike, so the run waits, and ends when it lasts."""

    exit_code = 3

    default_code = models.ErrorCode.DISK_ERROR


class OutOfSpaceError(OutputUnavailableError):
    """The disk, or a quota, is full."""

    default_code = models.ErrorCode.DISK_FULL


class DoesNotFitError(OutOfSpaceError):
    """One file is larger than what is free, and small files still fit.

    Attributes:
        needed: bytes that the file still needs, at least.
    """

    def __init__(self, message: str, needed: int) -> None:
        super().__init__(message)
        self.needed = needed


class PermanentError(OrderError):
    """Will not work however often it is tried: 404, 410, forbidden."""

    default_code = models.ErrorCode.PORTAL_ERROR


class NotAFileError(PermanentError):
    """A page, or something else, came where a file was promised."""

    default_code = models.ErrorCode.NOT_A_FILE


class BrowserRouteNeededError(OrderError):
    """Our HTTP client is refused where the browser may not be: 407, a certificate only it trusts, 403 for us alone."""

    default_code = models.ErrorCode.NETWORK


class SessionExpiredError(OrderError):
    """The portal answered as to somebody signed out. Does not count as an attempt.

    Attributes:
        host: which asks for a sign-in; `""` where it is the portal's page itself.
        by_data: the page came, and a request for its data that was answered on other orders was refused with 401.
    """

    default_code = models.ErrorCode.SIGN_IN_NEEDED

    def __init__(
        self, message: str, code: models.ErrorCode | None = None, *, host: str = "", by_data: bool = False
    ) -> None:
        super().__init__(message, code)
        self.host = host
        self.by_data = by_data


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first leaf of an exception group: a task group's failure as the person should see it."""
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        inner: Sequence[BaseException] = leaf.exceptions
        leaf = inner[0]
    return leaf
