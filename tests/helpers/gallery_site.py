"""A web server with the gallery's pages: as portals of many makes have them, and what a person would say of each.

`fixtures/gallery/cases.json` says of each case what a careful person in accounts payable would say; `pages/` holds what
differs from page to page, `chrome/` what all pages of one make have around it. `controls.json` holds single controls.

What a case expects is a *verdict*:

=================  ====================================================================================================
`FILES`            the order's page; exactly these attachments, and there are no more
`NONE`             the order's page; its attachment area is there, and empty
`NO_AREA`          the order's page; it has no place for attachments at all
`INCOMPLETE`       the order's page; it claims, or shows that there are, more attachments than can be got
`NOT_RECOGNISED`   not this order's page: another's, the home page, an error text, a shell without its data
`SIGNED_OUT`       a page that asks to sign in
`FORBIDDEN`        a page that says: you may not see this order
`NOT_FOUND`        a page that says: there is no such order
`CHALLENGE`        a captcha or bot check stands in place of the page
=================  ====================================================================================================

Every request is logged. Whatever is asked for that no case needs answers 200, as a portal would, and is *harm*, unless
it is one of the addresses that change nothing (`harmless` in cases.json): those are *strays*.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import html
import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, unquote

from aiohttp import WSMsgType, web

from tests.helpers.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = Path(__file__).parents[2] / "fixtures" / "gallery"
VERDICTS: Final = frozenset(
    {
        "FILES",
        "NONE",
        "NO_AREA",
        "INCOMPLETE",
        "NOT_RECOGNISED",
        "SIGNED_OUT",
        "FORBIDDEN",
        "NOT_FOUND",
        "CHALLENGE",
    }
)
USES: Final = frozenset({"press", "fetch", "leave"})
_TYPES: Final[Mapping[str, str]] = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "html": "text/html; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "log": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "xml": "application/xml",
    "zip": "application/zip",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "eml": "message/rfc822",
}
_ZIPPED: Final = frozenset({"zip", "docx", "xlsx", "pptx", "odt"})
_MAGIC: Final[Mapping[str, bytes]] = {
    "pdf": b"%PDF-1.7\n",
    "png": b"\x89PNG\r\n\x1a\n",
    "jpg": b"\xff\xd8\xff\xe0",
    "msg": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "html": b"<!doctype html>\n<title>A saved page</title>\n",
}
_TAIL: Final[Mapping[str, bytes]] = {"pdf": b"\n%%EOF\n"}


@dataclasses.dataclass(frozen=True, slots=True)
class ExpectedFile:
    """One attachment that a person would list."""

    name: str
    """As a person would call it: the file name where the page shows one, else what the page calls it."""
    addresses: tuple[str, ...] = ()
    """Those that count as its file: `/path?query` on the site, or whole; none where only a press hands it out."""
    also: tuple[str, ...] = ()
    """Other names that are right too."""
    optional: bool = False
    """It may be listed, as one that cannot be got, or left out."""


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A page, and what a careful person would say of it."""

    id: str
    theme: str
    make: str
    """Whose style the page has."""
    po: str
    """The PO number that is asked for."""
    verdict: str
    """One of `VERDICTS`."""
    or_else: tuple[str, ...]
    """Other verdicts that do no harm and tell no untruth."""
    files: tuple[ExpectedFile, ...]
    note: str
    """Why a person says so, where two people might differ."""
    path: str
    """Where the page is on the site."""
    chrome: str
    """Which file of `chrome/` is around it; `""` where the page is a whole document."""
    status: int
    redirect: str
    """Where asking for `path` leads; `""` for nowhere else."""
    serves: Mapping[str, Mapping[str, Any]]
    """Further answers, by `/path?query` or `METHOD /path?query`."""
    then: str
    """Which of its pages is shown from the second visit on; `""` for the same."""
    neighbours: tuple[str, ...]
    """Paths of other orders' pages of the same portal: what they share is the site's."""

    @property
    def complete(self) -> bool:
        """Whether the reading must call itself complete."""
        return self.verdict in {"FILES", "NONE", "NO_AREA"}

    @property
    def kind(self) -> str:
        """What kind of page it is: `ORDER`, or the verdict where it is none."""
        return "ORDER" if self.verdict in {"FILES", "NONE", "NO_AREA", "INCOMPLETE"} else self.verdict


