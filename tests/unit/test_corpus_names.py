"""The names in fixtures/corpus/names.json as files, suppliers and PO numbers, by rule and on disk."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import json
import re
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hypothesis
import pathvalidate
import pytest
from hypothesis import strategies as st

from po_pw import models
from po_pw.storage import names, publishing, staging

if TYPE_CHECKING:
    from collections.abc import Sequence

CORPUS: Final = json.loads((Path(__file__).parents[2] / "fixtures" / "corpus" / "names.json").read_text("utf-8"))
NOW: Final = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')
BATCH: Final = 31
ROOM: Final = 210
"""Characters below the output directory: two long folder names and a file's."""


def said(entry: dict[str, Any]) -> str:
    return str(entry["why"])


def whole(entry: dict[str, Any]) -> str:
    """The name; long ones are stored as a repeated part and a count."""
    return str(entry["name"]) * int(entry.get("times", 1)) + str(entry.get("end", ""))


WHOLE: Final = tuple(map(whole, CORPUS))


def check(name: str) -> None:
    """Checks that Windows, macOS and Linux accept the name, and that it is recognisable."""
    assert not FORBIDDEN.search(name)
    assert name not in {".", ".."}
    assert name == name.strip()
    assert not name.endswith(".")
    assert name == unicodedata.normalize("NFC", name)
    assert not {unicodedata.category(char) for char in name} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert len(name.encode()) <= 255
    for platform in (pathvalidate.Platform.WINDOWS, pathvalidate.Platform.MACOS, pathvalidate.Platform.LINUX):
        pathvalidate.validate_filename(name, platform=platform)


