"""Runs on pages that are not the order's, and sign-ins that only one order or file asks for."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from po_pw import errors, events, models
from po_pw.browser import activity, page_watch, quiet
from po_pw.portals import memory
from tests.helpers import plain_portal, support
from tests.helpers.plain_portal import Answer, Portal, area, order, page
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

    from po_pw.engine import run as engine

DASHBOARD = page("Dashboard", "<h1>Welcome back</h1><p>You have 3 tasks.</p>")
NUMBERS = ["PO-1", "PO-2", "PO-3"]


def good(*numbers: str) -> dict[str, str | Answer]:
    """Orders with one file each."""
    return {f"/orders/{number}": order(number, area(f"{number}.pdf")) for number in numbers}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/orders/PO-2", Answer(order("PO-3", area("PO-3.pdf")))),
        pytest.param("/orders/PO-2", Answer(to="/dashboard"), marks=pytest.mark.long),
        ("/orders/PO-2", Answer(page("Error", "<h1>Something went wrong</h1><p>Please try again later.</p>"))),
    ],
    ids=["another-order", "dashboard", "error-with-200"],
)
def test_a_page_that_is_not_the_orders_is_never_a_success(tmp_path: Path, path: str, answer: Answer) -> None:
    """The order fails with evidence and without secrets; others are read, and the next run tries again."""

    async def body() -> None:
        portal = Portal({**good(*NUMBERS), path: answer, "/dashboard": DASHBOARD})
        async with portal.serving():
            ran = await plain_portal.run(portal, tmp_path, NUMBERS)
            assert ran.error is None
            assert [ran.outcomes[number].status for number in NUMBERS] == ["COMPLETED", "FAILED", "COMPLETED"]
            assert ran.code("PO-2") is models.ErrorCode.NOT_RECOGNISED
            evidence = ran.out / ".po-pw" / "evidence" / "PO-2"
            assert (evidence / "page.png").read_bytes().startswith(b"\x89PNG")
            assert "<main>" in (evidence / "page.html").read_text("utf-8")
            portal.pages.update(good("PO-2"))
            ran = await plain_portal.run(portal, tmp_path, NUMBERS)
            assert [ran.outcomes[number].status for number in NUMBERS] == ["COMPLETED"] * 3
            assert not evidence.exists()

    run_async(body())


def test_the_first_order_of_a_portal_may_be_the_one_that_is_wrong(tmp_path: Path) -> None:
    """Without others to compare it with, the first order waits until others were read."""

    async def body() -> None:
        pages = {**good(*NUMBERS), "/orders/PO-1": Answer(to="/dashboard"), "/dashboard": DASHBOARD}
        portal = Portal(pages)
        async with portal.serving():
            ran = await plain_portal.run(portal, tmp_path, NUMBERS)
            assert ran.code("PO-1") is models.ErrorCode.NOT_RECOGNISED
            assert [ran.outcomes[number].status for number in NUMBERS[1:]] == ["COMPLETED"] * 2

    run_async(body())


@pytest.mark.parametrize("proof", ["", "/account"])
def test_a_sign_in_page_at_one_order_alone_is_that_orders_failure(tmp_path: Path, proof: str) -> None:
    """If only one order asks for a sign-in while the session is valid, only that order fails."""

    async def body() -> None:
        pages = {**good(*NUMBERS), "/orders/PO-2": Answer(to="/login"), "/account": DASHBOARD}
        numbers = ["PO-2", "PO-1", "PO-3"] if proof else NUMBERS
        portal = Portal(pages, needs_sign_in=True)
        async with portal.serving():
            portal.keep_sign_in(tmp_path / "home", proof)
            ran = await plain_portal.run(portal, tmp_path, numbers)
            assert ran.error is None
            assert ran.code("PO-2") is models.ErrorCode.SIGN_IN_NEEDED
            assert [ran.outcomes[number].status for number in ("PO-1", "PO-3")] == ["COMPLETED"] * 2

    run_async(body())


def test_a_file_that_asks_for_a_sign_in_alone_is_forbidden(tmp_path: Path) -> None:
    """If only one file asks for a sign-in, the order lacks this file and the run continues."""

    async def body() -> None:
        pages = good(*NUMBERS)
        pages["/orders/PO-2"] = order("PO-2", area("a.pdf", "private.pdf"))
        pages["/files/private.pdf"] = Answer(plain_portal.SIGN_IN, 401)
        portal = Portal(pages, needs_sign_in=True)
        async with portal.serving():
            portal.keep_sign_in(tmp_path / "home")
            ran = await plain_portal.run(portal, tmp_path, NUMBERS)
            assert ran.error is None
            assert [ran.outcomes[number].status for number in NUMBERS] == ["COMPLETED", "PARTIAL", "COMPLETED"]
            (missing,) = ran.outcomes["PO-2"].missing
            assert missing.failure is not None
            assert (missing.name, missing.failure.code) == ("private.pdf", models.ErrorCode.FORBIDDEN)

    run_async(body())


def test_a_session_that_is_really_gone_stops_the_run_and_fails_no_order(tmp_path: Path) -> None:
    """Exit code 4; after signing in again, the same command continues."""

    async def body() -> None:
        portal = Portal(good(*NUMBERS), needs_sign_in=True)

        def sign_out(_: engine.Run, event: events.Event) -> None:
            portal.is_signed_out = portal.is_signed_out or isinstance(event, events.OrderSettled)

        async with portal.serving():
            portal.keep_sign_in(tmp_path / "home")
            ran = await plain_portal.run(portal, tmp_path, NUMBERS, hear=sign_out)
            assert isinstance(ran.error, errors.LoginRequiredError)
            assert ran.error.exit_code == 4
            assert {number: out.status for number, out in ran.outcomes.items()} == {"PO-1": "COMPLETED"}
            portal.is_signed_out = False
            ran = await plain_portal.run(portal, tmp_path, NUMBERS)
            assert [ran.outcomes[number].status for number in NUMBERS] == ["COMPLETED"] * 3
            assert ran.outcomes["PO-1"].from_earlier_run

    run_async(body())


def test_without_a_sign_in_no_order_is_failed(tmp_path: Path) -> None:
    """If the first page asks for a sign-in, the run stops with that message and no order fails."""

    async def body() -> None:
        portal = Portal(good(*NUMBERS), needs_sign_in=True)
        async with portal.serving():
            ran = await plain_portal.run(portal, tmp_path, NUMBERS)
            assert isinstance(ran.error, errors.LoginRequiredError)
            assert ran.outcomes == {}

    run_async(body())


_POLL: Final = """<section><h2>Attachments</h2><ul id=list data-late=%s><li>No attachments</li></ul></section><script>
setInterval(async () => {
  const there = await (await fetch('/poll')).text() === 'there' && list.dataset.late === 'yes';
  if (there && !list.querySelector('a')) list.innerHTML = '<li><a href="/files/late.pdf">late.pdf</a></li>';
}, 200);
</script>"""


def test_what_was_believed_to_bring_nothing_and_then_did_has_its_orders_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a poll that changed nothing on five orders then loads attachments, those orders are read again."""
    late = _POLL % "yes"
    portal = Portal(
        {
            "/orders/PO-0001": order("PO-0001", _POLL % "no"),
            "/orders/PO-0002": order("PO-0002", late),
            "/orders/PO-0003": order("PO-0003", late),
            "/poll": "ok",
        }
    )
    home = tmp_path / "home"
    wait = page_watch.Watch.quiet
    waits = 0

    async def load_late(watch: page_watch.Watch, **given: Any) -> quiet.Quiet:
        nonlocal waits
        is_check = watch._page.url.endswith("/orders/PO-0003")
        waits += is_check
        if is_check and waits == 2:  # its list was looked at once
            portal.pages["/poll"] = "there"
            polls = portal.times("/poll")
            await support.until(lambda: portal.times("/poll") >= polls + 2)
        return await wait(watch, **given)

    async def go() -> tuple[plain_portal.Ran, plain_portal.Ran]:
        async with portal.serving():
            first = await plain_portal.run(portal, tmp_path / "a", ["PO-0001"], home=home)
            # As if it had been so on many orders: the next is read without patience, the one after it is the check.
            kept = next(home.rglob(memory.FILE))
            known = json.loads(kept.read_text())
            known["sources"] = {name: [5, [f"X-{n}" for n in range(18)]] for name in known["sources"]}
            assert known["sources"]
            kept.write_text(json.dumps(known))
            monkeypatch.setattr(page_watch.Watch, "quiet", load_late)
            second = await plain_portal.run(portal, tmp_path / "b", ["PO-0002", "PO-0003"], home=home)
            return first, second

    first, second = run_async(go())
    assert first.outcomes["PO-0001"].status is models.Status.NO_ATTACHMENTS
    assert portal.times("/orders/PO-0002") == 2
    assert portal.times("/orders/PO-0003") == 1
    assert any(isinstance(event, events.Notice) and "read again" in event.text for event in second.heard)
    settled = [event.outcome for event in second.heard if isinstance(event, events.OrderSettled)]
    latest = {outcome.po_number: outcome for outcome in settled}
    assert [file.path for number in ("PO-0002", "PO-0003") for file in latest[number].files] == ["late.pdf", "late.pdf"]


