"""The helpdesk, and its files for those who are signed in."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.staticfiles import views as static_views
from django.urls import include, path, re_path
from django.views import static

urlpatterns = [
    path("", include("helpdesk.urls", namespace="helpdesk")),
    re_path(r"^media/(?P<path>.*)$", login_required(static.serve), {"document_root": settings.MEDIA_ROOT}),
    re_path(r"^static/(?P<path>.*)$", static_views.serve, {"insecure": True}),
]
