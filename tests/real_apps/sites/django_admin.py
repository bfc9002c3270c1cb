"""Django's admin with a model of purchase orders and an inline one of their files.

`buyer` may change orders and files (fields, delete boxes, "Save" buttons); `auditor` may only see them.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings

from tests.real_apps.sites import hosting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def main() -> None:
    """Sets up and serves."""
    folder, spec = hosting.specification()
    _configure(folder)
    paths = _fill(folder, spec)
    from django.core.wsgi import get_wsgi_application

    hosting.serve(hosting.listen(), get_wsgi_application(), folder, paths)


def _configure(folder: Path) -> None:
    settings.configure(
        DEBUG=False,
        SECRET_KEY="for tests on this machine only",
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        ROOT_URLCONF="tests.real_apps.sites.purchasing.urls",
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "tests.real_apps.sites.purchasing",
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        MEDIA_ROOT=folder / "media",
        MEDIA_URL="/media/",
        STATIC_URL="/static/",
        LANGUAGE_CODE="en-us",
        USE_TZ=True,
    )
    django.setup()


def _fill(folder: Path, spec: Mapping[str, Any]) -> dict[str, str]:
    from django.contrib.auth import models as auth
    from django.core.files import File
    from django.core.management import call_command

    from tests.real_apps.sites.purchasing import models

    call_command("migrate", run_syncdb=True, verbosity=0)
    for name, actions in (("buyer", ("view", "change", "add", "delete")), ("auditor", ("view",))):
        user = auth.User.objects.create_user(name, password=spec["password"], is_staff=True)
        codenames = [f"{action}_{model}" for action in actions for model in ("purchaseorder", "attachment")]
        user.user_permissions.set(auth.Permission.objects.filter(codename__in=codenames))
    paths: dict[str, str] = {}
    for number, record in enumerate(spec["records"], start=1):
        order = models.PurchaseOrder.objects.create(
            id=40 + number * 3,
            number=record["number"],
            supplier=record["supplier"],
            amount=1000 + number,
            ordered_on=datetime.date(2026, 11, number),
            confidential=not record["visible"],
            notes="To be delivered to gate 4.",
        )
        for file in record["files"]:
            with (folder / file["path"]).open("rb") as stream:
                models.Attachment.objects.create(order=order, file=File(stream, name=file["name"]))
        paths[record["number"]] = f"/admin/purchasing/purchaseorder/{order.pk}/change/"
    paths[spec["absent"]] = "/admin/purchasing/purchaseorder/99999/change/"
    return paths


if __name__ == "__main__":
    main()
