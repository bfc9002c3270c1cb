"""`po-pw demo`: processes the orders of the demo portal and checks every file."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from po_pw import cli
from po_pw.cli import boundary, durations, option_groups, paths
from po_pw.demo.coupa import demo_tenant

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Sequence

    from po_pw.demo import catalogue, running_portal
    from po_pw.demo.coupa import tenant_catalogue as coupa_catalogue

    AnyPortal: TypeAlias = running_portal.Portal | demo_tenant.Tenant
    AnyOrder: TypeAlias = catalogue.DemoOrder | coupa_catalogue.TenantOrder

_OURS: Final = ".po-pw-demo"
"""In the demo's folder: its sign-in, and the record of files that it made."""


class Kind(enum.StrEnum):
    """The portal that the demo runs."""

    GENERIC = "generic"
    """A portal that po-pw does not know, with every kind of list."""
    COUPA = "coupa"
    """A Coupa tenant, with single sign-on."""


def demo(
    portal: Annotated[
        Kind, typer.Option(help="Which portal: generic (po-pw does not know it) or coupa (a Coupa tenant).")
    ] = Kind.GENERIC,
    workers: Annotated[
        int,
        typer.Option(
            "-w",
            "--workers",
            metavar="N",
            min=1,
            max=64,
            help="How many browsers work at once.",
            rich_help_panel=option_groups.BROWSER,
        ),
    ] = 4,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="PATH", parser=paths.path, help="The folder of the demo."),
    ] = Path("po-pw-demo"),
    orders: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=100_000, help="Number of purchase orders.  [default: one of each kind]"),
    ] = None,
    files: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=50, help="Files per normal order of the generic portal.  [default: 3]"),
    ] = None,
    latency: Annotated[
        float,
        typer.Option(
            metavar="DURATION",
            parser=durations.seconds,
            help="How long a page takes to load, e.g. 200ms.  [default: 150ms]",
            show_default=False,
        ),
    ] = 0.15,
    browser: paths.BrowserOption = None,
    headed: Annotated[
        bool, typer.Option("--headed", help="Show the browser windows.", rich_help_panel=option_groups.BROWSER)
    ] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Only start the portal, to try po-pw on it yourself.")] = False,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="The portal's port; 0 picks a free one.")
    ] = 0,
) -> None:
    """Start a demo portal on this computer, download everything from it, and check every file.

    A few of its orders fail on purpose (not found, forbidden, a page instead of a file), to show how that looks.
    """
    with boundary.report_errors(), _started(portal, orders, files, latency, port) as running:
        if serve:
            _serve(running, out)
        else:
            raise typer.Exit(_run(running, out.absolute(), workers=workers, browser=browser, headed=headed))


def _started(
    kind: Kind, orders: int | None, files: int | None, latency: float, port: int
) -> contextlib.AbstractContextManager[AnyPortal]:
    """The portal, once the block is entered."""
    from po_pw import errors
    from po_pw.demo import catalogue, server
    from po_pw.demo.coupa import tenant_catalogue as coupa_catalogue
    from po_pw.demo.coupa import tenant_server as coupa_server

    if kind is Kind.GENERIC:
        usual = catalogue.PortalSettings()
        settings = catalogue.PortalSettings(
            orders=orders or usual.orders, files_per_order=files or usual.files_per_order, latency=latency
        )
        return server.serve_in_thread(settings, port=port)
    if files is not None:
        msg = "--files is for the generic portal; the files of the Coupa tenant's orders are always the same"
        raise errors.InputError(msg)
    usual_tenant = coupa_catalogue.TenantSettings()
    return coupa_server.serve_in_thread(
        coupa_catalogue.TenantSettings(orders=orders or usual_tenant.orders, latency=latency), port=port
    )


