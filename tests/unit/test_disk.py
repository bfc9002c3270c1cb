"""Disk errors concern one file or the whole output; the limits of names and files are respected."""

from __future__ import annotations

import datetime
import errno
import hashlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from po_pw import errors, models
from po_pw.downloads import fetch, partial, size_limits, writer
from po_pw.journal import facts, lock, store
from po_pw.storage import disk_errors, filesystem, names, publishing, staging
from po_pw.transport import client
from tests.chaos import machines
from tests.helpers import faulty_server, journal_values
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

CHATTR = shutil.which("chattr") or "chattr"
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Path of a partial file in an output directory."""
    folder = tmp_path / ".po-pw" / "work" / "PO-1" / "run-1"
    folder.mkdir(parents=True)
    return partial.part_path(folder / "0001")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An output directory on its own disk of 1 MiB."""
    if not machines.CAN_MOUNT or not machines.can_mount(tmp_path / "trial"):
        pytest.skip("a small disk can only be made by root on Linux")
    return tmp_path / "out"


FINE, GONE, NO_ROOM = None, OSError(errno.ENOENT, "No such file or directory"), OSError(errno.ENOSPC, "No space left")


@pytest.mark.parametrize(
    ("number", "place", "kind", "code"),
    [
        ("ENOSPC", FINE, errors.OutOfSpaceError, models.ErrorCode.DISK_FULL),
        ("EDQUOT", FINE, errors.OutOfSpaceError, models.ErrorCode.DISK_FULL),
        ("EFBIG", FINE, errors.PermanentError, models.ErrorCode.TOO_LARGE),
        ("ENAMETOOLONG", FINE, errors.PermanentError, models.ErrorCode.DISK_ERROR),
        ("EILSEQ", FINE, errors.PermanentError, models.ErrorCode.DISK_ERROR),
        ("EINVAL", FINE, errors.PermanentError, models.ErrorCode.DISK_ERROR),
        ("ENOENT", FINE, errors.FileProblemError, models.ErrorCode.DISK_ERROR),
        ("EACCES", FINE, errors.FolderInUseError, models.ErrorCode.DISK_ERROR),
        ("EPERM", FINE, errors.FolderInUseError, models.ErrorCode.DISK_ERROR),
        ("EBUSY", FINE, errors.FolderInUseError, models.ErrorCode.DISK_ERROR),
        ("EIO", FINE, errors.FileProblemError, models.ErrorCode.DISK_ERROR),
        ("EROFS", FINE, errors.FileProblemError, models.ErrorCode.DISK_ERROR),
        ("EIO", NO_ROOM, errors.OutOfSpaceError, models.ErrorCode.DISK_FULL),
        ("ENOENT", GONE, errors.OutputUnavailableError, models.ErrorCode.DISK_ERROR),
        ("ENOSPC", GONE, errors.OutputUnavailableError, models.ErrorCode.DISK_ERROR),
        ("EACCES", OSError(errno.EACCES, "denied"), errors.OutputUnavailableError, models.ErrorCode.DISK_ERROR),
        ("EIO", OSError(errno.EIO, "I/O error"), errors.OutputUnavailableError, models.ErrorCode.DISK_ERROR),
        ("ESTALE", OSError(errno.ESTALE, "stale"), errors.OutputUnavailableError, models.ErrorCode.DISK_ERROR),
    ],
)
def test_the_place_is_asked_what_an_error_means(
    tmp_path: Path, number: str, place: OSError | None, kind: type[errors.OrderError], code: models.ErrorCode
) -> None:
    """If small files can be written there, an error concerns the file; otherwise the output."""
    error = OSError(getattr(errno, number), os.strerror(getattr(errno, number)))
    found = disk_errors.to_order_error(error, tmp_path / "a.pdf", tmp_path, probe=lambda _: place)
    assert (type(found), found.code) == (kind, code)
    assert tmp_path.name in str(found)


@pytest.mark.parametrize(
    ("number", "meaning"),
    [
        (112, disk_errors.Kind.FULL),
        (1295, disk_errors.Kind.FULL),
        (223, disk_errors.Kind.TOO_LARGE),
        (123, disk_errors.Kind.NAME),
        (206, disk_errors.Kind.NAME),
        (5, disk_errors.Kind.IN_USE),
        (32, disk_errors.Kind.IN_USE),
        (225, disk_errors.Kind.REMOVED),
        (64, disk_errors.Kind.OTHER),
    ],
)
def test_windows_says_more_than_its_errno(number: int, meaning: disk_errors.Kind) -> None:
    """Windows' own error code is used, as Python maps unknown codes to `EINVAL`."""
    error = OSError(errno.EINVAL if meaning is not disk_errors.Kind.OTHER else errno.EIO, "said by Windows")
    setattr(error, "winerror", number)  # noqa: B010 - Windows alone has it
    assert disk_errors.kind_of(error) is meaning


