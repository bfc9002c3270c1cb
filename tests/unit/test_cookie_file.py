"""Cookies from another browser: only those that the portal would get; a bad line is named."""

from __future__ import annotations

import pytest

from po_pw import errors
from po_pw.auth import cookie_file

GOOD = (
    "\ufeff# Netscape HTTP Cookie File\r\n"
    "\r\n"
    "#HttpOnly_.acme.example\tTRUE\t/\tTRUE\t4102444800\tsid\tabc=def\r\n"
    "portal.acme.example\tFALSE\t/orders\tFALSE\t0\tview\t\r\n"
    ".acme.example\tTRUE\t/\tFALSE\t1700000000\told\t1\r\n"
    "sso.example\tFALSE\t/\tTRUE\t4102444800.5\tidp\tx\r\n"
    "other.acme.example\tFALSE\t/\tTRUE\t0\tother\tx\r\n"
    ".evilacme.example\tTRUE\t/\tTRUE\t0\tevil\tx\r\n"
)


def names(text: str, *hosts: str) -> list[str]:
    found = cookie_file.for_hosts(cookie_file.parse(text, "cookies.txt"), hosts, 1_800_000_000)
    return [str(one["name"]) for one in found]


def test_only_what_the_portal_and_named_hosts_would_be_sent() -> None:
    """Cookies match by domain; expired ones and those of other or similar hosts are left out."""
    assert names(GOOD, "Portal.acme.example") == ["sid", "view"]
    assert names(GOOD, "portal.acme.example", "sso.example") == ["sid", "view", "idp"]
    sid, view = cookie_file.parse(GOOD, "cookies.txt")[:2]
    assert sid == {
        "name": "sid",
        "value": "abc=def",
        "domain": ".acme.example",
        "path": "/",
        "expires": 4102444800.0,
        "httpOnly": True,
        "secure": True,
    }
    assert (view["domain"], view["expires"], view["httpOnly"]) == ("portal.acme.example", -1, False)


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ("elsewhere.example", "no cookies of elsewhere.example; it has cookies of acme.example"),
        ("old.example", "expired"),
    ],
)
def test_a_file_of_no_use_says_why(hosts: str, says: str) -> None:
    """A file with only other hosts' or expired cookies is refused with the reason."""
    text = f"{GOOD}old.example\tFALSE\t/\tTRUE\t1700000000\tsid\tx\n"
    with pytest.raises(errors.InputError, match=says):
        names(text, hosts)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('[{"name": "sid"}]', "1 tab-separated fields"),
        ("a.example TRUE / TRUE 0 sid s3cretvalue", "1 tab-separated fields"),
        ("a.example\tTRUE\t/\tTRUE\t0\tsid", "6 tab-separated fields"),
        ("a.example\tTRUE\t/\tTRUE\t0\tsid\ts3cret\tvalue", "8 tab-separated fields"),
        ("a b\tTRUE\t/\tTRUE\t0\tsid\ts3cretvalue", "not a host name"),
        ("\tTRUE\t/\tTRUE\t0\tsid\ts3cretvalue", "not a host name"),
        ("a.example\tyes\t/\tTRUE\t0\tsid\ts3cretvalue", "TRUE or FALSE"),
        ("a.example\tTRUE\torders\tTRUE\t0\tsid\ts3cretvalue", "not a path"),
        ("a.example\tTRUE\t/\tTRUE\tnever\tsid\ts3cretvalue", "not a time in seconds"),
        ("a.example\tTRUE\t/\tTRUE\t13370000000000000\tsid\ts3cretvalue", "not a time in seconds"),
        ("a.example\tTRUE\t/\tTRUE\t0\t\ts3cretvalue", "name or value"),
        ("a.example\tTRUE\t/\tTRUE\t0\tsid\ts3cret;value", "name or value"),
    ],
)
def test_a_bad_line_is_refused_by_file_and_line(line: str, says: str) -> None:
    """The message has file and line, and none of the content."""
    with pytest.raises(errors.InputError, match=says) as caught:
        cookie_file.parse(f"# a comment\n{line}\n", "mine.txt")
    assert "mine.txt, line 2" in str(caught.value)
    assert "s3cret" not in str(caught.value)
