"""An order's end, cut off before and after every single operation on the disk. Run as a program: see `test_ends.py`.

This process holds everything imported and forks a child for each run, so that a case takes milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import importlib
import json
import os
import random
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from po_pw.machine import resources
from po_pw.processing import resuming
from tests.chaos import looking, operations, paper, power

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOTE = "Acme Industrial Supply/PO-1_PARTIAL/notes.txt"
"""Somebody's own file, among ours."""
_IN_TIME = 30
"""Seconds that a run may take before it is ended."""


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """What is run."""

    sheets: tuple[paper.Sheet, ...]
    force: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """An output directory's history: runs that end well, and the one that is cut off."""

    before: tuple[Command, ...]
    command: Command
    note: bool = False
    """Whether somebody put a file of their own into the order's folder in between."""


def cases(sheet: paper.Sheet) -> dict[str, Case]:
    """The ways in which an order can come to its end.

    Args:
        sheet: an order with two files.
    """
    lacking = dataclasses.replace(sheet, files=(sheet.files[0], (sheet.files[1][0], f"{sheet.url}/nothing")))
    moved = dataclasses.replace(sheet, supplier="Moved & Sons")
    bare = dataclasses.replace(sheet, files=())
    return {
        "new": Case((), Command((sheet,))),
        "partial before": Case((Command((lacking,)),), Command((sheet,)), note=True),
        "supplier changed": Case((Command((sheet,)),), Command((moved,), force=True)),
        "none": Case((), Command((bare,))),
    }


class Stage:
    """One output directory, put back to where the case begins as often as wanted."""

    def __init__(self, root: Path, home: Path, case: Case) -> None:
        self._root, self._case = root, case
        self.out = root / "out"
        self._trail = power.Trail(self.out, root / "trail")
        self._options = paper.options(self.out, home)
        self._reading = dataclasses.replace(resources.read(), free_bytes=8 << 30)
        self._base = root / "base"
        for command in case.before:
            self._must(self.live(command))
        if case.note:
            (self.out / NOTE).write_bytes(b"mine")
        self.out.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.out, self._base)
        self.begun = looking.tree(self.out)
        log = root / "operations.txt"

        def note(operation: operations.Operation, number: int) -> None:
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, f"{json.dumps([number, dataclasses.asdict(operation)])}\n".encode())
            os.close(descriptor)

        self._must(self.live(case.command, after=note))
        _bring_in((root / "modules.txt").read_text("utf-8").split())
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        self.done = {number: operations.Operation(**fields) for number, fields in lines}
        """What an undisturbed run does, by number; operations that fail change nothing, and are not among them."""
        self.ends_at = max(number for number, one in self.done.items() if one.name == "commit")
        """The last operation before the results."""
        self.begins_at = min(number for number, one in self.done.items() if one.path.startswith(".po-pw/work/"))
        """The first operation of the order."""
        self.wanted = looking.state(self.out)

    def live(
        self,
        command: Command,
        *,
        before: Callable[[operations.Operation, int], None] = lambda _, __: None,
        after: Callable[[operations.Operation, int], None] = lambda _, __: None,
    ) -> int:
        """A whole run in a child of its own; gives what `os.waitstatus_to_exitcode` makes of its end."""
        child = os.fork()
        if child == 0:
            code = 70
            signal.alarm(_IN_TIME)
            try:
                paper.spread(command.sheets)
                operations.Watch(self.out, before, after).install()
                resume = None if command.force else resuming.Resume()
                asyncio.run(paper.run(self._options, self._reading, command.sheets, resume))
                (self._root / "modules.txt").write_text("\n".join(set(sys.modules) - _AT_FIRST), "utf-8")
                code = 0
            except BaseException:  # noqa: BLE001 - the child must not go on as its parent
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)

    def killed(self, number: int, *, after: bool = False, power: bool = False) -> int:
        """A run of the command that is killed before, or right after, the operation of this number.

        Args:
            number: from 1.
            after: right after it.
            power: what was not synced by then is lost.
        """
        trail = self._trail

        def before(operation: operations.Operation, now: int) -> None:
            if now == number and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            if power:
                trail.before(operation, now)

        def done(operation: operations.Operation, now: int) -> None:
            if power:
                trail.after(operation, now)
            if now == number and after:
                os.kill(os.getpid(), signal.SIGKILL)

        if power:
            trail.begin()
        code = self.live(self._case.command, before=before, after=done)
        if power:
            trail.cut()
        return code

    def reset(self) -> None:
        """The output directory as it was before the command."""
        shutil.rmtree(self.out)
        shutil.copytree(self._base, self.out)

    def faults_now(self) -> list[str]:
        """What, at any instant, is neither as before nor as it is to be, or called done and is not."""
        seen, found = looking.tree(self.out), looking.not_there(self.out)
        for name in {looking.folder_of(path) for path in seen} - {""}:
            parts = [
                {path: sum_ for path, sum_ in tree.items() if looking.folder_of(path) == name}
                for tree in (seen, self.begun, self.wanted.files)
            ]
            if parts[0] not in parts[1:]:
                found.append(f"partial: {name}: {sorted(parts[0])}")
        return found

    def faults_at_end(self) -> list[str]:
        """The same command again, and what is then not as an undisturbed run leaves it."""
        code = self.live(self._case.command)
        if code != 0:
            return [f"the next run ended with {code}"]
        found = looking.differences(looking.state(self.out), self.wanted)
        return found + looking.left_inside(self.out) + looking.journal_faults(self.out)

    def _must(self, code: int) -> None:
        if code != 0:
            msg = f"an undisturbed run ended with {code}"
            raise AssertionError(msg)


