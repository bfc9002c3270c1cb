"""The identity provider: user name, password, one-time code and "Stay signed in?", each on its own page."""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
import secrets
import time
from html import escape
from typing import Final
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from po_pw.demo.coupa import demo_tenant, totp

REALM: Final = "/realms/6f1d2a54-93a7-4c38-8a0e-2f5b7c1d9e60"
_AUTHENTICATE: Final = f"{REALM}/protocol/openid-connect/auth"
_COOKIE: Final = "provider_session"


@dataclasses.dataclass(slots=True)
class _Flow:
    """One sign-in in progress. Mutable: it goes from page to page."""

    relay_state: str
    step: str = "username"
    username: str = ""


class Provider:
    """The handlers of the identity provider."""

    def __init__(self, tenant: demo_tenant.Tenant) -> None:
        self._tenant = tenant
        self._settings = tenant.settings
        self._flows: dict[str, _Flow] = {}
        self._remembered: dict[str, str] = {}
        self._used_steps: set[int] = set()

    def application(self) -> web.Application:
        """The identity provider."""
        application = web.Application(middlewares=[self._record])
        application.add_routes(
            [
                web.get("/sp/startSSO.ping", self._start),
                web.get(_AUTHENTICATE, self._begin),
                web.get(f"{REALM}/authenticate", self._page),
                web.post(f"{REALM}/authenticate", self._answer),
                web.get("/authenticator", self._authenticator),
            ]
        )
        return application

    @web.middleware
    async def _record(self, request: web.Request, handler: demo_tenant.Handler) -> web.StreamResponse:
        self._tenant.record("provider", request)
        return await handler(request)

    async def _start(self, request: web.Request) -> web.StreamResponse:
        """The page that the tenant redirects to; redirects to the realm."""
        query = {"client_id": request.query.get("PartnerIdpId", ""), "RelayState": request.query.get("RelayState", "/")}
        raise web.HTTPFound(f"{_AUTHENTICATE}?{urlencode(query)}")

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        relay_state = request.query.get("RelayState", "/")
        if username := self._remembered.get(request.cookies.get(_COOKIE, "")):
            return self._hand_over(username, relay_state)
        key = secrets.token_urlsafe(16)
        self._flows[key] = _Flow(relay_state)
        raise web.HTTPFound(f"{REALM}/authenticate?session_code={key}")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        key = request.query.get("session_code", "")
        flow = self._flows.get(key)
        if flow is None:
            return _html(
                "Sign-in expired", "<h1>This sign-in took too long</h1><p>Please open the application again.</p>"
            )
        return self._show(key, flow)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        key = request.query.get("session_code", "")
        flow = self._flows.get(key)
        if flow is None:
            raise web.HTTPFound(f"{REALM}/authenticate")
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        complaint = self._take(flow, form)
        if complaint:
            self._tenant.counts["refused_sign_ins"] += 1
            return self._show(key, flow, complaint)
        if flow.step != "done":
            raise web.HTTPSeeOther(f"{REALM}/authenticate?session_code={key}")
        del self._flows[key]
        answer = self._hand_over(flow.username, flow.relay_state)
        if self._settings.provider_remembers and form.get("stay") == "yes":
            token = secrets.token_urlsafe(16)
            self._remembered[token] = flow.username
            answer.set_cookie(_COOKIE, token, path="/", httponly=True, samesite="Lax", max_age=86_400)
        return answer

    def _take(self, flow: _Flow, form: dict[str, str]) -> str:
        """Checks what was typed and goes to the next step; returns the error, if any."""
        settings = self._settings
        match flow.step:
            case "username":
                flow.username = form.get("identifier", "").strip()
                if not flow.username:
                    return "Enter your user name."
                flow.step = "password"
            case "password":
                # Both are checked only here, so that nobody learns who has an account.
                right = hmac.compare_digest(form.get("secret", "").encode(), settings.password.encode())
                if not right or flow.username.casefold() != settings.username.casefold():
                    return "User name or password is not right."
                self._tenant.counts["passwords_typed"] += 1
                flow.step = "code" if settings.asks_code else self._after_code
            case "code":
                step = totp.matching_step(settings.totp_secret, form.get("otp", ""), time.time())
                if step is None or (settings.codes_once and step in self._used_steps):
                    return "This code is not right, or it was used before. Wait for the next one."
                self._used_steps.add(step)
                flow.step = self._after_code
            case _:
                flow.step = "done"
        return ""

    @property
    def _after_code(self) -> str:
        return "stay" if self._settings.asks_to_stay else "done"

    def _show(self, key: str, flow: _Flow, complaint: str = "") -> web.Response:
        alert = f'<p role="alert">{escape(complaint)}</p>' if complaint else ""
        who = f'<p class="who">{escape(flow.username)}</p>' if flow.step != "username" else ""
        title, fields = {
            "username": (
                "Sign in",
                (
                    '<label for="identifier">User name</label>'
                    '<input id="identifier" name="identifier" type="text" autocomplete="username" autofocus>'
                    '<button type="submit">Next</button>'
                ),
            ),
            "password": (
                "Enter your password",
                (
                    '<label for="secret">Password</label>'
                    '<input id="secret" name="secret" type="password" autocomplete="current-password" autofocus>'
                    '<button type="submit">Continue</button>'
                ),
            ),
            "code": (
                "Enter the code of your authenticator app",
                (
                    '<label for="otp">One-time code</label>'
                    '<input id="otp" name="otp" type="text" inputmode="numeric" autocomplete="one-time-code" '
                    'maxlength="6" autofocus><button type="submit">Verify</button>'
                ),
            ),
            "stay": (
                "Stay signed in?",
                (
                    "<p>You will be asked less often on this device.</p>"
                    '<button type="submit" name="stay" value="no">No</button>'
                    '<button type="submit" name="stay" value="yes">Yes</button>'
                ),
            ),
        }[flow.step]
        return _html(
            title,
            f"<h1>{title}</h1>{who}{alert}"
            f'<form method="post" action="{REALM}/authenticate?session_code={escape(key)}">{fields}</form>',
        )

    def _hand_over(self, username: str, relay_state: str) -> web.Response:
        """The page that posts the user's identity to the tenant by itself."""
        self._tenant.counts["handed_over"] += 1
        words = json.dumps({"user": username, "id": secrets.token_hex(8)})
        said = base64.b64encode(json.dumps({"words": words, "mac": self._tenant.signer.mac(words)}).encode()).decode()
        return _html(
            "One moment",
            f'<form method="post" action="{self._tenant.origin}/sessions/saml_post">'
            f'<input type="hidden" name="SAMLResponse" value="{said}">'
            f'<input type="hidden" name="RelayState" value="{escape(relay_state)}">'
            '<noscript><button type="submit">Continue</button></noscript></form>'
            "<script>document.forms[0].submit()</script>",
        )

    async def _authenticator(self, _: web.Request) -> web.Response:
        """The code that the user's authenticator app would show now, as text."""
        return web.Response(text=f"{self._tenant.code()}\n", headers={"Cache-Control": "no-store"})


