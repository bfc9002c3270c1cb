"""The command line: the real program in its own process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from po_pw import sessions
from po_pw.demo import catalogue, portal_pages, running_portal, server
from tests.helpers import portal_runs
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from collections.abc import Iterator

PO_PW = (sys.executable, "-m", "po_pw")


def po_pw(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the program until it ends."""
    return subprocess.run(
        [*PO_PW, *map(str, words)],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=IN_TIME,
        check=False,
    )


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[running_portal.Portal]:
    with server.serve_in_thread(catalogue.PortalSettings(orders=12, latency=0.3, plain=True)) as running:
        run_async(portal_runs.signed_in(running, tmp_path / "home"))
        server.write_csv(running, tmp_path / "pos.csv")
        yield running


def test_help_imports_nothing_heavy() -> None:
    """`--help` imports no browser, HTTP, database or settings library, so that it is instant."""
    code = "import sys, po_pw.cli.commands; print([m for m in sys.modules if m in set(sys.argv[1:])])"
    heavy = ("playwright", "aiohttp", "sqlite3", "pydantic", "xlsxwriter", "structlog", "python_calamine", "psutil")
    answer = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["no such file", "pos.csv"]),
        (b"", ["empty", "pos.csv"]),
        (b"name,amount\nx,1\n", ["po_number", "pos.csv"]),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", ["spreadsheet", "pos.csv"]),
    ],
)
def test_unusable_input_is_one_message(tmp_path: Path, content: bytes | None, words: list[str]) -> None:
    """An unusable list ends with exit code 2 and one message, before a browser or folder is created."""
    if content is not None:
        (tmp_path / "pos.csv").write_bytes(content)
    ended = po_pw("process", "pos.csv", cwd=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert all(word in ended.stderr.lower() for word in words), ended.stderr
    assert not (tmp_path / "downloads").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["process", "pos.csv", "-w", "0"], "--workers"),
        pytest.param(["process", "pos.csv", "--url-template", "ftp://x"], "--url-template", marks=pytest.mark.long),
        (["process", "pos.csv", "--quiet", "--verbose"], "--quiet says less, --verbose says more"),
        (["process", "pos.csv", "--browser", "/no/such/browser"], "/no/such/browser"),
        (["login", "https://portal.example", "--username", "me"], "password"),
        pytest.param(["login", "portal.example", "--username", "me"], "http", marks=pytest.mark.long),
    ],
)
def test_misuse_says_what_to_do(tmp_path: Path, words: list[str], said: str) -> None:
    """A wrong option is named, without a traceback."""
    (tmp_path / "pos.csv").write_text("po_number,url\nPO-1,https://portal.example/1\n", "utf-8")
    ended = po_pw(*words, cwd=tmp_path, PO_PW_PASSWORD="" if said == "password" else "x")
    assert ended.returncode in {2, 3}
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_a_sign_in_the_run_stops_and_says_how(tmp_path: Path, portal: running_portal.Portal) -> None:
    """Exit code 4 with the sign-in command; no order is reported as empty."""
    ended = po_pw("process", "pos.csv", "-w", "2", cwd=tmp_path, PO_PW_HOME=str(tmp_path / "nobody"))
    assert ended.returncode == 4
    assert f"po-pw login {portal.origin}" in ended.stderr
    assert "NO_ATTACHMENTS" not in ended.stdout


def test_a_good_run_ends_with_0_and_a_table(tmp_path: Path, portal: running_portal.Portal) -> None:
    """The final table counts the orders and names the files."""
    keep = f"\"{sys.executable}\" -c \"import sys; open('told.json', 'wb').write(sys.stdin.buffer.read())\""
    words = ("process", "pos.csv", "-w", "4", "--on-finish", keep)
    ended = po_pw(*words, cwd=tmp_path, PO_PW_HOME=str(tmp_path / "home"))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads((tmp_path / "told.json").read_text("utf-8"))
    assert (told["exit_code"], told["row_count"], told["error"]) == (0, len(portal.orders), "")
    assert sum(told["counts"].values()) == told["row_count"]
    assert Path(told["results"]["results.xlsx"]).is_file()
    assert "10" in ended.stdout
    assert "COMPLETED" in ended.stdout
    assert "results.xlsx" in ended.stdout
    assert portal.counts["sign_ins"] == 1


