"""The ways to an attachment are tried in turn on a real server; the response decides what is the file."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from po_pw import errors, events, models, redact, settings
from po_pw.downloads import html_source, known_addresses, page_about, sign_in_page
from po_pw.processing import fetching, file_traffic, order_fetches, order_progress
from po_pw.transport import allowed_hosts, client
from tests.helpers import faulty_server, support

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from po_pw.lanes import base as lanes

PDF = b"%PDF-1.7\n" + b"0" * 2000 + b"\n%%EOF\n"
LARGE = b"%PDF-1.7\n" + b"0" * 5_000_000 + b"\n%%EOF\n"
CHANGES = ("delete", "remove", "approve", "reject", "archive", "attachfile")


def allowed(address: str, label: str) -> bool:
    """Replaces the vocabulary: nothing in an address or label means a change."""
    return not any(word in f"{address} {label}".lower() for word in CHANGES)


def page(body: str, title: str = "About the file") -> Callable[[], web.Response]:
    text = (
        f'<!DOCTYPE html><html><head><title>{title}</title><link rel="stylesheet" href="/app.css"></head>{body}</html>'
    )
    return lambda: web.Response(text=text, content_type="text/html")


def file(body: bytes = PDF, kind: str = "application/pdf", **headers: str) -> Callable[[], web.Response]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(body=body, content_type=kind, headers=sent)


def status(code: int) -> Callable[[], web.Response]:
    return lambda: web.Response(status=code, text="no")


class _Lane:
    """A browser that gets no more than our client does."""

    name = "none"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = allowed

    user_agent = "Agent/1"
    language = "en"
    why_lost = ""

    def is_lost(self) -> bool:
        return False

    async def cookies(self) -> list[models.Cookie]:
        return []

    def visit(self, order: models.PurchaseOrder, on_failure: lanes.OnFailure | None = None) -> Any:
        raise NotImplementedError

    async def opens(self, url: str) -> bool:
        raise NotImplementedError

    def host_policy(self, order: models.PurchaseOrder, page_url: str) -> allowed_hosts.HostPolicy:
        assert page_url == order.url  # never a page about a file, whose host may be another
        return allowed_hosts.host_policy(order.url, page_url, allowed=self._allowed)

    async def download(self, link: models.Link, policy: allowed_hosts.HostPolicy) -> lanes.Captured:
        msg = f"the browser may not have {redact.bare(link.url)} either"
        raise errors.PermanentError(msg, models.ErrorCode.FORBIDDEN)


@dataclasses.dataclass
class Result:
    """The result of an order."""

    progress: order_progress.OrderProgress
    asked: list[str]
    """Paths with their queries, in turn."""

    @property
    def names(self) -> dict[str, str]:
        return {file.attachment_id: file.sent_name for file in self.progress.saved.values()}

    def error(self, attachment_id: str = "a1") -> errors.OrderError:
        return self.progress.failed[attachment_id]


@dataclasses.dataclass(frozen=True)
class Given:
    """An attachment by its ways' paths; `//` begins one on the other host."""

    ways: tuple[str, ...]
    name: str = ""
    is_certain: bool = True
    place: str = "Attachments"
    press: bool = False


def given(
    *ways: str, name: str = "", is_certain: bool = True, place: str = "Attachments", press: bool = False
) -> Given:
    return Given(ways, name, is_certain, place, press)


def fetched(
    out: Path,
    answers: Mapping[str, Callable[[], web.StreamResponse]],
    *wanted: Given,
    at_once: int = 4,
    rounds: int = 1,
    also: tuple[str, ...] = (),
    claimed: int | None = None,
    then: Callable[[order_progress.OrderProgress, fetching.Fetcher], Awaitable[None]] | None = None,
) -> Result:
    """Fetches the attachments of one order from a server that knows no other addresses.

    `also` are allowed hosts, `claimed` is what the page counts.
    """

    async def test() -> Result:
        async with (
            _serve(answers) as server,
            client.Client(files_in_all=8, files_per_host=8, stall_timeout=30) as them,
        ):
            ours = them.session("Agent/1")

            def url(path: str) -> str:
                return server.url(path[1:], "localhost") if path.startswith("//") else server.url(path)

            order = models.PurchaseOrder(models.OrderKey("k"), "PO-1", server.url("/orders/1"))
            attachments = tuple(
                models.Attachment(
                    f"a{number}",
                    one.name,
                    models.Link(url(one.ways[0]), order.url),
                    one.place,
                    others=(
                        *(models.Link(url(way), order.url) for way in one.ways[1:]),
                        *([models.Click(models.Control("button", "Download"))] if one.press else []),
                    ),
                    is_certain=one.is_certain,
                )
                for number, one in enumerate(wanted, 1)
            )
            progress = order_progress.OrderProgress(order, "claim", datetime.datetime.now(datetime.UTC))
            (out / ".po-pw").mkdir(parents=True, exist_ok=True)
            await progress.open_work(out)
            progress.listing = models.Listing(
                models.PageKind.ORDER, attachments, claimed, complete=True, supplier="", url=""
            )

            async def go_ahead() -> None:
                return

            traffic = file_traffic.Traffic(8, go_ahead=go_ahead)
            fetcher = fetching.Fetcher(
                models.RunId("run"),
                models.WorkerId("w1"),
                ours,
                _Lane(also),
                traffic,
                settings.Settings(),
                events.Hub(),
                lambda _key, _file: None,
                at_once=lambda: at_once,
            )
            for _ in range(rounds):
                progress.failed.clear()
                fetches = order_fetches.OrderFetches(progress, set())
                for attachment in progress.open():
                    assert isinstance(attachment.source, models.Link)
                    fetches.add(fetcher.link(progress, attachment, attachment.source))
                await fetches.done()
            if then is not None:
                await then(progress, fetcher)
            await ours.aclose()
            assert faulty_server.no_part_in(out)
            return Result(progress, [request.path_qs for request in server.asked])

    return support.run_async(test())


