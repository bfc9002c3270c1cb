"""A host that fails for all orders: all wait, one is tried, and none loses an attempt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_pw import errors, models, net_errors
from po_pw.dispatch import circuit_breaker, reachability

POLICY = circuit_breaker.Policy(base=2.0, cap=60.0, give_up=3600.0, failures=3, orders=2)
DOWN = errors.TransientError("connection refused")
ERROR = errors.TransientError("HTTP 500", models.ErrorCode.PORTAL_ERROR)
BUSY = errors.TransientError("HTTP 429", models.ErrorCode.RATE_LIMITED, retry_after=30.0)
ONE = models.WorkerId("w1")
HOUR = 3600.0


def order(po: str, host: str = "portal.example") -> models.PurchaseOrder:
    return models.PurchaseOrder(models.OrderKey(po), po, f"https://{host}/{po}")


def lease(number: int, po: str = "") -> models.Lease:
    return models.Lease(order(po or f"PO-{number}"), ONE, 1, number)


def known_circuit(chance: float = 0.5) -> circuit_breaker.CircuitBreaker:
    """The circuit of a host that answered in an earlier run."""
    return circuit_breaker.CircuitBreaker(
        "portal.example", POLICY, lambda: chance, reachability.Hosts(is_known=lambda _: True)
    )


def is_old_news(change: circuit_breaker.Change | None) -> bool:
    """Whether only one more probe has failed."""
    return isinstance(change, circuit_breaker.Opened) and not change.is_news


def opened(now: float = 100.0, chance: float = 0.5, error: errors.OrderError = DOWN) -> circuit_breaker.CircuitBreaker:
    """A circuit opened at `now` by three failures of two orders; the first wait is `chance` times 2 s."""
    one = known_circuit(chance)
    assert one.failed("portal.example", lease(1), error, now) == (None, False)
    assert one.failed("portal.example", lease(2), error, now) == (None, False)
    change, excused = one.failed("portal.example", lease(3, "PO-1"), error, now)
    assert (change, excused) == (circuit_breaker.Opened("portal.example", str(error), chance * 2.0, HOUR), True)
    return one


@pytest.mark.parametrize(
    "error",
    [
        errors.PermanentError("gone"),
        errors.SessionExpiredError("out"),
        errors.BrowserLostError("killed"),
        errors.OutOfSpaceError("full"),
        errors.TransientError("cut", models.ErrorCode.TRUNCATED),
        errors.TransientError("slow", models.ErrorCode.LIST_INCOMPLETE),
    ],
    ids=lambda error: error.code,
)
def test_only_a_host_that_does_not_answer_is_an_outage(error: errors.OrderError) -> None:
    """Refusals, sign-ins, lost browsers, full disks and cut-off files are no outage."""
    assert not circuit_breaker.is_outage(error)
    assert circuit_breaker.is_outage(DOWN)
    assert circuit_breaker.is_outage(errors.TransientError("slow", models.ErrorCode.TIMEOUT))


def test_an_answer_between_two_failures_starts_the_count_again() -> None:
    """Only failures in a row open the circuit; while it is closed, each counts as an attempt."""
    one = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5)
    for turn in range(20):
        assert one.failed("portal.example", lease(turn), DOWN, turn) == (None, False)
        assert one.failed("portal.example", lease(turn), DOWN, turn) == (None, False)
        assert one.succeeded("portal.example", lease(turn), turn) is None
    assert not one.is_open()


def test_one_order_alone_opens_nothing() -> None:
    """One order that always fails uses up its own attempts and blocks no others."""
    one = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5)
    assert {one.failed("portal.example", lease(turn, "PO-1"), ERROR, turn) for turn in range(9)} == {(None, False)}


def test_while_it_waits_nobody_goes_then_exactly_one() -> None:
    """Until the wait is over no order is leased; then the first is the probe, and all others wait for it."""
    one = opened(now=100.0)
    assert one.is_blocked(100.9)
    assert one.next_change(100.9) == 101.0
    assert not one.is_blocked(101.0)
    one.leased(lease(10), 101.0)
    assert one.is_blocked(101.0)
    assert one.is_blocked(1e9)
    assert one.next_change(101.0) is None


def test_success_closes_and_says_so() -> None:
    """The probe's success closes the circuit; that of an older lease does not."""
    one = opened(now=100.0)
    one.leased(lease(10), 101.0)
    assert one.succeeded("portal.example", lease(2), 102.0) is None
    assert one.is_open()
    assert one.succeeded("portal.example", lease(10), 103.0) == circuit_breaker.Closed("portal.example", 3.0)
    assert not one.is_open()
    assert not one.is_blocked(103.0)


