"""A small web server whose pages show their list late, each in another way."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LIST: Final = '<ul id="list"><li><a href="/files/1/offer.pdf">offer.pdf</a></li></ul>'
"""What every page shows in the end, in the main document, in a frame or in a shadow root."""

_FIRST: Final = f"""
const LIST = {json.dumps(LIST)};
const box = document.getElementById('attachments');
const show = () => {{ box.innerHTML = LIST; }};
const put = (html) => {{ box.innerHTML = html; }};
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
"""

# `DELAY` is in milliseconds, `AFTER` is the query that makes the server wait as long.
PROVABLE: Final = {
    "fetch": "fetch('/list?AFTER').then((r) => r.json()).then((a) => put(a.html));",
    "fetch-text-async": "(async () => { const r = await fetch('/list?AFTER'); const a = JSON.parse(await r.text());"
    " await null; await null; put(a.html); })();",
    "xhr": "const x = new XMLHttpRequest(); x.open('GET', '/list?AFTER');"
    " x.onload = () => put(JSON.parse(x.responseText).html); x.send();",
    "xhr-post-readystate": "const x = new XMLHttpRequest(); x.onreadystatechange = () => {"
    " if (x.readyState === 4) put(JSON.parse(x.responseText).html); }; x.open('POST', '/list?AFTER'); x.send('a=1');",
    "timer": "setTimeout(show, DELAY);",
    "timer-text": "setTimeout('show()', DELAY);",
    "timers-nested": "setTimeout(() => setTimeout(() => setTimeout(show, DELAY / 3), DELAY / 3), DELAY / 3);",
    "timers-awaited": "(async () => { await sleep(DELAY / 2);\n await sleep(DELAY / 2);\n show(); })();",
    "script": "const s = document.createElement('script'); s.src = '/late.js?AFTER'; document.body.append(s);",
    "script-async": "document.head.insertAdjacentHTML('beforeend', '<i></i>');"
    "const s = document.createElement('script'); s.type = 'module'; s.src = '/late.js?AFTER'; document.head.append(s);",
    "import": "import('/module.js?AFTER').then((m) => m.run(box));",
    "import-nested": "import('/outer.js?AFTER').then((m) => m.run(box));",
    "frame": "const f = document.createElement('iframe'); f.src = '/framed?AFTER'; box.append(f);",
    "frame-fetch": "const f = document.createElement('iframe'); f.src = '/framed-fetch?AFTER'; box.append(f);",
    "frame-other-site": "const f = document.createElement('iframe');"
    " f.src = location.origin.replace('127.0.0.1', 'localhost') + '/framed-fetch?AFTER'; box.append(f);",
    "frame-message": "onmessage = (e) => { if (typeof e.data === 'string') fetch('/list').then(() => put(e.data)); };"
    " const f = document.createElement('iframe');"
    " f.src = location.origin.replace('127.0.0.1', 'localhost') + '/framed-message?AFTER'; document.body.append(f);",
    "frame-srcdoc": "const f = document.createElement('iframe'); f.srcdoc = `<div id=box></div><scr` + `ipt>"
    "setTimeout(() => { box.innerHTML = '<ul id=list></ul>'; }, DELAY);</scr` + `ipt>`; box.append(f);",
    "frame-blank": "const f = document.createElement('iframe'); box.append(f);"
    " f.contentWindow.setTimeout(() => { f.contentDocument.body.innerHTML = LIST; }, DELAY);",
    "frame-removed": "const f = document.createElement('iframe'); f.src = '/framed?delay=60'; document.body.append(f);"
    " setTimeout(() => { f.remove(); show(); }, DELAY);",
    "frame-after-timer": "setTimeout(() => { box.innerHTML = '<iframe src=\"/framed?delay=0.1\"></iframe>'; }, DELAY);",
    "channel": "const c = new MessageChannel(); c.port2.onmessage = show;"
    " setTimeout(() => c.port1.postMessage(1), DELAY);",
    "database": "const ask = indexedDB.open('late' + Math.random(), 1);"
    " ask.onupgradeneeded = () => ask.result.createObjectStore('lists');"
    " ask.onsuccess = () => { const db = ask.result; const w = db.transaction('lists', 'readwrite');"
    " w.objectStore('lists').put(LIST, 1); w.oncomplete = () => setTimeout(() => {"
    " const g = db.transaction('lists').objectStore('lists').get(1); g.onsuccess = () => put(g.result); }, DELAY); };",
    "stream": "(async () => { const r = await fetch('/stream?AFTER'); const reader = r.body.getReader();"
    " const d = new TextDecoder(); let text = ''; for (;;) { const { done, value } = await reader.read();"
    " if (done) break; text += d.decode(value, { stream: true }); } put(JSON.parse(text).html); })();",
    "stream-generator": "(async () => { async function* lines() { const r = await fetch('/stream?AFTER');"
    " for await (const part of r.body.pipeThrough(new TextDecoderStream())) yield part; }"
    " let text = ''; for await (const part of lines()) text += part; put(JSON.parse(text).html); })();",
    "fetch-nested": "fetch('/list?delay=0.05').then((r) => r.json()).then(() => fetch('/list?AFTER&b=2'))"
    ".then((r) => r.json()).then((a) => fetch('/list?c=3')).then((r) => r.json()).then((a) => put(a.html));",
    "fetch-window-load": "addEventListener('load', () => fetch('/list?AFTER').then((r) => r.json())"
    ".then((a) => put(a.html)));",
    "fetch-blob-reader": "fetch('/list?AFTER').then((r) => r.blob()).then((b) => { const f = new FileReader();"
    " f.onload = () => put(JSON.parse(f.result).html); f.readAsText(b); });",
    "idle-callback": "setTimeout(() => requestIdleCallback(show), DELAY);",
    "one-frame": "setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(show)), DELAY);",
    "in-view": "setTimeout(() => { new IntersectionObserver((all, o) => { o.disconnect();"
    " fetch('/list').then((r) => r.json()).then((a) => put(a.html)); }).observe(box); }, DELAY);",
    "animation": "const a = box.animate([{ opacity: 0 }, { opacity: 1 }], DELAY); a.onfinish = show;",
    "digest": "fetch('/list?AFTER').then((r) => r.arrayBuffer()).then((b) => crypto.subtle.digest('SHA-256', b)"
    ".then(() => put(JSON.parse(new TextDecoder().decode(b)).html)));",
    "shadow": "const root = box.attachShadow({ mode: 'open' });"
    " fetch('/list?AFTER').then((r) => r.json()).then((a) => { root.innerHTML = a.html; });",
    "navigation": "setTimeout(() => location.assign('/page?way=none'), DELAY);",
    "refresh": "document.head.insertAdjacentHTML('beforeend',"
    ' `<meta http-equiv="refresh" content="${DELAY / 1000};url=/page?way=none">`);',
    "written": "fetch('/list?AFTER').then((r) => r.json()).then((a) => { document.open(); document.write("
    "'<div id=attachments></div><scr' + 'ipt>setTimeout(() => { attachments.innerHTML = ' + JSON.stringify("
    "JSON.stringify(a.html)).slice(1, -1).replaceAll('\\\\\\\\', '\\\\') .replaceAll('\\\\\"', '\"') + '; }, 100)</scr'"
    " + 'ipt>'); document.close(); });",
}
"""Ways that end by themselves: the list has to be there once quiet is proved."""

WATCHED: Final = {
    "timers-recursive": "const step = (n) => n ? setTimeout(() => step(n - 1), DELAY / 10) : show(); step(10);",
    "frames-chained": "const t = performance.now(); const tick = () =>"
    " performance.now() - t < DELAY ? requestAnimationFrame(tick) : show(); requestAnimationFrame(tick);",
    "interval-cleared": "let n = 0; const i = setInterval(() => { if (++n === 5) { clearInterval(i); show(); } },"
    " DELAY / 5);",
    "poll": "const begun = performance.now(); const i = setInterval(async () => { const r = await fetch('/poll');"
    " await r.json(); if (performance.now() - begun > DELAY) { show(); clearInterval(i); } }, 100);",
    "poll-rearmed": "const begun = performance.now(); const poll = async () => { await (await fetch('/poll')).json();"
    " if (performance.now() - begun > DELAY) show(); else setTimeout(poll, 50); }; poll();",
}
"""Ways that recur until the list is there: then quiet is proved; before, it never is."""

UNCOUNTABLE: Final = {
    "worker": "const w = new Worker('/worker.js'); w.onmessage = (e) => put(e.data); w.postMessage('/list?AFTER');",
    "worker-timer": "const w = new Worker('/worker-timer.js'); w.onmessage = (e) => put(e.data); w.postMessage(DELAY);",
    "socket": "new WebSocket(location.origin.replace('http', 'ws') + '/socket?AFTER').onmessage = (e) => put(e.data);",
    "events": "new EventSource('/events?AFTER').onmessage = (e) => put(JSON.parse(e.data).html);",
    "events-fetch": "(async () => { const reader = (await fetch('/events?AFTER')).body.getReader();"
    " const { value } = await reader.read(); put(JSON.parse(new TextDecoder().decode(value).slice(6)).html); })();",
    "shared-worker": "const w = new SharedWorker('/shared.js?AFTER&n=' + Math.random());"
    " w.port.onmessage = (e) => put(e.data); w.port.start();",
}
"""Ways that cannot be counted while they are open: quiet is never proved."""

WAYS: Final = {
    **PROVABLE,
    **WATCHED,
    **UNCOUNTABLE,
    "none": "show();",
    "nothing": "",
    "clock": "show(); setInterval(() => { document.getElementById('clock').textContent ="
    " new Date().toTimeString().slice(0, 8); }, 300); setInterval(() => fetch('/poll'), 20000);",
    "poll-for-ever": "show(); setInterval(() => fetch('/poll').then((r) => r.json()), 300);",
    "poll-busy": "show(); setInterval(() => fetch('/poll?delay=0.25').then((r) => r.json()), 300);",
    "polls-overlap": "show(); setInterval(() => fetch('/poll?delay=1').then((r) => r.json()), 300);",
    "long-poll": "show(); (async () => { for (;;) await (await fetch('/poll?delay=0.4&_=' + Math.random())).json();"
    " })();",
    "fourth-answer": "let n = 0; setInterval(() => fetch('/poll').then((r) => r.json()).then(() => {"
    " if (++n === 4) show(); }), 200);",
    "spinner": "show(); let n = 0; const turn = () => { box.style.transform = `rotate(${n++}deg)`;"
    " requestAnimationFrame(turn); }; turn();",
    "unread": "show(); fetch('/big');",
    "inner-script": "show(); box.insertAdjacentHTML('beforeend', '<scr' + 'ipt src=\"/late.js\"></scr' + 'ipt>');",
    "silent-worker": "show(); new Worker('/silent.js').postMessage(1);",
    "sandboxed": "show(); box.insertAdjacentHTML('beforeend',"
    " '<iframe sandbox srcdoc=\"<p>nothing can run here</p>\"></iframe>');",
    "hanging": "show(); fetch('/list?delay=60');",
    "hanging-elsewhere": "show(); fetch(location.origin.replace('127.0.0.1', 'localhost') + '/list?delay=60');",
    "picture": "show(); new Image().src = '/list?delay=30';",
    "far-timer": "show(); setTimeout(() => location.assign('/signed-out'), 600000);",
    "eight": "for (const s of [1, 2, 4, 6]) setTimeout(() => put('<p>' + s + '</p>'), s * 1000);"
    " fetch('/list?delay=8').then((r) => r.json()).then((a) => put(a.html));",
    "one-after-another": "setTimeout(() => { put('<p>first</p>'); }, 4000); setTimeout(show, 8000);",
}


def page(way: str, delay: float = 0) -> str:
    """Path of a page.

    Args:
        way: how its list comes.
        delay: after so many seconds.
    """
    return "/page?" + urlencode({"way": way, "delay": delay})


def _delay(request: web.Request) -> float:
    return float(request.query.get("delay", 0))


def _script(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/javascript")


def _html(text: str) -> web.Response:
    return web.Response(text=f"<!doctype html><title>Order</title>{text}", content_type="text/html")


async def _page(request: web.Request) -> web.Response:
    delay = _delay(request)
    code = WAYS[request.query["way"]].replace("AFTER", f"delay={delay}").replace("DELAY", str(delay * 1000))
    return _html(
        f'<h1>Order 1</h1><p id="clock">00:00:00</p><div id="attachments"></div><script>{_FIRST}{code}</script>'
    )


async def _list(request: web.Request) -> web.Response:
    await asyncio.sleep(_delay(request))
    return web.json_response({"html": LIST})


async def _stream(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    text = json.dumps({"html": LIST}).encode()
    for part in (text[:10], text[10:30], text[30:]):
        await answer.write(part)
        await asyncio.sleep(_delay(request) / 2 if part != text[30:] else 0)
    return answer


async def _big(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(400):
            await answer.write(b"x" * 65536)
    return answer


async def _late(request: web.Request) -> web.Response:
    await asyncio.sleep(_delay(request))
    return _script(f"document.getElementById('attachments').innerHTML = {json.dumps(LIST)};")


async def _module(request: web.Request) -> web.Response:
    await asyncio.sleep(_delay(request))
    return _script(f"export const run = (box) => {{ box.innerHTML = {json.dumps(LIST)}; }};")


async def _outer(request: web.Request) -> web.Response:
    return _script(f"export {{ run }} from '/module.js?delay={_delay(request)}';")


async def _framed(request: web.Request) -> web.Response:
    await asyncio.sleep(_delay(request))
    return _html(LIST)


async def _framed_fetch(request: web.Request) -> web.Response:
    code = f"fetch('/list?delay={_delay(request)}').then((r) => r.json()).then((a) => {{ box.innerHTML = a.html; }});"
    return _html(f"<div id=box></div><script>{code}</script>")


async def _framed_message(request: web.Request) -> web.Response:
    code = f"fetch('/list?delay={_delay(request)}').then((r) => r.json()).then((a) => parent.postMessage(a.html, '*'));"
    return _html(f"<p>nothing here</p><script>{code}</script>")


async def _worker(_: web.Request) -> web.Response:
    return _script("onmessage = async (e) => postMessage((await (await fetch(e.data)).json()).html);")


async def _worker_timer(_: web.Request) -> web.Response:
    return _script(f"onmessage = (e) => setTimeout(() => postMessage({json.dumps(LIST)}), e.data);")


async def _shared(request: web.Request) -> web.Response:
    wait = _delay(request) * 1000
    code = f"setTimeout(() => port.postMessage({json.dumps(LIST)}), {wait});"
    return _script(f"onconnect = (e) => {{ const port = e.ports[0]; {code} }};")


async def _silent(_: web.Request) -> web.Response:
    return _script("onmessage = () => undefined;")


async def _events(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        await asyncio.sleep(_delay(request))
        await answer.write(f"data: {json.dumps({'html': LIST})}\n\n".encode())
        await asyncio.sleep(60)
    return answer


async def _socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    with contextlib.suppress(ConnectionError):
        await asyncio.sleep(_delay(request))
        await socket.send_str(LIST)
        await socket.receive()
    return socket


@contextlib.asynccontextmanager
async def serve() -> AsyncIterator[str]:
    """Serves on 127.0.0.1 while the block lasts; gives the origin."""
    application = web.Application()
    handlers: dict[str, Any] = {
        "/page": _page,
        "/orders/{number}": _page,
        "/list": _list,
        "/poll": _list,
        "/stream": _stream,
        "/big": _big,
        "/late.js": _late,
        "/module.js": _module,
        "/outer.js": _outer,
        "/framed": _framed,
        "/framed-fetch": _framed_fetch,
        "/framed-message": _framed_message,
        "/worker.js": _worker,
        "/worker-timer.js": _worker_timer,
        "/shared.js": _shared,
        "/silent.js": _silent,
        "/events": _events,
        "/socket": _socket,
    }
    for path, handler in handlers.items():
        application.router.add_route("*", path, handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
