"""Describes the controls of a page, and finds them again by their descriptions."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING, Any, Final

from playwright import async_api as playwright

from po_pw import errors, models

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT: Final = (importlib.resources.files("po_pw.browser") / "controls.js").read_text("utf-8").partition("\n")[2]
"""A JavaScript expression: an object of functions that describe controls, for use in other scripts."""

_ALIKE: Final = f"""(wanted) => {{
  const lib = {SCRIPT};
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const found = lib.all(wanted.tag).map((element) => ({{ element, is: lib.describe(element) }}))
    .filter((one) => ['label', 'kind', 'role', 'text'].every((name) => one.is[name] === wanted[name]))
    .filter((one) => lib.shown(one.element));
  const ways = [['row', 'attributes', 'address'], ['row', 'address'], ['row'], ['attributes', 'address'], ['address']];
  for (const names of ways) {{
    const best = found.filter((one) => names.every((name) => same(one.is[name], wanted[name])));
    if (best.length) return best.map((one) => one.element);
  }}
  return [];
}}"""


def parse(raw: Mapping[str, Any], frame: str = "") -> models.Control:
    """Reads a control from the result of the script's `describe`.

    Args:
        raw: JSON object.
        frame: address of its frame; `""` for the main frame.
    """
    form = raw["form"]
    return models.Control(
        tag=raw["tag"],
        label=raw["label"],
        text=raw["text"],
        title=raw["title"],
        kind=raw["kind"],
        role=raw["role"],
        address=raw["address"],
        attributes=tuple((name, value) for name, value in raw["attributes"]),
        icons=tuple(raw["icons"]),
        row=raw["row"],
        frame=frame,
        form=models.Form(form["method"], form["action"], tuple((name, value) for name, value in form["fields"]))
        if form
        else None,
    )


def _raw(control: models.Control) -> dict[str, Any]:
    return {
        "tag": control.tag,
        "label": control.label,
        "text": control.text,
        "kind": control.kind,
        "role": control.role,
        "address": control.address,
        "attributes": [list(pair) for pair in control.attributes],
        "row": control.row,
    }


async def find(page: playwright.Page, click: models.Click) -> tuple[playwright.Frame, playwright.ElementHandle]:
    """Finds a control that was read before, on a page that may have been reopened.

    Identified by tag, label and row; the position only distinguishes identical ones.

    Raises:
        TransientError: it was not found, or the number of identical controls has changed.
    """
    wanted = click.control
    frames = [page.main_frame] if not wanted.frame else []
    frames += [frame for frame in page.frames if wanted.frame and frame.url == wanted.frame]
    frames += [frame for frame in page.frames if frame not in frames and not frame.is_detached()]
    for frame in frames:
        try:
            handle = await frame.evaluate_handle(_ALIKE, _raw(wanted))
            alike = [one.as_element() for one in (await handle.get_properties()).values()]
        except playwright.Error:
            if page.is_closed():
                raise
            continue  # the frame is being replaced
        elements = [one for one in alike if one is not None]
        if len(elements) == click.alike and click.nth < len(elements):
            return frame, elements[click.nth]
        if elements:
            break
    msg = f"the control {wanted.label!r} is no longer there: the page changed after it was read"
    raise errors.TransientError(msg, models.ErrorCode.LIST_INCOMPLETE)


_DESCRIBE: Final = f"(element) => ({SCRIPT}).describe(element)"


async def describe(element: playwright.ElementHandle, frame: str = "") -> models.Control:
    """Describes a control as it is now."""
    return parse(await element.evaluate(_DESCRIBE), frame)
