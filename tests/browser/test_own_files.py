"""The user's files are never overwritten or deleted: a record, not the name, says which files are ours."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from typer.testing import CliRunner

import po_pw
from po_pw import errors, models, settings
from po_pw.cli import commands, demo, running, shell
from po_pw.demo import catalogue, server
from po_pw.results import counts, own_files, tables
from po_pw.results import summary as summaries
from tests.browser import test_cli
from tests.helpers.support import run_async
from tests.unit.test_results import FAILED, ROWS, about, outcome, result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WELL = (result(2, "PO-1", outcome("PO-1")),)
BADLY = (result(2, "PO-3", FAILED),)
TABLES = ("results.csv", "results.xlsx", "results.json", "failed.csv")


def write(
    out: Path, rows: Sequence[models.RowResult] = ROWS, *, source: Path | None = None, run: str = "20261125-093000-4f2a"
) -> counts.Totals:
    what = about()
    what = tables.About(
        models.RunId(run),
        what.plan,
        what.browser,
        what.seconds,
        what.work_seconds,
        what.interrupted,
        what.version,
        source=source,
    )
    return tables.write_all(out, what, lambda: iter(rows))


def files(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if path.name != ".po-pw"}


def po_numbers(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [row["po_number"] for row in csv.DictReader(stream)]


# --- what is not ours -----------------------------------------------------------------------------------------------


def a_file(path: Path) -> None:
    path.write_text("mine", "utf-8")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link(path: Path) -> None:
    elsewhere = path.with_name(f"my {path.name}")
    elsewhere.write_text("mine", "utf-8")
    path.symlink_to(elsewhere)


def a_dead_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize("make", [a_file, a_folder, a_link, a_dead_link])
def test_what_we_did_not_make_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Our file gets another name, the same at every run, until the user's file is gone."""
    for name in TABLES:
        make(tmp_path / name)
    mine = {path: path.lstat() for path in tmp_path.iterdir()}
    for _ in range(3):
        summary = write(tmp_path)
        assert summary.names == {name: name.replace(".", " (2).") for name in TABLES}
        assert "results.csv was not made by po-pw and stays as it is, so the results are in results (2).csv" in (
            summary.notes
        )
        assert len(summary.notes) == 4
        assert {path: path.lstat() for path in mine} == mine
        assert len(files(tmp_path)) == len(mine) + 4
    summary = write(tmp_path, WELL)
    assert files(tmp_path) == {path.name for path in mine} | {name.replace(".", " (2).") for name in TABLES[:3]}
    for path in mine:
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert write(tmp_path).notes == ()
    assert files(tmp_path) == set(TABLES)


def test_a_table_that_was_changed_is_kept(tmp_path: Path) -> None:
    """A table that the user edited gets another name, which is reported; the new table takes its place."""
    write(tmp_path)
    for version, name in (("first", "results (changed).csv"), ("second", "results (changed) (2).csv")):
        (tmp_path / "results.csv").write_text(version, "utf-8")
        summary = write(tmp_path)
        assert summary.notes == (f"results.csv was changed since po-pw wrote it: your version is now called {name}",)
        assert (tmp_path / name).read_text("utf-8") == version
        assert len(po_numbers(tmp_path / "results.csv")) == len(ROWS)
    assert write(tmp_path).notes == ()


def test_failed_csv_goes_only_where_it_is_ours(tmp_path: Path) -> None:
    """Our failed.csv is removed when no row failed; one that the user changed stays and is reported once."""
    write(tmp_path, BADLY)
    assert "failed.csv" not in write(tmp_path, WELL).names
    assert not (tmp_path / "failed.csv").exists()
    write(tmp_path, BADLY)
    (tmp_path / "failed.csv").write_text("notes", "utf-8")
    assert write(tmp_path, WELL).notes == ("failed.csv was changed since po-pw wrote it and stays as it is",)
    assert write(tmp_path, WELL).notes == ()
    assert write(tmp_path, BADLY).names["failed.csv"] == "failed (2).csv"
    assert (tmp_path / "failed.csv").read_text("utf-8") == "notes"


