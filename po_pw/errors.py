"""The exceptions. A class says what kind of error it is; only `dispatch/retry.py` decides whether to retry.

Exceptions of libraries are mapped to these where the library is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from po_pw import models, redact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class PoPwError(Exception):
    """Base class. The message says what happened and what to do next, and contains no secret."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(redact.text(message))


# --- the run cannot start or continue -------------------------------------------------------------------------------


class InputError(PoPwError):
    """The command or its input cannot be used: a file, a column, an option."""

    exit_code = 2


class MachineError(PoPwError):
    """A problem of this machine: no browser, no disk space, no write access."""

    exit_code = 3


class BrowserNotFoundError(MachineError):
    """No usable browser on this machine."""


class DriverError(MachineError):
    """Playwright's driver does not start."""


class ProfileError(MachineError):
    """A browser profile cannot be created, cloned or removed."""


class ParallelProcessingError(MachineError):
    """No context could be opened."""


class ResourceExhaustedError(ParallelProcessingError):
    """Too little memory, file descriptors or disk space even for one context."""


class PortalUnreachableError(MachineError):
    """A portal did not answer for `outage_timeout`."""


class StoppedError(PoPwError):
    """Work before or after the orders was stopped by the user."""

    exit_code = 130


class LoginRequiredError(PoPwError):
    """The portal asks for a sign-in."""

    exit_code = 4


class CredentialsRefusedError(LoginRequiredError):
    """The portal did not accept the user name and password: sending them again may lock the account."""


class CodeRefusedError(LoginRequiredError):
    """The portal did not accept the one-time code."""


# --- one order or one file failed ------------------------------------------------------------------------------------


class OrderError(PoPwError):
    """One order, or one of its files, failed.

    Attributes:
        code: the `error_code` of the results.
        answer: what the server answered instead of the file; None if it did not, or if that says nothing.
    """

    default_code: ClassVar[models.ErrorCode] = models.ErrorCode.INTERNAL

    def __init__(self, message: str, code: models.ErrorCode | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.answer: models.Answer | None = None

    def after(self, earlier: OrderError | None) -> Self:
        """This error, with the answer of the one that it follows from unless it has its own."""
        if self.answer is None and earlier is not None:
            self.answer = earlier.answer
        return self

    def failure(self) -> models.Failure:
        """The error as a value, for journal and results."""
        return models.Failure(self.code, str(self))


class TransientError(OrderError):
    """May work later: connection reset, timeout, crash, a status that is temporary (`http_statuses.is_temporary`).

    Attributes:
        retry_after: seconds to wait, from the server's `Retry-After`; None if not sent.
    """

    default_code = models.ErrorCode.NETWORK

    def __init__(self, message: str, code: models.ErrorCode | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(message, code)
        self.retry_after = retry_after


class HostUnreachableError(TransientError):
    """No connection to a host, or no answer. `dispatch/reachability.py` decides whether waiting helps.

    Attributes:
        host: from `net_errors.authority_of`.
        fault: the reason.
    """

    exit_code = 3

    def __init__(self, message: str, host: str, fault: models.NetFault) -> None:
        silent = fault is models.NetFault.SILENT
        super().__init__(message, models.ErrorCode.TIMEOUT if silent else models.ErrorCode.NETWORK)
        self.host = host
        self.fault = fault


class BrowserLostError(TransientError):
    """The order's browser context crashed, hung or was killed."""

    default_code = models.ErrorCode.BROWSER_CRASH


class FileProblemError(TransientError):
    """One file or folder cannot be written, because of its name, a limit or another program."""

    default_code = models.ErrorCode.DISK_ERROR


class FolderInUseError(FileProblemError):
    """An order's folder cannot be renamed: another program has it open, or a file has its path. Nothing changed."""


class OutputUnavailableError(TransientError):
    """The output folder cannot be written to. This affects all orders, so the run waits, and ends if it lasts."""

    exit_code = 3

    default_code = models.ErrorCode.DISK_ERROR


class OutOfSpaceError(OutputUnavailableError):
    """The disk or a quota is full."""

    default_code = models.ErrorCode.DISK_FULL


class DoesNotFitError(OutOfSpaceError):
    """One file is larger than what is free, and small files still fit.

    Attributes:
        needed: bytes that the file still needs, at least.
        folder: on the disk that has too little space: the output directory, or the browsers' temporary folder.
    """

    def __init__(self, message: str, needed: int, folder: Path) -> None:
        super().__init__(message)
        self.needed = needed
        self.folder = folder


class PermanentError(OrderError):
    """Retrying does not help: 404, 410, forbidden."""

    default_code = models.ErrorCode.PORTAL_ERROR


class NotAFileError(PermanentError):
    """A page, or something else, came instead of a file."""

    default_code = models.ErrorCode.NOT_A_FILE


class BrowserRouteNeededError(OrderError):
    """Our HTTP client was refused, but the browser may succeed: 407, 403, a certificate only the browser trusts.

    Attributes:
        is_of_file: the host answered, and what it answered may concern this file alone.
    """

    default_code = models.ErrorCode.NETWORK

    def __init__(self, message: str, code: models.ErrorCode | None = None, *, is_of_file: bool = False) -> None:
        super().__init__(message, code)
        self.is_of_file = is_of_file


class SessionExpiredError(OrderError):
    """The portal asks for a sign-in. Does not count as an attempt.

    Attributes:
        host: that asks for the sign-in; `""` if it is the portal itself.
        by_data: the page came, but a request for its data, answered on other orders, was refused with 401.
    """

    default_code = models.ErrorCode.SIGN_IN_NEEDED

    def __init__(
        self, message: str, code: models.ErrorCode | None = None, *, host: str = "", by_data: bool = False
    ) -> None:
        super().__init__(message, code)
        self.host = host
        self.by_data = by_data


def too_large(max_bytes: int, what: str = "the file") -> PermanentError:
    """The error for a file above the user's limit.

    Args:
        max_bytes: the limit.
        what: is too large, for the message.
    """
    msg = f"{what} is larger than {max_bytes:,} bytes, the limit you set (--max-file-size)"
    return PermanentError(msg, models.ErrorCode.TOO_LARGE)


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first leaf of an exception group: the error of a task group to show to the user."""
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        inner: Sequence[BaseException] = leaf.exceptions
        leaf = inner[0]
    return leaf
