"""Paths of an order's folder and manifest, and of its older folders."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Final

from po_pw import models
from po_pw.storage import disk_errors, manifests, names

INTERNAL: Final = disk_errors.INTERNAL
ENDINGS: Final = (models.Status.COMPLETED, models.Status.NO_ATTACHMENTS, models.Status.PARTIAL, models.Status.FAILED)


@dataclasses.dataclass(frozen=True, slots=True)
class OrderPaths:
    """Paths of one order."""

    out: Path
    parent: str
    """The supplier's folder, or the folder levels of the order's row with `/`; `""` if there is none."""
    stem: str

    @classmethod
    def of(cls, out: Path, folder: str) -> OrderPaths | None:
        """Paths for an order's folder, relative to the output directory; None if it is not an order's folder."""
        above, _, name = folder.rpartition("/")
        for ending in ENDINGS:
            stem = name.removesuffix(names.order_folder("", ending))
            if stem != name and stem:
                return cls(out, above, stem)
        return None

    @property
    def base(self) -> Path:
        """Parent of the order's folder."""
        return self.out / self.parent if self.parent else self.out

    @property
    def manifest(self) -> Path:
        """Path of the manifest."""
        return manifests.path(self.out / INTERNAL, self.parent, self.stem)

    def folder(self, status: models.Status) -> Path:
        """The order's folder, with this status as its ending."""
        return self.base / names.order_folder(self.stem, status)

    def older(self) -> list[tuple[Path, Path]]:
        """Existing folders of the order, each with its manifest: one or none."""
        return [(folder, self.manifest) for folder in existing(self.out, self.parent, self.stem)]

    def aside(self) -> list[Path]:
        """The order's folders that were moved aside."""
        base = aside_of(self.out) / self.parent
        names_of = [names.order_folder(self.stem, ending) for ending in ENDINGS]
        try:
            return [path for path in base.iterdir() if path.name.rstrip("~") in names_of]
        except FileNotFoundError:  # never created, or removed when another order ended
            return []


def draft_manifest(work: Path) -> Path:
    """Path of the draft manifest, beside the work folder, until the order is published."""
    return work.with_name(f"{work.name}.json")


def existing(out: Path, parent: str, folder_stem: str) -> list[Path]:
    """Existing folders of the order, with any ending: one or none."""
    base = out / parent if parent else out
    candidates = (base / names.order_folder(folder_stem, ending) for ending in ENDINGS)
    return [folder for folder in candidates if folder.is_dir()]


def orders_below(out: Path, root: Path, *, aside: bool = False) -> list[tuple[Path, OrderPaths]]:
    """Finds the folders below `root`, at any depth, that have a name like an order's.

    Such folders are not searched themselves, nor are our own folder and symbolic links.

    Args:
        out: the output directory.
        root: that directory, or one with the same layout; may be missing.
        aside: names may have additional `~` at the end, see `publishing.clear_aside`.

    Returns:
        Path relative to `root` and the order's paths, for each folder.
    """
    found: list[tuple[Path, OrderPaths]] = []
    for folder, inner, _ in os.walk(root):  # unreadable folders are treated as empty
        here = Path(folder).relative_to(root)
        going = []
        for name in sorted(inner):
            where = OrderPaths.of(out, (here / (name.rstrip("~") if aside else name)).as_posix())
            if where is not None:
                found.append((here / name, where))
            elif name != INTERNAL:
                going.append(name)
        inner[:] = going
    return found


def aside_of(out: Path) -> Path:
    """Where older folders are kept while the new one is published; see `publishing.clear_aside`."""
    return out / INTERNAL / "aside"
