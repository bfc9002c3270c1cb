"""What every site shares: its specification, a WSGI server that logs each request, and an end with its parent."""

from __future__ import annotations

import json
import os
import signal
import socketserver
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref import simple_server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIApplication


class _ThreadingServer(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 64


_ANSWER = os.fdopen(os.dup(1), "w", encoding="utf-8")
"""Our standard output; what applications print there goes to the standard error."""
os.dup2(2, 1)


def specification() -> tuple[Path, dict[str, Any]]:
    """The folder given on the command line, and its `spec.json`."""
    folder = Path(sys.argv[1])
    return folder, json.loads((folder / "spec.json").read_text("utf-8"))


def announce(port: int, paths: Mapping[str, str]) -> None:
    """Tells the parent that the site answers."""
    _ANSWER.write(json.dumps({"port": port, "paths": dict(paths)}) + "\n")
    _ANSWER.flush()


def wait_for_parent() -> None:
    """Returns when the parent closes our standard input, or is gone."""
    while sys.stdin.buffer.read(4096):
        pass


def end_group() -> None:
    """Ends all that this site started, and the site itself: some servers leave their own children behind."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)


class Log:
    """The site's access log, `FOLDER/access.log`: method, path with query, and status of each request as JSON."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "access.log").open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def add(self, method: str, path: str, status: int) -> None:
        """Writes one request."""
        with self._lock:
            self._file.write(json.dumps({"method": method, "path": path, "status": status}) + "\n")
            self._file.flush()


def listen() -> simple_server.WSGIServer:
    """A server on a free port of 127.0.0.1; an application is set by `serve`."""

    class Handler(simple_server.WSGIRequestHandler):
        def log_request(self, code: Any = "-", size: Any = "-") -> None:
            del size
            log = getattr(self.server, "access_log", None)
            if log is not None:
                log.add(self.command, self.path, int(code) if str(code).isdigit() else 0)

    return simple_server.make_server("127.0.0.1", 0, _empty, server_class=_ThreadingServer, handler_class=Handler)


def serve(
    server: simple_server.WSGIServer, application: WSGIApplication, folder: Path, paths: Mapping[str, str]
) -> None:
    """Serves the application until the parent ends."""
    server.set_app(application)
    server.access_log = Log(folder)  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce(server.server_port, paths)
    wait_for_parent()
    os._exit(0)  # requests under way end with us


def _empty(environ: Any, start_response: Any) -> list[bytes]:
    del environ
    start_response("503 Not ready", [])
    return []
