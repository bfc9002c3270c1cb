"""Roundup: an issue for each order, its files linked to it; nothing is shown without a sign-in.

The option `template` names one of the trackers that come with it; `classic` if there is none.
"""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any

import roundup
from roundup import admin, configuration, instance, password
from roundup.cgi import wsgi_handler

from tests.real_apps.sites import hosting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ALL_ISSUES = """    db.security.addPermissionToRole('User', 'View', cl)
    db.security.addPermissionToRole('User', 'Edit', cl)"""
_OPEN_ISSUES = """
    if cl == 'issue':
        for action in 'View', 'Edit':
            permission = db.security.addPermission(
                name=action, klass=cl, check=lambda db, user, item: 'onfidential' not in db.issue.get(item, 'title'))
            db.security.addPermissionToRole('User', permission)
    else:
        db.security.addPermissionToRole('User', 'View', cl)
        db.security.addPermissionToRole('User', 'Edit', cl)"""
_FOR_ANYONE = """for cl in 'issue', 'file', 'msg', 'keyword', 'priority', 'status':
    db.security.addPermissionToRole('Anonymous'"""


def main() -> None:
    """Sets up and serves."""
    folder, spec = hosting.specification()
    server = hosting.listen()
    home = folder / "tracker"
    _install(home, f"http://127.0.0.1:{server.server_port}/", spec)
    paths = _fill(folder, home, spec)
    hosting.serve(server, wsgi_handler.RequestDispatcher(str(home)), folder, paths)


def _install(home: Path, address: str, spec: Mapping[str, Any]) -> None:
    tool = admin.AdminTool()
    tool.force = True
    tool.do_install(str(home), ["install", spec["options"].get("template", "classic"), "sqlite"])
    config = configuration.CoreConfig(str(home))
    config["TRACKER_WEB"] = address
    config["TRACKER_NAME"] = "Orders"
    config["MAIL_DOMAIN"] = "tracker.example"
    config["MAIL_HOST"] = "localhost"
    config["MAIL_DEBUG"] = str(home / "mail.log")
    config["PASSWORD_PBKDF2_DEFAULT_ROUNDS"] = 10_000
    config.save()
    schema = (home / "schema.py").read_text("utf-8")
    for before, after in (
        (_ALL_ISSUES, _OPEN_ISSUES),
        (_FOR_ANYONE, _FOR_ANYONE.replace(" 'issue', 'file', 'msg', 'keyword',", "")),
    ):
        if schema.count(before) != 1:
            msg = f"the tracker's schema is another than in Roundup 2.6 ({roundup.__version__})"
            raise RuntimeError(msg)
        schema = schema.replace(before, after)
    (home / "schema.py").write_text(schema, "utf-8")
    tracker = instance.open(str(home))
    tracker.init(password.Password(spec["password"], config=tracker.config), tx_Source="cli")


def _fill(folder: Path, home: Path, spec: Mapping[str, Any]) -> dict[str, str]:
    db = instance.open(str(home)).open("admin")
    db.user.create(
        username=spec["username"],
        password=password.Password(spec["password"], config=db.config),
        roles="User",
        address="buyer@tracker.example",
        realname="Bo Buyer",
    )
    paths: dict[str, str] = {}
    for record in spec["records"]:
        files = [
            db.file.create(
                name=file["name"],
                type=mimetypes.guess_type(file["name"])[0] or "application/octet-stream",
                content=(folder / file["path"]).read_bytes(),
            )
            for file in record["files"]
        ]
        message = db.msg.create(author="1", summary="Ordered", content="Ordered as agreed, see http://intranet/terms")
        note = "" if record["visible"] else " (confidential)"
        issue = db.issue.create(
            title=f"{record['number']} {record['supplier']}{note}",
            priority="3",
            status="1",
            files=files,
            messages=[message],
        )
        paths[record["number"]] = f"/issue{issue}"
    db.commit()
    db.close()
    paths[spec["absent"]] = "/issue990"
    return paths


if __name__ == "__main__":
    main()
