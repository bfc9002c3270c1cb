"""Again, later or never: what follows from each kind of error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from po_pw import errors, models
from po_pw.dispatch import retry

POLICY = retry.Policy(attempts=4, base=2.0, cap=10.0)
PERMANENT = [
    errors.PermanentError("gone", models.ErrorCode.NOT_FOUND),
    errors.NotAFileError("a page came"),
    errors.BrowserRouteNeededError("407"),
    errors.OutOfSpaceError("the disk is full"),
    errors.OrderError("internal"),
]


def decide(
    error: errors.OrderError, attempt: int = 1, *, chance: float = 0.5, past: retry.AttemptHistory | None = None
) -> retry.Decision:
    return retry.decide(error, attempt, policy=POLICY, random=lambda: chance, past=past)


@pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
def test_what_will_not_work_is_not_tried_again(error: errors.OrderError) -> None:
    """Permanent errors, non-files, unavailable routes and a full disk are final at once."""
    assert decide(error) == retry.GiveUp()


def test_a_session_is_renewed_in_whatever_attempt() -> None:
    """A sign-in is not an attempt, even if all are used up."""
    assert decide(errors.SessionExpiredError("signed out"), 1) == retry.SignIn()
    assert decide(errors.SessionExpiredError("signed out"), 99) == retry.SignIn()


@pytest.mark.parametrize(("attempt", "bound"), [(1, 2.0), (2, 4.0), (3, 8.0)])
def test_the_delay_doubles(attempt: int, bound: float) -> None:
    """Full jitter: uniform between 0 and a bound that doubles."""
    for chance in (0.0, 0.25, 0.999):
        assert decide(errors.TransientError("reset"), attempt, chance=chance) == retry.Retry(
            chance * bound, counts=True
        )


def test_of_an_orders_errors_the_one_that_asks_to_wait_longest_decides() -> None:
    """The whole run's error comes first; a file that does not fit comes last."""
    reset, short = errors.TransientError("reset"), errors.TransientError("429", retry_after=5.0)
    long, signed_out = errors.TransientError("503", retry_after=60.0), errors.SessionExpiredError("signed out")
    large, gone = errors.DoesNotFitError("large", 9, Path()), errors.OutputUnavailableError("gone")
    assert retry.decisive_error([large, reset, short, long]) is long
    assert retry.decisive_error([large, reset]) is reset
    assert retry.decisive_error([large]) is large
    assert retry.decisive_error([long, gone]) is gone
    assert retry.decisive_error([long, signed_out, gone, large]) is signed_out
    assert retry.decisive_error([reset, errors.TransientError("another")]) is reset


def test_attempts_are_used_up() -> None:
    """After the last attempt the error is the result."""
    assert isinstance(decide(errors.TransientError("reset"), 3), retry.Retry)
    assert decide(errors.TransientError("reset"), 4) == retry.GiveUp()


def test_patience_is_used_up() -> None:
    """If the next attempt would be too late, there is none."""
    policy = retry.Policy(attempts=20, base=2.0, cap=10.0, max_seconds=60.0)
    for tried_for, want in ((0.0, retry.Retry(1.0, counts=True)), (59.0, retry.Retry(1.0, counts=True))):
        past = retry.AttemptHistory(tried_for=tried_for)
        assert retry.decide(errors.TransientError("reset"), 1, policy=policy, random=lambda: 0.5, past=past) == want
    late = retry.AttemptHistory(tried_for=59.5)
    assert (
        retry.decide(errors.TransientError("reset"), 1, policy=policy, random=lambda: 0.5, past=late) == retry.GiveUp()
    )


def test_what_is_nobodys_fault_is_no_attempt() -> None:
    """An excused failure is retried at once and not counted; a full disk is not excused."""
    past = retry.AttemptHistory(excused=True, tried_for=1e9)
    assert decide(errors.TransientError("down", retry_after=9.0), 4, past=past) == retry.Retry(0.0, counts=False)
    assert decide(errors.OutOfSpaceError("full"), 1, past=past) == retry.GiveUp()
    assert decide(errors.PermanentError("gone"), 1, past=past) == retry.GiveUp()


def test_a_lost_browser_is_replaced_at_once() -> None:
    """The order is retried without delay; the attempt counts if the order had a page."""
    assert decide(errors.BrowserLostError("killed"), 3) == retry.Retry(0.0, counts=True)
    assert decide(errors.BrowserLostError("killed"), 3, past=retry.AttemptHistory(on_page=False)) == retry.Retry(
        0.0, counts=False
    )


def test_an_order_that_kills_browsers_is_set_aside() -> None:
    """After too many lost browsers the order fails, with a higher limit if only its files were loading."""
    lost = errors.BrowserLostError("killed")
    assert isinstance(decide(lost, 9, past=retry.AttemptHistory(page_losses=retry.MAX_PAGE_CRASHES - 1)), retry.Retry)
    assert decide(lost, 1, past=retry.AttemptHistory(page_losses=retry.MAX_PAGE_CRASHES)) == retry.GiveUp()
    assert isinstance(
        decide(lost, 1, past=retry.AttemptHistory(on_page=False, file_losses=retry.MAX_FILE_CRASHES - 1)), retry.Retry
    )
    assert (
        decide(lost, 1, past=retry.AttemptHistory(on_page=False, file_losses=retry.MAX_FILE_CRASHES)) == retry.GiveUp()
    )


def test_the_server_may_ask_for_more_patience() -> None:
    """`Retry-After` lengthens the delay beyond the limit, and never shortens it."""
    assert decide(errors.TransientError("busy", retry_after=30.0)) == retry.Retry(30.0, counts=True)
    assert decide(errors.TransientError("busy", retry_after=0.1)) == retry.Retry(1.0, counts=True)


@given(
    attempt=st.integers(1, 10**6),
    base=st.floats(0, 1e6),
    cap=st.floats(0, 1e6),
    retry_after=st.none() | st.floats(0, 1e6),
    chance=st.floats(0, 1, exclude_max=True),
)
@example(attempt=5000, base=1.0, cap=60.0, retry_after=None, chance=0.9)
def test_the_delay_has_bounds(attempt: int, base: float, cap: float, retry_after: float | None, chance: float) -> None:
    """The delay is never less than the server asks, nor more than that or the limit."""
    policy = retry.Policy(10**6 + 1, base, cap)
    error = errors.TransientError("reset", retry_after=retry_after)
    decision = retry.decide(error, attempt, policy=policy, random=lambda: chance)
    assert isinstance(decision, retry.Retry)
    asked = retry_after or 0.0
    assert asked <= decision.delay <= max(cap, asked)
