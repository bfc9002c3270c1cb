"""Trac: a ticket for each order, its files attached to it; AccountManager gives the sign-in form."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from trac import attachment, perm
from trac import env as environment
from trac.ticket import model
from trac.web import main as web

from tests.real_apps.sites import hosting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PARTS = {
    "trac.web.auth.loginmodule": "disabled",
    "acct_mgr.api.*": "enabled",
    "acct_mgr.db.sessionstore": "enabled",
    "acct_mgr.pwhash.htdigesthashmethod": "enabled",
    "acct_mgr.web_ui.loginmodule": "enabled",
    "tracopt.perm.authz_policy.*": "enabled",
}


def main() -> None:
    """Sets up and serves."""
    folder, spec = hosting.specification()
    home = folder / "trac"
    options = [
        ("project", "name", "Orders"),
        ("trac", "database", "sqlite:db/trac.db"),
        ("trac", "permission_policies", "AuthzPolicy, DefaultPermissionPolicy, LegacyAttachmentPolicy"),
        ("authz_policy", "authz_file", str(home / "conf" / "authz.conf")),
        ("attachment", "max_size", "20000000"),
        ("account-manager", "password_store", "SessionStore"),
        ("account-manager", "hash_method", "HtDigestHashMethod"),
        *(("components", name, state) for name, state in _PARTS.items()),
    ]
    env = environment.Environment(str(home), create=True, options=options)
    paths = _fill(folder, env, spec)
    hidden = [paths[record["number"]].rpartition("/")[2] for record in spec["records"] if not record["visible"]]
    rules = "".join(f"[ticket:{number}]\n{spec['username']} = !TICKET_VIEW\n" for number in hidden)
    (home / "conf" / "authz.conf").write_text(rules, "utf-8")

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        environ["trac.env_path"] = str(home)
        return web.dispatch_request(environ, start_response)

    hosting.serve(hosting.listen(), application, folder, paths)


def _fill(folder: Path, env: Any, spec: Mapping[str, Any]) -> dict[str, str]:
    from acct_mgr import api

    permissions = perm.PermissionSystem(env)
    for entry in permissions.get_all_permissions():
        permissions.revoke_permission(*entry)
    for action in ("TICKET_VIEW", "TICKET_MODIFY", "TICKET_CREATE", "WIKI_VIEW", "REPORT_VIEW", "SEARCH_VIEW"):
        permissions.grant_permission("authenticated", action)
    api.AccountManager(env).set_password(spec["username"], spec["password"])
    paths: dict[str, str] = {}
    for record in spec["records"]:
        ticket = model.Ticket(env)
        ticket["summary"] = f"{record['number']} {record['supplier']}"
        ticket["description"] = "To be delivered to gate 4.\n\nSee also #1 and the [wiki:WikiStart wiki]."
        ticket["reporter"] = "admin"
        ticket["owner"] = spec["username"]
        ticket["type"] = "task"
        ticket["status"] = "new"
        number = ticket.insert()
        for file in record["files"]:
            content = (folder / file["path"]).read_bytes()
            kept = attachment.Attachment(env, "ticket", number)
            kept.author = "admin"
            kept.insert(file["name"], io.BytesIO(content), len(content))
        paths[record["number"]] = f"/ticket/{number}"
    paths[spec["absent"]] = "/ticket/990"
    return paths


if __name__ == "__main__":
    main()
