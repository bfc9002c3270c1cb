"""How long the report of many orders takes to be written, opened and searched: `python -m benchmarks.report`."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from playwright import sync_api as playwright

from po_pw.browser import locate
from tests.helpers import report_rows

_UNTIL_DRAWN = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
_SEARCH = """async (text) => {
  const began = performance.now();
  const find = document.getElementById('find');
  find.value = text;
  find.dispatchEvent(new Event('input'));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""
"""Milliseconds from a key to the drawn rows."""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    rows = report_rows.rows(given.orders)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        path = report_rows.write(Path(folder), rows)
        print(f"written   {time.perf_counter() - began:6.2f} s, {path.stat().st_size / 1e6:.1f} MB")
        with playwright.sync_playwright() as driver:
            opened, first, later = list[float](), list[float](), list[float]()
            found = locate.resolve(None, bundled=driver.chromium.executable_path)
            sandbox = not locate.sandbox_hindrance()
            with driver.chromium.launch(executable_path=found.executable, chromium_sandbox=sandbox) as one:
                for _ in range(given.times):
                    page = one.new_page()
                    began = time.perf_counter()
                    page.goto(path.as_uri())
                    page.evaluate(_UNTIL_DRAWN)
                    opened.append(time.perf_counter() - began)
                    first.append(page.evaluate(_SEARCH, "invoice") / 1000)
                    later.append(page.evaluate(_SEARCH, "po-45007") / 1000)
                    page.close()
    for name, seconds in (("opened", opened), ("searched, first", first), ("searched, later", later)):
        print(f"{name:<16} {min(seconds):5.2f} to {max(seconds):.2f} s")


if __name__ == "__main__":
    main()
