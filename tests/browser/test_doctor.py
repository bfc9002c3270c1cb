"""`po-pw doctor` checks real things; each fault is a line with its remedy."""

from __future__ import annotations

import dataclasses
import json
import os
import plistlib
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from po_pw import errors, sessions, settings
from po_pw.browser import policies
from po_pw.demo import catalogue, server
from po_pw.doctor import checks, folders
from po_pw.doctor import environment as environment_checks
from po_pw.journal import storage_location
from tests.helpers import portal_runs
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def doctor(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PO_PW_HOME": str(cwd / "home")}
    return subprocess.run(
        [sys.executable, "-m", "po_pw", "doctor", *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        timeout=IN_TIME,
        check=False,
    )


def lines(ended: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    answer = json.loads(ended.stdout)
    assert answer["ok"] is (ended.returncode == 0)
    return {check["name"]: check for check in answer["checks"]}


def test_this_machine_is_well_until_the_portal_signs_us_out(tmp_path: Path) -> None:
    """All checks pass and leave nothing; a sign-in that has ended gives exit code 4."""
    with server.serve_in_thread(catalogue.PortalSettings(orders=2, plain=True)) as portal:
        run_async(portal_runs.signed_in(portal, tmp_path / "home"))
        state = sessions.Sessions(tmp_path / "home").state_files()[0].read_text("utf-8")
        sessions.Sessions(tmp_path / "home", "second").save(portal.origin, json.loads(state), f"{portal.origin}/")
        ended = doctor("--json", "--online", "-o", "out/below", cwd=tmp_path)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        found = lines(ended)
        assert set(found) == {
            "python",
            "spreadsheets",
            "temp folder",
            "profile folder",
            "output",
            "disk",
            "file system",
            "memory",
            "processors",
            "workers",
            "display",
            "proxy",
            "trust store",
            "playwright",
            "browser",
            "policies",
            "launch",
            "download",
            "portals",
            "sign-in",
        }
        assert not [check for check in found.values() if check["state"] == "problem"]
        assert all(check["remedy"] for check in found.values() if check["state"] != "ok")
        assert portal.origin in found["sign-in"]["text"]
        assert "the portal accepts it" in found["sign-in"]["text"]
        assert [path.name for path in tmp_path.iterdir()] == ["home"]

        portal.sign_everybody_out()
        given = ("--account", "second", "--portal", "generic")
        ended = doctor("--online", *given, "-o", "out/below", cwd=tmp_path)
        assert ended.returncode == 4, ended.stdout + ended.stderr
        assert "has ended" in " ".join(ended.stdout.split())
        assert f"po-pw login {portal.origin} --account second" in " ".join(ended.stdout.split())
        assert "all orders are read as those of generic" in " ".join(ended.stdout.split())
        assert "This computer is ready; 1 portal with a problem" in " ".join(ended.stdout.split())


def test_a_portal_that_is_gone_is_no_problem_of_this_machine(tmp_path: Path) -> None:
    """A portal that does not answer has its own line, with exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        origin = f"http://127.0.0.1:{taken.getsockname()[1]}"
    cookie = {"name": "s", "value": "x", "domain": "127.0.0.1", "path": "/", "expires": -1}
    sessions.Sessions(tmp_path / "home").save(origin, {"cookies": [cookie]})
    ended = doctor("--json", "--online", "-o", "out/below", cwd=tmp_path)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    found = lines(ended)
    assert [(name, one["subject"]) for name, one in found.items() if one["state"] == "problem"] == [
        ("portal", "portal")
    ]
    assert origin in found["portal"]["text"]
    assert found["sign-in"]["state"] == "ok"


def test_a_portal_that_is_not_known_is_refused_at_once(tmp_path: Path) -> None:
    """An unknown portal gives exit code 2, as with `process`."""
    ended = doctor("--portal", "acme", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "there is no portal 'acme'; there are: coupa, generic" in ended.stderr


def test_each_problem_is_a_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    """A missing browser and an unusable output folder are two problems with remedies, with exit code 3."""
    (tmp_path / "out").write_text("a file")
    ended = doctor("--json", "--browser", "/no/such", "-o", "out", cwd=tmp_path)
    assert ended.returncode == 3
    found = lines(ended)
    problems = {name: check for name, check in found.items() if check["state"] == "problem"}
    assert set(problems) == {"browser", "output"}
    assert "/no/such" in problems["browser"]["text"]
    assert "--out" in problems["output"]["remedy"]
    assert found["playwright"]["state"] == found["spreadsheets"]["state"] == "ok"
    assert ended.stderr == ""


def test_several_portals_out_of_reach_are_a_problem_of_this_machine() -> None:
    """If none of several portals can be reached, the network is the problem; a single one may be down."""
    dead, alive = checks.problem("portal", "x cannot be reached"), checks.ok("sign-in", "the portal lets us in")
    asked = [[], [alive], [dead], [dead, alive], [dead, dead], [dead, dead, dead, alive]]
    assert [bool(environment_checks.check_network(one)) for one in asked] == [False, False, False, False, True, False]


def test_a_check_that_fails_or_hangs_is_a_line() -> None:
    """A check that fails or hangs is a line, without a traceback, and does not block the others."""
    never = threading.Event()

    def hang() -> list[checks.Check]:
        never.wait()
        return []

    def fail() -> list[checks.Check]:
        raise PermissionError(13, "Permission denied", "/secret")

    def ours() -> list[checks.Check]:
        raise errors.BrowserNotFoundError("none is there\nInstall one")

    (hung,) = run_async(checks.in_thread("a", hang, 0.05))
    (failed,) = run_async(checks.in_thread("b", fail, 10))
    (known,) = run_async(checks.in_thread("c", ours, 10))
    never.set()
    assert hung.state == failed.state == known.state == "problem"
    assert failed.text == "Permission denied: /secret"
    assert (known.text, known.remedy) == ("none is there", "Install one")


@pytest.mark.parametrize(
    ("kind", "folder", "mode", "options", "state", "words"),
    [
        ("ext4", "/home/me/downloads", "wal", (), "ok", "ext4; the journal uses a write-ahead log"),
        ("NTFS", "C:/Users/me/downloads", "wal", ("rw", "fixed"), "ok", "NTFS"),
        ("nfs4", "/mnt/share/downloads", "delete", (), "warning", "on another computer"),
        ("NTFS", "Z:/downloads", "delete", ("rw", "remote"), "warning", "on another computer"),
        ("", "//server/share/downloads", "delete", (), "warning", "on another computer"),
        ("NTFS", "/Users/me/OneDrive - Acme/downloads", "wal", (), "warning", "synced"),
        ("apfs", "/Users/me/Library/CloudStorage/Dropbox/x", "wal", (), "warning", "synced"),
        ("tmpfs", "/run/downloads", "wal", (), "warning", "restart"),
        ("vfat", "/media/stick", "wal", (), "warning", "4 GB"),
        ("btrfs", "/home/me/boxes/dropped", "delete", (), "ok", "rollback"),
    ],
)
def test_file_systems(kind: str, folder: str, mode: str, options: tuple[str, ...], state: str, words: str) -> None:
    """The output's file system is reported, with what it means for the journal."""
    line = folders.check_file_system(kind, storage_location.classify(kind, options, folder), mode)
    assert line.state == state
    assert words in line.text
    assert bool(line.remedy) is (state != "ok")


def test_an_output_with_a_long_path_is_a_warning(tmp_path: Path) -> None:
    """If few characters are left for names, a warning says so before a run."""
    long = tmp_path / ("d" * 200)
    (line,) = folders.output(settings.load(out=long, max_path=len(str(long)) + 50))
    assert line.state == "warning"
    assert "50 of" in line.text


@pytest.mark.skipif(sys.platform != "linux", reason="a folder that not even root can write to")
def test_a_folder_that_cannot_be_written_to_is_a_problem() -> None:
    """Output and profile folder are tested by writing, where they are or would be created."""
    found = [*folders.output(settings.load(out="/proc/x/y")), *folders.home(settings.load(home="/proc"))]
    assert [line.state for line in found] == ["problem", "problem"]
    assert all("/proc cannot be written to" in line.text and line.remedy for line in found)


def test_saved_sign_ins_are_read_with_care(tmp_path: Path) -> None:
    """Age and cookies of a sign-in are shown; a damaged, expired or readable one has a remedy."""
    options = settings.load(home=tmp_path)
    kept = sessions.Sessions(tmp_path)
    assert folders.sign_ins(options) == []
    good, expired, damaged, shared = (f"https://{name}.example:8443" for name in ("a-good", "b-old", "c-bad", "d-open"))
    kept.save(good, {"cookies": [{"name": "s", "expires": -1}, {"name": "t", "expires": 1}]})
    kept.save(expired, {"cookies": [{"name": "s", "expires": 1}]})
    kept.save(damaged, {"cookies": []}).write_text("{")
    kept.save(shared, {"cookies": [{"name": "s", "expires": -1}]}).chmod(0o644)
    found = dict(folders.sign_ins(options))
    assert list(found) == [good, expired, damaged, shared]
    states = [line.state for line in found.values()]
    assert states == ["ok", "warning", "problem", "warning" if os.name == "posix" else "ok"]
    assert "just now, 2 cookies" in found[good].text
    assert "expired" in found[expired].text
    assert found[damaged].remedy == f"Run: po-pw login {damaged}"
    sessions.Sessions(tmp_path, "second").save(good, {"cookies": [{"name": "s", "expires": 1}]})
    ((origin, second),) = folders.sign_ins(settings.load(home=tmp_path, account="second"))
    assert (origin, second.remedy) == (good, f"Run: po-pw login {good} --account second")


# --- policies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "stops", "named"),
    [
        ({}, None, ""),
        (
            {
                "RemoteDebuggingAllowed": True,
                "DeveloperToolsAvailability": 1,
                "BrowserSignin": 1,
                "HeadlessMode": 1,
                "DownloadRestrictions": 0,
                "URLBlocklist": ["bad.example"],
            },
            None,
            "",
        ),
        ({"RemoteDebuggingAllowed": False}, True, "RemoteDebuggingAllowed"),
        ({"RemoteDebuggingAllowed": 0}, None, ""),
        ({"DeveloperToolsAvailability": 2}, True, "DeveloperToolsAvailability"),
        ({"DeveloperToolsDisabled": True}, True, "DeveloperToolsDisabled"),
        ({"BrowserSignin": 2}, True, "BrowserSignin"),
        ({"HeadlessMode": 2}, True, "HeadlessMode"),
        ({"HeadlessModeEnabled": False}, True, "HeadlessModeEnabled"),
        ({"UserDataDir": "${users}/x"}, True, "UserDataDir"),
        ({"DownloadRestrictions": 3}, False, "DownloadRestrictions"),
        ({"URLBlocklist": ["*"]}, False, "URLBlocklist"),
    ],
)
def test_policies_are_evaluated(values: dict[str, object], stops: bool | None, named: str) -> None:
    """Policies that prevent a run, policies that may, and all others are told apart."""
    found = policies.evaluate(policies.Policies("here", values), headless=True, system="linux")
    assert [(finding.name, finding.stops) for finding in found] == ([] if stops is None else [(named, stops)])


def test_headless_policies_do_not_matter_with_a_window_and_the_registry_has_numbers() -> None:
    """A policy counts only where it applies; on Windows, booleans are 0 and 1."""
    evaluate: Callable[..., list[policies.Finding]] = policies.evaluate
    assert not evaluate(policies.Policies("", {"HeadlessModeEnabled": False}), headless=False, system="darwin")
    windows = policies.Policies("", {"RemoteDebuggingAllowed": 0, "HeadlessModeEnabled": 1})
    assert [finding.name for finding in evaluate(windows, headless=True, system="win32")] == ["RemoteDebuggingAllowed"]


def test_policy_files_are_found(tmp_path: Path) -> None:
    """Each browser's policy files are read on each system; an unreadable one is reported."""
    edge = tmp_path / "etc/opt/edge/policies/managed"
    edge.mkdir(parents=True)
    (edge / "a.json").write_text('{"BrowserSignin": 2}')
    (edge / "b.json").write_text("{")
    mac = tmp_path / "Library/Managed Preferences"
    mac.mkdir(parents=True)
    (mac / "com.google.Chrome.plist").write_bytes(plistlib.dumps({"RemoteDebuggingAllowed": False}))

    found = policies.read("msedge", system="linux", root=tmp_path)
    assert [(place.values, place.unreadable) for place in found] == [({"BrowserSignin": 2}, ""), ({}, "it is not JSON")]
    assert policies.read("chrome", system="linux", root=tmp_path) == []
    assert len(policies.read("path", system="linux", root=tmp_path)) == 2
    (chrome,) = policies.read("chrome", system="darwin", root=tmp_path)
    assert chrome.values == {"RemoteDebuggingAllowed": False}
    assert policies.read("msedge", system="darwin", root=tmp_path) == []


def test_checks_are_values() -> None:
    """A check can be compared and written as JSON, and cannot be changed."""
    line = checks.warning("a", "b", "c")
    assert dataclasses.asdict(line) == {
        "name": "a",
        "state": "warning",
        "text": "b",
        "remedy": "c",
        "subject": "machine",
    }
    with pytest.raises(dataclasses.FrozenInstanceError):
        line.text = "d"  # type: ignore[misc]
