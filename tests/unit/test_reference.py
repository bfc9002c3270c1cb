"""The generated pages are up to date."""

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
    """`python docs/reference.py` would write the page as it is."""
    written = (reference.FOLDER / name).read_text("utf-8")
    assert written == reference.PAGES[name](), "run: python docs/reference.py"


def test_every_exit_code_is_described() -> None:
    """The exit codes of all our errors are described."""
    assert {kind.exit_code for kind in below(errors.PoPwError)} <= set(reference.EXIT_CODES)