def read_assertion(tenant: demo_tenant.Tenant, said: str) -> tuple[str, str] | None:
    """The user and the id of an assertion; None if it is not from the provider.

    Args:
        tenant: whose provider.
        said: the form's `SAMLResponse`.
    """
    try:
        outer = json.loads(base64.b64decode(said, validate=True))
        words, mac = str(outer["words"]), str(outer["mac"])
        if not tenant.signer.said(words, mac):
            return None
        inner = json.loads(words)
        return str(inner["user"]), str(inner["id"])
    except (ValueError, KeyError, TypeError):
        return None


def start_url(tenant: demo_tenant.Tenant, relay_state: str) -> str:
    """The address to which the tenant redirects for a sign-in."""
    query = {
        "PartnerIdpId": urlsplit(tenant.origin).netloc,
        "TARGET": f"{tenant.origin}/sessions/saml_post",
        "RelayState": relay_state,
    }
    return f"{tenant.provider_origin}/sp/startSSO.ping?{urlencode(query)}"


def _html(title: str, body: str) -> web.Response:
    text = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>'
        "body{font:15px/1.5 system-ui,sans-serif;background:#eef1f5;color:#222}"
        "main{max-width:360px;margin:12vh auto;padding:28px;background:#fff;border:1px solid #d6dce4}"
        "label,input{display:block;width:100%;box-sizing:border-box}input{margin:6px 0 16px;padding:7px}"
        "button{padding:7px 20px;margin-right:10px}[role=alert]{color:#a3231a}.who{color:#555}"
        f"</style></head><body><main>{body}</main></body></html>\n"
    )
    return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})
