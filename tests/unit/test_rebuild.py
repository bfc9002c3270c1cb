"""A damaged journal is set aside and rebuilt from the manifests; nothing known is lost."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import random
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from po_pw import errors, events, models
from po_pw.journal import facts, integrity, schema
from po_pw.maintenance import rebuild_journal
from po_pw.storage import manifests
from tests.helpers.journal_values import PLAN, START, order, outcome, raw, row, saved
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

KEYS = [order(number).key for number in range(2, 42)]
STATUSES = (models.Status.COMPLETED, models.Status.PARTIAL, models.Status.NO_ATTACHMENTS, models.Status.FAILED)
FAILURE = models.Failure(models.ErrorCode.NOT_FOUND, "gone: 404, „weg“")


def made(number: int) -> models.Outcome:
    """An outcome of every kind, as far as a manifest records it."""
    status = STATUSES[number % 4]
    has_files = status in {models.Status.COMPLETED, models.Status.PARTIAL}
    lacks = not status.succeeded
    return outcome(
        number,
        status,
        files=(saved(f"{number} ü.pdf"), saved(f"{number}.xlsx", size=0)) if has_files else (),
        missing=(models.MissingFile("m", "gone.pdf", "http://x/m", FAILURE),) if lacks else (),
        error=FAILURE if lacks else None,
        timing=models.Timing(START, START, 0.0),
        worker="",
        read_by="",
        source_url=f"http://x/{number}",
        found=2 * has_files + lacks,
        rules=number % 3,
    )


def told(out: Path, one: models.Outcome, stem: str = "", **more: Any) -> Path:
    """Writes an outcome's manifest."""
    number = int(one.po_number.removeprefix("PO-"))
    path = manifests.path(out / ".po-pw", "A", stem or one.po_number)
    path.parent.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {
        "order": order(number),
        "supplier": one.supplier,
        "folder": one.folder,
        "status": one.status,
        "files": one.files,
        "missing": one.missing,
        "earlier": (),
        "now": START,
        "rules": one.rules,
    } | more
    manifests.write(path, **values)
    return path


@contextlib.asynccontextmanager
async def opened(out: Path) -> Any:
    """The journal of an output directory, and the messages when it was opened."""
    said: list[str] = []
    hub = events.Hub()
    hub.listen(lambda event: said.append(event.text) if isinstance(event, events.Notice) else None)
    async with rebuild_journal.open_journal(out / ".po-pw" / "journal.db", out, hub) as journal:
        yield journal, said


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output directory after a run, with manifests and a journal closed normally."""
    return filled(tmp_path_factory.mktemp("finished"), None)


@pytest.fixture(scope="module")
def died(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a kill: the last changes are only in the write-ahead log."""
    return filled(tmp_path_factory.mktemp("living"), tmp_path_factory.mktemp("died") / "out")


def filled(out: Path, copy: Path | None) -> Path:
    async def body() -> None:
        async with opened(out) as (journal, said):
            run = await journal.begin(PLAN, map(row, range(2, 42)))
            for number in range(2, 42):
                if number == 30:
                    await asyncio.to_thread(checkpoint, out)
                assert await journal.claim_folder(order(number).key, "A", f"PO-{number}") == f"PO-{number}"
                await journal.commit(run, made(number))
                told(out, made(number))
            journal.note(run, facts.FileSaved(order(99).key, saved("left.pdf")))
            await journal.claim_folder(order(99).key, "A", "PO-99")
            assert said == []
            if copy is not None:
                shutil.copytree(out, copy)

    (out / ".po-pw").mkdir(parents=True)
    run_async(body())
    return copy or out


def checkpoint(out: Path) -> None:
    raw(out / ".po-pw" / "journal.db", "PRAGMA wal_checkpoint(FULL)")


def known(out: Path) -> tuple[Mapping[models.OrderKey, models.Outcome], list[str]]:
    """What the journal knows after opening, and the messages; it also accepts new work."""

    async def body() -> tuple[Mapping[models.OrderKey, models.Outcome], list[str]]:
        async with opened(out) as (journal, said):
            found = {key: one.outcome for key, one in journal.known(KEYS).items()}
            run = await journal.begin(PLAN, [row(50)])
            assert await journal.claim_folder(order(2).key, "A", "PO-2") == "PO-2"
            assert await journal.claim_folder(order(50).key, "A", "po-2") == "po-2~2"
            await journal.commit(run, outcome(50))
            assert [one.status for one in journal.rows(run)] == [models.Status.COMPLETED]
            return found, said

    return run_async(body())