@contextlib.asynccontextmanager
async def _serve(answers: Mapping[str, Callable[[], web.StreamResponse]]) -> AsyncIterator[faulty_server.Server]:
    """A server that knows only these addresses."""
    async with faulty_server.serve() as server:
        server.answers = _Answers(answers)
        yield server


class _Answers(dict[str, "Callable[[], web.StreamResponse]"]):
    """Responses by path; 404 for all others."""

    def __contains__(self, path: object) -> bool:
        return True

    def __missing__(self, path: str) -> Callable[[], web.StreamResponse]:
        return status(404)


ABOUT = page('<h1>a.pdf</h1><a href="/">Home</a><a href="/raw/7/a.pdf">a.pdf</a><a href="/del/7">Delete file</a>')


def test_a_page_about_the_file_leads_to_it(tmp_path: Path) -> None:
    """The link to a page about a file gives the file; links that change something are not opened."""
    result = fetched(tmp_path, {"/view/7": ABOUT, "/raw/7/a.pdf": file()}, given("/view/7", name="a.pdf"))
    assert result.names == {"a1": "a.pdf"}
    assert result.asked == ["/view/7", "/raw/7/a.pdf"]


@pytest.mark.parametrize(
    "body",
    [
        '<a href="/raw/7">Download</a>',
        '<a href="/raw/7">Herunterladen (120 KB, PDF)</a><a href="/help">Help</a>',
        '<a href="/raw/7" title="Get it"><img src="i.svg" alt="ダウンロード"></a>',
        '<a href="/raw/7" download>whatever</a>',
        '<a href="/raw/7#top">a.pdf</a><a href="/raw/7">A.PDF (3 kB)</a>',
        '<a href="/other/9" download="b.pdf">b.pdf</a><a href="/raw/7" download="a.pdf">Go</a>',
        '<object data="/raw/7" type="application/pdf"></object>',
        '<embed src="/raw/7" type="application/pdf">',
        '<iframe src="/raw/7"></iframe><iframe src="https://ads.example/1"></iframe>',
        '<iframe src="/viewer.html?file=%2Fraw%2F7"></iframe>',
        '<form action="/raw/7"><button>Download</button></form>',
        '<a href="/del/7">a.pdf</a><a href="/raw/7">a.pdf</a>'.replace("/del/7", "/delete/7"),
        '<a href="/raw/7" class="name">a.pdf</a><a href="/other/7" class="btn-delete">a.pdf</a>',
        '<a href="/other/7" data-method="delete">Download</a><a href="/raw/7">Download</a>',
        '<template><a href="/other/7">a.pdf</a></template><a href="/raw/7">a.pdf</a>',
        '<base href="/raw/"><a href="7">Download</a>',
        '<a href="/raw/7"><i class="fa fa-file-archive"></i> a.pdf</a>',
        '<a href="?do=view&target=a.pdf">more</a><a href="?do=delete&target=a.pdf">a.pdf</a><a href="/raw/7">Raw</a>',
    ],
)
def test_the_download_on_a_page_is_found(tmp_path: Path, body: str) -> None:
    """By its name, a download word, the `download` attribute, or because the page shows it."""
    result = fetched(tmp_path, {"/view/7": page(body), "/raw/7": file()}, given("/view/7", name="a.pdf"))
    assert result.names == {"a1": "a.pdf"}
    assert result.asked == ["/view/7", "/raw/7"]


def test_a_name_that_was_cut_short_is_known_by_its_ends(tmp_path: Path) -> None:
    """A shortened name, as in tables, is recognised."""
    body = '<a href="/x/7">other.pdf</a><a href="/raw/8">Invoice of November.pdf</a>'
    result = fetched(tmp_path, {"/view/7": page(body), "/raw/8": file()}, given("/view/7", name="Invoice of\u2026.pdf"))
    assert result.asked == ["/view/7", "/raw/8"]


def test_a_page_that_goes_on_by_itself_is_followed(tmp_path: Path) -> None:
    """ "Your download will begin shortly." is followed."""
    body = '<meta http-equiv="Refresh" content="3; URL=\'/raw/7\'">'
    result = fetched(tmp_path, {"/view/7": page(body), "/raw/7": file()}, given("/view/7", name="a.pdf"))
    assert result.names == {"a1": "a.pdf"}


def test_a_picture_comes_in_full_size(tmp_path: Path) -> None:
    """The picture behind the preview is downloaded."""
    body = '<a href="/full/7"><img src="/thumb/7/photo.jpg" alt="photo.jpg"></a>'
    answers = {"/view/7": page(body), "/full/7": file(b"\xff\xd8\xff\xe0full", "image/jpeg")}
    result = fetched(tmp_path, answers, given("/view/7", name="photo.jpg"))
    assert result.asked == ["/view/7", "/full/7"]
    body = '<img src="/full/7/photo.jpg"><img src="/logo.jpg">'
    answers = {"/view/7": page(body), "/full/7/photo.jpg": file(b"\xff\xd8\xff\xe0full", "image/jpeg")}
    assert fetched(tmp_path / "b", answers, given("/view/7", name="photo.jpg")).names == {"a1": "photo.jpg"}


