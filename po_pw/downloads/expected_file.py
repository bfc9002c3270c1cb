"""What is known about a file before its bytes arrive: name, type, length, date. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from po_pw import http_dates, models, numerals, redact
from po_pw.downloads import disposition, file_type
from po_pw.transport import codings

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMELESS: Final = re.compile(r"(?i)(download|[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12})( ?\(\d+\))?(\.\w+)?")
"""Names that browsers give to downloads without a name."""
_OLDEST: Final = datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class ExpectedFile:
    """What is known about a file before its bytes arrive."""

    shown: str
    """Its name on the page."""
    sent_name: str
    """Its name from the server, else the page, else the address; may have no extension."""
    requested_name: str
    """Last part of the requested address."""
    media_type: str
    length: int | None
    """Bytes; None if not announced, or if the header counts something else."""
    modified_at: datetime.datetime | None
    etag: str
    """As the server sent it."""
    is_attachment: bool
    """The server asks to save it instead of showing it."""
    source: str
    url: str = ""
    """The full address, after redirects."""
    requested_url: str = ""
    """The full requested address; `""` if it came by a click."""
    charset: str = ""
    """Of a text, as sent by the server; `""` if not sent."""
    is_named_page: bool = False
    """The server sent a file name that is a page's, which it does not do for the portal's own pages."""
    is_certain: bool = True
    """The page shows this as an attachment for certain."""
    may_be_empty: bool = True
    """An empty body would be valid, and not a connection that broke off."""

    def after(self, kept: models.SavedFile | None) -> ExpectedFile:
        """Adds what an earlier run saved: a file that had bytes must not be empty now."""
        return dataclasses.replace(self, may_be_empty=False) if kept is not None and kept.size else self

    def final(self, head: bytes) -> ExpectedFile:
        """Adds an extension, if it has none, from the type or the first bytes."""
        if file_type.extension(self.sent_name):
            return self
        added = file_type.extension_for(self.media_type, file_type.actual(head))
        return dataclasses.replace(self, sent_name=(self.sent_name or "attachment") + added)


def of_answer(
    attachment: models.Attachment, url: str, headers: Mapping[str, str], *, encoded: bool, now: datetime.datetime
) -> ExpectedFile:
    """Reads what an HTTP response announces.

    Args:
        attachment: as read from the page.
        url: final address, after redirects.
        headers: names in any case.
        encoded: the body is compressed, so `Content-Length` is not the file's length.
        now: later dates are ignored.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    header = lower.get("content-disposition", "")
    length = lower.get("content-length", "").strip()
    asked = attachment.source.url if isinstance(attachment.source, models.Link) else ""
    is_framed = encoded or "chunked" in lower.get("transfer-encoding", "").lower()
    return ExpectedFile(
        shown=replace_surrogates(attachment.name),
        sent_name=redact.file_name(replace_surrogates(disposition.name(header) or _name(attachment.name, url))),
        requested_name=_last_part(asked),
        media_type=lower.get("content-type", "").partition(";")[0].strip().lower(),
        length=None if encoded else numerals.parse_int(length),
        modified_at=_date(lower.get("last-modified", ""), now),
        etag=replace_surrogates(lower.get("etag", "").strip()),
        is_attachment=disposition.is_attachment(header),
        source=redact.bare(url),
        url=url,
        requested_url=asked,
        is_named_page=file_type.promises_page(disposition.name(header)),
        is_certain=attachment.is_certain,
        may_be_empty=is_framed or length == "0",
        charset=lower.get("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(" \"'"),
    )


def of_download(
    attachment: models.Attachment, suggested: str, url: str, headers: Mapping[str, str], *, now: datetime.datetime
) -> ExpectedFile:
    """Reads what a browser's download announces.

    Args:
        attachment: as read from the page.
        suggested: name suggested by the browser.
        url: may be a `blob:`.
        headers: of the response; empty if there was none.
        now: later dates are ignored.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    expected = of_answer(attachment, url, lower, encoded=bool(codings.of(lower)), now=now)
    name = disposition.name(lower.get("content-disposition", ""))
    if not name and attachment.name and _NAMELESS.fullmatch(suggested):
        ending = file_type.extension(suggested)
        name = attachment.name if file_type.extension(attachment.name) or not ending else f"{attachment.name}.{ending}"
    source = expected.source
    if not url.startswith(("http://", "https://")) and isinstance(attachment.source, models.Click):
        source = f'click "{attachment.source.control.label}"'
    return dataclasses.replace(
        expected,
        sent_name=redact.file_name(replace_surrogates(name or suggested or attachment.name)),
        # The browser treated it as a file; without headers that is the only sign.
        is_attachment=expected.is_attachment or not lower,
        may_be_empty=expected.may_be_empty or not lower,
        source=source,
    )


def replace_surrogates(text: str) -> str:
    """Replaces lone surrogates, which cannot be stored: pages cut names at any point."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _name(shown: str, url: str) -> str:
    """The page's name if it has an extension, else the address's last part if that has one, else the page's name."""
    if file_type.extension(shown):
        return shown
    last = _last_part(url)
    ending = file_type.extension(last)
    if ending and not file_type.names_program(last) and not file_type.promises_page(last):
        return last
    return shown or (last[: -len(ending) - 1] if ending else last)


def _last_part(url: str) -> str:
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return unquote(path.rpartition("/")[2].partition(";")[0], errors="replace")


def _date(text: str, now: datetime.datetime) -> datetime.datetime | None:
    """A server's date, if plausible."""
    date = http_dates.parse(text)
    return date if date is not None and _OLDEST <= date <= now + datetime.timedelta(days=1) else None
