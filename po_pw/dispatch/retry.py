"""Again, when, or never: the one place that decides whether an order is tried again. Pure."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final, TypeAlias

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BROWSERS: Final = 4
"""Browsers, or renderers, that may end under an order's page before the order is set aside. Somebody else may have
ended some of them: a person, a machine short of memory."""
LOSSES: Final = 12
"""The same where only files of the order were still coming, by way of the browser."""
_DOUBLINGS: Final = 60
"""More would not change the bound, and at last overflow."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """How often and how patiently."""

    attempts: int
    """At most, the first included."""
    base: float
    """Seconds of the first delay's upper bound."""
    cap: float
    """Seconds that no delay's upper bound exceeds."""
    patience: float = math.inf
    """Seconds from its first failure on that an order may go on being tried again."""


@dataclasses.dataclass(frozen=True, slots=True)
class AttemptHistory:
    """What went before, of one order."""

    tried_for: float = 0.0
    """Seconds since its first failure, without those in which everybody waited."""
    excused: bool = False
    """The attempt failed for a reason that is nobody's order's: a host that is down, a machine that slept."""
    on_page: bool = True
    """It had a page of the browser that was lost, and may be what ended it."""
    browsers: int = 0
    """Browsers lost under its page, this one included."""
    losses: int = 0
    """Browsers lost while only its files were coming, this one included."""


@dataclasses.dataclass(frozen=True, slots=True)
class Again:
    """The order goes back, and may be taken after `delay` seconds."""

    delay: float
    counts: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Never:
    """The error is the order's result."""


@dataclasses.dataclass(frozen=True, slots=True)
class SignIn:
    """The sign-in has to be renewed first; no attempt was used up."""


Decision: TypeAlias = Again | Never | SignIn


def decisive(failed: Iterable[errors.OrderError]) -> errors.OrderError:
    """Which of an attempt's errors says what follows: the whole run's, else the one that asks to wait longest.

    What does not fit on a disk comes last: it waits by itself.

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
    """What follows from an error.

    The delay is exponential with full jitter (uniform between 0 and the bound, which doubles with each attempt), and
    never shorter than the server's `Retry-After`. An output that cannot be written to is nothing to try again here: it
    is so for every order, and the run waits (`machine/disk_space.py`).

    A lost browser is not a matter of attempts: the order goes back at once, until it has ended `BROWSERS` of them; one
    that merely shared the browser does not even count the attempt.

    Args:
        error: what happened.
        attempt: which attempt it happened in, from 1.
        policy: the bounds.
        random: uniform in [0, 1).
        past: what else is known; None: nothing.
    """
    past = past or AttemptHistory()
    if isinstance(error, errors.SessionExpiredError):
        return SignIn()
    if not isinstance(error, errors.TransientError) or isinstance(error, errors.OutputUnavailableError):
        return Never()
    if isinstance(error, errors.BrowserLostError):
        hopeless = past.browsers >= BROWSERS or past.losses >= LOSSES
        return Never() if hopeless else Again(0.0, counts=past.on_page and not past.excused)
    if past.excused:
        return Again(0.0, counts=False)
    if attempt >= policy.attempts:
        return Never()
    bound = min(policy.cap, policy.base * 2.0 ** min(attempt - 1, _DOUBLINGS))
    delay = max(random() * bound, error.retry_after or 0.0)
    return Never() if past.tried_for + delay > policy.patience else Again(delay, counts=True)
