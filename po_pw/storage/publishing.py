"""Moves a prepared folder to its final path by one rename. After a crash the next start finishes it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from po_pw import durable, errors, models
from po_pw.storage import disk_errors, filesystem, manifests, names, order_paths

if TYPE_CHECKING:
    from collections.abc import Sequence


def publish(out: Path, work: str, folder: str, replaces: str = "", *, late: bool = False) -> bool:
    """Renames a prepared folder to its final path, then its manifest. Can be repeated after a crash.

    An older folder of the order is first moved aside, and removed afterwards.

    Args:
        out: the output directory.
        work: as returned by `prepare`.
        folder: as returned by `prepare`.
        replaces: as returned by `prepare`.
        late: after a crash: files that the user has since added to the older folder are kept.

    Returns:
        False if there is nothing to publish: the folder exists neither as work folder nor at its final path.

    Raises:
        FolderInUseError: another program has the folder open, or a file has its path; nothing has changed.
        FileProblemError: another disk error; nothing is lost.
        OutputUnavailableError: nothing can be written to the output directory, or the disk is full.
    """
    out = out.absolute()
    where, source, final = order_paths.OrderPaths.of(out, folder), out / work, out / folder
    if where is None:
        return False
    draft = order_paths.draft_manifest(source)
    moved = order_paths.OrderPaths.of(out, replaces) if replaces else None
    with disk_errors.map_os_errors(final, out):
        if source.is_dir():
            older = where.older() + ([] if moved is None else moved.older())
            if late:
                _copy_added(older, source)
            for taken in (where.base, final):
                if taken.exists() and not taken.is_dir():
                    msg = (
                        f"{taken} is a file where the order's folder should go. Move it, then run the same "
                        "command again"
                    )
                    raise errors.FolderInUseError(msg)
            with contextlib.ExitStack() as undo:
                for old, _ in older:
                    _set_aside(out, old, undo)
                filesystem.move_into(source, final, out)
                undo.pop_all()
            durable.sync_folder(where.base)
        elif not final.is_dir():
            return False
        if draft.exists():
            filesystem.move_into(draft, where.manifest, out / order_paths.INTERNAL)
            durable.sync_folder(where.manifest.parent)
        if moved is not None:
            moved.manifest.unlink(missing_ok=True)
    for each in (where, moved):
        if each is not None:
            for aside in each.aside():
                filesystem.remove_quietly(aside)
            filesystem.tidy_up(order_paths.aside_of(out) / each.parent, out / order_paths.INTERNAL)
            filesystem.tidy_up(each.base, out)
            filesystem.tidy_up(each.manifest.parent, out / order_paths.INTERNAL)
    filesystem.remove_if_empty(source.parent)
    return True


def clear_aside(out: Path) -> None:
    """Cleans up older folders that a crash left aside; call it when all prepared folders are published.

    They are removed if the order has its folder. If it has none (the journal that knew of the new one is lost), the
    older folder is put back.

    Raises:
        OrderError: a disk error, see `disk_errors.to_order_error`.
    """
    aside = order_paths.aside_of(out)
    with disk_errors.map_os_errors(aside, out):
        for relative, where in order_paths.orders_below(out, aside, aside=True):
            if order_paths.existing(out, where.parent, where.stem):
                filesystem.remove_quietly(aside / relative)
            else:
                filesystem.move_into(aside / relative, out / relative.with_name(relative.name.rstrip("~")), out)
        for folder, _, _ in os.walk(aside, topdown=False):
            filesystem.remove_if_empty(Path(folder))


def _copy_added(older: Sequence[tuple[Path, Path]], work: Path) -> None:
    """Copies files that the user added to an older folder after the new one was prepared, under a free name."""
    present = {models.folded(path.name): path for path in work.iterdir()}
    for folder, manifest in older:
        known = manifests.entries_by_name(manifest)
        for path in sorted(folder.iterdir()):
            same = present.get(models.folded(path.name))
            if _is_known(path, known.get(path.name)) or (same is not None and _is_copy(path, same)):
                continue
            if any(_is_copy(path, have) for have in present.values()):
                continue
            name = names.unique_name(path.name, set(present), len(path.name) + 8) if same is not None else path.name
            filesystem.copy(path, work / name)
            present[models.folded(name)] = work / name


def _is_known(path: Path, entry: manifests.Entry | None) -> bool:
    """Whether it is an unchanged file that po-pw downloaded."""
    if entry is None or path.is_symlink() or not path.is_file():
        return False
    return manifests.size_and_digest(entry) == (path.stat().st_size, manifests.sha256(path))


def _is_copy(path: Path, other: Path) -> bool:
    """Whether two paths are the same file or have the same content."""
    if path.is_symlink() or other.is_symlink():
        return path.is_symlink() and other.is_symlink() and path.readlink() == other.readlink()
    if path.is_dir() or other.is_dir():
        return path.is_dir() and other.is_dir()
    if path.stat().st_size != other.stat().st_size:
        return False
    return path.samefile(other) or manifests.sha256(path) == manifests.sha256(other)


def _set_aside(out: Path, folder: Path, undo: contextlib.ExitStack) -> None:
    target = order_paths.aside_of(out) / folder.relative_to(out)
    while target.exists():  # left by a crash; removed once the new folder is in place
        target = target.with_name(f"{target.name}~")
    filesystem.move_into(folder, target, out / order_paths.INTERNAL)
    undo.callback(filesystem.move_into, target, folder, out)
