"""`--on-finish` and `--notify` report how a run ended, and never change how it ended."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from po_pw import errors, models, settings
from po_pw.results import counts, end_report
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "/services/T0SECRET/B0SECRET/s3cr3tV4lue"


@contextlib.contextmanager
def hook(status: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address that answers with this status, and what was posted to it."""
    came: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == SECRET
            came.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base class calls it
            del format, args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{SECRET}", came
        finally:
            server.shutdown()
            thread.join()


def ended(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A run that cannot start, because there is no such browser."""
    (folder / "pos.csv").write_text("po_number,url\nPO-1,https://portal.example/1\n", "utf-8")
    command = [sys.executable, "-m", "po_pw", "process", "pos.csv", "--browser", "/no/such/browser", *words]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PO_PW_HOME": str(folder / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=IN_TIME,
        check=False,
    )
    assert done.returncode in {2, 3}, done.stderr
    assert "/no/such/browser" in done.stderr
    assert "s3cr3tV4lue" not in done.stdout + done.stderr
    return done


def test_a_run_that_cannot_start_is_told_too(tmp_path: Path) -> None:
    """The command gets JSON, the exit code and one line of text; the address gets the same JSON."""
    script = tmp_path / "keep.py"
    script.write_text(
        "import os, pathlib, sys\n"
        "pathlib.Path('told.json').write_text(sys.stdin.buffer.read().decode('utf-8'), 'utf-8')\n"
        "pathlib.Path('told.txt').write_text(os.environ['PO_PW_EXIT_CODE'] + os.environ['PO_PW_TEXT'], 'utf-8')\n",
        "utf-8",
    )
    with hook(200) as (url, came):
        done = ended(tmp_path, "--on-finish", f'"{sys.executable}" keep.py', "--notify", url)
    told = json.loads((tmp_path / "told.json").read_text("utf-8"))
    assert came == [told]
    assert told["exit_code"] == done.returncode
    assert told["schema"] == end_report.SCHEMA
    assert "/no/such/browser" in told["error"]
    assert told["text"].startswith("po-pw did not run pos.csv: ")
    assert (tmp_path / "told.txt").read_text("utf-8") == f"{done.returncode}{told['text']}"


def test_what_fails_there_is_a_warning(tmp_path: Path) -> None:
    """A failed command and a refusing address are both warnings."""
    with hook(500) as (url, came):
        done = ended(tmp_path, "--on-finish", f'"{sys.executable}" -c "raise SystemExit(7)"', "--notify", url)
    assert len(came) == 1
    assert "ended with exit code 7" in done.stderr
    assert "answered HTTP 500" in done.stderr


def test_an_address_that_is_none_is_refused_before_the_run() -> None:
    """An invalid address is refused before the run, and not shown, as it may be a secret."""
    with pytest.raises(errors.InputError) as told:
        settings.load(notify="hooks.example/s3cr3tV4lue")
    assert (
        str(told.value) == "--notify: its value cannot be used: must be an address that begins with https:// or http://"
    )


@pytest.mark.parametrize(
    ("by_status", "said"),
    [
        ({models.Status.COMPLETED: 2}, "2 of 2 rows done; 3 files"),
        (
            {models.Status.COMPLETED: 1, models.Status.FAILED: 2, models.Status.PENDING: 4},
            "1 of 7 rows done, 2 failed, 4 not reached; 3 files",
        ),
    ],
)
def test_the_line_for_people_counts(by_status: dict[models.Status, int], said: str) -> None:
    """The line counts successful rows first, then what is left."""
    summary = counts.Totals(rows=7, counts=by_status, there=counts.Amount(3, 10), names={"results.xlsx": "r.xlsx"})
    end = end_report.End(1, "pos.csv", Path("/out"), summary)
    assert said in end_report.text(end)
    value = end_report.to_json(end)
    assert value["counts"] == {status.value: count for status, count in by_status.items()}
    assert value["results"] == {"results.xlsx": str(Path("/out/r.xlsx"))}
