"""Signing in to a portal."""
