"""`python -m tests.real_apps [NAME …]` prints how well `po-pw` reads the applications; `… serve NAME` starts one.

The exit code is 1 where anything is wrong.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.real_apps import applications, installing, scoring


def main() -> int:
    words = sys.argv[1:]
    names = [application.name for application in applications.ALL]
    if words[:1] == ["serve"] and len(words) == 2 and words[1] in names:
        return _serve(words[1])
    if any(word not in names for word in words):
        _say(f"python -m tests.real_apps [serve] [NAME]\nNames: {', '.join(names)}")
        return 2
    scores = []
    for name in words or names:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="po-pw-real-") as folder:
            try:
                with applications.started(applications.named(name)) as running:
                    up = time.monotonic() - began
                    scores.append(scoring.score(running, Path(folder)))
            except installing.NotInstallableError as error:
                _say(f"{name}: not installable here: {error}")
                continue
        _say(f"{name}: up after {up:.1f} s, ended after {time.monotonic() - began:.1f} s")
    _say(scoring.table(scores))
    return 0 if scores and all(score.is_perfect for score in scores) else 1


def _serve(name: str) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with applications.started(applications.named(name)) as running:
        _say(f"{running.application.title}: {running.sign_in_url}")
        _say(f"user {running.application.username}, password {applications.PASSWORD}, data in {running.folder}")
        for record in running.records:
            wanted = "/".join(sorted(record.statuses | record.codes - {""}))
            _say(f"{record.po_number}  {record.url}  {wanted}")
            for file, digest in record.files:
                _say(f"           {digest[:12]}  {file}")
        _say("Ctrl-C ends it.")
        try:
            signal.pause() if hasattr(signal, "pause") else input()
        except KeyboardInterrupt:
            return 0
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
