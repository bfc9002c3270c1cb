"""Coupa users' lists: folder levels to the right of `<|>`, and rows marked as completed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import openpyxl
import pytest

from po_pw import long_work, models
from po_pw.journal import store
from po_pw.orders import duplicates, read, whole_orders
from po_pw.processing import resuming
from po_pw.storage import manifests, marked_completed, order_paths, publishing, staging
from tests.helpers.coupa_lists import HEADER, line, order_of, written_csv, written_workbook
from tests.helpers.journal_values import PLAN
from tests.helpers.support import run_async
from tests.unit.test_folders import finish, saved

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 200


@pytest.mark.parametrize("kind", ["comma", "semicolon", "workbook"])
def test_columns_to_the_right_of_the_marker_are_folder_levels(tmp_path: Path, kind: str) -> None:
    """Filled columns right of the marker are levels, in order; known columns are found left of it."""
    header = [*HEADER, "Region", "Status", "Supplier"]
    lines = [
        line("PO-1", SUPPLIER="Acme", levels=["EMEA", "", "Plants / 2"]),
        line("PO-2", levels=["", "", ""]),
    ]
    if kind == "workbook":
        path = written_workbook(tmp_path / "pos.xlsx", header, lines)
    else:
        path = written_csv(tmp_path / "pos.csv", header, lines, "," if kind == "comma" else ";")
    table = read.open_table(path, address_of="https://acme.coupahost.com/order_headers/{}".format)
    first, second = [row.order for row in table.rows()]
    assert first is not None
    assert second is not None
    assert (first.supplier, first.levels) == ("Acme", ("EMEA", "Plants / 2"))
    assert second.levels == ()
    assert staging.parent(first.levels) == "EMEA/Plants _ 2"


def test_the_sheet_po_data_is_taken_among_others(tmp_path: Path) -> None:
    """The sheet PO_Data is read, wherever it is."""
    path = written_workbook(tmp_path / "pos.xlsx", HEADER, [line("PO-7")])
    book = openpyxl.load_workbook(path)
    other = book.create_sheet("Before", 0)
    other.append(["po_number", "url"])
    other.append(["PO-8", "https://x.example/8"])
    book.save(path)
    table = read.open_table(path, address_of="https://x.example/{}".format)
    assert [row.po_number for row in table.rows()] == ["PO-7"]
    assert "PO_Data" in table.about


def test_a_level_whose_formula_failed_is_said_of_the_row(tmp_path: Path) -> None:
    """A failed formula in a level refuses the row, as its files would go to the wrong folder."""
    path = written_csv(tmp_path / "pos.csv", [*HEADER, "Region"], [line("PO-1", levels=["#REF!"])])
    (row,) = read.open_table(path, address_of="https://x.example/{}".format).rows()
    assert row.problem is not None
    assert "row 2, column Region" in row.problem.message


def test_levels_are_made_safe_and_never_leave_the_output(tmp_path: Path) -> None:
    """Each level becomes one folder, by the rules for suppliers' names."""
    assert staging.parent(["..", "A/B", "CON", " x. "]) == "A_B/CON_/x"
    assert staging.parent([".po-pw", "results.csv", "x_FAILED"]) == "_.po-pw/_results.csv/x_FAILED_"
    assert all(len(part) <= 80 for part in staging.parent(["x" * 300, "y" * 300]).split("/"))


def test_an_order_below_levels_is_published_replaced_and_verified(tmp_path: Path) -> None:
    """Folder, manifest, older folder and empty parents are handled at any depth."""
    (tmp_path / ".po-pw").mkdir()
    order = models.PurchaseOrder(
        models.order_key("PO-1"), "PO-1", "https://x.example/1", levels=("EMEA", "a.json", "C")
    )
    work = staging.open_work(tmp_path, "PO-1", "r-1")
    first = finish(tmp_path, work, [saved(work, 1, "a.pdf")], order=order, stem="PO-1")
    assert first.folder == "EMEA/a.json/C/PO-1_COMPLETED"
    assert (tmp_path / ".po-pw/manifests/EMEA/a.json~/C/PO-1.json").is_file()
    (told,) = manifests.iterate(tmp_path / ".po-pw")
    assert told[1:] == ("EMEA/a.json/C", "PO-1")
    assert manifests.read(*told).folder == first.folder
    moved = models.PurchaseOrder(order.key, "PO-1", order.url, levels=("APAC",))
    work = staging.open_work(tmp_path, "PO-1", "r-2")
    finish(tmp_path, work, [saved(work, 1, "a.pdf")], order=moved, stem="PO-1", earlier=first.folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".po-pw", "APAC"]
    assert sorted(path.name for path in (tmp_path / ".po-pw/manifests").iterdir()) == ["APAC"]


