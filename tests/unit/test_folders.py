"""From slots in a work folder to an order's final folder, on a real disk."""

from __future__ import annotations

import concurrent.futures
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from po_pw import errors, models
from po_pw.storage import filesystem, manifests, order_paths, publishing, staging

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
ORDER = models.PurchaseOrder(models.order_key("PO-001"), "PO-001", "https://portal.example/orders/1")


@pytest.fixture(autouse=True)
def _run_is_open(tmp_path: Path) -> None:
    """Creates our own folder as a run does at its start."""
    (tmp_path / ".po-pw").mkdir()


def saved(work: staging.Work, number: int, sent_name: str, content: bytes = b"content") -> models.SavedFile:
    """A file as `fetch` leaves it, in its slot."""
    slot = work.slot(number)
    slot.write_bytes(content)
    return models.SavedFile(
        f"a{number}",
        str(slot),
        sent_name,
        len(content),
        hashlib.sha256(content).hexdigest(),
        "application/pdf",
        "http",
        "https://portal.example/file",
        "Comments",
        NOW,
        NOW,
        ("length",),
    )


def finish(
    out: Path,
    work: staging.Work,
    files: list[models.SavedFile],
    status: models.Status = models.Status.COMPLETED,
    **more: Any,
) -> staging.Prepared:
    given: dict[str, Any] = {
        "order": ORDER,
        "supplier": "Supplier A",
        "stem": "PO-001",
        "missing": (),
        "max_path": 400,
        "now": NOW,
        **more,
    }
    prepared = staging.prepare(out, work, status=status, files=files, **given)
    assert publishing.publish(out, prepared.work, prepared.folder, prepared.replaces)
    return prepared


def run(
    out: Path,
    contents: dict[str, bytes],
    status: models.Status = models.Status.COMPLETED,
    claim: str = "1",
    **more: Any,
) -> staging.Prepared:
    """One order from work folder to final folder."""
    work = staging.open_work(out, "PO-001", claim)
    files = [saved(work, number, name, content) for number, (name, content) in enumerate(contents.items(), 1)]
    return finish(out, work, files, status, **more)


def tree(out: Path) -> dict[str, bytes]:
    """All files that a person sees."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".po-pw" not in path.parts
    }


def test_an_orders_files_get_their_folder_and_names(tmp_path: Path) -> None:
    """Slots become files with their names in one folder by supplier, order and status; the work folder is gone."""
    done = run(tmp_path, {"invoice.pdf": b"one", "../INVOICE.pdf": b"two", "0001": b"three"})
    assert done.folder == "Supplier A/PO-001_COMPLETED"
    assert [file.path for file in done.files] == ["invoice.pdf", "INVOICE (2).pdf", "0001"]
    assert tree(tmp_path) == {
        "Supplier A/PO-001_COMPLETED/0001": b"three",
        "Supplier A/PO-001_COMPLETED/INVOICE (2).pdf": b"two",
        "Supplier A/PO-001_COMPLETED/invoice.pdf": b"one",
    }
    assert not list((tmp_path / ".po-pw" / "work").iterdir())
    assert not (tmp_path / ".po-pw" / "aside").exists()


def test_the_manifest_says_what_came_from_where(tmp_path: Path) -> None:
    """It has each file's source, names, bytes, hash, times, checks and transport, and what is missing and why."""
    lost = models.MissingFile(
        "a9", "gone.pdf", "https://portal.example/9", models.Failure(models.ErrorCode.NOT_FOUND, "no")
    )
    run(tmp_path, {"in/voice.pdf": b"one"}, models.Status.PARTIAL, missing=(lost,))
    manifest = json.loads((tmp_path / ".po-pw/manifests/Supplier A/PO-001.json").read_text("utf-8"))
    (file,) = manifest["files"]
    assert manifest["folder"] == "Supplier A/PO-001_PARTIAL"
    assert (file["name"], file["sent_name"], file["bytes"]) == ("voice.pdf", "in/voice.pdf", 3)
    assert file["sha256"] == hashlib.sha256(b"one").hexdigest()
    assert (file["source"], file["downloaded_by"], file["checks"]) == (
        "https://portal.example/file",
        "http",
        ["length"],
    )
    assert file["saved_at"] == NOW.isoformat()
    assert manifest["missing"][0]["error_code"] == "NOT_FOUND"


def test_orders_without_files_or_supplier(tmp_path: Path) -> None:
    """An order without attachments has an empty folder; without a supplier it is directly in the output."""
    done = run(tmp_path, {}, models.Status.NO_ATTACHMENTS, supplier="")
    assert (done.folder, done.files) == ("PO-001_NO_ATTACHMENTS", ())
    assert not list((tmp_path / done.folder).iterdir())


