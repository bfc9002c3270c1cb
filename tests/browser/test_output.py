"""A failure to print never ends a command's work, and is never called a fault of po-pw."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from po_pw import errors
from po_pw.cli import boundary, commands

if TYPE_CHECKING:
    from pathlib import Path

PO_PW = f'"{sys.executable}" -m po_pw'
REFUSED = "po_number,url\n" + "".join(f"PO-{number},nonsense\n" for number in range(200))


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a shell line with our `po-pw`; returns the exit code of a pipe's first command."""
    environment = {**os.environ, "PO_PW_HOME": str(folder / "home"), **environment}
    return subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {line.replace('po-pw', PO_PW)}"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=100,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="bash and /dev/full")
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("po-pw process pos.csv | head -1", 1, ""),
        ("po-pw process pos.csv >&- 2>&- <&-", 1, ""),
        ("po-pw process pos.csv >/dev/full", 1, "the screen output could not be written (No space left on device)"),
        ("po-pw verify >/dev/full", 3, "the screen output could not be written (No space left on device)"),
        ("po-pw verify --json | true", 0, ""),
        ("po-pw nonsense 2>/dev/full", 2, ""),
    ],
)
def test_output_that_fails_ends_nothing(tmp_path: Path, line: str, code: int, said: str) -> None:
    """With a closed pipe, a full disk or a closed stream the work is done, without a traceback."""
    (tmp_path / "pos.csv").write_text(REFUSED, "utf-8")
    (tmp_path / "downloads" / ".po-pw" / "manifests").mkdir(parents=True)
    ended = shell(line, tmp_path)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert said in ended.stderr
    for bad in ("Traceback", "internal error", "fault in po-pw", "Exception ignored", "Broken pipe"):
        assert bad not in ended.stderr + ended.stdout
    if "process" in line:
        assert len((tmp_path / "downloads" / "results.csv").read_text("utf-8-sig").splitlines()) == 201


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes there")
def test_what_cannot_be_shown_or_named_is_no_fault_of_ours(tmp_path: Path) -> None:
    """ASCII output, undecodable names and a Python without UTF-8 work or give a plain message."""
    (tmp_path / "zürich.csv").write_text(REFUSED.replace("PO-0,", "PO-ł,"), "utf-8")
    os.rename(os.fsencode(tmp_path / "zürich.csv"), os.fsencode(tmp_path) + b"/z\xfcrich.csv")  # noqa: PTH104 - bytes
    ended = shell("po-pw process $'z\\xfcrich.csv'", tmp_path, PYTHONIOENCODING="ascii")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "PO-\\u0142" in ended.stdout
    assert "\\udcfcrich.csv, row 2" in ended.stdout
    ended = shell("po-pw process $'z\\xfcrich.csv' -o $'o\\xff'", tmp_path)
    assert ended.returncode == 3
    assert "characters that cannot be read" in ended.stderr
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    ended = shell("po-pw process $'z\\xfcrich.csv'", tmp_path, **plain)
    assert ended.returncode == 3
    assert "PYTHONUTF8=1" in ended.stderr


@pytest.mark.parametrize("line", ["process pos.csv -o", "demo --orders 2 -o", "status", "verify"])
def test_a_file_where_a_folder_goes_is_named(tmp_path: Path, line: str) -> None:
    """`-o FILE` gives one message with every command."""
    (tmp_path / "pos.csv").write_text(REFUSED, "utf-8")
    (tmp_path / "file").write_text("mine")
    ended = shell(f"po-pw {line} file/below", tmp_path)
    assert ended.returncode in {2, 3}
    assert "fault" not in ended.stderr
    assert "file is a file, not a folder" in ended.stdout + ended.stderr
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(98, "Address already in use"), 3, "the operating system refused: Address already in use."),
        (PermissionError(13, "Permission denied", "/x"), 3, "the operating system refused: Permission denied: /x."),
        (TimeoutError(), 3, "the operating system refused: TimeoutError."),
        (MemoryError(), 3, "ran out of memory"),
        (
            ModuleNotFoundError("No module named 'rich'"),
            3,
            "the installation of po-pw is incomplete: No module named 'rich'",
        ),
        (typer.Abort(), 130, "interrupted"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (errors.InputError("no such column"), 2, "po-pw: no such column"),
        (ZeroDivisionError("x"), 1, "a fault in po-pw"),
    ],
)
def test_the_boundary_tells_the_machine_from_ourselves(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only errors without another explanation are called a fault in po-pw."""
    with pytest.raises(typer.Exit) as end, boundary.report_errors():
        raise error
    assert end.value.exit_code == code
    complaint = capsys.readouterr().err
    assert said in complaint
    assert ("a fault in po-pw" in complaint) is (code == 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["process", "pos.csv", "-w", "many"], "'-w' / '--workers': give a whole number"),
        (["demo", "--orders", "0"], "'--orders': give 1 or more"),
        (["demo", "-w", "65"], "'-w' / '--workers': give 64 or less"),
        (["demo", "--latency", "x"], "'--latency': 'x' is not a duration"),
        (["validate", "--only", "9"], "'--only': give 6 or less"),
        (["demo", "--port", "65536"], "'--port': give 65535 or less"),
        (["demo", "--portal", "acme"], "'--portal': give generic or coupa"),
    ],
)
def test_an_option_that_cannot_be_read_is_told_in_plain_words(words: list[str], said: str) -> None:
    """The message about an unreadable option has no jargon of the parser."""
    answer = CliRunner().invoke(commands.app, words)
    assert answer.exit_code == 2
    assert f"Invalid value for {said}" in answer.output
    assert "Input should" not in answer.output
    assert "Value error" not in answer.output


def test_help_names_the_limits_of_workers() -> None:
    """`--help` shows the minimum and maximum of workers."""
    for command in ("process", "demo", "doctor"):
        answer = CliRunner().invoke(commands.app, [command, "--help"], env={"COLUMNS": "120"})
        assert re.search(
            r"work at once, 1 to 64|would open, 1 to 64|work at once.  \[default: 4; 1 to 64\]", answer.output
        ), answer.output
