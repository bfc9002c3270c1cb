"""Files of po-pw in the user's folder: a record, not the name, says which ones po-pw wrote.

Other files are never replaced: the file of po-pw gets another name, the same each time. A file of po-pw that was
changed since belongs to the user and is kept under another name.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pydantic

from po_pw import durable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_MAX_NAMES: Final = 100
_CHUNK: Final = 1 << 20


class _State(enum.Enum):
    """State of the file at a path."""

    ABSENT = "nothing is there"
    OURS = "ours, as we wrote it"
    CHANGED = "was changed since po-pw wrote it"
    INPUT = "is your list"
    READ_ONLY = "is read-only"
    IN_USE = "cannot be read (is it open in another program?)"
    OTHERS = "was not made by po-pw"


@dataclasses.dataclass(frozen=True, slots=True)
class _Digest:
    """Size and hash of a file when we wrote it."""

    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""


_MARKS: Final = pydantic.TypeAdapter(dict[str, tuple[_Digest, ...]])
_A_FOLDER: Final = _Digest(0, "folder")


class OwnFiles:
    """Our files in one folder. Synchronous; not thread-safe.

    Args:
        folder: that contains them.
        record: file with their names, sizes and SHA-256; an unreadable one counts as empty.
        source: the input file, which is never replaced, even if it is ours.
    """

    def __init__(self, folder: Path, record: Path, source: Path | None = None) -> None:
        self._folder = folder
        self._record = record
        self._source = source
        self._marks = _read(record)
        self._reported: set[str] = set()
        self._digests: dict[str, _Digest] = {}

    def put(self, new: Path, name: str, called: str) -> tuple[str, tuple[str, ...]]:
        """Moves a new file into the folder: as `name`, or `name (2)`, `name (3)`… if that is not ours.

        Args:
            new: complete and closed, on the same file system.
            name: preferred name.
            called: what it is, for messages, e.g. `the results`.

        Returns:
            Its name, and messages for the user.

        Raises:
            OSError: the file could not be moved, or the record not written.
        """
        durable.sync_file(new)  # an empty file after a power failure would count as changed by the user
        mark = _digest(new)
        messages: list[str] = []
        why = ""
        for candidate in _names(name):
            path = self._folder / candidate
            state = self._state_of(candidate)
            if state is _State.CHANGED:
                kept = self._moved_aside(candidate)
                if kept:
                    messages.append(f"{candidate} {state.value}: your version is now called {kept}")
                    state = _State.ABSENT
            if state in {_State.ABSENT, _State.OURS}:
                # Recorded first: after a crash in between, both the old and the new file are known as ours.
                self._note(candidate, (mark, self._digests[candidate]) if state is _State.OURS else (mark,))
                try:
                    new.replace(path)
                except (PermissionError, IsADirectoryError):
                    why = why or f"{candidate} could not be replaced (is it open in another program?)"
                else:
                    durable.sync_folder(self._folder)  # before the record, which must not be ahead of it
                    if candidate != name:
                        messages.append(f"{why}, so {called} are in {candidate}")
                    return candidate, tuple(messages)
            else:
                why = why or f"{candidate} {state.value} and stays as it is"
            self._reported.add(candidate)
        msg = f"{self._folder / name} and {_MAX_NAMES} other names like it are taken"
        raise PermissionError(msg)

    def clear(self, base: str, written: Collection[str]) -> tuple[str, ...]:
        """Removes our files that earlier calls of `put` wrote for `base` and this run did not.

        Args:
            base: the name given to `put`.
            written: names of the files written by this run.

        Returns:
            Messages for the user.

        Raises:
            OSError: the record could not be written.
        """
        messages: list[str] = []
        for name in [one for one in _names(base) if one in self._marks and one not in written]:
            state = self._state_of(name)
            if state is _State.OURS:
                try:
                    (self._folder / name).unlink()
                except OSError as error:
                    if name not in self._reported:
                        messages.append(
                            f"{name} is from an earlier run and could not be removed ({error.strerror or error})"
                        )
                    continue
                durable.sync_folder(self._folder)
            elif state is not _State.ABSENT:
                if name in self._reported:
                    continue
                messages.append(f"{name} {state.value} and stays as it is")
                if state in {_State.CHANGED, _State.OTHERS}:
                    self._note(name, ())  # belongs to the user from now on
            # Removed files stay recorded: after a power failure they may reappear, and are still ours.
        return tuple(messages)

    def make_folder(self, name: str) -> str:
        """Creates our folder, or reuses an earlier or empty one; returns its name.

        Raises:
            OSError: the folder or the record could not be written.
        """
        for candidate in _names(name):
            path = self._folder / candidate
            is_ours = self._marks.get(candidate) == (_A_FOLDER,)
            if not os.path.lexists(path) or (path.is_dir() and (is_ours or next(path.iterdir(), None) is None)):
                self._note(candidate, (_A_FOLDER,))
                path.mkdir(parents=True, exist_ok=True)
                return candidate
        msg = f"{self._folder / name} and {_MAX_NAMES} other names like it are taken"
        raise PermissionError(msg)

    def _state_of(self, name: str) -> _State:
        path = self._folder / name
        try:
            about = path.lstat()
        except FileNotFoundError:
            return _State.ABSENT
        if self._source is not None and _is_same(path, self._source):
            return _State.INPUT
        marks = self._marks.get(name, ())
        if not stat.S_ISREG(about.st_mode) or not marks:
            return _State.OTHERS
        if not about.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            return _State.READ_ONLY
        if all(mark.size != about.st_size for mark in marks):
            return _State.CHANGED
        try:
            self._digests[name] = _digest(path)
        except PermissionError:
            return _State.IN_USE
        return _State.OURS if self._digests[name] in marks else _State.CHANGED

    def _moved_aside(self, name: str) -> str:
        """Renames the user's version; returns its new name, `""` if another program has it open."""
        path = self._folder / name
        for kept in _names(f"{path.stem} (changed){path.suffix}"):
            if os.path.lexists(self._folder / kept):
                continue
            try:
                path.rename(self._folder / kept)
            except (PermissionError, FileExistsError):
                return ""
            durable.sync_folder(self._folder)
            return kept
        return ""

    def _note(self, name: str, marks: tuple[_Digest, ...]) -> None:
        if marks:
            self._marks[name] = marks
        else:
            self._marks.pop(name, None)
        text = json.dumps(_MARKS.dump_python(self._marks))
        self._record.parent.mkdir(parents=True, exist_ok=True)
        with durable.replacement(self._record) as stream:
            stream.write(text.encode("utf-8"))
        durable.sync_folder(self._record.parent)


def copy(source: Path, target: Path) -> None:
    """Copies a file, synced and atomically: after a crash the copy is complete or absent."""
    with source.open("rb") as reading, durable.replacement(target) as writing:
        shutil.copyfileobj(reading, writing, _CHUNK)


def _names(name: str) -> Iterator[str]:
    path = Path(name)
    yield name
    for number in range(2, _MAX_NAMES + 1):
        yield f"{path.stem} ({number}){path.suffix}"


def _digest(path: Path) -> _Digest:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return _Digest(path.stat().st_size, digest)


def _is_same(path: Path, other: Path) -> bool:
    """Whether two paths are the same file, by another spelling or a link."""
    with contextlib.suppress(OSError):  # one does not exist
        return path.samefile(other)
    return False


def _read(record: Path) -> dict[str, tuple[_Digest, ...]]:
    try:
        return _MARKS.validate_python(json.loads(record.read_text("utf-8")))
    except (OSError, ValueError):
        return {}
