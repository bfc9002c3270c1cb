"""One typed model of all settings: flags over environment over `po-pw.toml` over defaults."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pydantic
import pydantic_settings

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_MAX_PATH = 260 if sys.platform == "win32" else 400
"""Characters in a whole path: Windows' own limit, and what synced folders elsewhere bear."""

CONFIG_FILE = "po-pw.toml"

_FLAGS = {
    "max_file_bytes": "--max-file-size", "max_total_bytes": "--max-total-size", "allow_hosts": "--allow-host",
    "mark_of_the_web": "--no-mark",
}  # fmt: skip
"""Flags that are not called as their setting is."""

Seconds = Annotated[float, pydantic.Field(gt=0, le=86_400)]
Bytes = Annotated[pydantic.ByteSize, pydantic.Field(ge=1)]
"""A number, or as people write it: `500MB`, `2GiB`."""


class Settings(pydantic_settings.BaseSettings):
    """Everything a run can be told. Durations are in seconds, sizes in bytes."""

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix="PO_PW_", frozen=True, extra="forbid", toml_file=CONFIG_FILE
    )

    out: Path = Path("downloads")
    workers: int = pydantic.Field(4, ge=1, le=64)
    """Contexts. With 1, orders are strictly one after another and nothing overlaps."""
    pages_per_context: int = pydantic.Field(1, ge=1, le=8)
    orders_per_context: int = pydantic.Field(4, ge=1, le=64)
    """Orders of one context whose files may still be arriving while it reads the next."""
    files_per_context: int = pydantic.Field(4, ge=1, le=64)
    files_in_all: int = pydantic.Field(16, ge=1, le=256)
    files_per_host: int = pydantic.Field(8, ge=1, le=256)

    browser: str | None = None
    """`msedge`, `chrome`, `chromium` or a path, to insist; None takes the first of them that is there."""
    headed: bool = False
    base_profile: Path | None = None
    """Copied into each worker's user-data dir; None takes the one that `po-pw login` made for the portal."""
    home: Path | None = None
    """Where sign-in state is kept; None for the platform's user data dir."""

    url_template: str | None = None
    """Address of an order whose row has none; `{po_number}` stands for the number, URL-encoded."""
    limit: int | None = pydantic.Field(None, ge=1)
    """Only the first N rows."""
    max_path: int = pydantic.Field(DEFAULT_MAX_PATH, ge=120, le=4096)
    max_file_bytes: Bytes | None = None
    """A larger file is recorded as missing."""
    max_total_bytes: Bytes | None = None
    """When a run has received so much, it stops after what is in hand."""
    allow_hosts: Annotated[tuple[str, ...], pydantic_settings.NoDecode] = ()
    """Hosts, beyond the portal's own, that files may come from: `files.example.com`, `*.example.com`."""

    mark_of_the_web: bool = True
    """Files say that they came from the internet, and from where, as those that a browser saves do: then Office opens
    them in Protected View."""

    launch_timeout: Seconds = 30
    navigation_timeout: Seconds = 45
    listing_timeout: Seconds = 20
    """How long a page may take to show all its attachments after it was opened."""
    patience: Seconds = 3
    """Without a change for so long, a page that keeps something going (a poll, a socket) is believed to be complete."""
    read_only: bool = False
    """Press nothing that sends a form: files that only a form hands out are then missing."""
    order_timeout: Seconds = 300
    """One attempt at reading one order, clicks included; streaming files are bounded by `stall_timeout`."""
    stall_timeout: Seconds = 60
    """No bytes of a file for so long."""
    grace: Seconds = 30
    """After a first Ctrl-C, how long what is in hand may take."""
    run_timeout: Seconds | None = None
    """After so long the run stops as with a first Ctrl-C; the same command continues."""
    heartbeat_every: Seconds = 5
    heartbeat_timeout: Seconds = 15
    """A browser that has not answered for so long hangs: it is killed and replaced."""

    attempts: int = pydantic.Field(4, ge=1, le=20)
    retry_for: Seconds = 3600
    """How long an order may go on being tried again, from its first failure; waits of all workers do not count."""
    backoff_base: Seconds = 1
    backoff_cap: Seconds = 60
    outage_timeout: Seconds = 3600
    """A portal that has not answered for so long ends the run."""

    min_free_bytes: Annotated[pydantic.ByteSize, pydantic.Field(ge=0)] = pydantic.ByteSize(500_000_000)
    """With less free the run pauses; of a file system below 10 GB no more than a twentieth is asked for."""
    disk_timeout: Seconds = 3600
    """A pause for want of space ends the run after so long."""
    keep_awake: bool = True
    """Keep the machine from going to sleep by itself while a run is going."""

    @pydantic.field_validator("out", "base_profile", "home", mode="before")
    @classmethod
    def _path(cls, value: object) -> object:
        """An empty path would be the current folder: whoever wants that says so."""
        if isinstance(value, str) and not value.strip():
            msg = "the path is empty. Is a variable not set? Give a path; '.' is the current folder"
            raise ValueError(msg)
        return value

    @pydantic.field_validator("url_template")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        if value is not None and ("{po_number}" not in value or not value.lower().startswith(("http://", "https://"))):
            msg = "must begin with http:// or https:// and contain {po_number}"
            raise ValueError(msg)
        return value

    @pydantic.field_validator("allow_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        """In the environment they are a text, with commas or spaces between."""
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @pydantic.field_validator("allow_hosts")
    @classmethod
    def _only_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if "://" in host or not re.fullmatch(r"\*|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]*\]?|[\w*.-]*\w[\w*.-]*", host):
                msg = f"{host!r} is no host: give one such as files.example.com or *.example.com, without https://"
                raise ValueError(msg)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[pydantic_settings.BaseSettings],
        init_settings: pydantic_settings.PydanticBaseSettingsSource,
        env_settings: pydantic_settings.PydanticBaseSettingsSource,
        dotenv_settings: pydantic_settings.PydanticBaseSettingsSource,
        file_secret_settings: pydantic_settings.PydanticBaseSettingsSource,
    ) -> tuple[pydantic_settings.PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, pydantic_settings.TomlConfigSettingsSource(settings_cls)


def load(**flags: Any) -> Settings:
    """Settings from the given flags (None: not given), the environment, `po-pw.toml` in this folder, and defaults.

    Raises:
        InputError: a value that cannot be used, naming where it came from.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except pydantic.ValidationError as error:
        lines = []
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"])
            variable = f"PO_PW_{name.upper()}"
            if name in given:
                where = _FLAGS.get(name, f"--{name.replace('_', '-')}")
            elif variable in os.environ:
                where = f"the environment variable {variable}"
            else:
                where = f"{CONFIG_FILE}: {name}"
            lines.append(f"{where}: {problem['msg'].removeprefix('Value error, ')} (given: {problem['input']!r})")
        raise errors.InputError("\n".join(lines)) from None
    except ValueError as error:  # a po-pw.toml that is not TOML
        msg = f"{CONFIG_FILE} cannot be read: {error}"
        raise errors.InputError(msg) from None


def environment(name: str) -> str | None:
    """An environment variable that is not a setting (a password, a display). The one place the environment is read."""
    return os.environ.get(name) or None


def child_environment() -> dict[str, str]:
    """A copy of our environment for a process we start."""
    return dict(os.environ)


@contextlib.contextmanager
def environment_changed(**changes: str) -> Iterator[None]:
    """Changes our own environment while the block lasts, for a library that starts a process with a copy of it."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def home(settings: Settings) -> Path:
    """Where sign-in state and profiles are kept."""
    import platformdirs

    return settings.home or Path(platformdirs.user_data_dir("po-pw", appauthor=False))
