"""Status of an output directory: its latest run, whether it is running, and what is left. Read-only."""

from __future__ import annotations

import contextlib
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
    """A run's state, or how it ended."""

    STARTING = "starting"
    """po-pw has locked the directory, but its run has not started yet, or has just ended."""
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """Stopped by the user or a limit."""
    DIED = "died"
    """Killed, or the machine went down."""
    NONE = "none"
    """No run yet."""


@dataclasses.dataclass(frozen=True, slots=True)
class OutputStatus:
    """Status of an output directory."""

    out: Path
    state: State
    pid: int | None
    """Process id of the po-pw that is running there; None if there is none or it is unknown."""
    now: datetime.datetime
    run: view.Progress | None

    @property
    def left(self) -> int:
        """Number of orders without an outcome."""
        return self.run.counts.get(models.Status.PENDING, 0) if self.run else 0

    @property
    def unsuccessful(self) -> int:
        """Number of rows that are PARTIAL or FAILED."""
        counts = self.run.counts if self.run else {}
        return counts.get(models.Status.PARTIAL, 0) + counts.get(models.Status.FAILED, 0)

    @property
    def outdated(self) -> int:
        """Number of successful orders that were read with an older version of the reading rules."""
        rules = self.run.rules if self.run else {}
        return sum(count for version, count in rules.items() if version < memory.RULES_VERSION)

    @property
    def evidence(self) -> Mapping[str, str]:
        """PO numbers whose pages were not recognised, each with its evidence folder.

        Folders are relative to the output directory; at most those in `view.Progress.unread`.
        """
        found = {}
        for one in self.run.unread if self.run else ():
            folder = evidence_of(one.po_number)
            if (self.out / folder).is_dir():
                found[one.po_number] = folder
        return found

    @property
    def orders_per_second(self) -> float | None:
        """Orders per second over the latest outcomes; None if not running or without data."""
        seconds = self._recent_seconds()
        return None if seconds is None or self.run is None else self.run.recent / seconds

    @property
    def bytes_per_second(self) -> float | None:
        """Bytes per second over the same time."""
        seconds = self._recent_seconds()
        return None if seconds is None or self.run is None else self.run.recent_bytes / seconds

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds left at that rate; None if not running or without data."""
        rate = self.orders_per_second
        return None if rate is None else self.left / rate

    def _recent_seconds(self) -> float | None:
        run = self.run
        if self.state is not State.RUNNING or run is None or run.recent_since is None or not run.recent:
            return None
        return max(0.001, (self.now - run.recent_since).total_seconds())

    def command(self) -> list[str]:
        """The command that continues the run, as words; empty if it was not started by a command."""
        return list(self.run.command) if self.run else []


def evidence_of(po_number: str) -> str:
    """Folder with screenshot and source of an order's page, relative to the output directory, with `/`."""
    return staging.evidence(Path(), po_number).as_posix()


def journal_of(out: Path) -> Path:
    """Path of the journal of an output directory.

    Raises:
        InputError: not an output directory of po-pw.
    """
    internal = out / ".po-pw"
    if not internal.is_dir():
        file = next((path for path in (out, *out.parents) if path.is_file()), None)
        if file is not None:
            msg = f"{file} is a file, not a folder. Give the output folder of a run."
        elif out.is_dir():
            msg = f"{out} is not an output folder of po-pw: it contains no folder .po-pw.{_meant(out)}"
        else:
            msg = f"there is no folder {out}. Give the output folder of a run."
        raise errors.InputError(msg)
    return internal / "journal.db"


def _meant(out: Path) -> str:
    """A question that proposes an output folder above or directly in this folder; `""` if there is none."""
    with contextlib.suppress(OSError):  # a folder that cannot be read
        for folder in (*out.parents, *out.iterdir()):
            if (folder / ".po-pw").is_dir():
                return f" Did you mean {folder}?"
    return ""


def read(out: Path, now: datetime.datetime | None = None) -> OutputStatus:
    """Reads the status of an output directory. Changes nothing there.

    Args:
        out: the output directory.
        now: defaults to the current time.

    Raises:
        InputError: not an output directory of po-pw.
        MachineError: its journal cannot be read.
    """
    path = journal_of(out)
    # Lock before journal: if the run ends in between, the journal already says so.
    is_locked = lock.is_locked(path.parent)
    pid = lock.holder(path.parent) if is_locked else None
    run = view.progress(path) if path.exists() and path.stat().st_size else None
    if run is None and not path.exists() and not is_locked:
        msg = f"{out} has no journal: there was no run, or .po-pw/journal.db was removed."
        raise errors.InputError(msg)
    return OutputStatus(out, state_of(run, is_locked=is_locked), pid, now or datetime.datetime.now().astimezone(), run)


def state_of(run: view.Progress | None, *, is_locked: bool) -> State:
    """A run's state, or how it ended. Pure.

    Args:
        run: the latest in the journal.
        is_locked: whether po-pw has locked the directory.
    """
    if run is None:
        return State.STARTING if is_locked else State.NONE
    if run.ended_at is None:
        return State.RUNNING if is_locked else State.DIED
    if is_locked:
        return State.STARTING
    return State.STOPPED if run.interrupted and run.counts.get(models.Status.PENDING) else State.FINISHED
