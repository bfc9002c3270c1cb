"""The report of a long chaos run."""

from __future__ import annotations

import collections
import dataclasses
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("lost", "duplicated", "changed", "partial", "orphans", "left behind")
"""The kind of a finding, by its first word."""


@dataclasses.dataclass
class Report:
    """Counts of all scenarios so far."""

    kills: int = 0
    """SIGKILLs of the whole program."""
    step_kills: int = 0
    """Kills at one operation of an order's end, without a browser."""
    browsers_killed: int = 0
    browsers_stopped: int = 0
    portal_faults: int = 0
    portal_restarts: int = 0
    starts: int = 0
    """Starts of the command, including restarts."""
    rounds: int = 0
    """Completed output directories."""
    orders: int = 0
    files: int = 0
    bytes: int = 0
    served_again: int = 0
    """Additional requests for files, compared with undisturbed runs, because they were on their way at a kill."""
    in_flight: int = 0
    """Files that were requested but not in the journal at those kills."""
    slowest_cleanup: float = 0.0
    """Seconds from a kill until no process and no temporary folder of the run was left."""
    found: collections.Counter[str] = dataclasses.field(
        default_factory=lambda: collections.Counter(dict.fromkeys(KINDS, 0))
    )
    failures: list[str] = dataclasses.field(default_factory=list)
    """Failed scenarios: name, seed and reason."""
    scenarios: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def check(self, findings: list[str]) -> None:
        """Counts findings.

        Raises:
            AssertionError: there are findings.
        """
        for finding in findings:
            self.found[next((kind for kind in KINDS if finding.startswith(kind)), "other")] += 1
        assert not findings, "\n".join(findings)

    def write(self, path: Path, **more: object) -> None:
        """Writes it as JSON."""
        # Not `asdict`, which makes nonsense of a Counter up to Python 3.11.
        counted = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        path.write_text(json.dumps({**more, **counted}, indent=2, ensure_ascii=False) + "\n", "utf-8")