def flip(seed: int, content: bytes) -> bytes:
    """Damages bytes as disks and programs do."""
    chance = random.Random(seed)
    damaged = bytearray(content)
    at = chance.randrange(len(damaged))
    match seed % 6:
        case 0 | 1:
            for _ in range(chance.choice((1, 3, 30))):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        case 2:
            damaged[at : at + 512] = bytes(len(damaged[at : at + 512]))
        case 3:
            del damaged[at:]
        case 4:
            damaged[at : at + 4096] = chance.randbytes(len(damaged[at : at + 4096]))
        case _:  # where SQLite says what the file is
            damaged[chance.randrange(min(100, len(damaged)))] = chance.randrange(256)
    return bytes(damaged)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory if possible: hundreds of journals are synced."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="po-pw-test-", dir=memory) as folder:
        yield Path(folder)


def hit(tmp_path: Path, whole: Path, suffix: str, seed: int) -> tuple[Path, bytes]:
    """A copy of an output directory with one damaged journal file."""
    out = tmp_path / f"{seed}"
    shutil.copytree(whole, out)
    file = out / ".po-pw" / f"journal.db{suffix}"
    damaged = flip(seed, file.read_bytes())
    file.write_bytes(damaged)
    # A test is quicker than the clock of some file systems.
    os.utime(file, ns=(seed, seed))
    return out, damaged


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(24), range(24, 48)], ids=["one", "two"])
def test_flipped_bytes_lose_nothing(quick: Path, finished: Path, seeds: range) -> None:
    """Wherever the database is damaged, all outcomes are known, and the damaged file is set aside."""
    rebuilt = 0
    for seed in seeds:
        out, damaged = hit(quick, finished, "", seed)
        found, said = known(out)
        assert found == {made(number).key: made(number) for number in range(2, 42)}, seed
        aside = list((out / ".po-pw").glob("journal.damaged-*.db"))
        if said:
            rebuilt += 1
            assert len(aside) == 1
            assert aside[0].name in said[0]
            assert "40 orders recovered" in said[0]
            # The look at it may have closed its log, but nobody mended anything.
            assert len(aside[0].read_bytes()) <= max(len(damaged), 4096)
        else:
            assert aside == []
        shutil.rmtree(out)
    assert rebuilt > len(seeds) // 2  # the rest hit what nobody reads


@pytest.mark.parametrize("suffix", ["-wal", "-shm", ""])
def test_what_a_kill_left_may_be_damaged_too(quick: Path, died: Path, suffix: str) -> None:
    """A damaged log or index, or a database with an intact log, loses no outcome."""
    for seed in range(12):
        out, _ = hit(quick, died, suffix, seed)
        found, said = known(out)
        assert found == {made(number).key: made(number) for number in range(2, 42)}, (seed, said)
        shutil.rmtree(out)


def test_a_kill_is_no_damage(tmp_path: Path, died: Path) -> None:
    """After a kill the journal is checked and found intact, without a message."""
    shutil.copytree(died, tmp_path / "out")
    found, said = known(tmp_path / "out")
    assert (len(found), said) == (40, [])
    assert not list((tmp_path / "out" / ".po-pw").glob("journal.damaged-*"))


def nothing_left(file: Path) -> None:
    file.write_bytes(b"")


def something_else(file: Path) -> None:
    file.write_bytes(b"PK\x03\x04 a spreadsheet, really" * 500)


def gone(file: Path) -> None:
    file.unlink()