_AT_FIRST = frozenset(sys.modules)


def _bring_in(modules: Sequence[str]) -> None:
    """Imports what runs import as they go, so that no child has to again."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()


def exhaust(stage: Stage, *, twice: int, whole: bool, cuts: bool, chance: random.Random) -> dict[str, Any]:
    """Cuts a run off at each of its operations; some of the runs that take up what it left are cut off as well.

    Args:
        stage: the case.
        twice: of how many cases the second run is killed too.
        whole: also before the order is begun, and while the results are written.
        cuts: the power is cut, instead of the process killed.
        chance: when.
    """
    numbers = [number for number in stage.done if whole or stage.begins_at <= number <= stage.ends_at]
    plan = [(number, False, 0) for number in numbers]
    # After one operation and before the next is the same to the disk, but for what SQLite does by itself.
    plan += [(number, True, 0) for number in numbers if stage.done[number].name == "commit" or number == numbers[-1]]
    plan += [(chance.choice(numbers), chance.random() < 0.5, chance.choice(numbers)) for _ in range(twice)]
    problems: list[str] = []
    kills = 0
    for number, after, again in plan:
        stage.reset()
        operation = stage.done[number]
        what = f"{operation.step or operation.name} {operation.path} {operation.other}".strip()
        where = f"{'cut off' if cuts else 'killed'} {'after' if after else 'before'} operation {number} ({what})"
        code = stage.killed(number, after=after, power=cuts)
        kills += code == -signal.SIGKILL
        found = [] if code in {0, -signal.SIGKILL} else [f"it ended with {code}"]
        found += stage.faults_now()
        if again:
            where += f", and again before operation {again} of the next run"
            kills += stage.killed(again, power=cuts) == -signal.SIGKILL
            found += stage.faults_now()
        found += stage.faults_at_end()
        problems += [f"{where}: {line}" for line in found]
    return {"kills": kills, "problems": problems}


def main() -> None:
    """Reads what to do from standard input, and writes what came of it to standard output, both JSON."""
    asked = json.load(sys.stdin)
    sheet = paper.Sheet(**{**asked["sheet"], "files": tuple(map(tuple, asked["sheet"]["files"]))})
    stage = Stage(Path(asked["root"]), Path(asked["home"]), cases(sheet)[asked["case"]])
    chance = random.Random(asked["seed"])
    done = exhaust(stage, twice=asked["twice"], whole=asked["whole"], cuts=asked["cuts"], chance=chance)
    steps = [operation.step for operation in stage.done.values() if operation.step]
    json.dump({**done, "operations": len(stage.done), "steps": steps}, sys.stdout)


if __name__ == "__main__":
    main()