@pytest.mark.parametrize("first", [models.Status.PARTIAL, models.Status.COMPLETED, models.Status.FAILED])
def test_an_order_has_one_folder_at_a_time(tmp_path: Path, first: models.Status) -> None:
    """A later outcome replaces the earlier folder, whatever its ending."""
    run(tmp_path, {"a.pdf": b"old", "b.pdf": b"same"}, first)
    run(tmp_path, {"a.pdf": b"new", "b.pdf": b"same"}, claim="2")
    assert tree(tmp_path) == {
        "Supplier A/PO-001_COMPLETED/a.pdf": b"new",
        "Supplier A/PO-001_COMPLETED/b.pdf": b"same",
    }
    assert not (tmp_path / ".po-pw" / "aside").exists()


def test_what_people_put_there_is_kept(tmp_path: Path) -> None:
    """Notes, folders, links and changed files are kept under free names."""
    run(tmp_path, {"a.pdf": b"old", "b.pdf": b"old b"}, models.Status.PARTIAL)
    old = tmp_path / "Supplier A" / "PO-001_PARTIAL"
    (old / "a.pdf").write_bytes(b"OLD")  # as long as before
    (old / "notes.txt").write_bytes(b"mine")
    (old / "0001").write_bytes(b"called like a slot")
    (old / "papers").mkdir()
    (old / "papers" / "deep.txt").write_bytes(b"deep")
    (old / "link").symlink_to("nowhere")
    run(tmp_path, {"a.pdf": b"new", "b.pdf": b"new b"}, claim="2")
    folder = "Supplier A/PO-001_COMPLETED"
    assert tree(tmp_path) == {
        f"{folder}/0001 (2)": b"called like a slot",
        f"{folder}/a (2).pdf": b"OLD",
        f"{folder}/a.pdf": b"new",
        f"{folder}/b.pdf": b"new b",
        f"{folder}/notes.txt": b"mine",
        f"{folder}/papers/deep.txt": b"deep",
    }
    assert (tmp_path / folder / "link").is_symlink()


@pytest.mark.parametrize("second", [models.Status.FAILED, models.Status.PARTIAL, models.Status.NO_ATTACHMENTS])
def test_a_run_that_fails_takes_nothing_away(tmp_path: Path, second: models.Status) -> None:
    """Files of an earlier outcome stay, with their records, until a COMPLETED one replaces them."""
    run(tmp_path, {"a.pdf": b"old a", "b.pdf": b"old b"})
    run(tmp_path, {"a.pdf": b"new a"} if second is models.Status.PARTIAL else {}, second, claim="2")
    a = b"new a" if second is models.Status.PARTIAL else b"old a"
    folder = f"Supplier A/PO-001_{second}"
    assert tree(tmp_path) == {f"{folder}/a.pdf": a, f"{folder}/b.pdf": b"old b"}
    manifest = json.loads((tmp_path / ".po-pw/manifests/Supplier A/PO-001.json").read_text("utf-8"))
    assert "b.pdf" in {entry["name"] for entry in manifest["earlier"]}
    run(tmp_path, {"a.pdf": b"a", "c.pdf": b"c"}, claim="3")
    folder = "Supplier A/PO-001_COMPLETED"
    assert tree(tmp_path) == {f"{folder}/a.pdf": b"a", f"{folder}/c.pdf": b"c"}


def test_a_folder_without_manifest_belongs_to_somebody(tmp_path: Path) -> None:
    """A folder of another tool is taken over; equal files are there once, and everything else is kept."""
    old = tmp_path / "Supplier A" / "PO-001_COMPLETED"
    old.mkdir(parents=True)
    (old / "a.pdf").write_bytes(b"same")
    (old / "b.pdf").write_bytes(b"theirs")
    (tmp_path / ".po-pw/manifests/Supplier A").mkdir(parents=True)
    (tmp_path / ".po-pw/manifests/Supplier A/PO-001.json").write_text('{"files": 7}', "utf-8")
    run(tmp_path, {"a.pdf": b"same", "b.pdf": b"ours"})
    folder = "Supplier A/PO-001_COMPLETED"
    assert tree(tmp_path) == {f"{folder}/a.pdf": b"same", f"{folder}/b (2).pdf": b"theirs", f"{folder}/b.pdf": b"ours"}


def test_after_a_crash_between_the_renames_nothing_is_lost(tmp_path: Path) -> None:
    """A folder set aside is moved back, or removed if the new one is in place."""
    run(tmp_path, {"a.pdf": b"old"})
    old = tmp_path / "Supplier A" / "PO-001_COMPLETED"
    (old / "notes.txt").write_bytes(b"mine")
    aside = tmp_path / ".po-pw" / "aside" / "Supplier A" / "PO-001_COMPLETED"
    aside.parent.mkdir(parents=True)
    old.rename(aside)
    publishing.clear_aside(tmp_path)
    run(tmp_path, {"a.pdf": b"new"}, claim="2")
    aside.mkdir(parents=True)
    publishing.clear_aside(tmp_path)
    folder = "Supplier A/PO-001_COMPLETED"
    assert tree(tmp_path) == {f"{folder}/a.pdf": b"new", f"{folder}/notes.txt": b"mine"}
    assert not (tmp_path / ".po-pw" / "aside").exists()


