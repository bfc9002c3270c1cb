"""Writes the pages that follow from the program: `python docs/reference.py`; a test compares them with it.

`docs/options.md` has every option and every setting, `docs/statuses.md` every status, error code and exit code,
`docs/modules.md` what each module is for.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer.main

sys.path.insert(0, str(Path(__file__).parents[1]))

from po_pw import cli, errors, models, setting_names, settings
from po_pw.cli import commands, usage
from po_pw.results import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import fields

FOLDER: Final = Path(__file__).parent
_PACKAGE: Final = FOLDER.parent / "po_pw"
_ROOT: Final[Any] = typer.main.get_command(commands.app)

_OPTIONS: Final = """\
# Options and settings

Written by `python docs/reference.py`, from the program itself.

`po-pw COMMAND --help` shows the options of a command. Most options of `po-pw process` are settings. A setting can
be given in four ways; the first one found applies:

1. the option on the command line: `--workers 2`
2. the environment: `PO_PW_WORKERS=2`
3. `po-pw.toml` in the current folder: `workers = 2`
4. the default

`po-pw config show` lists every setting, its value, and where the value comes from. If you mistype a command, option,
key or variable, po-pw stops and suggests the nearest one. Write durations as `90s`, `5m` or `1h30`, and sizes as
`500MB`, `2GB` or `2GiB`. After `po-pw --install-completion`, the Tab key completes commands and options."""

_SETTINGS: Final = """\
## Settings of po-pw.toml

An example:

```toml
workers = 2
base_url = "https://acme.coupahost.com"
max_file_bytes = "500MB"
allow_hosts = ["files.example.com"]

[columns]
po_number = "Order no."
url = "Link"
```

In the environment, a setting is called `PO_PW_` and its name in capitals. Keep secrets there and not in a file:
`PO_PW_NOTIFY`, `PO_PW_CLIENT_CERTIFICATE_PASSWORD`, and `PO_PW_PASSWORD`, the password of the sign-in, which is not a
setting.

| setting | option of `process` | default | meaning |
|---|---|---|---|"""

_MODULES: Final = """\
# Modules

Written by `python docs/reference.py`: the first sentence of each module. Which package may import which, and where to
start with a change, is in [Architecture](../ARCHITECTURE.md)."""

_STATUSES: Final = """\
# Statuses and error codes

Written by `python docs/reference.py`, from the program itself.

`results.xlsx`, `report.html` and `failed.csv` show the reason and what to do in words beside each order. For how po-pw
reads a page, and for more about the codes concerned, see [How portals are read](portals.md).

## Status of an order

Folder names end with one of the first four, such as `PO-1001_COMPLETED`; the last two are only in the tables."""

_CODES: Final = """\
## Error codes

`error_code` is the kind of failure; `error_message` says what happened to this order. For each missing file, both are
in `results.json` and on the sheet `Files`. If an error may be temporary, po-pw tries again during the run, up to
`--attempts` times."""

_EXITS: Final = """\
## Exit codes

The number that a command returns to the program or script that called it."""

EXIT_CODES: Final = {
    0: "success",
    1: "some rows are `PARTIAL` or `FAILED`, or the results look wrong as a whole",
    errors.InputError.exit_code: "the command or its input cannot be used",
    errors.MachineError.exit_code: "this computer has a problem (no browser, no space), or a portal stayed down",
    errors.LoginRequiredError.exit_code: "a portal asks you to sign in: `po-pw login URL`",
    cli.INTERRUPTED: "interrupted; the same command continues",
}
"""What each exit code means."""

_PER_PLATFORM: Final = {"max_path": "260 on Windows, 400 elsewhere"}
"""Defaults that depend on the system: this page is the same on each."""


def options() -> str:
    """The page of options and settings."""
    parts = [_OPTIONS, *(_command(words, command) for words, command in _commands(_ROOT))]
    rows = [_row(*cells) for cells in _settings()]
    return "\n\n".join([*parts, "\n".join([_SETTINGS, *rows])]) + "\n"


def statuses() -> str:
    """The page of statuses, error codes and exit codes."""
    texts = _attribute_texts(models.Status)
    of_status = [
        _row(f"`{status}`", reasons.sentence(reason.cause), texts[status.name], reasons.sentence(reason.remedy))
        for status, reason in reasons.STATUSES.items()
    ]
    of_code = [
        _row(f"`{code}`", reasons.sentence(reason.cause), reasons.sentence(reason.remedy))
        for code, reason in reasons.CODES.items()
    ]
    of_exit = [_row(f"{code}", text) for code, text in sorted(EXIT_CODES.items())]
    tables = (
        (_STATUSES, "| status | in words | exactly | what to do |\n|---|---|---|---|", of_status),
        (_CODES, "| error code | what happened | what to do |\n|---|---|---|", of_code),
        (_EXITS, "| exit code | meaning |\n|---|---|", of_exit),
    )
    return "\n\n".join(f"{text}\n\n" + "\n".join([head, *rows]) for text, head, rows in tables) + "\n"


def modules() -> str:
    """The page of modules: the first sentence of each, by package."""
    parts = [_MODULES]
    for package in sorted({path.parent for path in _PACKAGE.rglob("*.py")}):
        files = [path for path in sorted(package.iterdir()) if path.suffix in {".py", ".js", ".cjs", ".toml"}]
        lines = [f"- `{_called(path)}`: {_first_sentence(path)}" for path in files if path.stem != "__init__"]
        name = package.relative_to(_PACKAGE.parent).as_posix()
        parts.append("\n".join([f"## {name}\n\n{_first_sentence(package / '__init__.py')}\n", *lines]))
    return "\n\n".join(parts) + "\n"


def _called(path: Path) -> str:
    return path.stem if path.suffix == ".py" else path.name


def _first_sentence(path: Path) -> str:
    """Of a module's docstring, or of the comment with which a file in another language begins; `""` if it has none."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        text = (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0]
    else:
        text = "\n".join(
            itertools.takewhile(lambda line: line.startswith(("//", "#")) and "---" not in line, text.splitlines())
        )
        text = re.sub(r"^(//|#) ?", "", text, flags=re.MULTILINE)
    return re.split(r"(?<=[.]) (?=[A-Z`])", " ".join(text.split()))[0]