def test_failure_opens_again_for_twice_as_long_quietly() -> None:
    """Waits double up to the limit and are reported once; no attempt counts, not even the probe's."""
    one, now, waits = opened(now=100.0, chance=0.999), 100.0, []
    for number in range(10, 20):
        now = one.next_change(now) or 0.0
        one.leased(lease(number), now)
        change, excused = one.failed("portal.example", lease(number), DOWN, now)
        assert is_old_news(change)
        assert excused
        waits.append((one.next_change(now) or 0.0) - now)
    assert waits == pytest.approx([0.999 * bound for bound in (4, 8, 16, 32, 60, 60, 60, 60, 60, 60)])


def test_what_was_under_way_when_it_opened_is_excused() -> None:
    """Attempts that fail while the circuit is open are excused and do not affect the probe."""
    one = opened(now=100.0)
    assert one.failed("portal.example", lease(2), DOWN, 100.1) == (None, True)
    one.leased(lease(10), 101.0)
    assert one.failed("portal.example", lease(2), DOWN, 101.1) == (None, True)
    assert one.succeeded("portal.example", lease(10), 102.0) is not None


def test_a_probe_that_learnt_nothing_leaves_it_to_the_next() -> None:
    """After a cancelled probe or a lost browser, another order may be the probe at once."""
    one = opened(now=100.0)
    one.leased(lease(10), 101.0)
    one.released(lease(10))
    assert not one.is_blocked(101.0)
    one.leased(lease(11), 101.0)
    assert one.is_blocked(101.0)


def test_after_long_enough_it_is_given_up() -> None:
    """After `give_up` seconds of failed probes the host is given up, once, with the last reason."""
    one = opened(now=0.0)
    one.leased(lease(10), 3599.0)
    change, excused = one.failed("portal.example", lease(10), DOWN, 3599.0)
    assert (is_old_news(change), excused) == (True, True)
    one.leased(lease(11), 3700.0)
    change, _ = one.failed("portal.example", lease(11), DOWN, 3700.0)
    assert change == circuit_breaker.GivenUp("portal.example", "connection refused", 3700.0)
    assert one.is_blocked(1e9)


def test_orders_that_cannot_be_told_from_an_outage_pay_at_last() -> None:
    """If every remaining order got a 500, a probe counts as an attempt, so that they end.

    While an order has not failed, or there is no answer at all, no probe counts.
    """
    one = opened(now=100.0, error=ERROR)
    one.leased(lease(10, "PO-9"), 200.0)
    assert one.failed("portal.example", lease(10, "PO-9"), ERROR, 200.0)[1]
    one.leased(lease(11, "PO-1"), 300.0)
    assert not one.failed("portal.example", lease(11, "PO-1"), ERROR, 300.0)[1]
    one.leased(lease(12, "PO-1"), 400.0)
    assert one.failed("portal.example", lease(12, "PO-1"), DOWN, 400.0)[1]


def test_retry_after_holds_everybody_and_counts_once() -> None:
    """After a 429 with Retry-After all orders wait that long, and those that meet it are excused."""
    one = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5)
    assert one.failed("portal.example", lease(1), BUSY, 100.0) == (
        circuit_breaker.Throttled("portal.example", 30.0),
        False,
    )
    assert one.is_blocked(129.9)
    assert one.failed("portal.example", lease(2), BUSY, 110.0) == (None, True)
    assert one.next_change(111.0) == 140.0
    assert not one.is_blocked(140.0)
    assert not one.is_open()


