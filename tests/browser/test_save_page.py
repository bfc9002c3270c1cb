"""`--save-page` saves the order's page as PDF beside its attachments, without any further request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pypdf
import pytest

from po_pw import models
from tests.helpers import plain_portal
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

TELLS = """<script>
  addEventListener('beforeprint', () => navigator.sendBeacon('/printed', 'a=1'));
  onafterprint = () => fetch('/printed', { method: 'POST' });
</script>"""
NUMBERS = ("A1", "A2")
FILES = ("/files/one.pdf", "/files/two.pdf")


def text_of(path: Path) -> str:
    """The text of a PDF."""
    return " ".join(" ".join(sheet.extract_text() for sheet in pypdf.PdfReader(path).pages).split())


@pytest.fixture
def portal() -> plain_portal.Portal:
    """One order with two files, whose page reports when it is printed; one without files."""
    none = "<section><h2>Attachments</h2><p>No attachments</p></section>"
    return plain_portal.Portal(
        {
            "/orders/A1": plain_portal.order("A1", plain_portal.area("one.pdf", "two.pdf") + TELLS),
            "/orders/A2": plain_portal.order("A2", none),
        }
    )


def test_the_page_lies_beside_the_files_and_nothing_is_fetched_twice(
    portal: plain_portal.Portal, tmp_path: Path
) -> None:
    """Finished orders get their pages later; the portal does not notice that a page was printed."""

    async def go() -> None:
        async with portal.serving():

            async def ran(**given: object) -> plain_portal.Ran:
                done = await plain_portal.run(portal, tmp_path, NUMBERS, **given)  # type: ignore[arg-type]
                assert done.error is None
                statuses = {number: outcome.status for number, outcome in done.outcomes.items()}
                assert statuses == {"A1": models.Status.COMPLETED, "A2": models.Status.NO_ATTACHMENTS}
                return done

            first = await ran()
            assert (first.files("A1"), first.files("A2")) == (["one.pdf", "two.pdf"], [])
            printed = await ran(save_page=True)
            assert printed.files("A1") == ["A1 page.pdf", "one.pdf", "two.pdf"]
            assert printed.files("A2") == ["A2 page.pdf"]
            assert [printed.outcomes[number].found for number in NUMBERS] == [2, 0]
            for number in NUMBERS:
                folder = printed.out / printed.outcomes[number].folder
                said = text_of(folder / f"{number} page.pdf")
                assert f"Order {number}" in said
                assert f"/orders/{number}" in said
                assert "1 / 1" in said
            assert "/printed" not in portal.asked
            assert [portal.times(path) for path in FILES] == [1, 1]
            visits = portal.times("/orders/A1")
            again = await ran(save_page=True)
            assert again.files("A1") == printed.files("A1")
            assert portal.times("/orders/A1") == visits
            refreshed = await ran(resume=models.Resume(refresh=True))
            assert portal.times("/orders/A1") == visits + 1
            assert refreshed.files("A2") == ["A2 page.pdf"]
            assert (refreshed.out / refreshed.outcomes["A2"].folder / "A2 page.pdf").is_file()

    run_async(go())


def test_a_page_that_cannot_be_saved_is_said_and_tried_again(portal: plain_portal.Portal, tmp_path: Path) -> None:
    """An order without its page's copy is not complete, although the copy is no attachment."""

    async def go() -> None:
        async with portal.serving():
            small = await plain_portal.run(portal, tmp_path, NUMBERS, save_page=True, max_file_bytes=2_000)
            assert {number: small.outcomes[number].status for number in NUMBERS} == {
                "A1": models.Status.PARTIAL,
                "A2": models.Status.FAILED,
            }
            for number in NUMBERS:
                failure = small.outcomes[number].error
                assert failure is not None
                assert failure.code is models.ErrorCode.TOO_LARGE
                assert failure.message.startswith("the order's page could not be saved as PDF: ")
            whole = await plain_portal.run(portal, tmp_path, NUMBERS, save_page=True)
            assert whole.files("A1") == ["A1 page.pdf", "one.pdf", "two.pdf"]
            assert whole.files("A2") == ["A2 page.pdf"]
            assert [portal.times(path) for path in FILES] == [1, 1]

    run_async(go())
