"""`po-pw init`: asks for the list, columns, portal and folder, shows what it understood, and writes po-pw.toml."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from po_pw.cli import boundary, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from po_pw import models, settings
    from po_pw.orders import read

_SHOWN: Final = 3
"""Maximum orders of the list that are shown."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the user.

    Attributes:
        table: path of the list, as typed; `""` if there is none yet.
        columns: names of columns by field, if the usual names do not fit.
        base_url: the portal's address, if the list has no addresses; else `""`.
        out: the output folder.
    """

    table: str
    columns: Mapping[str, str]
    base_url: str
    out: str


def init() -> None:
    """Set po-pw up in this folder: asks for your list, portal and output folder, and writes po-pw.toml.

    Nothing is downloaded, and a file that exists is not changed.
    """
    with boundary.report_errors():
        from po_pw import config_file, errors, settings
        from po_pw.cli import shell

        path = Path(config_file.NAME)
        if path.exists():
            msg = (
                f"{path.absolute()} exists already, and was not changed. po-pw config show tells what applies; to "
                "start again, rename the file first."
            )
            raise errors.InputError(msg)
        try:
            answers, portals = _ask(settings.load())
        except typer.Abort:
            if sys.stdin.isatty():  # Ctrl-C
                boundary.complain("nothing was written", typer.colors.YELLOW)
                raise
            msg = "the questions were not answered, and nothing was written. Run po-pw init in a terminal."
            raise errors.InputError(msg) from None
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(as_toml(answers))
        except OSError as error:
            msg = f"{path.absolute()} could not be written: {error.strerror or error}"
            raise errors.MachineError(msg) from error
        typer.echo(f"\nWritten: {path.absolute()}")
        _sign_in(settings.load(), portals)
        table = answers.table or "LIST"
        typer.echo("\nTo check everything, without downloading anything:")
        typer.secho(f"  {shell.po_pw('process', table, '--dry-run')}", bold=True)
        typer.echo("To download all attachments:")
        typer.secho(f"  {shell.po_pw('process', table)}", bold=True)


def _ask(options: settings.Settings) -> tuple[Answers, dict[str, str]]:
    """Asks the questions; returns the answers and the portals of the list, each with an address to open."""
    from po_pw.orders import headers
    from po_pw.portals import registry

    given, columns, table = _list(options)
    base_url = ""
    portals: dict[str, str] = {}
    if table is not None:
        rows = list(table.rows())
        if any(_lacks_address(row, table) for row in rows):
            base_url = _portal("Some rows have no address. The portal's address, e.g. https://acme.coupahost.com")
            url = table.columns_by_field.url
            if url >= 0 and headers.ColumnMap.of(table.columns).url < 0:
                # Found by its values: a run does not look for it where the numbers tell the addresses.
                columns["url"] = table.columns[url]
            rule = registry.Registry(options.model_copy(update={"base_url": base_url})).address_of
            table = table.with_addresses(rule)
            rows = list(table.rows())
        portals = addresses_to_open([row.order.url for row in rows if row.order is not None])
        _show(table, rows)
    else:
        base_url = _portal("The portal's address, e.g. https://acme.coupahost.com (Enter: your list has addresses)", "")
        portals = addresses_to_open([base_url]) if base_url else {}
    out = paths.unquoted(typer.prompt("Folder for the downloads", default=str(options.out))) or str(options.out)
    return Answers(given, columns, base_url, out), portals


def addresses_to_open(urls: Sequence[str]) -> dict[str, str]:
    """One order address per portal, to check the sign-in there; the portal's own address if it contains a secret."""
    from po_pw import hostnames, redact

    found: dict[str, str] = {}
    for url in urls:
        origin = hostnames.origin_of(url)
        found.setdefault(origin, url if redact.address(url) == url else origin)
    return dict(sorted(found.items()))


def _list(options: settings.Settings) -> tuple[str, dict[str, str], read.OrderTable | None]:
    """Asks for a list until one can be read; an empty answer means none."""
    from po_pw import errors
    from po_pw.cli import next_step

    found = next_step.lists_in(Path.cwd(), lambda path: _opened(path, {}, options))
    while True:
        question = "Your list of orders" if found else "Your list of orders (Enter: none yet)"
        given = typer.prompt(question, default=next(iter(found), "")).strip()
        if not given:
            return "", {}, None
        columns: dict[str, str] = {}
        if given in found:
            return given, columns, found[given]
        given = str(paths.as_meant(Path(given)))  # a file is often dragged into the terminal
        try:
            try:
                return given, columns, _opened(Path(given), columns, options)
            except errors.InputError as error:
                typer.secho(str(error), fg=typer.colors.YELLOW)
                name = typer.prompt("The column with the PO numbers (Enter: another list)", default="").strip()
                if name:
                    columns["po_number"] = name
                    return given, columns, _opened(Path(given), columns, options)
        except errors.InputError as error:
            typer.secho(str(error), fg=typer.colors.YELLOW)


