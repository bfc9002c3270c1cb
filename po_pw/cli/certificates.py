"""The options for a client certificate, and the prompt for its password."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from po_pw.cli import option_groups, paths

if TYPE_CHECKING:
    from po_pw import settings

FileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--client-certificate",
        metavar="FILE",
        parser=paths.path,
        help="PEM or PKCS#12 file with a certificate and its key, for a portal that asks for one.",
        rich_help_panel=option_groups.PORTAL,
    ),
]
HostOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--client-certificate-host",
        metavar="HOST",
        help="Send the client certificate to this host. Can be repeated. Without a file: one from the system's store.",
        rich_help_panel=option_groups.PORTAL,
    ),
]


def with_password(options: settings.Settings) -> settings.Settings:
    """The settings, with the password of the client certificate; asks for it if necessary.

    Raises:
        InputError: the certificate cannot be used, or nobody can be asked for its password.
    """
    import pydantic

    from po_pw import client_certificates

    try:
        client_certificates.read(options)
    except client_certificates.PasswordNeededError:
        if not sys.stdin.isatty():
            raise
        given = typer.prompt(f"Password of {options.client_certificate}", hide_input=True, err=True)
        options = options.model_copy(update={"client_certificate_password": pydantic.SecretStr(given)})
        client_certificates.read(options)
    return options