WIKI = "".join(
    f'<a href="/+{what}/a.pdf">{what.title()}</a>' for what in ("show", "history", "meta", "destroy", "get", "similar")
)


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("/a.pdf", WIKI.replace("Get", "Download"), "/+get/a.pdf"),
        ("/a.pdf", f'{WIKI}<object data="/+get/a.pdf" type="application/pdf"></object>', "/+get/a.pdf"),
        (
            "/Page?action=AttachFile&do=view&target=a.pdf",
            '<a href="?action=AttachFile&amp;do=get&amp;target=a.pdf">get</a><a href="?do=delete&target=a.pdf">x</a>',
            "/Page?action=AttachFile&do=get&target=a.pdf",
        ),
        ("/detail.php?id=x&media=ns:a.pdf", '<a href="/fetch.php?media=ns:a.pdf"><img src="t.png"></a>', None),
    ],
)
def test_the_file_is_found_among_what_else_may_be_done_with_it(path: str, body: str, asked: str | None) -> None:
    """In wikis and file managers the link's text decides."""
    about = page_about.Page(f"<html>{body}".encode(), f"https://wiki.example{path}")
    found = about.downloads("a.pdf", allowed=allowed)
    assert found[0].url == f"https://wiki.example{asked or '/fetch.php?media=ns:a.pdf'}"
    assert all("history" not in link.url and "destroy" not in link.url for link in found)


def test_two_pages_lead_to_the_file(tmp_path: Path) -> None:
    """A page about a page about the file is followed."""
    answers = {
        "/view/7": page('<a href="/frame/7">a.pdf</a>'),
        "/frame/7": page('<a href="/raw/7">Download a.pdf</a>'),
        "/raw/7": file(),
    }
    result = fetched(tmp_path, answers, given("/view/7", name="a.pdf"))
    assert result.names == {"a1": "a.pdf"}
    assert result.asked == ["/view/7", "/frame/7", "/raw/7"]


@pytest.mark.parametrize(
    "body",
    [
        "<p>The file was moved.</p>",
        '<a href="/b.pdf">b.pdf</a><a href="/c">c.pdf</a>',
        '<a href="/d/1">Download</a><a href="/d/2">Download</a>',
        '<a href="/approve/7?then=a.pdf">a.pdf</a><a href="/x" class="approve">Download</a>',
        '<form action="/x" method="post"><button>Download</button></form>',
        '<form action="/x"><input name="q"><button>Download</button></form>',
        '<a href="javascript:get(7)">Download</a><a href="mailto:a@b.example">a.pdf</a><a href="#a.pdf">a.pdf</a>',
        '<a href="/x" data-confirm="Sure?">Download</a>',
        '<a href="/x" hidden>Download</a>',
        '<a href="/x">Download our brochure</a><a href="/y">How to download</a>',
        '<p>It is not there.</p><a href="/help/manual.bin">Download</a>',
        '<p>a.pdf</p><iframe src="/advertisement"></iframe><video src="/tour.mp4"></video>',
        '<a href="/x" onclick="return confirm(1)">Download</a>',
        '<a href="/x/7" download="b.pdf">Download</a>',
        '<a href="/x/7" download>b.pdf (3 KB)</a>',
        '<form action="/x/7"><input type=hidden name=id value=7><button>Acknowledge</button></form>',
        '<form action="/x/7" onsubmit="return confirm(1)"><button>Download</button></form>',
    ],
)
def test_a_page_without_the_file_is_not_a_file(tmp_path: Path, body: str) -> None:
    """No other file and nothing that changes is requested; the page's text is passed on."""
    result = fetched(tmp_path, {"/view/7": page(body, "Moved")}, given("/view/7", name="a.pdf"))
    assert result.error().code is models.ErrorCode.NOT_A_FILE
    assert "'Moved'" in str(result.error())
    assert result.asked == ["/view/7"]


def test_words_of_change_in_the_files_own_name_mean_nothing(tmp_path: Path) -> None:
    """A file's own name may contain them."""
    body = '<a href="/raw/approve%20and%20delete.pdf">Approve and delete.pdf</a>'
    answers = {"/view/7": page(body), "/raw/approve and delete.pdf": file()}
    result = fetched(tmp_path, answers, given("/view/7", name="approve and delete.pdf"))
    assert result.names == {"a1": "approve and delete.pdf"}


def test_a_page_that_leads_to_itself_ends(tmp_path: Path) -> None:
    """Two pages that link each other are opened once each."""
    answers = {
        "/view/7": page('<a href="/view/7">a.pdf</a><a href="/view/7#x">a.pdf</a><a href="/frame/7">a.pdf</a>'),
        "/frame/7": page('<a href="/view/7">a.pdf</a>'),
    }
    result = fetched(tmp_path, answers, given("/view/7", name="a.pdf"))
    assert result.error().code is models.ErrorCode.NOT_A_FILE
    assert result.asked == ["/view/7", "/frame/7"]


def test_hosts_that_are_not_the_portals_are_not_asked(tmp_path: Path) -> None:
    """The message says how to allow the host."""

    def about() -> web.Response:
        text = '<html><link href="/a.css"><a href="http://localhost:1/raw/7">a.pdf</a></html>'
        return web.Response(text=text, content_type="text/html")

    result = fetched(tmp_path, {"/view/7": about}, given("/view/7", name="a.pdf"))
    assert result.asked == ["/view/7"]
    assert isinstance(result.error(), allowed_hosts.NotAllowedError)
    assert "--allow-host localhost" in str(result.error())


def test_ways_are_asked_in_turn(tmp_path: Path) -> None:
    """If the first fails, the second is tried; after the file none is."""
    ways = given("/gone", "/broken", "/raw/7", "/more", name="a.pdf")
    result = fetched(tmp_path, {"/broken": status(500), "/raw/7": file()}, ways)
    assert result.names == {"a1": "a.pdf"}
    assert result.asked == ["/gone", "/broken", "/raw/7"]
    assert not result.progress.failed