def _opened(path: Path, columns: Mapping[str, str], options: settings.Settings) -> read.OrderTable:
    from po_pw.orders import read
    from po_pw.portals import registry

    chosen = options.model_copy(update={"columns": dict(columns)})
    address_of = registry.Registry(chosen).address_of
    return read.open_table(path, address_of=address_of, choice=read.Choice.of(chosen))


def _lacks_address(row: models.Row, table: read.OrderTable) -> bool:
    """Whether a row cannot be used because its address is empty; a wrong address must be corrected in the list."""
    from po_pw import models

    column = table.columns_by_field.url
    is_empty = column < 0 or not row.cells[column].strip()
    return is_empty and row.problem is not None and row.problem.code is models.ErrorCode.INVALID_URL


def _portal(question: str, default: str | None = None) -> str:
    """Asks until the answer is a web address."""
    from po_pw import errors, settings

    while True:
        answer = str(typer.prompt(question, default=default, show_default=False)).strip()
        if not answer:
            return ""
        try:
            return settings.load(base_url=answer).base_url or ""
        except errors.InputError as error:
            typer.secho(str(error).removeprefix("--base-url: "), fg=typer.colors.YELLOW)


def _show(table: read.OrderTable, rows: Sequence[models.Row]) -> None:
    """Shows what was understood of the list."""
    from po_pw import redact
    from po_pw.cli import tally

    good = [row.order for row in rows if row.order is not None]
    typer.echo(
        f"\n{table.source.name}: {tally.plural(len(rows), 'row')}, {len(good)} of them with a PO number and an address"
    )
    fields = table.columns_by_field
    for field in ("po_number", "url", "supplier", "amount"):
        index = getattr(fields, field)
        if index >= 0:
            typer.echo(f"  {field:<10} is column {table.columns[index]!r}")
    for note in table.notes:
        typer.echo(f"  {note}")
    for order in good[:_SHOWN]:
        typer.echo(f"  {order.po_number}  {order.supplier}  {redact.address(order.url)}")
    for row in [row for row in rows if row.problem is not None][:_SHOWN]:
        if row.problem is not None:
            typer.secho(f"  row {row.number}: {row.problem.message}", fg=typer.colors.YELLOW)
    typer.echo("")


def _sign_in(options: settings.Settings, portals: Mapping[str, str]) -> None:
    """Offers to sign in to portals without a saved sign-in."""
    import subprocess

    from po_pw import sessions, settings
    from po_pw.cli import shell

    known = sessions.Sessions(settings.home(options)).origins()
    for origin, address in portals.items():
        if origin in known:
            typer.echo(f"Already signed in to {origin}.")
        elif not typer.confirm(f"Sign in to {origin} now?", default=True):
            typer.echo(f"Later: {shell.po_pw('login', address)}")
        elif subprocess.run([sys.executable, "-m", "po_pw", "login", address], check=False).returncode:
            typer.secho(
                f"You are not signed in to {origin} yet. To try again: {shell.po_pw('login', address)}",
                fg=typer.colors.YELLOW,
            )


def as_toml(answers: Answers) -> str:
    """The file's content, with comments. Pure.

    Strings are written as JSON, which TOML's basic strings include (TOML 1.0, "String").
    """
    lines = [
        "# Settings of po-pw for this folder. po-pw config show lists all of them, and where each value comes from.",
        "# A flag or an environment variable (PO_PW_...) overrides this file.",
        "",
        "# Downloads and results go here.",
        f"out = {_quoted(answers.out)}",
        "",
        "# How many browsers work at once, 1 to 64.",
        "# workers = 4",
        "",
        "# The portal's address, for rows without one.",
        f"base_url = {_quoted(answers.base_url)}" if answers.base_url else '# base_url = "https://acme.coupahost.com"',
        "",
        "# Only attachments of these types. Default: all.",
        '# types = "pdf,xlsx"',
        "",
        "# Also save each order's page as PDF, in the order's folder.",
        "# save_page = true",
        "",
        "# Which column of your list holds what, if po-pw does not recognise its name.",
    ]
    if answers.columns:
        lines += ["[columns]", *(f"{field} = {_quoted(name)}" for field, name in answers.columns.items())]
    else:
        lines += ["# [columns]", '# po_number = "Bestellnummer"']
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
