"""No secret is written: one whole run, and every byte that it leaves."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from po_pw import errors, events, known_secrets, models, redact, redact_objects
from po_pw.cli import boundary
from po_pw.downloads import known_addresses
from po_pw.orders import read
from po_pw.portals import memory
from po_pw.portals.generic import attachment_ids, record_address
from tests.helpers.secretive_portal import SECRETS, SecretivePortal
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.loop_thread import LoopThread

WAYS = ("utf-8", "utf-16-le", "utf-16-be")


@pytest.fixture
def portal(loop: LoopThread) -> Iterator[SecretivePortal]:
    running = SecretivePortal()
    loop.run(running.start())
    yield running
    loop.run(running.close())


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files; its path is short, as Chromium's sockets need it."""
    with tempfile.TemporaryDirectory(prefix="s", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Machine:
    """Runs the command line with its own home, output and temporary folder."""

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
        said, _ = process.communicate(timeout=IN_TIME)
        self.said += said
        return process.returncode

    def do(self, *words: str, **environment: str) -> int:
        return self.end(self.begin(*words, **environment))

    def found(self) -> list[str]:
        """Each secret that was written, with its file; files of `is_for_secrets` are ignored."""
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
    """Whether a file may contain secrets: saved sign-ins, and profiles and traces during a run; owner only."""
    return path.name == "storage_state.json" or not {"profile", "profiles", "base", "traces"}.isdisjoint(path.parts)


def forms(secret: str) -> set[bytes]:
    """The ways to write a secret: as text, percent-encoded, and in base64 at each offset."""
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
    """No byte on disk contains a secret of addresses, pages, responses, cookies or the password.

    Checked after a sign-in, a SIGKILL, and the run that continues, both traced. Nothing is downloaded twice, although
    signatures change.
    """
    machine = Machine(tmp_path, temporary)
    (tmp_path / "pos.csv").write_text(portal.table(), "utf-8")
    first = f"{portal.origin}/orders/1?id=1&token={SECRETS['order_query']}"
    assert machine.do("login", first, "--username", "anna", PO_PW_PASSWORD=SECRETS["password"]) == 0, machine.said
    assert any(SECRETS["session_cookie"].encode() in path.read_bytes() for path in files_in(tmp_path / "home"))
    killed = machine.begin("process", "pos.csv", "-w", "1", "-v", "--trace")
    loop.run(portal.is_slow.wait(), 300)
    killed.kill()
    machine.end(killed)
    assert machine.found() == []
    loop.run(portal.go_on())
    assert machine.do("process", "pos.csv", "-w", "2", "-v", "--trace") == 1, (
        machine.said
    )  # some of it failed, as it should
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
    kept = {path.relative_to(out / ".po-pw" / "evidence").as_posix() for path in out.glob(".po-pw/evidence/*/*")}
    assert kept >= {"PO-2/page.html", "PO-2/trace.zip", "PO-4/trace.zip", "PO-1/answers.txt", "PO-1/trace.zip"}
    assert "po-pw portal inspect" not in machine.said or "id=" in machine.said


NESTED = base64.urlsafe_b64encode(b"https://p.example/o?token=5ecret99&x=1").decode().rstrip("=")
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://h/a?sig=1#f failed", "GET https://h/a?sig=REDACTED#f failed"),
        ("at https://u:pw@h/a;jsessionid=2/b", "at https://h/a;jsessionid=REDACTED/b"),
        ('{"url": "http://h/?token=1"}', '{"url": "http://h/?token=REDACTED"}'),
        ("see //host/a?sig=abc&id=5.", "see //host/a?sig=REDACTED&id=5."),
        ("/orders/5?token=abc&id=5", "/orders/5?token=REDACTED&id=5"),
        (
            "h/x?next=https%3A%2F%2Fp%2Fo%3Fid%3D5%26token%3Dabc",
            "h/x?next=https%3A%2F%2Fp%2Fo%3Fid%3D5%26token%3DREDACTED",
        ),
        (f"https://h/x?ret={NESTED}&id=5", "https://h/x?ret=REDACTED&id=5"),
        ("https://h/cb#access_token=abc&id=5", "https://h/cb#access_token=REDACTED&id=5"),
        ("https://h/#/orders/5?token=abc", "https://h/#/orders/5?token=REDACTED"),
        ("https://h/cb?code=SplxlO&state=af0ifj&id=5", "https://h/cb?code=REDACTED&state=REDACTED&id=5"),
        ("https://h/(S(lit3py55t21z5v55vlm25s55))/o.aspx?id=5", "https://h/REDACTED/o.aspx?id=5"),
        ("https://h/reset-password/3nT7abc9", "https://h/reset-password/REDACTED"),
        (f"https://h/f/{JWT}/a.pdf", "https://h/f/REDACTED/a.pdf"),
        ("https:\\/\\/u:pw@h\\/a?sig=abc", "https:\\/\\/h\\/a?sig=REDACTED"),
        ("https%3A%2F%2Fp%2Fo%3Ftoken%3Dabc", "https%3A%2F%2Fp%2Fo%3Ftoken%3DREDACTED"),
        ("SAMLResponse=PHNhbWw+abc", "SAMLResponse=REDACTED"),
        ("X-Amz-Signature=abc&x", "X-Amz-Signature=REDACTED&x"),
        ("Cookie: a=1; b=2\nnext", "Cookie: REDACTED\nnext"),
        ("set-cookie: sid=1; Path=/", "set-cookie: REDACTED"),
        ("Authorization: Basic dXNlcg==", "Authorization: REDACTED"),
        ("X-CSRF-Token: abcdefgh1", "X-CSRF-Token: REDACTED"),
        ("[('Set-Cookie', 'sid=a'), ('Via', 'x')]", "[('Set-Cookie', 'REDACTED'), ('Via', 'x')]"),
        ("<CIMultiDict('X-Api-Key': 'a1', 'X': 'y')>", "<CIMultiDict('X-Api-Key': 'REDACTED', 'X': 'y')>"),
        ("sent Bearer abc.def-123", "sent Bearer REDACTED"),
        ("sent Basic dXNlcjpwYXNz", "sent Basic REDACTED"),
        ('{"access_token":"ab\\"cd","x":1}', '{"access_token":"REDACTED","x":1}'),
        ('{\\"access_token\\":\\"abcd\\"}', '{\\"access_token\\":\\"REDACTED\\"}'),
        ("data-x=&quot;authToken&quot;:&quot;abc&quot;", "data-x=&quot;authToken&quot;:&quot;REDACTED&quot;"),
        ("password='x y' and more", "password='REDACTED' and more"),
        ("password: hunter", "password: REDACTED"),
        ("your one-time code is 123456", "your one-time code is REDACTED"),
        ("<input type=hidden name=a value='abc'>", "<input type=hidden name=a value='REDACTED'>"),
        ("<meta name=csrf-token content=abc>", "<meta name=csrf-token content=REDACTED>"),
        ("<AccessToken>abc</AccessToken>", "<AccessToken>REDACTED</AccessToken>"),
        (f"it said {JWT}", "it said REDACTED"),
        ("key ghp_0123456789abcdefghij0123", "key REDACTED"),
    ],
)
def test_texts_are_shown_without_secrets(text: str, shown: str) -> None:
    """Secrets in addresses, headers, JSON, forms, HTML and plain text are removed; clean texts are unchanged."""
    assert redact.text(text) == shown
    assert redact.text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "the sign-in for https://h cannot be read",
        "no password given: type it at the prompt",
        "status code is 404",
        "invalid token: sign in again",
        "Basic information12 about",
        "token: None",
        "https://h/po?code=4711&state=open",
        "https://h/o?id=2f1c7a52-1b1e-4c9e-9d55-0a1b2c3d4e5f&key=PO-2026-000012345&author=anna&inside=1",
        "https://drive.google.com/open?id=1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms",
        "https://h/blobs/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08?download=1",
        "po-pw portal inspect https://h/o?id=5 (with --accept)",
        "?path=C%3A%5CUsers%5Cx&q=a%3Db",
        "C:\\Users\\x: token",
        "PO-1: 2 of 3 attachments could not be fetched: a.pdf: HTTP 500 for https://h/signature/invoice5.pdf",
        "tokens and passwords, sessions and keys",
        "Größe: 5 kB; größer als 4 kB",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """What leads a person to the order, and the rest of a message, stays."""
    assert redact.text(text) == text


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        (
            "https://b.s3.amazonaws.com/a?X-Amz-Credential=A%2F1&X-Amz-Signature=f&X-Amz-Date=2",
            "https://b.s3.amazonaws.com/a?X-Amz-Credential=REDACTED&X-Amz-Signature=REDACTED&X-Amz-Date=2",
        ),
        (
            "https://storage.googleapis.com/b/a?X-Goog-Signature=f&GoogleAccessId=x",
            "https://storage.googleapis.com/b/a?X-Goog-Signature=REDACTED&GoogleAccessId=x",
        ),
        (
            "https://x.blob.core.windows.net/c/b?sv=2022&se=2027&sr=b&sp=r&sig=a%3D",
            "https://x.blob.core.windows.net/c/b?sv=2022&se=2027&sr=b&sp=r&sig=REDACTED",
        ),
        (
            "https://d1.cloudfront.net/a?Expires=1&Signature=f&Key-Pair-Id=K1&Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc29",
            "https://d1.cloudfront.net/a?Expires=1&Signature=REDACTED&Key-Pair-Id=REDACTED&Policy=REDACTED",
        ),
        (
            "https://b.oss-cn.aliyuncs.com/a?OSSAccessKeyId=L1&Signature=f&security-token=x",
            "https://b.oss-cn.aliyuncs.com/a?OSSAccessKeyId=REDACTED&Signature=REDACTED&security-token=REDACTED",
        ),
        (
            "https://b.cos.myqcloud.com/a?q-signature=f&x-cos-security-token=x&q-ak=1",
            "https://b.cos.myqcloud.com/a?q-signature=REDACTED&x-cos-security-token=REDACTED&q-ak=1",
        ),
        (
            "https://a.sharepoint.com/d?UniqueId=5&tempauth=v1.ey",
            "https://a.sharepoint.com/d?UniqueId=5&tempauth=REDACTED",
        ),
        ("https://cas.example/s?ticket=ST-1856339-aA5Yuvrxzpv8Tau1cYQ7", "https://cas.example/s?ticket=REDACTED"),
        ("https://h/s?ticket=4711", "https://h/s?ticket=4711"),
        ("blob:https://h/1b2c", "blob:"),
        ("data:text/plain,secret", "data:"),
        ("HTTPS://U:P@H:1/A?ID=5", "HTTPS://H:1/A?ID=5"),
        ("http:\\\\u:p@h/a", "http:\\\\h/a"),
        ("https://[::1]:8/a?sid=1", "https://[::1]:8/a?sid=REDACTED"),
        ("http://[", "http://["),
    ],
)
def test_signed_addresses_lead_where_they_led(url: str, clean: str) -> None:
    """Signed addresses of all storages and sign-ins are shown without their signature."""
    assert redact.address(url) == clean
    assert redact.address(clean) == clean


