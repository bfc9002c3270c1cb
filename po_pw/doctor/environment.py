"""Runs all doctor checks; each problem comes with its remedy."""

from __future__ import annotations

import dataclasses
import platform
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import humanize, sessions, settings
from po_pw.doctor import browser, checks, connections, folders
from po_pw.machine import capacity, resources
from po_pw.portals import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

Check = checks.Check

_QUICK: Final = 10.0
"""Seconds for a local check."""
_SEVERAL: Final = 2
"""Number of portals that are unlikely to be down at the same time."""
_MANY: Final = 64
"""Maximum number of contexts."""


async def examine(
    options: settings.Settings,
    *,
    online: bool = False,
    origins: Collection[str] | None = None,
    on_progress: Callable[[Check], None] | None = None,
) -> list[Check]:
    """Runs all checks in sequence; each has a time limit, and an error becomes a problem.

    Args:
        options: as for a run.
        online: also checks at each portal whether the sign-in is still valid.
        origins: portals whose sign-ins are checked; None: all that have one.
        on_progress: called with each result as soon as it is known.
    """
    lines = checks.Results(on_progress)
    lines.add(*await checks.in_thread("python", _python, _QUICK))
    lines.add(*await checks.in_thread("spreadsheets", _spreadsheets, _QUICK))
    lines.add(*await checks.in_thread("temp folder", folders.temporary, _QUICK))
    lines.add(*await checks.in_thread("profile folder", lambda: folders.home(options), _QUICK))
    output = await checks.in_thread("output", lambda: folders.output(options), _QUICK)
    lines.add(*output)
    if output[0].state != "problem":
        lines.add(*await checks.in_thread("disk", lambda: folders.disk(options), _QUICK))
        lines.add(*await checks.in_thread("file system", lambda: folders.file_system(options), _QUICK))
    lines.add(*await checks.in_thread("memory", lambda: _memory(options), _QUICK))
    lines.add(*await checks.in_thread("display", lambda: _display(options), _QUICK))
    lines.add(*await checks.in_thread("proxy", connections.proxy, _QUICK))
    lines.add(*await checks.in_thread("trust store", connections.trust, _QUICK))
    if options.client_certificate is not None or options.client_certificate_hosts:
        lines.add(*await checks.in_thread("certificate", lambda: connections.client_certificate(options), _QUICK))
    lines.add(*await checks.in_thread("portals", lambda: _portals(options), _QUICK))
    by_portal: list[tuple[str, Check]] = []

    def sign_ins() -> list[Check]:
        by_portal.extend(one for one in folders.sign_ins(options) if origins is None or one[0] in origins)
        command = sessions.Sessions(settings.home(options), options.account).login_command("URL")
        return [line for _, line in by_portal] or [checks.ok("sign-in", f"none yet; sign in with: {command}")]

    saved = await checks.in_thread("sign-in", sign_ins, _QUICK)
    usable = [origin for origin, line in by_portal if line.state != "problem"]
    asked = await browser.browser(options, lines, usable if online else ())
    for line, origin in zip(saved, [origin for origin, _ in by_portal] or [""], strict=False):
        # What the portal answered counts more than the saved state.
        answer = asked.get(origin)
        if answer is None:
            lines.add(_of_portal(line) if origin else line)
        elif answer.name == line.name:
            lines.add(_of_portal(_merged(line, answer)))
        else:
            lines.add(_of_portal(line), _of_portal(answer))
    lines.add(*check_network(list(asked.values())))
    return lines.all


def check_network(asked: Sequence[Check]) -> list[Check]:
    """Whether the machine's network is the problem: if none of several portals can be reached. Pure.

    Args:
        asked: the result for each portal.
    """
    dead = sum(answer.name == "portal" for answer in asked)
    if dead < _SEVERAL or dead < len(asked):
        return []
    remedy = "Is this computer online? Check cable or Wi-Fi, VPN and proxy."
    return [checks.problem("network", f"none of the {dead} portals can be reached", remedy)]


def _of_portal(line: Check) -> Check:
    return dataclasses.replace(line, subject="portal")


def _python() -> list[Check]:
    bits = 64 if sys.maxsize > 2**32 else 32
    name, version = platform.python_implementation(), platform.python_version()
    text = f"{name} {version}, {bits} bit, on {platform.system()} {platform.machine()}"
    if bits == 32:
        return [checks.warning("python", text, "Install a 64 bit Python: it can use all of this computer's memory.")]
    return [checks.ok("python", text)]


def _spreadsheets() -> list[Check]:
    import xlsxwriter

    from po_pw.orders import read

    with tempfile.TemporaryDirectory(prefix="po-pw-") as folder:
        file = Path(folder) / "trial.xlsx"
        with xlsxwriter.Workbook(file) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, ["po_number", "url"])
            sheet.write_row(1, 0, ["PO-1", "https://portal.example/PO-1"])
        orders = [row.po_number for row in read.open_table(file).rows()]
    if orders != ["PO-1"]:
        return [
            checks.problem("spreadsheets", f"a test workbook with order PO-1 was read as {orders}", browser.REINSTALL)
        ]
    versions = f"XlsxWriter {metadata.version('XlsxWriter')}, python-calamine {metadata.version('python-calamine')}"
    return [checks.ok("spreadsheets", f"a test workbook was written and read ({versions})")]


def _portals(options: settings.Settings) -> list[Check]:
    names = ", ".join(registry.Registry(options).names)
    if options.portal is not None:
        return [checks.ok("portals", f"all orders are read as those of {options.portal}; known: {names}")]
    return [checks.ok("portals", f"{names}; po-pw chooses by each order's address")]


def _memory(options: settings.Settings) -> list[Check]:
    reading = resources.read()
    whose = "the container's limit is" if reading.contained else "of"
    lines = [
        checks.ok("memory", f"{humanize.size(reading.free_bytes)} free, {whose} {humanize.size(reading.total_bytes)}"),
        checks.ok("processors", f"{reading.cpus:g}, {reading.cpu_percent:.0f} % in use"),
    ]
    decision = capacity.decide(options.workers, 0, reading, capacity.Costs())
    most = capacity.decide(_MANY, 0, reading, capacity.Costs()).count
    if decision.count >= options.workers:
        more = f"; up to {most} can start at once" if most > options.workers else ""
        lines.append(checks.ok("workers", f"{decision.why}{more}"))
    else:
        remedy = (
            f"A run starts with these and opens more when it can. Close other programs, or use -w {decision.count}."
        )
        lines.append(checks.warning("workers", decision.why, remedy))
    return lines


def _display(options: settings.Settings) -> list[Check]:
    from po_pw.browser import display

    if display.can_show_windows():
        return [checks.ok("display", "windows can be shown")]
    if shutil.which(display.SERVER):
        return [checks.ok("display", f"none; --headed uses {display.SERVER}, whose windows nobody can see")]
    text = "none: browsers run without a window; sign in with po-pw login --username"
    if options.headed:
        return [checks.warning("display", text, "Install xvfb, or leave --headed off.")]
    return [checks.ok("display", text)]


def _merged(saved: Check, asked: Check) -> Check:
    """Merges the saved state and the portal's response; the response takes precedence."""
    return dataclasses.replace(asked, text=f"{saved.text}; {asked.text}")