def test_a_dry_run_reads_the_first_orders_and_leaves_nothing(tmp_path: Path, portal: running_portal.Portal) -> None:
    """A dry run checks list, computer, sign-in and three orders, downloads nothing and creates no output folder.

    Sign-ins to other portals are not checked.
    """
    sessions.Sessions(tmp_path / "home").save("http://127.0.0.1:9", {"cookies": []}).write_text("{")
    ended = po_pw("process", "pos.csv", "--dry-run", "-w", "3", cwd=tmp_path, PO_PW_HOME=str(tmp_path / "home"))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"pos.csv: {len(portal.orders)} rows, {len(portal.orders)} orders" in ended.stdout
    assert f"orders at {portal.origin}" in ended.stdout
    for order in portal.orders[:3]:
        (line,) = [line for line in ended.stdout.splitlines() if line.startswith(f"  {order.po_number}  ")]
        assert f"{len(order.files)} attachment" in line
    assert f"A run would open {len(portal.orders)} orders with 3 browsers. Nothing was downloaded." in ended.stdout
    assert not any(portal.paths[portal_pages.address(file)] for order in portal.orders for file in order.files)
    assert not (tmp_path / "downloads").exists()
    with (tmp_path / "pos.csv").open("a", encoding="utf-8") as table:
        table.write(",no number,\n")
    ended = po_pw("process", "pos.csv", "--dry-run", cwd=tmp_path, PO_PW_HOME=str(tmp_path / "nobody"))
    assert ended.returncode == 4
    assert "Rows that cannot be used: 1" in ended.stdout
    assert "po-pw login" in ended.stdout


def ours(marker: str) -> list[psutil.Process]:
    """Running processes with the marker in their command line or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            named = marker in words or process.environ().get("PO_PW_HOME", "") == marker
            if named and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _as_in_a_terminal() -> None:
    """Lets the program receive SIGHUP, even if the tests were started with `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def started_run(tmp_path: Path) -> subprocess.Popen[str]:
    """A run with at least three settled orders."""
    environment = {**os.environ, "PO_PW_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        [*PO_PW, "process", "pos.csv", "-w", "2"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
        preexec_fn=_as_in_a_terminal,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("[ 3/"):
            return process
    msg = "the run ended before it was stopped"
    raise AssertionError(msg)


def gone_in_time(home: Path) -> list[psutil.Process]:
    """Waits until no process of the run is left; returns those that are."""
    deadline = time.monotonic() + IN_TIME
    while (left := ours(str(home))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def folders_of(pid: int) -> list[Path]:
    """The temporary folders made by the run with this process."""
    found = []
    for folder in Path(tempfile.gettempdir()).glob("popw-*"):
        with contextlib.suppress(OSError):
            if json.loads((folder / "owner.json").read_text("utf-8"))["pid"] == pid:
                found.append(folder)
    return found


@pytest.mark.whole_browser
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent to a process group of their own")
@pytest.mark.parametrize(
    "name",
    [
        "SIGINT",
        pytest.param("SIGTERM", marks=pytest.mark.long),
        pytest.param("SIGHUP", marks=pytest.mark.long),
        "SIGKILL",
    ],
)
def test_nothing_is_left_after_a_signal(tmp_path: Path, portal: running_portal.Portal, name: str) -> None:
    """After a signal no browser, driver or temporary folder is left, and the same command continues.

    SIGINT, SIGTERM and SIGHUP go to the whole process group, as terminals and service managers send them.
    """
    number = signal.Signals[name]
    process = started_run(tmp_path)
    assert folders_of(process.pid)
    if name == "SIGKILL":
        process.kill()
    else:
        os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=IN_TIME)
    assert gone_in_time(tmp_path / "home") == []
    assert folders_of(process.pid) == []
    assert "Traceback" not in output
    if name != "SIGKILL":
        assert process.returncode == 130
        assert "po-pw process pos.csv -w 2" in output
        assert (tmp_path / "downloads" / "results.csv").exists()
    if name in {"SIGTERM", "SIGHUP"}:  # as SIGINT does
        return
    again = po_pw("process", "pos.csv", "-w", "2", cwd=tmp_path, PO_PW_HOME=str(tmp_path / "home"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "already complete" in again.stdout


@pytest.mark.whole_browser
def test_the_demo_checks_every_file(tmp_path: Path) -> None:
    """`po-pw demo` checks every file of the embedded portal and succeeds, also in a folder that is in use."""
    (tmp_path / "po-pw-demo").mkdir()
    (tmp_path / "po-pw-demo" / "pos.csv").write_text("mine", "utf-8")
    ended = po_pw("demo", "--orders", "12", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "are right: their SHA-256" in ended.stdout
    assert (tmp_path / "po-pw-demo" / "downloads" / "results.xlsx").exists()
    assert (tmp_path / "po-pw-demo" / "pos.csv").read_text("utf-8") == "mine"
    assert "To retry what failed" not in ended.stdout  # the portal is gone


def test_a_base_profile_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing base profile is an error: it is not ignored."""
    (tmp_path / "pos.csv").write_text("po_number,url\nPO-1,http://127.0.0.1:9/1\n", "utf-8")
    ran = subprocess.run(
        [*PO_PW, "process", "pos.csv", "--base-profile", "nope"],
        cwd=tmp_path,
        env={**os.environ, "PO_PW_HOME": str(tmp_path / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=IN_TIME,
        check=False,
    )
    assert ran.returncode == 3, ran.stdout
    assert "--base-profile: nope does not exist" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert not (tmp_path / "downloads").exists()
