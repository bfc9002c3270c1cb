"""The flags of a command as settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from po_pw import setting_names, settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a command's parameters give, by name; parameters that are no settings are left out. Pure.

    A switch gives a setting only where it is on; `--no-…` switches one off.

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
