"""Files that only the browser can download, and pages that try everything, with a real browser and servers."""

from __future__ import annotations

import contextlib
import os
import ssl
import stat
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from po_pw import errors, events, models, sessions, settings
from po_pw.browser import launching, playwright_driver, profiles
from po_pw.dispatch import portal_knowledge
from po_pw.engine import run as engine
from po_pw.lanes import browser
from po_pw.orders import read
from po_pw.portals import registry
from po_pw.transport import allowed_hosts
from tests.helpers import faulty_server
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread

pytestmark = pytest.mark.whole_browser

PDF = b"%PDF-1.7\n" + b"0" * 5000 + b"\n%%EOF\n"

_HOSTILE = """<!doctype html><title>Order</title>
<script>
  const tried = window.tried = {};
  const note = (name, promise) => promise.then(v => tried[name] = String(v && v.state || v), e => tried[name] = e.name);
  alert('sign in again'); tried.confirm = confirm('sure?'); tried.prompt = prompt('password?');
  window.onbeforeunload = (event) => { event.preventDefault(); return event.returnValue = 'stay'; };
  for (let n = 0; n < 5; n++) window.open('/blank?' + n);
  note('notification', Notification.requestPermission());
  for (const name of ['geolocation', 'camera', 'microphone', 'clipboard-read', 'midi'])
    note(name, navigator.permissions.query({name}));
  navigator.geolocation.getCurrentPosition(() => tried.position = 'given', () => tried.position = 'refused');
  if (navigator.mediaDevices)
    note('media', navigator.mediaDevices.getUserMedia({audio: true, video: true}));
  if (navigator.serviceWorker) note('worker', navigator.serviceWorker.register('/worker.js'));
  try { navigator.registerProtocolHandler('web+evil', '/x?%s'); } catch (error) { tried.handler = error.name; }
  print();
  addEventListener('load', () => {
    for (const url of ['mailto:a@b.example', 'news:a', 'tel:1', 'evil:go', 'ms-word:ofe|u|x', 'file:///etc/passwd']) {
      const frame = document.createElement('iframe'); frame.src = url; document.body.append(frame);
      const link = document.createElement('a'); link.href = url; document.body.append(link); link.click();
    }
    for (let n = 0; n < 3; n++) {
      const link = document.createElement('a'); link.href = '/unasked/' + n; link.download = 'unasked.exe';
      document.body.append(link); link.click();
    }
    const blob = document.createElement('a'); blob.href = URL.createObjectURL(new Blob(['x'])); blob.download = 'b.exe';
    blob.click();
    setInterval(() => alert('again'), 300);
  });
</script>
<section><h2>Attachments (2)</h2>
  <a href="/files/a.pdf">a.pdf</a>
  <form method=post action="/files/b.pdf" style="display:inline"><button id=b>Download b.pdf</button></form>
</section>"""