@pytest.mark.parametrize(
    ("answers", "kind", "code"),
    [
        ({}, errors.PermanentError, "NOT_FOUND"),
        ({"/2": page("x", "Denied")}, errors.NotAFileError, "NOT_A_FILE"),
        ({"/1": page("x", "Denied"), "/2": status(403)}, errors.PermanentError, "FORBIDDEN"),
        ({"/1": status(403), "/2": status(500)}, errors.TransientError, "PORTAL_ERROR"),
        ({"/1": status(401), "/2": status(500)}, errors.SessionExpiredError, "SIGN_IN_NEEDED"),
        ({"/1": page("<form><input type=password></form>")}, errors.SessionExpiredError, "SIGN_IN_NEEDED"),
    ],
)
def test_when_all_ways_fail_the_most_telling_failure_is_kept(
    tmp_path: Path, answers: dict[str, Any], kind: type, code: str
) -> None:
    """A sign-in or server error comes before a page, and that before a missing address."""
    result = fetched(tmp_path, answers, given("/1", "/2", name="a.pdf"))
    assert isinstance(result.error(), kind)
    assert result.error().code == code
    assert result.asked == ["/1", "/2"]


def test_a_sign_in_for_one_way_does_not_keep_the_other_from_being_asked(tmp_path: Path) -> None:
    """If the other way returns the file, no sign-in is needed."""
    result = fetched(tmp_path, {"/1": status(401), "/2": file()}, given("/1", "/2", name="a.pdf"))
    assert result.names == {"a1": "a.pdf"}
    assert not result.progress.failed


def test_a_server_that_asks_for_patience_gets_it(tmp_path: Path) -> None:
    """After a 429 the other ways, on the same server, are not tried."""
    result = fetched(tmp_path, {"/1": status(429), "/2": file()}, given("/1", "/2", name="a.pdf"))
    assert result.error().code is models.ErrorCode.RATE_LIMITED
    assert result.asked == ["/1"]


def test_a_press_among_the_ways_is_left_to_the_worker(tmp_path: Path) -> None:
    """The press that may return the file is named, unless an address did."""
    result = fetched(tmp_path, {"/2": file()}, given("/1", name="a.pdf", press=True), given("/2", press=True))
    assert list(result.progress.unpressed) == ["a1"]
    assert result.progress.unpressed["a1"].control.label == "Download"
    assert result.error("a1").code is models.ErrorCode.NOT_FOUND


MAIL = b"<html><p>See <a href='http://127.0.0.1/orders/1'>the order</a><img src='cid:logo'></html>"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/view/7", file(b"<html><p>Report</html>", "text/html", Content_Disposition='attachment; filename="r.html"')),
        ("/files/r.html", file(b"<html><p>Report</html>", "text/html")),
        ("/get/7", file(b"<html><p>Report <a href='https://else.example/'>x</a></html>", "text/html")),
        ("/get/7", file(b"<html><link href='/app.css'></html>", "text/html", Content_Disposition='filename="r.html"')),
        ("/get/7", file(MAIL, "text/html")),
    ],
)
def test_an_attachment_that_is_a_page_is_a_file(tmp_path: Path, path: str, answer: Any) -> None:
    """A page is a file if the server sends it as one, or if it is named as one."""
    result = fetched(tmp_path, {path: answer}, given(path, name="r.html"))
    assert result.names == {"a1": "r.html"}
    assert result.asked == [path]


def test_a_page_about_a_page_is_not_the_page(tmp_path: Path) -> None:
    """Its link leads to the attachment, which is a page itself."""
    answers = {
        "/files/r.html": page('<h1>r.html</h1><a href="/raw/r.html">r.html</a>'),
        "/raw/r.html": file(b"<html><p>Report</html>", "text/html"),
    }
    result = fetched(tmp_path, answers, given("/files/r.html", name="r.html"))
    assert result.asked == ["/files/r.html", "/raw/r.html"]
    assert result.progress.saved["a1"].size == len(b"<html><p>Report</html>")
    answers = {"/files/r.html": page("<h1>r.html</h1>"), "/raw/7": file(b"<html><p>Report</html>", "text/html")}
    result = fetched(tmp_path / "b", answers, given("/files/r.html", "/raw/7", name="r.html"))
    assert result.asked == ["/files/r.html", "/raw/7"]
    assert result.progress.saved["a1"].source.endswith("/raw/7")


@pytest.mark.parametrize(
    "answer",
    [
        page('<p>Help</p><a href="/x/1">Download</a><a href="/x/2">Download</a>'),
        page('<p>Help</p><a href="/manual">Download</a>'),
        file(b'{"id": 7, "name": "a.pdf"}', "application/json"),
        file(b"", "text/html"),
    ],
)
def test_a_candidate_that_is_a_page_is_no_attachment(tmp_path: Path, answer: Any) -> None:
    """It is neither saved nor missing."""
    result = fetched(tmp_path, {"/help": answer}, given("/help", name="Specification", is_certain=False))
    assert result.progress.dropped == {"a1"}
    assert not result.progress.failed
    assert not result.progress.wanted()
    assert not result.progress.missing()
    assert order_progress.status_of(result.progress, None) == (models.Status.NO_ATTACHMENTS, None)
    assert result.asked == ["/help"]


