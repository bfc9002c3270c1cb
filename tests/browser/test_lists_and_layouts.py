"""Lists of any form, selected rows and layouts, with the real program."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from po_pw.demo import catalogue, server
from tests.helpers import portal_runs
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from pathlib import Path


def po_pw(*words: str, cwd: Path, piped: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "po_pw", *words],
        cwd=cwd,
        env={**os.environ, "PO_PW_HOME": str(cwd / "home")},
        input=piped,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=IN_TIME,
        check=False,
    )


def folders(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*_COMPLETED") if ".po-pw" not in path.parts}


def test_a_piped_list_chosen_rows_and_layouts(tmp_path: Path) -> None:
    """A list on standard input with unknown column names is understood and filtered.

    With another layout nothing is downloaded again, and `--refresh` moves the folders.
    """
    with server.serve_in_thread(catalogue.PortalSettings(orders=4, plain=True, latency=0)) as portal:
        run_async(portal_runs.signed_in(portal, tmp_path / "home"))
        server.write_csv(portal, tmp_path / "pos.csv")
        with (tmp_path / "pos.csv").open(encoding="utf-8-sig", newline="") as stream:
            known = list(csv.DictReader(stream))
        lines = ["Bestellung;Werk;Seite"]
        lines += [f"{row['po_number']};{'Lyon' if at < 2 else 'Metz'};{row['url']}" for at, row in enumerate(known)]
        numbers = [row["po_number"] for row in known]
        words = ["process", "-", "-w", "1", "--filter", "werk=lyon", "--layout"]
        ended = po_pw(*words, "{Werk}/Order {po_number}_{status}", cwd=tmp_path, piped="\n".join(lines))
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert 'po-pw uses column "Bestellung"' in ended.stdout
        assert 'po-pw uses column "Seite"' in ended.stdout
        assert "2 of 4 rows are processed" in ended.stdout
        out = tmp_path / "downloads"
        first = {f"Lyon/Order {number}_COMPLETED" for number in numbers[:2]}
        assert folders(out) == first
        results = json.loads((out / "results.json").read_text("utf-8"))
        assert [order["po_number"] for order in results["rows"]] == numbers[:2]
        fetched = portal.counts["bytes"]

        layout = "{Werk}/{po_number} of {Werk}_{status}"
        again = po_pw(*words, layout, cwd=tmp_path, piped="\n".join(lines))
        assert again.returncode == 0, again.stdout + again.stderr
        assert folders(out) == first
        moved = po_pw(*words, layout, "--refresh", cwd=tmp_path, piped="\n".join(lines))
        assert moved.returncode == 0, moved.stdout + moved.stderr
        assert folders(out) == {f"Lyon/{number} of Lyon_COMPLETED" for number in numbers[:2]}
        assert portal.counts["bytes"] == fetched
