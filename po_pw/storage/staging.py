"""Work folders of open orders, and preparing them for publication.

A PO has exactly one folder at any time. All functions are synchronous; callers run them on a thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import durable, errors, models
from po_pw.storage import disk_errors, filesystem, manifests, names, order_paths

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

_COMPLETED: Final = models.Status.COMPLETED
_MAX_ENDING: Final = len(names.order_folder("", models.Status.NO_ATTACHMENTS))
"""Of the statuses with files, the longest, so that file names do not depend on the status."""
_MIN_NAME: Final = 24
"""Characters that a file name must be allowed at least."""
_WORK: Final = 16
"""Maximum characters of the PO's part of a work folder's path; file names must fit there too."""
_WORK_ID: Final = 32
"""Maximum characters of a claim: run id and lease number."""
_FOLDER: Final = 80
"""Maximum characters of a supplier's or PO's part of the path."""
_ENDINGS: Final = 20
"""Bytes that may be added to a folder's stem: its ending, `~12` if another order has the name, `~` while aside."""
EVIDENCE: Final = "evidence"
"""Name of the folder with evidence in `.po-pw`."""
_EVIDENCE_BYTES: Final = 120
"""UTF-8 bytes of the name of an evidence folder; all common file systems take that."""
_RESULTS: Final = frozenset({"results.csv", "results.xlsx", "results.json", "failed.csv", "report.html"})


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """The work folder of an open order."""

    path: Path

    def slot(self, number: int) -> Path:
        """Path for one attachment's bytes until its final name is known."""
        return self.path / f"{number:04}"

    def discard(self) -> None:
        """Removes the folder with its contents."""
        filesystem.remove_quietly(self.path)
        filesystem.remove_if_empty(self.path.parent)


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """A work folder that is ready to be renamed: files synced, with their final names."""

    work: str
    """The work folder, relative to the output directory, with `/`."""
    folder: str
    """The final folder, likewise."""
    replaces: str
    """An older folder of the order under another supplier, likewise; `""` if there is none."""
    files: tuple[models.SavedFile, ...]
    """Each `path` is the file's name in the folder."""


def max_name_bytes(out: Path) -> int:
    """UTF-8 bytes that a name may have in an output directory, not counting our endings.

    Most file systems take 255 in all; eCryptfs and some network storage 143.

    Args:
        out: the output directory, with its `.po-pw`.

    Raises:
        OSError: names cannot be tested there.
    """
    return min(
        names.MAX_BYTES, filesystem.longest_name(out / order_paths.INTERNAL, names.MAX_BYTES + _ENDINGS) - _ENDINGS
    )


def check_depth(out: Path, max_path: int) -> None:
    """Checks that an output directory's path is short enough for the files of an order with the shortest name.

    Raises:
        MachineError: it is too long.
    """
    try:
        _max_chars(out, out / "P", max_path)
    except errors.OrderError as error:
        raise errors.MachineError(str(error)) from error


def evidence(out: Path, po_number: str) -> Path:
    """The folder for evidence of an order's page; no other PO has the same one, on any file system."""
    return out / order_paths.INTERNAL / EVIDENCE / names.distinct_name(models.order_key(po_number), _EVIDENCE_BYTES)


def stem(order: models.PurchaseOrder, max_bytes: int = names.MAX_BYTES, *, supplier: str = "") -> str:
    """The folder's name without its ending; another order may have the same one.

    Args:
        order: the order.
        max_bytes: maximum UTF-8 bytes; see `max_name_bytes`.
        supplier: of the order or its page, for a layout that names it.
    """
    wanted = order.folder.replace(models.PAGE_SUPPLIER, supplier) if order.folder else order.po_number
    return names.shorten(names.folder_name(wanted) or "order", _FOLDER, max_bytes)


