"""The pages that follow from the program are as it would write them now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from docs import reference
from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Iterator


def below(kind: type[errors.PoPwError]) -> Iterator[type[errors.PoPwError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from below(one)


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_page_has_not_drifted(name: str) -> None:
    """An option, setting, status or code that changed; `python docs/reference.py` writes the page again."""
    written = (reference.FOLDER / name).read_text("utf-8")
    assert written == reference.PAGES[name](), "run: python docs/reference.py"


def test_every_exit_code_is_described() -> None:
    """Those of all our exceptions."""
    assert {kind.exit_code for kind in below(errors.PoPwError)} <= set(reference.EXIT_CODES)