def test_there_are_enough() -> None:
    """The corpus has enough names, each once and with its purpose."""
    assert len(CORPUS) >= 200
    assert len(set(WHOLE)) == len({said(entry) for entry in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("entry", CORPUS, ids=said)
def test_a_name_becomes_safe(entry: dict[str, Any]) -> None:
    """As a file, supplier or PO each name becomes one safe name or nothing, and then stays the same."""
    name = whole(entry)
    file, folder = names.file_name(name), names.folder_name(name)
    check(file)
    assert names.file_name(file) == file
    assert file == entry.get("safe", file)
    if folder:
        check(folder)
    assert names.folder_name(folder) == folder
    assert folder == entry.get("folder", folder)


@pytest.mark.parametrize("room", [24, 40, 90, 240])
def test_all_of_them_in_one_order(room: int) -> None:
    """All names together, twice, each get a different safe name with its extension, always the same."""
    sent = [*WHOLE, *WHOLE]
    final = names.assign(sent, room)
    assert len({models.folded(name) for name in final}) == len({name.upper() for name in final}) == len(sent)
    for name, before in zip(final, sent, strict=True):
        check(name)
        assert names.utf16_length(name) <= room
        assert names.split(name)[1] == names.split(names.file_name(before))[1]
    assert names.assign(sent, room) == final


@pytest.mark.slow
def test_names_alike_for_a_file_system_are_told_apart() -> None:
    """Names that some file system treats as equal get different names."""
    alike: dict[str, set[str]] = {}
    for code in itertools.chain(range(0x20, 0xD800), range(0xE000, 0x20000)):
        char = chr(code)
        for form in (char.upper(), char.lower().upper(), unicodedata.normalize("NFD", char).upper()):
            alike.setdefault(form, set()).add(models.folded(f"a{char}"))
    assert not [folded for folded in alike.values() if len(folded) > 1]


def run(out: Path, sent: Sequence[str], *, supplier: str, po_number: str, claim: str, most: int) -> staging.Prepared:
    """One order from slots to its final folder; each file has its own content."""
    order = models.PurchaseOrder(models.order_key(po_number), po_number, "https://portal.example/1", supplier)
    (out / ".po-pw").mkdir(parents=True, exist_ok=True)
    work = staging.open_work(out, po_number, claim)
    files = []
    for number, name in enumerate(sent):
        content = f"{number}".encode()
        work.slot(number).write_bytes(content)
        files.append(
            models.SavedFile(
                f"a{number}",
                str(work.slot(number)),
                name,
                len(content),
                hashlib.sha256(content).hexdigest(),
                "application/pdf",
                "http",
                "https://portal.example/file",
            )
        )
    prepared = staging.prepare(
        out,
        work,
        order=order,
        supplier=supplier,
        stem=staging.stem(order),
        status=models.Status.COMPLETED,
        files=files,
        missing=(),
        max_path=most,
        now=NOW,
    )
    assert publishing.publish(out, prepared.work, prepared.folder, prepared.replaces)
    return prepared


def seen(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def check_on_disk(out: Path, prepared: staging.Prepared, sent: Sequence[str], most: int) -> None:
    """Checks that every file is in the order's folder under a safe name, with its content, and its path fits."""
    folder = out / prepared.folder
    parts = Path(prepared.folder).parts
    assert 1 <= len(parts) <= 2
    assert parts[0].casefold() not in {".po-pw", "results.csv", "results.xlsx", "results.json", "failed.csv"}
    for part in parts:
        check(part)
    assert folder.resolve().is_relative_to(out.resolve())
    assert len(list(folder.iterdir())) == len(sent)
    for number, file in enumerate(prepared.files):
        check(file.path)
        path = folder / file.path
        assert path.read_text() == str(number)
        assert names.utf16_length(str(path)) <= most
    assert not list((out / ".po-pw" / "work").iterdir())
    assert seen(out) == {
        ".po-pw",
        ".po-pw/work",
        ".po-pw/manifests",
        *(f".po-pw/manifests/{name}" for name in seen(out / ".po-pw/manifests")),
        *("/".join(parts[:depth]) for depth in range(1, len(parts) + 1)),
        *(f"{prepared.folder}/{file.path}" for file in prepared.files),
    }


@pytest.mark.parametrize("start", range(0, len(WHOLE), BATCH))
def test_on_a_real_disk(start: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders, suppliers and files with such names are written inside the output, twice the same."""
    out, aside = tmp_path / "o", tmp_path / "elsewhere"
    aside.mkdir()
    monkeypatch.chdir(aside)
    sent = WHOLE[start : start + BATCH]
    supplier, po_number = WHOLE[-1 - start], WHOLE[start + len(sent) // 2]
    most = names.utf16_length(str(out)) + ROOM
    first = run(out, sent, supplier=supplier, po_number=po_number, claim="1", most=most)
    check_on_disk(out, first, sent, most)
    again = run(out, sent, supplier=supplier, po_number=po_number, claim="2", most=most)
    check_on_disk(out, again, sent, most)
    assert (again.folder, [file.path for file in again.files]) == (first.folder, [file.path for file in first.files])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "o"]
    assert not list(aside.iterdir())


def test_each_as_a_supplier_and_an_order(tmp_path: Path) -> None:
    """No name leaves the output, is hidden, or replaces a folder of ours."""
    for name in WHOLE:
        parent = staging.parent([name])
        order = models.PurchaseOrder(models.order_key(name), name, "https://portal.example/1")
        stem = staging.stem(order)
        for part in (parent, stem):
            if part:
                check(part)
            assert names.utf16_length(part) <= 80
        assert not parent.startswith(".")
        folder = tmp_path / parent / f"{stem}_COMPLETED"
        assert folder.resolve().is_relative_to(tmp_path.resolve())


awkward = st.one_of(
    st.sampled_from(WHOLE[:-1]),
    st.text(st.sampled_from(" ./\\:~()2aA\u0301\u00e9\u202e\u200b\u0000CONul1.pdf\U0001f600\ud800\u3164"), max_size=40),
    st.text(max_size=300),
)


@pytest.mark.slow
@hypothesis.settings(max_examples=30, deadline=None, derandomize=True)
@hypothesis.given(st.lists(awkward, max_size=6), awkward, awkward)
def test_any_names_on_a_real_disk(sent: list[str], supplier: str, po_number: str) -> None:
    """The same for any text."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "o"
        most = names.utf16_length(str(out)) + ROOM
        prepared = run(out, sent, supplier=supplier, po_number=po_number, claim="1", most=most)
        check_on_disk(out, prepared, sent, most)
        assert [path.name for path in Path(folder).iterdir()] == ["o"]


def test_somebody_elses_files_may_be_called_as_ours_are_for_a_moment(tmp_path: Path) -> None:
    """Files called `.0000~` in an older folder are kept like any others."""
    first = run(tmp_path, ["a", "b"], supplier="", po_number="1", claim="1", most=300)
    (tmp_path / first.folder / ".0000~").write_text("mine")
    run(tmp_path, ["a", "b"], supplier="", po_number="1", claim="2", most=300)
    assert (tmp_path / first.folder / ".0000~").read_text() == "mine"


def test_names_fit_into_the_work_folder_too(tmp_path: Path) -> None:
    """The path in the work folder, which may be longer than the final one, fits, too."""
    most = names.utf16_length(str(tmp_path)) + 150
    claim = "20261125-113815-4f2a-123456"
    done = run(tmp_path, ["x" * 190 + ".pdf"], supplier="", po_number="1", claim=claim, most=most)
    work = tmp_path / ".po-pw" / "work" / "1" / claim / done.files[0].path
    assert names.utf16_length(str(work)) <= most
