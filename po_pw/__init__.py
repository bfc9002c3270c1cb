"""Fetch every attachment of every purchase order from a supplier portal, in parallel, with a real browser."""

__version__ = "0.1.0"
