"""`po-pw report`: writes the report of the latest run again."""

from __future__ import annotations

from typing import Annotated

import typer

from po_pw.cli import boundary, paths


def report(
    out: paths.Out = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the report in your browser.")] = False,
) -> None:
    """Write report.html of the latest run in the output folder OUT again, from its journal and manifests.

    Every run writes a report when it ends. Use this command if the run was killed, or if the report was removed.
    """
    with boundary.report_errors():
        import asyncio

        from rich.console import Console
        from rich.text import Text

        from po_pw import events, sessions, settings
        from po_pw.cli import progress, running
        from po_pw.maintenance import rebuild_report

        options = settings.load(out=out)
        folder, console = options.out.absolute(), Console(soft_wrap=False, highlight=False)
        hub, notices = events.Hub(), list[str]()
        hub.listen(lambda event: notices.append(event.text) if isinstance(event, events.Notice) else None)
        saved = sessions.Sessions(settings.home(options), options.account)
        with progress.shown(console) as on_event, progress.stage(on_event, "Writing the report"):
            written = asyncio.run(rebuild_report.rebuild(folder, hub, saved, running.commands_after))
        for note in (*notices, *written.notes):
            console.print(Text(f"! {note}", "yellow"), soft_wrap=True)
        place = folder / written.name
        console.print(Text("Report  ").append(paths.near(place), "cyan"), soft_wrap=True)
        if open_it and typer.launch(place.as_uri()) != 0:
            console.print(Text("No program opened it. Open this file in your browser.", "yellow"), soft_wrap=True)
