"""Runs `po-pw` on an application as a person would, and compares what came with what is there."""

from __future__ import annotations

import collections
import csv
import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.real_apps import applications

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT: Final = Path(__file__).parents[2]
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGES: Final = re.compile(
    r"(?<![a-z])(?:delete|destroy|remove|logout|revert|rename|retire|purge|edit|modify|take|subscribe|quicklink|assign|"
    r"hold|approve|reject|archive|convert|profile)(?![a-z])"
)
"""In a path or query: an address that a person opens to change something, or to sign out."""
_PARTS: Final = re.compile(r"(?i)\.(?:css|gif|ico|jpe?g|js|png|svg|woff2?)(?:\?|$)")
"""What a page is made of, not what it leads to."""


@dataclasses.dataclass(frozen=True, slots=True)
class OrderScore:
    """What came of one record."""

    record: applications.Record
    status: str
    code: str
    message: str
    missing: tuple[str, ...]
    """Names of files that should be there and are not."""
    unexpected: tuple[str, ...]
    """Names of files in the order's folder that no file of the record is."""

    @property
    def is_right(self) -> bool:
        """Whether status, error code and every file are as they should be."""
        told = self.status in self.record.statuses and self.code in self.record.codes
        return told and not self.missing and not self.unexpected


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """What came of one application."""

    application: applications.Application
    orders: tuple[OrderScore, ...]
    writes: tuple[str, ...]
    """Requests other than reading ones, after the sign-in."""
    change_pages: tuple[str, ...]
    """Addresses opened that are there to change something."""
    reads: int
    """Reading requests, after the sign-in."""
    sign_in: str = ""
    """What `po-pw login` said where it failed."""
    process_output: str = ""

    @property
    def wrong(self) -> tuple[OrderScore, ...]:
        """Records about which anything is wrong."""
        return tuple(order for order in self.orders if not order.is_right)

    @property
    def is_perfect(self) -> bool:
        """Signed in, every record right, nothing but pages and files asked for."""
        return not self.sign_in and bool(self.orders) and not self.wrong and not self.writes and not self.change_pages


def score(running: applications.Running, folder: Path) -> Score:
    """Signs in with a user's password, processes a list of all records with two workers, and compares.

    Args:
        running: the application.
        folder: an empty one, for input, output and sign-in.
    """
    application = running.application
    signed_in = _po_pw(folder, "login", running.records[1].url, "--username", application.username)
    if signed_in.returncode:
        return Score(application, (), (), (), 0, (signed_in.stderr or signed_in.stdout).strip())
    before = len(running.requests())
    with (folder / "pos.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["po_number", "supplier", "url"])
        writer.writerows([record.po_number, record.supplier, record.url] for record in running.records)
    ended = _po_pw(folder, "process", "pos.csv", "-w", "2", "-o", "out")
    requests = running.requests()[before:]
    said = f"exit code {ended.returncode}\n{ended.stdout}{ended.stderr}"
    results = folder / "out" / "results.json"
    rows = json.loads(results.read_text("utf-8"))["rows"] if results.exists() else []
    by_number = {row["po_number"]: row for row in rows}
    orders = tuple(
        _order_score(record, by_number.get(record.po_number, {}), folder / "out") for record in running.records
    )
    writes = tuple(f"{method} {path}" for method, path, _ in requests if method not in _READS)
    changes = tuple(f"{method} {path}" for method, path, _ in requests if method in _READS and _changes(path, running))
    return Score(application, orders, writes, changes, len(requests) - len(writes), process_output=said)


def _changes(path: str, running: applications.Running) -> bool:
    """Whether an address is one to change something; a record's own address and a file's own name say nothing."""
    if _PARTS.search(path) or any(running.address + path == record.url for record in running.records):
        return False
    words = _plain(path)
    for record in running.records:
        for name, _ in record.files:
            words = words.replace(_plain(name), "")
    return bool(_CHANGES.search(words))


def _plain(text: str) -> str:
    """Without escapes, case, and the characters that applications put in place of spaces."""
    return re.sub(r"[ _+]+", " ", urllib.parse.unquote(text)).casefold()


def _order_score(record: applications.Record, row: dict[str, object], out: Path) -> OrderScore:
    wanted = collections.Counter(digest for _, digest in record.files)
    names = {digest: name for name, digest in record.files}
    found: dict[str, list[str]] = collections.defaultdict(list)
    folder = out / str(row.get("folder") or "?")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        found[hashlib.sha256(path.read_bytes()).hexdigest()].append(path.name)
    came = collections.Counter({digest: len(there) for digest, there in found.items()})
    missing = tuple(names[digest] for digest in (wanted - came).elements())
    unexpected = tuple(found[digest][-1] for digest in (came - wanted).elements())
    return OrderScore(
        record,
        str(row.get("status") or "no row"),
        str(row.get("error_code") or ""),
        str(row.get("error_message") or ""),
        missing,
        unexpected,
    )


def _po_pw(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(_ROOT),
        "PO_PW_HOME": str(folder / "home"),
        "PO_PW_PASSWORD": applications.PASSWORD,
    }
    return subprocess.run(
        [sys.executable, "-m", "po_pw", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def table(scores: Sequence[Score]) -> str:
    """All scores as text: a line per application, and one for each thing that is wrong."""
    lines = [f"{'application':<20} right wrong missing unexpected writes changes reads"]
    for one in scores:
        missing = sum(len(order.missing) for order in one.orders)
        unexpected = sum(len(order.unexpected) for order in one.orders)
        right = len(one.orders) - len(one.wrong)
        lines.append(
            f"{one.application.name:<20} {right:>5} {len(one.wrong):>5} {missing:>7} {unexpected:>10} "
            f"{len(one.writes):>6} {len(one.change_pages):>7} {one.reads:>5}"
        )
        if one.sign_in:
            lines.append(f"    sign-in failed: {one.sign_in}")
        lines += [f"    {line}" for order in one.wrong for line in _faults(order)]
        lines += [f"    asked: {request}" for request in (*one.writes, *one.change_pages)]
    return "\n".join(lines)


def _faults(order: OrderScore) -> list[str]:
    record = order.record
    wanted = "/".join(sorted(record.statuses)) + "".join(f" {code}" for code in sorted(record.codes) if code)
    lines = [f"{record.po_number}: {order.status} {order.code}, should be {wanted} ({len(record.files)} files)"]
    if order.message:
        lines.append(f"  it says: {order.message[:300]}")
    if order.missing:
        lines.append(f"  missing: {', '.join(order.missing)}")
    if order.unexpected:
        lines.append(f"  unexpected: {', '.join(order.unexpected)}")
    return lines
