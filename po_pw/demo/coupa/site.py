"""Responses of the tenant and its storage, by path."""

from __future__ import annotations

import asyncio
import contextvars
import importlib.resources
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import web

from po_pw.demo import faults, sending
from po_pw.demo.coupa import demo_tenant, provider, tenant_accounts, tenant_catalogue, tenant_pages, widgets
from po_pw.demo.coupa.tenant_catalogue import SignIn
from po_pw.demo.coupa.tenant_texts import TEXTS
from po_pw.demo.coupa.tenant_variants import ANSWERS_200, Variant

if TYPE_CHECKING:
    from po_pw.demo.catalogue import ExpectedFile

_OPEN: Final = ("/sessions/new", "/user/sessions/new", "/sessions/saml_post", "/assets/", "/public_attachments/")
"""Paths that need no sign-in, including `/sessions` itself."""
_SIGN_INS: Final = frozenset({"/sessions", "/sessions/saml_post"})
"""Paths to which a sign-in is posted."""
_CHANGES: Final = re.compile(r"^/order_headers/\d+/cancel$")
"""An address that changes something even by GET."""
_SESSION: Final[contextvars.ContextVar[tenant_accounts.Session | None]] = contextvars.ContextVar(
    "session", default=None
)
"""The session of the current request."""
_SCRIPT: Final = (
    "// Uploads what people attach. It has nothing to do on a page that is only read.\nwindow.uploader = {};\n"
)
_LOGO: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><rect width="120" height="32" rx="6" fill="#0b6fb8"/>'
    '<text x="60" y="21" text-anchor="middle" font-family="sans-serif" font-size="15" fill="#fff">Tenant</text></svg>\n'
)