def _serve(portal: AnyPortal, out: Path) -> None:
    import threading

    from po_pw.cli import shell

    table, downloads = _prepared(portal, out)
    commands = (
        ("po-pw", "login", portal.sign_in_url, "--username", portal.username, *_sign_in_options(portal)),
        ("po-pw", "process", str(table), "-w", "4", "-o", str(downloads)),
    )
    typer.echo(
        f"The demo portal is at {portal.origin} (user {portal.username}, password {portal.password}).\n"
        f"Its orders are in {table.absolute()}. Try in another terminal, for example:"
    )
    for words in commands:
        typer.echo(f"  {shell.join(words)}")
    typer.echo("Press Ctrl-C to end it.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        typer.echo("Ended.")


def _sign_in_options(portal: AnyPortal) -> tuple[str, ...]:
    """Options that `po-pw login` needs if an identity provider asks for the password and a one-time code."""
    import sys

    from po_pw.cli import shell

    tenant = _tenant(portal)
    if tenant is None:
        return ()
    makes_codes = shell.join((sys.executable, "-m", "po_pw.demo.coupa.totp", tenant.settings.totp_secret))
    return "--sign-in-host", tenant.sign_in_host, "--totp-command", makes_codes


def _tenant(portal: AnyPortal) -> demo_tenant.Tenant | None:

    return portal if isinstance(portal, demo_tenant.Tenant) else None


def _prepared(portal: AnyPortal, out: Path) -> tuple[Path, Path]:
    """Writes the portal's list, and chooses a folder for the files; replaces nothing that the demo did not make."""
    from po_pw.demo import server as demo_server
    from po_pw.results import own_files

    ours = out / _OURS
    try:
        ours.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from po_pw import errors
        from po_pw.storage import filesystem

        msg = f"{filesystem.why_not_a_folder(out.absolute(), error)}. Choose another folder with --out."
        raise errors.MachineError(msg) from error
    files = own_files.OwnFiles(out, ours / "made.json")
    new = ours / "pos.csv"
    demo_server.write_csv(portal, new)
    table, notes = files.put(new, "pos.csv", "the demo's orders")
    notes += files.clear("pos.csv", [table])
    downloads = files.make_folder("downloads")
    if downloads != "downloads":
        notes += (
            f"The folder downloads was not made by the demo and stays as it is. The demo's files go to {downloads}",
        )
    for note in notes:
        typer.secho(f"! {note}", fg=typer.colors.YELLOW)
    return out / table, out / downloads


def _run(portal: AnyPortal, out: Path, *, workers: int, browser: str | None, headed: bool) -> int:
    import asyncio

    from rich.console import Console

    from po_pw import settings
    from po_pw.auth import login, trust
    from po_pw.cli import progress, running, tally
    from po_pw.orders import read, several

    table, downloads = _prepared(portal, out)
    # A separate home: the demo must not touch the user's sign-ins.
    options = settings.load(
        workers=workers, out=downloads, home=out / _OURS / "home", browser=browser, headed=headed or None
    )
    expected_to_fail = [order for order in portal.orders if order.expected_error]
    tenant = _tenant(portal)
    name = "A procurement portal" if tenant is None else "A Coupa tenant"
    typer.echo(
        f"{name} is at {portal.origin} and has {tally.plural(len(portal.orders), 'order')}"
        + (f"; {len(expected_to_fail)} of them will fail on purpose." if expected_to_fail else ".")
    )
    with progress.shown(Console(soft_wrap=False)) as on_event, progress.stage(on_event, "Signing in"):
        done = asyncio.run(
            login.login(
                options,
                portal.sign_in_url,
                username=portal.username,
                password=portal.password,
                patience=60,
                code=None if tenant is None else lambda _: tenant.code(),
                trust=trust.Trust(() if tenant is None else (tenant.sign_in_host,)),
            )
        )
    typer.echo(f"Signed in as {portal.username}, with {done.browser.name} {done.browser.version}.")
    ended = running.run_table(options, several.of_table(read.open_table(table)), resume=None)
    if ended.exit_code == cli.INTERRUPTED:
        return ended.exit_code
    problems, checked = _check(portal.orders, ended.out, ended.totals.names["results.json"])
    typer.echo()
    for order in expected_to_fail:
        typer.echo(f"  failed on purpose  {order.po_number}: {order.expected_error} ({order.about})")
    for problem in problems:
        typer.secho(f"  WRONG  {problem}", fg=typer.colors.RED)
    if problems:
        typer.secho(f"{tally.plural(len(problems), 'difference')} from what the portal has.", fg=typer.colors.RED)
        return 1
    typer.secho(
        f"All {tally.plural(checked, 'file')} are right: their SHA-256 sums are those of the portal's own list.",
        fg="green",
    )
    typer.echo(f"The files are in {ended.out}")
    return 0


def _check(orders: Sequence[AnyOrder], out: Path, results: str) -> tuple[list[str], int]:
    """Compares the files on disk with those of the portal; returns the differences and the number of files compared."""
    import hashlib
    import json

    rows = {row["po_number"]: row for row in json.loads((out / results).read_text("utf-8"))["rows"]}
    problems: list[str] = []
    checked = 0
    for order in orders:
        row = rows.get(order.po_number)
        if row is None:
            problems.append(f"{order.po_number} is not in the results")
            continue
        if row["status"] != order.expected_status:
            problems.append(f"{order.po_number} is {row['status']}, not {order.expected_status} ({order.about})")
        if (row["error_code"] or None) != order.expected_error:
            problems.append(f"{order.po_number} has error {row['error_code']}, not {order.expected_error}")
        folder = out / row["folder"] if row["folder"] else None
        present = sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []
        found = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in present)
        wanted = sorted(file.sha256 for file in order.files)
        checked += len(wanted)
        if found != wanted:
            names = ", ".join(path.name for path in present)
            problems.append(f"{order.po_number} has {len(found)} files ({names}), not the {len(wanted)} it should have")
    return problems, checked
