"""The live view fits every terminal and shows what matters."""

from __future__ import annotations

import pytest

from po_pw import events, humanize, models
from po_pw.cli import drawing, tally
from tests.helpers import live_scenes


def texts(now: tally.Tally, width: int, height: int, *, has_keys: bool = True) -> list[str]:
    """The lines drawn."""
    return [line.plain for line in drawing.run(now, width, height, has_keys=has_keys)]


@pytest.mark.parametrize("workers", [1, 4, 12, 64])
@pytest.mark.parametrize(
    ("width", "height"), [(59, 12), (79, 12), (79, 24), (119, 30), (159, 50), (199, 12), (199, 50)]
)
def test_it_fits(width: int, height: int, workers: int) -> None:
    """No line is too wide or wrapped, and there are not too many, whatever happened."""
    now = live_scenes.scene(workers, failed=40)
    lines = drawing.run(now, width, height, has_keys=True)
    assert len(lines) <= height
    assert all(line.cell_len <= width and "\n" not in line.plain for line in lines)


@pytest.mark.parametrize(("width", "height"), [(59, 12), (79, 24), (159, 50), (199, 50)])
@pytest.mark.parametrize("workers", [1, 4, 12])
def test_everything_that_matters_is_there(width: int, height: int, workers: int) -> None:
    """Progress, workers with their orders, next tries, latest failure and keys are shown."""
    lines = texts(live_scenes.scene(workers), width, height)
    whole = "\n".join(lines)
    assert lines[0].startswith("60 of 200")
    assert "57 completed, 1 partial, 2 failed" in lines[1]
    for number in range(workers):
        assert f"w{number + 1}" in whole
        assert f"PO-{4500061 + number}" in whole
    assert "portal.example.com is not available: next try in 36 s" in whole
    assert "FAILED  PO-4500060  you are not allowed to see this order" in whole
    assert lines[-1].startswith("p pauses   q stops")


def test_workers_that_find_no_room_are_counted() -> None:
    """64 workers on a small screen are counted."""
    assert any("and 53 more; 64 at work" in line for line in texts(live_scenes.scene(64), 59, 12))


def test_the_time_left_is_told_in_whole_units_and_not_once_it_stops() -> None:
    """The time left is in whole units, and hidden once the run stops."""
    now = live_scenes.scene(4, has_waits=False)
    assert "1:11 elapsed, about 3 min left" in texts(now, 79, 24)[0]
    assert "1:11, about 3 min left" in texts(now, 59, 12)[0]
    now.on_event(events.Stopping(now=False, why="SIGINT"))
    lines = texts(now, 79, 24)
    assert lines[0].endswith("1:11 elapsed")
    assert lines[-1] == "Finishing 4 orders, then stopping. Ctrl-C stops now."


def test_a_pause_is_said_with_what_ends_it() -> None:
    """A pause is shown with the key that ends it and the orders still in progress, also without keys."""
    now = live_scenes.scene(4, has_waits=False)
    now.on_event(events.Paused())
    assert texts(now, 79, 24)[-1] == "PAUSED: p continues, q stops, 4 orders still in progress"
    assert texts(now, 79, 24, has_keys=False)[-1] == "PAUSED, 4 orders still in progress"
    assert drawing.title(now, "po-pw") == "po-pw 60/200 (30 %), 3 failed, paused"
    now.on_event(events.Resumed(1.0))
    assert texts(now, 79, 24)[-1].startswith("p pauses")
    assert not any(line.startswith("p ") for line in texts(now, 79, 24, has_keys=False))


def test_only_what_failed_is_red() -> None:
    """Only failures are red."""
    for line in drawing.run(live_scenes.scene(4), 79, 24, has_keys=True):
        for span in line.spans:
            if "red" in str(span.style):
                assert "failed" in line.plain[span.start : span.end].lower()


def test_text_from_a_portal_cannot_command_the_terminal() -> None:
    """Control characters in PO numbers and reasons are harmless."""
    now = live_scenes.scene(1, failed=0, has_waits=False)
    evil = (models.Status.FAILED, models.ErrorCode.NOT_FOUND, "\x1b[2Jgone\r\n\x07")
    now.on_event(events.OrderStep(models.WorkerId("w1"), models.order_key("x"), "PO\x1b]0;x\x07", "reading", 1))
    now.on_event(events.OrderSettled(live_scenes.outcome(1, "w1", evil)))
    whole = "".join(texts(now, 79, 24))
    assert "gone" in whole
    assert all(character.isprintable() for character in whole)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (7.4, "7 s"),
        (12, "10 s"),
        (54, "55 s"),
        (56, "1 min"),
        (200, "3 min"),
        (3500, "58 min"),
        (3590, "1 h"),
        (7900, "2 h 10 min"),
        (36_500, "10 h"),
        (200_000, "2 days"),
    ],
)
def test_estimates_are_in_whole_units(seconds: float, said: str) -> None:
    """Estimates are no more exact than they can be, so that they do not flicker."""
    assert humanize.remaining(seconds) == said
