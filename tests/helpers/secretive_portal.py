"""A portal with a secret in every possible place: nothing that `po-pw` writes may contain one."""

from __future__ import annotations

import asyncio
import base64
import collections
import re
from typing import Final
from urllib.parse import quote

from aiohttp import web

PDF: Final = b"%PDF-1.7\n" + b"0" * 5000 + b"\n%%EOF\n"
PLACES: Final = re.findall(
    r"\w+",
    """
    password session_cookie other_cookie sign_in_field order_query title meta_csrf hidden_input
    inline_script storage console socket_address socket_frame comment answer_header link_signature
    matrix_session amz_signature amz_credential amz_security json_token json_message page_title
    external_signature external_nested away_token ftp_user path_token fragment_token base64_nested
    saml_response url_password oauth_code oauth_state data_attribute visible_text form_address
    form_field slow_signature error_page file_address file_sas azure_token relay_state text_area
    script_json event_handler image_address frame_address link_path_jwt
    """,
)
SECRETS: Final = {place: f"{place[:3].title()}{number:02}x9Kq7{place[::-1][:4]}" for number, place in enumerate(PLACES)}
JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJSNVQifQ.{}"
SECRETS["link_path_jwt"] = JWT.format(SECRETS["link_path_jwt"])
SECRETS["disposition_jwt"] = JWT.format("Dis99x9Kq7noit")
S: Final = SECRETS