def test_retry_after_lengthens_the_wait_of_an_open_one() -> None:
    """Retry-After lengthens the wait of an open circuit."""
    one = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.0)
    for number in (1, 2, 3):
        one.failed("portal.example", lease(number), BUSY, 100.0)
    assert one.is_open()
    assert one.next_change(100.0) == 130.0


def test_a_dead_file_host_holds_the_orders_that_need_it() -> None:
    """If a file host is down, orders wait; a probe that does not need it succeeds."""
    one = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5)
    for number in (1, 2, 3):
        one.succeeded("portal.example", lease(number), 100.0)
        one.failed("files.example", lease(number), DOWN, 100.0)
    assert one.is_open()
    one.leased(lease(10), 101.0)
    assert one.succeeded("portal.example", lease(10), 102.0) is None
    assert one.is_open()
    one.released(lease(10))
    one.leased(lease(11), 102.0)
    assert one.succeeded("files.example", lease(11), 103.0) == circuit_breaker.Closed("files.example", 3.0)


def test_after_a_sleep_one_goes_first_and_nothing_is_said_where_all_is_well() -> None:
    """`check` lets one order go first; its success is not reported, and its failure is an outage."""
    well, ill = known_circuit(), known_circuit()
    for one in (well, ill):
        one.check(100.0)
        assert not one.is_blocked(100.0)
        one.leased(lease(1), 100.0)
        assert one.is_blocked(100.0)
    assert well.succeeded("portal.example", lease(1), 101.0) is None
    assert not well.is_open()
    assert ill.failed("portal.example", lease(1), DOWN, 101.0) == (
        circuit_breaker.Opened("portal.example", "connection refused", 1.0, HOUR),
        True,
    )


def test_the_time_in_which_everybody_waited_is_known() -> None:
    """The waiting time is known, so that an outage does not use up an order's time."""
    one = opened(now=100.0)
    assert one.waited(150.0) == 50.0
    one.leased(lease(10), 150.0)
    one.succeeded("portal.example", lease(10), 160.0)
    assert one.waited(1000.0) == 60.0
    one.failed("portal.example", lease(11), BUSY, 1000.0)
    assert one.waited(1010.0) == 70.0
    assert one.waited(2000.0) == 90.0


# --- hosts to which no connection comes about -------------------------------------------------------------------------


def unreachable(fault: models.NetFault, host: str = "portal.example") -> errors.HostUnreachableError:
    return net_errors.unreachable(f"https://{host}/x", fault)


def doubted(one: circuit_breaker.CircuitBreaker, error: errors.HostUnreachableError, now: float = 100.0) -> None:
    """One failure of one order: the host is tried again after two seconds, and no order loses an attempt."""
    is_slow = error.fault is models.NetFault.SILENT
    assert one.failed("portal.example", lease(1), error, now) == (
        circuit_breaker.Doubted("portal.example", net_errors.MEANINGS[error.fault].why, 2.0, is_slow=is_slow),
        True,
    )
    assert one.is_blocked(now + 1.9)
    assert one.next_change(now) == now + 2.0


def test_a_port_that_browsers_never_open_is_the_address_s_fault() -> None:
    """Not the administrator's."""
    said = "Page.goto: net::ERR_UNSAFE_PORT at http://127.0.0.1:1/"
    fault = net_errors.of_chromium(said)
    assert fault is models.NetFault.PORT
    assert "Check the port" in str(net_errors.unreachable("http://127.0.0.1:1/", fault, said))


MISTAKES = [fault for fault, meaning in net_errors.MEANINGS.items() if not meaning.heals]


@pytest.mark.parametrize("fault", MISTAKES)
def test_what_does_not_heal_is_refused_after_a_second_try(fault: models.NetFault) -> None:
    """Two failures of a host that never answered, two seconds apart, fail all that needs it."""
    hosts = reachability.Hosts()
    one, error = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5, hosts), unreachable(fault)
    doubted(one, error)
    assert one.failed("portal.example", lease(2), error, 100.1) == (None, True)  # begun before, and no second try
    one.leased(lease(3), 102.0)
    change, excused = one.failed("portal.example", lease(3), error, 102.0)
    assert change == circuit_breaker.Refused("portal.example", str(error), models.ErrorCode.NETWORK)
    assert not excused
    assert not one.is_blocked(102.0)
    refused = hosts.why_given_up("portal.example")
    assert refused is not None
    assert net_errors.MEANINGS[fault].remedy.format(host="portal.example") in str(refused)


