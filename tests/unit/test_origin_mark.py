"""The mark of the web on each system; every published file has it."""

from __future__ import annotations

import datetime
import plistlib
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Final

import pytest
from aiohttp import web

from po_pw import models, settings
from po_pw.downloads import fetch, size_limits
from po_pw.storage import filesystem, origin_mark
from po_pw.transport import client
from tests.helpers import faulty_server, marks, support

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT: Final = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
EVENT: Final = uuid.UUID("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
PDF: Final = b"%PDF-1.7\n%%EOF\n"
PAGE: Final = "https://portal.example/orders/7?session=SECRET"
ORIGIN: Final = origin_mark.Origin.of("https://user:SECRET@files.example/get/7;jsessionid=SECRET?sig=SECRET#a", PAGE)


def written(platform: str, origin: origin_mark.Origin = ORIGIN) -> dict[str, bytes]:
    return origin_mark.contents(platform, origin, at=AT, event=EVENT)


# --- what is written: everywhere alike -------------------------------------------------------------------------------


def test_windows_gets_the_zone_as_browsers_write_it() -> None:
    """Zone 3 is the internet; lines end as in an .ini file."""
    assert written("win32") == {
        "Zone.Identifier": b"[ZoneTransfer]\r\nZoneId=3\r\nReferrerUrl=https://portal.example/orders/7\r\n"
        b"HostUrl=https://files.example/get/7\r\n"
    }
    nowhere = origin_mark.Origin.of("blob:https://portal.example/1", "")
    assert written("win32", nowhere)["Zone.Identifier"] == b"[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=about:internet\r\n"


def test_macos_gets_quarantine_and_where_from() -> None:
    """Flags, time in hexadecimal, program and event; addresses as a property list."""
    given = written("darwin")
    assert given["com.apple.quarantine"] == f"0081;{int(AT.timestamp()):08x};po-pw;{str(EVENT).upper()}".encode()
    where_from = given["com.apple.metadata:kMDItemWhereFroms"]
    assert where_from.startswith(b"bplist00")
    assert plistlib.loads(where_from) == ["https://files.example/get/7", "https://portal.example/orders/7"]
    assert list(written("darwin", origin_mark.Origin("", ""))) == ["com.apple.quarantine"]


def test_linux_gets_the_addresses() -> None:
    """Attributes as freedesktop.org names them; none without an address."""
    assert written("linux") == {
        "user.xdg.origin.url": b"https://files.example/get/7",
        "user.xdg.referrer.url": b"https://portal.example/orders/7",
    }
    assert written("linux", origin_mark.Origin("", "")) == {}
    assert written("freebsd14") == {}


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux"])
@pytest.mark.parametrize(
    ("url", "shown_on"),
    [
        ("https://files.example/a?token=SECRET", PAGE),
        ("https://files.example/a\r\nZoneId=0\r\nHostUrl=https://x?SECRET", ""),
        ("https://files.example/Größe 7.pdf", "https://müller.example/ü"),
        ("blob:https://portal.example/SECRET", PAGE),
        ("data:text/plain,SECRET", ""),
        ("https://[bad?SECRET", "https://h/\ud800?SECRET"),
    ],
)
def test_nothing_secret_and_no_line_of_its_own_is_written(platform: str, url: str, shown_on: str) -> None:
    """An address is one ASCII line without user, parameters, query and fragment."""
    for name, value in written(platform, origin_mark.Origin.of(url, shown_on)).items():
        assert b"SECRET" not in value, name
        if not value.startswith(b"bplist"):
            assert value.isascii()
            assert value.count(b"\nZoneId=") == (platform == "win32")


def test_what_a_script_made_comes_from_its_page() -> None:
    """A `blob:` is marked with its page's address."""
    assert origin_mark.Origin.of("blob:https://portal.example/1", PAGE).url == "https://portal.example/orders/7"


# --- on this system --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if not marks.is_kept_in(tmp_path):
        pytest.skip("this file system keeps no marks")
    return tmp_path


def fetched(into: Path, *, is_marked: bool = True, at: str = "/get/7?sig=SECRET") -> str:
    """Downloads a file over HTTP; returns the server's address."""

    async def go() -> str:
        async with (
            faulty_server.serve() as server,
            client.Client(files_in_all=1, files_per_host=1, stall_timeout=30) as them,
        ):
            for path in ("/get/7", at.partition("?")[0]):
                server.answers[path] = lambda: web.Response(
                    body=PDF, headers={"Last-Modified": "Mon, 05 Jan 2026 10:20:30 GMT"}
                )
            url, ours = server.url(at), them.session("Agent/1")
            try:
                await fetch.fetch(
                    models.Attachment("a1", "a.pdf", models.Link(url, server.url("/orders/7?session=SECRET"))),
                    into,
                    ask=lambda conditions: ours.get(url, conditions=conditions),
                    limits=size_limits.Limits(),
                    on_bytes=lambda _: None,
                    now=lambda: AT,
                    is_marked=is_marked,
                )
            finally:
                await ours.aclose()
            return server.url("")

    return support.run_async(go())


def adopted(into: Path, part: Path, *, is_marked: bool = True) -> None:
    """Takes over a browser's download with the browser's own mark."""
    part.write_bytes(PDF)
    told = origin_mark.Origin("https://files.example/get/7?sig=SECRET", PAGE)
    origin_mark.set_mark(part, told, at=AT)
    assert b"SECRET" in b"".join(marks.of(part).values())
    support.run_async(
        fetch.adopt(
            models.Attachment("a2", "a.pdf", models.Click(models.Control("button", "Get"))),
            into,
            part,
            sent_name="a.pdf",
            url="https://files.example/get/7?sig=SECRET",
            headers={},
            limits=size_limits.Limits(),
            on_bytes=lambda _: None,
            now=lambda: AT,
            page=PAGE,
            is_marked=is_marked,
        )
    )


def test_a_file_is_marked_when_it_gets_its_name(folder: Path) -> None:
    """The browser's own mark is replaced; the date is the server's."""
    origin = fetched(folder / "0001")
    mark = b"".join(marks.of(folder / "0001").values())
    assert f"{origin}/get/7".encode() in mark
    assert f"{origin}/orders/7".encode() in mark
    dated = datetime.datetime(2026, 1, 5, 10, 20, 30, tzinfo=datetime.UTC)
    assert (folder / "0001").stat().st_mtime == dated.timestamp()
    adopted(folder / "0002", folder / "5f3c")
    click = b"".join(marks.of(folder / "0002").values())
    assert b"https://files.example/get/7" in click
    assert b"https://portal.example/orders/7" in click
    assert b"SECRET" not in mark + click


def test_without_the_mark_there_is_none(folder: Path) -> None:
    """If switched off there is no mark, not even the browser's."""
    fetched(folder / "0001", is_marked=False)
    adopted(folder / "0002", folder / "5f3c", is_marked=False)
    assert marks.of(folder / "0001") == marks.of(folder / "0002") == {}


def test_the_mark_comes_along(folder: Path) -> None:
    """Links and copies keep the mark."""
    (folder / "a").write_bytes(PDF)
    origin_mark.set_mark(folder / "a", ORIGIN, at=AT)
    mark = marks.of(folder / "a")
    assert mark
    filesystem.link_or_copy(str(folder / "a"), str(folder / "b"))
    (folder / "c").write_bytes(PDF)
    origin_mark.copy_mark(folder / "a", folder / "c")
    filesystem.rename(folder / "b", folder / "d")
    assert marks.of(folder / "c") == marks.of(folder / "d") == mark


@pytest.mark.skipif(sys.platform != "linux", reason="these ways of refusing are Linux's")
def test_a_file_system_that_refuses_marks_is_no_fault_of_the_file(folder: Path, refusing: Path) -> None:
    """Without support for marks (`ENOTSUP`, `ENOSPC`, `E2BIG`) files are saved without one."""
    fetched(refusing / "0001")
    assert (refusing / "0001").read_bytes() == PDF
    (folder / "a").write_bytes(PDF)
    origin_mark.set_mark(folder / "a", ORIGIN, at=AT)
    filesystem.link_or_copy(str(folder / "a"), str(refusing / "b"))  # another file system: a copy
    filesystem.link_or_copy(str(refusing / "0001"), str(folder / "c"))
    assert (refusing / "b").read_bytes() == (folder / "c").read_bytes() == PDF
    for length in (6_000, 100_000):
        origin_mark.set_mark(folder / "a", origin_mark.Origin("https://h/" + "x" * length, "https://h/"), at=AT)
        assert marks.of(folder / "a")["user.xdg.referrer.url"] == b"https://h/"
    fetched(folder / "0003", at=f"/{'x' * 7_000}")
    assert (folder / "0003").read_bytes() == PDF


@pytest.fixture
def refusing(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system without extended attributes."""
    made = tmp_path / "ram"
    made.mkdir()
    try:
        subprocess.run(["/bin/mount", "-t", "ramfs", "none", str(made)], check=True, capture_output=True)
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("nothing can be mounted here")
    try:
        assert not marks.is_kept_in(made)
        yield made
    finally:
        subprocess.run(["/bin/umount", "-l", str(made)], check=True)


@pytest.mark.skipif(sys.platform != "win32", reason="streams of NTFS")
def test_on_windows_the_system_takes_it_for_the_mark(folder: Path) -> None:
    """PowerShell's `Unblock-File` recognises and removes it."""
    fetched(folder / "0001")
    told = ["powershell", "-NoProfile", "-Command", f"Unblock-File -LiteralPath '{folder / '0001'}'"]
    subprocess.run(told, check=True, capture_output=True)
    assert marks.of(folder / "0001") == {}
    assert [path.name for path in folder.iterdir()] == ["0001"]


def test_it_can_be_left_out_as_any_setting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By flag, environment and file; a wrong value names the flag."""
    monkeypatch.chdir(folder)
    assert settings.load().mark_of_the_web
    (folder / "po-pw.toml").write_text("mark_of_the_web = false\n", "utf-8")
    assert not settings.load().mark_of_the_web
    monkeypatch.setenv("PO_PW_MARK_OF_THE_WEB", "true")
    assert settings.load().mark_of_the_web
    assert not settings.load(mark_of_the_web=False).mark_of_the_web
