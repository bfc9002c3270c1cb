"""Problems of the machine: the run waits if that can help; otherwise it prints one clear message."""

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
def test_a_full_disk_is_waited_for(prepared: bench.PreparedPortal, counting: report.Report) -> None:
    """The run pauses instead of failing its orders, continues when there is space, and ends normally."""
    machines.fill_the_disk(prepared, counting)


@pytest.mark.usefixtures("_may_mount")
def test_an_output_that_cannot_be_written_to_is_one_message(prepared: bench.PreparedPortal) -> None:
    """Exit code 3, a message with the folder and what to do, no traceback; nothing is left."""
    with bench.bench(prepared) as one, machines.small_disk(one.out, 1 << 20):
        machines.remount(one.out, "ro")
        ended = one.to_the_end()
        assert ended.returncode == 3, ended.said
        assert str(one.out) in ended.said
        assert "--out" in ended.said
        assert "Traceback" not in ended.said
        one.check_clean([])


@pytest.mark.usefixtures("_may_mount")
def test_a_full_temporary_folder_is_one_message(prepared: bench.PreparedPortal) -> None:
    """Exit code 3 and a message that the temporary folder is full; nothing is left in it."""
    with (
        bench.bench(prepared, PO_PW_LAUNCH_TIMEOUT="10", PO_PW_DISK_TIMEOUT="2") as one,
        machines.small_disk(one.temp, 1 << 20),
    ):
        (one.temp / "filler").write_bytes(b"\0" * ((1 << 20) - (4 << 10)))
        ended = one.to_the_end()
        assert ended.returncode == 3, ended.said
        assert str(one.temp) in ended.said
        assert "Traceback" not in ended.said
        (one.temp / "filler").unlink()
        one.check_clean([])


@pytest.mark.long
@pytest.mark.usefixtures("_may_mount")
def test_little_room_in_the_temporary_folder_is_no_full_disk(prepared: bench.PreparedPortal) -> None:
    """With 200 kB free, whatever browsers do: the journal does not need the folder, and the run ends."""
    with (
        bench.bench(prepared, PO_PW_LAUNCH_TIMEOUT="10", PO_PW_DISK_TIMEOUT="2") as one,
        machines.small_disk(one.temp, 1 << 20),
    ):
        (one.temp / "filler").write_bytes(b"\0" * ((1 << 20) - (200 << 10)))
        ended = one.to_the_end()
        assert ended.returncode in {1, 3}, ended.said
        assert "waits until there is space" not in ended.said
        assert "Traceback" not in ended.said
        (one.temp / "filler").unlink()
        one.check_clean([])


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="Windows removes no folder that is in use")
def test_an_output_that_is_taken_away_is_one_message(prepared: bench.PreparedPortal, counting: report.Report) -> None:
    """Removed during a run: exit code 3 and a message with its name; the same command then succeeds."""
    machines.remove_output(prepared, counting)


@pytest.mark.long
def test_a_clock_that_goes_back_changes_nothing(prepared: bench.PreparedPortal, counting: report.Report) -> None:
    """An hour back every second: same folders, same results; a run with a correct clock then carries them all over."""
    with bench.bench(prepared, counting) as one:
        ended = one.to_the_end(runner=("-m", "tests.chaos.clocks"))
        assert ended.returncode == 1, ended.said
        assert "Traceback" not in ended.said
        one.check_end()
        asked = prepared.files_served()
        assert one.to_the_end().returncode == 1
        assert prepared.files_served() == asked
        one.check_end()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_damaged_journal_is_made_anew(prepared: bench.PreparedPortal, seed: int, counting: report.Report) -> None:
    """Truncated, then with flipped bytes, each after a kill: the result equals an undisturbed run."""
    machines.damage_the_journal(prepared, seed, counting, ["cut", "flip"])


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_a_process_in_a_reused_group_is_not_touched(prepared: bench.PreparedPortal, counting: report.Report) -> None:
    """The next start ends processes of a killed run, but not another process in a group with a recorded number."""
    machines.reuse_a_group(prepared, counting)
