"""Removes secrets from the texts in an object: a dataclass, a mapping, a sequence, an exception with its causes."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
from typing import TYPE_CHECKING, Any, Final, TypeVar

from po_pw import redact, secret_signs

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


_AS_THEY_ARE: Final = frozenset(
    {
        "key",
        "po_number",
        "po",
        "path",
        "folder",
        "sha256",
        "worker",
        "id",
        "attachment_id",
        "etag",
        "run",
        "user_data_dir",
        "executable",
    }
)
"""Fields that identify an order, file or process: not searched for secrets."""
_HARMLESS: Final = frozenset({type(None), bool, int, float, datetime.datetime})
"""Types of values that contain no text."""


def values(value: T) -> T:
    """Removes secrets from all texts in a value: fields of a dataclass, values of a mapping, items of a sequence."""
    cleaned: Any = _values(value, redact.text)
    found: T = cleaned
    return found


def _values(value: Any, clean: Callable[[str], str]) -> Any:
    kind: Any = type(value)
    if kind in _HARMLESS or isinstance(value, enum.Enum):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {
            name: inner if name in _AS_THEY_ARE else _of_name(str(name), inner, clean) for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return kind(_values(inner, clean) for inner in value) if value else value
    if (names := _fields(kind)) is None:
        return value
    changed = {}
    for name in names:
        before = getattr(value, name)
        after = before if type(before) in _HARMLESS else _values(before, clean)
        if after is not before and after != before:
            changed[name] = after
    return dataclasses.replace(value, **changed) if changed else value


@functools.cache
def _fields(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass that may contain a secret; None if it is not a dataclass."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(one.name for one in dataclasses.fields(kind) if one.name not in _AS_THEY_ARE)


def _of_name(name: str, value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str) and secret_signs.is_secret_name(name) and not isinstance(value, enum.Enum):
        return value if not value or secret_signs.PLAIN.fullmatch(value) else redact.REDACTED
    return _values(value, clean)


def chain(error: BaseException) -> None:
    """Removes secrets from the messages of an error and of its causes, in place.

    For errors that leave this package: callers may print the traceback, and errors of libraries contain addresses.
    """
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.args = tuple(redact.text(arg) if type(arg) is str else arg for arg in one.args)
        todo += [one.__cause__, one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]
