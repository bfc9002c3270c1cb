"""The admin, and the files for those who may enter it."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.contrib.staticfiles import views as static_views
from django.urls import path, re_path
from django.views import static

urlpatterns = [
    path("admin/", admin.site.urls),
    re_path(r"^media/(?P<path>.*)$", admin.site.admin_view(static.serve), {"document_root": settings.MEDIA_ROOT}),
    re_path(r"^static/(?P<path>.*)$", static_views.serve, {"insecure": True}),
]
