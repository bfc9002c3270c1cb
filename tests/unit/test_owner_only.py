"""Saved sign-ins are readable by their owner only: the rules as tables, and real files and folders."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, events, private_files, sessions
from po_pw.dispatch import portal_knowledge

if TYPE_CHECKING:
    from pathlib import Path

ANNA = "S-1-5-21-1-2-3-1001"
STATE = {"cookies": [{"name": "sid", "value": "x", "domain": "a.example", "path": "/"}], "origins": []}
POSIX = pytest.mark.skipif(os.name != "posix", reason="modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def saved(home: Path, origin: str = "https://a.example") -> tuple[sessions.Sessions, Path]:
    kept = sessions.Sessions(home)
    return kept, kept.save(origin, dict(STATE))


@pytest.mark.parametrize(
    ("mode", "said"),
    [(0o100600, ""), (0o040700, ""), (0o100640, "0640"), (0o100604, "0604"), (0o040711, "0711"), (0o100400, "")],
)
def test_which_modes_are_open_to_others(mode: int, said: str) -> None:
    """Any right of group or others is open to others."""
    found = private_files.others_by_mode(mode)
    assert bool(found) is bool(said)
    assert said in found


@pytest.mark.parametrize(
    ("sddl", "others"),
    [
        (f"D:P(A;;FA;;;{ANNA})", ""),
        (f"D:PAI(A;OICI;FA;;;{ANNA})", ""),
        (f"D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;{ANNA})", ""),
        (f"D:AI(A;OICIIOID;GA;;;CO)(A;ID;FA;;;OW)(A;ID;FA;;;{ANNA})", ""),
        (f"D:P(D;;FA;;;WD)(A;;FA;;;{ANNA})", ""),
        (f"D:P(A;;FA;;;{ANNA})S:AI(AU;;FA;;;WD)", ""),
        ("D:P", ""),
        (f"D:AI(A;ID;0x1200a9;;;BU)(A;ID;FA;;;{ANNA})", "BU"),
        ("D:(A;;FR;;;WD)", "WD"),
        (f"D:(A;;FA;;;{ANNA}9)", f"{ANNA}9"),
        ('D:(XA;;FR;;;AU;(WIN://SYSAPPID Contains "x"))', "AU"),
        ("D:(A;;FA;;;S-1-5-21-9-9-9-1002)", "1002"),
        ("D:(A;;FA;;;LA)", "LA"),
        ("", "everybody"),
        ("D:NO_ACCESS_CONTROL", "everybody"),
    ],
)
def test_which_access_lists_are_open_to_others(sddl: str, others: str) -> None:
    """Any right beyond the user, the system and administrators is open to others; so is a missing list."""
    found = private_files.others_by_acl(sddl, ANNA)
    assert bool(found) is bool(others)
    assert others in found


def test_the_built_in_administrator_is_known_under_its_short_name() -> None:
    """SDDL abbreviates the built-in administrator, who may be the user."""
    assert private_files.others_by_acl("D:P(A;;FA;;;LA)", "S-1-5-21-1-2-3-500") == ""


@pytest.mark.parametrize("folder", [True, False])
def test_the_list_we_set_is_one_that_we_accept(folder: bool) -> None:
    """The list is protected, for one user, and inherited by a folder's content."""
    sddl = private_files.access_list(ANNA, folder=folder)
    assert private_files.others_by_acl(sddl, ANNA) == ""
    assert sddl.startswith("D:P(")
    assert ("OICI" in sddl) is folder


def test_what_we_close_is_closed_on_this_system(tmp_path: Path) -> None:
    """The system's real calls close a file and a folder, and the owner can still read."""
    folder, file = tmp_path / "f", tmp_path / "f" / "state"
    folder.mkdir()
    file.write_text("secret", "utf-8")
    if os.name == "posix":
        folder.chmod(0o777)
        file.chmod(0o666)
        assert private_files.others_with_access(file)
    private_files.restrict_to_owner(folder)
    private_files.restrict_to_owner(file)
    assert private_files.others_with_access(folder) == private_files.others_with_access(file) == ""
    assert file.read_text("utf-8") == "secret"
    private_files.write(file, "other")
    assert private_files.others_with_access(file) == ""
    assert file.read_text("utf-8") == "other"


