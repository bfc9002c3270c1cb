"""Which hosts have answered, and why one cannot be reached: mistake, outage, or no network. Pure.

Waiting does not help against a mistake: a host name that does not exist, a port where nothing listens, a certificate
that is not trusted. It is a mistake only if the host has never answered and this machine has a network (another host
answered meanwhile, else by the machine's routes). If the host has answered before, the same error is an outage (a
restart, a VPN that is down), and waiting helps. Certificates are the exception: if one was valid in an earlier run and
is not in this one, waiting does not help.
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


class Cause(enum.Enum):
    """Why a host cannot be reached."""

    MISTAKE = enum.auto()
    """Waiting does not help."""
    OUTAGE = enum.auto()
    """The host or the connection to it is down."""
    OFFLINE = enum.auto()
    """This machine has no network."""


class Hosts:
    """What is known about the hosts of a run, of pages and of files.

    Args:
        is_known: whether a host answered in an earlier run.
        has_network: whether this machine seems to have a network.
        on_first_answer: called with each host that answers for the first time in this run.
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
        """Records that a host answered, even with an error."""
        if host not in self._answered:
            self._on_first_answer(host)
        self._answered[host] = now

    def has_answered(self, host: str) -> bool:
        """Whether the host answered in this run."""
        return host in self._answered

    def is_known(self, host: str) -> bool:
        """Whether the host answered in this run or an earlier one."""
        return host in self._answered or self._is_known(host)

    def cause_of(self, error: errors.HostUnreachableError, since: float) -> Cause:
        """Decides why a host cannot be reached.

        Args:
            error: of the latest attempt.
            since: monotonic seconds of the first failure.
        """
        meaning = net_errors.MEANINGS[error.fault]
        if error.fault is models.NetFault.OFFLINE:
            return Cause.OFFLINE
        if not meaning.shows_network and not self._any_since(since) and not self._has_network():
            return Cause.OFFLINE
        known = self.has_answered if error.fault in _CERTIFICATES else self.is_known
        return Cause.OUTAGE if meaning.heals or known(error.host) else Cause.MISTAKE

    def _any_since(self, when: float) -> bool:
        return max(self._answered.values(), default=-math.inf) > when

    def give_up(self, host: str, why: str, code: models.ErrorCode) -> None:
        """Gives a host up: nothing more is requested from it in this run."""
        self._given_up[host] = errors.PermanentError(why, code)

    def why_given_up(self, host: str) -> errors.PermanentError | None:
        """The error of everything that needs this host; None if it was not given up."""
        return self._given_up.get(host)
