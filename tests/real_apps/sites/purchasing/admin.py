"""The admin: an order's form with its attachments in a table below, as Django draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.html import format_html

from tests.real_apps.sites.purchasing import models

if TYPE_CHECKING:
    from django.http import HttpRequest


class AttachmentInline(admin.TabularInline):
    """The table of files, with a small picture of those that are pictures."""

    model = models.Attachment
    extra = 1
    readonly_fields = ("preview",)

    @admin.display(description="Preview")
    def preview(self, attachment: models.Attachment) -> str:
        """A thumbnail that leads to the picture."""
        if not attachment.file or not attachment.file.name.endswith(".png"):
            return "-"
        return format_html('<a href="{0}"><img src="{0}" alt="" width="60"></a>', attachment.file.url)


@admin.register(models.PurchaseOrder)
class PurchaseOrderAdmin(admin.ModelAdmin):
    """Confidential orders are refused to all but superusers."""

    list_display = ("number", "supplier", "amount", "ordered_on")
    search_fields = ("number", "supplier")
    save_as = True
    inlines = (AttachmentInline,)

    def has_view_permission(self, request: HttpRequest, obj: models.PurchaseOrder | None = None) -> bool:
        """Whether this order may be seen."""
        return super().has_view_permission(request, obj) and _is_open(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: models.PurchaseOrder | None = None) -> bool:
        """Whether this order may be changed."""
        return super().has_change_permission(request, obj) and _is_open(request, obj)


def _is_open(request: HttpRequest, order: models.PurchaseOrder | None) -> bool:
    return order is None or not order.confidential or bool(request.user.is_superuser)
