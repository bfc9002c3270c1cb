"""All settings in one typed model: flags over environment over `po-pw.toml` over defaults."""

from __future__ import annotations

import difflib
import functools
import mimetypes
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import pydantic
import pydantic_settings

from po_pw import config_file, errors, folder_layout, hostnames, humanize, models, setting_names, setting_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULT_MAX_PATH = 260 if sys.platform == "win32" else 400
"""Maximum characters of a whole path: Windows' own limit; elsewhere a length that synced folders support."""

_ACCOUNT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9_@-])?", re.ASCII)
_DEVICES: Final = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
"""Names of devices on Windows, which cannot be file names, with whatever extension."""

_TYPES: Final = (
    *("pdf", "docx", "doc", "xlsx", "xls", "xlsm", "xlsb", "pptx", "ppt", "msg", "eml", "zip", "7z", "rar", "csv"),
    *("txt", "xml", "json", "rtf", "odt", "ods", "odp", "jpg", "png", "gif", "tif", "heic", "dwg", "dxf", "step"),
    *("stp", "stl", "igs", "iges", "x_t", "x_b", "sldprt", "sldasm", "ipt", "iam", "ifc", "p7m", "p7s"),
)
"""Types of files that orders usually have; used to recognise mistyped types."""


def unfamiliar_types(types: Sequence[str]) -> tuple[str, ...]:
    """Those among extensions of files that neither this program nor the system knows; they may be mistyped."""
    known = {*_TYPES, *(ending.removeprefix(".") for ending in mimetypes.types_map)}
    return tuple(ending for ending in types if ending not in known)


def _seconds(value: object) -> object:
    return humanize.parse_duration(value) if isinstance(value, str) else value


def _bytes(value: object) -> object:
    return humanize.parse_size(value) if isinstance(value, str) else value


Seconds = Annotated[
    float,
    pydantic.BeforeValidator(_seconds),
    pydantic.Field(gt=0, le=setting_problems.DAY, allow_inf_nan=False),
]
"""A number, or as people write it: `90s`, `5m`, `1h30`."""
Bytes = Annotated[int, pydantic.BeforeValidator(_bytes), pydantic.Field(ge=1)]
"""A number, or as people write it: `500MB`, `2GiB`."""


