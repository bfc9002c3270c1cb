"""django-helpdesk: a ticket for each order; files came with several follow-ups, and an overview lists them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import django
from django.conf import settings

from tests.real_apps.sites import hosting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_A_FOLLOW_UP: Final = 5
"""Files that came with one follow-up, at most."""


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
        ROOT_URLCONF="tests.real_apps.sites.helpdesk_urls",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.sites",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "django.contrib.humanize",
            "django.contrib.admin",
            "rest_framework",
            "helpdesk",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.locale.LocaleMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.debug",
                        "django.template.context_processors.request",
                        "django.template.context_processors.static",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}},
        MEDIA_ROOT=folder / "media",
        MEDIA_URL="/media/",
        STATIC_URL="/static/",
        SITE_ID=1,
        LOGIN_URL="helpdesk:login",
        LOGIN_REDIRECT_URL="helpdesk:home",
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        HELPDESK_ENABLE_PER_QUEUE_STAFF_PERMISSION=True,
        HELPDESK_VALID_EXTENSIONS=[],
        HELPDESK_TEAMS_MODE_ENABLED=False,
        USE_TZ=True,
    )
    django.setup()


def _fill(folder: Path, spec: Mapping[str, Any]) -> dict[str, str]:
    from django.contrib.auth import models as auth
    from django.core.files import File
    from django.core.management import call_command
    from helpdesk import models

    call_command("migrate", verbosity=0)
    user = auth.User.objects.create_user(spec["username"], password=spec["password"], is_staff=True)
    queues = {
        visible: models.Queue.objects.create(title=title, slug=title.lower(), allow_public_submission=False)
        for visible, title in ((True, "Orders"), (False, "Board"))
    }
    for queue in queues.values():
        queue.save()
    codename = queues[True].permission_name.rpartition(".")[2]
    user.user_permissions.add(auth.Permission.objects.get(codename=codename))
    paths: dict[str, str] = {}
    for record in spec["records"]:
        ticket = models.Ticket.objects.create(
            title=f"{record['number']} {record['supplier']}",
            queue=queues[record["visible"]],
            description="To be delivered to gate 4.",
            submitter_email="orders@helpdesk.example",
            assigned_to=user if record["visible"] else None,
        )
        files = record["files"]
        for start in range(0, max(len(files), 1), _A_FOLLOW_UP):
            follow_up = models.FollowUp.objects.create(
                ticket=ticket, title="Comment", comment="Please see what came by mail.", public=True, user=user
            )
            for file in files[start : start + _A_FOLLOW_UP]:
                with (folder / file["path"]).open("rb") as stream:
                    models.FollowUpAttachment.objects.create(
                        followup=follow_up, file=File(stream, name=file["name"]), filename=file["name"]
                    )
        paths[record["number"]] = f"/tickets/{ticket.pk}/"
    paths[spec["absent"]] = "/tickets/990/"
    return paths


if __name__ == "__main__":
    main()
