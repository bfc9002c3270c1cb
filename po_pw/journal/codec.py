"""Outcomes as JSON and back."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

from po_pw import models


def dump(outcome: models.Outcome) -> str:
    """An outcome as JSON; times as ISO 8601 with offset."""
    return json.dumps(dataclasses.asdict(outcome), ensure_ascii=False, default=_plain, separators=(",", ":"))


def load(text: str) -> models.Outcome:
    """An outcome from what `dump` gave."""
    raw: dict[str, Any] = json.loads(text)
    raw["key"] = models.OrderKey(raw["key"])
    raw["status"] = models.Status(raw["status"])
    raw["files"] = tuple(_file(file) for file in raw["files"])
    raw["missing"] = tuple(_missing(file) for file in raw["missing"])
    raw["error"] = _failure(raw["error"])
    timing = raw["timing"]
    raw["timing"] = models.Timing(_time(timing["started_at"]), _time(timing["ended_at"]), timing["seconds"])
    return models.Outcome(**raw)


def _file(raw: dict[str, Any]) -> models.SavedFile:
    for name in ("modified_at", "saved_at"):
        raw[name] = _time(raw[name]) if raw[name] else None
    raw["checks"] = tuple(raw["checks"])
    return models.SavedFile(**raw)


def _missing(raw: dict[str, Any]) -> models.MissingFile:
    raw["failure"] = _failure(raw["failure"])
    return models.MissingFile(**raw)


def _failure(raw: dict[str, Any] | None) -> models.Failure | None:
    return models.Failure(models.ErrorCode(raw["code"]), raw["message"]) if raw else None


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _plain(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return str(value)
