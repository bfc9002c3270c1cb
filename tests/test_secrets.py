"""Nothing that opens a door is written down: one whole run, and every byte it leaves behind."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from po_pw import redact
from tests.secretive_portal import SECRETS, SecretivePortal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.loop_thread import LoopThread

WAYS = ("utf-8", "utf-16-le", "utf-16-be")


@pytest.fixture
def portal(loop: LoopThread) -> Iterator[SecretivePortal]:
    running = SecretivePortal()
    loop.run(running.start())
    yield running
    loop.run(running.close())


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for everything temporary; its path is short, as Chromium's sockets need it."""
    with tempfile.TemporaryDirectory(prefix="s", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Machine:
    """Runs the command line with a home, a place for the output and a folder for what is temporary of its own."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.folder = folder
        self.temporary = temporary
        self.said = ""
        """All that was printed."""

    def begin(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        mine = {
            "PO_PW_HOME": str(self.folder / "home"),
            "PO_PW_BACKOFF_BASE": "0.05",
            "PO_PW_PATIENCE": "0.3",
            "PO_PW_ATTEMPTS": "2",
            "TMPDIR": str(self.temporary),
            **environment,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "po_pw", *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **mine},
            encoding="utf-8",
        )

    def end(self, process: subprocess.Popen[str]) -> int:
        said, _ = process.communicate(timeout=300)
        self.said += said
        return process.returncode

    def do(self, *words: str, **environment: str) -> int:
        return self.end(self.begin(*words, **environment))

    def found(self) -> list[str]:
        """Each secret that was written anywhere, with the place; not in what `is_for_secrets`."""
        contents = {"what was printed": self.said.encode()}
        for folder in (self.folder / "downloads", self.folder / "home", self.temporary):
            for path in files_in(folder):
                # What the watchdog removes meanwhile was for secrets.
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file() and not is_for_secrets(path):
                        contents[str(path)] = path.read_bytes()
            contents |= {f"the name {path}": str(path.relative_to(folder)).encode() for path in files_in(folder)}
        for name in [
            name for name in contents if name.endswith((".xlsx", ".zip")) and not name.startswith("the name ")
        ]:
            with zipfile.ZipFile(name) as book:
                contents |= {f"{name}/{part}": book.read(part) for part in book.namelist()}
        return [
            f"{place} in {name}"
            for name, content in contents.items()
            for place, secret in SECRETS.items()
            if any(form in content for form in forms(secret))
        ]


def files_in(folder: Path) -> list[Path]:
    return [Path(place) / name for place, _, names in os.walk(folder) for name in names]


def is_for_secrets(path: Path) -> bool:
    """The saved sign-in, and browsers' profiles while they last: for the owner alone, and no use without cookies."""
    return path.name == "storage_state.json" or not {"profile", "profiles"}.isdisjoint(path.parts)


def forms(secret: str) -> set[bytes]:
    """How a secret may be written: as text, percent-encoded, and in base64 wherever in it it begins."""
    found = {secret.encode(way) for way in WAYS}
    found.add("".join(f"%{byte:02X}" for byte in secret.encode()).encode())
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + secret.encode())
        found.add(whole[4 if shift else 0 : len(whole) // 4 * 4 - 4])
    return found


@pytest.mark.timeout(400)
def test_no_secret_of_a_portal_is_written_anywhere(
    portal: SecretivePortal, loop: LoopThread, tmp_path: Path, temporary: Path
) -> None:
    """Each in a place of its own: addresses, pages, answers, cookies, the password. Looked for in every byte after a
    sign-in, a SIGKILL in the middle, and the run that goes on; nothing is fetched twice though signatures changed.
    """
    machine = Machine(tmp_path, temporary)
    (tmp_path / "pos.csv").write_text(portal.list(), "utf-8")
    first = f"{portal.origin}/orders/1?id=1&token={SECRETS['order_query']}"
    assert machine.do("login", first, "--username", "anna", PO_PW_PASSWORD=SECRETS["password"]) == 0, machine.said
    assert any(SECRETS["session_cookie"].encode() in path.read_bytes() for path in files_in(tmp_path / "home"))
    killed = machine.begin("process", "pos.csv", "-w", "1", "-v")
    loop.run(portal.is_slow.wait(), 300)
    killed.kill()
    machine.end(killed)
    assert machine.found() == []
    loop.run(portal.go_on())
    assert machine.do("process", "pos.csv", "-w", "2", "-v") == 1, machine.said  # some of it failed, as it should
    out = tmp_path / "downloads"
    assert sorted(path.name for path in out.glob("PO-1_PARTIAL/*")) == [
        "form.pdf",
        "good.pdf",
        "moved.pdf",
        "named REDACTED.pdf",
    ], machine.said
    assert sorted(path.name for path in out.glob("PO-5_COMPLETED/*")) == ["first.pdf", "slow.pdf"]
    fetched = {name: portal.asked[name] for name in ("good.pdf", "moved.pdf", "first.pdf", "named.pdf", "slow.pdf")}
    assert fetched == {"good.pdf": 1, "moved.pdf": 2, "first.pdf": 1, "named.pdf": 1, "slow.pdf": 2}
    machine.do("status", "downloads", "--json")
    machine.do("status", "downloads", "--audit")
    machine.do("portal", "inspect", first, "--json")
    assert machine.found() == []
    rows = {row["po_number"]: row for row in json.loads((out / "results.json").read_text("utf-8"))["rows"]}
    assert rows["PO-1"]["source_url"] == rows["PO-1"]["input"]["url"] == f"{portal.origin}/orders/1?id=1&token=REDACTED"
    sources = {gap["name"]: gap["source"] for gap in rows["PO-1"]["missing"]}
    assert sources["Shared folder"].startswith("https://share.example/f?id=5&sig=REDACTED&next=https%3A%2F%2Fh.example")
    assert rows["PO-3"]["error_code"] == "INVALID_URL"
    assert rows["PO-2"]["error_code"] == "NOT_RECOGNISED"
    assert (out / ".po-pw" / "evidence" / "PO-2" / "page.html").exists()
    assert "po-pw portal inspect" not in machine.said or "id=" in machine.said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://h/a?sig=1#f failed", "GET https://h/a?*** failed"),
        ("at https://u:pw@h/a;jsessionid=2/b", "at https://h/a/b"),
        ('{"url": "http://h/?token=1"}', '{"url": "http://h/?***"}'),
        ("Cookie: a=1; b=2\nnext", "Cookie: ***\nnext"),
        ("set-cookie: sid=1; Path=/", "set-cookie: ***"),
        ("Authorization: Basic dXNlcg==", "Authorization: ***"),
        ("password='x y' and more", "password=*** and more"),
        ("X-Amz-Signature=abc&x", "X-Amz-Signature=***&x"),
        ("the sign-in for https://h cannot be read", "the sign-in for https://h cannot be read"),
        ("no password given: type it at the prompt", "no password given: type it at the prompt"),
    ],
)
def test_texts_are_shown_without_secrets(text: str, shown: str) -> None:
    """Whatever an error of somebody else's says: addresses lose user, parameters and query, and named secrets go."""
    assert redact.text(text) == shown
