""" "No attachments" on a page whose request for the list failed is believed only after a 404."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from tests.helpers import plain_portal
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

LIST: Final = """<section><h2>Attachments</h2><ul id=list></ul></section><script>
const show = (files) => {
  document.querySelector('#list').outerHTML = files.length
    ? '<ul>' + files.map((name) => `<li><a href="/files/${name}">${name}</a></li>`).join('') + '</ul>'
    : '<p>No attachments</p>';
};
fetch('$ADDRESS').then((answer) => answer.json()).then(show).catch(() => show([]));
</script>"""


def page(number: str, address: str) -> str:
    """An order's page that requests its list at this address."""
    return plain_portal.order(number, LIST.replace("$ADDRESS", address))


def test_a_list_that_did_not_come_is_not_an_empty_one(tmp_path: Path) -> None:
    """A refusal, a sign-in, too many requests and no response are errors; a 404 is an empty list."""
    portal, elsewhere = plain_portal.Portal({}), plain_portal.Portal({})
    statuses = {"A1": 401, "A2": 403, "A3": 419, "A4": 429, "A5": 500}

    async def go() -> plain_portal.Ran:
        async with portal.serving(), elsewhere.serving():
            refused = {number: plain_portal.Answer("{}", status) for number, status in statuses.items()}
            away = elsewhere.origin.replace("127.0.0.1", "localhost")
            data = {
                **refused,
                "A6": plain_portal.Answer(to="/login"),
                "A7": plain_portal.Answer(to=f"{away}/login"),
                "A8": plain_portal.Answer("{}", 404),
            }
            for number, answer in data.items():
                portal.pages[f"/data-{number}"] = answer
                portal.pages[f"/orders/{number}"] = page(number, f"/data-{number}")
            portal.pages["/orders/A9"] = page("A9", "http://127.0.0.1:1/data")
            return await plain_portal.run(portal, tmp_path, [*data, "A9"])

    ran = run_async(go())
    assert ran.error is None
    codes = {number: ran.code(number) for number in ran.outcomes}
    assert codes.pop("A8") is None
    assert ran.outcomes["A8"].status is models.Status.NO_ATTACHMENTS
    assert set(codes.values()) == {models.ErrorCode.LIST_INCOMPLETE}
    assert len(codes) == 8
    said = {number: str(outcome.error and outcome.error.message) for number, outcome in ran.outcomes.items()}
    assert "was answered with 403" in said["A2"]
    assert "led to another page" in said["A6"]
    assert "led to another page" in said["A7"]
    assert "was not answered" in said["A9"]


def test_data_that_came_before_and_now_leads_to_a_page_is_a_sign_in(tmp_path: Path) -> None:
    """If data that came before now redirects to a page, the session has ended, though the page opens without one."""
    portal = plain_portal.Portal({})

    async def go() -> plain_portal.Ran:
        async with portal.serving():
            portal.pages["/orders/A1"] = page("A1", "/data?order=1")
            portal.pages["/orders/A2"] = page("A2", "/data?order=2")
            portal.pages["/data"] = '["one.pdf"]'
            gate = portal.gates["/orders/A2"] = asyncio.Event()

            def hear(_run: object, _event: object) -> None:
                if portal.times("/files/one.pdf") and not gate.is_set():
                    portal.pages["/data"] = plain_portal.Answer(to="/login")
                    gate.set()

            return await plain_portal.run(portal, tmp_path, ["A1", "A2"], hear=hear, sign_in_window=False)

    ran = run_async(go())
    assert ran.outcomes["A1"].status is models.Status.COMPLETED
    assert "A2" not in ran.outcomes
    assert isinstance(ran.error, errors.LoginRequiredError)
