"""Takes a screenshot of a page on which the controls that were found have numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.browser import controls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playwright import async_api as playwright

_MARK: Final = """(element, number) => {
  const box = element.getBoundingClientRect();
  if (!box.width || !box.height) return;
  const mark = element.ownerDocument.createElement('div');
  mark.textContent = number;
  mark.style.cssText = 'position:absolute;z-index:2147483647;pointer-events:none;box-sizing:border-box;color:#fff;' +
    'font:bold 11px/14px system-ui,sans-serif;border:2px solid #b00020;padding:0;' +
    `left:${box.left + scrollX - 3}px;top:${box.top + scrollY - 3}px;` +
    `width:${box.width + 6}px;height:${box.height + 6}px`;
  const tag = element.ownerDocument.createElement('span');
  tag.textContent = number;
  mark.textContent = '';
  tag.style.cssText = 'position:absolute;right:100%;top:-2px;background:#b00020;padding:1px 4px;white-space:nowrap';
  mark.append(tag);
  element.ownerDocument.body.append(mark);
}"""
_TIMEOUT: Final = 10_000
"""Milliseconds for the screenshot."""


async def take(page: playwright.Page, found: Sequence[models.Control], path: Path) -> tuple[int, ...]:
    """Frames and numbers (from 1) each control that is on the page, and saves a screenshot of the full page.

    Args:
        page: in the state in which it was read.
        found: the controls to number, in order.
        path: PNG file to write.

    Returns:
        The numbers drawn. Controls that are not on this page of a list get none.

    Raises:
        playwright.Error: the page is closed or has crashed.
    """
    drawn = []
    seen: dict[models.Control, int] = {}
    for number, control in enumerate(found, start=1):
        nth = seen[control] = seen.get(control, -1) + 1
        try:
            _, element = await controls.find(page, models.Click(control, nth, found.count(control)))
        except errors.TransientError:
            continue
        await element.evaluate(_MARK, str(number))
        drawn.append(number)
    await page.screenshot(path=path, full_page=True, timeout=_TIMEOUT)
    return tuple(drawn)