class _Fields(pydantic_settings.BaseSettings):
    """The settings themselves."""

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix=setting_names.PREFIX, frozen=True, extra="forbid", toml_file=config_file.NAME
    )

    out: Path = Path("downloads")
    """The output folder: files and results go there."""
    workers: int = pydantic.Field(4, ge=1, le=64)
    """Number of browsers. With 1, orders are processed strictly one after another and nothing overlaps."""
    pages_per_context: int = pydantic.Field(1, ge=1, le=8)
    """Pages of one browser that read orders at once."""
    orders_per_context: int = pydantic.Field(4, ge=1, le=64)
    """Orders of one browser whose files may still be arriving while it reads the next."""
    files_per_context: int = pydantic.Field(4, ge=1, le=64)
    """Files of one browser that are downloaded at once."""
    files_in_all: int = pydantic.Field(16, ge=1, le=256)
    """Files of the whole run that are downloaded at once."""
    files_per_host: int = pydantic.Field(8, ge=1, le=256)
    """Files of one host that are downloaded at once."""

    browser: str | None = None
    """`msedge`, `chrome`, `chromium` or a path: use only this one. None: the first one found."""
    headed: bool = False
    base_profile: Path | None = None
    """Copied into each worker's user-data dir. None: the profile that `po-pw login` made for the portal."""
    home: Path | None = None
    """Where sign-ins are saved. Default: the user data folder of the operating system."""
    account: str = ""
    """The user whose sign-ins are used, if a portal has several: the name given to `po-pw login --account`."""
    sign_in_window: bool = True
    """If a sign-in ends during a run and only a person can renew it, open a window and wait. `false`: the portal's
    orders are left for a later run."""
    sign_in_timeout: Seconds = 43_200
    """How long the run waits for the person in that window."""
    totp_command: str | None = None
    """A program whose first line of output is the one-time code that a sign-in asks for."""

    portal: str | None = None
    """Portal that all orders belong to: `coupa`, `generic` or one of an installed package. None: po-pw recognises it
    by each order's address."""
    base_url: str | None = None
    """Address of the portal, e.g. `https://acme.coupahost.com`; used for rows without an address."""
    url_template: str | None = None
    """Address for rows without one; `{po_number}` is replaced by the PO number, URL-encoded. Overrides `base_url`."""
    write_back: bool = False
    """Also write the results into the list itself; see `results.write_back`."""
    columns: Annotated[dict[str, str], pydantic_settings.NoDecode] = {}
    """Names of the list's columns, by field: `po_number`, `url`, `supplier`, `amount`. In `po-pw.toml` a section
    `[columns]`; in the environment and as flags, texts such as `po_number=Order no.`."""
    filters: Annotated[tuple[str, ...], pydantic_settings.NoDecode] = ()
    """Only rows that match, such as `supplier=ACME*`. Of several for one column, any may match."""
    types: Annotated[tuple[str, ...], pydantic_settings.NoDecode] = ()
    """Extensions of the files to download: `pdf`, `xlsx`. Empty: all. Files of unknown type are downloaded."""
    layout: str | None = None
    """Pattern for the folder names, from columns of the list: `{supplier}/{po_number}_{status}`."""
    limit: int | None = pydantic.Field(None, ge=1)
    """Only the first N rows."""
    max_path: int = pydantic.Field(DEFAULT_MAX_PATH, ge=120, le=4096)
    max_file_bytes: Bytes | None = None
    """A larger file is recorded as missing."""
    max_total_bytes: Bytes | None = None
    """After receiving this many bytes, the run finishes the orders in progress and stops."""
    allow_hosts: Annotated[tuple[str, ...], pydantic_settings.NoDecode] = ()
    """Hosts other than the portal's own that files may come from: `files.example.com`, `*.example.com`."""

    on_finish: str | None = None
    """Command to run when a run ends; it gets `results.end_report` as JSON on its standard input."""
    notify: pydantic.SecretStr | None = None
    """Address to which the same JSON is posted. Addresses of chat programs are secrets."""

    client_certificate: Path | None = None
    """PEM or PKCS#12 file with a certificate and its key, for portals that ask for one."""
    client_certificate_password: pydantic.SecretStr | None = None
    """Password of the client certificate's file, from the environment or the prompt, never from the command line."""
    client_certificate_hosts: Annotated[tuple[str, ...], pydantic_settings.NoDecode] = ()
    """Hosts that the certificate is sent to; without a file, one from the system's certificate store."""

    mark_of_the_web: bool = True
    """Mark files as coming from the internet, as a browser does, so that Office opens them in Protected View."""

    save_page: bool = False
    """Also save each order's page as PDF, beside its attachments."""
    trace: bool = False
    """Also save a Playwright trace of each order that fails, beside its screenshot; each browser then has one page."""

    launch_timeout: Seconds = 30
    """How long a browser may take to start."""
    navigation_timeout: Seconds = 45
    """How long a page may take to open."""
    listing_timeout: Seconds = 20
    """How long a page may take to show all its attachments after it was opened."""
    patience: Seconds = 3
    """A page that never stops loading (a poll, a socket) counts as complete after this long without a change."""
    read_only: bool = False
    """Press nothing that sends a form; files that need a form are then missing."""
    order_timeout: Seconds = 300
    """Longest time for one attempt to read one order, clicks included; `stall_timeout` limits downloads."""
    stall_timeout: Seconds = 60
    """A download is aborted after this long without receiving a byte."""
    grace: Seconds = 30
    """How long the orders in progress may take after the first Ctrl-C."""
    run_timeout: Seconds | None = None
    """After this long the run stops, as after the first Ctrl-C; the same command continues it."""
    heartbeat_every: Seconds = 5
    """How often each browser is asked whether it still answers."""
    heartbeat_timeout: Seconds = 15
    """A browser that has not answered for this long is killed and replaced."""

    attempts: int = pydantic.Field(4, ge=1, le=20)
    """Maximum attempts per order, and per file."""
    retry_for: Seconds = 3600
    """How long an order may be tried again, from its first failure. Waits that concern all workers do not count."""
    backoff_base: Seconds = 1
    """Longest wait before the second attempt. It doubles with each attempt; the actual wait is a random part of it."""
    backoff_cap: Seconds = 60
    """Upper limit of that wait."""
    outage_timeout: Seconds = 3600
    """After a portal has not answered for this long, its orders are left for a later run."""

    min_free_bytes: Annotated[int, pydantic.BeforeValidator(_bytes), pydantic.Field(ge=0)] = 500_000_000
    """With less free space the run pauses. On a file system below 10 GB, a twentieth of its size is enough."""
    disk_timeout: Seconds = 3600
    """The run ends after waiting this long for free space or for the output folder."""
    keep_awake: bool = True
    """Keep the computer from going to sleep during a run."""

    @pydantic.field_validator("out", "base_profile", "home", "client_certificate", mode="before")
    @classmethod
    def _path(cls, value: object) -> object:
        """Refuses an empty path, which would mean the current folder."""
        if isinstance(value, str) and not value.strip():
            msg = "the path is empty. Is a variable not set? Give a path; '.' is the current folder"
            raise ValueError(msg)
        return value

    @pydantic.field_validator("notify", mode="before")
    @classmethod
    def _web_address(cls, value: object) -> object:
        if isinstance(value, str) and not re.match(r"https?://[^/]", value, re.IGNORECASE):
            msg = "must be an address that begins with https:// or http://"
            raise ValueError(msg)
        return value

    @pydantic.field_validator("account")
    @classmethod
    def _account(cls, value: str) -> str:
        """Checks that it can be a folder's name everywhere; lower case, so that `Anna` and `anna` are one account."""
        if value and (not _ACCOUNT.fullmatch(value) or value.split(".")[0].lower() in _DEVICES):
            msg = "an account's name is made of letters, digits, '.', '_', '@' and '-', 1 to 64 of them, such as anna"
            raise ValueError(msg)
        return value.lower()

    @pydantic.field_validator("url_template")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        if value is not None and ("{po_number}" not in value or not value.lower().startswith(("http://", "https://"))):
            msg = "must begin with http:// or https:// and contain {po_number}"
            raise ValueError(msg)
        return value

    @pydantic.field_validator("base_url")
    @classmethod
    def _base(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/]", hostnames.origin_of(value)):
            msg = "must be the portal's address, such as https://acme.coupahost.com"
            raise ValueError(msg)
        return value

    @pydantic.field_validator("columns", mode="before")
    @classmethod
    def _columns(cls, value: object) -> object:
        """Flags and environment variables are texts: `po_number=Bestellnummer`, separated by commas."""
        if isinstance(value, str):
            value = re.split(rf",\s*(?=(?:{'|'.join(models.COLUMN_FIELDS)})\s*=)", value)
        if not isinstance(value, list | tuple):
            return value
        found: dict[str, str] = {}
        for text in value:
            field, equals, name = (part.strip() for part in str(text).partition("="))
            if not equals:
                msg = f'{text!r} is not FIELD=NAME. Give one such as po_number="Order no."'
                raise ValueError(msg)
            if found.setdefault(field, name) != name:
                msg = f"{field} is given twice: as {found[field]!r} and as {name!r}. Give it once"
                raise ValueError(msg)
        return found

    @pydantic.field_validator("columns")
    @classmethod
    def _known_columns(cls, value: dict[str, str]) -> dict[str, str]:
        for field, name in value.items():
            if field not in models.COLUMN_FIELDS:
                near = difflib.get_close_matches(field.lower().replace("-", "_"), models.COLUMN_FIELDS, 1, 0.6)
                meant = f"did you mean {near[0]}?" if near else f"the fields are: {', '.join(models.COLUMN_FIELDS)}"
                msg = f"{field!r} is not a field of an order; {meant}"
                raise ValueError(msg)
            if not name.strip():
                msg = f"{field} has no name. Give the name of the column as it is in your list"
                raise ValueError(msg)
        return value

    @pydantic.field_validator("filters", mode="before")
    @classmethod
    def _filters(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @pydantic.field_validator("types", mode="before")
    @classmethod
    def _types(cls, value: object) -> object:
        """Accepts texts separated by commas or spaces, with or without a dot: `pdf,xlsx`, `.pdf`, `*.pdf`."""
        texts = (value,) if isinstance(value, str) else value
        if not isinstance(texts, list | tuple):
            return value
        split = [part for text in texts for part in re.split(r"[\s,;]+", str(text)) if part]
        if texts and not split:
            msg = "no type is given. Give extensions such as pdf,xlsx, or leave it out for all"
            raise ValueError(msg)
        return tuple(dict.fromkeys(re.sub(r"^\*?\.", "", part).lower() for part in split))

    @pydantic.field_validator("types")
    @classmethod
    def _known_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unfamiliar = unfamiliar_types(value)
        for ending in value:
            near = difflib.get_close_matches(ending, _TYPES, 1, 0.6) if ending in unfamiliar else []
            if near or not re.fullmatch(r"[a-z0-9_]{1,10}", ending):
                meant = f"did you mean {near[0]}?" if near else "give extensions such as pdf,xlsx"
                msg = f"{ending!r} is not a known type of file; {meant}"
                raise ValueError(msg)
        return value

    @pydantic.field_validator("layout")
    @classmethod
    def _layout(cls, value: str | None) -> str | None:
        if value is not None:
            folder_layout.Layout.parse(value)
        return value

    @pydantic.field_validator("allow_hosts", "client_certificate_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        """An environment variable is one text, separated by commas or spaces."""
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @pydantic.field_validator("allow_hosts")
    @classmethod
    def _only_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if "://" in host or not re.fullmatch(r"\*|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]*\]?|[\w*.-]*\w[\w*.-]*", host):
                msg = f"{host!r} is not a host name. Give one such as files.example.com or *.example.com, without https://"
                raise ValueError(msg)
        return value

    @pydantic.field_validator("client_certificate_hosts")
    @classmethod
    def _whole_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"[\w.-]*\w|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]*\]?", host):
                msg = f"{host!r} is not a host name. Give the whole name, such as portal.example.com, without https://"
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


class Settings(_Fields):
    """All settings of a run. Durations are in seconds or as in `"5m"`, sizes in bytes or as in `"500MB"`.

    Raises:
        InputError: a value cannot be used. The message names its source: an argument, the environment, `po-pw.toml`.
    """

    if not TYPE_CHECKING:  # type checkers read the fields

        def __init__(self, **values: Any) -> None:
            problems = setting_problems.mistyped_variables(Settings.model_fields)
            try:
                super().__init__(**values)
            except pydantic.ValidationError as error:
                refused = [setting_problems.of_pydantic(dict(found), values, _schemas()) for found in error.errors()]
                problems = [*refused, *problems]
            except OSError as error:
                msg = f"{config_file.NAME} in this folder cannot be read: {error.strerror or error}"
                raise errors.InputError(msg) from None
            except UnicodeDecodeError:
                msg = f"{config_file.NAME} is not UTF-8. Save it as UTF-8."
                raise errors.InputError(msg) from None
            except ValueError as error:  # it is not TOML
                msg = f"{config_file.NAME} cannot be read: {error}"
                raise errors.InputError(msg) from None
            if problems:
                raise setting_problems.RefusedError(problems)


def load(**flags: Any) -> Settings:
    """Settings from the given flags (None: not given), the environment, `po-pw.toml` in this folder, and defaults.

    Raises:
        InputError: a value cannot be used. The message names its source.
    """
    return _load(flags, setting_names.flag_of)


def from_arguments(called: Mapping[str, str], **arguments: Any) -> Settings:
    """Like `load`, for callers from Python: messages name arguments instead of flags.

    Args:
        called: the arguments' names by setting, where the two differ.
        **arguments: by the settings' names.

    Raises:
        InputError: as for `load`.
    """
    return _load(arguments, lambda name: called.get(name, name))


def _load(values: Mapping[str, Any], called: Callable[[str], str]) -> Settings:
    try:
        return Settings(**{name: value for name, value in values.items() if value is not None})
    except setting_problems.RefusedError as error:
        raise errors.InputError(setting_problems.text(error.problems, called)) from None


def in_python(text: str) -> str:
    """A message with the names of arguments in place of flags. Pure."""

    def argument(found: re.Match[str]) -> str:
        name = setting_names.FIELD_BY_FLAG.get(found[0], found[0].removeprefix("--").replace("-", "_"))
        return name if name in Settings.model_fields else found[0]

    text = re.sub(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", argument, text)
    return text.replace("run the same command again", "make the same call again with resume=True")


@functools.cache
def _schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema of each setting."""
    found: dict[str, dict[str, Any]] = Settings.model_json_schema()["properties"]
    return found


def home(settings: Settings) -> Path:
    """The folder of the saved sign-ins and profiles; need not exist.

    Raises:
        MachineError: there is a file of that name.
    """
    import platformdirs

    found = settings.home or Path(platformdirs.user_data_dir("po-pw", appauthor=False))
    if found.is_file():
        msg = f"the sign-in cannot be saved: {found} is a file, not a folder. Set PO_PW_HOME to a folder."
        raise errors.MachineError(msg)
    return found