@pytest.mark.parametrize("fault", list(models.NetFault))
def test_a_host_that_answered_in_this_run_is_waited_for_whatever_is_in_the_way(fault: models.NetFault) -> None:
    """A host that answered is waited for, even with a certificate error, for an hour."""
    hosts = reachability.Hosts()
    hosts.answered("portal.example", 50.0)
    one, error = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5, hosts), unreachable(fault)
    opened_ = None
    for number in range(1, 4):
        opened_, excused = one.failed("portal.example", lease(number), error, 100.0 + 2 * number)
        if isinstance(opened_, circuit_breaker.Opened):
            break
        one.leased(lease(number + 1), 102.0 + 2 * number)
    assert isinstance(opened_, circuit_breaker.Opened)
    assert opened_.is_news
    assert opened_.left > HOUR - 10
    assert excused


def test_a_portal_known_from_earlier_runs_may_be_down_but_its_certificate_may_not_be_bad() -> None:
    """A known portal without a name is waited for; one with an expired certificate is not."""
    for fault, expected in (
        (models.NetFault.NAME, circuit_breaker.Opened),
        (models.NetFault.CERTIFICATE_DATE, circuit_breaker.Refused),
    ):
        one, error = known_circuit(), unreachable(fault)
        doubted(one, error)
        one.leased(lease(2), 102.0)
        change, _ = one.failed("portal.example", lease(2), error, 102.0)
        assert isinstance(change, expected)


def test_without_a_network_nothing_is_called_a_mistake() -> None:
    """Without a network all is waited for; once there is one, two more failures show a wrong name."""
    network = [False]
    hosts = reachability.Hosts(has_network=lambda: network[0])
    one, error = (
        circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5, hosts),
        unreachable(models.NetFault.NAME),
    )
    doubted(one, error)
    one.leased(lease(2), 102.0)
    change, _ = one.failed("portal.example", lease(2), error, 102.0)
    assert change == circuit_breaker.Opened("portal.example", "there is no such host", 1.0, HOUR - 2.0, is_offline=True)
    network[0] = True
    for number, expected in ((3, circuit_breaker.Opened), (4, circuit_breaker.Refused)):
        now = one.next_change(0.0) or 0.0
        one.leased(lease(number), now)
        change, _ = one.failed("portal.example", lease(number), error, now)
        assert isinstance(change, expected)


def test_another_hosts_answer_proves_the_network() -> None:
    """An answer since the first failure proves the network; an earlier one does not."""
    hosts = reachability.Hosts(has_network=lambda: False)
    error = unreachable(models.NetFault.NAME)
    hosts.answered("other.example", 99.0)
    assert hosts.cause_of(error, 100.0) is reachability.Cause.OFFLINE
    hosts.answered("other.example", 101.0)
    assert hosts.cause_of(error, 100.0) is reachability.Cause.MISTAKE


def test_a_host_that_never_answered_is_not_waited_for_an_hour() -> None:
    """A silent host that never answered fails its orders after five minutes, with that reason."""
    hosts = reachability.Hosts()
    one, error = (
        circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5, hosts),
        unreachable(models.NetFault.SILENT),
    )
    doubted(one, error)
    for number, now in ((2, 147.0), (3, 200.0)):
        one.leased(lease(number), now)
        change, excused = one.failed("portal.example", lease(number), error, now)
        assert isinstance(change, circuit_breaker.Opened)
        assert excused
    one.leased(lease(4), 401.0)
    change, _ = one.failed("portal.example", lease(4), error, 401.0)
    assert isinstance(change, circuit_breaker.Refused)
    assert "and did not answer before" in change.why
    assert change.code is models.ErrorCode.TIMEOUT


def test_an_answer_ends_the_doubt() -> None:
    """After a short restart one order is tried and the others follow, without lost attempts."""
    one = known_circuit()
    doubted(one, unreachable(models.NetFault.REFUSED))
    one.leased(lease(2), 102.0)
    assert one.is_blocked(102.0)
    one.succeeded("portal.example", lease(2), 103.0)
    assert not one.is_open()
    assert not one.is_blocked(103.0)


