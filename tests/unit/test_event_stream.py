"""The JSON lines of `process --json`: as docs/events.md describes them, without secrets."""

from __future__ import annotations

import dataclasses
import datetime
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from po_pw import events, known_secrets, models
from po_pw.cli import event_stream
from po_pw.results import end_report
from tests.helpers import journal_values
from tests.unit import test_records

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
NOW = datetime.datetime(2026, 11, 26, 12, 0, tzinfo=datetime.UTC)
FAILED = dataclasses.replace(
    journal_values.outcome(1), status=models.Status.FAILED, error=models.Failure(models.ErrorCode.NOT_FOUND, "none")
)
SAMPLES = (
    *test_records.EVENTS,
    events.OrderSettled(FAILED),
    events.HostWaits("x", "it is down", 1.0, 60.0),
    events.BytesReceived(1),
    events.Progress("Reading pos.csv", 1, 2, "row"),
)


def streamed(*heard: events.Event) -> list[dict[str, Any]]:
    """The lines of a whole stream about these events."""
    to = io.StringIO()
    stream = event_stream.EventStream(to, lambda: NOW)
    for event in heard:
        stream.on_event(event)
    stream.end(end_report.End(1, "pos.csv", Path("/out"), error="it is over"))
    return [json.loads(line) for line in to.getvalue().splitlines()]


def documented() -> dict[str, dict[str, str]]:
    """The keys of each event with their types, as documented."""
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    return {name: dict(re.findall(r"`(\w+)` (\w+\??)", keys)) for name, keys in rows}


def test_every_event_its_keys_and_their_types_are_described() -> None:
    """Events, keys and types, including null, match the document."""
    described, seen = documented(), dict[str, dict[str, set[str]]]()
    for line in streamed(*SAMPLES):
        keys = seen.setdefault(line.pop("event"), {})
        assert datetime.datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
        for key, value in line.items():
            keys.setdefault(key, set()).add("null" if value is None else _TYPES[type(value)])
    assert {name: set(keys) for name, keys in seen.items()} == {name: set(keys) for name, keys in described.items()}
    for name, keys in seen.items():
        for key, types in keys.items():
            said = described[name][key]
            assert types <= {said.rstrip("?"), *(["null"] if said.endswith("?") else [])}, (name, key, types)


def test_the_first_line_has_the_version_that_the_document_describes() -> None:
    """The version of the first line is that of the document."""
    first, *_, last = streamed()
    assert first["event"] == "stream.started"
    assert f"**Schema {first['schema']}.**" in DOCUMENT.read_text("utf-8")
    assert (last["event"], last["exit_code"], last["error"]) == ("stream.ended", 1, "it is over")


def test_no_secret_is_in_it() -> None:
    """Messages and addresses have no secret."""
    known_secrets.remember("s3cret-of-the-stream")
    to = io.StringIO()
    stream = event_stream.EventStream(to)
    stream.on_event(events.Notice("warning", "https://x.example/?token=abcdefgh1234567890 s3cret-of-the-stream"))
    assert "s3cret" not in to.getvalue()
    assert "abcdefgh1234567890" not in to.getvalue()


def test_standard_output_has_nothing_but_lines_of_json(tmp_path: Path) -> None:
    """Standard output has only JSON lines; texts for people are on standard error."""
    (tmp_path / "pos.csv").write_text("po_number,url\nPO-1,nonsense\nPO-ü,nonsense\n", "utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "po_pw", "process", "pos.csv", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PO_PW_HOME": str(tmp_path / "home"), "PYTHONIOENCODING": "ascii"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["stream.started", "stream.ended"]
    assert {line["event"] for line in lines} >= {"run.started", "run.ended"}
    assert lines[-1]["exit_code"] == 1
    assert lines[-1]["counts"] == {"FAILED": 2}
    assert Path(lines[-1]["results"]["results.json"]).is_file()
    assert "2 rows cannot be used" in ended.stderr
