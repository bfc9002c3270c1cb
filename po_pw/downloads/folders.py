"""From the work folder, where an order is open, to its final folder: one rename.

A PO has exactly one folder at any time. All of this is synchronous; callers run it on a thread.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from po_pw import errors, models
from po_pw.downloads import names

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

INTERNAL: Final = ".po-pw"
ENDINGS: Final = (models.Status.COMPLETED, models.Status.NO_ATTACHMENTS, models.Status.PARTIAL, models.Status.FAILED)
_SMALLEST: Final = 24
"""Characters a file's name must at least have."""
_FOLDER: Final = 80
"""Characters of a supplier's or a PO's part of the path, at the most."""
_PATIENCE: Final = 10.0
"""Seconds for which a rename is tried again where another program (a scanner, a synced folder) holds a file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """An open work folder of one order."""

    path: Path

    def slot(self, number: int) -> Path:
        """Where one attachment's bytes go until its final name is known."""
        return self.path / f"{number:04}"

    def discard(self) -> None:
        """Removes it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


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
    # Not `.po-pw`, nor anything else that hides.
    name = f"_{name}" if name.startswith(".") else name
    return names.shorten(name, _FOLDER) if name else ""


def open_work(out: Path, po_number: str, claim: str) -> Work:
    """Makes a work folder, on the output's own file system.

    Raises:
        EnvironmentProblem: it cannot be made.
    """
    path = out / INTERNAL / "work" / names.shorten(names.folder_name(po_number) or "order", 40) / claim
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{path} cannot be made: {error.strerror}. Is the disk full, or was the output directory removed?"
        raise errors.EnvironmentProblem(msg) from error
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

    An older folder of the same order is replaced; files in it that no manifest knows (somebody's notes) move along.

    Args:
        out: the output directory, absolute.
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
    base = out / parent(supplier) if parent(supplier) else out
    final = base / f"{stem}_{status}"
    room = max_path - len(str(final)) - 1
    if room < _SMALLEST:
        msg = (
            f"paths below {final} would be longer than {max_path} characters. "
            "Choose a shorter --out, or set --max-path."
        )
        raise errors.EnvironmentProblem(msg)
    try:
        named = _name(work, files, room)
        manifest = out / INTERNAL / "manifests" / f"{_manifest_name(supplier, stem)}.json"
        older = existing(out, parent(supplier), stem)
        _keep_strangers(older, manifest, work, {names.fold(file.path) for file in named})
        base.mkdir(parents=True, exist_ok=True)
        aside = [_aside(folder, work) for folder in older]
        _rename(work.path, final)
        _sync_folder(base)
        for folder in aside:
            shutil.rmtree(folder, ignore_errors=True)
        _write_manifest(manifest, order, supplier, final.relative_to(out).as_posix(), status, named, missing, now)
        if not any(work.path.parent.iterdir()):
            work.path.parent.rmdir()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            msg = f"no space is left in {out}"
            raise errors.OutOfSpace(msg) from error
        msg = f"the folder {final} cannot be written: {error.strerror or error}"
        raise errors.EnvironmentProblem(msg) from error
    return Finished(final.relative_to(out).as_posix(), tuple(named))


def _name(work: Work, files: Sequence[models.SavedFile], room: int) -> list[models.SavedFile]:
    """Renames what is in the slots; a slot renamed before (a crash in between) is found under its name."""
    try:
        final_names = names.assign([file.sent_name for file in files], room)
    except ValueError as error:
        msg = f"{error}. Choose a shorter --out, or set --max-path."
        raise errors.EnvironmentProblem(msg) from error
    for leftover in work.path.glob("*.part"):
        leftover.unlink()
    named = []
    # Slots are digits alone and no file is renamed onto one: first out of the way, then into place.
    for index, (file, name) in enumerate(zip(files, final_names, strict=True)):
        between = work.path / f".{index:04}"
        Path(file.path).replace(between)
        named.append(dataclasses.replace(file, path=name))
    for index, file in enumerate(named):
        (work.path / f".{index:04}").replace(work.path / file.path)
    for stranger in work.path.iterdir():
        if stranger.name not in final_names:
            stranger.unlink()
    _sync_folder(work.path)
    return named


def _keep_strangers(older: Sequence[Path], manifest: Path, work: Work, taken: set[str]) -> None:
    """Files in an older folder that we did not put there go along, under a free name."""
    ours: set[str] = set()
    if manifest.exists():
        ours = {file["name"] for file in json.loads(manifest.read_text("utf-8"))["files"]}
    for folder in older:
        for path in folder.iterdir():
            if path.name in ours:
                continue
            name, number = path.name, 1
            while names.fold(name) in taken:
                number += 1
                start, extension = names.split(path.name)
                name = f"{start} ({number}){extension}"
            taken.add(names.fold(name))
            if path.is_dir():
                shutil.copytree(path, work.path / name)
            else:
                shutil.copy2(path, work.path / name)


def _aside(folder: Path, work: Work) -> Path:
    target = work.path.parent / f"old-{work.path.name}-{folder.name[-24:]}"
    _rename(folder, target)
    return target


def _rename(source: Path, target: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            source.rename(target)
        except PermissionError:
            if os.name == "posix" or time.monotonic() >= deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _manifest_name(supplier: str, stem: str) -> str:
    """One for each folder: two suppliers may have an order of the same number."""
    folder = parent(supplier)
    return names.shorten(f"{folder} {stem}" if folder else stem, 120)


def _write_manifest(
    path: Path, order: models.PurchaseOrder, supplier: str, folder: str, status: models.Status,
    files: Sequence[models.SavedFile], missing: Sequence[models.MissingFile], now: datetime.datetime,
) -> None:  # fmt: skip
    content: dict[str, Any] = {
        "po_number": order.po_number, "supplier": supplier, "url": order.url, "folder": folder, "status": status.value,
        "written_at": now.isoformat(),
        "files": [
            {
                "name": file.path, "sent_name": file.sent_name, "attachment_id": file.attachment_id,
                "source": file.source, "place": file.place, "bytes": file.size, "sha256": file.sha256,
                "media_type": file.media_type, "lane": file.lane, "checks": list(file.checks),
                "modified_at": file.modified_at.isoformat() if file.modified_at else None,
                "saved_at": file.saved_at.isoformat() if file.saved_at else None,
            }
            for file in files
        ],
        "missing": [
            {
                "name": file.name, "source": file.source,
                "error_code": file.failure.code.value if file.failure else None,
                "error_message": file.failure.message if file.failure else None,
            }
            for file in missing
        ],
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
    temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    """Makes renames in a folder durable; Windows has no such call for folders."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
