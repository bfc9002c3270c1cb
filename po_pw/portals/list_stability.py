"""Looks at a page again until its list no longer changes, for portals of any kind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from po_pw.browser import quiet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from po_pw.portals import base

L = TypeVar("L")
_LOOK_EVERY: Final = 1.0
_REQUESTS: Final = frozenset({"document", "script", "stylesheet", "fetch", "xhr", "image", "media", "font", "other"})
"""How descriptions of single requests begin; see `browser.activity.describe`."""


class StableLooks(Generic[L]):
    """Looks at a page until nothing more is expected.

    Once the page is proved quiet, the next look is the last. If it has endless activity (a poll, a socket), a look is
    accepted after `patience` without a change, unless it `expects_more`.

    Args:
        opened: the page.
        look: one look at it.
        is_same: whether two looks show the same attachments.
        expects_more: whether a look shows that more comes, given whether quiet is proved.
        brings_nothing: whether endless activity, by its description, is known to bring nothing.

    Attributes:
        quiet: how it was determined that the latest look is the last; None before the first.
    """

    def __init__(
        self,
        opened: base.OpenPage,
        look: Callable[[], Awaitable[L]],
        *,
        is_same: Callable[[L, L], bool],
        expects_more: Callable[[L, bool], bool],
        brings_nothing: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.quiet: quiet.Quiet | None = None
        self._opened = opened
        self._look = look
        self._is_same = is_same
        self._expects_more = expects_more
        self._brings_nothing = brings_nothing
        self._deadline = time.monotonic() + opened.timeout
        self._is_noted = False

    @property
    def is_proved(self) -> bool:
        """Whether it was proved that the latest look is the last."""
        return self.quiet is not None and self.quiet.how is quiet.How.PROVED

    def begin_again(self) -> None:
        """Starts the time limit again, after another page was opened."""
        self._deadline = time.monotonic() + self._opened.timeout

    async def settle(self) -> tuple[L, bool]:
        """Waits for the last look; also returns whether it was reached in time.

        Raises:
            playwright.Error: the page is gone.
        """
        opened = self._opened
        while True:
            # First wait for work that ends by itself; endless activity is evaluated after that.
            first = await opened.watch.quiet(
                deadline=self._deadline, patience=opened.patience, trusted=self._is_endless_or_trusted
            )
            look = await self._look()
            endless = [one for one in (*first.recurring, *first.uncountable) if not self._brings_nothing(one)]
            doubtful = [name for name in endless if not opened.memory.source_trusted(name)]
            last = first
            if doubtful and first.how is not quiet.How.DEADLINE:
                last = await opened.watch.quiet(
                    deadline=self._deadline, patience=opened.patience, trusted=self._is_trusted
                )
                before, look = look, await self._look()
                self._note_endless(endless, changed=not self._is_same(before, look))
            else:
                self._note_endless(endless, changed=False)
            self.quiet = last
            if last.how is quiet.How.DEADLINE:
                return look, False
            if not self._expects_more(look, self.is_proved):
                return look, True
            if time.monotonic() >= self._deadline:
                return look, False
            await opened.watch.changed(last.changes, min(_LOOK_EVERY, max(0.01, self._deadline - time.monotonic())))

    def told(self) -> str:
        """How it was determined that nothing more would come, in words."""
        if self.quiet is None:
            return ""
        endless = ", ".join((*self.quiet.recurring, *self.quiet.uncountable))
        going = f"; still loading: {endless}" if endless else ""
        return f"{self.quiet.how.value.lower()} after {self.quiet.seconds:.2f} s{going}"

    def _is_trusted(self, label: str) -> bool:
        return self._brings_nothing(label) or self._opened.memory.source_trusted(label)

    def _is_endless_or_trusted(self, label: str) -> bool:
        """Whether a source never ends or is known to bring nothing; an unanswered request may still bring something."""
        return label.partition(" ")[0] not in _REQUESTS or self._is_trusted(label)

    def _note_endless(self, endless: Sequence[str], *, changed: bool) -> None:
        """Records, once per order, the endless activity of its page and whether it brought anything."""
        if self._is_noted or not endless:
            return
        self._is_noted = True
        opened = self._opened
        opened.read_again(opened.memory.note_quiet(opened.order.key, endless, changed_area=changed))
