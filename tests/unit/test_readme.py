"""README, `docs/` and the program agree."""

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
    """The anchor of a heading on GitHub and in MyST."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def test_the_first_two_sh_blocks_are_the_two_commands() -> None:
    """They are one line each: the demo and the tests."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert [block.count("\n") for block in blocks[:2]] == [1, 1]
    assert "po-pw demo" in blocks[0]
    assert "python -m tests" in blocks[1]


def test_every_command_is_in_readme() -> None:
    """Every command is mentioned in README."""
    group = get_command(commands.app)
    missing = [name for name in group.commands if f"po-pw {name}" not in README]  # type: ignore[attr-defined]
    assert missing == []


def test_every_status_is_in_readme() -> None:
    """Every status is explained in README."""
    assert [status for status in models.Status if f"`{status.value}`" not in README] == []


def test_readme_stays_short() -> None:
    """README stays below its limit of lines."""
    assert len(README.splitlines()) <= 240


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_every_option_that_a_page_names_exists(document: Path) -> None:
    """Every option that a page mentions exists."""
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
    """Package and project have the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == po_pw.__version__


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_every_link_of_a_page_leads_somewhere(document: Path) -> None:
    """Links lead to existing files and headings."""
    text = document.read_text("utf-8")
    for path, anchor in re.findall(r"\]\((?!https?:)([\w./-]*)(?:#([\w-]+))?\)", text):
        to = document.parent / path if path else document
        assert to.exists(), path
        headings = re.findall(r"^#+ (.*)$", to.read_text("utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {slug(heading) for heading in headings}, f"{path}#{anchor}"
    for path in re.findall(r"`(po_pw/[\w./]+)`", text):
        assert (ROOT / path).exists(), path


def test_every_page_can_be_found() -> None:
    """Every page is linked from README and the HTML contents."""
    contents = (ROOT / "docs" / "conf.py").read_text("utf-8") + (ROOT / "docs" / "index.md").read_text("utf-8")
    for page in PAGES[1:]:
        if page.name != "index.md":
            assert f"](docs/{page.name}" in README, page.name
            assert re.search(rf"/docs/{page.stem}>?\n", contents), page.name
            assert f"]({page.name})" in contents, page.name


def test_every_line_of_doctor_is_in_the_troubleshooting_table() -> None:
    """The table has exactly the names that `po-pw doctor` prints."""
    calls = r"""(?:checks\.(?:ok|warning|problem|failed)|in_thread|catching)\(\s*"([a-z -]+)\""""
    names = ("environment", "folders", "browser", "connections")
    sources = [(ROOT / "po_pw" / "doctor" / f"{name}.py").read_text("utf-8") for name in names]
    said = {name for source in sources for name in re.findall(calls, source)}
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    table = page.partition("## po-pw doctor")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == said
