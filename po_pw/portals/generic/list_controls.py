"""Which controls show more of a list: those that open a closed part, and those that turn its pages. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from po_pw.portals.generic import (
    address_policy,
    change_words,
    control_policy,
    control_veto,
    grouping,
    label_words,
    page_items,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def still_closed(
    counted: Sequence[page_items.Area],
    areas: Sequence[page_items.Area],
    candidates: Sequence[page_items.Candidate],
    items: Sequence[page_items.Item],
) -> tuple[str, ...]:
    """Labels of parts of the areas that remain closed: branches, areas behind a control, controls about attachments."""
    found = [f"{area.label}: a closed section" for area in counted if area.branches and area.score > page_items.TALK]
    found += [
        area.label
        for area in counted
        if area.sealed and not (area.items or area.says_none or area.claimed == 0) and area.score >= page_items.STRONG
    ]
    for one in candidates:
        if one.area < 0 or not one.shown or one.off or one.opener or one.expanded != "false" or one.control.address:
            continue
        if one.decision.action is not control_policy.Action.LEAVE or areas[one.area].score < page_items.STRONG:
            continue
        has_items = one.governs >= 0 and any(way.area == one.governs for item in items for way in item.ways)
        if topics.has_topic(one.control.label) and not has_items and not change_words.changes(one.control.label):
            found.append(one.control.label)
    return tuple(dict.fromkeys(found))


def opens_more(one: page_items.Candidate, areas: Sequence[page_items.Area], placed: Sequence[page_items.Item]) -> bool:
    """Whether a control may be pressed to show a closed part of the list."""
    if one.off or not one.shown or one.expanded == "true" or one.current:
        return False
    if one.decision.action is not control_policy.Action.OPEN and not (
        one.opener and control_veto.veto(one.control) is None
    ):
        return False
    if one.control.form is not None and one.control.kind in {"submit", "image", "reset"}:
        return False  # without a form of its own a plain button is a "submit" that sends nothing
    target = one.governs if one.governs >= 0 else -1
    is_tab = one.control.role == "tab" and topics.topic(one.control.label) > 0 and one.expanded == "false"
    if is_tab and target < 0:
        return True
    if one.opener and target < 0 and one.decision.action is not control_policy.Action.OPEN and one.expanded != "false":
        return False
    if target >= 0:
        has_items = any(way.area == target for item in placed for way in item.ways)
        return not has_items and (one.expanded == "false" or not areas[target].shown)
    if one.area >= 0:
        return one.decision.action is control_policy.Action.OPEN and one.expanded != "true"
    # The page does not say what it opens: its whole label must.
    return (
        all(area.score <= page_items.TALK for area in areas)
        and one.decision.action is control_policy.Action.OPEN
        and topics.topic(_without_verb(one.control.label)) >= page_items.STRONG
    )


def _without_verb(label: str) -> str:
    words = label.split()
    return max((" ".join(words[at:]) for at in range(len(words))), key=topics.topic, default="")


def turning(
    candidates: Sequence[page_items.Candidate], areas: Sequence[page_items.Area]
) -> Iterable[page_items.Candidate]:
    """The controls of the list's own paging: "next" and "more" first, then numbers."""
    inside = [
        one
        for one in candidates
        if one.area >= 0 and one.shown and not one.off and areas[one.area].score > page_items.TALK
    ]
    turning = [one for one in inside if one.decision.action is control_policy.Action.TURN]
    first = [one for one in turning if label_words.page_number(one.control.label) is None]
    numbers = [one for one in turning if label_words.page_number(one.control.label) is not None]
    counted: dict[int, int] = {}
    for one in (other for other in candidates if label_words.page_number(other.control.label) is not None):
        counted[one.group] = counted.get(one.group, 0) + 1
    yield from first
    # Links to all attachments, on a page that shows only some.
    yield from (
        one
        for one in inside
        if one.control.address
        and not grouping.is_named(one)
        and label_words.is_expander_label(one.control.label)
        and address_policy.change_in_address(one.control.address) is None
    )
    yield from (one for one in numbers if one.paging or counted.get(one.group, 0) > 1)
