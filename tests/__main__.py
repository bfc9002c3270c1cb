"""The whole check, `python -m tests`: lint, format, types, import layers and tests; stops at the first that fails.

`python -m tests unit` runs only the tests that need no browser and are quick. Other arguments go to pytest, e.g.
`python -m tests -k scheduler`; without any, several tests run at once.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOGETHER = ("-n", "4", "--dist", "worksteal")
"""Most tests wait for a browser: four at once took 7.3 minutes where three took 11.3, on two cores."""
WINDOWS = (
    *(sys.executable, "-m", "mypy", "--platform", "win32", "--cache-dir", ".mypy_cache/win32"),
    *("--no-warn-unreachable", "-p", "po_pw"),
)
"""The program's types as Windows has them; code for other systems is unreachable there on purpose."""
UNIT = (*TOGETHER, "-q", "-m", "not slow", "tests/unit")
ROOT = Path(__file__).parent.parent


def main() -> int:
    python = (sys.executable, "-m")
    if sys.argv[1:] == ["unit"]:
        return subprocess.run((*python, "pytest", *UNIT), cwd=ROOT, check=False).returncode
    steps: list[tuple[str, ...]] = [
        (*python, "ruff", "check"),
        (*python, "ruff", "format", "--check", "--quiet"),
        (*python, "mypy"),
        WINDOWS,
        (sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"),
        (*python, "pytest", *(sys.argv[1:] or TOGETHER)),
    ]
    for step in steps:
        name = step[2] if step[1] == "-m" else "lint-imports"
        print(f"== {name}", flush=True)  # noqa: T201 - this is a command
        code = subprocess.run(step, cwd=ROOT, check=False).returncode
        if code:
            print(f"== {name} failed", flush=True)  # noqa: T201
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
