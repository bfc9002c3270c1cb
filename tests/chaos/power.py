"""Simulates a power cut on a strict file system: what was not synced is lost.

A killed process loses nothing that it wrote; only a power cut shows whether all necessary syncs are there.
A rename, link or removal survives only if a folder that it changed was synced afterwards; a new file or folder also if
something in it was. Files that were not synced lose their content. Commits of SQLite are durable, as SQLite promises.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos import operations

_MAKES_A_NAME = ("replace", "rename", "link", "symlink")


@dataclasses.dataclass(frozen=True, slots=True)
class Trail:
    """Records what one process did to a folder, with the data to undo it.

    Attributes:
        below: the folder.
        notes: folder for the record and for overwritten content.
    """

    below: Path
    notes: Path

    def begin(self) -> None:
        """Starts a new record."""
        shutil.rmtree(self.notes, ignore_errors=True)
        self.notes.mkdir()

    def before(self, operation: operations.Operation, number: int) -> None:
        """Saves what the operation will overwrite or remove."""
        last = operation.other if operation.name in ("replace", "rename") else operation.path
        path, kept = self.below / last, self.notes / str(number)
        if operation.name in ("replace", "rename", "unlink", "remove") and path.is_file():
            os.link(path, kept)
        elif operation.name == "open" and path.is_file():
            shutil.copyfile(path, kept)

    def after(self, operation: operations.Operation, number: int) -> None:
        """Records that the operation was done."""
        path = self.below / (operation.other or operation.path)
        with contextlib.suppress(OSError):
            inode = path.stat().st_ino if operation.name in ("open", "fsync") else 0
            line = json.dumps([number, inode, dataclasses.asdict(operation)])
            descriptor = os.open(self.notes / "trail", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, f"{line}\n".encode())
            os.close(descriptor)

    def cut(self) -> int:
        """Undoes what a power cut would lose, after the process has ended; returns the number of lost operations."""
        done: list[tuple[int, int, dict[str, str]]] = []
        if (self.notes / "trail").exists():
            done = [tuple(json.loads(line)) for line in (self.notes / "trail").read_text("utf-8").splitlines()]
        # Content first: names are needed to find it.
        synced = {inode for _, inode, one in done if one["name"] == "fsync"}
        unsynced = {inode for _, inode, one in done if one["name"] == "open"} - synced
        kept = [_is_durable(done, place) for place in range(len(done))]
        for place in reversed(range(len(done))):
            if not kept[place]:
                number, _, one = done[place]
                later = [done[at][2] for at in range(place + 1, len(done)) if kept[at]]
                self._undo(number, {**one, **{end: _now(one[end], later) for end in ("path", "other")}})
        for path in self.below.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_ino in unsynced:
                os.truncate(path, 0)
        return kept.count(False)

    def _undo(self, number: int, one: dict[str, Any]) -> None:
        path, other, kept = self.below / one["path"], self.below / one["other"], self.notes / str(number)
        match one["name"]:
            case "replace" | "rename":
                if other.exists() and path.parent.is_dir():
                    other.rename(path)
                if kept.exists() and not other.exists():
                    os.link(kept, other)
            case "unlink" | "remove":
                if kept.exists() and path.parent.is_dir() and not path.exists():
                    os.link(kept, path)
            case "open":
                if not kept.exists():
                    path.unlink(missing_ok=True)
                elif path.parent.is_dir():
                    shutil.copyfile(kept, path)
            case "mkdir":
                shutil.rmtree(path, ignore_errors=True)
            case "rmdir":
                path.mkdir(parents=True, exist_ok=True)
            case "link" | "symlink":
                other.unlink(missing_ok=True)


def _is_durable(done: list[tuple[int, int, dict[str, str]]], place: int) -> bool:
    """Whether an operation would survive a power cut."""
    one = done[place][2]
    if one["name"] in ("fsync", "commit"):
        return True
    changed = [path for path in (one["path"], one["other"]) if path]
    folders = {os.path.dirname(path) for path in changed}  # noqa: PTH120 - of a text
    syncs = {later["path"] for _, _, later in done[place + 1 :] if later["name"] == "fsync"}
    if one["name"] in ("mkdir", "open"):
        return bool(syncs & folders) or any(f"{path}/".startswith(f"{one['path']}/") for path in syncs)
    return bool(syncs & folders)


def _now(path: str, later: list[dict[str, str]]) -> str:
    """The path of something after durable renames."""
    for one in later:
        if one["name"] in ("replace", "rename") and f"{path}/".startswith(f"{one['path']}/"):
            path = one["other"] + path[len(one["path"]) :]
    return path
