"""MoinMoin 2: a page for each order, its files as items below it, listed under "Attachments" with links to their pages.

Nothing is shown without a sign-in.
"""

from __future__ import annotations

import mimetypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.real_apps.sites import hosting

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIKI_TEXT = "text/x.moin.wiki;charset=utf-8"


def main() -> None:
    """Sets up and serves."""
    folder, spec = hosting.specification()
    home = folder / "wiki"
    _install(home, spec)
    from moin import app

    server = hosting.listen()
    wiki = app.create_app_ext(flask_config_file=str(home / "wikiconfig.py"))
    with wiki.test_request_context("/"):
        paths = _fill(folder, spec)
    hosting.serve(server, wiki, folder, paths)


def _install(home: Path, spec: Mapping[str, Any]) -> None:
    import moin

    given = Path(moin.__file__).parent
    (home / "wiki_local").mkdir(parents=True)
    shutil.copy(given / "contrib" / "intermap.txt", home)
    config = (given / "config" / "wikiconfig.py").read_text("utf-8")
    before = "YOUR-TRUSTED-EDITORS-GROUP:read,write,create All:read"
    if before not in config:
        msg = "the wiki's configuration is another than in MoinMoin 2.0.0b5"
        raise RuntimeError(msg)
    config = config.replace(before, f"{spec['username']}:read,write,create,destroy")
    config = config.replace(
        "WARNING: set this to a unique string to create secure cookies", "for this machine only " * 2
    )
    (home / "wikiconfig.py").write_text(config, "utf-8")
    os.chdir(home)
    command = Path(sys.executable).parent / "moin"
    subprocess.run([command, "index-create"], check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def _fill(folder: Path, spec: Mapping[str, Any]) -> dict[str, str]:
    from flask import g
    from moin import app, user

    app.before_wiki()
    problem = user.create_user(username=spec["username"], password=spec["password"], email="buyer@wiki.example")
    if problem:
        raise RuntimeError(problem)
    storage = g.unprotected_storage

    def store(name: str, kind: str, path: Path, **more: str) -> None:
        meta = {"name": [name], "namespace": "", "contenttype": kind, "itemtype": "default", **more}
        with path.open("rb") as stream:
            storage[name].store_revision(meta, stream, return_rev=True)

    paths: dict[str, str] = {}
    numbers = [record["number"] for record in spec["records"]]
    for name, text in (
        ("Home", "= Orders =\n" + "".join(f" * [[{number}]]\n" for number in numbers)),
        *((record["number"], _page(record)) for record in spec["records"]),
    ):
        page = folder / "page.txt"
        page.write_text(text, "utf-8")
        hidden = any(record["number"] == name and not record["visible"] for record in spec["records"])
        store(name, _WIKI_TEXT, page, **({"acl": "warehouse:read,write"} if hidden else {}))
        paths[name] = f"/{name}"
    for record in spec["records"]:
        for file in record["files"]:
            kind = mimetypes.guess_type(file["name"])[0] or "application/octet-stream"
            if kind.startswith("text/"):
                kind += ";charset=utf-8"
            store(f"{record['number']}/{file['name']}", kind, folder / file["path"])
    paths[spec["absent"]] = f"/{spec['absent']}"
    return paths


def _page(record: Mapping[str, Any]) -> str:
    """The order's page as a person would write it."""
    lines = [
        f"= {record['number']} {record['supplier']} =",
        "To be delivered to gate 4. See also [[Home]] and [[DeliveryRules]].",
        "",
        "== Attachments ==",
    ]
    lines += [f" * [[/{file['name']}]]" for file in record["files"]] or ["None."]
    lines += ["", *(f"{{{{/{file['name']}}}}}" for file in record["files"] if file["name"].endswith(".png"))]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
