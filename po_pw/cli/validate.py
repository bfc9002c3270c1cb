"""`po-pw validate`: runs the six validation scenarios of the specification."""

from __future__ import annotations

from typing import Annotated

import typer

from po_pw.cli import boundary, paths


def validate(
    only: Annotated[
        list[int] | None,
        typer.Option("--only", metavar="N", min=1, max=6, help="Run only this scenario. Can be repeated."),
    ] = None,
    browser: paths.BrowserOption = None,
) -> None:
    """Run the six validation scenarios on the demo portal and say which pass."""
    with boundary.report_errors():
        import tempfile
        import warnings
        from pathlib import Path

        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        from po_pw import scenarios

        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # one scenario simulates a lack of memory, and checks the message
        console = Console()
        verdicts: list[scenarios.ScenarioResult] = []
        with tempfile.TemporaryDirectory(prefix="po-pw-validate-") as folder:
            ground = scenarios.Environment(Path(folder), check_times=True, browser=browser)
            for number in only or range(1, len(scenarios.ALL) + 1):
                console.print(f"{number}. {scenarios.ALL[number - 1][0]} …", style="dim")
                verdicts.append(scenarios.run(number, ground))
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for verdict in verdicts:
            passed = Text("PASS", "bold green") if verdict.passed else Text("FAIL", "bold red")
            said = "\n".join(verdict.figures) if verdict.passed else verdict.problem
            table.add_row(passed, f"{verdict.number}. {verdict.title}", f"{verdict.seconds:.1f} s", said)
        console.print(table)
        failed = sum(not verdict.passed for verdict in verdicts)
        console.print(f"{len(verdicts) - failed} of {len(verdicts)} scenarios passed.")
        raise typer.Exit(1 if failed else 0)
