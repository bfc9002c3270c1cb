"""The command line without a run: help, typing errors, and where settings come from."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from typer.testing import CliRunner

from po_pw.cli import boundary, commands, usage

if TYPE_CHECKING:
    from pathlib import Path

_APP: Any = typer.main.get_command(commands.app)
WIDTH = 80


def every_command(group: Any = _APP, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        below = every_command(command, (*above, name)) if hasattr(command, "commands") else [(*above, name)]
        found += below
    return found


def said(*words: str) -> str:
    return CliRunner().invoke(commands.app, list(words)).output


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_examples_and_a_line_in_the_overview(words: tuple[str, ...]) -> None:
    """`-h` works everywhere; each example is an existing command with existing options."""
    *above, name = words
    overview = said(*above, "-h")
    (line,) = [line for line in overview.splitlines() if line.startswith(f"  {name} ")]
    assert not line.endswith("...")
    assert len(line) < WIDTH
    text = said(*words, "-h")
    assert text == said(*words, "--help")
    assert not re.search(r"<(int|str|list|Path)|<=x", text), "a name of a type in Python"
    examples = text.partition("\nExamples:\n")[2].splitlines()
    assert examples, text
    for example in examples:
        command = example.strip().rpartition(" | ")[2].partition("  ")[0]
        assert command.startswith(f"po-pw {' '.join(words)}")
        for option in (word for word in command.split() if word.startswith("-")):
            assert f" {option}" in text.replace(",", " ").partition("\nExamples:")[0] or words == ("config", "show")


def test_the_options_of_process_are_in_groups() -> None:
    """All options of `process` are in groups, except those that are not about a run."""
    text = said("process", "-h")
    for title in ("The list", "Portal and sign-in", "Files and folders", "Running it again", "Limits"):
        assert f"\n{title}:\n" in text
    rest = text.partition("\nOptions:\n")[2].partition("\nExamples:")[0]
    assert rest.split()[0] == "-h,"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("proces", "x"), "Did you mean 'process'?"),
        (("portal", "inspct", "x"), "Did you mean 'inspect'?"),
        (("pos.csv",), "pos.csv is a list, not a command. Run: po-pw process pos.csv"),
        (("resume",), "To continue a run, run its command again, such as: po-pw process pos.csv."),
        (("Download", "pos.csv"), "There is no command Download. To download, run: po-pw process pos.csv"),
        (("help",), "For all commands, run: po-pw --help"),
        (("https://x.example",), "not a command. To sign in there, run: po-pw login https://x.example"),
        (("process", "x", "--worker", "3"), "There is no option --worker. Did you mean --workers?"),
        (("process", "x", "--only_failed"), "There is no option --only_failed. Did you mean --only-failed?"),
        (("process", "x", "--base-ulr", "y"), "There is no option --base-ulr. Did you mean --base-url?"),
        (("process", "x", "--audit"), "There is no option --audit. It is an option of po-pw status."),
        (("portal", "inspect", "x", "--scrennshot", "y"), "Did you mean --screenshot?"),
        (("status", "--qwertz"), "There is no option --qwertz. See: po-pw status --help"),
        (("config", "show", "--worker", "3"), "There is no option --worker. Did you mean --workers?"),
    ],
)
def test_what_is_mistyped_gets_the_nearest_right_one(words: tuple[str, ...], hint: str) -> None:
    """A mistyped command or option gets a suggestion, also for an option of another command."""
    answer = CliRunner().invoke(commands.app, list(words))
    assert answer.exit_code == 2
    assert hint in answer.output


def test_a_message_is_wrapped_at_blanks_and_a_command_stays_whole() -> None:
    """What is copied from the screen must work."""
    command = "  po-pw process 'a long name of a list.csv' --only-failed"
    said = boundary.wrapped(f"po-pw: the orders of 4711 wait for a portal\n{command}", 24)
    assert said.split("\n") == ["po-pw: the orders of", "4711 wait for a portal", command]
    assert boundary.wrapped("x " * 50, 0) == "x " * 50


def test_the_nearest_option_is_not_a_far_one() -> None:
    """A word that is similar to nothing gets no suggestion."""
    assert usage.no_such_option("--zebra", "x", {"x": ["--workers"]}).endswith("See: po-pw x --help")


def test_config_show_says_where_each_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default, file and line, variable or flag is shown; a password is not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "po-pw.toml").write_text('# mine\nout = "may"\norder_timeout = "1h30"\nworkers = 2\n', "utf-8")
    monkeypatch.setenv("PO_PW_WORKERS", "3")
    monkeypatch.setenv("PO_PW_CLIENT_CERTIFICATE_PASSWORD", "hush")
    text = said("config", "show", "--limit", "7", "--no-mark")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line.startswith("  ")}
    assert lines["out"] == "may (po-pw.toml, line 2)"
    assert lines["order_timeout"] == "5400 (po-pw.toml, line 3)"
    assert lines["workers"] == "3 (environment variable PO_PW_WORKERS)"
    assert lines["limit"] == "7 (flag --limit)"
    assert lines["mark_of_the_web"] == "false (flag --no-mark)"
    assert lines["attempts"] == "4"
    assert "hush" not in text
    assert str(tmp_path / "po-pw.toml") in text
    shown = json.loads(said("config", "show", "--json", "--max-file-size", "2GB"))
    assert shown["max_file_bytes"] == {"value": "2000000000", "from": "flag --max-file-size"}
    assert shown["attempts"]["from"] == "default"


def test_config_show_refuses_what_a_run_would_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped key is reported with its line and the nearest right one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "po-pw.toml").write_text("wrokers = 2\n", "utf-8")
    answer = CliRunner().invoke(commands.app, ["config", "show"])
    assert answer.exit_code == 2
    assert "po-pw.toml, line 1: wrokers: there is no such setting; did you mean workers?" in answer.output
