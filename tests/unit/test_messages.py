"""The listing of messages finds everything that a user can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import messages

if TYPE_CHECKING:
    from pathlib import Path

_SOURCE = '''
"""A module that says something."""
from typing import Annotated
import typer

def read(path):
    """Not for people."""
    if path.is_dir():
        raise errors.InputError(f"{path} is a folder. Give a spreadsheet.")
    msg = f"the portal has no order {path}: "
    msg += "check the list"
    raise errors.MachineError(msg)

def tell(hub, found):
    hub.emit(events.Notice("warning", "The disk is nearly full"))
    return models.Failure(code, "the file is empty" if found else found.message)

def command(wide: Annotated[bool, typer.Option(help="Show all columns.")] = False) -> None:
    """Show the list."""
    console.print(Text(f"{wide} of 3 files"))

def look(text):
    return re.compile(r"two words").search(text) or text in {"two words", "more words"}
'''


def _texts(root: Path) -> list[tuple[str, str]]:
    return sorted((one.group.split(" ", 1)[1], one.text) for one in messages.every(root))


def test_a_planted_message_is_found_where_it_is_met(tmp_path: Path) -> None:
    """Errors, notices, reasons, help and output are listed; docstrings and search words are not."""
    place = tmp_path / "po_pw" / "cli" / "planted.py"
    place.parent.mkdir(parents=True)
    place.write_text(_SOURCE, "utf-8")
    assert _texts(tmp_path) == sorted(
        [
            ("help", "Show the list."),
            ("help", "Show all columns."),
            ("said while a run goes on", "The disk is nearly full"),
            ("reasons in the results", "the file is empty"),
            ("bad input", "{path} is a folder. Give a spreadsheet."),
            ("what ends a run", "the portal has no order {path}:"),
            ("what ends a run", "check the list"),
            ("on the screen", "{wide} of 3 files"),
        ]
    )


def test_the_package_has_messages_of_every_kind() -> None:
    """Each group of messages has some."""
    groups = {one.group for one in messages.every()}
    assert groups >= {messages.HELP, messages.RUN, *messages.BY_CALL.values(), *messages.BY_FOLDER.values()}
