"""A small web server on its own thread, with a page for every case that `po_pw/browser` must handle."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from typing import Any, Self

from aiohttp import web

from tests.helpers import press_ways
from tests.helpers.loop_thread import LoopThread

PDF = b"%PDF-1.7\n" + b"0" * 5000 + b"\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"1" * 3000
TEXT = "Grüße\n" * 200

_SENT: dict[str, tuple[bytes, str, str]] = {
    "attachment": (PDF, "application/pdf", 'attachment; filename="a.pdf"'),
    "pdf": (PDF, "application/pdf", 'inline; filename="inline.pdf"'),
    "png": (PNG, "image/png", ""),
    "text": (TEXT.encode(), "text/plain; charset=utf-8", 'inline; filename="notes.txt"'),
    "html-file": (b"<p>a saved page</p>", "text/html", 'attachment; filename="page.html"'),
}
_BLOB = """<script>
function save() {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([new Uint8Array(4096).fill(7)]));
  link.download = 'made here.bin';
  link.click();
}
</script>"""


def _form(action: str, more: str = "", before: str = "") -> str:
    return f'{before}<form method="post" action="{action}" {more}><button id="go">Get it</button></form>'


_PAGES: dict[str, str] = {
    **{f"form-{name}": _form(f"/file/{name}") for name in _SENT},
    **{f"form-{name}": _form(f"/answer/{name}") for name in ("404", "403", "500", "503", "429", "html", "204")},
    **{f"form-file-{status}": _form(f"/file-with/{status}") for status in (201, 202, 203, 206, 207)},
    "form-endless": _form("/endless"),
    "form-endless-target": _form("/endless", 'target="_blank"'),
    "form-gzip-cut": _form("/gzip-cut"),
    "fetch-gzip-cut": """<button id=go>Get it</button><script>document.querySelector('#go').onclick = async () => {
        const answer = await fetch('/gzip-cut', { method: 'POST' }), link = document.createElement('a');
        link.href = URL.createObjectURL(await answer.blob()); link.download = 'a.pdf'; link.click() }</script>""",
    "form-gzip-cut-target": _form("/gzip-cut", 'target="_blank"'),
    "blob-endless": """<button id=go>Get it</button><script>document.querySelector('#go').onclick = () => {
        const link = document.createElement('a'); link.href = URL.createObjectURL(new Blob(
        Array(200).fill(new Uint8Array(65536)))); link.download = 'made.bin'; link.click() }</script>""",
    "blank": "<p>nothing here</p>",
    "search-only": '<form action="/nowhere"><input type="text" name="q"></form>',
    "form-target": _form("/file/attachment", 'target="_blank"'),
    "form-redirect": _form("/redirect"),
    "form-cut": _form("/cut"),
    "form-cut-validated": _form("/cut?etag=1"),
    "form-nowhere": _form("http://127.0.0.1:1/"),
    "form-slow": _form("/slow"),
    "form-leaving": _form(
        "/file/pdf", before="<script>onbeforeunload = e => { e.preventDefault(); return 'sure?' }</script>"
    ),
    "form-asking": _form("/file/pdf", more="onsubmit=\"return confirm('Download now?')\""),
    "form-covered": _form("/file/attachment", before='<div style="position:fixed;inset:0;z-index:9">a bar</div>'),
    "blob": f'{_BLOB}<button id="go" onclick="save()">Save</button>',
    "opens-file": "<button id=go onclick=\"window.open('/file/pdf')\">Open</button>",
    "opens-image": "<button id=go onclick=\"window.open('/file/png')\">Open</button>",
    "opens-page": "<button id=go onclick=\"window.open('/page/blank')\">Open</button>",
    "dead": "<button id=go>Does nothing</button>",
    "hidden-frame": """<iframe name=h hidden></iframe><script>
        function go(path) { document.querySelector('iframe').src = path }</script>
        <button id=go onclick="go('/file/attachment')">Get it</button>
        <button id=bad onclick="go('/answer/403')">Not yours</button>""",
    "pop-ups": "<script>window.open('/page/blank'); window.open('/file/attachment'); alert('hello')</script>",
    "downloads": "<script>location.href = '/file/attachment'</script>",
    "slow-download": "<script>location.href = '/slow'</script>",
    "form-new-window-by-script": """<form method=post action=/file/attachment></form><button id=go
        onclick="document.forms[0].target = '_blank'; document.forms[0].submit()">Get it</button>""",
    "fetch-then-blob": """<button id=go>Get it</button><script>document.querySelector('#go').onclick = async () => {
        const answer = await fetch('/file/pdf', { method: 'POST' }), link = document.createElement('a');
        link.href = URL.createObjectURL(await answer.blob()); link.download = 'made of an answer.pdf'; link.click() }
        </script>""",
    "opens-later": """<button id=go>Get it</button><script>document.querySelector('#go').onclick = () => {
        const made = window.open(''); setTimeout(() => { made.location = '/file/pdf' }, 100) }</script>""",
    "named-link": "<a id=go href=/file/pdf download='Order 7.pdf'>Get it</a>",
    **{
        f"made-link{kind}": f"""<button id=go>Get it</button><script>document.querySelector('#go').onclick = () => {{
            const link = document.createElement('a'); link.href = '/file/pdf'; link.download = 'Order 7.pdf'; {go} }}
            </script>"""
        for kind, go in {"": "link.click()", "-sent": "link.dispatchEvent(new MouseEvent('click'))"}.items()
    },
    "frame-and-file": """<button id=go>Get it</button><script>document.querySelector('#go').onclick = () => {
        const ad = document.createElement('iframe'); ad.src = '/page/blank'; document.body.append(ad);
        setTimeout(() => { location.href = '/file/pdf' }, 100) }</script>""",
    "inline-pdf": '<a id="go" href="/file/pdf">a.pdf</a>',
}


class Site:
    """Serves until its block ends. Attributes: `origin`; `asked`, each request's method and path."""

    def __enter__(self) -> Self:
        self.asked: list[str] = []
        self.encodings: list[str] = []
        self.taken_whole = 0
        """Endless responses that a browser downloaded completely."""
        """What `/gzip-cut` was asked to send."""
        self.go_on = asyncio.Event()
        """What `/slow` waits for after its first bytes; set through `let_go`."""
        self._loop = LoopThread().__enter__()
        self._loop.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._loop.run(self._runner.cleanup())
        self._loop.__exit__()

    def let_go(self) -> None:
        """Lets the slow files finish."""

        async def go() -> None:
            self.go_on.set()

        self._loop.run(go())

    def hold_back(self) -> None:
        """Makes slow files stop in the middle."""

        async def stop() -> None:
            self.go_on.clear()

        self._loop.run(stop())

    def page(self, name: str) -> str:
        """A page's address."""
        return f"{self.origin}/page/{name}"

    async def _start(self) -> None:
        @web.middleware
        async def note(request: web.Request, handler: Any) -> web.StreamResponse:
            self.asked.append(f"{request.method} {request.path}")
            answer: web.StreamResponse = await handler(request)
            return answer

        app = web.Application(middlewares=[note])
        app.router.add_get("/page/{name}", self._page)
        app.router.add_get("/frame", self._framed)
        app.router.add_get("/cookie", self._cookie)
        app.router.add_get("/press/{way}/{name}", self._press)
        app.router.add_get("/js/{name}", self._script)
        app.router.add_get("/socket", self._socket)
        for path, handler in {
            "/file/{name}": self._file,
            "/answer/{name}": self._answer,
            "/redirect": self._redirect,
            "/cut": self._cut,
            "/slow": self._slow,
            "/endless": self._endless,
            "/file-with/{status}": self._file_with,
            "/gzip-cut": self._gzip_cut,
            "/sent/{name}": self._sent,
            "/hop": self._hop,
            "/{kind:single|double|script|search}/{step}": self._sign_in,
        }.items():
            app.router.add_route("*", path, handler)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        self.origin = f"http://127.0.0.1:{self.port}"

    async def _page(self, request: web.Request) -> web.Response:
        return _html(_PAGES[request.match_info["name"]])

    async def _framed(self, request: web.Request) -> web.Response:
        return _html(f'<h1>outer</h1><iframe src="{request.query["src"]}"></iframe>')

    async def _file(self, request: web.Request) -> web.Response:
        body, kind, disposition = _SENT[request.match_info["name"]]
        headers = {"Content-Type": kind} | ({"Content-Disposition": disposition} if disposition else {})
        return web.Response(body=body, headers=headers)

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name.isdigit():
            headers = {"Retry-After": "7"} if name == "429" else {}
            text = "<p>no</p>" if name != "204" else ""
            return web.Response(status=int(name), text=text, content_type="text/html", headers=headers)
        return _html("<p>a page</p><input type=password>")

    async def _redirect(self, request: web.Request) -> web.Response:
        raise web.HTTPSeeOther(f"http://localhost:{self.port}/file/attachment")

    async def _cut(self, request: web.Request) -> web.StreamResponse:
        headers = {"Content-Disposition": 'attachment; filename="cut.pdf"', "Content-Length": "100000"}
        if "etag" in request.query:
            headers["ETag"] = '"v1"'
        answer = web.StreamResponse(headers=headers)
        await answer.prepare(request)
        await answer.write(PDF)
        assert request.transport is not None
        request.transport.close()
        return answer

    async def _slow(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(
            headers={"Content-Disposition": 'attachment; filename="slow.bin"', "Content-Length": str(4 * 65536)}
        )
        await answer.prepare(request)
        await answer.write(b"x" * 65536)
        await self.go_on.wait()
        await answer.write(b"x" * (3 * 65536))
        return answer

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        """As much as is taken, with no length: 2 GiB at the most, of which `taken_whole` tells."""
        answer = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="endless.bin"'})
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):  # the browser has enough
            for _ in range(1 << 15):
                await answer.write(bytes(1 << 16))
            self.taken_whole += 1
        return answer

    async def _file_with(self, request: web.Request) -> web.Response:
        headers = {"Content-Disposition": 'attachment; filename="a.csv"', "Retry-After": "7"}
        return web.json_response({"status": "in progress"}, status=int(request.match_info["status"]), headers=headers)

    async def _gzip_cut(self, request: web.Request) -> web.Response:
        """A file of which half is there, compressed where that may be; the message is whole."""
        headers = {"Content-Disposition": 'attachment; filename="a.pdf"'}
        self.encodings.append(request.headers.get("Accept-Encoding", ""))
        if "gzip" not in self.encodings[-1]:
            return web.Response(body=PDF, headers=headers)
        packed = gzip.compress(PDF)
        return web.Response(body=packed[: len(packed) // 2], headers={**headers, "Content-Encoding": "gzip"})

    async def _press(self, request: web.Request) -> web.Response:
        return _html(press_ways.page(request.match_info["way"], f"/sent/{request.match_info['name']}"))

    async def _script(self, request: web.Request) -> web.Response:
        return web.Response(text=press_ways.SCRIPTS[request.match_info["name"]], content_type="text/javascript")

    async def _sent(self, request: web.Request) -> web.Response:
        return _html("<p>done</p>")

    async def _hop(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query["to"])

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        """Records each message like a request."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            self.asked.append(f"MESSAGE {message.data}")
        return socket

    async def _cookie(self, request: web.Request) -> web.Response:
        return _html(f"<pre>{sorted(request.cookies.items())}</pre>")

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        """Sign-in in four variants; user `anna`, password `right`."""
        kind, step = request.match_info["kind"], request.match_info["step"]
        data = await request.post()
        user = str(data.get("user", ""))
        home = f"/{kind}/home"
        if step == "home":
            if request.cookies.get(kind) == "anna":
                return _html("<h1>Orders</h1>")
            raise web.HTTPFound(f"/{kind}/login")
        if step == "check":
            good = user == "anna" and data.get("password") == "right"
            if not good:
                return _html(_login(kind, '<p role="alert">Wrong user name or password.</p>'))
            answer = web.HTTPFound(f"/{kind}/almost")
            answer.set_cookie(kind, "anna", path="/", httponly=True)
            raise answer
        if step == "almost":
            return _html(f"<p>One moment</p><script>setTimeout(() => location.replace('{home}'), 100)</script>")
        if step == "password":
            return _html(
                f'<form method=post action="/{kind}/check"><input type=hidden name=user value="{user}">'
                "<input type=password name=password></form>"
            )
        return _html(_login(kind))


def _login(kind: str, said: str = "") -> str:
    both = '<input name=user><input type=password name=password><button type="submit">Enter</button>'
    if kind == "double":
        return f'{said}<form method=post action="/double/password"><input autocomplete=username name=user></form>'
    if kind == "script":
        return (
            f"{said}<form id=f>{both}</form><div id=said></div><script>f.onsubmit = async (e) => {{ e.preventDefault();"
            " const r = await fetch('/script/check', {method: 'POST', body: new FormData(f)});"
            " if (r.url.includes('almost')) location.href = '/script/home';"
            " else said.innerHTML = '<p role=alert>Try again.</p>' }</script>"
        )
    search = '<form action="/nowhere"><input type="text" name="q"></form>' if kind == "search" else ""
    banner = '<p role="alert">Closed on Saturday.</p>' if kind == "search" and not said else ""
    return f'{search}{banner}{said}<form method=post action="/{kind}/check">{both}</form>'


def _html(body: str) -> web.Response:
    return web.Response(text=f"<!doctype html><body>{body}", content_type="text/html")
