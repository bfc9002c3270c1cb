"""`--types`: files of other types are skipped and reported, and downloaded once they are wanted."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from po_pw import models
from po_pw.demo import catalogue, server
from tests.helpers import portal_runs
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path


def names(out: Path) -> set[str]:
    return {path.name for path in out.rglob("*") if path.is_file() and "_COMPLETED" in path.parent.name}


def test_other_types_are_skipped_and_come_when_they_are_wanted(tmp_path: Path) -> None:
    """Skipped files are not missing, and the order is complete. With more types only the rest is downloaded.

    With fewer types nothing is downloaded and nothing is lost, not even when all orders are processed again.
    """
    with server.serve_in_thread(catalogue.PortalSettings(orders=4, plain=True, latency=0)) as portal:
        run_async(portal_runs.signed_in(portal, tmp_path / "home"))
        chosen = max(portal.orders, key=lambda order: len({PurePath(file.name).suffix for file in order.files}))
        every = {file.name for file in chosen.files}
        pdfs = {name for name in every if name.endswith(".pdf")}
        assert pdfs
        assert pdfs != every

        def run(*types: str, resume: models.Resume | None) -> tuple[models.Outcome, dict[str, Any]]:
            ran = run_async(
                portal_runs.run(
                    portal,
                    tmp_path,
                    workers=1,
                    home=tmp_path / "home",
                    only=[chosen.po_number],
                    resume=resume,
                    types=types,
                )
            )
            assert ran.error is None
            (row,) = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))["rows"]
            return ran.outcomes[chosen.po_number], row

        first, row = run("pdf", resume=models.Resume())
        assert first.status is models.Status.COMPLETED
        assert names(tmp_path / "out") == pdfs
        assert {gap.name for gap in first.missing if gap.skipped_type} == every - pdfs
        assert row["attachments_found"] == row["attachments_downloaded"] == len(pdfs)
        assert row["error_code"] is None
        assert f"complete except for {len(every - pdfs)} attachment" in row["error_message"]

        pages = portal.counts["pages"]
        again, _ = run("pdf", resume=models.Resume())
        assert again.from_earlier_run
        assert portal.counts["pages"] == pages

        sent = portal.counts["files"]
        wider, row = run(resume=models.Resume())
        assert wider.earlier is models.Earlier.WIDENED
        assert names(tmp_path / "out") == every
        assert portal.counts["files"] == sent + len(every - pdfs)
        assert row["error_message"] is None

        forced, _ = run("pdf", resume=None)
        assert forced.status is models.Status.COMPLETED
        assert names(tmp_path / "out") == every