class SecretivePortal:
    """Behind a sign-in, orders whose pages, addresses, answers and files carry a secret each."""

    def __init__(self) -> None:
        self.asked: collections.Counter[str] = collections.Counter()
        """How often each file's path was asked for."""
        self.is_slow = asyncio.Event()
        """The slow file was asked for."""
        self.may_end = asyncio.Event()
        """The slow file goes on."""
        self.views = 0

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/login", self._login)
        app.router.add_get("/ws/{rest:.*}", self._socket)
        app.router.add_get("/orders/{number}", self._order)
        app.router.add_route("*", "/files/{how:.*}", self._file)
        app.router.add_get("/objects/{how:.*}", self._object)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        self.origin = f"http://127.0.0.1:{self.port}"

    async def close(self) -> None:
        self.may_end.set()
        await self._runner.cleanup()

    async def go_on(self) -> None:
        """The slow file comes to its end from now on."""
        self.may_end.set()

    def table(self) -> str:
        """The input: five orders, the third with a user and password in its address."""
        at = self.origin
        rows = [
            f"PO-1,{at}/orders/1?id=1&token={S['order_query']}",
            f"PO-2,{at}/orders/2?id=2&SAMLResponse={S['saml_response']}&RelayState={S['relay_state']}",
            f"PO-3,http://anna:{S['url_password']}@127.0.0.1:{self.port}/orders/3",
            f"PO-4,{at}/orders/4?id=4",
            f"PO-5,{at}/orders/5?id=5&signature={S['file_address']}",
        ]
        return "po_number,url\n" + "".join(f"{row}\n" for row in rows)

    async def _login(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            hidden = f'<input type=hidden name=authenticity_token value="{S["sign_in_field"]}">'
            form = f"{hidden}<input name=user><input type=password name=password><button>Enter</button>"
            return web.Response(text=f"<!doctype html><form method=post>{form}</form>", content_type="text/html")
        assert (await request.post())["password"] == S["password"]
        answer = web.HTTPFound("/orders/1")
        answer.set_cookie("sid", S["session_cookie"], httponly=True)
        answer.set_cookie("access", S["other_cookie"])
        raise answer

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"session_token": S["socket_frame"]})
        async for _ in socket:
            continue
        return socket

    async def _order(self, request: web.Request) -> web.StreamResponse:
        if request.cookies.get("sid") != S["session_cookie"]:
            raise web.HTTPFound(f"/login?RelayState={S['relay_state']}")
        number, query = request.match_info["number"], request.query
        self.views += 1
        if number == "2":
            return self._page(
                "Home", f"<p>Welcome anna, your api_key is api_key={S['visible_text']}</p>{self._clutter()}"
            )
        if number == "4":
            raise web.HTTPForbidden(text=f"<h1>No</h1>session_id={S['error_page']}", content_type="text/html")
        if number == "5" and "code" not in query:
            raise web.HTTPFound(f"/orders/5?id=5&code={S['oauth_code']}&state={S['oauth_state']}&client_id=po")
        links = self._slow_links() if number == "5" else self._links()
        listed = "".join(f'<li><a href="{address}">{label}</a></li>' for label, address in links)
        button = ""
        if number == "1":
            fields = f'<input type=hidden name=_csrf value="{S["form_field"]}">'
            action = f"/files/form.pdf?csrf={S['form_address']}"
            button = f'<form method=post action="{action}">{fields}<button>Download form.pdf</button></form>'
        area = f"<section><h2>Attachments</h2><ul>{listed}</ul>{button}</section>"
        text = f"<h1>Order PO-{number}</h1>{area}{self._clutter()}"
        return self._page(f"Order PO-{number} session_token={S['title']}", text)

    def _page(self, title: str, text: str) -> web.Response:
        head = f'<title>{title}</title><meta name="csrf-token" content="{S["meta_csrf"]}">'
        answer = web.Response(text=f"<!doctype html><head>{head}</head><body>{text}", content_type="text/html")
        answer.headers["X-Auth-Token"] = S["answer_header"]
        return answer

    def _clutter(self) -> str:
        """What has nothing to do with the order."""
        return f"""<form><input type=hidden name=nonce value="{S["hidden_input"]}"></form>
          <!-- token: {S["comment"]} --><div data-session-id="{S["data_attribute"]}"></div>
          <textarea name=note>{S["text_area"]}</textarea>
          <script type="application/json">{{"accessToken": "{S["script_json"]}"}}</script>
          <button onclick="go('/x?token={S["event_handler"]}')">Help</button>
          <img src="/files/logo.png?access_token={S["image_address"]}" width=1 height=1>
          <iframe src="/files/frame.html?auth={S["frame_address"]}" width=10 height=10></iframe>
          <script>window.apiToken = '{S["inline_script"]}'; localStorage.setItem('access_token', '{S["storage"]}');
          console.log('auth_token={S["console"]}');
          new WebSocket('ws://127.0.0.1:{self.port}/ws/live?access_token={S["socket_address"]}');</script>"""

    def _links(self) -> list[tuple[str, str]]:
        """Files of the first order. Signatures differ from view to view."""
        nested = quote(f"https://h.example/x?token={S['external_nested']}", safe="")
        ret = base64.urlsafe_b64encode(f"https://h.example/?token={S['base64_nested']}".encode()).decode().rstrip("=")
        return [
            ("good.pdf", f"/files/good.pdf?id=1&sig={S['link_signature']}{self.views}"),
            ("moved.pdf", "/files/moved.pdf"),
            ("named.pdf", "/files/named.pdf"),
            ("json.pdf", "/files/json.pdf?id=7"),
            ("page.pdf", "/files/page.pdf"),
            ("away.pdf", "/files/away.pdf"),
            ("scheme.pdf", "/files/scheme.pdf"),
            ("path.pdf", f"/files/token/{S['path_token']}/path.pdf"),
            ("jwt.pdf", f"/files/{S['link_path_jwt']}/jwt.pdf"),
            ("anchor.pdf", f"/files/anchor.pdf#access_token={S['fragment_token']}"),
            ("ret.pdf", f"/files/ret.pdf?ret={ret}"),
            ("sas.pdf", f"/files/sas.pdf?sv=2024&se=2027&sp=r&sig={S['file_sas']}&x-ms-token={S['azure_token']}"),
            ("Shared folder", f"https://share.example/f?id=5&sig={S['external_signature']}&next={nested}"),
        ]

    def _slow_links(self) -> list[tuple[str, str]]:
        return [
            ("first.pdf", f"/files/first.pdf?signature={S['slow_signature']}{self.views}"),
            ("slow.pdf", f"/files/slow.pdf?signature={S['slow_signature']}{self.views}"),
        ]

    async def _file(self, request: web.Request) -> web.StreamResponse:
        how = request.match_info["how"].rpartition("/")[2]
        self.asked[how] += 1
        if how == "moved.pdf":
            amz = f"X-Amz-Signature={S['amz_signature']}&X-Amz-Credential={S['amz_credential']}"
            query = f"{amz}&X-Amz-Security-Token={S['amz_security']}"
            raise web.HTTPFound(f"/objects/moved.pdf;jsessionid={S['matrix_session']}?{query}")
        if how == "away.pdf":
            raise web.HTTPFound(f"http://localhost:{self.port}/files/x.pdf?token={S['away_token']}")
        if how == "scheme.pdf":
            raise web.HTTPFound(f"ftp://u:{S['ftp_user']}@127.0.0.1/a.pdf")
        if how == "json.pdf":
            said = {"message": f"denied for api_key={S['json_message']}", "access_token": S["json_token"]}
            return web.json_response(said)
        if how == "page.pdf":
            text = f"<title>Expired: signature={S['page_title']}</title><h1>Expired</h1>"
            return web.Response(text=text, content_type="text/html")
        if how in {"path.pdf", "jwt.pdf", "anchor.pdf", "ret.pdf", "sas.pdf"}:
            raise web.HTTPNotFound(text=f"token={S['error_page']}")
        if how == "slow.pdf" and not self.may_end.is_set():
            answer = web.StreamResponse(headers={"Content-Length": str(len(PDF)), "Content-Type": "application/pdf"})
            await answer.prepare(request)
            await answer.write(PDF[:100])
            self.is_slow.set()
            await self.may_end.wait()
            return answer
        if not how.endswith(".pdf"):
            return web.Response(text="", content_type="text/html")
        answer = web.Response(body=PDF, content_type="application/pdf")
        if how == "named.pdf":
            answer.headers["Content-Disposition"] = f'attachment; filename="named {S["disposition_jwt"]}.pdf"'
        return answer

    async def _object(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.match_info["how"].partition(";")[0]] += 1
        answer = web.Response(body=PDF, content_type="application/pdf")
        answer.set_cookie("object", S["session_cookie"])
        return answer