def wrong_number(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 40")


def forbidden(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[18] = 77
    file.write_bytes(content)


def silent(file: Path) -> None:
    """Changes one letter of a digest, which SQLite does not notice."""
    content = file.read_bytes()
    at = content.rindex(b"ab" * 32, 0, content.index(b'"sum":'))
    file.write_bytes(content[:at] + b"c" + content[at + 1 :])


@pytest.mark.parametrize("damage", [nothing_left, something_else, gone, wrong_number, forbidden, silent])
def test_each_kind_of_damage_is_met(tmp_path: Path, finished: Path, damage: Callable[[Path], None]) -> None:
    """After every kind of damage the orders are known."""
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    damage(out / ".po-pw" / "journal.db")
    found, said = known(out)
    assert found == {made(number).key: made(number) for number in range(2, 42)}
    assert len(said) == 1
    assert "40 orders recovered" in said[0]
    assert known(out)[1] == []


def test_a_manifest_that_cannot_be_read_is_counted(tmp_path: Path, finished: Path) -> None:
    """Orders with a damaged or copied manifest are processed again."""
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    (out / ".po-pw" / "journal.db").write_bytes(b"nothing" * 1000)
    files = sorted((out / ".po-pw" / "manifests" / "A").iterdir())
    files[0].write_bytes(files[0].read_bytes()[:-40])
    files[1].write_text('{"files": 5}', "utf-8")
    files[2].write_text(files[2].read_text("utf-8").replace('"name": "', '"name": "../'), "utf-8")
    shutil.copy(files[3], files[3].with_name(f"{files[3].stem} (conflicted copy).json"))
    found, said = known(out)
    assert len(found) in {37, 38}  # the third may have no files
    assert f"{len(found)} orders recovered" in said[0]
    assert f"{41 - len(found)} manifests cannot be read" in said[0]


def test_of_two_manifests_the_later_counts(tmp_path: Path) -> None:
    """An order that moved has its latest outcome and both folder names."""
    out = tmp_path
    (out / ".po-pw").mkdir()
    later = START + datetime.timedelta(days=1)
    one = outcome(7, models.Status.FAILED, files=(), folder="A/PO-7_FAILED")
    for supplier, status, now in (("A", models.Status.COMPLETED, later), ("B", models.Status.FAILED, START)):
        path = manifests.path(out / ".po-pw", supplier, "PO-7")
        path.parent.mkdir(parents=True)
        manifests.write(
            path,
            order=order(7),
            supplier=supplier,
            folder=f"{supplier}/PO-7_{status}",
            status=status,
            files=(),
            missing=(),
            earlier=(),
            now=now,
        )

    async def body() -> None:
        async with opened(out) as (journal, said):
            assert "1 order recovered" in said[0]
            assert journal.known([one.key])[one.key].outcome.folder == "A/PO-7_COMPLETED"
            assert await journal.claim_folder(order(8).key, "B", "po-7") == "po-7~2"

    run_async(body())


def test_what_the_log_lost_comes_from_the_manifests(tmp_path: Path, died: Path) -> None:
    """Outcomes of a missing write-ahead log are recovered, which is reported."""
    out = tmp_path / "out"
    shutil.copytree(died, out)
    for suffix in ("-wal", "-shm"):
        (out / ".po-pw" / f"journal.db{suffix}").unlink()
    found, said = known(out)
    assert len(found) == 40
    assert said == ["the journal lacked the latest orders: 12 orders recovered from the manifests"]


def test_a_journal_closed_in_order_is_not_looked_through(
    tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is checked only after a crash or a change by others, as that takes seconds."""
    looks: list[Path] = []
    look = integrity.find_damage

    def counted(path: Path, *, rollback: bool, is_stopped: Callable[[], bool]) -> str:
        looks.append(path)
        return look(path, rollback=rollback, is_stopped=is_stopped)

    monkeypatch.setattr(integrity, "find_damage", counted)
    out = tmp_path / "out"
    shutil.copytree(finished, out)  # with its times
    known(out)
    known(out)
    assert looks == []
    raw(out / ".po-pw" / "journal.db", "DELETE FROM attempts")
    (out / ".po-pw" / "journal.db").touch()
    known(out)
    known(out)
    assert len(looks) == 1


def test_damage_met_in_the_middle_is_mended_by_the_next_start(tmp_path: Path, finished: Path) -> None:
    """A run that finds damage ends with one clear message; the next start repairs it."""
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    path = out / ".po-pw" / "journal.db"

    async def body() -> None:
        async with opened(out) as (journal, _):
            run = await journal.begin(PLAN, [row(60)])
            await asyncio.to_thread(checkpoint, out)
            content = bytearray(path.read_bytes())
            content[4096:] = bytes(len(content) - 4096)
            with path.open("r+b") as stream:
                stream.write(content)
            with pytest.raises(errors.MachineError, match=r"damaged.*Run the same command again"):
                list(journal.rows(run))
            assert schema.was_damaged(path) is True
            schema._damaged.add(path)  # as it was before we asked

    with contextlib.suppress(errors.MachineError):
        run_async(body())
    found, said = known(out)
    assert len(found) == 40
    assert "40 orders recovered" in said[0]


def test_a_newer_journal_is_refused_and_stays(tmp_path: Path, finished: Path) -> None:
    """A newer po-pw's journal is left unchanged."""
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    path = out / ".po-pw" / "journal.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE runs ADD COLUMN later TEXT")
        connection.execute("PRAGMA user_version = 40")
    before = path.read_bytes()
    with pytest.raises(errors.MachineError, match="newer po-pw"):
        known(out)
    assert path.read_bytes() == before


def test_nothing_is_said_where_nothing_was_done(tmp_path: Path) -> None:
    """A new output directory reports no recovery."""
    (tmp_path / ".po-pw").mkdir()
    (tmp_path / ".po-pw" / "journal.db").touch()
    assert run_async(notices(tmp_path)) == []
    assert run_async(notices(tmp_path)) == []


async def notices(out: Path) -> list[str]:
    async with opened(out) as (_, said):
        return list(said)


def test_two_damaged_journals_are_both_kept(tmp_path: Path) -> None:
    """A second damaged journal of the same second gets another name."""
    now = datetime.datetime(2026, 11, 25, 9, 30)  # noqa: DTZ001 - only its digits count
    names = []
    for _ in range(2):
        path = tmp_path / "journal.db"
        for suffix in ("", "-wal", "-shm"):
            path.with_name(f"journal.db{suffix}").write_text("x", "utf-8")
        names.append(integrity.set_aside(path, now).name)
    assert names == ["journal.damaged-20261125-093000.db", "journal.damaged-20261125-093000-2.db"]
    assert len(list(tmp_path.iterdir())) == 6
    assert (tmp_path / f"{names[1]}-wal").exists()