def test_what_a_run_knows_goes_wherever_it_stands() -> None:
    """Known secrets are removed, also escaped and encoded; short words and numbers are not remembered."""
    known_secrets.remember("pässw&rd-91", "kurz")
    known_secrets.remember_cookies(
        [
            {"name": "lang", "value": "en-GB"},
            {"name": "last", "value": "4500012345", "httpOnly": True},
            {"name": "sid", "value": "t0psecretvalue"},
            {"name": "view", "value": "list-of-orders"},
            {"name": "x", "value": "o9Xq77LbbzR2mmQk0"},
        ]
    )
    rest = "kurz en-GB 4500012345 list-of-orders"
    said = f"pässw&rd-91 p%C3%A4ssw%26rd-91 pässw&amp;rd-91 t0psecretvalue o9Xq77LbbzR2mmQk0 {rest}"
    assert redact.text(said) == f"{'REDACTED ' * 5}{rest}"
    assert redact.links("https://h/?q=1 password: mine") == "https://h/?q=1 password: mine"


def test_names_of_files_keep_their_meaning() -> None:
    """A token in a file name is removed; the extension and the rest stay."""
    assert redact.file_name(f"invoice {JWT}.pdf") == "invoice REDACTED.pdf"
    assert redact.file_name("report?token=abc123.pdf") == "report?token=REDACTED.pdf"
    for name in ("Password policy: 2026.pdf", "token=5.pdf", "a.tar.gz", "noext", ".pdf", "secret.docx"):
        assert redact.file_name(name) == name


