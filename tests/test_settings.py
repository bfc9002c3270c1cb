"""Settings: flags over environment over `po-pw.toml` over defaults, and complaints that name the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from po_pw import errors, settings

if TYPE_CHECKING:
    from pathlib import Path


def test_flags_go_before_environment_before_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer hides the one below."""
    monkeypatch.chdir(tmp_path)
    assert settings.load().workers == 4
    (tmp_path / "po-pw.toml").write_text("workers = 2\nlimit = 7\n", "utf-8")
    assert settings.load().workers == 2
    monkeypatch.setenv("PO_PW_WORKERS", "3")
    assert settings.load().workers == 3
    assert settings.load(workers=5, limit=None).workers == 5
    assert settings.load(workers=5, limit=None).limit == 7


@pytest.mark.parametrize(
    ("place", "said"),
    [("flag", "--workers"), ("environment", "PO_PW_WORKERS"), ("file", "po-pw.toml: workers")],
)
def test_a_bad_value_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, said: str
) -> None:
    """Where a value that cannot be used came from is said."""
    monkeypatch.chdir(tmp_path)
    if place == "environment":
        monkeypatch.setenv("PO_PW_WORKERS", "many")
    if place == "file":
        (tmp_path / "po-pw.toml").write_text('workers = "many"\n', "utf-8")
    with pytest.raises(errors.InputError, match=said):
        settings.load(workers=0 if place == "flag" else None)


@pytest.mark.parametrize("content", ["workers = ", "wrokers = 2\n"])
def test_a_file_with_mistakes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """A file that is not TOML, or names a setting that does not exist, is one clear message."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "po-pw.toml").write_text(content, "utf-8")
    with pytest.raises(errors.InputError, match=r"po-pw\.toml"):
        settings.load()