@dataclasses.dataclass(frozen=True, slots=True)
class ControlCase:
    """One control or link, and what may be done with it."""

    id: str
    language: str
    use: str
    """One of `USES`: `press` (only a press hands the file out), `fetch` (it has an address), `leave`."""
    label: str
    path: str
    """Its own on the server; asking for it is using the control."""
    markup: str
    note: str

    @property
    def beside(self) -> str:
        """Address of the file that stands beside it, to be fetched; `""` where there is none."""
        address = f"/ok/{self.id}"
        return address if f'"{address}"' in self.markup else ""


def _read_case(raw: Mapping[str, Any]) -> Case:
    files = tuple(
        ExpectedFile(
            one["name"], tuple(one.get("addresses", ())), tuple(one.get("also", ())), one.get("optional", False)
        )
        for one in raw["files"]
    )
    return Case(
        id=raw["id"],
        theme=raw["theme"],
        make=raw["make"],
        po=raw["po"],
        verdict=raw["verdict"],
        or_else=tuple(raw.get("or", ())),
        files=files,
        note=raw.get("note", ""),
        path=raw.get("path", f"/case/{raw['id']}"),
        chrome=raw.get("chrome", ""),
        status=raw.get("status", 200),
        redirect=raw.get("redirect", ""),
        serves=raw.get("serves", {}),
        then=raw.get("then", ""),
        neighbours=tuple(raw.get("neighbours", ())),
    )


def read_cases() -> tuple[dict[str, Case], dict[str, str], tuple[re.Pattern[str], ...]]:
    """The cases by id; those known to be read wrongly, with the reason; the addresses that change nothing."""
    raw = json.loads((FOLDER / "cases.json").read_text("utf-8"))
    cases = {one["id"]: _read_case(one) for one in raw["cases"]}
    return cases, raw["known_wrong"], tuple(re.compile(pattern) for pattern in raw["harmless"])


def read_controls() -> dict[str, ControlCase]:
    """The single controls by id."""
    raw = json.loads((FOLDER / "controls.json").read_text("utf-8"))
    found = {}
    for number, (language, use, style, label, more) in enumerate(raw["controls"], 1):
        id_ = f"{number:03}"
        path = more.get("path", f"/c/{id_}").replace("{{id}}", id_)
        values = {"id": id_, "path": path, "label": label, "file": f"{raw['stems'][number % len(raw['stems'])]}-{id_}"}
        markup = _filled(more.get("html") or raw["styles"][style], values)
        found[id_] = ControlCase(id_, language, use, _filled(label, values), path, markup, more.get("note", ""))
    return found


def _filled(text: str, values: Mapping[str, str]) -> str:
    for key in ("body", "label", *values):  # what is put in may hold marks of its own
        text = text.replace("{{" + key + "}}", values.get(key, ""))
    return text