class Portal:
    """Sends files only to browsers, and records who asked. A second server has an untrusted certificate."""

    async def start(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        """Path, and whether a browser asked."""
        app = web.Application()
        app.router.add_get("/orders/{name}", self._order)
        app.router.add_get("/hostile", self._hostile)
        app.router.add_get("/blank", self._blank)
        app.router.add_route("*", "/files/{name}", self._file)
        app.router.add_get("/away/{host}/{rest:.*}", self._away)
        app.router.add_get("/{rest:.*}", self._other)
        self._runners = [web.AppRunner(app, shutdown_timeout=1) for _ in range(1)]
        runner = self._runners[0]
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        self.origin = f"http://127.0.0.1:{self.port}"

    async def close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    def saw(self, path: str) -> list[bool]:
        """The clients that asked for a path; True for a browser."""
        return [by_browser for asked, by_browser in self.asked if asked == path]

    def _note(self, request: web.Request) -> bool:
        by_browser = "Sec-Fetch-Mode" in request.headers
        self.asked.append((request.path, by_browser))
        return by_browser

    async def _order(self, request: web.Request) -> web.Response:
        names = request.match_info["name"].split("+")
        links = "".join(f'<a href="/files/{name}">{name}</a> ' for name in names)
        text = f"<!doctype html><section><h2>Attachments ({len(names)})</h2>{links}</section>"
        return web.Response(text=text, content_type="text/html")

    async def _hostile(self, request: web.Request) -> web.Response:
        return web.Response(text=_HOSTILE, content_type="text/html")

    async def _blank(self, request: web.Request) -> web.Response:
        return web.Response(text="<p>buy</p><script>prompt('card?')</script>", content_type="text/html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        by_browser, name = self._note(request), request.match_info["name"]
        if name.startswith("never") or not (by_browser or name.startswith("open")):
            return web.Response(status=403, text="<h1>Forbidden</h1>", content_type="text/html")
        if name.startswith("page"):
            return web.Response(text="<h1>Sorry</h1>", content_type="text/html")
        if name.startswith("gone"):
            return web.Response(status=404)
        if name.startswith("big"):
            headers = {"Content-Type": "application/pdf", "Content-Length": str(1 << 30)}
            answer = web.StreamResponse(headers=headers)
            await answer.prepare(request)
            with contextlib.suppress(ConnectionError):  # given up, as it should be
                while True:
                    await answer.write(bytes(1 << 16))
            return answer
        # Inline, as most portals send it: the browser would show it.
        return web.Response(body=PDF, content_type="application/pdf")

    async def _away(self, request: web.Request) -> web.Response:
        self._note(request)
        raise web.HTTPFound(f"http://{request.match_info['host']}:{self.port}/{request.match_info['rest']}")

    async def _other(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.Response(body=b"MZ", content_type="application/octet-stream")


class Opened:
    """One context on one portal, shared by all tests of this file."""

    def __init__(self, loop: LoopThread, opener: Path) -> None:
        self.loop = loop
        self.portal = Portal()
        self.opener = opener
        """Written to by whatever is asked to open another program's address."""

    async def open(self) -> None:
        await self.portal.start()
        self._driver = await playwright_driver.Driver().__aenter__()
        self.downloads = self._driver.run_dir.path / "downloads"
        manager = profiles.ProfileManager(None, root=self._driver.run_dir.path / "profiles")
        launch = launching.plan(self._driver.resolve(None), headless=True, timeout=IN_TIME)
        self.context = await self._driver.open(
            models.WorkerId("w1"), launch, user_data_dir=manager.create_profile("w1"), downloads=self.downloads
        )
        options = settings.Settings(navigation_timeout=20, listing_timeout=20)
        home = sessions.Sessions(self._driver.run_dir.path / "home")
        hub = events.Hub()
        knowledge = portal_knowledge.PortalKnowledge(home, hub, lambda _: None)
        self.lane = browser.BrowserLane(self.context, options, registry.Registry(options).for_url, knowledge, hub)

    async def close(self) -> None:
        await self.context.close()
        await self._driver.__aexit__(None, None, None)
        await self.portal.close()

    def order(self, path: str) -> models.PurchaseOrder:
        return models.PurchaseOrder(models.OrderKey("PO-1"), "PO-1", f"{self.portal.origin}{path}")

    async def got(self, path: str, *allowed: str) -> tuple[str, bytes]:
        """Name and content of a download by its address."""
        link = models.Link(f"{self.portal.origin}{path}", f"{self.portal.origin}/orders/x")
        fence = allowed_hosts.host_policy(f"{self.portal.origin}/orders/x", allowed=allowed)
        captured = await self.lane.download(link, fence)
        part = await captured.part(30)
        content = part.read_bytes()
        await captured.discard()
        return captured.sent_name, content

    def files(self) -> list[Path]:
        """The files in the browser's download folder."""
        return [path for path in self.downloads.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def opened(loop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The open context; addresses of other programs would start a program of the test."""
    folder = tmp_path_factory.mktemp("path")
    said = folder / "said"
    for name in ("xdg-open", "gio", "gvfs-open", "kde-open", "open"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$0 $@" >> {said}\n', "utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    it = Opened(loop, said)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        loop.run(it.open())
    yield it
    loop.run(it.close())


def test_a_page_that_tries_everything_is_read_and_nothing_opens(opened: Opened) -> None:
    """The order is read and its click downloads a file, although the page tries dialogs, pop-ups and more.

    None of that is open, on disk, granted or started afterwards.
    """
    order = opened.order("/hostile")

    async def go() -> tuple[list[str], list[bytes], dict[str, str | bool | None]]:
        names, contents = [], []
        for _ in range(2):  # leaving the page, it asks to stay
            async with opened.lane.visit(order) as visit:
                names = [found.name for found in visit.listing.attachments]
                click = next(a.source for a in visit.listing.attachments if isinstance(a.source, models.Click))
                captured = await visit.capture(click)
                assert not isinstance(captured, models.Link)
                contents.append((await captured.part(30)).read_bytes())
                await captured.discard()
        async with opened.context.page() as lease:  # after a press the page is left: what it tried is asked on another
            await lease.page.goto(order.url, wait_until="commit")
            asked = "window.tried && ['position', 'media', 'worker'].every((one) => one in tried)"
            await lease.page.wait_for_function(asked)
            tried = await lease.page.evaluate("window.tried")
            await lease.page.goto(f"{opened.portal.origin}/orders/after")
            assert len(lease.page.context.pages) == 1
            assert not lease.page.context.service_workers
        return names, contents, tried

    names, contents, tried = opened.loop.run(go())
    assert (names, contents) == (["a.pdf", "b.pdf"], [PDF, PDF])
    refused = {
        "confirm": False,
        "prompt": None,
        "notification": "denied",
        "geolocation": "denied",
        "position": "refused",
    }
    assert tried.items() >= refused.items()
    assert tried["worker"] == "undefined"  # as one that is blocked answers
    assert "granted" not in tried.values()
    assert str(tried["media"]).endswith("Error")
    assert not opened.files()
    assert not opened.opener.exists()


@pytest.mark.parametrize(
    ("path", "sent_name"),
    [("/files/a.pdf", "a.pdf"), ("/away/127.0.0.1/files/b.pdf", "b.pdf"), ("/unasked", "unasked")],
)
def test_the_browser_downloads_what_it_would_show(opened: Opened, path: str, sent_name: str) -> None:
    """A file is downloaded under its name, sent inline or not, also after a redirect."""
    name, content = opened.loop.run(opened.got(path))
    assert (name.partition(".")[0], content) == (sent_name.partition(".")[0], b"MZ" if path == "/unasked" else PDF)
    assert not opened.files()


@pytest.mark.parametrize(
    ("path", "kind", "code", "says"),
    [
        ("/files/never.pdf", errors.PermanentError, models.ErrorCode.FORBIDDEN, "403"),
        ("/files/gone.pdf", errors.PermanentError, models.ErrorCode.NOT_FOUND, "404"),
        ("/files/page.pdf", errors.NotAFileError, models.ErrorCode.NOT_A_FILE, "page"),
        (
            "/away/localhost/files/a.pdf",
            errors.PermanentError,
            models.ErrorCode.FORBIDDEN,
            "add --allow-host localhost",
        ),
    ],
)
def test_what_the_browser_does_not_get_either(
    opened: Opened, path: str, kind: type[errors.OrderError], code: models.ErrorCode, says: str
) -> None:
    """A refusal, a page, and a redirect off the portal (which is not followed) give different errors."""
    before = len(opened.portal.saw(path)), len(opened.portal.asked)
    with pytest.raises(kind, match=says) as caught:
        opened.loop.run(opened.got(path))
    assert caught.value.code is code
    assert len(opened.portal.saw(path)) == before[0] + 1
    assert "/files/a.pdf" not in [asked for asked, _ in opened.portal.asked[before[1] :]]
    assert not opened.files()


def test_a_redirect_off_the_portal_is_followed_where_it_is_allowed(opened: Opened) -> None:
    """`--allow-host` applies in the browser as in our HTTP client."""
    assert opened.loop.run(opened.got("/away/localhost/files/a.pdf", "localhost")) == ("a.pdf", PDF)


def test_a_certificate_that_the_browser_does_not_trust_either_is_said(opened: Opened, tmp_path: Path) -> None:
    """An untrusted certificate is not retried, and the message has the browser's own reason."""
    pem = tmp_path / "both.pem"
    pem.write_text(faulty_server.UNTRUSTED, "ascii")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pem)

    async def go() -> None:
        async with faulty_server.serve(tls) as server:
            url = server.url("/pdf").replace("http:", "https:")
            await opened.lane.download(models.Link(url, ""), allowed_hosts.host_policy(url))

    with pytest.raises(errors.PermanentError, match="ERR_CERT_AUTHORITY_INVALID"):
        opened.loop.run(go())


async def run(portal: Portal, folder: Path, names: list[str], **more: object) -> tuple[list[models.Outcome], list[str]]:
    """Runs over orders with these files; returns their outcomes and the notices."""
    folder.mkdir(exist_ok=True)
    rows = [f"PO-{n},{portal.origin}/orders/{name}" for n, name in enumerate(names, 1)]
    (folder / "pos.csv").write_text("\n".join(["po_number,url", *rows]), "utf-8")
    table = read.open_table(folder / "pos.csv")
    said: list[str] = []
    hub = events.Hub()
    hub.listen(lambda event: said.append(event.text) if isinstance(event, events.Notice) else None)
    hub.listen(lambda event: said.append(event.why) if isinstance(event, events.Stopping) else None)
    options = settings.load(out=folder / "out", home=folder / "home", backoff_base=0.05, workers=1, **more)
    async with engine.Run(options, hub) as one:
        given = one.process(table.rows(), columns=table.columns, resume=models.Resume())
        outcomes = [outcome async for outcome in given]
    return outcomes, said


def test_a_run_takes_files_through_the_browser_and_says_so_once(opened: Opened, tmp_path: Path) -> None:
    """After two files that our client was refused, all files of the host come through the browser.

    Files that the browser is refused, too, and files that are too large are missing.
    """
    names = ["a.pdf+b.pdf+never.pdf", "c.pdf", "a.pdf+d.pdf"]
    sign_in = sessions.Sessions(tmp_path / "home").save("https://other.example", {"cookies": [], "origins": []})
    if os.name == "posix":
        sign_in.chmod(0o644)
    outcomes, said = opened.loop.run(run(opened.portal, tmp_path, names))
    assert [outcome.status for outcome in outcomes] == ["PARTIAL", "COMPLETED", "COMPLETED"]
    assert [[file.path for file in outcome.files] for outcome in outcomes] == [
        ["a.pdf", "b.pdf"],
        ["c.pdf"],
        ["a.pdf", "d.pdf"],
    ]
    (missing,) = outcomes[0].missing
    assert missing.failure is not None
    assert (missing.name, missing.failure.code) == ("never.pdf", models.ErrorCode.FORBIDDEN)
    assert (
        len([text for text in said if "are downloaded by the browser: " in text and "answered HTTP 403" in text]) == 1
    )
    assert opened.portal.saw("/files/d.pdf") == [True]
    if os.name == "posix":
        assert [text for text in said if text.startswith(f"{sign_in} could be read by")]
        assert sign_in.stat().st_mode & 0o077 == 0


def test_one_file_that_our_client_is_refused_changes_nothing_for_the_others(opened: Opened, tmp_path: Path) -> None:
    """One refused file comes through the browser; our client still downloads the host's other files."""
    portal = opened.portal
    before = {name: len(portal.saw(f"/files/{name}")) for name in ("open5.pdf", "z.pdf", "open6.pdf")}
    outcomes, said = opened.loop.run(run(portal, tmp_path, ["open5.pdf", "z.pdf", "z.pdf+open6.pdf"]))
    assert [outcome.status for outcome in outcomes] == ["COMPLETED"] * 3
    seen = {name: portal.saw(f"/files/{name}")[count:] for name, count in before.items()}
    assert seen == {"open5.pdf": [False], "z.pdf": [False, True, False, True], "open6.pdf": [False]}
    assert not [text for text in said if "are downloaded by the browser" in text]


def test_a_proxy_of_the_environment_is_not_asked_for_this_computer(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither our client nor the browser uses the environment's proxy for 127.0.0.1."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    outcomes, said = opened.loop.run(run(opened.portal, tmp_path, ["open1.pdf"]))
    assert [outcome.status for outcome in outcomes] == ["COMPLETED"]
    assert not [text for text in said if "are downloaded by the browser: " in text]
    assert opened.portal.saw("/files/open1.pdf") == [False]


def test_a_run_stops_when_it_has_received_enough_and_the_same_command_continues(opened: Opened, tmp_path: Path) -> None:
    """At the limit for all bytes, orders in progress are finished; a larger limit continues.

    A file above its own limit is never received.
    """
    names = ["open1.pdf", "open2.pdf", "open3.pdf", "open4.pdf"]
    outcomes, said = opened.loop.run(run(opened.portal, tmp_path, names, max_total_bytes="8kB"))
    assert [outcome.po_number for outcome in outcomes] == ["PO-1", "PO-2"]
    assert "8,000 bytes were downloaded, the limit you set (--max-total-size)" in said
    outcomes, said = opened.loop.run(run(opened.portal, tmp_path, [*names, "open5.pdf+big.pdf"], max_file_bytes="1MiB"))
    assert [outcome.from_earlier_run for outcome in outcomes] == [True, True, False, False, False]
    (missing,) = outcomes[-1].missing
    assert missing.failure is not None
    assert (missing.name, missing.failure.code) == ("big.pdf", models.ErrorCode.TOO_LARGE)