def _commands(group: Any, above: str = "po-pw") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        called = f"{above} {name}"
        if hasattr(command, "commands"):
            yield from _commands(command, called)
        else:
            yield called, command


def _command(called: str, command: Any) -> str:
    """A command's help as Markdown."""
    context = command.context_class(command, info_name=called)
    groups: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        record = usage.record(parameter, context)
        if record is not None and "--help" not in parameter.opts:
            name = getattr(parameter, "rich_help_panel", None) or "Options"
            groups.setdefault("" if parameter.param_type_name == "argument" else name, []).append(_option(*record))
    groups["Options"] = groups.pop("Options", [])
    text = [f"## {called}", inspect.cleandoc(command.help)]
    for name, rows in groups.items():
        if rows:
            text.append("\n".join([f"| {name.lower() or 'argument'} | |\n|---|---|", *rows]))
    return "\n\n".join([*text, f"```\n{inspect.cleandoc(command.epilog)}\n```"])


def _option(name: str, text: str) -> str:
    return _row(f"`{name}`", text.replace("  [", " ["))


def _settings() -> Iterator[tuple[str, str, str, str]]:
    """Each setting: its name, its option, its default and its meaning, which is the option's help if it has one."""
    process = _ROOT.commands["process"]
    context = process.context_class(process, info_name="process")
    helps = {
        option: (parameter.help or "").partition("  [default: ")
        for parameter in process.get_params(context)
        for option in parameter.opts
    }
    texts = _attribute_texts(settings.Settings.__mro__[1])  # which has the fields
    for name, field in settings.Settings.model_fields.items():
        flag = setting_names.flag_of(name)
        is_said = flag in helps and not flag.startswith("--no-")
        meaning = helps[flag][0] if is_said else texts[name]
        said_default = helps[flag][2].removesuffix("]") if is_said else ""
        shown = _PER_PLATFORM.get(name) or _default(name, field) or said_default
        yield f"`{name}`", f"`{flag}`" if flag in helps else "", shown, meaning


def _default(name: str, field: fields.FieldInfo) -> str:
    value = field.default
    if value in (None, "", (), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if field.annotation is float:
        unit, letter = next(one for one in ((3600, "h"), (60, "m"), (1, "s")) if value % one[0] == 0)
        return f"`{value // unit}{letter}`"
    return f"`{value // 1_000_000}MB`" if name.endswith("_bytes") else f"`{value}`"


def _attribute_texts(owner: type) -> dict[str, str]:
    """The texts below a class's attributes, by the attribute's name, each on one line."""
    body = ast.parse(inspect.getsource(owner)).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - it is the source of a class
    found: dict[str, str] = {}
    for at, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            target = (
                at.target if isinstance(at, ast.AnnAssign) else at.targets[0] if isinstance(at, ast.Assign) else None
            )
            if isinstance(target, ast.Name):
                found[target.id] = " ".join(str(text.value.value).split())
    return found


def _row(*cells: str) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(cell: str) -> str:
    return re.sub(r"(?<!\\)[|]", r"\\|", cell)


PAGES: Final = {"options.md": options, "statuses.md": statuses, "modules.md": modules}
"""What makes each page, by the page's name."""


def main() -> None:
    """Writes all pages."""
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), "utf-8", newline="\n")


if __name__ == "__main__":
    main()
