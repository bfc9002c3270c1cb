"""How an output directory stands: what its latest run has done, whether it goes on, and what is left. Only looks."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from pathlib import Path
from typing import TYPE_CHECKING

from po_pw import errors, models
from po_pw.journal import lock, view
from po_pw.portals import memory
from po_pw.storage import staging

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(enum.StrEnum):
    """What a run is doing, or how it ended."""

    STARTING = "starting"
    """A po-pw holds the directory, and has not begun its run yet or has just ended it."""
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """In order, before the end."""
    DIED = "died"
    """It was killed, or the machine went down."""
    NONE = "none"
    """There was none yet."""


@dataclasses.dataclass(frozen=True, slots=True)
class OutputStatus:
    """An output directory at one moment."""

    out: Path
    state: State
    pid: int | None
    """Of the po-pw that works there; None where none does, or its process is not known."""
    now: datetime.datetime
    run: view.Progress | None

    @property
    def left(self) -> int:
        """Orders of the run that have no outcome yet."""
        return self.run.counts.get(models.Status.PENDING, 0) if self.run else 0

    @property
    def unsuccessful(self) -> int:
        """Rows of the run that came out PARTIAL or FAILED."""
        counts = self.run.counts if self.run else {}
        return counts.get(models.Status.PARTIAL, 0) + counts.get(models.Status.FAILED, 0)

    @property
    def outdated(self) -> int:
        """Orders that came out well under rules for reading pages that were changed since."""
        rules = self.run.rules if self.run else {}
        return sum(count for version, count in rules.items() if version < memory.RULES_VERSION)

    @property
    def evidence(self) -> Mapping[str, str]:
        """Orders whose pages were not what was expected, each with the folder that shows what came instead.

        Relative to the output directory; at most so many as `view.Progress.unread` names.
        """
        found = {}
        for one in self.run.unread if self.run else ():
            place = evidence_of(one.po_number)
            if (self.out / place).is_dir():
                found[one.po_number] = place
        return found

    @property
    def orders_per_second(self) -> float | None:
        """Over the latest outcomes; None where nothing goes on, or there is nothing to go by."""
        seconds = self._recent_seconds()
        return None if seconds is None or self.run is None else self.run.recent / seconds

    @property
    def bytes_per_second(self) -> float | None:
        """Over the same time."""
        seconds = self._recent_seconds()
        return None if seconds is None or self.run is None else self.run.recent_bytes / seconds

    @property
    def seconds_left(self) -> float | None:
        """Roughly, if it goes on at that rate; None where nothing goes on, or there is nothing to go by."""
        rate = self.orders_per_second
        return None if rate is None else self.left / rate

    def _recent_seconds(self) -> float | None:
        run = self.run
        if self.state is not State.RUNNING or run is None or run.recent_since is None or not run.recent:
            return None
        return max(0.001, (self.now - run.recent_since).total_seconds())

    def again(self) -> list[str]:
        """The words of the command that goes on with the run; none where it was no command's."""
        return list(self.run.command) if self.run else []


def evidence_of(po_number: str) -> str:
    """Where the picture and the source of an order's page are kept, below the output directory, with `/`."""
    return staging.evidence(Path(), po_number).as_posix()


def journal_of(out: Path) -> Path:
    """The journal of an output directory.

    Raises:
        InputError: it is none of ours.
    """
    internal = out / ".po-pw"
    if not internal.is_dir():
        file = next((place for place in (out, *out.parents) if place.is_file()), None)
        if file is not None:
            msg = f"{file} is a file, not a folder. Give the output folder of a run."
        elif out.is_dir():
            msg = f"{out} is not an output folder of po-pw: it has no folder .po-pw in it."
        else:
            msg = f"there is no folder {out}. Give the output folder of a run."
        raise errors.InputError(msg)
    return internal / "journal.db"


def look(out: Path, now: datetime.datetime | None = None) -> OutputStatus:
    """How an output directory stands. Makes and changes nothing there.

    Args:
        out: the output directory.
        now: the present by default.

    Raises:
        InputError: it is none of ours.
        MachineError: its journal cannot be read.
    """
    path = journal_of(out)
    # In this order: a run that ends in between has ended when its journal is read.
    is_held = lock.is_held(path.parent)
    pid = lock.holder(path.parent) if is_held else None
    run = view.progress(path) if path.exists() and path.stat().st_size else None
    if run is None and not path.exists() and not is_held:
        msg = f"{out} has no journal: there was no run, or .po-pw/journal.db was removed."
        raise errors.InputError(msg)
    return OutputStatus(out, judge(run, is_held=is_held), pid, now or datetime.datetime.now().astimezone(), run)


def judge(run: view.Progress | None, *, is_held: bool) -> State:
    """What a run is doing, or how it ended. Pure.

    Args:
        run: the latest of the journal.
        is_held: whether a po-pw works on the directory.
    """
    if run is None:
        return State.STARTING if is_held else State.NONE
    if run.ended_at is None:
        return State.RUNNING if is_held else State.DIED
    if is_held:
        return State.STARTING
    return State.STOPPED if run.interrupted and run.counts.get(models.Status.PENDING) else State.FINISHED
