"""Again, when, or never: the one place that decides whether an order is tried again. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, TypeAlias

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Callable

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


def decide(error: errors.OrderError, attempt: int, *, policy: Policy, random: Callable[[], float]) -> Decision:
    """What follows from an error.

    The delay is exponential with full jitter (uniform between 0 and the bound, which doubles with each attempt), and
    never shorter than the server's `Retry-After`. A full disk is never tried again: it is full for every order.

    Args:
        error: what happened.
        attempt: which attempt it happened in, from 1.
        policy: the bounds.
        random: uniform in [0, 1).
    """
    if isinstance(error, errors.SessionExpired):
        return SignIn()
    if not isinstance(error, errors.Transient) or isinstance(error, errors.OutOfSpace):
        return Never()
    if attempt >= policy.attempts:
        return Never()
    if isinstance(error, errors.BrowserLost):
        return Again(0.0, counts=True)
    bound = min(policy.cap, policy.base * 2.0 ** min(attempt - 1, _DOUBLINGS))
    return Again(max(random() * bound, error.retry_after or 0.0), counts=True)
