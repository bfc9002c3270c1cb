"""Screenshot and source show the page without its secrets."""

from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING, Final

import pytest

from po_pw import known_secrets, models
from po_pw.browser import launching, playwright_driver, profiles
from po_pw.evidence import snapshot
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from pathlib import Path

SECRET: Final = "s3cr3tValue"
KEY: Final = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3A"
JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz"

HIDDEN: Final = [
    f"<input type=password value='{SECRET}'>",
    f'<input type="hidden" name="whatever" value="{SECRET}">',
    f"<input value={SECRET} type=hidden>",
    f"<input name=csrf_token value='{SECRET}'>",
    f"<meta name='csrf-token' content='{SECRET}'>",
    f"<meta content='{SECRET}' name='x-auth-token'>",
    f"<div data-csrf='{SECRET}'>",
    f"<div data-session-id='{SECRET}'>",
    f"<script>window.token = '{SECRET}'</script>",
    f'<script type=\'application/json\'>{{"accessToken": "{SECRET}"}}</script>',
    f"<script nonce='{SECRET}'></script>",
    f"<!-- {SECRET} -->",
    f"<a href='/files/1?sig={SECRET}'>a</a>",
    f"<a href='https://b.example/f?X-Amz-Signature={SECRET}&amp;x=1'>a</a>",
    f"<a href='https://u:{SECRET}@b.example/f'>a</a>",
    f"<a href='/f;jsessionid={SECRET}?a=1'>a</a>",
    f"<img src='/i?access_token={SECRET}'>",
    f"<form action='/x?_csrf={SECRET}'>",
    f"<p>api_key: {SECRET}</p>",
    f"<p>see https://b.example/f?token={SECRET}</p>",
    f'<div data-config="{{&quot;authToken&quot;:&quot;{SECRET}&quot;}}">',
    f"<button onclick=\"go('/x?token={SECRET}')\">",
    f"<INPUT TYPE='HIDDEN' VALUE='{SECRET}'>",
    f"<input type=hidden value='{SECRET}",  # cut in the middle of a tag
    f"<script>var a = '{SECRET}'",  # and of a script
    f"<!-- {SECRET}",
]
SHOWN: Final = [
    "<h1>Order PO-7001</h1>",
    "<a href='/orders/7001?tab=files&amp;id=55'>invoice 4500012345.pdf</a>",
    "<td>12.50 EUR</td>",
    '<input type="text" name="supplier" value="Acme">',
    "<a class='btn download' data-filename='invoice.pdf' aria-label='Download invoice.pdf'>x</a>",
    "<td>Purchase-Order-4500012345-Meridian-Industrial-Supplies-2026</td>",
    "<p>1 &lt; 2 and 3 &gt; 2</p>",
    "<p>Password forgotten? Sign in again.</p>",
    "<a href='/files/2f1c/a-rather-long-name-of-an-invoice-of-the-month-of-may.pdf'>x</a>",
]


@pytest.mark.parametrize("source", HIDDEN)
def test_no_secret_stays(source: str) -> None:
    """Secrets are removed wherever they are in the page's source."""
    assert SECRET not in snapshot.clean(f"<p>before</p>{source}")


@pytest.mark.parametrize("source", SHOWN)
def test_what_the_person_looks_for_stays(source: str) -> None:
    """Numbers, names, labels and addresses stay readable."""
    assert snapshot.clean(source) == source


def test_known_secrets_and_tokens_go_wherever_they_stand() -> None:
    """Values of cookies, keys and tokens are removed, escaped or not."""
    known_secrets.remember("a&b<cookie", "x")
    text = "a&amp;b&lt;cookie"
    cleaned = snapshot.clean(f"<p>{JWT}</p><p>{KEY}</p><p>{text}</p><i title='{text}'></i>")
    assert JWT not in cleaned
    assert KEY not in cleaned
    assert "a&amp;b" not in cleaned
    assert cleaned.count("<p>") == 3


async def _taken(text: str, folder: Path, *, close: bool = False) -> tuple[str, ...]:
    known_secrets.remember("cookie-value")
    async with playwright_driver.Driver() as driver:
        launch = launching.plan(driver.resolve(None), headless=True, timeout=IN_TIME)
        manager = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
        context = await driver.open(
            models.WorkerId("w1"),
            launch,
            user_data_dir=manager.create_profile("w1"),
            downloads=driver.run_dir.path / "downloads",
        )
        try:
            async with context.page() as lease:
                await lease.page.goto("data:text/html,<p>")
                await lease.page.set_content(text)
                if close:
                    await lease.page.close()
                return await snapshot.take(lease.page, folder)
        finally:
            await context.close()


def test_a_page_is_kept_as_it_is_shown(tmp_path: Path) -> None:
    """Shadow roots are saved, typed values are not; only the owner can read the files; the page is unchanged."""
    text = (
        f"<h1>Order PO-7001</h1><div id=host></div><input type=password id=p><textarea id=t>cookie-value</textarea>"
        f"<script>document.querySelector('#host').attachShadow({{mode: 'open'}}).innerHTML = '<b>inside</b>';"
        f"p.value = '{SECRET}'; p.setAttribute('value', '{SECRET}')</script>"
    )
    names = run_async(_taken(text, tmp_path / "PO-1"))
    assert names == ("page.png", "page.html")
    paths = [tmp_path / "PO-1" / name for name in names]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    source = paths[1].read_text("utf-8")
    assert "<h1>Order PO-7001</h1>" in source
    assert "<b>inside</b>" in source
    assert SECRET not in source
    assert "cookie-value" not in source
    if sys.platform != "win32":
        places = [*paths, tmp_path / "PO-1"]
        assert [stat.S_IMODE(place.stat().st_mode) for place in places] == [0o600, 0o600, 0o700]


def test_a_page_that_is_gone_gives_nothing(tmp_path: Path) -> None:
    """A closed page gives no evidence and no error."""
    assert run_async(_taken("<p>x</p>", tmp_path / "PO-1", close=True)) == ()


def test_a_folder_that_cannot_be_made_gives_nothing(tmp_path: Path) -> None:
    """If the folder cannot be created, there is no evidence and no error."""
    (tmp_path / "PO-1").write_text("mine", "utf-8")
    assert run_async(_taken("<p>x</p>", tmp_path / "PO-1")) == ()
    assert (tmp_path / "PO-1").read_text("utf-8") == "mine"


def test_a_huge_page_is_bounded(tmp_path: Path) -> None:
    """Of a tall and long page, only the window and the beginning of the source are saved."""
    text = "<div style='height:90000px'>tall</div>" + f"<p>{'many words ' * 200}</p>" * 2500
    names = run_async(_taken(text, tmp_path / "PO-1"))
    assert len(names) == 2
    assert all((tmp_path / "PO-1" / name).stat().st_size < 8_100_000 for name in names)


@pytest.mark.parametrize("part", ["a-", "a", "\"'", "<a ", "&quot;", "token", "https://", "=", "<p>", "A1b-"])
def test_no_source_takes_long_to_clean(part: str) -> None:
    """Endless repetitions are cleaned in one pass: a slow one would exceed the test's time limit."""
    snapshot.clean(f"<p>{part * (150_000 // len(part))}</p>")
