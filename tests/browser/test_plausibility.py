"""A run that looks wrong as a whole says so, with numbers, and does not end with 0."""

from __future__ import annotations

import collections
import json
from typing import TYPE_CHECKING

import pytest

from po_pw import events, models
from po_pw.cli import running
from po_pw.demo import catalogue, server
from po_pw.results import plausibility
from tests.helpers import portal_runs
from tests.helpers.journal_values import outcome, saved
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NONE = models.Status.NO_ATTACHMENTS
STRANGE = models.Failure(models.ErrorCode.NOT_RECOGNISED, "another page")
GONE = models.Failure(models.ErrorCode.NOT_FOUND, "no such order")


def bare(number: int, host: str = "portal.example") -> models.Outcome:
    return outcome(number, NONE, files=(), found=0, source_url=f"https://{host}/{number}")


def full(number: int, *digests: str, host: str = "portal.example") -> models.Outcome:
    files = tuple(saved(f"{place}.pdf", sha256=digest) for place, digest in enumerate(digests or (f"{number:064}",)))
    return outcome(number, files=files, found=len(files), source_url=f"https://{host}/{number}")


def failed(number: int, error: models.Failure, host: str = "portal.example") -> models.Outcome:
    url = f"https://{host}/{number}"
    return outcome(number, models.Status.FAILED, files=(), found=0, error=error, source_url=url)


def said(outcomes: Iterable[models.Outcome], *accepted: str) -> tuple[str, ...]:
    counted = plausibility.Plausibility()
    for one in outcomes:
        counted.add(one)
    return counted.findings(lambda origin: origin in accepted)


def bares(number: int, of: int) -> list[models.Outcome]:
    return [bare(n) if n < number else full(n) for n in range(of)]


@pytest.mark.parametrize(
    ("without", "orders", "figures"),
    [
        (9, 9, ""),
        (10, 10, "all 10 orders"),
        (9, 10, ""),
        (18, 19, ""),
        (19, 19, "all 19 orders"),
        (19, 20, "19 of 20 orders"),
        (18, 20, ""),
        (95, 100, "95 of 100 orders"),
        (94, 100, ""),
        (50, 100, ""),
    ],
)
def test_nearly_all_orders_without_attachments(without: int, orders: int, figures: str) -> None:
    """Ten of ten or 19 of 20 orders without attachments are implausible; half of them are not."""
    found = said(bares(without, orders))
    assert len(found) == bool(figures)
    assert all(text.startswith(f"portal.example: {figures}") and "have no attachments" in text for text in found)


def test_what_was_not_read_hides_nothing() -> None:
    """Orders that do not exist or could not be read count neither for nor against."""
    (text,) = said([*(bare(n) for n in range(10)), *(failed(n, GONE) for n in range(10, 30))])
    assert "all 10 orders" in text


def test_what_was_accepted_is_not_said_again() -> None:
    """After `portal inspect --accept` there is no warning for that portal; the warning names portal and order."""
    outcomes = [*bares(12, 12), *(bare(n, "other.example") for n in range(12))]
    first, _ = said(outcomes)
    assert "po-pw portal inspect https://portal.example/0 (with --accept if it is right)" in first
    assert [text.partition(":")[0] for text in said(outcomes, "https://portal.example")] == ["other.example"]


@pytest.mark.parametrize(
    ("same", "others", "none", "figures"),
    [
        (10, 0, 0, "10 of 10 orders"),
        (8, 2, 0, "8 of 10 orders"),
        (7, 3, 0, ""),
        (5, 1, 6, "5 of 6 orders"),
        (4, 0, 8, ""),
        (9, 0, 0, ""),
    ],
)
def test_the_same_single_file_everywhere(same: int, others: int, none: int, figures: str) -> None:
    """If four of five orders have the same single file, it may be the site's."""
    logo = "ab" * 32
    outcomes = [full(n, logo) for n in range(same)] + [full(n) for n in range(100, 100 + others)]
    found = said([*outcomes, *(bare(n) for n in range(200, 200 + none))])
    assert len(found) == bool(figures)
    assert all(figures in text and "0.pdf" in text for text in found)


def test_a_frame_contract_beside_other_files_is_fine() -> None:
    """A file of all orders is plausible if they have files of their own, too."""
    contract = "cd" * 32
    assert said(full(n, contract, f"{n:064}") for n in range(40)) == ()


def test_most_not_recognised() -> None:
    """From five orders on, more than half not recognised is implausible."""
    assert said([failed(n, STRANGE) for n in range(4)]) == ()
    (text,) = said([*(failed(n, STRANGE) for n in range(3)), *(full(n) for n in range(3, 5))])
    assert "3 of 5 orders opened a page that is not theirs" in text
    assert said([*(failed(n, STRANGE) for n in range(3)), *(full(n) for n in range(3, 6))]) == ()


def test_memory_is_bounded_and_the_figure_never_too_high() -> None:
    """Among very many files, one that most orders have is found, and none is invented."""
    counted = plausibility.Plausibility()
    for number in range(3_000):
        counted.add(full(number))
    portal = counted._portals["https://portal.example"]
    assert len(portal.only_files) == len(portal.file_names) <= plausibility._DIGESTS
    assert counted.findings() == ()
    for number in range(3_000, 18_000):
        counted.add(full(number, "ee" * 32))
    (text,) = counted.findings()
    assert "of 18000 orders with files" in text
    assert 14_900 <= int(text.split()[1]) <= 15_000


def test_a_portal_without_any_files_is_doubted_through_the_whole_tool(tmp_path: Path) -> None:
    """Twelve orders without attachments give a warning in events, results and exit code.

    The same command warns again when it finds all of them finished.
    """
    wanted = catalogue.PortalSettings(orders=12, files_per_order=0, latency=0, plain=True)
    with server.serve_in_thread(wanted) as portal:

        async def both() -> list[portal_runs.Ran]:
            await portal_runs.signed_in(portal, tmp_path / "home")
            first = await portal_runs.run(portal, tmp_path, workers=2, home=tmp_path / "home")
            again = models.Resume()
            return [first, await portal_runs.run(portal, tmp_path, workers=2, home=tmp_path / "home", resume=again)]

        for ran in run_async(both()):
            assert ran.error is None
            assert collections.Counter(one.status for one in ran.outcomes.values()) == {NONE: 12}
            (warning,) = ran.summary.warnings
            assert "all 12 orders have no attachments" in warning
            assert [event.text for event in ran.events if isinstance(event, events.Notice)].count(warning) == 1
            assert running._exit_code(ran.summary, interrupted=False) == 1
        # The tables are the latest run's.
        told = json.loads((ran.out / "results.json").read_text("utf-8"))["summary"]
        assert told["warnings"] == [warning]
