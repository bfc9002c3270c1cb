"""copyparty: a file server whose pages a script draws; an order is a folder, its files are the folder's."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

from tests.real_apps.sites import hosting

if TYPE_CHECKING:
    from pathlib import Path

_LISTENS: Final = re.compile(r"listening @ 127\.0\.0\.1:(\d+)")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_REQUEST: Final = re.compile(r"\b(GET|HEAD|POST|PUT|DELETE|OPTIONS|PROPFIND) +(/\S*)")


def main() -> None:
    """Sets up and serves."""
    folder, spec = hosting.specification()
    shared, hidden = folder / "shared", folder / "hidden"
    volumes = [f"{shared}:/:rwmd,{spec['username']}"]
    paths: dict[str, str] = {}
    for record in spec["records"]:
        number = record["number"]
        place = (shared / "orders" if record["visible"] else hidden) / number
        place.mkdir(parents=True)
        for file in record["files"]:
            shutil.copy(folder / file["path"], place / file["name"])
        if not record["visible"]:
            volumes.append(f"{place}:/orders/{number}:r,director")
        paths[number] = f"/orders/{number}/"
    paths[spec["absent"]] = f"/orders/{spec['absent']}/"
    process = _start(folder, spec["username"], spec["password"], volumes)
    try:
        _follow(process, hosting.Log(folder), paths)
        hosting.wait_for_parent()
    finally:
        process.terminate()
        process.wait()
        hosting.end_group()


def _start(folder: Path, username: str, password: str, volumes: list[str]) -> subprocess.Popen[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:  # it takes no port 0
        port = free.getsockname()[1]
    accounts = [f"{username}:{password}", f"director:{password}2"]
    options = [word for account in accounts for word in ("-a", account)]
    options += [word for volume in volumes for word in ("-v", volume)]
    return subprocess.Popen(
        [sys.executable, "-m", "copyparty", "-i", "127.0.0.1", "-p", str(port), "--http-only", "--usernames", *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "PYTHONUNBUFFERED": "1"},
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def _follow(process: subprocess.Popen[str], log: hosting.Log, paths: dict[str, str]) -> None:
    """Announces the site when it listens, and turns what it says of requests into our log."""
    assert process.stdout is not None
    stream = process.stdout
    said: list[str] = []
    for line in stream:
        said.append(line)
        sys.stderr.write(line)
        listens = _LISTENS.search(_COLOURS.sub("", line))
        if listens:
            hosting.announce(int(listens[1]), paths)
            break
    else:
        msg = f"copyparty did not start: {''.join(said)}"
        raise RuntimeError(msg)

    def follow() -> None:
        for line in stream:
            sys.stderr.write(line)
            request = _REQUEST.search(_COLOURS.sub("", line))
            if request:
                log.add(request[1], request[2], 0)

    threading.Thread(target=follow, daemon=True).start()


if __name__ == "__main__":
    main()
