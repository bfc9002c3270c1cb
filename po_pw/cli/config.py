"""`po-pw config`: which settings apply, and where each value comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from po_pw.cli import boundary, usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from po_pw import settings

app = typer.Typer(
    cls=usage.Overview, no_args_is_help=True, help="Show the settings and where they come from.", rich_markup_mode=None
)

_DEFAULT: Final = "default"


@app.callback()
def config() -> None:
    """Show the settings and where they come from."""


@app.command(
    "show",
    cls=usage.Command,
    short_help="Show every setting, its value, and where the value comes from.",
    epilog="  po-pw config show\n  po-pw config show --workers 8 --out may    # what these options would change",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for other programs.")] = False,
) -> None:
    """Show every setting, its value, and where the value comes from.

    A flag overrides the environment variable, which overrides po-pw.toml in the current folder, which overrides the
    default. Add options of `po-pw process` to see what they would change.
    """
    parameters = _of_process(context)
    with boundary.report_errors():
        from po_pw import config_file, settings
        from po_pw.cli import flags

        given = flags.given(parameters)
        options = settings.load(**given)
        rows = [(name, _text(options, name), _origin(name, given)) for name in sorted(settings.Settings.model_fields)]
        if as_json:
            import json

            plain = {name: {"value": value, "from": origin} for name, value, origin in rows}
            typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
            return
        path = Path(config_file.NAME).absolute()
        typer.echo(f"File: {path}" if path.exists() else f"File: there is no {config_file.NAME} in {path.parent}")
        for title, wanted in (("Set", False), ("Defaults", True)):
            chosen = [row for row in rows if (row[2] == _DEFAULT) is wanted]
            if chosen:
                typer.echo(f"\n{title}:")
            for name, value, origin in chosen:
                typer.echo(f"  {name:<26} {value}{'' if wanted else f'    ({origin})'}")


def _of_process(context: typer.Context) -> Mapping[str, Any]:
    """The parameters of `process` that were added as options.

    Raises:
        BadParameter: they are not options of `process`.
    """
    if not context.args:
        return {}
    command: Any = context.find_root().command
    process = command.get_command(context, "process")
    parsed = process.make_context("process", list(context.args), parent=context.find_root())
    return dict(parsed.params)


def _text(options: settings.Settings, name: str) -> str:
    """A value as it may be written in `po-pw.toml`; a password is hidden."""
    value = getattr(options, name)
    if value is None or value in ("", (), {}):
        return "not set"
    if hasattr(value, "get_secret_value"):
        return "(hidden)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} = {text}" for key, text in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _origin(name: str, given: Mapping[str, Any]) -> str:
    from po_pw import config_file, setting_names

    if name in given:
        return f"flag {setting_names.flag_of(name)}"
    if variable := setting_names.variable_of(name):
        return f"environment variable {variable}"
    line = config_file.line_of(name)
    return _DEFAULT if line is None else f"{config_file.NAME}, line {line}"