@pytest.mark.parametrize(
    ("name", "answer", "asked"),
    [
        ("Specification", file(), ["/doc/77"]),
        ("", file(b"anything", "application/octet-stream"), ["/doc/77"]),
        ("Notes", file(b"plain", "text/plain"), ["/doc/77"]),
        ("Specification", page('<a href="/doc/77/get">Download</a>'), ["/doc/77", "/doc/77/get"]),
        ("Plan.dwg", page('<a href="/store/1">Plan.dwg</a>'), ["/doc/77", "/store/1"]),
    ],
)
def test_a_candidate_that_is_a_file_is_one(tmp_path: Path, name: str, answer: Any, asked: list[str]) -> None:
    """The response is the file; a page about it leads to the same record or name."""
    answers = {"/doc/77": answer, "/doc/77/get": file(), "/store/1": file(b"AC1032", "application/acad")}
    result = fetched(tmp_path, answers, given("/doc/77", name=name, is_certain=False))
    assert list(result.progress.saved) == ["a1"]
    assert result.asked == asked


def test_a_candidate_that_could_not_be_asked_is_missing(tmp_path: Path) -> None:
    """A failed candidate may be an attachment and is reported."""
    wanted = (given("/gone", is_certain=False), given("/broken", is_certain=False), given("/mine", is_certain=False))
    result = fetched(tmp_path, {"/broken": status(503), "/mine": status(403)}, *wanted)
    assert {error.code for error in result.progress.failed.values()} == {"NOT_FOUND", "PORTAL_ERROR", "FORBIDDEN"}
    assert not result.progress.dropped


def test_a_candidate_elsewhere_is_recorded_as_an_address(tmp_path: Path) -> None:
    """It is reported and does not make the order partial; a certain attachment is missing."""
    result = fetched(tmp_path, {"/1": file()}, given("/1"), given("//share/9", is_certain=False))
    assert result.asked == ["/1"]
    assert [(missing.attachment_id, missing.failure) for missing in result.progress.missing()] == [("a2", None)]
    assert order_progress.status_of(result.progress, None) == (models.Status.COMPLETED, None)
    assert fetched(tmp_path / "b", {}, given("//share/9")).error().code is models.ErrorCode.FORBIDDEN


def test_an_item_asks_three_addresses_at_most(tmp_path: Path) -> None:
    """Ways and pages count together."""
    answers = {f"/p/{n}": page(f'<a href="/p/{n + 1}">a.pdf</a>') for n in range(9)}
    result = fetched(tmp_path, answers, given("/p/0", "/q/1", name="a.pdf"))
    assert result.asked == ["/p/0", "/p/1", "/p/2"]
    assert result.error().code is models.ErrorCode.NOT_A_FILE
    result = fetched(tmp_path / "b", {}, given("/1", "/2", "/3", "/4", name="a.pdf"))
    assert result.asked == ["/1", "/2", "/3"]


def test_an_order_asks_twice_its_items_and_ten_more_at_most(tmp_path: Path) -> None:
    """Each item is tried once; items beyond the limit are missing."""
    items = [given(f"/gone/{n}/x", f"/gone/{n}/y", f"/gone/{n}/z", name=f"{n}.pdf") for n in range(30)]
    result = fetched(tmp_path, {}, *items)
    assert len(result.asked) == 2 * 30 + 10
    assert {path for path in result.asked if path.endswith("/x")} == {f"/gone/{n}/x" for n in range(30)}
    assert len(result.progress.failed) == 30
    again = fetched(tmp_path / "b", {}, *items, rounds=2)
    assert len(again.asked) == 2 * (2 * 30 + 10)


def test_one_question_at_a_time_is_asked_of_a_host(tmp_path: Path) -> None:
    """Uncertain candidates are requested one after another."""
    answers = {f"/topic/{n}": page("nothing") for n in range(8)}
    result = fetched(tmp_path, answers, *(given(f"/topic/{n}", is_certain=False) for n in range(8)), at_once=8)
    assert len(result.asked) == known_addresses.CONFIRMATIONS
    assert result.progress.dropped == {f"a{n}" for n in range(1, 9)}


def test_three_pages_about_files_make_the_rest_go_the_other_way_first(tmp_path: Path) -> None:
    """After three, the other way is tried first for addresses of this shape."""
    answers: dict[str, Any] = {f"/view/{n}": page("about") for n in range(6)}
    answers |= {f"/raw/{n}": file(PDF + b"%d" % n) for n in range(5)}
    answers["/view/5"] = page('<a href="/else/5">5.pdf</a>')
    answers["/else/5"] = file(PDF + b"else")
    items = [given(f"/view/{n}", f"/raw/{n}", name=f"{n}.pdf") for n in range(6)]
    result = fetched(tmp_path, answers, *items, at_once=1)
    assert result.asked == [
        "/view/0",
        "/raw/0",
        "/view/1",
        "/raw/1",
        "/view/2",
        "/raw/2",
        "/raw/3",
        "/raw/4",
        "/raw/5",
        "/view/5",
        "/else/5",
    ]
    assert len(result.progress.saved) == 6


def test_one_file_among_pages_keeps_their_like_from_being_taken_for_pages(tmp_path: Path) -> None:
    """If a shape has files and pages, every address is requested."""
    answers: dict[str, Any] = {f"/doc/{n}": page("nothing") for n in range(6)}
    answers["/doc/1"] = answers["/doc/5"] = file()
    result = fetched(
        tmp_path, answers, *(given(f"/doc/{n}", is_certain=False, name=f"N{n}") for n in range(6)), at_once=1
    )
    assert sorted(result.progress.saved) == ["a2", "a6"]
    assert len(result.asked) == 6


def test_pages_that_a_redirect_led_to_say_nothing_of_their_like(tmp_path: Path) -> None:
    """Three redirects to the front page do not prevent the fourth request."""

    def away() -> web.Response:
        return web.Response(status=302, headers={"Location": "/front"})

    answers: dict[str, Any] = {f"/doc/{n}": away for n in range(3)} | {"/front": page("x" * 900), "/doc/3": file()}
    result = fetched(tmp_path, answers, *(given(f"/doc/{n}", is_certain=False) for n in range(4)), at_once=1)
    assert list(result.progress.saved) == ["a4"]
    assert result.progress.dropped == {"a1", "a2", "a3"}


