"""`po-pw login` and `po-pw logout` on the embedded Coupa tenant and its identity provider."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from po_pw import sessions
from po_pw.demo.coupa import demo_tenant, tenant_catalogue, tenant_server
from tests.helpers import file_keyring, support
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from po_pw import models

PASSWORD: Final = "right-password-5"
PO_PW: Final = (sys.executable, "-m", "po_pw")
_CODE: Final = "import sys, time; from po_pw.demo.coupa import totp; print(totp.code(sys.argv[1], time.time()))"


@pytest.fixture
def tenant() -> Iterator[demo_tenant.Tenant]:
    settings = tenant_catalogue.TenantSettings(
        latency=0.0, late=0.0, file_bytes=6_000, orders=1, plain=True, password=PASSWORD
    )
    with tenant_server.serve_in_thread(settings) as running:
        yield running


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    monkeypatch.delenv("PO_PW_PASSWORD", raising=False)
    with file_keyring.used(tmp_path):
        yield {**os.environ, "PO_PW_HOME": str(tmp_path / "home"), "COLUMNS": "200"}


def po_pw(*words: str, env: dict[str, str], cwd: Path, exit_code: int = 0) -> str:
    """The program's output."""
    ended = subprocess.run(
        [*PO_PW, *words],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=IN_TIME,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == exit_code, said
    assert PASSWORD not in said
    return said


def test_a_sign_in_from_its_beginning_to_its_end(
    tenant: demo_tenant.Tenant, environment: dict[str, str], tmp_path: Path
) -> None:
    """Signs in without a window, remembers, lists, imports for a second account, ends, checks and removes."""
    url, host = tenant.order_url(tenant.orders[0].po_number), tenant.origin.partition("//")[2]
    home, code = tmp_path / "home", shlex.join([sys.executable, "-c", _CODE, tenant.settings.totp_secret])
    words = ("login", url, "--username", tenant.username, "--remember", "--sign-in-host", "localhost")

    said = po_pw(*words, "--totp-command", code, env={**environment, "PO_PW_PASSWORD": PASSWORD}, cwd=tmp_path)
    assert f"{url} opens, and it needs a sign-in" in said
    assert f"The password of {tenant.username} is in the keyring" in said
    assert file_keyring.entries() == {f"po-pw {tenant.origin}": {tenant.username: PASSWORD}}
    files = [file for file in home.rglob("*") if file.is_file()]
    assert not [file for file in files if PASSWORD.encode() in file.read_bytes()]

    (tmp_path / "cookies.txt").write_text(_netscape(sessions.Sessions(home).cookies([tenant.origin])), "utf-8")
    said = po_pw("login", host, "--account", "Second", "--import-cookies", "cookies.txt", env=environment, cwd=tmp_path)
    assert "`po-pw process --account second` uses it from now on" in said
    assert tenant.counts["passwords_typed"] == 1
    listed = po_pw("login", "--list", env=environment, cwd=tmp_path)
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        [tenant.origin, "second"],
        [tenant.origin, tenant.username],
    ]

    tenant.sign_everybody_out()
    said = po_pw("login", "--check", env=environment, cwd=tmp_path, exit_code=4)
    assert said.count("has ended") == 2
    assert f"Run: po-pw login {tenant.origin} --account second" in said

    said = po_pw("logout", "--account", "second", env=environment, cwd=tmp_path)
    assert f"Removed the sign-in to {tenant.origin} (account second): cookies." in said
    said = po_pw("logout", "--all", env=environment, cwd=tmp_path)
    assert f"user {tenant.username}: cookies, browser profile, password in the keyring." in said
    assert file_keyring.entries() == {}
    assert not [file for file in home.rglob("*") if file.is_file()]


def _netscape(cookies: Sequence[models.Cookie]) -> str:
    """Cookies as a browser's extension exports them."""
    lines = ["# Netscape HTTP Cookie File", "elsewhere.example\tFALSE\t/\tFALSE\t0\tother\tx"]
    for one in cookies:
        mark = "#HttpOnly_" if one["httpOnly"] else ""
        expires = max(int(float(str(one["expires"]))), 0)
        lines.append(f"{mark}{one['domain']}\tFALSE\t{one['path']}\tFALSE\t{expires}\t{one['name']}\t{one['value']}")
    return "\n".join(lines)