def test_values_keep_what_says_which_order_is_meant() -> None:
    """Texts in values are cleaned; keys, folder names and numbers are not."""
    failure = models.Failure(models.ErrorCode.NETWORK, "GET https://h/?token=abc")
    event = events.FileFailed(models.WorkerId("w1"), models.OrderKey("token=1"), "a.pdf", failure)
    cleaned = redact_objects.values(event)
    assert cleaned.failure == models.Failure(models.ErrorCode.NETWORK, "GET https://h/?token=REDACTED")
    assert cleaned.key == "token=1"
    assert redact_objects.values(cleaned) is cleaned
    assert redact_objects.values({"password": "x", "n": [1, "sid=2"]}) == {
        "password": "REDACTED",
        "n": [1, "sid=REDACTED"],
    }


def test_an_internal_error_tells_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Neither the screen nor the file with details has the secret, not even of the error's cause."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cause = KeyError("Cookie: sid=c00kie5ecret")
    with pytest.raises(typer.Exit), boundary.report_errors():
        raise RuntimeError("asked https://u:pa55word@h/o?id=5&token=t0ken5ecret") from cause
    with pytest.raises(typer.Exit), boundary.report_errors():
        raise errors.InputError("'https://h/?sig=s1gned5ecret' is no host")
    (details,) = tmp_path.iterdir()
    said = details.read_text("utf-8") + "".join(capsys.readouterr())
    assert said.count("RuntimeError: asked https://h/o?id=5&token=REDACTED") == 2
    assert "KeyError: 'Cookie: REDACTED" in said
    assert [one for one in ("c00kie5ecret", "pa55word", "t0ken5ecret", "s1gned5ecret") if one in said] == []


