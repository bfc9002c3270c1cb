"""Runs `po-pw` with a clock that goes back an hour every second. A program: see `test_machine.py`."""

from __future__ import annotations

import datetime
import time

BACK = 3600.0
"""Seconds that the clock goes back each time."""


def main() -> None:
    """Replaces the clocks for the time of day before anything reads them; the monotonic clock is unchanged."""
    import po_pw.journal.codec  # pydantic inspects the real class once

    assert po_pw.journal.codec is not None
    real_moment = datetime.datetime

    class Kind(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, real_moment)

    real, started = time.time, time.monotonic()

    def now() -> float:
        return real() - BACK * int(time.monotonic() - started)

    class Moment(datetime.datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Moment:
            return cls.fromtimestamp(now(), tz)

    time.time = now
    time.time_ns = lambda: int(now() * 1e9)
    datetime.datetime = Moment  # type: ignore[misc]

    from po_pw.cli import console_script

    console_script.main()


if __name__ == "__main__":
    main()