def test_without_a_keyring_the_sign_in_succeeds_and_cookies_of_no_use_do_not(
    tenant: demo_tenant.Tenant, environment: dict[str, str], tmp_path: Path
) -> None:
    """Without a keyring a warning says so; cookies that sign nobody in are not saved."""
    url = tenant.order_url(tenant.orders[0].po_number)
    (tmp_path / "cookies.txt").write_text(f"127.0.0.1\tFALSE\t/\tFALSE\t0\t{tenant.cookie}\tnobodys\n", "utf-8")
    said = po_pw("login", url, "--import-cookies", "cookies.txt", env=environment, cwd=tmp_path, exit_code=4)
    assert "the imported cookies do not sign in" in said
    assert not sessions.Sessions(tmp_path / "home").saved()
    none = {**environment, "PO_PW_PASSWORD": PASSWORD, "PYTHON_KEYRING_BACKEND": file_keyring.NONE}
    none["PO_PW_TOTP_COMMAND"] = shlex.join([sys.executable, "-c", _CODE, tenant.settings.totp_secret])
    words = ("login", url, "--username", tenant.username, "--remember", "--sign-in-host", "localhost")
    said = po_pw(*words, env=none, cwd=tmp_path)
    assert "The password is not remembered: this computer has no keyring" in said
    assert f"Signed in to {tenant.origin}" in said


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of POSIX")
def test_password_host_and_code_are_typed_in_the_terminal(
    tenant: demo_tenant.Tenant, environment: dict[str, str], tmp_path: Path
) -> None:
    """Each is asked for when needed; password and code are not shown."""
    import fcntl
    import pty
    import termios

    url = tenant.order_url(tenant.orders[0].po_number)
    own, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PO_PW, "login", url, "--username", tenant.username],
        env=environment,
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    said, hidden = "", list[str]()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, own)
        stack.callback(process.wait, IN_TIME)
        stack.callback(process.kill)
        steps: list[tuple[str, Callable[[], str] | None, bool]] = [
            ("Password", lambda: PASSWORD, True),
            ("Type the password there?", lambda: "y", False),
            ("One-time code for localhost", tenant.code, True),
            ("uses it from now on", None, False),
        ]
        for question, answer, is_hidden in steps:
            while question not in said.rpartition("\0")[2]:
                said += os.read(own, 4096).decode("utf-8", "replace")
            if answer is not None:
                if is_hidden:  # only then: what came before is thrown away
                    run_async(support.until(lambda: not termios.tcgetattr(own)[3] & termios.ECHO))
                said += "\0"
                text = answer()
                hidden += [text] if is_hidden else []
                os.write(own, f"{text}\n".encode())
        stack.pop_all()
        assert process.wait(IN_TIME) == 0
        os.close(own)
    assert not [one for one in hidden if one in said]
    state = json.loads(next((tmp_path / "home").rglob(sessions.STATE_FILE)).read_text("utf-8"))
    assert state["method"]["hosts"] == ["localhost"]
    assert state["method"]["username"] == tenant.username


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("login",), "no portal is known yet"),
        (("login", "acme"), "Try https://acme"),
        (("login", "https://a.example", "--remember"), "--remember goes with --username"),
        (("login", "https://a.example", "--check", "--list"), "--check and --list cannot be combined"),
        (("login", "https://a.example", "--account", "a/b"), "--account"),
        (("login", "https://a.example", "--import-cookies", "none.txt"), "none.txt cannot be read"),
        (("login", "--check"), "no sign-in is saved"),
        (("logout",), "no sign-in is saved"),
        (("logout", "--all", "--account", "a"), "cannot be combined"),
    ],
)
def test_misuse_says_what_to_do(words: tuple[str, ...], said: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Exit code 2 and one message, before any browser starts."""
    assert said in po_pw(*words, env=environment, cwd=tmp_path, exit_code=2)
