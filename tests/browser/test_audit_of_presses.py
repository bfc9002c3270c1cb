"""Presses and requests are recorded in the journal, and `po-pw status --audit` lists them."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from po_pw import events, models
from po_pw.cli import commands
from po_pw.cli import presses as shown
from po_pw.demo import server
from po_pw.demo.variants import Variant
from po_pw.journal import event_recorder, presses, store
from tests.helpers import demo_visits, portal_runs
from tests.helpers.journal_values import PLAN, order, row
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

W1 = models.WorkerId("w1")
KEY = order(1).key
PAGE = "https://portal.example/orders/1"
FILE, TURN = models.Purpose.FILE, models.Purpose.TURN
PASS, STOP = models.Ruling.PASS, models.Ruling.STOP

HAPPENED: tuple[events.Event, ...] = (
    events.Pressed("Download invoice.pdf", FILE, PAGE, worker=W1, key=KEY),
    events.RequestDecided(
        "Download invoice.pdf",
        FILE,
        "POST",
        f"{PAGE}/file",
        PASS,
        "a form of the portal's own",
        ("csrf", "file"),
        worker=W1,
        key=KEY,
    ),
    events.Pressed("Next", TURN, PAGE, worker=W1, key=KEY),
    events.RequestDecided(
        "Next", TURN, "POST", f"{PAGE}/alive", PASS, "as before", is_unasked=True, worker=W1, key=KEY
    ),
    events.RequestDecided(
        "Next", TURN, "GET", f"{PAGE}/approve", STOP, 'the address says "approve"', worker=W1, key=KEY
    ),
    events.Pressed("Get it", FILE, PAGE, 'its class says "delete"', worker=W1, key=KEY),
    events.Notice("info", "no press"),
)


async def run_with(out: Path, happened: tuple[events.Event, ...], *, times: int = 1, day: int = 1) -> models.RunId:
    """A run with these events."""
    (out / ".po-pw").mkdir(parents=True, exist_ok=True)
    async with store.Journal.open(out / ".po-pw" / "journal.db") as journal:
        hub = events.Hub()
        heard = event_recorder.EventRecorder(hub)
        for event in happened[:1]:
            hub.emit(event)  # before the run has its name
        plan = dataclasses.replace(PLAN, started_at=PLAN.started_at + datetime.timedelta(days=day))
        run = await journal.begin(plan, [row(1)])
        heard.begin(journal, run)
        for event in (*happened[1:], *(happened * (times - 1))):
            hub.emit(event)
        heard.end()
        await journal.end(run, seconds=1, work_seconds=1, interrupted=False, browser=None)
    return run


def invoked(*words: str | Path, width: int = 200) -> str:
    """Runs the program and returns what it prints."""
    given = [str(word) for word in words]
    found = CliRunner().invoke(commands.app, given, env={"COLUMNS": str(width)})
    assert found.exit_code == 0, found.output
    return found.output


def test_every_press_and_request_is_in_the_journal_with_its_order(tmp_path: Path) -> None:
    """The journal has label, purpose, address, field names and reason of each press, with its order and worker."""
    run = run_async(run_with(tmp_path, HAPPENED))
    found = list(presses.entries(tmp_path / ".po-pw" / "journal.db", run))
    assert [(one.what, one.label, one.purpose) for one in found] == [
        ("pressed", "Download invoice.pdf", "FILE"),
        ("sent", "Download invoice.pdf", "FILE"),
        ("pressed", "Next", "TURN"),
        ("sent", "Next", "TURN"),
        ("stopped", "Next", "TURN"),
        ("not pressed", "Get it", "FILE"),
    ]
    assert {(one.run, one.worker, one.key) for one in found} == {(run, "w1", KEY)}
    assert (found[1].method, found[1].url, found[1].fields) == ("POST", f"{PAGE}/file", ("csrf", "file"))
    assert [one.why for one in found[4:]] == ['the address says "approve"', 'its class says "delete"']
    assert found[3].is_unasked


def test_the_first_line_says_what_it_comes_to(tmp_path: Path) -> None:
    """One sentence sums up, then each entry has a row that is readable on a narrow screen, too."""
    run_async(run_with(tmp_path, HAPPENED))
    said = invoked("status", tmp_path, "--audit")
    assert said.splitlines()[0] == (
        "2 presses, 2 requests other than GET were sent (1 to download files, 1 that the page sends by itself), "
        "1 request was stopped, 1 button was not pressed."
    )
    for words in (f"sent: POST {PAGE}/file (csrf, file)", f"stopped: GET {PAGE}/approve", "not pressed", "PO-1"):
        assert words in said
    narrow = invoked("status", tmp_path, "--audit", width=80).splitlines()
    assert all(len(line) <= 80 for line in narrow[1:])


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (presses.Counts(), "Nothing was pressed, so nothing was sent"),
        (
            presses.Counts(pressed=23, sent_for_files=4, stopped=7),
            "23 presses, 4 requests other than GET were sent (all to download files), 7 requests were stopped.",
        ),
        (presses.Counts(pressed=1), "1 press, no request other than GET was sent, 0 requests were stopped."),
        (presses.Counts(pressed=1, sent_for_list=1), "1 request other than GET was sent (to show more of a list)"),
        (
            presses.Counts(refused=2),
            "0 presses, no request other than GET was sent, 0 requests were stopped, 2 buttons",
        ),
    ],
)
def test_the_sentence(counts: presses.Counts, said: str) -> None:
    """The sentence uses singular and plural correctly."""
    assert said in shown.sentence(counts)


def test_programs_get_all_of_it(tmp_path: Path) -> None:
    """`--json` prints one object with the same entries."""
    run = run_async(run_with(tmp_path, HAPPENED))
    answer = json.loads(invoked("status", tmp_path, "--audit", "--json"))
    assert (answer["run"], len(answer["entries"])) == (run, 6)
    assert answer["counts"] == {
        "pressed": 2,
        "refused": 1,
        "sent_for_files": 1,
        "sent_for_list": 0,
        "sent_unasked": 1,
        "stopped": 1,
        "sent": 2,
    }
    assert answer["entries"][1]["fields"] == ["csrf", "file"]
    assert datetime.datetime.fromisoformat(answer["entries"][0]["at"]).tzinfo is not None


def test_the_latest_run_alone_or_all(tmp_path: Path) -> None:
    """By default the latest run is listed; a folder without presses is reported as such; `--all` requires `--audit`."""
    first = run_async(run_with(tmp_path, HAPPENED))
    second = run_async(run_with(tmp_path, HAPPENED[:1], day=2))
    assert invoked("status", tmp_path, "--audit").startswith("1 press, no request")
    answer = json.loads(invoked("status", tmp_path, "--audit", "--all", "--json"))
    assert (answer["run"], answer["counts"]["pressed"]) == (None, 3)
    assert {entry["run"] for entry in answer["entries"]} == {first, second}
    (tmp_path / "new" / ".po-pw").mkdir(parents=True)
    (tmp_path / "new" / ".po-pw" / "journal.db").touch()
    assert invoked("status", tmp_path / "new", "--audit").startswith("Nothing was pressed")
    assert CliRunner().invoke(commands.app, ["status", str(tmp_path), "--all"]).exit_code == 2


def test_a_large_journal_is_read_in_parts(tmp_path: Path) -> None:
    """If there are more entries than one read returns, each is listed once, in order."""
    run = run_async(run_with(tmp_path, HAPPENED, times=400))
    found = [one.what for one in presses.entries(tmp_path / ".po-pw" / "journal.db", run)]
    assert len(found) == 2400 > presses._BATCH
    assert found == ["pressed", "sent", "pressed", "sent", "stopped", "not pressed"] * 400
    assert invoked("status", tmp_path, "--audit").count("\n") > 2400


def test_a_run_is_audited_from_its_first_press(tmp_path: Path) -> None:
    """Presses and POSTs of a whole run are listed with their orders, as the portal's own log has them."""
    kinds = (Variant.FORM_POST, Variant.BLOB, Variant.EXPANDER, Variant.LINKS)
    with server.serve_in_thread(demo_visits.QUICK) as portal:
        wanted = {kind: demo_visits.first(portal, kind) for kind in kinds}

        async def both() -> portal_runs.Ran:
            await portal_runs.signed_in(portal, tmp_path / "home")
            numbers = [one.po_number for one in wanted.values()]
            return await portal_runs.run(portal, tmp_path, workers=2, home=tmp_path / "home", only=numbers)

        ran = run_async(both())
    assert {one.status for one in ran.outcomes.values()} == {models.Status.COMPLETED}
    answer = json.loads(invoked("status", ran.out, "--audit", "--json"))
    made = collections.Counter((one["key"], one["what"], one["purpose"], one["method"]) for one in answer["entries"])
    form, script, expander = (wanted[kind] for kind in kinds[:3])
    assert made == {
        (form.po_number, "pressed", "FILE", ""): len(form.shown),
        (form.po_number, "sent", "FILE", "POST"): len(form.shown),
        (script.po_number, "pressed", "FILE", ""): len(script.shown),
        (expander.po_number, "pressed", "OPEN", ""): 1,
    }
    assert all(one["fields"] == ["csrf"] for one in answer["entries"] if one["method"])
    assert "(all to download files), 0 requests were stopped." in answer["said"]
