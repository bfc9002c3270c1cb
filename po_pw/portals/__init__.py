"""Portals: how to read their pages."""
