"""The machine is in the way: what can be waited for is, what cannot is said in one clear message."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.chaos import bench, machines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos import report


@pytest.fixture
def _may_mount(tmp_path: Path) -> None:
    if not machines.CAN_MOUNT or not machines.can_mount(tmp_path / "trial"):
        pytest.skip("a small disk can only be made by root on Linux")


@pytest.mark.usefixtures("_may_mount")
def test_a_full_disk_is_waited_for(ground: bench.Ground, counting: report.Report) -> None:
    """The run pauses instead of failing its orders, goes on when there is room, and ends as if nothing had been."""
    machines.fill_the_disk(ground, counting)


@pytest.mark.usefixtures("_may_mount")
def test_an_output_that_cannot_be_written_to_is_one_message(ground: bench.Ground) -> None:
    """Exit code 3, the place and what to do, no traceback; nothing is left."""
    with bench.bench(ground) as one, machines.small_disk(one.out, 1 << 20):
        machines.remount(one.out, "ro")
        ended = one.to_the_end()
        assert ended.returncode == 3, ended.said
        assert str(one.out) in ended.said
        assert "--out" in ended.said
        assert "Traceback" not in ended.said
        one.check_clean([])


@pytest.mark.usefixtures("_may_mount")
def test_a_full_temporary_folder_is_one_message(ground: bench.Ground) -> None:
    """Exit code 3, and that the temporary folder is full; nothing is left in it."""
    with (
        bench.bench(ground, PO_PW_LAUNCH_TIMEOUT="10", PO_PW_DISK_TIMEOUT="2") as one,
        machines.small_disk(one.temp, 1 << 20),
    ):
        (one.temp / "filler").write_bytes(b"\0" * ((1 << 20) - (4 << 10)))
        ended = one.to_the_end()
        assert ended.returncode == 3, ended.said
        assert str(one.temp) in ended.said
        assert "Traceback" not in ended.said
        (one.temp / "filler").unlink()
        one.check_clean([])


@pytest.mark.usefixtures("_may_mount")
def test_little_room_in_the_temporary_folder_is_no_full_disk(ground: bench.Ground) -> None:
    """Whatever the browsers make of 200 kB: the journal does not need the folder, and the run ends."""
    with (
        bench.bench(ground, PO_PW_LAUNCH_TIMEOUT="10", PO_PW_DISK_TIMEOUT="2") as one,
        machines.small_disk(one.temp, 1 << 20),
    ):
        (one.temp / "filler").write_bytes(b"\0" * ((1 << 20) - (200 << 10)))
        ended = one.to_the_end()
        assert ended.returncode in {1, 3}, ended.said
        assert "waits until there is space" not in ended.said
        assert "Traceback" not in ended.said
        (one.temp / "filler").unlink()
        one.check_clean([])


@pytest.mark.skipif(os.name != "posix", reason="Windows removes no folder that is in use")
def test_an_output_that_is_taken_away_is_one_message(ground: bench.Ground, counting: report.Report) -> None:
    """Removed in mid-run: exit code 3 and a message that names it; the same command then begins anew, and ends well."""
    machines.take_the_output_away(ground, counting)


def test_a_clock_that_goes_back_changes_nothing(ground: bench.Ground, counting: report.Report) -> None:
    """An hour back every second: same folders, same results; a run with a right clock then takes all of it over."""
    with bench.bench(ground, counting) as one:
        ended = one.to_the_end(runner=("-m", "tests.chaos.clocks"))
        assert ended.returncode == 1, ended.said
        assert "Traceback" not in ended.said
        one.check_end()
        asked = ground.files_served()
        assert one.to_the_end().returncode == 1
        assert ground.files_served() == asked
        one.check_end()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_damaged_journal_is_made_anew(ground: bench.Ground, seed: int, counting: report.Report) -> None:
    """Cut short, then with bytes flipped, each after a kill in mid-run: the end is the undisturbed run's."""
    machines.damage_the_journal(ground, seed, counting, ["cut", "flip"])


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_a_process_in_a_reused_group_is_not_touched(ground: bench.Ground, counting: report.Report) -> None:
    """What a killed run left is ended at the next start; somebody's process in a group of a recorded number is not."""
    machines.reuse_a_group(ground, counting)
