"""Turns the flags of a command into settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from po_pw import setting_names, settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The settings given by a command's parameters, by name; other parameters are left out. Pure.

    A flag gives a setting only if it is set; `--no-…` turns a setting off.

    Args:
        parameters: of the command, by their names in Python.
    """
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        flag = f"--{name.rstrip('_').replace('_', '-')}"
        field = setting_names.FIELD_BY_FLAG.get(flag, name)
        if field not in settings.Settings.model_fields or value is None or value is False or value in ([], ()):
            continue
        if value is True:
            found[field] = not flag.startswith("--no-")
        else:
            found[field] = tuple(value) if isinstance(value, list) else value
    return found
