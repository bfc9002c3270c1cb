"""`po-pw portal`: shows how po-pw reads a portal's pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from po_pw.cli import boundary, certificates, paths, usage

if TYPE_CHECKING:
    from rich.console import Console

    from po_pw import events, inspection, models

app = typer.Typer(
    cls=usage.Overview, no_args_is_help=True, help="See how po-pw reads a portal's pages.", rich_markup_mode=None
)
_EXAMPLES: Final = """\
  po-pw portal inspect https://portal.example/orders/4711
  po-pw portal inspect https://portal.example/orders/4711 --po PO-4711 --screenshot page.png
  po-pw portal inspect https://portal.example/orders/4711 --accept   # orders like this one have no attachments"""


@app.callback()
def _portal() -> None:
    """See how po-pw reads a portal's pages."""


@app.command(
    "inspect", cls=usage.Command, short_help="Explain what would be downloaded of one order, and why.", epilog=_EXAMPLES
)
def inspect(
    url: Annotated[str, typer.Argument(metavar="URL", help="The address of one order.")],
    po_number: Annotated[
        str, typer.Option("--po", metavar="NUMBER", help="The PO number, if the address does not contain it.")
    ] = "",
    screenshot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=paths.path,
            help="Save the screenshot, with numbered items, to this new file.",
        ),
    ] = None,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Confirm that this portal's orders that look like this have no attachments."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for other programs.")] = False,
    portal: paths.PortalOption = None,
    account: paths.AccountOption = None,
    browser: paths.BrowserOption = None,
) -> None:
    """Read the page of one order as `process` would, download nothing, and explain what would be downloaded and why."""
    with boundary.report_errors():
        import asyncio
        import dataclasses
        import os

        from rich.console import Console

        from po_pw import errors, inspection, models, redact_objects, settings

        path = (screenshot or _free()).absolute()
        if os.path.lexists(path):
            msg = f"{screenshot} exists already and is not overwritten. Give another name."
            raise errors.InputError(msg)
        options = certificates.with_password(settings.load(browser=browser, portal=portal, account=account))
        found = asyncio.run(inspection.inspect(options, url, po_number=po_number, screenshot=path, accept=accept))
        found = dataclasses.replace(
            found, listing=redact_objects.values(found.listing), presses=redact_objects.values(found.presses)
        )
        if as_json:
            import json

            typer.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False))
        else:
            _show(Console(highlight=False), found)
        if not found.screenshot:
            typer.echo(f"! No screenshot: the browser did not make one, or {path} cannot be written to.", err=True)
        raise typer.Exit(0 if found.listing.page is models.PageKind.ORDER and found.listing.complete else 1)


def _free() -> Path:
    """A file name for the screenshot that is not taken yet."""
    number = 1
    while (path := Path(f"po-pw-inspect{'' if number == 1 else f'-{number}'}.png")).exists():
        number += 1
    return path


def _plain(found: inspection.Inspection) -> dict[str, Any]:
    listing = found.listing
    return {
        "po_number": found.order.po_number,
        "url": listing.url,
        "page": listing.page.value,
        "why": listing.why,
        "evidence": listing.evidence,
        "area": listing.area.value,
        "section": listing.section,
        "complete": listing.complete,
        "claimed": listing.claimed,
        "quiet": listing.quiet,
        "attachments": [
            {
                "name": one.name,
                "section": one.section,
                "ways": [_way(way) for way in (one.source, *one.others)],
                "certain": one.is_certain,
            }
            for one in listing.attachments
        ],
        "considered": [
            {
                "label": one.control.label,
                "section": one.section,
                "address": one.control.address,
                "taken": one.taken,
                "action": one.action,
                "why": one.why,
            }
            for one in listing.considered
        ],
        "presses": [_press(one) for one in found.presses],
        "screenshot": found.screenshot,
        "area_seen": found.has_seen_area,
        "accepted": found.accepted,
    }


