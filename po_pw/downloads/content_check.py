"""Checks whether the bytes that arrive are the expected file, and explains if they are not. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from po_pw import errors, http_statuses, models, redact
from po_pw.downloads import expected_file, file_type, page_about, sign_in_page
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE_BYTES: Final = 1 << 16
"""Bytes read of a page that came instead of a file."""
_FOR_SCRIPTS: Final = frozenset({"application/json", "text/javascript", "application/javascript", "text/css"})
"""Media types that a page's scripts and styles load: not attachments, unless named as files."""
_SAID: Final = re.compile(rb'"(?:message|error|error_description|detail|title|reason)"\s*:\s*"([^"\\]{1,200})')
_TELLS_OF_ERROR: Final = frozenset(
    {"error", "errors", "error_description", "error_message", "errormessage", "exception", "fault"}
)
_REPORTS: Final = _TELLS_OF_ERROR | {
    "message",
    "messages",
    "msg",
    "description",
    "detail",
    "details",
    "title",
    "reason",
    "status",
    "state",
}
_REPORT_DETAILS: Final = frozenset(
    {
        "code",
        "error_code",
        "errorcode",
        "status_code",
        "statuscode",
        "success",
        "ok",
        "type",
        "instance",
        "path",
        "timestamp",
        "trace",
        "trace_id",
        "traceid",
        "request_id",
        "requestid",
        "correlation_id",
        "correlationid",
        "progress",
        "retry_after",
        "retryafter",
        "id",
        "job_id",
        "jobid",
        "task_id",
        "taskid",
    }
)
"""Names in a JSON object that only reports on a request (RFC 9457 and similar)."""
_NOT_YET: Final = re.compile(
    rb'(?i)"(?:status|state|message)"\s*:\s*"(?:in[ _-]?progress|pending|processing|queued|preparing|generating|'
    rb"not[ _-]?ready)\b"
)


class PageReceivedError(errors.NotAFileError):
    """Our client received a page where a file was expected; it may be the file's own page.

    Attributes:
        page: the beginning of the page.
    """

    def __init__(self, message: str, page: page_about.Page) -> None:
        super().__init__(message)
        self.page = page


def refusal(
    expected: expected_file.ExpectedFile, head: bytes, *, is_own: Callable[[str], bool] = lambda _host: True
) -> errors.OrderError | None:
    """Explains why the bytes are not the file, e.g. a page where a file was expected; None if they may be the file.

    Args:
        expected: what was expected.
        head: the first bytes: at least `file_type.HEAD` if there are so many, more if `may_be_page`.
        is_own: whether a host is the portal's; another host's sign-in page does not mean that our session expired.
    """
    text = file_type.is_text(head[: file_type.HEAD])
    if may_be_page(expected, head):
        page = page_about.Page(head[:PAGE_BYTES], expected.url, expected.charset)
        is_about = any(link.is_named for link in page.downloads(expected.shown, allowed=lambda _address, _label: True))
        if not is_about and sign_in_page.asks_for_sign_in(page, expected.requested_url):
            return _sign_in(expected, is_own)
        is_itself = expected.is_named_page or not (is_about or page.is_portals_own())
        if _is_page_expected(expected) and _binary(expected) is None and is_itself:
            return None
        return PageReceivedError(_page_message(expected, page), page)
    if not head or file_type.actual(head) is not None or not text:
        return None
    if _binary(expected) is not None or _is_for_scripts(expected) or _is_other_json(expected, head):
        return _text_instead(expected, head)
    return None


def needs_more(expected: expected_file.ExpectedFile, head: bytes) -> bool:
    """Whether more than `file_type.HEAD` bytes are needed to decide: for pages and for error texts."""
    return may_be_page(expected, head) or file_type.is_json(head) or refusal(expected, head) is not None


def may_be_page(expected: expected_file.ExpectedFile, head: bytes) -> bool:
    """Whether the bytes are a page, which is the file only if a page was expected."""
    found = file_type.actual(head)
    says_page = expected.media_type in file_type.PAGE_TYPES
    is_table = file_type.extension(expected.sent_name) in {"xls", "doc"}
    if expected.is_attachment and is_table and not says_page and expected.media_type != "application/json":
        return False  # portals export tables as text or HTML and name them .xls; Excel opens them
    if found != "html" and not (says_page and found is None and file_type.is_text(head[: file_type.HEAD])):
        return False
    if expected.is_attachment and _binary(expected) is None:
        return False
    is_xml = head.lstrip().startswith(b"<?xml") and file_type.extension(expected.sent_name) == "xml"
    return found is not None or not is_xml


def verify_content(expected: expected_file.ExpectedFile, size: int, head: bytes) -> tuple[str, ...]:
    """Compares length and first bytes with what was announced; an empty file must be a type that can be empty.

    Args:
        expected: with its final name.
        size: bytes received.
        head: the first of them.

    Raises:
        TransientError: the file is incomplete.
    """
    checks = ["length" if expected.length is not None else "no-length"]
    if expected.length is not None and size != expected.length:
        msg = f"only {size} of {expected.length} bytes of {expected.sent_name!r} arrived"
        raise errors.TransientError(msg, models.ErrorCode.TRUNCATED)
    if size == 0:
        if not (expected.may_be_empty and file_type.may_be_empty(expected.sent_name)):
            msg = f"{expected.sent_name!r} arrived empty"
            raise errors.TransientError(msg, models.ErrorCode.TRUNCATED)
        return (*checks, "empty")
    wanted = file_type.promised(expected.sent_name, expected.media_type)
    if wanted is not None:
        # Kept anyway: servers send wrong types, and the user may still need the file.
        checks.append("type" if file_type.actual(head) == wanted else "type-mismatch")
    return tuple(checks)


