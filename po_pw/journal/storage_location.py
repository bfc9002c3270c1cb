"""Whether the journal may use a write-ahead log, by file system and by folders of sync programs. Pure.

The write-ahead log needs memory shared through a file, which remote file systems lack; and sync programs copy log and
database at different times. With a rollback journal the database alone is complete.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_REMOTE: Final = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afs",
    "afpfs",
    "coda",
    "davfs",
    "webdav",
    "ncpfs",
    "ceph",
    "glusterfs",
    "lustre",
    "gpfs",
    "beegfs",
    "ocfs2",
    "gfs2",
    "orangefs",
    "pvfs2",
    "fuse.sshfs",
    "fuse.rclone",
    "fuse.davfs",
    "fuse.gvfs",
    "fuse.s3fs",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.juicefs",
    "fuse.mfs",
    "fuse.gcsfuse",
    "fuse.blobfuse",
    "fuse.goofys",
    "vboxsf",
    "prl_fs",
    "fuse.vmhgfs",
    "vmhgfs",
    "virtiofs",
    "fuse.grpcfuse",
    "osxfs",
    "fakeowner",
    "drvfs",
)
"""Prefixes of the names of remote file systems, and of a host's folders in a virtual machine."""

_LOCAL_FUSE: Final = (
    "fuseblk",
    "fuse.ntfs",
    "fuse.exfat",
    "fuse.ext",
    "fuse.fuse-overlayfs",
    "fuse.gocryptfs",
    "fuse.encfs",
    "fuse.cryfs",
)

_SYNCED: Final = (
    "onedrive",
    "dropbox",
    "google drive",
    "googledrive",
    "my drive",
    "icloud",
    "mobile documents",
    "cloudstorage",
    "nextcloud",
    "owncloud",
    "pcloud",
    "box sync",
    "sharepoint",
    "megasync",
    "syncthing",
    "seafile",
)
"""Prefixes of the names of sync programs' folders."""


class Kind(enum.Enum):
    """Type of an output directory's location."""

    LOCAL = "local"
    REMOTE = "on another machine"
    SYNCED = "synced"
    UNSURE = "unsure"
    """A file system provided by a program (FUSE); its source is unknown."""


@dataclasses.dataclass(frozen=True, slots=True)
class StorageLocation:
    """A folder's location."""

    kind: Kind
    mark: str = ""
    """For a synced folder: the folder name or program that shows it."""

    @property
    def rollback(self) -> bool:
        """Whether the journal must use a rollback journal."""
        return self.kind is not Kind.LOCAL


def classify(kind: str, options: Collection[str], *folders: str) -> StorageLocation:
    """Classifies a folder's location.

    Args:
        kind: the system's name of the file system; `""` if unknown.
        options: mount options; `remote` for a mapped drive on Windows.
        folders: the folder's absolute paths: as given, and with links resolved.
    """
    lower = kind.lower()
    parts = [part.lower() for folder in folders for part in re.split(r"[\\/]", folder)]
    mark = next((mark for mark in _SYNCED for part in parts if part.startswith(mark)), "")
    if mark:
        return StorageLocation(Kind.SYNCED, mark)
    if lower.startswith(_REMOTE) or "remote" in options or any(_is_on_a_server(folder) for folder in folders):
        return StorageLocation(Kind.REMOTE)
    if "fuse" in lower and not lower.startswith(_LOCAL_FUSE):
        return StorageLocation(Kind.UNSURE)
    return StorageLocation(Kind.LOCAL)


def _is_on_a_server(folder: str) -> bool:
    r"""Whether a path is `\\server\share`; `\\?\C:` is a local one."""
    path = folder.replace("/", "\\").lower()
    if path.startswith(("\\\\?\\", "\\\\.\\")):
        return path[4:].startswith("unc\\")
    return path.startswith("\\\\")
