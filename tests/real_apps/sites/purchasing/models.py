"""Purchase orders and the files attached to them."""

from __future__ import annotations

from django.db import models


class PurchaseOrder(models.Model):
    """One order; a confidential one is for superusers."""

    number = models.CharField("PO number", max_length=40, unique=True)
    supplier = models.CharField(max_length=200)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    ordered_on = models.DateField()
    confidential = models.BooleanField(default=False)
    notes = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.number} ({self.supplier})"


def folder_of(instance: Attachment, filename: str) -> str:
    """Where an order's files are kept."""
    return f"orders/{instance.order_id}/{filename}"


class Attachment(models.Model):
    """A file on an order."""

    order = models.ForeignKey(PurchaseOrder, on_delete=models.CASCADE, related_name="attachments")
    file = models.FileField(upload_to=folder_of, max_length=300)
    description = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.description or "attachment"