def _binary(expected: expected_file.ExpectedFile) -> str | None:
    """The type that the first bytes must have, if known: by the server's name unless that is a page's."""
    sent = expected.sent_name
    if file_type.promises_page(sent) or not file_type.extension(sent):
        return file_type.promised(expected.shown) or file_type.promised(sent, expected.media_type)
    return file_type.promised(sent)


def _is_page_expected(expected: expected_file.ExpectedFile) -> bool:
    """Whether a page was expected, by the name shown and the address requested, not by a redirect's target."""
    own = expected.shown if file_type.extension(expected.shown) else expected.requested_name
    return file_type.promises_page(own) or file_type.promises_page(expected.sent_name)


def _is_for_scripts(expected: expected_file.ExpectedFile) -> bool:
    """Whether the response is of a type that scripts load, without any sign of a file."""
    kind = expected.media_type
    if expected.is_certain or expected.is_attachment or not (kind in _FOR_SCRIPTS or kind.endswith("+json")):
        return False
    return not any(
        file_type.extension(name) and not file_type.names_program(name)
        for name in (expected.shown, expected.requested_name)
    )


def _is_other_json(expected: expected_file.ExpectedFile, head: bytes) -> bool:
    """Whether it is JSON where another text was expected, or JSON that only explains why there is no file."""
    kind = expected.media_type
    if not file_type.is_json(head):
        return kind == "application/problem+json"
    name = expected.sent_name if file_type.extension(expected.sent_name) else expected.shown
    if expected.is_attachment or not file_type.extension(name):
        return not file_type.promises_json(name) and _only_reports(head)
    if file_type.promises_json(name):
        return kind == "application/problem+json" or _only_reports(head, _TELLS_OF_ERROR)
    says_json = kind in {"application/json", "text/json"} or kind.endswith("+json")
    return says_json or file_type.extension(name) in {"csv", "tsv", "xml"} or _only_reports(head)


def _only_reports(head: bytes, needed: frozenset[str] = _REPORTS) -> bool:
    """Whether the bytes are a complete JSON object that only reports on a request.

    Args:
        head: first bytes of the file; False if the object does not end in them.
        needed: names of which at least one must have a value.
    """
    try:
        parsed = json.loads(head)
    except (ValueError, RecursionError):
        return False
    if not isinstance(parsed, dict):
        return False
    fields = {name.casefold(): value for name, value in parsed.items()}
    return fields.keys() <= _REPORTS | _REPORT_DETAILS and any(fields.get(name) for name in needed)


def _sign_in(expected: expected_file.ExpectedFile, is_own: Callable[[str], bool]) -> errors.OrderError:
    return sign_in_error(expected.requested_url or expected.url, _expected_name(expected), is_own, by=expected.url)


def sign_in_error(
    requested_url: str, what: str, is_own: Callable[[str], bool], *, by: str = ""
) -> errors.SessionExpiredError | errors.PermanentError:
    """The error for a sign-in page that came instead of a file: our session expired, or another host wants a sign-in.

    Args:
        requested_url: the requested address.
        what: the file, for the message.
        is_own: whether a host is the portal's.
        by: address of the sign-in page, after redirects.
    """
    host, at = allowed_hosts.host_of(requested_url), by or requested_url
    if not host or is_own(host):
        message = f"{redact.bare(at)} asked for a sign-in instead of sending {what}"
        return errors.SessionExpiredError(message, host=allowed_hosts.host_of(at))
    msg = f"{what} needs a separate sign-in at {allowed_hosts.host_of(at)}"
    return errors.PermanentError(msg, models.ErrorCode.FORBIDDEN)


def _page_message(expected: expected_file.ExpectedFile, page: page_about.Page) -> str:
    titled = f" titled {_short(page.title)!r}" if page.title else ""
    return f"{expected.source} sent a web page{titled} instead of {_expected_name(expected)}"


def _text_instead(expected: expected_file.ExpectedFile, head: bytes) -> errors.OrderError:
    if _NOT_YET.search(head) and _only_reports(head):
        msg = f"{expected.source} says that {_expected_name(expected)} is not ready yet"
        return errors.TransientError(msg, models.ErrorCode.NOT_A_FILE, retry_after=http_statuses.NOT_READY)
    match = _SAID.search(head)
    quote = _short(match.group(1).decode("utf-8", "replace")) if match else ""
    suffix = f", saying {quote!r}," if quote else ""
    kind = expected.media_type or "no type"
    return errors.NotAFileError(f"{expected.source} sent text ({kind}){suffix} instead of {_expected_name(expected)}")


def _expected_name(expected: expected_file.ExpectedFile) -> str:
    return repr(expected.shown or expected.sent_name) if expected.shown or expected.sent_name else "the file"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 80 else f"{words[:79]}…"