def parent(levels: Sequence[str], max_bytes: int = names.MAX_BYTES) -> str:
    """The folder that contains an order's folder, relative to the output directory, with `/`; `""` if there is none.

    Args:
        levels: names of the folders, outermost first, not yet made safe; see `levels_of`. Names without usable
            characters are skipped.
        max_bytes: maximum UTF-8 bytes of a name; see `max_name_bytes`.
    """
    return "/".join(filter(None, (_level(name, max_bytes) for name in levels)))


def levels_of(order: models.PurchaseOrder, supplier: str) -> tuple[str, ...]:
    """Names of the folders above an order's, outermost first: its levels, or else its supplier.

    Args:
        order: the order.
        supplier: of the order or its page; may be empty.
    """
    if not order.levels and not order.folder:
        return (supplier,)
    return tuple(level.replace(models.PAGE_SUPPLIER, supplier) for level in order.levels)


def is_at(folder: str, parent: str, stem: str) -> bool:
    """Whether an order's folder, relative to the output directory, has this parent and stem, perhaps with a number."""
    where = order_paths.OrderPaths.of(Path(), folder)
    return where is not None and where.parent == parent and models.is_numbered(where.stem, stem)


def _level(text: str, longest: int) -> str:
    """A safe name of one folder; `""` if no usable characters are left."""
    name = names.folder_name(text)
    # Not `.po-pw` or any other hidden folder, and not a name that we use.
    if name.startswith(".") or models.folded(name) in _RESULTS:
        name = f"_{name}"
    name = names.shorten(name, _FOLDER, longest) if name else ""
    # Nor a name that the folder of an order without a supplier could have.
    is_like_an_orders = models.folded(name).endswith(
        tuple(models.folded(names.order_folder("", ending)) for ending in order_paths.ENDINGS)
    )
    return f"{name}_" if is_like_an_orders else name


def open_work(out: Path, po_number: str, work_id: str) -> Work:
    """Creates a work folder, on the output directory's file system.

    Args:
        out: the output directory.
        po_number: the order's.
        work_id: distinguishes work folders of the same order.

    Raises:
        OrderError: a disk error, see `disk_errors.to_order_error`.
    """
    path = out / order_paths.INTERNAL / "work" / names.shorten(names.folder_name(po_number) or "order", _WORK) / work_id
    with disk_errors.map_os_errors(path, out):
        filesystem.retry_if_dir_removed(lambda: filesystem.make_folder(path, out / order_paths.INTERNAL))
    return Work(path)


def prepare(
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
    earlier: str = "",
    rules: int = 0,
    max_bytes: int = names.MAX_BYTES,
) -> Prepared:
    """Gives the files in the work folder their final names and drafts the manifest; `publish` does the rest.

    Files of the user in an older folder of the order (not in its manifest, or changed since) are copied under a free
    name; so are our own files that this outcome did not fetch again, unless it is COMPLETED and skipped none: a run
    that fails removes nothing. The older folder is not changed. After an error everything is as before.

    Args:
        out: the output directory.
        work: contains the files.
        order: their order.
        supplier: name, not yet made safe; may be empty.
        stem: the claimed folder name, without ending.
        status: sets the folder's ending.
        files: in the page's order; of files with the same name the first keeps it.
        missing: for the manifest.
        max_path: maximum characters of a path.
        now: for the manifest.
        earlier: the order's folder in an earlier outcome.
        rules: for the manifest, see `models.Outcome.rules`.
        max_bytes: maximum UTF-8 bytes of a name; see `max_name_bytes`.

    Raises:
        PermanentError: the path limit is too small for this order's folder.
        FileProblemError: another program removed a downloaded file.
        OrderError: another disk error, see `disk_errors.to_order_error`.
    """
    out = out.absolute()
    where = order_paths.OrderPaths(out, parent(levels_of(order, supplier), max_bytes), stem)
    final = where.folder(status)
    max_chars = _max_chars(out, where.base / stem, max_path)
    final_names = _final_names(files, max_chars, max_bytes)
    named = tuple(dataclasses.replace(file, path=name) for file, name in zip(files, final_names, strict=True))
    older, replaces = where.older(), ""
    if earlier and (moved := order_paths.OrderPaths.of(out, earlier)) is not None and moved.manifest != where.manifest:
        older, replaces = older + [(folder, moved.manifest) for folder, _ in moved.older()], earlier
    is_whole = status == _COMPLETED and not any(gap.skipped_type for gap in missing)
    with disk_errors.map_os_errors(final, out), contextlib.ExitStack() as undo:
        _clear(work, files)
        kept = _keep_earlier(older, work, files, named, max_chars, max_bytes, undo, replaced=is_whole)
        draft = order_paths.draft_manifest(work.path)
        undo.callback(draft.unlink, missing_ok=True)
        manifests.write(
            draft,
            order=order,
            supplier=supplier,
            folder=final.relative_to(out).as_posix(),
            status=status,
            files=named,
            missing=missing,
            earlier=kept,
            now=now,
            rules=rules,
        )
        _name(work, files, final_names, undo)
        check_present(work.path, named, out)
        durable.sync_folder(work.path)
        durable.sync_folder(work.path.parent)
        undo.pop_all()
    return Prepared(work.path.relative_to(out).as_posix(), final.relative_to(out).as_posix(), replaces, named)


