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
            help="The purchase orders: .csv or .xlsx with po_number, supplier, url.",
        ),
    ],
    workers: Annotated[
        int | None,
        typer.Option("-w", "--workers", help="How many browser contexts work at once, 1 to 64.  [default: 4]"),
    ] = None,
    out: paths.OutOption = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The portal's address, e.g. https://x.coupahost.com: an order's own then follows from its number.",
        ),
    ] = None,
    portal: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Read all orders as those of this portal: coupa or generic."),
    ] = None,
    url_template: Annotated[
        str | None,
        typer.Option(
            help="Address of an order whose row has none, e.g. https://x.coupahost.com/order_headers/{po_number}"
        ),
    ] = None,
    browser: Annotated[
        str | None,
        typer.Option(help="Use only this browser: msedge, chrome, chromium or a path.  [default: the first one found]"),
    ] = None,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser windows.")] = False,
    base_profile: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            parser=paths.path,
            help="A profile to copy for each worker.  [default: the one `po-pw login` made]",
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Use the sign-in that was made with `po-pw login --account NAME`."),
    ] = None,
    write_back: Annotated[
        bool,
        typer.Option(
            "--write-back",
            help="Also write status, files, folder and time into FILE itself; the file is kept as it was.",
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option(help="Only the first N rows.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what an earlier run finished.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Visit finished orders too, and fetch what is new or changed there.")
    ] = False,
    only_failed: Annotated[
        bool, typer.Option("--only-failed", help="Only what an earlier run tried without full success.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Verify the files of finished orders by SHA-256, not by size alone.")
    ] = False,
    max_path: Annotated[int | None, typer.Option(help="Longest whole path, in characters, 120 to 4096.")] = None,
    max_file_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Leave out files that are larger, e.g. 500MB.  [default: none]")
    ] = None,
    max_total_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Stop when so much was received, e.g. 20GiB.  [default: no limit]"),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Also fetch files from this host, or *.this.one; may be given again."),
    ] = None,
    client_certificate: certificates.FileOption = None,
    client_certificate_host: certificates.HostOption = None,
    attempts: Annotated[
        int | None, typer.Option(metavar="N", help="Maximum attempts per order, 1 to 20.  [default: 4]")
    ] = None,
    order_timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Limit for reading one order, e.g. 90s or 5m.  [default: 5m]"),
    ] = None,
    patience: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="So long without a change, and a page that keeps something going counts as complete.  [default: 3s]",
        ),
    ] = None,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Press nothing that sends a form; what only a form hands out is missing."),
    ] = False,
    no_mark: Annotated[
        bool,
        typer.Option("--no-mark", help="Do not mark files as coming from the internet (Office opens those read-only)."),
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
            help="Stop after so long, e.g. 90m or 8h; the same command continues.  [default: no limit]",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say only what went wrong.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say every step.")] = False,
) -> None:
    """Fetch the attachments of every purchase order in FILE into a folder per PO.

    The same command run again continues where it stopped.
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
