"""Controls of a page: links, buttons, and the forms that they submit."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """The form that a control would submit."""

    method: str
    """Lower case: `get`, `post`, `dialog`; the control's `formmethod` if it has one."""
    action: str
    """Absolute; the control's `formaction` if it has one."""
    fields: tuple[tuple[str, str], ...] = ()
    """Names and values of hidden fields, and of the control itself."""


@dataclasses.dataclass(frozen=True, slots=True)
class Control:
    """A link, button or other control of a page: what is needed to decide about it and to find it again."""

    tag: str
    """Local name, lower case."""
    label: str
    """Full accessible name, white space collapsed: `aria-label`, else text or value, else `title` or `alt`."""
    text: str = ""
    """Its visible text, white space collapsed."""
    title: str = ""
    kind: str = ""
    """Effective type of a button or input: `submit`, `button`, `image`, `reset`; else `""`."""
    role: str = ""
    """The explicit ARIA role."""
    address: str = ""
    """Absolute target: `href`, else `data-url`, `data-href` and similar; `""` if it has none."""
    attributes: tuple[tuple[str, str], ...] = ()
    """All other attributes, sorted by name: `id`, `class`, `value`, `data-*`, `aria-*`, `onclick`, `rel`, `download`"""
    icons: tuple[str, ...] = ()
    """Names of its icons: class names and ligatures of icon fonts, file names, `<use>` targets, symbols."""
    form: Form | None = None
    row: str = ""
    """Text of its table or list row, without the labels of controls; white space collapsed."""
    frame: str = ""
    """Address of its frame; `""` for the main frame."""


@dataclasses.dataclass(frozen=True, slots=True)
class Click:
    """A file that is only available by a click, and how to find the control again."""

    control: Control
    nth: int = 0
    """Index among identical controls, from 0."""
    alike: int = 1
    """Number of identical controls; if it differs, the page has changed."""
    page: int = 0
    """How often "next page of attachments" must be pressed to reach the control."""
    at: str = ""
    """Address of the page it is on; `""` for the order's own."""