def _max_chars(out: Path, prefix: Path, max_path: int) -> int:
    final = names.utf16_length(str(prefix)) + _MAX_ENDING
    # Files are renamed inside the work folder. Its maximum length counts, so that names do not depend on the claim.
    work = names.utf16_length(str(out / order_paths.INTERNAL / "work")) + 1 + _WORK + 1 + _WORK_ID
    chars = max_path - max(final, work) - 1
    if chars < _MIN_NAME:
        folder = names.order_folder(str(prefix), models.Status.COMPLETED)
        msg = (
            f"file names in {folder} would have {max(chars, 0)} characters of the {max_path} that a path may "
            f"have; {_MIN_NAME} are needed. Choose a shorter --out, or set --max-path."
        )
        raise errors.PermanentError(msg, models.ErrorCode.DISK_ERROR)
    return chars


def _final_names(files: Sequence[models.SavedFile], max_chars: int, max_bytes: int) -> tuple[str, ...]:
    try:
        return names.assign([file.sent_name for file in files], max_chars, max_bytes)
    except ValueError as error:
        msg = f"{error}. Choose a shorter --out, or set --max-path."
        raise errors.PermanentError(msg, models.ErrorCode.DISK_ERROR) from error


def missing_files(folder: Path, files: Sequence[models.SavedFile], out: Path) -> list[models.SavedFile]:
    """An order's files that are missing from its folder or have another size there.

    Args:
        folder: where they should be.
        files: each `path` is a name in the folder, or absolute.
        out: the output directory.

    Raises:
        OutputUnavailableError: the whole output directory is unavailable.
    """
    with disk_errors.map_os_errors(folder, out):
        lost = _absent(folder, files)
        if lost and (fault := disk_errors.write_error(out / order_paths.INTERNAL)) is not None:
            raise fault
        return _absent(folder, lost)  # a share may be mounted again by now


def _absent(folder: Path, files: Sequence[models.SavedFile]) -> list[models.SavedFile]:
    lost = []
    for file in files:
        try:
            if (folder / file.path).stat().st_size != file.size:
                lost.append(file)
        except (FileNotFoundError, NotADirectoryError):
            lost.append(file)
    return lost


