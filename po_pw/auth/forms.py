"""Signs in by filling in forms, page by page: user name, password, one-time code, "Stay signed in?"."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib.resources
import time
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from playwright import async_api as playwright

from po_pw import errors, hostnames, known_secrets
from po_pw.auth import form_steps, page_opening
from po_pw.auth import trust as trusts
from po_pw.browser import controls, launching

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SOURCE: Final = (importlib.resources.files("po_pw.auth") / "form_page.js").read_text("utf-8")
_LOOK: Final = f"() => ({_SOURCE.rstrip()})({controls.SCRIPT})"
_LOOK_EVERY: Final = 0.3
"""Seconds between two looks at the page during a sign-in by form."""
_COMPLAINT: Final = "[role=alert]:visible, .error:visible, .alert:visible, .flash:visible"
_MOST_STEPS: Final = 12
"""Maximum answers: after more, the sign-in is going round in circles."""
_TARGET: Final = """(element) => {
  const form = element.form || element.closest('form');
  const sends = (one) => one.type === 'submit' && one.hasAttribute('formaction');
  const button = form && (sends(element) ? element : [...form.elements].find(sends));
  const own = () => new URL(form.getAttribute('action') || '', document.baseURI).href;
  return [location.origin, button ? button.formAction : form ? own() : location.href];
}"""
_BY_WINDOW: Final = "Sign in with a window instead: po-pw login without --username"


class AsksForCode(Protocol):
    """Returns a one-time code for a host; blocks."""

    def __call__(self, host: str) -> str:
        """The code.

        Raises:
            LoginRequiredError: there is none.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """The answers for a sign-in form."""

    username: str
    password: str = dataclasses.field(repr=False)
    code: AsksForCode | None = None
    """None if there is no source of one-time codes."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """What one document asks for, and its elements."""

    page: form_steps.FormPage
    handle: playwright.JSHandle

    async def field(self, number: int) -> playwright.ElementHandle:
        return await self._element(number)

    async def button(self, number: int) -> playwright.ElementHandle:
        return await self._element(len(self.page.fields) + number)

    async def _element(self, number: int) -> playwright.ElementHandle:
        element = (await self.handle.evaluate_handle("(look, number) => look.elements[number]", number)).as_element()
        if element is None:
            msg = "the element is gone"
            raise playwright.Error(msg)
        return element


async def fill(
    page: playwright.Page,
    answers: Answers,
    *,
    signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
    may_type: Callable[[trusts.Target], Awaitable[None]],
    timeout: float,
) -> None:
    """Fills in the forms on the open page and those that follow, until we are signed in.

    Args:
        page: shows a page that asks for a sign-in.
        answers: user name, password and the source of one-time codes.
        signed_in: whether we are signed in, from a page and its HTTP status.
        may_type: called before anything is typed or pressed; raises LoginRequiredError if that is not allowed.
        timeout: seconds for each page.

    Raises:
        LoginRequiredError: there is no form, it must not be filled in, or a person is needed.
        CredentialsRefusedError: the portal did not accept user name and password.
    """
    page.set_default_timeout(timeout * 1000)
    try:
        with page_opening.statuses(page) as counted:
            await _Filling(page, answers, counted, signed_in, may_type, timeout).run()
    except playwright.Error as error:
        msg = f"the sign-in form could not be filled ({launching.first_line(error)}). {_BY_WINDOW}"
        raise errors.LoginRequiredError(msg) from error


class _Filling:
    """One pass through the pages of a sign-in."""

    def __init__(
        self,
        page: playwright.Page,
        answers: Answers,
        counted: page_opening.Statuses,
        signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
        may_type: Callable[[trusts.Target], Awaitable[None]],
        timeout: float,
    ) -> None:
        self._page = page
        self._answers = answers
        self._counted = counted
        self._signed_in = signed_in
        self._may_type = may_type
        self._timeout = timeout
        self._done: frozenset[form_steps.Asks] = frozenset()
        self._typed: frozenset[str] = frozenset()
        self._offered: frozenset[str] = frozenset()
        """Texts of links and buttons on the pages already answered."""
        self._complained = ""
        """The error that the page showed when it was last answered."""

    async def run(self) -> None:
        is_second = False
        for _ in range(_MOST_STEPS):
            look, step = await self._next()
            if step is None:
                return
            try:
                await self._answer(look, step)
            except playwright.Error:
                if self._page.is_closed() or is_second:
                    raise
                is_second = True  # another page came meanwhile: it is answered next
        msg = f"the portal asks for the sign-in again and again. {_BY_WINDOW}"
        raise errors.LoginRequiredError(msg)

    async def _next(self) -> tuple[_Look, form_steps.Step | None]:
        """Waits for a page that asks for something; None if we are signed in.

        Raises:
            LoginRequiredError: neither happened.
        """
        deadline = time.monotonic() + self._timeout
        look, step = None, form_steps.NOTHING
        while time.monotonic() < deadline:
            try:
                status = self._counted.last
                look, step = await self._look()
                # Before the password was typed, a page that asks for something means that we are not signed in.
                may_be_in = form_steps.Asks.PASSWORD in self._done or step.asks is form_steps.Asks.NOTHING
                if may_be_in and not step.certain and await self._signed_in(self._page, status):
                    return look, None
                if step.asks is not form_steps.Asks.NOTHING and step.asks not in self._done:
                    return look, step
                if self._done and await self._is_refused(step):
                    await self._page.wait_for_load_state("domcontentloaded")
                    if await self._signed_in(self._page, self._counted.last):
                        return look, None
                    raise await self._refusal(look, step)
            except playwright.Error:
                if self._page.is_closed():
                    raise  # else: between two pages
            await asyncio.sleep(_LOOK_EVERY)
        raise await self._refusal(look, step)

    async def _look(self) -> tuple[_Look, form_steps.Step]:
        """The first document of the page that asks for something; the page itself if none does."""
        first: tuple[_Look, form_steps.Step] | None = None
        for frame in self._page.frames[:20]:
            if frame.is_detached() or not frame.url.startswith("http"):
                continue
            handle = await frame.evaluate_handle(_LOOK)
            facts: Any = await handle.evaluate("(look) => look.facts")
            look = _Look(form_steps.parse(facts), handle)
            step = form_steps.next_step(look.page, self._done, self._typed, self._offered)
            if frame != self._page.main_frame:
                step = dataclasses.replace(step, certain=False)
            if first is None or step.asks is not form_steps.Asks.NOTHING:
                first = look, step
            if step.asks is not form_steps.Asks.NOTHING:
                break
        if first is None:
            msg = "the page shows no document"
            raise playwright.Error(msg)
        return first

    async def _answer(self, look: _Look, step: form_steps.Step) -> None:
        """Types the answer and sends it."""
        if step.asks is form_steps.Asks.NEW_PASSWORD:
            msg = "the portal asks you to choose a new password. Do that in a window: po-pw login without --username"
            raise errors.LoginRequiredError(msg)
        pressed = None
        if step.user >= 0:
            pressed = await self._type(look, step.user, self._answers.username)
            self._typed |= {look.page.fields[step.user].name}
        if step.password >= 0:
            pressed = await self._type(look, step.password, self._answers.password)
            self._typed |= {look.page.fields[step.password].name}
        if step.code:
            pressed = await self._type_code(look, step.code)
        self._complained = await self._complaint()
        self._counted.seen = self._counted.shown = 0
        if step.button >= 0:
            button = await look.button(step.button)
            await self._allowed(button)
            await button.click()
        elif pressed is not None:
            # A script may have sent it already, after the last character.
            with contextlib.suppress(playwright.Error):
                await pressed.press("Enter")
        asked = {
            step.asks,
            *([form_steps.Asks.USER] if step.user >= 0 else []),
            *([form_steps.Asks.CODE] if step.code else []),
        }
        self._done |= asked
        self._offered |= form_steps.offers(look.page)

    async def _type(self, look: _Look, number: int, text: str) -> playwright.ElementHandle:
        # By handle: it is gone with its document, so that the page cannot change between check and typing.
        element = await look.field(number)
        await self._allowed(element)
        await element.fill(text)
        return element

    async def _type_code(self, look: _Look, numbers: tuple[int, ...]) -> playwright.ElementHandle:
        host = await self._allowed(await look.field(numbers[0]))
        if self._answers.code is None:
            msg = (
                f"{host} asks for a one-time code, and nobody is here to type it. Name a program that prints it with "
                "--totp-command, or sign in with a window: po-pw login without --username"
            )
            raise errors.LoginRequiredError(msg)
        code = await asyncio.to_thread(self._answers.code, host)
        known_secrets.remember(code)
        pieces = list(code) if len(numbers) > 1 else [code]
        if len(pieces) != len(numbers):
            msg = f"{host} asks for a one-time code of {len(numbers)} characters, and this one has {len(pieces)}"
            raise errors.LoginRequiredError(msg)
        for number, piece in zip(numbers, pieces, strict=True):
            element = await self._type(look, number, piece)
        return element

    async def _allowed(self, element: playwright.ElementHandle) -> str:
        """Checks that an element's document, and the target of its form, may get what is typed; returns the host."""
        origin, action = await element.evaluate(_TARGET)
        await self._may_type(trusts.Target(str(origin), str(action)))
        return hostnames.ascii_host(urlsplit(str(origin)).hostname or "")

    async def _is_refused(self, step: form_steps.Step) -> bool:
        """Whether the page asks for the same again, or failed."""
        asks_again = step.asks is not form_steps.Asks.NOTHING
        if self._counted.shown and (self._counted.last >= 400 or asks_again):
            return True
        return asks_again and await self._complaint() != self._complained

    async def _refusal(self, look: _Look | None, step: form_steps.Step) -> errors.LoginRequiredError:
        """The error that says why the sign-in failed."""
        said = await self._complaint()
        says = f' It says: "{said}"' if said else ""
        if not self._done:
            msg = f"no sign-in form appeared within {self._timeout:.0f} s. {_BY_WINDOW}"
            return errors.LoginRequiredError(msg)
        if step.asks is form_steps.Asks.CODE:
            return errors.CodeRefusedError(f"the portal did not accept the one-time code.{says}")
        if step.asks in {form_steps.Asks.USER, form_steps.Asks.PASSWORD}:
            has_password = form_steps.Asks.PASSWORD in self._done
            what = "user name and password" if has_password else "user name"
            return errors.CredentialsRefusedError(f"the portal did not accept this {what}.{says}")
        host = urlsplit(self._page.url).hostname or ""
        if self._counted.last >= 400:
            return errors.LoginRequiredError(f"{host} answered HTTP {self._counted.last} to the sign-in form.{says}")
        asks = form_steps.question(look.page) if look is not None else ""
        msg = (
            f'the sign-in stopped at a page of {host} that po-pw cannot fill in: "{asks}". Complete it once in a '
            "window: po-pw login without --username"
        )
        return errors.LoginRequiredError(msg)

    async def _complaint(self) -> str:
        """The error shown on the page; `""` if none."""
        complaint = self._page.locator(_COMPLAINT).first
        return " ".join((await complaint.inner_text()).split())[:200] if await complaint.count() else ""
