"""The journal uses a write-ahead log on local disks, and rollback elsewhere."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from po_pw import models
from po_pw.journal import storage_location, store
from po_pw.machine import resources
from po_pw.maintenance import rebuild_journal
from tests.helpers.journal_values import PLAN, outcome, raw, row
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("earlier", ["new", "closed", "died"])
def test_a_journal_on_a_share_works_with_rollback(tmp_path: Path, earlier: str) -> None:
    """On a share no log is created, even beside a journal that had one; readers and writer work."""
    path = tmp_path / "journal.db"

    async def before() -> models.RunId:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, [row(2), row(3)])
            await journal.commit(run, outcome(2))
            if earlier == "died":
                for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
                    shutil.copy(path.with_name(name), path.with_name(f"died-{name}"))
            return run

    async def now(run: models.RunId | None) -> None:
        async with store.Journal.open(path, rollback=True) as journal:
            if run is None:
                run = await journal.begin(PLAN, [row(2), row(3)])
                await journal.commit(run, outcome(2))
            commits = [journal.commit(run, outcome(3)) for _ in range(20)]
            rows = journal.rows(run)
            assert next(rows).status is models.Status.COMPLETED  # a reader in the middle is in nobody's way
            await asyncio.gather(*commits)
            assert [one.status for one in journal.rows(run)] == [models.Status.COMPLETED] * 2
            assert not path.with_name("journal.db-wal").exists()
            assert raw(path, "PRAGMA journal_mode") == [("delete",)]

    run = None if earlier == "new" else run_async(before())
    if earlier == "died":
        for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
            path.with_name(f"died-{name}").replace(path.with_name(name))
    run_async(now(run))

    async def back() -> None:
        async with store.Journal.open(path):
            assert raw(path, "PRAGMA journal_mode") == [("wal",)]

    run_async(back())


@pytest.mark.parametrize(
    ("kind", "options", "folder", "place"),
    [
        ("ext4", ("rw",), "/home/me/downloads", "LOCAL"),
        ("apfs", ("rw", "local"), "/Users/me/downloads", "LOCAL"),
        ("NTFS", ("rw", "fixed"), r"C:\Users\me\downloads", "LOCAL"),
        ("NTFS", ("rw", "fixed"), r"\\?\C:\Users\me\downloads", "LOCAL"),
        ("", (), "/somewhere", "LOCAL"),
        ("fuseblk", ("rw",), "/media/stick", "LOCAL"),
        ("fuse.fuse-overlayfs", (), "/srv", "LOCAL"),
        ("nfs", (), "/mnt/a", "REMOTE"),
        ("nfs4", (), "/mnt/a", "REMOTE"),
        ("cifs", (), "/mnt/a", "REMOTE"),
        ("smb3", (), "/mnt/a", "REMOTE"),
        ("smbfs", ("rw", "remote"), "/Volumes/a", "REMOTE"),
        ("webdav", (), "/Volumes/a", "REMOTE"),
        ("fuse.sshfs", (), "/mnt/a", "REMOTE"),
        ("fuse.rclone", (), "/mnt/a", "REMOTE"),
        ("9p", (), "/mnt/c/Users", "REMOTE"),
        ("vboxsf", (), "/media/sf_a", "REMOTE"),
        ("prl_fs", (), "/media/psf", "REMOTE"),
        ("fuse.vmhgfs-fuse", (), "/mnt/hgfs", "REMOTE"),
        ("virtiofs", (), "/mnt/a", "REMOTE"),
        ("ceph", (), "/mnt/a", "REMOTE"),
        ("NTFS", ("rw", "remote"), r"Z:\downloads", "REMOTE"),
        ("", (), r"\\server\share\downloads", "REMOTE"),
        ("", (), "//server/share/downloads", "REMOTE"),
        ("", (), r"\\?\UNC\server\share\downloads", "REMOTE"),
        ("fuse.somebodys", (), "/mnt/a", "UNSURE"),
        ("macfuse", (), "/Volumes/a", "UNSURE"),
        ("NTFS", ("rw", "fixed"), r"C:\Users\me\OneDrive - Acme\downloads", "SYNCED"),
        ("apfs", ("local",), "/Users/me/Library/CloudStorage/Dropbox/x", "SYNCED"),
        ("apfs", ("local",), "/Users/me/Library/Mobile Documents/com~apple~CloudDocs/x", "SYNCED"),
        ("ext4", (), "/home/me/Nextcloud/downloads", "SYNCED"),
        ("NTFS", (), r"G:\My Drive\downloads", "SYNCED"),
        ("btrfs", (), "/home/me/boxes/dropped", "LOCAL"),
    ],
)
def test_which_places_have_a_write_ahead_log(kind: str, options: tuple[str, ...], folder: str, place: str) -> None:
    """Only a local disk, in a folder that no program syncs, has one."""
    lies = storage_location.classify(kind, options, "/asked/for", folder)
    assert lies.kind is storage_location.Kind[place]
    assert lies.rollback is (place != "LOCAL")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_where_an_output_directory_lies_is_asked_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real path decides: links into synced folders and shares are recognised."""
    synced = tmp_path / "Dropbox" / "out"
    synced.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(synced, target_is_directory=True)
    assert rebuild_journal.locate(link).kind is storage_location.Kind.SYNCED
    monkeypatch.setattr(resources, "file_system", lambda _: resources.FileSystem("nfs4", "/"))
    assert rebuild_journal.locate(tmp_path).kind is storage_location.Kind.REMOTE
