"""`po-pw init`: its questions, what it understands of the list, and what it writes."""

from __future__ import annotations

import signal
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from po_pw import settings
from po_pw.cli import commands, init
from po_pw.orders import sheets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PO_PW_HOME", str(tmp_path / "home"))
    return tmp_path


def asked(*answers: str) -> Result:
    """The command with these typed lines."""
    return CliRunner().invoke(commands.app, ["init"], input="".join(f"{answer}\n" for answer in answers))


def test_the_list_that_is_there_is_understood_and_shown(here: Path) -> None:
    """Enter accepts the list found; columns, rows, first orders and faults are shown."""
    (here / "pos.csv").write_text("PO,link,supplier\nPO-1,https://portal.example/1,Ümlaut\nPO-2,ftp://x/2,B\n", "utf-8")
    ended = asked("", "", "n")
    assert ended.exit_code == 0, ended.output
    assert "2 rows, 1 of them with a PO number and an address" in ended.output
    assert "po_number  is column 'PO'" in ended.output
    assert "PO-1  Ümlaut  https://portal.example/1" in ended.output
    assert "row 3: " in ended.output
    assert "Your list of orders [pos.csv]:" in ended.output
    assert "Later: po-pw login https://portal.example/1\n" in ended.output
    assert "po-pw process pos.csv --dry-run" in ended.output
    assert settings.load().out.name == "downloads"


def test_paths_that_are_dragged_into_the_terminal_are_understood(here: Path) -> None:
    """They come with quotation marks and a blank, of the list and of the folder."""
    (here / "my lists").mkdir()
    (here / "my lists" / "orders.csv").write_text("po_number,url\nPO-1,https://portal.example/1\n", "utf-8")
    ended = asked(f"'{here / 'my lists' / 'orders.csv'}' ", '"may files" ', "n")
    assert ended.exit_code == 0, ended.output
    assert "1 row, 1 of them" in ended.output
    assert str(settings.load().out) == "may files"


def test_numbers_alone_need_the_portals_address(here: Path) -> None:
    """The address is asked for until it is valid, and saved."""
    (here / "pos.csv").write_text("po_number\n1001\n1002\n", "utf-8")
    ended = asked("", "acme", "https://acme.coupahost.com", "may files", "n")
    assert ended.exit_code == 0, ended.output
    assert "must be the portal's address" in ended.output
    assert "2 rows, 2 of them" in ended.output
    options = settings.load()
    assert (options.base_url, str(options.out)) == ("https://acme.coupahost.com", "may files")


def test_a_list_is_opened_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is opened only once, as a workbook takes seconds."""
    (here / "pos.csv").write_text(
        "po_number,where\nPO-1,https://p.example/1\nPO-2,https://p.example/2\nPO-3,\n", "utf-8"
    )
    opened: list[Path] = []
    real = sheets.open_source

    def counted(path: Path, named: Mapping[str, str]) -> sheets.Source:
        opened.append(path)
        return real(path, named)

    monkeypatch.setattr(sheets, "open_source", counted)
    ended = asked("", "https://acme.coupahost.com", "", "n", "n")
    assert ended.exit_code == 0, ended.output
    assert len(opened) == 1
    assert "PO-1    https://p.example/1" in ended.output  # the column that only its values tell is still used
    assert settings.load().columns == {"url": "where"}


def test_a_column_with_another_name_is_asked_for_and_kept(here: Path) -> None:
    """If names do not tell, the column is asked for; a missing file is asked for again."""
    (here / "liste.csv").write_text(
        "Vorgang;Beleg;Adresse\n1;2;https://p.example/1\n3;4;https://p.example/2\n", "utf-8"
    )
    ended = asked("nothing.csv", "", "liste.csv", "Beleg", "", "n")
    assert ended.exit_code == 0, ended.output
    assert "no such file" in ended.output
    assert settings.load().columns["po_number"] == "Beleg"


def test_a_file_that_exists_is_not_changed(here: Path) -> None:
    """An existing file is refused before any question."""
    (here / "po-pw.toml").write_text("workers = 2\n", "utf-8")
    ended = asked("")
    assert ended.exit_code == 2
    assert "exists already" in ended.stderr
    assert (here / "po-pw.toml").read_text("utf-8") == "workers = 2\n"


def test_ending_the_questions_writes_nothing(here: Path) -> None:
    """If the input ends early, nothing is written."""
    ended = asked("")
    assert ended.exit_code == 2
    assert "nothing was written" in ended.stderr
    assert not (here / "po-pw.toml").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
def test_ctrl_c_at_a_question_ends_it_as_interrupted(here: Path) -> None:
    """Ctrl-C ends the command as interrupted."""
    from tests.helpers import pty_process

    command = [sys.executable, "-m", "po_pw", "init"]
    with pty_process.PtyProcess(command, (100, 20), cwd=here) as running:
        running.wait_for("Your list of orders (Enter: none yet)")
        running.wait_until_idle()
        running.process.send_signal(signal.SIGINT)
        assert running.ended() == 130
        said = running.everything()
    assert "nothing was written" in said
    assert "in a terminal" not in said
    assert not (here / "po-pw.toml").exists()


def test_a_sign_in_is_checked_by_an_order_but_not_by_a_secret() -> None:
    """One address per portal is used; one with a secret is not shown or passed on."""
    urls = ["https://b.example/1?token=s3cr3tV4lue99", "https://a.example/1", "https://a.example/2"]
    assert init.addresses_to_open(urls) == {
        "https://a.example": "https://a.example/1",
        "https://b.example": "https://b.example",
    }


@pytest.mark.parametrize("name", ['a "quoted" one', "back\\slash", "Ümläut\t", "x\x7fy"])
def test_any_name_survives_the_file(name: str) -> None:
    """TOML returns the values that were given; commented lines are valid TOML, too."""
    text = init.as_toml(init.Answers("pos.csv", {"po_number": name}, "https://x.example", name))
    assert tomllib.loads(text) == {"out": name, "base_url": "https://x.example", "columns": {"po_number": name}}
    plain = init.as_toml(init.Answers("", {}, "", "downloads"))
    examples = [line.removeprefix("# ") for line in plain.splitlines() if "=" in line or line.startswith("# [")]
    assert {"workers", "base_url", "types", "save_page", "columns"} <= tomllib.loads("\n".join(examples)).keys()
