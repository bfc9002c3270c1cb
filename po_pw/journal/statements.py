"""The SQL statements that write an outcome or a fact; they run in the writer's thread."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from po_pw.journal import codec, facts

if TYPE_CHECKING:
    import sqlite3

    from po_pw import models

_PUT_OUTCOME: Final = """
INSERT OR REPLACE INTO outcomes (run, key, state, status, at, outcome, work, replaces, rules)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_PUT_FILE: Final = """
INSERT OR REPLACE INTO files (run, key, attachment_id, path, sent_name, size, sha256, media_type, source, downloaded_by,
                              saved_at, file)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_LEASED: Final = """
INSERT INTO attempts (run, lease, key, attempt, worker, started_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (run, lease) DO UPDATE SET started_at = excluded.started_at"""

_ATTEMPTED: Final = """
INSERT OR REPLACE INTO attempts (run, lease, key, attempt, worker, started_at, ended_at, counts, error_code,
                                 error_message)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_PUT_EVENT: Final = "INSERT INTO events (run, at, event, level, worker, key, detail) VALUES (?, ?, ?, ?, ?, ?, ?)"


def put_outcome(
    connection: sqlite3.Connection,
    run: models.RunId,
    outcome: models.Outcome,
    state: str = "published",
    work: str = "",
    replaces: str = "",
) -> None:
    """Writes an outcome, and makes the run's files of the order exactly the outcome's.

    Without a folder the files are still in the work folder, for the next run to resume with.
    """
    connection.execute(
        _PUT_OUTCOME,
        (run, outcome.key, state, outcome.status, codec.now(), codec.dump(outcome), work, replaces, outcome.rules),
    )
    if outcome.folder and not outcome.from_earlier_run:  # its files belong to the run that saved them
        connection.execute("DELETE FROM files WHERE run = ? AND key = ?", (run, outcome.key))
        connection.executemany(_PUT_FILE, (codec.file_values(run, outcome.key, file) for file in outcome.files))


def put_fact(connection: sqlite3.Connection, run: models.RunId, fact: facts.Fact) -> None:
    """Writes a fact."""
    if isinstance(fact, facts.FileSaved):
        connection.execute(_PUT_FILE, codec.file_values(run, fact.key, fact.file))
        return
    if isinstance(fact, facts.Happened):
        detail = codec.escape_surrogates(json.dumps(fact.detail, ensure_ascii=False))
        connection.execute(
            _PUT_EVENT, (run, codec.stamp(fact.at), fact.event, fact.level, fact.worker, fact.key, detail)
        )
        return
    lease = fact.lease
    order_of_lease = (run, lease.number, lease.order.key, lease.attempt, lease.worker)
    if isinstance(fact, facts.Leased):
        connection.execute(_LEASED, (*order_of_lease, codec.stamp(fact.at)))
        return
    code, message = (fact.failure.code, codec.escape_surrogates(fact.failure.message)) if fact.failure else (None, None)
    times = (codec.stamp(fact.started_at), codec.stamp(fact.ended_at))
    connection.execute(_ATTEMPTED, (*order_of_lease, *times, fact.counts, code, message))
