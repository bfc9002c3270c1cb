"""Signing in to a portal on an open page: by a person in a window, or by filling a plain form."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import time
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors, models, net_errors
from po_pw.auth import trust
from po_pw.browser import contexts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_TEXTUAL: Final = (
    "input[type=email]:visible, input[type=text]:visible, input[type=tel]:visible, input:not([type]):visible"
)
"""A user name's field, where it stands beside a password's."""
_USER: Final = ", ".join(
    [
        "input[autocomplete~=username]:visible",
        "input[type=email]:visible",
        *(
            f"input{kind}[{name}*={word} i]:visible"
            for kind in ("[type=text]", "[type=tel]", ":not([type])")
            for word in (
                "user",
                "login",
                "logon",
                "mail",
                "account",
                "identifier",
                "benutzer",
                "usuario",
                "utilisateur",
            )
            for name in ("name", "id")
        ),
    ]
)
"""A user name's field that stands alone: nothing is typed into a search box."""
_PASSWORD: Final = "input[type=password]:visible"  # noqa: S105 - a selector
_LOOK_EVERY: Final = 0.3
"""Seconds between two looks at a page that somebody, or a script, is signing in on."""
_COMPLAINT: Final = "[role=alert]:visible, .error:visible, .alert:visible, .flash:visible"
_SETTLES_WITHIN: Final = 5.0
"""Seconds for a page to ask for all it needs: a script may yet lead to a sign-in. Portals that poll never end."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """What a sign-in form is answered with."""

    username: str
    password: str = dataclasses.field(repr=False)
    code: Callable[[], str] | None = None
    """Gives a one-time code; blocks. None where there is none to be had."""


@dataclasses.dataclass(slots=True)
class Statuses:
    """The HTTP statuses of the documents that a page has shown."""

    last: int = 200
    seen: int = 0


async def open_page(page: playwright.Page, url: str, timeout: float) -> int:
    """Opens an address, and waits a little for what its scripts do; gives the HTTP status.

    Args:
        page: of any context.
        url: http(s).
        timeout: seconds.

    Raises:
        PortalUnreachableError: the host does not answer; says why.
    """
    with statuses(page) as counted:
        try:
            answer = await page.goto(url, wait_until="domcontentloaded", timeout=timeout * 1000)
            # One that polls is taken as it is after a while.
            with contextlib.suppress(playwright.TimeoutError):
                await page.wait_for_load_state("networkidle", timeout=min(timeout, _SETTLES_WITHIN) * 1000)
        except playwright.Error as error:
            if page.is_closed():
                raise
            raise errors.PortalUnreachableError(unreachable(url, contexts.first_line(error))) from error
        return counted.last if counted.seen else (answer.status if answer else 200)


def unreachable(url: str, said: str) -> str:
    """What to tell of an address that does not open; pure.

    Args:
        url: that was asked for.
        said: the browser's own first line.
    """
    fault = net_errors.of_chromium(said)
    if fault is None and "Timeout" in said:
        fault = models.NetFault.SILENT
    if fault is not None:
        return str(net_errors.unreachable(url, fault, said))
    code = re.search(r"ERR_[A-Z0-9_]+", said)
    reason = f"the connection failed ({code[0]})" if code is not None else said
    return f"{net_errors.authority_of(url)} cannot be opened: {reason}"


@contextlib.contextmanager
def statuses(page: playwright.Page) -> Iterator[Statuses]:
    """Notes the status of every document the page itself shows while the block lasts."""
    counted = Statuses()

    def on_answer(answer: playwright.Response) -> None:
        # A frame that is gone has no page any more, and asking for it raises.
        with contextlib.suppress(playwright.Error):
            if answer.request.is_navigation_request() and answer.frame == page.main_frame:
                counted.last = answer.status
                counted.seen += 1

    page.on("response", on_answer)
    try:
        yield counted
    finally:
        page.remove_listener("response", on_answer)


async def by_form(
    page: playwright.Page,
    answers: Answers,
    *,
    signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
    may_type: Callable[[trust.Target], Awaitable[None]],
    timeout: float,
) -> None:
    """Fills the form on the open page, and waits until the portal lets us in.

    Forms that ask for the user name first and the password on a second page are filled in two steps.

    Args:
        page: open at a page that asks for a sign-in.
        answers: user name and password.
        signed_in: tells from a page and its HTTP status whether the portal lets us in.
        may_type: asked before anything is typed; raises LoginRequiredError where it must not be.
        timeout: seconds for each step.

    Raises:
        LoginRequiredError: there is no form, or it must not be filled.
        CredentialsRefusedError: the portal did not accept user name and password.
    """
    page.set_default_timeout(timeout * 1000)
    try:
        password_field = page.locator(_PASSWORD).first
        await page.locator(_USER).first.or_(password_field).first.wait_for()
        if not await password_field.count():
            user_field = page.locator(_USER).first
            await _type(user_field, answers.username, may_type)
            await user_field.press("Enter")
            await password_field.wait_for()
        else:
            # The one beside the password: a page may have a search box above the form.
            form = page.locator("form").filter(has=page.locator(_PASSWORD))
            user_field = (form if await form.count() else page).locator(_TEXTUAL).first
            if await user_field.count():
                await _type(user_field, answers.username, may_type)
        await _type(password_field, answers.password, may_type)
        if await _let_in(page, password_field, signed_in, timeout):
            return
        said = await _complaint(page)
    except playwright.Error as error:
        msg = (
            f"the sign-in form could not be filled ({contexts.first_line(error)}). "
            f"If this portal signs in through another page, use a window: po-pw login without --username"
        )
        raise errors.LoginRequiredError(msg) from error
    says = f' It says: "{said}".' if said else ""
    msg = f"the portal did not accept this user name and password.{says}"
    raise errors.CredentialsRefusedError(msg)


async def _type(field: playwright.Locator, text: str, may_type: Callable[[trust.Target], Awaitable[None]]) -> None:
    """Types into a field once its own document has been found to be one that may have the text."""
    # By handle: it dies with its document, so that nothing can come between asking and typing.
    element = await field.element_handle()
    origin, action = await element.evaluate(
        """(field) => {
          const form = field.form;
          const sends = (one) => one.type === 'submit' && one.hasAttribute('formaction');
          const button = form && [...form.elements].find(sends);
          const own = () => new URL(form.getAttribute('action') || '', document.baseURI).href;
          return [location.origin, button ? button.formAction : form ? own() : location.href];
        }"""
    )
    await may_type(trust.Target(str(origin), str(action)))
    await element.fill(text)


async def _let_in(
    page: playwright.Page,
    password_field: playwright.Locator,
    signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
    timeout: float,
) -> bool:
    """Sends the form and waits for the portal's word, which may take several pages, or a script and none."""
    opened: list[playwright.Frame] = []
    before = await _complaint(page)
    with statuses(page) as counted:

        def on_page(frame: playwright.Frame) -> None:
            if frame == page.main_frame and counted.seen:
                opened.append(frame)

        page.on("framenavigated", on_page)
        deadline = time.monotonic() + timeout
        try:
            await password_field.press("Enter")
            while time.monotonic() < deadline:
                try:
                    if await signed_in(page, counted.last):
                        return True
                    said = await _complaint(page)
                    # Portals that ask in two steps go back to the first.
                    asks_again = await password_field.count() > 0 or (said and await page.locator(_USER).count() > 0)
                    new_page = bool(opened)  # until then it is still the form that was sent
                    if (new_page and (counted.last >= 400 or asks_again)) or (asks_again and said != before):
                        await page.wait_for_load_state("domcontentloaded")
                        return await signed_in(page, counted.last)
                except playwright.Error:
                    if page.is_closed():
                        raise  # otherwise: between two pages
                await asyncio.sleep(_LOOK_EVERY)
            return False
        finally:
            page.remove_listener("framenavigated", on_page)


