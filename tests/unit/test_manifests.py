"""An order's manifest: its exact content, and what is not accepted when it is read."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

import pytest

from po_pw import models
from po_pw.storage import manifests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = datetime.datetime(2026, 11, 26, 9, 30, tzinfo=datetime.UTC)
DIGEST = "0123456789abcdef" * 4
FILE = models.SavedFile(
    attachment_id="a1",
    path="Müller \udcff.pdf",
    sent_name="Müller \udcff.pdf",
    size=7,
    sha256=DIGEST,
    media_type="application/pdf",
    downloaded_by="http",
    source="https://portal.example/a1",
    section="Comments",
    saved_at=DAY,
    checks=("length", "type"),
    etag='"7"',
)
GAP = models.MissingFile(
    "a2", "b.pdf", "https://portal.example/a2", models.Failure(models.ErrorCode.NOT_FOUND, "HTTP 404"), "Header"
)
EARLIER: manifests.Entry = {"name": "old.pdf", "bytes": 3, "sha256": DIGEST, "note": "from a newer version"}
WRITTEN = """{
 "key": "PO-1",
 "po_number": "PO-1",
 "supplier": "A",
 "url": "https://portal.example/1",
 "folder": "A/PO-1_PARTIAL",
 "status": "PARTIAL",
 "written_at": "2026-11-26T09:30:00+00:00",
 "rules": 3,
 "files": [
  {
   "name": "Müller \\udcff.pdf",
   "sent_name": "Müller \\udcff.pdf",
   "attachment_id": "a1",
   "source": "https://portal.example/a1",
   "section": "Comments",
   "bytes": 7,
   "sha256": "DIGEST",
   "media_type": "application/pdf",
   "etag": "\\"7\\"",
   "downloaded_by": "http",
   "checks": [
    "length",
    "type"
   ],
   "modified_at": null,
   "saved_at": "2026-11-26T09:30:00+00:00"
  }
 ],
 "missing": [
  {
   "attachment_id": "a2",
   "name": "b.pdf",
   "source": "https://portal.example/a2",
   "section": "Header",
   "error_code": "NOT_FOUND",
   "error_message": "HTTP 404",
   "skipped_type": ""
  }
 ],
 "earlier": [
  {
   "name": "old.pdf",
   "bytes": 3,
   "sha256": "DIGEST",
   "note": "from a newer version"
  }
 ]
}""".replace("DIGEST", DIGEST)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A manifest with a file, a missing attachment and a file of an earlier outcome."""
    path = manifests.path(tmp_path, "A", "PO-1")
    path.parent.mkdir(parents=True)
    manifests.write(
        path,
        order=models.PurchaseOrder(models.OrderKey("PO-1"), "PO-1", "https://portal.example/1", "A", None, 1, ("A",)),
        supplier="A",
        folder="A/PO-1_PARTIAL",
        status=models.Status.PARTIAL,
        files=[FILE],
        missing=[GAP],
        earlier=[EARLIER],
        now=DAY,
        rules=3,
    )
    return path


def test_its_form_does_not_change(written: Path) -> None:
    """Keys, their order and the layout are fixed, also for a name that is not valid text."""
    assert written.read_text("utf-8") == WRITTEN


def test_what_was_written_is_read_again(written: Path) -> None:
    """Every field comes back as written."""
    found = manifests.read(written, "A", "PO-1")
    assert [record.to_file() for record in found.files] == [FILE]
    assert [record.to_missing() for record in found.missing] == [GAP]
    assert [(one.path, one.size, one.sha256) for one in found.earlier] == [("old.pdf", 3, DIGEST)]
    assert (found.key, found.status, found.written_at, found.rules) == ("PO-1", models.Status.PARTIAL, DAY, 3)
    assert manifests.entries_by_name(written)["old.pdf"] == EARLIER


def without(name: str, within: str = "") -> Callable[[dict[str, Any]], None]:
    """Removes a key."""

    def change(content: dict[str, Any]) -> None:
        del (content[within][0] if within else content)[name]

    return change


def with_value(name: str, value: object, within: str = "") -> Callable[[dict[str, Any]], None]:
    """Sets a key to another value."""

    def change(content: dict[str, Any]) -> None:
        (content[within][0] if within else content)[name] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("rules"),
        without("section", "missing"),
        without("skipped_type", "missing"),
        with_value("more", 7),
        with_value("more", 7, "files"),
    ],
)
def test_one_of_another_version_is_read(written: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Missing later keys are accepted, and unknown newer keys ignored."""
    changed(written, change)
    found = manifests.read(written, "A", "PO-1")
    assert [record.to_file() for record in found.files] == [FILE]
    assert found.missing[0].section in {"Header", ""}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (without("key"), "key"),
        (without("files"), "files"),
        (without("attachment_id", "files"), "files.0.attachment_id"),
        (with_value("files", 7), "files"),
        (with_value("files", [7]), "files.0"),
        (with_value("status", "DONE"), "status"),
        (with_value("written_at", "yesterday"), "written_at"),
        (with_value("bytes", -1, "files"), "files.0.bytes"),
        (with_value("bytes", None, "earlier"), "earlier.0.bytes"),
        (with_value("sha256", DIGEST.upper(), "files"), "files.0.sha256"),
        (with_value("sha256", f"{DIGEST}\n", "files"), "files.0.sha256"),
        (with_value("sent_name", 7, "files"), "files.0.sent_name"),
        (with_value("name", "../a.pdf", "files"), "files.0.name"),
        (with_value("name", "..", "earlier"), "earlier.0.name"),
        (with_value("name", "C:\\a.pdf", "files"), "files.0.name"),
        (with_value("error_code", "NO_SUCH_CODE", "missing"), "missing.0.error_code"),
    ],
)
def test_a_damaged_one_is_refused(written: Path, change: Callable[[dict[str, Any]], None], where: str) -> None:
    """A changed or cut manifest is refused with its file and key."""
    changed(written, change)
    with pytest.raises(ValueError, match=f"PO-1.json is not a manifest: {where}: ") as refused:
        manifests.read(written, "A", "PO-1")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "7", "[]", WRITTEN[:-20]])
def test_what_is_no_manifest_is_refused(written: Path, text: str) -> None:
    """No file of an invalid manifest counts as ours."""
    written.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"."):
        manifests.read(written, "A", "PO-1")
    assert manifests.entries_by_name(written) == {}


def test_the_copy_that_a_sync_program_made_is_refused(written: Path) -> None:
    """A copy whose name does not match its folder is refused."""
    with pytest.raises(ValueError, match=r"PO-1\.json is not the manifest of A/PO-1 \(2\)_PARTIAL"):
        manifests.read(written, "A", "PO-1 (2)")


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes a manifest by hand."""
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")
