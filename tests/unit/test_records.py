"""docs/records.md names exactly the keys that the program writes, with one meaning each."""

from __future__ import annotations

import collections
import datetime
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from po_pw import events, logs, models
from po_pw.results import end_report, tables
from po_pw.storage import manifests
from tests.helpers import journal_values

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT = (Path(__file__).parents[2] / "docs" / "records.md").read_text("utf-8")
NOW = datetime.datetime(2026, 11, 25, 9, 30, tzinfo=datetime.UTC)
WORKER, KEY = models.WorkerId("w1"), models.order_key("PO-1")
RUN = models.RunId("20261125-093000-4f2a")
FAILURE = models.Failure(models.ErrorCode.TIMEOUT, "no answer")
ATTACHMENT = models.Attachment("a1", "a.pdf", models.Link("https://x/a.pdf", ""))
SENT = (models.Purpose.FILE, "POST", "https://x/PO-1", models.Ruling.PASS, "a download", ("csrf",))
EVENTS = (
    events.RunStarted(RUN, 1, 1, 0, 0, 0, 1),
    events.BrowserChosen(models.BrowserInfo("msedge", "msedge", "msedge.exe", "156.0", "found"), True, ""),
    events.ContextOpened(WORKER, 1, "profile", 1.0),
    events.ContextLost(WORKER, "it crashed", True),
    events.ContextClosed(WORKER),
    events.OrdersStolen(WORKER, models.WorkerId("w2"), 2),
    events.OrderStep(WORKER, KEY, "PO-1", "reading", 1),
    events.PageRead(
        WORKER, KEY, "PO-1", models.Listing(models.PageKind.ORDER, (ATTACHMENT,), None, True, "", "https://x/PO-1")
    ),
    events.FileStarted(WORKER, KEY, ATTACHMENT),
    events.FileSaved(WORKER, KEY, journal_values.saved("a.pdf")),
    events.FileFailed(WORKER, KEY, "a.pdf", FAILURE),
    events.Pressed("Download", models.Purpose.FILE, "https://x/PO-1"),
    events.RequestDecided("Download", *SENT),
    events.OrderPutBack(WORKER, KEY, "PO-1", FAILURE, 1.0, True),
    events.OrderParked(WORKER, KEY, "PO-1"),
    events.OrderSettled(journal_values.outcome(1)),
    events.HostWaits("x", "it asks to wait", 1.0),
    events.HostTried("x"),
    events.HostFree("x"),
    events.SignInStarted("x", "form"),
    events.SignInEnded("x", renewed=True),
    events.Paused(),
    events.Resumed(60.0),
    events.Stopping(now=False, why="Ctrl-C"),
    events.Notice("info", "text"),
    events.RunEnded(RUN, 1.0, 1.0, interrupted=False),
)
SILENT = {events.BytesReceived, events.Progress}


def tabled(heading: str) -> dict[str, set[str]]:
    """The table under a heading: first column to second."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \|", section, re.MULTILINE)
    return {name: set(re.findall(r"`([^`]+)`", keys)) for name, keys in rows}


def keys(content: Mapping[str, Any], path: str = "") -> dict[str, set[str]]:
    """The keys of each JSON object by path; of a list, those of its first object."""
    found = {path or ".": set(content)}
    for name, value in content.items():
        one = value[0] if isinstance(value, list) and value else value
        if isinstance(one, dict) and name not in {
            "input",
            "counts",
            "results",
        }:  # whose keys are the person's, statuses or files
            found |= keys(one, f"{path}.{name}".lstrip("."))
    return found


def results(tmp_path: Path) -> dict[str, Any]:
    """results.json with a row and an order of another list, both with a file and a gap."""
    done = journal_values.outcome(1, missing=(models.MissingFile("b", "b.pdf", "https://x/b", FAILURE),))
    row = models.RowResult(2, ("PO-1",), "PO-1", done.status, done, None)
    browser = models.BrowserInfo("msedge", "msedge", "msedge.exe", "156.0", "found")
    about = tables.About(RUN, models.Plan("pos.csv", ("PO",), 1, "out", NOW), browser, 1.0, 1.0, False, "0.1.0")
    other = models.OtherOrder(RUN, "last.csv", ("PO",), row)
    tables.write_all(tmp_path, about, lambda: iter([row]), lambda: iter([other]))
    content: dict[str, Any] = json.loads((tmp_path / "results.json").read_text("utf-8"))
    return content


def run_end(tmp_path: Path) -> dict[str, Any]:
    """The report of a run with a failed row."""
    row = models.RowResult(2, ("PO-1",), "PO-1", models.Status.FAILED, None, FAILURE)
    about = tables.About(RUN, models.Plan("pos.csv", ("PO",), 1, "out", NOW), None, 1.0, 1.0, False, "0.1.0")
    summary = tables.write_all(tmp_path, about, lambda: iter([row]), lambda: iter([]))
    return end_report.to_json(end_report.End(1, "pos.csv", tmp_path, summary))


def manifest(tmp_path: Path) -> dict[str, Any]:
    """A manifest with a file, a gap and a file of an earlier outcome."""
    path = tmp_path / "PO-1.json"
    done = journal_values.outcome(1)
    manifests.write(
        path,
        order=journal_values.order(1),
        supplier="A",
        folder=done.folder,
        status=done.status,
        files=done.files,
        missing=(models.MissingFile("b", "b.pdf", "https://x/b", FAILURE),),
        earlier=[],
        now=NOW,
    )
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def test_every_event_and_its_keys_are_described() -> None:
    """Each line of the log is a documented event with these keys."""
    kinds = {event for event in vars(events).values() if isinstance(event, type) and issubclass(event, events.Event)}
    assert {type(event) for event in EVENTS} == kinds - SILENT - {events.Event}
    written = {logs.name(event): set(logs.fields(event)) - {"run", "level"} for event in EVENTS}
    assert tabled("Run log") == written | {"log": {"text", "exception"}}


def test_every_field_of_the_results_is_described(tmp_path: Path) -> None:
    """Each object of results.json is documented with all its keys."""
    assert tabled("results.json") == keys(results(tmp_path))


def test_every_field_of_a_manifest_is_described(tmp_path: Path) -> None:
    """The same for manifests."""
    assert tabled("Manifests") == keys(manifest(tmp_path))


def test_every_field_of_the_end_of_a_run_is_described(tmp_path: Path) -> None:
    """The same for the report at the end of a run."""
    assert tabled("End of a run") == keys(run_end(tmp_path))


def test_every_key_has_one_meaning() -> None:
    """Each key is described once, and no other."""
    used = {"run", "event", "level", "timestamp"}
    for heading in ("Run log", "results.json", "End of a run", "Manifests"):
        used |= set().union(*tabled(heading).values())
    described = re.findall(r"^\| `([^`]+)` \| ", DOCUMENT.split("\n## What each key means\n")[1], re.MULTILINE)
    assert collections.Counter(described) == collections.Counter(used)