def test_what_python_itself_prints_tells_no_secret() -> None:
    """Uncaught errors, errors in threads and warnings are printed without secrets."""
    code = """
import logging, threading
from po_pw.cli import uncaught
uncaught.redact_output()
logging.getLogger("x").warning("token=%s", "l0gged5ecret")
def fail(): raise ValueError("password: thread5ecret1")
t = threading.Thread(target=fail); t.start(); t.join()
raise ValueError("https://u:uncaught5ecret@h/")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert done.stderr.count("ValueError") == 2
    assert "5ecret" not in done.stderr.replace(code, ""), done.stderr


def test_a_list_that_lacks_secrets_says_so(tmp_path: Path) -> None:
    """A failed.csv with a removed secret is refused row by row, with what to do."""
    (tmp_path / "failed.csv").write_text("po_number,url\nPO-1,https://h.example/o?id=5&token=REDACTED\n", "utf-8")
    (row,) = read.open_table(tmp_path / "failed.csv").rows()
    assert row.problem is not None
    assert row.problem.code is models.ErrorCode.INVALID_URL
    assert "use the address from your own list" in row.problem.message


def test_what_is_learned_of_a_portal_holds_no_secret(tmp_path: Path) -> None:
    """An address that needs a secret is not saved; links are still recognised."""
    secret = "https://h.example/o/1?id=5&token=abc123xyz"
    known = memory.PortalMemory()
    known.note_area(secret)
    known.note_order("k1", secret, {"a"}, ["title Order \ufffc", "title token=abc123xyz \ufffc"])
    for key in ("k1", "k2", "k3"):
        known.note_links(key, ["https://h.example/terms.pdf?sig=abc123xyz"])
    known.save(tmp_path / "memory.json")
    again = memory.load(tmp_path / "memory.json")
    assert b"abc123xyz" not in (tmp_path / "memory.json").read_bytes()
    assert again.area_example == "https://h.example/o/1?id=5&token=REDACTED"
    assert (again.proof_url, known.proof_url) == ("", secret)
    assert again.is_sites_own("https://h.example/terms.pdf?sig=abc123xyz") is True
    assert again.is_sites_own("https://h.example/terms.pdf?sig=other") is False
    assert "abcdefghij" not in known_addresses.shape("https://h.example/f?token=abcdefghij&do=get")


def test_an_attachment_is_the_same_whatever_it_is_signed_with() -> None:
    """An attachment's id does not depend on user, signature, session or token."""
    one = attachment_ids.lasting(f"https://u:p1@h.example/f/{JWT}/a;jsessionid=1?id=5&sig=1&oauth_token=2")
    other = attachment_ids.lasting(f"https://h.example/f/{JWT}x/a;jsessionid=2?oauth_token=3&sig=4&id=5")
    assert one == other == "h.example/f/REDACTED/a?id=5"
    assert attachment_ids.lasting("https://h.example/f/a?id=6&sig=1") == "h.example/f/a?id=6"
    assert record_address.record_part("https://h.example/orders/17?token=Ord04x9Kq7yreu", "") == "17"


def test_an_error_that_a_script_gets_tells_no_secret_nor_do_its_causes() -> None:
    """The traceback that a Python caller prints has no secret, including its causes."""
    cause = ValueError("GET https://u:pw5ecret@h/o?id=5&token=t0ken5ecret", 5)
    error = ExceptionGroup("two", [KeyError("sid=5ecret"), errors.TransientError("x?sig=5ecret")])
    error.__cause__ = cause
    redact_objects.chain(error)
    assert cause.args == ("GET https://h/o?id=5&token=REDACTED", 5)
    assert "5ecret" not in "".join(traceback.format_exception(error))