def content_of(path: str, name: str) -> bytes:
    """The bytes of a file: what its name promises, and different for each address."""
    kind = name.rpartition(".")[2].lower()
    told = f"{path} {name}\n".encode()
    if kind in _ZIPPED:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(zipfile.ZipInfo("content.txt"), told)
        return packed.getvalue()
    return _MAGIC.get(kind, b"") + told * 20 + _TAIL.get(kind, b"")


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request that the site got; its text is `METHOD /path?query`."""

    method: str
    path: str
    """With the query."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class GallerySite:
    """Serves the gallery until its block ends.

    Attributes:
        origin: Scheme, host and port.
        cases: All cases, by id.
        known_wrong: Ids of cases that are read wrongly and known to be, with the reason.
        controls: All single controls, by id.
        log: Every request, in order. A web socket's messages from the page are logged with the method `MESSAGE`.
        harm: Those that no careful person would have sent.
        strays: Those that change nothing, and that no case needs.
    """

    def __enter__(self) -> Self:
        self.cases, self.known_wrong, self._harmless = read_cases()
        self.controls = read_controls()
        self.log: list[Request] = []
        self.harm: list[Request] = []
        self.strays: list[Request] = []
        self._visits: collections.Counter[str] = collections.Counter()
        self._answers: dict[str, tuple[Case | None, Mapping[str, Any]]] = {}
        for case in self.cases.values():
            self._register(case)
        for page in self.control_pages():
            self._answers[f"GET {page}"] = (None, {"as": "controls"})
        for control in self.controls.values():
            sent = {"as": "attachment", "name": f"file-{control.id}.pdf"}
            if control.use != "leave":
                self._answers[f"{'POST' if control.use == 'press' else 'GET'} {control.path}"] = (None, sent)
            if control.beside:
                self._answers[f"GET {control.beside}"] = (None, sent)
        self._loop = LoopThread().__enter__()
        self._loop.run(self._start())
        self.cases = {id_: self._placed(case) for id_, case in self.cases.items()}
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._end())
        self._loop.__exit__()

    def _placed(self, case: Case) -> Case:
        """The case with the address of the other host filled in where its files are there."""
        there = {"other": self._other}
        files = (
            dataclasses.replace(file, addresses=tuple(_filled(one, there) for one in file.addresses))
            for file in case.files
        )
        return dataclasses.replace(case, files=tuple(files))

    def url(self, case: Case) -> str:
        """Where a case's page is."""
        return self.origin + case.path

    def control_pages(self) -> tuple[str, ...]:
        """Paths of the pages that show the single controls, at most 25 a page."""
        return tuple(f"/controls/{first // 25 + 1}" for first in range(0, len(self.controls), 25))

    def controls_on(self, page: str) -> tuple[ControlCase, ...]:
        """The single controls of one such page."""
        first = (int(page.rpartition("/")[2]) - 1) * 25
        return tuple(self.controls.values())[first : first + 25]

    def _register(self, case: Case) -> None:
        shown = case.redirect or case.path
        self._add(case, f"GET {shown}", {"as": "page", "page": case.id, "status": case.status})
        if case.redirect:
            self._add(case, f"GET {case.path}", {"as": "redirect", "to": case.redirect})
        for path in case.neighbours:
            self._add(case, f"GET {path}", {"as": "page", "page": f"{case.id}.{path.rpartition('/')[2]}"})
        for key, answer in case.serves.items():
            self._add(case, key if not key.startswith("/") else f"GET {key}", answer)
        for file in case.files:
            for address in file.addresses:
                if address.startswith("/") and unquote(f"GET {address}") not in self._answers:
                    self._add(case, f"GET {address}", {"as": "attachment", "name": file.name})

    def _add(self, case: Case, key: str, answer: Mapping[str, Any]) -> None:
        key = unquote(key)
        if key in self._answers:
            raise ValueError(f"{case.id}: {key} is served already")
        self._answers[key] = (case, answer)

    async def _pause(self, seconds: float) -> None:
        """Waits as long as the case says, at most until the site ends."""
        if seconds:
            await asyncio.wait([self._ending], timeout=seconds)

    async def _end(self) -> None:
        self._ending.cancel()
        for socket in self._sockets:
            await socket.close()
        await self._runner.cleanup()

    async def _start(self) -> None:
        self._ending = asyncio.create_task(asyncio.Event().wait())
        self._sockets: list[web.WebSocketResponse] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        place = web.TCPSite(self._runner, "127.0.0.1", 0)
        await place.start()
        port = self._runner.addresses[0][1]
        self.origin = f"http://127.0.0.1:{port}"
        self._other = f"http://localhost:{port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = Request(request.method, request.raw_path)
        self.log.append(asked)
        path = request.raw_path.removesuffix("?")
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        method = "WS" if upgrade else "GET" if request.method == "HEAD" else request.method
        case, answer = self._answers.get(unquote(f"{method} {path}"), (None, None))
        if answer is not None and "by" in answer:
            fields = await request.post()
            answer = answer["answers"].get(str(fields.get(answer["by"], "")))
        if answer is None:
            return self._unexpected(asked)
        return await self._give(request, case, answer)

    def _unexpected(self, asked: Request) -> web.StreamResponse:
        harmless = asked.method in {"GET", "HEAD"} and any(one.fullmatch(asked.path) for one in self._harmless)
        (self.strays if harmless else self.harm).append(asked)
        if asked.path.endswith(".js"):
            return web.Response(status=404)
        if asked.path.partition("?")[0].endswith(".pdf"):
            return web.Response(body=content_of(asked.path, "x.pdf"), content_type="application/pdf")
        if asked.path.endswith((".png", ".ico", ".svg", ".jpg")):
            return web.Response(body=content_of(asked.path, "x.png"), content_type="image/png")
        return web.Response(text="<!doctype html><title>Done</title><p>Done.</p>", content_type="text/html")

    async def _give(self, request: web.Request, case: Case | None, answer: Mapping[str, Any]) -> web.StreamResponse:
        await self._pause(answer.get("delay", 0))
        path = request.raw_path
        kind = answer["as"]
        if kind == "controls":
            return web.Response(text=self._controls_page(path), content_type="text/html")
        if kind == "redirect":
            return web.Response(status=302, headers={"Location": answer["to"]})
        if kind == "ws":
            return await self._talk(request, answer)
        if kind == "events":
            return await self._stream(request, answer)
        if kind == "script":
            return web.Response(text=answer["body"], content_type="text/javascript")
        if kind == "json":
            return web.json_response(answer["body"], status=answer.get("status", 200))
        if case is not None and kind in {"page", "html"}:
            name = f"{case.id}.{case.then}" if case.then and self._visits[case.id] else answer.get("page", "")
            self._visits[case.id] += 1
            text = self._page(case, name) if kind == "page" else self._fill(case, answer["body"])
            return web.Response(text=text, status=answer.get("status", 200), content_type="text/html", charset="utf-8")
        return _file(path, kind, answer["name"])

    async def _talk(self, request: web.Request, answer: Mapping[str, Any]) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        for delay, message in answer["messages"]:
            await self._pause(delay)
            await socket.send_str(message if isinstance(message, str) else json.dumps(message))
        async for heard in socket:
            if heard.type is WSMsgType.TEXT:
                self.log.append(Request("MESSAGE", f"{request.raw_path} {heard.data}"))
        return socket

    async def _stream(self, request: web.Request, answer: Mapping[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        for delay, message in answer["messages"]:
            await self._pause(delay)
            await response.write(f"data: {json.dumps(message)}\n\n".encode())
        await self._pause(3600)
        return response

    def _page(self, case: Case, name: str) -> str:
        body = (FOLDER / "pages" / f"{name}.html").read_text("utf-8")
        if not case.chrome or body.lstrip().lower().startswith("<!doctype"):
            return self._fill(case, body)
        around = (FOLDER / "chrome" / f"{case.chrome}.html").read_text("utf-8")
        return self._fill(case, around.replace("{{body}}", body))

    def _fill(self, case: Case, text: str) -> str:
        values = {"po": case.po, "id": case.id, "path": case.path, "origin": self.origin, "other": self._other}
        return _filled(text, values)

    def _controls_page(self, path: str) -> str:
        rows = "\n".join(f'<li class="item">{control.markup}</li>' for control in self.controls_on(path))
        return _filled(
            (FOLDER / "controls.html").read_text("utf-8"), {"body": rows, "page": html.escape(path), "po": f"PO{path}"}
        )


def _file(path: str, kind: str, name: str) -> web.Response:
    disposition = {"attachment": "attachment", "inline": "inline"}.get(kind)
    suffix = name.rpartition(".")[2].lower()
    content = _TYPES.get(suffix, "application/octet-stream") if kind in {"attachment", "inline", "typed"} else ""
    headers = {"Content-Type": content or "application/octet-stream"}
    if disposition:
        plain = name.encode("ascii", "replace").decode().replace("?", "_")
        headers["Content-Disposition"] = f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
    return web.Response(body=content_of(path, name), headers=headers)
