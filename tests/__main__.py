"""All checks, `python -m tests`: lint, format, types, import layers; then, if none fails, the tests.

`python -m tests unit` runs only the tests that need no browser and are quick; `python -m tests all` also those that are
marked `long`. Other arguments go to pytest, e.g. `python -m tests -k scheduler`. Without, several tests run at once.
"""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.helpers import headless_shell

if TYPE_CHECKING:
    from collections.abc import Sequence

TOGETHER = ("-n", "4", "--dist", "loadfile", "--no-loadscope-reorder", "--durations", "60")
"""More at once than there are cores: most tests wait for a browser. A file's tests run in one process, so that they
share its browser. Files with browsers come first, by name, so that no long one is left at the end."""
WINDOWS = (
    *(sys.executable, "-m", "mypy", "--platform", "win32", "--cache-dir", ".mypy_cache/win32"),
    *("--no-warn-unreachable", "-p", "po_pw"),
)
"""Checks the types as on Windows, where code for other systems is unreachable on purpose."""
UNIT = ("-n", "4", "--dist", "worksteal", "-q", "-m", "not slow", "tests/unit")
ROOT = Path(__file__).parent.parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The tests start hundreds of processes: without saved bytecode each compiles everything that it imports."""


def main() -> int:
    """Runs the checks; returns the exit code of the first that fails, or 0."""
    python = (sys.executable, "-m")
    if sys.argv[1:] == ["unit"]:
        return _pytest(UNIT)
    given = ["--all"] if sys.argv[1:] == ["all"] else sys.argv[1:]
    imports = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    checks: dict[str, tuple[str, ...]] = {
        "ruff": (*python, "ruff", "check"),
        "ruff format": (*python, "ruff", "format", "--check", "--quiet"),
        "mypy": (*python, "mypy"),
        "mypy for Windows": WINDOWS,
        "lint-imports": (sys.executable, "-c", imports),
        # pytest compiles tests for itself, too: here once, not once in each of its processes.
        "pytest --collect-only": (*python, "pytest", "--collect-only", "-qq", *given),
    }
    # Together: each uses one core.
    with concurrent.futures.ThreadPoolExecutor(len(checks) + 1) as pool:
        installing = pool.submit(headless_shell.install) if not given else None
        ended = dict(zip(checks, pool.map(_captured, checks.values()), strict=True))
    for name, check in ended.items():
        print(f"== {name}", flush=True)  # noqa: T201 - this is a command
        if check.returncode:
            print(f"{check.stdout}== {name} failed", flush=True)  # noqa: T201
            return check.returncode
    if installing is not None and (installed := installing.result()).returncode:
        print(f"{installed.stdout}== {headless_shell.NAME} is not installed: the tests take longer")  # noqa: T201
    print("== pytest", flush=True)  # noqa: T201
    code = _pytest((*TOGETHER, *given) if given in ([], ["--all"]) else given)
    if code:
        print("== pytest failed", flush=True)  # noqa: T201
    return code


def _pytest(arguments: Sequence[str]) -> int:
    command = (sys.executable, "-m", "pytest", *arguments)
    # The same for Playwright's driver, a third of whose start is compiling. It keeps an entry for each start, too.
    with tempfile.TemporaryDirectory(prefix="compiled-") as compiled:
        environment = {**ENVIRONMENT, "NODE_COMPILE_CACHE": compiled}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _captured(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=ENVIRONMENT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


if __name__ == "__main__":
    sys.exit(main())
