"""One-time codes from a program: its first line, or a plain message. Real programs are run."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, redact
from po_pw.auth import codes

if TYPE_CHECKING:
    from pathlib import Path


def program(tmp_path: Path, code: str) -> str:
    """A command that runs this Python code."""
    file = tmp_path / "otp.py"
    file.write_text(code, "utf-8")
    return shlex.join([sys.executable, str(file)])


def test_the_first_line_is_the_code_and_no_password_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line is the code, with or without a shell; the program does not get the password."""
    monkeypatch.setenv("PO_PW_PASSWORD", "right-password-5")
    command = program(
        tmp_path, "import os; print('271 828\\nmore' if 'PO_PW_PASSWORD' not in os.environ else 'leaked')"
    )
    assert codes.ask(command) == "271828"
    assert codes.ask(f"{command} | cat") == "271828"
    assert codes.from_command(None) is codes.from_command("") is None
    assert "271828" not in redact.text("the code 271828 was wrong")


def test_no_code_is_given_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code is used once: the next one is waited for, and if there is none, that is reported."""
    monkeypatch.setattr(codes, "_ASK_EVERY", 0.01)
    (tmp_path / "calls").write_text("", "utf-8")
    counting = "from pathlib import Path; f = Path(__file__).with_name('calls'); n = len(f.read_text()); "
    asks = codes.from_command(program(tmp_path, f"{counting}f.write_text('x' * (n + 1)); print(1000 + n // 3)"))
    assert asks is not None
    assert [asks("idp.example"), asks("idp.example")] == ["1000", "1001"]
    assert (tmp_path / "calls").read_text("utf-8") == "xxxx"
    monkeypatch.setattr(codes, "_CHANGES_WITHIN", 0.0)
    with pytest.raises(errors.LoginRequiredError, match="gave the same code"):
        asks("idp.example")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit('271828 is not it')", "failed with exit code 1"),
        ("print('')", "printed no code"),
        ("print('Your code is: 271828!')", "printed no code"),
        ("pass", "printed no code"),
    ],
)
def test_a_program_that_fails_is_said_plainly(tmp_path: Path, code: str, says: str) -> None:
    """The message has neither the program's output nor its arguments, which may be secret."""
    with pytest.raises(errors.LoginRequiredError, match=says) as caught:
        codes.ask(f"{program(tmp_path, code)} --secret JBSWY3DPEHPK3PXP")
    said = str(caught.value)
    assert "--totp-command" in said
    assert "271828" not in said
    assert "JBSWY" not in said


def test_what_is_no_command_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing, unreadable, empty or endless command is reported."""
    for command, says in (("/no/such/program x", "cannot be started"), ("a 'b", "cannot be read"), (" ", "is empty")):
        with pytest.raises(errors.LoginRequiredError, match=says):
            codes.ask(command)
    monkeypatch.setattr(codes, "_ANSWERS_WITHIN", 0.1)
    with pytest.raises(errors.LoginRequiredError, match="did not end within"):
        codes.ask(program(tmp_path, "import threading; threading.Event().wait()"))