def test_one_page_that_drops_its_connection_is_its_own_order_s_problem() -> None:
    """If a host has answered, a single failed page blocks no other order."""
    hosts = reachability.Hosts()
    hosts.answered("portal.example", 1.0)
    one = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5, hosts)
    for turn in range(9):
        error = unreachable(models.NetFault.DROPPED)
        assert one.failed("portal.example", lease(turn, "PO-1"), error, float(turn)) == (None, False)


def test_a_dead_host_of_files_is_refused_and_nobody_waits() -> None:
    """If a file host's name does not exist, its files fail the second time, and no order waits."""
    hosts = reachability.Hosts()
    hosts.answered("portal.example", 1.0)
    one = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5, hosts)
    error = unreachable(models.NetFault.NAME, "files.example")
    for now in (100.0, 100.5):
        assert one.failed("files.example", lease(1), error, now) == (None, False)
        assert not one.is_blocked(now)
    change, _ = one.failed("files.example", lease(2), error, 102.0)
    assert isinstance(change, circuit_breaker.Refused)
    assert not one.is_blocked(102.0)
    assert hosts.why_given_up("files.example") is not None
    assert hosts.why_given_up("portal.example") is None


def test_files_of_a_host_that_went_down_fail_after_five_minutes_although_pages_open() -> None:
    """Pages that open do not restart the time after which the files fail."""
    hosts = reachability.Hosts()
    hosts.answered("portal.example", 1.0)
    hosts.answered("files.example", 1.0)
    one, now = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5, hosts), 100.0
    error = unreachable(models.NetFault.SILENT, "files.example")
    change: circuit_breaker.Change | None = None
    for number in range(100):
        now = one.next_change(now) or now + 1.0
        one.leased(lease(number), now)
        one.succeeded("portal.example", lease(number), now)
        change, _ = one.failed("files.example", lease(number), error, now)
        one.released(lease(number))
        if isinstance(change, circuit_breaker.Refused):
            break
    assert isinstance(change, circuit_breaker.Refused)
    assert change.host == "files.example"
    assert 400.0 <= now < 600.0


STEPS = st.sampled_from(["fail", "answer", "busy", "leave", "check"])


@given(st.lists(st.tuples(STEPS, st.integers(0, 5)), max_size=60))
def test_whatever_happens_there_is_a_way_out(steps: list[tuple[str, int]]) -> None:
    """After any history an order may go now or at a known time, or a probe's end will show more."""
    one = circuit_breaker.CircuitBreaker("portal.example", POLICY, lambda: 0.5)
    now, number, out = 0.0, 0, list[models.Lease]()
    for what, which in steps:
        now += which
        if not one.is_blocked(now):
            number += 1
            out.append(lease(number, f"PO-{which}"))
            one.leased(out[-1], now)
        if what == "check":
            one.check(now)
        elif out:
            mine = out.pop(which % len(out))
            if what == "fail":
                one.failed("portal.example", mine, DOWN, now)
            elif what == "busy":
                one.failed("portal.example", mine, BUSY, now)
            elif what == "answer":
                one.succeeded("portal.example", mine, now)
            one.released(mine)
        assert not one.is_blocked(now) or one.next_change(now) is not None or out
        assert one.waited(now) <= now


def test_a_pause_gives_up_neither_a_host_nor_an_order_of_it() -> None:
    """A pause of two hours during an outage gives up neither the host nor its orders."""
    one = opened(100.0)
    before = one.waited(110.0)
    one.excuse(2 * HOUR, 100.0 + 2 * HOUR)
    now = 110.0 + 2 * HOUR
    assert one.waited(now) >= before + 2 * HOUR
    one.leased(lease(4), now)
    change, excused = one.failed("portal.example", lease(4), DOWN, now)
    assert is_old_news(change)
    assert excused
    one.leased(lease(5), now + HOUR)
    change, _ = one.failed("portal.example", lease(5), DOWN, now + HOUR)
    assert isinstance(change, circuit_breaker.GivenUp)
