"""The report's charts, as SVG without scripts and styles: the colours are in the page's style sheet."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import markupsafe

from po_pw import humanize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from po_pw.report import timeline

_WIDTH: Final = 900
_BARS: Final = 10
"""Maximum orders and suppliers in a chart."""
_LABEL: Final = 28
"""Maximum characters of a label."""
_TICKS: Final = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    """A chart, and its data as a table for people who cannot see it."""

    title: str
    about: str
    """What it shows, in a sentence."""
    svg: markupsafe.Markup
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: tuple[tuple[str, str], ...] = ()
    """CSS classes of colours, and their meanings."""


def all_of(
    course: timeline.Timeline, slowest: Sequence[tuple[str, float]], suppliers: Sequence[tuple[str, int, int]]
) -> list[Chart]:
    """The charts that have data.

    Args:
        course: of the run.
        slowest: PO numbers with their seconds, the slowest first.
        suppliers: names with files and bytes, those with most bytes first.
    """
    charts = []
    if any(lane.working for lane in course.lanes):
        charts += [_workers(course), _throughput(course)]
    if slowest:
        charts.append(_slowest(slowest[:_BARS]))
    if any(size for _, _, size in suppliers):
        charts.append(_suppliers(suppliers))
    return charts


def _pygal() -> Any:
    """Imports the library, which takes half a second; only the end of a run needs it.

    It leaves a finder of modules behind that lacks `find_spec`: Python 3.11 warns of it at every module that is not
    found (pygal 3.1.3).
    """
    import pygal
    import pygal.style

    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]
    return pygal


def _workers(course: timeline.Timeline) -> Chart:
    pygal = _pygal()

    lanes = course.lanes
    rows = len(lanes) + (1 if course.waits else 0)
    chart = pygal.XY(
        **_options(height=70 + 24 * rows),
        allow_interruptions=True,
        show_dots=False,
        xrange=(0, max(course.seconds, 1.0)),
        range=(0.5, rows + 0.5),
        show_y_guides=False,
    )
    chart.x_labels = _ticks(course.seconds)
    chart.x_value_formatter = humanize.countdown
    names = [lane.worker for lane in lanes] + (["waits"] if course.waits else [])
    heights = {name: rows - index for index, name in enumerate(names)}
    chart.y_labels = [{"value": height, "label": name} for name, height in heights.items()]
    working = [_pieces(lane.working, heights[lane.worker]) for lane in lanes]
    failed = [_pieces(lane.failed, heights[lane.worker]) for lane in lanes]
    chart.add("working", [point for points in working for point in points])
    chart.add("failed", [point for points in failed for point in points])
    chart.add("waiting", _pieces(course.waits, heights.get("waits", 0)))
    steals = [(moment, heights[lane.worker]) for lane in lanes for moment in lane.steals]
    chart.add("taken over", steals, stroke=False, show_dots=True, dots_size=4)
    busy = [sum(span.end - span.start for span in lane.working) for lane in lanes]
    legend = [("c0", "working on an order"), ("c1", "an attempt that failed")]
    legend += [("c2", "orders wait for a portal or a sign-in, or the run is paused")] if course.waits else []
    legend += [("c3", "took over orders of another worker")] if steals else []
    return Chart(
        "What each worker did",
        "Time runs from left to right. In a gap the worker had no order.",
        _svg(chart, "Timeline of the workers", "timeline"),
        ("worker", "orders", "busy", "orders taken over from others"),
        tuple(
            (lane.worker, str(lane.orders), humanize.clock(seconds), str(len(lane.steals)))
            for lane, seconds in zip(lanes, busy, strict=True)
        ),
        tuple(legend),
    )


def _pieces(spans: Sequence[timeline.Span], height: int) -> list[tuple[float, int] | None]:
    """The spans as lines at one height, with a gap after each."""
    points: list[tuple[float, int] | None] = []
    for span in spans:
        points += [(span.start, height), (span.end, height), None]
    return points


def _throughput(course: timeline.Timeline) -> Chart:
    pygal = _pygal()

    each = humanize.duration(course.bar_seconds) if course.bar_seconds > 1 else "second"
    chart = pygal.StackedBar(**_options(height=230), margin_top=10, spacing=6, show_minor_x_labels=False)
    chart.value_formatter = lambda value: str(round(value))
    names = [humanize.countdown(bar.start) for bar in course.bars]
    chart.x_labels = names
    chart.x_labels_major = names[:: max(1, -(-len(names) // _TICKS))]
    most = max((bar.succeeded + bar.failed for bar in course.bars), default=1)
    chart.y_labels = sorted({round(most * part / 4) for part in range(5)})
    chart.add("succeeded", [bar.succeeded for bar in course.bars])
    chart.add("failed", [bar.failed for bar in course.bars])
    return Chart(
        "Throughput",
        f"Orders finished in each {each} of the run.",
        _svg(chart, "Finished orders over time", "bars"),
        ("since the start", "succeeded", "failed", "downloaded"),
        tuple(
            (name, str(bar.succeeded), str(bar.failed), humanize.size(bar.bytes))
            for name, bar in zip(names, course.bars, strict=True)
            if bar.succeeded or bar.failed or bar.bytes
        ),
        (("c0", "succeeded"), ("c1", "failed or incomplete")),
    )


def _slowest(orders: Sequence[tuple[str, float]]) -> Chart:
    chart = _horizontal([(name, seconds) for name, seconds in orders], humanize.clock)
    return Chart(
        "Slowest orders",
        "Time spent on all attempts, without the waits between them.",
        _svg(chart, "Slowest orders", "bars"),
        ("PO number", "time"),
        tuple((name, humanize.clock(seconds)) for name, seconds in orders),
    )


def _suppliers(suppliers: Sequence[tuple[str, int, int]]) -> Chart:
    shown = [(name or "(no supplier)", files, size) for name, files, size in suppliers[:_BARS]]
    rest = suppliers[_BARS:]
    if rest:
        many = f"{len(rest)} others"
        shown.append((many, sum(files for _, files, _ in rest), sum(size for _, _, size in rest)))
    chart = _horizontal([(name, float(size)) for name, _, size in shown], humanize.size)
    return Chart(
        "Bytes by supplier",
        "Size of all files that are on disk for this list.",
        _svg(chart, "Bytes by supplier", "bars"),
        ("supplier", "files", "size"),
        tuple((name, str(files), humanize.size(size)) for name, files, size in shown),
    )


def _horizontal(values: Sequence[tuple[str, float]], formatter: Any) -> Any:
    pygal = _pygal()

    chart = pygal.HorizontalBar(
        **_options(height=40 + 26 * len(values)),
        print_values=True,
        print_values_position="top",
        show_x_labels=True,
        margin_right=90,
        spacing=8,
    )
    chart.value_formatter = formatter
    chart.y_labels = [0]
    chart.x_labels = [name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…" for name, _ in reversed(values)]
    chart.add("", [value for _, value in reversed(values)])
    return chart


def _options(*, height: int) -> dict[str, Any]:
    style = _pygal().style

    plain = style.Style(
        label_font_size=12, major_label_font_size=12, value_font_size=12, value_label_font_size=12, colors=("#000",) * 4
    )
    return {
        "style": plain,
        "width": _WIDTH,
        "height": height,
        "js": (),
        "css": (),
        "show_legend": False,
        "margin": 8,
        "pretty_print": False,
        "truncate_label": -1,
    }


def _ticks(seconds: float) -> list[float]:
    """Round times for the axis."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)
    step = next((one for one in steps if seconds / one <= _TICKS), 86400)
    return [float(number * step) for number in range(int(seconds // step) + 1)]


def _svg(chart: Any, title: str, kind: str) -> markupsafe.Markup:
    """The drawing without the parts for the library's own scripts, which become tooltips or are removed."""
    root = chart.render_tree()
    root.attrib.pop("id", None)
    root.set("class", f"drawing {kind}")
    root.set("role", "img")
    root.set("aria-label", title)
    for parent in list(root.iter()):
        said: dict[str, str] = {}
        for child in list(parent):
            if child.tag == "desc":
                said.setdefault(str(child.get("class", "")).split(" ")[0], child.text or "")
            if child.tag in {"desc", "style", "script", "title"} or not isinstance(child.tag, str):
                parent.remove(child)
        words = [said[name] for name in ("x_label", "label", "value") if said.get(name)]
        if words:
            ElementTree.SubElement(parent, "title").text = ": ".join(words)
    # Serialised by a library that escapes text: it contains names of suppliers and orders.
    return markupsafe.Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704