def test_a_list_that_the_portal_takes_long_to_answer_is_waited_for(tmp_path: Path) -> None:
    """A list that is requested and slow is waited for, however long it takes."""
    script = """<section><h2>Attachments</h2><ul id=list></ul></section><script>
    fetch('/slow').then((r) => r.text()).then((text) => { list.innerHTML = text; });
    </script>"""
    slow = '<li><a href="/files/slow.pdf">slow.pdf</a></li>'
    portal = Portal({"/orders/PO-0001": order("PO-0001", script), "/slow": slow})

    async def go() -> plain_portal.Ran:
        portal.gates["/slow"] = gate = asyncio.Event()
        asyncio.get_running_loop().call_later(activity.HORIZON + 3, gate.set)
        async with portal.serving():
            return await plain_portal.run(portal, tmp_path, ["PO-0001"], listing_timeout=60)

    assert run_async(go()).files("PO-0001") == ["slow.pdf"]


def test_attachments_that_nothing_else_tells_apart_are_told_apart_by_their_content(tmp_path: Path) -> None:
    """If a file is added on top, only it is new: the two others are recognised by content."""

    async def body() -> None:
        button = "<li>Certificate <button onclick=\"location='/content/{}'\">Download</button></li>"

        def listed(*names: str) -> str:
            rows = "".join(button.format(name) for name in names)
            return order("PO-1", f"<section><h2>Attachments</h2><ul>{rows}</ul></section>")

        portal = Portal({"/orders/PO-1": listed("a", "b")})
        for name in "abc":
            portal.bodies[f"/content/{name}"] = plain_portal.PDF + name.encode()
        async with portal.serving():
            first = await plain_portal.run(portal, tmp_path, ["PO-1"])
            assert len({file.sha256 for file in first.outcomes["PO-1"].files}) == 2
            portal.pages["/orders/PO-1"] = listed("c", "a", "b")
            again = await plain_portal.run(portal, tmp_path, ["PO-1"], resume=models.Resume(refresh=True))
            files = again.outcomes["PO-1"].files
            assert len(files) == len({file.sha256 for file in files}) == 3
            assert not any("vanished" in file.checks for file in files)
            assert len(list((again.out / again.outcomes["PO-1"].folder).iterdir())) == 3
            kept = {file.sha256: file.saved_at for file in files}
            assert all(kept[file.sha256] == file.saved_at for file in first.outcomes["PO-1"].files)

    run_async(body())
