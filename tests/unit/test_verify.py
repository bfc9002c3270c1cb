"""`po-pw verify` hashes every file again, reports differences, and marks orders on request."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from po_pw import errors, events, models
from po_pw.cli import commands
from po_pw.journal import lock, store
from po_pw.maintenance import status, verify
from po_pw.storage import manifests
from tests.helpers.journal_values import COMMAND, PLAN, outcome, row, saved
from tests.helpers.support import on_thread, run_async
from tests.unit.test_rebuild import opened, told
from tests.unit.test_status import traces

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ORDERS = range(2, 8)


def content(number: int, name: str) -> bytes:
    return f"{number} {name} ".encode() * 300


def fetched(number: int, *names: str) -> tuple[models.SavedFile, ...]:
    return tuple(
        saved(name, size=len(content(number, name)), sha256=hashlib.sha256(content(number, name)).hexdigest())
        for name in names
    )


def made(number: int) -> models.Outcome:
    """One order without attachments, and others with two files, one with an accent in its name."""
    if number == 7:
        return outcome(7, models.Status.NO_ATTACHMENTS, files=(), found=0)
    return outcome(number, files=fetched(number, "a.pdf", "Rechnung für.pdf"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output directory after a run, with other files that do not matter."""
    out = tmp_path / "out"
    (out / ".po-pw").mkdir(parents=True)

    async def body() -> None:
        async with opened(out) as (journal, _):
            run = await journal.begin(PLAN, map(row, ORDERS))
            for one in map(made, ORDERS):
                number = int(one.po_number.removeprefix("PO-"))
                await journal.claim_folder(one.key, "A", one.po_number)
                (out / one.folder).mkdir(parents=True)
                for file in one.files:
                    (out / one.folder / file.path).write_bytes(content(number, file.path))
                more: dict[str, Any] = {}
                if number == 6:
                    (out / one.folder / "old.pdf").write_bytes(b"old")
                    digest = hashlib.sha256(b"old").hexdigest()
                    more = {"earlier": [{"name": "old.pdf", "bytes": 3, "sha256": digest}]}
                told(out, one, **more)
                await journal.commit(run, one)
            await journal.end(run, seconds=1, work_seconds=1, interrupted=False, browser=None)

    run_async(body())
    for name in ("results.csv", "A/notes.txt", "mine/PO/deep.txt"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("mine", "utf-8")
    return out


def found(out: Path) -> list[tuple[str, str, str]]:
    return [(one.kind, one.folder, one.name) for one in verify.examine(out).findings]


def test_all_is_as_recorded(out: Path) -> None:
    """Every file is read; results and the user's own files are ignored; nothing is changed."""
    before = traces(out)
    said: list[tuple[verify.Tally, int]] = []
    report = verify.examine(out, lambda checked, folders: said.append((checked, folders)))
    assert report.is_as_recorded
    assert (report.checked.folders, report.checked.files) == (6, 11)
    assert report.checked.bytes == 3 + sum(file.size for number in ORDERS for file in made(number).files)
    assert said[-1] == (report.checked, 6)
    assert report.running_pid is None
    assert traces(out) == before


def test_everything_that_is_not_is_found(out: Path) -> None:
    """Missing, changed and extra files, and missing and unknown folders are named."""
    (out / "A/PO-2_COMPLETED/a.pdf").unlink()
    (out / "A/PO-3_COMPLETED/a.pdf").write_bytes(b"longer" * 5000)
    same = bytearray((out / "A/PO-3_COMPLETED/Rechnung für.pdf").read_bytes())
    same[7] ^= 1
    (out / "A/PO-3_COMPLETED/Rechnung für.pdf").write_bytes(same)
    (out / "A/PO-4_COMPLETED/note.txt").write_text("mine", "utf-8")
    (out / "A/PO-4_COMPLETED/sub").mkdir()
    shutil.rmtree(out / "A/PO-5_COMPLETED")
    (out / "A/PO-6_COMPLETED/old.pdf").write_bytes(b"new")
    (out / "A/PO-7_NO_ATTACHMENTS").rmdir()
    (out / "A/PO-9_COMPLETED").mkdir()
    (out / "PO-9_FAILED").mkdir()
    report = verify.examine(out)
    assert [(one.kind, one.folder, one.name) for one in report.findings] == [
        ("missing", "A/PO-2_COMPLETED", "a.pdf"),
        ("missing", "A/PO-5_COMPLETED", "Rechnung für.pdf"),
        ("missing", "A/PO-5_COMPLETED", "a.pdf"),
        ("missing", "A/PO-7_NO_ATTACHMENTS", ""),
        ("changed", "A/PO-3_COMPLETED", "Rechnung für.pdf"),
        ("changed", "A/PO-3_COMPLETED", "a.pdf"),
        ("changed", "A/PO-6_COMPLETED", "old.pdf"),
        ("extra", "A/PO-4_COMPLETED", "note.txt"),
        ("extra", "A/PO-4_COMPLETED", "sub"),
        ("unknown folder", "A/PO-9_COMPLETED", ""),
        ("unknown folder", "PO-9_FAILED", ""),
    ]
    assert sorted(report.to_refetch()) == ["PO-2", "PO-3", "PO-5", "PO-6", "PO-7"]


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def elsewhere(path: Path) -> None:
    told = json.loads(path.read_text("utf-8"))
    told["files"][0]["name"] = "../../../secret.pdf"
    path.write_text(json.dumps(told), "utf-8")


@pytest.mark.parametrize("harm", [os.remove, half, elsewhere])
def test_without_its_manifest_the_journal_tells(out: Path, harm: Callable[[Path], None]) -> None:
    """An order without a readable manifest is checked against the journal, and reported."""
    harm(manifests.path(out / ".po-pw", "A", "PO-2"))
    assert found(out) == [("no manifest", "A/PO-2_COMPLETED", "")]
    (out / "A/PO-2_COMPLETED/a.pdf").unlink()
    assert found(out) == [("missing", "A/PO-2_COMPLETED", "a.pdf"), ("no manifest", "A/PO-2_COMPLETED", "")]


def test_without_a_journal_the_manifests_tell(out: Path) -> None:
    """Without a journal, an unreadable manifest stands for its order."""
    (out / ".po-pw/journal.db").unlink()
    half(manifests.path(out / ".po-pw", "A", "PO-3"))
    assert found(out) == [("unknown folder", "A/PO-3_COMPLETED", ""), ("no manifest", "A/PO-3", "")]


def test_where_nothing_is_recorded_nothing_is_called_right(out: Path) -> None:
    """An emptied .po-pw is refused, as nothing can be compared."""
    shutil.rmtree(out / ".po-pw")
    (out / ".po-pw").mkdir()
    with pytest.raises(errors.InputError, match="nothing is recorded in "):
        verify.examine(out)


def test_names_are_one_however_a_disk_writes_them(out: Path) -> None:
    """A file name in another normal form is the same file."""
    folder = out / "A/PO-2_COMPLETED"
    (folder / "Rechnung für.pdf").rename(folder / "Rechnung fu\u0308r.pdf")
    assert found(out) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_is_no_file_that_was_fetched(out: Path) -> None:
    """A link or folder in a file's place is a change, even with equal content."""
    folder = out / "A/PO-2_COMPLETED"
    (folder / "a.pdf").rename(out / "moved.pdf")
    (folder / "a.pdf").symlink_to(out / "moved.pdf")
    (folder / "Rechnung für.pdf").unlink()
    (folder / "Rechnung für.pdf").mkdir()
    assert [one[0] for one in found(out)] == ["changed", "changed"]


def notices() -> tuple[list[str], events.Listener]:
    """A listener and the notices it received."""
    said: list[str] = []

    def hear(event: events.Event) -> None:
        if isinstance(event, events.Notice):
            said.append(event.text)

    return said, hear


def test_what_others_put_there_is_told_and_no_fault(out: Path) -> None:
    """Extra files and folders are listed, with exit code 0."""
    (out / "A/PO-4_COMPLETED/note.txt").write_text("mine", "utf-8")
    (out / "B/PO-99_COMPLETED").mkdir(parents=True)
    answer = CliRunner().invoke(commands.app, ["verify", str(out)])
    assert answer.exit_code == 0
    assert "All files are as they were downloaded: 11 files" in answer.output
    assert "A/PO-4_COMPLETED/note.txt" in answer.output
    assert "B/PO-99_COMPLETED" in answer.output
    assert "not downloaded by po-pw" in answer.output
    assert json.loads(CliRunner().invoke(commands.app, ["verify", str(out), "--json"]).output)["ok"] is True
    (out / "A/PO-4_COMPLETED/a.pdf").unlink()
    assert CliRunner().invoke(commands.app, ["verify", str(out)]).exit_code == 1


def test_the_output_directory_is_that_of_process(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OUT, `status` and `verify` use the folder of `process`."""
    monkeypatch.chdir(out.parent)
    monkeypatch.setenv("PO_PW_OUT", "out")
    for command in ("status", "verify"):
        assert CliRunner().invoke(commands.app, [command]).exit_code == 0
    monkeypatch.delenv("PO_PW_OUT")
    answer = CliRunner().invoke(commands.app, ["verify"])
    assert answer.exit_code == 2
    out.rename(out.parent / "downloads")
    assert CliRunner().invoke(commands.app, ["verify"]).exit_code == 0


def test_repair_marks_what_can_be_fetched_again(out: Path) -> None:
    """Only faulty orders are marked; no file is changed, and the next command is named."""
    (out / "A/PO-2_COMPLETED/a.pdf").unlink()
    (out / "A/PO-4_COMPLETED/note.txt").write_text("mine", "utf-8")
    before = {name: seen for name, seen in traces(out).items() if not name.startswith(".po-pw")}
    said, hear = notices()
    report = run_async(verify.mark_for_refetch(out, lambda *_: None, hear))
    assert said == []
    assert (report.marked, report.running_pid) == (1, None)
    assert report.command == COMMAND
    assert {name: seen for name, seen in traces(out).items() if not name.startswith(".po-pw")} == before
    assert doubted(out) == ["PO-2"]
    progress = status.read(out).run
    assert progress is not None
    assert progress.doubted == 1


def test_repair_rebuilds_a_damaged_journal_first(out: Path) -> None:
    """A damaged journal is rebuilt first, which is reported."""
    (out / "A/PO-2_COMPLETED/a.pdf").unlink()
    (out / ".po-pw/journal.db").write_bytes(b"nothing" * 1000)
    said, hear = notices()
    report = run_async(verify.mark_for_refetch(out, lambda *_: None, hear))
    assert report.marked == 1
    assert "6 orders recovered" in said[0]
    assert doubted(out) == ["PO-2"]


def doubted(out: Path) -> list[str]:
    async def body() -> list[str]:
        async with store.Journal.open(out / ".po-pw/journal.db") as journal:
            known = journal.known([made(number).key for number in ORDERS])
            return sorted(key for key, one in known.items() if one.doubted)

    return run_async(body())


def test_a_run_that_is_going_is_not_disturbed(out: Path) -> None:
    """`--repair` is refused during a run; verifying works and reports the run."""
    with lock.locked(out / ".po-pw"):
        with pytest.raises(errors.MachineError, match="another po-pw"):
            run_async(verify.mark_for_refetch(out, lambda *_: None, lambda _: None))
        assert verify.examine(out).running_pid == os.getpid()
        answer = CliRunner().invoke(commands.app, ["verify", str(out)])
        assert answer.exit_code == 0
        assert f"A run is in progress (process {os.getpid()})" in answer.output
        assert "All files are as they were downloaded: 11 files in 6 folders" in answer.output


def test_what_the_command_says(out: Path) -> None:
    """Lines to copy, a table, what to do next, exit codes 0, 1 and 2, and JSON."""

    def invoke(*words: str) -> tuple[int, str]:
        answer = on_thread(
            lambda: CliRunner().invoke(commands.app, ["verify", *words], env={"COLUMNS": "80"})
        )  # --repair runs a loop
        return answer.exit_code, answer.output

    assert invoke(str(out))[0] == 0
    assert invoke(str(out / "A"))[0] == 2
    (out / "A/PO-2_COMPLETED/a.pdf").unlink()
    (out / "A/PO-4_COMPLETED/note.txt").write_text("mine", "utf-8")
    code, said = invoke(str(out))
    assert code == 1
    assert "missing        A/PO-2_COMPLETED/a.pdf\n" in said
    assert "1 order can be repaired" in said
    assert all(len(line) <= 80 for line in said.splitlines())
    code, said = invoke(str(out), "--json")
    answer = json.loads(said)
    assert (code, answer["ok"], answer["counts"], answer["files"]) == (1, False, {"missing": 1, "extra": 1}, 10)
    assert answer["findings"][0] == {
        "kind": "missing",
        "folder": "A/PO-2_COMPLETED",
        "name": "a.pdf",
        "po_number": "PO-2",
        "why": "",
    }
    code, said = invoke(str(out), "--repair")
    assert code == 1
    assert "1 order marked." in said
    assert "  po-pw process lists/pos.csv -w 4 --refresh" in said


def test_only_so_much_is_under_way_at_once(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a few folders are read ahead of the threads."""
    ahead, taken, most = threading.Lock(), 0, 0
    monkeypatch.setattr(verify, "_MAX_PENDING", 2)
    one = verify._Expected(made(2).key, "PO-2", "A/PO-2_COMPLETED", ())

    def endless() -> Any:
        nonlocal taken, most
        for _ in range(100):
            with ahead:
                taken += 1
                most = max(most, taken)
            yield one

    stopped = threading.Event()
    for seen in verify._in_threads(lambda each: verify._compare(out, each, stopped), endless(), stopped):
        with ahead:
            taken -= seen is not None  # None: it is still waited for
    assert most == 2
