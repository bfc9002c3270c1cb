"""`po-pw process`: downloads the attachments of all orders in a list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from po_pw.cli import boundary, certificates, option_groups, paths


def process(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            parser=paths.path,
            help="Your list of orders: .csv or .xlsx with the columns po_number, supplier and url. Several files, a "
            "pattern such as 'may/*.csv', or - for standard input.",
            show_default=False,
        ),
    ] = None,
    po: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBERS",
            help="Only these orders of the list, e.g. 4711,4712. Without a list: orders of the portal of --base-url or "
            "--url-template, else of the Coupa portal that you are signed in to.",
            rich_help_panel=option_groups.LIST,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "-w",
            "--workers",
            metavar="N",
            help="How many browsers work at once, 1 to 64.  [default: 4]",
            rich_help_panel=option_groups.BROWSER,
        ),
    ] = None,
    out: paths.OutOption = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The portal's address, e.g. https://x.coupahost.com; po-pw then finds each order by its PO number.",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = None,
    portal: paths.PortalOption = None,
    url_template: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Address for rows without a url, e.g. https://x.coupahost.com/order_headers/{po_number}",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = None,
    browser: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Use only this browser: msedge, chrome, chromium, or the path of one.  [default: the first one found]",
            rich_help_panel=option_groups.BROWSER,
        ),
    ] = None,
    headed: Annotated[
        bool, typer.Option("--headed", help="Show the browser windows.", rich_help_panel=option_groups.BROWSER)
    ] = False,
    base_profile: paths.BaseProfileOption = None,
    account: paths.AccountOption = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=NAME",
            help="Which column of the list is po_number, url, supplier or amount, "
            'e.g. po_number="Order no.". Can be repeated.',
            rich_help_panel=option_groups.LIST,
        ),
    ] = None,
    filter_: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="COLUMN=TEXT",
            help='Only rows with this value, e.g. "supplier=ACME*". Can be repeated: of one column, any value may '
            "match; of different columns, all must.",
            rich_help_panel=option_groups.LIST,
        ),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPES",
            help="Download only files of these types, e.g. pdf,xlsx; others are recorded as skipped.  [default: all]",
            rich_help_panel=option_groups.FILES,
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="LAYOUT",
            help="Pattern for the folder names, from any columns of the list.  "
            "[default: {supplier}/{po_number}_{status}]",
            rich_help_panel=option_groups.FILES,
        ),
    ] = None,
    write_back: Annotated[
        bool,
        typer.Option(
            "--write-back",
            help="Also write status, files, folder and time into FILE. po-pw keeps a copy of the original.",
            rich_help_panel=option_groups.LIST,
        ),
    ] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Process only the first N rows.", rich_help_panel=option_groups.LIST)
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Download everything again, finished orders too.", rich_help_panel=option_groups.AGAIN
        ),
    ] = False,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh",
            help="Open finished orders too, and download what is new or changed there.",
            rich_help_panel=option_groups.AGAIN,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check the list, this computer and the sign-in, read the first three orders, and say what a run "
            "would do.",
            rich_help_panel=option_groups.LIST,
        ),
    ] = False,
    only_failed: Annotated[
        bool,
        typer.Option(
            "--only-failed",
            help="Retry only the orders that failed or are incomplete.",
            rich_help_panel=option_groups.AGAIN,
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Check the files of finished orders by SHA-256, not only by size.",
            rich_help_panel=option_groups.AGAIN,
        ),
    ] = False,
    max_path: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Longest path of a downloaded file, 120 to 4096 characters.",
            rich_help_panel=option_groups.FILES,
        ),
    ] = None,
    max_file_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Skip files that are larger, e.g. 500MB.  [default: no limit]",
            rich_help_panel=option_groups.LIMITS,
        ),
    ] = None,
    max_total_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Stop after downloading this much, e.g. 20GiB.  [default: no limit]",
            rich_help_panel=option_groups.LIMITS,
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Also download files from this host, e.g. files.example.com or *.example.com. Can be repeated.",
            rich_help_panel=option_groups.FILES,
        ),
    ] = None,
    client_certificate: certificates.FileOption = None,
    client_certificate_host: certificates.HostOption = None,
    attempts: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Maximum attempts per order, 1 to 20.  [default: 4]", rich_help_panel=option_groups.LIMITS
        ),
    ] = None,
    order_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Longest time to read one order's page, e.g. 90s or 5m.  [default: 5m]",
            rich_help_panel=option_groups.LIMITS,
        ),
    ] = None,
    patience: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="A page that never stops loading counts as complete after this long without a change.  [default: 3s]",
            rich_help_panel=option_groups.LIMITS,
        ),
    ] = None,
    read_only: Annotated[
        bool,
        typer.Option(
            "--read-only",
            help="Press no button that sends a form. Files that need one are reported as missing.",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = False,
    save_page: Annotated[
        bool,
        typer.Option(
            "--save-page",
            help="Also save each order's page as PDF, in the order's folder.",
            rich_help_panel=option_groups.FILES,
        ),
    ] = False,
    trace: Annotated[
        bool,
        typer.Option(
            "--trace",
            help="Also save a Playwright trace of each order that fails, beside its screenshot: what po-pw did on the "
            "page, with pictures.",
            rich_help_panel=option_groups.OUTPUT,
        ),
    ] = False,
    no_mark: Annotated[
        bool,
        typer.Option(
            "--no-mark",
            help="Do not mark files as coming from the internet (Office opens marked files read-only).",
            rich_help_panel=option_groups.FILES,
        ),
    ] = False,
    no_sign_in_window: Annotated[
        bool,
        typer.Option(
            "--no-sign-in-window",
            help="If a sign-in ends and only a person can renew it, open no window; end with exit code 4.",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = False,
    run_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Stop after this long, e.g. 90m or 8h. The same command continues later.  [default: no limit]",
            rich_help_panel=option_groups.LIMITS,
        ),
    ] = None,
    on_finish: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Run this command when the run ends, however it ends. It gets a summary as JSON on standard input.",
            rich_help_panel=option_groups.END,
        ),
    ] = None,
    notify: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Post the same summary to this address, e.g. a Slack or Teams webhook.",
            rich_help_panel=option_groups.END,
        ),
    ] = None,
    open_results: Annotated[
        bool,
        typer.Option(
            "--open", help="Open the report, or the output folder, at the end.", rich_help_panel=option_groups.END
        ),
    ] = False,
    no_notification: Annotated[
        bool,
        typer.Option(
            "--no-notification",
            help="At the end, ring no bell and show no desktop notification.",
            rich_help_panel=option_groups.END,
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Write every event as a line of JSON to standard output, and everything else to standard error.",
            rich_help_panel=option_groups.OUTPUT,
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Show only what went wrong.", rich_help_panel=option_groups.OUTPUT)
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show every step.", rich_help_panel=option_groups.OUTPUT)
    ] = False,
) -> None:
    """Download the attachments of every purchase order in a list, into a folder per order.

    Run the same command again to continue where it stopped.
    """
    with boundary.report_errors():
        import contextlib

        from rich.console import Console

        from po_pw.cli import progress

        console = Console(soft_wrap=False, stderr=as_json)
        with progress.shown(console, quiet=quiet) as on_event, progress.stage(on_event, "Starting"):
            from po_pw.cli import lists

            lists.check(files or ())
            from po_pw import settings  # this and what follows takes seconds on a busy machine
            from po_pw.cli import after_run, desktop, flags, portal_of_numbers, running, summary_view
            from po_pw.portals import registry

        running.check_volume(quiet=quiet, verbose=verbose)
        options = settings.load(**flags.given(context.params))
        called = lists.named(files or ())
        with contextlib.ExitStack() as stack, after_run.reporting_end(options, called) as ended:
            options = certificates.with_password(options)
            note = ""
            if po and not files:
                options, note = portal_of_numbers.located(options)
            resume = running.resume_from_flags(force=force, refresh=refresh, only_failed=only_failed, verify=verify)
            address_of = registry.Registry(options).address_of
            with (
                progress.shown(console, quiet=quiet) as on_event,
                progress.stage(on_event, f"Opening {called}"),
            ):
                orders = stack.enter_context(lists.opened(files or (), po or (), options, address_of, note))
            if dry_run:
                from po_pw.cli import dry_run as trial

                raise typer.Exit(trial.run(options, orders))
            source = context.get_parameter_source("out")
            is_out_given = source is not None and source.name == "COMMANDLINE"
            where = "" if is_out_given else paths.near(options.out.absolute())
            go_on = running.commands_after(summary_view.command(), where)
            shown = running.DisplayOptions(quiet, verbose, as_json, draws_attention=not no_notification)
            done = running.run_table(options, orders, resume=resume, shown=shown, commands=go_on)
            ended.done = done
        if open_results and (why := desktop.open_on_desktop(desktop.to_open(done.out))):
            boundary.complain(f"the results could not be opened: {why}. They are in {done.out}")
        raise typer.Exit(done.exit_code)
