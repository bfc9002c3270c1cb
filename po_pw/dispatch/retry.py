"""Decides whether and when a failed order is retried; nothing else does. Pure."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final, TypeAlias

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_PAGE_CRASHES: Final = 4
"""An order fails after this many crashes of a browser or page while its page was open. More than one, because the
cause may not be the order: a user who closed the browser, a lack of memory."""
MAX_FILE_CRASHES: Final = 12
"""The same while only files of the order were downloading through the browser."""
_DOUBLINGS: Final = 60
"""More doublings would not change the bound and would finally overflow."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """Limits and delays of retries."""

    attempts: int
    """Maximum attempts, including the first."""
    base: float
    """Upper bound of the first delay, in seconds."""
    cap: float
    """Maximum of that bound, in seconds."""
    max_seconds: float = math.inf
    """Seconds after an order's first failure during which it is retried."""


@dataclasses.dataclass(frozen=True, slots=True)
class AttemptHistory:
    """Earlier attempts of one order."""

    tried_for: float = 0.0
    """Seconds since its first failure, not counting waits for its host."""
    excused: bool = False
    """The attempt failed for a reason outside the order: a host that is down, a machine that slept."""
    on_page: bool = True
    """It had a page open in the lost browser and may be the cause."""
    page_losses: int = 0
    """Browsers lost with its page open, including this one."""
    file_losses: int = 0
    """Browsers lost while only its files were downloading, including this one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Retry:
    """Retry after `delay` seconds."""

    delay: float
    counts: bool


@dataclasses.dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not retry: the error is the order's result."""


@dataclasses.dataclass(frozen=True, slots=True)
class SignIn:
    """Sign in first; does not count as an attempt."""


Decision: TypeAlias = Retry | GiveUp | SignIn


def decisive_error(failed: Iterable[errors.OrderError]) -> errors.OrderError:
    """Chooses the error that decides what follows an attempt: one of the whole run, else that with the longest wait.

    Files that do not fit on the disk come last: they wait for space separately.

    Args:
        failed: at least one.
    """
    return max(failed, key=_weight)


def _weight(error: errors.OrderError) -> tuple[int, float]:
    if isinstance(error, errors.DoesNotFitError):
        return 0, 0.0
    if isinstance(error, errors.OutputUnavailableError | errors.SessionExpiredError):
        return 2, 0.0
    return 1, (error.retry_after if isinstance(error, errors.TransientError) else None) or 0.0


def decide(
    error: errors.OrderError,
    attempt: int,
    *,
    policy: Policy,
    random: Callable[[], float],
    past: AttemptHistory | None = None,
) -> Decision:
    """Decides what follows from an error.

    The delay is exponential with full jitter (uniform between 0 and the bound, which doubles with each attempt), and
    never shorter than the server's `Retry-After`. If the output cannot be written to, all orders are concerned and the
    run waits (`machine/disk_space.py`).

    After a lost browser the order is retried at once, whatever its attempts, until `MAX_PAGE_CRASHES` browsers were
    lost. An order without a page in that browser does not even use up an attempt.

    Args:
        error: of the attempt.
        attempt: its number, from 1.
        policy: limits and delays.
        random: uniform in [0, 1).
        past: earlier attempts; None if there were none.
    """
    past = past or AttemptHistory()
    if isinstance(error, errors.SessionExpiredError):
        return SignIn()
    if not isinstance(error, errors.TransientError) or isinstance(error, errors.OutputUnavailableError):
        return GiveUp()
    if isinstance(error, errors.BrowserLostError):
        hopeless = past.page_losses >= MAX_PAGE_CRASHES or past.file_losses >= MAX_FILE_CRASHES
        return GiveUp() if hopeless else Retry(0.0, counts=past.on_page and not past.excused)
    if past.excused:
        return Retry(0.0, counts=False)
    if attempt >= policy.attempts:
        return GiveUp()
    bound = min(policy.cap, policy.base * 2.0 ** min(attempt - 1, _DOUBLINGS))
    delay = max(random() * bound, error.retry_after or 0.0)
    return GiveUp() if past.tried_for + delay > policy.max_seconds else Retry(delay, counts=True)
