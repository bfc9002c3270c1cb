"""Checks orders that their list marks as COMPLETED and that no journal knows: their files must be there."""

from __future__ import annotations

import contextlib
import datetime
import mimetypes
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import models, redact
from po_pw.storage import manifests, names, order_paths, staging

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SYSTEM: Final = frozenset({"thumbs.db", "desktop.ini"})
"""Files made by file managers; hidden files and office lock files are ignored as well."""
_UNFINISHED: Final = (".crdownload", ".part", ".partial", ".tmp", ".download")
"""Extensions of unfinished downloads."""


def proved(out: Path, order: models.PurchaseOrder, beside: Path | None, longest: int) -> models.Outcome | None:
    """Looks for the files that an order's row claims, in the folder it names and in the one that we would make.

    Args:
        out: the output directory.
        order: the order with its claim.
        beside: the list's folder, for relative paths in the row; None if there is no file.
        longest: maximum UTF-8 bytes of a name; see `staging.max_name_bytes`.

    Returns:
        The outcome; None if the folder is missing or another order's, or has unfinished or fewer files than claimed.
    """
    said = order.claim
    if said is None:
        return None
    stem = staging.stem(order, longest, supplier=order.supplier)
    for folder in _candidates(out, order, said.folder, beside, stem, longest):
        with contextlib.suppress(OSError, ValueError):  # unreadable: treated as missing
            if _is_orders_own(out, folder, order, stem) and (files := _files(folder, said)):
                return _outcome(out, folder, order, files)
    return None


def _candidates(
    out: Path, order: models.PurchaseOrder, said: str, beside: Path | None, stem: str, longest: int
) -> Iterator[Path]:
    if said:
        given = Path(said).expanduser()
        yield from [given] if given.is_absolute() else [out / given, *([] if beside is None else [beside / given])]
    parent = staging.parent(staging.levels_of(order, order.supplier), longest)
    yield order_paths.OrderPaths(out, parent, stem).folder(models.Status.COMPLETED)


def _is_orders_own(out: Path, folder: Path, order: models.PurchaseOrder, stem: str) -> bool:
    """Whether the folder's name is this order's, and its manifest, if any, is not another order's."""
    name = unicodedata.normalize("NFC", folder.name)
    if name not in {stem, names.order_folder(stem, models.Status.COMPLETED)} or not folder.is_dir():
        return False
    if not folder.is_relative_to(out):
        return True
    where = order_paths.OrderPaths.of(out, folder.relative_to(out).as_posix())
    if where is None or not where.manifest.exists():
        return True
    return manifests.read(where.manifest, where.parent, where.stem).key == order.key


def _files(folder: Path, said: models.Claim) -> list[Path]:
    """The folder's files; none if any claimed file is missing."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not _is_systems(path.name)]
    if any(path.suffix.lower() in _UNFINISHED or not path.stat().st_size for path in files):
        return []
    there = {models.folded(path.name) for path in files}
    for separators in (r"[;\r\n]", r"[;,\r\n]"):
        parts = [part.strip() for part in re.split(separators, said.names) if part.strip()]
        if len(files) >= max(said.count, len(parts)) and _are_among(parts, there):
            return files
    return []


def _are_among(parts: Sequence[str], there: set[str]) -> bool:
    return all(models.folded(part) in there or models.folded(names.file_name(part)) in there for part in parts)


def _is_systems(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower() in _SYSTEM


def _outcome(out: Path, folder: Path, order: models.PurchaseOrder, files: Sequence[Path]) -> models.Outcome:
    times = [datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC).astimezone() for path in files]
    saved = tuple(
        models.SavedFile(
            attachment_id="",
            path=path.name,
            sent_name=path.name,
            size=path.stat().st_size,
            sha256="",
            media_type=mimetypes.guess_type(path.name)[0] or "",
            downloaded_by="",
            source="",
            saved_at=time,
        )
        for path, time in zip(files, times, strict=True)
    )
    return models.Outcome(
        key=order.key,
        po_number=order.po_number,
        status=models.Status.COMPLETED,
        files=saved,
        missing=(),
        error=None,
        attempts=0,
        timing=models.Timing(max(times), max(times), 0.0),
        worker="",
        read_by="",
        folder=(folder.relative_to(out) if folder.is_relative_to(out) else folder).as_posix(),
        supplier=order.supplier,
        source_url=redact.address(order.url),
        found=len(saved),
        from_earlier_run=True,
    )
