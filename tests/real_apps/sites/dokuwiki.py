"""DokuWiki, from Debian's packages, on PHP's own server: a page for each order with its media under "Attachments".

Runs in our Python. Nothing is shown without a sign-in. Without PHP's graphics library pictures come in full size.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import threading
import unicodedata
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.real_apps.sites import hosting

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXTENSIONS: Final = ("ctype", "iconv", "fileinfo", "posix", "tokenizer", "dom", "xml", "simplexml", "xmlreader")
_STARTED: Final = re.compile(r"Development Server \(http://127\.0\.0\.1:(\d+)\) started")
_REQUEST: Final = re.compile(r" \[(\d{3})\]: ([A-Z]+) (\S+)")
_MEDIA_TYPES: Final = "html text/html\ntxt text/plain\ncsv text/csv\nmsg !application/vnd.ms-outlook\n"


def main() -> None:
    """Sets up and serves."""
    folder, spec = hosting.specification()
    packages = Path(spec["unpacked"])
    _install(folder, packages, spec)
    paths = _fill(folder, spec)
    process = _start(folder, packages)
    try:
        _follow(process, hosting.Log(folder), paths)
        hosting.wait_for_parent()
    finally:
        process.terminate()
        process.wait()
        hosting.end_group()


def _install(folder: Path, packages: Path, spec: Mapping[str, Any]) -> None:
    """Lays code, configuration and data into the folder; Debian's absolute paths become ours."""
    site, conf, data = folder / "site", folder / "conf", folder / "data"
    shutil.copytree(packages / "etc" / "dokuwiki", conf, ignore=shutil.ignore_patterns("*.auth.php"), symlinks=True)
    shutil.copytree(
        packages / "usr" / "share" / "dokuwiki", site, ignore=shutil.ignore_patterns("plugins", "tpl", ".htaccess")
    )
    for name in ("plugins", "tpl"):
        shutil.copytree(packages / "var" / "lib" / "dokuwiki" / "lib" / name, site / "lib" / name, dirs_exist_ok=True)
    shutil.copytree(packages / "var" / "lib" / "dokuwiki" / "data", data)
    for path in (*site.rglob("*.php"), conf / "dokuwiki.php"):
        before = path.read_bytes()
        after = before.replace(b"/etc/dokuwiki/", f"{conf}/".encode())
        after = after.replace(b"/var/lib/dokuwiki/data", str(data).encode())
        for part in (b"/usr/share/php", b"/usr/share/javascript/"):
            after = after.replace(b"'" + part, b"'" + str(packages).encode() + part)
        if after != before:
            path.write_bytes(after)
    (conf / "local.php").write_text(
        "<?php\n$conf['title'] = 'Orders';\n$conf['useacl'] = 1;\n$conf['superuser'] = 'admin';\n"
        "$conf['disableactions'] = 'register';\n$conf['updatecheck'] = 0;\n$conf['mailfromnobody'] = 0;\n",
        "utf-8",
    )
    (conf / "mime.local.conf").write_text(_MEDIA_TYPES, "utf-8")
    digest = hashlib.sha1(spec["password"].encode(), usedforsecurity=False).hexdigest()
    (conf / "users.auth.php").write_text(f"{spec['username']}:{digest}:Bo Buyer:buyer@wiki.example:user\n", "utf-8")
    hidden = [f"po:{_page_id(record['number'])}" for record in spec["records"] if not record["visible"]]
    rules = ["*\t@ALL\t0", "*\t@user\t16", *(f"{page}{rest}\t@user\t0" for page in hidden for rest in ("", ":*"))]
    (conf / "acl.auth.php").write_text("\n".join(rules) + "\n", "utf-8")


def _fill(folder: Path, spec: Mapping[str, Any]) -> dict[str, str]:
    pages, media = folder / "data" / "pages", folder / "data" / "media"
    (pages / "po").mkdir()
    (media / "po").mkdir()
    numbers = [record["number"] for record in spec["records"]]
    (pages / "start.txt").write_text(
        "====== Orders ======\n" + "".join(f"  * [[po:{_page_id(number)}|{number}]]\n" for number in numbers), "utf-8"
    )
    (pages / "sidebar.txt").write_text(
        "  * [[start|Orders]]\n  * {{wiki:dokuwiki-128.png?linkonly|Logo}}\n  * [[wiki:syntax|Help]]\n", "utf-8"
    )
    for record in spec["records"]:
        page = _page_id(record["number"])
        lines = [f"====== {record['number']} {record['supplier']} ======", "", "To be delivered to gate 4.", ""]
        lines += ["===== Attachments =====", ""]
        (media / "po" / page).mkdir()
        for file in record["files"]:
            name = _media_name(file["name"])
            shutil.copy(folder / file["path"], media / "po" / page / urllib.parse.quote(name))
            size = "?120" if name.endswith(".png") else ""
            lines.append(f"  * {{{{:po:{page}:{name}{size}|{file['name']}}}}}")
        if not record["files"]:
            lines.append("None.")
        (pages / "po" / f"{page}.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return {number: f"/doku.php?id=po:{_page_id(number)}" for number in (*numbers, spec["absent"])}


def _page_id(number: str) -> str:
    return number.lower()


def _media_name(name: str) -> str:
    """The name as DokuWiki makes it: lower case, ASCII, no spaces or brackets."""
    for letter, plain in (("ü", "ue"), ("ö", "oe"), ("ä", "ae"), ("ß", "ss")):
        name = name.lower().replace(letter, plain)
    name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9._-]", "_", name))


def _start(folder: Path, packages: Path) -> subprocess.Popen[str]:
    """PHP as unpacked, else the system's."""
    unpacked = sorted((packages / "usr" / "bin").glob("php[0-9]*.[0-9]"))
    php = str(unpacked[-1]) if unpacked else shutil.which("php")
    if php is None:
        msg = "there is no PHP"
        raise RuntimeError(msg)
    options = ["-d", "opcache.enable=0", "-d", "memory_limit=256M", "-d", f"session.save_path={folder}"]
    if unpacked:
        where = next((packages / "usr" / "lib" / "php").glob("20*"))
        options += ["-n", "-d", f"extension_dir={where}"]
        options += [
            word for name in _EXTENSIONS if (where / f"{name}.so").exists() for word in ("-d", f"extension={name}")
        ]
    return subprocess.Popen(
        [php, *options, "-S", "127.0.0.1:0", "-t", str(folder / "site")],
        stdin=subprocess.DEVNULL,
        stdout=2,
        stderr=subprocess.PIPE,
        env={**os.environ, "PHP_CLI_SERVER_WORKERS": "3"},
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def _follow(process: subprocess.Popen[str], log: hosting.Log, paths: Mapping[str, str]) -> None:
    """Announces the site when PHP says that it listens, and turns what PHP says of requests into our log."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        started = _STARTED.search(line)
        if started:
            hosting.announce(int(started[1]), paths)
            break
    else:
        msg = f"PHP did not start: {''.join(said)}"
        raise RuntimeError(msg)
    stream = process.stderr

    def follow() -> None:
        for line in stream:
            request = _REQUEST.search(line)
            if request:
                log.add(request[2], request[3], int(request[1]))

    threading.Thread(target=follow, daemon=True).start()


if __name__ == "__main__":
    main()
