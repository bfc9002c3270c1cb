"""Whether a file saved by an earlier run is unchanged on the server. Pure.

By RFC 9110: `If-None-Match` with the `ETag` (13.1.2), `If-Modified-Since` with the date (13.1.3), answered with 304. A
server, or the storage host it redirects to, may ignore them: then the response's headers are compared, and the body is
not read if they are the same.
"""

from __future__ import annotations

import datetime
import email.utils
from typing import TYPE_CHECKING

from po_pw import http_dates
from po_pw.downloads import file_type
from po_pw.transport import codings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from po_pw import models


def conditions(kept: models.SavedFile) -> dict[str, str]:
    """Request headers for fetching a file only if it changed; empty if neither tag nor date is known."""
    asked: dict[str, str] = {}
    if kept.etag:
        asked["If-None-Match"] = kept.etag
    if kept.modified_at is not None:
        asked["If-Modified-Since"] = email.utils.format_datetime(kept.modified_at.astimezone(datetime.UTC), usegmt=True)
    return asked


def is_same(kept: models.SavedFile, status: int, headers: Mapping[str, str]) -> bool:
    """Whether the response says that the file is unchanged.

    Without `ETag` and date, the same attachment with the same length counts as unchanged: only fetching it again would
    tell more.

    Args:
        kept: the saved file.
        status: of the response; 304 only if the request was conditional.
        headers: names in lower case.
    """
    if status == 304:
        return True
    is_page = headers.get("content-type", "").partition(";")[0].strip().lower() in file_type.PAGE_TYPES
    if status != 200 or (is_page and kept.media_type not in file_type.PAGE_TYPES):
        return False
    tag, date, length = (headers.get(name, "").strip() for name in ("etag", "last-modified", "content-length"))
    if codings.of(headers):
        length = ""  # length of the compressed body, not of the file
    if kept.etag or tag:
        return kept.etag == tag
    if length and length != str(kept.size):
        return False
    if kept.modified_at is not None or date:
        return http_dates.parse(date) == kept.modified_at
    return bool(length)
