"""Settings: flags over environment over `po-pw.toml` over defaults; messages name the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from po_pw import errors, settings


def test_flags_go_before_environment_before_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer overrides the one below."""
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
    [("flag", "--workers"), ("environment", "PO_PW_WORKERS"), ("file", "po-pw.toml, line 2: workers")],
)
def test_a_bad_value_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, said: str
) -> None:
    """The message has the source of a wrong value."""
    monkeypatch.chdir(tmp_path)
    if place == "environment":
        monkeypatch.setenv("PO_PW_WORKERS", "many")
    if place == "file":
        (tmp_path / "po-pw.toml").write_text('# mine\nworkers = "many"\n', "utf-8")
    with pytest.raises(errors.InputError, match=said):
        settings.load(workers=0 if place == "flag" else None)


@pytest.mark.parametrize("content", ["workers = ", "wrokers = 2\n"])
def test_a_file_with_mistakes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """Invalid TOML or an unknown setting is one clear message."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "po-pw.toml").write_text(content, "utf-8")
    with pytest.raises(errors.InputError, match=r"po-pw\.toml"):
        settings.load()


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (90, 90),
        ("90", 90),
        ("2.5", 2.5),
        ("90s", 90),
        ("5m", 300),
        (" 5 min ", 300),
        ("1h", 3600),
        ("1.5H", 5400),
        ("1h 30m", 5400),
        ("1h30m5s", 5405),
        ("1h30", 5400),
        ("2m30", 150),
        ("250ms", 0.25),
        ("1d", 86_400),
    ],
)
def test_durations_are_written_as_people_write_them(given: Any, seconds: float) -> None:
    """A number alone is seconds, for every duration."""
    assert settings.load(order_timeout=given).order_timeout == seconds
    assert settings.Settings(patience=given).patience == seconds


DURATION = "a duration of more than 0 and at most 24 hours, such as 90s, 5m or 1h30 (a number alone means seconds)"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("workers", 0, "--workers: 0 cannot be used: give a whole number from 1 to 64"),
        ("workers", "many", "--workers: 'many' cannot be used: give a whole number from 1 to 64"),
        ("workers", 2.5, "--workers: 2.5 cannot be used: give a whole number from 1 to 64"),
        ("limit", 0, "--limit: 0 cannot be used: give a whole number of at least 1"),
        ("order_timeout", "5 lightyears", f"--order-timeout: '5 lightyears' cannot be used: give {DURATION}"),
        ("order_timeout", "5m!", f"--order-timeout: '5m!' cannot be used: give {DURATION}"),
        ("run_timeout", "-1", f"--run-timeout: '-1' cannot be used: give {DURATION}"),
        ("patience", float("nan"), f"--patience: nan cannot be used: give {DURATION}"),
        ("run_timeout", "3d", f"--run-timeout: '3d' cannot be used: give {DURATION}"),
        ("max_file_bytes", "5 apples", "--max-file-size: '5 apples' cannot be used: give a size such as 500MB or 2GiB"),
        ("headed", "perhaps", "--headed: 'perhaps' cannot be used: give true or false"),
        ("wrokers", 3, "--wrokers: there is no such setting; did you mean workers?"),
        (
            "allow_hosts",
            ("https://x", "y"),
            "--allow-host: 'https://x, y' cannot be used: 'https://x' is not a host name",
        ),
        ("max_file_sise", "1MB", "--max-file-sise: there is no such setting; did you mean max_file_bytes?"),
    ],
)
def test_a_bad_value_is_told_in_plain_words(name: str, value: Any, said: str) -> None:
    """The message has setting, value and what is accepted; from Python with the argument's name."""
    with pytest.raises(errors.InputError) as told:
        settings.load(**{name: value})
    assert str(told.value).startswith(said)
    flag, _, rest = said.partition(": ")
    with pytest.raises(errors.InputError) as told:
        settings.Settings(**{name: value})
    assert str(told.value).startswith(f"{name}: {rest}")
    for jargon in ("Input should", "parse", "Extra inputs", "pydantic"):
        assert jargon not in str(told.value)
    assert flag not in str(told.value)


def test_every_mistake_is_said_at_once_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each problem has a line with its source."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "po-pw.toml").write_text('out = "x"\n\nwrokers = 3\npatience = "5 ages"\n[general]\na = 1\n', "utf-8")
    monkeypatch.setenv("PO_PW_MAX_PATH", "9")
    monkeypatch.setenv("PO_PW_ORDER_TIMOUT", "5m")
    monkeypatch.setenv("PO_PW_MAX_FILE_SIZE", "5MB")
    monkeypatch.setenv("PO_PW_PASSWORD", "of another matter")
    with pytest.raises(errors.InputError) as told:
        settings.load(workers=0)
    assert {line.partition(" cannot be used")[0] for line in str(told.value).splitlines()} == {
        "--workers: 0",
        "the environment variable PO_PW_MAX_PATH: '9'",
        "po-pw.toml, line 4: patience: '5 ages'",
        "po-pw.toml, line 3: wrokers: there is no such setting; did you mean workers?",
        "po-pw.toml, line 5: general: there is no such section. Remove [general] and keep the settings",
        "the environment variable PO_PW_MAX_FILE_SIZE: there is no such setting; did you mean PO_PW_MAX_FILE_BYTES?",
        "the environment variable PO_PW_ORDER_TIMOUT: there is no such setting; did you mean PO_PW_ORDER_TIMEOUT?",
    }


def test_a_file_that_cannot_be_read_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreadable file is reported as such."""
    monkeypatch.chdir(tmp_path)
    if not Path("/proc/self/mem").exists():
        pytest.skip("this system has no file that cannot be read, not even by root")
    (tmp_path / "po-pw.toml").symlink_to("/proc/self/mem")
    with pytest.raises(errors.InputError, match=r"po-pw\.toml in this folder cannot be read: "):
        settings.load()


def test_a_message_for_python_has_no_flags() -> None:
    """Flags become arguments, except those of other programs."""
    said = settings.in_python("Choose another folder with --out, or add --allow-host x, or --max-file-size.")
    assert said == "Choose another folder with out, or add allow_hosts x, or max_file_bytes."
    assert settings.in_python("pip install --force-reinstall po-pw") == "pip install --force-reinstall po-pw"
    assert settings.in_python("po-pw login --username me").endswith("--username me")


def test_a_file_where_sign_ins_are_kept_is_named(tmp_path: Path) -> None:
    """PO_PW_HOME that is a file gives one message with every command."""
    (tmp_path / "home").write_text("mine")
    with pytest.raises(errors.MachineError, match=r"home is a file, not a folder\. Set PO_PW_HOME"):
        settings.home(settings.load(home=tmp_path / "home"))
