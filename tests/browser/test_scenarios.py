"""Scripts as users have them, each in its own process, on the embedded portal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from po_pw.demo import catalogue, server
from tests.helpers import portal_runs
from tests.helpers.support import IN_TIME, run_async

SCRIPTS = sorted((Path(__file__).parents[2] / "fixtures" / "scenarios").glob("0*.py"))
LONG = ("01_sequential_baseline", "03_profile_isolation", "05_performance")
"""`test_run.py`, `test_profiles.py` and the other scripts show the same."""
EACH = [pytest.param(path, id=path.stem, marks=pytest.mark.long if path.stem in LONG else ()) for path in SCRIPTS]
PLAIN = catalogue.PortalSettings(orders=20, latency=0.1, file_bytes=3_000, file_latency=0.0, plain=True)


@pytest.mark.parametrize("script", EACH)
def test_the_scenario_script_runs_as_it_is(script: Path, tmp_path: Path) -> None:
    """The script's own assertions hold, and it ends with 0 and without a traceback."""
    with server.serve_in_thread(PLAIN) as portal:
        home = tmp_path / "home"
        run_async(portal_runs.signed_in(portal, home))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PO_PW_")}
        environment |= {
            "PO_PW_SCENARIO_URL": portal.origin,
            "PO_PW_OUT": str(tmp_path / "out"),
            "PO_PW_SCENARIO_RUNS": "1",  # a second run of each kind would only make the printed figures better
            "PO_PW_HOME": str(home),
            "PYTHONIOENCODING": "utf-8",
        }
        ran = subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env=environment,
            encoding="utf-8",
            capture_output=True,
            timeout=IN_TIME,
            check=False,
        )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert ran.stdout.rstrip().endswith("passed")
    assert "Traceback" not in ran.stderr, ran.stderr


def test_there_are_six() -> None:
    """All six scenarios exist."""
    assert [path.stem[:2] for path in SCRIPTS] == ["01", "02", "03", "04", "05", "06"]