@POSIX
def test_a_sign_in_is_saved_for_its_owner_alone(tmp_path: Path) -> None:
    """A sign-in is private with any umask, and if a killed run left an open draft."""
    home = tmp_path / "home"
    before = os.umask(0)
    try:
        kept, file = saved(home)
        left = file.with_name(f"{file.name}.new")
        left.write_text("half", "utf-8")
        left.chmod(0o666)
        kept.save("https://a.example", dict(STATE))
        kept.private_folder(kept.profile("https://a.example"))
    finally:
        os.umask(before)
    places = [home, *home.rglob("*")]
    assert [oct(mode(place)) for place in places if place.is_dir()] == ["0o700"] * 4
    assert [oct(mode(place)) for place in places if place.is_file()] == ["0o600"]
    assert kept.cookies(["https://a.example"])[0]["value"] == "x"
    assert kept.restrict_access() == []


@POSIX
def test_a_home_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    """With PO_PW_HOME=/tmp only our own folders in it are closed."""
    home = tmp_path / "home"
    for place in (home, home / "known", home / "somebody's"):
        place.mkdir()
        place.chmod(0o1777)
    kept, file = saved(home)
    knowledge = portal_knowledge.PortalKnowledge(kept, events.Hub(), lambda _: None)
    knowledge.save()
    kept.private_folder(kept.profile("https://a.example"))
    assert kept.restrict_access() == []
    assert [mode(place) for place in (home, home / "known", home / "somebody's")] == [0o1777] * 3
    assert [mode(place) for place in (home / "portals", file.parent, file)] == [0o700, 0o700, 0o600]
    assert [mode(place) for place in (home / "known").iterdir()] == [0o600]
    (home / "portals").chmod(0o755)
    kept.save("https://b.example", dict(STATE))
    assert mode(home / "portals") == 0o755


@POSIX
def test_a_looser_one_is_tightened_and_said(tmp_path: Path) -> None:
    """The next run closes open sign-ins and names each."""
    home = tmp_path / "home"
    kept, file = saved(home)
    file.chmod(0o644)
    file.parent.chmod(0o755)
    said = kept.restrict_access()
    assert [str(file.parent) in said[0], str(file) in said[1], len(said)] == [True, True, 2]
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)
    assert kept.restrict_access() == []


@POSIX
def test_one_that_cannot_be_tightened_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system without permissions the run stops with what to do."""
    kept, file = saved(tmp_path / "home")
    file.chmod(0o644)
    monkeypatch.setattr(type(file), "chmod", lambda _self, _mode: None)  # as vfat does it
    with pytest.raises(errors.MachineError, match=r"other users can read it .*PO_PW_HOME") as caught:
        kept.restrict_access()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"origin": 7}', '{"origin": ""}', "\x00"])
def test_a_damaged_state_does_not_stop_the_others(tmp_path: Path, content: str) -> None:
    """Other portals are listed without a damaged one, which says how to sign in again."""
    kept, _ = saved(tmp_path)
    _, damaged = saved(tmp_path, "https://b.example")
    damaged.write_text(content, "utf-8")
    assert kept.origins() == ["https://a.example"]
    with pytest.raises(errors.LoginRequiredError, match=r"po-pw login https://b\.example"):
        kept.cookies(["https://a.example", "https://b.example"])


@pytest.mark.parametrize("cookies", [None, 7, ["x"], [7], {"a": 1}])
def test_cookies_that_are_none_are_a_damaged_state(tmp_path: Path, cookies: object) -> None:
    """Valid JSON of another structure is a damaged sign-in."""
    kept, file = saved(tmp_path)
    file.write_text(json.dumps({"origin": "https://a.example", "cookies": cookies}), "utf-8")
    with pytest.raises(errors.LoginRequiredError, match="po-pw login"):
        kept.cookies(["https://a.example"])


def test_portals_are_listed_the_latest_first(tmp_path: Path) -> None:
    """Portals are listed by the time of the sign-in."""
    for number, origin in enumerate(("https://a.example", "https://b.example", "https://c.example")):
        kept, file = saved(tmp_path, origin)
        os.utime(file, (1000 + number, 1000 + number))
    assert kept.origins() == ["https://c.example", "https://b.example", "https://a.example"]