def test_where_a_share_is_gone_nothing_is_made_in_its_place(tmp_path: Path) -> None:
    """Nothing is created under the mount point of a missing share."""
    with pytest.raises(errors.OutputUnavailableError, match="cannot be written to"):
        staging.open_work(tmp_path, "PO-1", "run-1")
    with pytest.raises(FileNotFoundError):
        filesystem.make_folder(tmp_path / "gone" / "Supplier", tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_scanner_takes_away_while_it_comes_is_that_files_failure(part: Path) -> None:
    """A removed file is reported, may be retried, and leaves nothing."""

    async def go() -> None:
        async with writer.Writer(part) as sink:
            await sink.write(b"%PDF-1.7 with something in it")

            def publish(_: int) -> None:
                part.unlink()  # the scanner
                filesystem.rename(part, part.with_name("0001"))

            await sink.finish(publish)

    with pytest.raises(errors.FileProblemError, match=r"a virus scanner, removed .*0001\.part"):
        run_async(go())
    assert list(part.parent.iterdir()) == []


def test_a_file_that_cannot_be_changed_is_not_the_places_fault(part: Path) -> None:
    """An immutable folder (`chattr +i`) is a failure of that file only."""
    made = subprocess.run([CHATTR, "+i", str(part.parent)], check=False, capture_output=True)
    if sys.platform != "linux" or made.returncode:
        pytest.skip("this file system, or user, cannot make a folder immutable")

    async def go() -> None:
        async with writer.Writer(part) as sink:
            await sink.finish(lambda _: None)

    try:
        with pytest.raises(errors.FolderInUseError, match=r"0001\.part cannot be changed \(Operation not permitted\)"):
            run_async(go())
    finally:
        subprocess.run([CHATTR, "-i", str(part.parent)], check=True)


LIMITED = """
import asyncio, pathlib, resource, sys
from po_pw import errors
from po_pw.downloads import writer
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
async def go():
    async with writer.Writer(pathlib.Path(sys.argv[1])) as sink:
        await sink.write(b"x" * 200_000)
        await sink.finish(lambda _: None)
try:
    asyncio.run(go())
except errors.PermanentError as error:
    print(error.code, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size for a process")
def test_a_file_system_that_takes_no_file_so_large_is_that_files_failure(part: Path) -> None:
    """`EFBIG`, as of FAT32 at 4 GiB, is TOO_LARGE with reason and remedy."""
    said = subprocess.run([sys.executable, "-c", LIMITED, str(part)], check=True, capture_output=True, text=True)
    assert said.stdout.startswith("TOO_LARGE the disk of "), said
    assert "--out" in said.stdout
    assert not part.exists()


def test_what_fat32_would_not_take_is_not_fetched_at_all() -> None:
    """A file announced with 4 GiB is not downloaded; one of a byte less is."""
    limits = size_limits.Limits(fs_limit=2**32 - 1)
    limits.check(2**32 - 1)
    with pytest.raises(errors.PermanentError, match="the most that the disk") as caught:
        limits.check(2**32)
    assert caught.value.code is models.ErrorCode.TOO_LARGE


def fetched(into: Path, path: str) -> tuple[object, int]:
    """The result of downloading an address of the faulty server, and the bytes received."""
    came: list[int] = []

    async def go() -> object:
        async with (
            faulty_server.serve() as server,
            client.Client(files_in_all=8, files_per_host=8, stall_timeout=30) as them,
        ):
            session, url = them.session("Agent/1"), server.url(path)
            server.answers["/small"] = lambda: web.Response(body=b"%PDF-1.7" + b"y" * 500_000)
            attachment = models.Attachment("a1", "big.pdf", models.Link(url, ""), "")
            try:
                return await fetch.fetch(
                    attachment,
                    into,
                    ask=lambda conditions: session.get(url, conditions=conditions),
                    limits=size_limits.Limits(),
                    on_bytes=came.append,
                    now=lambda: NOW,
                )
            except errors.OrderError as error:
                return error
            finally:
                await session.aclose()

    return run_async(go()), sum(came)


def test_a_file_that_does_not_fit_is_not_fetched(small: Path) -> None:
    """An announced size is compared with the free space; without one, the bytes received count."""
    with machines.small_disk(small, 1 << 20):
        work = small / ".po-pw" / "work" / "PO-1" / "run-1"
        work.mkdir(parents=True)
        got, came = fetched(work / "0001", "/pdf")
        assert isinstance(got, errors.DoesNotFitError), got
        assert (got.needed, came) == (len(faulty_server.PDF), 0)
        got, came = fetched(work / "0001", "/chunked")
        assert isinstance(got, errors.DoesNotFitError), got
        assert 800_000 < got.needed <= came
        assert list(work.iterdir()) == []
        got, came = fetched(work / "0001", "/small")
        assert isinstance(got, models.SavedFile), got


def test_a_disk_on_which_nothing_fits_is_the_places_matter(small: Path) -> None:
    """A completely full disk pauses the run, and is not one file's failure."""
    with machines.small_disk(small, 1 << 20):
        work = small / ".po-pw" / "work" / "PO-1" / "run-1"
        work.mkdir(parents=True)
        (small / "filler").write_bytes(b"\0" * os.statvfs(small).f_bavail * os.statvfs(small).f_bsize)

        async def go() -> None:
            async with writer.Writer(work / "0001.part") as sink:
                await sink.write(b"x" * 100_000)
                await sink.finish(lambda _: None)

        with pytest.raises(errors.OutOfSpaceError) as caught:
            run_async(go())
        assert type(caught.value) is errors.OutOfSpaceError


@pytest.mark.parametrize("limit", [255, 143, 100, 60])
def test_the_longest_name_is_tried_where_the_file_system_says_too_much(tmp_path: Path, limit: int) -> None:
    """eCryptfs reports 255 bytes and accepts 143."""
    tried: list[int] = []

    def takes(path: Path) -> bool:
        tried.append(len(os.fsencode(path.name)))
        return tried[-1] <= limit

    assert filesystem.longest_name(tmp_path, 220, takes) == min(limit, 220)
    assert len(tried) < 12
    assert filesystem.longest_name(tmp_path, 220) == 220  # this very disk
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sent", ["long " * 60 + ".pdf", "ß" * 200 + ".tar.gz", "請求書" * 60 + ".xlsx"])
def test_names_fit_where_143_bytes_are_taken(tmp_path: Path, sent: str) -> None:
    """Folders, files and manifests have at most 143 bytes, and the same names each time."""
    (tmp_path / ".po-pw").mkdir()
    longest = 143 - 20
    order = models.PurchaseOrder(models.order_key(sent), sent, "https://portal.example/1")
    made = []
    for claim in ("20261125-120000-abcd-1", "20261125-120000-abcd-2"):
        work = staging.open_work(tmp_path, sent, claim)
        files = []
        for number in (1, 2):
            work.slot(number).write_bytes(b"%d" % number)
            sha256 = hashlib.sha256(b"%d" % number).hexdigest()
            files.append(models.SavedFile(f"a{number}", str(work.slot(number)), sent, 1, sha256, "", "http", ""))
        prepared = staging.prepare(
            tmp_path,
            work,
            order=order,
            supplier=sent,
            stem=f"{staging.stem(order, longest)}~12",
            files=files,
            status=models.Status.COMPLETED,
            missing=(),
            max_path=1000,
            now=NOW,
            max_bytes=longest,
        )
        assert publishing.publish(tmp_path, prepared.work, prepared.folder, prepared.replaces)
        made.append((prepared.folder, [file.path for file in prepared.files]))
    assert made[0] == made[1]
    every = [path.name for path in tmp_path.rglob("*")]
    assert max(len(os.fsencode(name)) for name in every) <= 143
    assert len(os.fsencode(f"{staging.stem(order, longest)}~12_{models.Status.NO_ATTACHMENTS}~")) <= 143
    assert len(os.fsencode(staging.evidence(tmp_path, sent).name)) <= 120
    assert [names.split(name)[1] for name in made[0][1]] == [names.split(sent)[1]] * 2


def test_a_journal_on_a_share_that_goes_away_loses_no_note(tmp_path: Path) -> None:
    """Waiting commits fail, notes are kept, and the journal is opened again."""
    internal, away = tmp_path / ".po-pw", tmp_path / "away"
    internal.mkdir()

    async def go() -> list[models.SavedFile]:
        async with store.Journal.open(internal / "journal.db", rollback=True) as journal:
            run = await journal.begin(journal_values.PLAN, [journal_values.row(2), journal_values.row(3)])
            internal.rename(away)
            journal.note(run, facts.FileSaved(journal_values.order(3).key, journal_values.saved("a.pdf")))
            with pytest.raises(errors.OutputUnavailableError):
                await journal.commit(run, journal_values.outcome(2))
            with pytest.raises(errors.OutputUnavailableError):
                await journal.reopen(run)
            assert not internal.exists()
            away.rename(internal)
            await journal.reopen(run)
            await journal.commit(run, journal_values.outcome(2))
            assert list(journal.known([journal_values.order(2).key])) == [journal_values.order(2).key]
            with pytest.raises(errors.MachineError, match="no longer the journal of this run"):
                await journal.reopen(models.RunId("another"))
            return journal.left(journal_values.order(3).key)

    assert [file.path for file in run_async(go())] == ["a.pdf"]


def test_a_lock_is_taken_again_when_its_share_is_back(tmp_path: Path) -> None:
    """A lock is taken again, unless another process has it, which is named."""
    with lock.locked(tmp_path) as again:
        again()
        assert lock.is_locked(tmp_path)
        (tmp_path / "lock").unlink()  # as another mount of the share would have it
        with lock.locked(tmp_path), pytest.raises(errors.MachineError, match="another po-pw"):
            again()
