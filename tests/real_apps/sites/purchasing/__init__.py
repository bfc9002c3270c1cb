"""A Django application: purchase orders with files, and Django's own admin over them."""
