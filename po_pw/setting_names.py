"""The names of settings as flags and environment variables, and the setting that a mistyped name means."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX: Final = "PO_PW_"
"""Prefix of the environment variables."""
_MIN_SIMILARITY: Final = 0.75
"""Similarity (0 to 1) above which a name counts as a mistyped one."""

FLAGS = {
    "max_file_bytes": "--max-file-size",
    "max_total_bytes": "--max-total-size",
    "allow_hosts": "--allow-host",
    "columns": "--column",
    "filters": "--filter",
    "client_certificate_hosts": "--client-certificate-host",
    "mark_of_the_web": "--no-mark",
    "sign_in_window": "--no-sign-in-window",
}
"""Flags by setting, where the two have different names."""
FIELD_BY_FLAG: Final = {flag: field for field, flag in FLAGS.items()}
"""Settings by flag, for the same ones."""


def flag_of(name: str) -> str:
    """The flag that sets a setting: `--max-file-size` for `max_file_bytes`."""
    return FLAGS.get(name, f"--{name.replace('_', '-')}")


def variable_of(name: str) -> str:
    """The environment variable that gives a setting its value; `""` if none is set."""
    variable = f"{PREFIX}{name.upper()}"
    return variable if any(known.upper() == variable for known in os.environ) else ""


def nearest(name: str, fields: Iterable[str]) -> str:
    """The setting with the most similar name or flag; `""` if none is similar enough.

    Args:
        name: as the user typed it.
        fields: the settings' names.
    """
    names = {field: field for field in fields}
    names |= {flag.removeprefix("--").replace("-", "_"): field for field, flag in FLAGS.items()}
    near = difflib.get_close_matches(name.lower().replace("-", "_"), names, 1, _MIN_SIMILARITY)
    return names[near[0]] if near else ""
