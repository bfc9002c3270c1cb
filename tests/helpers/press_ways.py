"""Pages with one control, `#go`: one for each way to send something after a press."""

from __future__ import annotations

from typing import Final

_ON_CLICK: Final = (
    "<button id=go>Show files</button><script>document.querySelector('#go').onclick = () => {{ {} }}</script>"
)


def _click(script: str, before: str = "") -> str:
    return before + _ON_CLICK.format(script)


def _made(tag: str, attributes: str) -> str:
    return _click(f"const it = document.createElement('{tag}'); {attributes}; document.body.append(it)")


def _leaving(event: str, target: str, send: str) -> str:
    """Sends while the page is being left, which `#go` asks for from then on."""
    return _click(f"{target}.addEventListener('{event}', () => {{ {send} }})")


_BEACON: Final = "navigator.sendBeacon(TO, 'a=1')"
_POST: Final = "fetch(TO, { method: 'POST', body: 'a=1', keepalive: true })"
_WORKER: Final = "<script>const worker = new Worker('/js/worker')</script>"
_SOCKET: Final = "new WebSocket(`ws://${location.host}/socket`)"
_FORM: Final = "<form id=form method=post action=$TO><input type=hidden name=a value=1></form>"

WAYS: Final[dict[str, str]] = {
    "navigation": _click("location.href = TO"),
    "link": "<a id=go href=$TO>Show files</a>",
    "link-new-window": "<a id=go target=_blank href=$TO>Show files</a>",
    "link-no-opener": "<a id=go target=_blank rel='noopener noreferrer' href=$TO>Show files</a>",
    "link-download": "<a id=go download='a.pdf' href=$TO>Show files</a>",
    "made-link-download": _click("const a = document.createElement('a'); a.href = TO; a.download = ''; a.click()"),
    "link-ping": "<a id=go href='#here' ping=$TO>Show files</a>",
    "pop-up": _click("window.open(TO)"),
    "pop-up-no-opener": _click("window.open(TO, '_blank', 'noopener')"),
    "pop-up-later": _click("const w = window.open(''); w.location = TO"),
    "pop-up-fetch": _click("const w = window.open(''); w.fetch(TO, { method: 'POST' })"),
    "frame": _made("iframe", "it.src = TO"),
    "frame-inner-fetch": _made("iframe", "it.srcdoc = `<script>fetch('${TO}', { method: 'POST' })<\\/script>`"),
    "form-get": "<form action=$TO><button id=go>Show files</button></form>",
    "form": "<form method=post action=$TO><input type=hidden name=a value=1><button id=go>Show files</button></form>",
    "form-by-script": _click("form.submit()", _FORM),
    "form-new-window": _click("form.target = '_blank'; form.submit()", _FORM),
    "fetch-get": _click("fetch(TO)"),
    "fetch-post": _click("fetch(TO, { method: 'POST', body: JSON.stringify({ id: 5 }) })"),
    "fetch-blob": _click("fetch(TO, { method: 'POST', body: new Blob(['id=5'], { type: 'text/x' }) })"),
    "fetch-delete": _click("fetch(TO, { method: 'DELETE' })"),
    "fetch-keepalive": _click(_POST),
    "beacon": _click(_BEACON),
    "xhr": _click("const x = new XMLHttpRequest(); x.open('PUT', TO); x.send('a')"),
    "xhr-synchronous": _click(
        "const x = new XMLHttpRequest(); x.open('POST', TO, false); try { x.send('a') } catch {}"
    ),
    "image": _made("img", "it.src = TO"),
    "script": _made("script", "it.src = TO"),
    "style-sheet": _made("link", "it.rel = 'stylesheet'; it.href = TO"),
    "prefetch": _made("link", "it.rel = 'prefetch'; it.href = TO"),
    "object": _made("object", "it.data = TO"),
    "video": _made("video", "it.src = TO"),
    "event-source": _click("new EventSource(TO)"),
    "worker": _click("worker.postMessage(TO)", _WORKER),
    "new-worker": _click("new Worker('/js/worker').postMessage(TO)"),
    "worker-of-blob": _click(
        "const code = `fetch('${location.origin + TO}', { method: 'POST' })`; "
        "new Worker(URL.createObjectURL(new Blob([code])))"
    ),
    "worker-of-a-worker": _click("worker.postMessage({ to: TO })", _WORKER),
    "timer": _click("setTimeout(() => fetch(TO, { method: 'POST' }), 400)"),
    "redirect": _click("fetch('/hop?to=' + TO)"),
    "redirect-twice": _click("fetch('/hop?to=' + encodeURIComponent('/hop?to=' + TO))"),
    "redirect-image": _made("img", "it.src = '/hop?to=' + TO"),
    "redirect-worker": _click("worker.postMessage('/hop?to=' + TO)", _WORKER),
    "redirect-form": "<form method=post action='/hop?to=$TO'><button id=go>Show files</button></form>",
    "redirect-navigation": _click("location.href = '/hop?to=' + TO"),
    "redirect-beacon": _click("navigator.sendBeacon('/hop?to=' + TO, 'a=1')"),
    "shared-worker": _click(
        "worker.port.postMessage(TO)", "<script>const worker = new SharedWorker('/js/shared')</script>"
    ),
    "new-shared-worker": _click("new SharedWorker('/js/shared?' + TO).port.postMessage(TO)"),
    "socket": _click("socket.send(TO)", f"<script>const socket = {_SOCKET}</script>"),
    "new-socket": _click(f"const s = {_SOCKET}; s.onopen = () => s.send(TO)"),
    "socket-of-a-frame": _made(
        "iframe",
        "it.srcdoc = `<script>const s = new WebSocket('ws://${location.host}/socket'); "
        "s.onopen = () => s.send('${TO}')<\\/script>`",
    ),
    "page-hide": _leaving("pagehide", "window", _BEACON),
    "page-hide-fetch": _leaving("pagehide", "window", _POST),
    "page-hide-handler": _click(f"window.onpagehide = () => {{ {_BEACON} }}"),
    "unload": _leaving("unload", "window", _BEACON),
    "before-unload": _leaving("beforeunload", "window", _BEACON),
    "visibility": _leaving("visibilitychange", "document", _BEACON),
    "beacon-then-stop": _click(f"{_BEACON}; stop()"),
    "keepalive-then-stop": _click(f"{_POST}; stop()"),
    "keepalive-then-navigation": _click(f"{_POST}; location.href = '/page/blank'"),
    "keepalive-then-abort": _click(
        "const c = new AbortController(); fetch(TO, { method: 'POST', body: 'a=1', "
        "keepalive: true, signal: c.signal }).catch(() => 0); c.abort()"
    ),
    "beacon-of-a-removed-frame": _made(
        "iframe", "setTimeout(() => { it.contentWindow.navigator.sendBeacon(TO, 'a=1'); it.remove() }, 20)"
    ),
    "keepalive-of-a-removed-frame": _made(
        "iframe",
        "setTimeout(() => { it.contentWindow.fetch(TO, { method: 'POST', keepalive: true }); it.remove() }, 20)",
    ),
    "many-beacons": _click("setInterval(() => navigator.sendBeacon(TO, 'a=1'), 1)"),
}

SCRIPTS: Final[dict[str, str]] = {
    "worker": "onmessage = ({ data }) => data.to ? new Worker('/js/worker').postMessage(data.to) : "
    "fetch(data, { method: 'POST' })",
    "shared": "onconnect = ({ ports: [port] }) => { port.onmessage = ({ data }) => fetch(data, { method: 'POST' }) }",
}


def page(way: str, to: str) -> str:
    """The page for a way, which sends to this path."""
    return f"<script>const TO = '{to}'</script>" + WAYS[way].replace("$TO", to)
