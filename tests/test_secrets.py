"""Nothing that opens a door is written down: one whole run, and every byte it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from po_pw.transport import redact
from tests.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.loop_thread import LoopThread

PDF = b"%PDF-1.7\n" + b"0" * 5000 + b"\n%%EOF\n"
SESSION, PASSWORD, SIGNATURE, CSRF = "c00kie5ecret", "pa55word5ecret", "5ignature5ecret", "c5rf5ecret"
SECRETS = (SESSION, PASSWORD, SIGNATURE, CSRF)


class Portal:
    """Behind a sign-in, one order whose files come by signed addresses in every way, well and badly."""

    async def start(self) -> None:
        self.signed: list[str] = []
        """What was asked for with a signature."""
        app = web.Application()
        app.router.add_route("*", "/login", self._login)
        app.router.add_get("/orders/1", self._order)
        app.router.add_route("*", "/files/{how}", self._file)
        app.router.add_get("/objects/{how};jsessionid={session}", self._object)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        self.origin = f"http://127.0.0.1:{self.port}"

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _login(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            form = "<form method=post><input name=user><input type=password name=password><button>Enter</button></form>"
            return web.Response(text=f"<!doctype html>{form}", content_type="text/html")
        assert (await request.post())["password"] == PASSWORD
        answer = web.HTTPFound("/orders/1")
        answer.set_cookie("sid", SESSION, httponly=True)
        raise answer

    async def _order(self, request: web.Request) -> web.StreamResponse:
        if request.cookies.get("sid") != SESSION:
            raise web.HTTPFound("/login")
        links = [f"/files/{how}" for how in ("good.pdf", "gone.pdf", "page.pdf", "away.pdf", "short.pdf", "scheme.pdf")]
        links.append(self._address("direct.pdf"))
        listed = "".join(f'<li><a href="{link}">{link.rpartition("/")[2].partition(";")[0]}</a></li>' for link in links)
        form = f'<form method=post action="/files/good.pdf?csrf={CSRF}"><input type=hidden name=csrf value="{CSRF}">'
        text = f"<h2>Attachments (8)</h2><ul>{listed}</ul>{form}<button>Download b.pdf</button></form>"
        return web.Response(text=f"<!doctype html><section>{text}</section>", content_type="text/html")

    def _address(self, how: str, host: str = "127.0.0.1") -> str:
        query = f"X-Amz-Signature={SIGNATURE}&token={SIGNATURE}"
        return f"http://u:{SIGNATURE}@{host}:{self.port}/objects/{how};jsessionid={SESSION}?{query}#{SIGNATURE}"

    async def _file(self, request: web.Request) -> web.StreamResponse:
        how = request.match_info["how"]
        if how == "scheme.pdf":
            raise web.HTTPFound(f"ftp://u:{SIGNATURE}@127.0.0.1/a?sig={SIGNATURE}")
        raise web.HTTPSeeOther(self._address(how, "localhost" if how == "away.pdf" else "127.0.0.1"))

    async def _object(self, request: web.Request) -> web.StreamResponse:
        how = request.match_info["how"]
        self.signed.append(how)
        if how == "gone.pdf":
            raise web.HTTPGone
        if how == "page.pdf":
            return web.Response(text=f"<h1>Expired</h1>{SIGNATURE}", content_type="text/html")
        if how == "short.pdf":
            answer = web.StreamResponse(headers={"Content-Length": str(len(PDF)), "Content-Type": "application/pdf"})
            await answer.prepare(request)
            await answer.write(PDF[:100])
            assert request.transport is not None
            request.transport.close()
            return answer
        answer = web.Response(body=PDF, content_type="application/pdf")
        answer.set_cookie("object", SESSION)
        return answer


@pytest.fixture
def portal(loop: LoopThread) -> Iterator[Portal]:
    running = Portal()
    loop.run(running.start())
    yield running
    loop.run(running.close())


def po_pw(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "po_pw", *words], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        env={**os.environ, "PO_PW_HOME": str(cwd / "home"), "PO_PW_BACKOFF_BASE": "0.05", **environment},
        encoding="utf-8", timeout=IN_TIME, check=False,
    )  # fmt: skip


def holding(folder: Path, secrets: tuple[str, ...]) -> list[str]:
    """The files below a folder, and in workbooks there, that hold a secret."""
    contents = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in [name for name in contents if name.endswith(".xlsx")]:
        with zipfile.ZipFile(folder / name) as book:
            contents |= {f"{name}/{part}": book.read(part) for part in book.namelist()}
    return [
        f"{name}: {secret}"
        for name, content in contents.items()
        for secret in secrets
        if any(secret.encode(encoding) in content for encoding in ("utf-8", "utf-16-le"))
    ]


def test_a_run_writes_no_secret_down(portal: Portal, tmp_path: Path) -> None:
    """Session cookies, password, signatures and form tokens are in no result, manifest, journal, log or message; the
    password is in the saved sign-in neither."""
    (tmp_path / "pos.csv").write_text(f"po_number,url\nPO-1,{portal.origin}/orders/1\n", "utf-8")
    signed_in = po_pw("login", f"{portal.origin}/orders/1", "--username", "anna", cwd=tmp_path, PO_PW_PASSWORD=PASSWORD)
    assert signed_in.returncode == 0, signed_in.stderr
    ran = po_pw("process", "pos.csv", "-w", "2", "-v", cwd=tmp_path)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 1, said  # some of it failed, as it should
    saved = sorted(path.name for path in (tmp_path / "downloads").glob("PO-1_PARTIAL/*"))
    assert saved == ["direct.pdf", "good (2).pdf", "good.pdf"], said
    assert {"good.pdf", "gone.pdf", "page.pdf", "short.pdf", "direct.pdf"} == set(portal.signed)
    assert "add --allow-host localhost to fetch it" in said
    assert [secret for secret in SECRETS if secret in said + signed_in.stdout + signed_in.stderr] == []
    assert holding(tmp_path / "downloads", SECRETS) == []
    assert holding(tmp_path / "home", (PASSWORD,)) == []
    assert holding(tmp_path / "home", (SESSION,)) != []  # the search finds what is there


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