def spelled(path: Path) -> Path:
    return path.parent / "." / ".." / path.parent.name / path.name


def linked(path: Path) -> Path:
    link = path.with_name("link.csv")
    link.symlink_to(path)
    return link


def hard_linked(path: Path) -> Path:
    link = path.with_name("second name.csv")
    os.link(path, link)
    return link


@pytest.mark.parametrize("called", [Path, spelled, linked, hard_linked])
@pytest.mark.parametrize("name", ["results.csv", "failed.csv"])
def test_the_list_itself_is_never_replaced(tmp_path: Path, name: str, called: Callable[[Path], Path]) -> None:
    """A table of ours that is the list itself stays; the next list's results may replace it."""
    write(tmp_path, BADLY)
    source = called(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    for rows in (WELL, BADLY, WELL, BADLY):
        summary = write(tmp_path, rows, source=source)
        assert (tmp_path / name).read_bytes() == before
        assert not (tmp_path / name.replace(".", " (3).")).exists()
        assert name not in summary.names.values()
        assert f"{name} is your list and stays as it is" in "; ".join(summary.notes)
    assert write(tmp_path, WELL).notes == ()
    assert {"results (2).csv", "failed.csv", "failed (2).csv"}.isdisjoint(files(tmp_path))


def test_a_table_that_is_read_only_or_held_stays(tmp_path: Path) -> None:
    """A read-only or open table stays, with the new one beside it, until it can be replaced."""
    write(tmp_path)
    before = (tmp_path / "results.csv").read_bytes()
    (tmp_path / "results.csv").chmod(0o444)
    (tmp_path / "results.json").chmod(0o444)
    assert write(tmp_path, WELL).notes == (
        "results.csv is read-only and stays as it is, so the results are in results (2).csv",
        "results.json is read-only and stays as it is, so the results are in results (2).json",
    )
    assert (tmp_path / "results.csv").read_bytes() == before
    (tmp_path / "results.csv").chmod(0o644)
    (tmp_path / "results.json").chmod(0o644)
    held = tmp_path / "results.xlsx"
    chattr = shutil.which("chattr") or "/none"
    if not Path(chattr).exists() or subprocess.run([chattr, "+i", held], capture_output=True, check=False).returncode:
        pytest.skip("this system cannot hold a file")
    try:  # as Windows holds a workbook that is open in Excel
        for _ in range(2):
            (note,) = write(tmp_path).notes
            assert note.startswith("results.xlsx could not be replaced (is it open in another program?), so ")
    finally:
        subprocess.run([chattr, "-i", held], check=True)
    assert write(tmp_path).notes == ()
    assert files(tmp_path) == set(TABLES)


def test_a_kill_between_record_and_rename_leaves_ours_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a kill between record and rename, however often, the existing file is still known as ours."""
    write(tmp_path)

    class Killed(BaseException):
        pass

    replace = Path.replace

    def killed(source: Path, target: Path) -> Path:
        if target == tmp_path / "results.csv":
            raise Killed
        return replace(source, target)

    for rows in (ROWS[:2], ROWS[:3], ROWS[:4]):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            with pytest.raises(Killed):
                write(tmp_path, rows)
    assert write(tmp_path, BADLY).notes == ()
    assert po_numbers(tmp_path / "results.csv") == ["PO-3"]


@pytest.mark.parametrize("record", [None, "", "{", "[]", '{"results.csv": 5}', '{"results.csv": [{"size": "x"}]}'])
def test_without_the_record_nothing_is_ours(tmp_path: Path, record: str | None) -> None:
    """Without a readable record, existing files stay and new ones get other names."""
    write(tmp_path, WELL)
    path = tmp_path / ".po-pw" / "made.json"
    path.unlink() if record is None else path.write_text(record, "utf-8")
    for _ in range(2):
        assert write(tmp_path, BADLY).names["results.csv"] == "results (2).csv"
    assert po_numbers(tmp_path / "results.csv") == ["PO-1"]


# --- what each run made ---------------------------------------------------------------------------------------------


def kept(out: Path) -> list[str]:
    return sorted(path.name for path in (out / ".po-pw" / "results").iterdir())


def test_each_runs_tables_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest runs' tables are kept, up to a number and a size; files of the user stay."""
    runs = [f"20261125-0930{n:02}-4f2a" for n in range(6)]
    (tmp_path / ".po-pw" / "results" / "mine").mkdir(parents=True)
    monkeypatch.setattr(tables, "MAX_RUNS_KEPT", 4)
    for run in runs:
        write(tmp_path, WELL if run == runs[-1] else BADLY, run=run)
    assert kept(tmp_path) == [*runs[-4:], "mine"]
    last, before = (tmp_path / ".po-pw" / "results" / run for run in (runs[-1], runs[-2]))
    assert (last / "results.csv").read_bytes() == (tmp_path / "results.csv").read_bytes()
    assert po_numbers(before / "failed.csv") == ["PO-3"]
    assert not (last / "failed.csv").exists()
    (tmp_path / "results.csv").write_text("changed in place", "utf-8")
    assert po_numbers(last / "results.csv") == ["PO-1"]
    monkeypatch.setattr(tables, "MAX_BYTES_KEPT", 1)
    write(tmp_path, BADLY, run="20261126-093000-4f2a")
    assert kept(tmp_path) == [runs[-1], "20261126-093000-4f2a", "mine"]


def test_orders_of_other_lists_have_sheets_of_their_own(tmp_path: Path) -> None:
    """results.json and two more sheets show the orders of other lists, with their lists."""
    columns = ("PO", "note")
    one = result(7, "PO-8", outcome("PO-8"), cells=("PO-8", "=1"))
    never = result(9, "PO-9", None, status=models.Status.PENDING, cells=("PO-9", ""))
    run = models.RunId("20261120-093000-4f2a")
    others = [models.OtherOrder(run, "week 1.csv", columns, row) for row in (one, never)]
    others.append(models.OtherOrder(run, "", (), result(0, "PO-10", outcome("PO-10"), cells=())))
    summary = tables.write_all(tmp_path, about(), lambda: iter(WELL), lambda: iter(others))
    assert (summary.rows, summary.others, summary.there.files) == (1, 3, 2)
    assert po_numbers(tmp_path / "results.csv") == ["PO-1"]
    told = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert [row["po_number"] for row in told["rows"]] == ["PO-1"]
    assert [(other["list"], other["row"], other["status"]) for other in told["others"]] == [
        ("week 1.csv", 7, "COMPLETED"),
        ("week 1.csv", 9, "PENDING"),
        ("", None, "COMPLETED"),
    ]
    assert told["others"][0]["input"] == {"PO": "PO-8", "note": "=1"}
    assert told["summary"]["other_count"] == 3
    book = openpyxl.load_workbook(tmp_path / "results.xlsx")
    assert book.sheetnames == ["Summary", "Orders", "Files", "Other orders", "Other files"]
    assert book["Orders"].max_row == 2
    lines = [[cell.value for cell in line] for line in book["Other orders"]]
    assert lines[0][:4] == ["List", "PO number", "Supplier", "Status"]
    assert lines[1][:4] == ["week 1.csv", "PO-8", "A", "COMPLETED"]
    assert lines[2][3:6] == ["PENDING", "Not reached", "Run week 1.csv again to continue"]
    assert [line[0].value for line in book["Other files"]] == ["PO number", *["PO-8"] * 2, *["PO-10"] * 2]


# --- the program ----------------------------------------------------------------------------------------------------


def test_no_list_is_touched(tmp_path: Path) -> None:
    """Lists with our tables' names in the output folder are unchanged, and reported once each.

    The final command has the folder, and not `--only-failed`, which would leave out corrected rows.
    """

    def ran(*words: str) -> str:
        ended = test_cli.po_pw("process", *words, cwd=tmp_path)
        assert ended.returncode == 1, ended.stdout + ended.stderr
        return ended.stdout

    (tmp_path / "failed.csv").write_text("po_number,url\nPO-1,nowhere\nPO-2,nowhere\n", "utf-8")
    mine = (tmp_path / "failed.csv").read_bytes()
    said = ran("failed.csv", "-o", ".", "--only-failed", "-w", "2")
    assert (tmp_path / "failed.csv").read_bytes() == mine
    assert said.count("failed.csv is your list and stays as it is, so the failed rows are in failed (2).csv") == 1
    assert "\n  po-pw process failed.csv -o . -w 2\n" in said
    before = (tmp_path / "results.csv").read_bytes()
    said = ran("results.csv", "-o", ".", "--limit", "1")
    note = "results.csv is your list and stays as it is, so the results are in results (2).csv"
    assert said.count(note) == 1
    assert max((tmp_path / ".po-pw" / "logs").iterdir()).read_text("utf-8").count(note) == 1
    assert (tmp_path / "results.csv").read_bytes() == before
    assert po_numbers(tmp_path / "results (2).csv") == ["PO-1"]
    assert [len(po_numbers(tmp_path / ".po-pw" / "results" / run / "results.csv")) for run in kept(tmp_path)] == [2, 1]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a list."""
    (tmp_path / "pos.csv").write_text("po_number,url\nPO-1,nowhere\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*words: str, **environment: str) -> str:
    """The message about a command that cannot be used."""
    found = CliRunner().invoke(commands.app, list(words), env=environment)
    assert found.exit_code == 2, found.output
    return " ".join(found.output.split())


@pytest.mark.parametrize(
    "words",
    [
        ("process", "pos.csv", "-o", ""),
        ("process", "pos.csv", "--out="),
        ("process", ""),
        ("demo", "-o", ""),
        ("demo", "--serve", "-o", " "),
        ("status", ""),
        ("verify", ""),
        ("doctor", "-o", ""),
        ("process", "pos.csv", "--base-profile", ""),
        ("portal", "inspect", "https://x", "--screenshot", ""),
    ],
)
def test_an_empty_path_is_refused(here: Path, words: tuple[str, ...]) -> None:
    """An unset shell variable does not mean the current folder."""
    assert "the path is empty" in refused(*words)
    assert files(here) == {"pos.csv"}


def test_an_empty_setting_is_refused(here: Path) -> None:
    """Neither does an empty environment variable or setting."""
    said = refused("process", "pos.csv", PO_PW_OUT="")
    assert "PO_PW_OUT" in said
    assert "the path is empty" in said
    assert files(here) == {"pos.csv"}
    with pytest.raises(errors.InputError, match="the path is empty"):
        po_pw.MainApp(out="")


def test_a_list_given_to_python_stays_too(here: Path) -> None:
    """A table of ours given as the list by path, to app or run, is not overwritten."""
    app = po_pw.MainApp(out=".")
    app.process_pos("pos.csv")
    before = (here / "failed.csv").read_bytes()
    with pytest.warns(RuntimeWarning, match="failed.csv is your list and stays as it is"):
        app.process_pos("failed.csv")
    assert (here / "failed.csv").read_bytes() == before

    async def run() -> None:
        async with po_pw.open_run(settings.Settings(out=here)) as one:
            async for _ in one.process("failed.csv"):
                continue
            await one.write_results()

    run_async(run())
    assert (here / "failed.csv").read_bytes() == before


def test_a_picture_takes_nobodys_place(here: Path) -> None:
    """`portal inspect --screenshot` refuses an existing file before anything else."""
    (here / "page.png").write_text("mine", "utf-8")
    said = refused("portal", "inspect", "https://127.0.0.1:1/x", "--screenshot", "page.png")
    assert "page.png exists already" in said
    assert (here / "page.png").read_text("utf-8") == "mine"


def test_the_demo_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    """A list and folder of the user stay; the demo finds and replaces its own at every start."""
    (tmp_path / "pos.csv").write_text("mine", "utf-8")
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "mine.txt").write_text("mine", "utf-8")
    for _ in range(2):
        with server.serve_in_thread(catalogue.PortalSettings(orders=2, plain=True)) as portal:
            table, folder = demo._prepared(portal, tmp_path)
            assert portal.origin in table.read_text("utf-8")
        assert (table.name, folder.name) == ("pos (2).csv", "downloads (2)")
        (folder / "something").write_text("the demo's", "utf-8")
    assert (tmp_path / "pos.csv").read_text("utf-8") == "mine"
    table.write_text("my own orders", "utf-8")
    with server.serve_in_thread(catalogue.PortalSettings(orders=2, plain=True)) as portal:
        demo._prepared(portal, tmp_path)
    assert (tmp_path / "pos (2) (changed).csv").read_text("utf-8") == "my own orders"


# --- commands that can be pasted ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "out", "same", "again", "retry"),
    [
        (
            "pos.csv -o downloads",
            "",
            "pos.csv -o downloads",
            "pos.csv -o downloads",
            "pos.csv -o downloads --only-failed",
        ),
        ("pos.csv -w 4", "my", "pos.csv -w 4 -o my", "pos.csv -w 4 -o my", "pos.csv -w 4 -o my --only-failed"),
        ("--force pos.csv", "my", "--force pos.csv -o my", "pos.csv -o my", "pos.csv -o my --only-failed"),
        ("--only-failed x.csv -oq", "", "--only-failed x.csv -oq", "x.csv -oq", "x.csv -oq --only-failed"),
        ("--refresh -- -x.csv", "my", "--refresh -o my -- -x.csv", "-o my -- -x.csv", "-o my --only-failed -- -x.csv"),
    ],
)
def test_the_commands_that_go_on(words: str, out: str, same: str, again: str, retry: str) -> None:
    """The next commands are as typed, with the folder, and without options that open finished orders."""
    found = running.commands_after(f"po-pw process {words}".split(), out)
    assert found == summaries.Commands(*(f"po-pw process {line}" for line in (again, retry, same)))


@pytest.mark.parametrize(
    ("word", "posix", "powershell", "cmd"),
    [
        ("pos.csv", "pos.csv", "pos.csv", "pos.csv"),
        (r"C:\lists\pos.csv", r"'C:\lists\pos.csv'", r"C:\lists\pos.csv", r"C:\lists\pos.csv"),
        ("my pos.csv", "'my pos.csv'", "'my pos.csv'", '"my pos.csv"'),
        ("a&b (2).csv", "'a&b (2).csv'", "'a&b (2).csv'", '"a&b (2).csv"'),
        ("a&b\\", "'a&b\\'", "'a&b\\'", '"a&b\\\\"'),
        ("O'Hara’s", "'O'\"'\"'Hara’s'", "'O''Hara’’s'", '"O\'Hara’s"'),  # noqa: RUF001 - PowerShell takes it for a quote
        ("$HOME", "'$HOME'", "'$HOME'", '"$HOME"'),
        (
            "https://x/{po_number}?a=1&b=2",
            "'https://x/{po_number}?a=1&b=2'",
            "'https://x/{po_number}?a=1&b=2'",
            '"https://x/{po_number}?a=1&b=2"',
        ),
        ("", "''", "''", '""'),
    ],
)
def test_words_are_quoted_for_the_shell(word: str, posix: str, powershell: str, cmd: str) -> None:
    """Each shell reads the quoted word as one word."""
    assert [shell.joined([word], name) for name in ("posix", "powershell", "cmd")] == [posix, powershell, cmd]


def test_a_file_is_copied_whole(tmp_path: Path) -> None:
    """A file of several blocks is copied completely, and nothing else is left beside it."""
    content = os.urandom(2_500_000)
    (tmp_path / "a").write_bytes(content)
    own_files.copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == content
    assert files(tmp_path) == {"a", "b"}