def test_an_older_folder_below_levels_comes_back_from_aside(tmp_path: Path) -> None:
    """A folder that a crash left aside is moved back."""
    aside = order_paths.aside_of(tmp_path) / "EMEA/Plants/PO-1_PARTIAL"
    aside.mkdir(parents=True)
    (aside / "a.pdf").write_bytes(b"a")
    publishing.clear_aside(tmp_path)
    assert (tmp_path / "EMEA/Plants/PO-1_PARTIAL/a.pdf").read_bytes() == b"a"
    assert not order_paths.aside_of(tmp_path).exists()


def test_orders_folders_are_found_at_any_depth(tmp_path: Path) -> None:
    """Orders' own folders and ours are not searched."""
    for folder in ("A/B/C/PO-1_COMPLETED/PO-9_FAILED", "PO-2_FAILED", ".po-pw/work/PO-3_FAILED", "A/PO-4"):
        (tmp_path / folder).mkdir(parents=True)
    found = [folder.as_posix() for folder, _ in order_paths.orders_below(tmp_path, tmp_path)]
    assert found == ["PO-2_FAILED", "A/B/C/PO-1_COMPLETED"]


def claimed(**columns: str) -> models.PurchaseOrder:
    """An order whose row is marked COMPLETED, with more fields."""
    return order_of(line("PO-1", STATUS="COMPLETED", SUPPLIER="Acme", **columns))


def proved(out: Path, order: models.PurchaseOrder, beside: Path | None = None) -> models.Outcome | None:
    return marked_completed.proved(out, order, beside, LONGEST)


def test_completed_counts_only_with_its_folder_and_the_files_it_says(tmp_path: Path) -> None:
    """The mark counts only if the named folder, or the one that would be made, has the stated files."""
    out, elsewhere = tmp_path / "out", tmp_path / "old" / "PO-1_COMPLETED"
    ours = out / "Acme" / "PO-1_COMPLETED"
    for folder in (ours, elsewhere):
        folder.mkdir(parents=True)
    says_two = claimed(ATTACHMENTS_DOWNLOADED="2", DOWNLOAD_FOLDER=str(elsewhere))
    assert proved(out, says_two) is None
    (elsewhere / "a.pdf").write_bytes(b"a")
    (elsewhere / ".DS_Store").write_bytes(b"x")
    (elsewhere / "Thumbs.db").write_bytes(b"x")
    assert proved(out, says_two) is None
    (elsewhere / "b.pdf").write_bytes(b"bb")
    found = proved(out, says_two)
    assert found is not None
    assert (found.status, found.folder, found.from_earlier_run) == (models.Status.COMPLETED, elsewhere.as_posix(), True)
    assert [(file.path, file.size) for file in found.files] == [("a.pdf", 1), ("b.pdf", 2)]
    (elsewhere / "c.pdf.crdownload").write_bytes(b"c")
    assert proved(out, says_two) is None
    says_names = claimed(AttachmentName="x.pdf; y (1).pdf")
    (ours / "x.pdf").write_bytes(b"x")
    (ours / "z.pdf").write_bytes(b"z")
    assert proved(out, says_names) is None
    (ours / "y (1).pdf").write_bytes(b"y")
    found = proved(out, says_names)
    assert found is not None
    assert found.folder == "Acme/PO-1_COMPLETED"
    (ours / "x.pdf").write_bytes(b"")
    assert proved(out, says_names) is None


