"""Which types of files are wanted, and what an earlier run skipped."""

from __future__ import annotations

import pytest

from po_pw import errors, models, settings
from po_pw.downloads import wanted_types

PDF = wanted_types.WantedTypes.of(("pdf", "jpg"))


@pytest.mark.parametrize(
    ("name", "media_type", "kind"),
    [
        ("a.PDF", "", ""),
        ("a.jpeg", "", ""),
        ("a", "application/pdf", ""),
        ("a", "application/octet-stream", ""),  # nobody knows: it may be wanted
        ("a", "", ""),
        ("a.docx", "application/pdf", "docx"),
        ("a", "image/png", "png"),
        ("archive.tar.gz", "", "gz"),
    ],
)
def test_a_type_is_told_by_the_name_and_else_by_the_server(name: str, media_type: str, kind: str) -> None:
    """Only a file that is known to be of another type is refused."""
    wanted_types.ALL.check(name, media_type)
    if not kind:
        PDF.check(name, media_type)
        return
    with pytest.raises(wanted_types.UnwantedTypeError) as caught:
        PDF.check(name, media_type)
    assert caught.value.kind == kind


def test_what_was_skipped_is_wanted_once_its_type_is() -> None:
    """A finished order is opened again only for its skipped types."""
    skipped = models.MissingFile("a", "a.docx", "", None, skipped_type="docx")
    link = models.MissingFile("b", "b", "https://x/b", None)
    assert not PDF.wants_more((skipped, link))
    assert wanted_types.WantedTypes.of(("docx",)).wants_more((link, skipped))
    assert wanted_types.ALL.wants_more((skipped,))
    assert not wanted_types.ALL.wants_more((link,))


def test_types_are_read_as_they_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas, dots and stars are accepted, several times, also in the environment."""
    assert settings.load(types=("pdf, .XLSX", "*.pdf")).types == ("pdf", "xlsx")
    monkeypatch.setenv("PO_PW_TYPES", "pdf,dwg")
    assert settings.load().types == ("pdf", "dwg")
    assert settings.load(types=("sldprt",)).types == ("sldprt",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("pfd", "'pfd' is not a known type of file; did you mean pdf?"),
        (" , ", "no type is given"),
        ("p/f", "'p/f' is not"),
    ],
)
def test_a_mistyped_type_is_refused(given: str, said: str) -> None:
    """It would skip every file."""
    with pytest.raises(errors.InputError) as caught:
        settings.load(types=(given,))
    assert said in str(caught.value)
