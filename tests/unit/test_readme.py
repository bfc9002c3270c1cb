"""README and the program say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from typer.main import get_command

import po_pw
from po_pw import models
from po_pw.cli import commands

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_first_two_sh_blocks_are_the_two_commands() -> None:
    """One line each: the demo, and the tests; CI runs the second as it stands."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert [block.count("\n") for block in blocks[:2]] == [1, 1]
    assert "po-pw demo" in blocks[0]
    assert "python -m tests" in blocks[1]


def test_every_command_is_in_readme() -> None:
    """A command nobody reads of is a command nobody uses."""
    group = get_command(commands.app)
    missing = [name for name in group.commands if f"po-pw {name}" not in README]  # type: ignore[attr-defined]
    assert missing == []


def test_every_status_is_in_readme() -> None:
    """Whoever opens the results finds what a status means."""
    assert [status for status in models.Status if f"`{status.value}`" not in README] == []


def test_every_option_that_readme_names_exists() -> None:
    """An option in README that the program does not know is a lie."""
    group = get_command(commands.app)
    known = {"--group", "--help"}
    todo = [group]
    while todo:
        command = todo.pop()
        todo += getattr(command, "commands", {}).values()
        known |= {option for parameter in command.params for option in parameter.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert named - known == set()


def test_the_version_is_one() -> None:
    """Package and project agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == po_pw.__version__


def test_every_file_that_readme_names_exists() -> None:
    """Links and paths of this project lead somewhere."""
    for path in re.findall(r"\]\(([\w./-]+)\)|`(po_pw/[\w./]+)`", README):
        assert (ROOT / (path[0] or path[1])).exists(), path


def test_every_line_of_doctor_is_in_the_troubleshooting_table() -> None:
    """Whatever `po-pw doctor` names can be looked up, and nothing else is listed."""
    calls = r"""(?:checks\.(?:ok|warning|problem|failed)|in_thread|trying)\(\s*"([a-z -]+)\""""
    names = ("environment", "folders", "browser", "connections")
    sources = [(ROOT / "po_pw" / "doctor" / f"{name}.py").read_text("utf-8") for name in names]
    said = {name for source in sources for name in re.findall(calls, source)}
    _, _, section = README.partition("## When something is wrong")
    table = section.partition("**Profile creation fails**")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == said
