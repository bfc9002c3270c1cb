"""Scrolls a page and what scrolls in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright import async_api as playwright

_SCROLL: Final = """() => {
  let moved = false;
  for (const node of [document.scrollingElement, ...document.querySelectorAll('*')]) {
    if (!node || node.scrollHeight <= node.clientHeight + 4) continue;
    if (node !== document.scrollingElement && !/(auto|scroll)/.test(getComputedStyle(node).overflowY)) continue;
    const before = node.scrollTop;
    node.scrollTop = before + Math.max(node.clientHeight * 0.9, 100);
    moved = moved || node.scrollTop !== before;
  }
  return new Promise((resolve) => {
    const end = () => resolve(moved);
    setTimeout(end, 250);
    requestAnimationFrame(() => requestAnimationFrame(end));
  });
}"""
_SWEEP: Final = f"""async () => {{
  for (let step = 0; step < 40 && await ({_SCROLL})(); step += 1);
}}"""


async def scroll(frame: playwright.Frame) -> bool:
    """Scrolls everything in a frame on by almost what it shows; False if all of it is at its end."""
    return bool(await frame.evaluate(_SCROLL))


async def sweep(frame: playwright.Frame) -> None:
    """Brings every part of a frame into view once: what a page asks for only then, it asks for now."""
    await frame.evaluate(_SWEEP)
