"""Notifications and opening files use the system's commands, whose scripts never contain texts."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

import pytest

from po_pw.cli import desktop

if TYPE_CHECKING:
    from pathlib import Path

TITLE, TEXT = 'po-pw "x" $(y)', "<b>2 failed</b> & `z`; $env:HOME"


def everywhere(name: str) -> str:
    return f"/bin/{name}"


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_texts_are_never_part_of_a_script(platform: str) -> None:
    """The script is the same, whatever the list's name."""
    ours, others = (desktop.command(*texts, platform, everywhere) for texts in ((TITLE, TEXT), ("a", "b")))
    assert ours is not None
    assert others is not None
    scripts = [[word for word in words if word not in {TITLE, TEXT, "a", "b"}] for words, _ in (ours, others)]
    assert scripts[0] == scripts[1]
    assert {TITLE, TEXT} <= {*ours[0], *ours[1].values()}


def test_on_linux_the_text_is_no_markup_and_no_option() -> None:
    """Text is escaped, because notification servers read markup."""
    assert desktop.command("--help", TEXT, "linux", everywhere) == (
        [
            "/bin/notify-send",
            "--app-name=po-pw",
            "--",
            "--help",
            "&lt;b&gt;2 failed&lt;/b&gt; &amp; `z`; $env:HOME",
        ],
        {},
    )


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux"])
def test_where_there_is_no_command_there_is_no_notification(platform: str) -> None:
    """Without a command there is no notification and no error."""
    assert desktop.command(TITLE, TEXT, platform, lambda _: None) is None


@pytest.mark.parametrize(
    ("platform", "environment", "has"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("win32", {}, True),
        ("darwin", {}, True),
    ],
)
def test_whether_there_is_a_desktop(platform: str, environment: dict[str, str], has: bool) -> None:
    """Linux has a desktop only with a display."""
    assert desktop.has_desktop(platform, environment) is has


@pytest.mark.skipif(sys.platform != "linux", reason="a program of its own in place of notify-send")
@pytest.mark.parametrize(("code", "said"), [(0, []), (3, ["no notification: nobody listens"])])
def test_a_notification_that_fails_is_in_the_log_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int, said: list[str]
) -> None:
    """A failed notification is logged and ends nothing."""
    program = tmp_path / "notify-send"
    program.write_text(
        f'#!/bin/sh\nprintf "%s|" "$@" > {tmp_path}/shown\necho nobody listens >&2\nexit {code}\n', "utf-8"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path), os.environ["PATH"])))
    monkeypatch.setenv("DISPLAY", ":0")
    with caplog.at_level(logging.WARNING, "po_pw.cli.desktop"):
        desktop.show("po-pw", "3 of 4 rows done")
    assert (tmp_path / "shown").read_text("utf-8") == "--app-name=po-pw|--|po-pw|3 of 4 rows done|"
    assert [record.message for record in caplog.records] == said


def test_what_is_opened_is_the_report_or_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a desktop, a message says so."""
    assert desktop.to_open(tmp_path) == tmp_path
    (tmp_path / "report.html").write_text("", "utf-8")
    assert desktop.to_open(tmp_path) == tmp_path / "report.html"
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if sys.platform == "linux":
        assert desktop.open_on_desktop(tmp_path) == "there is no desktop"
