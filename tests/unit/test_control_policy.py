"""What may be pressed and requested, for fixtures/corpus/controls.json and requests.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from po_pw import models
from po_pw.portals.generic import address_policy, change_words, control_policy, label_words, request_policy

CORPUS: Final = Path(__file__).parents[2] / "fixtures" / "corpus"
CONTROLS: Final = json.loads((CORPUS / "controls.json").read_text("utf-8"))
REQUESTS: Final = json.loads((CORPUS / "requests.json").read_text("utf-8"))
ORIGIN: Final = "https://portal.example"
PAGE: Final = f"{ORIGIN}/orders/4711"
LABELS: Final = [
    (language, verdict, label)
    for language, table in CONTROLS["labels"].items()
    for verdict, labels in table.items()
    for label in labels
]
NEVER: Final = [label for _, verdict, label in LABELS if verdict == "leave"]


def said(entry: dict[str, Any]) -> str:
    return str(entry["why"])


def control_of(entry: dict[str, Any]) -> models.Control:
    form = entry.get("form")
    address = entry.get("address", "")
    return models.Control(
        tag=entry.get("tag", "button"),
        label=entry.get("label", entry.get("title", "")),
        text=entry.get("text", entry.get("label", "")),
        title=entry.get("title", ""),
        kind=entry.get("kind", ""),
        role=entry.get("role", ""),
        address=urljoin(f"{ORIGIN}/", address) if address else "",
        attributes=tuple(sorted(entry.get("attributes", {}).items())),
        icons=tuple(entry.get("icons", ())),
        form=models.Form(form["method"], form["action"], tuple(form.get("fields", {}).items())) if form else None,
        row=entry.get("row", ""),
    )


def button(label: str, **facts: Any) -> models.Control:
    return models.Control(tag="button", label=label, text=label, kind="button", **facts)


def test_there_are_enough() -> None:
    """The corpus has enough labels, in enough languages, half of them never to be pressed."""
    verdicts = [verdict for _, verdict, _ in LABELS] + [entry["verdict"].lower() for entry in CONTROLS["controls"]]
    assert len(verdicts) >= 300
    assert len(CONTROLS["labels"]) >= 30
    assert verdicts.count("leave") * 2 >= len(verdicts)
    assert len({said(entry) for entry in CONTROLS["controls"]}) == len(CONTROLS["controls"])


@pytest.mark.parametrize(("language", "verdict", "label"), LABELS, ids=str)
def test_a_buttons_label(language: str, verdict: str, label: str) -> None:
    """A button in an attachments area is pressed or left because of its whole label."""
    found = control_policy.decide(button(label), origin=ORIGIN)
    assert found.action.value.lower() == verdict, found.why


@pytest.mark.parametrize("entry", CONTROLS["controls"], ids=said)
def test_a_control(entry: dict[str, Any]) -> None:
    """Each control gets the verdict of a careful person."""
    found = control_policy.decide(
        control_of(entry),
        origin=ORIGIN,
        names=entry.get("names", ()),
        shared_segments=entry.get("shared", ()),
        in_area=entry.get("in_area", True),
        record=entry.get("record", ""),
    )
    assert found.action.value == entry["verdict"], found.why
    if "certain" in entry:
        assert found.certain is entry["certain"]


def request_of(entry: dict[str, Any]) -> models.HeldRequest:
    return models.HeldRequest(
        method=entry.get("method", "GET"),
        url=urljoin(f"{ORIGIN}/", entry["url"]),
        resource=entry["resource"],
        page_url=PAGE,
        content_type=entry.get("content_type", ""),
        body=entry.get("body", "") * entry.get("times", 1),
        fields=tuple(entry.get("fields", {}).items()),
    )


def test_there_are_enough_requests() -> None:
    """The corpus has enough requests, each once."""
    assert len(REQUESTS["requests"]) >= 60
    assert len({said(entry) for entry in REQUESTS["requests"]}) == len(REQUESTS["requests"])


@pytest.mark.parametrize("entry", REQUESTS["requests"], ids=said)
def test_a_request(entry: dict[str, Any]) -> None:
    """Each request after a press gets its ruling; doubtful ones are stopped."""
    label = entry.get("label", "Download" if entry["purpose"] == "FILE" else "Next")
    pressed = button(label, row=entry.get("row", ""), attributes=tuple(entry.get("attributes", {}).items()))
    found = request_policy.decide(
        request_of(entry),
        models.Purpose(entry["purpose"]),
        pressed,
        read_only=entry.get("read_only", False),
        record=entry.get("record", ""),
    )
    assert found.ruling.value == entry["ruling"], found.why
    assert found.why


NAME: Final = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,12}\.(pdf|docx|xlsx|bin|msg)", fullmatch=True)
BESIDE: Final = st.sampled_from(
    ["", "Download ", "Herunterladen ", "the file ", "(PDF, 24 KB) ", "Télécharger ", "下载 "]
)


@pytest.mark.slow
@given(never=st.sampled_from(NEVER), name=NAME, before=BESIDE, after=BESIDE, last=st.booleans())
@example(never="Delete", name="sign.pdf", before="Download ", after="", last=True)
def test_what_must_not_be_pressed_is_not_made_so_by_what_stands_beside_it(
    never: str, name: str, before: str, after: str, last: bool
) -> None:
    """A label that must not be pressed stays so, with file names and other words around it."""
    label = f"{before}{never} {after}{name}" if last else f"{name} {before}{never} {after}".rstrip()
    if change_words.change_word(never) is None:
        return
    for names in ((), (name,), (name, "invoice.pdf")):
        found = control_policy.decide(button(label), origin=ORIGIN, names=names)
        assert found.action is control_policy.Action.LEAVE, (label, found)


@given(never=st.sampled_from(NEVER), name=NAME, names=st.lists(NAME, max_size=3))
def test_taking_out_the_files_name_lets_no_word_outside_it_through(never: str, name: str, names: list[str]) -> None:
    """A word of change outside the file's name is found, whatever names are removed."""
    if change_words.change_word(never) is None or label_words.file_name(never):
        return
    for label in (f"{never} {name}", f"{name} {never}", f"{never} “{name}”", f"{never}: {name}"):
        assert change_words.change_word(label, names=[name, *names]), label


@given(text=st.text(max_size=300))
def test_any_text_is_evaluated(text: str) -> None:
    """No text raises an error, and none with a word of change is pressed."""
    found = control_policy.decide(button(text), origin=ORIGIN)
    assert found.why
    if change_words.change_word(text):
        assert found.action is control_policy.Action.LEAVE or label_words.file_name(text)
    address_policy.change_in_address(text)