def _press(event: events.Event) -> dict[str, Any]:
    import dataclasses

    from po_pw import events

    kind = "press" if isinstance(event, events.Pressed) else "request"
    values = {name: value for name, value in dataclasses.asdict(event).items() if name not in {"worker", "key"}}
    return {"kind": kind, **values}


_COLOURS: Final = {"taken": "green", "recorded": "green", "no way": "yellow"}


def _further(listing: models.Listing) -> list[models.Attachment]:
    """Attachments not among the considered controls: found after a press, or on further pages of the list."""
    from po_pw import models

    taken = [one.control for one in listing.considered if one.taken]
    addresses, pressed = {control.address for control in taken}, set(taken)
    return [
        one
        for one in listing.attachments
        if not any(
            way.control in pressed
            if isinstance(way, models.Click)
            else isinstance(way, models.Text) or way.url in addresses
            for way in (one.source, *one.others)
        )
    ]


def _way(way: object) -> str:
    from po_pw import models

    if isinstance(way, models.Click):
        return f"press {way.control.label!r}"
    if isinstance(way, models.Text):
        return f"text {way.text!r}"
    return way.url if isinstance(way, models.Link | models.External) else ""


def _show(console: Console, found: inspection.Inspection) -> None:
    from rich.table import Table
    from rich.text import Text

    from po_pw import events, models

    listing = found.listing
    kinds = {
        models.PageKind.ORDER: f"This is the page of order {found.order.po_number}.",
        models.PageKind.SIGNED_OUT: "This page asks for a sign-in.",
        models.PageKind.NOT_FOUND: "The portal has no such order.",
        models.PageKind.FORBIDDEN: "The signed-in user may not see this order.",
        models.PageKind.ERROR: "The portal answered with an error page.",
        models.PageKind.CHALLENGE: "The portal asks whether you are a person (a CAPTCHA or the like).",
        models.PageKind.NOT_RECOGNISED: "This does not look like the order's page.",
        models.PageKind.NOT_LOCATED: "Whether the portal has this order is not known.",
        models.PageKind.NO_AREA: "This page shows no attachments, and no order of this portal has shown any yet.",
    }
    console.print(Text(kinds[listing.page], "bold"), soft_wrap=True)
    for reason in dict.fromkeys((*listing.evidence, listing.why)):
        if reason:
            console.print(f"  {reason}", soft_wrap=True, markup=False)
    if listing.quiet:
        console.print(f"  finished loading: {listing.quiet}", soft_wrap=True, markup=False)
    count = len(listing.attachments)
    where = f' under "{listing.section}"' if listing.section else ""
    if listing.area is models.AreaState.EMPTY:
        where += ": the list is empty"
    claim = f"; the page says there are {listing.claimed}" if listing.claimed is not None else ""
    attachments = "attachment" if count == 1 else "attachments"
    console.print(f"\n{count} {attachments}{where}{claim}.", soft_wrap=True, markup=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("#", "", "what", "where", "why"):
        table.add_column(name, overflow="fold")
    number = 0
    pressed = {one.label for one in found.presses if isinstance(one, events.Pressed) and not one.refused}
    for one in listing.considered:
        number += one.taken
        verb = {"RECORD": "recorded", "LEAVE": "no way"}.get(one.action, "taken") if one.taken else "left"
        if one.action in {"OPEN", "TURN"} and one.control.label in pressed:
            verb = "pressed"
        table.add_row(
            str(number) if one.taken else "",
            Text(verb, _COLOURS.get(verb, "dim")),
            Text(one.control.label or f"<{one.control.tag}>"),
            Text(one.section, "dim"),
            Text(one.why, "dim"),
        )
    for more in _further(listing):
        why = "found after a press, or on a further page of the list"
        table.add_row("", Text("taken", "green"), Text(more.name), Text(more.section, "dim"), Text(why, "dim"))
    if table.row_count:
        console.print(table)
    if found.screenshot:
        console.print(f"\nScreenshot with the items numbered: {found.screenshot}", soft_wrap=True, markup=False)
    if listing.page is models.PageKind.NO_AREA:
        advice = "If orders without attachments look like this, run the same command with --accept."
        console.print(advice, soft_wrap=True)