def find_by_content(
    folder: Path, files: Iterable[models.SavedFile], others: Iterable[models.SavedFile] = ()
) -> list[models.SavedFile]:
    """Finds files in a folder by their content, whatever their names; returned with their paths.

    Args:
        folder: to search.
        files: to find.
        others: files whose paths are known; never taken for one of `files`, even with the same content.
    """
    taken = {file.path for file in others}
    wanted: dict[tuple[int, str], dict[str, models.SavedFile]] = {}
    for file in files:
        wanted.setdefault((file.size, file.sha256), {})[file.attachment_id] = file
    sizes = {size for size, _ in wanted}
    found: dict[str, models.SavedFile] = {}
    for path in folder.iterdir() if wanted else ():
        if str(path) in taken or path.is_symlink() or not path.is_file() or path.stat().st_size not in sizes:
            continue
        same = wanted.get((path.stat().st_size, manifests.sha256(path)))
        if same:
            attachment_id, file = same.popitem()
            found[attachment_id] = dataclasses.replace(file, path=str(path))
    return list(found.values())


def check_present(folder: Path, files: Sequence[models.SavedFile], out: Path) -> None:
    """Checks that an order's files are in its folder.

    Raises:
        FileProblemError: another program removed one after it was saved.
        OutputUnavailableError: the whole output directory is unavailable.
    """
    if lost := missing_files(folder, files, out):
        raise errors.FileProblemError(lost_text(lost[0]))


def lost_text(file: models.SavedFile) -> str:
    """Message for a file that was saved and is missing now."""
    return (
        f"another program, perhaps a virus scanner, removed {file.sent_name!r} after it was saved. If you trust the "
        "file, exclude the output folder from scanning, then run the same command again"
    )


def _clear(work: Work, files: Sequence[models.SavedFile]) -> None:
    """Removes files of earlier attempts from the work folder, e.g. one that the page no longer lists."""
    wanted = {Path(file.path).name for file in files}
    for path in work.path.iterdir():
        if path.name not in wanted:
            filesystem.delete(path)


def _name(
    work: Work, files: Sequence[models.SavedFile], final_names: Sequence[str], undo: contextlib.ExitStack
) -> None:
    """Gives the slots their final names, via temporary names: a file may have the name of another's slot."""
    taken = {models.folded(path.name) for path in work.path.iterdir()}  # files of the user may have any name
    aside = [work.path / names.unique_name(f".{index:04}~", taken, _MIN_NAME) for index in range(len(files))]
    steps = [(Path(file.path), path) for file, path in zip(files, aside, strict=True)]
    steps += [(path, work.path / name) for path, name in zip(aside, final_names, strict=True)]
    for source, target in steps:
        filesystem.rename(source, target)
        undo.callback(filesystem.rename, target, source)


def _keep_earlier(
    older: Sequence[tuple[Path, Path]],
    work: Work,
    files: Sequence[models.SavedFile],
    named: Sequence[models.SavedFile],
    max_chars: int,
    max_bytes: int,
    undo: contextlib.ExitStack,
    *,
    replaced: bool,
) -> list[manifests.Entry]:
    """Copies the files of an older folder that must be kept; they are in both until that folder is removed.

    Returns the manifest entries of our own files among them.
    """
    new = {(file.size, file.sha256) for file in named}
    fetched = {file.attachment_id for file in named}
    kept: list[manifests.Entry] = []
    # Neither a final name nor the name of a slot, which still exists.
    taken = {models.folded(Path(file.path).name) for file in (*files, *named)}
    for folder, manifest in older:
        known = manifests.entries_by_name(manifest)
        for path in sorted(folder.iterdir()):
            entry = known.get(path.name)
            if path.is_file() and not path.is_symlink():
                content = path.stat().st_size, manifests.sha256(path)
                if entry is not None and manifests.size_and_digest(entry) != content:
                    entry = None  # changed by the user: it is theirs
                if content in new or (entry is not None and (replaced or entry.get("attachment_id") in fetched)):
                    continue
            name = (
                path.name
                if models.folded(path.name) not in taken
                else names.unique_name(path.name, taken, max_chars, max_bytes)
            )
            taken.add(models.folded(name))
            if entry is not None:
                kept.append({**entry, "name": name})
            target = work.path / name
            undo.callback(filesystem.delete, target)
            filesystem.copy(path, target)
    return kept
