"""Renders the report: one HTML page that needs no other file, with links to the files beside it. Pure."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
import os
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import markupsafe

from po_pw.report import charts, content
from po_pw.results import evidence_names, reasons

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    import jinja2

    from po_pw import models
    from po_pw.report import timeline
    from po_pw.results import summary

MAX_DRAWN: Final = 200
"""Maximum rows of the table that are drawn at once."""


@dataclasses.dataclass(frozen=True, slots=True)
class About:
    """The run in the report."""

    run: models.RunId
    version: str
    """Of po_pw."""
    workers: int
    ended_at: datetime.datetime | None
    """None if the run was killed, or is in progress."""


def render(about: About, rows: content.Content, overview: summary.Overview, course: timeline.Timeline) -> str:
    """The page.

    Args:
        about: the run.
        rows: of the results.
        overview: of the same rows.
        course: of the run.
    """
    script, style = _template("report.js"), _template("report.css")
    data = {"fields": content.FIELDS, "rows": rows.rows, "max": MAX_DRAWN, "evidence": evidence_names.NAMES}
    return (
        _environment()
        .get_template("report.html")
        .render(
            about=about,
            overview=overview,
            meanings=reasons.STATUSES,
            sentence=reasons.sentence,
            figures=content.figures(overview),
            causes=rows.causes(),
            suppliers=_options(rows.rows, content.FIELDS.index("supplier")),
            has_amounts=any(row[content.FIELDS.index("amount")] for row in rows.rows),
            charts=charts.all_of(course, rows.slowest(), content.suppliers(overview)),
            data=_json(data),
            script=script,
            style=style,
            policy=_policy(script),
        )
    )


def link(path: str) -> str:
    """The relative address of a path below the output directory, with all special characters escaped."""
    return quote(os.fsencode(path), safe="/")


def _policy(script: str) -> str:
    """The page's content security policy: only its own script may run, and only pictures beside it may be loaded."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src 'self' file: data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(value: Any) -> markupsafe.Markup:
    """JSON that cannot end its HTML element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)  # noqa: S704 - no character of it means anything in HTML


def _options(rows: Sequence[Sequence[Any]], field: int) -> list[str]:
    """The different values of a field, for a selection list."""
    return sorted({row[field] for row in rows if row[field]}, key=lambda name: (name.casefold(), name))


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2  # only the end of a run needs it

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(link=link, evidence_name=evidence_names.of_path, trusted=markupsafe.Markup)
    return environment


def _template(name: str) -> str:
    return (resources.files("po_pw.report") / "templates" / name).read_text("utf-8")
