"""Messages about settings that cannot be used, with the source of the value."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any, Final

from po_pw import config_file, errors, setting_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

DAY: Final = 86_400
"""Seconds: the longest duration that a setting accepts."""
_MAX_SHOWN: Final = 80
"""Maximum characters of a value that a message shows."""
_NO_SETTING: Final = {"PO_PW_PASSWORD", "PO_PW_EXIT_CODE", "PO_PW_OUTPUT", "PO_PW_TEXT"}
"""Our environment variables that are not settings."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one setting."""

    name: str
    source: str
    """Where the value came from; `""`: from the caller."""
    text: str


class RefusedError(errors.InputError):
    """Settings that cannot be used. The message names those that the caller gave by the names of their settings."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(text(problems, lambda name: name))
        self.problems = problems


def text(problems: list[Problem], called: Callable[[str], str]) -> str:
    """The problems as a message, one per line.

    Args:
        problems: to report.
        called: the caller's name for a setting: a flag or an argument.
    """
    return "\n".join(f"{problem.source or called(problem.name)}: {problem.text}" for problem in problems)


def of_pydantic(found: dict[str, Any], given: Mapping[str, Any], schemas: Mapping[str, Any]) -> Problem:
    """Turns an error of pydantic into a problem.

    Args:
        found: the error, as from `pydantic.ValidationError.errors`.
        given: the values that the caller gave, by setting.
        schemas: the JSON schemas of the settings, by name.
    """
    name = str(found["loc"][0])
    source = "" if name in given else _source(name)
    if found["type"] == "extra_forbidden" and isinstance(found["input"], dict):
        return Problem(name, source, f"there is no such section. Remove [{name}] and keep the settings")
    if found["type"] == "extra_forbidden":
        near = setting_names.nearest(name, schemas)
        meant = f"; did you mean {near}?" if near else f" (the settings are: {', '.join(sorted(schemas))})"
        return Problem(name, source, f"there is no such setting{meant}")
    given_value = found["input"]
    value = repr(", ".join(map(str, given_value)) if isinstance(given_value, tuple | list) else given_value)
    schema = _schema(schemas[name])
    if schema.get("format") == "password":
        value = "its value"
    elif len(value) > _MAX_SHOWN:
        value = f"{value[:_MAX_SHOWN]}…"
    own = str(found["msg"]).removeprefix("Value error, ")
    is_quantity = schema.get("type") == "number" or name.endswith("_bytes")
    accepted = own if found["type"] == "value_error" and not is_quantity else f"give {_accepted(name, schema)}"
    return Problem(name, source, f"{value} cannot be used: {accepted}")


def mistyped_variables(fields: Collection[str]) -> list[Problem]:
    """Environment variables with nearly the name of a setting, which would otherwise be ignored in silence.

    Args:
        fields: the settings' names.
    """
    problems: list[Problem] = []
    for variable in os.environ:
        name = variable.upper().removeprefix(setting_names.PREFIX).lower()
        if not variable.upper().startswith(setting_names.PREFIX) or variable in _NO_SETTING or name in fields:
            continue
        if near := setting_names.nearest(name, fields):
            said = f"there is no such setting; did you mean {setting_names.PREFIX}{near.upper()}?"
            problems.append(Problem(name, f"the environment variable {variable}", said))
    return problems


def _source(name: str) -> str:
    """The source of a value that the caller did not give: the environment or `po-pw.toml`."""
    variable = setting_names.variable_of(name)
    return f"the environment variable {variable}" if variable else config_file.source_of(name)


def _schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A setting's schema; of an optional setting without the alternative null."""
    return next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)


def _accepted(name: str, schema: Mapping[str, Any]) -> str:
    """The values that a setting accepts, in words."""
    least, most = schema.get("minimum"), schema.get("maximum")
    if schema.get("type") == "number":
        return (
            f"a duration of more than 0 and at most {DAY // 3600} hours, such as 90s, 5m or 1h30 (a number "
            "alone means seconds)"
        )
    if name.endswith("_bytes"):
        return (
            f"a size such as 500MB or 2GiB, at least {least} bytes"
            if least and least > 1
            else "a size such as 500MB or 2GiB"
        )
    if schema.get("type") == "integer":
        return f"a whole number from {least} to {most}" if most is not None else f"a whole number of at least {least}"
    if name == "filters":
        return 'conditions such as "supplier=ACME*"'
    words = {"boolean": "true or false", "array": "a list of host names", "object": 'names such as po_number = "Order"'}
    return words.get(str(schema.get("type")), "a path" if schema.get("format") == "path" else "text")