def test_a_folder_that_may_be_another_orders_proves_nothing(tmp_path: Path) -> None:
    """A folder of all orders, with another ending, or with another order's manifest does not count."""
    for name in ("all", "PO-1_PARTIAL", "PO-10_COMPLETED"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.pdf").write_bytes(b"a")
        assert proved(tmp_path / "out", claimed(ATTACHMENTS_FOUND="1", DOWNLOAD_FOLDER=str(tmp_path / name))) is None
    out = tmp_path / "out"
    folder, manifest = out / "Acme/PO-1_COMPLETED", out / ".po-pw/manifests/Acme/PO-1.json"
    for path in (folder, manifest.parent):
        path.mkdir(parents=True)
    (folder / "a.pdf").write_bytes(b"a")
    assert proved(out, claimed(ATTACHMENTS_FOUND="1")) is not None
    told = {"key": "po 1", "po_number": "po 1", "supplier": "", "url": "", "folder": "Acme/PO-1_COMPLETED"}
    told |= {"status": "COMPLETED", "written_at": "2026-11-26T10:00:00+00:00"}
    manifest.write_text(json.dumps({**told, "files": [], "missing": [], "earlier": []}), "utf-8")
    assert proved(out, claimed(ATTACHMENTS_FOUND="1")) is None


def test_a_relative_folder_is_looked_for_in_the_output_and_beside_the_list(tmp_path: Path) -> None:
    """A relative folder is found in the output folder and beside the list."""
    (tmp_path / "lists/old/PO-1").mkdir(parents=True)
    (tmp_path / "lists/old/PO-1/a.pdf").write_bytes(b"a")
    order = claimed(ATTACHMENTS_FOUND="1", DOWNLOAD_FOLDER="old/PO-1")
    assert proved(tmp_path / "out", order) is None
    assert proved(tmp_path / "out", order, tmp_path / "lists") is not None
    assert proved(tmp_path / "lists", order) is not None


@pytest.mark.parametrize(
    "columns",
    [
        {"STATUS": "Done", "ATTACHMENTS_FOUND": "1"},
        {"STATUS": "COMPLETED"},
        {"STATUS": "COMPLETED", "ATTACHMENTS_FOUND": "0", "ATTACHMENTS_DOWNLOADED": "0"},
        {"STATUS": "COMPLETED", "ATTACHMENTS_FOUND": "some"},
    ],
)
def test_what_says_nothing_of_files_is_no_claim(columns: dict[str, str]) -> None:
    """A row without a number of files is processed."""
    assert order_of(line("PO-1", **columns)).claim is None


def test_a_column_of_another_spelling_is_the_users_own() -> None:
    """A column `Status` is the user's own."""
    row = read.order_from_mapping(
        {"po_number": "PO-1", "url": "https://x.example/1", "Status": "COMPLETED", "ATTACHMENTS_FOUND": 1}, 1
    )
    assert row.order is not None
    assert row.order.claim is None


def test_skipped_rows_are_in_the_results_as_what_they_are(tmp_path: Path) -> None:
    """Skipped rows are in the results as such, duplicates too, and are no outcomes for later runs."""
    out = tmp_path / "out"
    (out / "Acme/PO-1_COMPLETED").mkdir(parents=True)
    (out / "Acme/PO-1_COMPLETED/a.pdf").write_bytes(b"a")
    said = {"STATUS": "COMPLETED", "ATTACHMENTS_FOUND": "1", "SUPPLIER": "Acme"}
    lines = [line(po, **said, levels=[]) for po in ("PO-1", "PO-2", "PO-1")]
    table = read.open_table(written_csv(tmp_path / "pos.csv", HEADER, lines), address_of="https://x.example/{}".format)

    async def body() -> None:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            whole = whole_orders.WholeOrders()
            run = await journal.begin(PLAN, whole.noted(duplicates.mark_duplicates(table.rows())))
            orders = [whole.whole(order) for order in journal.orders(run)]

            async def taken(how: models.Resume | None) -> resuming.ResumePlan:
                work = resuming_work()
                return await resuming.plan_resume(
                    journal,
                    run,
                    out,
                    orders,
                    how,
                    {},
                    work,
                    lambda order: marked_completed.proved(out, order, None, LONGEST),
                )

            for how in (None, models.Resume(verify=True), models.Resume(refresh=True)):
                assert [order.po_number for order in (await taken(how)).todo] == ["PO-1", "PO-2"]
            planned = await taken(models.Resume())
            assert [order.po_number for order in planned.todo] == ["PO-2"]
            assert ([one.po_number for one in planned.skipped], planned.unproved) == (["PO-1"], 1)
            rows = list(journal.rows(run))
            assert [row.status for row in rows] == [
                models.Status.COMPLETED,
                models.Status.PENDING,
                models.Status.DUPLICATE,
            ]
            assert rows[0].outcome == rows[2].outcome == planned.skipped[0]
            assert journal.known([orders[0].key]) == {}
            assert [order.po_number for order in journal.orders(run)] == ["PO-2"]
            later = await journal.begin(PLAN, ())
            assert [other.row.po_number for other in journal.others(later)] == ["PO-2"]

    run_async(body())


def test_the_journal_keeps_the_levels(tmp_path: Path) -> None:
    """The journal returns a run's orders with their levels."""
    order = models.PurchaseOrder(models.order_key("PO-1"), "PO-1", "https://x.example/1", row=2, levels=("Ä", "B"))

    async def body() -> list[models.PurchaseOrder]:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            run = await journal.begin(PLAN, [models.Row(2, (), "PO-1", order)])
            return list(journal.orders(run))

    assert run_async(body()) == [order]


def resuming_work() -> long_work.LongWork:
    return long_work.LongWork(lambda _: None)