async def _complaint(page: playwright.Page) -> str:
    """What the page says went wrong; `""` where it says nothing."""
    complaint = page.locator(_COMPLAINT).first
    return " ".join((await complaint.inner_text()).split())[:200] if await complaint.count() else ""


async def by_window(
    page: playwright.Page,
    *,
    signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
    timeout: float,
) -> None:
    """Waits until the person has signed in on the open page, however many pages that takes.

    Args:
        page: open in a window.
        signed_in: tells from a page and its HTTP status whether the portal lets the person in.
        timeout: seconds.

    Raises:
        LoginRequiredError: the window was closed, or the time ran out.
    """
    deadline = time.monotonic() + timeout
    in_a_row = 0
    with statuses(page) as counted:
        while time.monotonic() < deadline:
            try:
                there = await signed_in(page, counted.last)
            except playwright.Error as error:
                if page.is_closed():
                    msg = "the window was closed before the sign-in was complete. Nothing was saved; start it again."
                    raise errors.LoginRequiredError(msg) from error
                there = False  # between two pages
            # Twice: a page on the way may look like the portal for a moment.
            in_a_row = in_a_row + 1 if there else 0
            if in_a_row >= 2:
                return
            await asyncio.sleep(_LOOK_EVERY)
    msg = f"nobody signed in within {timeout / 60:.0f} minutes. Nothing was saved; start it again."
    raise errors.LoginRequiredError(msg)