def test_what_one_order_learned_the_next_one_knows(tmp_path: Path) -> None:
    """A link on every order's page is requested once; a certain attachment always."""
    answers = {"/about-us": page("nothing")}
    wanted = given("/about-us", is_certain=False), given("/about-us", is_certain=False)
    result = fetched(tmp_path, answers, *wanted)
    assert result.asked == ["/about-us"]
    assert result.progress.dropped == {"a1", "a2"}
    wanted = given("/about-us", is_certain=False), given("/about-us")
    assert fetched(tmp_path / "b", answers, *wanted, at_once=1).asked == ["/about-us", "/about-us"]


def test_a_large_file_is_asked_for_once(tmp_path: Path) -> None:
    """The response that is the file is the download."""
    answers = {"/doc/1": file(LARGE), "/doc/2": file(LARGE + b"2"), "/view/3": page('<a href="/doc/3">c.pdf</a>')}
    answers["/doc/3"] = file(LARGE + b"3")
    wanted = (given("/doc/1", name="a.pdf"), given("/doc/2", is_certain=False), given("/view/3", name="c.pdf"))
    result = fetched(tmp_path, answers, *wanted)
    assert sorted(result.asked) == ["/doc/1", "/doc/2", "/doc/3", "/view/3"]
    assert sorted(file.size for file in result.progress.saved.values()) == [len(LARGE), len(LARGE) + 1, len(LARGE) + 1]


def test_a_question_ends_where_the_file_begins(tmp_path: Path) -> None:
    """The next candidate is requested while a file still arrives."""
    begun = {"1": asyncio.Event(), "2": asyncio.Event()}

    class Slow(web.StreamResponse):
        """A file that ends only after the other has begun."""

        def __init__(self, own: str, other: str) -> None:
            super().__init__(headers={"Content-Type": "application/pdf"})
            self.own, self.other = own, other

        async def write_eof(self, data: bytes = b"") -> None:
            await self.write(PDF)
            begun[self.own].set()
            await begun[self.other].wait()
            await super().write_eof(data)

    answers = {"/doc/x1": lambda: Slow("1", "2"), "/doc/x2": lambda: Slow("2", "1")}
    result = fetched(tmp_path, answers, given("/doc/x1", is_certain=False), given("/doc/x2", is_certain=False))
    assert len(result.progress.saved) == 2


class _Captured:
    """A complete browser download."""

    sent_name, url = "1", "https://portal.example/get/1"
    headers: Mapping[str, str] = {"content-type": "text/html"}

    def __init__(self, path: Path) -> None:
        self._path = path
        self.temporary = path.parent

    async def part(self, stall: float) -> Path:
        await asyncio.to_thread(self._path.write_text, "<html><title>Order</title><a href='/'>Home</a>")
        return self._path

    async def discard(self) -> None:
        self._path.unlink(missing_ok=True)


@pytest.mark.parametrize("is_certain", [True, False])
def test_a_press_that_brings_a_page_is_no_attachment(tmp_path: Path, is_certain: bool) -> None:
    """An uncertain one is dropped; a certain one is missing."""

    async def press(progress: order_progress.OrderProgress, fetcher: fetching.Fetcher) -> None:
        click = models.Click(models.Control("button", "Go"))
        attachment = models.Attachment("p1", "", click, is_certain=is_certain)
        await fetcher.adopt(progress, attachment, _Captured(tmp_path / "download"))

    result = fetched(tmp_path / "out", {}, then=press)
    assert result.progress.dropped == (set() if is_certain else {"p1"})
    assert set(result.progress.failed) == ({"p1"} if is_certain else set())
    assert not (tmp_path / "download").exists()


@pytest.mark.parametrize(
    ("items", "kept"),
    [
        ((("/1", "a.pdf", "Header"), ("/2", "a.pdf", "Comments")), {"a1"}),
        ((("/1", "", "Header"), ("/2", "a.pdf", "Comments")), {"a1"}),
        ((("/1", "a.pdf", "Header"), ("/2", "a.pdf", "Header")), {"a1", "a2"}),
        ((("/1", "a.pdf", "Header"), ("/2", "b.pdf", "Comments")), {"a1", "a2"}),
        ((("/1", "a.pdf", "Header"), ("/other", "a.pdf", "Comments")), {"a1", "a2"}),
        ((("/1", "a.pdf", "Header"), ("/2", "a.pdf", "Lines"), ("/3", "a.pdf", "Lines")), {"a2", "a3"}),
        ((("/1", "a.pdf", "X"), ("/2", "A.pdf", "Y"), ("/3", "a.pdf", "Z")), {"a1"}),
    ],
)
def test_one_attachment_that_is_shown_in_two_areas_is_one(
    tmp_path: Path, items: tuple[tuple[str, str, str], ...], kept: set[str]
) -> None:
    """Equal content in another area is the same; twice in one area is two."""
    answers = {"/1": file(), "/2": file(), "/3": file(), "/other": file(PDF + b"other")}
    result = fetched(tmp_path, answers, *(given(way, name=name, place=place) for way, name, place in items))
    assert set(result.progress.saved) == kept
    assert {found.id for found in result.progress.wanted()} == kept
    assert not result.progress.missing()
    assert {Path(file.path) for file in result.progress.saved.values()} == set(result.progress.work.path.glob("*[0-9]"))


