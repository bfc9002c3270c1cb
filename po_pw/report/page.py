"""Renders the report: one HTML page without anything outside it, except links to the files beside it. Pure."""

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
"""Rows of the table that are drawn at once."""


@dataclasses.dataclass(frozen=True, slots=True)
class About:
    """The run that the report is of."""

    run: models.RunId
    version: str
    """Of po_pw."""
    workers: int
    ended_at: datetime.datetime | None
    """None if the run was killed, or goes on."""


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
    """The relative address of a path below the output directory: every character that means something is escaped."""
    return quote(os.fsencode(path), safe="/")


def _policy(script: str) -> str:
    """The page's own script may run, and nothing else; nothing may be loaded but pictures beside it."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src 'self' file: data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(value: Any) -> markupsafe.Markup:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)  # noqa: S704 - no character of it means anything in HTML


def _options(rows: Sequence[Sequence[Any]], field: int) -> list[str]:
    """The different values of a field, for a choice."""
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
