"""A screenshot of a page with the things that were taken from it numbered."""

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
_PATIENCE: Final = 10_000


async def take(page: playwright.Page, found: Sequence[models.Control], path: Path) -> tuple[int, ...]:
    """Draws a number, from 1, around each control that is on the page now, and saves a screenshot of all of it.

    Args:
        page: as it was read.
        found: what to number, in order.
        path: of the PNG.

    Returns:
        The numbers that were drawn: a control on another page of the list is not there.

    Raises:
        playwright.Error: the page is gone.
    """
    drawn = []
    met: dict[models.Control, int] = {}
    for number, control in enumerate(found, start=1):
        nth = met[control] = met.get(control, -1) + 1
        try:
            _, element = await controls.find(page, models.Click(control, nth, found.count(control)))
        except errors.TransientError:
            continue
        await element.evaluate(_MARK, str(number))
        drawn.append(number)
    await page.screenshot(path=path, full_page=True, timeout=_PATIENCE)
    return tuple(drawn)
