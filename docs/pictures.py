"""Makes the pictures in the README: `python docs/pictures.py [NAME …]`, from what the program itself draws.

Needs the test requirements and a browser (`po-pw browser install`); for those of the workbook
also LibreOffice and poppler, without which they stay as they are. Pictures go to `docs/pictures/`.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from playwright import sync_api
from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parents[1]))

from po_pw.browser import locate
from po_pw.cli import drawing
from po_pw.results import summary, tables
from tests.helpers import live_scenes, report_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER: Final = Path(__file__).parent / "pictures"


@contextlib.contextmanager
def browser() -> Iterator[sync_api.Browser]:
    """A browser of this computer."""
    with sync_api.sync_playwright() as driver:
        found = locate.resolve(None, bundled=driver.chromium.executable_path)
        with contextlib.closing(
            driver.chromium.launch(executable_path=found.executable, args=["--no-sandbox"])
        ) as running:
            yield running


def live_view(width: int, height: int, workers: int, *, has_waits: bool) -> Callable[[sync_api.Browser, Path], None]:
    """The live view on a terminal of this size."""

    def draw(shown: sync_api.Browser, to: Path) -> None:
        console = Console(
            width=width, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor", no_color=False
        )
        command = f"po-pw process pos.csv -w {workers}"
        console.print(Text(f"$ {command}", "bold"))
        console.print(Text(f"200 orders, {workers} workers"))
        console.print(Text("Browser: msedge 141.0.3537.57", "dim"))
        for line in drawing.run(live_scenes.scene(workers, has_waits=has_waits), width - 1, height - 3, has_keys=True):
            console.print(line)
        page = shown.new_page(device_scale_factor=2 if width <= 80 else 1)
        page.route("**/*", lambda route: route.abort())  # the font that the picture names; the system's does as well
        page.set_content(f"<body style='margin:0'>{console.export_svg(title=command)}</body>")
        box = page.locator("svg").evaluate("(one) => [one.viewBox.baseVal.width, one.viewBox.baseVal.height]")
        page.set_viewport_size({"width": round(box[0]), "height": round(box[1])})
        page.screenshot(path=to, omit_background=True)

    return draw


def report(width: int, scheme: Literal["light", "dark"], section: str = "") -> Callable[[sync_api.Browser, Path], None]:
    """The report of 240 orders, from its top or from one of its sections."""

    def draw(shown: sync_api.Browser, to: Path) -> None:
        page = shown.new_page(viewport={"width": width, "height": 820}, color_scheme=scheme)
        with tempfile.TemporaryDirectory() as folder:
            page.goto(report_rows.write(Path(folder), report_rows.rows(240)).as_uri())
            page.locator("#table tbody tr").first.wait_for()
            if section:
                page.locator(f"#{section}").evaluate("(one) => one.scrollIntoView({behavior: 'instant'})")
            page.screenshot(path=to, animations="disabled")

    return draw


def workbook(page: int, height: int) -> Callable[[sync_api.Browser, Path], None]:
    """A page of `results.xlsx` of 240 orders as LibreOffice prints it: its upper part, of this many pixels."""

    def draw(_: sync_api.Browser, to: Path) -> None:
        office, poppler = shutil.which("soffice"), shutil.which("pdftoppm")
        if office is None or poppler is None:
            sys.stderr.write(f"{to.name} stays as it is: it needs LibreOffice (soffice) and poppler (pdftoppm).\n")
            return
        rows = report_rows.rows(240)
        past = report_rows.past(rows)
        commands = summary.Commands("po-pw process orders.csv", "po-pw process orders.csv --only-failed")
        about = tables.About(
            report_rows.RUN, past.plan, None, past.seconds, past.work_seconds, False, "0.1.0", commands=commands
        )
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            tables.write_all(out, about, lambda: iter(rows))
            own = f"-env:UserInstallation={(out / 'office').as_uri()}"  # whichever LibreOffice is open goes on as it is
            convert = [office, own, "--headless", "--convert-to", "pdf", "--outdir", folder, str(out / "results.xlsx")]
            subprocess.run(convert, check=True, capture_output=True)
            shape = f"-png -singlefile -r 150 -f {page} -l {page} -W 1754 -H {height}".split()
            subprocess.run([poppler, *shape, str(out / "results.pdf"), str(to.with_suffix(""))], check=True)

    return draw


PICTURES: Final[dict[str, Callable[[sync_api.Browser, Path], None]]] = {
    "live-80": live_view(80, 24, 4, has_waits=False),
    "live-160": live_view(160, 50, 12, has_waits=True),
    "report-light": report(1180, "light"),
    "report-dark": report(1180, "dark", "orders"),
    "report-charts": report(1180, "light", "charts"),
    "report-phone": report(390, "light"),
    "workbook-summary": workbook(1, 870),
    "workbook-orders": workbook(3, 840),
}
"""By name: what draws it, given a browser and the path of the picture."""


def main(names: list[str]) -> None:
    """Makes these pictures, or all."""
    FOLDER.mkdir(exist_ok=True)
    with browser() as shown:
        for name in names or PICTURES:
            PICTURES[name](shown, FOLDER / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
