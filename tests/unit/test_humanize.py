"""Bytes and durations as people read them."""

from __future__ import annotations

import pytest

from po_pw import humanize


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (5_840, "5.8 kB"),
        (41_943_040, "42 MB"),
        (300e6, "300 MB"),
        (999_600_000, "1 GB"),
        (2.14e9, "2.1 GB"),
        (1.234e12, "1234 GB"),
    ],
)
def test_bytes_have_the_unit_that_file_managers_show(count: float, text: str) -> None:
    """Sizes have two significant digits, and at most three before the unit changes."""
    assert humanize.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "duration", "clock", "countdown"),
    [
        (0, "0 s", "0.0 s", "0 s"),
        (12.4, "12 s", "12.4 s", "12 s"),
        (59.7, "60 s", "59.7 s", "1:00"),
        (59.96, "60 s", "1:00", "1:00"),
        (125, "2 min", "2:05", "2:05"),
        (2520, "42 min", "42:00", "42:00"),
        (5400, "1.5 h", "1:30:00", "1:30:00"),
    ],
)
def test_times_are_for_people(seconds: float, duration: str, clock: str, countdown: str) -> None:
    """Durations in words, as on a stopwatch, and while they run."""
    said = humanize.duration(seconds), humanize.clock(seconds), humanize.countdown(seconds)
    assert said == (duration, clock, countdown)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("17", 17),
        ("17B", 17),
        ("500MB", 500_000_000),
        (" 2 gb ", 2_000_000_000),
        ("2GiB", 2_147_483_648),
        ("1.5G", 1_500_000_000),
        ("3k", 3000),
        ("1TiB", 1 << 40),
    ],
)
def test_sizes_are_written_as_people_write_them(text: str, size: int) -> None:
    """Units are powers of 1000; with an i, powers of 1024."""
    assert humanize.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "5 apples", "-1", "1,500MB", "5M B", "1e3", "5i"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """An invalid size is refused."""
    with pytest.raises(ValueError, match="is not a size"):
        humanize.parse_size(text)


@pytest.mark.parametrize("text", ["", "h", "5 ages", "1h300", "1s30", "30m1h5x", "1h -5", "30 1h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A number without a unit may only follow hours or minutes, with two digits."""
    with pytest.raises(ValueError, match="is not a duration"):
        humanize.parse_duration(text)