@pytest.mark.parametrize(("claimed", "kept"), [(1, {"a1"}), (2, {"a1", "a2"})])
def test_what_the_page_counts_decides_whether_two_that_look_the_same_are_one(
    tmp_path: Path, claimed: int, kept: set[str]
) -> None:
    """All that the page counts are kept."""
    items = [given(way, name="a.pdf", place=place) for way, place in (("/1", "Header"), ("/2", "Comments"))]
    result = fetched(tmp_path, {"/1": file(), "/2": file()}, *items, claimed=claimed)
    assert set(result.progress.saved) == kept
    assert not result.progress.why_incomplete()


def test_a_sign_in_that_another_host_asks_for_is_the_files_own(tmp_path: Path) -> None:
    """This file is forbidden, and the run continues."""
    form = page('<form method="post"><input type="password"></form>')
    for number, answer in enumerate((status(401), form)):
        wanted = given("//share/9", name="a.pdf")
        result = fetched(tmp_path / str(number), {"/share/9": answer}, wanted, also=("localhost",))
        assert type(result.error()) is errors.PermanentError
        assert result.error().code is models.ErrorCode.FORBIDDEN
        assert "needs a separate sign-in at localhost" in str(result.error())


URL = "https://portal.example/files/5"
STYLE = '<link rel="stylesheet" href="/app.css">'
NAVIGATION = "".join(f'<a href="/{name}">{name}</a>' for name in ("orders", "invoices", "suppliers", "help", "me", "x"))


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ("<form method=post><input name=u><input type=password name=p></form>", URL),
        ('<input type="PASSWORD">', URL),
        (f'{NAVIGATION}<form><input autocomplete="section-a username"></form>', URL),
        (f'{NAVIGATION}<form><input name=code autocomplete="one-time-code"></form>', URL),
        ('<form><input type=email autocomplete="username webauthn"></form>', URL),
        ('<form method=post action="/session"><input name=loginfmt></form>', URL),
        ('<form method=post action="/users/sign_in"><input type=email name=e></form>', URL),
        ('<form method=post action="https://idp.example/x"><input type=hidden name=SAMLRequest value=1></form>', URL),
        ('<meta http-equiv=refresh content="0;url=/login?next=/files/5">', URL),
        ('<a href="/auth/saml">Sign in with SSO</a>', URL),
        ('<p>Your session has expired.</p><a href="/Account/Login.aspx">Continue</a>', URL),
        ('<a href="https://idp.example/authorize?client_id=1&response_type=code">Continue</a>', URL),
        ('<div id=app></div><script src="/login.js"></script>', "https://portal.example/login?next=%2Ffiles%2F5"),
        ("<div id=app></div>", "https://idp.example/adfs/ls/?wtrealm=urn:x"),
        ("<div id=app></div>", "https://portal.example/start?returnUrl=%2Ffiles%2F5"),
        (f"{NAVIGATION}<p>long</p>" + "x " * 900, "https://portal.example/signin"),
    ],
)
def test_a_page_to_sign_in_on_is_told_by_its_structure(body: str, url: str) -> None:
    """By credentials, a protocol's fields, or a redirect."""
    assert sign_in_page.asks_for_sign_in(html_source.Source(f"<html>{STYLE}<body>{body}".encode(), url), URL)


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ("", URL),
        ('<form action="/search"><input type=search name=q></form>', URL),
        ('<form method=post action="/newsletter"><input type=email autocomplete=email name=email></form>', URL),
        (f'{NAVIGATION}<a href="/login">Sign in</a><h1>a.pdf</h1><a href="/raw/5">Download</a>', URL),
        ("<form method=post><input type=password autocomplete=new-password></form>", URL),
        ("<form><input type=password name=old><input type=password name=new></form>", URL),
        ('<form style="display: none"><input type=password></form>', URL),
        ("<dialog><form><input type=password></form></dialog>", URL),
        ("<template><form><input type=password></form></template>", URL),
        ("<div hidden><form><input autocomplete=username></form></div>", URL),
        ("<form method=post><input name=username><textarea name=comment></textarea></form>", URL),
        ('<!-- <input type=password> --><script>"<input type=password>"</script>', URL),
        (
            '<h1>Books</h1><a href="/authors/x">x</a><a href="/lessons/sso-free">y</a>',
            "https://portal.example/authors/x",
        ),
        ("<p>lessons</p>", "https://files.lessons.example/files/5"),
        ('<form method=post action="/comments"><input name=text></form>', URL),
        ("<p>You have no permission.</p>", "https://portal.example/files/5/"),
        ('<form method=post action="/logout"><button>Sign out</button></form>', URL),
        ("<div id=app></div>", "https://portal.example/viewer/5"),
        ("<form><input type=text name=q placeholder=Search></form>", URL),
        ('<header><a href="/login">Sign in</a></header><h1>a.pdf</h1><a href="/raw/5">Download</a>', URL),
        ('<header><a href="/login">Sign in</a></header><p>Some words.</p>', URL),
        ('<a href="/login">Sign in</a><h1>a.pdf</h1><p>2 pages</p>', URL),
        ('<a href="/login">Sign in</a><object data="/raw/5"></object>', URL),
    ],
)
def test_an_ordinary_page_asks_for_no_sign_in(body: str, url: str) -> None:
    """Search, subscription, new password and hidden fields are no sign-in."""
    assert not sign_in_page.asks_for_sign_in(html_source.Source(f"<html>{STYLE}<body>{body}".encode(), url), URL)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("/doc/7", "/doc/81", True),
        ("/doc/7", "/file/7", False),
        ("/files/a.pdf", "/files/Other%20one.pdf", True),
        ("/files/a.pdf", "/files/a.html", False),
        ("/w/Page?do=get&target=a.pdf", "/w/Page?target=b.pdf&do=get", True),
        ("/w/Page?do=get&target=a.pdf", "/w/Page?do=view&target=a.pdf", False),
        ("/get.aspx?id=7", "/get.aspx?id=9", True),
        ("/get.aspx?id=7", "/view.aspx?id=7", False),
        ("/d/0b0c0d0e-1111-2222-3333-444455556666/x", "/d/1b0c0d0e-1111-2222-3333-444455556666/x", True),
        ("/d/deadbeefdeadbeef", "/d/cafebabecafebabe", True),
        ("/view;jsessionid=A1", "/view;jsessionid=B2", True),
    ],
)
def test_addresses_of_one_shape(one: str, other: str, alike: bool) -> None:
    """Numbers, ids and names do not matter."""
    site = "https://portal.example"
    assert (known_addresses.shape(site + one) == known_addresses.shape(site + other)) is alike


