"""Where the journal may write ahead: what is known of file systems and of folders that a program syncs. Pure.

The write-ahead log needs memory that every process sees through a file, which no other machine's disk has; and what
syncs a folder copies log and database at different moments. With rollback the database alone is the journal.
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
"""How the names of file systems begin that are another machine's disk, or a host's seen from a guest."""

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
"""How the names of folders begin that such a program keeps."""


class Place(enum.Enum):
    """What an output directory lies on."""

    LOCAL = "local"
    REMOTE = "on another machine"
    SYNCED = "synced"
    UNSURE = "unsure"
    """A file system that a program provides, and nobody knows from where."""


@dataclasses.dataclass(frozen=True, slots=True)
class StorageLocation:
    """Where a folder lies."""

    place: Place
    mark: str = ""
    """Of a synced folder: what gave it away."""

    @property
    def rollback(self) -> bool:
        """Whether the journal must do without the write-ahead log."""
        return self.place is not Place.LOCAL


def judge(kind: str, options: Collection[str], *folders: str) -> StorageLocation:
    """Where a folder lies.

    Args:
        kind: of the file system, as the system names it; `""` where it does not say.
        options: it is mounted with; `remote` is how Windows tells of a mapped drive.
        folders: the folder's absolute paths: as asked for, and with its links resolved.
    """
    lower = kind.lower()
    parts = [part.lower() for folder in folders for part in re.split(r"[\\/]", folder)]
    mark = next((mark for mark in _SYNCED for part in parts if part.startswith(mark)), "")
    if mark:
        return StorageLocation(Place.SYNCED, mark)
    if lower.startswith(_REMOTE) or "remote" in options or any(_is_on_a_server(folder) for folder in folders):
        return StorageLocation(Place.REMOTE)
    if "fuse" in lower and not lower.startswith(_LOCAL_FUSE):
        return StorageLocation(Place.UNSURE)
    return StorageLocation(Place.LOCAL)


def _is_on_a_server(folder: str) -> bool:
    r"""Whether a path is `\\server\share`; one that begins with `\\?\C:` is a local one written out."""
    path = folder.replace("/", "\\").lower()
    if path.startswith(("\\\\?\\", "\\\\.\\")):
        return path[4:].startswith("unc\\")
    return path.startswith("\\\\")
