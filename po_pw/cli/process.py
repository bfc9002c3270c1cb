"""`po-pw process`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from po_pw.cli import boundary, certificates, paths


def process(
    context: typer.Context,
    table: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            parser=paths.path,
            help="Your list of orders: .csv or .xlsx with the columns po_number, supplier and url.",
        ),
    ],
    workers: Annotated[
        int | None,
        typer.Option("-w", "--workers", help="How many browsers work at once, 1 to 64.  [default: 4]"),
    ] = None,
    out: paths.OutOption = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The portal's address, e.g. https://x.coupahost.com: an order's own then follows from its number.",
        ),
    ] = None,
    portal: paths.PortalOption = None,
    url_template: Annotated[
        str | None,
        typer.Option(help="Address for rows without a url, e.g. https://x.coupahost.com/order_headers/{po_number}"),
    ] = None,
    browser: Annotated[
        str | None,
        typer.Option(
            help="Use only this browser: msedge, chrome, chromium, or the path of one.  [default: the first one found]"
        ),
    ] = None,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser windows.")] = False,
    base_profile: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            parser=paths.path,
            help="The browser profile to copy for each worker.  [default: the one that `po-pw login` made]",
        ),
    ] = None,
    account: paths.AccountOption = None,
    write_back: Annotated[
        bool,
        typer.Option(
            "--write-back",
            help="Also write status, files, folder and time into FILE. A copy of FILE as it was is kept.",
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option(help="Process only the first N rows.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Download everything again, finished orders too.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Open finished orders too, and download what is new or changed there.")
    ] = False,
    only_failed: Annotated[
        bool, typer.Option("--only-failed", help="Retry only the orders that failed or are incomplete.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the files of finished orders by SHA-256, not only by size.")
    ] = False,
    max_path: Annotated[
        int | None, typer.Option(help="Longest path of a downloaded file, 120 to 4096 characters.")
    ] = None,
    max_file_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Skip files that are larger, e.g. 500MB.  [default: no limit]")
    ] = None,
    max_total_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Stop after downloading this much, e.g. 20GiB.  [default: no limit]"),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Also download files from this host, e.g. files.example.com or *.example.com. Can be repeated.",
        ),
    ] = None,
    client_certificate: certificates.FileOption = None,
    client_certificate_host: certificates.HostOption = None,
    attempts: Annotated[
        int | None, typer.Option(metavar="N", help="Maximum attempts per order, 1 to 20.  [default: 4]")
    ] = None,
    order_timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Longest time to read one order's page, e.g. 90s or 5m.  [default: 5m]"),
    ] = None,
    patience: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="A page that never stops loading counts as complete after this long without a change.  [default: 3s]",
        ),
    ] = None,
    read_only: Annotated[
        bool,
        typer.Option(
            "--read-only", help="Press no button that sends a form. Files that need one are reported as missing."
        ),
    ] = False,
    no_mark: Annotated[
        bool,
        typer.Option(
            "--no-mark", help="Do not mark files as coming from the internet (Office opens marked files read-only)."
        ),
    ] = False,
    no_sign_in_window: Annotated[
        bool,
        typer.Option(
            "--no-sign-in-window",
            help="When a sign-in ends and only a person can renew it, open no window: end with exit code 4.",
        ),
    ] = False,
    run_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Stop after this long, e.g. 90m or 8h. The same command continues later.  [default: no limit]",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Show only what went wrong.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show every step.")] = False,
) -> None:
    """Download the attachments of every purchase order in FILE, into a folder per order.

    Run the same command again to continue where it stopped.
    """
    with boundary.report_errors():
        from rich.console import Console

        from po_pw.cli import progress

        with progress.shown(Console(soft_wrap=False), quiet=quiet) as hear, progress.stage(hear, "Starting"):
            from po_pw import settings  # seconds on a busy machine
            from po_pw.cli import closing, running, shell
            from po_pw.orders import read
            from po_pw.portals import registry

        running.check_volume(quiet=quiet, verbose=verbose)
        options = settings.load(
            workers=workers,
            out=out,
            base_url=base_url,
            portal=portal,
            url_template=url_template,
            browser=browser,
            headed=headed or None,
            base_profile=base_profile,
            account=account,
            write_back=write_back or None,
            limit=limit,
            max_path=max_path,
            attempts=attempts,
            order_timeout=order_timeout,
            run_timeout=run_timeout,
            max_file_bytes=max_file_size,
            max_total_bytes=max_total_size,
            allow_hosts=tuple(allow_host) if allow_host else None,
            patience=patience,
            read_only=read_only or None,
            mark_of_the_web=False if no_mark else None,
            sign_in_window=False if no_sign_in_window else None,
            client_certificate=client_certificate,
            client_certificate_hosts=tuple(client_certificate_host) if client_certificate_host else None,
        )
        options = certificates.with_password(options)
        with (
            progress.shown(Console(soft_wrap=False), quiet=quiet) as hear,
            progress.stage(hear, f"Opening {table.name}"),
        ):
            orders = read.open_table(table, address_of=registry.Registry(options).address_of, limit=options.limit)
        resume = running.how(force=force, refresh=refresh, only_failed=only_failed, verify=verify)
        source = context.get_parameter_source("out")
        is_out_given = source is not None and source.name == "COMMANDLINE"
        where = closing.near(options.out.absolute())
        again = shell.to_continue(closing.command(), where, is_out_given=is_out_given)
        done = running.run_table(options, orders, resume=resume, quiet=quiet, verbose=verbose, again=again)
        raise typer.Exit(done.exit_code)
