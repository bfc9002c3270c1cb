"""droppy: a file store drawn by a script whose lists come by web socket; an order is a folder, its address a fragment.

Runs in our Python; the server is Node's. It has no folders that some users may not see.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.real_apps.sites import hosting

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_REQUEST: Final = re.compile(r"\] 127\.0\.0\.1:\d+ ([A-Z]+) (/.*) \[(\d{3})\]")
_MESSAGE: Final = re.compile(r"RECV \{.*type: '([A-Z_]+)'")
_SHIM: Final = """// droppy writes its process id as a number, which Node has refused since version 14.
const fs = require("fs"), write = fs.writeFile;
fs.writeFile = (path, data, ...rest) => write(path, typeof data === "number" ? String(data) : data, ...rest);
"""


def main() -> None:
    """Sets up and serves."""
    folder, spec = hosting.specification()
    shared, config = folder / "shared", folder / "config"
    config.mkdir()
    (shared / "orders").mkdir(parents=True)
    paths: dict[str, str] = {}
    for record in spec["records"]:
        place = shared / "orders" / record["number"]
        place.mkdir()
        for file in record["files"]:
            shutil.copy(folder / file["path"], place / file["name"])
        paths[record["number"]] = f"/#/orders/{record['number']}"
    paths[spec["absent"]] = f"/#/orders/{spec['absent']}"
    process, port = _start(folder, spec)
    try:
        _follow(process, port, hosting.Log(folder), paths)
        hosting.wait_for_parent()
    finally:
        process.terminate()
        process.wait()
        hosting.end_group()


def _start(folder: Path, spec: Mapping[str, Any]) -> tuple[subprocess.Popen[str], int]:
    with socket.create_server(("127.0.0.1", 0)) as free:  # it cannot say which port it got
        port: int = free.getsockname()[1]
    listener = {"host": "127.0.0.1", "port": port, "protocol": "http"}
    (folder / "config" / "config.json").write_text(json.dumps({"listeners": [listener], "logLevel": 3, "watch": False}))
    (folder / "shim.js").write_text(_SHIM)
    server = Path(spec["unpacked"]) / "node_modules" / "droppy" / "droppy.js"
    command = ["node", "-r", str(folder / "shim.js"), str(server), "--no-color"]
    command += ["-c", str(folder / "config"), "-f", str(folder / "shared")]
    subprocess.run(
        [*command, "add", spec["username"], spec["password"]], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr
    )
    process = subprocess.Popen(
        [*command, "start"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "HOME": str(folder)},
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    return process, port


def _follow(process: subprocess.Popen[str], port: int, log: hosting.Log, paths: Mapping[str, str]) -> None:
    """Announces the site when it is ready; what it says of requests and messages becomes our log.

    A message by web socket that does not merely ask counts as a request with the method `SOCKET`.
    """
    assert process.stdout is not None
    stream = process.stdout
    said: list[str] = []
    for line in stream:
        said.append(line)
        if "Ready for requests" in line:
            hosting.announce(port, paths)
            break
    else:
        msg = f"droppy did not start: {''.join(said)}"
        raise RuntimeError(msg)

    def follow() -> None:
        for coloured in stream:
            line = _COLOURS.sub("", coloured)
            request, message = _REQUEST.search(line), _MESSAGE.search(line)
            if request:
                log.add(request[1], request[2], int(request[3]))
            elif message:
                log.add("GET" if message[1].startswith("REQUEST_") else "SOCKET", f"socket:{message[1]}", 0)

    threading.Thread(target=follow, daemon=True).start()


if __name__ == "__main__":
    main()
