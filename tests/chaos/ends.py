"""Interrupts the end of an order before and after every disk operation. A program: see `test_ends.py`.

This process imports everything and forks a child for each run, so that a case takes milliseconds.
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

from po_pw import models
from po_pw.machine import resources
from tests.chaos import looking, operations, paper, power

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOTE = "Acme Industrial Supply/PO-1_PARTIAL/notes.txt"
"""A file of the user in the order's folder."""
_IN_TIME = 30
"""Maximum seconds of a run."""


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """The command to run."""

    sheets: tuple[paper.Sheet, ...]
    force: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """The history of an output directory: runs that end normally, and one that is interrupted."""

    before: tuple[Command, ...]
    command: Command
    note: bool = False
    """Whether the user put a file into the order's folder in between."""


def cases(sheet: paper.Sheet) -> dict[str, Case]:
    """The ways in which an order can end.

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
    """One output directory that can be reset to the start of the case."""

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
        """Operations of an undisturbed run, by number, without those that fail, because they change nothing."""
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
        """Runs in a child process; returns the result of `os.waitstatus_to_exitcode`."""
        child = os.fork()
        if child == 0:
            code = 70
            signal.alarm(_IN_TIME)
            try:
                paper.spread(command.sheets)
                operations.Watch(self.out, before, after).install()
                resume = None if command.force else models.Resume()
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
        """Runs the command and kills it before, or right after, an operation.

        Args:
            number: of the operation, from 1.
            after: kill it right after the operation.
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
        """Resets the output directory to its state before the command."""
        shutil.rmtree(self.out)
        shutil.copytree(self._base, self.out)

    def faults_now(self) -> list[str]:
        """What is neither in its old nor in its new state, or is recorded as done but is not."""
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
        """Runs the same command again; returns the differences from an undisturbed run."""
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
    """Imports the modules that runs import later, so that the children need not."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()


def exhaust(stage: Stage, *, twice: int, whole: bool, cuts: bool, rng: random.Random) -> dict[str, Any]:
    """Interrupts a run at each of its operations, and also some of the runs that resume it.

    Args:
        stage: the case.
        twice: number of cases in which the second run is killed too.
        whole: include operations before the order starts, and while the results are written.
        cuts: cut the power instead of killing the process.
        rng: source of random numbers.
    """
    numbers = [number for number in stage.done if whole or stage.begins_at <= number <= stage.ends_at]
    plan = [(number, False, 0) for number in numbers]
    # To the disk, "after one operation" equals "before the next", except for what SQLite does by itself.
    plan += [(number, True, 0) for number in numbers if stage.done[number].name == "commit" or number == numbers[-1]]
    plan += [(rng.choice(numbers), rng.random() < 0.5, rng.choice(numbers)) for _ in range(twice)]
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
    """Reads the task from standard input and writes the result to standard output, both as JSON."""
    asked = json.load(sys.stdin)
    sheet = paper.Sheet(**{**asked["sheet"], "files": tuple(map(tuple, asked["sheet"]["files"]))})
    stage = Stage(Path(asked["root"]), Path(asked["home"]), cases(sheet)[asked["case"]])
    rng = random.Random(asked["seed"])
    done = exhaust(stage, twice=asked["twice"], whole=asked["whole"], cuts=asked["cuts"], rng=rng)
    steps = [operation.step for operation in stage.done.values() if operation.step]
    json.dump({**done, "operations": len(stage.done), "steps": steps}, sys.stdout)


if __name__ == "__main__":
    main()
