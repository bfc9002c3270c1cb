"""Which hosts have answered, and what it means that one cannot be reached: a mistake, an outage, or no network. Pure.

A mistake does not heal by waiting: a name that does not exist, a port where nothing listens, a certificate that is not
trusted. It is taken for one only at a host that has never answered, and only where this machine has a network: what
answers elsewhere meanwhile proves that, else the machine's own routes are looked at. At a host that has answered, the
same is an outage (a restart, a VPN that is down), which heals by waiting. But for certificates: one that was good in an
earlier run and is not in this one is no outage.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Final

from po_pw import errors, models, net_errors

if TYPE_CHECKING:
    from collections.abc import Callable

_CERTIFICATES: Final = frozenset(
    {
        models.NetFault.CERTIFICATE,
        models.NetFault.CERTIFICATE_DATE,
        models.NetFault.CERTIFICATE_NAME,
        models.NetFault.CLIENT_CERTIFICATE,
    }
)


class Verdict(enum.Enum):
    """What it means that a host cannot be reached."""

    MISTAKE = enum.auto()
    """Waiting does not mend it."""
    OUTAGE = enum.auto()
    """The host is down, or the way to it."""
    OFFLINE = enum.auto()
    """This machine has no network."""


class Hosts:
    """What is known of the hosts of a run: their pages' and their files'.

    Args:
        is_known: whether a host answered in an earlier run.
        has_network: whether this machine has a network, as far as it knows.
        on_first_answer: told of each host that answers for the first time in this run.
    """

    def __init__(
        self,
        is_known: Callable[[str], bool] = lambda _host: False,
        has_network: Callable[[], bool] = lambda: True,
        on_first_answer: Callable[[str], None] = lambda _host: None,
    ) -> None:
        self._is_known = is_known
        self._has_network = has_network
        self._on_first_answer = on_first_answer
        self._answered: dict[str, float] = {}
        self._given_up: dict[str, errors.PermanentError] = {}

    def answered(self, host: str, now: float) -> None:
        """A host gave an answer, whatever it was."""
        if host not in self._answered:
            self._on_first_answer(host)
        self._answered[host] = now

    def has_answered(self, host: str) -> bool:
        """Whether it did in this run."""
        return host in self._answered

    def is_known(self, host: str) -> bool:
        """Whether it did in this run or an earlier one."""
        return host in self._answered or self._is_known(host)

    def judge(self, error: errors.HostUnreachableError, since: float) -> Verdict:
        """What an error means.

        Args:
            error: of the latest try.
            since: monotonic seconds, when the host was first found not to answer.
        """
        meaning = net_errors.MEANINGS[error.fault]
        if error.fault is models.NetFault.OFFLINE:
            return Verdict.OFFLINE
        if not meaning.shows_network and not self._any_since(since) and not self._has_network():
            return Verdict.OFFLINE
        known = self.has_answered if error.fault in _CERTIFICATES else self.is_known
        return Verdict.OUTAGE if meaning.heals or known(error.host) else Verdict.MISTAKE

    def _any_since(self, when: float) -> bool:
        return max(self._answered.values(), default=-math.inf) > when

    def give_up(self, host: str, why: str, code: models.ErrorCode) -> None:
        """Nobody asks this host any more in this run."""
        self._given_up[host] = errors.PermanentError(why, code)

    def why_given_up(self, host: str) -> errors.PermanentError | None:
        """The failure of everything that needs this host; None where it is not given up."""
        return self._given_up.get(host)
