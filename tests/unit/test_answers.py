"""The evidence of a server's response in place of a file."""

from __future__ import annotations

from typing import Final

from po_pw import models
from po_pw.evidence import answers

SECRET: Final = "s3cr3tValue99"


def shown(start: bytes, kind: str = "text/html", *, status: int | None = 404, name: str = "invoice.pdf") -> str:
    headers = {"content-type": kind, "Set-Cookie": f"sid={SECRET}", "X-Auth-Token": SECRET, "x-request-id": "a-1"}
    answer = models.Answer(f"https://h.example/f/5?sig={SECRET}", status, headers, start)
    failure = models.Failure(models.ErrorCode.NOT_FOUND, "h.example answered HTTP 404: there is no such file")
    text = answers.text([answers.Refused(name, failure, answer)])
    assert SECRET not in text
    return text


def test_a_page_is_shown_as_people_see_it() -> None:
    """A page is shown without scripts, form fields and hidden parts, with its address and headers."""
    page = f"""<!doctype html><title>Expired: signature={SECRET}</title><script>token='{SECRET}'</script>
      <body><h1>This link has   expired</h1><!-- {SECRET} --><textarea>{SECRET}</textarea><p hidden>{SECRET}
      <select hidden><option>{SECRET}</select></p><input value="{SECRET}"><p>api_key={SECRET}<p>Ask M\xfcller"""
    assert shown(page.encode("latin-1"), "text/html; charset=latin-1").splitlines() == [
        "invoice.pdf",
        "  NOT_FOUND: h.example answered HTTP 404: there is no such file",
        "  Address: https://h.example/f/5?sig=REDACTED",
        "  Answer: HTTP 404",
        "  Content-Type: text/html; charset=latin-1",
        "  X-Request-Id: a-1",
        "",
        "    Expired: signature=REDACTED",
        "    This link has expired",
        "    api_key=REDACTED",
        "    Ask Müller",
    ]


def test_other_answers_are_shown_as_they_are_and_bytes_are_not() -> None:
    """JSON and plain text are shown without secrets and control characters, and cut."""
    said = shown(f'{{"message": "denied", "access_token": "{SECRET}"}}'.encode(), "application/json")
    assert '"message": "denied", "access_token": "REDACTED"' in said
    assert "\x1b" not in shown(b"\x1b]0;x\x07 gone", "text/plain")
    assert len(shown(b"word " * 5_000, "text/plain")) < 2_500
    assert "%PDF" not in shown(b"%PDF-1.7 \0\x01", "application/pdf")
    assert "charset" in shown(b"<h1>x</h1>", "text/html; charset=nonsense")
    assert "Downloaded by the browser" in shown(b"", status=None)


def test_the_first_files_are_shown_and_the_others_counted() -> None:
    """Of many refused files, the first are shown and the others counted."""
    answer = models.Answer("https://h.example/f", 500, {})
    failure = models.Failure(models.ErrorCode.PORTAL_ERROR, "HTTP 500")
    text = answers.text(answers.Refused(f"{number}.pdf", failure, answer) for number in range(60))
    assert "49.pdf" in text
    assert "50.pdf" not in text
    assert text.endswith("and 10 more files\n")
