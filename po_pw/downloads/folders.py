"""From the work folder, where an order is open, to its final folder: one rename.

A PO has exactly one folder at any time. All of this is synchronous; callers run it on a thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.downloads import disk, manifests, names

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

_log = logging.getLogger(__name__)

INTERNAL: Final = ".po-pw"
ENDINGS: Final = (models.Status.COMPLETED, models.Status.NO_ATTACHMENTS, models.Status.PARTIAL, models.Status.FAILED)
_WHOLE: Final = models.Status.COMPLETED
_LONGEST_ENDING: Final = len(_WHOLE)
"""Of those that have files: so a name does not depend on which it is."""
_SMALLEST: Final = 24
"""Characters a file's name must at least have."""
_FOLDER: Final = 80
"""Characters of a supplier's or a PO's part of the path, at the most."""
_RESULTS: Final = frozenset({"results.csv", "results.xlsx", "results.json", "failed.csv", "report.html"})


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """An open work folder of one order."""

    path: Path

    def slot(self, number: int) -> Path:
        """Where one attachment's bytes go until its final name is known."""
        return self.path / f"{number:04}"

    def discard(self) -> None:
        """Removes it with all that is in it."""
        _remove(self.path)
        _tidy(self.path.parent)


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """A folder in its final place."""

    folder: str
    """Relative to the output directory, with `/`."""
    files: tuple[models.SavedFile, ...]
    """`path` is now the file's name in the folder."""


def stem(order: models.PurchaseOrder) -> str:
    """The folder's name without its ending, before another order with the same one is minded."""
    return names.shorten(names.folder_name(order.po_number) or "order", _FOLDER)


def parent(supplier: str) -> str:
    """The supplier's folder; `""` where there is none."""
    name = names.folder_name(supplier)
    # Not `.po-pw` or anything else that hides, and not a place of ours.
    if name.startswith(".") or names.fold(name) in _RESULTS:
        name = f"_{name}"
    return names.shorten(name, _FOLDER) if name else ""


def open_work(out: Path, po_number: str, claim: str) -> Work:
    """Makes a work folder, on the output's own file system.

    Args:
        out: the output directory.
        po_number: whose.
        claim: tells it from every other one of the same order.

    Raises:
        OutOfSpace: the disk is full.
        EnvironmentProblem: it cannot be made.
    """
    path = out / INTERNAL / "work" / names.shorten(names.folder_name(po_number) or "order", 16) / claim
    with disk.translated(path):
        for last in (False, False, True):
            try:
                path.mkdir(parents=True, exist_ok=True)
                break
            except FileNotFoundError:  # another order of a like name was done and removed the folder above
                if last:
                    raise
    return Work(path)


def existing(out: Path, supplier_folder: str, folder_stem: str) -> list[Path]:
    """The order's folders that are there, whatever their ending: one, or none."""
    base = out / supplier_folder if supplier_folder else out
    candidates = (base / f"{folder_stem}_{ending}" for ending in ENDINGS)
    return [folder for folder in candidates if folder.is_dir()]


def finish(
    out: Path,
    work: Work,
    *,
    order: models.PurchaseOrder,
    supplier: str,
    stem: str,
    status: models.Status,
    files: Sequence[models.SavedFile],
    missing: Sequence[models.MissingFile],
    max_path: int,
    now: datetime.datetime,
) -> Finished:
    """Gives the files their final names and the folder its final place, and writes the manifest.

    An older folder of the same order is replaced: it is moved aside, and removed once the new one is in place. What is
    somebody else's in it (not in its manifest, or changed since) comes along, under a free name; so do our own files
    that this outcome did not fetch again, unless it is COMPLETED: a run that fails takes nothing away. After an error
    everything is where it was before, and `finish` may be called again.

    Args:
        out: the output directory.
        work: where the files are.
        order: whose they are.
        supplier: its folder's name, unsafe as yet; may be empty.
        stem: the claimed folder name, without ending.
        status: the ending.
        files: in the page's order, which decides who keeps a name that two have.
        missing: for the manifest.
        max_path: characters a whole path may have.
        now: for the manifest.

    Raises:
        EnvironmentProblem: the path's budget is too small, or the disk is in the way.
        OutOfSpace: the disk is full.
    """
    out = out.absolute()
    folder = parent(supplier)
    base = out / folder if folder else out
    final = base / f"{stem}_{status}"
    room = _room(base / stem, max_path)
    final_names = _final_names(files, room)
    named = tuple(dataclasses.replace(file, path=name) for file, name in zip(files, final_names, strict=True))
    manifest = manifests.path(out / INTERNAL, folder, stem)
    with disk.translated(final), contextlib.ExitStack() as undo:
        _clear(work, files)
        base.mkdir(parents=True, exist_ok=True)
        older = existing(out, folder, stem) + existing(_aside_of(out), folder, stem)
        earlier = _bring_along(older, manifest, work, files, named, room, undo, replaced=status == _WHOLE)
        draft = manifests.draft(
            manifest, order=order, supplier=supplier, folder=final.relative_to(out).as_posix(), status=status,
            files=named, missing=missing, earlier=earlier, now=now,
        )  # fmt: skip
        undo.callback(draft.unlink, missing_ok=True)
        _name(work, files, final_names, undo)
        disk.sync_folder(work.path)
        aside = [_set_aside(out, place, undo) for place in older]
        disk.rename(work.path, final)
        undo.callback(disk.rename, final, work.path)
        disk.rename(draft, manifest)
        undo.pop_all()
        disk.sync_folder(base)
        disk.sync_folder(manifest.parent)
    for place in aside:
        _remove(place)
        _tidy(place.parent)
    _tidy(_aside_of(out))
    _tidy(work.path.parent)
    return Finished(final.relative_to(out).as_posix(), named)


