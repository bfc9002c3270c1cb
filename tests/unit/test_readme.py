"""README, the pages in `docs/` and the program say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

import po_pw
from po_pw import models
from po_pw.cli import commands

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
OTHERS = {"--group", "--help", "--init", "--now", "--rm", "--shm-size"}
"""Options of pip, Docker and systemd that the pages name."""


def slug(heading: str) -> str:
    """The anchor that GitHub and MyST give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


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


def test_readme_stays_short() -> None:
    """What only some need is in `docs/`."""
    assert len(README.splitlines()) <= 240


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_every_option_that_a_page_names_exists(document: Path) -> None:
    """An option that the program does not know is a lie."""
    group = get_command(commands.app)
    known = set(OTHERS)
    todo = [group]
    while todo:
        command = todo.pop()
        todo += getattr(command, "commands", {}).values()
        known |= {option for parameter in command.params for option in parameter.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", document.read_text("utf-8")))
    assert named - known == set()


def test_the_version_is_one() -> None:
    """Package and project agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == po_pw.__version__


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_every_link_of_a_page_leads_somewhere(document: Path) -> None:
    """To a file of this project, and to a heading that is in it."""
    text = document.read_text("utf-8")
    for path, anchor in re.findall(r"\]\((?!https?:)([\w./-]*)(?:#([\w-]+))?\)", text):
        to = document.parent / path if path else document
        assert to.exists(), path
        headings = re.findall(r"^#+ (.*)$", to.read_text("utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {slug(heading) for heading in headings}, f"{path}#{anchor}"
    for path in re.findall(r"`(po_pw/[\w./]+)`", text):
        assert (ROOT / path).exists(), path


def test_every_page_can_be_found() -> None:
    """From README, and in the contents of the HTML."""
    contents = (ROOT / "docs" / "conf.py").read_text("utf-8") + (ROOT / "docs" / "index.md").read_text("utf-8")
    for page in PAGES[1:]:
        if page.name != "index.md":
            assert f"](docs/{page.name}" in README, page.name
            assert re.search(rf"/docs/{page.stem}>?\n", contents), page.name
            assert f"]({page.name})" in contents, page.name


def test_every_line_of_doctor_is_in_the_troubleshooting_table() -> None:
    """Whatever `po-pw doctor` names can be looked up, and nothing else is listed."""
    calls = r"""(?:checks\.(?:ok|warning|problem|failed)|in_thread|trying)\(\s*"([a-z -]+)\""""
    names = ("environment", "folders", "browser", "connections")
    sources = [(ROOT / "po_pw" / "doctor" / f"{name}.py").read_text("utf-8") for name in names]
    said = {name for source in sources for name in re.findall(calls, source)}
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    table = page.partition("## po-pw doctor")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == said