def test_where_something_is_in_the_way_all_stays_and_it_can_be_tried_again(tmp_path: Path) -> None:
    """If a file has the final path, older folder and manifest stay; once it is gone, publishing works."""
    run(tmp_path, {"a.pdf": b"old"}, models.Status.PARTIAL)
    (tmp_path / "Supplier A/PO-001_PARTIAL/notes.txt").write_bytes(b"mine")
    before = tree(tmp_path)
    manifest = (tmp_path / ".po-pw/manifests/Supplier A/PO-001.json").read_bytes()
    in_the_way = tmp_path / "Supplier A" / "PO-001_COMPLETED"
    in_the_way.write_bytes(b"a file")
    work = staging.open_work(tmp_path, "PO-001", "2")
    files = [saved(work, 1, "b.pdf", b"b"), saved(work, 2, "a.pdf", b"a")]
    with pytest.raises(errors.FolderInUseError, match="PO-001_COMPLETED is a file"):
        finish(tmp_path, work, files)
    assert in_the_way.read_bytes() == b"a file"
    in_the_way.unlink()
    assert tree(tmp_path) == before
    assert (tmp_path / ".po-pw/manifests/Supplier A/PO-001.json").read_bytes() == manifest
    assert publishing.publish(
        tmp_path, work.path.relative_to(tmp_path).as_posix(), "Supplier A/PO-001_COMPLETED", late=True
    )
    folder = "Supplier A/PO-001_COMPLETED"
    assert tree(tmp_path) == {f"{folder}/a.pdf": b"a", f"{folder}/b.pdf": b"b", f"{folder}/notes.txt": b"mine"}


def test_leftovers_of_earlier_attempts_do_not_come_along(tmp_path: Path) -> None:
    """Partial and vanished files are not in the final folder."""
    work = staging.open_work(tmp_path, "PO-001", "1")
    (work.path / "0002.part").write_bytes(b"half")
    (work.path / "0003").write_bytes(b"shown no more")
    finish(tmp_path, work, [saved(work, 1, "a.part", b"whole")])
    assert tree(tmp_path) == {"Supplier A/PO-001_COMPLETED/a.part": b"whole"}


def test_whole_paths_fit_the_budget(tmp_path: Path) -> None:
    """Long names are cut to fit the output path; if that is impossible, the message says what to do."""
    shortest = len(str(tmp_path / ".po-pw" / "work")) + 1 + 16 + 1 + 32 + 1 + 24
    done = run(tmp_path, {"a rather long name of an invoice.pdf": b"1", "x" * 300 + ".tar.gz": b"2"}, max_path=shortest)
    paths = [tmp_path / done.folder / file.path for file in done.files]
    assert all(path.is_file() and len(str(path)) <= shortest for path in paths)
    assert [path.suffix for path in paths] == [".pdf", ".gz"]
    work = staging.open_work(tmp_path, "PO-001", "2")
    with pytest.raises(errors.PermanentError, match=r"--out.*--max-path"):
        finish(tmp_path, work, [saved(work, 1, "a.pdf")], max_path=shortest - 1)
    work.discard()
    assert not work.path.exists()


def test_an_output_too_deep_for_any_order_is_refused_before_the_first(tmp_path: Path) -> None:
    """One order's long names fail that order; an output too deep for all ends the run at its start."""
    shortest = len(str(tmp_path / ".po-pw" / "work")) + 1 + 16 + 1 + 32 + 1 + 24
    staging.check_depth(tmp_path, shortest)
    with pytest.raises(errors.MachineError, match=r"--out.*--max-path"):
        staging.check_depth(tmp_path, shortest - 1)


@pytest.mark.parametrize(
    ("po_number", "stem"), [("PO-001", "PO-001"), ("PO/1", "PO_1"), ("..", "order"), ("  PO 1. ", "PO 1")]
)
def test_stems(po_number: str, stem: str) -> None:
    """An order's number, made safe, is its folder's name."""
    order = models.PurchaseOrder(models.order_key(po_number), po_number, "https://portal.example/")
    assert staging.stem(order) == stem


@pytest.mark.parametrize(
    ("supplier", "folder"),
    [("ACME / West", "ACME _ West"), ("", ""), (".po-pw", "_.po-pw"), ("Results.CSV", "_Results.CSV"), ("..", "")],
)
def test_suppliers_folders(supplier: str, folder: str) -> None:
    """A supplier's folder is safe, visible, and not one of ours."""
    assert staging.parent([supplier]) == folder
    assert len(staging.parent(["x" * 300])) <= 80