def _room(prefix: Path, max_path: int) -> int:
    room = max_path - names.width(str(prefix)) - 1 - _LONGEST_ENDING - 1
    if room < _SMALLEST:
        msg = (
            f"file names in {prefix}_COMPLETED would have {max(room, 0)} characters of the {max_path} that a path may "
            f"have; {_SMALLEST} are needed. Choose a shorter --out, or set --max-path."
        )
        raise errors.EnvironmentProblem(msg)
    return room


def _final_names(files: Sequence[models.SavedFile], room: int) -> tuple[str, ...]:
    try:
        return names.assign([file.sent_name for file in files], room)
    except ValueError as error:
        msg = f"{error}. Choose a shorter --out, or set --max-path."
        raise errors.EnvironmentProblem(msg) from error


def _clear(work: Work, files: Sequence[models.SavedFile]) -> None:
    """Removes what earlier attempts left in the work folder, e.g. a file that the page shows no more."""
    wanted = {Path(file.path).name for file in files}
    for path in work.path.iterdir():
        if path.name not in wanted:
            _delete(path)


def _name(
    work: Work, files: Sequence[models.SavedFile], final_names: Sequence[str], undo: contextlib.ExitStack
) -> None:
    """Gives the slots their final names; first out of the way, since a file may be called like a slot."""
    steps = [(Path(file.path), work.path / f".{index:04}~") for index, file in enumerate(files)]
    steps += [(work.path / f".{index:04}~", work.path / name) for index, name in enumerate(final_names)]
    for source, target in steps:
        disk.rename(source, target)
        undo.callback(disk.rename, target, source)


def _bring_along(
    older: Sequence[Path], manifest: Path, work: Work, files: Sequence[models.SavedFile],
    named: Sequence[models.SavedFile], room: int, undo: contextlib.ExitStack, *, replaced: bool,
) -> list[manifests.Entry]:  # fmt: skip
    """What must not go with an older folder comes along. It is in both places until that folder is removed.

    Gives the manifest's entries of those that are ours.
    """
    known = manifests.known(manifest)
    new = {(file.size, file.sha256) for file in named}
    fetched = {file.attachment_id for file in named}
    earlier: list[manifests.Entry] = []
    # Neither a final name nor that of a slot, which is there still.
    taken = {names.fold(Path(file.path).name) for file in (*files, *named)}
    for folder in older:
        for path in sorted(folder.iterdir()):
            entry = known.get(path.name)
            if path.is_file() and not path.is_symlink():
                content = path.stat().st_size, manifests.sha256(path)
                if entry is not None and manifests.content_of(entry) != content:
                    entry = None  # somebody changed it: it is theirs
                if content in new or (entry is not None and (replaced or entry.get("attachment_id") in fetched)):
                    continue
            name = path.name if names.fold(path.name) not in taken else names.free(path.name, taken, room)
            taken.add(names.fold(name))
            if entry is not None:
                earlier.append({**entry, "name": name})
            target = work.path / name
            undo.callback(_delete, target)
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, target, symlinks=True, copy_function=disk.link_or_copy)
            else:
                disk.link_or_copy(str(path), str(target))
    return earlier


def _aside_of(out: Path) -> Path:
    """Where older folders wait while the new one takes their place; after a crash in between they are found here."""
    return out / INTERNAL / "aside"


def _set_aside(out: Path, folder: Path, undo: contextlib.ExitStack) -> Path:
    aside = _aside_of(out)
    if folder.is_relative_to(aside):
        return folder
    target = aside / folder.relative_to(out)
    while target.exists():  # left by a crash: it holds somebody's files until this one is in place
        target = target.with_name(f"{target.name}~")
    target.parent.mkdir(parents=True, exist_ok=True)
    disk.rename(folder, target)
    undo.callback(disk.rename, target, folder)
    return target


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    """Removes what is no longer needed; what another program holds is left to the next time."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        _log.info("%s cannot be removed: %s", folder, error)


def _tidy(folder: Path) -> None:
    """Removes a folder of ours that is empty."""
    with contextlib.suppress(OSError):  # somebody else put something there, or removed it
        folder.rmdir()