def test_verdicts_are_kept_without_addresses() -> None:
    """The next run gets shapes without secrets, and checks them once."""
    known = known_addresses.KnownAddresses()
    for number in range(5):
        known.note(f"https://p.example/view/{number}?sig=SECRET{number}", known_addresses.AddressKind.ABOUT)
    text = known.to_json()
    assert "SECRET" not in text
    later = known_addresses.KnownAddresses.from_json(text)
    assert later.of("https://p.example/view/77?sig=1") is None
    later.note("https://p.example/view/78?sig=1", known_addresses.AddressKind.ABOUT)
    assert later.of("https://p.example/view/77?sig=1") is known_addresses.AddressKind.ABOUT
    later.note("https://p.example/view/79?sig=1", known_addresses.AddressKind.FILE)
    assert later.of("https://p.example/view/77?sig=1") is None
    for wrong in ("[]", "{", '{"a": 1}', '{"a": {"NONE": 1}}'):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
            known_addresses.KnownAddresses.from_json(wrong)


def test_pages_are_read_in_their_own_characters() -> None:
    """By byte order mark, header, or what the page says."""
    body = '<html><head><meta charset="latin-1"><title>Größe</title></head><a href="/raw">Größe.pdf</a>'
    for html, charset in (
        (body.encode("latin-1"), ""),
        (body.encode("utf-8"), "utf-8"),
        (body.encode("utf-16"), ""),
    ):
        about = page_about.Page(html, URL, charset)
        assert about.title == "Größe"
        found = about.downloads("Größe.pdf", allowed=allowed)
        assert [link.url for link in found] == ["https://portal.example/raw"]
    assert page_about.Page(body.encode(), URL, "no-such-charset").title == "Größe"


def test_no_page_is_too_broken_to_be_read() -> None:
    """Invalid addresses, open tags and bytes that are no text raise nothing."""
    bits = (
        b"<a href=",
        b"'http://[x'",
        b" download>",
        b"<base href='http://[::'>",
        b"\x00",
        b"\xff\xfe",
        b"<form>",
        b"<input type=password>",
        b"</form>",
        b"<svg><title>",
        b"<meta http-equiv=refresh content='0;url=http://[a'>",
        b"<iframe src='?u=http://]'>",
        b"a.pdf",
        b"</a>",
        b"<a href='?x=%zz&y=%ff'>",
        b"<img alt=a.jpg src=a.jpg>",
        b"<template>",
        b"<object data='javascript:x'>",
        b"<a href='http://ex\xe2\x84\x80mple/'>a.pdf</a>",
        b"<meta charset=bogus>",
        b"<a href=http://a:b/a.pdf>a.pdf</a>",
        b"<frameset>",
        b"<a href='/\xed\xa0\x80'>",
    )
    chance = random.Random(1)
    urls = (URL, "https://p.example", "blob:https://p.example/1", "", "http://[", "https://p.example/a.pdf?x=1#y")
    for _ in range(500):
        about = page_about.Page(b"".join(chance.choices(bits, k=8)), chance.choice(urls))
        for name in ("a.pdf", "", "a.jpg", "ab\u2026c.pdf"):
            assert all(found.url.startswith("http") for found in about.downloads(name, allowed=allowed))
        sign_in_page.asks_for_sign_in(about, URL)
        about.is_portals_own()
    for url in ("http://[", "x", "https://p/%ff?%ff=%ff", "https://p/a b?x"):
        assert known_addresses.shape(url)


def test_a_kept_file_that_is_no_attachment_any_more_counts_as_vanished(tmp_path: Path) -> None:
    """The saved file stays, and nothing is missing."""

    async def keep(progress: order_progress.OrderProgress, _fetcher: fetching.Fetcher) -> None:
        progress.kept["a1"] = models.SavedFile("a1", "x", "x", 1, "", "", "http", "")
        progress.keep_remaining()

    result = fetched(tmp_path, {"/1": page("nothing")}, given("/1", is_certain=False), then=keep)
    assert result.progress.vanished() == ["a1"]
    assert result.progress.saved["a1"].checks == ("vanished",)
    assert not result.progress.missing()


def test_what_one_file_is_refused_changes_a_hosts_way_only_where_that_is_the_hosts_rule() -> None:
    """A proxy or certificate concerns all files; a response only if the host refuses our client always."""

    async def go_ahead() -> None:
        return

    refused = errors.BrowserRouteNeededError("HTTP 403", models.ErrorCode.FORBIDDEN, is_of_file=True)
    traffic = file_traffic.Traffic(8, go_ahead=go_ahead)
    assert [traffic.got_by_browser(f"https://a.example/{n}", refused) for n in (1, 1, 2, 3)] == [
        False,
        False,
        True,
        False,
    ]
    traffic.reached.add("b.example")
    assert not any(traffic.got_by_browser(f"https://b.example/{n}", refused) for n in range(5))
    assert traffic.got_by_browser("https://c.example/1", errors.BrowserRouteNeededError("the proxy asks"))
    assert traffic.by_browser == {"a.example", "c.example"}