def test_existing_folders_are_found_by_any_ending(tmp_path: Path) -> None:
    """An order's folder is found with any status; another order's is not."""
    assert order_paths.existing(tmp_path, "Supplier A", "PO-001") == []
    run(tmp_path, {}, models.Status.FAILED)
    (tmp_path / "Supplier A" / "PO-0011_COMPLETED").mkdir()
    assert order_paths.existing(tmp_path, "Supplier A", "PO-001") == [tmp_path / "Supplier A" / "PO-001_FAILED"]


def test_orders_of_like_names_work_side_by_side(tmp_path: Path) -> None:
    """Orders with equal safe names have separate work folders."""
    one, two = staging.open_work(tmp_path, "PO/1", "a"), staging.open_work(tmp_path, "PO_1", "b")
    assert one.path != two.path
    finish(tmp_path, one, [saved(one, 1, "a.pdf")], stem="PO_1")
    finish(tmp_path, two, [saved(two, 1, "b.pdf")], stem="PO_1~2")
    assert {*tree(tmp_path)} == {"Supplier A/PO_1_COMPLETED/a.pdf", "Supplier A/PO_1~2_COMPLETED/b.pdf"}


def test_orders_of_one_supplier_end_at_the_same_time(tmp_path: Path) -> None:
    """Shared folders are created, emptied and removed by several orders at once without errors."""

    def go_on(number: int) -> None:
        order = models.PurchaseOrder(
            models.order_key(f"PO-{number}"), f"PO-{number}", "https://portal.example/orders/1"
        )
        earlier = ""
        for turn in range(25):
            work = staging.open_work(tmp_path, "PO/1" if number % 2 else "PO:1", f"{number}-{turn}")
            supplier, stem = f"Supplier {turn // 2 % 2}", f"PO-{number}"
            files = [saved(work, 1, "a.pdf", f"{number} {turn}".encode())]
            earlier = finish(tmp_path, work, files, order=order, supplier=supplier, stem=stem, earlier=earlier).folder

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(go_on, range(8)))
    assert tree(tmp_path) == {f"Supplier 0/PO-{number}_COMPLETED/a.pdf": f"{number} 24".encode() for number in range(8)}
    assert not (tmp_path / ".po-pw" / "aside").exists()


def test_what_another_program_holds_is_tried_again_for_a_while() -> None:
    """A rename refused for a moment succeeds; one refused for longer is an error."""
    times, left = iter(range(100)), [PermissionError(), PermissionError()]

    def action() -> None:
        if left:
            raise left.pop()

    pauses: list[float] = []
    filesystem.retry_while_locked(action, timeout=5, clock=lambda: next(times), sleep=pauses.append)
    assert len(pauses) == 2
    left.extend(PermissionError() for _ in range(50))
    with pytest.raises(PermissionError):
        filesystem.retry_while_locked(action, timeout=5, clock=lambda: next(times), sleep=pauses.append)


@pytest.mark.parametrize(
    "supplier", ["PO-001.json", "po-001.JSON", "PO-001.json~", "PO-001_COMPLETED", "po-001_failed"]
)
@pytest.mark.parametrize("supplier_first", [True, False])
def test_a_supplier_called_like_an_orders_manifest_or_folder(
    tmp_path: Path, supplier: str, supplier_first: bool
) -> None:
    """Neither affects the other, also without case, and each manifest is of its own folder."""
    for claim, whose in enumerate([supplier, ""] if supplier_first else ["", supplier]):
        run(tmp_path, {"a.pdf": whose.encode()}, claim=str(claim), supplier=whose)
    found = sorted(tree(tmp_path).items())
    own = f"{supplier}_" if "_" in supplier else supplier
    assert dict(found) == {f"{own}/PO-001_COMPLETED/a.pdf": supplier.encode(), "PO-001_COMPLETED/a.pdf": b""}
    told = [manifests.read(*one) for one in manifests.iterate(tmp_path / ".po-pw")]
    assert {one.folder for one in told} == {f"{own}/PO-001_COMPLETED", "PO-001_COMPLETED"}
    paths = [path.relative_to(tmp_path).as_posix() for path, _, _ in manifests.iterate(tmp_path / ".po-pw")]
    assert not any(other.casefold().startswith(f"{one.casefold()}/") for one in paths for other in paths)


def test_no_two_suppliers_share_a_folder_of_manifests() -> None:
    """What keeps a supplier from looking like a manifest is removed again when read."""
    suppliers = ["a.json", "a.json~", "a.json~~", "a.JSON", "a", "a~"]
    places = [manifests.path(Path("x"), supplier, "PO-1") for supplier in suppliers]
    assert len({str(one) for one in places}) == len(suppliers)