class Site:
    """The handlers of one tenant and its storage."""

    def __init__(self, tenant: demo_tenant.Tenant) -> None:
        self._tenant = tenant
        self._settings = tenant.settings
        folder = importlib.resources.files("po_pw.demo.coupa")
        self._assets = {
            "tenant.css": ((folder / "tenant.css").read_text("utf-8"), "text/css"),
            "tenant.js": ((folder / "tenant.js").read_text("utf-8"), "text/javascript"),
            "AttachmentUploader.js": (_SCRIPT, "text/javascript"),
        }
        self._by_id = {order.header_id: order for order in tenant.all_orders}
        self._requisitions = {
            order.requisition.id: order.requisition for order in tenant.orders if order.requisition is not None
        }
        self._files, self._owners = self._known_files()
        self._assertions: set[str] = set()
        self._once: set[str] = set()

    def _known_files(self) -> tuple[dict[int, ExpectedFile], dict[int, str]]:
        """All files by number, with the path of the page of each."""
        files: dict[int, ExpectedFile] = {}
        owners: dict[int, str] = {}
        for order in self._tenant.all_orders:
            records = [(order.path, order.items)]
            if order.requisition is not None:
                records.append((f"/requisition_headers/{order.requisition.id}", order.requisition.items))
            for path, items in records:
                owners |= {item.attachment.number: path for item in items}
                files |= {
                    item.attachment.number: item.attachment
                    for item in items
                    if tenant_catalogue.is_file(item.attachment)
                }
        return files, owners

    def application(self) -> web.Application:
        """The tenant itself."""
        application = web.Application(middlewares=[self._gate])
        application.add_routes(
            [
                web.get("/", self._root),
                web.get("/user/home", self._home),
                web.get("/sessions/new", self._sign_in_page),
                web.get("/user/sessions/new", self._sign_in_page),
                web.post("/sessions", self._sign_in),
                web.post("/sessions/saml_post", self._assertion),
                web.get("/sessions/destroy", self._sign_out),
                web.get("/sessions/expiration_check", self._expiration),
                web.get("/order_headers", self._list),
                web.get("/order_headers/print_view", self._print_view),
                web.get("/order_headers/show_custom/{id}", self._order),
                web.get("/order_headers/{id}", self._order),
                web.get("/order_headers/{id}/attachments_list", self._header_list),
                web.get("/order_headers/{id}/order_lines", self._lines),
                web.get("/order_headers/{id}/order_lines.json", self._lines_json),
                web.get("/order_headers/{id}/line_attachments.json", self._line_attachments),
                web.get("/requisition_headers/{id}", self._requisition),
                web.get("/requisition_headers", self._other_list),
                web.get("/invoices", self._other_list),
                web.get("/{kind:order_headers|requisition_headers}/{id}/comments.json", self._comments),
                web.get("/attachments/{number}", self._record_of),
                web.get("/attachment/attachment_file/{kind:file|type}/{number}/{name}", self._file),
                web.get("/assets/{name}", self._asset),
                web.get("/public_attachments/{number}/{name}", self._logo),
            ]
        )
        return application

    def storage(self) -> web.Application:
        """The storage: needs a signature, not a sign-in."""
        application = web.Application()
        application.router.add_get("/tenant-files/attachment_files/files/{number}/original/{name}", self._object)
        return application

    # --- access -----------------------------------------------------------------------------------------------------

    @web.middleware
    async def _gate(self, request: web.Request, handler: demo_tenant.Handler) -> web.StreamResponse:
        """Records every request, and redirects signed-out users to the sign-in."""
        tenant, path = self._tenant, request.path
        token = request.cookies.get(tenant.cookie, "")
        if path.startswith(_OPEN) or path in _SIGN_INS or path == "/sessions/expiration_check":
            session = tenant.accounts.find(token)
        else:
            session = tenant.accounts.use(token)
        entry = tenant.record("tenant", request, session)
        if (request.method not in {"GET", "HEAD"} and path not in _SIGN_INS) or _CHANGES.search(path):
            tenant.harm.append(entry)
            return web.Response(status=200 if session else 401)
        if session is None and not (path.startswith(_OPEN) or path in _SIGN_INS):
            return self._signed_out(request)
        _SESSION.set(session)
        if (fault := tenant.faults.take(request.rel_url.raw_path)) is not None:
            tenant.counts["faults"] += 1
            status = faults.STATUS.get(fault, 500)
            return web.Response(status=status, headers={"Retry-After": "1"}, text="Service unavailable")
        try:
            return await handler(request)
        except web.HTTPNotFound:
            if session is None:
                raise
            return self._problem("not_found", "en", 404)

    def _signed_out(self, request: web.Request) -> web.Response:
        self._tenant.counts["sent_to_sign_in"] += 1
        target = "/sessions/new?" + urlencode({"return_to": request.path_qs})
        if request.path.endswith((".json", "/expiration_check")) or "json" in request.headers.get("Accept", ""):
            return web.json_response({"error": "session expired", "expired_session_url": target}, status=401)
        return web.Response(status=302, headers={"Location": target})

    def _session(self) -> tenant_accounts.Session:
        """The session of the current request, which the gate has checked."""
        session = _SESSION.get()
        if session is None:
            raise web.HTTPUnauthorized
        return session

    def _viewer(self) -> tenant_pages.Viewer:
        session = self._session()
        return tenant_pages.Viewer(session.username, self._tenant.signer.mac(session.name), self._settings.late)

    # --- signing in -------------------------------------------------------------------------------------------------

    async def _sign_in_page(self, request: web.Request) -> web.StreamResponse:
        target = _local(request.query.get("return_to", "/user/home"))
        if _SESSION.get() is not None:
            raise web.HTTPFound(target)
        if self._settings.sign_in is SignIn.SINGLE_SIGN_ON:
            raise web.HTTPFound(provider.start_url(self._tenant, target))
        return _html(tenant_pages.sign_in(target))

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        target, username = _local(form.get("return_to", "/user/home")), form.get("user[login]", "")
        right = username == self._settings.username and form.get("user[password]") == self._settings.password
        if self._settings.sign_in is not SignIn.NATIVE or not right:
            self._tenant.counts["refused_sign_ins"] += 1
            return _html(tenant_pages.sign_in(target, "Username or password is not right.", username))
        self._tenant.counts["passwords_typed"] += 1
        return self._signed_in(username, target)

    async def _assertion(self, request: web.Request) -> web.StreamResponse:
        """Handles the post of the identity provider's last page; valid once."""
        form = await request.post()
        read = provider.read_assertion(self._tenant, str(form.get("SAMLResponse", "")))
        if read is None or read[1] in self._assertions:
            self._tenant.counts["refused_sign_ins"] += 1
            return web.Response(status=403, text="This sign-in is not valid.")
        username, key = read
        self._assertions.add(key)
        return self._signed_in(username, _local(str(form.get("RelayState", "/user/home"))))

    def _signed_in(self, username: str, target: str) -> web.Response:
        answer = web.Response(status=303, headers={"Location": target})
        token = self._tenant.accounts.sign_in(username)
        answer.set_cookie(self._tenant.cookie, token, path="/", httponly=True, samesite="Lax")
        return answer

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        self._tenant.counts["sign_outs"] += 1
        self._tenant.accounts.sign_out(request.cookies.get(self._tenant.cookie, ""))
        raise web.HTTPFound("/sessions/new")

    async def _expiration(self, _: web.Request) -> web.Response:
        left = self._tenant.accounts.seconds_left(self._session())
        return web.json_response(
            {
                "expired_session_url": "/sessions/new?expired=1",
                "alert_url": "/sessions/expiration_alert",
                "timeout_duration": int(left),
            }
        )

    # --- pages ------------------------------------------------------------------------------------------------------

    async def _root(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/user/home")

    async def _home(self, request: web.Request) -> web.Response:
        query = request.query
        language = query.get("locale", "en")
        return _html(tenant_pages.home(self._viewer(), language if language in TEXTS else "en", query.get("flash", "")))

    async def _other_list(self, request: web.Request) -> web.Response:
        name = request.path.strip("/")
        title = name.replace("_headers", "s").capitalize()
        return _html(tenant_pages.plain(title, self._viewer(), f"{name}/index"))

    async def _list(self, request: web.Request) -> web.Response:
        """The list of orders that this user may see, newest last; with `search`, those whose number contains it."""
        self._tenant.counts["searches"] += 1
        await asyncio.sleep(self._settings.latency)
        search = request.query.get("search", "").strip()
        found = [one for one in self._tenant.all_orders if tenant_catalogue.is_seen(one) and search in one.number]
        found.sort(key=lambda order: order.header_id)
        return _html(tenant_pages.order_list(found, search, _count(request.query.get("page")), self._viewer()))

    async def _order(self, request: web.Request) -> web.StreamResponse:
        self._tenant.counts["pages"] += 1
        await asyncio.sleep(self._settings.latency)
        order = self._by_id.get(_count(request.match_info["id"], 0))
        error = tenant_catalogue.error_of(order)
        if order is None or error:
            variant = order.variant if order else Variant.NOT_FOUND
            if variant is Variant.FORBIDDEN_HOME:
                raise web.HTTPFound(f"/user/home?flash={error}")
            status = 200 if variant in ANSWERS_200 else {"not_found": 404, "forbidden": 403}[error]
            return self._problem(error, variant.language, status)
        if order.variant is Variant.CUSTOM_VIEW and "/show_custom/" not in request.path:
            raise web.HTTPFound(f"/order_headers/show_custom/{order.header_id}?version=1")
        return _html(tenant_pages.order(order, self._viewer(), error=request.query.get("flash", "")))

    async def _print_view(self, request: web.Request) -> web.Response:
        order = self._visible(request.query.get("id", ""))
        return _html(tenant_pages.order(order, self._viewer(), printed=True))

    async def _requisition(self, request: web.Request) -> web.Response:
        self._tenant.counts["pages"] += 1
        await asyncio.sleep(self._settings.latency)
        found = self._requisitions.get(_count(request.match_info["id"], 0))
        if found is None:
            raise web.HTTPNotFound
        return _html(tenant_pages.requisition(found, self._viewer()))

    def _problem(self, error: str, language: str, status: int) -> web.Response:
        return _html(tenant_pages.problem(error, language, self._viewer()), status)

    def _visible(self, given: str) -> tenant_catalogue.TenantOrder:
        order = self._by_id.get(_count(given, 0))
        if order is None or not tenant_catalogue.is_seen(order):
            raise web.HTTPNotFound
        return order

    # --- data for pages -------------------------------------------------------------------------------------------

    async def _comments(self, request: web.Request) -> web.Response:
        record = _count(request.match_info["id"], 0)
        if request.match_info["kind"] == "requisition_headers":
            requisition = self._requisitions.get(record)
            if requisition is None:
                raise web.HTTPNotFound
            items, texts = requisition.items, TEXTS["en"]
        else:
            order = self._visible(request.match_info["id"])
            items, texts = order.items, TEXTS[order.language]
        return web.json_response(widgets.comments(record, tenant_pages.comment_items(items), texts))

    async def _header_list(self, request: web.Request) -> web.Response:
        order = self._visible(request.match_info["id"])
        html = widgets.header_list(tenant_pages.header_items(order.items), TEXTS[order.language])
        return web.json_response({"html": html})

    async def _lines(self, request: web.Request) -> web.Response:
        return _html(self._page_of_lines(request))

    async def _lines_json(self, request: web.Request) -> web.Response:
        return web.json_response({"html": self._page_of_lines(request)})

    def _page_of_lines(self, request: web.Request) -> str:
        order = self._visible(request.match_info["id"])
        page = min(_count(request.query.get("page")), widgets.pages_of(order))
        return widgets.lines_page(order, page, TEXTS[order.language])

    async def _line_attachments(self, request: web.Request) -> web.Response:
        order = self._visible(request.match_info["id"])
        line = _count(request.query.get("line"))
        return web.json_response({"html": widgets.line_attachments(order, line, TEXTS[order.language])})

    # --- files ------------------------------------------------------------------------------------------------------

    async def _record_of(self, request: web.Request) -> web.StreamResponse:
        """Redirects from an attachment's record to the page it belongs to."""
        raise web.HTTPFound(self._owner(request))

    def _owner(self, request: web.Request) -> str:
        path = self._owners.get(_count(request.match_info["number"], 0))
        if path is None:
            raise web.HTTPNotFound
        return path

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """Redirects to the storage, with a signature that is valid for a while."""
        file = self._files.get(_count(request.match_info["number"], 0))
        if file is None or file.name != request.match_info["name"]:
            raise web.HTTPNotFound
        self._tenant.counts["files"] += 1
        order = self._by_id.get(_count(self._owner(request).rpartition("/")[2], 0))
        if order is not None and file.number in order.gone:
            raise web.HTTPFound(f"{order.path}?flash=gone")
        path = widgets.storage_path(file)
        stale = order is not None and order.variant is Variant.STALE_ADDRESS and path not in self._once
        self._once.add(path)
        signed = self._tenant.signer.sign(path, -1.0 if stale else self._settings.signed_for)
        return web.Response(status=302, headers={"Location": f"{self._tenant.storage_origin}{quote(path)}?{signed}"})

    async def _object(self, request: web.Request) -> web.StreamResponse:
        entry = self._tenant.record("storage", request)
        query = request.query
        file = self._files.get(_count(request.match_info["number"], 0))
        signed = self._tenant.signer.is_valid(request.path, query.get("X-Expires", ""), query.get("X-Signature", ""))
        if file is None or not signed:
            self._tenant.counts["refused_by_storage"] += 1
            refusal = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            return web.Response(status=403, text=refusal, content_type="application/xml")
        self._tenant.counts["sent"] += 1
        return await sending.send(request, file, self._tenant.counts, self._tenant.faults.take(entry.path))

    # --- the rest ---------------------------------------------------------------------------------------------------

    async def _asset(self, request: web.Request) -> web.Response:
        if request.match_info["name"] not in self._assets:
            raise web.HTTPNotFound
        text, media_type = self._assets[request.match_info["name"]]
        return web.Response(text=text, content_type=media_type, headers={"Cache-Control": "public, max-age=3600"})

    async def _logo(self, _: web.Request) -> web.Response:
        return web.Response(text=_LOGO, content_type="image/svg+xml")


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status, headers={"Cache-Control": "no-store"})


def _count(given: str | None, otherwise: int = 1) -> int:
    return int(given) if given and given.isascii() and given.isdigit() and int(given) > 0 else otherwise


def _local(target: str) -> str:
    """The path to open after signing in; only paths of this tenant."""
    parts = urlsplit(target)
    local = not parts.scheme and not parts.netloc and target.startswith("/") and target.isprintable()
    return target if local and target.isascii() and "\\" not in target else "/user/home"
